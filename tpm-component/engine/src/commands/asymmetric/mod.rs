//! Part 3 §14: encryption with RSA keys, key exchange with ECC keys, the parameters of a curve.
//!
//! Messages, ciphertexts and points are the caller's. A restricted key takes no part in any of this: what it protects is chosen by the TPM.

mod ecc_parameters;
mod ecdh_key_gen;
mod ecdh_zgen;
mod rsa_decrypt;
mod rsa_encrypt;

pub use ecc_parameters::EccParameters;
pub use ecdh_key_gen::EcdhKeyGen;
pub use ecdh_zgen::EcdhZgen;
pub use rsa_decrypt::RsaDecrypt;
pub use rsa_encrypt::RsaEncrypt;

use crate::structures::{Tpm2bData, TpmRc, TpmsRsaParms, TpmtRsaDecrypt, TpmtRsaScheme};

/// The scheme with which a key encrypts: its own, or the caller's when it has none. TPM_RC_SCHEME when the two differ.
fn select_scheme(parms: &TpmsRsaParms, asked: &TpmtRsaDecrypt) -> Result<TpmtRsaDecrypt, TpmRc> {
    let own = match parms.scheme {
        TpmtRsaScheme::Null => return Ok(asked.clone()),
        TpmtRsaScheme::Rsaes => TpmtRsaDecrypt::Rsaes,
        TpmtRsaScheme::Oaep(hash) => TpmtRsaDecrypt::Oaep(hash),
        TpmtRsaScheme::Rsassa(_) | TpmtRsaScheme::Rsapss(_) => return Err(TpmRc::SCHEME),
    };
    if *asked == TpmtRsaDecrypt::Null || *asked == own {
        Ok(own)
    } else {
        Err(TpmRc::SCHEME)
    }
}

/// A label is empty or ends with a zero byte, which belongs to it (Part 1 §B.4).
fn check_label(label: &Tpm2bData) -> Result<(), TpmRc> {
    if label.as_bytes().last().is_none_or(|last| *last == 0) {
        Ok(())
    } else {
        Err(TpmRc::VALUE)
    }
}

#[cfg(test)]
mod tests;
