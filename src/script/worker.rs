//! The child side: a process that reads frames on standard input, runs actions, and writes frames on standard
//! output. Nothing else comes in or goes out.
//!
//! Frames to the host are gathered and written with one `write` when the worker would wait (for a frame, an answer
//! or a timer), or when they get many or old. The worker dies with its host, whatever it does: the system kills it when
//! the thread ends that started it ([`spawner`](super::spawner)). Where that is not to be had, reading gives
//! end-of-file, writing gives an error, waiting for a timer ends, and a script that does none of these is bounded by its
//! own limits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::confine::{self, Confinement, Layer};
use super::protocol::{Answer, FromWorker, LogLevel, RunRequest, ToWorker, Value};
use super::sandbox::{self, Host, Sandbox};
use super::{frame, sys};

/// Stack of the thread that runs JavaScript, in bytes; only what is touched takes memory.
const STACK: usize = 256 << 20;
/// What a worker that judges files may hold, in MiB.
const JUDGES_MEMORY: u32 = 256;
/// By how much a worker is nicer than its host: at 5 it gets a third of the processor that the host gets, where both want
/// it.
const GIVES_WAY: i32 = 5;
/// Frames are written once there are this many bytes of them …
const FLUSH_BYTES: usize = 32 << 10;
/// … or the first of them has waited this long, looked at between runs.
const FLUSH_AGE: Duration = Duration::from_millis(1);

/// The worker's whole life. Returns when the host closes the pipe.
#[must_use]
pub fn main() -> ExitCode {
    // Nothing that an engine which has failed left half done is looked at again, not even by destructors.
    std::panic::set_hook(Box::new(|_| sys::exit_now(sandbox::status_of_panic())));
    let Ok(confinement) = confine() else { sys::exit_now(sys::EXIT_PROTOCOL) };
    let live = || live(confinement);
    let thread = std::thread::Builder::new().name("javascript".to_owned()).stack_size(STACK).spawn(live);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        // The host is gone, or talks nonsense: there is nobody to tell.
        Ok(Ok(Err(_))) => sys::exit_now(sys::EXIT_PROTOCOL),
        Ok(Err(_)) | Err(_) => sys::exit_now(sys::EXIT_PANIC),
    }
}

fn live(mut confinement: Confinement) -> io::Result<()> {
    let pipe = Rc::new(RefCell::new(Pipe::default()));
    let first = pipe.borrow_mut().receive()?;
    let start = match first {
        Some(ToWorker::Start(start)) => start,
        Some(frame @ (ToWorker::Judge { .. } | ToWorker::Vocabulary(_))) => {
            return judge(&mut pipe.borrow_mut(), confinement, frame);
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let mut sandbox = Sandbox::in_worker(&start, PipeHost(Rc::clone(&pipe)))?;
    confine_late(&mut confinement, start.limits.memory_mb)?;
    drop(start);
    sandbox.warm_up().map_err(io::Error::other)?;
    pipe.borrow_mut().send(&FromWorker::Ready { confinement })?;
    loop {
        let request = pipe.borrow_mut().next_run()?;
        // Not through destructors: they would ask for what the filter forbids.
        let Some(request) = request else { sys::exit_now(0) };
        let ended = sandbox.run(&request);
        pipe.borrow_mut().send(&FromWorker::Ended(ended))?;
    }
}

/// The life of a worker that only judges files.
fn judge(pipe: &mut Pipe, mut confinement: Confinement, first: ToWorker) -> io::Result<()> {
    confine_late(&mut confinement, JUDGES_MEMORY)?;
    let (mut next, mut linter) = (first, None);
    loop {
        let said = match (next, &linter) {
            (ToWorker::Judge { file, module }, _) => {
                FromWorker::Judged { problem: sandbox::load_problem(&file, module) }
            }
            (ToWorker::Vocabulary(vocabulary), None) => {
                linter = Some(sandbox::Linter::new(*vocabulary).map_err(io::Error::other)?);
                FromWorker::Ready { confinement: confinement.clone() }
            }
            (ToWorker::Lint { file, role, imports }, Some(linter)) => {
                FromWorker::Linted(linter.lint(&file, &role, &imports))
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        pipe.send(&said)?;
        next = match pipe.receive()? {
            Some(frame) => frame,
            None => sys::exit_now(0),
        };
    }
}

/// The layers that come when the worker knows what it may hold.
fn confine_late(confinement: &mut Confinement, memory_mb: u32) -> io::Result<()> {
    confinement.add(&[Layer::ResourceLimits, Layer::Seccomp], memory_mb);
    if !confinement.has(Layer::ResourceLimits) {
        return Err(io::Error::other("the system grants no resource limits"));
    }
    Ok(())
}

/// Gives up what a worker does not need and what can be given up before it knows for whom it works. Must run before
/// there is a second thread: what binds a thread binds those that it starts, not those that are there.
fn confine() -> io::Result<Confinement> {
    std::env::set_current_dir("/")?;
    sys::close_other_descriptors()?;
    sys::ignore_stop_signals()?;
    sys::exit_on_stack_overflow()?;
    let mut confinement = Confinement::default();
    confinement.add(&confine::EARLY, 0);
    if !confinement.has(Layer::NoNewPrivileges) {
        return Err(io::Error::other("the system grants no_new_privs to nobody"));
    }
    confine::die_with_host()?;
    // Scripts give way to the host, which acknowledges what comes in, whatever they do.
    let _ = sys::give_way(GIVES_WAY);
    Ok(confinement)
}

/// The two pipes to the host, with what has been read and not used, and said and not written.
struct Pipe {
    incoming: frame::Decoder,
    outgoing: Vec<u8>,
    oldest: Option<Instant>,
    /// Runs that arrived while an answer was awaited.
    ahead: VecDeque<RunRequest>,
}

impl Default for Pipe {
    fn default() -> Self {
        Self {
            incoming: frame::Decoder::default(),
            outgoing: Vec::with_capacity(2 * FLUSH_BYTES),
            oldest: None,
            ahead: VecDeque::new(),
        }
    }
}

impl Pipe {
    /// Says something, soon.
    fn send(&mut self, frame: &FromWorker) -> io::Result<()> {
        frame::encode(frame, &mut self.outgoing)?;
        let oldest = *self.oldest.get_or_insert_with(Instant::now);
        if self.outgoing.len() >= FLUSH_BYTES || oldest.elapsed() >= FLUSH_AGE {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.oldest = None;
        if !self.outgoing.is_empty() {
            // Not `io::stdout()`, which would look for line ends in what is written.
            sys::stdout().write_all(&self.outgoing)?;
            self.outgoing.clear();
        }
        Ok(())
    }

    /// The next frame; `None` when the host has closed the pipe.
    fn receive(&mut self) -> io::Result<Option<ToWorker>> {
        loop {
            if let Some(frame) = self.incoming.next()? {
                return Ok(Some(frame));
            }
            self.flush()?;
            if self.incoming.fill(&mut *sys::stdin())? == 0 {
                return Ok(None);
            }
        }
    }

    fn next_run(&mut self) -> io::Result<Option<RunRequest>> {
        if let Some(request) = self.ahead.pop_front() {
            return Ok(Some(request));
        }
        match self.receive()? {
            Some(ToWorker::Run(request)) => Ok(Some(request)),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
            None => Ok(None),
        }
    }

    fn answer(&mut self) -> io::Result<Answer> {
        loop {
            match self.receive()? {
                Some(ToWorker::Answer(answer)) => return Ok(answer),
                Some(ToWorker::Run(request)) => self.ahead.push_back(request),
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}

/// The sandbox's host is at the other end of the pipe. Without it there is nothing to live for.
struct PipeHost(Rc<RefCell<Pipe>>);

impl PipeHost {
    fn or_exit<T>(result: io::Result<T>) -> T {
        result.unwrap_or_else(|_| sys::exit_now(sys::EXIT_PROTOCOL))
    }
}

impl Host for PipeHost {
    fn call(&mut self, ticket: u32, function: u16, arguments: Vec<Value>) -> Answer {
        let mut pipe = self.0.borrow_mut();
        Self::or_exit(pipe.send(&FromWorker::Call { ticket, function, arguments }));
        Self::or_exit(pipe.answer())
    }

    fn log(&mut self, ticket: u32, level: LogLevel, text: String) {
        Self::or_exit(self.0.borrow_mut().send(&FromWorker::Log { ticket, level, text }));
    }

    fn sleep(&mut self, duration: Duration) {
        Self::or_exit(self.0.borrow_mut().flush());
        let until = Instant::now() + duration;
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return;
            }
            if sys::hangs_up_within(sys::stdin().as_fd(), rest) {
                sys::exit_now(sys::EXIT_PROTOCOL);
            }
        }
    }
}
