//! TPM2_Hash (Part 3 §15.4): a digest, with a ticket that lets a restricted key sign it. The message is anybody's, so the ticket is refused to a
//! message that looks like an attestation of this TPM.

use crate::{
    crypto,
    dispatch::{Authorized, Command, parameters, reply},
    hierarchy::ticket,
    structures::{
        TPM_GENERATED_VALUE, Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmiAlgHash, TpmiRhHierarchy, TpmtTkHashcheck,
    },
};

/// TPM2_Hash.
pub struct Hash;

parameters! {
    /// Parameters of TPM2_Hash.
    pub struct Params {
        /// The message.
        pub data: Tpm2bMaxBuffer,
        /// The hash.
        pub hash_alg: TpmiAlgHash,
        /// The hierarchy of the ticket.
        pub hierarchy: TpmiRhHierarchy,
    }
}

reply! {
    /// Reply of TPM2_Hash.
    pub struct Reply {
        /// The digest.
        pub out_hash: Tpm2bDigest,
        /// That it may be signed by a restricted key, or the NULL ticket.
        pub validation: TpmtTkHashcheck,
    }
}

impl Command for Hash {
    const CODE: TpmCc = TpmCc::HASH;
    const NAME: &'static str = "TPM2_Hash";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        let out_hash = crypto::hash(host, params.hash_alg, &[params.data.as_bytes()]);
        let generated = params.data.as_bytes().starts_with(&TPM_GENERATED_VALUE.to_be_bytes());
        let validation = if generated || params.hierarchy == TpmiRhHierarchy::Null {
            TpmtTkHashcheck::null()
        } else {
            let proof = &tpm.root(params.hierarchy).proof;
            let digest = ticket::hashcheck(host, proof, params.hash_alg, out_hash.as_bytes());
            TpmtTkHashcheck {
                hierarchy: params.hierarchy,
                digest,
            }
        };
        Ok(Reply { out_hash, validation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmHandle,
        test_tpm::{Call, TestTpm, hex},
        wire::{Reader, Unmarshal},
    };

    fn hash(tpm: &mut TestTpm, message: &[u8], hierarchy: TpmHandle) -> (Tpm2bDigest, TpmtTkHashcheck) {
        let call = Call::new(TpmCc::HASH)
            .with(&Tpm2bMaxBuffer::new(message).expect("short"))
            .with(&TpmiAlgHash::Sha256)
            .with(&hierarchy);
        let answer = tpm.run(call).expect("always works");
        let mut reader = Reader::new(&answer.parameters);
        let both = (Unmarshal::unmarshal(&mut reader), Unmarshal::unmarshal(&mut reader));
        assert!(reader.is_empty());
        (both.0.expect("a digest"), both.1.expect("a ticket"))
    }

    #[test]
    fn digest_is_that_of_fips_180_and_comes_with_a_ticket() {
        let mut tpm = TestTpm::started();
        let (digest, ticket) = hash(&mut tpm, b"abc", TpmHandle::OWNER);
        // FIPS 180-4, example for "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.as_bytes(), hex(expected));
        assert_eq!((ticket.hierarchy, ticket.digest.len()), (TpmiRhHierarchy::Owner, 64));
    }

    #[test]
    fn ticket_is_null_for_what_looks_like_an_attestation_and_in_the_null_hierarchy() {
        // facts/tpm/behaviours.md §12.
        let mut tpm = TestTpm::started();
        assert!(hash(&mut tpm, b"\xffTCG and more", TpmHandle::OWNER).1.is_null());
        assert!(!hash(&mut tpm, b"\xffTC", TpmHandle::OWNER).1.is_null());
        assert!(hash(&mut tpm, b"abc", TpmHandle::NULL).1.is_null());
    }
}
