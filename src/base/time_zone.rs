//! Time zones of the [IANA database](https://www.iana.org/time-zones), which is compiled in: no file is opened, and what
//! zones the system knows does not matter, so runs are the same everywhere.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZoneDatabase};

use super::nearest;

/// After so many milliseconds, 400 years, the calendar and with it the changes of the clocks repeat.
const CYCLE: i64 = 146_097 * 86_400_000;
/// The year 2400, after which no database says anything that is not a rule.
const RULES: i64 = 13_569_465_600_000;
/// The year 1600, before which there are no time zones.
const NO_ZONES: i64 = -11_676_096_000_000;

/// A time zone by its name: `Europe/Rome`. The default is `UTC`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(jiff::tz::TimeZone);

/// A name that no zone has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no time zone of the IANA database", super::shown(name))]
pub struct UnknownTimeZone {
    name: String,
    /// The zone that was probably meant.
    pub nearest: Option<String>,
}

impl TimeZone {
    /// The zone of that name; upper and lower case do not matter.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(name: &str) -> Result<Self, UnknownTimeZone> {
        let database = TimeZoneDatabase::bundled();
        database.get(name).map(Self).map_err(|_| {
            let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
            UnknownTimeZone { name: name.to_owned(), nearest: nearest_of(name, &names) }
        })
    }

    /// Its name, as the database writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// How many milliseconds its clocks are ahead of UTC at a moment, in milliseconds since 1970.
    #[must_use]
    pub fn offset_at(&self, millis: i64) -> i64 {
        let within = Timestamp::from_millisecond(millis - cycles(millis));
        within.map_or(0, |moment| i64::from(self.0.to_offset(moment).seconds()) * 1000)
    }

    /// The moment at which its clocks show `local`, written as if it were UTC; both in milliseconds since 1970. Of two,
    /// the first. A time that the clocks leave out is read with the offset before they do, so it comes out as much later
    /// as they are put on. (<https://tc39.es/ecma262/#sec-utc-t>)
    #[must_use]
    pub fn moment_of(&self, local: i64) -> i64 {
        let cycles = cycles(local);
        let moment = Timestamp::from_millisecond(local - cycles).and_then(|shown| {
            let shown = Offset::UTC.to_datetime(shown);
            self.0.to_ambiguous_timestamp(shown).compatible()
        });
        moment.map_or(local, |moment| moment.as_millisecond() + cycles)
    }
}

/// How many whole cycles a time lies beyond those that differ from each other, in milliseconds.
fn cycles(millis: i64) -> i64 {
    millis.saturating_sub(millis.clamp(NO_ZONES, RULES)) / CYCLE * CYCLE
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for TimeZone {
    type Error = UnknownTimeZone;

    fn try_from(name: String) -> Result<Self, UnknownTimeZone> {
        Self::parse(&name)
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.name().to_owned()
    }
}

/// The name that somebody meant, or the zone of the city that he named: `Rome`.
fn nearest_of(name: &str, names: &[String]) -> Option<String> {
    let city = |zone: &str| zone.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
        return Some(near.to_owned());
    }
    let cities: Vec<String> = names.iter().map(|zone| city(zone)).collect();
    let near = nearest(&city(name), cities.iter().map(String::as_str))?;
    names.iter().find(|zone| city(zone) == near).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn zones() -> impl Iterator<Item = TimeZone> {
        let names = TimeZoneDatabase::bundled();
        let names: Vec<String> = names.available().map(|name| name.as_str().to_owned()).collect();
        names.into_iter().map(|name| TimeZone::parse(&name).unwrap())
    }

    #[test]
    fn a_zone_is_found_by_its_name_and_an_unknown_one_gets_the_nearest() {
        let name = |text: &str| TimeZone::parse(text).map(|zone| zone.name().to_owned());
        let near = |text| name(text).expect_err(text).nearest.expect("near");
        assert_eq!(name("Europe/Rome"), Ok("Europe/Rome".to_owned()));
        assert_eq!(name("europe/rome"), Ok("Europe/Rome".to_owned()));
        assert_eq!(name("America/Argentina/Buenos_Aires"), Ok("America/Argentina/Buenos_Aires".to_owned()));
        assert_eq!(TimeZone::default().name(), "UTC");
        assert_eq!(near("Europe/Roma"), "Europe/Rome");
        assert_eq!(near("Rome"), "Europe/Rome");
        assert_eq!(near("America/NewYork"), "America/New_York");
        for wrong in ["", "+02:00", "Europe/Rome\n", "../etc/passwd", "zzz"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        assert!(zones().count() > 500);
    }

    #[test]
    fn what_clocks_show_leads_back_to_its_moment_at_all_times() {
        for zone in zones() {
            for year in (-271_821..275_760).step_by(7_001).chain(1900..2100) {
                let moment = (year - 1970) * 31_556_952_000;
                let offset = zone.offset_at(moment);
                assert!(offset.abs() < DAY, "{zone} {year}: {offset}");
                let again = zone.moment_of(moment + offset);
                assert!(
                    again == moment || zone.offset_at(again) != offset,
                    "{zone} {year}: {again} {moment}"
                );
            }
            for extreme in [8_640_000_086_400_000, -8_640_000_086_400_000] {
                assert!(zone.offset_at(extreme).abs() < DAY);
                assert!(zone.moment_of(extreme).abs_diff(extreme) < DAY.unsigned_abs());
            }
        }
    }
}
