//! The simulator's own interface, under `/simulator`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shares;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Value, json};

use super::address::Address;
use super::admit::new_sid;
use super::callback::incoming_form;
use super::error::ApiError;
use super::rules::Rules;
use super::script::Script;
use super::settings::SimulatedAccount;
use super::store::{Direction, Message};
use super::{MAX_FORWARD, Shared};
use crate::base::AccountSid;
use crate::whatsapp::MessageStatus;

/// What `GET /simulator` answers to `"simulator"`, by which ours is known.
const NAME: &str = "boatswain";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/simulator", get(about))
        .route("/simulator/accounts", post(register))
        .route("/simulator/messages", get(messages).delete(forget))
        .route("/simulator/rules", post(set_rules))
        .route("/simulator/clock", post(forward))
        .route("/simulator/scripts", post(set_script))
        .route("/simulator/incoming", post(incoming))
}

/// Whether a simulator of ours answers there within a second.
pub(super) async fn is_simulator(address: SocketAddr) -> bool {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build();
    let Ok(client) = client else { return false };
    let Ok(answer) = client.get(format!("http://{address}/simulator")).send().await else { return false };
    answer.json::<Value>().await.is_ok_and(|about| about["simulator"] == NAME)
}

async fn about(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    let rules = shared.state().rules;
    let now = shared.clock.now().to_string();
    Json(json!({ "simulator": NAME, "version": env!("CARGO_PKG_VERSION"), "rules": rules, "now": now }))
}

async fn register(Shares(shared): Shares<Arc<Shared>>, Json(account): Json<SimulatedAccount>) -> StatusCode {
    shared.state().register(account);
    StatusCode::NO_CONTENT
}

async fn messages(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    let shown: Vec<_> = shared
        .state()
        .messages
        .all()
        .map(|message| {
            let mut shown = message.resource();
            shown["callbacks"] = json!(message.callbacks);
            shown["shown_body"] = json!(message.shown_body());
            shown["media_urls"] = json!(message.media_urls);
            shown["media"] = json!(message.media);
            shown["content_sid"] = json!(message.content_sid);
            shown["content_variables"] = json!(message.content_variables);
            shown["status_callback"] = json!(message.status_callback);
            shown
        })
        .collect();
    Json(json!({ "messages": shown }))
}

async fn forget(Shares(shared): Shares<Arc<Shared>>) -> StatusCode {
    shared.forget();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRules {
    rules: Rules,
}

async fn set_rules(
    Shares(shared): Shares<Arc<Shared>>,
    Json(NewRules { rules }): Json<NewRules>,
) -> StatusCode {
    shared.set_rules(rules);
    StatusCode::NO_CONTENT
}

/// How far the time moves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forward {
    #[serde(deserialize_with = "at_most_ten_years")]
    forward_ms: Duration,
}

fn at_most_ten_years<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let by = Duration::from_millis(u64::deserialize(deserializer)?);
    if by > MAX_FORWARD {
        return Err(D::Error::custom("the time moves ten years at most"));
    }
    Ok(by)
}

async fn forward(
    Shares(shared): Shares<Arc<Shared>>,
    Json(Forward { forward_ms }): Json<Forward>,
) -> Json<Value> {
    Json(json!({ "now": shared.forward(forward_ms).to_string() }))
}

/// What becomes of messages to a number, or to every number without a script of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptOf {
    to: Option<Address>,
    script: Option<Script>,
    times: Option<NonZeroU32>,
}

async fn set_script(
    Shares(shared): Shares<Arc<Shared>>,
    Json(ScriptOf { to, script, times }): Json<ScriptOf>,
) -> StatusCode {
    shared.state().scripts.set(to, script, times);
    StatusCode::NO_CONTENT
}

/// Somebody writes to a sender.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    account_sid: AccountSid,
    from: Address,
    to: Address,
    body: String,
    url: Option<String>,
}

/// Answers with the message's id and, where an URL was given, the application's answer. What the application wants
/// to say in it is not carried out.
async fn incoming(
    Shares(shared): Shares<Arc<Shared>>,
    Json(incoming): Json<Incoming>,
) -> Result<Response, ApiError> {
    let now = shared.clock.now();
    let message = Message {
        sid: new_sid("SM")?,
        account: incoming.account_sid,
        direction: Direction::Inbound,
        to: incoming.to,
        from: Some(incoming.from),
        messaging_service: None,
        body: incoming.body,
        media_urls: Vec::new(),
        media: None,
        content_sid: None,
        content_variables: None,
        status: MessageStatus::Received,
        error_code: None,
        created: now,
        updated: now,
        sent: Some(now),
        status_callback: None,
        callbacks: Vec::new(),
    };
    let (token, allowed) = {
        let mut state = shared.state();
        let account =
            state.accounts.get(&message.account).ok_or_else(|| ApiError::new(20003, "Authenticate"))?;
        let token =
            account.auth_tokens.first().cloned().ok_or_else(|| ApiError::new(20003, "Authenticate"))?;
        state.messages.insert(message.clone());
        shared.hear(&mut state, &message);
        (token, state.callback_origins.clone())
    };
    shared.announce();
    let answer = match &incoming.url {
        None => Value::Null,
        Some(url) => {
            let called = shared.caller.call(url, &incoming_form(&message), &token, &allowed).await;
            let record = called.record(MessageStatus::Received);
            shared.change(&message.sid, |message| message.callbacks.push(record));
            match called.answer {
                Ok((status, body)) => json!({ "status": status, "body": body }),
                Err(why) => json!({ "error": why }),
            }
        }
    };
    Ok((StatusCode::CREATED, Json(json!({ "sid": message.sid, "answer": answer }))).into_response())
}
