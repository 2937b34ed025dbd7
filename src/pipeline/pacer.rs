//! The pace that Twilio takes messages at, kept by waiting in line before they are sent.
//!
//! Twilio's sandbox takes one message in 3 seconds, production 80 in a second for each sender
//! (<https://www.twilio.com/docs/whatsapp/api#rate-limiting>); what comes faster is refused with 63018. A line is a
//! sender's of one account, whichever applications and companies send with it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{Environment, Rules};

/// One message in so long, in Twilio's sandbox.
const SANDBOX: Duration = Duration::from_secs(3);
/// One message in so long, for a sender in production.
const PRODUCTION: Duration = Duration::from_micros(12_500);

/// How far apart the messages of a sender must be; `None`: as fast as they come.
#[must_use]
pub fn interval(environment: Environment, simulated: Rules) -> Option<Duration> {
    match (environment, simulated) {
        (Environment::Sandbox, _) | (Environment::Simulator, Rules::Sandbox) => Some(SANDBOX),
        (Environment::Production, _) | (Environment::Simulator, Rules::Production) => Some(PRODUCTION),
        (Environment::Simulator, Rules::Open) => None,
    }
}

/// The lines of all senders.
#[derive(Debug, Default)]
pub struct Pacer(Mutex<HashMap<String, Instant>>);

impl Pacer {
    /// Takes the next place in a sender's line; gives how long it is until then.
    ///
    /// # Errors
    /// How long it would be, when that is longer than `patience`: the place is not taken.
    pub(super) fn take_place(
        &self,
        sender: &str,
        interval: Duration,
        patience: Duration,
        now: Instant,
    ) -> Result<Duration, Duration> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() > 1000 {
            lines.retain(|_, next| *next > now); // senders of long ago
        }
        let free = lines.get(sender).map_or(now, |next| (*next).max(now));
        let wait = free.saturating_duration_since(now);
        if wait > patience {
            return Err(wait);
        }
        lines.insert(sender.to_owned(), free + interval);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_environment_has_its_pace() {
        assert_eq!(interval(Environment::Simulator, Rules::Open), None);
        assert_eq!(interval(Environment::Simulator, Rules::Sandbox), Some(SANDBOX));
        assert_eq!(interval(Environment::Sandbox, Rules::Open), Some(Duration::from_secs(3)));
        assert_eq!(interval(Environment::Production, Rules::Open).unwrap() * 80, Duration::from_secs(1));
    }

    #[test]
    fn a_line_moves_at_its_pace_and_is_no_longer_than_patience() {
        let pacer = Pacer::default();
        let start = Instant::now();
        let place = |sender: &str, after: u64| {
            pacer.take_place(sender, SANDBOX, Duration::from_secs(6), start + Duration::from_secs(after))
        };
        assert_eq!(place("a", 0), Ok(Duration::ZERO));
        assert_eq!(place("a", 0), Ok(Duration::from_secs(3)));
        assert_eq!(place("b", 0), Ok(Duration::ZERO), "another sender has a line of its own");
        assert_eq!(place("a", 0), Ok(Duration::from_secs(6)));
        assert_eq!(place("a", 0), Err(Duration::from_secs(9)));
        assert_eq!(place("a", 0), Err(Duration::from_secs(9)), "who is sent away takes no place");
        assert_eq!(place("a", 4), Ok(Duration::from_secs(5)));
        assert_eq!(place("a", 100), Ok(Duration::ZERO), "an empty line is no credit");
        assert_eq!(place("a", 100), Ok(Duration::from_secs(3)));
    }
}
