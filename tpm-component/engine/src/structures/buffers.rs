//! Part 2 §10.4 and the sized buffers of §11 and §12: bytes behind a 16-bit size, each with the bound of its type.

use super::limits::{
    LABEL_MAX_BUFFER, MAX_ATTEST, MAX_CONTEXT_DATA, MAX_DIGEST_BUFFER, MAX_DIGEST_SIZE, MAX_ECC_KEY_BYTES, MAX_EVENT,
    MAX_HA_SIZE, MAX_NV_BUFFER_SIZE, MAX_PRIVATE, MAX_RSA_KEY_BYTES, MAX_RSA_PRIVATE_BYTES, MAX_SYM_BLOCK_SIZE,
    MAX_SYM_DATA, MAX_SYM_KEY_BYTES,
};
use crate::wire::shapes::tpm2b;

tpm2b! {
    /// TPM2B_DIGEST (Part 2 §10.4.2).
    pub struct Tpm2bDigest: max MAX_DIGEST_SIZE
}

/// TPM2B_NONCE (Part 2 §10.4.4).
pub type Tpm2bNonce = Tpm2bDigest;

/// TPM2B_OPERAND (Part 2 §10.4.6).
pub type Tpm2bOperand = Tpm2bDigest;

tpm2b! {
    /// TPM2B_AUTH (Part 2 §10.4.5).
    pub secret struct Tpm2bAuth: max MAX_DIGEST_SIZE
}

impl Tpm2bAuth {
    /// The value without the zeros at its end, which are no part of an authValue (Part 1 §17.6.4.3).
    #[must_use]
    pub fn trimmed(&self) -> Self {
        Self {
            bytes: self.trimmed_bytes().to_vec(),
        }
    }

    /// Takes the zeros at its end away.
    pub fn trim(&mut self) {
        let kept = self.trimmed_bytes().len();
        self.bytes.truncate(kept);
    }

    /// The bytes of [`Self::trimmed`].
    pub fn trimmed_bytes(&self) -> &[u8] {
        trimmed(&self.bytes)
    }
}

/// An authValue without the zeros at its end.
pub fn trimmed(mut auth: &[u8]) -> &[u8] {
    // Eight at a time, since what a private part has behind its authValue is many.
    while let Some((front, last)) = auth.split_last_chunk()
        && u64::from_ne_bytes(*last) == 0
    {
        auth = front;
    }
    while let Some((0, front)) = auth.split_last() {
        auth = front;
    }
    auth
}

tpm2b! {
    /// TPM2B_DATA (Part 2 §10.4.3).
    pub struct Tpm2bData: max MAX_HA_SIZE
}

tpm2b! {
    /// TPM2B_EVENT (Part 2 §10.4.7).
    pub struct Tpm2bEvent: max MAX_EVENT
}

tpm2b! {
    /// TPM2B_MAX_BUFFER (Part 2 §10.4.8).
    pub struct Tpm2bMaxBuffer: max MAX_DIGEST_BUFFER
}

tpm2b! {
    /// TPM2B_MAX_NV_BUFFER (Part 2 §10.4.9). Its contents may be a secret; access to them is authorized.
    pub secret struct Tpm2bMaxNvBuffer: max MAX_NV_BUFFER_SIZE
}

tpm2b! {
    /// TPM2B_TIMEOUT (Part 2 §10.4.10).
    pub struct Tpm2bTimeout: max 8
}

tpm2b! {
    /// TPM2B_IV (Part 2 §10.4.11).
    pub struct Tpm2bIv: max MAX_SYM_BLOCK_SIZE
}

tpm2b! {
    /// TPM2B_NAME (Part 2 §10.5.3): a handle, or a hash algorithm and a digest, or nothing.
    pub struct Tpm2bName: max MAX_HA_SIZE
}

tpm2b! {
    /// TPM2B_ATTEST (Part 2 §10.12.13): a marshalled TPMS_ATTEST, of which the contents of an NV index are the longest.
    pub struct Tpm2bAttest: max MAX_ATTEST
}

tpm2b! {
    /// TPM2B_SYM_KEY (Part 2 §11.1.8).
    pub secret struct Tpm2bSymKey: max MAX_SYM_KEY_BYTES
}

tpm2b! {
    /// TPM2B_LABEL (Part 2 §11.1.10).
    pub struct Tpm2bLabel: max LABEL_MAX_BUFFER
}

tpm2b! {
    /// TPM2B_SENSITIVE_DATA (Part 2 §11.1.14).
    pub secret struct Tpm2bSensitiveData: max MAX_SYM_DATA
}

tpm2b! {
    /// TPM2B_PUBLIC_KEY_RSA (Part 2 §11.2.4.5): a modulus, a ciphertext or a message.
    pub struct Tpm2bPublicKeyRsa: max MAX_RSA_KEY_BYTES
}

tpm2b! {
    /// TPM2B_PRIVATE_KEY_RSA (Part 2 §11.2.4.7): one prime factor.
    pub secret struct Tpm2bPrivateKeyRsa: max MAX_RSA_PRIVATE_BYTES
}

tpm2b! {
    /// TPM2B_ECC_PARAMETER (Part 2 §11.2.5.1): a coordinate, a scalar or half a signature.
    pub struct Tpm2bEccParameter: max MAX_ECC_KEY_BYTES
}

tpm2b! {
    /// TPM2B_ENCRYPTED_SECRET (Part 2 §11.4.2): large enough for an RSA ciphertext and for a marshalled point.
    pub struct Tpm2bEncryptedSecret: max MAX_RSA_KEY_BYTES
}

tpm2b! {
    /// TPM2B_TEMPLATE (Part 2 §12.2.6).
    pub struct Tpm2bTemplate: max 1024
}

tpm2b! {
    /// TPM2B_PRIVATE (Part 2 §12.3.7): a wrapped private area.
    pub struct Tpm2bPrivate: max MAX_PRIVATE
}

tpm2b! {
    /// TPM2B_ID_OBJECT (Part 2 §12.4.3): a marshalled TPMS_ID_OBJECT.
    pub struct Tpm2bIdObject: max 2 * (2 + MAX_DIGEST_SIZE)
}

tpm2b! {
    /// TPM2B_CONTEXT_DATA (Part 2 §14.4).
    pub struct Tpm2bContextData: max MAX_CONTEXT_DATA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmRc,
        wire::{Marshal, Unmarshal},
    };

    #[test]
    fn sizes_are_checked_before_bytes_are_taken() {
        // Part 2 §10.4: size > max is SIZE, bytes missing is INSUFFICIENT.
        assert_eq!(Tpm2bDigest::from_bytes(&[0, 65]), Err(TpmRc::SIZE));
        assert_eq!(Tpm2bDigest::from_bytes(&[0, 64, 1]), Err(TpmRc::INSUFFICIENT));
        assert_eq!(Tpm2bDigest::from_bytes(&[0]), Err(TpmRc::INSUFFICIENT));
        let digest = Tpm2bDigest::from_bytes(&[0, 2, 7, 8]).expect("well formed");
        assert_eq!(digest.as_bytes(), [7, 8]);
        assert_eq!(digest.to_bytes(), [0, 2, 7, 8]);
    }

    #[test]
    fn auth_is_trimmed_of_zeros_at_its_end_only() {
        let auth = Tpm2bAuth::new(&[0, 1, 0, 0]).expect("short");
        assert_eq!(auth.trimmed().as_bytes(), [0, 1]);
        let long = [&[0; 9][..], &[7], &[0; 21]].concat();
        let auth = Tpm2bAuth::new(&long).expect("short");
        assert_eq!(auth.trimmed_bytes(), &long[..10]);
        let mut trimmed = auth.clone();
        trimmed.trim();
        assert_eq!(trimmed, auth.trimmed());
        assert!(Tpm2bAuth::new(&[0; 19]).expect("short").trimmed_bytes().is_empty());
        assert!(Tpm2bAuth::new(&[0, 0]).expect("short").trimmed().is_empty());
    }
}
