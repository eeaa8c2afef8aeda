//! The engine against swtpm: curves, and the schemes on them. What one of the two signs, commits to or agrees on, the other verifies.

use cloister_tests::{
    oracle::{
        Answer, Cmd, Pair, Tpm, duplicate, duplication_policy, flush, import, primary, sha256, sized, split, succeed,
    },
    with_optional,
};
use svsm_accel::NativeArithmetic;
use tpm_contract::{Arithmetic, Curve};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;

/// TPM_ECC_CURVE of P-224, P-256, P-384 and P-521, and on demand of BN-256 and SM2.
fn curves() -> Vec<u16> {
    with_optional(&[2, 3, 4, 5], &[0x10, SM2_P256])
}
const SM2_P256: u16 = 0x20;
/// TPM_ALG_ID of signature schemes and key exchanges.
const ECDSA: u16 = 0x18;
const ECDH: u16 = 0x19;
const ECDAA: u16 = 0x1A;
const SM2: u16 = 0x1B;
const ECSCHNORR: u16 = 0x1C;
const NO_SCHEME: &[u8] = &[0, 0x10];

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign.
const SIGNING: u32 = 0x0004_0472;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, decrypt.
const DECRYPTING: u32 = 0x0002_0472;
/// userWithAuth, noDA, and sign or decrypt: what comes from outside.
const EXTERNAL_SIGNING: u32 = 0x0004_0440;
const EXTERNAL_DECRYPTING: u32 = 0x0002_0440;

/// The private key and the public point of RFC 6979 A.2.5.
const PRIVATE: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
/// The order of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

/// A TPMT_PUBLIC of an ECC key with SHA-256 as nameAlg.
fn public(attributes: u32, scheme: &[u8], curve: u16, point: &[u8]) -> Vec<u8> {
    [
        &[0, 0x23, 0, 0x0B][..],
        &attributes.to_be_bytes(),
        &[0, 0, 0, 0x10],
        scheme,
        &curve.to_be_bytes(),
        &[0, 0x10],
        point,
    ]
    .concat()
}

/// A scheme with SHA-256.
fn scheme(alg: u16) -> Vec<u8> {
    [&alg.to_be_bytes()[..], &[0, 0x0B]].concat()
}

/// A TPMS_ECC_POINT.
fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [sized(x), sized(y)].concat()
}

/// The TPMS_ECC_POINT at the end of a TPMT_PUBLIC without a KDF.
fn point_of(public: &[u8], scheme: &[u8]) -> Vec<u8> {
    public[12 + scheme.len() + 4..].to_vec()
}

/// TPM2_LoadExternal.
fn load_external(private: Option<&[u8]>, public: &[u8]) -> Cmd {
    let sensitive = private.map_or_else(Vec::new, |private| {
        [&[0, 0x23, 0, 0, 0, 0][..], &sized(private)].concat()
    });
    let hierarchy = if private.is_some() { NULL } else { OWNER };
    Cmd::new(0x167).sized(&sensitive).sized(public).u32(hierarchy)
}

fn sign(key: u32, digest: &[u8], scheme: &[u8]) -> Cmd {
    Cmd::new(0x15D)
        .handle(key)
        .password(b"")
        .sized(digest)
        .raw(scheme)
        .hex("8024400000070000")
}

#[test]
fn seeds_for_parents_on_every_curve_are_understood() {
    // Part 1 §C.6.3 and §23: the seed is KDFe of the x coordinates; what was made with it holds only when both have made the same.
    Pair::both_ways(|from, to| {
        for curve in curves() {
            let storage = [
                &[0, 0x23, 0, 0x0B, 0, 3, 4, 0x72, 0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10][..],
                &curve.to_be_bytes(),
                &[0, 0x10, 0, 0, 0, 0],
            ];
            let (parent, parent_public) = primary(to, &storage.concat());
            // A key on the same curve, neither fixedTPM nor fixedParent, with the policy of duplication.
            let key = [
                &[0, 0x23, 0, 0x0B, 0, 4, 4, 0x60][..],
                &sized(&duplication_policy()),
                &[0, 0x10, 0, 0x10],
                &curve.to_be_bytes(),
                &[0, 0x10, 0, 0, 0, 0],
            ];
            let (object, object_public) = primary(from, &key.concat());
            let new_parent = succeed(from, &load_external(None, &parent_public)).handle();
            let duplicated = duplicate(from, object, new_parent);
            let loaded = import(to, parent, &object_public, &duplicated);
            let digest = [0x11; 32];
            let signature = succeed(to, &sign(loaded, &digest, &scheme(ECDSA)));
            let verify = Cmd::new(0x177).handle(object).sized(&digest);
            succeed(from, &verify.raw(signature.parameters(false)));
            flush(from, object);
            flush(from, new_parent);
            flush(to, parent);
            flush(to, loaded);
        }
    });
}

#[test]
fn curve_parameters_are_the_same_numbers() {
    let mut pair = Pair::started();
    for curve in curves() {
        let command = Cmd::new(0x178).u16(curve);
        if curve != SM2_P256 {
            pair.identical(&command);
            continue;
        }
        // Swtpm names KDF1_SP800_56A with SM3_256, a hash that neither has; here the curve has no scheme. Behind curve, size and both schemes:
        let ours = succeed(&mut pair.engine, &command);
        let theirs = succeed(&mut pair.swtpm, &command);
        assert_eq!(ours.parameters(false)[..8], [0, 0x20, 1, 0, 0, 0x10, 0, 0x10]);
        assert_eq!(
            theirs.parameters(false)[..10],
            [0, 0x20, 1, 0, 0, 0x20, 0, 0x12, 0, 0x10]
        );
        assert_eq!(ours.parameters(false)[8..], theirs.parameters(false)[10..]);
    }
}

#[test]
fn signature_of_one_verifies_on_the_other() {
    Pair::both_ways(|signer, verifier| {
        for curve in curves() {
            for alg in with_optional(&[ECDSA, ECSCHNORR], &[SM2]) {
                for (hash, size) in [(0x04u16, 20), (0x0B, 32), (0x0C, 48), (0x0D, 64)] {
                    let asked = [alg.to_be_bytes(), hash.to_be_bytes()].concat();
                    let (key, public) = primary(signer, &public(SIGNING, NO_SCHEME, curve, &point(&[], &[])));
                    let loaded = succeed(verifier, &load_external(None, &public)).handle();
                    let digest = vec![0x5A; size];
                    let answer = succeed(signer, &sign(key, &digest, &asked));
                    let signature = answer.parameters(false);
                    let verify = |digest: &[u8]| Cmd::new(0x177).handle(loaded).sized(digest).raw(signature);
                    succeed(verifier, &verify(&digest));
                    let other = Answer::new(verifier.send(&verify(&vec![0x5B; size]).to_bytes()));
                    assert_eq!(other.code(), 0x2DB, "SIGNATURE, P2: {curve} {alg:#x}");
                    flush(signer, key);
                    flush(verifier, loaded);
                }
            }
        }
    });
}

#[test]
fn shared_points_of_the_same_keys_are_the_same() {
    // One pair of keys of each curve, made by the engine; both TPMs hold the private half of the first as an external key.
    let mut pair = Pair::started();
    let private = bytes(PRIVATE);
    let key = public(EXTERNAL_DECRYPTING, NO_SCHEME, 3, &point(&bytes(X), &bytes(Y)));
    let handle = pair.each("load", |tpm| {
        succeed(tpm, &load_external(Some(&private), &key)).handle()
    });
    for _ in 0..3 {
        let (other, public) = primary(&mut pair.engine, &public(DECRYPTING, NO_SCHEME, 3, &point(&[], &[])));
        let theirs = point_of(&public, NO_SCHEME);
        pair.identical(&Cmd::new(0x154).handle(handle).password(b"").sized(&theirs));
        flush(&mut pair.engine, other);
    }
    Pair::both_ways(|one, other| {
        for curve in curves() {
            let template = public(DECRYPTING, NO_SCHEME, curve, &point(&[], &[]));
            let (key, public) = primary(one, &template);
            let loaded = succeed(other, &load_external(None, &public)).handle();
            let answer = succeed(other, &Cmd::new(0x163).handle(loaded));
            let ([z, ephemeral], _) = split(answer.parameters(false));
            let answer = succeed(one, &Cmd::new(0x154).handle(key).password(b"").sized(&ephemeral));
            assert_eq!(split(answer.parameters(false)).0, [z], "{curve}");
            flush(one, key);
            flush(other, loaded);
        }
    });
}

#[test]
fn two_phase_exchange_gives_both_the_same() {
    Pair::both_ways(|one, other| {
        for curve in curves() {
            let side = |tpm: &mut dyn Tpm| {
                let (key, public) = primary(tpm, &public(DECRYPTING, NO_SCHEME, curve, &point(&[], &[])));
                let answer = succeed(tpm, &Cmd::new(0x18E).u16(curve));
                let ([ephemeral], count) = split(answer.parameters(false));
                let count = u16::from_be_bytes([count[0], count[1]]);
                (key, point_of(&public, NO_SCHEME), ephemeral, count)
            };
            let (a, b) = (side(one), side(other));
            let exchange = |own: &(u32, Vec<u8>, Vec<u8>, u16), theirs: &(u32, Vec<u8>, Vec<u8>, u16)| {
                Cmd::new(0x18D)
                    .handle(own.0)
                    .password(b"")
                    .sized(&theirs.1)
                    .sized(&theirs.2)
                    .u16(ECDH)
                    .u16(own.3)
            };
            let z_a = succeed(one, &exchange(&a, &b));
            let z_b = succeed(other, &exchange(&b, &a));
            assert_eq!(z_a.parameters(false), z_b.parameters(false), "{curve}");
            let again = Answer::new(one.send(&exchange(&a, &b).to_bytes()));
            assert_eq!(again.code(), 0x4C4, "VALUE, P4: an ephemeral key serves once");
            flush(one, a.0);
            flush(other, b.0);
        }
    });
}

/// TPM2_Commit.
fn commit(key: u32, p1: &[u8], s2: &[u8], y2: &[u8]) -> Cmd {
    Cmd::new(0x18B).handle(key).password(b"").sized(p1).sized(s2).sized(y2)
}

/// An ECDAA scheme with SHA-256 and a count.
fn ecdaa(count: u16) -> Vec<u8> {
    [&scheme(ECDAA)[..], &count.to_be_bytes()].concat()
}

/// A text whose hash is the x coordinate of a point on P-256, that hash, and the y coordinate.
fn hashed_point() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let y = "6d1e84188615fb84cf1581dc552a4af37713343d6838894ccf33e0cfd07e0b90";
    (b"base 0".to_vec(), sha256(&[b"base 0"]), bytes(y))
}

/// The scalar n - value.
fn negative(value: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let order = bytes(ORDER);
    let mut out = vec![0; 32];
    for at in (0..32).rev() {
        let less = i16::from(order[at]) - i16::from(value[at]) - borrow;
        borrow = i16::from(less < 0);
        out[at] = (less & 0xff) as u8;
    }
    out
}

/// Whether s G - T Q is the point that was committed to, with T = H(nonce || digest).
fn is_ecdaa(signature: &[u8], digest: &[u8], committed: &[u8]) -> bool {
    let ([nonce, s], _) = split(&signature[4..]);
    let t = negative(&sha256(&[&nonce, digest]));
    let key = [bytes(X), bytes(Y)].concat();
    let s = [vec![0; 32 - s.len()], s].concat();
    NativeArithmetic.ec_multiply_add(Curve::P256, &s, &t, &key).as_deref() == Ok(committed)
}

#[test]
fn ecdaa_signatures_of_both_satisfy_the_same_equation() {
    let mut pair = Pair::started();
    let (s2, base_x, base_y) = hashed_point();
    let base = [base_x, base_y.clone()].concat();
    let key = public(EXTERNAL_SIGNING, &ecdaa(0), 3, &point(&bytes(X), &bytes(Y)));
    let load = load_external(Some(&bytes(PRIVATE)), &key);
    let handle = pair.each("load", |tpm| succeed(tpm, &load).handle());
    let message = point(&bytes(X), &bytes(Y));
    pair.each("commit and sign", |tpm| {
        // Nothing given: E is r G.
        let answer = succeed(tpm, &commit(handle, &[0; 4], &[], &[]));
        let ([k, l, e], first) = split(answer.parameters(false));
        assert_eq!((k, l), (vec![0; 4], vec![0; 4]));
        let ([x, y], _) = split(&e);
        let digest = [0x33; 32];
        let count = u16::from_be_bytes([first[0], first[1]]);
        let signature = succeed(tpm, &sign(handle, &digest, &ecdaa(count)));
        assert!(is_ecdaa(signature.parameters(false), &digest, &[x, y].concat()));
        let again = Answer::new(tpm.send(&sign(handle, &digest, &ecdaa(count)).to_bytes()));

        // With both points: K is d B, L is r B, E is r M; L and E are of the same r.
        let answer = succeed(tpm, &commit(handle, &message, &s2, &base_y));
        let ([k, l, e], second) = split(answer.parameters(false));
        let expected = NativeArithmetic
            .ec_multiply(Curve::P256, &bytes(PRIVATE), Some(&base))
            .expect("on the curve");
        let ([x, y], _) = split(&k);
        assert_eq!([x, y].concat(), expected);
        assert!(l.len() > 4 && e.len() > 4);
        (again.code(), first.to_vec(), second.to_vec())
    });
}

#[test]
fn anonymous_attestation_names_nobody() {
    // Part 1 §C.4.2 and Part 3 §18.1: neither signer nor qualification stand in the statement; the qualification is hashed with its digest.
    let mut pair = Pair::started();
    let key = public(EXTERNAL_SIGNING, &ecdaa(0), 3, &point(&bytes(X), &bytes(Y)));
    let load = load_external(Some(&bytes(PRIVATE)), &key);
    let handle = pair.each("load", |tpm| succeed(tpm, &load).handle());
    let quote = |qualification: &[u8], count: u16| {
        Cmd::new(0x158)
            .handle(handle)
            .password(b"")
            .sized(qualification)
            .raw(&ecdaa(count))
            .hex("00000001000b03010000")
    };
    let certify = |qualification: &[u8], count: u16| {
        Cmd::new(0x148)
            .handle(handle)
            .handle(handle)
            .password(b"")
            .password(b"")
            .sized(qualification)
            .raw(&ecdaa(count))
    };
    pair.each("quote and certify", |tpm| {
        let mut counts = Vec::new();
        let mut heads = Vec::new();
        for (command, qualification) in [(0, &b"fresh"[..]), (0, b""), (1, b"fresh")] {
            let answer = succeed(tpm, &commit(handle, &[0; 4], &[], &[]));
            let ([_, _, e], count) = split(answer.parameters(false));
            let ([x, y], _) = split(&e);
            let count = u16::from_be_bytes([count[0], count[1]]);
            counts.push(count);
            let command = if command == 0 {
                quote(qualification, count)
            } else {
                certify(qualification, count)
            };
            let answer = succeed(tpm, &command);
            let ([attest], signature) = split(answer.parameters(false));
            let mut digest = sha256(&[&attest]);
            if !qualification.is_empty() {
                digest = sha256(&[qualification, &digest]);
            }
            assert!(is_ecdaa(signature, &digest, &[x, y].concat()));
            // Magic, type, qualifiedSigner and extraData; behind clock and version what is attested.
            heads.push((hex::encode(&attest[..10]), hex::encode(&attest[10 + 17 + 8..])));
        }
        (counts, heads)
    });
}

#[test]
fn base_is_hashed_with_the_name_alg_and_reduced() {
    // SHA-512 of "base 4" modulo the prime of P-256 is the x coordinate of a point.
    let mut pair = Pair::started();
    let mut key = public(EXTERNAL_SIGNING, &ecdaa(0), 3, &point(&bytes(X), &bytes(Y)));
    key[3] = 0x0D;
    let load = load_external(Some(&bytes(PRIVATE)), &key);
    let handle = pair.each("load", |tpm| succeed(tpm, &load).handle());
    pair.each("K", |tpm| {
        let answer = succeed(
            tpm,
            &commit(
                handle,
                &[0; 4],
                b"base 4",
                &bytes("c75af4b9cbbb21b098cdd1a62d01cd7e32b5689289638508964341317c55c93b"),
            ),
        );
        let ([k], _) = split(answer.parameters(false));
        k
    });
}

#[test]
fn commitments_are_refused_alike() {
    let mut pair = Pair::started();
    let (s2, _, y2) = hashed_point();
    let anonymous = public(EXTERNAL_SIGNING, &ecdaa(0), 3, &point(&bytes(X), &bytes(Y)));
    let other = public(EXTERNAL_SIGNING, &scheme(ECDSA), 3, &point(&bytes(X), &bytes(Y)));
    let decrypting = public(EXTERNAL_DECRYPTING, NO_SCHEME, 3, &point(&bytes(X), &bytes(Y)));
    let bound = public(EXTERNAL_DECRYPTING, &scheme(ECDH), 3, &point(&bytes(X), &bytes(Y)));
    let load = |pair: &mut Pair, public: &[u8]| {
        let load = load_external(Some(&bytes(PRIVATE)), public);
        pair.each("load", |tpm| succeed(tpm, &load).handle())
    };
    let [key, ecdsa, dh] = [anonymous, other, decrypting].map(|public| load(&mut pair, &public));
    let good = point(&bytes(X), &bytes(Y));
    let off = point(&bytes(X), &bytes(X));
    let exchange = |key: u32, one: &[u8], two: &[u8], scheme: u16, count: u16| {
        Cmd::new(0x18D)
            .handle(key)
            .password(b"")
            .sized(one)
            .sized(two)
            .u16(scheme)
            .u16(count)
    };
    pair.same_all(&[
        ("commit with ECDSA", commit(ecdsa, &[0; 4], &[], &[])),
        ("s2 without y2", commit(key, &[0; 4], &s2, &[])),
        ("y2 without s2", commit(key, &[0; 4], &[], &y2)),
        ("no P1 at all", commit(key, &[], &[], &[])),
        ("P1 off the curve", commit(key, &off, &[], &[])),
        ("B off the curve", commit(key, &[0; 4], &s2, &bytes(X))),
        ("B first", commit(key, &off, &s2, &bytes(X))),
        ("sign without a count", sign(key, &[1; 32], NO_SCHEME)),
        ("sign without a commitment", sign(key, &[1; 32], &ecdaa(0))),
        ("sign with another scheme", sign(key, &[1; 32], &scheme(ECDSA))),
        ("sign ECDSA with ECDAA", sign(ecdsa, &[1; 32], &ecdaa(0))),
        ("commit", commit(key, &[0; 4], &[], &[])),
        ("another count", sign(key, &[1; 32], &ecdaa(1))),
        ("a count beyond", sign(key, &[1; 32], &ecdaa(128))),
        ("a count before", sign(key, &[1; 32], &ecdaa(0xFF80))),
        ("another hash", sign(key, &[1; 20], &[0, 0x1A, 0, 4, 0, 0])),
        ("sign", sign(key, &[1; 32], &ecdaa(0))),
        ("again", sign(key, &[1; 32], &ecdaa(0))),
        ("ephemeral", Cmd::new(0x18E).u16(3)),
        ("ephemeral on no curve", Cmd::new(0x18E).u16(0x40)),
        ("exchange with a signing key", exchange(ecdsa, &good, &good, ECDH, 1)),
        ("static off", exchange(dh, &off, &good, ECDH, 1)),
        ("ephemeral off", exchange(dh, &good, &off, ECDH, 1)),
        ("no such count", exchange(dh, &good, &good, ECDH, 2)),
        ("no such scheme", exchange(dh, &good, &good, ECDSA, 1)),
        ("NULL", exchange(dh, &good, &good, 0x10, 1)),
        ("flush", Cmd::new(0x165).u32(dh)),
    ]);
    let bound = load(&mut pair, &bound);
    pair.same_all(&[
        ("another scheme", exchange(bound, &good, &good, 0x1D, 1)),
        ("exchange", exchange(bound, &good, &good, ECDH, 1)),
        ("exchange again", exchange(bound, &good, &good, ECDH, 1)),
    ]);
}

#[test]
fn commitments_outlast_resume_and_restart_but_no_reset() {
    for (shutdown, startup) in [(1u16, 1u16), (1, 0), (0, 0)] {
        let mut pair = Pair::started();
        let key = public(EXTERNAL_SIGNING, &ecdaa(0), 3, &point(&bytes(X), &bytes(Y)));
        let load = load_external(Some(&bytes(PRIVATE)), &key);
        let handle = pair.each("load", |tpm| succeed(tpm, &load).handle());
        pair.same(&commit(handle, &[0; 4], &[], &[]));
        pair.same(&Cmd::new(0x145).u16(shutdown));
        pair.power_cycle();
        pair.same(&Cmd::new(0x144).u16(startup));
        pair.each("load", |tpm| succeed(tpm, &load).handle());
        let code = pair.same(&sign(handle, &[1; 32], &ecdaa(0)));
        assert_eq!(code == 0, shutdown == 1, "{shutdown} {startup}");
    }
}

#[test]
fn schemes_of_templates_are_judged_alike() {
    let mut pair = Pair::started();
    let create = |attributes: u32, scheme: &[u8], curve: u16| {
        Cmd::new(0x131)
            .handle(OWNER)
            .password(b"")
            .sized(&[0; 4])
            .sized(&public(attributes, scheme, curve, &point(&[], &[])))
            .sized(&[])
            .u32(0)
    };
    let flush = || Cmd::new(0x165).u32(0x8000_0000);
    let restricted = SIGNING | 0x1_0000;
    let mqv = [0, 0x1D, 0, 0x0B];
    pair.same_all(&[
        ("ECDAA", create(SIGNING, &ecdaa(0), 3)),
        ("flush", flush()),
        ("restricted ECDAA", create(restricted, &ecdaa(0), 3)),
        ("flush", flush()),
        ("ECSCHNORR", create(SIGNING, &scheme(ECSCHNORR), 5)),
        ("flush", flush()),
        ("ECMQV", create(DECRYPTING, &mqv, 2)),
        ("flush", flush()),
        ("ECMQV that signs", create(SIGNING, &mqv, 3)),
        ("ECDAA that decrypts", create(DECRYPTING, &ecdaa(0), 3)),
        ("ECSCHNORR that decrypts", create(DECRYPTING, &scheme(ECSCHNORR), 3)),
        ("ECSCHNORR without a hash", create(SIGNING, &[0, 0x1C, 0, 0x10], 3)),
        ("SM2", create(SIGNING, &[0, 0x1E, 0, 0x0B], 3)),
    ]);
}

#[test]
fn halves_of_keys_are_judged_alike() {
    let mut pair = Pair::started();
    let (private, x, y) = (bytes(PRIVATE), bytes(X), bytes(Y));
    let good = point(&x, &y);
    let key = |point: &[u8]| public(EXTERNAL_SIGNING, NO_SCHEME, 3, point);
    // A private key below 2^248, whose first byte may be left out.
    let small = [&[0][..], &private[1..]].concat();
    let product = NativeArithmetic
        .ec_multiply(Curve::P256, &small, None)
        .expect("below the order");
    let small_point = point(&product[..32], &product[32..]);
    let order = bytes(ORDER);
    let off = point(&x, &x);
    let without_name = |point: &[u8]| {
        let mut public = key(point);
        public[3] = 0x10;
        public
    };
    let flush = || Cmd::new(0x165).u32(0x8000_0000);
    let load = |private: &[u8], public: &[u8]| load_external(Some(private), public);
    pair.same_all(&[
        ("good", load(&private, &key(&good))),
        ("flush", flush()),
        ("with its zero", load(&small, &key(&small_point))),
        ("flush", flush()),
        ("without its zero", load(&small[1..], &key(&small_point))),
        ("flush", flush()),
        ("one byte more", load(&[&[0][..], &private].concat(), &key(&good))),
        ("nothing", load(&[], &key(&good))),
        ("zero", load(&[0; 32], &key(&good))),
        ("the order", load(&order, &key(&good))),
        ("another point", load(&private, &key(&small_point))),
        ("off the curve", load(&private, &key(&off))),
        ("short coordinate", load(&private, &key(&point(&x[1..], &y)))),
        (
            "long coordinate",
            load(&private, &key(&point(&[&[0][..], &x].concat(), &y))),
        ),
        ("no point", load(&private, &key(&point(&[], &[])))),
        ("public off the curve", load_external(None, &key(&off))),
        ("public short", load_external(None, &key(&point(&x[1..], &y)))),
        ("public none", load_external(None, &key(&point(&[], &[])))),
        ("without nameAlg, good", load(&private, &without_name(&good))),
        ("flush", flush()),
        (
            "without nameAlg, another point",
            load(&private, &without_name(&small_point)),
        ),
        ("flush", flush()),
        ("without nameAlg, off the curve", load(&private, &without_name(&off))),
        ("flush", flush()),
        ("without nameAlg, the order", load(&order, &without_name(&good))),
        (
            "public without nameAlg, off the curve",
            load_external(None, &without_name(&off)),
        ),
        ("flush", flush()),
    ]);
}
