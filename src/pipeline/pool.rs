//! An application's workers that nobody uses at the moment: the warmest is taken first, one is kept in reserve, and what
//! has been idle for long is given up.
//!
//! A worker that is killed costs the next run nothing when another waits. So an application at work has one worker more
//! than it uses; it is started on the side, when the last idle one is taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::ActionId;
use crate::base::stage::{self, Monitor};
use crate::config;
use crate::pipeline::run::MAX_LOG_LINE;
use crate::pipeline::{WorkerHandle, Workers};
use crate::script::WorkerError;
use crate::script::protocol::{Bundle, SandboxLimits, SourceFile, Start};

/// How long an idle worker is kept.
const IDLE: Duration = Duration::from_mins(1);

/// What an application's sandbox keeps to by itself.
#[must_use]
pub fn sandbox_limits(limits: &config::Limits) -> SandboxLimits {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    SandboxLimits {
        cpu_ms: millis(limits.cpu),
        wall_ms: millis(limits.wall),
        memory_mb: limits.memory_mb,
        runs_per_context: limits.runs_per_context,
        max_result_bytes: limits.result_kb.saturating_mul(1024),
        max_log_lines: limits.log_lines,
        max_log_line_bytes: MAX_LOG_LINE,
    }
}

/// See the module.
pub(super) struct Pool {
    workers: Arc<dyn Workers>,
    start: Start,
    idle: Monitor<Idle>,
}

struct Idle {
    /// The warmest last, with the time since when they are idle.
    workers: Vec<(Box<dyn WorkerHandle>, Instant)>,
    reserve: Reserve,
}

/// Whether there shall be a worker in reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserve {
    /// No: nobody waits for the next run.
    Unwanted,
    Wanted,
    /// It is being started.
    Coming,
    /// The host is stopping, or there is a newer edition: no worker is kept any more.
    Closed,
}

impl Pool {
    /// A pool without workers, and without one in reserve.
    pub(super) fn new(
        parameters: &config::Application,
        bundle: &Bundle,
        workers: Arc<dyn Workers>,
    ) -> Arc<Self> {
        Self::starting(start_of(parameters, bundle), workers)
    }

    /// This pool where its workers would be started in the same way, or else one of its own.
    pub(super) fn fitting(self: &Arc<Self>, parameters: &config::Application, bundle: &Bundle) -> Arc<Self> {
        let start = start_of(parameters, bundle);
        if self.start == start { Arc::clone(self) } else { Self::starting(start, Arc::clone(&self.workers)) }
    }

    fn starting(start: Start, workers: Arc<dyn Workers>) -> Arc<Self> {
        let idle = Idle { workers: Vec::new(), reserve: Reserve::Unwanted };
        Arc::new(Self { workers, start, idle: Monitor::new(idle) })
    }

    /// From now on there shall be one in reserve while there is work.
    pub(super) fn keep_reserve(&self) {
        let mut idle = self.idle.lock();
        if idle.reserve == Reserve::Unwanted {
            idle.reserve = Reserve::Wanted;
        }
    }

    /// The warmest worker, or a new one.
    ///
    /// # Errors
    /// When none can be started.
    pub(super) fn take(self: &Arc<Self>) -> Result<Box<dyn WorkerHandle>, WorkerError> {
        let mut idle = self.idle.lock();
        let warmest = idle.workers.pop();
        if idle.workers.is_empty() && idle.reserve == Reserve::Wanted {
            idle.reserve = self.send_for_reserve();
        }
        drop(idle);
        warmest.map_or_else(|| self.workers.spawn(&self.start), |(worker, _)| Ok(worker))
    }

    fn send_for_reserve(self: &Arc<Self>) -> Reserve {
        let pool = Arc::clone(self);
        let started = stage::spawn("reserve", move || {
            // One that cannot be started is missed when it is needed, and told of then.
            let worker = pool.workers.spawn(&pool.start);
            let mut idle = pool.idle.lock();
            if idle.reserve == Reserve::Coming {
                idle.reserve = Reserve::Wanted;
                idle.workers.extend(worker.ok().map(|worker| (worker, stage::now())));
            }
        });
        if started.is_ok() { Reserve::Coming } else { Reserve::Wanted }
    }

    /// Keeps a worker for the next run, unless it has grown.
    pub(super) fn put(&self, worker: Box<dyn WorkerHandle>) {
        if worker.has_grown() {
            return; // dropping kills and reaps it
        }
        let mut idle = self.idle.lock();
        if idle.reserve != Reserve::Closed {
            idle.workers.push((worker, stage::now()));
        }
    }

    /// When a worker will have been idle for long enough; `None` when there is none.
    pub(super) fn next_too_old(&self) -> Option<Instant> {
        self.idle.lock().workers.iter().map(|(_, since)| *since + IDLE).min()
    }

    /// Gives up what has been idle for long.
    pub(super) fn give_up_old(&self, now: Instant) {
        let mut idle = self.idle.lock();
        let all = std::mem::take(&mut idle.workers);
        let (old, kept) = all.into_iter().partition(|(_, since)| now.duration_since(*since) >= IDLE);
        idle.workers = kept;
        drop(idle);
        drop::<Vec<_>>(old); // kills and reaps; not under the lock
    }

    /// Gives up all, for good: from now on a worker lives as long as somebody uses it.
    pub(super) fn close(&self) {
        let mut idle = self.idle.lock();
        idle.reserve = Reserve::Closed;
        let all = std::mem::take(&mut idle.workers);
        drop(idle);
        drop(all);
    }
}

fn start_of(parameters: &config::Application, bundle: &Bundle) -> Start {
    let mut bundle = bundle.clone();
    bundle.files.push(SourceFile {
        path: format!("{}.js", ActionId::host_send()),
        shown: "boatswain send".into(),
        text: Ok("return utils.whatsapp.send(vo);".into()),
    });
    Start {
        app_id: parameters.id.to_string(),
        bundle,
        functions: crate::host::specs(),
        limits: sandbox_limits(&parameters.limits),
        prelude: None,
        time_zone: parameters.time_zone.clone(),
    }
}
