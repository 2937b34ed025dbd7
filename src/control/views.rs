//! What `messages`, `notifications` and `runs` show, as JSON: the same through a running host and without one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{NotificationId, RunId, UnixMillis};
use crate::store::{Filter, Ledger, StoreError};
use crate::whatsapp::Form;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Messages that were sent.
    Messages,
    /// Notifications that came.
    Notifications,
    /// Runs of actions.
    Runs,
}

/// A list, newest first; each row an object with the contract's names.
///
/// # Errors
/// When the database fails.
pub fn list(ledger: &Ledger, kind: Kind, filter: &Filter) -> Result<Vec<Value>, StoreError> {
    Ok(match kind {
        Kind::Messages => rows(&ledger.messages(filter)?),
        Kind::Notifications => rows(&ledger.notifications(filter)?),
        Kind::Runs => rows(&ledger.runs(filter)?),
    })
}

/// The accounts of which keys are remembered.
///
/// # Errors
/// When the database fails.
pub fn accounts(ledger: &Ledger, filter: &Filter) -> Result<Vec<Value>, StoreError> {
    Ok(rows(&ledger.accounts(filter)?))
}

/// One row with all that belongs to it; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub fn show(ledger: &Ledger, kind: Kind, id: &str) -> Result<Option<Value>, StoreError> {
    Ok(match kind {
        Kind::Messages => {
            let Some(message) = ledger.message(id)? else { return Ok(None) };
            let notifications = match &message.sid {
                Some(sid) => rows(&ledger.notifications_of(sid)?),
                None => Vec::new(),
            };
            Some(with(row(&message), "notifications", Value::from(notifications)))
        }
        Kind::Notifications => {
            let Ok(id) = id.parse::<NotificationId>() else { return Ok(None) };
            let Some(notification) = ledger.notification(id)? else { return Ok(None) };
            let form = Form::parse(notification.form.as_deref().unwrap_or_default()).unwrap_or_default();
            let fields: serde_json::Map<_, _> = form
                .fields()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect();
            let run = ledger.run_of(id)?.map_or(Value::Null, |run| row(&run));
            let shown = with(with(row(&notification), "form", Value::from(fields)), "run", run);
            let shown = with(shown, "messages", Value::from(rows(&ledger.messages_of(id)?)));
            Some(with(shown, "replays", Value::from(rows(&ledger.replays_of(id)?))))
        }
        Kind::Runs => {
            let Ok(id) = id.parse::<RunId>() else { return Ok(None) };
            ledger.run(id)?.map(|run| row(&run))
        }
    })
}

/// Notifications that run again, each with what their runs had sent before `at`.
///
/// # Errors
/// When the database fails.
pub fn replayed(ledger: &Ledger, ids: &[NotificationId], at: UnixMillis) -> Result<Vec<Value>, StoreError> {
    let mut shown = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(notification) = ledger.notification(*id)? else { continue };
        let before: Vec<_> =
            ledger.messages_of(*id)?.into_iter().filter(|message| message.created_at < at).collect();
        shown.push(with(row(&notification), "sentBefore", Value::from(rows(&before))));
    }
    Ok(shown)
}

fn rows<T: Serialize>(rows: &[T]) -> Vec<Value> {
    rows.iter().map(row).collect()
}

fn row<T: Serialize>(row: &T) -> Value {
    // Plain structs of strings and numbers: they always serialize.
    serde_json::to_value(row).unwrap_or_else(|_| json!({}))
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(name.to_owned(), value);
    }
    object
}
