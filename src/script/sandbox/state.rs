//! What the sandbox's native functions share: it lives in the Context's data and knows the run that is under way.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsString, JsValue};

use super::compile::LoadError;
use super::console::Console;
use super::jobs::{Jobs, RunClock};
use super::modules::Modules;
use super::random::Random;
use super::{Host, tripwire};
use crate::base::cut;
use crate::script::protocol::{LogLevel, RunRequest, Start, too_many_lines};

/// How many names of form fields are kept as property keys.
const MAX_KEYS: usize = 256;

/// Functions of the engine as they were before any script ran.
pub(super) struct Captured {
    /// `JSON.stringify`
    pub(super) stringify: JsFunction,
    /// `JSON.parse`
    pub(super) parse: JsFunction,
    /// The getter of `Error.prototype.stack`
    pub(super) stack: JsFunction,
}

/// See the module.
pub(super) struct State {
    pub(super) host: Rc<RefCell<dyn Host>>,
    pub(super) start: Rc<Start>,
    pub(super) clock: Rc<RunClock>,
    pub(super) jobs: Rc<Jobs>,
    pub(super) random: Random,
    pub(super) modules: Modules,
    pub(super) console: Console,
    captured: OnceCell<Captured>,
    shields: OnceCell<HashMap<JsObject, JsValue>>,
    keys: RefCell<HashMap<String, PropertyKey>>,

    // Of the run that is under way:
    pub(super) ticket: Cell<u32>,
    /// What the names in scope mean, for modules.
    pub(super) scope: RefCell<Vec<JsValue>>,
    /// What `utils.setReturnValue` was given last.
    pub(super) result: RefCell<Option<JsValue>>,
    /// The promises that were rejected and that nobody has taken care of.
    pub(super) rejected: RefCell<Vec<JsObject>>,
    /// The last error that `require` threw because a file could not be loaded.
    pub(super) unloaded: RefCell<Option<(JsObject, LoadError)>>,
    /// How long the run has waited for timers.
    pub(super) waited: Cell<Duration>,
    lines: Cell<u32>,
    /// Live bytes at which garbage is collected.
    collect_at: Cell<i64>,
}

impl State {
    pub(super) fn new(host: Rc<RefCell<dyn Host>>, start: Rc<Start>) -> Rc<Self> {
        Rc::new(Self {
            host,
            modules: Modules::new(Rc::clone(&start)),
            start,
            console: Console::default(),
            clock: Rc::default(),
            jobs: Rc::default(),
            random: Random::default(),
            captured: OnceCell::new(),
            shields: OnceCell::new(),
            collect_at: Cell::new(i64::MAX),
            keys: RefCell::default(),
            ticket: Cell::new(0),
            scope: RefCell::default(),
            result: RefCell::default(),
            rejected: RefCell::default(),
            unloaded: RefCell::default(),
            waited: Cell::default(),
            lines: Cell::default(),
        })
    }

    /// The state of `context`.
    pub(super) fn of(context: &Context) -> Rc<Self> {
        #[allow(clippy::expect_used, reason = "the sandbox inserts it before anything can ask for it")]
        context.get_data::<Rc<Self>>().expect("a sandbox's Context has its state").clone()
    }

    /// The engine's own functions.
    pub(super) fn captured(&self) -> &Captured {
        #[allow(clippy::expect_used, reason = "set while the Context is made, before any script")]
        self.captured.get().expect("captured when the Context was made")
    }

    /// Sets what [`captured`](Self::captured) returns; once.
    pub(super) fn capture(&self, captured: Captured) {
        let _ = self.captured.set(captured);
    }

    /// Sets what [`shielded`](Self::shielded) knows; once.
    pub(super) fn shield(&self, shields: HashMap<JsObject, JsValue>) {
        let _ = self.shields.set(shields);
    }

    /// The value that a getter made by [`freeze`](super::freeze) stands for.
    pub(super) fn shielded(&self, getter: &JsObject) -> Option<JsValue> {
        self.shields.get()?.get(getter).cloned()
    }

    /// Collects garbage when the run holds much: the engine counts the objects it allocates but not what they
    /// hold, so it would let large arrays and buffers lie. To be called where collecting is allowed.
    pub(super) fn relieve(&self) {
        let live = tripwire::live_bytes();
        if live > self.collect_at.get() {
            boa_gc::force_collect();
            self.collect_later(tripwire::live_bytes());
        }
    }

    /// Puts the next collection a quarter of the run's memory above what is `live` now.
    fn collect_later(&self, live: i64) {
        self.collect_at.set(live.saturating_add(i64::from(self.start.limits.memory_mb) << 18));
    }

    /// Begins a run.
    pub(super) fn begin(&self, request: &RunRequest) {
        self.collect_later(tripwire::live_bytes());
        self.ticket.set(request.ticket);
        self.clock.set(request.started);
        self.random.seed(request.seed);
    }

    /// Ends a run: nothing of it is left.
    pub(super) fn end(&self) {
        self.jobs.clear();
        self.modules.end();
        self.console.end();
        self.scope.take();
        self.result.take();
        self.rejected.take();
        self.unloaded.take();
        self.waited.take();
        self.lines.take();
    }

    /// The property key of a form's field. Twilio's forms have the same few dozen names for ever.
    pub(super) fn key(&self, name: &str) -> PropertyKey {
        let mut keys = self.keys.borrow_mut();
        if let Some(key) = keys.get(name) {
            return key.clone();
        }
        let key = PropertyKey::from(JsString::from(name));
        if keys.len() < MAX_KEYS && name.len() <= 64 {
            keys.insert(name.to_owned(), key.clone());
        }
        key
    }

    /// Whether nothing that is logged will be kept, so that it need not be formatted.
    pub(super) fn log_is_full(&self) -> bool {
        self.lines.get() > self.start.limits.max_log_lines
    }

    /// Logs a line, cut to the limits.
    pub(super) fn log(&self, level: LogLevel, text: &str) {
        let lines = self.lines.get();
        if self.log_is_full() {
            return;
        }
        self.lines.set(lines + 1);
        if lines == self.start.limits.max_log_lines {
            return self.host.borrow_mut().log(self.ticket.get(), LogLevel::Warn, too_many_lines(lines));
        }
        let max = usize::try_from(self.start.limits.max_log_line_bytes).unwrap_or(usize::MAX);
        let text = cut(text, max);
        self.host.borrow_mut().log(self.ticket.get(), level, text);
    }
}
