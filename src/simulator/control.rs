//! The simulator's own interface, under `/simulator`.

mod accounts;
mod incoming;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State as Shares};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::address::Address;
use super::script::Script;

/// What `GET /simulator` answers to `"simulator"`, by which ours is known.
const NAME: &str = "boatswain";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/simulator", get(about))
        .route("/simulator/accounts", post(accounts::register).get(accounts::list))
        .route("/simulator/messages", get(messages))
        .route("/simulator/scripts", post(set_script))
        .route("/simulator/incoming", post(incoming::write).layer(DefaultBodyLimit::max(incoming::MAX_BODY)))
}

/// Whether a simulator of ours answers there within a second.
pub(super) async fn is_simulator(address: SocketAddr) -> bool {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build();
    let Ok(client) = client else { return false };
    let Ok(answer) = client.get(format!("http://{address}/simulator")).send().await else { return false };
    answer.json::<Value>().await.is_ok_and(|about| about["simulator"] == NAME)
}

async fn about(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "simulator": NAME, "version": env!("CARGO_PKG_VERSION"), "rules": shared.rules }))
}

async fn messages(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    let shown: Vec<_> = shared
        .state()
        .messages
        .all()
        .map(|message| {
            let mut shown = message.resource();
            shown["callbacks"] = json!(message.callbacks);
            shown["media_urls"] = json!(message.media_urls);
            shown["media"] = json!(message.media);
            let attachments = message.attachments.iter().map(|medium| medium.shown(message));
            shown["attachments"] = attachments.collect();
            if let Some(inbound) = &message.inbound {
                shown["profile_name"] = json!(inbound.profile_name);
                shown["location"] = json!(inbound.location);
                shown["button"] = json!(inbound.button);
                shown["reply_to"] = json!(inbound.reply_to.as_ref().map(|(sid, _)| sid));
                shown["answer_errors"] = json!(inbound.answer_errors);
            }
            shown["content_sid"] = json!(message.content_sid);
            shown["content_variables"] = json!(message.content_variables);
            shown["status_callback"] = json!(message.status_callback);
            shown
        })
        .collect();
    Json(json!({ "messages": shown }))
}

/// What becomes of messages to a number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptOf {
    to: Address,
    script: Option<Script>,
}

async fn set_script(
    Shares(shared): Shares<Arc<Shared>>,
    Json(ScriptOf { to, script }): Json<ScriptOf>,
) -> StatusCode {
    shared.state().set_script(to, script);
    StatusCode::NO_CONTENT
}
