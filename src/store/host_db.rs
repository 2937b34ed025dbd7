//! `host.db`: its schema, and how it is opened.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::base::NotificationId;
use crate::base::stage::{self, Fault};
use crate::store::polls::SETTLED;
use crate::store::records::notification_key;
use crate::store::{Conversation, StoreError, heap, windows};

/// The version of the schema that this program writes (`PRAGMA user_version`).
pub(super) const SCHEMA_VERSION: i64 = 4;

/// How long a connection waits for another program's lock.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);
/// After how many pages of the write-ahead log it is copied into the database.
const CHECKPOINT_PAGES: i64 = 8_000;
/// What the log is cut to when it begins anew, bytes: what it usually needs, a page being 4 KiB.
const WAL_LIMIT: u32 = 32 << 20;

/// Times are milliseconds since 1970. Ids of notifications and runs count up and are never used again
/// (AUTOINCREMENT), because an application's `_host_done` remembers them.
const VERSION_1: &str = "
CREATE TABLE host (
  id TEXT NOT NULL                      -- random, made with the file: whose notifications _host_done remembers
) STRICT;

CREATE TABLE notifications (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of arrival
  key BLOB NOT NULL UNIQUE,             -- notification_key: what belongs to one message stands together
  app TEXT NOT NULL,
  company TEXT NOT NULL,
  account_sid TEXT NOT NULL,
  message_sid TEXT NOT NULL,
  status TEXT NOT NULL,
  message BLOB,                         -- messages.id, when the message is ours
  form BLOB NOT NULL,                   -- the body as it came
  source TEXT NOT NULL,                 -- callback | poll
  received_at INTEGER NOT NULL,
  state TEXT NOT NULL,                  -- waiting | done | dead
  attempts INTEGER NOT NULL DEFAULT 0,
  kills INTEGER NOT NULL DEFAULT 0,     -- how often its run killed its worker
  next_attempt_at INTEGER               -- while waiting for a retry
) STRICT;
CREATE INDEX notifications_waiting ON notifications(id) WHERE state = 'waiting';

CREATE TABLE messages (
  id BLOB PRIMARY KEY,                  -- the host's own id, a UUIDv7
  sid TEXT,                             -- Twilio's, once known
  app TEXT NOT NULL,
  company TEXT NOT NULL,
  account_sid TEXT NOT NULL,
  notification INTEGER,                 -- whose run sent it
  recipient TEXT NOT NULL,
  sender TEXT NOT NULL,
  status TEXT NOT NULL,                 -- Twilio's word; `sending` before the answer, `unknown` in doubt
  error_code TEXT,
  error_message TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_by_sid ON messages(sid) WHERE sid IS NOT NULL;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  notification INTEGER UNIQUE,          -- null: started by `run`
  app TEXT NOT NULL,
  company TEXT NOT NULL,
  action TEXT NOT NULL,
  script_version TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  reason TEXT NOT NULL,                 -- completed, thrown, cpu_limit, …: of the last attempt, like all that follows
  cpu_us INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  host_calls INTEGER NOT NULL,
  error TEXT,                           -- JSON: message, code, frames
  result TEXT,
  log TEXT,                             -- lines as `level<TAB>text`
  started_at INTEGER NOT NULL
) STRICT;
";

/// What version 2 changed.
const VERSION_2: &str = "
ALTER TABLE notifications ADD COLUMN generation INTEGER NOT NULL DEFAULT 0; -- of the run's journal: a new one by replay
ALTER TABLE messages ADD COLUMN polls INTEGER NOT NULL DEFAULT 0;           -- how often Twilio was asked about it
ALTER TABLE messages ADD COLUMN next_poll_at INTEGER;                       -- when Twilio is asked next

DROP INDEX notifications_waiting;
-- What waits and was never tried, in the order of arrival; what waits for its next attempt, by the time; the dead.
CREATE INDEX notifications_fresh ON notifications(app, id) WHERE state = 'waiting' AND next_attempt_at IS NULL;
CREATE INDEX notifications_due ON notifications(app, next_attempt_at)
  WHERE state = 'waiting' AND next_attempt_at IS NOT NULL;
CREATE INDEX notifications_dead ON notifications(id) WHERE state = 'dead';
CREATE INDEX messages_by_notification ON messages(notification) WHERE notification IS NOT NULL;
CREATE INDEX messages_to_poll ON messages(next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE INDEX messages_without_sid ON messages(recipient) WHERE sid IS NULL AND status IN ('sending', 'unknown');

-- Each replay of a notification, with how its run had ended before.
CREATE TABLE replays (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  notification INTEGER NOT NULL,
  at INTEGER NOT NULL,
  resend INTEGER NOT NULL,              -- 1: with a new journal
  attempts INTEGER NOT NULL,            -- up to then
  reason TEXT,                          -- of the run's last attempt
  error TEXT
) STRICT;
CREATE INDEX replays_by_notification ON replays(notification);
";

/// What version 3 added.
const VERSION_3: &str = "
ALTER TABLE messages ADD COLUMN template TEXT;        -- HX…
ALTER TABLE messages ADD COLUMN content_hash TEXT;    -- keyed, of all that was sent
ALTER TABLE messages ADD COLUMN body TEXT;            -- the text, where the parameters say that it is kept
ALTER TABLE messages ADD COLUMN first_status TEXT;    -- the answer to the send
ALTER TABLE messages ADD COLUMN answered_at INTEGER;  -- and when it came
ALTER TABLE messages ADD COLUMN price TEXT;           -- as Twilio writes it, once it tells
ALTER TABLE messages ADD COLUMN price_unit TEXT;      -- USD, …
CREATE INDEX messages_by_time ON messages(app, created_at);
CREATE INDEX messages_by_recipient ON messages(recipient);

-- Keys that actions have sent with, sealed with host.key.
CREATE TABLE accounts (
  app TEXT NOT NULL,
  company TEXT NOT NULL,
  account_sid TEXT NOT NULL,
  key_hash BLOB NOT NULL,               -- keyed, so that it tells nothing of the key
  sealed BLOB NOT NULL,
  confirmed INTEGER NOT NULL,           -- 1: Twilio has taken a message with it
  used_at INTEGER NOT NULL,
  PRIMARY KEY (app, company, account_sid, key_hash)
) STRICT, WITHOUT ROWID;

-- Recipients that a company does not write to any more.
CREATE TABLE opt_outs (
  app TEXT NOT NULL,
  company TEXT NOT NULL,
  recipient TEXT NOT NULL,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,                 -- STOP, 21610, 63014, admin
  PRIMARY KEY (app, company, recipient)
) STRICT, WITHOUT ROWID;

-- Who sends nothing for now.
CREATE TABLE pauses (
  app TEXT NOT NULL,
  company TEXT NOT NULL,                -- '' is the whole application
  since INTEGER NOT NULL,
  reason TEXT,
  PRIMARY KEY (app, company)
) STRICT, WITHOUT ROWID;
";

/// What version 4 changed in `notifications`.
const CONVERSATIONS: &str = "
ALTER TABLE notifications ADD COLUMN conversation BLOB; -- of what somebody wrote: in whose order it runs
CREATE INDEX notifications_conversation ON notifications(conversation)
  WHERE state = 'waiting' AND conversation IS NOT NULL;
";

/// The random id of one `host.db`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostId(pub String);

/// An open `host.db` that may write.
#[derive(Debug)]
pub struct HostDb {
    pub(super) connection: Connection,
    id: HostId,
}

impl HostDb {
    /// Opens the database, made new where there is none.
    ///
    /// # Errors
    /// [`StoreError::Open`] when SQLite refuses, [`StoreError::Newer`] when a newer program wrote it.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let fresh = !file.exists();
        let mut connection = open_durable(file)?;
        let open = |cause| StoreError::Open { path: file.to_owned(), cause };
        let found: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(open)?;
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { path: file.to_owned(), found, known: SCHEMA_VERSION });
        }
        if found < SCHEMA_VERSION {
            let transaction = connection.transaction().map_err(open)?;
            if found < 1 {
                version_1(&transaction).map_err(open)?;
            }
            if found < 2 {
                version_2(&transaction).map_err(open)?;
            }
            if found < 3 {
                transaction.execute_batch(VERSION_3).map_err(open)?;
            }
            conversations(&transaction).map_err(open)?;
            transaction.execute_batch(windows::SCHEMA).map_err(open)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(open)?;
            transaction.commit().map_err(open)?;
        }
        let id = connection
            .query_row("SELECT id FROM host", [], |row| row.get(0))
            .optional()
            .map_err(open)?
            .ok_or(rusqlite::Error::QueryReturnedNoRows)
            .map_err(open)?;
        if fresh && let Some(folder) = file.parent() {
            super::data_dir::sync_folder(folder)
                .map_err(|cause| StoreError::DataFolder { path: folder.to_owned(), cause })?;
        }
        Ok(Self { connection, id: HostId(id) })
    }

    /// Sees to it that the next notification has a number beyond `last`; gives the number that it would have followed,
    /// if that was smaller.
    ///
    /// A `host.db` that was restored from a backup may have forgotten numbers that an application's database remembers
    /// as done. Given out once more, they would make new notifications look done before they have run.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn skip_numbers(&mut self, last: NotificationId) -> Result<Option<NotificationId>, StoreError> {
        let transaction = self.connection.transaction()?;
        // SQLite keeps AUTOINCREMENT's counter there: https://sqlite.org/autoinc.html
        let counted: Option<i64> = transaction
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'notifications'", [], |row| row.get(0))
            .optional()?;
        let known = counted.unwrap_or(0);
        if known >= last.0 {
            return Ok(None);
        }
        let sql = match counted {
            Some(_) => "UPDATE sqlite_sequence SET seq = ? WHERE name = 'notifications'",
            None => "INSERT INTO sqlite_sequence(seq, name) VALUES (?, 'notifications')",
        };
        transaction.execute(sql, [last.0])?;
        transaction.commit()?;
        Ok(Some(NotificationId(known)))
    }

    /// The id that was made with the file.
    #[must_use]
    pub fn id(&self) -> &HostId {
        &self.id
    }
}

fn version_1(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(VERSION_1)?;
    db.execute("INSERT INTO host(id) VALUES (?)", [uuid::Uuid::new_v4().simple().to_string()])?;
    Ok(())
}

fn version_2(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(VERSION_2)?;
    // Version 1 asked Twilio about nothing.
    db.execute_batch(&format!(
        "UPDATE messages SET next_poll_at = created_at + 120000 WHERE status NOT IN {SETTLED}"
    ))?;
    // Version 1 had another key.
    let mut rows =
        db.prepare("SELECT id, app, company, account_sid, message_sid, status FROM notifications")?;
    let mut update = db.prepare("UPDATE notifications SET key = ? WHERE id = ?")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let part = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        let key = notification_key(part(1)?, part(2)?, part(3)?, part(4)?, part(5)?);
        update.execute((key, row.get::<_, i64>(0)?))?;
    }
    Ok(())
}

fn conversations(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(CONVERSATIONS)?;
    let mut rows = db.prepare(
        "SELECT id, app, company, form FROM notifications WHERE source = 'message' AND state <> 'done'",
    )?;
    let mut update = db.prepare("UPDATE notifications SET conversation = ? WHERE id = ?")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (app, company) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
        let conversation = Conversation::of_form(app, company, row.get_ref(3)?.as_blob()?);
        update.execute((conversation, row.get::<_, i64>(0)?))?;
    }
    Ok(())
}

/// Opens a database for writing in WAL mode with `synchronous=FULL`: with NORMAL, acknowledged rows were lost at a
/// simulated power cut. Without the URI flag, so that no file name is read as a URL.
pub(super) fn open_durable(file: &Path) -> Result<Connection, StoreError> {
    let open = |cause| StoreError::Open { path: file.to_owned(), cause };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    heap::install();
    let connection = Connection::open_with_flags(file, flags).map_err(open)?;
    connection.busy_timeout(BUSY).map_err(open)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
    connection.pragma_update(None, "synchronous", synchronous()).map_err(open)?;
    connection.pragma_update(None, "foreign_keys", "ON").map_err(open)?;
    connection.pragma_update(None, "cache_size", -16_384).map_err(open)?;
    // Overwrites what rows leave behind on the pages that are written anyway: the numbers of people stand in it.
    connection.pragma_update(None, "secure_delete", "FAST").map_err(open)?;
    // A page that many transactions touch is copied into the database once a checkpoint: fewer of them, less work.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(open)?;
    // What a reader that stood for long let it grow to is given back after the checkpoint that emptied it.
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT).map_err(open)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Does what makes a transaction durable, unless a simulation has it fail here.
pub(super) fn commit(
    point: &'static str,
    work: impl FnOnce() -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let fault = stage::fault(point);
    if fault != Some(Fault::Before) {
        work()?;
    }
    if fault.is_some() {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        return Err(rusqlite::Error::SqliteFailure(code, None).into());
    }
    Ok(())
}

#[cfg(not(debug_assertions))]
fn synchronous() -> &'static str {
    "FULL"
}

/// A test that never fails proves nothing: the power-cut test starts a debug build with `BOATSWAIN_SYNCHRONOUS=NORMAL`
/// and must see it lose something. A release build has no such switch.
#[cfg(debug_assertions)]
fn synchronous() -> &'static str {
    match std::env::var("BOATSWAIN_SYNCHRONOUS").as_deref() {
        Ok("NORMAL") => "NORMAL",
        _ => "FULL",
    }
}

/// The log of a database.
pub(super) fn log_file(file: &Path) -> PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Empties a log that has grown far beyond what is usual: readers that follow one another without a gap keep the
/// ordinary checkpoints from starting it anew. Waits for them a moment only, so that no writer is held up.
///
/// # Errors
/// When SQLite fails; that readers are in the way is no failure.
pub(super) fn shrink_wal(connection: &Connection, file: &Path) -> rusqlite::Result<()> {
    if std::fs::metadata(log_file(file)).map_or(0, |metadata| metadata.len()) <= 2 * u64::from(WAL_LIMIT) {
        return Ok(());
    }
    empty_wal(connection)
}

/// Empties the log, if readers go out of the way within a moment.
///
/// # Errors
/// When SQLite fails; that readers are in the way is no failure.
pub(super) fn empty_wal(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_millis(100))?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY)?;
    emptied.map(|_| ())
}

/// Opens a database for reading only.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let open = |cause| StoreError::Open { path: file.to_owned(), cause };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    heap::install();
    let connection = Connection::open_with_flags(file, flags).map_err(open)?;
    connection.busy_timeout(BUSY).map_err(open)?;
    // SQLite looks at the file at the first statement: what is no database is found here.
    let _: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0)).map_err(open)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_with_the_file() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("host.db");
        let first = HostDb::open(&file).unwrap().id().clone();
        assert_eq!(&first, HostDb::open(&file).unwrap().id());
    }

    #[test]
    fn a_newer_schema_and_a_file_that_is_no_database_are_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("host.db");
        HostDb::open(&file).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(HostDb::open(&file), Err(StoreError::Newer { found: 99, .. })));
        let other = temporary.path().join("other.db");
        std::fs::write(&other, "not a database, but long enough to be looked at as one").unwrap();
        assert_eq!(HostDb::open(&other).unwrap_err().diagnostic().code, "DATABASE_OPEN");
    }

    #[test]
    fn numbers_that_were_skipped_are_never_given_out() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("host.db");
        let next = || {
            let db = HostDb::open(&file).unwrap();
            let insert = "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
                            received_at, state) VALUES (randomblob(20), '', '', '', '', '', x'', '', 1, 'done')";
            db.connection.execute(insert, []).unwrap();
            db.connection.last_insert_rowid()
        };
        let skip = |last| HostDb::open(&file).unwrap().skip_numbers(NotificationId(last)).unwrap();
        assert_eq!(skip(0), None);
        assert_eq!(skip(41), Some(NotificationId(0)), "before the first notification");
        assert_eq!(next(), 42);
        assert_eq!(skip(42), None);
        assert_eq!(skip(99), Some(NotificationId(42)));
        assert_eq!(next(), 100);
        assert_eq!(skip(7), None, "never backwards");
        assert_eq!(next(), 101);
    }

    #[test]
    fn a_database_of_version_1_is_upgraded() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("host.db");
        {
            let db = Connection::open(&file).unwrap();
            version_1(&db).unwrap();
            db.execute_batch(
                "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
                   received_at, state) VALUES (x'00', 'demo', 'ACME', 'AC1', 'SM1', 'sent', x'', 'callback', 1, 'waiting');
                 INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at, updated_at)
                   VALUES (x'00', 'demo', 'ACME', 'AC1', '', '', 'sent', 1, 1), (x'01', 'demo', 'ACME', 'AC1', '', '', 'read', 1, 1);
                 PRAGMA user_version = 1;",
            )
            .unwrap();
        }
        let db = HostDb::open(&file).unwrap();
        let key: [u8; 20] =
            db.connection.query_row("SELECT key FROM notifications", [], |row| row.get(0)).unwrap();
        assert_eq!(key, notification_key("demo", "ACME", "AC1", "SM1", "sent"));
        let mut due = db.connection.prepare("SELECT next_poll_at FROM messages ORDER BY id").unwrap();
        let due: Vec<Option<i64>> =
            due.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(due, [Some(120_001), None], "Twilio is asked about what is not settled");
    }

    #[test]
    fn a_database_of_version_2_is_upgraded_with_what_is_in_it() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("host.db");
        let id = uuid::Uuid::from_u128(7).into_bytes();
        {
            let db = Connection::open(&file).unwrap();
            version_1(&db).unwrap();
            version_2(&db).unwrap();
            db.execute(
                "INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at, updated_at)
                   VALUES (?, 'demo', 'ACME', 'AC1', '+393331234567', 'whatsapp:+1', 'sent', 1, 1)",
                [id],
            )
            .unwrap();
            db.pragma_update(None, "user_version", 2).unwrap();
        }
        drop(HostDb::open(&file).unwrap());
        let ledger = crate::store::Ledger::open(&file).unwrap();
        let number = crate::base::PhoneNumber::sender("+393331234567").unwrap();
        let messages = ledger.messages_to(&number).unwrap();
        assert_eq!((messages.len(), &messages[0].body, &messages[0].first_status), (1, &None, &None));
        assert_eq!(ledger.history(&messages[0]).unwrap().len(), 2);
        let app = crate::base::AppId::parse("demo").unwrap();
        let sent = ledger.sent_before(&app, crate::base::UnixMillis(2)).unwrap();
        assert_eq!((sent.minutes.len(), &*sent.last_minute[0].content_hash), (1, ""));
        drop(HostDb::open(&file).unwrap());
    }

    #[test]
    fn a_database_of_version_3_is_upgraded_with_the_order_of_what_waits_and_a_table_of_windows() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("host.db");
        {
            let db = Connection::open(&file).unwrap();
            version_1(&db).unwrap();
            version_2(&db).unwrap();
            db.execute_batch(VERSION_3).unwrap();
            for (source, form) in
                [("message", "To=a&From=b"), ("callback", "To=a&From=b"), ("message", "To=a")]
            {
                let insert =
                    "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
                       received_at, state) VALUES (randomblob(20), 'demo', 'ACME', '', 'SM1', 'x', ?, ?, 1, 'waiting')";
                db.execute(insert, (form.as_bytes(), source)).unwrap();
            }
            db.pragma_update(None, "user_version", 3).unwrap();
        }
        let db = HostDb::open(&file).unwrap();
        let mut rows = db.connection.prepare("SELECT conversation FROM notifications ORDER BY id").unwrap();
        let found: Vec<Option<[u8; 16]>> =
            rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let conversation = Conversation::of_form("demo", "ACME", b"To=a&From=b");
        let found: Vec<_> = found.into_iter().map(|bytes| bytes.map(Conversation::from_bytes)).collect();
        assert_eq!(found, [conversation, None, None]);
        let windows: i64 =
            db.connection.query_row("SELECT count(*) FROM windows", [], |row| row.get(0)).unwrap();
        assert_eq!(windows, 0);
    }
}
