//! KDFa and KDFe (Part 1 §11.4.10), the two functions from which every session key, protection key and seed of the TPM comes, and KDF2, with
//! which TPM2_ECC_Encrypt hides a message.
//!
//! Keys are secret, and so are the results, which are wiped when dropped; labels and contexts may be anybody's.

use crate::wipe::Wiped;
use alloc::vec::Vec;
use tpm_contract::Arithmetic;

use super::{hash::hash, hmac::hmac};
use crate::structures::TpmiAlgHash;

/// KDFa, SP 800-108 in counter mode: `bits` bits, in the fewest bytes. The label is given without the zero byte that ends it.
pub fn kdf_a(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    key: &[u8],
    label: &[u8],
    context_u: &[u8],
    context_v: &[u8],
    bits: usize,
) -> Wiped<Vec<u8>> {
    let length = u32::try_from(bits).unwrap_or(u32::MAX);
    let mut out = kdf_a_stream(host, alg, key, label, context_u, context_v, length, bits.div_ceil(8));
    mask_first(&mut out, bits);
    out
}

/// The first `bytes` bytes of the stream that KDFa gives when asked for `length` bits, which go into every block of it.
#[expect(clippy::too_many_arguments, reason = "the parameters of KDFa and the amount")]
pub fn kdf_a_stream(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    key: &[u8],
    label: &[u8],
    context_u: &[u8],
    context_v: &[u8],
    length: u32,
    bytes: usize,
) -> Wiped<Vec<u8>> {
    let mut out = Wiped::new(Vec::with_capacity(bytes.next_multiple_of(alg.digest_size())));
    // The counter in front is all in which the messages differ.
    let mut message = Wiped::new(Vec::with_capacity(
        4 + label.len() + 1 + context_u.len() + context_v.len() + 4,
    ));
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(label);
    message.push(0);
    message.extend_from_slice(context_u);
    message.extend_from_slice(context_v);
    message.extend_from_slice(&length.to_be_bytes());
    let mut counter = 1u32;
    while out.len() < bytes {
        message[..4].copy_from_slice(&counter.to_be_bytes());
        out.extend_from_slice(hmac(host, alg, key, &[&message]).as_bytes());
        counter = counter.wrapping_add(1);
    }
    out.truncate(bytes);
    out
}

/// KDFe, the one-step function of SP 800-56A: `bits` bits, in the fewest bytes. The label is given without the zero byte that ends it.
pub fn kdf_e(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    z: &[u8],
    label: &[u8],
    party_u: &[u8],
    party_v: &[u8],
    bits: usize,
) -> Wiped<Vec<u8>> {
    let bytes = bits.div_ceil(8);
    let mut out = Wiped::new(Vec::with_capacity(bytes.next_multiple_of(alg.digest_size())));
    let mut counter = 1u32;
    while out.len() < bytes {
        let block = hash(host, alg, &[&counter.to_be_bytes(), z, label, &[0], party_u, party_v]);
        out.extend_from_slice(block.as_bytes());
        counter = counter.wrapping_add(1);
    }
    out.truncate(bytes);
    mask_first(&mut out, bits);
    out
}

/// KDF2 of IEEE 1363a and ISO 18033-2: so many bytes from a shared secret.
pub fn kdf_2(host: &mut dyn Arithmetic, alg: TpmiAlgHash, z: &[u8], bytes: usize) -> Wiped<Vec<u8>> {
    let mut out = Wiped::new(Vec::with_capacity(bytes.next_multiple_of(alg.digest_size())));
    let mut counter = 1u32;
    while out.len() < bytes {
        out.extend_from_slice(hash(host, alg, &[z, &counter.to_be_bytes()]).as_bytes());
        counter = counter.wrapping_add(1);
    }
    out.truncate(bytes);
    out
}

/// Clears what the first byte has above `bits` bits.
fn mask_first(bytes: &mut [u8], bits: usize) {
    if let (Some(first), over @ 1..) = (bytes.first_mut(), bits % 8) {
        *first &= 0xff >> (8 - over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{bytes, seq, three_ways};
    use TpmiAlgHash::{Sha1, Sha256, Sha384, Sha512};

    #[test]
    fn kdf_a_tcg_vectors_match() {
        // facts/tpm/vectors.md §1, also in the TCG reference's KDF test data.
        let key = bytes("271fa08bbdc5060ec3dfa928ff9b73123a12da0c");
        let (u, v) = (bytes("ce244f395dca7391"), bytes("da504031ddf12e83"));
        three_ways(|host| {
            for (alg, expected) in [
                (Sha1, "55b5a7184aa07423c47dae766c26a2377d7cf851"),
                (Sha256, "bb0259e1c8ba607e6a2cd704b69a902e9ade84c4"),
                (Sha384, "1dce70c9113eb2dba47bd9cfc72bf46f45b09312"),
                (Sha512, "8be2c1b85b78569b9fa759f5857c56d684810fd3"),
            ] {
                assert_eq!(
                    *kdf_a(host, alg, &key, b"KDFSELFTESTLABEL", &u, &v, 160),
                    bytes(expected),
                    "{alg:?}"
                );
            }
        });
    }

    /// Hash, label, U, V, bits, result.
    type Case<'a> = (TpmiAlgHash, &'a [u8], &'a [u8], &'a [u8], usize, &'a str);

    #[test]
    fn kdf_a_labels_and_lengths_match() {
        // facts/tpm/vectors.md §1, second table: key seq(32, 0x10), U seq(16, 0x40), V seq(16, 0x60) where not empty.
        let (key, u, v) = (seq(32, 0x10), seq(16, 0x40), seq(16, 0x60));
        let cases: [Case<'_>; 7] = [
            (
                Sha256,
                b"ATH",
                &u,
                &v,
                256,
                "d9b0e4492f65f873a743382f9fdd00aa2eaf15dd7254ddd4eea3c94d13b54179",
            ),
            (Sha1, b"ATH", &u, &v, 160, "1d6998009e36f47310fcaa74d34b697725d1ea6c"),
            (
                Sha384,
                b"ATH",
                &u,
                &v,
                384,
                "b65bb34b04e600d29a9f37f1b0abcdc6688eba00cc3427c47d9add7b040f84bcd3d6cae8c8e22d15914c53c2ecf1b2b7",
            ),
            (
                Sha256,
                b"CFB",
                &u,
                &v,
                384,
                "b33c5e1900d9280b448a635e393117375d5b0abcf96db7e0c9c4364accb3419f96f3748e0af07adbb55b254f80b4e599",
            ),
            (Sha256, b"STORAGE", &u, &[], 128, "2b0d2bcec825061595d155200d244bf3"),
            (
                Sha256,
                b"INTEGRITY",
                &[],
                &[],
                256,
                "51557b6c48630759f6326ef3bca945a29073d5bda94ef2f9967d2c70491618e7",
            ),
            (
                Sha256,
                b"STORAGE",
                &u,
                &v,
                521,
                "0133fda2de02c529e9f114a0ffa43c452fd71fb980b6e5fec540b9a2912036f35d4b5345725f370b0d13e27485680cd8d0e8b9415ddd8985f36ce35b2fdeb7ef93cb",
            ),
        ];
        three_ways(|host| {
            for (alg, label, u, v, bits, expected) in cases {
                assert_eq!(
                    *kdf_a(host, alg, &key, label, u, v, bits),
                    bytes(expected),
                    "{alg:?} {bits}"
                );
            }
        });
    }

    #[test]
    fn kdf_a_stream_matches_the_derivation_vector() {
        // facts/tpm/vectors.md §9: length 8192 bits in every block, first 96 bytes.
        three_ways(|host| {
            let stream = kdf_a_stream(host, Sha256, &seq(32, 0x10), b"label", b"context", b"", 8192, 96);
            assert_eq!(
                stream[..32],
                bytes("15df43b08bd895c51db5213c037d53ed34c73469af636d1ed1ef08d888a511f2")
            );
            assert_eq!(
                stream[64..],
                bytes("e0589fc193f43b5535e8cb46d783067394feac4cc38b0ace9be8a8f027cd4030")
            );
        });
    }

    #[test]
    fn kdf_2_vectors_match() {
        // ISO/IEC 18033-2 C.6 for SHA-1; the same secret with SHA-256 from Bouncy Castle's and Android's tests of KDF2.
        let z = bytes(concat!(
            "032e45326fa859a72ec235acff929b15d1372e30b207255f0611b8f785d76437",
            "4152e0ac009e509e7ba30cd2f1778e113b64e135cf4e2292c75efe5288edfda4"
        ));
        let sha1 = bytes(concat!(
            "0e6a26eb7b956ccb8b3bdc1ca975bc57c3989e8fbad31a224655d800c46954840ff32052cdf0d640562bdfadfa263cfc",
            "cf3c52b29f2af4a1869959bc77f854cf15bd7a25192985a842dbff8e13efee5b7e7e55bbe4d389647c686a9a9ab3fb88",
            "9b2d7767d3837eea4e0a2f04b53ca8f50fb31225c1be2d0126c8c7a4753b0807"
        ));
        let sha256 = bytes(concat!(
            "10a2403db42a8743cb989de86e668d168cbe6046e23ff26f741e87949a3bba1311ac179f819a3d18412e9eb45668f292",
            "3c087c1299005f8d5fd42ca257bc93e8fee0c5a0d2a8aa70185401fbbd99379ec76c663e9a29d0b70f3fe261a59cdc24",
            "875a60b4aacb1319fa11c3365a8b79a44669f26fba933d012db213d7e3b16349"
        ));
        three_ways(|host| {
            assert_eq!(*kdf_2(host, Sha1, &z, 128), sha1);
            assert_eq!(*kdf_2(host, Sha256, &z, 128), sha256);
            assert_eq!(*kdf_2(host, Sha256, &z, 33), sha256[..33]);
        });
    }

    #[test]
    fn kdf_e_vectors_match() {
        // facts/tpm/vectors.md §2.
        let (z, u, v) = (seq(32, 0x01), seq(32, 0x21), seq(32, 0x41));
        let cases: [(_, &[u8], usize, &str); 5] = [
            (
                Sha256,
                b"SECRET",
                256,
                "a453cbf2860fca27cad99bef366d0cbe1c578c67026b67d254a64b4a26c1c2a6",
            ),
            (
                Sha256,
                b"DUPLICATE",
                256,
                "3735c73b3fadb11dee21b588606051836bb79f9052be19f8379f594ec89e7762",
            ),
            (
                Sha384,
                b"IDENTITY",
                384,
                "bd878f4b93b1238d6229626d9590f804fcf8b6a8e6b428a64a4ad7576e8ee314e8c873ccb708d16b27a7a83bf4c1d86b",
            ),
            (Sha1, b"SECRET", 160, "c82970faa1c5a622e952475d7ee410a05297b474"),
            (
                Sha256,
                b"IDENTITY",
                384,
                "58948537823a3b1d371d5d4198d7c64150baa598eceab80040eeb004aacdbd06309eeb572d7c6c2f06f0bb3c86eadfb1",
            ),
        ];
        three_ways(|host| {
            for (alg, label, bits, expected) in cases {
                assert_eq!(
                    *kdf_e(host, alg, &z, label, &u, &v, bits),
                    bytes(expected),
                    "{alg:?} {bits}"
                );
            }
        });
    }
}
