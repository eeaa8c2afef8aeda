//! TPM2_StirRandom (Part 3 §16.2): the caller's bytes go into the generator as additional input. They are never trusted to add anything: the
//! generator's strength comes from the host's entropy alone, of which this command takes some too.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bSensitiveData, TpmCc, TpmRc},
};

/// TPM2_StirRandom.
pub struct StirRandom;

parameters! {
    /// Parameters of TPM2_StirRandom.
    pub struct Params {
        /// Additional input.
        pub in_data: Tpm2bSensitiveData,
    }
}

impl Command for StirRandom {
    const CODE: TpmCc = TpmCc::STIR_RANDOM;
    const NAME: &'static str = "TPM2_StirRandom";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        Ok(tpm.rng.stir(host, params.in_data.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tpm::{Call, TestTpm};

    #[test]
    fn more_input_than_the_bound_is_size() {
        // facts/tpm/behaviours.md §12: "StirRandom ≤ 128 bytes".
        let mut tpm = TestTpm::started();
        let stir = |size: usize| {
            Call::new(TpmCc::STIR_RANDOM)
                .with(&(size as u16))
                .with_raw(&alloc::vec![7; size])
        };
        assert!(tpm.run(stir(128)).expect("within the bound").is_empty());
        assert_eq!(tpm.run(stir(129)).expect_err("too long"), TpmRc::SIZE.with_parameter(1));
    }
}
