//! Where a run's randomness comes from.

use std::fmt;

/// The key of a run's random numbers: 256 bits of the system's own, which can't be guessed, and who knows them knows what
/// the run draws. Shown nowhere.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        let mut seed = [0; 32];
        #[allow(
            clippy::expect_used,
            reason = "Linux has had the system call since 3.17, and it fails for no buffer of this size"
        )]
        getrandom::fill(&mut seed).expect("the system gives random numbers");
        Self(seed)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}
