//! Secrets that come in environment variables, out of the environment.
//!
//! What a process was started with stays readable in `/proc/<pid>/environ` for as long as it lives, and goes to every
//! child that does not begin with an empty environment. So the program overwrites the value of a variable once it has
//! taken a secret out of it, and remembers the secret here, for the parameters may be read again.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::Secret;

/// Whether the process is the program's own, so that nobody else wants its variables.
static OURS: AtomicBool = AtomicBool::new(false);
static REMEMBERED: Mutex<BTreeMap<String, Secret>> = Mutex::new(BTreeMap::new());

/// From now on, variables that secrets are taken from are overwritten. For a program at its start, while it has one
/// thread; an embedder's environment is left as it is.
pub fn overwrite_secrets_in_environment() {
    OURS.store(true, Ordering::Relaxed);
}

/// The secret in a variable; `None` when it is not set, or is not UTF-8.
pub(super) fn secret(name: &str) -> Option<Secret> {
    let mut remembered = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = remembered.get(name) {
        return Some(known.clone());
    }
    let secret = std::env::var(name).ok().map(Secret::new)?;
    if OURS.load(Ordering::Relaxed) {
        if !(is_alone() && overwrite(name)) {
            tracing::warn!(
                variable = name,
                "a secret stays readable in the environment of this process (/proc)"
            );
        }
        // Also one that stays, as every one does that the parameters name only later, when there are other threads: it is
        // told once.
        remembered.insert(name.to_owned(), secret.clone());
    }
    Some(secret)
}

/// Whether the calling thread is the only one of its process. One that has just been joined may still be there for a
/// moment: the kernel tells who waits for it before it has taken it out of the list.
fn is_alone() -> bool {
    let threads = || std::fs::read_dir("/proc/self/task").map_or(usize::MAX, Iterator::count);
    (0..200).any(|attempt| {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        threads() == 1
    })
}

/// Overwrites the value of a variable where it stands. The caller has seen that its thread is alone.
fn overwrite(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: getenv(3) reads the environment. It is the calling thread's alone: there is no other thread that could
    // write or read it meanwhile, and none can come into being before this function returns.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return false;
    }
    // SAFETY: what getenv(3) points at is a C string within the environment, which lives as long as the process. Nobody
    // holds a reference into it: `std::env` gives copies.
    let length = unsafe { CStr::from_ptr(value) }.count_bytes();
    for at in 0..length {
        // SAFETY: the bytes before the terminating zero belong to the string and may be written (the kernel puts the
        // environment on the stack, setenv(3) on the heap; see execve(2), environ(7)). Zeros leave a string that is
        // empty. Volatile, because nobody reads them again.
        unsafe { value.add(at).write_volatile(0) };
    }
    true
}
