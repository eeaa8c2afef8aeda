//! The fields of the NIST curves: integers modulo P-256's, P-384's and P-521's primes, in four, six and nine 64-bit limbs.
//!
//! Sees only numbers below the prime, that [`curve`](super) has checked; every function returns such a number again. Time and memory access
//! depend on nothing but the prime: what depends on a value is a carry or a mask, and the masks pass through [`black_box`], without
//! which the compiler makes branches of them.
//!
//! A product is formed row by row, a square with half the multiplications. The primes are sums of few powers of two (SP 800-186, 3.2.1),
//! so that removing multiples of them takes shifts, additions and no multiplication: limb by limb from below, after Montgomery, for P-256
//! and P-384, whose lowest limbs are -1 and 2^32 - 1; by folding for P-521, where 2^521 is 1.

use super::parameters::{Parameters, Prime};
use crate::montgomery::Limbs;
use core::{hint::black_box, marker::PhantomData};
use zeroize::Zeroize;

/// `a + b + carry` and the carry out of it; as in the standard library, where it is not `const` yet.
#[inline(always)]
const fn add_carry(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry as u64);
    (sum, first | second)
}

/// `a - b - borrow` and the borrow out of it.
#[inline(always)]
const fn subtract_borrow(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(borrow as u64);
    (difference, first | second)
}

/// `x + a * b + carry`, which fits in two words, as (low, high).
#[inline(always)]
const fn multiply_add(x: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = x as u128 + a as u128 * b as u128 + carry as u128;
    (sum as u64, (sum >> 64) as u64)
}

/// All ones for true.
#[inline(always)]
const fn mask(condition: bool) -> u64 {
    black_box((condition as u64).wrapping_neg())
}

/// A number below the prime of the curve `C`; for P-256 and P-384 in Montgomery form, that is multiplied by R = 2^(64 N).
#[derive(Clone, Copy)]
pub(super) struct Element<C, const N: usize>(Limbs<N>, PhantomData<C>);

impl<C, const N: usize> Zeroize for Element<C, N> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<C: Parameters<N>, const N: usize> Element<C, N> {
    pub(super) const ZERO: Self = Self::of([0; N]);
    pub(super) const ONE: Self = match C::PRIME {
        // R modulo a prime above R / 2.
        Prime::P256 | Prime::P384 => Self::reduce_once(&[0; N], true),
        Prime::P521 => Self::of(Self::UNIT),
    };
    /// What takes a number into Montgomery form: R^2, or 1 where there is no such form.
    const ENTRY: Self = {
        let mut value = Self::ONE;
        if let Prime::P256 | Prime::P384 = C::PRIME {
            // N doublings reach 2^N, six squarings take that to 2^(64 N) = R, and its Montgomery form is R^2.
            let mut i = 0;
            while i < N {
                value = value.add(&value);
                i += 1;
            }
            let mut i = 0;
            while i < 6 {
                value = value.square();
                i += 1;
            }
        }
        value
    };
    const UNIT: Limbs<N> = {
        let mut one = [0; N];
        one[0] = 1;
        one
    };

    const fn of(limbs: Limbs<N>) -> Self {
        Self(limbs, PhantomData)
    }

    /// The element that is this number, which is below the prime.
    pub(super) const fn enter(value: Limbs<N>) -> Self {
        Self::of(value).multiply(&Self::ENTRY)
    }

    /// The number that this element is.
    pub(super) fn leave(&self) -> Limbs<N> {
        self.multiply(&Self::of(Self::UNIT)).0
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().fold(0, |bits, limb| bits | limb) == 0
    }

    /// All ones when this is zero.
    pub(super) fn zero_mask(&self) -> u64 {
        mask(self.is_zero())
    }

    /// The entry of which the mask is all ones is added to a sum that starts at zero: how a table is read.
    #[inline(always)]
    pub(super) fn take(&mut self, other: &Self, mask: u64) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to |= from & mask;
        }
    }

    /// Becomes the other one where the mask is all ones.
    #[inline(always)]
    pub(super) fn assign(&mut self, other: &Self, mask: u64) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to ^= mask & (*to ^ from);
        }
    }

    #[inline]
    pub(super) const fn add(&self, other: &Self) -> Self {
        let mut sum = [0; N];
        let mut carry = false;
        let mut i = 0;
        while i < N {
            (sum[i], carry) = add_carry(self.0[i], other.0[i], carry);
            i += 1;
        }
        Self::reduce_once(&sum, carry)
    }

    #[inline]
    pub(super) fn subtract(&self, other: &Self) -> Self {
        let mut difference = [0; N];
        let mut borrow = false;
        let mut i = 0;
        while i < N {
            (difference[i], borrow) = subtract_borrow(self.0[i], other.0[i], borrow);
            i += 1;
        }
        let below = mask(borrow);
        let mut carry = false;
        let mut i = 0;
        while i < N {
            (difference[i], carry) = add_carry(difference[i], C::P[i] & below, carry);
            i += 1;
        }
        Self::of(difference)
    }

    /// `high * R + value`, known to be below twice the prime, modulo the prime.
    #[inline(always)]
    const fn reduce_once(value: &Limbs<N>, high: bool) -> Self {
        let mut out = [0; N];
        let mut borrow = false;
        let mut i = 0;
        while i < N {
            (out[i], borrow) = subtract_borrow(value[i], C::P[i], borrow);
            i += 1;
        }
        // Keep the unreduced value only when the subtraction went below zero.
        let keep = mask(borrow & !high);
        let mut i = 0;
        while i < N {
            out[i] ^= keep & (out[i] ^ value[i]);
            i += 1;
        }
        Self::of(out)
    }

    #[inline(never)]
    pub(super) const fn multiply(&self, other: &Self) -> Self {
        self.multiply_here(other)
    }

    #[inline(never)]
    pub(super) const fn square(&self) -> Self {
        self.square_here()
    }

    /// [`Self::multiply`] without a call where that matters, which costs 0.6 KiB of code each time.
    #[inline(always)]
    pub(super) fn multiply_fast(&self, other: &Self) -> Self {
        match C::PRIME {
            Prime::P256 => self.multiply_here(other),
            Prime::P384 | Prime::P521 => self.multiply(other),
        }
    }

    /// [`Self::square`], likewise.
    #[inline(always)]
    pub(super) fn square_fast(&self) -> Self {
        match C::PRIME {
            Prime::P256 => self.square_here(),
            Prime::P384 | Prime::P521 => self.square(),
        }
    }

    #[inline(always)]
    const fn multiply_here(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let mut wide = [[0; N]; 2];
        let mut over = false;
        let mut i = 0;
        while i < N {
            let t = wide.as_flattened_mut();
            let mut carry = 0;
            let mut j = 0;
            while j < N {
                (t[i + j], carry) = multiply_add(t[i + j], a[i], b[j], carry);
                j += 1;
            }
            t[i + N] = carry;
            // Between the rows, where the limbs still are in registers.
            over = Self::clear_limb(t, i, over);
            i += 1;
        }
        Self::finish(&wide, over)
    }

    #[inline(always)]
    const fn square_here(&self) -> Self {
        let a = &self.0;
        let mut wide = [[0; N]; 2];
        let t = wide.as_flattened_mut();
        // The products of different limbs, each once ...
        let mut i = 0;
        while i < N {
            let mut carry = 0;
            let mut j = i + 1;
            while j < N {
                (t[i + j], carry) = multiply_add(t[i + j], a[i], a[j], carry);
                j += 1;
            }
            t[i + N] = carry;
            i += 1;
        }
        // ... twice, and the squares of the limbs.
        let mut shifted = 0;
        let mut carry = false;
        let mut i = 0;
        while i < N {
            let (square_low, square_high) = multiply_add(0, a[i], a[i], 0);
            let (low, high) = (t[2 * i], t[2 * i + 1]);
            (t[2 * i], carry) = add_carry(low << 1 | shifted, square_low, carry);
            (t[2 * i + 1], carry) = add_carry(high << 1 | low >> 63, square_high, carry);
            shifted = high >> 63;
            i += 1;
        }
        let mut over = false;
        let mut i = 0;
        while i < N {
            over = Self::clear_limb(t, i, over);
            i += 1;
        }
        Self::finish(&wide, over)
    }

    /// One step of Montgomery's reduction (HAC 14.32): adds the multiple `m` of the prime that makes limb `i` zero, which nobody
    /// reads any more. `over` is the carry into limb `i + N`, and the result that into the next one.
    #[inline(always)]
    const fn clear_limb(t: &mut [u64], i: usize, over: bool) -> bool {
        let (top, over) = match C::PRIME {
            // p = -1 + 2^96 + 2^192 (2^64 - 2^32 + 1), so that m is the limb itself.
            Prime::P256 => {
                let m = t[i];
                let (low, borrow) = m.overflowing_sub(m << 32);
                let high = m.wrapping_sub(m >> 32).wrapping_sub(borrow as u64);
                let mut carry;
                (t[i + 1], carry) = t[i + 1].overflowing_add(m << 32);
                (t[i + 2], carry) = add_carry(t[i + 2], m >> 32, carry);
                (t[i + 3], carry) = add_carry(t[i + 3], low, carry);
                add_carry(t[i + 4], high.wrapping_add(carry as u64), over)
            }
            // p = 2^384 - q with q = 2^64 (2^64 + 2^32) - (2^32 - 1), and 1 / q = 2^32 + 1 mod 2^64.
            Prime::P384 => {
                let m = t[i].wrapping_add(t[i] << 32);
                let (low, borrow) = (m << 32).overflowing_sub(m);
                let high = (m >> 32).wrapping_sub(borrow as u64);
                let (middle, carry) = (m >> 32).overflowing_add(m);
                let (q1, borrow) = subtract_borrow(m << 32, high, low != 0);
                let (q2, borrow) = middle.overflowing_sub(borrow as u64);
                let q3 = (carry as u64).wrapping_sub(borrow as u64);
                let mut borrow;
                (t[i + 1], borrow) = t[i + 1].overflowing_sub(q1);
                (t[i + 2], borrow) = subtract_borrow(t[i + 2], q2, borrow);
                (t[i + 3], borrow) = subtract_borrow(t[i + 3], q3, borrow);
                (t[i + 4], borrow) = subtract_borrow(t[i + 4], 0, borrow);
                (t[i + 5], borrow) = subtract_borrow(t[i + 5], 0, borrow);
                add_carry(t[i + 6], m.wrapping_sub(borrow as u64), over)
            }
            Prime::P521 => return false,
        };
        t[i + N] = top;
        over
    }

    /// What is left to do when [`Self::clear_limb`] has been through the lower half.
    #[inline(always)]
    const fn finish(wide: &[Limbs<N>; 2], over: bool) -> Self {
        match C::PRIME {
            Prime::P256 | Prime::P384 => Self::reduce_once(&wide[1], over),
            Prime::P521 => Self::fold(wide.as_flattened()),
        }
    }

    /// A number below 2^1042 modulo 2^521 - 1: the upper half on the lower one, and 1. When that reaches 2^521, its low bits are the sum less
    /// the prime; when it does not, the 1 has to go again.
    #[inline(always)]
    const fn fold(wide: &[u64]) -> Self {
        const TOP: u64 = (1 << 9) - 1;
        let mut out = [0; N];
        let mut carry = true;
        let mut i = 0;
        while i < N {
            let high = wide[i + N - 1] >> 9 | wide[i + N] << 55;
            let low = if i + 1 == N { wide[i] & TOP } else { wide[i] };
            (out[i], carry) = add_carry(low, high, carry);
            i += 1;
        }
        let mut borrow = out[N - 1] >> 9 == 0;
        out[N - 1] &= TOP;
        let mut i = 0;
        while i < N {
            (out[i], borrow) = subtract_borrow(out[i], 0, borrow);
            i += 1;
        }
        Self::of(out)
    }

    /// 1 / self by Fermat, self^(p - 2), along the curve's addition chain; zero for zero.
    pub(super) fn invert(&self) -> Self {
        let mut powers = [*self; MAX_CHAIN + 1];
        for (i, (squarings, factor)) in C::INVERSION.iter().enumerate() {
            let power = (0..*squarings).fold(powers[i], |power, _| power.square_fast());
            powers[i + 1] = power.multiply(&powers[*factor]);
        }
        powers[C::INVERSION.len()]
    }
}

/// Steps of the longest addition chain.
const MAX_CHAIN: usize = 14;

#[cfg(test)]
mod tests;
