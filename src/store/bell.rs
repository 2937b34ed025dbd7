//! What wakes the one who asks Twilio about messages: something is due earlier than it knew, or it shall stop.

use std::time::Duration;

use crate::base::UnixMillis;
use crate::base::stage::Monitor;

/// Told by whoever makes something due; waited on by one thread.
#[derive(Debug, Default)]
pub struct PollBell {
    state: Monitor<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The earliest time that was told since the waiting thread last looked.
    told: Option<UnixMillis>,
    /// What the waiting thread sleeps for, while it sleeps: the end of time if nothing is due.
    sleeps_until: Option<UnixMillis>,
    stopped: bool,
}

impl PollBell {
    /// Something is due at `at` (the beginning of time: the clock was set). Wakes the thread only if it sleeps for something later: as a rule nobody is woken for
    /// a message that was just sent.
    pub fn ring(&self, at: UnixMillis) {
        let mut state = self.state.lock();
        state.told = Some(state.told.map_or(at, |told| told.min(at)));
        if state.sleeps_until.is_some_and(|until| at < until) {
            self.state.notify_all();
        }
    }

    /// Ends every wait, now and later.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.state.notify_all();
    }

    /// Whether [`PollBell::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Whoever looks at the ledger after this call sees everything that was told before it.
    pub fn look(&self) {
        self.state.lock().told = None;
    }

    /// Sleeps until `due` (`None`: nothing is), for `at_most`, or until something earlier is told; may end before.
    pub fn wait(&self, now: UnixMillis, due: Option<UnixMillis>, at_most: Duration) {
        let mut state = self.state.lock();
        let earliest = due.into_iter().chain(state.told).min();
        if state.stopped || earliest.is_some_and(|at| at <= now) {
            return;
        }
        state.sleeps_until = Some(earliest.unwrap_or(UnixMillis(i64::MAX)));
        let mut state = match earliest {
            None => self.state.wait(state),
            Some(at) => self.state.wait_for(state, at.since(now).min(at_most)),
        };
        state.sleeps_until = None;
    }

    /// Sleeps for so long, unless it is stopped.
    pub fn pause(&self, pause: Duration) {
        let state = self.state.lock();
        if !state.stopped {
            drop(self.state.wait_for(state, pause));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const LONG: Duration = Duration::from_hours(1);

    #[test]
    fn what_was_told_before_the_wait_is_not_missed() {
        let bell = PollBell::default();
        bell.look();
        bell.ring(NOW);
        bell.wait(NOW, None, LONG); // would sleep for ever
        bell.wait(NOW, Some(NOW), LONG);
        bell.stop();
        bell.look();
        bell.wait(NOW, None, LONG);
        bell.pause(LONG);
        assert!(bell.is_stopped());
    }

    #[test]
    fn a_sleeper_is_woken_for_what_is_earlier_and_for_the_end() {
        let bell = Arc::new(PollBell::default());
        for due in [None, Some(NOW.plus(LONG))] {
            bell.look();
            let sleeper = Arc::clone(&bell);
            let thread = std::thread::spawn(move || sleeper.wait(NOW, due, LONG));
            bell.ring(NOW);
            thread.join().unwrap();
        }
        bell.look();
        let sleeper = Arc::clone(&bell);
        let thread = std::thread::spawn(move || sleeper.wait(NOW, None, LONG));
        bell.stop();
        thread.join().unwrap();
    }
}
