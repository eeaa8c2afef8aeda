//! TPM2_GetRandom (Part 3 §16.1): random bytes for anybody, at most as many as the largest digest has.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bDigest, TpmCc, TpmRc},
};

/// TPM2_GetRandom.
pub struct GetRandom;

parameters! {
    /// Parameters of TPM2_GetRandom.
    pub struct Params {
        /// How many bytes are asked for.
        pub bytes_requested: u16,
    }
}

reply! {
    /// Reply of TPM2_GetRandom.
    pub struct Reply {
        /// Random bytes.
        pub random_bytes: Tpm2bDigest,
    }
}

impl Command for GetRandom {
    const CODE: TpmCc = TpmCc::GET_RANDOM;
    const NAME: &'static str = "TPM2_GetRandom";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        let count = usize::from(params.bytes_requested).min(Tpm2bDigest::MAX);
        Ok(Reply {
            random_bytes: Tpm2bDigest::new(&tpm.rng.bytes(host, count)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tpm::{Call, TestTpm};

    fn get(tpm: &mut TestTpm, count: u16) -> Tpm2bDigest {
        tpm.run(Call::new(TpmCc::GET_RANDOM).with(&count))
            .expect("always works")
            .read()
    }

    #[test]
    fn random_bytes_are_as_many_as_asked_for_but_no_more_than_a_digest_and_never_the_same() {
        // facts/tpm/behaviours.md §12: "GetRandom returns at most the largest digest size".
        let mut tpm = TestTpm::started();
        assert_eq!(get(&mut tpm, 0).len(), 0);
        assert_eq!(get(&mut tpm, 20).len(), 20);
        assert_eq!(get(&mut tpm, u16::MAX).len(), 64);
        assert_ne!(get(&mut tpm, 32), get(&mut tpm, 32));
    }
}
