//! Sequence objects (Part 1 §32.4): a hash, an HMAC or an event that is given in pieces. A sequence is a transient object without keys, with an
//! authValue of its own; it cannot be used as a key, only continued and completed.
//!
//! The pieces are the caller's. A hash sequence remembers whether its message began like something that the TPM attests: then
//! there is no ticket for its digest, and a restricted key will not sign it.

use alloc::{boxed::Box, vec::Vec};

use tpm_contract::Arithmetic;

use super::{Object, Prepared};
use crate::{
    crypto::{Cmac, Hasher, Hmac},
    pcr::BANKS,
    structures::{
        PublicArea, SeedValue, TPM_GENERATED_VALUE, Tpm2bAuth, Tpm2bDigest, Tpm2bName, Tpm2bSensitiveData, TpmRc,
        TpmaObject, TpmiAlgHash, TpmiAlgSymObject, TpmiRhHierarchy, TpmsKeyedhashParms, TpmtHa, TpmtKeyedhashScheme,
        TpmtPublic, TpmtSensitive, TpmuSensitiveComposite,
    },
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// Whether a message is one that a restricted key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing of the message was given yet.
    None,
    /// It does not begin like an attestation.
    Safe,
    /// It does, or too little was given at first to tell.
    Unsafe,
}

/// What is computed piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// A digest (TPM2_HashSequenceStart).
    Hash(Box<Hasher>, Opening),
    /// An HMAC (TPM2_MAC_Start).
    Hmac(Box<Hmac>),
    /// A CMAC (TPM2_MAC_Start).
    Cmac(Box<Cmac>),
    /// A digest for each bank of PCR (TPM2_HashSequenceStart with TPM_ALG_NULL).
    Event(Vec<Hasher>),
}

impl Sequence {
    /// A hash sequence.
    pub fn hash(alg: TpmiAlgHash) -> Self {
        Self::Hash(Box::new(Hasher::new(alg)), Opening::None)
    }

    /// An event sequence.
    pub fn event() -> Self {
        Self::Event(BANKS.map(Hasher::new).to_vec())
    }

    /// Appends a piece.
    pub fn update(&mut self, host: &mut dyn Arithmetic, data: &[u8]) {
        match self {
            Self::Hash(hasher, opening) => {
                if *opening == Opening::None {
                    let magic = TPM_GENERATED_VALUE.to_be_bytes();
                    let safe = data.len() >= magic.len() && !data.starts_with(&magic);
                    *opening = if safe { Opening::Safe } else { Opening::Unsafe };
                }
                hasher.update(host, data);
            }
            Self::Hmac(hmac) => hmac.update(host, data),
            Self::Cmac(cmac) => cmac.update(host, data),
            Self::Event(hashers) => hashers.iter_mut().for_each(|hasher| hasher.update(host, data)),
        }
    }

    /// The digests of an event, one for each bank; none for another sequence.
    pub fn finish_event(self, host: &mut dyn Arithmetic) -> Option<Result<Vec<TpmtHa>, TpmRc>> {
        let Self::Event(hashers) = self else { return None };
        let digest = |hasher: Hasher| {
            let alg = hasher.alg();
            TpmtHa::from_digest(alg, hasher.finish(host))
        };
        Some(hashers.into_iter().map(digest).collect())
    }

    /// The sequence as an object.
    pub fn into_object(self, auth: &Tpm2bAuth) -> Object {
        let public = TpmtPublic {
            name_alg: None,
            object_attributes: TpmaObject::USER_WITH_AUTH | TpmaObject::NO_DA,
            auth_policy: Tpm2bDigest::empty(),
            area: PublicArea::KeyedHash {
                parms: TpmsKeyedhashParms {
                    scheme: TpmtKeyedhashScheme::Null,
                },
                unique: Tpm2bDigest::empty(),
            },
        };
        let sensitive = TpmtSensitive {
            auth_value: auth.trimmed(),
            seed_value: SeedValue::empty(),
            sensitive: TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::empty()),
        };
        Object {
            public,
            sensitive: Some(sensitive),
            hierarchy: TpmiRhHierarchy::Null,
            name: Tpm2bName::empty(),
            qualified_name: Tpm2bName::empty(),
            external: false,
            st_clear: false,
            prepared: Prepared::default(),
            sequence: Some(self),
        }
    }
}

fn put(writer: &mut Writer, hasher: &Hasher) {
    writer.put(&hasher.alg());
    writer.sized(|w| w.bytes(&hasher.export()));
}

fn take(reader: &mut Reader<'_>) -> Result<Hasher, TpmRc> {
    let alg = TpmiAlgHash::unmarshal(reader)?;
    let size = u16::unmarshal(reader)?;
    Hasher::resume(alg, reader.take(size.into())?)
}

/// The form of a saved context.
impl Marshal for Sequence {
    fn marshal(&self, writer: &mut Writer) {
        match self {
            Self::Hash(hasher, opening) => {
                writer.put(&match opening {
                    Opening::None => 1u8,
                    Opening::Safe => 2,
                    Opening::Unsafe => 3,
                });
                put(writer, hasher);
            }
            Self::Hmac(hmac) => {
                let (inner, outer) = hmac.streams();
                writer.put(&4u8);
                put(writer, inner);
                put(writer, outer);
            }
            Self::Cmac(cmac) => {
                match cmac.cipher() {
                    // What the other ciphers say has gone without saying.
                    TpmiAlgSymObject::Aes => writer.put(&6u8),
                    #[cfg(any(feature = "camellia", feature = "tdes"))]
                    other => {
                        writer.put(&7u8);
                        writer.put(&other);
                    }
                }
                writer.put(&**cmac);
            }
            Self::Event(hashers) => {
                writer.put(&5u8);
                hashers.iter().for_each(|hasher| put(writer, hasher));
            }
        }
    }
}

impl Unmarshal for Sequence {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(match u8::unmarshal(reader)? {
            1 => Self::Hash(Box::new(take(reader)?), Opening::None),
            2 => Self::Hash(Box::new(take(reader)?), Opening::Safe),
            3 => Self::Hash(Box::new(take(reader)?), Opening::Unsafe),
            4 => Self::Hmac(Box::new(Hmac::resume(take(reader)?, take(reader)?))),
            5 => Self::Event(BANKS.iter().map(|_| take(reader)).collect::<Result<_, _>>()?),
            6 => Self::Cmac(Box::new(Cmac::unmarshal_with(TpmiAlgSymObject::Aes, reader)?)),
            #[cfg(any(feature = "camellia", feature = "tdes"))]
            7 => {
                let cipher = TpmiAlgSymObject::unmarshal(reader)?;
                Self::Cmac(Box::new(Cmac::unmarshal_with(cipher, reader)?))
            }
            _ => return Err(TpmRc::VALUE),
        })
    }
}
