//! Part 3 §15.2 and §15.3: encryption with symmetric keys. TPM2_EncryptDecrypt2 differs from TPM2_EncryptDecrypt in the order of its parameters alone, so
//! that its data can be encrypted by a session.

mod encrypt_decrypt;
mod encrypt_decrypt2;

pub use encrypt_decrypt::EncryptDecrypt;
pub use encrypt_decrypt2::EncryptDecrypt2;

use tpm_contract::Host;

use crate::{
    crypto::cipher,
    object::Object,
    structures::{
        PublicArea, Tpm2bIv, Tpm2bMaxBuffer, TpmRc, TpmaObject, TpmiAlgSymMode, TpmtSymDefObject,
        TpmuSensitiveComposite,
    },
};

/// Encrypts or decrypts; answers the data and the vector with which a caller goes on. Parameters are numbered as in
/// TPM2_EncryptDecrypt, for both commands, as other TPMs do.
fn crypt(
    host: &mut dyn Host,
    key: &Object,
    decrypt: bool,
    mode: Option<TpmiAlgSymMode>,
    iv: &Tpm2bIv,
    data: &Tpm2bMaxBuffer,
) -> Result<(Tpm2bMaxBuffer, Tpm2bIv), TpmRc> {
    let PublicArea::SymCipher { parms, .. } = &key.public.area else {
        return Err(TpmRc::KEY.with_handle(1));
    };
    let direction = if decrypt { TpmaObject::DECRYPT } else { TpmaObject::SIGN };
    if key.has(TpmaObject::RESTRICTED) || !key.has(direction) {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    let (TpmtSymDefObject::Aes(aes), Some(TpmuSensitiveComposite::Sym(secret))) =
        (&parms.sym, key.sensitive.as_ref().map(|sensitive| &sensitive.sensitive))
    else {
        return Err(TpmRc::KEY.with_handle(1));
    };
    let wrong_mode = TpmRc::MODE.with_parameter(2);
    match (aes.mode, mode) {
        (None, None) => return Err(wrong_mode),
        (Some(own), Some(asked)) if own != asked => return Err(wrong_mode),
        // There is only one mode to choose.
        (Some(TpmiAlgSymMode::Cfb), _) | (_, Some(TpmiAlgSymMode::Cfb)) => {}
    }
    if iv.len() != cipher::BLOCK {
        return Err(TpmRc::SIZE.with_parameter(3));
    }
    let mut out = zeroize::Zeroizing::new(data.as_bytes().to_vec());
    if decrypt {
        cipher::cfb_decrypt(host, secret.as_bytes(), iv.as_bytes(), &mut out)?;
    } else {
        cipher::cfb_encrypt(host, secret.as_bytes(), iv.as_bytes(), &mut out)?;
    }
    // The next vector is the last block of ciphertext.
    let ciphertext = if decrypt { data.as_bytes() } else { &out[..] };
    let chain = [iv.as_bytes(), ciphertext].concat();
    let next = chain.last_chunk::<{ cipher::BLOCK }>().ok_or(TpmRc::FAILURE)?;
    Ok((Tpm2bMaxBuffer::new(&out)?, Tpm2bIv::new(next)?))
}

#[cfg(test)]
mod tests;
