//! The manifest: everything that a script may call, in one list.

use crate::host::{Arguments, Effects, RunContext, Send, media, messages, sql};
use crate::script::protocol::{ErrorKind, FunctionSpec, LogLevel, Returned, Thrown, Value};
use crate::store::AppDb;

/// A function that scripts may call as `utils.<name>`.
#[derive(Debug)]
pub struct Function {
    /// Its place below `utils`: `executeQuery`, `whatsapp.send`.
    pub name: &'static str,
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// What it returns, as a TypeScript type.
    pub returns: &'static str,
    /// What it does, for authors.
    pub documentation: &'static str,
    /// Whether it is a global too.
    pub global: bool,
    /// Whether its answer is recorded in the journal of a run that sends. What only touches the run's own
    /// [`Effects`] is done anew in every attempt instead.
    pub recorded: bool,
    /// What it is.
    pub body: fn(&mut Call<'_>) -> Result<Reply, Thrown>,
}

/// A parameter of a [`Function`].
#[derive(Debug)]
pub struct Parameter {
    /// Its name; `...` before it takes the rest.
    pub name: &'static str,
    /// Its TypeScript type; ` | null` where it may be left out.
    pub kind: &'static str,
}

/// One call of a function.
pub struct Call<'a> {
    /// The run.
    pub run: &'a RunContext,
    /// The application's database, within the run's savepoint.
    pub db: &'a AppDb,
    /// What was given.
    pub arguments: Arguments<'a>,
    /// What the run gathers.
    pub effects: &'a mut Effects,
}

/// What a function answers.
#[derive(Debug)]
pub enum Reply {
    /// A value.
    Return(Value),
    /// A message wants to be sent: commit, send, and answer with the outcome.
    Send(Box<Send>),
}

const fn parameter(name: &'static str, kind: &'static str) -> Parameter {
    Parameter { name, kind }
}

/// Everything that a script may call. The index is the number that crosses the pipe.
pub static MANIFEST: &[Function] = &[
    Function {
        name: "sendWhatsappMessage",
        parameters: &[
            parameter("toPhoneNumber", "string | number"),
            parameter("message", "string | null"),
            parameter("publicMediaURL", "string | null"),
            parameter("bucketName", "string | null"),
            parameter("fileName", "string | null"),
        ],
        returns: "string",
        documentation: "Sends a WhatsApp message with the application's (or company's) own account: a text, or one \
                        medium by its public URL or its place in Google Cloud Storage, with or without text. Returns \
                        the outcome as a JSON string.",
        global: true,
        recorded: true,
        body: messages::send_whatsapp_message,
    },
    Function {
        name: "sendWhatsappMessageWithSettings",
        parameters: &[
            parameter("accountId", "string | null"),
            parameter("secretKey", "string | null"),
            parameter("fromPhoneNr", "string | null"),
            parameter("toPhoneNumber", "string | number"),
            parameter("message", "string | null"),
            parameter("publicMediaURL", "string | null"),
            parameter("bucketName", "string | null"),
            parameter("fileName", "string | null"),
        ],
        returns: "string",
        documentation: "The same with an account, key and sender of the author's own; null account and key mean the \
                        application's (or company's).",
        global: true,
        recorded: true,
        body: messages::send_whatsapp_message_with_settings,
    },
    Function {
        name: "sendWhatsappTemplate",
        parameters: &[
            parameter("toPhoneNumber", "string | number"),
            parameter("contentSid", "string"),
            parameter("variables", "object | string | null"),
        ],
        returns: "string",
        documentation: "Sends an approved template, which may start a conversation outside the 24-hour window. \
                        `variables` is an object such as `{ 1: \"Ada\" }`. Returns the outcome as a JSON string.",
        global: false,
        recorded: true,
        body: messages::send_whatsapp_template,
    },
    Function {
        name: "sendWhatsappTemplateWithSettings",
        parameters: &[
            parameter("accountId", "string | null"),
            parameter("secretKey", "string | null"),
            parameter("fromPhoneNr", "string | null"),
            parameter("toPhoneNumber", "string | number"),
            parameter("contentSid", "string"),
            parameter("variables", "object | string | null"),
        ],
        returns: "string",
        documentation: "The same with an account, key and sender of the author's own.",
        global: false,
        recorded: true,
        body: messages::send_whatsapp_template_with_settings,
    },
    Function {
        name: "whatsapp.send",
        parameters: &[parameter("message", "WhatsappMessage")],
        returns: "WhatsappOutcome",
        documentation: "Sends what an object describes: `{ to, body, mediaUrl, bucketName, fileName, contentSid, \
                        contentVariables, from, accountId, secretKey, companyId }`. Returns the outcome as an object.",
        global: false,
        recorded: true,
        body: messages::whatsapp_send,
    },
    Function {
        name: "executeQuery",
        parameters: &[
            parameter("sql", "string"),
            parameter("dataSourceId", "null"),
            parameter("...params", "SqlValue[]"),
        ],
        returns: "string",
        documentation: "Runs a query on the application's own database and returns its rows as a JSON string: a list \
                        of objects, keys as the column names. `?` takes the params in order, `:NAME` a value from `vo`.",
        global: false,
        recorded: true,
        body: sql::execute_query,
    },
    Function {
        name: "executeSql",
        parameters: &[
            parameter("sql", "string"),
            parameter("dataSourceId", "null"),
            parameter("separatedTransaction", "boolean | null"),
            parameter("interruptExecution", "boolean | null"),
            parameter("...params", "SqlValue[]"),
        ],
        returns: "number",
        documentation: "Runs a statement on the application's own database and returns the number of rows. With \
                        separatedTransaction it stays although the run fails; with interruptExecution false an SQL \
                        error is logged and -1 returned.",
        global: false,
        recorded: true,
        body: sql::execute_sql,
    },
    Function {
        name: "setReturnValue",
        parameters: &[parameter("value", "unknown")],
        returns: "void",
        documentation: "Sets the run's result. A `return` of anything but undefined wins over it.",
        global: false,
        recorded: false,
        body: set_return_value,
    },
    Function {
        name: "log",
        parameters: &[parameter("message", "unknown"), parameter("level", "LogLevel | null")],
        returns: "void",
        documentation: "Logs a line: level `debug`, `info` (default), `warn` or `error`.",
        global: false,
        recorded: false,
        body: log,
    },
    Function {
        name: "getParameter",
        parameters: &[parameter("name", "string")],
        returns: "any",
        documentation: "One of the application's own parameters, as `[applications.<appId>.parameters]` has it; \
                        undefined where it has none of that name.",
        global: false,
        recorded: true,
        body: get_parameter,
    },
    Function {
        name: "getSignedUrl",
        parameters: &[parameter("bucketName", "string"), parameter("fileName", "string")],
        returns: "string",
        documentation: "A temporary URL of an object in Google Cloud Storage. Throws on an empty name, a `..` segment \
                        or missing credentials.",
        global: false,
        recorded: true,
        body: media::get_signed_url,
    },
    Function {
        name: "getPublicUrl",
        parameters: &[parameter("path", "string")],
        returns: "string",
        documentation: "The public URL of a file in `public/<appId>/`, for Twilio to fetch.",
        global: false,
        recorded: true,
        body: media::get_public_url,
    },
];

/// What a worker is told of the manifest.
#[must_use]
pub fn specs() -> Vec<FunctionSpec> {
    MANIFEST
        .iter()
        .map(|function| FunctionSpec {
            name: function.name.to_owned(),
            parameters: function.parameters.iter().map(|parameter| parameter.name.to_owned()).collect(),
            global: function.global,
        })
        .collect()
}

/// Calls the function of a number.
///
/// # Errors
/// What the script gets to see thrown.
pub fn call(
    number: u16,
    values: &[Value],
    run: &RunContext,
    db: &AppDb,
    effects: &mut Effects,
) -> Result<Reply, Thrown> {
    let Some(function) = MANIFEST.get(usize::from(number)) else {
        return Err(Thrown { kind: ErrorKind::Error, message: "no such function".into(), code: None });
    };
    (function.body)(&mut Call { run, db, arguments: Arguments::new(function, values), effects })
}

fn set_return_value(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let returned = match call.arguments.rest(0).first().unwrap_or(&Value::Undefined) {
        Value::Undefined => Returned::Undefined,
        Value::Null => Returned::Json("null".into()),
        Value::Bool(value) => Returned::Json(value.to_string()),
        Value::Number(number) => Returned::Json(serde_json::Value::from(*number).to_string()),
        Value::String(text) => Returned::String(text.clone()),
        Value::BigInt(digits) => Returned::String(digits.clone()),
        Value::Json(json) => Returned::Json(json.clone()),
        value @ Value::Opaque(_) => return Err(call.arguments.wrong(0, "a value that JSON can hold", value)),
    };
    call.effects.return_value = Some(returned);
    Ok(Reply::Return(Value::Undefined))
}

fn log(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let level = match call.arguments.string(1)?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("info" | "log") => LogLevel::Info,
        Some("debug" | "trace") => LogLevel::Debug,
        Some("warn" | "warning") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        Some(other) => {
            return Err(crate::host::arguments::type_error(format!(
                "log: `level` must be debug, info, warn or error, and was `{}`",
                other.escape_debug()
            )));
        }
    };
    let text = match call.arguments.rest(0).first().unwrap_or(&Value::Undefined) {
        Value::Undefined => "undefined".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::BigInt(text) | Value::String(text) | Value::Json(text) | Value::Opaque(text) => text.clone(),
    };
    call.effects.log.push((level, text));
    Ok(Reply::Return(Value::Undefined))
}

fn get_parameter(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    use serde_json::Value as Json;
    let name = call.arguments.required_string(0)?;
    Ok(Reply::Return(match call.run.application.parameters.get(name) {
        None => Value::Undefined,
        Some(Json::Null) => Value::Null,
        Some(Json::Bool(value)) => Value::Bool(*value),
        Some(Json::String(text)) => Value::String(text.clone()),
        Some(Json::Number(number)) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Some(json @ (Json::Array(_) | Json::Object(_))) => Value::Json(json.to_string()),
    }))
}
