//! GUIDs of the certificate table, in the mixed-endian byte order in which they travel (GHCB specification §4.1.8.1).

/// A GUID's bytes: the first three fields little-endian, the rest as written.
pub const fn mixed_endian(first: u32, second: u16, third: u16, rest: u64) -> [u8; 16] {
    let (a, b, c, d) = (
        first.to_le_bytes(),
        second.to_le_bytes(),
        third.to_le_bytes(),
        rest.to_be_bytes(),
    );
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7],
    ]
}

/// The certificate of the chip's own signing key.
pub const VCEK_GUID: [u8; 16] = mixed_endian(0x63da_758d, 0xe664, 0x4564, 0xadc5_f4b9_3be8_accd);
/// The certificate of the cloud provider's signing key.
pub const VLEK_GUID: [u8; 16] = mixed_endian(0xa807_4bc2, 0xa25a, 0x483e, 0xaae6_39c0_45a0_b8a1);
/// The intermediate.
pub const ASK_GUID: [u8; 16] = mixed_endian(0x4ab7_b379, 0xbbac, 0x4fe4, 0xa02f_05ae_f327_c782);
/// The root.
pub const ARK_GUID: [u8; 16] = mixed_endian(0xc0b4_06a4, 0xa803, 0x4952, 0x9743_3fb6_014c_d0ae);
