//! How long a send waits that Twilio has certainly not processed, before it is made again: a pure function.

use std::time::Duration;

use crate::base::MessageId;
use crate::whatsapp::NotSent;

/// The first wait; each further one is twice as long.
pub(super) const FIRST: Duration = Duration::from_millis(500);
/// No wait of the host's own choosing is longer.
const LONGEST: Duration = Duration::from_secs(30);
/// How much of its time the action keeps, to read the outcome and react: a fifth of it, but a second at least.
const LEAST_MARGIN: Duration = Duration::from_secs(1);
pub(super) const MOST_MARGIN: Duration = Duration::from_secs(10);
/// Requests of one send at most: a Twilio that says `Retry-After: 0` for ever is believed so often.
const MAX_REQUESTS: u32 = 10;

/// Where a send stands after a request that was not processed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    /// The message, which the jitter follows from: no randomness to inject.
    pub(super) message: MessageId,
    /// How many requests there were, this one included.
    pub(super) requests: u32,
    /// Why it was not processed.
    pub(super) why: &'a NotSent,
    /// How long the request took: the next one may take as long.
    pub(super) took: Duration,
    /// How much time the run has left.
    pub(super) left: Duration,
    /// How much it has in all (`limits.wall_ms`).
    pub(super) wall: Duration,
}

impl Attempt<'_> {
    /// How long to wait before the next request; `None` when there is none: what happened is the outcome.
    ///
    /// 500 ms doubling to 30 s, or what Twilio asked for in `Retry-After`; and up to a fifth more, so that what was
    /// refused together does not come back together.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.requests >= MAX_REQUESTS {
            return None;
        }
        let base = match self.why {
            NotSent::TooManyRequests { retry_after: Some(asked) } => *asked,
            NotSent::TooManyRequests { retry_after: None } | NotSent::ConnectionFailed => {
                FIRST.saturating_mul(1 << self.requests.saturating_sub(1).min(16)).min(LONGEST)
            }
        };
        let wait = base + base / 5 * self.mixed() / 1000;
        let margin = (self.wall / 5).clamp(LEAST_MARGIN, MOST_MARGIN);
        (wait + self.took + margin <= self.left).then_some(wait)
    }

    /// A number below 1000 that differs from message to message and from request to request.
    fn mixed(&self) -> u32 {
        let seed = u64::from_le_bytes(std::array::from_fn(|index| self.message.as_bytes()[8 + index]));
        let mixed = (seed ^ u64::from(self.requests)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        u32::try_from((mixed >> 40) % 1000).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn attempt(requests: u32, why: &NotSent) -> Attempt<'_> {
        let message = MessageId::from_bytes([7; 16]);
        Attempt { message, requests, why, took: Duration::ZERO, left: LONG, wall: Duration::from_secs(5) }
    }

    fn told(seconds: u64) -> NotSent {
        NotSent::TooManyRequests { retry_after: Some(Duration::from_secs(seconds)) }
    }

    #[test]
    fn waits_double_from_half_a_second_to_half_a_minute_with_jitter() {
        for why in [NotSent::ConnectionFailed, NotSent::TooManyRequests { retry_after: None }] {
            for (requests, base) in (1..10).zip([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
            {
                let wait = attempt(requests, &why).wait().unwrap();
                let base = Duration::from_millis(base);
                assert!((base..=base + base / 5).contains(&wait), "{requests}: {wait:?}");
            }
        }
        let first = attempt(1, &NotSent::ConnectionFailed).wait();
        let other = MessageId::from_bytes([8; 16]);
        assert_ne!(first, Attempt { message: other, ..attempt(1, &NotSent::ConnectionFailed) }.wait());
    }

    #[test]
    fn what_twilio_asks_for_is_waited_and_hardly_more() {
        assert_eq!(attempt(3, &told(0)).wait(), Some(Duration::ZERO));
        let wait = attempt(1, &told(10)).wait().unwrap();
        assert!((Duration::from_secs(10)..=Duration::from_secs(12)).contains(&wait), "{wait:?}");
    }

    #[test]
    fn nothing_is_begun_that_would_leave_the_action_no_time() {
        let (refused, why) = (NotSent::ConnectionFailed, told(20));
        let left = |millis| Attempt { left: Duration::from_millis(millis), ..attempt(1, &refused) };
        assert!(left(1600).wait().is_some() && left(1499).wait().is_none());
        let slow = Attempt { took: Duration::from_secs(5), ..left(6499) };
        assert_eq!(slow.wait(), None, "the next request may take as long as this one");
        assert_eq!(Attempt { left: Duration::from_secs(20), ..attempt(1, &why) }.wait(), None);
        let long = Attempt { wall: Duration::from_secs(30), ..left(6499) };
        assert_eq!(long.wait(), None, "a fifth of 30 s is the action's own");
        assert_eq!(Attempt { left: Duration::ZERO, ..attempt(1, &refused) }.wait(), None);
    }

    #[test]
    fn a_send_is_made_ten_times_at_most() {
        assert!(attempt(9, &told(0)).wait().is_some());
        assert_eq!(attempt(10, &told(0)).wait(), None);
    }
}
