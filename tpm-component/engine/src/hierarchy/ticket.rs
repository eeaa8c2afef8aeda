//! The HMAC of a ticket (Part 1 §11.4.13; Part 2 §10.7): under the proof of the hierarchy that the ticket names, so that only this TPM can
//! have made it and nobody needs to remember it.
//!
//! What a ticket is about comes back from the caller with the ticket; whoever gets one back computes it again and compares, which
//! [`Tpm2bDigest`] does in constant time. Only this TPM reads its tickets, so the parts are framed by their lengths, which the
//! specification leaves out: none can be shifted into its neighbour.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use super::Proof;
use crate::{
    crypto::hmac,
    structures::{
        AuthTicketTag, Tpm2bDigest, TpmSt, TpmiAlgHash, TpmtTkCreation, TpmtTkHashcheck, TpmtTkVerified,
        limits::CONTEXT_HASH,
    },
    wire::Marshal,
};

/// TPMT_TK_VERIFIED: the key with `key_name` has signed `message_digest`.
pub fn verified(host: &mut dyn Arithmetic, proof: &Proof, message_digest: &[u8], key_name: &[u8]) -> Tpm2bDigest {
    digest(host, proof, TpmtTkVerified::TAG, &[message_digest, key_name])
}

/// TPMT_TK_HASHCHECK: `message_digest` is of a message that does not look like an attestation.
pub fn hashcheck(host: &mut dyn Arithmetic, proof: &Proof, alg: TpmiAlgHash, message_digest: &[u8]) -> Tpm2bDigest {
    digest(host, proof, TpmtTkHashcheck::TAG, &[&alg.to_bytes(), message_digest])
}

/// TPMT_TK_CREATION: the object with `name` was created with creation data whose digest is `creation_hash`.
pub fn creation(host: &mut dyn Arithmetic, proof: &Proof, name: &[u8], creation_hash: &[u8]) -> Tpm2bDigest {
    digest(host, proof, TpmtTkCreation::TAG, &[name, creation_hash])
}

/// What a TPMT_TK_AUTH is about.
pub struct Authorization<'a> {
    /// Which command gave the authorisation.
    pub tag: AuthTicketTag,
    /// When it ends, in TPM Time, or zero.
    pub timeout: u64,
    /// timeEpoch, in which the timeout means something.
    pub epoch: u32,
    /// The number of TPM Resets, for an authorisation that ends with the next one.
    pub total_reset: Option<u64>,
    /// cpHashA.
    pub cp_hash: &'a [u8],
    /// policyRef.
    pub policy_ref: &'a [u8],
    /// The Name of the entity that gave it.
    pub name: &'a [u8],
}

/// TPMT_TK_AUTH: an authorisation for a policy was given.
pub fn authorization(host: &mut dyn Arithmetic, proof: &Proof, given: &Authorization<'_>) -> Tpm2bDigest {
    let epoch = if given.timeout == 0 {
        Vec::new()
    } else {
        given.epoch.to_bytes()
    };
    let total_reset = given.total_reset.map(|count| count.to_bytes()).unwrap_or_default();
    let parts: &[&[u8]] = &[
        given.cp_hash,
        given.policy_ref,
        given.name,
        &given.timeout.to_bytes(),
        &epoch,
        &total_reset,
    ];
    digest(host, proof, TpmSt(given.tag.value()), parts)
}

/// The HMAC of a ticket with `tag` about `parts`.
fn digest(host: &mut dyn Arithmetic, proof: &Proof, tag: TpmSt, parts: &[&[u8]]) -> Tpm2bDigest {
    let mut framed: Vec<u8> = tag.to_bytes();
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    hmac(host, CONTEXT_HASH, proof.as_bytes(), &[&framed])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::NoOffer;

    #[test]
    fn ticket_is_bound_to_proof_tag_and_the_boundary_between_parts() {
        // The property that a ticket is for (Part 1 §11.4.13); its bytes are private to the implementation.
        let (proof, other) = (Proof::new([1; 64]), Proof::new([2; 64]));
        let parts: &[&[u8]] = &[b"policy", b"ref"];
        let host = &mut NoOffer;
        let ticket = digest(host, &proof, TpmSt::AUTH_SIGNED, parts);
        assert_eq!(digest(host, &proof, TpmSt::AUTH_SIGNED, parts), ticket);
        assert_ne!(digest(host, &other, TpmSt::AUTH_SIGNED, parts), ticket);
        assert_ne!(digest(host, &proof, TpmSt::AUTH_SECRET, parts), ticket);
        assert_ne!(
            digest(host, &proof, TpmSt::AUTH_SIGNED, &[b"policyr", b"ef".as_slice()]),
            ticket
        );
    }
}
