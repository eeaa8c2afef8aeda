//! Montgomery arithmetic over a fixed number of 64-bit limbs.
//!
//! Sees only operands that [`modular`](crate::modular) has checked. Everything here takes time that depends on the limb count and on
//! public lengths alone: carries are arithmetic, selections are masks, table entries are found by reading the whole table.
//!
//! Limb counts are compile-time constants, so that loops unroll and values live on the stack; a modulus of any size goes into the next
//! larger count, because leading zero limbs do not disturb Montgomery's method (HAC 14.32, 14.36). Squaring has its own routine:
//! an exponentiation is four fifths squarings.

use alloc::vec::Vec;
use core::hint::black_box;
use zeroize::{Zeroize, Zeroizing};

/// Longest exponent, in bytes, that is taken for a public one.
const PUBLIC_EXPONENT: usize = 4;

/// An integer of `N` limbs, least significant first.
pub(crate) type Limbs<const N: usize> = [u64; N];

/// Big-endian bytes as limbs; the caller has checked that they fit.
pub(crate) fn from_be<const N: usize>(bytes: &[u8]) -> Limbs<N> {
    let mut out = [0u64; N];
    for (limb, chunk) in out.iter_mut().zip(bytes.rchunks(8)) {
        *limb = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    out
}

/// Limbs as `length` big-endian bytes; what does not fit is known to be zero.
pub(crate) fn to_be<const N: usize>(value: &Limbs<N>, length: usize) -> Vec<u8> {
    let mut out = alloc::vec![0; length];
    for (chunk, limb) in out.rchunks_mut(8).zip(value) {
        let bytes = limb.to_be_bytes();
        chunk.copy_from_slice(&bytes[8 - chunk.len()..]);
    }
    out
}

/// All ones when `a == b`, all zeros otherwise.
pub(crate) fn equal_mask(a: u64, b: u64) -> u64 {
    let difference = a ^ b;
    let nonzero = (difference | difference.wrapping_neg()) >> 63;
    black_box(nonzero).wrapping_sub(1)
}

/// True when both numbers are the same.
pub(crate) fn equal<const N: usize>(a: &Limbs<N>, b: &Limbs<N>) -> bool {
    a.iter().zip(b).fold(0, |bits, (x, y)| bits | (x ^ y)) == 0
}

/// True when `a < b`.
pub(crate) fn less<const N: usize>(a: &Limbs<N>, b: &Limbs<N>) -> bool {
    subtract(a, b).1 != 0
}

/// `a - b` and the borrow (0 or 1).
pub(crate) fn subtract<const N: usize>(a: &Limbs<N>, b: &Limbs<N>) -> (Limbs<N>, u64) {
    let mut out = [0; N];
    let mut borrow = false;
    for i in 0..N {
        (out[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    (out, u64::from(borrow))
}

/// `x + a * b + carry`, which fits in two words, as (low, high).
#[inline(always)]
fn multiply_accumulate(x: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(x) + u128::from(a) * u128::from(b) + u128::from(carry);
    (sum as u64, (sum >> 64) as u64)
}

/// A modulus and what Montgomery's method needs of it.
pub(crate) struct Modulus<const N: usize> {
    n: Limbs<N>,
    /// -1 / n mod 2^64.
    inverse: u64,
    /// R mod n, with R = 2^(64 N): the number 1 in Montgomery form.
    one: Limbs<N>,
    /// R^2 mod n.
    square: Limbs<N>,
}

impl<const N: usize> Drop for Modulus<N> {
    fn drop(&mut self) {
        self.n.zeroize();
        self.one.zeroize();
        self.square.zeroize();
    }
}

impl<const N: usize> Modulus<N> {
    /// For an odd `n` greater than 1. The bit length of `n` shows in the time.
    pub(crate) fn new(n: Limbs<N>) -> Self {
        // Newton: each step doubles the number of correct bits of 1 / n; n itself is correct to three.
        let mut inverse = n[0];
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(n[0].wrapping_mul(inverse)));
        }
        let mut modulus = Self {
            n,
            inverse: inverse.wrapping_neg(),
            one: [0; N],
            square: [0; N],
        };
        // 2^(bits - 1) is below n; doubling it reaches R mod n, and N doublings more reach 2^N in Montgomery form. Six squarings take that
        // to 2^(64 N), whose Montgomery form is R^2.
        let zeros = leading_zeros(&n);
        let top = 64 * N - 1 - zeros;
        let mut value = [0; N];
        value[top / 64] = 1 << (top % 64);
        for _ in 0..=zeros {
            value = modulus.double(&value);
        }
        modulus.one = value;
        for _ in 0..N {
            value = modulus.double(&value);
        }
        for _ in 0..6 {
            value = modulus.square(&value);
        }
        modulus.square = value;
        modulus
    }

    /// 1 in Montgomery form.
    pub(crate) fn one(&self) -> Limbs<N> {
        self.one
    }

    /// The Montgomery form of a number below the modulus.
    pub(crate) fn enter(&self, value: &Limbs<N>) -> Limbs<N> {
        self.multiply(value, &self.square)
    }

    /// The number whose Montgomery form this is.
    pub(crate) fn leave(&self, value: &Limbs<N>) -> Limbs<N> {
        let mut wide = [[0; N]; 2];
        wide[0] = *value;
        self.reduce(&mut wide)
    }

    /// -value mod n, for a value other than zero.
    pub(crate) fn negate(&self, value: &Limbs<N>) -> Limbs<N> {
        subtract(&self.n, value).0
    }

    /// 2 * value mod n.
    fn double(&self, value: &Limbs<N>) -> Limbs<N> {
        let mut out = [0; N];
        let mut carry = 0;
        for i in 0..N {
            out[i] = value[i] << 1 | carry;
            carry = value[i] >> 63;
        }
        self.reduce_once(&out, carry)
    }

    /// `high * 2^(64 N) + value`, known to be below 2 n, mod n.
    fn reduce_once(&self, value: &Limbs<N>, high: u64) -> Limbs<N> {
        let (reduced, borrow) = subtract(value, &self.n);
        // Keep the unreduced value only when the subtraction went below zero.
        let keep = equal_mask(borrow.wrapping_sub(high), 1);
        let mut out = [0; N];
        for i in 0..N {
            out[i] = reduced[i] ^ (keep & (reduced[i] ^ value[i]));
        }
        out
    }

    /// a * b / R mod n.
    pub(crate) fn multiply(&self, a: &Limbs<N>, b: &Limbs<N>) -> Limbs<N> {
        let mut wide = [[0; N]; 2];
        let t = wide.as_flattened_mut();
        for i in 0..N {
            let mut carry = 0;
            for (x, y) in t[i..i + N].iter_mut().zip(b) {
                (*x, carry) = multiply_accumulate(*x, a[i], *y, carry);
            }
            t[i + N] = carry;
        }
        self.reduce(&mut wide)
    }

    /// a^2 / R mod n.
    pub(crate) fn square(&self, a: &Limbs<N>) -> Limbs<N> {
        let mut wide = [[0; N]; 2];
        let t = wide.as_flattened_mut();
        // The products of different limbs, each once ...
        for i in 0..N {
            let mut carry = 0;
            for (x, y) in t[2 * i + 1..i + N].iter_mut().zip(&a[i + 1..]) {
                (*x, carry) = multiply_accumulate(*x, a[i], *y, carry);
            }
            t[i + N] = carry;
        }
        // ... twice, and the squares of the limbs.
        let mut shifted = 0;
        let mut carry = false;
        for i in 0..N {
            let square = u128::from(a[i]) * u128::from(a[i]);
            let (low, high) = (t[2 * i], t[2 * i + 1]);
            (t[2 * i], carry) = (low << 1 | shifted).carrying_add(square as u64, carry);
            (t[2 * i + 1], carry) = (high << 1 | low >> 63).carrying_add((square >> 64) as u64, carry);
            shifted = high >> 63;
        }
        self.reduce(&mut wide)
    }

    /// wide / R mod n (HAC 14.32). `wide` is below n * R and is used up.
    fn reduce(&self, wide: &mut [Limbs<N>; 2]) -> Limbs<N> {
        let t = wide.as_flattened_mut();
        let mut over = false;
        for i in 0..N {
            let factor = t[i].wrapping_mul(self.inverse);
            let mut carry = 0;
            for (x, y) in t[i..i + N].iter_mut().zip(&self.n) {
                (*x, carry) = multiply_accumulate(*x, factor, *y, carry);
            }
            (t[i + N], over) = t[i + N].carrying_add(carry, over);
        }
        self.reduce_once(&wide[1], u64::from(over))
    }

    /// base ^ exponent in Montgomery form; the exponent is big-endian. Only its length is public, but for exponents of at most four bytes: those are
    /// public keys', since no private one is that short.
    pub(crate) fn power(&self, base: &Limbs<N>, exponent: &[u8]) -> Limbs<N> {
        let width = match exponent.len() {
            0..=PUBLIC_EXPONENT => return self.public_power(base, exponent),
            5..=32 => 4,
            _ => 5,
        };
        let mut table: Zeroizing<Vec<Limbs<N>>> = Zeroizing::new(Vec::with_capacity(1 << width));
        table.push(self.one);
        table.push(*base);
        for i in 2..1usize << width {
            let next = if i % 2 == 0 {
                self.square(&table[i / 2])
            } else {
                self.multiply(&table[i - 1], base)
            };
            table.push(next);
        }
        let windows = (exponent.len() * 8).div_ceil(width);
        let mut result = self.one;
        for window in (0..windows).rev() {
            if window + 1 != windows {
                for _ in 0..width {
                    result = self.square(&result);
                }
            }
            let mut factor = select(&table, bits_at(exponent, window * width, width));
            result = if window + 1 == windows {
                factor
            } else {
                self.multiply(&result, &factor)
            };
            factor.zeroize();
        }
        result
    }

    /// The same for an exponent that everybody knows, bit by bit from its highest one.
    fn public_power(&self, base: &Limbs<N>, exponent: &[u8]) -> Limbs<N> {
        let exponent = exponent.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        if exponent == 0 {
            return self.one;
        }
        let mut result = *base;
        for position in (0..exponent.ilog2()).rev() {
            result = self.square(&result);
            if exponent >> position & 1 == 1 {
                result = self.multiply(&result, base);
            }
        }
        result
    }

    /// 2 ^ exponent in Montgomery form, as [`Self::power`] but without multiplications: a doubling costs a tenth of one.
    pub(crate) fn power_of_two(&self, exponent: &[u8]) -> Limbs<N> {
        let mut result = self.one;
        for position in (0..exponent.len() * 8).rev() {
            result = self.square(&result);
            let doubled = self.double(&result);
            let mask = equal_mask(bits_at(exponent, position, 1), 1);
            for (to, from) in result.iter_mut().zip(&doubled) {
                *to ^= mask & (*to ^ from);
            }
        }
        result
    }
}

/// Zero bits above the highest one; all of them for zero.
fn leading_zeros<const N: usize>(value: &Limbs<N>) -> usize {
    let mut zeros = 0;
    for limb in value.iter().rev() {
        zeros += limb.leading_zeros() as usize;
        if *limb != 0 {
            break;
        }
    }
    zeros
}

/// `width` bits of a big-endian number, from bit `position` (0 is the least significant) upwards.
pub(crate) fn bits_at(number: &[u8], position: usize, width: usize) -> u64 {
    let mut word = 0;
    for (shift, index) in [(0, position / 8), (8, position / 8 + 1)] {
        if index < number.len() {
            word |= u64::from(number[number.len() - 1 - index]) << shift;
        }
    }
    (word >> (position % 8)) & ((1 << width) - 1)
}

/// The table's entry at a secret index.
fn select<const N: usize>(table: &[Limbs<N>], index: u64) -> Limbs<N> {
    let mut out = [0; N];
    for (i, entry) in table.iter().enumerate() {
        let mask = equal_mask(i as u64, index);
        for (to, from) in out.iter_mut().zip(entry) {
            *to |= from & mask;
        }
    }
    out
}
