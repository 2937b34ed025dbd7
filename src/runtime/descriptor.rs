//! A descriptor that the runtime waits for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// The runtime says when there is something to read; from within it.
///
/// # Errors
/// When the operating system does not have it.
pub(super) fn awaited(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, and no other can be in its place, for as long as it lives; the `AsyncFd` owns it, and its
    // users get shared references only, with which it can neither be closed nor exchanged.
    let registered = unsafe { AsyncFd::register(descriptor) };
    registered.map_err(Into::into)
}
