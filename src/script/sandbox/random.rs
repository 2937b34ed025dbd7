//! A run's random numbers, from its seed, so that a run that is taken up again draws the same ones.

use std::cell::RefCell;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::base::Seed;

/// `ChaCha20` (RFC 8439) as a generator, keyed by the seed: what has been drawn does not tell what will be. `Math.random` and
/// `crypto` draw from the same.
pub(super) struct Random(RefCell<ChaCha20Rng>);

impl Default for Random {
    fn default() -> Self {
        Self(RefCell::new(ChaCha20Rng::from_seed([0; 32])))
    }
}

impl Random {
    /// Begins the sequence of `seed`.
    pub(super) fn seed(&self, seed: Seed) {
        self.0.replace(ChaCha20Rng::from_seed(seed.0));
    }

    /// The next number in [0, 1), of which all 53 bits are drawn.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    pub(super) fn number(&self) -> f64 {
        (self.0.borrow_mut().next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Fills `bytes`.
    pub(super) fn fill(&self, bytes: &mut [u8]) {
        self.0.borrow_mut().fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first block of an all-zero key and nonce: draft-nir-cfrg-chacha20-poly1305-04, appendix A.1, test vector 1.
        let random = Random::default();
        random.seed(Seed([0; 32]));
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        assert_eq!(bytes, [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
    }

    #[test]
    fn numbers_lie_in_the_unit_interval_and_fill_it() {
        let random = Random::default();
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let number = random.number();
            assert!((0.0..1.0).contains(&number), "{number}");
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
            let tenth = (number * 10.0) as usize;
            tenths[tenth] += 1;
        }
        assert!(tenths.iter().all(|count| (800..1200).contains(count)), "{tenths:?}");
    }
}
