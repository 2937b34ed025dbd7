//! What `messages`, `notifications` and `runs` show, as JSON: the same through a running host and without one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{AppId, CompanyId, NotificationId, PhoneNumber, RunId, UnixMillis};
use crate::config::Application;
use crate::control::mask::Recipients;
use crate::host::correspondent;
use crate::pipeline::{replay, run_again};
use crate::store::{
    By, Filter, Ledger, MessageRow, NotificationRow, NotificationState, Person, ReportRow, RunRow, StoreError,
};
use crate::whatsapp::{Form, Sender};

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
    /// Messages with all that they brought about; by themselves, not in a list.
    Traces,
}

/// A list, newest first; each row an object with the contract's names.
///
/// # Errors
/// When the database fails.
pub fn list(
    ledger: &Ledger,
    kind: Kind,
    filter: &Filter,
    recipients: Recipients,
) -> Result<Vec<Value>, StoreError> {
    Ok(match kind {
        Kind::Messages => messages(&ledger.messages(filter)?, recipients),
        Kind::Notifications => rows(&ledger.notifications(filter)?),
        Kind::Runs => rows(&ledger.runs(filter)?).into_iter().map(|run| recipients.run(run)).collect(),
        Kind::Traces => Vec::new(),
    })
}

/// The accounts of which keys are remembered.
///
/// # Errors
/// When the database fails.
pub fn accounts(ledger: &Ledger, filter: &Filter) -> Result<Vec<Value>, StoreError> {
    Ok(rows(&ledger.accounts(filter)?))
}

/// What an admin has set for an application; none where nobody knows it (any more).
pub type ParametersOf<'a> = &'a (dyn Fn(&AppId) -> Option<Arc<Application>> + 'a);

/// One row with all that belongs to it; `None` when there is none of that id.
///
/// # Errors
/// When the database fails.
pub fn show(
    ledger: &Ledger,
    parameters: ParametersOf<'_>,
    kind: Kind,
    id: &str,
    recipients: Recipients,
) -> Result<Option<Value>, StoreError> {
    Ok(match kind {
        Kind::Messages => {
            let Some(message) = ledger.message(id)? else { return Ok(None) };
            let notifications = match &message.sid {
                Some(sid) => rows(&ledger.notifications_of(sid)?),
                None => Vec::new(),
            };
            let shown = with_history(ledger, &message)?;
            let shown = with(shown, "windowClosesAt", window_closes_at(ledger, parameters, &message)?.into());
            let shown = with(shown, "twilioLog", message.sid.as_deref().map(twilio_log).into());
            Some(recipients.message(with(shown, "notifications", Value::from(notifications))))
        }
        Kind::Notifications => {
            let Ok(id) = id.parse::<NotificationId>() else { return Ok(None) };
            let Some(notification) = ledger.notification(id)? else { return Ok(None) };
            Some(notification_shown(ledger, &notification, recipients)?)
        }
        Kind::Runs => {
            let Ok(id) = id.parse::<RunId>() else { return Ok(None) };
            let Some(run) = ledger.run(id)? else { return Ok(None) };
            Some(run_shown(ledger, &run, recipients)?)
        }
        Kind::Traces => trace(ledger, id, recipients)?,
    })
}

/// A message by its sid or the host's id, or one that came in, with the run that has sent it and its notifications with
/// their runs.
fn trace(ledger: &Ledger, id: &str, recipients: Recipients) -> Result<Option<Value>, StoreError> {
    let message = ledger.message(id)?;
    let sid = message.as_ref().map_or(Some(id), |message| message.sid.as_deref());
    let mut notifications = Vec::new();
    for notification in sid.map_or(Ok(Vec::new()), |sid| ledger.notifications_of(sid))? {
        if let Some(whole) = ledger.notification(notification.id)? {
            notifications.push(notification_shown(ledger, &whole, recipients)?);
        }
    }
    if message.is_none() && notifications.is_empty() {
        return Ok(None);
    }
    let sender = message.as_ref().and_then(|message| message.notification_id).map(NotificationId);
    let sent_by = sender.map_or(Ok(None), |notification| ledger.run_of(notification))?;
    let message = match &message {
        Some(message) => recipients.message(with_history(ledger, message)?),
        None => Value::Null,
    };
    let sent_by = match sent_by {
        Some(run) => run_shown(ledger, &run, recipients)?,
        None => Value::Null,
    };
    Ok(Some(json!({ "message": message, "sentBy": sent_by, "notifications": notifications })))
}

/// A run with how it is run again, if it failed.
fn run_shown(ledger: &Ledger, run: &RunRow, recipients: Recipients) -> Result<Value, StoreError> {
    let shown = recipients.run(row(run));
    if shown["error"].is_null() {
        return Ok(shown);
    }
    let notification = match run.notification_id {
        Some(id) => ledger.notification(NotificationId(id))?,
        None => None,
    };
    let (again, next) = match (&notification, run.notification_id) {
        (Some(known), _) if known.state == NotificationState::Dead => (Some(replay(known.id)), None),
        (Some(known), _) => (None, known.next_attempt_at),
        (None, Some(_)) => (None, None),
        (None, None) => {
            let error = &shown["error"];
            // What is hidden here is no `vo` to run with.
            let is_whole = error["voIsWhole"] == true && row(run)["error"]["vo"] == error["vo"];
            (
                error
                    .get("vo")
                    .map(|vo| run_again(&run.app_id, &run.action_id, &run.company_id, vo, is_whole)),
                None,
            )
        }
    };
    let shown = with(shown, "runAgain", again.into());
    Ok(with(shown, "nextAttemptAt", next.map(|at| at.to_string()).into()))
}

/// A notification with its form, its run, what that has sent, and its replays.
fn notification_shown(
    ledger: &Ledger,
    notification: &NotificationRow,
    recipients: Recipients,
) -> Result<Value, StoreError> {
    let form = Form::parse(notification.form.as_deref().unwrap_or_default()).unwrap_or_default();
    let fields: serde_json::Map<_, _> =
        form.fields().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let run = ledger.run_of(notification.id)?.map_or(Value::Null, |run| recipients.run(row(&run)));
    let shown = with(with(row(notification), "form", Value::from(fields)), "run", run);
    let sent = messages(&ledger.messages_of(notification.id)?, recipients);
    let shown = with(shown, "messages", Value::from(sent));
    let shown = with(shown, "replays", Value::from(rows(&ledger.replays_of(notification.id)?)));
    Ok(recipients.notification(shown))
}

/// Until when the recipient may be written to freely from the sender of a message, by the rule that its action is told
/// of; none where nobody knows.
fn window_closes_at(
    ledger: &Ledger,
    parameters: ParametersOf<'_>,
    message: &MessageRow,
) -> Result<Option<String>, StoreError> {
    let (Ok(app), Ok(company), Ok(recipient)) = (
        AppId::parse(&message.app_id),
        CompanyId::parse(&message.company_id),
        PhoneNumber::sender(&message.to),
    ) else {
        return Ok(None);
    };
    let Some(application) = parameters(&app) else { return Ok(None) };
    let sender = PhoneNumber::sender(&message.from)
        .map_or_else(|_| Sender::MessagingService(message.from.clone()), Sender::Number);
    let nobody = CompanyId::none();
    let who = correspondent(&application, &company, &sender, &nobody);
    Ok(ledger.window(who, &recipient)?.map(|window| window.closes_at().to_string()))
}

fn with_history(ledger: &Ledger, message: &MessageRow) -> Result<Value, StoreError> {
    Ok(with(row(message), "history", Value::from(rows(&ledger.history(message)?))))
}

/// Where Twilio's console shows a message, to who is signed in to its account.
fn twilio_log(sid: &str) -> String {
    format!("https://www.twilio.com/console/sms/logs/{sid}")
}

/// Groups of messages; each an object with the dimensions, the numbers, and `cost` by currency.
///
/// # Errors
/// When the database fails.
pub fn report(ledger: &Ledger, by: &By, filter: &Filter) -> Result<Vec<Value>, StoreError> {
    let shown = |row: &ReportRow| {
        let mut members = serde_json::Map::new();
        for (dimension, part) in by.0.iter().zip(&row.group) {
            members.insert(dimension.as_str().to_owned(), part.clone().into());
        }
        for (name, count) in [
            ("messages", row.messages),
            ("delivered", row.delivered),
            ("read", row.read),
            ("failed", row.failed),
            ("unknown", row.unknown),
        ] {
            members.insert(name.to_owned(), count.into());
        }
        let cost: serde_json::Map<_, _> =
            row.cost.iter().map(|(unit, sum)| (unit.clone(), sum.to_string().into())).collect();
        members.insert("cost".to_owned(), cost.into());
        Value::from(members)
    };
    Ok(ledger.report(by, filter)?.iter().map(shown).collect())
}

/// Everything that the host keeps about a number, whole.
///
/// # Errors
/// When the database fails.
pub fn export(ledger: &Ledger, number: &PhoneNumber) -> Result<Value, StoreError> {
    let person = Person::find(ledger, number)?;
    let messages =
        person.messages.iter().map(|message| with_history(ledger, message)).collect::<Result<Vec<_>, _>>()?;
    let mut notifications = Vec::new();
    let mut shown = std::collections::HashSet::new();
    for concerned in person.notifications(ledger)? {
        if concerned.is_about
            && let Some(notification) = ledger.notification(concerned.id)?
        {
            shown.insert(Some(concerned.id));
            notifications.push(notification_shown(ledger, &notification, Recipients::Shown)?);
        }
    }
    let mut runs = Vec::new();
    for mention in person.runs(ledger)? {
        if !shown.contains(&mention.notification)
            && let Some(run) = ledger.run(mention.id)?
        {
            runs.push(row(&run));
        }
    }
    Ok(json!({
        "number": number,
        "messages": messages,
        "notifications": notifications,
        "otherRuns": runs,
        "optOuts": rows(&person.opt_outs(ledger)?),
        "windows": rows(&ledger.windows_of(number)?),
    }))
}

/// Notifications that run again, each with what their runs had sent before `at`.
///
/// # Errors
/// When the database fails.
pub fn replayed(
    ledger: &Ledger,
    ids: &[NotificationId],
    at: UnixMillis,
    recipients: Recipients,
) -> Result<Vec<Value>, StoreError> {
    let mut shown = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(notification) = ledger.notification(*id)? else { continue };
        let before: Vec<_> =
            ledger.messages_of(*id)?.into_iter().filter(|message| message.created_at < at).collect();
        shown.push(with(row(&notification), "sentBefore", Value::from(messages(&before, recipients))));
    }
    Ok(shown)
}

fn messages(found: &[MessageRow], recipients: Recipients) -> Vec<Value> {
    found.iter().map(|message| recipients.message(row(message))).collect()
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
