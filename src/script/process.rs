//! The host side of a worker: spawns it, feeds it, and kills it when it takes too long.
//!
//! Both pipes are non-blocking here. Frames for the worker are queued; [`Worker::flush`] writes what the pipe
//! takes, and [`Worker::receive`] writes the rest while it waits, so neither side can block the other for good.
//! While it waits, it sleeps in `poll` until something can be read or the first moment at which a deadline can
//! have passed: the wall deadline, or the worker's CPU clock (which advances no faster than time) being past twice
//! the run's share. A worker that never stops talking is held to the same deadlines. One that dies says why with its exit
//! status.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::confine::Confinement;
use super::protocol::{Bundle, FromWorker, Reason, SandboxLimits, Start, ToWorker};
use super::sys::{self, Interest};
use super::{frame, spawner};
use crate::base::TimeZone;

/// How long a worker may take from its start to [`FromWorker::Ready`].
const READY_WITHIN: Duration = Duration::from_secs(10);
/// The pipes' buffers, if the system lets us have them, in bytes.
const PIPE_BYTES: usize = 1 << 20;
/// The CPU clock is not looked at more often than this while a worker waits.
const CPU_CHECK: Duration = Duration::from_millis(25);
/// How long a worker may take to die once its pipe is closed.
const DEATH_WITHIN: Duration = Duration::from_secs(2);

/// The program that is a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl WorkerCommand {
    /// This very program with the argument `worker`, also after its file has been replaced.
    #[must_use]
    pub fn current_exe() -> Self {
        Self { program: PathBuf::from("/proc/self/exe"), arguments: vec!["worker".to_owned()] }
    }

    /// What confines workers on this system; starts one and ends it again.
    ///
    /// # Errors
    /// When no worker can be started.
    pub fn confinement(&self) -> Result<Confinement, WorkerError> {
        let limits = SandboxLimits {
            cpu_ms: 1,
            wall_ms: 1,
            memory_mb: 64,
            runs_per_context: 1,
            max_result_bytes: 0,
            max_log_lines: 0,
            max_log_line_bytes: 0,
        };
        let time_zone = TimeZone::default();
        let nobody = Start {
            app_id: String::new(),
            bundle: Bundle::default(),
            functions: Vec::new(),
            limits,
            prelude: None,
            time_zone,
        };
        Ok(Worker::spawn(self, &nobody)?.confinement().clone())
    }
}

/// Why a worker could not be started or told something.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The program could not be started, or its pipes not be set up.
    #[error("cannot start a worker: {0}")]
    Spawn(#[source] io::Error),
    /// The worker ended before it was ready.
    #[error("a worker ended while it started: {0}")]
    Died(Death),
    /// It said something else than that it is ready.
    #[error("a worker did not say that it is ready")]
    NotReady,
    /// A frame is longer than [`MAX_FRAME`](super::protocol::MAX_FRAME).
    #[error("cannot tell the worker: {0}")]
    Frame(#[source] io::Error),
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Death {
    /// The reason for the run that was under way: a limit, or [`Reason::Killed`].
    pub reason: Reason,
    /// One sentence; names the limit's parameter.
    pub message: String,
    /// Processor time of the worker since the run began.
    pub cpu: Duration,
    /// The most memory that the worker held beyond what it held when it was ready, in bytes; 0 where it is not known.
    pub peak_memory_bytes: u64,
}

impl Death {
    /// A death of which nothing more is known.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), cpu: Duration::ZERO, peak_memory_bytes: 0 }
    }
}

/// A worker process. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    exit: OwnedFd,
    stdin: ChildStdin,
    stdout: ChildStdout,
    incoming: frame::Decoder,
    outgoing: Vec<u8>,
    /// What of `outgoing` has been written.
    written: usize,
    limits: SandboxLimits,
    confinement: Confinement,
    /// Bytes of the run frames whose run has not ended, oldest first.
    runs: std::collections::VecDeque<usize>,
    ahead: usize,
    /// The worker's CPU clock when the current run began, in nanoseconds.
    cpu_at_begin: u64,
    /// When that clock was last looked at.
    cpu_looked_at: Instant,
    /// Memory that the worker held when it was ready, in bytes.
    resident_at_start: u64,
    /// Whether it is dead and reaped: its number may be another's.
    ended: bool,
    pipe_bytes: usize,
}

impl Worker {
    /// Starts a worker and waits until it is ready, 10 s at most.
    ///
    /// # Errors
    /// When it cannot be started or does not become ready.
    pub fn spawn(command: &WorkerCommand, start: &Start) -> Result<Self, WorkerError> {
        let mut worker = Self::launch(command, &start.limits)?;
        worker.queue(&ToWorker::Start(start.clone()))?;
        worker.await_ready()?;
        worker.run_begins();
        worker.resident_at_start = sys::resident_bytes(worker.pid()).unwrap_or(0);
        Ok(worker)
    }

    /// Waits until a worker that has been told whom it works for is ready, 10 s at most.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(super) fn await_ready(&mut self) -> Result<(), WorkerError> {
        match self.wait(Instant::now() + READY_WITHIN, None) {
            Ok(FromWorker::Ready { confinement }) => {
                self.confinement = confinement;
                Ok(())
            }
            Ok(_) => Err(WorkerError::NotReady),
            Err(death) => Err(WorkerError::Died(death)),
        }
    }

    /// Starts the process; it has been told nothing yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn launch(command: &WorkerCommand, limits: &SandboxLimits) -> Result<Self, WorkerError> {
        let mut program = Command::new(&command.program);
        program.args(&command.arguments).env_clear().current_dir("/");
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = spawner::spawn(program).map_err(WorkerError::Spawn)?;
        let parts = match (child.stdin.take(), child.stdout.take(), sys::pidfd_open(child.id())) {
            (Some(stdin), Some(stdout), Ok(exit)) => {
                let nonblocking =
                    sys::set_nonblocking(stdin.as_fd()).and_then(|()| sys::set_nonblocking(stdout.as_fd()));
                nonblocking.map(|()| (stdin, stdout, exit))
            }
            (_, _, Err(error)) => Err(error),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        };
        let (stdin, stdout, exit) = parts.map_err(|error| {
            let _ = child.kill();
            let _ = child.wait();
            WorkerError::Spawn(error)
        })?;
        let pipe_bytes = sys::set_pipe_size(stdin.as_fd(), PIPE_BYTES);
        let _ = sys::set_pipe_size(stdout.as_fd(), PIPE_BYTES);
        Ok(Self {
            child,
            exit,
            stdin,
            stdout,
            incoming: frame::Decoder::default(),
            outgoing: Vec::new(),
            written: 0,
            limits: limits.clone(),
            confinement: Confinement::default(),
            runs: std::collections::VecDeque::new(),
            ahead: 0,
            cpu_at_begin: 0,
            cpu_looked_at: Instant::now(),
            resident_at_start: 0,
            ended: false,
            pipe_bytes,
        })
    }

    /// Waits for what the worker says next, however much processor time it takes.
    ///
    /// # Errors
    /// How it died; also when it says nothing within `time`.
    pub(super) fn receive_within(&mut self, time: Duration) -> Result<FromWorker, Death> {
        self.wait(Instant::now() + time, None)
    }

    /// What confines the worker, as it said itself.
    #[must_use]
    pub fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Puts a frame behind those that are to be written.
    ///
    /// # Errors
    /// When it is too long for a frame; nothing is queued then.
    pub fn queue(&mut self, frame: &ToWorker) -> Result<(), WorkerError> {
        let before = self.outgoing.len();
        frame::encode(frame, &mut self.outgoing).map_err(WorkerError::Frame)?;
        if matches!(frame, ToWorker::Run(_)) {
            let bytes = self.outgoing.len() - before;
            self.runs.push_back(bytes);
            self.ahead += bytes;
        }
        Ok(())
    }

    /// Writes what is queued, as far as the pipe takes it now; [`receive`](Self::receive) writes the rest. A worker
    /// that is gone shows there too.
    pub fn flush(&mut self) {
        while self.written < self.outgoing.len() {
            match self.stdin.write(&self.outgoing[self.written..]) {
                Ok(0) => break,
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The worker has closed its end: what it still said, and its end, are read in `receive`.
                Err(_) => break,
            }
        }
        self.outgoing.clear();
        self.written = 0;
    }

    /// Bytes of the runs that have been queued and have not ended.
    #[must_use]
    pub fn bytes_ahead(&self) -> usize {
        self.ahead
    }

    /// How many [`bytes_ahead`](Self::bytes_ahead) the pipe takes without waiting, in bytes: half of it.
    #[must_use]
    pub fn room_ahead(&self) -> usize {
        self.pipe_bytes / 2
    }

    /// The current run begins now: its CPU time counts from here.
    pub fn run_begins(&mut self) {
        self.cpu_at_begin = sys::process_cpu_ns(self.pid()).unwrap_or(self.cpu_at_begin);
    }

    /// Processor time of the worker from its start until now; of one that has ended, until its last run began.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let now = if self.ended { None } else { sys::process_cpu_ns(self.pid()) };
        Duration::from_nanos(now.unwrap_or(self.cpu_at_begin))
    }

    /// Whether the process has grown by as much as a run may hold, between two runs: what it keeps then it will not give
    /// back, and a new one is better.
    #[must_use]
    pub fn has_grown(&self) -> bool {
        let allowed = self.resident_at_start + (u64::from(self.limits.memory_mb) << 20);
        sys::resident_bytes(self.pid()).is_some_and(|resident| resident > allowed)
    }

    /// Writes what is queued and waits for the worker's next frame.
    ///
    /// # Errors
    /// The worker's death: of itself, or because it was killed at `wall_deadline`, for its CPU time or for saying
    /// what cannot be understood. The worker is of no use any more.
    pub fn receive(&mut self, wall_deadline: Instant) -> Result<FromWorker, Death> {
        self.flush();
        let cpu = self.limits.cpu_ms.saturating_mul(2_000_000);
        let frame = self.wait(wall_deadline, Some(self.cpu_at_begin.saturating_add(cpu)))?;
        if matches!(frame, FromWorker::Ended(_)) {
            self.ahead -= self.runs.pop_front().unwrap_or(0);
        }
        Ok(frame)
    }

    /// Ends the worker.
    pub fn kill(self) {
        drop(self);
    }

    fn wait(&mut self, wall_deadline: Instant, cpu_deadline: Option<u64>) -> Result<FromWorker, Death> {
        loop {
            // Before each frame, for a worker may say more than anybody can listen to.
            let timeout = self.time_left(wall_deadline, cpu_deadline)?;
            match self.incoming.next() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(_) => return Err(self.end(Reason::Killed, "the worker violated the protocol")),
            }
            match self.incoming.fill(&mut self.stdout) {
                Ok(0) => return Err(self.died()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.poll(timeout),
                Err(_) => return Err(self.died()),
            }
        }
    }

    /// How long may be waited until a deadline has passed or may have.
    ///
    /// # Errors
    /// One has passed: the worker is killed.
    fn time_left(&mut self, wall_deadline: Instant, cpu_deadline: Option<u64>) -> Result<Duration, Death> {
        let now = Instant::now();
        let left = wall_deadline.saturating_duration_since(now);
        if left.is_zero() {
            let message = format!("the action used up its time (limits.wall_ms = {})", self.limits.wall_ms);
            return Err(self.end(Reason::WallLimit, message));
        }
        let Some(deadline) = cpu_deadline else { return Ok(left) };
        if now.duration_since(self.cpu_looked_at) < CPU_CHECK {
            return Ok(left.min(CPU_CHECK));
        }
        self.cpu_looked_at = now;
        let used = sys::process_cpu_ns(self.pid()).unwrap_or(0);
        if used >= deadline {
            return Err(self.end(Reason::CpuLimit, cpu_message(&self.limits)));
        }
        Ok(left.min(Duration::from_nanos(deadline - used).max(CPU_CHECK)))
    }

    /// Sleeps until something can be read, or what is queued can be written on, or `timeout`.
    fn poll(&mut self, timeout: Duration) {
        self.flush();
        let mut interests = vec![Interest::read(self.stdout.as_fd())];
        if self.written < self.outgoing.len() {
            interests.push(Interest::write(self.stdin.as_fd()));
        }
        // Failing leaves nothing ready, and the caller looks at its deadlines again.
        let _ = sys::poll(&mut interests, timeout);
    }

    /// Kills the worker for `reason`, and says what the run has used.
    pub fn end(&mut self, reason: Reason, message: impl Into<String>) -> Death {
        let mut death = Death::new(reason, message);
        let peak = sys::peak_resident_bytes(self.pid()).unwrap_or(0);
        death.peak_memory_bytes = peak.saturating_sub(self.resident_at_start);
        let _ = self.child.kill();
        let _ = sys::poll(&mut [Interest::read(self.exit.as_fd())], DEATH_WITHIN);
        let cpu = sys::cpu_at_end(self.exit.as_fd());
        let _ = self.child.wait();
        self.reckon(death, cpu)
    }

    /// The worker has closed its pipe: why?
    fn died(&mut self) -> Death {
        let _ = sys::poll(&mut [Interest::read(self.exit.as_fd())], DEATH_WITHIN);
        let cpu = sys::cpu_at_end(self.exit.as_fd());
        match self.child.try_wait() {
            Ok(Some(status)) => self.reckon(cause(status, &self.limits), cpu),
            _ => self.end(Reason::Killed, "the worker closed its pipe"),
        }
    }

    /// A death with the processor time that the system says the process has used.
    fn reckon(&mut self, mut death: Death, cpu: Option<Duration>) -> Death {
        self.ended = true;
        death.cpu = cpu.unwrap_or_default().saturating_sub(Duration::from_nanos(self.cpu_at_begin));
        death
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cpu_message(limits: &SandboxLimits) -> String {
    format!("the action used up its CPU time (limits.cpu_ms = {})", limits.cpu_ms)
}

fn cause(status: ExitStatus, limits: &SandboxLimits) -> Death {
    let (reason, message) = match (status.code(), status.signal()) {
        (Some(sys::EXIT_MEMORY), _) => (
            Reason::MemoryLimit,
            format!("the action used up its memory (limits.memory_mb = {})", limits.memory_mb),
        ),
        (Some(sys::EXIT_CPU), _) => (Reason::CpuLimit, cpu_message(limits)),
        (Some(sys::EXIT_STACK), _) => {
            (Reason::StackLimit, "the action nests or recurses too deeply for the engine".to_owned())
        }
        (Some(sys::EXIT_PANIC), _) => (Reason::Killed, "the JavaScript engine failed".to_owned()),
        (Some(sys::EXIT_PROTOCOL), _) => (Reason::Killed, "the worker lost its host".to_owned()),
        (Some(code), _) => (Reason::Killed, format!("the worker ended with exit status {code}")),
        (None, Some(libc::SIGSYS)) => {
            (Reason::Killed, "the worker made a system call that it may not make".to_owned())
        }
        (None, Some(signal)) => (Reason::Killed, format!("the worker was ended by signal {signal}")),
        (None, None) => (Reason::Killed, "the worker ended".to_owned()),
    };
    let mut death = Death::new(reason, message);
    if reason == Reason::MemoryLimit {
        death.peak_memory_bytes = u64::from(limits.memory_mb) << 20; // it was more
    }
    death
}
