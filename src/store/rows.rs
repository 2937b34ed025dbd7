//! The rows of `host.db` as `messages`, `notifications` and `runs` show them.

use bytes::Bytes;
use rusqlite::Row;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::base::{MessageId, NotificationId, RunId, UnixMillis, debug_only};

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationState {
    /// Its action has not run to its end.
    Waiting,
    /// Its effect is committed, or there is no action.
    Done,
    /// Given up.
    Dead,
}

/// A message, as `messages` shows it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are the contract's
pub struct MessageRow {
    pub id: MessageId,
    pub sid: Option<String>,
    pub app_id: String,
    pub company_id: String,
    pub account_sid: String,
    pub to: String,
    pub from: String,
    pub status: String,
    /// Twilio's number, or the host's own word.
    #[serde(serialize_with = "number_or_word")]
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// `HX…`, where it is one.
    pub template: Option<String>,
    /// Equal for equal contents; tells nothing of them.
    pub content_hash: Option<String>,
    /// The text, where the parameters say that it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// As Twilio writes it, once it tells: negative.
    pub price: Option<String>,
    pub price_unit: Option<String>,
    pub notification_id: Option<i64>,
    #[serde(serialize_with = "rfc_3339")]
    pub created_at: UnixMillis,
    #[serde(serialize_with = "rfc_3339")]
    pub updated_at: UnixMillis,
    /// How often Twilio was asked what became of it.
    pub polls: u32,
    #[serde(serialize_with = "maybe_rfc_3339")]
    pub next_poll_at: Option<UnixMillis>,
    /// What the send was answered, and when: a part of its history.
    #[serde(skip)]
    pub first_status: Option<String>,
    #[serde(skip)]
    pub answered_at: Option<UnixMillis>,
}

debug_only!(MessageRow { id, app_id, company_id, status, error_code });

/// A notification, as `notifications` shows it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are the contract's
pub struct NotificationRow {
    pub id: NotificationId,
    pub app_id: String,
    pub company_id: String,
    pub account_sid: String,
    pub message_sid: String,
    pub message_status: String,
    pub message_id: Option<MessageId>,
    pub state: NotificationState,
    pub attempts: u32,
    #[serde(serialize_with = "maybe_rfc_3339")]
    pub next_attempt_at: Option<UnixMillis>,
    #[serde(serialize_with = "rfc_3339")]
    pub received_at: UnixMillis,
    pub source: String,
    /// The form as it came; only `show` reads it.
    #[serde(skip)]
    pub form: Option<Bytes>,
}

debug_only!(NotificationRow { id, app_id, company_id, message_sid, message_status, state });

/// A run, as `runs` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names are the contract's
pub struct RunRow {
    pub id: RunId,
    pub notification_id: Option<i64>,
    pub app_id: String,
    pub company_id: String,
    pub action_id: String,
    pub script_version: String,
    pub attempts: u32,
    pub reason: String,
    pub cpu_ms: f64,
    pub wall_ms: f64,
    pub peak_memory_bytes: u64,
    pub host_calls: u32,
    /// The failure as it was recorded: message, code, frames.
    pub error: Option<Box<RawValue>>,
    pub result: Option<String>,
    /// Log lines, `level<TAB>text`; only `show` reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    #[serde(serialize_with = "rfc_3339")]
    pub started_at: UnixMillis,
}

/// A replay of a notification, with how its run had ended before.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // named as in `runs`
pub struct ReplayRow {
    #[serde(serialize_with = "rfc_3339")]
    pub at: UnixMillis,
    /// Whether the run started anew, with a new journal.
    pub resend: bool,
    pub attempts: u32,
    pub reason: Option<String>,
    pub error: Option<Box<RawValue>>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands it over so
pub(super) fn rfc_3339<S: serde::Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// As the outcome of a send shows it: Twilio's codes are numbers, the host's are words.
#[allow(clippy::ref_option)] // serde hands it over so
pub(super) fn number_or_word<S: serde::Serializer>(
    code: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match code.as_deref().map(|code| (code, code.parse::<u32>())) {
        None => serializer.serialize_none(),
        Some((_, Ok(number))) => serializer.serialize_u32(number),
        Some((word, Err(_))) => serializer.serialize_str(word),
    }
}

#[allow(clippy::ref_option)] // serde hands it over so
pub(super) fn maybe_rfc_3339<S: serde::Serializer>(
    at: &Option<UnixMillis>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

pub(super) const MESSAGE_COLUMNS: &str = "id, sid, app, company, account_sid, recipient, sender, status, error_code, \
                               error_message, notification, created_at, updated_at, polls, next_poll_at, template, \
                               content_hash, body, price, price_unit, first_status, answered_at";
pub(super) const NOTIFICATION_COLUMNS: &str = "id, app, company, account_sid, message_sid, status, message, state, attempts, \
                                    next_attempt_at, received_at, source";
pub(super) const RUN_COLUMNS: &str = "id, notification, app, company, action, script_version, attempts, reason, cpu_us, \
                           wall_us, peak_memory_bytes, host_calls, error, result, started_at";

pub(super) fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        id: MessageId::from_bytes(row.get(0)?),
        sid: row.get(1)?,
        app_id: row.get(2)?,
        company_id: row.get(3)?,
        account_sid: row.get(4)?,
        to: row.get(5)?,
        from: row.get(6)?,
        status: row.get(7)?,
        error_code: row.get(8)?,
        error_message: row.get(9)?,
        notification_id: row.get(10)?,
        created_at: UnixMillis(row.get(11)?),
        updated_at: UnixMillis(row.get(12)?),
        polls: row.get(13)?,
        next_poll_at: row.get::<_, Option<i64>>(14)?.map(UnixMillis),
        template: row.get(15)?,
        content_hash: row.get(16)?,
        body: row.get(17)?,
        price: row.get(18)?,
        price_unit: row.get(19)?,
        first_status: row.get(20)?,
        answered_at: row.get::<_, Option<i64>>(21)?.map(UnixMillis),
    })
}

pub(super) fn notification_row(row: &Row<'_>) -> rusqlite::Result<NotificationRow> {
    let state = match row.get_ref(7)?.as_str()? {
        "waiting" => NotificationState::Waiting,
        "dead" => NotificationState::Dead,
        _ => NotificationState::Done,
    };
    Ok(NotificationRow {
        id: NotificationId(row.get(0)?),
        app_id: row.get(1)?,
        company_id: row.get(2)?,
        account_sid: row.get(3)?,
        message_sid: row.get(4)?,
        message_status: row.get(5)?,
        message_id: row.get::<_, Option<[u8; 16]>>(6)?.map(MessageId::from_bytes),
        state,
        attempts: row.get(8)?,
        next_attempt_at: row.get::<_, Option<i64>>(9)?.map(UnixMillis),
        received_at: UnixMillis(row.get(10)?),
        source: row.get(11)?,
        form: None,
    })
}

pub(super) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    // Microseconds of a run stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let millis = |micros: i64| micros as f64 / 1000.0;
    Ok(RunRow {
        id: RunId(row.get(0)?),
        notification_id: row.get(1)?,
        app_id: row.get(2)?,
        company_id: row.get(3)?,
        action_id: row.get(4)?,
        script_version: row.get(5)?,
        attempts: row.get(6)?,
        reason: row.get(7)?,
        cpu_ms: millis(row.get(8)?),
        wall_ms: millis(row.get(9)?),
        peak_memory_bytes: u64::try_from(row.get::<_, i64>(10)?).unwrap_or(0),
        host_calls: row.get(11)?,
        error: row.get::<_, Option<String>>(12)?.and_then(|json| RawValue::from_string(json).ok()),
        result: row.get(13)?,
        log: None,
        started_at: UnixMillis(row.get(14)?),
    })
}
