//! One statement of a script: bound, never pasted; its rows as JSON.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement};

use crate::store::authorizer::HostMode;
use crate::store::heap::Allowance;
use crate::store::room::Room;

/// The largest result of one query, in bytes of JSON.
const MAX_RESULT: usize = 4 << 20;
/// The texts of all tables, indexes, views and triggers together, in characters: SQLite keeps them in memory, taken to
/// pieces, on every connection.
const MAX_SCHEMA: i64 = 4 << 20;
/// A prepared statement that holds more than this is not kept for the next call, in bytes.
const MAX_KEPT: i64 = 256 << 10;

/// A value that is bound to a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// NULL
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// What a statement's parameters are bound to.
pub struct Parameters<'a> {
    /// For `?` and `?NNN`, in order.
    pub positional: &'a [SqlValue],
    /// For `:NAME` (also `@NAME`, `$NAME`): the value of that name, NULL when there is none.
    pub named: &'a dyn Fn(&str) -> SqlValue,
}

/// Why a script's statement failed, for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptSqlError {
    /// A stable code: `SQL_SYNTAX`, `SQL_CONSTRAINT`, `SQL_DENIED`, …
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

impl ScriptSqlError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<rusqlite::Error> for ScriptSqlError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqlInputError { msg, sql, offset, .. } => {
                let near: String = usize::try_from(*offset)
                    .ok()
                    .and_then(|offset| sql.get(offset..))
                    .unwrap_or_default()
                    .chars()
                    .take(30)
                    .collect();
                let near = if near.is_empty() { String::new() } else { format!(" at `{near}`") };
                let code = if msg.contains("not authorized") || msg.contains("prohibited") {
                    "SQL_DENIED"
                } else {
                    "SQL_SYNTAX"
                };
                Self::new(code, format!("{msg}{near}"))
            }
            rusqlite::Error::MultipleStatement => {
                Self::new("SQL_SYNTAX", "one statement a call: there is more after the first")
            }
            rusqlite::Error::SqliteFailure(failure, message) => {
                let message = message.clone().unwrap_or_else(|| failure.to_string());
                match failure.code {
                    ErrorCode::ConstraintViolation => Self::new("SQL_CONSTRAINT", message),
                    ErrorCode::AuthorizationForStatementDenied => {
                        Self::new("SQL_DENIED", format!("{message}: scripts use their own tables only"))
                    }
                    ErrorCode::OperationInterrupted => Self::new(
                        "SQL_INTERRUPTED",
                        "the statement took longer than the run may (limits.wall_ms)",
                    ),
                    ErrorCode::DiskFull => Self::new("SQL_FULL", "the disk or the database is full"),
                    ErrorCode::TooBig => Self::new(
                        "SQL_TOO_BIG",
                        format!(
                            "{message}: a value or row is too long, or too long for what a function does with it"
                        ),
                    ),
                    ErrorCode::OutOfMemory => Self::new(
                        "SQL_MEMORY",
                        "the statement is too long for SQLite, or the computer has no memory left",
                    ),
                    _ if message.contains("pattern too complex") => Self::new(
                        "SQL_TOO_BIG",
                        format!("{message}: it has more than 256 bytes; instr() looks for longer texts"),
                    ),
                    _ => Self::new("SQL_ERROR", message),
                }
            }
            _ => Self::new("SQL_ERROR", error.to_string()),
        }
    }
}

/// What a script's statement runs with.
pub(super) struct Script<'a> {
    pub(super) db: &'a Connection,
    pub(super) mode: &'a HostMode,
    pub(super) room: &'a Room,
    /// Of this statement alone.
    pub(super) allowance: Allowance,
}

impl Script<'_> {
    /// Prepares a statement and works with it. The connection keeps prepared statements by their text, and asks what is
    /// allowed only when it prepares one: with this mark before it, a script's text is never that of a statement that
    /// the host has prepared with rights of its own.
    ///
    /// The authorizer is not asked about every name: not about the new one of a table that is renamed, nor about the
    /// table that a foreign key points at. So the host's names may not stand in a script's statement at all; as values
    /// they can be bound.
    fn with<T>(
        &self,
        sql: &str,
        work: impl FnOnce(&mut Statement<'_>) -> Result<T, ScriptSqlError>,
    ) -> Result<T, ScriptSqlError> {
        if host_name_in(sql).is_some() {
            return Err(denied(
                "names that begin with `_host_` are the host's: scripts use their own tables only",
            ));
        }
        self.mode.next_statement();
        let mut statement =
            self.allowance.within(|| self.db.prepare_cached(&format!("/* script */ {sql}")))?;
        let allowed = if self.mode.was_asked() { self.may_run(&statement, sql) } else { Ok(()) };
        // One that changes the schema is asked about each time, so it is not kept either.
        let is_kept = allowed.is_ok() && !self.mode.changes_schema() && self.allowance.held() <= MAX_KEPT;
        let result = allowed.and_then(|()| {
            if statement.readonly() {
                work(&mut statement)
            } else {
                self.room.for_script(self.db, self.mode, || work(&mut statement))?
            }
        });
        if !is_kept {
            statement.discard();
        }
        result
    }

    /// What the authorizer cannot tell of a statement that was prepared now.
    fn may_run(&self, statement: &Statement<'_>, sql: &str) -> Result<(), ScriptSqlError> {
        // SQLite believes what stands there when it plans.
        if !statement.readonly() && sql.to_ascii_lowercase().contains("sqlite_stat") {
            return Err(denied("statistics are what ANALYZE writes"));
        }
        if !self.mode.changes_schema() || self.mode.drops() {
            return Ok(());
        }
        let texts = "SELECT coalesce(sum(length(sql)), 0) FROM sqlite_master";
        let known: i64 = self.mode.with(|| self.db.query_row(texts, [], |row| row.get(0)))?;
        if known <= MAX_SCHEMA {
            return Ok(());
        }
        let message = format!(
            "the definitions of all tables, indexes, views and triggers take more than {} MiB: drop some",
            MAX_SCHEMA >> 20
        );
        Err(ScriptSqlError::new("SQL_TOO_BIG", message))
    }
}

fn denied(why: &str) -> ScriptSqlError {
    ScriptSqlError::new("SQL_DENIED", why)
}

/// Where a name that begins like the host's stands in a text of SQL, if one could: `smtp_host_name` does not.
pub(super) fn host_name_in(sql: &str) -> Option<usize> {
    let lower = sql.to_ascii_lowercase();
    let within_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || !b.is_ascii();
    lower
        .match_indices("_host_")
        .map(|(at, _)| at)
        .find(|at| !lower.as_bytes()[..*at].last().copied().is_some_and(within_name))
}

/// Prepares a statement, and runs nothing.
pub(super) fn prepare(script: &Script<'_>, sql: &str) -> Result<(), ScriptSqlError> {
    script.with(sql, |_| Ok(()))
}

/// Runs a query and gives its rows as a JSON list of objects, keys as the column names.
pub(super) fn query(
    script: &Script<'_>,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<String, ScriptSqlError> {
    script.with(sql, |statement| {
        bind(statement, parameters)?;
        let names: Vec<String> =
            statement.column_names().map(|name| serde_json::Value::from(name).to_string()).collect();
        let mut rows = statement.raw_query();
        let mut json = String::from("[");
        while let Some(row) = script.allowance.within(|| rows.next())? {
            json.push_str(if json.len() > 1 { ",{" } else { "{" });
            for (index, name) in names.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                json.push_str(name);
                json.push(':');
                write_value(&mut json, row.get_ref(index)?);
                // After each value, for one row may have many.
                if json.len() > MAX_RESULT {
                    return Err(ScriptSqlError::new(
                        "SQL_TOO_BIG",
                        format!(
                            "the result is larger than {} MiB: select fewer rows or columns",
                            MAX_RESULT >> 20
                        ),
                    ));
                }
            }
            json.push('}');
        }
        json.push(']');
        Ok(json)
    })
}

/// Runs a statement and gives the number of rows that it changed.
pub(super) fn execute(
    script: &Script<'_>,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<u64, ScriptSqlError> {
    let db = script.db;
    script.with(sql, |statement| {
        bind(statement, parameters)?;
        let before = db.total_changes();
        let readonly = statement.readonly();
        let mut rows = statement.raw_query();
        let mut returned = 0;
        while script.allowance.within(|| rows.next())?.is_some() {
            returned += 1;
        }
        drop(rows);
        // DDL leaves the counter of the statement before it alone, so the difference is taken; a SELECT counts what
        // it returned.
        Ok(if readonly {
            returned
        } else {
            (db.total_changes() - before).min(db.changes().max(u64::from(returned > 0)))
        })
    })
}

fn bind(statement: &mut Statement<'_>, parameters: &Parameters<'_>) -> Result<(), ScriptSqlError> {
    let mut next = 0;
    let mut used = 0;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).map(str::to_owned);
        let value = match name.as_deref() {
            Some(name) if !name.starts_with('?') => (parameters.named)(&name[1..]),
            numbered => {
                let position = match numbered.and_then(|name| name[1..].parse::<usize>().ok()) {
                    Some(number) => number - 1,
                    None => next,
                };
                next = position + 1;
                used = used.max(next);
                parameters.positional.get(position).cloned().ok_or_else(|| {
                    ScriptSqlError::new(
                        "SQL_PARAMETERS",
                        format!(
                            "the statement wants at least {} parameters, the call gives {}",
                            position + 1,
                            parameters.positional.len()
                        ),
                    )
                })?
            }
        };
        statement.raw_bind_parameter(index, value)?;
    }
    if used < parameters.positional.len() {
        return Err(ScriptSqlError::new(
            "SQL_PARAMETERS",
            format!(
                "the statement has {used} `?`, the call gives {} parameters",
                parameters.positional.len()
            ),
        ));
    }
    Ok(())
}

fn write_value(json: &mut String, value: ValueRef<'_>) {
    const SAFE: i64 = (1 << 53) - 1;
    match value {
        ValueRef::Null => json.push_str("null"),
        ValueRef::Integer(number) if (-SAFE..=SAFE).contains(&number) => {
            let _ = write!(json, "{number}");
        }
        ValueRef::Integer(number) => {
            let _ = write!(json, "\"{number}\"");
        }
        ValueRef::Real(number) => match serde_json::Number::from_f64(number) {
            Some(number) => {
                let _ = write!(json, "{number}");
            }
            None => json.push_str("null"),
        },
        ValueRef::Text(text) => {
            json.push_str(&serde_json::Value::from(String::from_utf8_lossy(text)).to_string());
        }
        ValueRef::Blob(blob) => {
            let _ = write!(json, "\"{}\"", BASE64_STANDARD.encode(blob));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> SqlValue {
        SqlValue::Null
    }

    fn run(sql: &str, positional: &[SqlValue]) -> Result<String, ScriptSqlError> {
        with(&Connection::open_in_memory().unwrap(), |script| {
            query(script, sql, &Parameters { positional, named: &none })
        })
    }

    fn with<T>(db: &Connection, work: impl FnOnce(&Script<'_>) -> T) -> T {
        let room = Room::measure(db, 1 << 30).unwrap();
        work(&Script { db, mode: &HostMode::default(), room: &room, allowance: Allowance::new(64 << 20) })
    }

    #[test]
    fn rows_come_back_as_json() {
        assert_eq!(
            run("SELECT 1 AS one, 1.5 AS half, 'è\"' AS text, NULL AS missing, x'00ff' AS blob", &[])
                .unwrap(),
            r#"[{"one":1,"half":1.5,"text":"è\"","missing":null,"blob":"AP8="}]"#
        );
        assert_eq!(run("SELECT 9007199254740993 AS big", &[]).unwrap(), r#"[{"big":"9007199254740993"}]"#);
        assert_eq!(run("SELECT 9007199254740991 AS safe", &[]).unwrap(), r#"[{"safe":9007199254740991}]"#);
        assert_eq!(run("SELECT 1 WHERE 0", &[]).unwrap(), "[]");
    }

    #[test]
    fn parameters_are_bound_in_order_by_number_and_by_name() {
        let text = |text: &str| SqlValue::Text(text.into());
        assert_eq!(
            run("SELECT ? AS a, ? AS b", &[SqlValue::Integer(1), text("'; DROP")]).unwrap(),
            r#"[{"a":1,"b":"'; DROP"}]"#
        );
        assert_eq!(
            run("SELECT ?2 AS b, ?1 AS a", &[text("x"), text("y")]).unwrap(),
            r#"[{"b":"y","a":"x"}]"#
        );
        let db = Connection::open_in_memory().unwrap();
        let named = |name: &str| SqlValue::Text(format!("<{name}>"));
        assert_eq!(
            with(&db, |script| {
                let parameters = Parameters { positional: &[SqlValue::Null], named: &named };
                query(script, "SELECT :SID AS s, ? AS p", &parameters)
            })
            .unwrap(),
            r#"[{"s":"<SID>","p":null}]"#
        );
    }

    #[test]
    fn a_wrong_number_of_parameters_is_an_error() {
        assert_eq!(run("SELECT ?", &[]).unwrap_err().code, "SQL_PARAMETERS");
        assert_eq!(run("SELECT 1", &[SqlValue::Null]).unwrap_err().code, "SQL_PARAMETERS");
    }

    #[test]
    fn names_of_the_hosts_are_refused_wherever_they_stand() {
        for sql in [
            "CREATE TABLE t(n REFERENCES _host_done(at))",
            "CREATE TABLE t(n REFERENCES \"_HOST_journal\"(call) DEFERRABLE INITIALLY DEFERRED)",
            "ALTER TABLE t RENAME TO _host_mine",
            "ALTER TABLE t RENAME TO[_host_mine]",
            "SELECT * FROM main._host_done",
        ] {
            assert_eq!(run(sql, &[]).unwrap_err().code, "SQL_DENIED", "{sql}");
        }
        assert_eq!(run("SELECT 1 AS smtp_host_name", &[]).unwrap(), r#"[{"smtp_host_name":1}]"#);
    }

    #[test]
    fn one_row_cannot_be_larger_than_a_result() {
        let columns = ["hex(zeroblob(1000000))"; 5].join(", ");
        assert_eq!(run(&format!("SELECT {columns}"), &[]).unwrap_err().code, "SQL_TOO_BIG");
    }

    #[test]
    fn errors_say_where() {
        let error = run("SELEKT 1", &[]).unwrap_err();
        assert_eq!(error.code, "SQL_SYNTAX");
        assert!(error.message.contains("SELEKT"), "{error}");
        assert_eq!(
            run("SELECT 1; SELECT 2", &[]).unwrap_err().message,
            "one statement a call: there is more after the first"
        );
    }

    #[test]
    fn the_number_of_rows_is_the_statements_own() {
        let db = Connection::open_in_memory().unwrap();
        let parameters = Parameters { positional: &[], named: &none };
        let run = |sql: &str| with(&db, |script| execute(script, sql, &parameters)).unwrap();
        assert_eq!(run("CREATE TABLE t(x)"), 0);
        assert_eq!(run("INSERT INTO t VALUES (1), (2), (3)"), 3);
        assert_eq!(run("UPDATE t SET x = 0 WHERE x > 1"), 2);
        assert_eq!(run("CREATE TABLE u(x)"), 0, "DDL after an UPDATE");
        assert_eq!(run("INSERT INTO t VALUES (9) RETURNING x"), 1);
        assert_eq!(run("DELETE FROM t"), 4);
    }
}
