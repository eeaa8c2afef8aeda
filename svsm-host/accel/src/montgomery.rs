//! Montgomery arithmetic over a fixed number of 64-bit limbs.
//!
//! Sees only operands that [`modular`](crate::modular) and [`rsa`](crate::rsa) have checked. Everything here takes time that depends on the
//! limb count and on public lengths alone: carries are arithmetic, selections are masks, table entries are found by reading the whole table.
//!
//! Limb counts are compile-time constants, so that loops unroll and values live on the stack; a modulus of any size goes into the next
//! larger count, because leading zero limbs do not disturb Montgomery's method (HAC 14.32, 14.36). Squaring has its own routine:
//! an exponentiation is four fifths squarings. Products and reductions go in blocks of four limbs, which the compiler turns into
//! better code than rows of one: an exponentiation with 1024 bits takes 0.78 of the time, one with 2048 or 3072 bits 0.62.

use alloc::vec::Vec;
use core::hint::black_box;
use tpm_contract::bounds;
use zeroize::{Zeroize, Zeroizing};

/// Bits of the widest window of an exponent.
const WIDEST: usize = 5;
/// Most heap that a power takes, in bytes: the base's powers for one window, modulo the longest modulus.
pub(crate) const POWER_BYTES: usize = bounds::MAX_MODULUS << WIDEST;
/// Longest exponent, in bytes, that is taken for a public one.
const PUBLIC_EXPONENT: usize = 4;

/// An integer of `N` limbs, least significant first.
pub(crate) type Limbs<const N: usize> = [u64; N];

/// Big-endian bytes as limbs; the caller has checked that they fit.
pub(crate) fn from_be<const N: usize>(bytes: &[u8]) -> Limbs<N> {
    let mut out = [0u64; N];
    read_be(&mut out, bytes);
    out
}

/// The same with twice the limbs, the lower half first.
pub(crate) fn from_be_wide<const N: usize>(bytes: &[u8]) -> [Limbs<N>; 2] {
    let mut out = [[0; N]; 2];
    read_be(out.as_flattened_mut(), bytes);
    out
}

fn read_be(out: &mut [u64], bytes: &[u8]) {
    for (limb, chunk) in out.iter_mut().zip(bytes.rchunks(8)) {
        *limb = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
}

/// Limbs as `length` big-endian bytes; what does not fit is known to be zero.
pub(crate) fn to_be(value: &[u64], length: usize) -> Vec<u8> {
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

/// True when `a < b`, both with the lower half first.
pub(crate) fn less_wide<const N: usize>([a_low, a_high]: &[Limbs<N>; 2], [b_low, b_high]: &[Limbs<N>; 2]) -> bool {
    less(a_high, b_high) | (equal(a_high, b_high) & less(a_low, b_low))
}

/// `a + b` and the carry (0 or 1).
pub(crate) fn add<const N: usize>(a: &Limbs<N>, b: &Limbs<N>) -> (Limbs<N>, u64) {
    let mut out = [0; N];
    let mut carry = false;
    for i in 0..N {
        (out[i], carry) = a[i].carrying_add(b[i], carry);
    }
    (out, u64::from(carry))
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

/// Limbs that are multiplied by another number in one pass over it; every limb count is a multiple.
const BLOCK: usize = 4;

/// So many limbs of a number, or a number of so many limbs.
type Block = [u64; BLOCK];

/// `limb + window + factor * block`, which fits in five limbs. The result is the lowest; the others are the new window.
#[inline(always)]
fn step(limb: u64, window: &mut Block, factor: u64, block: &Block) -> u64 {
    let mut product = [0; BLOCK];
    let mut top = limb;
    let mut carry = false;
    for (to, word) in product.iter_mut().zip(block) {
        let (low, high) = multiply_accumulate(0, factor, *word, 0);
        (*to, carry) = low.carrying_add(top, carry);
        top = high;
    }
    // The highest limb has room for both carries.
    top = top.wrapping_add(u64::from(carry));
    let (lowest, mut carry) = product[0].overflowing_add(window[0]);
    for i in 1..BLOCK {
        (window[i - 1], carry) = product[i].carrying_add(window[i], carry);
    }
    window[BLOCK - 1] = top.wrapping_add(u64::from(carry));
    lowest
}

/// `t += window + number * block`; the result is the limbs above. `t` is as long as the number. Four rows of a schoolbook multiplication
/// at once: what moves from one limb to the next stays in registers, and each limb of `t` is read and written once.
#[inline(always)]
fn accumulate(t: &mut [u64], number: &[u64], block: &Block, mut window: Block) -> Block {
    for (x, factor) in t.iter_mut().zip(number) {
        *x = step(*x, &mut window, *factor, block);
    }
    window
}

/// `a * b` mod 2^256.
fn multiply_low(a: &Block, b: &Block) -> Block {
    let mut out = [0; BLOCK];
    for i in 0..BLOCK {
        let mut carry = 0;
        for j in 0..BLOCK - i {
            (out[i + j], carry) = multiply_accumulate(out[i + j], a[i], b[j], carry);
        }
    }
    out
}

/// -1 / n mod 2^256, for an odd n.
fn negative_inverse(n: &Block) -> Block {
    // Newton: each step doubles the number of correct bits of 1 / n; n itself is correct to three.
    let mut low = n[0];
    for _ in 0..5 {
        low = low.wrapping_mul(2u64.wrapping_sub(n[0].wrapping_mul(low)));
    }
    let mut inverse = [low, 0, 0, 0];
    for _ in 0..2 {
        let rest = subtract(&[2, 0, 0, 0], &multiply_low(n, &inverse)).0;
        inverse = multiply_low(&inverse, &rest);
    }
    subtract(&[0; BLOCK], &inverse).0
}

/// a * b, the lower half first.
pub(crate) fn product<const N: usize>(a: &Limbs<N>, b: &Limbs<N>) -> [Limbs<N>; 2] {
    let mut wide = [[0; N]; 2];
    let t = wide.as_flattened_mut();
    for (i, block) in b.as_chunks::<BLOCK>().0.iter().enumerate() {
        let (low, high) = (BLOCK * i, BLOCK * i + N);
        let window = accumulate(&mut t[low..high], a, block, [0; BLOCK]);
        t[high..high + BLOCK].copy_from_slice(&window);
    }
    wide
}

/// A modulus and what Montgomery's method needs of it.
pub(crate) struct Modulus<const N: usize> {
    n: Limbs<N>,
    /// -1 / n mod 2^256.
    inverse: Block,
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
        let lowest = core::array::from_fn(|i| n[i]);
        let mut modulus = Self {
            n,
            inverse: negative_inverse(&lowest),
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

    /// The Montgomery form of any number, modulo n.
    pub(crate) fn enter(&self, value: &Limbs<N>) -> Limbs<N> {
        self.multiply(value, &self.square)
    }

    /// The Montgomery form of a number below n R, modulo n.
    pub(crate) fn enter_wide(&self, value: &[Limbs<N>; 2]) -> Limbs<N> {
        let reduced = self.reduce(&mut Zeroizing::new(*value));
        self.enter(&self.enter(&reduced))
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

    /// a - b mod n, both below n.
    pub(crate) fn subtract(&self, a: &Limbs<N>, b: &Limbs<N>) -> Limbs<N> {
        let (difference, borrow) = subtract(a, b);
        let below = equal_mask(borrow, 1);
        add(&difference, &self.n.map(|limb| limb & below)).0
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

    /// a * b / R mod n, where one of them is below n and the other any number.
    pub(crate) fn multiply(&self, a: &Limbs<N>, b: &Limbs<N>) -> Limbs<N> {
        self.reduce(&mut product(a, b))
    }

    /// a^2 / R mod n.
    pub(crate) fn square(&self, a: &Limbs<N>) -> Limbs<N> {
        let mut wide = [[0; N]; 2];
        let t = wide.as_flattened_mut();
        // The products of different limbs, each once ...
        for (i, block) in a.as_chunks::<BLOCK>().0.iter().enumerate() {
            let start = BLOCK * i;
            let [a0, a1, a2, a3] = *block;
            let mut carry;
            let at = &mut t[2 * start + 1..2 * start + BLOCK];
            (at[0], carry) = multiply_accumulate(at[0], a0, a1, 0);
            (at[1], carry) = multiply_accumulate(at[1], a0, a2, carry);
            (at[2], carry) = multiply_accumulate(at[2], a0, a3, carry);
            let next = carry;
            (at[2], carry) = multiply_accumulate(at[2], a1, a2, 0);
            let (w0, carry) = multiply_accumulate(next, a1, a3, carry);
            let (w1, w2) = multiply_accumulate(carry, a2, a3, 0);
            let (low, high) = (2 * start + BLOCK, start + N);
            let window = accumulate(&mut t[low..high], &a[start + BLOCK..], block, [w0, w1, w2, 0]);
            t[high..high + BLOCK].copy_from_slice(&window);
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

    /// wide / R mod n (HAC 14.32, in blocks). `wide` is below n * R and is used up.
    fn reduce(&self, wide: &mut [Limbs<N>; 2]) -> Limbs<N> {
        let t = wide.as_flattened_mut();
        let mut over = false;
        for start in (0..N).step_by(BLOCK) {
            let lowest = core::array::from_fn(|i| t[start + i]);
            let factor = multiply_low(&lowest, &self.inverse);
            let window = accumulate(&mut t[start..start + N], &self.n, &factor, [0; BLOCK]);
            for (to, limb) in t[start + N..start + N + BLOCK].iter_mut().zip(window) {
                (*to, over) = to.carrying_add(limb, over);
            }
        }
        self.reduce_once(&wide[1], u64::from(over))
    }

    /// base ^ exponent in Montgomery form; the exponent is big-endian. Only its length is public, but for exponents of at most four bytes: those are
    /// public keys', since no private one is that short.
    pub(crate) fn power(&self, base: &Limbs<N>, exponent: &[u8]) -> Limbs<N> {
        let width = match exponent.len() {
            0..=PUBLIC_EXPONENT => return self.public_power(base, exponent),
            5..=32 => 4,
            _ => WIDEST,
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
