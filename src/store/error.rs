//! What can go wrong with a database.

use std::path::{Path, PathBuf};

use crate::base::{Diagnostic, Place, shown};

/// An error of the storage layer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder cannot be made or written.
    #[error("the data folder cannot be used: {cause}")]
    DataFolder {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// Another process holds the data folder.
    #[error("another host works with this data folder")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// `host.key` cannot be used.
    #[error("the host's key cannot be used: {cause}")]
    HostKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: std::io::Error,
    },
    /// SQLite refused to open or prepare a database.
    #[error("the database cannot be opened: {cause}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// A database was written by a newer version of this program.
    #[error("the database was written by a newer version (schema {found}, this program knows {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A database was written by an older version of this program, and only `serve` brings it up to date.
    #[error("the database is of an older version (schema {found}, this program reads {known})")]
    Older {
        /// The file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The one that this program reads.
        known: i64,
    },
    /// A migration failed; none of it stays.
    #[error("migration {name} failed: {cause}")]
    Migration {
        /// Its file.
        file: PathBuf,
        /// Its name.
        name: String,
        /// Byte offset into its text, if SQLite named one.
        position: Option<(u32, u32)>,
        /// What SQLite said.
        cause: String,
    },
    /// A migration that was applied has another text now.
    #[error("migration {name} was changed after it was applied")]
    MigrationChanged {
        /// Its file.
        file: PathBuf,
        /// Its name.
        name: String,
        /// The database that it was applied to.
        database: PathBuf,
    },
    /// A migration is new, and one that is applied has a later name.
    #[error("migration {name} is new, and {last}, which is applied already, comes after it")]
    MigrationOrder {
        /// Its file.
        file: PathBuf,
        /// Its name.
        name: String,
        /// The last that is applied.
        last: String,
    },
    /// A statement of the host's own failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The operating system gives the writer no thread.
    #[error("the inbox has no thread: {0}")]
    Thread(std::io::Error),
    /// The writer is gone or overloaded.
    #[error("the inbox takes nothing at the moment: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// Whether a COMMIT failed for what was written (a deferred foreign key), not for what it is written on.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::Sqlite(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation))
    }

    /// The same, of a database that was made to try migrations and is thrown away.
    #[must_use]
    pub fn of_trial(&self) -> Diagnostic {
        let diagnostic = self.diagnostic();
        match self {
            Self::Migration { .. } => diagnostic.help("mend the file"),
            _ => diagnostic,
        }
    }

    /// The error as it is shown, with its code and remedy.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let message = self.to_string();
        match self {
            Self::DataFolder { path, .. } => Diagnostic::error("DATA_FOLDER", message)
                .at(Place::file(path))
                .help("give a folder that this user may write to, with `--data DIR` or `[host] data_dir`"),
            Self::Locked { path } => Diagnostic::error("DATA_LOCKED", message).at(Place::file(path)).help(
                "stop the other `boatswain serve`, or give this one a folder of its own with `--data DIR`; other \
                 commands work through the running host by themselves",
            ),
            Self::HostKey { path, .. } => Diagnostic::error("HOST_KEY", message).at(Place::file(path)).help(
                "restore the file, 32 bytes that only this user may read; without it the host makes a new one, and \
                 learns the keys of `...WithSettings` anew with the next message of each",
            ),
            Self::Open { path, .. } => Diagnostic::error("DATABASE_OPEN", message).at(Place::file(path)).help(
                "check that the file is a database of Boatswain and that this user may read and write it",
            ),
            Self::Newer { path, .. } => Diagnostic::error("DATABASE_NEWER", message)
                .at(Place::file(path))
                .help("use the newer version of Boatswain, or restore a backup that this one made"),
            Self::Older { path, .. } => Diagnostic::error("DATABASE_OLDER", message)
                .at(Place::file(path))
                .help("`boatswain serve` upgrades it when it starts; make a backup with the older version first"),
            Self::Migration { file, position, .. } => {
                let place = match position {
                    Some((line, column)) => Place::at(file, *line, *column),
                    None => Place::file(file),
                };
                Diagnostic::error("MIGRATION_FAILED", message)
                    .at(place)
                    .help("nothing of it was kept: mend the file, and a host that is up takes it over by itself")
            }
            Self::MigrationChanged { file, database, .. } => {
                Diagnostic::error("MIGRATION_CHANGED", message).at(Place::file(file)).help(format!(
                    "restore its text and put what is new into a migration with a later name; {}",
                    begin_anew(database)
                ))
            }
            Self::MigrationOrder { file, last, .. } => Diagnostic::error("MIGRATION_ORDER", message)
                .at(Place::file(file))
                .help(format!(
                    "give it a name that sorts after {last}; names are compared letter by letter, so 10 comes before 9, and \
                     010 after 009"
                )),
            Self::Sqlite(_) => Diagnostic::error("DATABASE", message)
                .help("check free space and the health of the disk that holds the data folder"),
            Self::Thread(_) => Diagnostic::error("THREAD", message)
                .help("look for limits of the system: threads, memory"),
            Self::Unavailable(_) => Diagnostic::error("INBOX_UNAVAILABLE", message).help("try again shortly"),
        }
    }
}

/// How to have a database made anew: who develops an application changes its first migration more than once.
#[must_use]
pub fn begin_anew(database: &Path) -> String {
    format!(
        "where its data are worth nothing, stop the host and delete {} (with -wal and -shm): it is made anew at the next start",
        shown(&database.display().to_string())
    )
}
