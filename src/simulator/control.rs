//! The simulator's own interface, under `/simulator`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State as Shares};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::address::Address;
use super::admit::new_sid;
use super::callback::incoming_form;
use super::error::ApiError;
use super::script::Script;
use super::settings::SimulatedAccount;
use super::store::{Direction, Message};
use crate::base::AccountSid;
use crate::whatsapp::MessageStatus;

/// What `GET /simulator` answers to `"simulator"`, by which ours is known.
const NAME: &str = "boatswain";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/simulator", get(about))
        .route("/simulator/accounts", post(register))
        .route("/simulator/messages", get(messages))
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
    Json(json!({ "simulator": NAME, "version": env!("CARGO_PKG_VERSION"), "rules": shared.rules }))
}

async fn register(Shares(shared): Shares<Arc<Shared>>, Json(account): Json<SimulatedAccount>) -> StatusCode {
    shared.state().register(account);
    StatusCode::NO_CONTENT
}

/// From where on the messages are wanted.
#[derive(Deserialize)]
struct Since {
    since: Option<u64>,
}

/// Those that changed after `since`, or all of them (`"whole"`): without it, and where a message has been removed.
async fn messages(Shares(shared): Shares<Arc<Shared>>, Query(Since { since }): Query<Since>) -> Json<Value> {
    let state = shared.state();
    let changed = since.and_then(|revision| state.messages.changed_since(revision));
    let whole = changed.is_none();
    let shown: Vec<_> = match changed {
        Some(changed) => changed.map(shown).collect(),
        None => state.messages.all().map(shown).collect(),
    };
    Json(json!({ "revision": state.messages.revision(), "whole": whole, "messages": shown }))
}

/// A message as Twilio shows it, and what the simulator knows besides.
fn shown(message: &Message) -> Value {
    let mut shown = message.resource();
    shown["callbacks"] = json!(message.callbacks);
    shown["media_urls"] = json!(message.media_urls);
    shown["media"] = json!(message.media);
    shown["content_sid"] = json!(message.content_sid);
    shown["content_variables"] = json!(message.content_variables);
    shown["status_callback"] = json!(message.status_callback);
    shown
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
        if let Some(from) = &message.from {
            state.conversations.incoming(from, &message.to, &message.body, now);
        }
        state.messages.insert(message.clone());
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
