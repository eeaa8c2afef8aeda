//! The engine against swtpm: objects derived from the same secret, label and context must be the very same objects (Part 1 §28).

use cloister_tests::oracle::{Cmd, Pair, sized};

const OWNER: u32 = 0x4000_0001;
const PARENT: u32 = 0x8000_0000;
const DERIVED: u32 = 0x8000_0001;

/// TPM_ALG_ID of hashes, with their sizes.
const HASHES: [u16; 4] = [0x04, 0x0B, 0x0C, 0x0D];
/// userWithAuth, noDA, restricted, decrypt: a parent whose secret is the caller's cannot be fixed to one TPM.
const PARENT_ATTRIBUTES: u32 = 0x0003_0440;
/// fixedParent, userWithAuth, noDA.
const FIXED: u32 = 0x0000_0450;
const SIGN: u32 = 0x0004_0000;
const DECRYPT: u32 = 0x0002_0000;
const RESTRICTED: u32 = 0x0001_0000;

/// A TPMT_PUBLIC or a derivation template: type, nameAlg, attributes, no policy, parameters, and what stands where unique is.
fn public(kind: u16, name_alg: u16, attributes: u32, parameters: &str, unique: &[u8]) -> Vec<u8> {
    [
        &kind.to_be_bytes()[..],
        &name_alg.to_be_bytes(),
        &attributes.to_be_bytes(),
        &[0, 0],
        &hex::decode(parameters).expect("hexadecimal"),
        unique,
    ]
    .concat()
}

/// A TPMS_DERIVE.
fn derive(label: &[u8], context: &[u8]) -> Vec<u8> {
    [sized(label), sized(context)].concat()
}

/// TPM2_CreatePrimary of a derivation parent with this secret.
fn parent(hash: u16, secret: &[u8]) -> Cmd {
    let parameters = format!("000a{hash:04x}0022");
    let template = public(0x08, 0x0B, PARENT_ATTRIBUTES, &parameters, &[0, 0]);
    let sensitive = [sized(&[]), sized(secret)].concat();
    Cmd::new(0x131)
        .handle(OWNER)
        .password(b"")
        .sized(&sensitive)
        .sized(&template)
        .sized(&[])
        .u32(0)
}

/// TPM2_CreateLoaded under the parent.
fn create_loaded(sensitive: &[u8], template: &[u8]) -> Cmd {
    Cmd::new(0x191)
        .handle(PARENT)
        .password(b"")
        .sized(sensitive)
        .sized(template)
}

fn sensitive(auth: &[u8], data: &[u8]) -> Vec<u8> {
    [sized(auth), sized(data)].concat()
}

fn flush() -> Cmd {
    Cmd::new(0x165).u32(DERIVED)
}

#[test]
fn derived_objects_of_every_type_are_the_same() {
    let mut pair = Pair::started();
    let label = derive(b"label", b"context");
    for parent_hash in HASHES {
        pair.same(&parent(parent_hash, b"the secret of the derivation parent"));
        let mut cases = Vec::new();
        for name_alg in HASHES {
            for curve in [2u16, 3, 4, 5] {
                let signing = format!("00100010{curve:04x}0010");
                cases.push(public(0x23, name_alg, FIXED | SIGN, &signing, &label));
            }
            for bits in [128u16, 256] {
                let cipher = format!("0006{bits:04x}0043");
                for attributes in [FIXED | DECRYPT | SIGN, FIXED | DECRYPT] {
                    cases.push(public(0x25, name_alg, attributes, &cipher, &label));
                }
            }
            for hash in HASHES {
                cases.push(public(0x08, name_alg, FIXED | SIGN, &format!("0005{hash:04x}"), &label));
                let xor = format!("000a{hash:04x}0022");
                cases.push(public(0x08, name_alg, FIXED | DECRYPT, &xor, &label));
                cases.push(public(0x08, name_alg, FIXED | DECRYPT | RESTRICTED, &xor, &label));
            }
            cases.push(public(0x08, name_alg, FIXED, "0010", &label));
            cases.push(public(0x08, name_alg, FIXED | DECRYPT | SIGN, "0010", &label));
        }
        for template in cases {
            pair.identical(&create_loaded(&sensitive(&[], &[]), &template));
            pair.same(&flush());
        }
        pair.same(&Cmd::new(0x165).u32(PARENT));
    }
}

#[test]
fn derived_key_works_the_same() {
    let mut pair = Pair::started();
    pair.same(&parent(0x0B, b"secret"));
    let hmac_key = public(0x08, 0x0B, FIXED | SIGN, "0005000b", &derive(b"mac", b""));
    pair.identical(&create_loaded(&sensitive(b"auth", &[]), &hmac_key));
    let hmac = Cmd::new(0x155).handle(DERIVED).password(b"auth");
    pair.identical(&hmac.sized(b"a message").u16(0x0B));
    pair.same(&flush());
    let cipher = public(
        0x25,
        0x0B,
        FIXED | SIGN | DECRYPT,
        "000601000043",
        &derive(b"cipher", b"x"),
    );
    pair.identical(&create_loaded(&sensitive(&[], &[]), &cipher));
    let encrypt = Cmd::new(0x193).handle(DERIVED).password(b"");
    pair.identical(&encrypt.sized(b"sixteen bytes...").u8(0).u16(0x43).sized(&[9; 16]));
    pair.same(&flush());
    // A derivation parent derives on.
    let below = public(
        0x08,
        0x0B,
        FIXED | DECRYPT | RESTRICTED,
        "000a000c0022",
        &derive(b"below", b""),
    );
    pair.identical(&create_loaded(&sensitive(&[], &[]), &below));
    let leaf = public(0x23, 0x0C, FIXED | SIGN, "0010001000040010", &derive(b"leaf", b""));
    let command = Cmd::new(0x191)
        .handle(DERIVED)
        .password(b"")
        .sized(&[0; 4])
        .sized(&leaf);
    pair.identical(&command);
}

#[test]
fn label_and_context_come_from_either_place() {
    let mut pair = Pair::started();
    pair.same(&parent(0x0B, b"secret"));
    let key = |unique: &[u8]| public(0x08, 0x0B, FIXED | SIGN, "0005000b", unique);
    let long = [0x6C; 32];
    let mut answers = Vec::new();
    for (data, template) in [
        (derive(b"", b""), derive(b"label", b"context")),
        (derive(b"label", b"context"), derive(b"", b"")),
        (derive(b"label", b""), derive(b"", b"context")),
        (derive(b"other", b"other"), derive(b"label", b"context")),
        (derive(&long, &long), derive(b"", b"")),
        (vec![], derive(&long, &long)),
        (vec![], derive(b"", b"")),
    ] {
        let answer = pair.identical(&create_loaded(&sensitive(&[], &data), &key(&template)));
        answers.push(answer.parameters(true).to_vec());
        pair.same(&flush());
    }
    assert!(answers[..4].iter().all(|answer| *answer == answers[0]));
    assert_eq!(answers[4], answers[5]);
    assert_ne!(answers[5], answers[6]);
}

#[test]
fn derivations_are_refused_alike() {
    let mut pair = Pair::started();
    let bad_parent = |scheme: &str| {
        let template = public(0x08, 0x0B, PARENT_ATTRIBUTES, scheme, &[0, 0]);
        Cmd::new(0x131)
            .handle(OWNER)
            .password(b"")
            .sized(&sensitive(&[], b"secret"))
            .sized(&template)
            .sized(&[])
            .u32(0)
    };
    let label = derive(b"label", b"");
    let key = |attributes: u32| public(0x08, 0x0B, attributes, "0005000b", &label);
    let storage = |kind, name_alg, parameters| public(kind, name_alg, FIXED | DECRYPT | RESTRICTED, parameters, &label);
    let good = || create_loaded(&sensitive(&[], &[]), &key(FIXED | SIGN));
    pair.same_all(&[
        ("parent with MGF1", bad_parent("000a000b0007")),
        ("parent with KDF1 of SP 800-56A", bad_parent("000a000b0020")),
        ("parent with KDF2", bad_parent("000a000b0021")),
        ("parent without KDF", bad_parent("000a000b0010")),
        ("parent without hash", bad_parent("000a00100022")),
        ("parent with HMAC", bad_parent("0005000b")),
        ("parent", parent(0x0B, b"secret")),
        (
            "RSA",
            create_loaded(
                &[0; 4],
                &public(0x01, 0x0B, FIXED | SIGN, "00100010080000000000", &label),
            ),
        ),
        ("sensitiveDataOrigin", create_loaded(&[0; 4], &key(FIXED | SIGN | 0x20))),
        ("no fixedParent", create_loaded(&[0; 4], &key((FIXED | SIGN) & !0x10))),
        ("fixedTPM", create_loaded(&[0; 4], &key(FIXED | SIGN | 0x02))),
        (
            "encryptedDuplication",
            create_loaded(&[0; 4], &key(FIXED | SIGN | 0x800)),
        ),
        (
            "neither sign nor decrypt with HMAC",
            create_loaded(&[0; 4], &key(FIXED)),
        ),
        (
            "long authValue",
            create_loaded(&sensitive(&[1; 33], &[]), &key(FIXED | SIGN)),
        ),
        (
            "label too long",
            create_loaded(
                &[0; 4],
                &public(0x08, 0x0B, FIXED | SIGN, "0005000b", &derive(&[1; 33], b"")),
            ),
        ),
        (
            "bytes behind the template",
            create_loaded(&[0; 4], &[key(FIXED | SIGN), vec![0]].concat()),
        ),
        ("template cut", create_loaded(&[0; 4], &key(FIXED | SIGN)[..20])),
        (
            "data that is no derivation",
            create_loaded(&sensitive(&[], &[0, 9, 1]), &key(FIXED | SIGN)),
        ),
        (
            "bytes behind the data",
            create_loaded(&sensitive(&[], &[0, 0, 0, 0, 0]), &key(FIXED | SIGN)),
        ),
        (
            "nameAlg NULL",
            create_loaded(&[0; 4], &public(0x08, 0x10, FIXED | SIGN, "0005000b", &label)),
        ),
        ("stClear", create_loaded(&[0; 4], &key(FIXED | SIGN | 0x04))),
        ("flush", flush()),
        (
            "storage key of ECC",
            create_loaded(&[0; 4], &storage(0x23, 0x0B, "000600800043001000030010")),
        ),
        (
            "of another nameAlg",
            create_loaded(&[0; 4], &storage(0x23, 0x0C, "000600800043001000030010")),
        ),
        (
            "storage key of AES",
            create_loaded(&[0; 4], &storage(0x25, 0x0B, "000600800043")),
        ),
        ("good", good()),
        (
            "under a derived key",
            Cmd::new(0x191)
                .handle(DERIVED)
                .password(b"")
                .sized(&[0; 4])
                .sized(&key(FIXED | SIGN)),
        ),
        (
            "created under a derivation parent",
            Cmd::new(0x153)
                .handle(PARENT)
                .password(b"")
                .sized(&[0; 4])
                .sized(&key(FIXED | SIGN))
                .sized(&[])
                .u32(0),
        ),
    ]);
}
