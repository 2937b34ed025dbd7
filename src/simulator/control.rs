//! The simulator's own interface, under `/simulator`.

mod accounts;
mod body;
mod incoming;
mod messages;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State as Shares};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::{Value, json};

use self::body::Body;
use super::address::Address;
use super::rules::Rules;
use super::script::Script;
use super::{MAX_FORWARD, Shared};

/// What `GET /simulator` answers to `"simulator"`, by which ours is known.
pub(super) const NAME: &str = "boatswain";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/simulator", get(about))
        .route("/simulator/accounts", post(accounts::register).get(accounts::list))
        .route("/simulator/messages", get(messages::list).delete(forget))
        .route("/simulator/rules", post(set_rules))
        .route("/simulator/clock", post(forward))
        .route("/simulator/scripts", post(set_script).get(scripts))
        .route("/simulator/incoming", post(incoming::write).layer(DefaultBodyLimit::max(incoming::MAX_BODY)))
}

async fn about(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    let rules = shared.state().rules;
    let now = shared.clock.now().to_string();
    Json(json!({ "simulator": NAME, "version": env!("CARGO_PKG_VERSION"), "rules": rules, "now": now }))
}

/// Somebody writes to a sender: what `POST /simulator/incoming` takes and gives.
pub(super) async fn receive(shared: &Arc<Shared>, incoming: Value) -> Result<Value, String> {
    let incoming = serde_json::from_value(incoming).map_err(|error| error.to_string())?;
    incoming::receive(shared, incoming).await.map_err(|error| error.message)
}

async fn forget(Shares(shared): Shares<Arc<Shared>>) -> StatusCode {
    shared.forget();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"rules\":\"sandbox\"}")]
struct NewRules {
    rules: Rules,
}

async fn set_rules(
    Shares(shared): Shares<Arc<Shared>>,
    Body(NewRules { rules }): Body<NewRules>,
) -> StatusCode {
    shared.set_rules(rules);
    StatusCode::NO_CONTENT
}

/// How far the time moves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"forward_ms\":3600000}")]
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
    Body(Forward { forward_ms }): Body<Forward>,
) -> Json<Value> {
    Json(json!({ "now": shared.forward(forward_ms).to_string() }))
}

/// What becomes of messages to a number, or to every number without a script of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"to\":\"+39…\",\"script\":…,\"times\":1}")]
struct ScriptOf {
    to: Option<Address>,
    script: Option<Script>,
    times: Option<NonZeroU32>,
}

async fn set_script(
    Shares(shared): Shares<Arc<Shared>>,
    Body(ScriptOf { to, script, times }): Body<ScriptOf>,
) -> StatusCode {
    shared.set_script(to, script, times);
    StatusCode::NO_CONTENT
}

/// What was asked for, and how many times more: `"to":null` is every other number, `"times":null` until it is taken back.
async fn scripts(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    let state = shared.state();
    let shown: Vec<_> = state
        .scripts
        .all()
        .map(|(to, script, times)| json!({ "to": to, "script": script, "times": times }))
        .collect();
    Json(json!({ "scripts": shown }))
}
