//! A network namespace of the worker's own (<https://man7.org/linux/man-pages/man7/network_namespaces.7.html>): it has a
//! loopback device that is down, and nothing else.

use super::{Refusal, calls};

/// Leaves the network. Without the rights for it, a user namespace is asked for at the same time, in which the process has
/// them; they are given up again at once.
pub(super) fn leave() -> Result<(), Refusal> {
    if calls::unshare(libc::CLONE_NEWNET).is_ok() {
        return Ok(());
    }
    calls::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)?;
    Ok(calls::drop_capabilities()?)
}
