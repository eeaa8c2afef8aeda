//! The sizes of this TPM (Part 2 Annex A and the PC Client profile's minima): each number once, for bounds and for GetCapability alike.

use super::TpmiAlgHash;

/// CONTEXT_INTEGRITY_HASH_ALG: the hash of saved contexts, tickets and, since its digest is the longest, of hierarchy authValues.
pub const CONTEXT_HASH: TpmiAlgHash = TpmiAlgHash::Sha512;
/// MAX_RSA_KEY_BYTES: an RSA-4096 modulus.
pub const MAX_RSA_KEY_BYTES: usize = 512;
// The host raises to a power modulo such a modulus, and tests its primes.
const _: () = assert!(MAX_RSA_KEY_BYTES <= tpm_contract::bounds::MAX_MODULUS);
const _: () = assert!(MAX_RSA_PRIVATE_BYTES <= tpm_contract::bounds::MAX_CANDIDATE);
/// RSA_PRIVATE_SIZE: one prime factor, the form in which an RSA private key travels.
pub const MAX_RSA_PRIVATE_BYTES: usize = MAX_RSA_KEY_BYTES / 2;
/// MAX_ECC_KEY_BYTES: a P-521 coordinate.
pub const MAX_ECC_KEY_BYTES: usize = 66;
/// MAX_SYM_KEY_BYTES: an AES-256 key.
pub const MAX_SYM_KEY_BYTES: usize = 32;
/// MAX_SYM_BLOCK_SIZE: an AES block.
pub const MAX_SYM_BLOCK_SIZE: usize = 16;
/// The largest digest: SHA-512.
pub const MAX_DIGEST_SIZE: usize = 64;
/// The largest TPMT_HA.
pub const MAX_HA_SIZE: usize = 2 + MAX_DIGEST_SIZE;
/// HASH_COUNT: implemented hash algorithms.
pub const HASH_COUNT: usize = if cfg!(feature = "sha3") { 7 } else { 4 };
/// LABEL_MAX_BUFFER.
pub const LABEL_MAX_BUFFER: usize = 32;
/// MAX_SYM_DATA: most data that a sealed object holds.
pub const MAX_SYM_DATA: usize = 128;
/// MAX_DIGEST_BUFFER: TPM2B_MAX_BUFFER.
pub const MAX_DIGEST_BUFFER: usize = 1024;
/// TPM2B_EVENT.
pub const MAX_EVENT: usize = 1024;
/// MAX_NV_BUFFER_SIZE: most bytes that one NV command moves.
pub const MAX_NV_BUFFER_SIZE: usize = 1024;
/// MAX_NV_INDEX_SIZE: most bytes of one NV Index.
pub const MAX_NV_INDEX_SIZE: usize = 2048;
/// MAX_CAP_BUFFER.
pub const MAX_CAP_BUFFER: usize = 1024;
/// What of MAX_CAP_BUFFER a list may fill: the rest is TPM_CAP and the count.
const MAX_CAP_DATA: usize = MAX_CAP_BUFFER - 8;
/// MAX_CAP_ALGS.
pub const MAX_CAP_ALGS: usize = 127;
/// MAX_CAP_HANDLES.
pub const MAX_CAP_HANDLES: usize = MAX_CAP_DATA / 4;
/// MAX_CAP_CC.
pub const MAX_CAP_CC: usize = MAX_CAP_DATA / 4;
/// MAX_TPM_PROPERTIES.
pub const MAX_TPM_PROPERTIES: usize = MAX_CAP_DATA / 8;
/// MAX_PCR_PROPERTIES.
pub const MAX_PCR_PROPERTIES: usize = MAX_CAP_DATA / 8;
/// MAX_ECC_CURVES.
pub const MAX_ECC_CURVES: usize = MAX_CAP_DATA / 2;
/// MAX_TAGGED_POLICIES.
pub const MAX_TAGGED_POLICIES: usize = MAX_CAP_DATA / (4 + MAX_HA_SIZE);
/// MAX_ACT_DATA.
pub const MAX_ACT_DATA: usize = MAX_CAP_DATA / 12;
/// MAX_ALG_LIST_SIZE.
pub const MAX_ALG_LIST_SIZE: usize = 64;
/// PRIMARY_SEED_SIZE: bytes of a primary seed.
pub const PRIMARY_SEED_SIZE: usize = 64;
/// PROOF_SIZE: bytes of a hierarchy's proof.
pub const PROOF_SIZE: usize = 64;
/// IMPLEMENTATION_PCR: number of PCR.
pub const PCR_COUNT: usize = 24;
/// PCR_SELECT_MIN and PCR_SELECT_MAX: bytes of a PCR selection.
pub const PCR_SELECT_SIZE: usize = PCR_COUNT / 8;
/// MAX_SESSION_NUM: sessions in one command.
pub const MAX_SESSION_NUM: usize = 3;
/// MAX_HANDLE_NUM: handles in one command.
pub const MAX_HANDLE_NUM: usize = 3;
/// MAX_LOADED_SESSIONS: sessions with their state in the TPM at the same time.
pub const MAX_LOADED_SESSIONS: usize = 8;
/// MAX_ACTIVE_SESSIONS: sessions that exist, loaded or saved.
pub const MAX_ACTIVE_SESSIONS: usize = 64;
/// MAX_LOADED_OBJECTS: transient objects.
pub const MAX_LOADED_OBJECTS: usize = 8;
/// MIN_EVICT_OBJECTS, and here also the most persistent objects.
pub const MAX_PERSISTENT_OBJECTS: usize = 64;
/// Most NV indices. With the persistent objects, few enough for TPM2_Clear to remove all of them in one commit.
pub const MAX_NV_INDICES: usize = 128;
/// Most bytes of data in all NV indices together: 64 of the largest. Few enough for one commit to carry all of them (TPM2_NV_GlobalWriteLock).
pub const MAX_NV_TOTAL: usize = 64 * MAX_NV_INDEX_SIZE;
/// ORDERLY_BITS: low bits of an orderly counter that only an orderly shutdown keeps.
pub const ORDERLY_BITS: u32 = 8;
/// Bytes of the largest TPMS_CONTEXT_DATA: a saved object with its two integrity values.
pub const MAX_CONTEXT_DATA: usize = 2048;
/// Bytes of the largest TPM2B_PRIVATE: two integrity values, an IV and a TPMT_SENSITIVE.
pub const MAX_PRIVATE: usize = 1024;
/// Bytes of the largest TPMS_ATTEST: the contents of an NV index, with two Names, the qualifying data and the clock.
pub const MAX_ATTEST: usize = MAX_NV_BUFFER_SIZE + 256;
