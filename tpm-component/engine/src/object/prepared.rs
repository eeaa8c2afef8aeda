//! What follows from an object with work that is worth doing once: a private RSA key in the form in which it computes, since an object holds one
//! prime, as it travels; and the key with which a parent vouches for the private parts of its children.
//!
//! It is made when it is first used, and kept with the object, as secret as the object's own secrets. It is no state: a copy of the object makes
//! it again.

use core::fmt;

use tpm_contract::Arithmetic;

use alloc::vec::Vec;

use super::Object;
use crate::{
    crypto::rsa::{self, RsaPrivate},
    structures::{PublicArea, TpmRc, TpmuSensitiveComposite},
    wipe::Wiped,
};

/// What was needed so far.
#[derive(Default)]
pub struct Prepared {
    rsa: spin::Once<RsaPrivate>,
    integrity: spin::Once<Wiped<Vec<u8>>>,
}

impl Prepared {
    /// The integrity key of a parent, which `derive` makes of its seed.
    pub(super) fn integrity_key(&self, derive: impl FnOnce() -> Wiped<Vec<u8>>) -> &[u8] {
        self.integrity.call_once(derive)
    }
}

impl Clone for Prepared {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Prepared {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Prepared {}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
}

impl Object {
    /// The private RSA key: TPM_RC_KEY for an object without one, TPM_RC_BINDING when its prime does not divide its modulus.
    pub fn rsa_private(&self, host: &mut dyn Arithmetic) -> Result<&RsaPrivate, TpmRc> {
        let (PublicArea::Rsa { parms, unique }, Some(sensitive)) = (&self.public.area, &self.sensitive) else {
            return Err(TpmRc::KEY);
        };
        let TpmuSensitiveComposite::Rsa(prime) = &sensitive.sensitive else {
            return Err(TpmRc::KEY);
        };
        let exponent = rsa::exponent(parms.exponent);
        self.prepared
            .rsa
            .try_call_once(|| RsaPrivate::from_prime(host, unique.as_bytes(), exponent, prime.as_bytes()))
            .map_err(|_| TpmRc::BINDING)
    }
}
