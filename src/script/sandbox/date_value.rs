//! The arithmetic of dates, in whole milliseconds since 1970
//! (<https://tc39.es/ecma262/#sec-overview-of-date-objects-and-definitions-of-abstract-operations>).

use crate::base::TimeZone;

/// Milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;
/// The last moment that a `Date` can hold, and the negative of the first.
pub(super) const LAST: f64 = 8.64e15;

/// What clocks in `zone` show at `moment`, written as if it were UTC.
pub(super) fn local_of(moment: f64, zone: &TimeZone) -> f64 {
    whole(moment).map_or(f64::NAN, |millis| number(millis + zone.offset_at(millis)))
}

/// How far clocks in `zone` are ahead of UTC at `moment`; 0 beyond all dates.
pub(super) fn offset_at(moment: i64, zone: &TimeZone) -> i64 {
    whole(number(moment)).map_or(0, |millis| zone.offset_at(millis))
}

/// The moment at which clocks in `zone` show `local`.
pub(super) fn moment_of(local: f64, zone: &TimeZone) -> f64 {
    whole(local).map_or(f64::NAN, |millis| number(zone.moment_of(millis)))
}

/// A time that a `Date` can hold, with a day more on either side for what its clocks show.
#[allow(
    clippy::cast_possible_truncation,
    reason = "checked, and a fraction of a millisecond counts for nothing"
)]
fn whole(time: f64) -> Option<i64> {
    const DAY: f64 = 8.64e7;
    (time.abs() <= LAST + DAY).then_some(time.floor() as i64)
}

#[allow(clippy::cast_precision_loss, reason = "a time that a Date can hold is a whole number below 2^53")]
pub(super) fn number(millis: i64) -> f64 {
    millis as f64
}

/// The day, counted from 1970, of a year, a month (from 1) and a day of it. `None` where the year is beyond all dates.
pub(super) fn make_day(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(-400_000..=400_000).contains(&year) {
        return None;
    }
    // Years that begin in March, in eras of 400 of them (Howard Hinnant, <https://howardhinnant.github.io/date_algorithms.html>).
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}
