//! An application's database: the author's tables, and the host's marks beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::{Connection, params};

use crate::base::{AppId, Diagnostic, MessageId, NotificationId, Place, UnixMillis, stage};
use crate::config::Limits;
use crate::store::StoreError;
use crate::store::authorizer::HostMode;
use crate::store::heap::Allowance;
use crate::store::host_db::{HostId, commit, empty_wal, open_durable};
use crate::store::journal::{self, Journal, JournalCall, JournalOrigin};
use crate::store::migrations::{self, Migration};
use crate::store::room::Room;
use crate::store::statement::{self, Parameters, Script, ScriptSqlError};
use crate::store::{fenced, heap};

const DONE_SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS _host_done (
  host TEXT NOT NULL,            -- whose notification: the id of that host.db
  notification INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (host, notification)
) STRICT, WITHOUT ROWID;
";

/// Megabytes that an application's SQL may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// One statement in memory (`limits.sql_memory_mb`).
    pub memory_mb: u32,
    /// The file (`limits.database_mb`).
    pub database_mb: u32,
}

impl From<&Limits> for SqlLimits {
    fn from(limits: &Limits) -> Self {
        Self { memory_mb: limits.sql_memory_mb, database_mb: limits.database_mb }
    }
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

impl SqlLimits {
    /// Whether the limit of memory can be in force in this process. It cannot when the process had used SQLite before
    /// it opened a database of this store's.
    #[must_use]
    pub fn memory_is_limited() -> bool {
        heap::install()
    }

    /// A warning where a database is larger than it may be: the parameter was lowered. Scripts can read and delete then,
    /// and use again what they have deleted.
    #[must_use]
    pub fn warning(self, app: &AppId, file: &Path) -> Option<Diagnostic> {
        let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len()) >> 20;
        let database_mb = self.database_mb;
        (size >= u64::from(database_mb)).then(|| {
            let message = format!(
                "the database of `{app}` has {size} MB, limits.database_mb = {database_mb}: it does not grow any more"
            );
            Diagnostic::warning("DATABASE_TOO_LARGE", message)
                .at(Place::file(file))
                .help("raise `database_mb`, or have the application delete rows: their room is used again")
        })
    }
}

/// The one connection that writes an application's database; whoever holds it holds the application's baton.
///
/// Runs share a transaction, each under a savepoint, and one COMMIT makes all of them durable together with their
/// marks in `_host_done`: present means done, so that a crash at any point is harmless (invariant 3).
pub struct AppDb {
    file: PathBuf,
    connection: Connection,
    mode: HostMode,
    host: String,
    limits: SqlLimits,
    room: Room,
    opened: Instant,
    /// When a script's statement must end, in milliseconds since `opened`; 0 is never.
    deadline: Arc<AtomicU64>,
}

impl AppDb {
    /// Opens the database, made new where there is none, and puts the rules for scripts in force.
    ///
    /// # Errors
    /// [`StoreError::Open`] when SQLite refuses.
    pub fn open(file: &Path, host: &HostId, limits: SqlLimits) -> Result<Self, StoreError> {
        let fresh = !file.exists();
        let mut connection = open_durable(file)?;
        let open = |cause| StoreError::Open { path: file.to_owned(), cause };
        for schema in [DONE_SCHEMA, journal::SCHEMA, migrations::SCHEMA] {
            connection.execute_batch(schema).map_err(open)?;
        }
        // A database in memory has no folder.
        if fresh && let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            super::data_dir::sync_folder(folder)
                .map_err(|cause| StoreError::DataFolder { path: folder.to_owned(), cause })?;
        }
        let mode = HostMode::default();
        let opened = stage::now();
        let deadline = Arc::new(AtomicU64::new(0));
        let watched = Arc::clone(&deadline);
        let late = move || match watched.load(Ordering::Relaxed) {
            0 => false,
            limit => {
                let elapsed = stage::now().saturating_duration_since(opened);
                u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX) > limit
            }
        };
        let room = Room::measure(&connection, i64::from(limits.database_mb) << 20).map_err(open)?;
        fenced::put_up(&mut connection, &mode, limits.memory_mb, late).map_err(open)?;
        Ok(Self {
            file: file.to_owned(),
            connection,
            mode,
            host: host.0.clone(),
            limits,
            room,
            opened,
            deadline,
        })
    }

    /// Opens the database anew, after a COMMIT that failed: what is on the disk then is what counts.
    ///
    /// # Errors
    /// [`StoreError::Open`]; the old connection stays then.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.reopen_within(self.limits)
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// [`StoreError::Open`]; the old connection stays then.
    pub fn reopen_within(&mut self, limits: SqlLimits) -> Result<(), StoreError> {
        let _ = self.rollback();
        *self = Self::open(&self.file.clone(), &HostId(self.host.clone()), limits)?;
        Ok(())
    }

    /// Applies the migrations that are not applied yet, together; says how many.
    ///
    /// # Errors
    /// [`StoreError::Migration`] names the file and the place; nothing of any of them stays.
    pub fn migrate(&self, migrations: &[Migration], now: UnixMillis) -> Result<usize, StoreError> {
        migrations::apply(&self.connection, &self.mode, self.limits, migrations, now.0)
    }

    /// Begins the transaction that runs share.
    ///
    /// # Errors
    /// When another program holds the database for longer than five seconds, or SQLite fails.
    pub fn begin(&self) -> Result<(), StoreError> {
        // What a savepoint would restore goes to a file where it is much; what a statement sorts and puts aside stays in
        // memory, where its allowance counts it. SQLite asks for the one when the transaction begins, for the other
        // when the statement does.
        self.host_batch("PRAGMA temp_store = FILE; BEGIN IMMEDIATE; PRAGMA temp_store = MEMORY")?;
        self.mode.with(|| Ok(self.room.begin(&self.connection)?))
    }

    /// Makes everything since [`AppDb::begin`] durable. After an error nobody knows what is on the disk: open the
    /// database anew and look.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn commit(&self) -> Result<(), StoreError> {
        commit("app-commit", || self.mode.with(|| self.connection.execute_batch("COMMIT")))?;
        self.room.committed();
        Ok(())
    }

    /// Gives the transaction up, if there is one.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn rollback(&self) -> Result<(), StoreError> {
        if self.in_transaction() { self.host_batch("ROLLBACK") } else { Ok(()) }
    }

    /// Whether the transaction is still open: a statement may have ended it (an interrupted INSERT, `OR ROLLBACK`,
    /// a full disk).
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Begins a run within the transaction.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn begin_run(&self) -> Result<(), StoreError> {
        self.host_statement("SAVEPOINT run")
    }

    /// Keeps what the run wrote.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn keep_run(&self) -> Result<(), StoreError> {
        self.host_statement("RELEASE run")
    }

    /// Undoes what the run wrote.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn undo_run(&self) -> Result<(), StoreError> {
        self.host_statement("ROLLBACK TO run")?;
        self.host_statement("RELEASE run")
    }

    /// Marks a notification as done, within the run; `false` when it was already.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn mark_done(&self, notification: NotificationId, now: UnixMillis) -> Result<bool, StoreError> {
        self.mode.with(|| {
            let inserted = self
                .connection
                .prepare_cached("INSERT OR IGNORE INTO _host_done(host, notification, at) VALUES (?, ?, ?)")?
                .execute(params![self.host, notification.0, now.0])?;
            Ok(inserted == 1)
        })
    }

    /// Whether a notification's effect is there already.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn is_done(&self, notification: NotificationId) -> Result<bool, StoreError> {
        self.mode.with(|| {
            Ok(self
                .connection
                .prepare_cached("SELECT 1 FROM _host_done WHERE host = ? AND notification = ?")?
                .exists(params![self.host, notification.0])?)
        })
    }

    /// The largest number of a notification of this host that is remembered here.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn last_notification(&self) -> Result<Option<NotificationId>, StoreError> {
        self.mode.with(|| {
            let last: Option<i64> = self.connection.query_row(
                "SELECT max(last) FROM (SELECT max(notification) AS last FROM _host_done WHERE host = ?1
                 UNION ALL SELECT max(notification) FROM _host_journal WHERE host = ?1)",
                [&self.host],
                |row| row.get(0),
            )?;
            Ok(last.map(NotificationId))
        })
    }

    /// What is recorded of a notification's run, if it has sent.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn journal(&self, notification: NotificationId) -> Result<Option<Journal>, StoreError> {
        self.mode.with(|| Ok(journal::load(&self.connection, &self.host, notification)?))
    }

    /// The messages that runs have sent, or were about to, which have not come to their ends.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn unfinished_sends(&self) -> Result<Vec<(NotificationId, MessageId)>, StoreError> {
        self.mode.with(|| Ok(journal::sends(&self.connection, &self.host)?))
    }

    /// Records where a run started.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn record_origin(
        &self,
        notification: NotificationId,
        origin: JournalOrigin,
    ) -> Result<(), StoreError> {
        self.mode.with(|| Ok(journal::write_origin(&self.connection, &self.host, notification, origin)?))
    }

    /// Records a call of a run under its number, or its outcome once it is known.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn record_call(
        &self,
        notification: NotificationId,
        number: u32,
        call: &JournalCall,
    ) -> Result<(), StoreError> {
        self.mode.with(|| Ok(journal::write_call(&self.connection, &self.host, notification, number, call)?))
    }

    /// Forgets one call of a run: it has not happened.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn forget_call(&self, notification: NotificationId, number: u32) -> Result<(), StoreError> {
        self.mode.with(|| Ok(journal::forget_call(&self.connection, &self.host, notification, number)?))
    }

    /// Forgets the journal of a run, within the transaction that marks it as done.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn forget_journal(&self, notification: NotificationId) -> Result<(), StoreError> {
        self.mode.with(|| Ok(journal::forget(&self.connection, &self.host, notification)?))
    }

    /// Erases the journals of runs that nobody takes up again, in a transaction of its own, and what they leave in the
    /// files. Between two batches.
    ///
    /// # Errors
    /// When SQLite fails; nothing is erased then.
    pub fn erase_journals(&self, notifications: &[NotificationId]) -> Result<(), StoreError> {
        let erased = self.begin().and_then(|()| {
            let deleted = notifications.iter().try_for_each(|id| self.forget_journal(*id));
            deleted.and_then(|()| self.commit())
        });
        if erased.is_err() {
            let _ = self.rollback(); // the error that came first is told
        }
        erased?;
        self.as_host(|db, _| empty_wal(db).map_err(StoreError::from))
    }

    /// Sets when the statements of the running script must have ended; `None` is never.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let millis = deadline.map_or(0, |deadline| {
            let since = deadline.saturating_duration_since(self.opened);
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
        });
        self.deadline.store(millis, Ordering::Relaxed);
    }

    /// Runs a script's query; its rows as JSON.
    ///
    /// # Errors
    /// [`ScriptSqlError`], for the author.
    pub fn query(&self, sql: &str, parameters: &Parameters<'_>) -> Result<String, ScriptSqlError> {
        self.as_script(|script| statement::query(script, sql, parameters))
    }

    /// Prepares a script's statement and runs nothing: whether it can be read, and what it names is there.
    ///
    /// # Errors
    /// [`ScriptSqlError`], for the author.
    pub fn prepare(&self, sql: &str) -> Result<(), ScriptSqlError> {
        self.as_script(|script| statement::prepare(script, sql))
    }

    /// Runs a script's statement; the number of rows that it changed.
    ///
    /// # Errors
    /// [`ScriptSqlError`], for the author.
    pub fn execute(&self, sql: &str, parameters: &Parameters<'_>) -> Result<u64, ScriptSqlError> {
        self.as_script(|script| statement::execute(script, sql, parameters))
    }

    /// Does something with a script's rights, within the limits of one statement.
    fn as_script<T>(
        &self,
        work: impl FnOnce(&Script<'_>) -> Result<T, ScriptSqlError>,
    ) -> Result<T, ScriptSqlError> {
        let SqlLimits { memory_mb, database_mb } = self.limits;
        let script = Script {
            db: &self.connection,
            mode: &self.mode,
            room: &self.room,
            allowance: Allowance::new(u64::from(memory_mb) << 20),
        };
        work(&script).map_err(|error| {
            if script.allowance.was_exceeded() {
                let _ = self.connection.release_memory(); // of its cache; what it cannot give back it keeps
                return ScriptSqlError {
                    code: "SQL_MEMORY",
                    message: format!(
                        "the statement takes more memory than limits.sql_memory_mb = {memory_mb}: sort, group or read \
                         less at once"
                    ),
                };
            }
            if error.code == "SQL_FULL" {
                return ScriptSqlError {
                    code: error.code,
                    message: format!(
                        "the application's database is as large as it may be (limits.database_mb = {database_mb}), or \
                         the disk is full: delete rows"
                    ),
                };
            }
            error
        })
    }

    /// Does something of the host's own with the connection; it also gets the id of the `host.db`.
    pub(super) fn as_host<T>(&self, work: impl FnOnce(&Connection, &str) -> T) -> T {
        self.mode.with(|| work(&self.connection, &self.host))
    }

    /// Where the database is.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    fn host_batch(&self, sql: &str) -> Result<(), StoreError> {
        self.mode.with(|| Ok(self.connection.execute_batch(sql)?))
    }

    fn host_statement(&self, sql: &str) -> Result<(), StoreError> {
        self.mode.with(|| {
            self.connection.prepare_cached(sql)?.raw_execute()?;
            Ok(())
        })
    }
}

impl std::fmt::Debug for AppDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppDb").field("file", &self.connection.path()).finish_non_exhaustive()
    }
}
