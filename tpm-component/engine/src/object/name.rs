//! Names and Qualified Names (Part 1 §16): what a caller authorises is a Name, so that a handle cannot be given another meaning on the way.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use crate::{
    crypto::hash,
    structures::{Tpm2bName, TpmHandle, TpmRc, TpmiAlgHash, TpmtPublic},
    wire::Marshal,
};

/// The Name of an object: nameAlg and the digest of its public area; empty without a nameAlg.
pub fn object_name(host: &mut dyn Arithmetic, public: &TpmtPublic) -> Result<Tpm2bName, TpmRc> {
    match public.name_alg {
        Some(alg) => digest_name(host, alg, &[&public.to_bytes()]),
        None => Ok(Tpm2bName::empty()),
    }
}

/// The Qualified Name of a child: nameAlg and the digest of the parent's Qualified Name and the child's Name.
pub fn qualified_name(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    parent: &Tpm2bName,
    name: &Tpm2bName,
) -> Result<Tpm2bName, TpmRc> {
    digest_name(host, alg, &[parent.as_bytes(), name.as_bytes()])
}

/// The Name of everything that has no public area: its handle.
pub fn handle_name(handle: TpmHandle) -> Result<Tpm2bName, TpmRc> {
    Tpm2bName::new(&handle.0.to_be_bytes())
}

/// An algorithm and the digest with it: the form of all Names but those of handles.
pub(crate) fn digest_name(host: &mut dyn Arithmetic, alg: TpmiAlgHash, parts: &[&[u8]]) -> Result<Tpm2bName, TpmRc> {
    let digest = hash(host, alg, parts);
    let mut name = Vec::with_capacity(2 + digest.len());
    name.extend_from_slice(&alg.value().to_be_bytes());
    name.extend_from_slice(digest.as_bytes());
    Tpm2bName::from_vec(name)
}
