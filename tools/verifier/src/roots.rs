//! Which roots are trusted.
//!
//! AMD's root keys (ARK) are pinned by the SHA-384 of their SubjectPublicKeyInfo, one per product line; the certificate itself comes
//! with the evidence. The digests were computed from the ARK certificates that virtee/sev 8.0.0 and google/go-sev-guest carry (both
//! agree) and that AMD publishes at `https://kdsintf.amd.com/vcek/v1/{product}/cert_chain`. Any other root, the simulator's among
//! them, counts only when the caller hands it over as a file, and the verdict then names it.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha384};

use crate::certificates::Certificate;

/// Processor lines that AMD certifies under one root each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004 and 8004.
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Product {
    const ALL: [Product; 3] = [Product::Milan, Product::Genoa, Product::Turin];

    /// The line's name in certificates and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Product::Milan => "Milan",
            Product::Genoa => "Genoa",
            Product::Turin => "Turin",
        }
    }

    /// The line that a certificate's product name (`Milan-B0`, `Genoa`) belongs to.
    pub fn from_certificate_name(name: &str) -> Result<Self> {
        let line = name.split('-').next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|product| product.name() == line)
            .with_context(|| format!("unknown product '{name}'"))
    }

    /// The line of a processor by its combined CPUID family and model.
    pub fn from_cpuid(family: u8, model: u8) -> Result<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0F) => Ok(Product::Milan),
            (0x19, 0x10..=0x1F | 0xA0..=0xAF) => Ok(Product::Genoa),
            (0x1A, 0x00..=0x11) => Ok(Product::Turin),
            _ => bail!("family {family:#04x} model {model:#04x} is no known SNP processor"),
        }
    }

    /// SHA-384 of the SubjectPublicKeyInfo of this line's ARK.
    fn root_key_digest(self) -> [u8; 48] {
        match self {
            Product::Milan => MILAN_ARK,
            Product::Genoa => GENOA_ARK,
            Product::Turin => TURIN_ARK,
        }
    }
}

const MILAN_ARK: [u8; 48] =
    digest("1249f67f15cf229a4069195e1a9ce537d1765ef706a1f4a123c36be9518786515d25ecc007f366b564d2b3f31c48082e");
const GENOA_ARK: [u8; 48] =
    digest("32ab53a6ce5ec14926207396e5c475ae768a6a9831b7e860b5acf2e1c1dff222bc5a8bfc43eb5e06393189c1f246d880");
const TURIN_ARK: [u8; 48] =
    digest("3475f08a9727f8ac9a1deaea5f2a2097aa59d64d05c2a678c229c873e6359d3a6926287a2a22cd5f88a385e333a2fcc5");

/// Decodes a constant; anything but 96 hex digits does not compile.
const fn digest(hex: &str) -> [u8; 48] {
    let text = hex.as_bytes();
    assert!(text.len() == 96);
    let mut bytes = [0; 48];
    let mut index = 0;
    while index < 96 {
        let digit = match text[index] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            _ => panic!("not a hexadecimal digit"),
        };
        bytes[index / 2] = bytes[index / 2] << 4 | digit;
        index += 1;
    }
    bytes
}

/// The roots that a verification accepts.
#[derive(Debug, Clone)]
pub enum TrustRoots {
    /// AMD's, built in.
    Amd,
    /// Only this root certificate, given by the caller; AMD's are not accepted then.
    Only(Box<Certificate>),
}

impl TrustRoots {
    /// The roots for a certificate file that the caller trusts (DER or PEM, one certificate).
    pub fn only(file: &[u8]) -> Result<Self> {
        let [certificate] = <[Certificate; 1]>::try_from(crate::certificates::read_all(file)?)
            .map_err(|several| anyhow::anyhow!("a trust root is one certificate, not {}", several.len()))?;
        Ok(TrustRoots::Only(Box::new(certificate)))
    }

    /// Whether this self-signed certificate's key is a trusted root; says whose, and for which product if that is pinned.
    pub fn recognise(&self, root: &Certificate) -> Result<(String, Option<Product>)> {
        match self {
            TrustRoots::Amd => {
                let found: [u8; 48] = Sha384::digest(root.public_key_info()).into();
                let product = Product::ALL
                    .into_iter()
                    .find(|product| product.root_key_digest() == found)
                    .with_context(|| format!("the root '{}' is not one of AMD's", root.subject()))?;
                Ok((format!("AMD's root key for {}", product.name()), Some(product)))
            }
            TrustRoots::Only(trusted) if trusted.der() == root.der() => Ok((
                format!("the root given by the caller, '{}', NOT AMD's", root.subject()),
                None,
            )),
            TrustRoots::Only(_) => bail!("the root '{}' is not the one given by the caller", root.subject()),
        }
    }
}
