//! The run's event loop: promise jobs in order, timers by their time, and a clock that only they and the host move.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Waker;

use boa_engine::context::time::{Clock, JsInstant};
use boa_engine::job::{Job, JobExecutor};
use boa_engine::module::{Module, ModuleLoader, ModuleRequest, Referrer};
use boa_engine::object::builtins::JsFunction;
use boa_engine::{Context, JsNativeError, JsResult, JsValue};

/// What `Date` reads, in milliseconds since 1970. It stands still while JavaScript runs, so that a run that is
/// taken up again sees the same times.
#[derive(Debug, Default)]
pub(super) struct RunClock {
    millis: Cell<i64>,
    /// By how much timers moved it since the host did.
    by_timers: Cell<u64>,
}

impl RunClock {
    /// Begins a run at `millis`.
    pub(super) fn set(&self, millis: i64) {
        self.millis.set(millis);
        self.by_timers.set(0);
    }

    /// The host says that it is `millis` later than at its last answer; that includes what timers waited.
    pub(super) fn advance_by_host(&self, millis: u64) {
        let more = millis.saturating_sub(self.by_timers.take());
        self.millis.set(self.millis.get().saturating_add_unsigned(more));
    }

    /// A timer was waited for.
    pub(super) fn advance_by_timer(&self, millis: u64) {
        self.by_timers.set(self.by_timers.get().saturating_add(millis));
        self.millis.set(self.millis.get().saturating_add_unsigned(millis));
    }

    pub(super) fn millis(&self) -> i64 {
        self.millis.get()
    }
}

impl Clock for RunClock {
    fn now(&self) -> JsInstant {
        let millis = u64::try_from(self.millis()).unwrap_or(0);
        #[allow(clippy::cast_possible_truncation, reason = "below a milliard")]
        JsInstant::new(millis / 1000, (millis % 1000) as u32 * 1_000_000)
    }

    fn system_time_millis(&self) -> i64 {
        self.millis()
    }
}

/// A call that a script asked for later.
pub(super) struct Timer {
    id: u32,
    due: i64,
    callback: JsFunction,
    arguments: Vec<JsValue>,
    every: Option<u64>,
}

/// What is still to be done in a run.
#[derive(Default)]
pub(super) struct Jobs {
    ready: RefCell<VecDeque<Job>>,
    /// By due time, then in the order in which they were set.
    timers: RefCell<BTreeMap<(i64, u64), Timer>>,
    /// Where each timer of an id stands in `timers`.
    places: RefCell<HashMap<u32, (i64, u64)>>,
    set: Cell<u64>,
    ids: Cell<u32>,
}

impl Jobs {
    /// The next job that need not wait.
    pub(super) fn next(&self) -> Option<Job> {
        self.ready.borrow_mut().pop_front()
    }

    /// Forgets everything; returns how many jobs and timers there were.
    pub(super) fn clear(&self) -> (usize, usize) {
        let (ready, timers) = (self.ready.take(), self.timers.take());
        self.places.take();
        self.set.set(0);
        self.ids.set(0);
        (ready.len(), timers.len())
    }

    /// Calls `callback` at `now + delay`, and from then on every `delay` if `repeats`. Returns the timer's id.
    pub(super) fn set_timer(
        &self,
        callback: JsFunction,
        arguments: Vec<JsValue>,
        now: i64,
        delay: u64,
        repeats: bool,
    ) -> u32 {
        let id = self.ids.get().wrapping_add(1);
        self.ids.set(id);
        let every = repeats.then_some(delay.max(1));
        self.insert(Timer { id, due: now.saturating_add_unsigned(delay), callback, arguments, every });
        id
    }

    fn insert(&self, timer: Timer) {
        let place = (timer.due, self.set.get());
        self.set.set(place.1 + 1);
        self.places.borrow_mut().insert(timer.id, place);
        self.timers.borrow_mut().insert(place, timer);
    }

    /// Forgets a timer; an unknown id is nothing.
    pub(super) fn clear_timer(&self, id: u32) {
        if let Some(place) = self.places.borrow_mut().remove(&id) {
            self.timers.borrow_mut().remove(&place);
        }
    }

    /// When the next timer is due.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.timers.borrow().keys().next().map(|(due, _)| *due)
    }

    /// Calls the next timer's function.
    pub(super) fn fire(&self, context: &mut Context) -> JsResult<()> {
        let Some((_, timer)) = self.timers.borrow_mut().pop_first() else { return Ok(()) };
        self.places.borrow_mut().remove(&timer.id);
        let (callback, arguments) = (timer.callback.clone(), timer.arguments.clone());
        if let Some(every) = timer.every {
            self.insert(Timer { due: timer.due.saturating_add_unsigned(every), ..timer });
        }
        callback.call(&JsValue::undefined(), &arguments, context).map(drop)
    }
}

/// Does one job. What it throws has been dealt with by the promise it belongs to; what comes out is the engine's.
pub(super) fn run_job(job: Job, context: &mut Context) -> JsResult<()> {
    match job {
        Job::PromiseJob(job) => job.call(context).map(drop),
        Job::GenericJob(job) => job.call(context).map(drop),
        Job::AsyncJob(job) => {
            // Only `import()` makes one, and our loader answers at once.
            let context = RefCell::new(context);
            let mut future = job.call(&context);
            let mut task = std::task::Context::from_waker(Waker::noop());
            match Pin::new(&mut future).poll(&mut task) {
                std::task::Poll::Ready(result) => result.map(drop),
                std::task::Poll::Pending => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, job: Job, _context: &mut Context) {
        self.ready.borrow_mut().push_back(job);
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        while let Some(job) = self.next() {
            run_job(job, context)?;
        }
        Ok(())
    }
}

/// Refuses `import()`: modules come from `require`.
pub(super) struct NoImports;

impl ModuleLoader for NoImports {
    async fn load_imported_module(
        self: Rc<Self>,
        _referrer: Referrer,
        _request: ModuleRequest,
        _context: &RefCell<&mut Context>,
    ) -> JsResult<Module> {
        let message = "import() is not available; use require(\"./lib/x\")";
        Err(JsNativeError::typ().with_message(message).into())
    }
}
