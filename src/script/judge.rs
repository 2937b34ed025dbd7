//! Judges scripts before they run, in a process that is thrown away: source that is nested a hundred thousand deep overflows
//! the stack of whoever parses it, and there is no telling by looking.
//!
//! The child compiles each file as a worker would, within the time of a run, and runs none. One that ends the child is bad;
//! a new child goes on with the next. `check` asks of every file what is wrong with it, and has the child look for mistakes
//! in those that compile ([`review`]). A host that starts takes out the files that would kill worker after worker
//! ([`sift`]), so that they fail their own runs as what cannot be loaded and cost nobody anything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::catalogue::is_module;
use super::process::{Death, Worker, WorkerCommand, WorkerError};
use super::protocol::{
    Bundle, CallShape, Finding, FromWorker, FunctionSpec, Imported, Linted, LoadProblem, Reason, Role, Rule,
    SandboxLimits, SourceFile, Start, ToWorker, Vocabulary, WrittenSql,
};
use crate::base::{Diagnostic, Place, TimeZone, code_frame};

/// A file below this many bytes cannot be nested so deeply that it overflows a worker's stack: the costliest byte, an open
/// bracket, takes 30 KiB of 256 MiB.
const HARMLESS: usize = 4_000;

/// How long looking for mistakes in a file may take.
const LINT_WITHIN: Duration = Duration::from_secs(10);

/// The code of the problem that nothing is known of the files, because no process can be started to judge them.
pub const NO_JUDGE: &str = "NO_WORKERS";

/// What was found of a file.
enum Verdict {
    Sound,
    Wrong(LoadProblem),
    /// It ended the child, and why that is.
    Deadly(String),
    /// There was no child.
    Unknown(String),
}

/// Every file of a bundle that cannot be loaded, in order.
#[must_use]
pub fn problems(command: &WorkerCommand, limits: &SandboxLimits, bundle: &Bundle) -> Vec<Diagnostic> {
    let mut judge = Judge::new(command, limits, None);
    bundle.files.iter().filter_map(|file| judge.problem(file)).collect()
}

/// What is to be looked over, and what with.
#[derive(Debug)]
pub struct Review<'a> {
    /// The application; `reqParams.appId`.
    pub app_id: &'a str,
    /// Its scripts.
    pub bundle: &'a Bundle,
    /// Its tests, which no bundle has.
    pub tests: &'a [SourceFile],
    /// What scripts may call.
    pub functions: Vec<FunctionSpec>,
    /// How each of `functions` is called.
    pub shapes: Vec<CallShape>,
    /// The fields that the `vo` of actions has, by the actions' names, as far as they are known.
    pub vo: Vec<(&'a str, Vec<String>)>,
}

/// What was seen of an application's files.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Every file that cannot be loaded, and the mistakes in those that can.
    pub found: Vec<Diagnostic>,
    /// The statements of SQL that they write out, and how those begin that they put together to be executed.
    pub statements: Vec<Statement>,
}

/// A statement of SQL in a file.
#[derive(Debug)]
pub struct Statement {
    /// It, or how it begins; empty where nobody knows that.
    pub sql: String,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// Whether nothing catches what it throws.
    pub is_sure: bool,
    /// Where it stands.
    pub place: Place,
    /// The code around that place.
    pub code_frame: Option<String>,
}

/// Looks over every file.
#[must_use]
pub fn review(command: &WorkerCommand, limits: &SandboxLimits, review: &Review<'_>) -> Reviewed {
    let mut judge = Judge::new(command, limits, Some(vocabulary(limits, review)));
    let (mut found, mut looked_over) = (Vec::new(), Vec::new());
    let tests = review.tests.iter().map(|file| (file, Role::Test));
    let scripts = review.bundle.files.iter().map(|file| (file, role(file, review)));
    for (file, role) in scripts.chain(tests) {
        if let Some(problem) = judge.problem(file) {
            found.push(problem);
            continue;
        }
        match judge.lint(file, &role, Vec::new()) {
            Ok(linted) => looked_over.push((file, role, linted)),
            Err(reason) => {
                let message = format!("it could not be looked over for mistakes: {reason}");
                let help = "it can be loaded; make it simpler if its mistakes are to be told";
                found.push(
                    Diagnostic::warning("NOT_LOOKED_OVER", message).at(Place::file(&file.shown)).help(help),
                );
            }
        }
    }
    look_again(&mut judge, &mut looked_over);
    let required: BTreeSet<String> =
        looked_over.iter().flat_map(|(.., linted)| linted.required.iter().cloned()).collect();
    let requires_any = looked_over.iter().any(|(.., linted)| linted.requires_any);
    let (mut mistakes, mut statements) = (Vec::new(), Vec::new());
    for (file, _, linted) in looked_over {
        mistakes.extend(linted.findings.into_iter().map(|finding| (file, finding.within_bounds())));
        statements.extend(linted.statements.into_iter().map(|written| {
            let WrittenSql { sql, is_whole, line, column, is_sure } = written;
            let place = Place::at(&file.shown, line, column);
            Statement { sql, is_whole, is_sure, place, code_frame: frame_of(file, line, column) }
        }));
    }
    // A file that others require is a module, wherever it lies.
    let is_module = |file: &SourceFile| requires_any || required.contains(&file.path);
    let of_actions = |rule| matches!(rule, Rule::ExportsInAction | Rule::NothingRuns);
    mistakes.retain(|(file, finding)| !of_actions(finding.rule) || !is_module(file));
    found.extend(mistakes.into_iter().map(|(file, finding)| diagnostic(file, finding)));
    Reviewed { found, statements }
}

/// Looks over once more what requires a module with async functions: which these are is known now.
fn look_again(judge: &mut Judge<'_>, looked_over: &mut [(&SourceFile, Role, Linted)]) {
    let modules: Vec<Imported> = looked_over
        .iter()
        .filter(|(.., linted)| !linted.asynchronous.is_empty())
        .map(|(file, _, linted)| Imported { path: file.path.clone(), exports: linted.asynchronous.clone() })
        .collect();
    for (file, role, linted) in looked_over {
        let imports: Vec<_> =
            modules.iter().filter(|module| linted.required.contains(&module.path)).cloned().collect();
        // What went well once may take too long now: then what is known stays.
        if !imports.is_empty()
            && let Ok(again) = judge.lint(file, role, imports)
        {
            *linted = again;
        }
    }
}

fn vocabulary(limits: &SandboxLimits, review: &Review<'_>) -> Vocabulary {
    let paths = review.bundle.files.iter().map(|file| SourceFile { text: Ok(String::new()), ..file.clone() });
    let bundle = Bundle { version: review.bundle.version.clone(), files: paths.collect() };
    Vocabulary {
        start: Start {
            app_id: review.app_id.to_owned(),
            bundle,
            functions: review.functions.clone(),
            limits: limits.clone(),
            prelude: None,
            time_zone: TimeZone::default(),
        },
        shapes: review.shapes.clone(),
    }
}

fn role(file: &SourceFile, review: &Review<'_>) -> Role {
    if is_module(&file.path) {
        return Role::Module;
    }
    let name = file.path.strip_suffix(".js");
    let vo = review.vo.iter().filter(|(action, _)| name == Some(*action));
    Role::Action { vo: vo.flat_map(|(_, fields)| fields.clone()).collect() }
}

fn diagnostic(file: &SourceFile, finding: Finding) -> Diagnostic {
    let Finding { rule, is_error, message, help, line, column } = finding;
    let diagnostic = if is_error {
        Diagnostic::error(rule.code(), message)
    } else {
        Diagnostic::warning(rule.code(), message)
    };
    diagnostic.at(Place::at(&file.shown, line, column)).code_frame(frame_of(file, line, column)).help(help)
}

fn frame_of(file: &SourceFile, line: u32, column: u32) -> Option<String> {
    file.text.as_ref().ok().and_then(|text| code_frame(text, line, column))
}

/// Takes out of a bundle the texts that end the process which compiles them; the reason stands in their place.
pub fn sift(command: &WorkerCommand, limits: &SandboxLimits, bundle: &mut Bundle) {
    let mut judge = Judge::new(command, limits, None);
    for file in &mut bundle.files {
        if file.text.as_ref().is_ok_and(|text| text.len() >= HARMLESS)
            && let Verdict::Deadly(reason) = judge.verdict(file)
        {
            file.text = Err(reason);
        }
    }
}

/// The files of a bundle that could not be read, and those that were taken out of it ([`sift`]).
#[must_use]
pub fn unreadable(bundle: &Bundle) -> Vec<Diagnostic> {
    bundle.files.iter().filter_map(|file| Some(unloadable(file, file.text.as_ref().err()?))).collect()
}

fn unloadable(file: &SourceFile, reason: &str) -> Diagnostic {
    Diagnostic::error("SCRIPT_UNREADABLE", reason)
        .at(Place::file(&file.shown))
        .help("save it as a text in UTF-8 that the host may read, and make it smaller or simpler")
}

struct Judge<'a> {
    command: &'a WorkerCommand,
    limits: &'a SandboxLimits,
    /// What a child is told first that looks for mistakes, too.
    vocabulary: Option<Vocabulary>,
    child: Option<Worker>,
    /// Whether it was said that there is no child.
    told_unknown: bool,
}

impl<'a> Judge<'a> {
    fn new(command: &'a WorkerCommand, limits: &'a SandboxLimits, vocabulary: Option<Vocabulary>) -> Self {
        Self { command, limits, vocabulary, child: None, told_unknown: false }
    }

    /// Why a file cannot be loaded, if so.
    fn problem(&mut self, file: &SourceFile) -> Option<Diagnostic> {
        let LoadProblem { message, position, help } = match (&file.text, self.verdict(file)) {
            (Err(reason), _) => return Some(unloadable(file, reason)),
            (_, Verdict::Sound) => return None,
            (_, Verdict::Deadly(reason)) => return Some(unloadable(file, &reason)),
            (_, Verdict::Wrong(problem)) => problem,
            (_, Verdict::Unknown(reason)) => return self.unknown(&reason),
        };
        let (place, frame) = match (position, &file.text) {
            (Some((line, column)), Ok(text)) => {
                (Place::at(&file.shown, line, column), code_frame(text, line, column))
            }
            _ => (Place::file(&file.shown), None),
        };
        let help = help.unwrap_or_else(|| {
            "mend it there, or what stands just before: that is where reading it stopped".to_owned()
        });
        Some(Diagnostic::error("SCRIPT_SYNTAX", message).at(place).code_frame(frame).help(help))
    }

    /// That nothing is known of a file; the same goes for the files after it, so it is said once.
    fn unknown(&mut self, reason: &str) -> Option<Diagnostic> {
        if std::mem::replace(&mut self.told_unknown, true) {
            return None;
        }
        let problem = Diagnostic::error(NO_JUDGE, format!("scripts cannot be judged: {reason}"));
        Some(problem.help("look for limits of the system: memory, processes, what a container forbids"))
    }

    /// The child that is there, or a new one.
    fn child(&mut self) -> Result<Worker, WorkerError> {
        if let Some(child) = self.child.take() {
            return Ok(child);
        }
        let mut child = Worker::launch(self.command, self.limits)?;
        if let Some(vocabulary) = &self.vocabulary {
            child.queue(&ToWorker::Vocabulary(Box::new(vocabulary.clone())))?;
            child.await_ready()?;
        }
        Ok(child)
    }

    /// The mistakes of a file that compiles, or why they are not known.
    fn lint(&mut self, file: &SourceFile, role: &Role, imports: Vec<Imported>) -> Result<Linted, String> {
        let mut child = self.child().map_err(|error| error.to_string())?;
        let order = ToWorker::Lint { file: file.clone(), role: role.clone(), imports };
        child.queue(&order).map_err(|error| error.to_string())?;
        match child.receive_within(LINT_WITHIN) {
            Ok(FromWorker::Linted(linted)) => {
                self.child = Some(child);
                Ok(linted)
            }
            Ok(_) => Err("a worker did not do as it was told".to_owned()),
            Err(Death { reason: Reason::WallLimit, .. }) => {
                Err(format!("it took more than {} seconds", LINT_WITHIN.as_secs()))
            }
            Err(death) => Err(death.message),
        }
    }

    fn verdict(&mut self, file: &SourceFile) -> Verdict {
        if file.text.is_err() {
            return Verdict::Sound; // there is nothing to judge
        }
        let mut child = match self.child() {
            Ok(child) => child,
            Err(error) => return Verdict::Unknown(error.to_string()),
        };
        let order = ToWorker::Judge { file: file.clone(), module: is_module(&file.path) };
        if let Err(error) = child.queue(&order) {
            return Verdict::Unknown(error.to_string());
        }
        child.run_begins();
        match child.receive(Instant::now() + Duration::from_millis(self.limits.wall_ms)) {
            Ok(FromWorker::Judged { problem }) => {
                self.child = Some(child);
                problem.map_or(Verdict::Sound, Verdict::Wrong)
            }
            Ok(_) => Verdict::Unknown("a worker did not do as it was told".to_owned()),
            Err(death) => Verdict::Deadly(deadly(death.reason, self.limits)),
        }
    }
}

/// Why a file ended the process that compiled it.
fn deadly(reason: Reason, limits: &SandboxLimits) -> String {
    match reason {
        Reason::StackLimit => {
            "it is nested too deeply to be loaded: brackets, operators or functions within others".to_owned()
        }
        Reason::CpuLimit => {
            format!("it takes longer to be loaded than a run may (limits.cpu_ms = {})", limits.cpu_ms)
        }
        Reason::WallLimit => {
            format!("it takes longer to be loaded than a run may (limits.wall_ms = {})", limits.wall_ms)
        }
        Reason::MemoryLimit => "it takes too much memory to be loaded".to_owned(),
        _ => "the JavaScript engine fails when it is loaded".to_owned(),
    }
}
