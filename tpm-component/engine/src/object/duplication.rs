//! Duplicates (Part 1 §23.3): the private part of an object on its way from one parent to another, perhaps in another TPM.
//!
//! A duplicate comes from whoever moves it. Up to two wraps protect it: an inner one under a key that the two sides know, an outer one under
//! a seed that was shared with the new parent. Both are checked before anything inside is parsed; whether the parts then belong together is
//! for `binding.rs`.

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::Arithmetic;

use super::{
    Object,
    protection::{Protection, no_iv},
};
use crate::{
    crypto::{cipher, hash},
    structures::{
        Tpm2bDigest, Tpm2bName, Tpm2bSensitive, TpmRc, TpmiAlgHash, TpmiAlgSymObject, TpmtSensitive, TpmtSymDefObject,
    },
    wire::{Reader, Unmarshal, Writer},
};

/// Bytes of the inner wrap's key; none without an inner wrap.
pub const fn inner_key_size(symmetric: &TpmtSymDefObject) -> Option<usize> {
    match symmetric {
        TpmtSymDefObject::Cipher(parameters) => Some(parameters.key_size()),
        TpmtSymDefObject::Null => None,
    }
}

/// What of the inner wrap is needed: the cipher and the key.
pub type Inner<'a> = (TpmiAlgSymObject, &'a [u8]);

/// The inner wrap with that key; none without an inner wrap.
pub const fn inner<'a>(symmetric: &TpmtSymDefObject, key: &'a [u8]) -> Option<Inner<'a>> {
    match symmetric {
        TpmtSymDefObject::Cipher(parameters) => Some((parameters.cipher, key)),
        TpmtSymDefObject::Null => None,
    }
}

/// What both wraps need to know of the object.
pub struct Subject<'a> {
    /// Its Name.
    pub name: &'a Tpm2bName,
    /// Its nameAlg.
    pub name_alg: TpmiAlgHash,
}

/// Wraps a sensitive area: first with `inner`, if there is one, then under a seed for the new parent, if there is one.
pub fn wrap(
    host: &mut dyn Arithmetic,
    subject: &Subject<'_>,
    sensitive: &TpmtSensitive,
    inner: Option<Inner<'_>>,
    outer: Option<(&Object, &[u8])>,
) -> Result<Vec<u8>, TpmRc> {
    let mut blob = sensitive.to_padded_bytes(subject.name_alg.digest_size());
    if let Some((cipher, key)) = inner {
        let integrity = hash(host, subject.name_alg, &[&blob, subject.name.as_bytes()]);
        let mut whole = Writer::with_capacity(2 + integrity.len() + blob.len());
        whole.put(&integrity);
        whole.bytes(&blob);
        blob = Wiped::new(whole.into_vec());
        cipher::cfb_encrypt(host, cipher, key, no_iv(cipher), &mut blob)?;
    }
    match outer {
        Some((parent, seed)) => Protection::under_seed(parent, seed)?.wrap_outer(host, &blob, subject.name),
        None => Ok(blob.to_vec()),
    }
}

/// Opens what [`wrap`] made: TPM_RC_INTEGRITY when a wrap does not hold, TPM_RC_SIZE and the like when there is no sensitive area inside.
pub fn unwrap(
    host: &mut dyn Arithmetic,
    subject: &Subject<'_>,
    duplicate: &[u8],
    inner: Option<Inner<'_>>,
    outer: Option<(&Object, &[u8])>,
) -> Result<TpmtSensitive, TpmRc> {
    let mut blob = match outer {
        Some((parent, seed)) => Protection::under_seed(parent, seed)?.unwrap_outer(host, duplicate, subject.name)?,
        None => Wiped::new(duplicate.to_vec()),
    };
    if let Some((cipher, key)) = inner {
        cipher::cfb_decrypt(host, cipher, key, no_iv(cipher), &mut blob)?;
        let mut reader = Reader::new(&blob);
        let claimed = Tpm2bDigest::unmarshal(&mut reader).map_err(|_| TpmRc::INTEGRITY)?;
        let inside = Wiped::new(reader.rest().to_vec());
        // Tpm2bDigest compares in constant time.
        if hash(host, subject.name_alg, &[&inside, subject.name.as_bytes()]) != claimed {
            return Err(TpmRc::INTEGRITY);
        }
        blob = inside;
    }
    let mut sensitive = Tpm2bSensitive::from_bytes(&blob)?.0.ok_or(TpmRc::SIZE)?;
    sensitive.auth_value.trim();
    Ok(sensitive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::test_hosts::{both_ways, bytes, seq},
        object::protection::tests::{name, parent},
        structures::{SeedValue, Tpm2bAuth, Tpm2bSensitiveData, TpmuSensitiveComposite},
    };

    #[test]
    fn duplicate_vector_matches() {
        // facts/tpm/vectors.md §6, "Duplicate with inner and outer wrap".
        let blob = bytes(concat!(
            "0020194637f9005c0bfcea34824353f522933166081b20ca164bcffd0510146016aa",
            "3c0305df66ed51cb08928861449e17940904abd22b9f8562db38fce4a1d6b72d95a4a812be71fdc6cbecee45e65c351a12f5def6",
            "f4f6262d4dacb1cb3d889dbff34100ca7d2860091dd037d61a3d206d2a82b721e8386270ade21b347d3b39845a44cdeabd9feec5",
            "91d724636ba55565dd7ebcc94fa73ed4"
        ));
        let sensitive = TpmtSensitive {
            auth_value: Tpm2bAuth::empty(),
            seed_value: SeedValue::new(&seq(32, 0x20)).expect("fits"),
            sensitive: TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&seq(12, 0x50)).expect("fits")),
        };
        let (name, parent) = (name(), parent());
        let (key, seed) = (seq(16, 0xc0), seq(32, 0x10));
        let subject = Subject {
            name: &name,
            name_alg: TpmiAlgHash::Sha256,
        };
        both_ways(|host| {
            let outer = Some((&parent, &seed[..]));
            assert_eq!(
                wrap(host, &subject, &sensitive, Some((TpmiAlgSymObject::Aes, &key)), outer),
                Ok(blob.clone())
            );
            assert_eq!(
                unwrap(host, &subject, &blob, Some((TpmiAlgSymObject::Aes, &key)), outer),
                Ok(sensitive.clone())
            );
            let mut other = key.clone();
            other[0] ^= 1;
            assert_eq!(
                unwrap(host, &subject, &blob, Some((TpmiAlgSymObject::Aes, &other)), outer),
                Err(TpmRc::INTEGRITY)
            );
            let without = wrap(host, &subject, &sensitive, None, None).expect("fits");
            assert_eq!(unwrap(host, &subject, &without, None, None), Ok(sensitive.clone()));
        });
    }
}
