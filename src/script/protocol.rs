//! The frames between host and worker.
//!
//! A frame is a little-endian `u32` length and that many bytes of [postcard](https://postcard.jamesmunns.com/wire-format)
//! (a compact, non-self-describing binary form; JSON cost 3 µs more per run). Neither side trusts the other: a
//! frame longer than [`MAX_FRAME`] or one that does not decode ends the worker.
//!
//! The host may send runs ahead; the worker takes them in order, and while it waits for an [`ToWorker::Answer`]
//! it puts the runs that arrive aside. Everything a worker says about a run stands between the frames of the
//! run before and its own [`FromWorker::Ended`].

mod linted;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

pub use self::linted::{
    AsyncExport, CallShape, Finding, Imported, Linted, MAX_ASYNC_EXPORTS, MAX_FINDINGS, MAX_REQUIRED,
    MAX_STATEMENTS, Role, Rule, TEST_GLOBALS, Vocabulary, WrittenSql,
};
use super::confine::Confinement;
use crate::base::{Seed, TimeZone, code_frame, cut, shown};

/// The largest frame, in bytes, either way: 8 MiB.
pub const MAX_FRAME: usize = 8 << 20;
/// The most arguments of one call.
pub const MAX_ARGUMENTS: usize = 1 << 17;
/// The most places of one failure, and the most native functions.
pub const MAX_PLACES: usize = 64;
/// The most causes of one failure.
pub const MAX_CAUSES: usize = 16;

/// What the host says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first frame: whom the worker works for.
    Start(Start),
    /// Instead of all others: compile a file and say what is wrong with it; nothing of it runs.
    Judge {
        /// The file.
        file: SourceFile,
        /// Whether it is a module, and not an action; of JSON it says nothing.
        module: bool,
    },
    /// Before all others, and before files are judged: what they are looked over with. The worker says that it is ready.
    Vocabulary(Box<Vocabulary>),
    /// After that: look for mistakes in a file that compiles; nothing of it runs.
    Lint {
        /// The file.
        file: SourceFile,
        /// What it is.
        role: Role,
        /// What is known of the modules that it requires.
        imports: Vec<Imported>,
    },
    /// Run an action.
    Run(RunRequest),
    /// The answer to the open [`FromWorker::Call`].
    Answer(Answer),
}

/// Everything a worker needs to know before its first run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The application; `reqParams.appId`.
    pub app_id: String,
    /// Its scripts.
    pub bundle: Bundle,
    /// What scripts may call, in the order that [`FromWorker::Call::function`] counts.
    pub functions: Vec<FunctionSpec>,
    /// The limits of each run.
    pub limits: SandboxLimits,
    /// JavaScript of the host's own that readies the world before it is frozen: an expression, evaluated where `utils` and all
    /// other globals are there.
    pub prelude: Option<String>,
    /// What local time is.
    pub time_zone: TimeZone,
}

/// The JavaScript and JSON files of one application, as they were read together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Bundle {
    /// A short hash of all paths and contents: the version that a run names.
    pub version: String,
    /// Path below the application's folder with `/` (`lib/money.js`), in order of paths.
    pub files: Vec<SourceFile>,
}

impl Bundle {
    /// The code around a place, with a caret; none where the bundle has no such place.
    #[must_use]
    pub fn code_frame(&self, place: &Frame) -> Option<String> {
        let file = self.files.iter().find(|file| file.shown == place.file)?;
        code_frame(file.text.as_deref().ok()?, place.line, place.column)
    }

    /// The files that `other` has not, or has with another text.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let files = self.files.iter().filter(|file| !other.files.contains(file)).cloned().collect();
        Self { version: self.version.clone(), files }
    }
}

/// One file of a [`Bundle`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path below the application's folder, `/` between segments, `.js` or `.json` at the end.
    pub path: String,
    /// The path as errors show it: `scripts/demo/lib/money.js`.
    pub shown: String,
    /// The text, or why it could not be read.
    pub text: Result<String, String>,
}

impl SourceFile {
    /// Whether the file is data, and not a script.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.path.ends_with(JSON)
    }
}

/// How the name of a file of data ends.
pub(super) const JSON: &str = ".json";

/// A function that scripts may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionSpec {
    /// Its place below `utils`: `executeQuery`, `whatsapp.send`.
    pub name: String,
    /// Its parameters' names, for `length` and for errors.
    pub parameters: Vec<String>,
    /// Where scripts see it.
    pub scope: Scope,
    /// Whether it returns an object, and not JSON text.
    pub returns_object: bool,
}

/// Where scripts see a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// In `utils`.
    Utils,
    /// In `utils`, and as a global too (`sendWhatsappMessage`).
    Global,
    /// Nowhere: the sandbox itself calls it.
    Hidden,
}

/// The limits a sandbox keeps by itself; the host's kill is behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLimits {
    /// CPU time of a run, in milliseconds.
    pub cpu_ms: u64,
    /// Wall time of a run in milliseconds (the host kills at it; the sandbox bounds its timers by it).
    pub wall_ms: u64,
    /// JavaScript heap, in MiB.
    pub memory_mb: u32,
    /// After how many runs a Context is made anew.
    pub runs_per_context: u32,
    /// Largest return value, in bytes of JSON.
    pub max_result_bytes: u32,
    /// Log lines of one run, and bytes of one line; what is over is dropped with one warning.
    pub max_log_lines: u32,
    /// Bytes of one log line.
    pub max_log_line_bytes: u32,
}

/// One run of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Chosen by the host; every frame about the run carries it.
    pub ticket: u32,
    /// The action: its path without `.js`.
    pub action: String,
    /// `companyId` and `userInfo.companyId`.
    pub company: String,
    /// `vo`.
    pub vo: Vo,
    /// The moment at which the run began for the script (milliseconds since 1970): its clock starts here, also
    /// when the run is taken up again.
    pub started: i64,
    /// Where the run's randomness comes from.
    pub seed: Seed,
    /// The function that is told what the action returned, where that is the reply to a message: index into
    /// [`Start::functions`].
    pub reply: Option<u16>,
}

/// The value object that an action receives. Either way its members become own data properties: a field may be
/// called `__proto__`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Vo {
    /// The fields of a form, each name once, in order.
    Form(Vec<(String, String)>),
    /// Any JSON text, checked to be JSON by the host: what `--vo` gave, or a message that came in.
    Json(String),
}

/// A JavaScript value that crosses the pipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `undefined`
    Undefined,
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string; lone surrogates became U+FFFD.
    String(String),
    /// A `BigInt`, in decimal.
    BigInt(String),
    /// An array or object, as `JSON.stringify` writes it.
    Json(String),
    /// Something with no meaning outside the engine: what it is (`function`, `symbol`, `promise`).
    Opaque(String),
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The function returns this ([`Value::Json`] is parsed into a value). `advance_ms` moves the run's clock.
    Return {
        /// What the function returns.
        value: Value,
        /// How much later it is now than at the run's last answer (or its beginning), in milliseconds; waits for
        /// the script's timers included.
        advance_ms: u64,
    },
    /// The function throws.
    Throw(Thrown),
}

/// An error that a host function throws into the script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thrown {
    /// Its constructor.
    pub kind: ErrorKind,
    /// `message`.
    pub message: String,
    /// `code`, an own property of the error, when there is one.
    pub code: Option<String>,
}

/// Which constructor made an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// `Error`
    Error,
    /// `TypeError`
    TypeError,
    /// `RangeError`
    RangeError,
}

/// What the worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The worker is confined and warm.
    Ready {
        /// What confines it.
        confinement: Confinement,
    },
    /// The script calls a function; the worker waits for the answer.
    Call {
        /// The run.
        ticket: u32,
        /// Index into [`Start::functions`].
        function: u16,
        /// The arguments as they were given, at most [`MAX_ARGUMENTS`].
        #[serde(deserialize_with = "at_most::<MAX_ARGUMENTS, _, _>")]
        arguments: Vec<Value>,
    },
    /// The script logged a line; nothing waits for this.
    Log {
        /// The run.
        ticket: u32,
        /// How grave it is.
        level: LogLevel,
        /// The text, lines separated by `\n`.
        text: String,
    },
    /// A run is over.
    Ended(Ended),
    /// A file has been judged.
    Judged {
        /// What is wrong with it.
        problem: Option<LoadProblem>,
    },
    /// A file has been looked over.
    Linted(Linted),
}

/// Why a file cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadProblem {
    /// One sentence.
    pub message: String,
    /// Line and column, from 1, where it is a place in the file.
    pub position: Option<(u32, u32)>,
    /// What to do, where that is known.
    pub help: Option<String>,
}

/// A log line's level, as `console` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// `console.debug`, `console.trace`
    Debug,
    /// `console.log`, `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`
    Error,
}

impl LogLevel {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How a run ended and what it used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The run.
    pub ticket: u32,
    /// The value or the failure.
    pub result: Result<Returned, Failure>,
    /// Processor time of the worker's thread, in microseconds.
    pub cpu_us: u64,
    /// The most memory that JavaScript held, in bytes; 0 where the worker cannot count it.
    pub peak_memory_bytes: u64,
}

impl Ended {
    /// The same, with what may be kept of it: a worker is not trusted to keep to its limits.
    #[must_use]
    pub fn within(mut self, max_result_bytes: usize) -> Self {
        match &mut self.result {
            Ok(Returned::String(text) | Returned::Json(text)) if text.len() > max_result_bytes => {
                let message = result_too_large(text.len(), max_result_bytes);
                self.result = Err(Failure::new(Reason::OutputLimit, message));
            }
            Ok(_) => {}
            Err(failure) => failure.cut(),
        }
        self
    }
}

/// What is said of a result that is larger than it may be.
#[must_use]
pub fn result_too_large(bytes: usize, max: usize) -> String {
    format!(
        "the returned value takes {bytes} bytes; at most {max} are kept (limits.result_kb = {})",
        max / 1024
    )
}

/// What is said once of a log with more lines than are kept.
#[must_use]
pub fn too_many_lines(most: u32) -> String {
    format!("this run logged more than {most} lines (limits.log_lines = {most}): the rest is dropped")
}

/// What an action returned, after its promise settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Returned {
    /// `undefined`
    Undefined,
    /// A string, as it is.
    String(String),
    /// Anything else, as one line of JSON.
    Json(String),
}

/// Why a run ended, other than well; `completed` is the absence of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The action threw, or its promise was rejected or can never settle.
    Thrown,
    /// `limits.cpu_ms` was used up.
    CpuLimit,
    /// `limits.wall_ms` passed.
    WallLimit,
    /// `limits.memory_mb` was used up.
    MemoryLimit,
    /// The worker died: out of native stack, an engine fault, a signal.
    Killed,
    /// Recursion too deep.
    StackLimit,
    /// The result is too large.
    OutputLimit,
    /// Too many calls of host functions.
    HostCallLimit,
    /// The script, or a module that it requires, cannot be loaded.
    Syntax,
}

impl Reason {
    /// What an author can do about it, where there is something that holds for every such run.
    #[must_use]
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Thrown | Self::Syntax => None,
            Self::CpuLimit => Some("do less in one run, or ask an admin for more limits.cpu_ms"),
            Self::WallLimit => Some("wait for less in one run, or ask an admin for more limits.wall_ms"),
            Self::MemoryLimit => {
                Some("hold less in memory at once, or ask an admin for more limits.memory_mb")
            }
            Self::Killed => Some("look for very large strings, deep nesting or native loops in the action"),
            Self::StackLimit => Some("recurse less deeply: use a loop and a list"),
            Self::OutputLimit => Some("return less: store what is large in the database"),
            Self::HostCallLimit => Some("call host functions less often: one statement can change many rows"),
        }
    }

    /// The name that `runs show` prints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Thrown => "thrown",
            Self::CpuLimit => "cpu_limit",
            Self::WallLimit => "wall_limit",
            Self::MemoryLimit => "memory_limit",
            Self::Killed => "killed",
            Self::StackLimit => "stack_limit",
            Self::OutputLimit => "output_limit",
            Self::HostCallLimit => "host_call_limit",
            Self::Syntax => "syntax",
        }
    }
}

/// A failed run, for the author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The typed reason.
    pub reason: Reason,
    /// `Name: message`, or a sentence that names the limit's parameter.
    pub message: String,
    /// `error.code`, when it is a string or a number.
    pub code: Option<String>,
    /// Where, innermost first; the author's files only.
    #[serde(deserialize_with = "at_most::<MAX_PLACES, _, _>")]
    pub frames: Vec<Frame>,
    /// The functions of the engine and the host on the same stack.
    #[serde(default, deserialize_with = "at_most::<MAX_PLACES, _, _>")]
    pub native: Vec<NativeFrame>,
    /// What it says of its causes, the nearest first.
    #[serde(default, deserialize_with = "at_most::<MAX_CAUSES, _, _>")]
    pub causes: Vec<Cause>,
    /// What is probably to be done, where the sandbox knows something.
    #[serde(default)]
    pub help: Option<String>,
}

/// A function of the engine or the host on the call stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeFrame {
    /// Its name; empty where it has none.
    pub function: String,
    /// How many of [`Failure::frames`] are further inside.
    pub inside: u32,
}

/// What brought a failure about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// How it belongs to what stands before it.
    pub relation: Relation,
    /// As in [`Failure`].
    pub message: String,
    /// As in [`Failure`].
    pub code: Option<String>,
    /// Where it was made, the innermost place in the author's files.
    pub place: Option<Frame>,
}

/// How a cause belongs to what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// `error.cause`
    Cause,
    /// One of the `errors` of an `AggregateError`.
    Member,
}

impl Relation {
    /// The words before a cause.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cause => "caused by",
            Self::Member => "one of its errors",
        }
    }
}

/// The longest message, code and help of a failure, message of a cause and name of a function, in bytes.
pub const MAX_MESSAGE: usize = 8 << 10;
/// See [`MAX_MESSAGE`].
pub const MAX_CODE: usize = 256;
/// See [`MAX_MESSAGE`].
pub const MAX_NAME: usize = 200;
/// See [`MAX_MESSAGE`].
pub const MAX_CAUSE: usize = 1 << 10;

impl Failure {
    /// A failure that nothing more is known of.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            code: None,
            frames: Vec::new(),
            native: Vec::new(),
            causes: Vec::new(),
            help: None,
        }
    }

    /// What an author can do about it, where somebody knows.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref().or_else(|| self.reason.remedy())
    }

    /// The stack but for its innermost place, a line each; `full`: with native functions.
    #[must_use]
    pub fn stack(&self, full: bool) -> Option<String> {
        let mut lines = Vec::new();
        let mut native = self.native.iter().filter(|_| full).peekable();
        for index in 0..=self.frames.len() {
            while let Some(native) =
                native.next_if(|native| usize::try_from(native.inside).is_ok_and(|inside| inside <= index))
            {
                lines.push(at(&native.function, "native"));
            }
            match self.frames.get(index) {
                Some(frame) if index > 0 || full => lines.push(at(&frame.function, &frame.place())),
                _ => {}
            }
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The causes, a line each and one for each place.
    #[must_use]
    pub fn caused_by(&self) -> Option<String> {
        let mut lines = Vec::new();
        for cause in &self.causes {
            let code = cause.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
            lines.push(format!("{}: {}{code}", cause.relation.as_str(), cause.message));
            lines.extend(cause.place.as_ref().map(|place| format!("  --> {}", place.place())));
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Cuts what is longer than a sandbox makes it.
    fn cut(&mut self) {
        // The sandbox may put a sentence before a message that it has cut.
        self.message = cut(&self.message, 2 * MAX_MESSAGE);
        cut_code(&mut self.code);
        self.frames.iter_mut().for_each(Frame::cut);
        for native in &mut self.native {
            native.function = cut(&native.function, MAX_NAME);
        }
        for cause in &mut self.causes {
            cause.message = cut(&cause.message, MAX_CAUSE);
            cut_code(&mut cause.code);
            cause.place.iter_mut().for_each(Frame::cut);
        }
        self.help = self.help.take().map(|help| cut(&help, MAX_CAUSE));
    }
}

fn at(function: &str, place: &str) -> String {
    let (function, place) = (shown(function), shown(place));
    if function.is_empty() { format!("at {place}") } else { format!("at {function} ({place})") }
}

fn cut_code(code: &mut Option<String>) {
    *code = code.take().map(|code| cut(&code, MAX_CODE));
}

/// A place in a script on the call stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function's name; empty at the top of a file.
    pub function: String,
    /// The file as errors show it ([`SourceFile::shown`]).
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Frame {
    /// `file:line:column`
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    fn cut(&mut self) {
        self.function = cut(&self.function, MAX_NAME);
        self.file = cut(&self.file, MAX_MESSAGE);
    }
}

/// Reads a list of at most `MOST` elements. An empty element takes a byte of a frame and up to fifty in memory: a worker in
/// which somebody else has taken over could fill the host's with a few frames.
pub(super) fn at_most<'de, const MOST: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct List<const MOST: usize, T>(PhantomData<T>);

    impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for List<MOST, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(element) = elements.next_element()? {
                if list.len() == MOST {
                    return Err(A::Error::custom("a list is too long"));
                }
                list.push(element);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(List::<MOST, T>(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(result: Result<Returned, Failure>) -> Ended {
        Ended { ticket: 1, result, cpu_us: 0, peak_memory_bytes: 0 }
    }

    #[test]
    fn a_worker_that_does_not_keep_to_its_limits_is_cut_to_them() {
        let right = ended(Ok(Returned::String("x".repeat(1024))));
        assert_eq!(right.clone().within(1024), right);
        for returned in [Returned::String("x".repeat(1025)), Returned::Json("1".repeat(1025))] {
            let failure = ended(Ok(returned)).within(1024).result.unwrap_err();
            assert_eq!(failure.reason, Reason::OutputLimit);
            assert!(failure.message.contains("limits.result_kb = 1"), "{}", failure.message);
        }
        let long = |length: usize| "é".repeat(length);
        let frame = Frame { function: long(MAX_NAME), file: long(MAX_MESSAGE), line: 1, column: 1 };
        let message = long(2 * MAX_MESSAGE);
        let cause = Cause {
            relation: Relation::Cause,
            message: long(MAX_CAUSE),
            code: Some(long(MAX_CODE)),
            place: Some(frame.clone()),
        };
        let failure = Failure {
            code: Some(long(MAX_CODE)),
            frames: vec![frame],
            native: vec![NativeFrame { function: long(MAX_NAME), inside: 0 }],
            causes: vec![cause],
            help: Some(long(MAX_CAUSE)),
            ..Failure::new(Reason::Thrown, message)
        };
        let failure = ended(Err(failure)).within(1024).result.unwrap_err();
        let [Cause { message, code: Some(code), place: Some(place), .. }] = &failure.causes[..] else {
            panic!("{failure:?}")
        };
        assert!(message.len() <= MAX_CAUSE && code.len() <= MAX_CODE && place.function.len() <= MAX_NAME);
        assert!(failure.native[0].function.len() <= MAX_NAME && failure.help.unwrap().len() <= MAX_CAUSE);
        assert!(failure.message.len() <= 2 * MAX_MESSAGE && failure.code.unwrap().len() <= MAX_CODE);
        assert!(failure.frames[0].function.len() <= MAX_NAME && failure.frames[0].file.len() <= MAX_MESSAGE);
    }
}
