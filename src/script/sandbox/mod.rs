//! The sandbox: a warm Boa Context for one application that runs its actions one after another.
//!
//! A run: the action's outer function is called with the names in scope, which makes the inner, async one; that is
//! called and answers a promise. Then the event loop does promise jobs and timers until that promise has settled;
//! what is still pending is dropped. [`tripwire`] stops a run that uses up its CPU time or memory; the Context that
//! it ran in is then thrown away, and otherwise after `runs_per_context` runs.
//!
//! The sandbox does not know in which process it is. [`Sandbox::new`] alone keeps to what can be stopped from
//! inside; [`Sandbox::in_worker`] also ends the process where nothing else helps.

mod compile;
mod console;
mod deadline;
mod failure;
mod freeze;
mod functions;
mod hints;
mod inspect;
mod jobs;
mod memory;
mod modules;
mod random;
mod realm;
mod state;
mod syntax;
#[cfg(test)]
mod tests;
mod timers;
mod tripwire;
mod values;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsPromise;
use boa_engine::{Context, JsResult, JsString, JsValue, js_string};

pub use self::memory::CountingAllocator;

use self::compile::Kind;
use self::state::State;
use self::tripwire::Share;
use super::protocol::{
    Answer, Ended, Failure, LogLevel, Reason, Returned, RunRequest, SourceFile, Start, Value,
};
use super::{catalogue, sys};
use crate::base::Diagnostic;

/// How much a worker may exceed `limits.memory_mb` twice over before it ends itself, in bytes.
const MEMORY_SLACK: i64 = 64 << 20;
/// Unhandled rejections that are worth a line each.
const MAX_REJECTIONS_LOGGED: usize = 3;

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
    start: Start,
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
            start: start.clone(),
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
        if self.warm.is_none() {
            let state = State::new(Rc::clone(&self.host), &self.start);
            let context = realm::build(&state).map_err(|error| error.to_string())?;
            self.warm = Some(Warm { context, state, runs: 0 });
        }
        Ok(())
    }

    /// Runs an action to its end.
    pub fn run(&mut self, request: &RunRequest) -> Ended {
        if let Err(message) = self.warm_up() {
            let failure = failure::plain(Reason::Killed, format!("the JavaScript engine failed: {message}"));
            return Ended { ticket: request.ticket, result: Err(failure), cpu_us: 0, peak_memory_bytes: 0 };
        }
        let Some(warm) = &mut self.warm else { unreachable!("warm_up made it") };
        warm.runs += 1;
        let (began, baseline) = (sys::thread_cpu_ns(), tripwire::live_bytes());
        let cpu = self.start.limits.cpu_ms.saturating_mul(1_000_000);
        let memory = i64::from(self.start.limits.memory_mb) << 20;
        let (cpu_kill, memory_kill) = if self.ends_process {
            (began.saturating_add(cpu.saturating_mul(2)), baseline + 2 * memory + MEMORY_SLACK)
        } else {
            (u64::MAX, i64::MAX)
        };
        let share = Share {
            cpu_deadline: began.saturating_add(cpu),
            cpu_kill,
            memory_limit: baseline + memory,
            memory_kill,
        };
        tripwire::arm(warm.context.runtime_limits_mut(), &share);
        warm.state.begin(request);
        let result = attempt(request, warm);
        let worn_out = warm.runs >= self.start.limits.runs_per_context
            || matches!(&result, Err(failure) if !matches!(failure.reason, Reason::Thrown | Reason::Syntax));
        warm.state.end();
        tripwire::disarm();
        let used = sys::thread_cpu_ns().saturating_sub(began);
        let peak = tripwire::peak_bytes().saturating_sub(baseline);
        if worn_out {
            self.warm = None;
            boa_gc::force_collect();
        } else if tripwire::live_bytes() > baseline + memory / 4 {
            boa_gc::force_collect();
        }
        Ended {
            ticket: request.ticket,
            result,
            cpu_us: used / 1000,
            peak_memory_bytes: u64::try_from(peak).unwrap_or(0),
        }
    }
}

/// Why `file` cannot be loaded, found without running it.
pub(super) fn load_problem(file: &SourceFile, module: bool) -> Option<Diagnostic> {
    let kind = if module { Kind::Module } else { Kind::Action };
    let error = compile::check(file, kind).err()?;
    let position = error.place.map(|place| (place.line, place.column));
    Some(catalogue::problem(file, &error.message, position))
}

/// One run, to its result. What used up a limit is said by the tripwire and not by what the engine made of it.
fn attempt(request: &RunRequest, warm: &mut Warm) -> Result<Returned, Failure> {
    let Warm { context, state, .. } = warm;
    let result = result(request, context, state);
    match tripwire::tripped() {
        Some(tripped) => {
            let mut failure = failure::limit(tripped, &state.limits);
            if let Err(stopped) = result {
                failure.frames = stopped.frames;
            }
            Err(failure)
        }
        None => result,
    }
}

fn result(request: &RunRequest, context: &mut Context, state: &State) -> Result<Returned, Failure> {
    let file = state.modules.action(&request.action).map_err(failure::load)?;
    let outer = state.modules.function(file, Kind::Action, context).map_err(failure::load)?;
    let promise = scope(request, file, context, state)
        .and_then(|scope| outer.call(&JsValue::undefined(), &scope, context))
        .and_then(|inner| match inner.as_callable() {
            Some(inner) => inner.call(&JsValue::undefined(), &[], context),
            None => Ok(JsValue::undefined()),
        })
        .and_then(|promise| JsPromise::resolve(promise, context))
        .map_err(|error| failure::from_error(error, context))?;
    let began = Instant::now();
    let mut value = settle(&promise, began, context, state);
    if value.as_ref().is_ok_and(JsValue::is_undefined)
        && let Some(chosen) = state.result.take()
    {
        let promise =
            JsPromise::resolve(chosen, context).map_err(|error| failure::from_error(error, context))?;
        value = settle(&promise, began, context, state);
    }
    let returned = value.and_then(|value| returned(&value, context, state));
    warn_of_what_is_left(&promise, context, state);
    returned
}

/// The values of the names in scope, in the order of the outer function's parameters; what modules share is kept.
fn scope(request: &RunRequest, file: usize, context: &mut Context, state: &State) -> JsResult<Vec<JsValue>> {
    let vo = values::from_vo(&request.vo, context)?;
    let company: JsValue = JsString::from(request.company.as_str()).into();
    let app: JsValue = JsString::from(state.app_id.as_str()).into();
    let action: JsValue = JsString::from(request.action.as_str()).into();
    let params = JsObject::with_object_proto(context.intrinsics());
    for (name, value) in [
        (js_string!("appId"), &app),
        (js_string!("applicationId"), &app),
        (js_string!("companyId"), &company),
        (js_string!("actionId"), &action),
    ] {
        params.create_data_property_or_throw(name, value.clone(), context)?;
    }
    let user = JsObject::with_object_proto(context.intrinsics());
    user.create_data_property_or_throw(js_string!("companyId"), company.clone(), context)?;
    let mut scope = Vec::with_capacity(compile::SCOPE);
    scope.extend([vo, params.into(), company, app, user.into()]);
    state.scope.replace(scope.clone());
    scope.push(state.modules.require_of(file, context)?.into());
    Ok(scope)
}

/// Does what there is to do until `promise` has settled.
fn settle(
    promise: &JsPromise,
    began: Instant,
    context: &mut Context,
    state: &State,
) -> Result<JsValue, Failure> {
    let never = || {
        let message = "the action's promise never settles: it awaits something that nothing will resolve";
        Err(failure::plain(Reason::Thrown, message))
    };
    loop {
        match promise.state() {
            PromiseState::Fulfilled(value) => return Ok(value),
            PromiseState::Rejected(reason) => return Err(failure::from_thrown(&reason, context)),
            PromiseState::Pending => {}
        }
        if tripwire::tripped().is_some() {
            return never();
        }
        let done = if let Some(job) = state.jobs.next() {
            jobs::run_job(job, context)
        } else if let Some(due) = state.jobs.next_due() {
            wait_until(due, began, state)?;
            state.relieve();
            state.jobs.fire(context)
        } else {
            return never();
        };
        done.map_err(|error| failure::from_error(error, context))?;
    }
}

/// Waits for a timer and moves the clock to it.
fn wait_until(due: i64, began: Instant, state: &State) -> Result<(), Failure> {
    let now = state.clock.millis();
    let Ok(millis @ 1..) = u64::try_from(due.saturating_sub(now)) else { return Ok(()) };
    let wall = Duration::from_millis(state.limits.wall_ms);
    let waited = state.waited.get() + Duration::from_millis(millis);
    if waited > wall || began.elapsed() > wall {
        let message =
            format!("the action waits longer than its wall time (limits.wall_ms = {})", state.limits.wall_ms);
        return Err(failure::plain(Reason::WallLimit, message));
    }
    state.waited.set(waited);
    state.host.borrow_mut().sleep(Duration::from_millis(millis));
    state.clock.advance_by_timer(millis);
    Ok(())
}

/// The run's result, as it crosses the pipe.
fn returned(value: &JsValue, context: &mut Context, state: &State) -> Result<Returned, Failure> {
    let returned = match value.as_string() {
        Some(string) => Returned::String(values::text(&string)),
        None if value.is_undefined() => Returned::Undefined,
        None => match values::stringify(value, context) {
            Ok(Some(json)) => Returned::Json(json),
            Ok(None) => Returned::Undefined,
            Err(error) => {
                let mut failure = failure::from_error(error, context);
                failure.message =
                    format!("the returned value cannot be written as JSON: {}", failure.message);
                return Err(failure);
            }
        },
    };
    let bytes = match &returned {
        Returned::Undefined => 0,
        Returned::String(text) | Returned::Json(text) => text.len(),
    };
    let max = usize::try_from(state.limits.max_result_bytes).unwrap_or(usize::MAX);
    if bytes > max {
        let message = format!("the returned value takes {bytes} bytes; at most {max} are kept");
        return Err(failure::plain(Reason::OutputLimit, message));
    }
    Ok(returned)
}

/// Says what the run leaves undone, for it is dropped.
fn warn_of_what_is_left(promise: &JsPromise, context: &mut Context, state: &State) {
    let main: JsObject = promise.clone().into();
    let rejected = state.rejected.take();
    let reasons = rejected.iter().filter(|promise| !JsObject::equals(promise, &main));
    for reason in reasons.filter_map(realm::rejection).take(MAX_REJECTIONS_LOGGED) {
        let shown = inspect::value(&reason, context);
        state.log(LogLevel::Warn, &format!("a promise was rejected and nothing handled it: {shown}"));
    }
    let (jobs, timers) = state.jobs.clear();
    if jobs + timers > 0 {
        let what = match (jobs, timers) {
            (0, timers) => format!("{timers} timer(s)"),
            (jobs, 0) => format!("{jobs} promise job(s)"),
            (jobs, timers) => format!("{jobs} promise job(s) and {timers} timer(s)"),
        };
        state.log(
            LogLevel::Warn,
            &format!("the action ended while {what} were still pending: they are dropped"),
        );
    }
}
