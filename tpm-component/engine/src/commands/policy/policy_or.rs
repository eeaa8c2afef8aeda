//! TPM2_PolicyOR (Part 3 §23.6): the policy so far is one of up to eight, and from here on they are all the same.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmlDigest},
    wire::{Reader, Unmarshal},
};

/// TPML_DIGEST {2:}: fewer than two digests, of which none could be chosen, are TPM_RC_SIZE as soon as their number is read.
#[derive(Debug)]
pub struct Branches(TpmlDigest);

impl Unmarshal for Branches {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        const FEWEST: u32 = 2;
        let mut ahead = reader.clone();
        if u32::unmarshal(&mut ahead)? < FEWEST {
            return Err(TpmRc::SIZE);
        }
        TpmlDigest::unmarshal(reader).map(Self)
    }
}

/// TPM2_PolicyOR.
pub struct PolicyOr;

parameters! {
    /// Parameters of TPM2_PolicyOR.
    pub struct Params {
        /// The policies of which the session's is one.
        pub p_hash_list: Branches,
    }
}

impl Command for PolicyOr {
    const CODE: TpmCc = TpmCc::POLICY_OR;
    const NAME: &'static str = "TPM2_PolicyOR";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let list = command.params.p_hash_list.0.as_slice();
        let session = session_mut(command.tpm, command.handles.first())?;
        if !session.is_trial() && !list.iter().any(|branch| session.policy.digest == *branch) {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        session.clear_digest();
        let branches: alloc::vec::Vec<&[u8]> = list.iter().map(|digest| digest.as_bytes()).collect();
        session.extend(command.host, Self::CODE, &branches.concat());
        Ok(())
    }
}
