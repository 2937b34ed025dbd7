//! The sandbox: a warm Boa Context for one application that runs its actions one after another.
//!
//! [`realm`] makes the Context, [`run`] runs an action in it, [`tripwire`] stops a run that uses up its CPU time or
//! memory. A Context in which a limit struck is thrown away, and otherwise after `runs_per_context` runs.
//!
//! The sandbox does not know in which process it is. [`Sandbox::new`] alone keeps to what can be stopped from
//! inside; [`Sandbox::in_worker`] also ends the process where nothing else helps.

mod causes;
mod compile;
mod console;
mod crypto;
mod data;
mod date_text;
mod date_value;
mod dates;
mod deadline;
mod failure;
mod freeze;
mod functions;
mod hints;
mod inspect;
mod jobs;
mod known;
mod layout;
mod lint;
mod memory;
mod modules;
mod neighbours;
mod random;
mod realm;
mod run;
mod search_params;
mod sort;
mod state;
mod suspects;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod timers;
mod tripwire;
mod url;
mod values;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use boa_engine::Context;

pub(super) use self::lint::Linter;
pub use self::memory::CountingAllocator;

use self::compile::{Kind, LoadError};
use self::state::State;
use self::tripwire::{Share, Tripped};
use super::protocol::{
    Answer, Ended, Failure, Frame, LoadProblem, LogLevel, Reason, RunRequest, SourceFile, Start, Value,
};
use super::sys;

/// How much a worker may exceed `limits.memory_mb` twice over before it ends itself, in bytes.
const MEMORY_SLACK: i64 = 64 << 20;

/// What a sandbox needs of the world.
pub trait Host {
    /// A script calls the function `function` of [`Start::functions`]; returns its answer, however long it takes.
    fn call(&mut self, ticket: u32, function: u16, arguments: Vec<Value>) -> Answer;

    /// A script logs a line.
    fn log(&mut self, ticket: u32, level: LogLevel, text: String);

    /// A script waits for a timer. A test need not.
    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// See the module. Stays on the thread that made it, which should have a large stack: recursion through native
/// functions takes about 10 KiB a level.
pub struct Sandbox {
    start: Rc<Start>,
    host: Rc<RefCell<dyn Host>>,
    warm: Option<Warm>,
    ends_process: bool,
    _timer: deadline::CpuTimer,
}

/// A Context with what belongs to it.
struct Warm {
    context: Box<Context>,
    state: Rc<State>,
    runs: u32,
}

impl Sandbox {
    /// A sandbox for the application of `start`.
    ///
    /// # Errors
    /// When the system has no timer for the thread.
    pub fn new(start: &Start, host: impl Host + 'static) -> std::io::Result<Self> {
        Ok(Self {
            start: Rc::new(start.clone()),
            host: Rc::new(RefCell::new(host)),
            warm: None,
            ends_process: false,
            _timer: deadline::CpuTimer::start()?,
        })
    }

    /// The same in a process that is the sandbox's alone: a script that cannot be stopped ends it, with one of the
    /// statuses in `sys`.
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub fn in_worker(start: &Start, host: impl Host + 'static) -> std::io::Result<Self> {
        let mut sandbox = Self::new(start, host)?;
        sandbox.ends_process = true;
        Ok(sandbox)
    }

    /// Makes the Context now rather than at the first run.
    ///
    /// # Errors
    /// What the engine says.
    pub fn warm_up(&mut self) -> Result<(), String> {
        self.warm = Some(self.warmed()?);
        Ok(())
    }

    /// The Context that is there, or a new one.
    fn warmed(&mut self) -> Result<Warm, String> {
        if let Some(warm) = self.warm.take() {
            return Ok(warm);
        }
        let state = State::new(Rc::clone(&self.host), Rc::clone(&self.start));
        let context = realm::build(&state).map_err(|error| error.to_string())?;
        Ok(Warm { context, state, runs: 0 })
    }

    /// Runs an action to its end.
    pub fn run(&mut self, request: &RunRequest) -> Ended {
        let mut warm = match self.warmed() {
            Ok(warm) => warm,
            Err(message) => {
                let failure =
                    Failure::new(Reason::Killed, format!("the JavaScript engine failed: {message}"));
                return Ended {
                    ticket: request.ticket,
                    result: Err(failure),
                    cpu_us: 0,
                    peak_memory_bytes: 0,
                };
            }
        };
        warm.runs += 1;
        let (began, baseline) = (sys::thread_cpu_ns(), tripwire::live_bytes());
        let armed = tripwire::arm(warm.context.runtime_limits_mut(), &self.share(began, baseline));
        warm.state.begin(request);
        let result = run::attempt(request, &mut warm.context, &warm.state);
        warm.state.end();
        drop(armed);
        let used = sys::thread_cpu_ns().saturating_sub(began);
        let peak = tripwire::peak_bytes().saturating_sub(baseline);
        let struck =
            matches!(&result, Err(failure) if !matches!(failure.reason, Reason::Thrown | Reason::Syntax));
        if struck || warm.runs >= self.start.limits.runs_per_context {
            drop(warm);
            boa_gc::force_collect();
        } else {
            self.warm = Some(warm);
            if tripwire::live_bytes() > baseline + self.memory() / 4 {
                boa_gc::force_collect();
            }
        }
        Ended {
            ticket: request.ticket,
            result,
            cpu_us: used / 1000,
            peak_memory_bytes: u64::try_from(peak).unwrap_or(0),
        }
    }

    /// `limits.memory_mb` in bytes.
    fn memory(&self) -> i64 {
        i64::from(self.start.limits.memory_mb) << 20
    }

    /// What a run may use that begins now.
    fn share(&self, cpu: u64, live: i64) -> Share {
        let allowed = self.start.limits.cpu_ms.saturating_mul(1_000_000);
        let mut share = Share {
            cpu_deadline: cpu.saturating_add(allowed),
            cpu_kill: u64::MAX,
            memory_limit: live + self.memory(),
            memory_kill: i64::MAX,
        };
        if self.ends_process {
            share.cpu_kill = share.cpu_deadline.saturating_add(allowed);
            share.memory_kill = share.memory_limit + self.memory() + MEMORY_SLACK;
        }
        share
    }
}

/// The status with which a process ends whose engine has panicked on this thread. Where a limit has stopped the run, that
/// is why: the engine does not expect to be stopped everywhere.
pub(super) fn status_of_panic() -> i32 {
    match tripwire::tripped() {
        Some(Tripped::Cpu) => sys::EXIT_CPU,
        Some(Tripped::Memory) => sys::EXIT_MEMORY,
        None => sys::EXIT_PANIC,
    }
}

/// Why `file` cannot be loaded, found by compiling it (or reading it, where it is JSON) as a run would, and where;
/// nothing of it runs.
pub(super) fn load_problem(file: &SourceFile, module: bool) -> Option<LoadProblem> {
    let problem = |LoadError { message, place, help }| {
        let position = place.map(|place: Frame| (place.line, place.column));
        LoadProblem { message, position, help }
    };
    if file.is_json() {
        return data::check(file).err().map(problem);
    }
    let kind = if module { Kind::Module } else { Kind::Action };
    // The engine's own loader of modules would look for a folder.
    let context = Context::builder().module_loader(Rc::new(jobs::NoImports)).build();
    let mut context = match context {
        Ok(context) => context,
        Err(error) => return Some(problem(LoadError::new(format!("the JavaScript engine failed: {error}")))),
    };
    context.strict(true);
    compile::compile(file, kind, &mut context).err().map(problem)
}
