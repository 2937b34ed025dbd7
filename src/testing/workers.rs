//! Workers that are passed on from world to world: a worker is clean after each run, so a new world needs no new process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::pipeline::{WorkerHandle, Workers};
use crate::script::protocol::{FromWorker, Reason, Start, ToWorker};
use crate::script::{Death, WorkerCommand, WorkerError};

type Idle = Arc<Mutex<Vec<Box<dyn WorkerHandle>>>>;

/// The workers of one application with one set of scripts.
pub(super) struct PassedOn {
    command: WorkerCommand,
    idle: Idle,
}

impl PassedOn {
    pub(super) fn new(command: WorkerCommand) -> Self {
        Self { command, idle: Idle::default() }
    }
}

impl Workers for PassedOn {
    fn spawn(&self, start: &Start) -> Result<Box<dyn WorkerHandle>, WorkerError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let worker = idle.map_or_else(|| self.command.spawn(start), Ok)?;
        Ok(Box::new(Lent { worker: Some(worker), idle: Arc::clone(&self.idle), is_dead: false }))
    }
}

/// A worker that goes back when it is dropped, if it may work for somebody else.
struct Lent {
    /// There until it is dropped.
    worker: Option<Box<dyn WorkerHandle>>,
    idle: Idle,
    is_dead: bool,
}

impl Lent {
    fn worker(&mut self) -> &mut dyn WorkerHandle {
        #[allow(clippy::expect_used, reason = "taken only by `drop`")]
        &mut **self.worker.as_mut().expect("there until it is dropped")
    }

    fn worker_ref(&self) -> &dyn WorkerHandle {
        #[allow(clippy::expect_used, reason = "taken only by `drop`")]
        &**self.worker.as_ref().expect("there until it is dropped")
    }
}

impl WorkerHandle for Lent {
    fn queue(&mut self, frame: &ToWorker) -> Result<(), WorkerError> {
        self.worker().queue(frame)
    }

    fn bytes_ahead(&self) -> usize {
        self.worker_ref().bytes_ahead()
    }

    fn room_ahead(&self) -> usize {
        self.worker_ref().room_ahead()
    }

    fn run_begins(&mut self) {
        self.worker().run_begins();
    }

    fn receive(&mut self, wall_deadline: Instant) -> Result<FromWorker, Death> {
        self.worker().receive(wall_deadline).inspect_err(|_| self.is_dead = true)
    }

    fn end(&mut self, reason: Reason, message: String) -> Death {
        self.is_dead = true;
        self.worker().end(reason, message)
    }

    fn cpu(&self) -> Duration {
        self.worker_ref().cpu()
    }

    fn has_grown(&self) -> bool {
        self.worker_ref().has_grown()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let reusable = !self.is_dead && self.bytes_ahead() == 0 && !self.has_grown();
        if let Some(worker) = self.worker.take().filter(|_| reusable) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }
}
