//! A private RSA key in the form in which it computes.
//!
//! An object holds one prime, as it travels; everything else that the private operation needs follows from it with work that is worth doing once.
//! So it is done when the key is first used, and kept with the object. It is no state: a copy of the object makes it again.

use core::fmt;

use tpm_contract::Arithmetic;

use super::Object;
use crate::{
    crypto::rsa::{self, RsaPrivate},
    structures::{PublicArea, TpmRc, TpmuSensitiveComposite},
};

/// The key, once it was needed.
#[derive(Default)]
pub struct RsaForm(spin::Once<RsaPrivate>);

impl Clone for RsaForm {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for RsaForm {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for RsaForm {}

impl fmt::Debug for RsaForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaForm")
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
        self.rsa_form
            .0
            .try_call_once(|| RsaPrivate::from_prime(host, unique.as_bytes(), exponent, prime.as_bytes()))
            .map_err(|_| TpmRc::BINDING)
    }
}
