//! The rules and limits of a connection on which scripts' statements run.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::store::authorizer::{self, HostMode};
use crate::store::guarded;

/// After so many steps of a statement SQLite asks whether the time is over. A loop has five steps or more, one step
/// takes up to a second (`LIKE` and `GLOB` over two megabytes).
const STEPS: i32 = 50;

/// What holds for each statement. In one step of SQLite's, which nothing interrupts, time goes with the lengths.
const LIMITS: [(Limit, i32); 15] = [
    (Limit::SQLITE_LIMIT_LENGTH, 2 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 256 << 10),
    (Limit::SQLITE_LIMIT_COLUMN, 500),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 1000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 255),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_PARSER_DEPTH, 1000),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_VDBE_OP, 250_000),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 50),
    (Limit::SQLITE_LIMIT_TRIGGER_STEPS, 100),
    (Limit::SQLITE_LIMIT_SCHEMA, 10_000),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Puts everything in force; `late` says whether the statement that runs must end.
pub(super) fn put_up(
    connection: &mut Connection,
    mode: &HostMode,
    memory_mb: u32,
    late: impl FnMut() -> bool + Send + 'static,
) -> rusqlite::Result<()> {
    // A statement that reads much fills the cache first. Were it larger than the statement's allowance, that would end
    // there instead of using pages again.
    let cache_kb = (i64::from(memory_mb) * 1024 / 4).min(16_384);
    connection.pragma_update(None, "cache_size", -cache_kb)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    guarded::install(connection)?;
    authorizer::install(connection, mode)?;
    connection.progress_handler(STEPS, Some(late))
}
