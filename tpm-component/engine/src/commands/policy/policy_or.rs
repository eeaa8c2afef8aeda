//! TPM2_PolicyOR (Part 3 §23.6): the policy so far is one of up to eight, and from here on they are all the same.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmlDigest},
};

/// Fewest digests of which one can be chosen.
const FEWEST: usize = 2;

/// TPM2_PolicyOR.
pub struct PolicyOr;

parameters! {
    /// Parameters of TPM2_PolicyOR.
    pub struct Params {
        /// The policies of which the session's is one.
        pub p_hash_list: TpmlDigest,
    }
}

impl Command for PolicyOr {
    const CODE: TpmCc = TpmCc::POLICY_OR;
    const NAME: &'static str = "TPM2_PolicyOR";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let list = command.params.p_hash_list.as_slice();
        if list.len() < FEWEST {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let session = session_mut(command.tpm, command.handles.first())?;
        if !session.is_trial() && !list.contains(&session.policy.digest) {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        session.clear_digest()?;
        let parts: alloc::vec::Vec<&[u8]> = list.iter().map(|digest| digest.as_bytes()).collect();
        session.extend(command.host, Self::CODE, &parts);
        Ok(())
    }
}
