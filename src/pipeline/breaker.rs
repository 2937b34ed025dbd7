//! The breaker: what keeps a script that kills worker after worker from doing nothing else.
//!
//! A single run that kills its worker is dead after three times. But when run after run does, and none comes to an
//! end in between, the script itself is at fault (or the machine), and starting workers for it only burns the
//! processor that other applications need: so its runs pause, and one at a time tries whether things are better.

use std::time::Duration;

use crate::base::UnixMillis;

/// After so many killed workers in a row runs pause.
const KILLS_IN_A_ROW: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_mins(10);

/// Of one application's script, in one version.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    kills: u32,
    /// How often it has opened since runs last came to an end.
    pauses: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    until: UnixMillis,
    /// Whether a run is under way to try.
    trying: bool,
}

impl Breaker {
    /// How many runs may begin now: none, one that tries, or any number (`None`).
    pub(super) fn allows(&self, now: UnixMillis) -> Option<usize> {
        self.open.map(|open| usize::from(!open.trying && is_over(open.until, now)))
    }

    /// When the next run may try, if runs pause.
    pub(super) fn pauses_until(&self) -> Option<UnixMillis> {
        self.open.filter(|open| !open.trying).map(|open| open.until)
    }

    /// A run begins.
    pub(super) fn began(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = true;
        }
    }

    /// A run has killed its worker; `true` when runs pause from now on.
    pub(super) fn killed(&mut self, now: UnixMillis) -> bool {
        self.kills += 1;
        if self.kills < KILLS_IN_A_ROW {
            return false;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(16)).min(LAST_PAUSE);
        self.pauses += 1;
        self.open = Some(Open { until: now.plus(pause), trying: false });
        true
    }

    /// A run came to an end, whatever end: the script can.
    pub(super) fn ended(&mut self) {
        *self = Self::default();
    }

    /// The run that was to try did not come to an end, for other reasons.
    pub(super) fn undecided(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = false;
        }
    }
}

/// A pause never lasts longer than the longest, also where the clock was set back.
fn is_over(until: UnixMillis, now: UnixMillis) -> bool {
    until <= now || until > now.plus(LAST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    #[test]
    fn five_in_a_row_open_it_and_one_run_tries() {
        let mut breaker = Breaker::default();
        for _ in 1..KILLS_IN_A_ROW {
            assert!(!breaker.killed(NOW));
        }
        assert_eq!(breaker.allows(NOW), None);
        assert!(breaker.killed(NOW));
        assert_eq!(breaker.allows(NOW), Some(0));
        let later = NOW.plus(FIRST_PAUSE);
        assert_eq!((breaker.pauses_until(), breaker.allows(later)), (Some(later), Some(1)));
        breaker.began();
        assert_eq!(breaker.allows(later), Some(0), "one at a time");
        assert!(breaker.killed(later));
        assert_eq!(breaker.pauses_until(), Some(later.plus(FIRST_PAUSE * 2)), "longer each time");
        breaker.began();
        breaker.undecided();
        assert_eq!(breaker.allows(later.plus(FIRST_PAUSE * 2)), Some(1));
        breaker.began();
        breaker.ended();
        assert_eq!((breaker.allows(later), breaker.pauses_until()), (None, None));
    }

    #[test]
    fn kills_that_are_not_in_a_row_do_not_count() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            assert!(!breaker.killed(NOW));
            breaker.ended();
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_make_the_pause_longer() {
        let mut breaker = Breaker::default();
        for _ in 0..KILLS_IN_A_ROW {
            breaker.killed(NOW);
        }
        assert_eq!(breaker.allows(UnixMillis(NOW.0 - 3_600_000)), Some(1));
    }
}
