//! `GET /simulator/messages`: what the messages are, or what has changed about them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as Shares};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::simulator::{Message, Shared};

/// From where on the messages are wanted.
#[derive(Deserialize)]
pub(super) struct Since {
    since: Option<u64>,
}

/// Those that changed after `since`, or all of them (`"whole"`): without it, and where a message has been removed.
pub(super) async fn list(
    Shares(shared): Shares<Arc<Shared>>,
    Query(Since { since }): Query<Since>,
) -> Json<Value> {
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
    shown["shown_body"] = json!(message.shown_body());
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
}
