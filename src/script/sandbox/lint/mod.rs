//! Looks for mistakes in a file that compiles: names that there are not, habits from elsewhere, calls that cannot be meant
//! so.
//!
//! Better silent than wrong: what a file tests for (`typeof x`, `utils.x ?? y`, `"x" in utils`) it may name, a name that it
//! declares is its own, and what may be right is a warning. An error is what throws as soon as it is reached, or reads
//! undefined where a name like it was meant.
//!
//! Runs in the process that judges files, because whoever walks a tree that hostile source has made needs its stack.

mod calls;
mod exports;
mod habits;
pub(super) use habits::{INSTEAD_OF_EXPORTS, instead_of, instead_of_module};
mod idle;
mod known;
mod members;
mod names;
mod promises;
mod scopes;
mod waits;
mod walk;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;
use std::time::Duration;

use boa_engine::ast::expression::access::PropertyAccess;
use boa_engine::ast::{Expression, Position, Spanned};
use boa_engine::interner::{Interner, Sym};
use boa_engine::parser::{Parser, Source};

use self::known::Known;
use self::walk::Walk;
use super::compile::without_hashbang;
use super::state::State;
use super::{Host, realm};
use crate::script::protocol::{
    Answer, Finding, Imported, Linted, LogLevel, MAX_FINDINGS, Role, Rule, SourceFile, Value, Vocabulary,
};

/// Mistakes that are noted of one file before those are left out that it tests for.
const MAX_NOTED: usize = 10 * MAX_FINDINGS;

/// The longest name of a field that is compared with Twilio's.
const MAX_NAME: usize = 64;

/// Names in sight that an unknown one is compared with.
const MAX_COMPARED: usize = 1_000;

/// What is needed to look for mistakes in an application's files.
pub(in crate::script) struct Linter {
    vocabulary: Vocabulary,
    known: Known,
    state: Rc<State>,
}

/// A mistake, unless the whole file says otherwise.
struct Noted {
    finding: Finding,
    /// What it is about, as the file writes it (`utils.x`): no mistake where the file tests for it.
    about: String,
    /// The variable on whose first value it rests: no mistake where the file assigns to it.
    variable: Option<Sym>,
}

impl Linter {
    /// Makes a Context to ask for the names.
    ///
    /// # Errors
    /// What the engine says.
    pub(in crate::script) fn new(vocabulary: Vocabulary) -> Result<Self, String> {
        let state = State::new(Rc::new(RefCell::new(Nobody)), Rc::new(vocabulary.start.clone()));
        let mut context = realm::build(&state).map_err(|error| error.to_string())?;
        let known = Known::ask(&mut context, &vocabulary.start).map_err(|error| error.to_string())?;
        Ok(Self { vocabulary, known, state })
    }

    /// The mistakes of `file`; none where it cannot be parsed. `imports` is what is known of other files.
    pub(in crate::script) fn lint(&self, file: &SourceFile, role: &Role, imports: &[Imported]) -> Linted {
        let Ok(text) = &file.text else { return Linted::default() };
        let text = without_hashbang(text);
        let mut interner = Interner::default();
        let mut parser = Parser::new(Source::from_bytes(text.as_bytes()));
        parser.set_strict();
        let body = parser.parse_function_body(&mut interner, false, !matches!(role, Role::Module));
        let Ok(body) = body else { return Linted::default() };
        let mut walk = Walk::new(self, &interner, file, role, imports);
        walk.file(&body);
        walk.linted()
    }
}

/// The names of an object's members, or of a form's fields, without case and underscores.
fn folded(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// Whether two long names differ in one letter. Fields that are counted (`MediaUrl0`) differ in their numbers.
fn is_slip(name: &str, known: &str) -> bool {
    let is_counted = name.bytes().any(|byte| byte.is_ascii_digit());
    (5..=MAX_NAME).contains(&name.len()) && !is_counted && strsim::osa_distance(name, known) == 1
}

/// Where an expression begins; a call's own span begins at its arguments.
fn start_of(expression: &Expression) -> Position {
    let mut expression = expression;
    loop {
        expression = match expression {
            Expression::Call(call) => call.function(),
            Expression::PropertyAccess(PropertyAccess::Simple(access)) => access.target(),
            _ => return expression.span().start(),
        };
    }
}

/// What has been noted of a file.
#[derive(Default)]
struct Notes {
    noted: Vec<Noted>,
    /// What the file tests for: names and members, as it writes them.
    tested: BTreeSet<String>,
    /// The variables that the file assigns to.
    assigned: HashSet<Sym>,
}

impl Notes {
    /// Notes a mistake; `about` is empty where there is nothing that a file could test for.
    fn add(&mut self, about: &str, finding: Finding) {
        self.note(Noted { finding, about: about.to_owned(), variable: None });
    }

    fn note(&mut self, noted: Noted) {
        if self.noted.len() < MAX_NOTED {
            self.noted.push(noted);
        }
    }

    fn into_findings(self) -> Vec<Finding> {
        let Self { noted, tested, assigned } = self;
        let excused = |noted: &Noted| {
            tested.contains(&noted.about) || noted.variable.is_some_and(|name| assigned.contains(&name))
        };
        let mistakes = noted.into_iter().filter(|noted| !excused(noted));
        let mut findings: Vec<_> = mistakes.map(|noted| noted.finding).collect();
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings.truncate(MAX_FINDINGS);
        findings
    }
}

fn finding(rule: Rule, at: Position, message: impl Into<String>, help: impl Into<String>) -> Finding {
    let (message, help) = (message.into(), help.into());
    Finding { rule, is_error: true, message, help, line: at.line_number(), column: at.column_number() }
}

fn warning(rule: Rule, at: Position, message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { is_error: false, ..finding(rule, at, message, help) }
}

/// Nothing runs, so nothing is called.
struct Nobody;

impl Host for Nobody {
    fn call(&mut self, _ticket: u32, _function: u16, _arguments: Vec<Value>) -> Answer {
        Answer::Return { value: Value::Undefined, advance_ms: 0 }
    }

    fn log(&mut self, _ticket: u32, _level: LogLevel, _text: String) {}

    fn sleep(&mut self, _duration: Duration) {}
}

#[cfg(test)]
mod tests;
