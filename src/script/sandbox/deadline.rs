//! A timer on the calling thread's CPU clock: a signal every few milliseconds of processor time that the thread
//! uses, none while it waits, and no system call per run. The handler does nothing but [`Tripwire::check_cpu`].
#![allow(unsafe_code)]

use std::io;
use std::marker::PhantomData;
use std::mem;
use std::ptr;
use std::sync::OnceLock;

use super::tripwire::{self, Tripwire};

/// Processor time between two looks at the clock.
const PERIOD_NS: libc::c_long = 5_000_000;
/// "Virtual timer expired": what a timer on CPU time is called, and nobody else's here.
const SIGNAL: libc::c_int = libc::SIGVTALRM;

/// The running timer; ends when dropped. Stays on its thread.
pub struct CpuTimer {
    timer: libc::timer_t,
    _on_this_thread: PhantomData<*const ()>,
}

impl CpuTimer {
    /// Starts the timer of the calling thread.
    ///
    /// # Errors
    /// When the system has no more timers.
    pub fn start() -> io::Result<Self> {
        static HANDLER: OnceLock<Result<(), i32>> = OnceLock::new();
        HANDLER.get_or_init(install_handler).map_err(io::Error::from_raw_os_error)?;
        // SAFETY: an all-zero `sigevent` is valid. The pointer in it is to a thread-local without a destructor;
        // the timer signals only this thread, so the handler never sees it after the thread's end. The other
        // pointers are to local variables that outlive the calls.
        unsafe {
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = SIGNAL;
            event.sigev_notify_thread_id = libc::gettid();
            event.sigev_value = libc::sigval { sival_ptr: tripwire::of_this_thread().cast_mut().cast() };
            let mut timer: libc::timer_t = ptr::null_mut();
            if libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut event, &raw mut timer) != 0 {
                return Err(io::Error::last_os_error());
            }
            let this = Self { timer, _on_this_thread: PhantomData };
            let period = libc::timespec { tv_sec: 0, tv_nsec: PERIOD_NS };
            let setting = libc::itimerspec { it_interval: period, it_value: period };
            if libc::timer_settime(timer, 0, &raw const setting, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(this)
        }
    }
}

impl Drop for CpuTimer {
    fn drop(&mut self) {
        // SAFETY: the timer is ours and is not used again.
        unsafe { libc::timer_delete(self.timer) };
    }
}

fn install_handler() -> Result<(), i32> {
    // SAFETY: an all-zero `sigaction` is valid; `on_tick` has the signature that SA_SIGINFO asks for and calls
    // only what is safe in a handler. SA_RESTART: a blocked read goes on as if nothing had been.
    let failed = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = on_tick as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()) != 0
    };
    if failed { Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)) } else { Ok(()) }
}

extern "C" fn on_tick(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid record. Signals that a timer did not send carry no pointer of ours; of a
    // timer's, the pointer is this thread's `Tripwire` (see `CpuTimer::start`).
    unsafe {
        if (*info).si_code != libc::SI_TIMER {
            return;
        }
        let errno = *libc::__errno_location();
        if let Some(wire) = (*info).si_value().sival_ptr.cast::<Tripwire>().as_ref() {
            wire.check_cpu();
        }
        *libc::__errno_location() = errno;
    }
}
