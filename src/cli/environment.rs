//! Secrets from the environment, which are read once: what the process was started with stays readable for others in
//! `/proc/<pid>/environ` for as long as it runs, so a value that has been taken is overwritten there.
//!
//! `unsafe` is allowed in this module only for that: the C library says where the text is, and it is filled with stars.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::base::{Diagnostic, Secret};
use crate::config::{self, Loaded};

/// What has been taken, for whoever reads the parameters again.
static TAKEN: Mutex<BTreeMap<String, Secret>> = Mutex::new(BTreeMap::new());

/// Reads a parameter file, its secrets from the environment in this way.
///
/// # Errors
/// See [`config::load`].
pub(super) fn load(file: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    config::load_with(file, &take)
}

/// The value of a variable that holds a secret; from now on it is known here alone. To be called before the program has a
/// second thread, which could be reading the environment at the same moment.
fn take(name: &str) -> Option<String> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = taken.get(name) {
        return Some(known.expose().to_owned());
    }
    let value = std::env::var(name).ok()?;
    taken.insert(name.to_owned(), Secret::new(value.as_str()));
    wipe(name);
    Some(value)
}

/// Overwrites a variable's value where the system shows it.
fn wipe(name: &str) {
    let Ok(name) = CString::new(name) else { return };
    // SAFETY: `getenv` gets a text that ends with NUL and outlives the call. What it returns is null or the beginning of a
    // text that ends with NUL, in memory that is the process's own and may be written: the block that the kernel made at
    // the start, or a copy that `setenv` made. Its length does not change. Nothing else reads it meanwhile, as `take` asks
    // of its callers; the standard library keeps no copies.
    unsafe {
        let mut at = libc::getenv(name.as_ptr());
        while !at.is_null() && *at != 0 {
            at.cast::<u8>().write_volatile(b'*');
            at = at.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_once_and_known_afterwards() {
        // A variable that every test process has; nobody else here looks at it.
        let name = "CARGO_PKG_HOMEPAGE_OR_NONE";
        assert_eq!(take(name), None);
        TAKEN.lock().unwrap().insert(name.to_owned(), Secret::new("once"));
        assert_eq!(take(name).as_deref(), Some("once"));
    }
}
