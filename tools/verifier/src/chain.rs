//! From a heap of certificates to the one key that may sign the report.
//!
//! The chain is always ARK, ASK (ASVK for a VLEK), then VCEK or VLEK. Which certificate plays which part follows from who issued
//! whom, never from the place in which it was found or what it calls itself. What comes out is a key with the claims that its
//! issuer made for it: product, TCB, chip.

use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail, ensure};
use der::Decode;
use der::asn1::ObjectIdentifier;
use p384::ecdsa::VerifyingKey;
use spki::DecodePublicKey;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::certificates::Certificate;
use crate::roots::{Product, TrustRoots};
use crate::tcb::Tcb;

const PRODUCT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
const BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
const HWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
const CSP_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.5");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");

/// Whose key signs the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// VCEK: this one chip.
    Chip {
        /// HWID extension: 64 bytes, on Turin 8.
        hwid: Vec<u8>,
    },
    /// VLEK: any machine of this cloud provider.
    Provider {
        /// CSP_ID extension.
        csp_id: String,
    },
}

/// A certified report-signing key.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// Chip or provider.
    pub holder: Holder,
    /// Product line.
    pub product: Product,
    /// TCB that the key is derived from.
    pub tcb: Tcb,
    /// The key.
    pub key: VerifyingKey,
}

/// A chain whose signatures all hold, up to a trusted root.
#[derive(Debug, Clone)]
pub struct Chain {
    leaf: Certificate,
    intermediate: Certificate,
    root: Certificate,
    /// Whose root it is, readable.
    pub root_description: String,
    pinned_product: Option<Product>,
}

impl Chain {
    /// Orders `certificates` into a chain and checks every signature and the root.
    pub fn build(certificates: &[Certificate], roots: &TrustRoots) -> Result<Self> {
        let root = single(
            certificates.iter().filter(|one| one.is_self_issued()),
            "root certificate",
        )?;
        let others: Vec<_> = certificates.iter().filter(|one| !one.is_self_issued()).collect();
        let intermediate = single(
            others.iter().copied().filter(|one| one.issuer() == root.subject()),
            "intermediate certificate",
        )?;
        let leaf = single(
            others.iter().copied().filter(|one| *one != intermediate),
            "report-signing certificate",
        )?;
        let (root_description, pinned_product) = roots.recognise(root)?;
        root.require_issued_by(root).context("root")?;
        intermediate.require_issued_by(root).context("intermediate")?;
        leaf.require_issued_by(intermediate).context("report-signing key")?;
        require_authority(root)?;
        require_authority(intermediate)?;
        let (leaf, intermediate, root) = (leaf.clone(), intermediate.clone(), root.clone());
        Ok(Chain {
            leaf,
            intermediate,
            root,
            root_description,
            pinned_product,
        })
    }

    /// Fails unless all three certificates are valid at `now`.
    pub fn require_valid_at(&self, now: SystemTime) -> Result<()> {
        [&self.root, &self.intermediate, &self.leaf]
            .into_iter()
            .try_for_each(|one| one.require_valid_at(now))
    }

    /// What the leaf certifies.
    pub fn signing_key(&self) -> Result<SigningKey> {
        let leaf = &self.leaf;
        let name = leaf.text(PRODUCT_NAME)?;
        let product = Product::from_certificate_name(&name)?;
        if let Some(pinned) = self.pinned_product {
            ensure!(
                pinned == product,
                "a {} root over a certificate for {name}",
                pinned.name()
            );
        }
        let tcb = Tcb {
            fmc: if product == Product::Turin {
                leaf.small_integer(FMC)?
            } else {
                0
            },
            bootloader: leaf.small_integer(BOOTLOADER)?,
            tee: leaf.small_integer(TEE)?,
            snp: leaf.small_integer(SNP)?,
            microcode: leaf.small_integer(MICROCODE)?,
        };
        let hwid = leaf.octets(HWID, if product == Product::Turin { 8 } else { 64 })?;
        let holder = match (hwid, leaf.extension(CSP_ID)?) {
            (Some(hwid), None) => Holder::Chip { hwid },
            (None, Some(_)) => Holder::Provider {
                csp_id: leaf.text(CSP_ID)?,
            },
            (Some(_), Some(_)) => bail!("the certificate names both a chip and a provider"),
            (None, None) => bail!("the certificate names neither a chip nor a provider"),
        };
        let key = VerifyingKey::from_public_key_der(leaf.public_key_info())
            .map_err(|error| anyhow!("the report-signing key is not on P-384: {error}"))?;
        Ok(SigningKey {
            holder,
            product,
            tcb,
            key,
        })
    }
}

fn single<'a>(mut of: impl Iterator<Item = &'a Certificate>, what: &str) -> Result<&'a Certificate> {
    let found = of.next().with_context(|| format!("no {what}"))?;
    // The same certificate may come in the table and in a file.
    ensure!(of.all(|other| other == found), "more than one {what}");
    Ok(found)
}

/// Fails unless a certificate may sign others.
fn require_authority(certificate: &Certificate) -> Result<()> {
    let constraints = certificate
        .extension(BASIC_CONSTRAINTS)?
        .context("a CA without basic constraints")?;
    let constraints = BasicConstraints::from_der(constraints).map_err(|error| anyhow!("basic constraints: {error}"))?;
    ensure!(constraints.ca, "'{}' is not a CA", certificate.subject());
    let usage = certificate.extension(KEY_USAGE)?.context("a CA without key usage")?;
    let usage = KeyUsage::from_der(usage).map_err(|error| anyhow!("key usage: {error}"))?;
    ensure!(
        usage.key_cert_sign(),
        "'{}' may not sign certificates",
        certificate.subject()
    );
    Ok(())
}
