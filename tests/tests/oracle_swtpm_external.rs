//! The engine against swtpm: what TPM2_LoadExternal takes, and what not.

use cloister_tests::oracle::{Cmd, Pair, sha256, sized};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const PLATFORM: u32 = 0x4000_000C;

/// TPMA_OBJECT.
const FIXED_TPM: u32 = 0x02;
const FIXED_PARENT: u32 = 0x10;
const ORIGIN: u32 = 0x20;
const USER: u32 = 0x40;
const ENCRYPTED_DUPLICATION: u32 = 0x800;
const RESTRICTED: u32 = 0x1_0000;
const DECRYPT: u32 = 0x2_0000;
const SIGN: u32 = 0x4_0000;

const SHA256: u16 = 0x0B;
const NO_HASH: u16 = 0x10;

/// The key of RFC 6979 A.2.5: private, and the point as a TPMS_ECC_POINT.
const PRIVATE: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const POINT: &str = concat!(
    "002060fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
    "00207903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
);

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

/// A TPMT_PUBLIC.
fn public(kind: u16, name_alg: u16, attributes: u32, policy: &[u8], parameters: &str, unique: &[u8]) -> Vec<u8> {
    [
        &kind.to_be_bytes()[..],
        &name_alg.to_be_bytes(),
        &attributes.to_be_bytes(),
        &sized(policy),
        &bytes(parameters),
        unique,
    ]
    .concat()
}

/// A P-256 key of the RFC.
fn ecc(attributes: u32, parameters: &str) -> Vec<u8> {
    public(0x23, SHA256, attributes, &[], parameters, &bytes(POINT))
}

/// A TPMT_SENSITIVE.
fn sensitive(kind: u16, auth: &[u8], seed: &[u8], secret: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(auth), &sized(seed), &sized(secret)].concat()
}

fn load(sensitive: &[u8], public: &[u8], hierarchy: u32) -> Cmd {
    Cmd::new(0x167).sized(sensitive).sized(public).u32(hierarchy)
}

/// Loads on both, and flushes what was loaded; all differences are named together.
fn same_all(cases: &[(&str, Cmd)]) {
    let mut differences = Vec::new();
    let mut pair = Pair::started();
    for (name, command) in cases {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pair.same(command)));
        match code {
            Ok(0) => drop(pair.same(&Cmd::new(0x165).u32(0x8000_0000))),
            Ok(_) => {}
            Err(_) => {
                differences.push(*name);
                pair = Pair::started();
            }
        }
    }
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn public_areas_alone_are_judged_alike() {
    let none = "001000100003 0010".replace(' ', "");
    let storage = "00060080004300100003 0010".replace(' ', "");
    let with = |attributes: u32, parameters: &str| load(&[], &ecc(attributes, parameters), OWNER);
    same_all(&[
        ("signing", with(USER | SIGN, &none)),
        ("signing and decrypting", with(USER | SIGN | DECRYPT, &none)),
        ("neither", with(USER, &none)),
        ("restricted, both", with(USER | SIGN | DECRYPT | RESTRICTED, &none)),
        ("restricted, neither", with(USER | RESTRICTED, &none)),
        (
            "restricted signing without scheme",
            with(USER | SIGN | RESTRICTED, &none),
        ),
        ("storage", with(USER | DECRYPT | RESTRICTED, &storage)),
        ("storage without cipher", with(USER | DECRYPT | RESTRICTED, &none)),
        ("signing with cipher", with(USER | SIGN, &storage)),
        ("fixedTPM", with(USER | SIGN | FIXED_TPM, &none)),
        ("fixedParent", with(USER | SIGN | FIXED_PARENT, &none)),
        ("fixed", with(USER | SIGN | FIXED_TPM | FIXED_PARENT, &none)),
        (
            "fixed, with encryptedDuplication",
            with(USER | SIGN | FIXED_TPM | FIXED_PARENT | ENCRYPTED_DUPLICATION, &none),
        ),
        ("sensitiveDataOrigin", with(USER | SIGN | ORIGIN, &none)),
        ("nothing at all", with(0, &none)),
        (
            "KDF",
            with(USER | SIGN, "001000100003002000 0b".replace(' ', "").as_str()),
        ),
        ("signing with ECDH", with(USER | SIGN, "00100019000b00030010")),
        (
            "policy",
            load(
                &[],
                &public(0x23, SHA256, USER | SIGN, &[1; 32], &none, &bytes(POINT)),
                OWNER,
            ),
        ),
        (
            "short policy",
            load(
                &[],
                &public(0x23, SHA256, USER | SIGN, &[1; 31], &none, &bytes(POINT)),
                OWNER,
            ),
        ),
        (
            "policy without nameAlg",
            load(
                &[],
                &public(0x23, NO_HASH, USER | SIGN, &[1; 32], &none, &bytes(POINT)),
                OWNER,
            ),
        ),
        (
            "without nameAlg",
            load(
                &[],
                &public(0x23, NO_HASH, USER | SIGN, &[], &none, &bytes(POINT)),
                OWNER,
            ),
        ),
        (
            "restricted, both, without nameAlg",
            load(
                &[],
                &public(0x23, NO_HASH, SIGN | DECRYPT | RESTRICTED, &[], &none, &bytes(POINT)),
                OWNER,
            ),
        ),
        ("in the platform", load(&[], &ecc(USER | SIGN, &none), PLATFORM)),
        ("in the NULL hierarchy", load(&[], &ecc(USER | SIGN, &none), NULL)),
        (
            "keyed hash",
            load(
                &[],
                &public(0x08, SHA256, USER | SIGN, &[], "0005000b", &sized(&[1; 32])),
                OWNER,
            ),
        ),
        (
            "keyed hash of another size",
            load(
                &[],
                &public(0x08, SHA256, USER | SIGN, &[], "0005000b", &sized(&[1; 20])),
                OWNER,
            ),
        ),
        (
            "keyed hash without nameAlg",
            load(
                &[],
                &public(0x08, NO_HASH, USER | SIGN, &[], "0005000b", &sized(&[])),
                OWNER,
            ),
        ),
        (
            "keyed hash without nameAlg, with unique",
            load(
                &[],
                &public(0x08, NO_HASH, USER | SIGN, &[], "0005000b", &sized(&[1; 32])),
                OWNER,
            ),
        ),
        (
            "data",
            load(&[], &public(0x08, SHA256, USER, &[], "0010", &sized(&[1; 32])), OWNER),
        ),
        (
            "cipher",
            load(
                &[],
                &public(0x25, SHA256, USER | DECRYPT, &[], "000600800043", &sized(&[1; 32])),
                OWNER,
            ),
        ),
        ("empty private, sized", load(&[], &ecc(USER | SIGN, &none), 0x4000_0002)),
    ]);
}

#[test]
fn pairs_are_judged_alike() {
    let none = "0010001000030010";
    let key = |attributes: u32| ecc(attributes, none);
    let private = sensitive(0x23, &[], &[], &bytes(PRIVATE));
    let (seed, mac_key) = ([3u8; 32], [5u8; 32]);
    let unique = |seed: &[u8], secret: &[u8]| sized(&sha256(&[seed, secret]));
    let mac = |name_alg: u16, unique: &[u8]| public(0x08, name_alg, USER | SIGN, &[], "0005000b", unique);
    let cipher = |unique: &[u8]| public(0x25, SHA256, USER | SIGN | DECRYPT, &[], "000600800043", unique);
    let mac_private = |seed: &[u8], secret: &[u8]| sensitive(0x08, &[], seed, secret);
    same_all(&[
        ("pair", load(&private, &key(USER | SIGN), NULL)),
        ("pair in a hierarchy", load(&private, &key(USER | SIGN), OWNER)),
        ("fixedTPM", load(&private, &key(USER | SIGN | FIXED_TPM), NULL)),
        ("fixedParent", load(&private, &key(USER | SIGN | FIXED_PARENT), NULL)),
        ("restricted", load(&private, &key(USER | SIGN | RESTRICTED), NULL)),
        ("both", load(&private, &key(USER | SIGN | DECRYPT), NULL)),
        ("neither", load(&private, &key(USER), NULL)),
        (
            "encryptedDuplication",
            load(&private, &key(USER | SIGN | ENCRYPTED_DUPLICATION), NULL),
        ),
        ("sensitiveDataOrigin", load(&private, &key(USER | SIGN | ORIGIN), NULL)),
        (
            "seed for a key without children",
            load(&sensitive(0x23, &[], &seed, &bytes(PRIVATE)), &key(USER | SIGN), NULL),
        ),
        (
            "authValue",
            load(
                &sensitive(0x23, &[1; 32], &[], &bytes(PRIVATE)),
                &key(USER | SIGN),
                NULL,
            ),
        ),
        (
            "long authValue",
            load(
                &sensitive(0x23, &[1; 33], &[], &bytes(PRIVATE)),
                &key(USER | SIGN),
                NULL,
            ),
        ),
        (
            "authValue with zeros",
            load(
                &sensitive(0x23, &[&[1; 32][..], &[0; 2]].concat(), &[], &bytes(PRIVATE)),
                &key(USER | SIGN),
                NULL,
            ),
        ),
        (
            "another type",
            load(&mac_private(&seed, &mac_key), &key(USER | SIGN), NULL),
        ),
        (
            "HMAC key",
            load(
                &mac_private(&seed, &mac_key),
                &mac(SHA256, &unique(&seed, &mac_key)),
                NULL,
            ),
        ),
        (
            "HMAC key, another unique",
            load(&mac_private(&seed, &mac_key), &mac(SHA256, &unique(&seed, &seed)), NULL),
        ),
        (
            "HMAC key, short seed",
            load(
                &mac_private(&seed[1..], &mac_key),
                &mac(SHA256, &unique(&seed[1..], &mac_key)),
                NULL,
            ),
        ),
        (
            "HMAC key without seed",
            load(&mac_private(&[], &mac_key), &mac(SHA256, &unique(&[], &mac_key)), NULL),
        ),
        (
            "HMAC key of a block",
            load(
                &mac_private(&seed, &[5; 64]),
                &mac(SHA256, &unique(&seed, &[5; 64])),
                NULL,
            ),
        ),
        (
            "HMAC key longer than a block",
            load(
                &mac_private(&seed, &[5; 65]),
                &mac(SHA256, &unique(&seed, &[5; 65])),
                NULL,
            ),
        ),
        (
            "empty HMAC key",
            load(&mac_private(&seed, &[]), &mac(SHA256, &unique(&seed, &[])), NULL),
        ),
        (
            "HMAC key without nameAlg",
            load(&mac_private(&[], &mac_key), &mac(NO_HASH, &sized(&[])), NULL),
        ),
        (
            "HMAC key without nameAlg, with unique",
            load(&mac_private(&[], &mac_key), &mac(NO_HASH, &unique(&seed, &seed)), NULL),
        ),
        (
            "data",
            load(
                &mac_private(&seed, &[5; 128]),
                &public(0x08, SHA256, USER, &[], "0010", &unique(&seed, &[5; 128])),
                NULL,
            ),
        ),
        (
            "derivation parent",
            load(
                &mac_private(&seed, &mac_key),
                &public(
                    0x08,
                    SHA256,
                    USER | DECRYPT | RESTRICTED,
                    &[],
                    "000a000b0022",
                    &unique(&seed, &mac_key),
                ),
                NULL,
            ),
        ),
        (
            "cipher",
            load(
                &sensitive(0x25, &[], &seed, &[9; 16]),
                &cipher(&unique(&seed, &[9; 16])),
                NULL,
            ),
        ),
        (
            "cipher with a short key",
            load(
                &sensitive(0x25, &[], &seed, &[9; 15]),
                &cipher(&unique(&seed, &[9; 15])),
                NULL,
            ),
        ),
        (
            "cipher with a long key",
            load(
                &sensitive(0x25, &[], &seed, &[9; 32]),
                &cipher(&unique(&seed, &[9; 32])),
                NULL,
            ),
        ),
        (
            "cipher with another unique",
            load(
                &sensitive(0x25, &[], &seed, &[9; 16]),
                &cipher(&unique(&seed, &[8; 16])),
                NULL,
            ),
        ),
    ]);
}

#[test]
fn parameters_are_tested_alike() {
    // TPM2_TestParms takes every set of parameters that could stand in a template, whether or not they go together.
    let mut pair = Pair::started();
    let parms = |text: &str| Cmd::new(0x18A).hex(text.replace(' ', "").as_str());
    pair.same_all(&[
        ("P-224", parms("0023 0010 0010 0002 0010")),
        ("P-521 with ECDAA", parms("0023 0010 001a000b0000 0005 0010")),
        ("ECSCHNORR", parms("0023 0010 001c000d 0003 0010")),
        ("ECMQV", parms("0023 0010 001d0004 0004 0010")),
        ("KDF2", parms("0023 0010 0010 0003 0021000b")),
        ("no such curve", parms("0023 0010 0010 0006 0010")),
        ("no such scheme", parms("0023 0010 001e000b 0003 0010")),
        ("scheme of RSA", parms("0023 0010 0014000b 0003 0010")),
        ("RSA-1024", parms("0001 0010 0010 0400 00000000")),
        ("RSA-3072 with OAEP", parms("0001 0010 0017000c 0c00 00010001")),
        ("RSA with an odd size", parms("0001 0010 0010 0401 00000000")),
        ("RSA with an even exponent", parms("0001 0010 0010 0800 00000004")),
        ("RSA with ECDSA", parms("0001 0010 0018000b 0800 00000000")),
        ("XOR with KDF2", parms("0008 000a000b0021")),
        ("XOR with MGF1", parms("0008 000a000b0007")),
        ("XOR without KDF", parms("0008 000a000b0010")),
        ("bytes behind", parms("0023 0010 0010 0003 0010 00")),
    ]);
}
