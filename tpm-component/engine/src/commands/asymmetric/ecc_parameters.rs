//! TPM2_ECC_Parameters (Part 3 §14.6): the numbers of a curve (SP 800-186 §3.2.1; for those that are built in on demand ISO/IEC 15946-5 and GB/T 32918.5).

use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{
        Tpm2bEccParameter, TpmCc, TpmRc, TpmiAlgHash, TpmiEccCurve, TpmsAlgorithmDetailEcc, TpmtEccScheme,
        TpmtKdfScheme,
    },
};

/// TPM2_ECC_Parameters.
pub struct EccParameters;

parameters! {
    /// The parameters of TPM2_ECC_Parameters.
    pub struct EccParametersParams {
        /// The curve.
        pub curve_id: TpmiEccCurve,
    }
}

reply! {
    /// The reply of TPM2_ECC_Parameters.
    pub struct EccParametersReply {
        /// Its numbers.
        pub parameters: TpmsAlgorithmDetailEcc,
    }
}

/// The numbers of a curve beside its prime, in hexadecimal: a, b, Gx, Gy, n.
const fn numbers(curve: TpmiEccCurve) -> [&'static str; 5] {
    match curve {
        TpmiEccCurve::NistP224 => [
            "fffffffffffffffffffffffffffffffefffffffffffffffffffffffe",
            "b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4",
            "b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21",
            "bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34",
            "ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d",
        ],
        TpmiEccCurve::NistP256 => [
            "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
            "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ],
        TpmiEccCurve::NistP384 => [
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ],
        TpmiEccCurve::NistP521 => [
            concat!(
                "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc"
            ),
            concat!(
                "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109",
                "e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00"
            ),
            concat!(
                "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3d",
                "baa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66"
            ),
            concat!(
                "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e66",
                "2c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650"
            ),
            concat!(
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
            ),
        ],
        #[cfg(feature = "bn256")]
        TpmiEccCurve::BnP256 => [
            // In one byte, as libtpms has it.
            "00",
            "0000000000000000000000000000000000000000000000000000000000000003",
            "0000000000000000000000000000000000000000000000000000000000000001",
            "0000000000000000000000000000000000000000000000000000000000000002",
            "fffffffffffcf0cd46e5f25eee71a49e0cdc65fb1299921af62d536cd10b500d",
        ],
        #[cfg(feature = "sm2")]
        TpmiEccCurve::Sm2P256 => [
            "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc",
            "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93",
            "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7",
            "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
            "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
        ],
    }
}

/// What goes with the curve. Other TPMs name KDFe with the hash as strong as a NIST curve; BN_P256 has nothing, and SM2_P256 a hash that this TPM has not.
const fn kdf(curve: TpmiEccCurve) -> TpmtKdfScheme {
    TpmtKdfScheme::Kdf1Sp80056a(match curve {
        TpmiEccCurve::NistP224 | TpmiEccCurve::NistP256 => TpmiAlgHash::Sha256,
        TpmiEccCurve::NistP384 => TpmiAlgHash::Sha384,
        TpmiEccCurve::NistP521 => TpmiAlgHash::Sha512,
        #[cfg(feature = "bn256")]
        TpmiEccCurve::BnP256 => return TpmtKdfScheme::Null,
        #[cfg(feature = "sm2")]
        TpmiEccCurve::Sm2P256 => return TpmtKdfScheme::Null,
    })
}

/// The bytes of one of the texts above.
fn number(text: &str) -> Result<Tpm2bEccParameter, TpmRc> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    let pairs = text.as_bytes().as_chunks::<2>().0;
    Tpm2bEccParameter::from_vec(
        pairs
            .iter()
            .map(|[high, low]| digit(*high) << 4 | digit(*low))
            .collect(),
    )
}

impl Command for EccParameters {
    const CODE: TpmCc = TpmCc::ECC_PARAMETERS;
    const NAME: &'static str = "TPM2_ECC_Parameters";
    type Params = EccParametersParams;
    type Reply = EccParametersReply;

    fn run(command: Authorized<'_, Self>) -> Result<EccParametersReply, TpmRc> {
        let curve_id = command.params.curve_id;
        let [a, b, g_x, g_y, n] = numbers(curve_id);
        Ok(EccParametersReply {
            parameters: TpmsAlgorithmDetailEcc {
                curve_id,
                key_size: curve_id.bits(),
                kdf: kdf(curve_id),
                sign: TpmtEccScheme::Null,
                p: Tpm2bEccParameter::from_vec(ecc::field_prime(curve_id))?,
                a: number(a)?,
                b: number(b)?,
                g_x: number(g_x)?,
                g_y: number(g_y)?,
                n: number(n)?,
                h: number("01")?,
            },
        })
    }
}
