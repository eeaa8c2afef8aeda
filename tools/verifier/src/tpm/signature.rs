//! TPMT_SIGNATURE of the three schemes that attestation keys use (Part 2 §11.3.4).
//!
//! The scheme is the key's, never the signature's: a signature that names another scheme or hash than the public area is refused
//! before any arithmetic.

use anyhow::{Context, Result, anyhow, bail, ensure};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey as RsaPublicKey, pss};
use sha2::digest::FixedOutputReset;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::hash::HashAlg;
use super::public::{Curve, KeyMaterial, Scheme, TpmtPublic, sec1_point};
use super::wire::Reader;

const MAX_RSA_BYTES: usize = 512;
const RSA_EXPONENT: u64 = 65537;

/// A parsed TPMT_SIGNATURE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmtSignature {
    scheme: Scheme,
    /// RSA: the signature; ECC: R then S, as received.
    parts: Vec<Vec<u8>>,
}

impl TpmtSignature {
    /// Reads a signature that takes up all of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let algorithm = reader.u16().context("sigAlg")?;
        ensure!(
            matches!(algorithm, 0x0014 | 0x0016 | 0x0018),
            "signature algorithm {algorithm:#06x}"
        );
        let hash = HashAlg::from_id(reader.u16().context("hash")?).context("hash")?;
        let (scheme, count) = match algorithm {
            0x0014 => (Scheme::RsaSsa(hash), 1),
            0x0016 => (Scheme::RsaPss(hash), 1),
            _ => (Scheme::Ecdsa(hash), 2),
        };
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(reader.tpm2b(MAX_RSA_BYTES).context("signature")?.to_vec());
        }
        reader.finish()?;
        Ok(TpmtSignature { scheme, parts })
    }

    /// The hash that the scheme names.
    pub fn hash(&self) -> HashAlg {
        match self.scheme {
            Scheme::RsaSsa(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(hash) => hash,
            // `parse` makes no signature without a scheme.
            Scheme::Null => HashAlg::Sha256,
        }
    }

    /// Fails unless this is `key`'s signature over `message`, in `key`'s scheme.
    pub fn verify(&self, key: &TpmtPublic, message: &[u8]) -> Result<()> {
        ensure!(key.scheme != Scheme::Null, "the key has no signing scheme of its own");
        ensure!(self.scheme == key.scheme, "the signature's scheme is not the key's");
        let digest = self.hash().digest(&[message]);
        let valid = match &key.material {
            KeyMaterial::Rsa { modulus } => self.verify_rsa(modulus, &digest)?,
            KeyMaterial::Ecc {
                curve: Curve::P256,
                x,
                y,
            } => {
                let key =
                    p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1_point(x, y)).map_err(|_| anyhow!("bad key"))?;
                let signature = p256::ecdsa::Signature::from_scalars(self.scalar(0)?, self.scalar(1)?)
                    .map_err(|_| anyhow!("R or S is out of range"))?;
                key.verify_prehash(&digest, &signature).is_ok()
            }
            KeyMaterial::Ecc {
                curve: Curve::P384,
                x,
                y,
            } => {
                let key =
                    p384::ecdsa::VerifyingKey::from_sec1_bytes(&sec1_point(x, y)).map_err(|_| anyhow!("bad key"))?;
                let signature = p384::ecdsa::Signature::from_scalars(self.scalar(0)?, self.scalar(1)?)
                    .map_err(|_| anyhow!("R or S is out of range"))?;
                key.verify_prehash(&digest, &signature).is_ok()
            }
        };
        ensure!(valid, "the signature is not the attestation key's");
        Ok(())
    }

    fn verify_rsa(&self, modulus: &[u8], digest: &[u8]) -> Result<bool> {
        let signature = self.parts.first().context("no signature")?;
        ensure!(
            signature.len() == modulus.len(),
            "a signature of {} bytes",
            signature.len()
        );
        let key = rsa_key(modulus)?;
        let result = match self.scheme {
            Scheme::RsaSsa(HashAlg::Sha256) => key.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature),
            Scheme::RsaSsa(HashAlg::Sha384) => key.verify(Pkcs1v15Sign::new::<Sha384>(), digest, signature),
            Scheme::RsaSsa(HashAlg::Sha512) => key.verify(Pkcs1v15Sign::new::<Sha512>(), digest, signature),
            // Part 1 B.7: a TPM may use any salt length up to the largest.
            Scheme::RsaPss(HashAlg::Sha256) => return verify_pss::<Sha256>(key, digest, signature),
            Scheme::RsaPss(HashAlg::Sha384) => return verify_pss::<Sha384>(key, digest, signature),
            Scheme::RsaPss(HashAlg::Sha512) => return verify_pss::<Sha512>(key, digest, signature),
            Scheme::Ecdsa(_) | Scheme::Null => bail!("not an RSA scheme"),
        };
        Ok(result.is_ok())
    }

    /// R or S padded to the curve's size; a TPM may leave out leading zeros.
    fn scalar<const N: usize>(&self, index: usize) -> Result<[u8; N]> {
        let bytes = self.parts.get(index).context("no signature")?;
        let padding = N.checked_sub(bytes.len()).context("R or S is too long")?;
        let mut scalar = [0; N];
        scalar[padding..].copy_from_slice(bytes);
        Ok(scalar)
    }
}

fn verify_pss<D>(key: RsaPublicKey, digest: &[u8], signature: &[u8]) -> Result<bool>
where
    D: Digest + FixedOutputReset,
{
    let signature = pss::Signature::try_from(signature).map_err(|_| anyhow!("no RSA signature"))?;
    Ok(pss::VerifyingKey::<D>::new_with_auto_salt_len(key)
        .verify_prehash(digest, &signature)
        .is_ok())
}

/// An RSA public key with the TPM's default exponent.
pub fn rsa_key(modulus: &[u8]) -> Result<RsaPublicKey> {
    RsaPublicKey::new(BoxedUint::from_be_slice_vartime(modulus), BoxedUint::from(RSA_EXPONENT))
        .map_err(|error| anyhow!("not a usable RSA key: {error}"))
}
