//! The remainder theorem against the power itself, and operands that are refused.

use super::*;
use crate::modular::mod_exp;
use alloc::{vec, vec::Vec};

/// 2^bits - 1 in `length` bytes: the exponents are those of Mersenne primes (OEIS A000043), so that the keys can be checked by eye.
fn mersenne(bits: usize, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    for bit in 0..bits {
        out[length - 1 - bit / 8] |= 1 << (bit % 8);
    }
    out
}

fn limbs(bytes: &[u8]) -> Limbs<32> {
    from_be(bytes)
}

/// `number` less `small`, as long as it is.
fn less_small(number: &[u8], small: u64) -> Vec<u8> {
    let mut value = [0; 32];
    value[0] = small;
    to_be(&crate::montgomery::subtract(&limbs(number), &value).0, number.len())
}

/// A key without a public exponent: any exponent is as good as another where the result is compared with the power itself.
struct Key {
    p: Vec<u8>,
    q: Vec<u8>,
    exponent: Vec<u8>,
    q_inverse: Vec<u8>,
}

impl Key {
    fn new(p_bits: usize, q_bits: usize, length: usize, exponent: u8) -> Self {
        let (p, q) = (mersenne(p_bits, length), mersenne(q_bits, length));
        // 1 / q = q^(p - 2) modulo p. What goes in must be below p: q^2 = q q, by doublings of what it is modulo p.
        let field = Modulus::<32>::new(limbs(&p));
        let reduced = field.leave(&field.enter(&limbs(&q)));
        let q_inverse = mod_exp(&to_be(&reduced, length), &less_small(&p, 2), &p).expect("good operands");
        let mut short = vec![0; length];
        short[length - 1] = exponent;
        Self {
            p,
            q,
            exponent: short,
            q_inverse,
        }
    }

    fn modulus(&self) -> Vec<u8> {
        let wide = product(&limbs(&self.p), &limbs(&self.q));
        to_be(wide.as_flattened(), 2 * self.p.len())
    }

    fn apply(&self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        // The exponent is below either prime, and so its own remainder.
        private(
            input,
            [&self.p, &self.q],
            [&self.exponent, &self.exponent],
            &self.q_inverse,
        )
    }
}

#[test]
fn private_is_the_power_modulo_the_product() {
    // p above q and below it, of one length in bits and of very different ones, in every limb count.
    for (p_bits, q_bits, length) in [
        (127, 107, 16),
        (107, 127, 16),
        (521, 127, 66),
        (607, 521, 76),
        (521, 607, 128),
        (1279, 607, 160),
        (1279, 521, 192),
        (607, 1279, 256),
    ] {
        for exponent in [1, 2, 17, 255] {
            let key = Key::new(p_bits, q_bits, length, exponent);
            let modulus = key.modulus();
            let mut inputs = vec![vec![0; 2 * length], less_small(&modulus[length..], 1), modulus.clone()];
            inputs[1].splice(0..0, modulus[..length].iter().copied());
            inputs[2].copy_from_slice(&[vec![0; length], key.p.clone()].concat());
            inputs.push([vec![0; length], key.q.clone()].concat());
            let mut mixed: Vec<u8> = (0..2 * length).map(|i| (i * 37 + 11) as u8).collect();
            let zeros = 2 * length - (p_bits + q_bits) / 8;
            mixed[..zeros].fill(0);
            inputs.push(mixed);
            for input in inputs {
                let expected = mod_exp(&input, &[exponent], &modulus);
                assert_eq!(key.apply(&input), expected, "{p_bits} {q_bits} {exponent} {input:x?}");
            }
        }
    }
}

#[test]
fn private_bad_operands_are_refused() {
    let bad = Err(Refusal::BadOperand);
    let key = Key::new(127, 107, 16, 3);
    let input = vec![0; 32];
    assert!(key.apply(&input).is_ok());
    assert_eq!(key.apply(&key.modulus()), bad, "the modulus");
    assert_eq!(key.apply(&[0xff; 32]), bad, "above the modulus");
    assert_eq!(key.apply(&input[1..]), bad, "short input");
    let Key {
        p,
        q,
        exponent,
        q_inverse,
    } = &key;
    let call = |p: &[u8], q: &[u8], d: &[u8], i: &[u8]| private(&vec![0; 2 * p.len()], [p, q], [d, d], i);
    assert!(call(p, q, exponent, q_inverse).is_ok());
    assert_eq!(call(&p[1..], q, exponent, q_inverse), bad, "short p");
    assert_eq!(call(p, &q[1..], exponent, q_inverse), bad, "short q");
    assert_eq!(call(p, q, &exponent[1..], q_inverse), bad, "short exponent");
    assert_eq!(call(p, q, &[], q_inverse), bad, "no exponent");
    assert_eq!(call(p, q, exponent, &q_inverse[1..]), bad, "short inverse");
    assert_eq!(call(p, q, exponent, p), bad, "inverse not below p");
    let (mut even, mut one) = (p.clone(), vec![0; 16]);
    even[15] &= 0xfe;
    one[15] = 1;
    assert_eq!(call(&even, q, exponent, q_inverse), bad, "even p");
    assert_eq!(call(p, &even, exponent, q_inverse), bad, "even q");
    assert_eq!(call(&one, q, exponent, &[0; 16]), bad, "p = 1");
    assert_eq!(call(p, &one, exponent, q_inverse), bad, "q = 1");
    assert_eq!(call(&[0; 16], q, exponent, q_inverse), bad, "p = 0");
    assert_eq!(call(&p[1..], &q[1..], &exponent[1..], &q_inverse[1..]), bad, "15 bytes");
    let long = [0xff; 257];
    assert_eq!(call(&long, &long, &long, &[1; 257]), bad, "257 bytes");
    assert_eq!(call(&[], &[], &[], &[]), bad, "nothing");
}

#[test]
fn private_nonsense_in_range_is_computed() {
    // No prime, no inverse, exponents above the primes, the same prime twice: a number below the product comes back, and no panic.
    let nonsense = [0xff; 128];
    for length in [16, 17, 65, 128] {
        let odd = &nonsense[..length];
        let result = private(&vec![0x55; 2 * length], [odd, odd], [odd, odd], &vec![0xfe; length]).expect("in range");
        let n = to_be(product(&limbs(odd), &limbs(odd)).as_flattened(), 2 * length);
        assert!(result < n, "{length}");
    }
}
