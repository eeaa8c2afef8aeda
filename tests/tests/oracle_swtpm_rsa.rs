//! The engine against swtpm: RSA keys of all sizes and exponents, and what is done with them. What one signs or encrypts, the other verifies or
//! decrypts. swtpm has no RSA-4096.

use cloister_tests::oracle::{
    Answer, Cmd, Pair, Tpm, create_primary, duplicate, duplication_policy, flush, import, primary, sized, split,
    succeed,
};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;

const SIZES: [u16; 3] = [1024, 2048, 3072];
/// TPM_ALG_ID of hashes, with their sizes.
const HASHES: [(u16, usize); 4] = [(0x04, 20), (0x0B, 32), (0x0C, 48), (0x0D, 64)];
const RSASSA: u16 = 0x14;
const RSAES: &[u8] = &[0, 0x15];
const RSAPSS: u16 = 0x16;
const OAEP: u16 = 0x17;
const NO_SCHEME: &[u8] = &[0, 0x10];
const AES_128_CFB: &[u8] = &[0, 6, 0, 128, 0, 0x43];

/// sensitiveDataOrigin, userWithAuth, noDA, decrypt and sign.
const FREE: u32 = 0x0006_0460;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const STORAGE: u32 = 0x0003_0472;
/// userWithAuth, noDA, decrypt and sign: what comes from outside.
const EXTERNAL: u32 = 0x0006_0440;

/// The modulus of an RSA-2048 key made by OpenSSL.
const N: &str = concat!(
    "ba8656c24f613ca52649e54bc91f4176c596c21f921a8971d6705e4651177fb3f3f348c01362cfedbee66298e04c30b3",
    "b1970ef93b06a9e6409f37454f9b7c9d114e6132b26392de3a659938313869c71b7058d4966c033a3945447c5f3f767d",
    "30f0f43281feea93f22da460e19bdf7fc23eac080caeb398c1d255e8292d7f944cddedc04813693198712632c5906555",
    "0c1e58083b832d4dda03343c99bb86ee1bae2ca1605c49384f31780b16a1dfb70710c1202547677002cb065f2aed05f2",
    "bb2e7823059787c84d7149a5a0d2882bedbe8fe58d3d64559d151ed0799439f57f72b676faa2f32c200a30021d10160f",
    "7707410bf9e4768f18758e06b36bf55f",
);
/// One of its primes.
const P: &str = concat!(
    "f586f2d8ec9c39180008b3a51e76860be39e85ba2627fc153419a57a97001aa3a84103da9d93ce507ccad529eb04a2d0",
    "debfd54984b52c2d58c19828dd01e81e9a3f83669fd46d3b2192fd7242f53274bfcac219096699d57dc664980e569411",
    "7fd88fd68d6e2f1644c4a39f04fd9c3833b0e25b98b462ca60f3b7e85779608b",
);

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

/// A TPMT_PUBLIC of an RSA key with SHA-256 as nameAlg.
fn public(attributes: u32, policy: &[u8], symmetric: &[u8], bits: u16, exponent: u32, modulus: &[u8]) -> Vec<u8> {
    [
        &[0, 1, 0, 0x0B][..],
        &attributes.to_be_bytes(),
        &sized(policy),
        symmetric,
        NO_SCHEME,
        &bits.to_be_bytes(),
        &exponent.to_be_bytes(),
        &sized(modulus),
    ]
    .concat()
}

/// TPM2_LoadExternal.
fn load_external(prime: Option<&[u8]>, public: &[u8]) -> Cmd {
    let sensitive = prime.map_or_else(Vec::new, |prime| [&[0, 1, 0, 0, 0, 0][..], &sized(prime)].concat());
    let hierarchy = if prime.is_some() { NULL } else { OWNER };
    Cmd::new(0x167).sized(&sensitive).sized(public).u32(hierarchy)
}

fn sign(key: u32, digest: &[u8], scheme: u16, hash: u16) -> Cmd {
    Cmd::new(0x15D)
        .handle(key)
        .password(b"")
        .sized(digest)
        .u16(scheme)
        .u16(hash)
        .hex("8024400000070000")
}

fn verify(key: u32, digest: &[u8], signature: &[u8]) -> Cmd {
    Cmd::new(0x177).handle(key).sized(digest).raw(signature)
}

fn encrypt(key: u32, message: &[u8], scheme: &[u8], label: &[u8]) -> Cmd {
    Cmd::new(0x174).handle(key).sized(message).raw(scheme).sized(label)
}

fn decrypt(key: u32, message: &[u8], scheme: &[u8], label: &[u8]) -> Cmd {
    Cmd::new(0x159)
        .handle(key)
        .password(b"")
        .sized(message)
        .raw(scheme)
        .sized(label)
}

fn oaep(hash: u16) -> Vec<u8> {
    [OAEP.to_be_bytes(), hash.to_be_bytes()].concat()
}

#[test]
fn exponents_are_judged_alike() {
    // A key that comes from outside may have any exponent from 7 on that its primes allow; one that is made has a prime from 65537 on.
    let exponents = [
        0,
        2,
        3,
        4,
        5,
        6,
        7,
        9,
        15,
        17,
        257,
        65_535,
        65_536,
        65_537,
        65_539,
        65_541,
        0xFFFF_FFFB,
        0xFFFF_FFFF,
    ];
    let mut pair = Pair::started();
    let (modulus, prime) = (bytes(N), bytes(P));
    for exponent in exponents {
        let key = public(EXTERNAL, &[], NO_SCHEME, 2048, exponent, &modulus);
        if pair.same(&load_external(None, &key)) == 0 {
            pair.same(&Cmd::new(0x165).u32(0x8000_0000));
        }
        if pair.same(&load_external(Some(&prime), &key)) == 0 {
            let key = 0x8000_0000;
            let digest = [0x42; 32];
            let signature = pair.identical(&sign(key, &digest, RSASSA, 0x0B));
            let good = verify(key, &digest, signature.parameters(false));
            pair.same(&good);
            pair.same(&Cmd::new(0x165).u32(key));
        }
        if exponent < 65_537 || exponent == 65_541 || exponent == 0xFFFF_FFFF {
            pair.same(&create_primary(&public(FREE, &[], NO_SCHEME, 1024, exponent, &[])));
            if exponent == 0 {
                pair.same(&Cmd::new(0x165).u32(0x8000_0000));
            }
        }
    }
}

#[test]
fn key_sizes_and_halves_are_judged_alike() {
    let mut pair = Pair::started();
    let (modulus, prime) = (bytes(N), bytes(P));
    let key = |bits: u16, modulus: &[u8]| public(EXTERNAL, &[], NO_SCHEME, bits, 0, modulus);
    let mut low_modulus = modulus.clone();
    low_modulus[0] = 0x7F;
    let mut low_prime = prime.clone();
    low_prime[0] = 0x7F;
    let mut other_prime = prime.clone();
    other_prime[100] ^= 4;
    pair.same_all(&[
        ("512 bits", create_primary(&public(FREE, &[], NO_SCHEME, 512, 0, &[]))),
        ("1536 bits", create_primary(&public(FREE, &[], NO_SCHEME, 1536, 0, &[]))),
        ("8192 bits", create_primary(&public(FREE, &[], NO_SCHEME, 8192, 0, &[]))),
        ("modulus too short", load_external(None, &key(3072, &modulus))),
        ("modulus too long", load_external(None, &key(1024, &modulus))),
        ("modulus not of its size", load_external(None, &key(2048, &low_modulus))),
        (
            "prime too short",
            load_external(Some(&prime[1..]), &key(2048, &modulus)),
        ),
        (
            "prime not of its size",
            load_external(Some(&low_prime), &key(2048, &modulus)),
        ),
        ("another prime", load_external(Some(&other_prime), &key(2048, &modulus))),
        ("prime", load_external(Some(&prime), &key(2048, &modulus))),
    ]);
}

#[test]
fn signature_of_one_verifies_on_the_other() {
    Pair::both_ways(|signer, verifier| {
        for bits in SIZES {
            let (key, public) = primary(signer, &public(FREE, &[], NO_SCHEME, bits, 0, &[]));
            let loaded = succeed(verifier, &load_external(None, &public)).handle();
            for (hash, size) in HASHES {
                let digest = vec![0x5A; size];
                for scheme in [RSASSA, RSAPSS] {
                    let answer = succeed(signer, &sign(key, &digest, scheme, hash));
                    let signature = answer.parameters(false);
                    succeed(verifier, &verify(loaded, &digest, signature));
                    let wrong = verify(loaded, &vec![0x5B; size], signature);
                    let wrong = Answer::new(verifier.send(&wrong.to_bytes()));
                    assert_eq!(wrong.code(), 0x2DB, "SIGNATURE, P2: {bits} {scheme:#x} {hash:#x}");
                }
            }
            succeed(signer, &Cmd::new(0x165).u32(key));
            succeed(verifier, &Cmd::new(0x165).u32(loaded));
        }
    });
}

#[test]
fn ciphertext_of_one_decrypts_on_the_other() {
    Pair::both_ways(|receiver, sender| {
        for bits in SIZES {
            let (key, public) = primary(receiver, &public(FREE, &[], NO_SCHEME, bits, 0, &[]));
            let loaded = succeed(sender, &load_external(None, &public)).handle();
            let room = usize::from(bits) / 8;
            let mut cases = vec![(RSAES.to_vec(), room - 11), (RSAES.to_vec(), 0)];
            // As long as possible, and nothing; SHA-512 has no room in 1024 bits.
            for (hash, size) in HASHES.into_iter().filter(|(_, size)| 2 * size + 2 <= room) {
                cases.push((oaep(hash), room - 2 * size - 2));
                cases.push((oaep(hash), 0));
            }
            for (scheme, length) in cases {
                let (message, label): (Vec<u8>, &[u8]) =
                    (vec![0x31; length], if length == 0 { b"" } else { b"label\0" });
                let answer = succeed(sender, &encrypt(loaded, &message, &scheme, label));
                let ([sealed], _) = split(answer.parameters(false));
                let answer = succeed(receiver, &decrypt(key, &sealed, &scheme, label));
                assert_eq!(split(answer.parameters(false)).0, [message], "{bits} {scheme:02x?}");
            }
            succeed(receiver, &Cmd::new(0x165).u32(key));
            succeed(sender, &Cmd::new(0x165).u32(loaded));
        }
    });
}

#[test]
fn what_does_not_fit_is_refused_alike() {
    let mut pair = Pair::started();
    for bits in SIZES {
        let template = public(FREE, &[], NO_SCHEME, bits, 0, &[]);
        let key = pair.each("primary", |tpm| primary(tpm, &template).0);
        let room = usize::from(bits) / 8;
        pair.same_all(&[
            ("ciphertext too short", decrypt(key, &vec![1; room - 1], RSAES, b"")),
            ("digest of another size", sign(key, &[1; 31], RSASSA, 0x0B)),
            ("label without its zero", encrypt(key, &[1], &oaep(0x0B), b"label")),
        ]);
        if bits < 3072 {
            // What is too long for swtpm's longest key is TPM_RC_SIZE there already.
            pair.same(&encrypt(key, &vec![1; room + 1], NO_SCHEME, b""));
        }
        // Where there is no room for the padding, swtpm says TPM_RC_FAILURE; what Part 3 says of the size of a message is TPM_RC_VALUE.
        let mut engine = |command: Cmd| Answer::new(pair.engine.send(&command.to_bytes())).code();
        assert_eq!(engine(encrypt(key, &vec![1; room - 10], RSAES, b"")), 0x84);
        for (hash, size) in HASHES {
            let long = (room + 1).saturating_sub(2 * size + 2).max(1);
            assert_eq!(engine(encrypt(key, &vec![1; long], &oaep(hash), b"")), 0x84);
        }
        pair.same(&Cmd::new(0x165).u32(key));
    }
}

#[test]
fn duplicate_of_one_is_imported_by_the_other() {
    // Part 1 §23: the seed travels under OAEP with the new parent's nameAlg, and the key as one of its primes.
    Pair::both_ways(|from, to| {
        for (parent_bits, bits) in [(1024, 3072), (2048, 1024), (3072, 2048)] {
            let (parent, parent_public) = primary(to, &public(STORAGE, &[], AES_128_CFB, parent_bits, 0, &[]));
            let template = public(FREE, &duplication_policy(), NO_SCHEME, bits, 0, &[]);
            let (object, object_public) = primary(from, &template);
            let new_parent = succeed(from, &load_external(None, &parent_public)).handle();
            let duplicated = duplicate(from, object, new_parent);
            let loaded = import(to, parent, &object_public, &duplicated);
            let digest = [0x11; 32];
            let signature = succeed(to, &sign(loaded, &digest, RSASSA, 0x0B));
            succeed(from, &verify(object, &digest, signature.parameters(false)));
            for handle in [object, new_parent] {
                flush(from, handle);
            }
            for handle in [parent, loaded] {
                flush(to, handle);
            }
        }
    });
}
