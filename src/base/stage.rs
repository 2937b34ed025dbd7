//! Threads, and where they stand still: the seam that the deterministic simulation takes hold of.
//!
//! The host's threads are started here, wait here, and name here the points at which a process may die and a disk may
//! fail. Ordinarily all of this is what the standard library offers. A thread that a [`Director`] has started asks
//! the director instead, which lets one thread at a time go on, in an order that follows from a seed, fails a COMMIT,
//! or ends the host by unwinding its threads. Builds without debug assertions have no directors.
//!
//! A test can also hold a real host still, to kill it just there: `BOATSWAIN_FAILPOINT=runs-committed` makes the
//! thread that reaches that point say so on stderr and wait for ever. `BOATSWAIN_FAILPOINT=panic:runs-committed` makes the
//! first thread that does so panic.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Who lets the threads of a simulated host go on.
#[cfg(debug_assertions)]
pub trait Director: Send + Sync {
    /// A thread of the host starts one more.
    fn spawn(&self, name: &str, work: Box<dyn FnOnce() + Send>);
    /// The calling thread has come to a named point: others may go first. Unwinds when the host dies here.
    fn reach(&self, point: &'static str);
    /// The calling thread cannot go on until something has changed; `true` when its time-out is to pass (only where it
    /// has one). Unwinds when the host dies meanwhile.
    fn pause(&self, has_timeout: bool) -> bool;
    /// The calling thread waits at a monitor, by its address, until it is told or its time-out passes (where it has
    /// one). Unwinds when the host dies meanwhile.
    fn wait(&self, monitor: usize, has_timeout: bool);
    /// One of those who wait at a monitor, or all, shall look again.
    fn notify(&self, monitor: usize, all: bool);
    /// The time by a clock that only goes forwards.
    fn now(&self) -> Instant;
    /// Whether what is about to be done at this point is to fail.
    fn fault(&self, point: &'static str) -> Option<Fault>;
}

/// How something fails that may have taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has not taken effect.
    Before,
    /// It has taken effect all the same.
    After,
}

#[cfg(debug_assertions)]
mod directed {
    use std::cell::RefCell;
    use std::sync::Arc;

    use super::Director;

    thread_local! {
        static DIRECTOR: RefCell<Option<Arc<dyn Director>>> = const { RefCell::new(None) };
    }

    /// The director of the calling thread.
    pub(super) fn director() -> Option<Arc<dyn Director>> {
        DIRECTOR.with_borrow(Clone::clone)
    }

    /// Puts the calling thread under a director.
    pub fn direct(director: Arc<dyn Director>) {
        DIRECTOR.set(Some(director));
    }
}

#[cfg(debug_assertions)]
pub use directed::direct;

macro_rules! director {
    ($director:ident => $directed:expr) => {
        #[cfg(debug_assertions)]
        if let Some($director) = directed::director() {
            return $directed;
        }
    };
}

/// The time, for deadlines: by a clock that nobody sets.
#[inline]
#[must_use]
pub fn now() -> Instant {
    director!(director => director.now());
    Instant::now()
}

/// Processor time that the calling thread has used; none under a director, where it would be another each time.
#[must_use]
pub fn cpu() -> Duration {
    director!(_director => Duration::ZERO);
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The host has come to a named point.
#[inline]
pub fn reach(point: &'static str) {
    director!(director => director.reach(point));
    #[cfg(debug_assertions)]
    hold(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
fn hold(point: &str) {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    static PANICKED: AtomicBool = AtomicBool::new(false);
    let chosen = CHOSEN.get_or_init(|| std::env::var("BOATSWAIN_FAILPOINT").ok());
    let Some(chosen) = chosen.as_deref() else { return };
    let panics = chosen.strip_prefix("panic:") == Some(point) && !PANICKED.swap(true, Ordering::Relaxed);
    assert!(!panics, "the payload of {point}");
    if chosen == point {
        let _ = writeln!(std::io::stderr(), "failpoint: {point}");
        loop {
            std::thread::park();
        }
    }
}

/// Whether what is about to be done is to fail; never, outside a simulation.
#[inline]
#[must_use]
pub fn fault(point: &'static str) -> Option<Fault> {
    director!(director => director.fault(point));
    let _ = point;
    None
}

/// A fault of the program's own (a panic) was caught. What it was about is not kept: it may quote anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Does some work that may have a fault. Under a director every unwinding goes on: it ends the host, or the test.
///
/// # Errors
/// When it had one. What it had taken over is dropped; what it had borrowed is as the fault left it.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    director!(_director => Ok(work()));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|_| Panicked)
}

/// A thread that was started; nobody has to wait for its end.
#[derive(Debug)]
pub struct Thread(Option<JoinHandle<()>>);

impl Thread {
    /// Waits for its end. A director's threads end with the host that they belong to.
    pub fn join(self) {
        if let Some(handle) = self.0 {
            let _ = handle.join(); // a panic was told on stderr
        }
    }
}

/// Starts a thread.
///
/// # Errors
/// When the operating system gives none.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    director!(director => {
        director.spawn(name, Box::new(work));
        Ok(Thread(None))
    });
    let name = name.chars().take(15).collect(); // as long as the kernel's name of a thread
    std::thread::Builder::new().name(name).spawn(work).map(|handle| Thread(Some(handle)))
}

/// Waits for an answer; `None` when nobody will give it.
#[must_use]
pub fn answer<T>(answer: oneshot::Receiver<T>) -> Option<T> {
    #[cfg(debug_assertions)]
    if let Some(director) = directed::director() {
        let mut answer = answer;
        loop {
            match answer.try_recv() {
                Ok(value) => return Some(value),
                Err(oneshot::error::TryRecvError::Closed) => return None,
                Err(oneshot::error::TryRecvError::Empty) => {
                    director.pause(false);
                }
            }
        }
    }
    answer.blocking_recv().ok()
}

/// Waits for what comes next in a channel, until `deadline` if there is one.
///
/// # Errors
/// When the time is over, or nobody can send any more.
pub fn receive<T>(channel: &Receiver<T>, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    #[cfg(debug_assertions)]
    if let Some(director) = directed::director() {
        use std::sync::mpsc::TryRecvError;
        loop {
            match channel.try_recv() {
                Ok(value) => return Ok(value),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {
                    if director.pause(deadline.is_some()) {
                        return Err(RecvTimeoutError::Timeout);
                    }
                }
            }
        }
    }
    match deadline {
        Some(deadline) => channel.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        None => channel.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// A lock with a condition: what one thread changes, another may wait for.
#[derive(Debug, Default)]
pub struct Monitor<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Monitor<T> {
    /// A monitor over a value.
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Condvar::new() }
    }

    /// The value, for this thread alone. A panic under the lock must not leave the value half changed.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock up until something may have changed, and takes it again.
    pub fn wait<'a>(&'a self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        director!(director => {
            drop(guard);
            director.wait(self.address(), false);
            self.lock()
        });
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, for a time at most.
    pub fn wait_for<'a>(&'a self, guard: MutexGuard<'a, T>, time: Duration) -> MutexGuard<'a, T> {
        director!(director => {
            drop(guard);
            director.wait(self.address(), true);
            self.lock()
        });
        match self.changed.wait_timeout(guard, time) {
            Ok((guard, _)) => guard,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }

    /// One of those who wait looks again.
    pub fn notify_one(&self) {
        director!(director => director.notify(self.address(), false));
        self.changed.notify_one();
    }

    /// All who wait look again.
    pub fn notify_all(&self) {
        director!(director => director.notify(self.address(), true));
        self.changed.notify_all();
    }

    /// Which monitor this is, for a director.
    #[cfg(debug_assertions)]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}
