//! AES modes against published vectors, and operands that are refused.

use super::*;
use alloc::{vec, vec::Vec};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hex")
}

// SP 800-38A, appendix F: keys, plaintext, IV and counter common to all examples.
const KEY128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
const KEY256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const PLAIN: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const COUNTER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

#[test]
fn aes_sp800_38a_examples_work_both_ways() {
    use CipherMode::*;
    for (mode, key, iv, cipher) in [
        (
            Ecb,
            KEY128,
            "",
            "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
        ),
        (
            Cbc,
            KEY128,
            IV,
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
        ),
        (
            Cfb,
            KEY128,
            IV,
            "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
        ),
        (
            Cfb,
            KEY192,
            IV,
            "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff",
        ),
        (
            Cfb,
            KEY256,
            IV,
            "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407bdf10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
        ),
        (
            Ofb,
            KEY128,
            IV,
            "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e",
        ),
        (
            Ctr,
            KEY128,
            COUNTER,
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        ),
    ] {
        let (key, iv, plain, cipher) = (bytes(key), bytes(iv), bytes(PLAIN), bytes(cipher));
        assert_eq!(
            aes(mode, Direction::Encrypt, &key, &iv, &plain),
            Ok(cipher.clone()),
            "{mode:?} encrypt"
        );
        assert_eq!(
            aes(mode, Direction::Decrypt, &key, &iv, &cipher),
            Ok(plain.clone()),
            "{mode:?} decrypt"
        );
        if matches!(mode, Cfb | Ofb | Ctr) {
            // A short last segment is the truncation of the whole one.
            for length in [0, 1, 17, 63] {
                let short = aes(mode, Direction::Encrypt, &key, &iv, &plain[..length]);
                assert_eq!(short, Ok(cipher[..length].to_vec()), "{mode:?}, {length} bytes");
                let back = aes(mode, Direction::Decrypt, &key, &iv, &cipher[..length]);
                assert_eq!(back, Ok(plain[..length].to_vec()), "{mode:?}, {length} bytes back");
            }
        }
    }
}

#[test]
fn aes_counter_wraps_as_a_128_bit_integer() {
    // The key stream of counter 2^128 - 1, 0, 1 is those blocks in ECB.
    let key = bytes(KEY128);
    let mut counters = vec![0xff; 16];
    counters.extend([0; 16]);
    counters.extend([0; 15]);
    counters.push(1);
    let stream = aes(CipherMode::Ctr, Direction::Encrypt, &key, &[0xff; 16], &[0; 48]);
    assert_eq!(stream, aes(CipherMode::Ecb, Direction::Encrypt, &key, &[], &counters));
}

#[test]
fn aes_bad_operands_are_refused() {
    let bad = Err(Refusal::BadOperand);
    let run = |mode, key: &[u8], iv: &[u8], data: &[u8]| aes(mode, Direction::Encrypt, key, iv, data);
    assert_eq!(run(CipherMode::Cfb, &[0; 15], &[0; 16], &[]), bad, "key size");
    assert_eq!(run(CipherMode::Cfb, &[0; 16], &[], &[]), bad, "no IV");
    assert_eq!(run(CipherMode::Cfb, &[0; 16], &[0; 15], &[]), bad, "short IV");
    assert_eq!(run(CipherMode::Ecb, &[0; 16], &[0; 16], &[]), bad, "IV for ECB");
    assert_eq!(run(CipherMode::Ecb, &[0; 16], &[], &[0; 15]), bad, "partial block, ECB");
    assert_eq!(
        run(CipherMode::Cbc, &[0; 16], &[0; 16], &[0; 17]),
        bad,
        "partial block, CBC"
    );
    assert_eq!(
        run(CipherMode::Ctr, &[0; 16], &[0; 16], &vec![0; 65_537]),
        bad,
        "too long"
    );
}
