//! TPM2_ClockSet (Part 3 §29.2): moves Clock forward. Clock is the owner's wall clock, if anybody's; Time, which policies and lockout use, cannot
//! be set.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
};

/// TPM2_ClockSet.
pub struct ClockSet;

parameters! {
    /// Parameters of TPM2_ClockSet.
    pub struct Params {
        /// The new Clock, in milliseconds.
        pub new_time: u64,
    }
}

/// The largest value to which Clock can be set.
const LATEST: u64 = 0xFFFF_0000_0000_0000;

impl Command for ClockSet {
    const CODE: TpmCc = TpmCc::CLOCK_SET;
    const NAME: &'static str = "TPM2_ClockSet";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        if params.new_time > LATEST || params.new_time < tpm.orderly.clock {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        tpm.orderly.edit().clock = params.new_time;
        tpm.persistent.orderly.set(*tpm.orderly);
        Ok(())
    }
}
