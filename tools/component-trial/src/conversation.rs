//! TPM commands as bytes, for tests that talk to a component without a client library.
//!
//! Layouts are Part 3's; the templates are those of the TCG EK Credential Profile (L-1, L-2) and of the provisioning guidance (SRK).

/// TPM_ST_NO_SESSIONS.
const NO_SESSIONS: u16 = 0x8001;
/// TPM_ST_SESSIONS.
const SESSIONS: u16 = 0x8002;
/// TPM_RH_OWNER.
pub const OWNER: u32 = 0x4000_0001;
/// TPM_RH_ENDORSEMENT.
pub const ENDORSEMENT: u32 = 0x4000_000b;
/// TPM_RH_NULL.
pub const NULL: u32 = 0x4000_0007;
/// TPM_RS_PW.
const PASSWORD: u32 = 0x4000_0009;

/// A command without sessions.
pub fn plain(code: u32, body: &[u8]) -> Vec<u8> {
    framed(NO_SESSIONS, code, body)
}

/// A command whose `handles` are authorised, `count` of them, with empty passwords.
pub fn authorised(code: u32, handles: &[u32], count: usize, parameters: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
    let mut area = Vec::new();
    for _ in 0..count {
        area.extend(PASSWORD.to_be_bytes());
        area.extend([0, 0, 0, 0, 0]);
    }
    body.extend((area.len() as u32).to_be_bytes());
    body.extend(area);
    body.extend(parameters);
    framed(SESSIONS, code, &body)
}

/// A command with any tag.
pub fn framed(tag: u16, code: u32, body: &[u8]) -> Vec<u8> {
    let mut command = tag.to_be_bytes().to_vec();
    command.extend((body.len() as u32 + 10).to_be_bytes());
    command.extend(code.to_be_bytes());
    command.extend(body);
    command
}

/// A TPM2B.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend(bytes);
    out
}

/// TPM2_CreatePrimary in `hierarchy` with an empty authorisation value, no outside info and no PCR.
pub fn create_primary(hierarchy: u32, template: &[u8]) -> Vec<u8> {
    let mut parameters = sized(&[0, 0, 0, 0]);
    parameters.extend(sized(template));
    parameters.extend([0, 0]);
    parameters.extend([0, 0, 0, 0]);
    authorised(0x131, &[hierarchy], 1, &parameters)
}

/// TPM2_Startup(CLEAR).
pub fn startup() -> Vec<u8> {
    plain(0x144, &[0, 0])
}

/// TPM2_GetRandom.
pub fn get_random(bytes: u16) -> Vec<u8> {
    plain(0x17b, &bytes.to_be_bytes())
}

/// TPM2_FlushContext.
pub fn flush(handle: u32) -> Vec<u8> {
    plain(0x165, &handle.to_be_bytes())
}

/// TPM2_Hash with SHA-256 in the null hierarchy.
pub fn hash(data: &[u8]) -> Vec<u8> {
    let mut body = sized(data);
    body.extend([0, 0x0b]);
    body.extend(NULL.to_be_bytes());
    plain(0x17d, &body)
}

/// TPM2_PCR_Extend with a SHA-256 digest.
pub fn pcr_extend(pcr: u32, digest: [u8; 32]) -> Vec<u8> {
    let mut parameters = vec![0, 0, 0, 1, 0, 0x0b];
    parameters.extend(digest);
    authorised(0x182, &[pcr], 1, &parameters)
}

/// TPM2_PCR_Read of SHA-256 PCR 0 to 7.
pub fn pcr_read() -> Vec<u8> {
    plain(0x17e, &[0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0, 0])
}

/// TPM2_GetCapability: TPM properties from PT_FIXED.
pub fn get_properties() -> Vec<u8> {
    plain(0x17a, &[0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 64])
}

/// TPM2_Sign of a SHA-256 digest, with the key's own scheme.
pub fn sign(key: u32, digest: [u8; 32], scheme: &[u8]) -> Vec<u8> {
    let mut parameters = sized(&digest);
    parameters.extend(scheme);
    // TPMT_TK_HASHCHECK: TPM_ST_HASHCHECK, TPM_RH_NULL, no digest.
    parameters.extend([0x80, 0x24, 0x40, 0, 0, 7, 0, 0]);
    authorised(0x15d, &[key], 1, &parameters)
}

/// TPMT_PUBLIC of an unrestricted signing key: RSA-2048 with RSASSA or P-256 with ECDSA, SHA-256.
pub fn signing_template(rsa: bool) -> Vec<u8> {
    let mut template = vec![0, if rsa { 1 } else { 0x23 }, 0, 0x0b];
    // fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign.
    template.extend(0x0004_0072u32.to_be_bytes());
    template.extend([0, 0]);
    template.extend([0, 0x10]);
    match rsa {
        true => {
            template.extend([0, 0x14, 0, 0x0b]);
            template.extend([8, 0, 0, 0, 0, 0]);
            template.extend([0, 0]);
        }
        false => {
            template.extend([0, 0x18, 0, 0x0b]);
            template.extend([0, 3, 0, 0x10]);
            template.extend([0, 0, 0, 0]);
        }
    }
    template
}

/// TPMT_PUBLIC of a storage root key: RSA-2048 or P-256, AES-128-CFB, SHA-256.
pub fn storage_template(rsa: bool) -> Vec<u8> {
    let mut template = vec![0, if rsa { 1 } else { 0x23 }, 0, 0x0b];
    // fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
    template.extend(0x0003_0472u32.to_be_bytes());
    template.extend([0, 0]);
    template.extend([0, 6, 0, 0x80, 0, 0x43]);
    template.extend([0, 0x10]);
    match rsa {
        true => template.extend([8, 0, 0, 0, 0, 0, 0, 0]),
        false => template.extend([0, 3, 0, 0x10, 0, 0, 0, 0]),
    }
    template
}

/// The response code.
pub fn code(response: &[u8]) -> u32 {
    word(response, 6)
}

/// The four bytes at `at`: after the response code, a handle.
pub fn word(response: &[u8], at: usize) -> u32 {
    response
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(u32::MAX, u32::from_be_bytes)
}
