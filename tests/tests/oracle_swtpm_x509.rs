//! TPM2_CertifyX509 against swtpm. The keys are the test's and so is everything in the certificate, so what the TPM adds must be the same to the last byte.

use cloister_tests::oracle::{Answer, Cmd, Pair, sized};

const NULL: u32 = 0x4000_0007;
const FIRST: u32 = 0x8000_0000;
const SECOND: u32 = 0x8000_0001;
/// A modulus of 2048 bits and one of its primes, made for this test.
const MODULUS: &str = concat!(
    "b935e6efaf4fb8dc1df7f4ac50fbde2fbfc7e8e516ac96a4f110d47567f8dfb7fa5d7030a733c9bfc79e3f3555652874c78ed7af22a80e8d4c569302a9d2335d",
    "b92e6cc54c20b5987c8b762a110bfb496ab889477a3fe095e0e0eee83d7002a46778826377e176f20c8a158923894681995d80ebb496d56276df25f0593c0610",
    "97f5e8fdefbad991479dd1ecb8d76b8bfa6fced99ddab450c53bf09ee7878e3a7ff1d96004ca917f5a070d6d44627db62f48583bcb416cf87e268add4b7f6784",
    "b7bd00d2a192f1040574c46a7a8da3c264830fef2ea3596f497295eb67431d519f29f293b8f4b991f382e2e8fa296fd135de76f47cdda0552281efd7e6194a2b",
);
const PRIME: &str = concat!(
    "ede3dffeed736cce7e020e2af6a9c0933133033d0bcaa57ccc2fe6e9a065b3405a1443b53dd463e2e8b2d0bf0d5672c3f01130ba02de78e2bca254e0f24d3bee",
    "05dd0ea4c8771e14d84d9fab957007e2aaa95bbdcf7aa505e65f0cf36fc34d9f3615a80ad96daa5d21752ae0f8447ee82b3e01139a42a62c831af1132a65b89f",
);
/// userWithAuth, sign, decrypt.
const SIGN: u32 = 0x4_0040;
const DECRYPT: u32 = 0x2_0040;

/// TPM2_LoadExternal of an RSA key with a scheme in hexadecimal.
fn rsa(attributes: u32, scheme: &str) -> Cmd {
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let sensitive = [&bytes("000100000000")[..], &sized(&bytes(PRIME))].concat();
    let mut public = bytes("0001000b");
    public.extend(attributes.to_be_bytes());
    public.extend(bytes("00000010"));
    public.extend(bytes(scheme));
    public.extend(bytes("080000000000"));
    public.extend(sized(&bytes(MODULUS)));
    Cmd::new(0x167).sized(&sensitive).sized(&public).u32(NULL)
}

/// TPM2_LoadExternal of the P-256 key of RFC 6979 §A.2.5.
fn ecc(attributes: u32, scheme: &str) -> Cmd {
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let d = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let x = bytes("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
    let y = bytes("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    let sensitive = [&bytes("002300000000")[..], &sized(&d)].concat();
    let mut public = bytes("0023000b");
    public.extend(attributes.to_be_bytes());
    public.extend(bytes("00000010"));
    public.extend(bytes(scheme));
    public.extend(bytes("00030010"));
    public.extend([sized(&x), sized(&y)].concat());
    Cmd::new(0x167).sized(&sensitive).sized(&public).u32(NULL)
}

/// A DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let size = contents.len();
    let mut bytes = match size {
        0..=0x7F => vec![tag, size as u8],
        0x80..=0xFF => vec![tag, 0x81, size as u8],
        _ => vec![tag, 0x82, (size >> 8) as u8, size as u8],
    };
    bytes.extend(contents);
    bytes
}

/// A distinguished name with one common name.
fn name(common: &[u8]) -> Vec<u8> {
    let attribute = der(0x30, &[&[0x06, 3, 0x55, 4, 3], &der(0x0C, &[common])]);
    der(0x30, &[&der(0x31, &[&attribute])])
}

/// 2020 to 2049.
fn validity() -> Vec<u8> {
    der(
        0x30,
        &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])],
    )
}

/// An extension with a BIT STRING.
fn extension(oid: &[u8], critical: bool, bits: &[u8]) -> Vec<u8> {
    let value = der(0x04, &[&der(0x03, &[bits])]);
    let critical: &[u8] = if critical { &[1, 1, 0xFF] } else { &[] };
    der(0x30, &[&der(0x06, &[oid]), critical, &value])
}

const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
const TPMA_OBJECT: &[u8] = &[0x67, 0x81, 0x05, 0x0A, 0x01, 0x01, 0x01];

/// The extensions with keyUsage and whatever else.
fn extensions(usage: &[u8], more: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = [&extension(KEY_USAGE, true, usage)[..]]
        .iter()
        .chain(more)
        .flat_map(|part| part.iter().copied())
        .collect();
    der(0xA3, &[&der(0x30, &[&list])])
}

/// partialCertificate with these extensions.
fn partial(extensions: &[u8]) -> Vec<u8> {
    der(0x30, &[&name(b"issuer"), &validity(), &name(b"subject"), extensions])
}

/// TPM2_CertifyX509 of the second key by the first.
fn certify(scheme: &str, partial: &[u8]) -> Cmd {
    let command = Cmd::new(0x197).handle(SECOND).handle(FIRST).password(b"").password(b"");
    command.sized(&[]).hex(scheme).sized(partial)
}

/// addedToCertificate and tbsDigest, in front of the signature.
fn added(answer: &Answer) -> Vec<u8> {
    let parameters = answer.parameters(false);
    let size = |at: usize| 2 + usize::from(u16::from_be_bytes([parameters[at], parameters[at + 1]]));
    let digest = size(0);
    parameters[..digest + size(digest)].to_vec()
}

/// digitalSignature.
const SIGNING: &[u8] = &[7, 0x80];

#[test]
fn certificates_are_alike() {
    let mut pair = Pair::started();
    let attributes = extension(TPMA_OBJECT, false, &[&[0][..], &SIGN.to_be_bytes()].concat());
    let own_algorithm = hex::decode("300a06082a8648ce3d040302").expect("hexadecimal");
    let with_algorithm = der(
        0x30,
        &[
            &own_algorithm,
            &name(b"issuer"),
            &validity(),
            &name(b"subject"),
            &extensions(SIGNING, &[]),
        ],
    );
    let long = der(0x30, &[&[0x06, 3, 0x55, 0x1D, 0x0E], &der(0x04, &[&[7; 300]])]);
    let partials = [
        partial(&extensions(SIGNING, &[])),
        partial(&extensions(&[1, 0x86], &[&attributes])),
        partial(&extensions(SIGNING, &[&long])),
        with_algorithm,
    ];
    let rsa_keys = ["0014000b", "0016000b", "0014000c", "0014000d", "00140004"];
    let signers = rsa_keys
        .map(|scheme| rsa(SIGN, scheme))
        .into_iter()
        .chain(["0018000b", "0018000c", "0018000d", "00180004"].map(|scheme| ecc(SIGN, scheme)));
    for signer in signers {
        for object in [rsa(SIGN, "0010"), ecc(SIGN, "0010")] {
            assert_eq!((pair.same(&signer), pair.same(&object)), (0, 0));
            for partial in &partials {
                let command = certify("0010", partial);
                pair.each("certificate", |tpm| {
                    let answer = Answer::new(tpm.send(&command.to_bytes()));
                    assert_eq!(answer.code(), 0, "{}", hex::encode(partial));
                    hex::encode(added(&answer))
                });
            }
            pair.same(&Cmd::new(0x165).u32(FIRST));
            pair.same(&Cmd::new(0x165).u32(SECOND));
        }
    }
}

#[test]
fn what_is_no_certificate_is_judged_alike() {
    let mut pair = Pair::started();
    assert_eq!((pair.same(&rsa(SIGN, "0010")), pair.same(&ecc(SIGN, "0010"))), (0, 0));
    let good = partial(&extensions(SIGNING, &[]));
    let rsassa = "0014000b";
    let usage = |bits: &[u8]| certify(rsassa, &partial(&extensions(bits, &[])));
    let parts = |parts: &[&[u8]]| certify(rsassa, &der(0x30, parts));
    let (issuer, validity, subject) = (name(b"issuer"), validity(), name(b"subject"));
    let good_extensions = extensions(SIGNING, &[]);
    let mut trailing = good.clone();
    trailing.push(0);
    let base = Cmd::new(0x197).handle(SECOND).handle(FIRST).password(b"").password(b"");
    pair.same_all(&[
        ("good", certify(rsassa, &good)),
        ("no scheme", certify("0010", &good)),
        ("ECDSA by an RSA key", certify("0018000b", &good)),
        ("reserved", base.clone().sized(&[1]).hex(rsassa).sized(&good)),
        ("nothing", certify(rsassa, &[])),
        ("trailing byte", certify(rsassa, &trailing)),
        ("short", certify(rsassa, &good[..good.len() - 1])),
        ("no sequence", certify(rsassa, &der(0x31, &[&good]))),
        ("one sequence", parts(&[&issuer])),
        ("no extensions", parts(&[&issuer, &validity, &subject])),
        ("two names", parts(&[&issuer, &validity, &good_extensions])),
        (
            "five sequences",
            parts(&[&issuer, &issuer, &issuer, &validity, &subject, &good_extensions]),
        ),
        (
            "extensions twice",
            parts(&[&issuer, &validity, &subject, &good_extensions, &good_extensions]),
        ),
        (
            "a number",
            parts(&[&[2, 1, 2], &issuer, &validity, &subject, &good_extensions]),
        ),
        (
            "extensions that are none",
            parts(&[&issuer, &validity, &subject, &der(0xA3, &[&[2, 1, 2]])]),
        ),
        (
            "no keyUsage",
            parts(&[&issuer, &validity, &subject, &der(0xA3, &[&der(0x30, &[])])]),
        ),
        // Other attributes than the key has: swtpm 0.7.1 names the second handle for them (0x282), Part 3 the first.
        ("key agreement", usage(&[3, 0x08])),
        ("non-repudiation", usage(&[6, 0x40])),
        ("key encipherment", usage(&[5, 0x20])),
        ("CRL signature", usage(&[1, 0x02])),
        ("encipher only", usage(&[0, 0x01])),
        ("decipher only", usage(&[7, 0, 0x80])),
        // More bits than there are uses: swtpm 0.7.1 does not look; Part 2 reserves them.
        ("no bits", usage(&[0])),
        ("bad bits", usage(&[9, 0x80])),
        ("no BIT STRING", usage(&[])),
    ]);
    // A key that decrypts. swtpm 0.7.1 wants `restricted` for key agreement, where Part 2 wants it for key encipherment, and it takes the numbers of the
    // two handles for one another.
    pair.same(&Cmd::new(0x165).u32(SECOND));
    assert_eq!(pair.same(&rsa(DECRYPT, "0010")), 0);
    pair.same_all(&[
        ("signature by a decryption key", usage(SIGNING)),
        ("data encipherment", usage(&[4, 0x10])),
    ]);
}
