//! Time, read through one trait so that tests and simulations decide what it is.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// This moment and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl UnixMillis {
    /// Reads a moment as RFC 3339 writes it (`2026-11-22T18:30:00Z`, with a fraction or an offset too), or a date,
    /// which is its first moment in UTC. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.splitn(3, '-');
        let (year, month, day) =
            (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let days = days_from_civil(year, month, day)?;
        let of_day = time.map_or(Some(0), millis_of_day)?;
        Some(Self(days * 86_400_000 + of_day))
    }
}

/// The milliseconds of `18:30:00.5+01:00` since the UTC midnight of its date.
fn millis_of_day(time: &str) -> Option<i64> {
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) =
        (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if hour > 23 || minute > 59 || second > 60 || fraction.is_empty() {
        return None;
    }
    digits(fraction, fraction.len().min(9))?;
    let millis = digits(&format!("{fraction:0<3}")[..3], 3)?;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
            let minutes = (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    Some(((hour * 60 + minute - offset) * 60 + second) * 1000 + millis)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The number of days from 1970-01-01 to a date, if there is such a date.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let march_year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// RFC 3339 in UTC with milliseconds, as `--json` and the tables print it.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1000);
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60,
            self.0.rem_euclid(1000)
        )
    }
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar: counts in
/// eras of 400 years that begin on 1 March, so that the leap day is an era's last day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The moment now. May jump, as a computer's clock may: nothing may rely on it being monotonic.
    fn now(&self) -> UnixMillis;

    /// Lets so much time pass at once, where time does not pass by itself; `false` where the caller has to wait.
    fn skip(&self, _time: Duration) -> bool {
        false
    }
}

/// The computer's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        UnixMillis(millis)
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: UnixMillis) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        assert_eq!(UnixMillis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(UnixMillis(1_709_210_096_789).to_string(), "2024-02-29T12:34:56.789Z");
        assert_eq!(UnixMillis(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(UnixMillis(4_102_444_800_000).to_string(), "2100-01-01T00:00:00.000Z");
    }

    #[test]
    fn moments_are_read_as_they_are_written() {
        for text in ["1970-01-01T00:00:00.000Z", "2024-02-29T12:34:56.789Z", "1969-12-31T23:59:59.999Z"] {
            assert_eq!(UnixMillis::parse(text).unwrap().to_string(), text);
        }
        for (text, moment) in [
            ("2026-11-22", "2026-11-22T00:00:00.000Z"),
            ("2026-11-22T18:30:00+01:00", "2026-11-22T17:30:00.000Z"),
            ("2026-11-22t00:30:00.25-02:30", "2026-11-22T03:00:00.250Z"),
            ("2026-11-22 18:30:00Z", "2026-11-22T18:30:00.000Z"),
        ] {
            assert_eq!(UnixMillis::parse(text).unwrap().to_string(), moment, "{text}");
        }
        for bad in [
            "",
            "2026",
            "2026-11",
            "2026-13-01",
            "2026-02-29",
            "2026-11-22T18:30",
            "2026-11-22T18:30:00",
            "2026-11-22T25:00:00Z",
            "2026-11-22T18:30:00.Z",
            "2026-11-22T18:30:00+1",
            "26-11-22",
            "+026-11-22",
            "yesterday",
        ] {
            assert_eq!(UnixMillis::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(UnixMillis(i64::MAX).plus(Duration::MAX), UnixMillis(i64::MAX));
        assert_eq!(UnixMillis(1).since(UnixMillis(5)), Duration::ZERO);
    }
}
