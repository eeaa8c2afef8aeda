//! Part 3 §15.2 and §15.3: encryption with symmetric keys. TPM2_EncryptDecrypt2 differs from TPM2_EncryptDecrypt in the order of its parameters alone, so
//! that its data can be encrypted by a session.

mod encrypt_decrypt;
mod encrypt_decrypt2;

pub use encrypt_decrypt::EncryptDecrypt;
pub use encrypt_decrypt2::EncryptDecrypt2;

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::{CipherMode, Direction, Host};

use crate::{
    crypto::cipher,
    dispatch::reply,
    object::Object,
    structures::{
        PublicArea, Tpm2bIv, Tpm2bMaxBuffer, TpmRc, TpmaObject, TpmiAlgCipherMode, TpmiAlgSymMode, TpmtSymDefObject,
        TpmuSensitiveComposite,
    },
};

/// What a caller asks for.
struct Request<'a> {
    decrypt: bool,
    mode: Option<TpmiAlgCipherMode>,
    iv: &'a Tpm2bIv,
    data: &'a Tpm2bMaxBuffer,
    /// The numbers of mode, vector and data in the command.
    numbers: [usize; 3],
}

reply! {
    /// The reply of both commands.
    pub struct Reply {
        /// The data.
        pub out_data: Tpm2bMaxBuffer,
        /// The vector for what follows.
        pub iv_out: Tpm2bIv,
    }
}

/// Encrypts or decrypts.
fn crypt(host: &mut dyn Host, key: &Object, request: &Request<'_>) -> Result<Reply, TpmRc> {
    let [mode_number, iv_number, data_number] = request.numbers;
    let PublicArea::SymCipher { parms, .. } = &key.public.area else {
        return Err(TpmRc::KEY.with_handle(1));
    };
    let TpmtSymDefObject::Cipher(parameters) = &parms.sym else {
        return Err(TpmRc::KEY.with_handle(1));
    };
    let attribute = if request.decrypt {
        TpmaObject::DECRYPT
    } else {
        TpmaObject::SIGN
    };
    if key.has(TpmaObject::RESTRICTED) || !key.has(attribute) {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    let Some(TpmuSensitiveComposite::Sym(secret)) = key.secret() else {
        return Err(TpmRc::KEY.with_handle(1));
    };
    let own = match parameters.mode {
        Some(TpmiAlgSymMode::Cmac) => return Err(TpmRc::MODE.with_handle(1)),
        Some(mode) => TpmiAlgCipherMode::from_value(mode.value()),
        None => None,
    };
    let mode = match (own, request.mode) {
        (Some(own), Some(asked)) => Some(own).filter(|own| *own == asked),
        (own, asked) => own.or(asked),
    };
    let mode = cipher_mode(mode.ok_or(TpmRc::MODE.with_parameter(mode_number))?);
    let block = parameters.cipher.block_size();
    let iv_size = if mode == CipherMode::Ecb { 0 } else { block };
    if request.iv.len() != iv_size {
        return Err(TpmRc::SIZE.with_parameter(iv_number));
    }
    let size = request.data.len();
    if matches!(mode, CipherMode::Cbc | CipherMode::Ecb) && !size.is_multiple_of(block) {
        return Err(TpmRc::SIZE.with_parameter(data_number));
    }
    let direction = if request.decrypt {
        Direction::Decrypt
    } else {
        Direction::Encrypt
    };
    // A last block that is not full is worked on as if it were: what the cipher makes of the rest is part of the next vector.
    let mut out = padded(request.data.as_bytes(), block);
    let last_in = last_block(&out, block);
    cipher::crypt(
        host,
        parameters.cipher,
        mode,
        direction,
        secret.as_bytes(),
        request.iv.as_bytes(),
        &mut out,
    )?;
    let iv_out = next_vector(mode, direction, request.iv, (size, block), &last_in, &out)?;
    out.truncate(size);
    Ok(Reply {
        out_data: Tpm2bMaxBuffer::from_vec(core::mem::take(&mut *out))?,
        iv_out,
    })
}

/// The mode, as the cipher has it.
const fn cipher_mode(mode: TpmiAlgCipherMode) -> CipherMode {
    match mode {
        TpmiAlgCipherMode::Ctr => CipherMode::Ctr,
        TpmiAlgCipherMode::Ofb => CipherMode::Ofb,
        TpmiAlgCipherMode::Cbc => CipherMode::Cbc,
        TpmiAlgCipherMode::Cfb => CipherMode::Cfb,
        TpmiAlgCipherMode::Ecb => CipherMode::Ecb,
    }
}

/// The data, with zeros to the end of the last block.
fn padded(data: &[u8], block: usize) -> Wiped<Vec<u8>> {
    let mut padded = Wiped::new(Vec::with_capacity(data.len().next_multiple_of(block)));
    padded.extend_from_slice(data);
    padded.resize(data.len().next_multiple_of(block), 0);
    padded
}

/// The last block; nothing of nothing.
fn last_block(data: &[u8], block: usize) -> Wiped<Vec<u8>> {
    Wiped::new(data.rchunks_exact(block).next().unwrap_or_default().to_vec())
}

/// The vector for what follows `size` bytes in blocks of `block`: the register of the mode. `out` are those bytes and more, to the end of the last block,
/// and `last_in` is what that was before.
fn next_vector(
    mode: CipherMode,
    direction: Direction,
    iv: &Tpm2bIv,
    (size, block): (usize, usize),
    last_in: &[u8],
    out: &[u8],
) -> Result<Tpm2bIv, TpmRc> {
    if out.is_empty() {
        return Ok(iv.clone());
    }
    // Bytes of the last block that the caller gave.
    let given = size - (out.len() - block);
    let mut next = last_block(out, block);
    match (mode, direction) {
        (CipherMode::Ecb, _) => return Ok(Tpm2bIv::empty()),
        (CipherMode::Ctr, _) => {
            let blocks = out.len() / block;
            next = cipher::counted_on(iv.as_bytes(), blocks);
        }
        // The ciphertext, and behind it the key stream, which is what zeros became.
        (CipherMode::Cbc | CipherMode::Cfb, Direction::Encrypt) => {}
        (CipherMode::Cbc | CipherMode::Cfb, Direction::Decrypt) => {
            next.iter_mut()
                .zip(last_in)
                .take(given)
                .for_each(|(to, from)| *to = *from);
        }
        // The key stream.
        (CipherMode::Ofb, _) => next.iter_mut().zip(last_in).for_each(|(to, from)| *to ^= from),
    }
    Tpm2bIv::from_vec(core::mem::take(&mut *next))
}

#[cfg(test)]
mod tests;
