//! The secrets page that the security processor puts into the guest at launch (SNP firmware ABI 56860, table 74).

use super::{address::PAGE_SIZE, field, guest_message::Vmpck};

/// A secrets page of version 3: CPU signature, the four keys, the TSC factor; everything else is zero as the processor delivers it.
pub fn build(signature: u32, keys: &[Vmpck; 4], tsc_factor: u32) -> [u8; PAGE_SIZE as usize] {
    let mut page = [0; PAGE_SIZE as usize];
    field::write(&mut page, 0x000, &3u32.to_le_bytes());
    field::write(&mut page, 0x008, &signature.to_le_bytes());
    for (key, offset) in keys.iter().zip((0x020..).step_by(32)) {
        field::write(&mut page, offset, key);
    }
    field::write(&mut page, 0x160, &tsc_factor.to_le_bytes());
    page
}
