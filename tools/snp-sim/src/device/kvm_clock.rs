//! KVM's clock for guests without Secure TSC (Linux `Documentation/virt/kvm/x86/msr.rst`, `cpuid.rst`): how the hypervisor tells how fast the
//! time-stamp counter runs, since a calibration against the timer takes more reads than emulation can do in the time.
//!
//! It is the hypervisor's word, and the guest knows that. The structures lie in shared memory that the guest names.

use crate::model::field;

/// Register that takes the address of [`time`].
pub const MSR_SYSTEM_TIME: u32 = 0x4B56_4D01;
/// Register that takes the address of [`wall_clock`].
pub const MSR_WALL_CLOCK: u32 = 0x4B56_4D00;
/// Bit of the address that switches the clock on.
pub const ENABLED: u64 = 1;
/// Features (leaf 0x40000001): clock with the two registers, no I/O delay needed, clock the same on all processors.
pub const FEATURES: u32 = 1 << 3 | 1 << 1 | 1 << 24;

const BILLION: u64 = 1_000_000_000;
const STABLE: u8 = 1;

/// `struct pvclock_vcpu_time_info`: nanoseconds since power-on from the counter, which runs at `hertz` and showed zero then.
pub fn time(hertz: u64) -> [u8; 32] {
    let (mut scaled, mut shift) = (hertz.max(1), 0i8);
    while scaled > 2 * BILLION {
        scaled >>= 1;
        shift -= 1;
    }
    while scaled <= BILLION {
        scaled <<= 1;
        shift += 1;
    }
    let multiplier = ((u128::from(BILLION) << 32) / u128::from(scaled)) as u32;
    let mut bytes = [0; 32];
    // Version 2: even, so that no update is in progress. Both time stamps are zero.
    field::write(&mut bytes, 0, &2u32.to_le_bytes());
    field::write(&mut bytes, 24, &multiplier.to_le_bytes());
    field::write(&mut bytes, 28, &shift.to_le_bytes());
    bytes[29] = STABLE;
    bytes
}

/// `struct pvclock_wall_clock`: the time of power-on in seconds since 1970.
pub fn wall_clock(seconds: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    field::write(&mut bytes, 0, &2u32.to_le_bytes());
    field::write(&mut bytes, 4, &seconds.to_le_bytes());
    bytes
}

/// Seconds since 1970 of a date and time (year with century, month and day from 1).
pub fn seconds_since_1970([year, month, day, hour, minute, second]: [u32; 6]) -> u32 {
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // Days from 1 March of the year 0 to 1 January 1970.
    const EPOCH: u32 = 719_468;
    ((days.wrapping_sub(EPOCH) * 24 + hour) * 60 + minute) * 60 + second
}

#[cfg(test)]
mod tests {
    use super::*;

    // Linux `pvclock_tsc_khz` and `__pvclock_read_cycles`.
    #[test]
    fn linux_computes_frequency_and_time_from_it() {
        for mhz in [800u64, 1000, 2000, 2450, 5000] {
            let info = time(mhz * 1_000_000);
            let multiplier = u64::from(field::read_u32(&info, 24).expect("inside"));
            let shift = info[28] as i8;
            let khz = (1_000_000u64 << 32) / multiplier;
            let khz = if shift < 0 { khz << -shift } else { khz >> shift };
            assert!(khz.abs_diff(mhz * 1000) <= 2, "{mhz} MHz read as {khz} kHz");
            let ticks = mhz * 1_000_000;
            let scaled = if shift < 0 { ticks >> -shift } else { ticks << shift };
            let nanoseconds = ((u128::from(scaled) * u128::from(multiplier)) >> 32) as u64;
            assert!(nanoseconds.abs_diff(BILLION) < 1000, "a second is {nanoseconds} ns");
        }
    }

    // `date -u -d @N`.
    #[test]
    fn seconds_are_those_of_date() {
        assert_eq!(seconds_since_1970([1970, 1, 1, 0, 0, 0]), 0);
        assert_eq!(seconds_since_1970([2000, 2, 29, 12, 0, 0]), 951_825_600);
        assert_eq!(seconds_since_1970([2026, 11, 28, 8, 30, 1]), 1_795_854_601);
    }
}
