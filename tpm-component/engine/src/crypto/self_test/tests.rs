//! Good hosts pass, and any function that is wrong is found before it is used.

use super::*;
use crate::crypto::test_hosts::BlocksOnly;
use svsm_accel::NativeArithmetic;
use tpm_contract::{CipherMode, Curve, Direction, HashAlgorithm, HashCore, Refusal};

#[test]
fn tests_good_hosts_pass() {
    for host in [
        &mut NativeArithmetic as &mut dyn Arithmetic,
        &mut BlocksOnly,
        &mut NoOffer,
    ] {
        let mut tests = Tests::default();
        tests.at_power_on(host).expect("a good host");
        assert!(tests.are_to_do());
        tests.everything(host, false).expect("a good host");
        assert!(!tests.are_to_do());
        tests.everything(host, true).expect("a good host");
    }
}

#[test]
fn algorithm_is_tested_once_and_then_off_the_list() {
    let mut tests = Tests::default();
    tests.at_power_on(&mut NativeArithmetic).expect("a good host");
    assert!(tests.is_to_do(TpmAlgId::RSASSA) && tests.is_to_do(TpmAlgId::ECDSA));
    assert!(!tests.is_to_do(TpmAlgId::SHA256), "tested at power-on");
    tests
        .algorithm(&mut NativeArithmetic, TpmAlgId::OAEP)
        .expect("a good host");
    assert!(!tests.is_to_do(TpmAlgId::RSASSA) && tests.is_to_do(TpmAlgId::ECDSA));
    // What has passed is not computed again (Part 3 §10.3): a host that is wrong by now is not asked.
    tests
        .before_use(&mut Wrong("mod_exp"), Part::Rsa)
        .expect("passed before");
    assert!(tests.everything(&mut Wrong("mod_exp"), true).is_err());
}

/// What [`Wrong`] calls its digests and HMACs, in the order of the hash functions.
const WHOLE: [&str; 4] = ["digest sha1", "digest sha256", "digest sha384", "digest sha512"];
const SHORT_KEYED: [&str; 4] = ["hmac sha1", "hmac sha256", "hmac sha384", "hmac sha512"];
const LONG_KEYED: [&str; 4] = [
    "hmac sha1 long",
    "hmac sha256 long",
    "hmac sha384 long",
    "hmac sha512 long",
];

/// A host whose one function is wrong.
struct Wrong(&'static str);

impl Wrong {
    fn spoil(&self, name: &str, mut result: Vec<u8>) -> Vec<u8> {
        if let (true, Some(byte)) = (name == self.0, result.first_mut()) {
            *byte ^= 1;
        }
        result
    }
}

impl Arithmetic for Wrong {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(self.spoil("mod_exp", NativeArithmetic.mod_exp(base, exponent, modulus)?))
    }
    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let result = NativeArithmetic.rsa_private(input, primes, exponents, q_inverse)?;
        Ok(self.spoil("rsa_private", result))
    }
    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        Ok(NativeArithmetic.miller_rabin(candidate, bases)? != (self.0 == "miller_rabin"))
    }
    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        let name = if point.is_some() {
            "ec_multiply point"
        } else {
            "ec_multiply generator"
        };
        Ok(self.spoil(name, NativeArithmetic.ec_multiply(curve, scalar, point)?))
    }
    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(self.spoil(
            "ec_multiply_add",
            NativeArithmetic.ec_multiply_add(curve, u1, u2, point)?,
        ))
    }
    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(self.spoil("hash_blocks", NativeArithmetic.hash_blocks(hash, state, blocks)?))
    }
    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(self.spoil(WHOLE[hash as usize], NativeArithmetic.digest(hash, message)?))
    }
    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let names = if key.len() > 64 { LONG_KEYED } else { SHORT_KEYED };
        Ok(self.spoil(names[hash as usize], NativeArithmetic.hmac(hash, key, message)?))
    }
    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        Ok(self.spoil("aes", NativeArithmetic.aes(mode, direction, key, iv, data)?))
    }
}

#[test]
fn own_functions_show_known_answers() {
    for function in Function::ALL {
        assert_eq!(own(function), Ok(()), "{function:?}");
    }
}

#[test]
fn any_wrong_function_is_found_before_its_first_use() {
    let parts = |name| {
        let mut host = Wrong(name);
        let mut tests = Tests::default();
        tests
            .at_power_on(&mut host)
            .expect("nothing of this is tested at power-on");
        let passed: Vec<bool> = Part::ALL
            .iter()
            .map(|part| tests.before_use(&mut host, *part).is_ok())
            .collect();
        // What is built in on demand is nothing that the host offers, and what it says of an inverse is checked.
        let (always, on_demand) = passed.split_at(9);
        assert!(on_demand.iter().all(|passed| *passed));
        <[bool; 9]>::try_from(always).expect("nine parts")
    };
    for name in [&["hash_blocks", "aes"][..], &WHOLE, &SHORT_KEYED, &LONG_KEYED].concat() {
        assert!(Tests::default().at_power_on(&mut Wrong(name)).is_err(), "{name}");
    }
    // RSA, P-224, P-256, P-384, P-521, ECSCHNORR, ECDAA, ECMQV, cipher modes. The host does not know P-224, so the engine's own arithmetic is tested there;
    // ECDAA needs no point. The byte that is wrong is the first of x, and of its own ephemeral point MQV takes the low half only.
    assert_eq!(parts("none"), [true; 9]);
    for name in ["mod_exp", "rsa_private", "miller_rabin"] {
        assert_eq!(
            parts(name),
            [false, true, true, true, true, true, true, true, true],
            "{name}"
        );
    }
    let curves = |schnorr, mqv| [true, true, false, false, false, schnorr, true, mqv, true];
    assert_eq!(parts("ec_multiply point"), curves(true, false));
    assert_eq!(parts("ec_multiply generator"), curves(false, true));
    assert_eq!(parts("ec_multiply_add"), curves(false, true));
}
