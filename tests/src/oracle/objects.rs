//! Objects as every test of them needs them: their public areas, and the commands that make, move and drop one. All of these must succeed.

use super::{Answer, Cmd, Tpm, sha256, sized};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const NO_SCHEME: u16 = 0x10;

/// A TPMT_PUBLIC with SHA-256 as nameAlg; parameters and unique are in hexadecimal.
///
/// # Panics
/// When they are not.
pub fn public_area(kind: u16, attributes: u32, policy: &[u8], rest: &str) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 0x0B]);
    bytes.extend(attributes.to_be_bytes());
    bytes.extend(sized(policy));
    bytes.extend(hex::decode(rest).expect("hexadecimal"));
    bytes
}

/// Takes a TPM2B off the front, and says its contents.
///
/// # Panics
/// When there is none.
pub fn take<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let (size, rest) = bytes.split_at(2);
    let (taken, rest) = rest.split_at(usize::from(u16::from_be_bytes([size[0], size[1]])));
    *bytes = rest;
    taken
}

/// The contents of the TPM2Bs at the front, and what follows them.
///
/// # Panics
/// When there are fewer.
pub fn split<const N: usize>(mut bytes: &[u8]) -> ([Vec<u8>; N], &[u8]) {
    let all = std::array::from_fn(|_| take(&mut bytes).to_vec());
    (all, bytes)
}

/// Sends a command, and says the response.
///
/// # Panics
/// When the response is an error.
pub fn succeed(tpm: &mut dyn Tpm, command: &Cmd) -> Answer {
    let answer = Answer::new(tpm.send(&command.to_bytes()));
    assert_eq!(
        format!("{:#x}", answer.code()),
        "0x0",
        "{}",
        hex::encode(command.to_bytes())
    );
    answer
}

/// TPM2_FlushContext.
pub fn flush(tpm: &mut dyn Tpm, handle: u32) {
    succeed(tpm, &Cmd::new(0x165).u32(handle));
}

/// TPM2_CreatePrimary in the owner's hierarchy, without an authValue.
pub fn create_primary(template: &[u8]) -> Cmd {
    Cmd::new(0x131)
        .handle(OWNER)
        .password(b"")
        .sized(&[0; 4])
        .sized(template)
        .sized(&[])
        .u32(0)
}

/// The same sent: handle and TPMT_PUBLIC.
pub fn primary(tpm: &mut dyn Tpm, template: &[u8]) -> (u32, Vec<u8>) {
    let answer = succeed(tpm, &create_primary(template));
    let ([public], _) = split(answer.parameters(true));
    (answer.handle(), public)
}

/// PolicyCommandCode(TPM2_Duplicate), from zeros (Part 3 §23.11).
pub fn duplication_policy() -> Vec<u8> {
    sha256(&[&[0; 32], &[0, 0, 1, 0x6C], &[0, 0, 1, 0x4B]])
}

/// TPM2_Duplicate to `parent`, without an inner wrapper, of an object with that policy: what comes back.
pub fn duplicate(tpm: &mut dyn Tpm, object: u32, parent: u32) -> [Vec<u8>; 3] {
    let start = Cmd::new(0x176).handle(NULL).handle(NULL).sized(&[7; 16]).sized(&[]);
    let session = succeed(tpm, &start.u8(1).u16(NO_SCHEME).u16(0x0B)).handle();
    succeed(tpm, &Cmd::new(0x16C).handle(session).u32(0x14B));
    let command = Cmd::new(0x14B)
        .handle(object)
        .handle(parent)
        .session(session, &[], 0, &[]);
    split(succeed(tpm, &command.sized(&[]).u16(NO_SCHEME)).parameters(false)).0
}

/// TPM2_Import under `parent`, and TPM2_Load: the handle.
pub fn import(tpm: &mut dyn Tpm, parent: u32, public: &[u8], [_, blob, seed]: &[Vec<u8>; 3]) -> u32 {
    let import = Cmd::new(0x156).handle(parent).password(b"").sized(&[]).sized(public);
    let answer = succeed(tpm, &import.sized(blob).sized(seed).u16(NO_SCHEME));
    let ([private], _) = split(answer.parameters(false));
    let load = Cmd::new(0x157).handle(parent).password(b"").sized(&private);
    succeed(tpm, &load.sized(public)).handle()
}
