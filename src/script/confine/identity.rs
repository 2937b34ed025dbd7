//! Who a worker is: nobody, where its host is root. An ordinary user cannot become another, and need not: the other layers
//! take away what his rights would open.

use super::{Refusal, calls};

/// User and group `nobody`, which own nothing: what the kernel calls the overflow id.
const NOBODY: u32 = 65_534;

pub(super) fn become_nobody() -> Result<(), Refusal> {
    if !calls::is_root() {
        return Err(Refusal::NotNeeded);
    }
    Ok(calls::become_user(NOBODY)?)
}
