//! The simulator's own interface, under `/simulator`.

mod accounts;
mod incoming;
mod messages;

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
        .route("/simulator/messages", get(messages::list))
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
