//! TPM2_PCR_Reset (Part 3 §22.8): sets a PCR to zeros in all banks, if the profile lets this locality do so.

use super::number;
use crate::{
    dispatch::{Authorized, Command},
    pcr::attributes,
    structures::{TpmCc, TpmRc},
};

/// TPM2_PCR_Reset.
pub struct PcrReset;

impl Command for PcrReset {
    const CODE: TpmCc = TpmCc::PCR_RESET;
    const NAME: &'static str = "TPM2_PCR_Reset";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let pcr = number(command.handles.first())?;
        if !attributes::may_reset(pcr, command.locality.number()) {
            return Err(TpmRc::LOCALITY);
        }
        command.tpm.state_clear.pcrs.reset(pcr);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::{TpmHandle, TpmiAlgHash},
        test_tpm::{Call, TestTpm, hex},
    };

    #[test]
    fn reset_follows_the_localities_of_the_profile() {
        // PC Client profile §4.6, as swtpm 0.7.1 answers: 16 and 23 at 0 to 3, 20 to 22 at 2, nothing at 4.
        let mut test = TestTpm::started();
        assert_eq!(
            test.send(0, &hex("80020000001b0000013d0000001000000009400000090000000000"))[6..10],
            [0; 4]
        );
        let reset = |pcr, locality| {
            Call::new(TpmCc::PCR_RESET)
                .on(TpmHandle::pcr(pcr))
                .password(b"")
                .at(locality)
        };
        assert_eq!(test.run(reset(0, 0)).err(), Some(TpmRc::LOCALITY));
        assert_eq!(test.run(reset(16, 4)).err(), Some(TpmRc::LOCALITY));
        assert_eq!(test.run(reset(20, 0)).err(), Some(TpmRc::LOCALITY));
        assert!(test.run(reset(20, 2)).is_ok());
        assert_eq!(
            test.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha256, 20),
            Some(&[0; 32][..])
        );
    }
}
