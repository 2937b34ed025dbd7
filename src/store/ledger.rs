//! Reading `host.db`: what is waiting, and what `messages`, `notifications` and `runs` show.

use std::cmp::Ordering;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use serde_json::value::RawValue;

use crate::base::{MessageId, NotificationId, PhoneNumber, RunId, UnixMillis};
use crate::store::filter::Tail;
use crate::store::host_db::{SCHEMA_VERSION, open_reader};
use crate::store::records::message_keys;
use crate::store::rows::{
    MESSAGE_COLUMNS, NOTIFICATION_COLUMNS, RUN_COLUMNS, message_row, notification_row, run_row,
};
use crate::store::{Filter, HostId, MessageRow, NotificationRow, ReplayRow, RunRow, StoreError};

/// A reader of `host.db`; may stand beside the writer.
#[derive(Debug)]
pub struct Ledger {
    pub(super) connection: Connection,
}

impl Ledger {
    /// Opens the database for reading.
    ///
    /// # Errors
    /// [`StoreError::Open`] when there is none or SQLite refuses, [`StoreError::Older`] and [`StoreError::Newer`] when
    /// another version of this program wrote it: its rows are others.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = open_reader(file)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let (path, known) = (file.to_owned(), SCHEMA_VERSION);
        match found.cmp(&known) {
            Ordering::Less => Err(StoreError::Older { path, found, known }),
            Ordering::Greater => Err(StoreError::Newer { path, found, known }),
            Ordering::Equal => Ok(Self { connection }),
        }
    }

    /// The id that was made with the file.
    ///
    /// # Errors
    /// When the database fails.
    pub fn host_id(&self) -> Result<HostId, StoreError> {
        Ok(HostId(self.connection.query_row("SELECT id FROM host", [], |row| row.get(0))?))
    }

    /// Messages, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn messages(&self, filter: &Filter) -> Result<Vec<MessageRow>, StoreError> {
        self.list("messages", MESSAGE_COLUMNS, filter.messages(), message_row)
    }

    /// All messages to a number, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn messages_to(&self, number: &PhoneNumber) -> Result<Vec<MessageRow>, StoreError> {
        let mut tail = Filter::to(number).messages_unsorted();
        tail.sql.push_str(" ORDER BY id DESC");
        self.list("messages", MESSAGE_COLUMNS, tail, message_row)
    }

    /// Notifications, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn notifications(&self, filter: &Filter) -> Result<Vec<NotificationRow>, StoreError> {
        self.list("notifications", NOTIFICATION_COLUMNS, filter.notifications(), notification_row)
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunRow>, StoreError> {
        self.list("runs", RUN_COLUMNS, filter.runs(), run_row)
    }

    fn list<T>(
        &self,
        table: &str,
        columns: &str,
        tail: Tail,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare(&format!("SELECT {columns} FROM {table}{}", tail.sql))?;
        let rows = statement.query_map(params_from_iter(tail.values), read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One message, by the host's id or by Twilio's sid.
    ///
    /// # Errors
    /// When the database fails.
    pub fn message(&self, id: &str) -> Result<Option<MessageRow>, StoreError> {
        let (column, value) = key(id);
        let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE {column} = ?");
        Ok(self.connection.query_row(&sql, [value], message_row).optional()?)
    }

    /// One message of an application, by the host's id or by Twilio's sid.
    ///
    /// # Errors
    /// When the database fails.
    pub fn message_of(&self, app: &str, id: &str) -> Result<Option<MessageRow>, StoreError> {
        let (column, value) = key(id);
        let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE {column} = ? AND app = ?");
        let mut statement = self.connection.prepare(&sql)?;
        Ok(statement.query_row((value, app), message_row).optional()?)
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

/// The column that an id is looked for in: the host's own, or Twilio's sid.
fn key(id: &str) -> (&'static str, Value) {
    match MessageId::parse(id) {
        Ok(id) => ("id", Value::from(id.as_bytes().to_vec())),
        Err(_) => ("sid", Value::from(id.to_owned())),
    }
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
