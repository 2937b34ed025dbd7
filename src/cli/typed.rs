//! What people type on the command line: addresses, moments, phone numbers.

use std::time::Duration;

use crate::base::{Clock, PhoneNumber, SystemClock, UnixMillis};
use crate::config::Address;

pub(super) fn address(text: &str) -> Result<Address, &'static str> {
    crate::config::parse_address(text)
}

/// A number in its international form.
pub(super) fn number(text: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::sender(text).map_err(|error| error.to_string())
}

/// A moment, or an age: how long ago.
pub(super) fn moment(text: &str) -> Result<UnixMillis, String> {
    at(text, SystemClock.now()).ok_or_else(|| {
        "give a moment such as `2026-11-22` or `2026-11-22T18:30:00Z`, or an age such as `90m`, `2h`, `7d`".to_owned()
    })
}

fn at(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    if let Some(moment) = UnixMillis::parse(text) {
        return Some(moment);
    }
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    // A sign is no digit, and an age of centuries is a slip.
    let count: u64 = Some(count).filter(|count| count.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let age = Duration::from_secs(count.checked_mul(seconds).filter(|age| *age < 100 * 366 * 86_400)?);
    Some(UnixMillis(now.0 - i64::try_from(age.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_a_time_or_an_age() {
        let now = UnixMillis::parse("2026-11-22T18:30:00Z").unwrap();
        for (text, moment) in [
            ("2026-11-21", "2026-11-21T00:00:00.000Z"),
            ("2026-11-21T10:00:00+01:00", "2026-11-21T09:00:00.000Z"),
            ("90s", "2026-11-22T18:28:30.000Z"),
            ("15m", "2026-11-22T18:15:00.000Z"),
            ("2h", "2026-11-22T16:30:00.000Z"),
            ("7d", "2026-11-15T18:30:00.000Z"),
            ("1w", "2026-11-15T18:30:00.000Z"),
        ] {
            assert_eq!(at(text, now).unwrap().to_string(), moment, "{text}");
        }
        for bad in ["", "h", "7", "-7d", "7 d", "7y", "1.5h", "è", "99999999999999999999d", "999999d"] {
            assert_eq!(at(bad, now), None, "{bad}");
        }
    }
}
