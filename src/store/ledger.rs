//! Reading `host.db`: what is waiting, and what `messages`, `notifications` and `runs` show.

use std::path::Path;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::base::{MessageId, NotificationId, RunId, UnixMillis};
use crate::store::StoreError;
use crate::store::host_db::open_reader;
use crate::store::records::message_keys;

/// A reader of `host.db`; may stand beside the writer.
#[derive(Debug)]
pub struct Ledger {
    pub(super) connection: Connection,
}

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
#[derive(Debug, Clone, Serialize)]
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
    pub notification_id: Option<i64>,
    #[serde(serialize_with = "rfc_3339")]
    pub created_at: UnixMillis,
    #[serde(serialize_with = "rfc_3339")]
    pub updated_at: UnixMillis,
    /// How often Twilio was asked what became of it.
    pub polls: u32,
    #[serde(serialize_with = "maybe_rfc_3339")]
    pub next_poll_at: Option<UnixMillis>,
}

/// A notification, as `notifications` shows it.
#[derive(Debug, Clone, Serialize)]
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
fn rfc_3339<S: serde::Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// As the outcome of a send shows it: Twilio's codes are numbers, the host's are words.
#[allow(clippy::ref_option)] // serde hands it over so
fn number_or_word<S: serde::Serializer>(code: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match code.as_deref().map(|code| (code, code.parse::<u32>())) {
        None => serializer.serialize_none(),
        Some((_, Ok(number))) => serializer.serialize_u32(number),
        Some((word, Err(_))) => serializer.serialize_str(word),
    }
}

#[allow(clippy::ref_option)] // serde hands it over so
fn maybe_rfc_3339<S: serde::Serializer>(at: &Option<UnixMillis>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

/// Which rows a list shows: the newest first.
#[derive(Debug, Clone, Default, serde::Deserialize, Serialize)]
pub struct Filter {
    /// Of one application.
    pub app: Option<String>,
    /// Of one company.
    pub company: Option<String>,
    /// A message's status, a notification's state or a run's reason.
    pub status: Option<String>,
    /// At most so many; 50 if not given.
    pub limit: Option<u32>,
}

impl Filter {
    /// The rest of a SELECT: conditions, newest first, limit.
    fn tail(&self, status_column: &str) -> (String, Vec<Value>) {
        let mut conditions = vec!["1"];
        let mut values = Vec::new();
        let status = format!("{status_column} = ?");
        for (condition, value) in
            [("app = ?", &self.app), ("company = ?", &self.company), (&status, &self.status)]
        {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(Value::from(value.clone()));
            }
        }
        values.push(Value::from(i64::from(self.limit.unwrap_or(50).min(10_000))));
        (format!(" WHERE {} ORDER BY id DESC LIMIT ?", conditions.join(" AND ")), values)
    }
}

const MESSAGE_COLUMNS: &str = "id, sid, app, company, account_sid, recipient, sender, status, error_code, \
                               error_message, notification, created_at, updated_at, polls, next_poll_at";
const NOTIFICATION_COLUMNS: &str = "id, app, company, account_sid, message_sid, status, message, state, attempts, \
                                    next_attempt_at, received_at, source";
const RUN_COLUMNS: &str = "id, notification, app, company, action, script_version, attempts, reason, cpu_us, \
                           wall_us, peak_memory_bytes, host_calls, error, result, started_at";

impl Ledger {
    /// Opens the database for reading.
    ///
    /// # Errors
    /// [`StoreError::Open`] when there is none or SQLite refuses.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: open_reader(file)? })
    }

    /// Messages, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn messages(&self, filter: &Filter) -> Result<Vec<MessageRow>, StoreError> {
        self.list("messages", MESSAGE_COLUMNS, filter, "status", message_row)
    }

    /// Notifications, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn notifications(&self, filter: &Filter) -> Result<Vec<NotificationRow>, StoreError> {
        self.list("notifications", NOTIFICATION_COLUMNS, filter, "state", notification_row)
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunRow>, StoreError> {
        self.list("runs", RUN_COLUMNS, filter, "reason", run_row)
    }

    fn list<T>(
        &self,
        table: &str,
        columns: &str,
        filter: &Filter,
        status_column: &str,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let (tail, values) = filter.tail(status_column);
        let mut statement = self.connection.prepare(&format!("SELECT {columns} FROM {table}{tail}"))?;
        let rows = statement.query_map(params_from_iter(values), read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One message, by the host's id or by Twilio's sid.
    ///
    /// # Errors
    /// When the database fails.
    pub fn message(&self, id: &str) -> Result<Option<MessageRow>, StoreError> {
        let (column, value) = match MessageId::parse(id) {
            Ok(id) => ("id", Value::from(id.as_bytes().to_vec())),
            Err(_) => ("sid", Value::from(id.to_owned())),
        };
        let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE {column} = ?");
        Ok(self.connection.query_row(&sql, [value], message_row).optional()?)
    }

    /// One notification, with its form.
    ///
    /// # Errors
    /// When the database fails.
    pub fn notification(&self, id: NotificationId) -> Result<Option<NotificationRow>, StoreError> {
        let sql = format!("SELECT {NOTIFICATION_COLUMNS}, form FROM notifications WHERE id = ?");
        let read = |row: &Row<'_>| {
            let form: Vec<u8> = row.get("form")?;
            Ok(NotificationRow { form: Some(form.into()), ..notification_row(row)? })
        };
        Ok(self.connection.query_row(&sql, [id.0], read).optional()?)
    }

    /// The notifications of one message, in the order of arrival.
    ///
    /// # Errors
    /// When the database fails.
    pub fn notifications_of(&self, message_sid: &str) -> Result<Vec<NotificationRow>, StoreError> {
        // The range of keys is what makes this quick; the sid says it for certain.
        let sql = format!(
            "SELECT {NOTIFICATION_COLUMNS} FROM notifications
             WHERE key BETWEEN ?1 AND ?2 AND message_sid = ?3 ORDER BY id"
        );
        let (first, last) = message_keys(message_sid);
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map((first, last, message_sid), notification_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The replays of a notification, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn replays_of(&self, id: NotificationId) -> Result<Vec<ReplayRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT at, resend, attempts, reason, error FROM replays WHERE notification = ? ORDER BY id",
        )?;
        let rows = statement.query_map([id.0], |row| {
            Ok(ReplayRow {
                at: UnixMillis(row.get(0)?),
                resend: row.get(1)?,
                attempts: row.get(2)?,
                reason: row.get(3)?,
                error: row.get::<_, Option<String>>(4)?.and_then(|json| RawValue::from_string(json).ok()),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The messages that a notification's run has sent, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub fn messages_of(&self, id: NotificationId) -> Result<Vec<MessageRow>, StoreError> {
        let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE notification = ? ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([id.0], message_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One run, with its log.
    ///
    /// # Errors
    /// When the database fails.
    pub fn run(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        self.run_where("id", id.0)
    }

    /// The run of a notification, with its log.
    ///
    /// # Errors
    /// When the database fails.
    pub fn run_of(&self, id: NotificationId) -> Result<Option<RunRow>, StoreError> {
        self.run_where("notification", id.0)
    }

    fn run_where(&self, column: &str, value: i64) -> Result<Option<RunRow>, StoreError> {
        let sql = format!("SELECT {RUN_COLUMNS}, log FROM runs WHERE {column} = ?");
        let read = |row: &Row<'_>| Ok(RunRow { log: row.get("log")?, ..run_row(row)? });
        Ok(self.connection.query_row(&sql, [value], read).optional()?)
    }
}

fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
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
    })
}

fn notification_row(row: &Row<'_>) -> rusqlite::Result<NotificationRow> {
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

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
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

/// Reads rows of text from an application's database, as any other program may.
///
/// # Errors
/// When there is none, or SQLite refuses the query.
pub fn peek<const N: usize>(file: &Path, sql: &str) -> Result<Vec<[String; N]>, StoreError> {
    let connection = open_reader(file)?;
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cells = [const { String::new() }; N];
        for (index, cell) in cells.iter_mut().enumerate() {
            *cell = row.get(index)?;
        }
        found.push(cells);
    }
    Ok(found)
}

/// The number of the newest notification; 0 when there is none.
pub(super) fn last_notification(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT coalesce(max(id), 0) FROM notifications", [], |row| row.get(0))
}
