//! What stops a running script from inside: one small record per thread that the CPU timer's signal handler
//! and the allocator can reach, and that zeroes the engine's limits when the run has used up its share.
//!
//! With loop, recursion and stack limits of zero the engine raises an error that JavaScript cannot catch at the
//! next loop iteration or call, wherever it is: in a callback of a native function, a getter, a comparator. After
//! an `await` the engine swallows that error, so the sandbox looks at [`tripped`] and not at what came back.
//! A native function that never calls back cannot be stopped so; in a worker the process ends itself then.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU8, AtomicU64, Ordering::Relaxed};

use boa_engine::vm::RuntimeLimits;

use crate::script::sys;

/// How deep JavaScript functions may call each other; a call that passes through native code counts twice.
const RECURSION: usize = 5_000;
/// Values on the engine's stack; a frame takes about ten, so recursion comes first.
const STACK_VALUES: usize = 1 << 20;
/// Frames that an error remembers.
const BACKTRACE: usize = 16;

/// What a run used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tripped {
    /// Its processor time.
    Cpu,
    /// Its memory.
    Memory,
}

/// The limits of one run, in absolute terms.
pub struct Share {
    /// Thread CPU time at which the run is stopped, in nanoseconds.
    pub cpu_deadline: u64,
    /// Thread CPU time at which a worker process ends itself, in nanoseconds.
    pub cpu_kill: u64,
    /// Live bytes of the thread at which the run is stopped.
    pub memory_limit: i64,
    /// Live bytes of the thread at which a worker process ends itself.
    pub memory_kill: i64,
}

/// One thread's record. Only that thread and signal handlers on it touch it, so relaxed loads and stores suffice.
pub(super) struct Tripwire {
    limits: AtomicPtr<RuntimeLimits>,
    cpu_deadline: AtomicU64,
    cpu_kill: AtomicU64,
    tripped: AtomicU8,
    live: AtomicI64,
    peak: AtomicI64,
    memory_limit: AtomicI64,
    memory_kill: AtomicI64,
}

thread_local! {
    // Constant and without a destructor: reachable in an allocator, and valid as long as the thread runs.
    static TRIPWIRE: Tripwire = const {
        Tripwire {
            limits: AtomicPtr::new(ptr::null_mut()),
            cpu_deadline: AtomicU64::new(u64::MAX),
            cpu_kill: AtomicU64::new(u64::MAX),
            tripped: AtomicU8::new(0),
            live: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            memory_limit: AtomicI64::new(i64::MAX),
            memory_kill: AtomicI64::new(i64::MAX),
        }
    };
}

/// This thread's record, for the timer to hand to its signal handler.
pub(super) fn of_this_thread() -> *const Tripwire {
    TRIPWIRE.with(ptr::from_ref)
}

fn limits(loops: u64, recursion: usize, stack: usize) -> RuntimeLimits {
    let mut limits = RuntimeLimits::default();
    limits.set_loop_iteration_limit(loops);
    limits.set_recursion_limit(recursion);
    limits.set_stack_size_limit(stack);
    limits.set_backtrace_limit(BACKTRACE);
    limits
}

/// A run that is watched over; the watch ends when this is dropped, also by a panic.
#[must_use]
pub struct Armed(());

impl Drop for Armed {
    fn drop(&mut self) {
        TRIPWIRE.with(|wire| {
            wire.cpu_deadline.store(u64::MAX, Relaxed);
            wire.cpu_kill.store(u64::MAX, Relaxed);
            wire.memory_limit.store(i64::MAX, Relaxed);
            wire.memory_kill.store(i64::MAX, Relaxed);
            wire.limits.store(ptr::null_mut(), Relaxed);
        });
    }
}

/// Begins a run: restores the engine's limits and watches over `share`. What is returned must be dropped before the
/// engine moves or goes: the caller keeps both in one function, the engine boxed and declared first.
pub fn arm(engine: &mut RuntimeLimits, share: &Share) -> Armed {
    *engine = limits(u64::MAX, RECURSION, STACK_VALUES);
    TRIPWIRE.with(|wire| {
        wire.tripped.store(0, Relaxed);
        wire.peak.store(wire.live.load(Relaxed), Relaxed);
        wire.limits.store(ptr::from_mut(engine), Relaxed);
        wire.memory_limit.store(share.memory_limit, Relaxed);
        wire.memory_kill.store(share.memory_kill, Relaxed);
        wire.cpu_kill.store(share.cpu_kill, Relaxed);
        wire.cpu_deadline.store(share.cpu_deadline, Relaxed);
    });
    Armed(())
}

/// What the run that is under way, or was last, used up.
#[must_use]
pub fn tripped() -> Option<Tripped> {
    match TRIPWIRE.with(|wire| wire.tripped.load(Relaxed)) {
        0 => None,
        1 => Some(Tripped::Cpu),
        _ => Some(Tripped::Memory),
    }
}

/// Bytes that this thread has allocated and not freed; 0 for ever where [`CountingAllocator`] is not installed.
///
/// [`CountingAllocator`]: super::memory::CountingAllocator
#[must_use]
pub fn live_bytes() -> i64 {
    TRIPWIRE.with(|wire| wire.live.load(Relaxed))
}

/// The most that [`live_bytes`] was since the last [`arm`].
#[must_use]
pub fn peak_bytes() -> i64 {
    TRIPWIRE.with(|wire| wire.peak.load(Relaxed))
}

/// Counts an allocation (or, when negative, what is given back). Called by the allocator: must not allocate.
pub(super) fn count(bytes: i64) {
    TRIPWIRE.with(|wire| {
        let live = wire.live.load(Relaxed).wrapping_add(bytes);
        wire.live.store(live, Relaxed);
        if live > wire.peak.load(Relaxed) {
            wire.peak.store(live, Relaxed);
            if live > wire.memory_limit.load(Relaxed) {
                wire.trip(2);
            }
            if live > wire.memory_kill.load(Relaxed) {
                sys::exit_now(sys::EXIT_MEMORY);
            }
        }
    });
}

/// An allocation failed, which aborts the process: a worker ends with a status that says why instead.
pub(super) fn allocation_failed() {
    if TRIPWIRE.with(|wire| wire.memory_kill.load(Relaxed)) != i64::MAX {
        sys::exit_now(sys::EXIT_MEMORY);
    }
}

impl Tripwire {
    /// Compares the thread's CPU clock with the run's share. Called by the signal handler: must not allocate.
    pub(super) fn check_cpu(&self) {
        let now = sys::thread_cpu_ns();
        if now >= self.cpu_deadline.load(Relaxed) {
            self.trip(1);
        }
        if now >= self.cpu_kill.load(Relaxed) {
            sys::exit_now(sys::EXIT_CPU);
        }
    }

    fn trip(&self, what: u8) {
        let engine = self.limits.load(Relaxed);
        if engine.is_null() || self.tripped.load(Relaxed) != 0 {
            return;
        }
        self.tripped.store(what, Relaxed);
        // SAFETY: `engine` points into the boxed `Context` that `arm` was given and that neither moves nor goes
        // before its `Armed` is dropped. We are on the thread that runs it, inside a signal handler or an allocation, so no
        // other thread looks. The record is plain integers of which every value is valid, and the write is
        // volatile so that it happens. The engine holds `&mut Context` meanwhile, so by the letter of the aliasing
        // rules this write is one that the compiler need not expect; what that can do is make a read of a limit
        // that is already in a register come out old. The engine reads the limits anew in each opcode's handler,
        // which it calls through a table of function pointers, so the next opcode sees them. Nothing is lost if it
        // did not: the worker ends itself, and the host kills it, later.
        unsafe { engine.write_volatile(limits(0, 0, 0)) };
    }
}
