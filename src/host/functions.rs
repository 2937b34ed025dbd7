//! What a function of the manifest is, and how one is called.

use crate::base::UnixMillis;
use crate::host::manifest::MANIFEST;
use crate::host::{Arguments, Effects, RunContext, SaveMedia, Send};
use crate::script::protocol::{ErrorKind, FunctionSpec, Scope, Thrown, Value};
use crate::store::AppDb;

/// A function that scripts may call as `utils.<name>`.
#[derive(Debug)]
pub struct Function {
    /// Its place below `utils`: `executeQuery`, `whatsapp.send`.
    pub name: &'static str,
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// Other parameters that it takes instead, in order.
    pub otherwise: &'static [&'static [Parameter]],
    /// What it returns.
    pub returns: Returns,
    /// What it does, for authors.
    pub documentation: &'static str,
    /// What it throws besides the `TypeError` for an argument of the wrong kind.
    pub throws: &'static [Throws],
    /// An action that shows it. A test runs it.
    pub example: &'static str,
    /// Whether it is a global too.
    pub global: bool,
    /// Where it is done.
    pub body: Body,
}

impl Function {
    /// Whether scripts see it.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        !matches!(self.body, Body::Reply(_))
    }
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
    /// What it is, for authors.
    pub documentation: &'static str,
}

impl Parameter {
    /// Whether nothing need be given for it.
    #[must_use]
    pub fn may_be_left_out(&self) -> bool {
        self.name.starts_with("...") || self.kind == "null" || self.kind.ends_with(" | null")
    }
}

/// What a [`Function`] returns.
#[derive(Debug)]
pub struct Returns {
    /// Its TypeScript type; the shapes stand in `types/shapes.d.ts`.
    pub kind: &'static str,
    /// What it is, for authors; empty where there is nothing.
    pub documentation: &'static str,
}

/// An error that a [`Function`] throws.
#[derive(Debug)]
pub struct Throws {
    /// Its `code`.
    pub code: &'static str,
    /// When.
    pub when: &'static str,
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
            returns_object: OBJECTS.contains(&function.returns.kind),
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

/// The name of a function, if it sends a message and answers with the outcome.
#[must_use]
pub fn sends(number: u16) -> Option<&'static str> {
    let function = MANIFEST.get(usize::from(number))?;
    matches!(function.returns.kind, "WhatsappOutcome" | "JsonString<WhatsappOutcome>")
        .then_some(function.name)
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
        function.map(|function| (*function, &function.body))
    else {
        return Err(Thrown {
            kind: ErrorKind::Error,
            message: "the host has no such function".into(),
            code: None,
        });
    };
    body(&mut Call { run, db, arguments: Arguments::new(function, values), now, effects })
}
