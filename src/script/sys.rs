//! The few system calls that the standard library has no words for, each as one safe function.
//!
//! `unsafe` is allowed in this module only because of the foreign calls. Each of them gets integers, or pointers
//! to local variables that outlive the call; none keeps a pointer.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Exit status of a worker that used more memory than it may.
pub const EXIT_MEMORY: i32 = 81;
/// Exit status of a worker whose script used twice its processor time inside a native function.
pub const EXIT_CPU: i32 = 82;
/// Exit status of a worker that ran out of native stack.
pub const EXIT_STACK: i32 = 83;
/// Exit status of a worker whose engine panicked.
pub const EXIT_PANIC: i32 = 84;
/// Exit status of a worker that was told something it does not understand.
pub const EXIT_PROTOCOL: i32 = 85;

/// Ends the process at once: no destructors, no exit handlers. Safe in a signal handler and in an allocator.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: takes an integer and does not return.
    unsafe { libc::_exit(status) }
}

fn read_clock(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer and outlives the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u64::try_from(time.tv_nsec).ok()?;
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// Processor time that the calling thread has used, in nanoseconds. Safe in a signal handler.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
}

/// Processor time that all threads of a process have used, in nanoseconds; `None` when it is gone.
#[must_use]
pub fn process_cpu_ns(pid: u32) -> Option<u64> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: `clock` is a valid place for the answer and outlives the call.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    read_clock(clock)
}

/// Makes reads and writes of `fd` return `WouldBlock` instead of waiting.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both calls take integers, and `fd` is open while it is borrowed.
    let done = unsafe {
        let flags = libc::fcntl(fd.as_raw_fd(), libc::F_GETFL);
        flags >= 0 && libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) >= 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks for a pipe's buffer of `bytes` and returns the size that it has now.
#[must_use]
pub fn set_pipe_size(fd: BorrowedFd<'_>, bytes: usize) -> usize {
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: both calls take integers, and `fd` is open while it is borrowed.
    let size = unsafe {
        libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, wanted);
        libc::fcntl(fd.as_raw_fd(), libc::F_GETPIPE_SZ)
    };
    usize::try_from(size).unwrap_or(4096)
}

/// A descriptor that becomes readable when the process has ended.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = libc::c_int::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What [`poll`] waits for on one descriptor, and whether it came.
pub struct Interest<'a> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// Wait until it can be written, not read.
    pub write: bool,
    /// Set by [`poll`]: the event, an error or the other end's hang-up is there.
    pub ready: bool,
}

impl<'a> Interest<'a> {
    /// Waits until `fd` can be read.
    pub fn read(fd: BorrowedFd<'a>) -> Self {
        Self { fd, write: false, ready: false }
    }

    /// Waits until `fd` can be written.
    pub fn write(fd: BorrowedFd<'a>) -> Self {
        Self { fd, write: true, ready: false }
    }
}

/// Waits until one of at most four descriptors is ready or `timeout` has passed (rounded up to milliseconds).
/// Returns early, with none ready, when a signal arrives.
pub fn poll(interests: &mut [Interest<'_>], timeout: Duration) -> io::Result<()> {
    let mut fds = [libc::pollfd { fd: -1, events: 0, revents: 0 }; 4];
    for (fd, interest) in fds.iter_mut().zip(interests.iter()) {
        fd.fd = interest.fd.as_raw_fd();
        fd.events = if interest.write { libc::POLLOUT } else { libc::POLLIN };
    }
    let millis = timeout.as_millis() + u128::from(!timeout.subsec_nanos().is_multiple_of(1_000_000));
    let millis = libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX);
    // SAFETY: `fds` is an array of that length and outlives the call; the kernel skips negative descriptors.
    if unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
    }
    for (interest, fd) in interests.iter_mut().zip(&fds) {
        interest.ready = fd.revents != 0;
    }
    Ok(())
}

/// The memory that a process holds, in bytes; `None` when it is gone.
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: takes an integer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}

/// The most memory that a process has held, in bytes; `None` when it is gone.
#[must_use]
pub fn peak_resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Closes every descriptor but standard input, output and error.
pub fn close_other_descriptors() -> io::Result<()> {
    // SAFETY: takes integers. The caller is a worker before it has opened anything, so nothing owns what closes.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Gives way to others: makes the calling thread, and the threads that it starts afterwards, nicer than the process's first
/// thread by `by`.
///
/// # Errors
/// What the system says.
pub fn give_way(by: libc::c_int) -> io::Result<()> {
    // SAFETY: takes integers; 0 is the calling thread.
    let done = unsafe {
        let first = libc::getpriority(libc::PRIO_PROCESS, libc::getpid().unsigned_abs());
        libc::setpriority(libc::PRIO_PROCESS, 0, first + by)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The processor time of a process that has ended and has not been reaped.
pub fn cpu_at_end(exit: BorrowedFd<'_>) -> Option<Duration> {
    // SAFETY: all-zero records of both kinds are valid, and they outlive the call.
    let usage = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let mut usage: libc::rusage = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
        let fd = exit.as_raw_fd();
        if libc::syscall(libc::SYS_waitid, libc::P_PIDFD, fd, &raw mut info, flags, &raw mut usage) != 0 {
            return None;
        }
        usage
    };
    let time = |time: libc::timeval| {
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
        seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    Some(time(usage.ru_utime) + time(usage.ru_stime))
}

/// Waits until the other end of a pipe is closed, or `timeout` has passed; `true` when it is closed.
#[must_use]
pub fn hangs_up_within(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    let millis = timeout.as_millis() + u128::from(!timeout.subsec_nanos().is_multiple_of(1_000_000));
    let mut fd = libc::pollfd { fd: fd.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: `fd` is one such record and outlives the call.
    let ready =
        unsafe { libc::poll(&raw mut fd, 1, libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX)) };
    ready > 0
}

/// Ignores the signals that a terminal or a supervisor sends to a whole group of processes: the host is meant, and its
/// workers end when it is done with them.
pub fn ignore_stop_signals() -> io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: no handler of ours is installed.
        if unsafe { libc::signal(signal, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Makes a fault of the processor (in practice: the guard page below a full stack) end the process with
/// [`EXIT_STACK`] instead of a signal, so that the host can name the reason.
pub fn exit_on_stack_overflow() -> io::Result<()> {
    extern "C" fn on_fault(_signal: libc::c_int) {
        exit_now(EXIT_STACK);
    }
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: an all-zero `sigaction` is valid, and the handler only calls `_exit`, which is safe in a
        // handler. It runs on the alternate stack that the standard library gives each thread.
        let failed = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0
        };
        if failed {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Standard input without a buffer.
pub fn stdin() -> ManuallyDrop<File> {
    // SAFETY: descriptor 0 is open for the process's whole life; the file is not dropped, so it is not closed.
    ManuallyDrop::new(unsafe { File::from_raw_fd(libc::STDIN_FILENO) })
}

/// Standard output without a buffer.
pub fn stdout() -> ManuallyDrop<File> {
    // SAFETY: as for `stdin`, with descriptor 1.
    ManuallyDrop::new(unsafe { File::from_raw_fd(libc::STDOUT_FILENO) })
}
