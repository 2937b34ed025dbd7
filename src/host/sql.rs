//! `executeQuery` and `executeSql`: the application's own database.

use crate::host::functions::{Call, Reply};
use crate::host::{RunContext, Separated};
use crate::script::protocol::{ErrorKind, LogLevel, Thrown, Value};
use crate::store::{AppDb, Parameters, ScriptSqlError, SqlValue};

/// `executeQuery(sql, dataSourceId, ...params)`: rows as a JSON string.
pub(super) fn execute_query(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let sql = call.arguments.required_string(0)?;
    only_own_database(call)?;
    let positional = call.arguments.sql_values(2)?;
    let run = call.run;
    let parameters = Parameters { positional: &positional, named: &|name| run.named(name) };
    let rows = call.db.query(sql, &parameters).map_err(|error| thrown(&error))?;
    Ok(Reply::Return(Value::String(rows)))
}

/// `executeSql(sql, dataSourceId, separatedTransaction, interruptExecution, ...params)`: number of rows.
pub(super) fn execute_sql(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let sql = call.arguments.required_string(0)?;
    only_own_database(call)?;
    let separated = call.arguments.boolean(2)?.unwrap_or(false);
    let interrupt = call.arguments.boolean(3)?.unwrap_or(true);
    let positional = call.arguments.sql_values(4)?;
    match execute(call.db, call.run, sql, &positional) {
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
    execute(db, run, &statement.sql, &statement.positional)
}

fn execute(db: &AppDb, run: &RunContext, sql: &str, positional: &[SqlValue]) -> Result<u64, ScriptSqlError> {
    let named = |name: &str| run.named(name);
    db.execute(sql, &Parameters { positional, named: &named })
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
