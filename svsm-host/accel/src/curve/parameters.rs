//! The constants of the curves (SP 800-186, 3.2.1.3 to 3.2.1.5), and what follows from them alone: how a prime is divided by, and
//! the generator's tables.

use super::point::{Affine, ENTRIES, generator_table};
use crate::montgomery::Limbs;
use alloc::vec::Vec;
use spin::Once;

/// The primes, each of which [`field`](super::field) reduces in its own way.
#[derive(Clone, Copy)]
pub(super) enum Prime {
    /// 2^256 - 2^224 + 2^192 + 2^96 - 1.
    P256,
    /// 2^384 - 2^128 - 2^96 + 2^32 - 1.
    P384,
    /// 2^521 - 1.
    P521,
}

/// A curve y^2 = x^3 - 3 x + b of prime order, over a field of `N` limbs.
pub(super) trait Parameters<const N: usize>: Copy + 'static {
    /// Bytes of a coordinate and of a scalar.
    const SIZE: usize;
    /// Bits of the order.
    const BITS: usize;
    /// Which prime it is.
    const PRIME: Prime;
    /// The prime.
    const P: Limbs<N>;
    /// The order.
    const ORDER: Limbs<N>;
    /// The coefficient b.
    const B: Limbs<N>;
    /// The generator.
    const GENERATOR: [Limbs<N>; 2];
    /// The addition chain to p - 2: each step squares what the last one gave so many times, and multiplies it by the result of that
    /// step, where 0 is what the chain starts with.
    const INVERSION: &'static [(usize, usize)];
    /// The table has a row for one window in so many: as many doublings of five bits, less one, are left to do.
    const SPREAD: usize;

    /// The generator's multiples, as [`generator_table`] says.
    fn table() -> &'static [[Affine<Self, N>; ENTRIES]];
}

/// Hexadecimal digits as limbs.
const fn hex<const N: usize>(digits: &str) -> Limbs<N> {
    let digits = digits.as_bytes();
    let mut out = [0; N];
    let mut i = 0;
    while i < digits.len() {
        let position = 4 * (digits.len() - 1 - i);
        let value = match digits[i] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit => digit - b'a' + 10,
        };
        out[position / 64] |= (value as u64) << (position % 64);
        i += 1;
    }
    out
}

/// NIST P-256. Its table has 26 KiB.
#[derive(Clone, Copy)]
pub(super) struct P256;

impl Parameters<4> for P256 {
    const SIZE: usize = 32;
    const BITS: usize = 256;
    const PRIME: Prime = Prime::P256;
    const P: Limbs<4> = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    const ORDER: Limbs<4> = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    const B: Limbs<4> = hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
    const GENERATOR: [Limbs<4>; 2] = [
        hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
    ];
    // Runs of 2, 3, 6, 12, 15, 30 and 32 ones; then the exponent from above.
    const INVERSION: &'static [(usize, usize)] = &[
        (1, 0),
        (1, 0),
        (3, 2),
        (6, 3),
        (3, 2),
        (15, 5),
        (2, 1),
        (32, 0),
        (128, 7),
        (32, 7),
        (30, 6),
        (2, 0),
    ];
    const SPREAD: usize = 2;

    fn table() -> &'static [[Affine<Self, 4>; ENTRIES]] {
        static TABLE: Once<Vec<[Affine<P256, 4>; ENTRIES]>> = Once::new();
        TABLE.call_once(generator_table)
    }
}

/// NIST P-384. Its table has 30 KiB.
#[derive(Clone, Copy)]
pub(super) struct P384;

impl Parameters<6> for P384 {
    const SIZE: usize = 48;
    const BITS: usize = 384;
    const PRIME: Prime = Prime::P384;
    const P: Limbs<6> =
        hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff");
    const ORDER: Limbs<6> =
        hex("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973");
    const B: Limbs<6> =
        hex("b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef");
    const GENERATOR: [Limbs<6>; 2] = [
        hex("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"),
        hex("3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"),
    ];
    // Runs of 2, 3, 6, 12, 15, 30, 60, 120, 240 and 255 ones; then the exponent below the first zero.
    const INVERSION: &'static [(usize, usize)] = &[
        (1, 0),
        (1, 0),
        (3, 2),
        (6, 3),
        (3, 2),
        (15, 5),
        (30, 6),
        (60, 7),
        (120, 8),
        (15, 5),
        (31, 6),
        (2, 1),
        (94, 6),
        (2, 0),
    ];
    const SPREAD: usize = 4;

    fn table() -> &'static [[Affine<Self, 6>; ENTRIES]] {
        static TABLE: Once<Vec<[Affine<P384, 6>; ENTRIES]>> = Once::new();
        TABLE.call_once(generator_table)
    }
}

/// NIST P-521. Its table has 32 KiB.
#[derive(Clone, Copy)]
pub(super) struct P521;

impl Parameters<9> for P521 {
    const SIZE: usize = 66;
    const BITS: usize = 521;
    const PRIME: Prime = Prime::P521;
    const P: Limbs<9> = hex(concat!(
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    ));
    const ORDER: Limbs<9> = hex(concat!(
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
        "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
    ));
    const B: Limbs<9> = hex(concat!(
        "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f",
        "00"
    ));
    const GENERATOR: [Limbs<9>; 2] = [
        hex(concat!(
            "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd",
            "66"
        )),
        hex(concat!(
            "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16",
            "650"
        )),
    ];
    // Runs of 2, 4, 8, 16, 32, 64, 128, 256, 512, 516, 518 and 519 ones; then a zero and a one.
    const INVERSION: &'static [(usize, usize)] = &[
        (1, 0),
        (2, 1),
        (4, 2),
        (8, 3),
        (16, 4),
        (32, 5),
        (64, 6),
        (128, 7),
        (256, 8),
        (4, 2),
        (2, 1),
        (1, 0),
        (2, 0),
    ];
    const SPREAD: usize = 8;

    fn table() -> &'static [[Affine<Self, 9>; ENTRIES]] {
        static TABLE: Once<Vec<[Affine<P521, 9>; ENTRIES]>> = Once::new();
        TABLE.call_once(generator_table)
    }
}
