//! The time-stamp counter as the SVSM's clock.
//!
//! With Secure TSC the processor scales the counter by values that the hypervisor cannot change after launch and says its frequency in an
//! MSR (APM volume 2 §15.36.18); an attempt to intercept RDTSC is answered with the end of the VM. Without it the hypervisor chooses offset
//! and scale, and the frequency is what the CPUID page claims. The clock only ever moves forward, whatever the counter does.

use core::{
    arch::asm,
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};
use svsm_platform::{Clock, ClockSource};
use svsm_proto::cpuid_page::CpuidPage;

/// Reads the counter, not before the instructions in front of it have been executed.
pub fn ticks() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: RDTSC writes the two registers; CR4.TSD is clear.
    unsafe { asm!("lfence", "rdtsc", out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags)) };
    u64::from(high) << 32 | u64::from(low)
}

/// The frequency in Hz that the CPUID page claims: function 15h where it is complete, otherwise 16h.
pub fn claimed_frequency(page: &CpuidPage) -> Option<u64> {
    if let Some(entry) = page.find(0x15, 0)
        && let Some(frequency) = (u64::from(entry.ecx) * u64::from(entry.ebx)).checked_div(u64::from(entry.eax))
        && frequency != 0
    {
        return Some(frequency);
    }
    match page.find(0x16, 0).map_or(0, |entry| entry.eax & 0xFFFF) {
        0 => None,
        mhz => Some(u64::from(mhz) * 1_000_000),
    }
}

/// A counter of known frequency, from a moment that its maker chose.
pub struct TscClock {
    start: u64,
    frequency: u64,
    source: ClockSource,
    latest: AtomicU64,
}

impl TscClock {
    /// A clock that showed zero when the counter stood at `start`. `frequency` is in Hz.
    pub fn new(frequency: NonZeroU64, source: ClockSource, start: u64) -> Self {
        Self {
            start,
            frequency: frequency.get(),
            source,
            latest: AtomicU64::new(0),
        }
    }

    /// The frequency in Hz.
    pub fn frequency(&self) -> u64 {
        self.frequency
    }

    /// Microseconds since the start, never less than an earlier answer.
    pub fn microseconds(&self) -> u64 {
        self.at(ticks())
    }

    fn at(&self, now: u64) -> u64 {
        // A counter behind the start (another processor's, or a hypervisor's play) shows as a huge difference: treat it as no progress.
        let elapsed = now.saturating_sub(self.start);
        let microseconds = u128::from(elapsed) * 1_000_000 / u128::from(self.frequency);
        let microseconds = u64::try_from(microseconds).unwrap_or(u64::MAX);
        self.latest.fetch_max(microseconds, Ordering::AcqRel).max(microseconds)
    }
}

/// Shared by everybody who needs the time.
impl Clock for &TscClock {
    fn milliseconds(&mut self) -> u64 {
        self.microseconds() / 1000
    }

    fn source(&self) -> ClockSource {
        self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn clock_counts_microseconds_and_never_goes_back() {
        let clock = TscClock::new(
            NonZeroU64::new(2_500_000_000).expect("not zero"),
            ClockSource::SecureTsc,
            1000,
        );
        assert_eq!(clock.at(1000), 0);
        assert_eq!(clock.at(1000 + 2500 * 7), 7);
        assert_eq!(clock.at(500), 7, "a counter that jumps back");
        assert_eq!(clock.at(1000 + 2500 * 3), 7);
        // Ten years at 2.5 GHz still fit.
        let ten_years = 315_576_000u64;
        assert_eq!(clock.at(1000 + ten_years * 2_500_000_000), ten_years * 1_000_000);
    }

    // Intel SDM volume 2, CPUID function 15h: TSC = ECX * EBX / EAX.
    #[test]
    fn frequency_comes_from_function_15h_then_16h() {
        let mut page = CpuidPage::new_zeroed();
        assert_eq!(claimed_frequency(&page), None);
        page.count = 2;
        page.entries[0].eax_in = 0x16;
        page.entries[0].eax = 2400;
        assert_eq!(claimed_frequency(&page), Some(2_400_000_000));
        page.entries[1].eax_in = 0x15;
        page.entries[1].eax = 2;
        page.entries[1].ebx = 200;
        page.entries[1].ecx = 25_000_000;
        assert_eq!(claimed_frequency(&page), Some(2_500_000_000));
        page.entries[1].eax = 0;
        assert_eq!(claimed_frequency(&page), Some(2_400_000_000));
    }
}
