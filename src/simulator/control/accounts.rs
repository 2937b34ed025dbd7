//! `/simulator/accounts`: the accounts with their keys, senders, messaging services and templates.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shares;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::body::Body;
use crate::simulator::{Shared, SimulatedAccount};

/// Registers an account, or what is new about one that is known.
pub(super) async fn register(
    Shares(shared): Shares<Arc<Shared>>,
    Body(account): Body<SimulatedAccount>,
) -> StatusCode {
    shared.state().register(account);
    shared.announce();
    StatusCode::NO_CONTENT
}

/// What is registered, in the order of their ids, without tokens and secrets.
pub(super) async fn list(Shares(shared): Shares<Arc<Shared>>) -> Json<Value> {
    let state = shared.state();
    let mut accounts: Vec<_> = state.accounts.values().collect();
    accounts.sort_by_key(|account| account.sid.as_str());
    let shown: Vec<_> = accounts.into_iter().map(SimulatedAccount::shown).collect();
    Json(json!({ "accounts": shown }))
}
