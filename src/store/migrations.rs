//! `scripts/<appId>/migrations/*.sql`: applied once each, in the order of their names, to the application's
//! database. What is new is one transaction: it is applied whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use sha2::{Digest, Sha256};

use crate::base::Place;
use crate::store::authorizer::HostMode;
use crate::store::heap::Allowance;
use crate::store::statement::host_name_in;
use crate::store::{SqlLimits, StoreError};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS _host_migrations (
  name TEXT PRIMARY KEY,
  hash BLOB NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
";

/// One migration, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The file's name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Its SQL.
    pub sql: String,
}

/// Reads the migrations of a folder, in the order of their names; a missing folder has none.
///
/// # Errors
/// [`StoreError::Migration`] when a file cannot be read as UTF-8 text.
pub fn read_migrations(folder: &Path) -> Result<Vec<Migration>, StoreError> {
    let unreadable = |file: &Path, cause: std::io::Error| StoreError::Migration {
        file: file.to_owned(),
        name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        position: None,
        cause: cause.to_string(),
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, error)),
    };
    let mut migrations = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| unreadable(folder, error))?.path();
        if file.extension().is_some_and(|extension| extension == "sql") && file.is_file() {
            let sql = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            migrations.push(Migration { name, file, sql });
        }
    }
    migrations.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(migrations)
}

/// Applies what is not applied yet, all of it in one transaction; with the rights of scripts, so that a migration reaches
/// nothing that an action could not, and within the limits of its memory; what it sorts goes to files.
pub(super) fn apply(
    db: &Connection,
    mode: &HostMode,
    limits: SqlLimits,
    migrations: &[Migration],
    now: i64,
) -> Result<usize, StoreError> {
    let mut new = Vec::new();
    for migration in migrations {
        if is_new(db, mode, migration)? {
            new.push(migration);
        }
    }
    if new.is_empty() {
        return Ok(0);
    }
    mode.with(|| db.execute_batch("PRAGMA temp_store = FILE; BEGIN IMMEDIATE"))?;
    let done = new.iter().try_for_each(|migration| {
        run(db, mode, limits, migration)?;
        mode.with(|| {
            db.execute(
                "INSERT INTO _host_migrations(name, hash, applied_at) VALUES (?, ?, ?)",
                rusqlite::params![migration.name, hash(migration), now],
            )
        })?;
        Ok(())
    });
    let done = done.and_then(|()| Ok(mode.with(|| db.execute_batch("COMMIT"))?));
    if !db.is_autocommit() {
        mode.with(|| db.execute_batch("ROLLBACK"))?;
    }
    // Some statements (renaming a column) open the temporary database. While it is open, SQLite refuses to change where it
    // is within a transaction, and every run does.
    mode.with(|| db.execute_batch("PRAGMA temp_store = MEMORY"))?;
    done.map(|()| new.len())
}

/// Whether it is not applied yet.
///
/// # Errors
/// [`StoreError::MigrationChanged`] when another text was applied under its name.
fn is_new(db: &Connection, mode: &HostMode, migration: &Migration) -> Result<bool, StoreError> {
    let applied: Option<Vec<u8>> = mode.with(|| {
        use rusqlite::OptionalExtension;
        db.query_row("SELECT hash FROM _host_migrations WHERE name = ?", [&migration.name], |row| row.get(0))
            .optional()
    })?;
    match applied {
        None => Ok(true),
        Some(applied) if applied == hash(migration) => Ok(false),
        Some(_) => Err(StoreError::MigrationChanged {
            file: migration.file.clone(),
            name: migration.name.clone(),
            database: db.path().unwrap_or_default().into(),
        }),
    }
}

/// The migrations that were changed after they were applied to the database in `file`, if there is one that can be read.
#[must_use]
pub fn changed_migrations(file: &Path, migrations: &[Migration]) -> Vec<StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(db) = Connection::open_with_flags(file, flags) else { return Vec::new() };
    let applied = |migration: &&Migration| -> Option<Vec<u8>> {
        let sql = "SELECT hash FROM _host_migrations WHERE name = ?";
        db.query_row(sql, [&migration.name], |row| row.get(0)).ok()
    };
    let changed = migrations
        .iter()
        .filter(|migration| applied(migration).is_some_and(|applied| applied != hash(migration)));
    changed
        .map(|migration| StoreError::MigrationChanged {
            file: migration.file.clone(),
            name: migration.name.clone(),
            database: file.to_owned(),
        })
        .collect()
}

/// The names of migrations that were applied to the database in `file` and are not there any more.
#[must_use]
pub fn gone_migrations(file: &Path, migrations: &[Migration]) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let applied = || -> rusqlite::Result<Vec<String>> {
        let db = Connection::open_with_flags(file, flags)?;
        let mut names = db.prepare("SELECT name FROM _host_migrations ORDER BY name")?;
        names.query_map([], |row| row.get(0))?.collect()
    };
    let is_there = |name: &String| migrations.iter().any(|migration| migration.name == *name);
    applied().unwrap_or_default().into_iter().filter(|name| !is_there(name)).collect()
}

fn hash(migration: &Migration) -> Vec<u8> {
    Sha256::digest(migration.sql.as_bytes()).to_vec()
}

fn run(db: &Connection, mode: &HostMode, limits: SqlLimits, migration: &Migration) -> Result<(), StoreError> {
    let fail = |offset: Option<usize>, cause: String| StoreError::Migration {
        file: migration.file.clone(),
        name: migration.name.clone(),
        position: offset.map(|offset| Place::position_of(&migration.sql, offset)),
        cause,
    };
    if let Some(at) = host_name_in(&migration.sql) {
        return Err(fail(Some(at), "names that begin with `_host_` are the host's".into()));
    }
    let mut batch = rusqlite::Batch::new(db, &migration.sql);
    loop {
        let allowance = Allowance::new(u64::from(limits.memory_mb) << 20);
        let why = |error: &rusqlite::Error| describe(error, limits, &allowance);
        mode.next_statement();
        match allowance.within(|| batch.next()) {
            Ok(None) => return Ok(()),
            Ok(Some(mut statement)) => {
                let text = statement.expanded_sql().unwrap_or_default();
                let mut rows = statement.raw_query();
                let mut outcome = Ok(true);
                while let Ok(true) = outcome {
                    outcome = allowance.within(|| rows.next().map(|row| row.is_some()));
                }
                outcome.map_err(|error| fail(migration.sql.find(text.trim()), why(&error)))?;
            }
            Err(error) => {
                let offset = match &error {
                    rusqlite::Error::SqlInputError { sql, offset, .. } => {
                        let within = usize::try_from(*offset).unwrap_or(0);
                        Some(migration.sql.len().saturating_sub(sql.len()) + within)
                    }
                    _ => None,
                };
                return Err(fail(offset, why(&error)));
            }
        }
    }
}

fn describe(error: &rusqlite::Error, limits: SqlLimits, allowance: &Allowance) -> String {
    if allowance.was_exceeded() {
        return format!("it takes more memory than limits.sql_memory_mb = {}", limits.memory_mb);
    }
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        _ if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            format!("the disk or the database is full (limits.database_mb = {})", limits.database_mb)
        }
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixMillis;
    use crate::store::{AppDb, HostId};

    fn migrations(texts: &[&str]) -> Vec<Migration> {
        let named = (1..).zip(texts);
        named
            .map(|(n, sql)| Migration {
                name: format!("{n}.sql"),
                file: format!("{n}.sql").into(),
                sql: (*sql).into(),
            })
            .collect()
    }

    fn tables(db: &AppDb) -> i64 {
        db.as_host(|db, _| {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_host%' ESCAPE '\\'";
            db.query_row(sql, [], |row| row.get(0)).unwrap()
        })
    }

    #[test]
    fn what_is_new_is_applied_whole_or_not_at_all() {
        let db = AppDb::open(Path::new(":memory:"), &HostId("a".into()), SqlLimits::default()).unwrap();
        let apply = |texts: &[&str]| {
            db.migrate(&migrations(texts), UnixMillis(1)).map_err(|error| error.diagnostic().code)
        };
        let (one, two) = ("CREATE TABLE one (x)", "CREATE TABLE two (x)");
        assert_eq!(apply(&[one, two, "INSERT INTO nowhere VALUES (1)"]), Err("MIGRATION_FAILED"));
        assert_eq!(tables(&db), 0, "the first two neither");
        assert_eq!(apply(&[one, two]), Ok(2));
        assert_eq!(apply(&[one, two, "CREATE TABLE three (x)"]), Ok(1));
        assert_eq!(apply(&[one, "CREATE TABLE other (x)"]), Err("MIGRATION_CHANGED"));
        assert_eq!(tables(&db), 3);
    }

    /// Renaming opens SQLite's temporary database, and then it can be moved between two transactions only.
    #[test]
    fn runs_follow_a_migration_that_renames() {
        let db = AppDb::open(Path::new(":memory:"), &HostId("a".into()), SqlLimits::default()).unwrap();
        for n in 2..4 {
            let renames = [
                "CREATE TABLE one (x)",
                "ALTER TABLE one RENAME COLUMN x TO y",
                "ALTER TABLE one RENAME TO two",
            ];
            db.migrate(&migrations(&renames[..n]), UnixMillis(1)).unwrap();
            db.begin().unwrap();
            db.begin_run().unwrap();
            db.keep_run().unwrap();
            db.commit().unwrap();
        }
    }
}
