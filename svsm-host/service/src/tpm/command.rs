//! The few TPM commands that the SVSM itself sends, as bytes, and how to read their responses (Part 3 §5, Part 2).
//!
//! The responses come from the component, so every length is checked. A general marshaller lives in the engine; what stands here is only what
//! provisioning needs, so that the SVSM does not depend on the engine that it confines.

use alloc::vec::Vec;
use svsm_proto::event_log::{Bank, Digests};
use zeroize::Zeroizing;

const ST_NO_SESSIONS: u16 = 0x8001;
const ST_SESSIONS: u16 = 0x8002;

const CC_EVICT_CONTROL: u32 = 0x120;
const CC_HIERARCHY_CHANGE_AUTH: u32 = 0x129;
const CC_CREATE_PRIMARY: u32 = 0x131;
const CC_STARTUP: u32 = 0x144;
const CC_FLUSH_CONTEXT: u32 = 0x165;
const CC_READ_PUBLIC: u32 = 0x173;
const CC_GET_CAPABILITY: u32 = 0x17A;
const CC_PCR_EXTEND: u32 = 0x182;

/// First transient handle.
const TRANSIENT_FIRST: u32 = 0x8000_0000;
/// TPM_CAP_HANDLES.
const CAP_HANDLES: u32 = 1;

/// TPM_RC_SUCCESS.
pub const RC_SUCCESS: u32 = 0;
/// TPM_RC_HANDLE for the first handle: nothing is there.
pub const RC_HANDLE_1: u32 = 0x18B;

/// TPM_RC_BAD_AUTH of the first session: the authorisation is wrong, and dictionary-attack protection does not apply.
pub const RC_BAD_AUTH: u32 = 0x9A2;
/// TPM_RC_AUTH_FAIL of the first session: the authorisation is wrong.
pub const RC_AUTH_FAIL: u32 = 0x98E;

/// A response that is too short for what it should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Assembles a command: handles, an empty password for the first of them if `authorised`, parameters. Wiped when dropped, since one of
/// them carries an authorisation value.
fn assemble(code: u32, handles: &[u32], authorised: bool, parameters: &[u8]) -> Zeroizing<Vec<u8>> {
    // Size of the area; TPM_RS_PW, no nonce, no attributes, no value.
    const PASSWORD: &[u8] = &[0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];
    let authorisation = if authorised { PASSWORD } else { &[] };
    let tag = if authorised { ST_SESSIONS } else { ST_NO_SESSIONS };
    let size = 10 + handles.len() * 4 + authorisation.len() + parameters.len();
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&tag.to_be_bytes());
    bytes.extend_from_slice(&(size as u32).to_be_bytes());
    bytes.extend_from_slice(&code.to_be_bytes());
    for handle in handles {
        bytes.extend_from_slice(&handle.to_be_bytes());
    }
    bytes.extend_from_slice(authorisation);
    bytes.extend_from_slice(parameters);
    Zeroizing::new(bytes)
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + bytes.len());
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
    out
}

/// TPM2_Startup(TPM_SU_CLEAR).
pub fn startup_clear() -> Zeroizing<Vec<u8>> {
    assemble(CC_STARTUP, &[], false, &[0, 0])
}

/// TPM2_ReadPublic.
pub fn read_public(handle: u32) -> Zeroizing<Vec<u8>> {
    assemble(CC_READ_PUBLIC, &[handle], false, &[])
}

/// TPM2_CreatePrimary with empty authorisation, no data, no outside information and no creation PCRs.
pub fn create_primary(hierarchy: u32, template: &[u8]) -> Zeroizing<Vec<u8>> {
    let sensitive: &[u8] = &[0, 4, 0, 0, 0, 0];
    let parameters = [sensitive, &sized(template), &[0, 0], &[0, 0, 0, 0]].concat();
    assemble(CC_CREATE_PRIMARY, &[hierarchy], true, &parameters)
}

/// TPM2_EvictControl: makes `object` persistent at `handle`, or removes it when both are the same.
pub fn evict_control(authority: u32, object: u32, handle: u32) -> Zeroizing<Vec<u8>> {
    assemble(CC_EVICT_CONTROL, &[authority, object], true, &handle.to_be_bytes())
}

/// TPM2_FlushContext.
pub fn flush_context(handle: u32) -> Zeroizing<Vec<u8>> {
    assemble(CC_FLUSH_CONTEXT, &[], false, &handle.to_be_bytes())
}

/// TPM2_HierarchyChangeAuth from an empty authorisation.
pub fn hierarchy_change_auth(hierarchy: u32, auth: &[u8]) -> Zeroizing<Vec<u8>> {
    let parameters = Zeroizing::new(sized(auth));
    assemble(CC_HIERARCHY_CHANGE_AUTH, &[hierarchy], true, &parameters)
}

/// TPM2_GetCapability for the first transient handle.
pub fn transient_handles() -> Zeroizing<Vec<u8>> {
    let parameters = [CAP_HANDLES, TRANSIENT_FIRST, 1].map(u32::to_be_bytes).concat();
    assemble(CC_GET_CAPABILITY, &[], false, &parameters)
}

/// TPM2_PCR_Extend with one digest for each bank (TPML_DIGEST_VALUES).
pub fn pcr_extend(pcr: u32, digests: &Digests) -> Zeroizing<Vec<u8>> {
    let mut parameters = Vec::new();
    parameters.extend_from_slice(&(Bank::ALL.len() as u32).to_be_bytes());
    for bank in Bank::ALL {
        parameters.extend_from_slice(&bank.id().to_be_bytes());
        parameters.extend_from_slice(digests.of(bank));
    }
    assemble(CC_PCR_EXTEND, &[pcr], true, &parameters)
}

/// What follows a response's header, taken piece by piece.
pub struct Response<'a> {
    /// The response code.
    pub code: u32,
    rest: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (_, rest) = bytes.split_at_checked(6).ok_or(Malformed)?;
        let mut response = Response { code: 0, rest };
        response.code = response.u32()?;
        Ok(response)
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A TPM2B.
    pub fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let (len, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        let (bytes, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*len)))
            .ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{borrow::ToOwned, format};

    // Part 3 §9.3: TPM2_Startup(CLEAR) as every client sends it.
    #[test]
    fn startup_has_its_well_known_bytes() {
        assert_eq!(hex::encode(&*startup_clear()), "80010000000c000001440000");
    }

    // Part 1 §19: one password session with an empty value takes nine bytes, in front of them their count.
    #[test]
    fn evict_control_carries_an_empty_password() {
        assert_eq!(
            hex::encode(&*evict_control(0x4000_0001, 0x8000_0000, 0x8101_0001)),
            concat!(
                "800200000023000001204000000180000000",
                "00000009400000090000000000",
                "81010001"
            )
        );
    }

    // Part 3 §22.2: the PCR, its empty password, TPML_DIGEST_VALUES with the algorithm identifiers of Part 2 §6.3.
    #[test]
    fn pcr_extend_carries_a_digest_for_each_bank() {
        let digests = Digests {
            sha1: [0x11; 20],
            sha256: [0x22; 32],
            sha384: [0x33; 48],
            sha512: [0x44; 64],
        };
        let expected = [
            "8002000000cb0000018200000009".to_owned(),
            "00000009400000090000000000".to_owned(),
            "00000004".to_owned(),
            format!("0004{}", "11".repeat(20)),
            format!("000b{}", "22".repeat(32)),
            format!("000c{}", "33".repeat(48)),
            format!("000d{}", "44".repeat(64)),
        ];
        assert_eq!(hex::encode(&*pcr_extend(9, &digests)), expected.concat());
    }

    #[test]
    fn truncated_responses_are_malformed_not_fatal() {
        let bytes = [0x80, 1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 9, 1, 2];
        for len in 0..10 {
            assert!(Response::parse(&bytes[..len]).is_err());
        }
        let mut response = Response::parse(&bytes).expect("header");
        assert_eq!(response.code, RC_SUCCESS);
        assert_eq!(response.sized(), Err(Malformed));
    }
}
