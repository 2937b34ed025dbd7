//! The manifest: everything that a script may call, in one list.

use crate::base::UnixMillis;
use crate::host::{
    Arguments, Effects, RunContext, SaveMedia, Send, incoming_media, ledger, media, messages, reply, sql,
    window,
};
use crate::script::protocol::{ErrorKind, FunctionSpec, Scope, Thrown, Value};
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
    /// Where it is done.
    pub body: Body,
}

/// Where a function is done.
#[derive(Debug)]
pub enum Body {
    /// In the host: a call is a frame, and its answer is recorded in the journal of a run that sends.
    Host(fn(&mut Call<'_>) -> Result<Reply, Thrown>),
    /// In the host, and no script sees it: the sandbox calls it with what an action returned that a message started.
    Reply(fn(&mut Call<'_>) -> Result<Reply, Thrown>),
    /// In the worker, which needs nobody for it (`script/sandbox/functions.rs`): it is done anew in every attempt.
    Worker,
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
    /// The moment of the call.
    pub now: UnixMillis,
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
    /// A medium wants to be saved: commit, carry it, and answer with what was saved.
    Save(Box<SaveMedia>),
}

const fn parameter(name: &'static str, kind: &'static str) -> Parameter {
    Parameter { name, kind }
}

/// Everything that a script may call. The index is the number that crosses the pipe, and a part of the fingerprints in
/// journals: what is new comes last, or runs that wait for their next attempt could not be continued after an upgrade.
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
        body: Body::Host(messages::send_whatsapp_message),
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
        body: Body::Host(messages::send_whatsapp_message_with_settings),
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
        body: Body::Host(messages::send_whatsapp_template),
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
        body: Body::Host(messages::send_whatsapp_template_with_settings),
    },
    Function {
        name: "whatsapp.send",
        parameters: &[parameter("message", "WhatsappMessage")],
        returns: "WhatsappOutcome",
        documentation: "Sends what an object describes: `{ to, body, mediaUrl, bucketName, fileName, contentSid, \
                        contentVariables, from, accountId, secretKey, companyId }`. Returns the outcome as an object.",
        global: false,
        body: Body::Host(messages::whatsapp_send),
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
        body: Body::Host(sql::execute_query),
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
        body: Body::Host(sql::execute_sql),
    },
    Function {
        name: "setReturnValue",
        parameters: &[parameter("value", "unknown")],
        returns: "void",
        documentation: "Sets the run's result. A `return` of anything but undefined wins over it.",
        global: false,
        body: Body::Worker,
    },
    Function {
        name: "log",
        parameters: &[parameter("message", "unknown"), parameter("level", "LogLevel | null")],
        returns: "void",
        documentation: "Logs a line: level `debug`, `info` (default), `warn` or `error`.",
        global: false,
        body: Body::Worker,
    },
    Function {
        name: "getParameter",
        parameters: &[parameter("name", "string")],
        returns: "any",
        documentation: "One of the application's own parameters, as `[applications.<appId>.parameters]` has it; \
                        undefined where it has none of that name.",
        global: false,
        body: Body::Host(get_parameter),
    },
    Function {
        name: "getSignedUrl",
        parameters: &[parameter("bucketName", "string"), parameter("fileName", "string")],
        returns: "string",
        documentation: "A temporary URL of an object in Google Cloud Storage. Throws on an empty name, a `..` segment \
                        or missing credentials.",
        global: false,
        body: Body::Host(media::get_signed_url),
    },
    Function {
        name: "getPublicUrl",
        parameters: &[parameter("path", "string")],
        returns: "string",
        documentation: "The public URL of a file in `public/<appId>/`, for Twilio to fetch.",
        global: false,
        body: Body::Host(media::get_public_url),
    },
    Function {
        name: "getWhatsappMessage",
        parameters: &[parameter("sid", "string")],
        returns: "string | null",
        documentation: "The host's record of a message that this application has sent, by Twilio's SID or the host's own \
                        id, as a JSON string; its status never goes backwards. Null if there is none.",
        global: false,
        body: Body::Host(ledger::get_whatsapp_message),
    },
    Function {
        name: "reply",
        parameters: &[parameter("returned", "string | WhatsappReply")],
        returns: "void",
        documentation: "Sends what the action returned to the person whose message started it.",
        global: false,
        body: Body::Reply(reply::reply),
    },
    Function {
        name: "saveMedia",
        parameters: &[
            parameter("url", "string"),
            parameter("bucketName", "string"),
            parameter("fileName", "string"),
        ],
        returns: "SavedMedia",
        documentation: "Saves a medium that came in with a message (`vo.MediaUrl0`) as an object in Google Cloud Storage \
                        and returns `{ bucketName, fileName, contentType, size }`. Throws an `Error` with a `code` when it \
                        cannot be fetched or stored.",
        global: false,
        body: Body::Host(incoming_media::save_media),
    },
    Function {
        name: "getWhatsappWindow",
        parameters: &[parameter("phoneNumber", "string | number")],
        returns: "string",
        documentation: "Whether a person may be written to without a template, because he has written to the company's \
                        sender within 24 hours, as far as the host has heard: a JSON string with `open`, `lastMessageAt` \
                        and `closesAt`.",
        global: false,
        body: Body::Host(window::get_whatsapp_window),
    },
];

/// The types that are objects, where the older functions return JSON text.
const OBJECTS: [&str; 2] = ["WhatsappOutcome", "SavedMedia"];

/// What a worker is told of the manifest.
#[must_use]
pub fn specs() -> Vec<FunctionSpec> {
    MANIFEST
        .iter()
        .map(|function| FunctionSpec {
            name: function.name.to_owned(),
            parameters: function.parameters.iter().map(|parameter| parameter.name.to_owned()).collect(),
            scope: match (&function.body, function.global) {
                (Body::Reply(_), _) => Scope::Hidden,
                (_, true) => Scope::Global,
                (_, false) => Scope::Utils,
            },
            returns_object: OBJECTS.contains(&function.returns),
        })
        .collect()
}

/// The number of the function that takes a reply.
#[must_use]
pub fn reply_function() -> Option<u16> {
    (0..)
        .zip(MANIFEST)
        .find(|(_, function)| matches!(function.body, Body::Reply(_)))
        .map(|(number, _)| number)
}

/// Whether this is the number of the function that takes a reply.
#[must_use]
pub fn is_reply(number: u16) -> bool {
    MANIFEST.get(usize::from(number)).is_some_and(|function| matches!(function.body, Body::Reply(_)))
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
    now: UnixMillis,
    effects: &mut Effects,
) -> Result<Reply, Thrown> {
    let function = MANIFEST.get(usize::from(number));
    let Some((function, Body::Host(body) | Body::Reply(body))) =
        function.map(|function| (function, &function.body))
    else {
        return Err(Thrown {
            kind: ErrorKind::Error,
            message: "the host has no such function".into(),
            code: None,
        });
    };
    body(&mut Call { run, db, arguments: Arguments::new(function, values), now, effects })
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
