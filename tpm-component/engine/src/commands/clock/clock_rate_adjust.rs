//! TPM2_ClockRateAdjust (Part 3 §29.3): makes Time and Clock run a little slower or faster, until the power goes. An adjustment is relative to the rate
//! until then (`tpm/time.rs`).

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmClockAdjust, TpmRc},
};

/// TPM2_ClockRateAdjust.
pub struct ClockRateAdjust;

parameters! {
    /// Parameters of TPM2_ClockRateAdjust.
    pub struct Params {
        /// The adjustment.
        pub rate_adjust: TpmClockAdjust,
    }
}

impl Command for ClockRateAdjust {
    const CODE: TpmCc = TpmCc::CLOCK_RATE_ADJUST;
    const NAME: &'static str = "TPM2_ClockRateAdjust";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        let rate = tpm.volatile.clock_rate.adjusted(params.rate_adjust);
        tpm.volatile.clock_rate.set(rate);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmHandle,
        test_tpm::{Call, TestTpm},
        wire::{Reader, Unmarshal},
    };

    fn adjust(value: u8) -> Call {
        Call::new(TpmCc::CLOCK_RATE_ADJUST)
            .on(TpmHandle::OWNER)
            .password(b"")
            .with(&value)
    }

    /// Time and Clock of TPM2_ReadClock.
    fn clock(tpm: &mut TestTpm) -> (u64, u64) {
        let answer = tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always");
        let mut reader = Reader::new(&answer.parameters);
        let mut word = || u64::unmarshal(&mut reader).expect("a word");
        (word(), word())
    }

    #[test]
    fn adjusted_rate_moves_time_and_clock_until_the_power_goes() {
        // Part 3 §29.3: TPM_CLOCK_COARSE_SLOWER (-3) is about 1%; the number of steps is that of the reference.
        let mut tpm = TestTpm::started();
        tpm.run(adjust(0xFD)).expect("the owner may");
        tpm.host.now += 101_000;
        assert_eq!(clock(&mut tpm), (100_000, 100_000));
        tpm.run(adjust(0x03)).expect("back again");
        tpm.host.now += 1000;
        assert_eq!(clock(&mut tpm), (101_000, 101_000));
        tpm.run(adjust(0xFD)).expect("the owner may");
        let volatile = tpm.tpm.save_volatile();
        tpm.tpm = crate::tpm::Tpm::power_on(&mut tpm.host, &tpm.tpm.save_persistent()).expect("the same state");
        tpm.tpm
            .restore_volatile(&mut tpm.host, &volatile)
            .expect("its own state");
        tpm.host.now += 101_000;
        assert_eq!(clock(&mut tpm).0, 201_000, "the rate goes with the volatile state");
        let mut host = tpm.power_cycle().host;
        host.now = 0;
        let mut tpm = TestTpm::powered_on(host);
        tpm.send(0, &crate::test_tpm::hex("80010000000c000001440000"));
        tpm.host.now += 101_000;
        assert_eq!(clock(&mut tpm).0, 101_000);
    }

    #[test]
    fn what_is_no_adjustment_is_value() {
        // Part 2 §6.7, and swtpm 0.7.1.
        let mut tpm = TestTpm::started();
        for value in [0xFC, 0x04, 0x80, 0xFF - 3] {
            assert_eq!(tpm.run(adjust(value)).expect_err("no adjustment"), TpmRc::new(0x1C4));
        }
        tpm.run(adjust(0)).expect("no change");
    }
}
