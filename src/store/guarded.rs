//! Functions of SQLite whose time is the product of their arguments' lengths: `trim` of one megabyte by another takes
//! an hour, in one step that nothing interrupts.
//!
//! Each is replaced by one that looks at the lengths and then has SQLite's own do it, on a connection of its own that
//! has nothing else. So what it returns is what SQLite returns.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::{Context, FunctionFlags, SubType};
use rusqlite::limits::Limit;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, ffi};

use super::heap;

/// Product of two lengths in bytes at most. Of `trim`, the slowest, that takes a third of a second.
const MOST: usize = 100_000_000;

/// What SQLite marks JSON with among its functions, so that one takes another's result for JSON and not for a text.
const JSON: u32 = b'J' as u32;

/// Name, number of arguments, mark of what it returns.
const FUNCTIONS: [(&str, i32, SubType); 8] = [
    ("instr", 2, None),
    ("replace", 3, None),
    ("trim", 2, None),
    ("ltrim", 2, None),
    ("rtrim", 2, None),
    ("unhex", 2, None),
    ("json_patch", 2, Some(JSON)),
    ("jsonb_patch", 2, None),
];

/// Replaces them on a connection; values are as long as there at most.
pub(super) fn install(db: &Connection) -> rusqlite::Result<()> {
    let own = Connection::open_in_memory()?;
    own.set_limit(Limit::SQLITE_LIMIT_LENGTH, db.limit(Limit::SQLITE_LIMIT_LENGTH)?)?;
    let own = Arc::new(Mutex::new(own));
    for (name, arguments, subtype) in FUNCTIONS {
        let own = Arc::clone(&own);
        let sql = format!("SELECT {name}({})", ["?"; 3][..arguments.unsigned_abs() as usize].join(", "));
        // Like SQLite's own: so they may stand in indexes, views and generated columns.
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS
            | FunctionFlags::SQLITE_RESULT_SUBTYPE;
        db.create_scalar_function(name, arguments, flags, move |context| {
            let own = own.lock().unwrap_or_else(PoisonError::into_inner);
            Ok((call(&own, &sql, context)?, subtype))
        })?;
    }
    Ok(())
}

fn call(own: &Connection, sql: &str, context: &Context<'_>) -> rusqlite::Result<Returned> {
    // rusqlite panics where SQLite has no memory for these.
    let arguments: Vec<ValueRef<'_>> =
        heap::beyond_allowance(|| (0..context.len()).map(|index| context.get_raw(index)).collect());
    let [first, second] = [0, 1].map(|index| arguments.get(index).map_or(0, length));
    if first.saturating_mul(second) > MOST {
        return Err(too_big());
    }
    let mut statement = own.prepare_cached(sql)?;
    for (index, argument) in arguments.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, ToSqlOutput::Borrowed(*argument))?;
    }
    let mut rows = statement.raw_query();
    match rows.next() {
        Ok(Some(row)) => heap::beyond_allowance(|| Ok(Returned::from(row.get_ref(0)?))),
        Ok(None) => Ok(Returned::Other(Value::Null)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::TooBig) => Err(too_big()),
        Err(error) => Err(error),
    }
}

/// Without a sentence: with one SQLite would forget the code.
fn too_big() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None)
}

fn length(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}

/// A value of SQLite's, its text as it is: it need not be UTF-8.
enum Returned {
    Text(Vec<u8>),
    Other(Value),
}

impl From<ValueRef<'_>> for Returned {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(text) => Self::Text(text.to_vec()),
            ValueRef::Blob(blob) => Self::Other(Value::Blob(blob.to_vec())),
            ValueRef::Integer(number) => Self::Other(Value::Integer(number)),
            ValueRef::Real(number) => Self::Other(Value::Real(number)),
            ValueRef::Null => Self::Other(Value::Null),
        }
    }
}

impl ToSql for Returned {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text),
            Self::Other(value) => value.into(),
        }))
    }
}
