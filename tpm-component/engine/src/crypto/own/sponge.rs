//! The sponge of FIPS 202, with RustCrypto's permutation.

use keccak::Keccak;
use zeroize::Zeroize;

/// Takes one block in: its bytes are added to the first ones of the state, and the state is permuted. A lane is eight bytes, the lowest first (§B.1).
pub(in crate::crypto) fn absorb(state: &mut [u8; 200], block: &[u8]) {
    state.iter_mut().zip(block).for_each(|(byte, next)| *byte ^= next);
    let mut lanes = [0; 25];
    for (lane, bytes) in lanes.iter_mut().zip(state.as_chunks().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    Keccak::new().with_f1600(|permute| permute(&mut lanes));
    for (lane, bytes) in lanes.iter().zip(state.as_chunks_mut().0) {
        *bytes = lane.to_le_bytes();
    }
    lanes.zeroize();
}
