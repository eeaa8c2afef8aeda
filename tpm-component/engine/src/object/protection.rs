//! Protected storage (Part 1 §24): the private part of an object while it is outside the TPM, and with the same two keys the outer wrap of
//! credentials and duplicates.
//!
//! A blob comes back from whoever kept it. It is encrypted under a key from a seed and a Name, and authenticated under another, so that it can only
//! be opened whole, by whoever has the seed, beside the object that it was made with. The seed is that of the parent (storage) or one
//! that was shared through a public key (credentials and duplicates, whose form other TPMs must understand). Nothing is decrypted before
//! the integrity value has been found right.

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::{Arithmetic, Host};

use super::{Object, Prepared};
use crate::{
    crypto::{cipher, hmac, kdf_a},
    structures::{
        SymParameters, Tpm2bDigest, Tpm2bIv, Tpm2bName, Tpm2bPrivate, Tpm2bSensitive, TpmRc, TpmiAlgHash,
        TpmiAlgSymObject, TpmtSensitive, TpmtSymDefObject, limits,
    },
    tpm::Tpm,
    wire::{Reader, Unmarshal, Writer},
};

/// What both keys come from.
pub struct Protection<'a> {
    alg: TpmiAlgHash,
    seed: &'a [u8],
    cipher: SymParameters,
    /// Where the integrity key is kept, if the seed is the parent's own.
    prepared: Option<&'a Prepared>,
}

impl<'a> Protection<'a> {
    /// How a parent protects its children: with its own seed.
    fn of(parent: &'a Object) -> Result<Self, TpmRc> {
        let sensitive = parent.sensitive.as_ref().ok_or(TpmRc::TYPE)?;
        Ok(Self {
            prepared: Some(&parent.prepared),
            ..Self::under_seed(parent, sensitive.seed_value.as_bytes())?
        })
    }

    /// With a seed that was shared through `parent`, in the algorithms that it uses for its children.
    pub fn under_seed(parent: &Object, seed: &'a [u8]) -> Result<Self, TpmRc> {
        let alg = parent.public.name_alg.ok_or(TpmRc::TYPE)?;
        let Some(TpmtSymDefObject::Cipher(cipher)) = parent.public.area.symmetric() else {
            return Err(TpmRc::TYPE);
        };
        Ok(Self {
            alg,
            seed,
            cipher: *cipher,
            prepared: None,
        })
    }

    /// symKey = KDFa(nameAlg, seedValue, "STORAGE", Name, NULL, bits).
    fn key(&self, host: &mut dyn Arithmetic, name: &Tpm2bName) -> Wiped<Vec<u8>> {
        kdf_a(
            host,
            self.alg,
            self.seed,
            b"STORAGE",
            name.as_bytes(),
            &[],
            self.cipher.key_size() * 8,
        )
    }

    /// The integrity value over IV, ciphertext and Name, under KDFa(nameAlg, seedValue, "INTEGRITY", NULL, NULL, bits).
    fn integrity(&self, host: &mut dyn Arithmetic, protected: &[u8], name: &Tpm2bName) -> Tpm2bDigest {
        let bits = self.alg.digest_size() * 8;
        let mut derive = || kdf_a(host, self.alg, self.seed, b"INTEGRITY", &[], &[], bits);
        let own;
        let key = match self.prepared {
            Some(prepared) => prepared.integrity_key(derive),
            None => {
                own = derive();
                &own
            }
        };
        hmac(host, self.alg, key, &[protected, name.as_bytes()])
    }

    /// The outer wrap of a credential or a duplicate: integrity value and ciphertext, with an initialisation vector of zeros, since the
    /// seed is used once.
    pub fn wrap_outer(&self, host: &mut dyn Arithmetic, plain: &[u8], name: &Tpm2bName) -> Result<Vec<u8>, TpmRc> {
        let mut secret = Wiped::new(plain.to_vec());
        let key = self.key(host, name);
        cipher::cfb_encrypt(host, self.cipher.cipher, &key, self.no_iv(), &mut secret)?;
        let integrity = self.integrity(host, &secret, name);
        let mut whole = Writer::with_capacity(2 + integrity.len() + secret.len());
        whole.put(&integrity);
        whole.bytes(&secret);
        Ok(whole.into_vec())
    }

    /// Opens what [`Self::wrap_outer`] made: TPM_RC_INTEGRITY for anything else.
    pub fn unwrap_outer(
        &self,
        host: &mut dyn Arithmetic,
        blob: &[u8],
        name: &Tpm2bName,
    ) -> Result<Wiped<Vec<u8>>, TpmRc> {
        let mut reader = Reader::new(blob);
        let claimed = Tpm2bDigest::unmarshal(&mut reader)?;
        let mut secret = Wiped::new(reader.rest().to_vec());
        // Tpm2bDigest compares in constant time.
        if self.integrity(host, &secret, name) != claimed {
            return Err(TpmRc::INTEGRITY);
        }
        let key = self.key(host, name);
        cipher::cfb_decrypt(host, self.cipher.cipher, &key, self.no_iv(), &mut secret)?;
        Ok(secret)
    }

    /// An initialisation vector of zeros.
    fn no_iv(&self) -> &'static [u8] {
        no_iv(self.cipher.cipher)
    }
}

/// An initialisation vector of zeros, for a key that is used once.
pub fn no_iv(cipher: TpmiAlgSymObject) -> &'static [u8] {
    const ZEROS: [u8; limits::MAX_SYM_BLOCK_SIZE] = [0; limits::MAX_SYM_BLOCK_SIZE];
    &ZEROS[..cipher.block_size()]
}

/// Wraps `sensitive` for storage under `parent`.
pub fn wrap(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    parent: &Object,
    name: &Tpm2bName,
    sensitive: &TpmtSensitive,
) -> Result<Tpm2bPrivate, TpmRc> {
    let protection = Protection::of(parent)?;
    let cipher = protection.cipher.cipher;
    let mut iv = [0; limits::MAX_SYM_BLOCK_SIZE];
    let iv = &mut iv[..cipher.block_size()];
    tpm.rng.fill(host, iv)?;
    // Everything in its place at once: the integrity value, of which the size is known, the vector, and the secret, which is encrypted where it is.
    let mut writer = Writer::with_capacity(limits::MAX_PRIVATE);
    writer.sized(|w| w.zeros(protection.alg.digest_size()));
    let protected = writer.len();
    writer.sized_bytes(iv);
    let secret = writer.len();
    sensitive.marshal_padded(&mut writer, digest_size(name));
    let mut whole = Wiped::new(writer.into_vec());
    let key = protection.key(host, name);
    cipher::cfb_encrypt(host, cipher, &key, iv, &mut whole[secret..])?;
    let integrity = protection.integrity(host, &whole[protected..], name);
    whole[2..protected].copy_from_slice(integrity.as_bytes());
    Tpm2bPrivate::from_vec(core::mem::take(&mut *whole))
}

/// Bytes of a digest of the nameAlg that a Name begins with; 0 for a Name without one.
fn digest_size(name: &Tpm2bName) -> usize {
    let alg = name.as_bytes().get(..2).map(TpmiAlgHash::from_bytes);
    alg.and_then(Result::ok).map_or(0, TpmiAlgHash::digest_size)
}

/// Opens what [`wrap`] made: TPM_RC_INTEGRITY for anything else, TPM_RC_SENSITIVE when the contents are malformed all the same.
pub fn unwrap(
    host: &mut dyn Arithmetic,
    parent: &Object,
    name: &Tpm2bName,
    private: &Tpm2bPrivate,
) -> Result<TpmtSensitive, TpmRc> {
    let protection = Protection::of(parent)?;
    let mut reader = Reader::new(private.as_bytes());
    let claimed = Tpm2bDigest::unmarshal(&mut reader).map_err(|_| TpmRc::INTEGRITY)?;
    let protected = reader.rest();
    // Tpm2bDigest compares in constant time.
    if protection.integrity(host, protected, name) != claimed {
        return Err(TpmRc::INTEGRITY);
    }
    let mut reader = Reader::new(protected);
    let iv = Tpm2bIv::unmarshal(&mut reader).map_err(|_| TpmRc::SENSITIVE)?;
    let mut secret = Wiped::new(reader.rest().to_vec());
    let key = protection.key(host, name);
    cipher::cfb_decrypt(host, protection.cipher.cipher, &key, iv.as_bytes(), &mut secret)?;
    let mut sensitive = Tpm2bSensitive::from_bytes(&secret)
        .ok()
        .and_then(|sensitive| sensitive.0)
        .ok_or(TpmRc::SENSITIVE)?;
    sensitive.auth_value.trim();
    Ok(sensitive)
}

#[cfg(test)]
pub(in crate::object) mod tests {
    use super::*;
    use crate::{
        crypto::test_hosts::{both_ways, bytes, seq},
        structures::{SeedValue, Tpm2bAuth, Tpm2bSensitiveData, TpmiRhHierarchy, TpmuSensitiveComposite},
        test_objects::ecc_storage,
    };

    /// The protector of facts/tpm/vectors.md §6: SHA-256, AES-128-CFB, seed seq(32, 0x10).
    pub(in crate::object) fn parent() -> Object {
        Object {
            public: ecc_storage(),
            sensitive: Some(TpmtSensitive {
                auth_value: Tpm2bAuth::empty(),
                seed_value: SeedValue::new(&seq(32, 0x10)).expect("fits"),
                sensitive: TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::empty()),
            }),
            hierarchy: TpmiRhHierarchy::Owner,
            name: Tpm2bName::empty(),
            qualified_name: Tpm2bName::empty(),
            external: false,
            st_clear: false,
            prepared: Prepared::default(),
            sequence: None,
        }
    }

    /// The Name of the protected object there.
    pub(in crate::object) fn name() -> Tpm2bName {
        Tpm2bName::new(&[bytes("000b"), seq(32, 0x80)].concat()).expect("fits")
    }

    #[test]
    fn credential_vector_matches() {
        let blob = bytes(concat!(
            "002045fc7486b6843f4d31eb426ba55211d20031b60511a6fd74d9ad3e2e5c945d68",
            "b94123050e508f2f69561f29073f1c084c2613f5856f"
        ));
        let plain = [bytes("0014"), seq(20, 0xe0)].concat();
        both_ways(|host| {
            let seed = seq(32, 0x10);
            let key = parent();
            let protection = Protection::under_seed(&key, &seed).expect("a storage key");
            assert_eq!(protection.wrap_outer(host, &plain, &name()), Ok(blob.clone()));
            assert_eq!(
                protection
                    .unwrap_outer(host, &blob, &name())
                    .map(|plain| plain.to_vec()),
                Ok(plain.clone())
            );
            assert!(protection.unwrap_outer(host, &blob, &Tpm2bName::empty()).is_err());
        });
    }

    #[test]
    fn storage_vector_opens() {
        // The form is private to an implementation; this vector is the reference's form with the IV seq(16, 0xd0).
        let blob = bytes(concat!(
            "0020342d70496eb98c722e669508c55a871477b35cae5a7bf99dc37725a9c4b931c9",
            "0010d0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
            "4f6adb24afe37620e178612c1949d86809272ec7af8c771de4c75b8ed6818209b2696f2f1c5cb9f608713d71389535754b6c",
            "35b0d17ade1480dc94d54fdfadc50ace2098cd0ca0a8820f8032fc9da1ce0a952199e82e"
        ));
        both_ways(|host| {
            let private = Tpm2bPrivate::new(&blob).expect("fits");
            let sensitive = unwrap(host, &parent(), &name(), &private).expect("a published vector");
            assert_eq!(sensitive.seed_value.as_bytes(), seq(32, 0x20));
            let bits = TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&seq(12, 0x50)).expect("fits"));
            assert_eq!(sensitive.sensitive, bits);
        });
    }
}
