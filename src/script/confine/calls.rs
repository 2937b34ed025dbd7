//! The system calls by which a worker gives up what it has, each as one safe function.
//!
//! `unsafe` is allowed in this module only because of the foreign calls. Each of them gets integers, or pointers to local
//! variables that outlive the call; none keeps a pointer.
#![allow(unsafe_code)]

use std::io;

/// What a call says that answers 0 when it has done as asked.
fn done(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Forbids this process and what it starts to gain privileges.
pub(super) fn no_new_privileges() -> io::Result<()> {
    // SAFETY: takes integers.
    done(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// Leaves the namespaces that `flags` name, for new ones. The process must have one thread.
pub(super) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes an integer.
    done(unsafe { libc::unshare(flags) })
}

/// Whether the process has the rights of root.
pub(super) fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Becomes a user and the group of the same number, for good; other groups and all capabilities go.
pub(super) fn become_user(id: u32) -> io::Result<()> {
    // SAFETY: takes integers, and a pointer that may be null where the number of groups is 0.
    done(unsafe { libc::setgroups(0, std::ptr::null()) })?;
    // SAFETY: takes integers.
    done(unsafe { libc::setresgid(id, id, id) })?;
    // SAFETY: takes integers.
    done(unsafe { libc::setresuid(id, id, id) })
}

/// Gives up every capability of the calling thread, for good.
pub(super) fn drop_capabilities() -> io::Result<()> {
    /// `struct __user_cap_header_struct`; version 3 takes two sets of data.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: VERSION_3, pid: 0 };
    let nothing = [0_u32; 6];
    // SAFETY: both records have the sizes that version 3 asks for (8 and 24 bytes) and outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_capset, &raw const header, nothing.as_ptr()) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets a resource limit, soft and hard.
pub(super) fn set_limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `limit` outlives the call.
    done(unsafe { libc::setrlimit(resource, &raw const limit) })
}

/// Ends this process when the thread that started it ends. Forgotten when the process becomes another user.
pub(super) fn die_with_parent() -> io::Result<()> {
    // SAFETY: takes integers.
    done(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })
}
