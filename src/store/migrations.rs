//! `scripts/<appId>/migrations/*.sql`: applied once each, in the order of their names, to the application's
//! database. What is new is one transaction: it is applied whole or not at all.

use std::collections::BTreeMap;
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
    let database = Path::new(db.path().unwrap_or_default());
    let new = new_among(migrations, &mode.with(|| applied(db))?, database)
        .map_err(|mut refused| refused.swap_remove(0))?;
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

/// The names of the migrations that a database has, and their hashes.
type Applied = BTreeMap<String, Vec<u8>>;

fn applied(db: &Connection) -> rusqlite::Result<Applied> {
    let mut statement = db.prepare("SELECT name, hash FROM _host_migrations")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Those that are not applied yet; `migrations` are in the order of their names.
///
/// # Errors
/// Why there are some that can never be: [`StoreError::MigrationChanged`] where another text was applied under a name,
/// [`StoreError::MigrationOrder`] where one that is applied comes later. A new database would have both in another order, so
/// what works on the one might not on the other.
fn new_among<'a>(
    migrations: &'a [Migration],
    applied: &Applied,
    database: &Path,
) -> Result<Vec<&'a Migration>, Vec<StoreError>> {
    let (mut new, mut refused) = (Vec::new(), Vec::new());
    let last = migrations.iter().rev().find(|migration| applied.contains_key(&migration.name));
    for migration in migrations {
        let (file, name) = (migration.file.clone(), migration.name.clone());
        match (applied.get(&name), last) {
            (Some(known), _) if *known == hash(migration) => {}
            (Some(_), _) => {
                refused.push(StoreError::MigrationChanged { file, name, database: database.to_owned() });
            }
            (None, Some(last)) if name < last.name => {
                refused.push(StoreError::MigrationOrder { file, name, last: last.name.clone() });
            }
            (None, _) => new.push(migration),
        }
    }
    if refused.is_empty() { Ok(new) } else { Err(refused) }
}

/// The migrations that the database in `file` will never take, if there is one that can be read.
#[must_use]
pub fn refused_migrations(file: &Path, migrations: &[Migration]) -> Vec<StoreError> {
    let applied = applied_in(file).unwrap_or_default();
    new_among(migrations, &applied, file).err().unwrap_or_default()
}

fn applied_in(file: &Path) -> rusqlite::Result<Applied> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    applied(&Connection::open_with_flags(file, flags)?)
}

/// The names of migrations that were applied to the database in `file` and are not there any more.
#[must_use]
pub fn gone_migrations(file: &Path, migrations: &[Migration]) -> Vec<String> {
    let is_there = |name: &String| migrations.iter().any(|migration| migration.name == *name);
    applied_in(file).unwrap_or_default().into_keys().filter(|name| !is_there(name)).collect()
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

    /// A new database would have it before what is applied: `ALTER TABLE` of a table that is not there yet, say.
    #[test]
    fn what_sorts_before_an_applied_one_is_refused() {
        let db = AppDb::open(Path::new(":memory:"), &HostId("a".into()), SqlLimits::default()).unwrap();
        let named = |names: &[&str]| -> Vec<Migration> {
            let sql = |name: &str| format!("CREATE TABLE \"{name}\" (x)");
            let of = |name: &&str| Migration { name: (*name).into(), file: name.into(), sql: sql(name) };
            names.iter().map(of).collect()
        };
        let apply =
            |names: &[&str]| db.migrate(&named(names), UnixMillis(1)).map_err(|error| error.to_string());
        assert_eq!(apply(&["001.sql", "9.sql"]), Ok(2));
        let refused = |name: &str| {
            Err(format!("migration {name} is new, and 9.sql, which is applied already, comes after it"))
        };
        assert_eq!(apply(&["001.sql", "10.sql", "9.sql"]), refused("10.sql"));
        assert_eq!(apply(&["0.sql", "001.sql", "9.sql", "9a.sql"]), refused("0.sql"));
        assert_eq!(tables(&db), 2, "nothing of it is applied");
        assert_eq!(apply(&["001.sql", "9.sql", "9a.sql"]), Ok(1));
        // What is gone is in no new database.
        assert_eq!(apply(&["001.sql", "002.sql"]), Ok(1));
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
