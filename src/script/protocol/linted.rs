//! What is said of the mistakes in a file that compiles.

use serde::{Deserialize, Serialize};

use super::{MAX_MESSAGE, Start, at_most};
use crate::base::cut;

/// What a file's names are compared with when it is looked over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// What a worker of the application would be told; the files' texts are not needed.
    pub start: Start,
    /// How each of [`Start::functions`] is called.
    pub shapes: Vec<CallShape>,
}

/// How a function of the host is called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallShape {
    /// How many of its arguments must be given.
    pub required: u16,
    /// Whether it returns JSON text, which the script has to parse.
    pub returns_json: bool,
    /// Whether its first argument is a statement of SQL.
    pub takes_sql: bool,
    /// The members that its first argument may have, where that is an object that may have no others.
    pub members: Vec<String>,
    /// What members are called elsewhere, each with what it is called here.
    pub aliases: Vec<(String, String)>,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// An action.
    Action {
        /// The fields that its `vo` has, as far as they are known; none: nothing is known of them.
        vo: Vec<String>,
    },
    /// A module.
    Module,
    /// A test of actions.
    Test,
}

/// What tests have beside what actions have.
pub const TEST_GLOBALS: [&str; 16] = [
    "test",
    "beforeEach",
    "assert",
    "run",
    "query",
    "execute",
    "phone",
    "clock",
    "twilio",
    "parameters",
    "limits",
    "pause",
    "resume",
    "storage",
    "logs",
    "failures",
];

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Linted {
    /// The mistakes, in the order of their places.
    #[serde(deserialize_with = "at_most::<MAX_FINDINGS, _, _>")]
    pub findings: Vec<Finding>,
    /// The files of the application that it requires, by their paths.
    #[serde(deserialize_with = "at_most::<MAX_REQUIRED, _, _>")]
    pub required: Vec<String>,
    /// Whether it requires what is known only when it runs.
    pub requires_any: bool,
    /// The async functions that it exports.
    #[serde(deserialize_with = "at_most::<MAX_ASYNC_EXPORTS, _, _>")]
    pub asynchronous: Vec<AsyncExport>,
    /// The statements of SQL that it writes out, and how those begin that it puts together to be executed.
    #[serde(deserialize_with = "at_most::<MAX_STATEMENTS, _, _>")]
    pub statements: Vec<WrittenSql>,
}

/// A statement of SQL in a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenSql {
    /// It, or how it begins; empty where nobody knows that.
    pub sql: String,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Whether nothing catches what it throws.
    pub is_sure: bool,
}

/// An async function that a module exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncExport {
    /// Its name; empty where it is all that the module exports.
    pub name: String,
    /// Whether it awaits.
    pub waits: bool,
}

/// What is known of a module that a file may require.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Its path.
    pub path: String,
    /// The async functions that it exports.
    pub exports: Vec<AsyncExport>,
}

/// The most mistakes that are told of one file.
pub const MAX_FINDINGS: usize = 100;
/// The most required files that are told of one file.
pub const MAX_REQUIRED: usize = 4_000;
/// The most statements of SQL that are told of one file.
pub const MAX_STATEMENTS: usize = 500;
/// The most async functions that are told of one module.
pub const MAX_ASYNC_EXPORTS: usize = 200;

/// A mistake in a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of mistake.
    pub rule: Rule,
    /// Whether it certainly is one.
    pub is_error: bool,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Finding {
    /// The same, not longer than a sandbox makes it.
    #[must_use]
    pub fn within_bounds(mut self) -> Self {
        self.message = cut(&self.message, MAX_MESSAGE);
        self.help = cut(&self.help, MAX_MESSAGE);
        self
    }
}

/// A kind of mistake in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// A variable, or a member of what is known, that there is not.
    UnknownName,
    /// A `require` that leads to nothing.
    UnknownModule,
    /// `exports.x = …` in an action.
    ExportsInAction,
    /// What works elsewhere.
    ForeignHabit,
    /// A field of `vo` that is called otherwise.
    VoField,
    /// JSON text that is taken for what it describes.
    OutcomeNotParsed,
    /// Too few or too many arguments.
    ArgumentCount,
    /// A promise that nobody waits for.
    NotAwaited,
    /// A constant that is given another value.
    ConstAssigned,
    /// An action that only declares functions.
    NothingRuns,
}

impl Rule {
    /// Its stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownName => "UNKNOWN_NAME",
            Self::UnknownModule => "UNKNOWN_MODULE",
            Self::ExportsInAction => "EXPORTS_IN_ACTION",
            Self::ForeignHabit => "FOREIGN_HABIT",
            Self::VoField => "VO_FIELD",
            Self::OutcomeNotParsed => "OUTCOME_NOT_PARSED",
            Self::ArgumentCount => "ARGUMENT_COUNT",
            Self::NotAwaited => "NOT_AWAITED",
            Self::ConstAssigned => "CONST_ASSIGNED",
            Self::NothingRuns => "NOTHING_RUNS",
        }
    }
}
