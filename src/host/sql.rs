//! `executeQuery` and `executeSql`: the application's own database.

use std::cell::RefCell;

use crate::host::functions::{Call, Reply};
use crate::host::{RunContext, Separated};
use crate::script::protocol::{ErrorKind, LogLevel, Thrown, Value};
use crate::store::{AppDb, Parameters, ScriptSqlError, SqlValue};

/// `executeQuery(sql, dataSourceId, ...params)`: rows as a JSON string.
pub(super) fn execute_query(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let sql = call.arguments.required_string(0)?;
    only_own_database(call)?;
    let positional = call.arguments.sql_values(2)?;
    let names = Names::of(call.run);
    let parameters = Parameters { positional: &positional, named: &|name| names.value(name) };
    let rows = call.db.query(sql, &parameters);
    names.tell("executeQuery", &mut call.effects.log);
    Ok(Reply::Return(Value::String(rows.map_err(|error| thrown(&error))?)))
}

/// `executeSql(sql, dataSourceId, separatedTransaction, interruptExecution, ...params)`: number of rows.
pub(super) fn execute_sql(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let sql = call.arguments.required_string(0)?;
    only_own_database(call)?;
    let separated = call.arguments.boolean(2)?.unwrap_or(false);
    let interrupt = call.arguments.boolean(3)?.unwrap_or(true);
    let positional = call.arguments.sql_values(4)?;
    let names = Names::of(call.run);
    let done = execute(call.db, &names, sql, &positional);
    names.tell("executeSql", &mut call.effects.log);
    match done {
        Ok(rows) => {
            if separated {
                call.effects.separated.push(Separated { sql: sql.to_owned(), positional });
            }
            #[allow(clippy::cast_precision_loss)] // numbers of rows stay far below 2^53
            Ok(Reply::Return(Value::Number(rows as f64)))
        }
        Err(error) if !interrupt => {
            call.effects.log.push((LogLevel::Error, format!("executeSql: {}: {error}", error.code)));
            Ok(Reply::Return(Value::Number(-1.0)))
        }
        Err(error) => Err(thrown(&error)),
    }
}

/// Runs a separated statement once more, after its run was rolled back.
///
/// # Errors
/// [`ScriptSqlError`] when it fails by itself.
pub fn run_separated(db: &AppDb, run: &RunContext, statement: &Separated) -> Result<u64, ScriptSqlError> {
    execute(db, &Names::of(run), &statement.sql, &statement.positional)
}

fn execute(db: &AppDb, names: &Names<'_>, sql: &str, positional: &[SqlValue]) -> Result<u64, ScriptSqlError> {
    db.execute(sql, &Parameters { positional, named: &|name| names.value(name) })
}

/// What the `:NAME`s of a statement read, and those that were probably meant otherwise: they are NULL, and nobody would
/// know why no row is found.
struct Names<'a> {
    run: &'a RunContext,
    slips: RefCell<Vec<(String, String)>>,
}

impl<'a> Names<'a> {
    fn of(run: &'a RunContext) -> Self {
        Self { run, slips: RefCell::default() }
    }

    fn value(&self, name: &str) -> SqlValue {
        let value = self.run.named(name);
        if value == SqlValue::Null
            && let Some(meant) = self.run.meant_by(name)
        {
            self.slips.borrow_mut().push((name.to_owned(), meant));
        }
        value
    }

    fn tell(self, function: &str, log: &mut Vec<(LogLevel, String)>) {
        log.extend(self.slips.into_inner().into_iter().map(|(name, meant)| {
            let line =
                format!("{function}: `vo` has no member for :{name}, so it is null: did you mean :{meant}?");
            (LogLevel::Warn, line)
        }));
    }
}

/// There is one data source today, the application's own database; its id is null (or absent).
fn only_own_database(call: &Call<'_>) -> Result<(), Thrown> {
    match call.arguments.get(1) {
        None => Ok(()),
        Some(Value::String(id)) if id.is_empty() => Ok(()),
        Some(_) => Err(Thrown {
            kind: ErrorKind::Error,
            message: "`dataSourceId` must be null: the application's own database is the only one for now; a statement's values \
                      come behind it, as in executeQuery(sql, null, value)"
                .into(),
            code: Some("UNKNOWN_DATA_SOURCE".into()),
        }),
    }
}

fn thrown(error: &ScriptSqlError) -> Thrown {
    Thrown { kind: ErrorKind::Error, message: error.message.clone(), code: Some(error.code.to_owned()) }
}
