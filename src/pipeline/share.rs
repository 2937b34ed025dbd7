//! An application's share of the processor: `limits.cpu_percent` of one core, for JavaScript and SQL together.
//!
//! A bucket of processor time that fills at that rate and holds what ten seconds bring. What runs is paid for afterwards,
//! so the bucket may be in debt; while it is, nothing of the application begins. Nothing is lost by that: what waits goes
//! on waiting.

use std::time::{Duration, Instant};

/// How long an application that was quiet may use more than its share.
const BURST: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Share {
    percent: u32,
    /// Processor time that is owed; while it is, nothing is left.
    debt: Duration,
    /// Processor time that may be used at once.
    left: Duration,
    /// Of which moment that is true.
    at: Instant,
}

impl Share {
    /// A full bucket.
    pub(super) fn new(percent: u32, now: Instant) -> Self {
        Self { percent, debt: Duration::ZERO, left: of(percent, BURST), at: now }
    }

    /// From now on it fills at this rate.
    pub(super) fn set(&mut self, percent: u32, now: Instant) {
        self.fill(now);
        self.percent = percent;
        self.left = self.left.min(of(percent, BURST));
    }

    /// So much processor time was used.
    pub(super) fn spend(&mut self, cpu: Duration, now: Instant) {
        self.fill(now);
        self.debt += cpu.saturating_sub(self.left);
        self.left = self.left.saturating_sub(cpu);
    }

    /// How long nothing may begin; `None`: it may.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        // The time in which the debt is paid, from when it was reckoned.
        let paid = self.debt.as_nanos().saturating_mul(100) / u128::from(self.percent.max(1));
        let paid = Duration::from_nanos(u64::try_from(paid).unwrap_or(u64::MAX));
        let rest = paid.checked_sub(now.saturating_duration_since(self.at))?;
        (!rest.is_zero()).then_some(rest)
    }

    fn fill(&mut self, now: Instant) {
        let gained = of(self.percent, now.saturating_duration_since(self.at));
        self.at = self.at.max(now);
        self.left = (self.left + gained.saturating_sub(self.debt)).min(of(self.percent, BURST));
        self.debt = self.debt.saturating_sub(gained);
    }
}

/// `percent` of a time.
fn of(percent: u32, time: Duration) -> Duration {
    time.saturating_mul(percent) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_stays_within_his_share_never_waits() {
        let mut now = Instant::now();
        let mut share = Share::new(50, now);
        for _ in 0..1000 {
            now += SECOND;
            share.spend(SECOND / 2, now);
            assert_eq!(share.pause(now), None);
        }
    }

    #[test]
    fn a_quiet_application_may_use_a_burst_and_then_its_share() {
        let now = Instant::now();
        let mut share = Share::new(50, now);
        share.spend(SECOND * 5, now);
        assert_eq!(share.pause(now), None, "ten seconds' worth");
        share.spend(SECOND, now);
        assert_eq!(share.pause(now), Some(SECOND * 2), "what is used beyond is paid with time");
        assert_eq!(share.pause(now + SECOND), Some(SECOND));
        assert_eq!(share.pause(now + SECOND * 2), None);
        share.spend(Duration::ZERO, now + SECOND * 2);
        share.spend(SECOND, now + SECOND * 4);
        assert_eq!(share.pause(now + SECOND * 4), None, "a quiet second brings half a second");
    }

    #[test]
    fn a_share_that_is_changed_counts_from_then_on() {
        let now = Instant::now();
        let mut share = Share::new(100, now);
        share.set(50, now);
        share.spend(SECOND * 6, now);
        assert_eq!(share.pause(now), Some(SECOND * 2), "what a full bucket held is cut to the new share");
        share.set(100, now + SECOND);
        assert_eq!(
            share.pause(now + SECOND),
            Some(SECOND / 2),
            "half of the debt is paid, the rest twice as fast"
        );
    }

    #[test]
    fn over_a_long_time_the_share_is_kept_whatever_is_asked_for() {
        let began = Instant::now();
        let (mut now, mut used) = (began, Duration::ZERO);
        let mut share = Share::new(25, now);
        while now < began + SECOND * 1000 {
            now += share.pause(now).unwrap_or_default();
            share.spend(SECOND * 3, now + SECOND * 3); // three seconds on one core
            used += SECOND * 3;
            now += SECOND * 3;
        }
        let fair = of(25, now - began) + of(25, BURST);
        assert!(used <= fair + SECOND * 3, "{used:?} of {fair:?}");
        assert!(used + SECOND * 30 >= fair, "and not much less: {used:?} of {fair:?}");
    }
}
