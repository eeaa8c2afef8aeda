//! TPM2_ReadClock (Part 3 §29.1): what time it is for this TPM. Anybody may ask.

use crate::{
    dispatch::{Authorized, Command, reply},
    structures::{TpmCc, TpmRc, TpmsTimeInfo},
};

/// TPM2_ReadClock.
pub struct ReadClock;

reply! {
    /// Reply of TPM2_ReadClock.
    pub struct Reply {
        /// Time and Clock.
        pub current_time: TpmsTimeInfo,
    }
}

impl Command for ReadClock {
    const CODE: TpmCc = TpmCc::READ_CLOCK;
    const NAME: &'static str = "TPM2_ReadClock";
    type Params = ();
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        Ok(Reply {
            current_time: command.tpm.time_info(),
        })
    }
}
