//! Each operation against fiat-crypto, which is generated from a proof, on random numbers and on limbs where carries happen.

use super::*;
use crate::curve::parameters::{P256, P384, P521};
use crate::montgomery::{from_be, less, to_be};
use alloc::vec::Vec;
use fiat_crypto::{p256_64::*, p384_64::*, p521_64::*};

/// Reproducible numbers (xorshift64*), of which every other limb is one where carries happen.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn limb(&mut self) -> u64 {
        let edges = [
            0,
            1,
            u64::MAX,
            u64::MAX - 1,
            0xffff_ffff,
            0xffff_ffff_0000_0000,
            1 << 32,
            1 << 63,
        ];
        match self.next() % 16 {
            edge if edge < 8 => edges[edge as usize],
            _ => self.next(),
        }
    }

    fn number<C: Parameters<N>, const N: usize>(&mut self) -> Limbs<N> {
        loop {
            let mut out = core::array::from_fn(|_| self.limb());
            if N == 9 {
                out[N - 1] &= 0x1ff;
            }
            if less(&out, &C::P) {
                return out;
            }
        }
    }
}

/// Sum, difference, product and square of two numbers of the internal form, by fiat-crypto.
type Reference<const N: usize> = fn(&Limbs<N>, &Limbs<N>) -> [Limbs<N>; 4];

fn agrees<C: Parameters<N>, const N: usize>(reference: Reference<N>) {
    let mut source = Source(0x0123_4567_89ab_cdef);
    let last = Element::<C, N>::ZERO.subtract(&Element::of(Element::<C, N>::UNIT)).0;
    let edges = [[0; N], Element::<C, N>::UNIT, last];
    for round in 0..20_000 {
        let a = *edges.get(round % 5).unwrap_or(&source.number::<C, N>());
        let b = *edges.get(round / 5 % 5).unwrap_or(&source.number::<C, N>());
        let (x, y) = (Element::<C, N>::of(a), Element::of(b));
        let ours = [x.add(&y), x.subtract(&y), x.multiply(&y), x.square()].map(|element| element.0);
        assert_eq!(ours, reference(&a, &b), "{a:x?} and {b:x?}");
        assert_eq!([x.multiply_fast(&y).0, x.square_fast().0], [ours[2], ours[3]]);
    }
}

#[test]
fn field_of_p256_agrees_with_fiat_crypto() {
    agrees::<P256, 4>(|a, b| {
        let of = fiat_p256_montgomery_domain_field_element;
        let (a, b) = (of(*a), of(*b));
        let mut out = [of([0; 4]); 4];
        fiat_p256_add(&mut out[0], &a, &b);
        fiat_p256_sub(&mut out[1], &a, &b);
        fiat_p256_mul(&mut out[2], &a, &b);
        fiat_p256_square(&mut out[3], &a);
        out.map(|element| element.0)
    });
}

#[test]
fn field_of_p384_agrees_with_fiat_crypto() {
    agrees::<P384, 6>(|a, b| {
        let of = fiat_p384_montgomery_domain_field_element;
        let (a, b) = (of(*a), of(*b));
        let mut out = [of([0; 6]); 4];
        fiat_p384_add(&mut out[0], &a, &b);
        fiat_p384_sub(&mut out[1], &a, &b);
        fiat_p384_mul(&mut out[2], &a, &b);
        fiat_p384_square(&mut out[3], &a);
        out.map(|element| element.0)
    });
}

#[test]
fn field_of_p521_agrees_with_fiat_crypto() {
    agrees::<P521, 9>(|a, b| {
        let read = |number: &Limbs<9>| {
            let mut bytes: Vec<u8> = to_be(number, 66);
            bytes.reverse();
            let mut tight = fiat_p521_tight_field_element([0; 9]);
            fiat_p521_from_bytes(&mut tight, bytes.as_slice().try_into().expect("66 bytes"));
            tight
        };
        let loosen = |tight: &fiat_p521_tight_field_element| {
            let mut loose = fiat_p521_loose_field_element([0; 9]);
            fiat_p521_relax(&mut loose, tight);
            loose
        };
        let (a, b) = (read(a), read(b));
        let mut loose = [fiat_p521_loose_field_element([0; 9]); 2];
        fiat_p521_add(&mut loose[0], &a, &b);
        fiat_p521_sub(&mut loose[1], &a, &b);
        let mut out = [fiat_p521_tight_field_element([0; 9]); 4];
        fiat_p521_carry(&mut out[0], &loose[0]);
        fiat_p521_carry(&mut out[1], &loose[1]);
        fiat_p521_carry_mul(&mut out[2], &loosen(&a), &loosen(&b));
        fiat_p521_carry_square(&mut out[3], &loosen(&a));
        out.map(|element| {
            let mut bytes = [0; 66];
            fiat_p521_to_bytes(&mut bytes, &element);
            bytes.reverse();
            from_be(&bytes)
        })
    });
}

fn inverts<C: Parameters<N>, const N: usize>() {
    let mut source = Source(42);
    for _ in 0..100 {
        let number = source.number::<C, N>();
        let element = Element::<C, N>::enter(number);
        assert_eq!(element.leave(), number);
        if !element.is_zero() {
            assert_eq!(element.multiply(&element.invert()).0, Element::<C, N>::ONE.0);
        }
    }
    assert!(Element::<C, N>::ZERO.invert().is_zero());
    assert_eq!(Element::<C, N>::ONE.leave(), Element::<C, N>::UNIT);
    assert_eq!(Element::<C, N>::ZERO.zero_mask(), u64::MAX);
    assert_eq!(Element::<C, N>::ONE.zero_mask(), 0);
}

#[test]
fn invert_times_the_element_is_one() {
    inverts::<P256, 4>();
    inverts::<P384, 6>();
    inverts::<P521, 9>();
}
