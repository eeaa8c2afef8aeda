//! Part 3 §15.4 to §15.6 and §17: hashes, HMACs and CMACs, in one piece or as sequences.

mod event_sequence_complete;
mod hash;
mod hash_sequence_start;
mod mac;
mod mac_start;
mod sequence_complete;
mod sequence_update;

pub use event_sequence_complete::EventSequenceComplete;
pub use hash::Hash;
pub use hash_sequence_start::HashSequenceStart;
pub use mac::Mac;
pub use mac_start::MacStart;
pub use sequence_complete::SequenceComplete;
pub use sequence_update::SequenceUpdate;

use crate::{
    object::{Object, checks::scheme_hash},
    structures::{
        PublicArea, TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgMacScheme, TpmiAlgSymMode, TpmiAlgSymObject,
        TpmtSymDefObject, TpmuSensitiveComposite,
    },
};

/// A key that makes MACs, with the algorithm.
enum MacKey<'a> {
    /// HMAC with a hash and a secret.
    Hmac(TpmiAlgHash, &'a [u8]),
    /// CMAC with a cipher and its key.
    Cmac(TpmiAlgSymObject, &'a [u8]),
}

/// The algorithm and the secret of a MAC key that any message may be given to, in the order of checks of other TPMs. A restricted key signs only what
/// the TPM has hashed.
fn mac_key(key: &Object, asked: Option<TpmiAlgMacScheme>) -> Result<MacKey<'_>, TpmRc> {
    let wrong_type = TpmRc::TYPE.with_handle(1);
    let own = match &key.public.area {
        PublicArea::KeyedHash { .. } => scheme_hash(&key.public).map(MacMode::Hash),
        PublicArea::SymCipher { parms, .. } => parms.sym.mode().map(MacMode::Cipher),
        PublicArea::Rsa { .. } | PublicArea::Ecc { .. } => return Err(wrong_type),
    };
    let asked = asked.map(|scheme| match scheme {
        TpmiAlgMacScheme::Hmac(hash) => MacMode::Hash(hash),
        TpmiAlgMacScheme::Cmac => MacMode::Cipher(TpmiAlgSymMode::Cmac),
    });
    let chosen = match (own, asked) {
        (Some(own), Some(asked)) if own != asked => return Err(TpmRc::VALUE.with_parameter(2)),
        (None, None) => return Err(TpmRc::VALUE.with_parameter(2)),
        (own, asked) => own.or(asked),
    };
    let secret = key.secret();
    let mac = match (chosen, secret) {
        (Some(MacMode::Hash(hash)), Some(TpmuSensitiveComposite::Bits(bits))) => MacKey::Hmac(hash, bits.as_bytes()),
        (Some(MacMode::Cipher(TpmiAlgSymMode::Cmac)), Some(TpmuSensitiveComposite::Sym(secret))) => {
            let Some(TpmtSymDefObject::Cipher(parameters)) = key.public.area.symmetric() else {
                return Err(wrong_type);
            };
            MacKey::Cmac(parameters.cipher, secret.as_bytes())
        }
        (_, None) => return Err(wrong_type),
        (_, Some(_)) => return Err(TpmRc::SCHEME.with_parameter(2)),
    };
    if key.has(TpmaObject::RESTRICTED) {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    if !key.has(TpmaObject::SIGN) {
        return Err(TpmRc::KEY.with_handle(1));
    }
    Ok(mac)
}

/// What a key or a caller names for a MAC.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MacMode {
    Hash(TpmiAlgHash),
    Cipher(TpmiAlgSymMode),
}

#[cfg(test)]
mod tests;
