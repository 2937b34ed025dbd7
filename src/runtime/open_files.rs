//! How many files the process may have open: connections, databases and workers all take some.

use rustix::process::{Resource, getrlimit, setrlimit};

/// How many files this process may have open now.
#[must_use]
pub fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the process's soft limit of open files to the hard one. The soft one is often 1,024, for programs that call
/// select(2), which this one does not; workers set a limit of their own.
///
/// # Errors
/// When the operating system refuses it; then nothing has changed.
pub fn raise_open_files() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(());
    }
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).map_err(Into::into)
}
