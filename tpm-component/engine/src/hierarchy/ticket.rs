//! The HMAC of a ticket (Part 1 §11.4.13; Part 2 §10.7): under the proof of the hierarchy that the ticket names, so that only this TPM can
//! have made it and nobody needs to remember it.
//!
//! What a ticket is about comes back from the caller with the ticket; the comparison is in constant time. Only this TPM reads its tickets, so
//! the parts are framed by their lengths, which the specification leaves out: none can be shifted into its neighbour.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use super::Proof;
use crate::{
    crypto::hmac,
    structures::{Tpm2bDigest, TpmSt, limits::CONTEXT_HASH},
    wire::Marshal,
};

/// The HMAC of a ticket with `tag` about `parts`.
pub fn digest(host: &mut dyn Arithmetic, proof: &Proof, tag: TpmSt, parts: &[&[u8]]) -> Tpm2bDigest {
    let mut framed: Vec<u8> = tag.to_bytes();
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    hmac(host, CONTEXT_HASH, proof.as_bytes(), &[&framed])
}

/// Whether `claimed` is the HMAC of a ticket with `tag` about `parts`.
#[must_use]
pub fn is_genuine(
    host: &mut dyn Arithmetic,
    proof: &Proof,
    tag: TpmSt,
    parts: &[&[u8]],
    claimed: &Tpm2bDigest,
) -> bool {
    // Tpm2bDigest compares in constant time.
    digest(host, proof, tag, parts) == *claimed
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
        let ticket = digest(&mut NoOffer, &proof, TpmSt::AUTH_SIGNED, parts);
        assert!(is_genuine(&mut NoOffer, &proof, TpmSt::AUTH_SIGNED, parts, &ticket));
        assert!(!is_genuine(&mut NoOffer, &other, TpmSt::AUTH_SIGNED, parts, &ticket));
        assert!(!is_genuine(&mut NoOffer, &proof, TpmSt::AUTH_SECRET, parts, &ticket));
        assert!(!is_genuine(
            &mut NoOffer,
            &proof,
            TpmSt::AUTH_SIGNED,
            &[b"policyr", b"ef"],
            &ticket
        ));
        assert!(!is_genuine(
            &mut NoOffer,
            &proof,
            TpmSt::AUTH_SIGNED,
            parts,
            &Tpm2bDigest::empty()
        ));
    }
}
