//! When Twilio is asked about a message whose fate it has not told: pure functions of times.
//!
//! A message is asked for 2 min, 10 min, 1 h, 6 h and 24 h after its creation. Whatever keeps the host from asking, a
//! slot that was missed is made up for by one question, and then the next slot counts: times lie on the schedule of
//! the message, not on that of the host.

use std::time::Duration;

use crate::base::UnixMillis;

/// How long after its creation a message is asked for.
const SLOTS: [Duration; 5] = [
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
];
/// When a message is asked for again whose last slot brought no answer.
const AFTER_THE_LAST: Duration = Duration::from_hours(24);
/// A message that Twilio has given no answer about for so long is not asked for any more.
const GIVEN_UP: Duration = Duration::from_hours(30 * 24);

/// No time of the schedule lies further ahead than this; one that does comes from a clock that was wrong, and is due.
pub const FURTHEST: Duration = Duration::from_hours(25);
/// From this age on, a message that Twilio's log does not show is not on its way there any more.
pub const LATE: Duration = Duration::from_hours(1);

/// When a message is asked for the first time.
#[must_use]
pub fn first_poll(created: UnixMillis) -> UnixMillis {
    created.plus(SLOTS[0])
}

/// When a message is asked for after a question at `now`, the `polls`-th; `None`: not any more.
///
/// `answered`: whether Twilio said anything of it. A question without an answer (no connection, a key that was
/// refused) uses its slot up too, but is never the last: it is repeated once a day, for 30 days.
#[must_use]
pub fn next_poll(created: UnixMillis, now: UnixMillis, polls: u32, answered: bool) -> Option<UnixMillis> {
    let slot = if created > now {
        // The clock was wrong when the message was made, or is wrong now: the slots are counted instead.
        usize::try_from(polls).ok().and_then(|polls| SLOTS.get(polls)).map(|slot| now.plus(*slot))
    } else {
        SLOTS.into_iter().map(|slot| created.plus(slot)).find(|at| *at > now)
    };
    slot.or_else(|| (!answered && now.since(created) < GIVEN_UP).then(|| now.plus(AFTER_THE_LAST)))
}

/// Whether a message of this age has had the time to appear in Twilio's log.
#[must_use]
pub fn is_late(created: UnixMillis, now: UnixMillis) -> bool {
    now.since(created) >= LATE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CREATED: UnixMillis = UnixMillis(1_800_000_000_000);

    fn after(minutes: u64) -> UnixMillis {
        CREATED.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn a_message_is_asked_for_after_2_min_10_min_1_h_6_h_and_24_h() {
        let mut at = first_poll(CREATED);
        let mut asked = vec![at];
        while let Some(next) = next_poll(CREATED, at, 1, true) {
            asked.push(next);
            at = next;
        }
        assert_eq!(asked, [2, 10, 60, 360, 1440].map(after));
    }

    #[test]
    fn slots_that_were_missed_are_made_up_for_by_one_question() {
        assert_eq!(next_poll(CREATED, after(45), 1, true), Some(after(60)));
        assert_eq!(next_poll(CREATED, after(60 * 24 * 3), 1, true), None);
    }

    #[test]
    fn a_question_without_an_answer_is_never_the_last_for_a_month() {
        assert_eq!(next_poll(CREATED, after(10), 1, false), Some(after(60)));
        assert_eq!(next_poll(CREATED, after(1440), 5, false), Some(after(2 * 1440)));
        assert_eq!(next_poll(CREATED, after(30 * 1440), 9, false), None);
    }

    #[test]
    fn a_message_from_the_future_is_asked_for_five_times_and_not_for_ever() {
        let now = UnixMillis(1_000_000);
        let next = |polls| next_poll(CREATED, now, polls, true);
        assert_eq!(next(1), Some(now.plus(Duration::from_mins(10))));
        assert_eq!((next(4), next(5)), (Some(now.plus(Duration::from_hours(24))), None));
    }

    #[test]
    fn only_an_hour_makes_an_absence_late() {
        assert!(!is_late(CREATED, after(59)) && is_late(CREATED, after(60)));
        assert!(!is_late(after(100), CREATED), "a clock that went back makes nothing late");
    }

    proptest! {
        /// Whatever the clock does: the next time lies ahead, so nothing is asked for without end, and not beyond
        /// what the schedule knows, so nothing is forgotten.
        #[test]
        fn the_next_time_lies_ahead_and_within_reach(
            created: i64, now in i64::MIN / 2..i64::MAX / 2, polls: u32, answered: bool,
        ) {
            let (created, now) = (UnixMillis(created), UnixMillis(now));
            if let Some(next) = next_poll(created, now, polls, answered) {
                prop_assert!(next > now && next.since(now) < FURTHEST);
            }
        }
    }
}
