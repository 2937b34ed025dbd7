//! How many messages an application has sent lately: what the caps on its spending are held against.
//!
//! Pure: times come in, counts come out. A minute is counted exactly, a day by full minutes. What was sent before a
//! restart is read from the ledger, so that a restart buys nobody a new day.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::base::{CompanyId, PhoneNumber, UnixMillis};
use crate::store::SentBefore;

const MINUTE: i64 = 60_000;
const DAY: Duration = Duration::from_hours(24);

/// What a message is capped by; `None`: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Caps {
    /// The application's messages within a minute.
    pub(super) per_minute: Option<u32>,
    /// The application's messages within 24 hours.
    pub(super) per_day: Option<u32>,
    /// The company's messages within a minute.
    pub(super) company_per_minute: Option<u32>,
    /// The company's messages within 24 hours.
    pub(super) company_per_day: Option<u32>,
    /// Of the same content to the same recipient within a minute.
    pub(super) identical_per_minute: Option<u32>,
}

/// A cap that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    PerMinute(u32),
    PerDay(u32),
    CompanyPerMinute(u32),
    CompanyPerDay(u32),
    Identical(u32),
}

/// A message that wants to be counted.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    /// In whose name.
    pub(super) company: CompanyId,
    /// From whom, to whom and what: equal for messages that are the same; none for one that is never the same.
    pub(super) sameness: Option<String>,
    /// When.
    pub(super) at: UnixMillis,
}

/// The counts of one application.
#[derive(Debug, Default)]
pub(super) struct Meter {
    all: Counts,
    companies: HashMap<CompanyId, Counts>,
    /// What was sent within the last minute.
    recent: VecDeque<(UnixMillis, String)>,
}

impl Meter {
    /// Begins with what the ledger knows of the last 24 hours.
    pub(super) fn begin(sent: SentBefore) -> Self {
        let mut meter = Self::default();
        for (company, minute, count) in sent.minutes {
            meter.all.add_minute(minute, count);
            meter.companies.entry(company).or_default().add_minute(minute, count);
        }
        for one in sent.last_minute {
            meter.all.minute.push_back(one.at);
            meter.companies.entry(one.company.clone()).or_default().minute.push_back(one.at);
            meter.recent.push_back((one.at, sameness(&one.company, &one.to, &one.content_hash)));
        }
        meter
    }

    /// Counts a message, unless a cap is reached.
    pub(super) fn admit(&mut self, message: &Counted, caps: &Caps) -> Result<(), Reached> {
        let Counted { company, sameness, at } = message;
        self.pass(*at);
        let of_company = self.companies.get(company).map_or((0, 0), Counts::count);
        let (minute, day) = self.all.count();
        let is_over = |cap: Option<u32>, count: u32| cap.filter(|cap| count >= *cap);
        if let Some(cap) = is_over(caps.company_per_minute, of_company.0) {
            return Err(Reached::CompanyPerMinute(cap));
        }
        if let Some(cap) = is_over(caps.company_per_day, of_company.1) {
            return Err(Reached::CompanyPerDay(cap));
        }
        if let Some(cap) = is_over(caps.per_minute, minute) {
            return Err(Reached::PerMinute(cap));
        }
        if let Some(cap) = is_over(caps.per_day, day) {
            return Err(Reached::PerDay(cap));
        }
        let same = self.recent.iter().filter(|(_, other)| Some(other) == sameness.as_ref()).count();
        if let Some(cap) = is_over(caps.identical_per_minute, u32::try_from(same).unwrap_or(u32::MAX)) {
            return Err(Reached::Identical(cap));
        }
        self.all.add(*at);
        self.companies.entry(company.clone()).or_default().add(*at);
        self.recent.extend(sameness.clone().map(|sameness| (*at, sameness)));
        Ok(())
    }

    /// Takes a message back that was counted and has not left.
    pub(super) fn give_back(&mut self, message: &Counted) {
        self.all.remove(message.at);
        if let Some(counts) = self.companies.get_mut(&message.company) {
            counts.remove(message.at);
        }
        let same = |(at, sameness): &(UnixMillis, String)| {
            *at == message.at && Some(sameness) == message.sameness.as_ref()
        };
        if let Some(index) = self.recent.iter().rposition(same) {
            self.recent.remove(index);
        }
    }

    /// Forgets what is past.
    fn pass(&mut self, now: UnixMillis) {
        self.all.pass(now);
        self.companies.retain(|_, counts| {
            counts.pass(now);
            !counts.is_empty()
        });
        for (at, _) in self.recent.iter_mut().rev().take_while(|(at, _)| *at > now) {
            *at = now;
        }
        while self.recent.front().is_some_and(|(at, _)| is_past(*at, now)) {
            self.recent.pop_front();
        }
    }
}

/// From whom, to whom and what, as one text.
pub(super) fn sameness(company: &CompanyId, to: &PhoneNumber, content_hash: &str) -> String {
    format!("{company} {} {content_hash}", to.as_str())
}

fn is_past(at: UnixMillis, now: UnixMillis) -> bool {
    now.since(at) >= Duration::from_millis(MINUTE.unsigned_abs())
}

/// When messages were sent.
#[derive(Debug, Default)]
struct Counts {
    /// Each message of the last minute.
    minute: VecDeque<UnixMillis>,
    /// The full minutes of the last 24 hours in which messages were sent, with their number.
    day: VecDeque<(i64, u32)>,
    /// The sum of `day`.
    sum: u32,
}

impl Counts {
    fn count(&self) -> (u32, u32) {
        (u32::try_from(self.minute.len()).unwrap_or(u32::MAX), self.sum)
    }

    fn is_empty(&self) -> bool {
        self.day.is_empty() && self.minute.is_empty()
    }

    fn add(&mut self, at: UnixMillis) {
        self.minute.push_back(at);
        self.add_minute(at.0.div_euclid(MINUTE), 1);
    }

    fn add_minute(&mut self, minute: i64, count: u32) {
        match self.day.back_mut() {
            Some((last, known)) if *last >= minute => *known += count,
            _ => self.day.push_back((minute, count)),
        }
        self.sum += count;
    }

    fn remove(&mut self, at: UnixMillis) {
        if let Some(index) = self.minute.iter().rposition(|known| *known == at) {
            self.minute.remove(index);
        }
        let minute = at.0.div_euclid(MINUTE);
        if let Some((_, count)) =
            self.day.iter_mut().rev().find(|(known, count)| *known <= minute && *count > 0)
        {
            *count -= 1;
            self.sum -= 1;
        }
    }

    /// Forgets what is past. What a clock that was set back has left in the future counts as sent now.
    fn pass(&mut self, now: UnixMillis) {
        for at in self.minute.iter_mut().rev().take_while(|at| **at > now) {
            *at = now;
        }
        while self.minute.front().is_some_and(|at| is_past(*at, now)) {
            self.minute.pop_front();
        }
        let this_minute = now.0.div_euclid(MINUTE);
        for (minute, _) in self.day.iter_mut().rev().take_while(|(minute, _)| *minute > this_minute) {
            *minute = this_minute;
        }
        let first = this_minute - i64::try_from(DAY.as_secs() / 60).unwrap_or(0);
        while let Some((minute, count)) = self.day.front().filter(|(minute, _)| *minute < first) {
            let _ = minute;
            self.sum -= count;
            self.day.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SentLately;

    /// Some moment, at the beginning of a minute.
    const NOW: i64 = 1_700_000_040_000;
    const HOUR: i64 = 60 * MINUTE;

    fn company(name: &str) -> CompanyId {
        CompanyId::parse(name).unwrap()
    }

    fn message(name: &str, what: &str, at: i64) -> Counted {
        let to = PhoneNumber::sender("+393331234567").unwrap();
        let sameness = Some(sameness(&company(name), &to, what));
        Counted { company: company(name), sameness, at: UnixMillis(at) }
    }

    fn caps() -> Caps {
        Caps { per_minute: Some(3), per_day: Some(5), ..Caps::default() }
    }

    #[test]
    fn a_minute_is_counted_exactly_and_a_day_by_minutes() {
        let mut meter = Meter::default();
        let mut admit = |at: i64| meter.admit(&message("A", &at.to_string(), NOW + at), &caps());
        assert_eq!((admit(0), admit(1), admit(2)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(admit(59_999), Err(Reached::PerMinute(3)));
        assert_eq!(admit(60_000), Ok(()), "the first is a minute old");
        assert_eq!(admit(60_000), Err(Reached::PerMinute(3)));
        assert_eq!(admit(HOUR), Ok(()));
        assert_eq!(admit(24 * HOUR), Err(Reached::PerDay(5)));
        assert_eq!(admit(24 * HOUR + MINUTE), Ok(()), "the first minute has left the day");
    }

    #[test]
    fn companies_are_counted_for_themselves_and_together() {
        let mut meter = Meter::default();
        let caps = Caps { company_per_minute: Some(2), company_per_day: Some(3), ..caps() };
        let mut admit = |who: &str, at: i64| meter.admit(&message(who, &at.to_string(), NOW + at), &caps);
        assert_eq!((admit("A", 1), admit("A", 2)), (Ok(()), Ok(())));
        assert_eq!(admit("A", 3), Err(Reached::CompanyPerMinute(2)));
        assert_eq!(admit("B", 4), Ok(()));
        assert_eq!(admit("C", 5), Err(Reached::PerMinute(3)), "all together");
        assert_eq!(admit("A", HOUR), Ok(()));
        assert_eq!(admit("A", 2 * HOUR), Err(Reached::CompanyPerDay(3)));
    }

    #[test]
    fn the_same_to_the_same_is_capped_for_a_minute() {
        let mut meter = Meter::default();
        let caps = Caps { identical_per_minute: Some(1), ..Caps::default() };
        assert_eq!(meter.admit(&message("A", "x", NOW), &caps), Ok(()));
        assert_eq!(meter.admit(&message("A", "x", NOW + 1), &caps), Err(Reached::Identical(1)));
        assert_eq!(meter.admit(&message("B", "x", NOW + 1), &caps), Ok(()), "another company's");
        assert_eq!(meter.admit(&message("A", "y", NOW + 2), &caps), Ok(()));
        assert_eq!(meter.admit(&message("A", "x", NOW + MINUTE), &caps), Ok(()));
    }

    #[test]
    fn what_did_not_leave_is_given_back() {
        let mut meter = Meter::default();
        let caps =
            Caps { per_day: Some(1), identical_per_minute: Some(1), company_per_day: Some(1), ..caps() };
        for at in 0..10 {
            let message = message("A", "x", NOW + at);
            assert_eq!(meter.admit(&message, &caps), Ok(()));
            assert!(meter.admit(&message, &caps).is_err());
            meter.give_back(&message);
        }
        meter.give_back(&message("A", "x", NOW)); // nothing is there: nothing happens
        assert_eq!(meter.all.count(), (0, 0));
    }

    #[test]
    fn what_is_never_the_same_is_counted_for_every_other_cap() {
        let mut meter = Meter::default();
        let caps = Caps { identical_per_minute: Some(1), ..caps() };
        for at in 0..3 {
            let reply = Counted { sameness: None, ..message("A", "x", NOW + at) };
            assert_eq!(meter.admit(&reply, &caps), Ok(()));
            meter.give_back(&reply);
            assert_eq!(meter.admit(&reply, &caps), Ok(()));
        }
        assert_eq!(meter.recent.len(), 0);
        assert_eq!(meter.admit(&message("A", "x", NOW + 3), &caps), Err(Reached::PerMinute(3)));
    }

    #[test]
    fn what_was_sent_before_a_restart_counts() {
        let lately = |at| SentLately {
            company: company("A"),
            to: PhoneNumber::sender("+393331234567").unwrap(),
            content_hash: "x".into(),
            at: UnixMillis(at),
        };
        let minute = NOW / MINUTE;
        let sent = SentBefore {
            minutes: vec![
                (company("A"), minute - 60, 2),
                (company("A"), minute - 1, 1),
                (company("B"), minute, 1),
            ],
            last_minute: vec![lately(NOW - 30_000), lately(NOW - 1)],
        };
        let mut meter = Meter::begin(sent);
        assert_eq!(meter.all.count(), (2, 4));
        let caps = caps();
        assert_eq!(meter.admit(&message("C", "y", NOW), &caps), Ok(()));
        assert_eq!(meter.admit(&message("C", "z", NOW), &caps), Err(Reached::PerMinute(3)));
        assert_eq!(meter.admit(&message("C", "z", NOW + HOUR), &caps), Err(Reached::PerDay(5)));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nobody_for_long() {
        let mut meter = Meter::default();
        for at in 0..3 {
            meter.admit(&message("A", &at.to_string(), NOW + 10 * HOUR + at), &caps()).unwrap();
        }
        assert_eq!(
            meter.admit(&message("A", "x", NOW), &caps()),
            Err(Reached::PerMinute(3)),
            "as if sent now"
        );
        assert_eq!(meter.admit(&message("A", "x", NOW + MINUTE), &caps()), Ok(()));
        meter.admit(&message("A", "y", NOW + MINUTE), &caps()).unwrap();
        assert_eq!(meter.admit(&message("A", "z", NOW + HOUR), &caps()), Err(Reached::PerDay(5)));
        assert_eq!(meter.admit(&message("A", "z", NOW + 24 * HOUR + MINUTE), &caps()), Ok(()));
    }
}
