//! The application's own database.

use super::{example, parameter, returns, throws};
use crate::host::functions::{Body, Function, Parameter, Throws};
use crate::host::sql;

const SQL: Parameter = parameter(
    "sql",
    "string",
    "one statement; `?` takes the params in order, `:NAME` the member of `vo` of that name",
);
const DATA_SOURCE: Parameter =
    parameter("dataSourceId", "null", "null: the application's own database is the only one for now");
const PARAMS: Parameter =
    parameter("...params", "SqlValue[]", "one value for each `?`; bound, never pasted into the text");

const THROWS: &[Throws] = &[
    throws("SQL_SYNTAX", "SQLite does not understand it, or there is more than one statement"),
    throws("SQL_PARAMETERS", "there are too few or too many params"),
    throws("SQL_CONSTRAINT", "a constraint of the table says no"),
    throws("SQL_DENIED", "it is not allowed to scripts"),
    throws("SQL_INTERRUPTED", "it took longer than the run may"),
    throws("SQL_MEMORY", "it takes more memory than it may"),
    throws("SQL_TOO_BIG", "a value, row, statement, result or the schema is too large"),
    throws("SQL_FULL", "the database is as large as it may be"),
    throws("SQL_TRANSACTION_LOST", "it ended the run's transaction: nothing of the run stays"),
    throws("SQL_ERROR", "SQLite says anything else"),
    throws("UNKNOWN_DATA_SOURCE", "`dataSourceId` is not null"),
];

pub(super) static EXECUTE_QUERY: Function = Function {
    name: "executeQuery",
    parameters: &[SQL, DATA_SOURCE, PARAMS],
    otherwise: &[],
    returns: returns(
        "JsonString<any[]>",
        "the rows as JSON: a list of objects, keys as the column names. Integers beyond 2⁵³ are strings, BLOBs base64",
    ),
    documentation: "Runs a query on the application's own database.",
    throws: THROWS,
    example: example!("executeQuery"),
    global: false,
    body: Body::Host(sql::execute_query),
};

pub(super) static EXECUTE_SQL: Function = Function {
    name: "executeSql",
    parameters: &[
        SQL,
        DATA_SOURCE,
        parameter(
            "separatedTransaction",
            "boolean | null",
            "true: the effect stays although the run fails, and may happen more than once",
        ),
        parameter("interruptExecution", "boolean | null", "false: an SQL error is logged and -1 returned"),
        PARAMS,
    ],
    otherwise: &[],
    returns: returns("number", "how many rows were changed"),
    documentation: "Runs a statement on the application's own database, in the run's transaction.",
    throws: THROWS,
    example: example!("executeSql"),
    global: false,
    body: Body::Host(sql::execute_sql),
};
