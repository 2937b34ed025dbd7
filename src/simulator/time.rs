//! The simulator's time, which can be moved forward, and what is still to happen in it.
//!
//! Statuses, windows, joins, pacing, scheduled messages and dates all go by one [`SimulatedClock`]. What is to happen
//! stands on one [`Timeline`] in the order in which it is due. Moving the time forward takes from it one thing after
//! another, each at its own time, so that an hour that is skipped looks afterwards like an hour that has passed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::settings::Time;
use crate::base::{Clock, UnixMillis};

/// A clock and how far it was moved forward.
pub(super) struct SimulatedClock {
    clock: Arc<dyn Clock>,
    /// When the simulator was started, where its time passes by itself. What is due is counted from here: unlike the
    /// clock, this never jumps.
    origin: Option<Instant>,
    /// In microseconds.
    advance: AtomicU64,
}

impl SimulatedClock {
    pub(super) fn new(clock: Arc<dyn Clock>, time: Time) -> Self {
        let origin = (time == Time::Passes).then(Instant::now);
        Self { clock, origin, advance: AtomicU64::new(0) }
    }

    /// The moment that the simulator takes for now.
    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now().plus(self.advance())
    }

    /// Whether it goes on by itself.
    pub(super) fn passes(&self) -> bool {
        self.origin.is_some()
    }

    /// How long the simulator has been up, with the time that was skipped.
    pub(super) fn elapsed(&self) -> Duration {
        self.passed() + self.advance()
    }

    /// Moves forward to a time since the start, never back.
    pub(super) fn reach(&self, elapsed: Duration) {
        self.advance_to(elapsed.saturating_sub(self.passed()));
    }

    fn passed(&self) -> Duration {
        self.origin.map_or(Duration::ZERO, |origin| origin.elapsed())
    }

    /// How far it was moved so far.
    pub(super) fn advance(&self) -> Duration {
        Duration::from_micros(self.advance.load(Ordering::SeqCst))
    }

    /// Sets how far it was moved, never back.
    pub(super) fn advance_to(&self, advance: Duration) {
        // Rounded up, so that the time is reached and not just missed.
        let micros = u64::try_from(advance.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        self.advance.fetch_max(micros, Ordering::SeqCst);
    }
}

/// What is to happen, in the order in which it is due; of things that are due together, the one that was put down first
/// comes first.
#[derive(Debug)]
pub(super) struct Timeline<T> {
    events: BTreeMap<(Duration, u64), T>,
    next: u64,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { events: BTreeMap::new(), next: 0 }
    }
}

impl<T> Timeline<T> {
    /// Puts down what is due at a time since the start.
    pub(super) fn put(&mut self, due: Duration, event: T) {
        self.events.insert((due, self.next), event);
        self.next += 1;
    }

    /// When the next thing is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.events.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the next thing that is due by then, with its time.
    pub(super) fn take(&mut self, until: Duration) -> Option<(Duration, T)> {
        let entry = self.events.first_entry().filter(|entry| entry.key().0 <= until)?;
        let ((due, _), event) = entry.remove_entry();
        Some((due, event))
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;

    #[test]
    fn a_clock_is_moved_forward_and_never_back() {
        let base = Arc::new(ManualClock::at(UnixMillis(1_000)));
        let clock = SimulatedClock::new(Arc::clone(&base) as _, Time::Passes);
        assert_eq!(clock.now(), UnixMillis(1_000));
        clock.reach(Duration::from_hours(1));
        let moved = clock.now();
        assert!(moved > UnixMillis(3_599_000) && moved <= UnixMillis(3_601_000), "{moved}");
        assert!(clock.elapsed() >= Duration::from_hours(1));
        clock.reach(Duration::from_mins(1));
        assert_eq!(clock.now(), moved);
        base.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), moved.plus(Duration::from_secs(1)), "the clock below goes on");
    }

    #[test]
    fn a_clock_that_stands_is_moved_by_nothing_else() {
        let clock = SimulatedClock::new(Arc::new(ManualClock::at(UnixMillis(1_000))), Time::Stands);
        assert_eq!((clock.now(), clock.elapsed()), (UnixMillis(1_000), Duration::ZERO));
        clock.reach(Duration::from_millis(300));
        assert_eq!((clock.now(), clock.elapsed()), (UnixMillis(1_300), Duration::from_millis(300)));
    }

    #[test]
    fn a_timeline_gives_what_is_due_in_order() {
        let mut timeline = Timeline::default();
        for (due, event) in [(3, "c"), (1, "a"), (3, "d"), (2, "b"), (9, "e")] {
            timeline.put(Duration::from_secs(due), event);
        }
        assert_eq!(timeline.next_due(), Some(Duration::from_secs(1)));
        let taken: Vec<_> = std::iter::from_fn(|| timeline.take(Duration::from_secs(3))).collect();
        let expected = [(1, "a"), (2, "b"), (3, "c"), (3, "d")];
        assert_eq!(taken, expected.map(|(due, event)| (Duration::from_secs(due), event)));
        assert_eq!(timeline.next_due(), Some(Duration::from_secs(9)));
    }
}
