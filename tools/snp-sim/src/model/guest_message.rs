//! Messages between guest and security processor: header, sequence number, AES-256-GCM (SNP firmware ABI 56860, table 101).
//!
//! A request comes from a shared page that the hypervisor can write; it counts only when its tag is right under the key that its
//! header names. One nonce is never used twice: the sequence number is the nonce, requests have odd numbers, responses even ones.

use super::{address::PAGE_SIZE, field};
use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{AeadInOut, array::Array},
};
use alloc::vec::Vec;

/// A page with a message.
pub type MessagePage = [u8; PAGE_SIZE as usize];
/// A VM platform communication key.
pub type Vmpck = [u8; 32];

/// Longest payload.
pub const MAX_PAYLOAD: usize = 4000;

const HEADER_SIZE: usize = 0x60;
const AUTHTAG: usize = 0x00;
const MSG_SEQNO: usize = 0x20;
const AUTHENTICATED: core::ops::Range<usize> = 0x30..0x60;
const ALGO: usize = 0x30;
const HDR_VERSION: usize = 0x31;
const HDR_SIZE: usize = 0x32;
const MSG_TYPE: usize = 0x34;
const MSG_VERSION: usize = 0x35;
const MSG_SIZE: usize = 0x36;
const MSG_VMPCK: usize = 0x3C;
const ALGO_AES_256_GCM: u8 = 1;

/// What a message says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Sequence number.
    pub sequence: u64,
    /// Message type.
    pub kind: u8,
    /// Version of the message type's layout.
    pub version: u8,
    /// Which key seals it.
    pub vmpck: u8,
    /// Payload bytes.
    pub size: usize,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// A header field is illegal.
    Header,
    /// The tag is wrong.
    Tag,
}

impl Header {
    /// Parses the header of a page.
    pub fn parse(page: &MessagePage) -> Result<Self, MessageError> {
        let header = Self {
            sequence: field::read_u64(page, MSG_SEQNO).ok_or(MessageError::Header)?,
            kind: page[MSG_TYPE],
            version: page[MSG_VERSION],
            vmpck: page[MSG_VMPCK],
            size: usize::from(field::read_u16(page, MSG_SIZE).ok_or(MessageError::Header)?),
        };
        let well_formed = page[ALGO] == ALGO_AES_256_GCM
            && page[HDR_VERSION] == 1
            && field::read_u16(page, HDR_SIZE) == Some(HEADER_SIZE as u16)
            && header.kind != 0
            && header.version != 0
            && header.vmpck <= 3
            && header.size <= MAX_PAYLOAD;
        well_formed.then_some(header).ok_or(MessageError::Header)
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        field::write(&mut nonce, 0, &self.sequence.to_le_bytes());
        nonce
    }
}

/// Opens a message whose header was parsed from the same page.
pub fn open(key: &Vmpck, header: &Header, page: &MessagePage) -> Result<Vec<u8>, MessageError> {
    let mut payload = page[HEADER_SIZE..HEADER_SIZE + header.size].to_vec();
    let tag: [u8; 16] = field::read(page, AUTHTAG).ok_or(MessageError::Tag)?;
    Aes256Gcm::new(&Array(*key))
        .decrypt_inout_detached(
            &Array(header.nonce()),
            &page[AUTHENTICATED],
            payload.as_mut_slice().into(),
            &Array(tag),
        )
        .map_err(|_| MessageError::Tag)?;
    Ok(payload)
}

/// Seals a message.
pub fn seal(key: &Vmpck, header: &Header, payload: &[u8]) -> Result<MessagePage, MessageError> {
    if payload.len() != header.size || header.size > MAX_PAYLOAD {
        return Err(MessageError::Header);
    }
    let mut page = [0; PAGE_SIZE as usize];
    field::write(&mut page, MSG_SEQNO, &header.sequence.to_le_bytes());
    page[ALGO] = ALGO_AES_256_GCM;
    page[HDR_VERSION] = 1;
    field::write(&mut page, HDR_SIZE, &(HEADER_SIZE as u16).to_le_bytes());
    page[MSG_TYPE] = header.kind;
    page[MSG_VERSION] = header.version;
    field::write(&mut page, MSG_SIZE, &(header.size as u16).to_le_bytes());
    page[MSG_VMPCK] = header.vmpck;
    let mut body = payload.to_vec();
    let tag = Aes256Gcm::new(&Array(*key))
        .encrypt_inout_detached(&Array(header.nonce()), &page[AUTHENTICATED], body.as_mut_slice().into())
        .map_err(|_| MessageError::Tag)?;
    field::write(&mut page, AUTHTAG, &tag);
    field::write(&mut page, HEADER_SIZE, &body);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn report_request() -> (Vmpck, Header, [u8; 96]) {
        let key = core::array::from_fn(|index| index as u8);
        let mut payload = [0; 96];
        (0..64).for_each(|index| payload[index] = index as u8);
        let header = Header {
            sequence: 1,
            kind: 5,
            version: 1,
            vmpck: 0,
            size: 96,
        };
        (key, header, payload)
    }

    // Computed with Python's cryptography package from the rules of 56860.
    #[test]
    fn sealed_report_request_equals_the_reference_values() {
        let (key, header, payload) = report_request();
        let page = seal(&key, &header, &payload).expect("seals");
        let tag = [
            0x0f, 0x35, 0x4f, 0x26, 0xb1, 0x3f, 0x74, 0x33, 0xd3, 0x67, 0x4d, 0x8e, 0xeb, 0xca, 0xf8, 0x47,
        ];
        assert_eq!(page[..16], tag);
        assert_eq!(page[0x60..0x64], [0xe2, 0x2d, 0x80, 0x3c]);
        let digest = Sha256::digest(&page[0x60..0xC0]);
        assert_eq!(digest[..8], [0xd0, 0xb8, 0x40, 0x17, 0x90, 0xed, 0x8f, 0x82]);
        assert_eq!(open(&key, &header, &page).as_deref(), Ok(payload.as_slice()));
    }

    // 56860, table 101: the header from ALGO on is authenticated, the sequence number is the nonce.
    #[test]
    fn changed_bit_in_any_covered_byte_breaks_the_tag() {
        let (key, header, payload) = report_request();
        let page = seal(&key, &header, &payload).expect("seals");
        for offset in [0x20, 0x35, 0x3F, 0x60, 0xBF] {
            let mut changed = page;
            changed[offset] ^= 2;
            let opened = Header::parse(&changed).and_then(|header| open(&key, &header, &changed));
            assert_eq!(opened, Err(MessageError::Tag), "offset {offset:#x}");
        }
    }
}
