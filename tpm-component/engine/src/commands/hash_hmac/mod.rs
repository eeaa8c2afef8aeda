//! Part 3 §15.4, §15.5 and §17: hashes and HMACs, in one piece or as sequences.

mod event_sequence_complete;
mod hash;
mod hash_sequence_start;
mod hmac;
mod hmac_start;
mod sequence_complete;
mod sequence_update;

pub use event_sequence_complete::EventSequenceComplete;
pub use hash::Hash;
pub use hash_sequence_start::HashSequenceStart;
pub use hmac::Hmac;
pub use hmac_start::HmacStart;
pub use sequence_complete::SequenceComplete;
pub use sequence_update::SequenceUpdate;

use crate::{
    object::{Object, checks::scheme_hash},
    structures::{TpmRc, TpmaObject, TpmiAlgHash, TpmuSensitiveComposite},
};

/// The hash and the secret of an HMAC key that any message may be given to. A restricted one signs only what the TPM has hashed.
fn hmac_key(key: &Object, asked: Option<TpmiAlgHash>) -> Result<(TpmiAlgHash, &[u8]), TpmRc> {
    let Some(TpmuSensitiveComposite::Bits(bits)) = key.sensitive.as_ref().map(|sensitive| &sensitive.sensitive) else {
        return Err(TpmRc::TYPE.with_handle(1));
    };
    if key.has(TpmaObject::RESTRICTED) {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    if !key.has(TpmaObject::SIGN) {
        return Err(TpmRc::KEY.with_handle(1));
    }
    let alg = match (scheme_hash(&key.public), asked) {
        (None, asked) => asked,
        (Some(own), asked) => Some(own).filter(|own| asked.is_none_or(|asked| asked == *own)),
    };
    Ok((alg.ok_or(TpmRc::VALUE.with_parameter(2))?, bits.as_bytes()))
}

#[cfg(test)]
mod tests;
