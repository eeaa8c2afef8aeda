//! TPM Time, and at which rate it follows the host's clock (Part 1 §36.2; Part 3 §29.3).
//!
//! The host says what time it is, and can lie; it can stop time, but not turn it back. The owner can make time run a little slower or faster
//! than the host's, by at most a sixth, so that nobody outlives a policy or a lockout by it.

use crate::structures::TpmClockAdjust;

/// How fast time runs: the host's milliseconds take this many ticks, of which [`ClockRate::NOMINAL`] are a millisecond of TPM Time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRate(u32);

impl ClockRate {
    /// The host's own rate: what one adjustment changes is about 1%, 0.1% and the finest step.
    pub const NOMINAL: Self = Self(30_000);
    /// Ticks by which a rate may differ from the nominal one.
    const LIMIT: u32 = 5_000;

    /// The rate with this number, if it is one.
    pub fn from_ticks(ticks: u32) -> Option<Self> {
        (ticks.abs_diff(Self::NOMINAL.0) <= Self::LIMIT).then_some(Self(ticks))
    }

    /// The number of the rate.
    pub const fn ticks(self) -> u32 {
        self.0
    }

    /// The rate after an adjustment, which is relative to the rate until then. At the limit nothing changes any more.
    #[must_use]
    pub fn adjusted(self, adjustment: TpmClockAdjust) -> Self {
        let step = match adjustment {
            TpmClockAdjust::CoarseSlower => 300,
            TpmClockAdjust::MediumSlower => 30,
            TpmClockAdjust::FineSlower => 1,
            TpmClockAdjust::NoChange => 0,
            TpmClockAdjust::FineFaster => -1,
            TpmClockAdjust::MediumFaster => -30,
            TpmClockAdjust::CoarseFaster => -300,
        };
        let (least, most) = (Self::NOMINAL.0 - Self::LIMIT, Self::NOMINAL.0 + Self::LIMIT);
        Self(self.0.saturating_add_signed(step).clamp(least, most))
    }
}

impl Default for ClockRate {
    fn default() -> Self {
        Self::NOMINAL
    }
}

/// Time since the TPM was powered on. It moves whatever becomes of commands, so it is no [`Group`](crate::state::Group).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// The latest moment on the host's clock.
    host_then: u64,
    /// Ticks since then that were not enough for a millisecond.
    rest: u64,
    /// TPM Time (TPMS_TIME_INFO.time), in milliseconds.
    pub now: u64,
    /// timeEpoch: differs from the epoch of any time that did not lead up to now.
    pub epoch: u32,
}

impl Time {
    /// TPM Time that is `time` when the host's clock says `host_now`.
    pub(crate) const fn continuing(host_now: u64, time: u64, epoch: u32) -> Self {
        Self {
            host_then: host_now,
            rest: 0,
            now: time,
            epoch,
        }
    }

    /// Follows the host's clock at a rate; says by how much time has moved on. A host whose clock goes backwards stops time; it cannot turn
    /// it back.
    pub(super) fn follow(&mut self, host_now: u64, rate: ClockRate) -> u64 {
        let host_elapsed = host_now.saturating_sub(self.host_then);
        if host_elapsed == 0 {
            return 0;
        }
        self.host_then = self.host_then.max(host_now);
        // The quotient in two parts, of which none overflows but for more time than Time can hold.
        let (rate, nominal) = (u64::from(rate.0), u64::from(ClockRate::NOMINAL.0));
        let ticks = host_elapsed % rate * nominal + self.rest;
        self.rest = ticks % rate;
        let whole = (host_elapsed / rate)
            .saturating_mul(nominal)
            .saturating_add(ticks / rate);
        let now = self.now.saturating_add(whole);
        let elapsed = now - self.now;
        self.now = now;
        elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_about_what_part_3_says() {
        // Part 3 §29.3: a coarse adjustment is about 1%, a medium one about 0.1%; they add up.
        let after = |adjustments: &[TpmClockAdjust]| {
            let rate = adjustments
                .iter()
                .fold(ClockRate::NOMINAL, |rate, by| rate.adjusted(*by));
            let mut time = Time::continuing(0, 0, 0);
            // In pieces and at once is the same time.
            (1..=1000).map(|step| time.follow(step * 1000, rate)).sum::<u64>()
        };
        assert_eq!(after(&[]), 1_000_000);
        assert_eq!(after(&[TpmClockAdjust::NoChange]), 1_000_000);
        assert_eq!(after(&[TpmClockAdjust::CoarseSlower]), 990_099);
        assert_eq!(after(&[TpmClockAdjust::CoarseFaster]), 1_010_101);
        assert_eq!(after(&[TpmClockAdjust::MediumSlower]), 999_000);
        assert!((999_900..1_000_000).contains(&after(&[TpmClockAdjust::FineSlower])));
        let there_and_back = [TpmClockAdjust::CoarseSlower, TpmClockAdjust::CoarseFaster];
        assert_eq!(after(&there_and_back), 1_000_000);
    }

    #[test]
    fn rate_stays_within_its_limit() {
        let mut rate = ClockRate::NOMINAL;
        for _ in 0..100 {
            rate = rate.adjusted(TpmClockAdjust::CoarseFaster);
        }
        assert_eq!(rate.ticks(), 25_000);
        assert_eq!(ClockRate::from_ticks(25_000), Some(rate));
        assert_eq!(ClockRate::from_ticks(24_999), None);
    }

    #[test]
    fn time_does_not_go_back_with_the_host_s_clock() {
        let mut time = Time::continuing(100, 0, 0);
        assert_eq!(time.follow(150, ClockRate::NOMINAL), 50);
        assert_eq!(time.follow(90, ClockRate::NOMINAL), 0);
        assert_eq!(time.follow(149, ClockRate::NOMINAL), 0);
        assert_eq!(time.follow(160, ClockRate::NOMINAL), 10);
        assert_eq!(
            time.follow(u64::MAX, ClockRate::NOMINAL.adjusted(TpmClockAdjust::CoarseFaster)),
            u64::MAX - 60
        );
    }
}
