//! The known-answer tests of TPM2_SelfTest and TPM2_Startup (Part 1 §10.3): every algorithm, with the host's arithmetic and with the engine's
//! own, against answers that were published or came from another implementation.
//!
//! Nothing from outside reaches this module. An answer that is wrong, or that cannot be had, is a fault, and the TPM then enters failure mode.
//!
//! In an interpreter the engine's own public-key arithmetic takes a quarter of a second for one round of answers, so that it is tested
//! only when everything is asked for.

use alloc::vec::Vec;
use tpm_contract::Arithmetic;

use super::{
    CryptoError, Drbg, NoOffer, cipher, ecc,
    ecc::EcdsaSignature,
    hash, hmac, kdf_a, kdf_e,
    rsa::{DEFAULT_EXPONENT, RsaPrivate, public_operation},
    rsa_padding,
};
use crate::structures::{TpmiAlgHash, TpmiEccCurve};

/// What is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything but the engine's own public-key arithmetic.
    Quick,
    /// Everything.
    Full,
}

/// Runs the tests.
pub fn self_test(host: &mut dyn Arithmetic, extent: Extent) -> Result<(), CryptoError> {
    for host in [&mut *host, &mut NoOffer] {
        hashes(host)?;
        keyed(host)?;
        generator(host)?;
        encryption(host)?;
    }
    rsa(host)?;
    elliptic_curves(host)?;
    if extent == Extent::Full {
        rsa(&mut NoOffer)?;
        elliptic_curves(&mut NoOffer)?;
    }
    Ok(())
}

/// A fault when the answer is not the known one.
fn expect(answer: impl AsRef<[u8]>, known: &str) -> Result<(), CryptoError> {
    if answer.as_ref() == bytes(known) {
        Ok(())
    } else {
        Err(CryptoError::Fault)
    }
}

/// The bytes of one of the hexadecimal texts below.
fn bytes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    text.as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| digit(*high) << 4 | digit(*low))
        .collect()
}

/// FIPS 180-4, "abc".
fn hashes(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    for (alg, known) in [
        (TpmiAlgHash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            TpmiAlgHash::Sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            TpmiAlgHash::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            TpmiAlgHash::Sha512,
            concat!(
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
                "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ),
    ] {
        expect(hash(host, alg, &[b"abc"]), known)?;
    }
    Ok(())
}

/// HMAC: RFC 4231, case 1. KDFa: the TCG reference's test data. KDFe: SHA-256 of what it is defined as, computed independently.
fn keyed(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let known = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
    expect(hmac(host, TpmiAlgHash::Sha256, &[0x0b; 20], &[b"Hi There"]), known)?;
    let key = bytes("271fa08bbdc5060ec3dfa928ff9b73123a12da0c");
    let (u, v) = (bytes("ce244f395dca7391"), bytes("da504031ddf12e83"));
    let derived = kdf_a(host, TpmiAlgHash::Sha384, &key, b"KDFSELFTESTLABEL", &u, &v, 160);
    expect(&*derived, "1dce70c9113eb2dba47bd9cfc72bf46f45b09312")?;
    let [z, u, v] = [1u8, 0x21, 0x41].map(|first| (first..first + 32).collect::<Vec<u8>>());
    let known = "a453cbf2860fca27cad99bef366d0cbe1c578c67026b67d254a64b4a26c1c2a6";
    expect(&*kdf_e(host, TpmiAlgHash::Sha256, &z, b"SECRET", &u, &v, 256), known)
}

/// NIST CAVP, Hash_DRBG with SHA-256, the second kilobit after a reseed; its first bytes.
fn generator(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let seed = bytes(concat!(
        "b87bb4de5c148d964fc0cb612d69295671780b4270fe32bf389b6f49488efe13",
        "27eb37a0c695c4ee3c9b70b7f6b33492",
        "52321406ac8a9c266b1f8d811bb871269e5824b59a0234f01d358193523bbb7c"
    ));
    let mut drbg = Drbg::new(host, &[&seed]);
    drbg.reseed(
        host,
        &bytes("7638267f534c4e6ee22cc6ca6ed824fd5d3d387c00b89dd791eb5ac9766385b8"),
        &[],
    );
    drbg.bytes(host, 128);
    expect(
        &drbg.bytes(host, 128)[..32],
        "de01c061651bab3cef2fc4ea89a56b6e86e74b2e9fd11ed671c97c813778a06a",
    )
}

/// SP 800-38A F.3.13 and F.3.17, CFB128 with AES-128 and AES-256, both directions.
fn encryption(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
    let iv = bytes("000102030405060708090a0b0c0d0e0f");
    for (key, cipher) in [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b",
        ),
    ] {
        let mut data = bytes(plain);
        cipher::cfb_encrypt(host, &bytes(key), &iv, &mut data)?;
        expect(&data, cipher)?;
        cipher::cfb_decrypt(host, &bytes(key), &iv, &mut data)?;
        expect(&data, plain)?;
    }
    Ok(())
}

/// A signature that OpenSSL made.
fn rsa(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let modulus = bytes(RSA_MODULUS);
    let digest = hash(host, TpmiAlgHash::Sha256, &[b"message of the test"]);
    let block = rsa_padding::pkcs1_signature(TpmiAlgHash::Sha256, digest.as_bytes(), modulus.len())?;
    let opened = public_operation(host, &modulus, DEFAULT_EXPONENT, &bytes(RSA_SIGNATURE))?;
    if opened != block {
        return Err(CryptoError::Fault);
    }
    let key = RsaPrivate::from_prime(host, &modulus, DEFAULT_EXPONENT, &bytes(RSA_PRIME))?;
    expect(&*key.operation(host, &block)?, RSA_SIGNATURE)
}

/// RFC 6979 A.2.5 and A.2.6, "sample".
fn elliptic_curves(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    for (curve, alg, private, nonce, r, s) in [
        (
            TpmiEccCurve::NistP256,
            TpmiAlgHash::Sha256,
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
            "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            TpmiEccCurve::NistP384,
            TpmiAlgHash::Sha384,
            "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
            "94ed910d1a099dad3254e9242ae85abde4ba15168eaf0ca87a555fd56d10fbca2907e3e83ba95368623b8c4686915cf9",
            "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
            "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
        ),
    ] {
        let digest = hash(host, alg, &[b"sample"]);
        let signature = ecc::sign_with_nonce(host, curve, &bytes(private), digest.as_bytes(), &bytes(nonce))?;
        let Some(EcdsaSignature { r: our_r, s: our_s }) = signature else {
            return Err(CryptoError::Fault);
        };
        expect(&our_r, r)?;
        expect(&our_s, s)?;
        let point = ecc::public_point(host, curve, &bytes(private))?;
        if !ecc::ecdsa_verify(host, curve, &point, digest.as_bytes(), &our_r, &our_s) {
            return Err(CryptoError::Fault);
        }
    }
    diffie_hellman(host)
}

/// NIST CAVP, KAS_ECC_CDH_PrimitiveTest, COUNT = 0.
fn diffie_hellman(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    for (curve, private, point, shared) in [
        (
            TpmiEccCurve::NistP256,
            "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
            concat!(
                "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
                "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"
            ),
            "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
        ),
        (
            TpmiEccCurve::NistP384,
            "3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1",
            concat!(
                "a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066",
                "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a"
            ),
            "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1",
        ),
    ] {
        let product = ecc::ecdh(host, curve, &bytes(private), &bytes(point))?;
        expect(&product[..curve.size()], shared)?;
    }
    Ok(())
}

/// The modulus of an RSA-2048 key made by OpenSSL 3 for these tests; its exponent is 65537.
pub(crate) const RSA_MODULUS: &str = concat!(
    "ba8656c24f613ca52649e54bc91f4176c596c21f921a8971d6705e4651177fb3f3f348c01362cfedbee66298e04c30b3",
    "b1970ef93b06a9e6409f37454f9b7c9d114e6132b26392de3a659938313869c71b7058d4966c033a3945447c5f3f767d",
    "30f0f43281feea93f22da460e19bdf7fc23eac080caeb398c1d255e8292d7f944cddedc04813693198712632c5906555",
    "0c1e58083b832d4dda03343c99bb86ee1bae2ca1605c49384f31780b16a1dfb70710c1202547677002cb065f2aed05f2",
    "bb2e7823059787c84d7149a5a0d2882bedbe8fe58d3d64559d151ed0799439f57f72b676faa2f32c200a30021d10160f",
    "7707410bf9e4768f18758e06b36bf55f",
);

/// One of its primes.
pub(crate) const RSA_PRIME: &str = concat!(
    "f586f2d8ec9c39180008b3a51e76860be39e85ba2627fc153419a57a97001aa3a84103da9d93ce507ccad529eb04a2d0",
    "debfd54984b52c2d58c19828dd01e81e9a3f83669fd46d3b2192fd7242f53274bfcac219096699d57dc664980e569411",
    "7fd88fd68d6e2f1644c4a39f04fd9c3833b0e25b98b462ca60f3b7e85779608b",
);

/// OpenSSL's RSASSA-PKCS1-v1_5 signature of "message of the test" with SHA-256 under that key.
pub(crate) const RSA_SIGNATURE: &str = concat!(
    "65ac2ed3e8a1a14d5cbc0ecb8bd871dc469f37034711958a2525a4929c16bd83db4b5a6ae605bf3decb4fb3fd3691a8a",
    "601f20fd6f7c08bd9e4070db2ebbf960ce3f14f1f73258694c465582a11f7ad724a6e06f03510fbeb230c36920c5133c",
    "f7036be70d0bad4baa42925c218434292239e5ebda5bad0b1f2be5edf195467a49c028cb5815af0060b31489bf833f71",
    "3734c2a56053f7a4582c87f1fd8610b06e37bbf92c7044a40d215d5ee51888813353f4127a42ac041e912b114a4ca4ec",
    "a8098e09bc262e433fcf9b1e79ae5be57b45ff59e299f020655ecebf1e5ce8f1876f6a8b76d32f6de38f2fb67d335544",
    "718848adb484b8ce23ee4ad4fdc45525",
);

#[cfg(test)]
mod tests {
    use super::*;
    use svsm_accel::NativeArithmetic;
    use tpm_contract::{CipherMode, Curve, Direction, HashCore, Refusal};

    #[test]
    fn self_test_good_hosts_pass() {
        assert_eq!(self_test(&mut NativeArithmetic, Extent::Quick), Ok(()));
        assert_eq!(self_test(&mut NativeArithmetic, Extent::Full), Ok(()));
        assert_eq!(self_test(&mut NoOffer, Extent::Full), Ok(()));
    }

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
    fn self_test_any_wrong_function_is_found() {
        assert_eq!(self_test(&mut Wrong("none"), Extent::Quick), Ok(()));
        for name in [
            "mod_exp",
            "ec_multiply point",
            "ec_multiply generator",
            "ec_multiply_add",
            "hash_blocks",
            "aes",
        ] {
            assert!(self_test(&mut Wrong(name), Extent::Quick).is_err(), "{name}");
        }
    }
}
