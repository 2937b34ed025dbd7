//! `Math.random` from a run's seed, so that a run that is taken up again draws the same numbers.

use std::cell::Cell;

/// `SplitMix64` (Steele, Lea and Flood, 2014, <https://doi.org/10.1145/2714064.2660195>): a counter with a mixing
/// function; any seed will do and the period is 2⁶⁴. Not for secrets.
#[derive(Debug, Default)]
pub(super) struct Random(Cell<u64>);

impl Random {
    /// Begins the sequence of `seed`.
    pub(super) fn seed(&self, seed: u64) {
        self.0.set(seed);
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number in [0, 1), of which all 53 bits are drawn.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    pub(super) fn number(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let random = Random::default();
        random.seed(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn numbers_lie_in_the_unit_interval() {
        let random = Random::default();
        for seed in 0..1000 {
            random.seed(seed);
            let number = random.number();
            assert!((0.0..1.0).contains(&number), "{number}");
        }
    }
}
