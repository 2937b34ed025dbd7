//! Judges scripts before they run, in a process that is thrown away: source that is nested a hundred thousand deep overflows
//! the stack of whoever parses it, and there is no telling by looking.
//!
//! The child compiles each file as a worker would, within the time of a run, and runs none. One that ends the child is bad;
//! a new child goes on with the next. `check` asks of every file what is wrong with it. A host that starts takes out the
//! files that would kill worker after worker ([`sift`]), so that they fail their own runs as what cannot be loaded and cost
//! nobody anything.

use std::time::{Duration, Instant};

use super::catalogue::is_module;
use super::process::{Worker, WorkerCommand};
use super::protocol::{Bundle, FromWorker, Reason, SandboxLimits, SourceFile, ToWorker};
use crate::base::{Diagnostic, Place, code_frame};

/// A file below this many bytes cannot be nested so deeply that it overflows a worker's stack: the costliest byte, an open
/// bracket, takes 30 KiB of 256 MiB.
const HARMLESS: usize = 4_000;

/// What was found of a file.
enum Verdict {
    Sound,
    /// A sentence, and line and column where there is a place.
    Wrong(String, Option<(u32, u32)>),
    /// It ended the child, and why that is.
    Deadly(String),
    /// There was no child.
    Unknown(String),
}

/// Every file of a bundle that cannot be loaded, in order.
#[must_use]
pub fn problems(command: &WorkerCommand, limits: &SandboxLimits, bundle: &Bundle) -> Vec<Diagnostic> {
    let mut judge = Judge { command, limits, child: None };
    let judged = bundle.files.iter().filter_map(|file| {
        let (message, position) = match (&file.text, judge.verdict(file)) {
            (Err(reason), _) => return Some(unloadable(file, reason)),
            (_, Verdict::Sound) => return None,
            (_, Verdict::Deadly(reason)) => return Some(unloadable(file, &reason)),
            (_, Verdict::Wrong(message, position)) => (message, position),
            (_, Verdict::Unknown(reason)) => (format!("it cannot be checked: {reason}"), None),
        };
        let (place, frame) = match (position, &file.text) {
            (Some((line, column)), Ok(text)) => {
                (Place::at(&file.shown, line, column), code_frame(text, line, column))
            }
            _ => (Place::file(&file.shown), None),
        };
        Some(Diagnostic::error("SCRIPT_SYNTAX", message).at(place).code_frame(frame))
    });
    judged.collect()
}

/// Takes out of a bundle the texts that end the process which compiles them; the reason stands in their place.
pub fn sift(command: &WorkerCommand, limits: &SandboxLimits, bundle: &mut Bundle) {
    let mut judge = Judge { command, limits, child: None };
    for file in &mut bundle.files {
        if file.text.as_ref().is_ok_and(|text| text.len() >= HARMLESS)
            && let Verdict::Deadly(reason) = judge.verdict(file)
        {
            tracing::warn!(file = %file.shown, "a script cannot be loaded: {reason}");
            file.text = Err(reason);
        }
    }
}

fn unloadable(file: &SourceFile, reason: &str) -> Diagnostic {
    Diagnostic::error("SCRIPT_UNREADABLE", reason).at(Place::file(&file.shown))
}

struct Judge<'a> {
    command: &'a WorkerCommand,
    limits: &'a SandboxLimits,
    child: Option<Worker>,
}

impl Judge<'_> {
    fn verdict(&mut self, file: &SourceFile) -> Verdict {
        if file.text.is_err() {
            return Verdict::Sound; // there is nothing to judge
        }
        let child = self.child.take().map_or_else(|| Worker::launch(self.command, self.limits), Ok);
        let mut child = match child {
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
                problem.map_or(Verdict::Sound, |(message, position)| Verdict::Wrong(message, position))
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
