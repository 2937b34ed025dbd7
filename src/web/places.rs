//! Who gives way when a listener has no place left.
//!
//! A place is what one connection takes up. When all are taken, the connection that has waited longest gives its place
//! to the one that comes, so that nobody is kept out by clients that say nothing or say it slowly, however many they
//! are. A connection *waits* while the client has the next word: before its request is there to the last byte, and from
//! the moment that the answer is made. In between it is *at work*, and never gives way.
//!
//! Who has waited longest is a matter of order, not of time: whoever begins to wait draws a number, and the lowest is
//! the one. A state is one atomic integer, so the requests of thousands of connections share no lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Nobody has the place.
const FREE: u64 = 0;
/// The request is complete and has no answer yet.
const AT_WORK: u64 = 1;
/// Told to leave; what is on its way in is not begun any more.
const LEAVING: u64 = 2;
/// The first of the numbers that those who wait draw.
const FIRST: u64 = 3;

/// The places of a listener, which alone takes them and makes others leave.
#[derive(Debug)]
pub(super) struct Places {
    states: Box<[AtomicU64]>,
    next: AtomicU64,
    changed: Notify,
}

impl Places {
    /// So many free places.
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            states: (0..count).map(|_| AtomicU64::new(FREE)).collect(),
            next: AtomicU64::new(FIRST),
            changed: Notify::new(),
        })
    }

    /// Takes a free place, if there is one; who has it waits from now on.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let index = self.states.iter().position(|state| state.load(Ordering::Acquire) == FREE)?;
        self.states[index].store(self.number(), Ordering::Release);
        Some(Place { places: Arc::clone(self), index })
    }

    /// Tells the one that has waited longest to leave, and says which place it has; `None` when all are at work.
    pub(super) fn dismiss(&self) -> Option<usize> {
        loop {
            let (state, index) = longest(self.states.iter().map(|state| state.load(Ordering::Acquire)))?;
            // Unless its request has become complete in this moment.
            if self.change(index, state, LEAVING) {
                return Some(index);
            }
        }
    }

    /// Waits until somebody has left or begun to wait.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn change(&self, index: usize, from: u64, to: u64) -> bool {
        self.states[index].compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Of the states of all places, the lowest that waits, with its index.
fn longest(states: impl Iterator<Item = u64>) -> Option<(u64, usize)> {
    states.zip(0..).filter(|(state, _)| *state >= FIRST).min()
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    index: usize,
}

impl Place {
    /// Which one it is.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The request is complete. `false` when the connection has been told to leave: then nothing may be done for it.
    pub(super) fn begin_work(&self) -> bool {
        let state = self.state();
        state == AT_WORK || state != LEAVING && self.places.change(self.index, state, AT_WORK)
    }

    /// The answer is made: it has to be taken now, and the next request to come.
    pub(super) fn end_work(&self) {
        let state = self.state();
        if state != LEAVING && self.places.change(self.index, state, self.places.number()) {
            self.places.changed.notify_one();
        }
    }

    fn state(&self) -> u64 {
        self.places.states[self.index].load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.states[self.index].store(FREE, Ordering::Release);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener with all of its places taken, in the order of their indices.
    fn full(count: usize) -> (Arc<Places>, Vec<Place>) {
        let places = Places::new(count);
        let taken: Vec<_> = std::iter::from_fn(|| places.take()).collect();
        assert_eq!(taken.iter().map(Place::index).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        (places, taken)
    }

    #[test]
    fn the_lowest_number_has_waited_longest_and_no_other_state_counts() {
        assert_eq!(longest([9, FIRST, 8].into_iter()), Some((FIRST, 1)));
        assert_eq!(longest([FREE, AT_WORK, LEAVING, 7].into_iter()), Some((7, 3)));
        assert_eq!(longest([FREE, AT_WORK, LEAVING].into_iter()), None);
    }

    #[test]
    fn the_one_that_has_waited_longest_leaves_and_its_place_is_free_once_it_is_gone() {
        let (places, mut taken) = full(3);
        assert!(places.take().is_none());
        assert_eq!(places.dismiss(), Some(0));
        assert!(places.take().is_none(), "told, and not yet gone");
        assert_eq!(places.dismiss(), Some(1), "nobody is told twice");
        drop(taken.remove(0));
        assert_eq!(places.take().map(|place| place.index()), Some(0));
    }

    #[test]
    fn who_has_had_an_answer_waits_anew() {
        let (places, taken) = full(2);
        assert!(taken[0].begin_work());
        taken[0].end_work();
        assert_eq!(places.dismiss(), Some(1));
        // Answered before its body was there: also then the client has had the host's attention.
        let (places, taken) = full(2);
        taken[0].end_work();
        assert_eq!(places.dismiss(), Some(1));
    }

    #[test]
    fn who_is_at_work_stays_and_who_was_told_to_leave_begins_nothing() {
        let (places, taken) = full(3);
        assert!(taken[0].begin_work() && taken[1].begin_work());
        assert!(taken[1].begin_work(), "the end of a body may be seen twice");
        assert_eq!(places.dismiss(), Some(2));
        assert_eq!(places.dismiss(), None);
        assert!(!taken[2].begin_work());
        taken[2].end_work();
        assert_eq!(places.dismiss(), None, "an answer does not take the word back");
        taken[1].end_work();
        assert_eq!(places.dismiss(), Some(1));
    }

    #[tokio::test]
    async fn a_listener_that_waits_hears_of_answers_and_of_those_who_leave() {
        let (places, mut taken) = full(2);
        assert!(taken.iter().all(Place::begin_work));
        taken[0].end_work();
        places.changed().await;
        drop(taken.pop());
        places.changed().await;
        assert!(places.take().is_some());
    }

    /// A request that becomes complete while its connection is dismissed: one of the two has its way, never both.
    #[test]
    fn beginning_and_leaving_exclude_each_other() {
        for _ in 0..200 {
            let (places, taken) = full(1);
            let begun = std::thread::scope(|scope| {
                let begun = scope.spawn(|| taken[0].begin_work());
                let dismissed = places.dismiss().is_some();
                (begun.join().unwrap(), dismissed)
            });
            assert!(begun.0 != begun.1, "{begun:?}");
        }
    }
}
