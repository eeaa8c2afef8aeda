//! A host may offer what it likes, as long as it likes: nothing computes that has not shown known answers.

use super::*;
use crate::{
    crypto::{
        NoOffer, ecc, hash, hmac, seam,
        self_test::{Part, Tests},
        test_hosts::bytes,
    },
    structures::{TpmiAlgHash, TpmiAlgSymObject},
};
use alloc::{vec, vec::Vec};
use svsm_accel::NativeArithmetic;

/// A host that offers its arithmetic or does not, and counts how often it is asked.
#[derive(Default)]
struct Fickle {
    offers: bool,
    /// Its answers are wrong.
    lies: bool,
    /// Its answers are a byte too long.
    too_long: bool,
    /// It hashes no whole messages (any more).
    blocks_only: bool,
    /// It answers every second time.
    hesitates: bool,
    asked: u32,
    /// How often it was asked for more than the contract allows.
    too_much: u32,
}

impl Fickle {
    fn answer(
        &mut self,
        work: impl FnOnce(&mut NativeArithmetic) -> Result<Vec<u8>, Refusal>,
    ) -> Result<Vec<u8>, Refusal> {
        self.asked += 1;
        if !self.offers || (self.hesitates && self.asked.is_multiple_of(2)) {
            return Err(Refusal::NotOffered);
        }
        let mut answer = work(&mut NativeArithmetic)?;
        if self.lies {
            answer.iter_mut().for_each(|byte| *byte ^= 1);
        }
        if self.too_long {
            answer.push(0);
        }
        Ok(answer)
    }
}

impl Arithmetic for Fickle {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.answer(|native| native.mod_exp(base, exponent, modulus))
    }
    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.answer(|native| native.rsa_private(input, primes, exponents, q_inverse))
    }
    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        self.answer(|native| native.ec_multiply(curve, scalar, point))
    }
    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.answer(|native| native.ec_multiply_add(curve, u1, u2, point))
    }
    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.answer(|native| native.hash_blocks(hash, state, blocks))
    }
    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.too_much += u32::from(message.len() > bounds::MAX_BULK);
        let blocks_only = self.blocks_only;
        self.answer(|native| match blocks_only {
            false => native.digest(hash, message),
            true => Err(Refusal::NotOffered),
        })
    }
    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.too_much += u32::from(key.len() > bounds::MAX_HMAC_KEY || message.len() > bounds::MAX_BULK);
        let blocks_only = self.blocks_only;
        self.answer(|native| match blocks_only {
            false => native.hmac(hash, key, message),
            true => Err(Refusal::NotOffered),
        })
    }
    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.answer(|native| native.aes(mode, direction, key, iv, data))
    }
}

impl Host for Fickle {
    fn entropy(&mut self, _: &mut [u8]) -> bool {
        false
    }
    fn clock(&mut self) -> u64 {
        0
    }
    fn commit(&mut self, _: &[Change]) -> Result<(), CommitError> {
        Ok(())
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
}

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// What is tested: of the host, of the engine.
fn tested(ledger: &Ledger) -> (u32, u32) {
    (ledger.shown_by_host(), ledger.shown_by_own())
}

/// A ledger for which all parts were tested with this host.
fn tests_with(host: &mut Fickle) -> Tests {
    let mut tests = Tests::default();
    let gate = &mut tests.gate(host);
    tests.everything(gate, true).expect("a good host");
    tests
}

#[test]
fn test_shows_the_answers_of_whoever_computes() {
    let all = Function::ALL.iter().fold(0, |all, function| all | function.bit());
    // This host offers everything but Miller-Rabin.
    let mut host = Fickle {
        offers: true,
        ..Default::default()
    };
    let tests = tests_with(&mut host);
    assert_eq!(
        tested(&tests.ledger),
        (all & !Function::MillerRabin.bit(), Function::MillerRabin.bit())
    );
    let tests = tests_with(&mut Fickle::default());
    assert_eq!(tested(&tests.ledger), (0, all));
    // A test that is not passed shows nothing.
    let mut tests = Tests::default();
    host.lies = true;
    assert!(tests.before_use(&mut tests.gate(&mut host), Part::P256).is_err());
    assert_eq!(tested(&tests.ledger), (0, 0));
}

#[test]
fn function_that_is_no_longer_offered_is_computed_after_the_engine_s_own_has_shown_its_answers() {
    for spoil in [
        |host: &mut Fickle| host.offers = false,
        |host: &mut Fickle| host.too_long = true,
    ] {
        let mut host = Fickle {
            offers: true,
            ..Default::default()
        };
        let tests = tests_with(&mut host);
        spoil(&mut host);
        let before = tested(&tests.ledger).1;
        let gate = &mut tests.gate(&mut host);
        assert_eq!(hash(gate, TpmiAlgHash::Sha256, &[b"abc"]).as_bytes(), bytes(ABC));
        // The digest's bit and that of the compression under it.
        let hashing = Function::Digest(HashAlgorithm::Sha256).bit() | Function::Hash(HashCore::Sha256).bit();
        assert_eq!(tested(&tests.ledger).1, before | hashing);
        let mut private = [0; 32];
        private[31] = 3;
        let point = ecc::public_point(gate, TpmiEccCurve::NistP256, &private);
        assert_eq!(point, ecc::public_point(&mut NoOffer, TpmiEccCurve::NistP256, &private));
        let now = before | hashing | Function::Multiply(Curve::P256).bit();
        assert_eq!(tested(&tests.ledger).1, now);
        assert!(!tests.is_broken());
    }
}

#[test]
fn digests_and_hmacs_that_are_no_longer_offered_are_made_of_the_host_s_blocks() {
    let mut host = Fickle {
        offers: true,
        ..Default::default()
    };
    let tests = tests_with(&mut host);
    host.blocks_only = true;
    let before = tested(&tests.ledger);
    let gate = &mut tests.gate(&mut host);
    assert_eq!(hash(gate, TpmiAlgHash::Sha256, &[b"abc"]).as_bytes(), bytes(ABC));
    // RFC 4231, case 1.
    let mac = hmac(gate, TpmiAlgHash::Sha256, &[0x0b; 20], &[b"Hi ", b"There"]);
    assert_eq!(
        mac.as_bytes(),
        bytes("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    );
    // What the engine makes of them has shown its answers, and the host still compresses.
    let made = Function::Digest(HashAlgorithm::Sha256).bit() | Function::Hmac(HashAlgorithm::Sha256).bit();
    assert_eq!(tested(&tests.ledger), (before.0, before.1 | made));
    assert!(!tests.is_broken());
    // A host that has never hashed messages is not asked to.
    let mut host = Fickle {
        offers: true,
        blocks_only: true,
        ..Default::default()
    };
    let tests = tests_with(&mut host);
    (host.blocks_only, host.lies) = (false, true);
    let asked = host.asked;
    hash(&mut tests.gate(&mut host), TpmiAlgHash::Sha256, &[b"abc"]);
    assert_eq!(host.asked, asked + 1, "one block");
}

#[test]
fn function_that_is_offered_only_later_is_not_used_before_the_next_test() {
    let mut host = Fickle::default();
    let mut tests = tests_with(&mut host);
    (host.offers, host.lies) = (true, true);
    let asked = host.asked;
    assert_eq!(
        hash(&mut tests.gate(&mut host), TpmiAlgHash::Sha256, &[b"abc"]).as_bytes(),
        bytes(ABC)
    );
    assert_eq!(host.asked, asked);
    assert!(
        tests.everything(&mut tests.gate(&mut host), true).is_err(),
        "the next test finds it"
    );
    host.lies = false;
    tests
        .everything(&mut tests.gate(&mut host), true)
        .expect("a good host by now");
    let asked = host.asked;
    hash(&mut tests.gate(&mut host), TpmiAlgHash::Sha256, &[b"abc"]);
    assert!(host.asked > asked);
}

#[test]
fn function_that_both_computed_in_a_test_is_shown_by_neither() {
    let mut host = Fickle {
        offers: true,
        hesitates: true,
        ..Default::default()
    };
    let tests = tests_with(&mut host);
    let (of_host, own) = tested(&tests.ledger);
    let aes = Function::Aes.bit();
    assert_eq!((of_host & aes, own & aes, of_host & own), (0, 0, 0));
    // The host is not asked for it, and the engine's own shows its answers first.
    let asked = host.asked;
    seam::cipher(
        &mut tests.gate(&mut host),
        TpmiAlgSymObject::Aes,
        CipherMode::Ctr,
        Direction::Encrypt,
        &[1; 16],
        &[2; 16],
        &mut [7; 16],
    );
    assert_eq!((host.asked, tested(&tests.ledger).1 & aes), (asked, aes));
}

#[test]
fn data_over_the_contract_s_bound_stays_in_the_engine() {
    let mut host = Fickle {
        offers: true,
        ..Default::default()
    };
    let tests = tests_with(&mut host);
    let mut data = vec![7; bounds::MAX_BULK + 16];
    let of_long = |host: &mut dyn Arithmetic, key: &[u8], data: &[u8]| {
        let parts = [data];
        (
            hash(host, TpmiAlgHash::Sha512, &parts),
            hmac(host, TpmiAlgHash::Sha512, key, &parts),
        )
    };
    for (key, message) in [(&[1; 16][..], &data[..]), (&[1; bounds::MAX_HMAC_KEY + 1], b"abc")] {
        let gate = &mut tests.gate(&mut host);
        assert_eq!(of_long(gate, key, message), of_long(&mut NoOffer, key, message));
    }
    assert_eq!(host.too_much, 0);
    let (key, iv, asked) = ([1; 16], [2; 16], host.asked);
    let aes = |host: &mut dyn Arithmetic, data: &mut [u8]| {
        seam::cipher(
            host,
            TpmiAlgSymObject::Aes,
            CipherMode::Ctr,
            Direction::Encrypt,
            &key,
            &iv,
            data,
        );
    };
    aes(&mut tests.gate(&mut host), &mut data);
    let mut expected = vec![7; data.len()];
    aes(&mut NoOffer, &mut expected);
    assert!(data == expected);
    assert_eq!(host.asked, asked);
    assert_ne!(tested(&tests.ledger).1 & Function::Aes.bit(), 0);
}
