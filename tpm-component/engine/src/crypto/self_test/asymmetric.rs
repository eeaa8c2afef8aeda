//! The known answers of public-key algorithms.

use tpm_contract::Arithmetic;

use super::{bytes, expect};
use crate::crypto::{
    CryptoError, ecc,
    ecc::EccSignature,
    hash,
    rsa::{DEFAULT_EXPONENT, RsaPrivate, public_operation},
    rsa_padding, seam,
};
use crate::structures::{Tpm2bDigest, TpmiAlgHash, TpmiEccCurve};

/// The message that is signed in the tests of RSA.
const MESSAGE: &[u8] = b"message of the test";

/// Two signatures and a ciphertext that OpenSSL made, and the search for primes.
pub(super) fn rsa(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let modulus = bytes!(RSA_MODULUS);
    let digest = hash(host, TpmiAlgHash::Sha256, &[MESSAGE]);
    let block = rsa_padding::pkcs1_signature(TpmiAlgHash::Sha256, digest.as_bytes(), modulus.len())?;
    let opened = public_operation(host, &modulus, DEFAULT_EXPONENT, &bytes!(RSA_SIGNATURE))?;
    let probabilistic = public_operation(host, &modulus, DEFAULT_EXPONENT, &bytes!(RSA_PSS))?;
    if opened != block || !rsa_padding::pss_verify(host, TpmiAlgHash::Sha256, digest.as_bytes(), &probabilistic) {
        return Err(CryptoError::Fault);
    }
    let key = RsaPrivate::from_prime(host, &modulus, DEFAULT_EXPONENT, &bytes!(RSA_PRIME))?;
    expect(&*key.operation(host, &block)?, &bytes!(RSA_SIGNATURE))?;
    let block = key.operation(host, &bytes!(RSA_OAEP))?;
    let plain = rsa_padding::oaep_decrypt(host, TpmiAlgHash::Sha256, b"IDENTITY\0", &block)?;
    if **plain == *b"secret" && primality(host)? {
        Ok(())
    } else {
        Err(CryptoError::Fault)
    }
}

/// Whether rounds of Miller and Rabin tell the largest prime of 128 bits, 2^128 - 159, from a product, 2^128 - 1.
fn primality(host: &mut dyn Arithmetic) -> Result<bool, CryptoError> {
    let prime = (u128::MAX - 158).to_be_bytes();
    let bases = [2u128.to_be_bytes(), 3u128.to_be_bytes()].concat();
    let product = seam::miller_rabin(host, &u128::MAX.to_be_bytes(), &bases[..16])?;
    Ok(seam::miller_rabin(host, &prime, &bases)? && !product)
}

/// The known answers of a curve.
struct Answers {
    /// RFC 6979 A.2, message "sample": the hash, the private key, its point, k, and the point of that, which was computed independently; r and s.
    hash: TpmiAlgHash,
    private: &'static [u8],
    point: &'static [u8],
    nonce: &'static [u8],
    nonce_point: &'static [u8],
    r: &'static [u8],
    s: &'static [u8],
    /// NIST CAVP, KAS_ECC_CDH_PrimitiveTest, COUNT = 0: the private key, the other's point, the shared secret, whose y was computed independently.
    dh_private: &'static [u8],
    dh_point: &'static [u8],
    dh_shared: &'static [u8],
}

/// A key, a signature, its verification, and a key exchange. The point of the nonce is that of a key as well, so that it is computed once only: on a
/// curve that no host offers it takes an interpreter several milliseconds.
pub(super) fn curve(host: &mut dyn Arithmetic, curve: TpmiEccCurve) -> Result<(), CryptoError> {
    let known = match curve {
        TpmiEccCurve::NistP224 => &P224,
        TpmiEccCurve::NistP256 => &P256,
        TpmiEccCurve::NistP384 => &P384,
        TpmiEccCurve::NistP521 => &P521,
        #[cfg(feature = "bn256")]
        TpmiEccCurve::BnP256 => &BN_P256,
        // Its answers are those of its own schemes.
        #[cfg(feature = "sm2")]
        TpmiEccCurve::Sm2P256 => return sm2(host),
    };
    let digest = hash(host, known.hash, &[b"sample"]);
    let point = ecc::public_point(host, curve, known.nonce)?;
    expect(&point, known.nonce_point)?;
    let signature = ecc::sign_with_point(host, curve, known.private, digest.as_bytes(), (known.nonce, &point))?;
    let EccSignature { r, s } = signature.ok_or(CryptoError::Fault)?;
    expect(&r, known.r)?;
    expect(&s, known.s)?;
    if !ecc::ecdsa_verify(host, curve, known.point, digest.as_bytes(), &r, &s) {
        return Err(CryptoError::Fault);
    }
    let product = ecc::ecdh(host, curve, known.dh_private, known.dh_point)?;
    expect(&*product, known.dh_shared)
}

/// The digest that is signed in the tests of schemes.
fn sample(host: &mut dyn Arithmetic) -> Tpm2bDigest {
    hash(host, TpmiAlgHash::Sha256, &[b"sample"])
}

/// An ECSCHNORR signature with P-256's key, nonce and digest of RFC 6979, computed independently from the scheme's definition.
pub(super) fn schnorr(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let (curve, alg, digest) = (TpmiEccCurve::NistP256, P256.hash, sample(host));
    let signature = ecc::schnorr::sign_with_nonce(host, curve, alg, P256.private, digest.as_bytes(), P256.nonce)?;
    let EccSignature { r, s } = signature.ok_or(CryptoError::Fault)?;
    expect(
        &r,
        &bytes!("a8312ebd7ee7ff174573319a71867b625045d98377c99d88c02bfc84fddc93a6"),
    )?;
    expect(
        &s,
        &bytes!("7179600b65585ea74f858d92a3d9fb289cce0e5ed986d99b0fd91189bb6413d3"),
    )?;
    if ecc::schnorr::verify(host, curve, alg, P256.point, digest.as_bytes(), (&r, &s)) {
        Ok(())
    } else {
        Err(CryptoError::Fault)
    }
}

/// As [`schnorr`]; the commitment is the scalar of the key exchange.
pub(super) fn ecdaa(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let digest = sample(host);
    let s = ecc::schnorr::ecdaa_with_nonce(
        host,
        TpmiEccCurve::NistP256,
        P256.hash,
        P256.private,
        P256.dh_private,
        digest.as_bytes(),
        P256.nonce,
    )?;
    let known = bytes!("14f0372bc01f46d867ba02c6154bed2d7bf11f0451da9c360b5518c7c64f6430");
    expect(s.ok_or(CryptoError::Fault)?, &known)
}

/// Full MQV on P-384: of the NIST ACVP server's test of the primitive.
pub(super) fn mqv(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    let shared = ecc::mqv::mqv(
        host,
        TpmiEccCurve::NistP384,
        &bytes!(MQV_A.private),
        &bytes!(MQV_A.ephemeral_private),
        &bytes!(MQV_B.point),
        &bytes!(MQV_B.ephemeral_point),
    )?;
    expect(shared.get(..48).unwrap_or_default(), &bytes!(MQV_SHARED))
}

/// One side of an exchange by MQV, in hexadecimal.
pub(crate) struct MqvSide {
    /// The static private key.
    pub private: &'static str,
    /// Its point.
    pub point: &'static str,
    /// The ephemeral private key.
    pub ephemeral_private: &'static str,
    /// Its point.
    pub ephemeral_point: &'static str,
}

pub(crate) const MQV_A: MqvSide = MqvSide {
    private: "86b308a8d2d6decb4f8a233cb4e5df14caf6984687f523db1be1a6c87200fe527c255e4218babb1120d472e0f9abcca5",
    point: concat!(
        "0ce1eeaf61413a413b02960df5a56e2fcbe6e7a306a6002916c3a023273ca7841b7620d730489845df182505f77cd9aa",
        "21f275a2b6622a2b5df1e927cf151717d8342dc751865fa339d5faa6244e6f70c399a7b1283297b093b6966239c336f7"
    ),
    ephemeral_private: "50be5745e2f647da446b9ec465e9529e01753151c0cdf628ede2a84b2be66c3278fea51e98e2454b655328fda4c8baa5",
    ephemeral_point: concat!(
        "580d61793814ee66c5986fbb574cebf1854269c9abfc0eb9e835ef1f47d08d11c9cd45422d016b4e2e4086cbb499d3c3",
        "b0ac73c3034b5b636c00c027c21c43828e118f5d43b261c3c1d7e62a14d457a3a559bbb0af2edc2502e2cea419b3e654"
    ),
};

pub(crate) const MQV_B: MqvSide = MqvSide {
    private: "02229067da09d40d7de47ba28936904e55e62aae9bdf862367a23a914768b8cf94c581b937969bcb572cfbd77025c897",
    point: concat!(
        "67c4e9dc9c22e21de5afde69906be28cea1841dd625b333be281c9e5899c02f4aa9f16eab85c9f0a4c0ab8b33a3553ea",
        "16fbb90d9f903c2553385d695dcfa2fb51f9ba9fe83cd75d3f5ad28a796dba4ee6b5532fb8474da5847188bc9443432b"
    ),
    ephemeral_private: "ff7d778241396ffaf8423759c715fac15f799a50f13b750e8ce38bd9d61cfadc97b2fd07f6826f1ff51790dd5eb43736",
    ephemeral_point: concat!(
        "457c45ebda3021195ddca56c3328570ddbeba1836c2d954a045cae6cff4c3d87424dc6b73252769143c5e867e9e546c8",
        "caec5dec81d8893f1a84b12cb24411df4634cfe130009f0d61a45bf5a0b9916e103c4645d7009bff3b05d536f5bf0024"
    ),
};

/// x of what the two share.
pub(crate) const MQV_SHARED: &str =
    "14184f19dfe94186aecfaa4e7eb7bf71566679e131453ad8632edb66919aeb1fd8f377795f852f2c306c64e35e5a8fc8";

/// The signature and the exchange of GM/T 0003.5, whose curve is SM2_P256.
#[cfg(feature = "sm2")]
pub(super) fn sm2(host: &mut dyn Arithmetic) -> Result<(), CryptoError> {
    use super::sm2_answers as known;
    let curve = TpmiEccCurve::Sm2P256;
    let (private, digest) = (bytes!(known::PRIVATE), bytes!(known::DIGEST));
    let signature = ecc::sm2::sign_with_nonce(host, curve, &private, &digest, &bytes!(known::NONCE))?;
    let EccSignature { r, s } = signature.ok_or(CryptoError::Fault)?;
    expect(&*r, &bytes!(known::R))?;
    expect(&*s, &bytes!(known::S))?;
    if !ecc::sm2::verify(host, curve, &bytes!(known::POINT), &digest, (&r, &s)) {
        return Err(CryptoError::Fault);
    }
    let (private, ephemeral) = (bytes!(known::EXCHANGE_A[0]), bytes!(known::EXCHANGE_A[1]));
    let (their_private, their_ephemeral) = (bytes!(known::EXCHANGE_B[0]), bytes!(known::EXCHANGE_B[1]));
    let their_static = ecc::public_point(host, curve, &their_private)?;
    let their_ephemeral = ecc::public_point(host, curve, &their_ephemeral)?;
    let shared = ecc::sm2::exchange(host, curve, &private, &ephemeral, &their_static, &their_ephemeral)?;
    expect(&*shared, &bytes!(known::SHARED))
}

/// P-256's keys, nonce and digest of RFC 6979 and CAVP on this curve; the other's point is that of the nonce. Computed with Python's integers from the
/// definitions of ECDSA and ECDH, since nobody has published answers.
#[cfg(feature = "bn256")]
const BN_P256: Answers = Answers {
    point: &bytes!(concat!(
        "c589f712247a818e4f2b0afab58e789b55215a98160050579b823a81fd27046d",
        "8054662a32e9d9f49daa515e4c804e7c2d777edfd970788a25bf31f30a01f0c0"
    )),
    nonce_point: &BN_NONCE_POINT,
    r: &bytes!("dd20430e7ebbae36a3d5c59b7151592a9ffe027bdeef310c11f752a0b45ce2e0"),
    s: &bytes!("74b6ad4f48cd0c61e0270fd0ace00eba3567059305ff0126291d8b0ded6d9856"),
    dh_point: &BN_NONCE_POINT,
    dh_shared: &bytes!(concat!(
        "cc015318fa50c4111bfe098e9b831beb9866424148666882c68a4fdc0f2e05ae",
        "384bc4ba8a504787bdc50fed53fba446afc0d36261342eb23ec1cbed1c72760b"
    )),
    ..P256
};

#[cfg(feature = "bn256")]
const BN_NONCE_POINT: [u8; 64] = bytes!(concat!(
    "dd20430e7ebbae36a3d5c59b7151592a9ffe027bdeef310c11f752a0b45ce2e0",
    "0321b48c3fb19ff22e0d0a668be4113b41d24f1f93255c781275bd3c5c2ca774"
));

const P224: Answers = Answers {
    hash: TpmiAlgHash::Sha256,
    private: &bytes!("f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1"),
    point: &bytes!(concat!(
        "00cf08da5ad719e42707fa431292dea11244d64fc51610d94b130d6c",
        "eeab6f3debe455e3dbf85416f7030cbd94f34f2d6f232c69f3c1385a"
    )),
    nonce: &bytes!("ad3029e0278f80643de33917ce6908c70a8ff50a411f06e41dedfcdc"),
    nonce_point: &bytes!(concat!(
        "61aa3da010e8e8406c656bc477a7a7189895e7e840cdfe8ff42307ba",
        "531dd95e870012e78ee78ad41a45f070c33695bcbf093053c0503eff"
    )),
    r: &bytes!("61aa3da010e8e8406c656bc477a7a7189895e7e840cdfe8ff42307ba"),
    s: &bytes!("bc814050dab5d23770879494f9e0a680dc1af7161991bde692b10101"),
    dh_private: &bytes!("8346a60fc6f293ca5a0d2af68ba71d1dd389e5e40837942df3e43cbd"),
    dh_point: &bytes!(concat!(
        "af33cd0629bc7e996320a3f40368f74de8704fa37b8fab69abaae280",
        "882092ccbba7930f419a8a4f9bb16978bbc3838729992559a6f2e2d7"
    )),
    dh_shared: &bytes!(concat!(
        "7d96f9a3bd3c05cf5cc37feb8b9d5209d5c2597464dec3e9983743e8",
        "a959ea3cb5fb76862396d7b2133505b01256ef89b02b9ffedc3e9517"
    )),
};

const P256: Answers = Answers {
    hash: TpmiAlgHash::Sha256,
    private: &bytes!("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
    point: &bytes!(concat!(
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )),
    nonce: &bytes!("a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60"),
    nonce_point: &bytes!(concat!(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
        "34a7e72c423213443152c82df94fe0f6851bf894fd91c64b19555346093ff492"
    )),
    r: &bytes!("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"),
    s: &bytes!("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
    dh_private: &bytes!("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534"),
    dh_point: &bytes!(concat!(
        "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
        "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"
    )),
    dh_shared: &bytes!(concat!(
        "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
        "c553079d5a6b963c42f013ceb53c9715144bfb52d700d015387e4fae2918a9cd"
    )),
};

const P384: Answers = Answers {
    hash: TpmiAlgHash::Sha384,
    private: &bytes!(
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5"
    ),
    point: &bytes!(concat!(
        "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
        "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"
    )),
    nonce: &bytes!("94ed910d1a099dad3254e9242ae85abde4ba15168eaf0ca87a555fd56d10fbca2907e3e83ba95368623b8c4686915cf9"),
    nonce_point: &bytes!(concat!(
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
        "accfa7dfb107699dbfa50f52ed9046a980236ce3fc22a212bd1bcd5962aeb618739e5644d9e08c95d1ef4a4218ff5923"
    )),
    r: &bytes!("94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"),
    s: &bytes!("99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"),
    dh_private: &bytes!(
        "3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1"
    ),
    dh_point: &bytes!(concat!(
        "a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066",
        "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a"
    )),
    dh_shared: &bytes!(concat!(
        "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1",
        "fabea7c2d37574751471b87b8fc0d131f0f8e83f589d6673ad791ba8089df190a19a52f315bed95310d4ccb6140e8d1e"
    )),
};

const P521: Answers = Answers {
    hash: TpmiAlgHash::Sha512,
    private: &bytes!(concat!(
        "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75ca",
        "a896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538"
    )),
    point: &bytes!(concat!(
        "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd37",
        "1123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4",
        "00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28",
        "a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5"
    )),
    nonce: &bytes!(concat!(
        "01dae2ea071f8110dc26882d4d5eae0621a3256fc8847fb9022e2b7d28e6f10198",
        "b1574fdd03a9053c08a1854a168aa5a57470ec97dd5ce090124ef52a2f7ecbffd3"
    )),
    nonce_point: &bytes!(concat!(
        "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f17",
        "4e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa",
        "00ab3ddd1dc80fced81c195a8a5fecc95a0f2a61022f75278db990000c8039e2f1",
        "41763eb41277dc5bf9f248783b3324d97f7436a1738328a77f93ae7916f18aba70"
    )),
    r: &bytes!(concat!(
        "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f17",
        "4e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa"
    )),
    s: &bytes!(concat!(
        "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af28",
        "2623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a"
    )),
    dh_private: &bytes!(concat!(
        "017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4ea",
        "c6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47"
    )),
    dh_point: &bytes!(concat!(
        "00685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a949034085433",
        "4b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d",
        "01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83",
        "bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676"
    )),
    dh_shared: &bytes!(concat!(
        "005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e1366",
        "72d72cc770742d1711c3c3a4c334a0ad9759436a4d3c5bf6e74b9578fac148c831",
        "014150d0b834ca21b78f1fd90f5893303be04f3d3f0a534261956ac60c72867655",
        "adf6ea7c7786f75840c88033cc5ae5cb46ce1422eb068fc91dd94ad95638c19872"
    )),
};

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

/// OpenSSL's RSASSA-PSS signature of the same, with a salt of 32 bytes.
pub(crate) const RSA_PSS: &str = concat!(
    "552a114ccb893dbca911e50ea9738068589846d7cb4f5f2236fa8d24c1fab61693a26bee226d2954c861249506a9f3e1",
    "85c82a3cf6ab9f7502d4de424c316c02e0fa79da83caa3e62b4e21023c750352053361ef998f4c76d55235297ff3fc6a",
    "fd9ad88d11f872c79273a5d52bb2c729da5e6a6d00e4fafeeb4935ba9a3f358cd7851b9e1c64b283285b01115a44bbc8",
    "95cf97ef0a9beae2b7a79cce8ef90e704034226bf7c06de94d8926a97d80a5009b4f0489e4b65b1820cda800727a7ca7",
    "e0c1fc901494c8359301c10044bc1f0e6ac3e7971697b2130f0c0ed38536d8933f8b766171175606187f30de122144d3",
    "bc79291ea05fa7a414fd773a13591d17",
);

/// OpenSSL's OAEP ciphertext of "secret" with SHA-256 and the label IDENTITY, which ends with a zero byte.
pub(crate) const RSA_OAEP: &str = concat!(
    "a70284473f938a9d3c6d2f9879389b37693a99122ab82967176ed78f28acb0bba341c8d8eb69aa657a845986d61c7dad",
    "596f37cd83ebcca1ecb5e2ec6ba8a5aaa0695256d64f43485c8b45339f35f727063957aeb629a33ac915e17d90ec874c",
    "20fe9505eb32683645f5740881aa94b09e1e28a5759fddac855890dbc19599a33deddc7cf7e3d983559e98448399c795",
    "4f589ca690e7eb24213bf36e3c938fac802d056c50f3abeaf939f207cc7a36e4c6d3d454dc1a1a69ed6846cdda628a36",
    "37b9d6f599d406145d8ff74d638121af58f52c9ddf55688014b8f4c47e630263c6d6c7902e55efaf40d4092b689a644b",
    "86f7fdb27bd18049e8ee46d7adddcc85",
);
