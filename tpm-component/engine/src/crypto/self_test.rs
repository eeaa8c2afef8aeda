//! The known-answer tests of the algorithms (Part 1 §10.3, Part 3 §10), against answers that were published or came from another
//! implementation.
//!
//! Nothing from outside reaches this module. An answer that is wrong, or that cannot be had, is a fault, and the TPM then enters failure mode.
//!
//! The specification wants an algorithm tested before its first use, and TPM2_SelfTest to test all of them. What is tested is the implementation that
//! computes: the host's where it is offered, the engine's own where it is not. An own implementation beside one of the host's does nothing, so it is
//! not tested with it; should the host stop offering its own half-way, `gate.rs` has the engine's show known answers before it computes
//! anything (`own`). So no test is ever skipped, and none is run for what nobody uses: in an interpreter, one round of answers from the
//! engine's own public-key arithmetic takes half a second.
//!
//! Hashes, HMAC, key derivation, generator and ciphers are tested at power-on, since nothing works without them; a [`Part`] is tested before it
//! is used for the first time, or when TPM2_SelfTest or TPM2_IncrementalSelfTest ask for it.

mod asymmetric;
#[cfg(feature = "sm2")]
pub(crate) mod sm2_answers;

#[cfg(test)]
pub(crate) use asymmetric::{MQV_A, MQV_B, MQV_SHARED, RSA_MODULUS, RSA_OAEP, RSA_PRIME, RSA_PSS, RSA_SIGNATURE};

use alloc::{sync::Arc, vec::Vec};
use tpm_contract::{Arithmetic, CipherMode, Curve, Direction, Host};

use super::{
    Cmac, CryptoError, Drbg, Hasher, Hmac, NoOffer, cipher,
    gate::{Function, Gate, Ledger},
    hash,
    hash::{Core, core_of},
    hmac, kdf_2, kdf_a, kdf_e,
    seam::contract_hash,
};
use crate::structures::{PublicArea, TpmAlgId, TpmiAlgHash, TpmiAlgSymObject, TpmiEccCurve};

/// What is tested before its first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// RSA with its paddings.
    Rsa,
    /// ECDSA and ECDH on P-224.
    P224,
    /// ECDSA and ECDH on P-256.
    P256,
    /// ECDSA and ECDH on P-384.
    P384,
    /// ECDSA and ECDH on P-521.
    P521,
    /// ECSCHNORR.
    Schnorr,
    /// The TPM's half of ECDAA.
    Ecdaa,
    /// Full MQV.
    Ecmqv,
    /// The modes that only keys of callers use, and CMAC.
    Modes,
    /// ECDSA and ECDH on BN_P256.
    #[cfg(feature = "bn256")]
    BnP256,
    /// The signature and the exchange of SM2 on its curve, and the curve.
    #[cfg(feature = "sm2")]
    Sm2,
}

impl Part {
    /// All parts.
    const ALL: &'static [Self] = &[
        Self::Rsa,
        Self::P224,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Schnorr,
        Self::Ecdaa,
        Self::Ecmqv,
        Self::Modes,
        #[cfg(feature = "bn256")]
        Self::BnP256,
        #[cfg(feature = "sm2")]
        Self::Sm2,
    ];

    /// The part that computes with a curve.
    pub const fn curve(curve: TpmiEccCurve) -> Self {
        match curve {
            TpmiEccCurve::NistP224 => Self::P224,
            TpmiEccCurve::NistP256 => Self::P256,
            TpmiEccCurve::NistP384 => Self::P384,
            TpmiEccCurve::NistP521 => Self::P521,
            #[cfg(feature = "bn256")]
            TpmiEccCurve::BnP256 => Self::BnP256,
            #[cfg(feature = "sm2")]
            TpmiEccCurve::Sm2P256 => Self::Sm2,
        }
    }

    /// The part that computes with a key; none for what is tested at power-on.
    pub const fn key(area: &PublicArea) -> Option<Self> {
        match area {
            PublicArea::Rsa { .. } => Some(Self::Rsa),
            PublicArea::Ecc { parms, .. } => Some(Self::curve(parms.curve_id)),
            PublicArea::SymCipher { .. } => Some(Self::Modes),
            PublicArea::KeyedHash { .. } => None,
        }
    }

    /// The algorithms that are not tested as long as this part is not.
    const fn algorithms(self) -> &'static [TpmAlgId] {
        match self {
            Self::Rsa => &[
                TpmAlgId::RSA,
                TpmAlgId::RSASSA,
                TpmAlgId::RSAES,
                TpmAlgId::RSAPSS,
                TpmAlgId::OAEP,
            ],
            Self::P224 | Self::P256 | Self::P384 | Self::P521 => &[TpmAlgId::ECC, TpmAlgId::ECDSA, TpmAlgId::ECDH],
            #[cfg(feature = "bn256")]
            Self::BnP256 => &[TpmAlgId::ECC, TpmAlgId::ECDSA, TpmAlgId::ECDH],
            #[cfg(feature = "sm2")]
            Self::Sm2 => &[TpmAlgId::ECC, TpmAlgId::SM2],
            Self::Schnorr => &[TpmAlgId::ECSCHNORR],
            Self::Ecdaa => &[TpmAlgId::ECDAA],
            Self::Ecmqv => &[TpmAlgId::ECMQV],
            Self::Modes => &[
                TpmAlgId::CTR,
                TpmAlgId::OFB,
                TpmAlgId::CBC,
                TpmAlgId::ECB,
                TpmAlgId::CMAC,
            ],
        }
    }

    /// The bit of this part in [`Tests`].
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Runs the test.
    fn run(self, host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
        match self {
            Self::Rsa => asymmetric::rsa(host),
            Self::P224 => asymmetric::curve(host, TpmiEccCurve::NistP224),
            Self::P256 => asymmetric::curve(host, TpmiEccCurve::NistP256),
            Self::P384 => asymmetric::curve(host, TpmiEccCurve::NistP384),
            Self::P521 => asymmetric::curve(host, TpmiEccCurve::NistP521),
            Self::Schnorr => asymmetric::schnorr(host),
            Self::Ecdaa => asymmetric::ecdaa(host),
            Self::Ecmqv => asymmetric::mqv(host),
            Self::Modes => modes(host),
            #[cfg(feature = "bn256")]
            Self::BnP256 => asymmetric::curve(host, TpmiEccCurve::BnP256),
            #[cfg(feature = "sm2")]
            Self::Sm2 => asymmetric::sm2(host),
        }
    }
}

/// Which tests this TPM has passed since it was powered on.
#[derive(Debug, Default)]
pub struct Tests {
    /// The parts.
    passed: u16,
    /// Who computed for them.
    pub(super) ledger: Arc<Ledger>,
}

impl Tests {
    /// The host, seen through the gate that lets nothing compute untested. All work of a TPM goes through it.
    pub(crate) fn gate<'a>(&self, host: &'a mut dyn Host) -> Gate<'a> {
        Gate::new(host, self.ledger.clone())
    }

    /// Whether the engine has found its own arithmetic wrong in the middle of something.
    pub fn is_broken(&self) -> bool {
        self.ledger.is_broken()
    }

    /// As if the engine had.
    #[cfg(test)]
    pub(crate) fn break_down(&self) {
        self.ledger.break_down();
    }

    /// Runs the tests of power-on.
    pub fn at_power_on(&self, host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
        self.ledger.test(|| symmetric(host))
    }

    /// Tests a part, unless it has passed before.
    pub fn before_use(&mut self, host: &mut dyn Arithmetic, part: Part) -> Result<(), CryptoError> {
        if self.passed & part.bit() == 0 {
            self.ledger.test(|| part.run(host))?;
            self.passed |= part.bit();
        }
        Ok(())
    }

    /// Tests everything: what has not passed before, or all of it again.
    pub fn everything(&mut self, host: &mut dyn Arithmetic, again: bool) -> Result<(), CryptoError> {
        if again {
            self.passed = 0;
            self.ledger.forget();
            self.at_power_on(host)?;
        }
        Part::ALL.iter().try_for_each(|part| self.before_use(host, *part))
    }

    /// Tests what an algorithm needs, unless it has passed before.
    pub fn algorithm(&mut self, host: &mut dyn Arithmetic, alg: TpmAlgId) -> Result<(), CryptoError> {
        for part in Part::ALL.iter().filter(|part| part.algorithms().contains(&alg)) {
            self.before_use(host, *part)?;
        }
        Ok(())
    }

    /// Whether something of an algorithm is not tested yet.
    pub fn is_to_do(&self, alg: TpmAlgId) -> bool {
        Part::ALL
            .iter()
            .any(|part| self.passed & part.bit() == 0 && part.algorithms().contains(&alg))
    }

    /// Whether a part is not tested yet.
    pub fn are_to_do(&self) -> bool {
        Part::ALL.iter().any(|part| self.passed & part.bit() == 0)
    }
}

/// What is tested at power-on.
fn symmetric(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    hashes(host)?;
    keyed(host)?;
    generator(host)?;
    encryption(host)
}

/// The known answers of one of the engine's own functions.
pub(super) fn own(function: Function) -> Result<(), CryptoError> {
    let own = &mut NoOffer;
    match function {
        Function::Hash(core) => digests(own, |alg| core_of(alg) == Core::Compression(core)),
        Function::Digest(hash) => digests(own, |alg| contract_hash(alg) == Some(hash)),
        Function::Hmac(hash) => macs(own, |alg| contract_hash(alg) == Some(hash)),
        Function::Aes => encryption(own).and_then(|()| modes(own)),
        Function::ModExp | Function::RsaPrivate | Function::MillerRabin => asymmetric::rsa(own),
        Function::Multiply(curve) | Function::MultiplyAdd(curve) => asymmetric::curve(
            own,
            match curve {
                Curve::P256 => TpmiEccCurve::NistP256,
                Curve::P384 => TpmiEccCurve::NistP384,
                Curve::P521 => TpmiEccCurve::NistP521,
            },
        ),
    }
}

/// A fault when the answer is not the known one.
fn expect(answer: impl AsRef<[u8]>, known: &[u8]) -> Result<(), CryptoError> {
    if answer.as_ref() == known {
        Ok(())
    } else {
        Err(CryptoError::Fault)
    }
}

/// The bytes of a hexadecimal text, read by the compiler.
macro_rules! bytes {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const BYTES: [u8; TEXT.len() / 2] = $crate::crypto::self_test::read(TEXT);
        BYTES
    }};
}
use bytes;

/// What [`bytes!`] is made of; a text that is not hexadecimal does not compile.
const fn read<const N: usize>(text: &str) -> [u8; N] {
    const fn digit(text: &[u8], at: usize) -> u8 {
        match (text[at] as char).to_digit(16) {
            Some(digit) => digit as u8,
            None => panic!("not hexadecimal"),
        }
    }
    assert!(text.len() == 2 * N);
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = digit(text.as_bytes(), 2 * i) << 4 | digit(text.as_bytes(), 2 * i + 1);
        i += 1;
    }
    bytes
}

/// FIPS 180-4, "abc".
const DIGESTS: [(TpmiAlgHash, &[u8]); 4] = [
    (TpmiAlgHash::Sha1, &bytes!("a9993e364706816aba3e25717850c26c9cd0d89d")),
    (
        TpmiAlgHash::Sha256,
        &bytes!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ),
    (
        TpmiAlgHash::Sha384,
        &bytes!("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
    ),
    (
        TpmiAlgHash::Sha512,
        &bytes!(concat!(
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        )),
    ),
];

/// The digests of "abc" by those of the algorithms that are chosen: as a whole, and as a stream, which a host works on with another function.
fn digests(host: &mut dyn Arithmetic, chosen: impl Fn(TpmiAlgHash) -> bool) -> Result<(), CryptoError> {
    for (alg, known) in DIGESTS.iter().filter(|known| chosen(known.0)) {
        expect(hash(host, *alg, &[b"abc"]), known)?;
        let mut stream = Hasher::new(*alg);
        stream.update(host, b"abc");
        expect(stream.finish(host), known)?;
    }
    #[cfg(feature = "sha3")]
    sponges(host)?;
    Ok(())
}

/// FIPS 202, "abc".
#[cfg(feature = "sha3")]
fn sponges(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    for (alg, known) in [
        (
            TpmiAlgHash::Sha3256,
            &bytes!("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532")[..],
        ),
        (
            TpmiAlgHash::Sha3384,
            &bytes!("ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"),
        ),
        (
            TpmiAlgHash::Sha3512,
            &bytes!(concat!(
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e",
                "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"
            )),
        ),
    ] {
        expect(hash(host, alg, &[b"abc"]), known)?;
    }
    Ok(())
}

/// All of them.
fn hashes(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    digests(host, |_| true)
}

/// RFC 2202 and RFC 4231, cases 1 and 6: a key of 20 bytes, and one that is longer than a block, by its length.
const MACS: [(TpmiAlgHash, &[u8], usize, &[u8]); 4] = [
    (
        TpmiAlgHash::Sha1,
        &bytes!("b617318655057264e28bc0b6fb378c8ef146be00"),
        80,
        &bytes!("aa4ae5e15272d00e95705637ce8a3b55ed402112"),
    ),
    (
        TpmiAlgHash::Sha256,
        &bytes!("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        131,
        &bytes!("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ),
    (
        TpmiAlgHash::Sha384,
        &bytes!("afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"),
        131,
        &bytes!("4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"),
    ),
    (
        TpmiAlgHash::Sha512,
        &bytes!(concat!(
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde",
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        )),
        131,
        &bytes!(concat!(
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352",
            "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        )),
    ),
];

/// The HMACs of those of the algorithms that are chosen, and that of a stream, which is the same for all.
fn macs(host: &mut dyn Arithmetic, chosen: impl Fn(TpmiAlgHash) -> bool) -> Result<(), CryptoError> {
    let (short, message): ([u8; 20], &[u8]) = ([0x0b; 20], b"Hi There");
    for (alg, known, size, of_long) in MACS.iter().filter(|known| chosen(known.0)) {
        expect(hmac(host, *alg, &short, &[message]), known)?;
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        expect(hmac(host, *alg, &[0xaa; 131][..*size], &[message]), of_long)?;
    }
    let (alg, known, ..) = MACS[1];
    let mut stream = Hmac::new(host, alg, &short);
    stream.update(host, message);
    expect(stream.finish(host), known)
}

/// HMAC. KDFa: the TCG reference's test data. KDFe: SHA-256 of what it is defined as, computed independently.
/// KDF2: ISO/IEC 18033-2 C.6, its first bytes.
fn keyed(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    macs(host, |_| true)?;
    let key = bytes!("271fa08bbdc5060ec3dfa928ff9b73123a12da0c");
    let (u, v) = (bytes!("ce244f395dca7391"), bytes!("da504031ddf12e83"));
    let derived = kdf_a(host, TpmiAlgHash::Sha384, &key, b"KDFSELFTESTLABEL", &u, &v, 160);
    expect(&*derived, &bytes!("1dce70c9113eb2dba47bd9cfc72bf46f45b09312"))?;
    let [z, u, v] = [1u8, 0x21, 0x41].map(|first| (first..first + 32).collect::<Vec<u8>>());
    let known = bytes!("a453cbf2860fca27cad99bef366d0cbe1c578c67026b67d254a64b4a26c1c2a6");
    expect(&*kdf_e(host, TpmiAlgHash::Sha256, &z, b"SECRET", &u, &v, 256), &known)?;
    let z = bytes!(concat!(
        "032e45326fa859a72ec235acff929b15d1372e30b207255f0611b8f785d76437",
        "4152e0ac009e509e7ba30cd2f1778e113b64e135cf4e2292c75efe5288edfda4"
    ));
    let known = bytes!("0e6a26eb7b956ccb8b3bdc1ca975bc57c3989e8fbad31a224655d800c469");
    expect(&*kdf_2(host, TpmiAlgHash::Sha1, &z, 30), &known)
}

/// NIST CAVP, Hash_DRBG with SHA-256, the second kilobit after a reseed; its first bytes.
fn generator(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let seed = bytes!(concat!(
        "b87bb4de5c148d964fc0cb612d69295671780b4270fe32bf389b6f49488efe13",
        "27eb37a0c695c4ee3c9b70b7f6b33492",
        "52321406ac8a9c266b1f8d811bb871269e5824b59a0234f01d358193523bbb7c"
    ));
    let mut drbg = Drbg::new(host, &[&seed]);
    drbg.reseed(
        host,
        &bytes!("7638267f534c4e6ee22cc6ca6ed824fd5d3d387c00b89dd791eb5ac9766385b8"),
        &[],
    );
    drbg.bytes(host, 128);
    expect(
        &drbg.bytes(host, 128)[..32],
        &bytes!("de01c061651bab3cef2fc4ea89a56b6e86e74b2e9fd11ed671c97c813778a06a"),
    )
}

/// The cipher that a host may offer.
const AES: TpmiAlgSymObject = TpmiAlgSymObject::Aes;

/// SP 800-38A F.3.13, F.3.15 and F.3.17, CFB128 with AES-128, AES-192 and AES-256, both directions.
fn encryption(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let plain = bytes!("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let iv = bytes!("000102030405060708090a0b0c0d0e0f");
    for (key, cipher) in [
        (
            &bytes!("2b7e151628aed2a6abf7158809cf4f3c")[..],
            &bytes!("3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"),
        ),
        (
            &bytes!("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b")[..],
            &bytes!("cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a"),
        ),
        (
            &bytes!("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")[..],
            &bytes!("dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"),
        ),
    ] {
        let mut data = plain;
        cipher::cfb_encrypt(host, AES, key, &iv, &mut data)?;
        expect(data, cipher)?;
        cipher::cfb_decrypt(host, AES, key, &iv, &mut data)?;
        expect(data, &plain)?;
    }
    #[cfg(feature = "camellia")]
    camellia(host)?;
    #[cfg(feature = "tdes")]
    tdes(host)?;
    Ok(())
}

/// RFC 3713 Appendix A, all key sizes, both directions.
#[cfg(feature = "camellia")]
fn camellia(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let plain = bytes!("0123456789abcdeffedcba9876543210");
    let key = bytes!("0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff");
    for (size, cipher) in [
        (16, bytes!("67673138549669730857065648eabe43")),
        (24, bytes!("b4993401b3e996f84ee5cee7d79b09b9")),
        (32, bytes!("9acc237dff16d76c20ef7c919e3a7509")),
    ] {
        known_block(host, TpmiAlgSymObject::Camellia, &key[..size], &plain, &cipher)?;
    }
    Ok(())
}

/// SP 800-67 Appendix B.1 with three keys, and the same with the first two, which OpenSSL computed; both directions.
#[cfg(feature = "tdes")]
fn tdes(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let plain = bytes!("54686520717566636b2062726f776e20666f78206a756d70");
    let key = bytes!("0123456789abcdef23456789abcdef01456789abcdef0123");
    for (size, cipher) in [
        (24, bytes!("a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900")),
        (16, bytes!("c44862f70cf2fbdc9077d0909fa91b884cabd61fc58e0cbb")),
    ] {
        known_block(host, TpmiAlgSymObject::Tdes, &key[..size], &plain, &cipher)?;
    }
    Ok(())
}

/// Whole blocks in ECB mode, there and back.
#[cfg(any(feature = "camellia", feature = "tdes"))]
fn known_block(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgSymObject,
    key: &[u8],
    plain: &[u8],
    known: &[u8],
) -> Result<(), CryptoError> {
    let mut data = plain.to_vec();
    cipher::crypt(host, alg, CipherMode::Ecb, Direction::Encrypt, key, &[], &mut data)?;
    expect(&data, known)?;
    cipher::crypt(host, alg, CipherMode::Ecb, Direction::Decrypt, key, &[], &mut data)?;
    expect(&data, plain)
}

/// SP 800-38A F.1, F.2, F.4 and F.5 with AES-128, one block each; SP 800-38B D.1, example 3.
fn modes(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let plain = bytes!("6bc1bee22e409f96e93d7e117393172a");
    let iv = bytes!("000102030405060708090a0b0c0d0e0f");
    let counter = bytes!("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let key = bytes!("2b7e151628aed2a6abf7158809cf4f3c");
    let answers: [(_, &[u8], &[u8], _); 4] = [
        (CipherMode::Ecb, &key, &[], bytes!("3ad77bb40d7a3660a89ecaf32466ef97")),
        (CipherMode::Cbc, &key, &iv, bytes!("7649abac8119b246cee98e9b12e9197d")),
        (CipherMode::Ofb, &key, &iv, bytes!("3b3fd92eb72dad20333449f8e83cfb4a")),
        (
            CipherMode::Ctr,
            &key,
            &counter,
            bytes!("874d6191b620e3261bef6864990db6ce"),
        ),
    ];
    for (mode, key, iv, cipher) in answers {
        let mut data = plain;
        cipher::crypt(host, AES, mode, Direction::Encrypt, key, iv, &mut data)?;
        expect(data, &cipher)?;
        cipher::crypt(host, AES, mode, Direction::Decrypt, key, iv, &mut data)?;
        expect(data, &plain)?;
    }
    let mut cmac = Cmac::new(AES, &key)?;
    cmac.update(
        host,
        &bytes!(concat!(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411"
        )),
    );
    let mac = cmac.finish(host).map_err(|_| CryptoError::Fault)?;
    expect(mac.as_bytes(), &bytes!("dfa66747de9ae63030ca32611497c827"))
}

#[cfg(test)]
mod tests;
