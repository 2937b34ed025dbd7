//! Dates as they are given to Twilio: `2026-11-22` or `2026-11-22T10:00:00Z`.

use crate::base::UnixMillis;

const DAY: i64 = 86_400_000;

/// A span of time in milliseconds: a whole day, or a second of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first millisecond.
    pub(super) from: UnixMillis,
    /// The first millisecond after it.
    pub(super) until: UnixMillis,
}

impl Span {
    /// Reads a date or a moment in UTC; a fraction of the second is dropped.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let [year, month, day] = numbers(date, '-')?;
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let midnight = days_from_civil(year, month, day) * DAY;
        let (from, length) = match time {
            None => (midnight, DAY),
            Some(time) => {
                let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).unwrap_or(time);
                let [hour, minute, second] =
                    numbers(time.split_once('.').map_or(time, |(whole, _)| whole), ':')?;
                if hour > 23 || minute > 59 || second > 60 {
                    return None;
                }
                (midnight + ((hour * 60 + minute) * 60 + second) * 1000, 1000)
            }
        };
        Some(Self { from: UnixMillis(from), until: UnixMillis(from + length) })
    }

    /// Whether a moment lies in it.
    pub(super) fn contains(self, moment: UnixMillis) -> bool {
        self.from <= moment && moment < self.until
    }
}

/// Three numbers of digits only with a sign between them.
fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse::<i64>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, which leaps every fourth year but for centuries not
/// divisible by 400. Years begin in March here, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read() {
        let day = Span::parse("2023-08-24").unwrap();
        assert_eq!(day.from.to_string(), "2023-08-24T00:00:00.000Z");
        assert_eq!(day.until.to_string(), "2023-08-25T00:00:00.000Z");
        for moment in ["2024-02-29T12:34:56Z", "2024-02-29 12:34:56", "2024-02-29T12:34:56.789+00:00"] {
            let span = Span::parse(moment).unwrap();
            assert_eq!(span.from.to_string(), "2024-02-29T12:34:56.000Z", "{moment}");
            assert!(span.contains(UnixMillis(span.from.0 + 999)) && !span.contains(span.until));
        }
        assert_eq!(Span::parse("1970-01-01").unwrap().from, UnixMillis(0));
        assert_eq!(Span::parse("2000-03-01").unwrap().from.to_string(), "2000-03-01T00:00:00.000Z");
        for bad in [
            "",
            "yesterday",
            "2023-13-01",
            "2023-00-01",
            "2023-1",
            "2023-1-1-1",
            "2023-08-24T25:00:00Z",
            "99999-01-01",
            "-1-1-1",
        ] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }
}
