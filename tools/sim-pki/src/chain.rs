//! The three certificates: what AMD's look like, with names and keys of our own.
//!
//! Shape taken from published Milan certificates: RSASSA-PSS with SHA-384, MGF1-SHA-384 and 48 bytes of salt everywhere; basic
//! constraints and key usage on the two CAs; on the VCEK the extensions under 1.3.6.1.4.1.3704.1 that bind it to a chip (HWID, raw
//! bytes without an inner ASN.1 tag) and to a TCB version (one INTEGER per component).

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use der::asn1::{Ia5String, ObjectIdentifier, OctetString};
use der::{Decode, Encode, EncodePem, pem::LineEnding};
use getrandom::SysRng;
use rsa::PrivateKey as RsaPrivateKey;
use rsa::pss::{Signature, SigningKey};
use rsa::rand_core::{TryRng, UnwrapErr};
use sha2::Sha384;
use spki::{EncodePublicKey, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};
use zeroize::Zeroizing;

/// RSA modulus size of ARK and ASK, as AMD's.
const CA_KEY_BITS: usize = 4096;
/// Everything is valid from 2020-01-01 (seconds since 1970) ...
const NOT_BEFORE: u64 = 1_577_836_800;
/// ... to 2049-12-31, the last year that UTCTime can name.
const NOT_AFTER: u64 = 2_524_521_600;
/// `1.3.6.1.4.1.3704.1`, under which AMD's certificate extensions lie.
const AMD_EXTENSIONS: &str = "1.3.6.1.4.1.3704.1";

/// The processor behind a hierarchy; by default what the simulator pretends to be, a Milan-B1.
#[derive(Debug, Clone, Copy)]
pub struct Platform {
    /// REPORTED_TCB in the product's layout (Milan: byte 0 bootloader, 1 TEE, 6 SNP, 7 microcode).
    pub reported_tcb: u64,
    /// Combined CPUID family.
    pub family: u8,
    /// Combined CPUID model.
    pub model: u8,
    /// CPUID stepping.
    pub stepping: u8,
    /// Product name in the VCEK.
    pub product: &'static str,
}

impl Default for Platform {
    fn default() -> Self {
        Platform {
            reported_tcb: u64::from_le_bytes([4, 0, 0, 0, 0, 0, 24, 219]),
            family: 0x19,
            model: 0x01,
            stepping: 0x01,
            product: "Milan-B1",
        }
    }
}

impl Platform {
    /// Family 1Ah has a TCB layout and a chip identifier of its own.
    fn is_turin(&self) -> bool {
        self.family == 0x1A
    }

    fn hwid_size(&self) -> usize {
        if self.is_turin() { 8 } else { 64 }
    }
}

/// A generated hierarchy: three certificates and the leaf's private key.
pub struct Chain {
    /// Root certificate, DER.
    pub ark: Vec<u8>,
    /// Intermediate certificate, DER.
    pub ask: Vec<u8>,
    /// Report-signing certificate, DER.
    pub vcek: Vec<u8>,
    /// The report-signing key: a P-384 scalar, big-endian.
    pub vcek_scalar: Zeroizing<[u8; 48]>,
    /// CHIP_ID of the simulated processor, the VCEK's HWID.
    pub chip_id: [u8; 64],
    /// What the processor pretends to be.
    pub platform: Platform,
}

/// Whom the report-signing key belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Leaf<'a> {
    /// VCEK: one chip, whose identifier is drawn.
    Chip,
    /// VLEK: a cloud provider of this name.
    Provider(&'a str),
}

/// Root and intermediate with their private keys, which live no longer than this value.
pub struct Authority {
    ark: Vec<u8>,
    ask: Vec<u8>,
    ask_name: Name,
    ask_key: SigningKey<Sha384>,
}

impl Authority {
    /// Makes root and intermediate with fresh random keys.
    pub fn generate() -> Result<Self> {
        let other = std::thread::spawn(|| RsaPrivateKey::new(&mut SysRng, CA_KEY_BITS));
        let ark_key =
            SigningKey::<Sha384>::new(RsaPrivateKey::new(&mut SysRng, CA_KEY_BITS).context("generating the ARK")?);
        let ask_key = other
            .join()
            .map_err(|_| anyhow::anyhow!("generating the ASK stopped"))?
            .context("generating the ASK")?;
        let ask_key = SigningKey::<Sha384>::new(ask_key);
        let (ark_name, ask_name) = (name("ARK")?, name("SEV")?);
        let ca = |subject: &Name, path_length| Profile {
            issuer: ark_name.clone(),
            subject: subject.clone(),
            authority: Some(path_length),
        };
        let ark = certificate(ca(&ark_name, None), 1, rsa_public(&ark_key)?, &ark_key, Vec::new())?;
        let ask = certificate(ca(&ask_name, Some(0)), 2, rsa_public(&ask_key)?, &ark_key, Vec::new())?;
        Ok(Authority {
            ark,
            ask,
            ask_name,
            ask_key,
        })
    }

    /// Certifies a fresh report-signing key.
    pub fn issue(&self, platform: Platform, leaf: Leaf<'_>) -> Result<Chain> {
        let (vcek_scalar, public) = leaf_key()?;
        let mut chip_id = [0u8; 64];
        SysRng
            .try_fill_bytes(&mut chip_id[..platform.hwid_size()])
            .context("drawing a chip identifier")?;
        let (subject, identity) = match leaf {
            Leaf::Chip => ("VCEK", amd_extension("4", chip_id[..platform.hwid_size()].to_vec())?),
            Leaf::Provider(name) => ("VLEK", amd_extension("5", Ia5String::new(name)?.to_der()?)?),
        };
        let mut extensions = tcb_extensions(&platform)?;
        extensions.push(identity);
        let profile = Profile {
            issuer: self.ask_name.clone(),
            subject: name(subject)?,
            authority: None,
        };
        Ok(Chain {
            ark: self.ark.clone(),
            ask: self.ask.clone(),
            vcek: certificate(profile, 3, public, &self.ask_key, extensions)?,
            vcek_scalar,
            chip_id,
            platform,
        })
    }
}

impl Chain {
    /// Makes a whole hierarchy with fresh random keys and a chip's own leaf.
    pub fn generate(platform: Platform) -> Result<Self> {
        Authority::generate()?.issue(platform, Leaf::Chip)
    }

    /// The three certificates as PEM, leaf first.
    pub fn pem(&self) -> Result<String> {
        let mut text = String::new();
        for certificate in [&self.vcek, &self.ask, &self.ark] {
            text.push_str(&Certificate::from_der(certificate)?.to_pem(LineEnding::LF)?);
        }
        Ok(text)
    }
}

/// A P-384 key pair: private scalar and SubjectPublicKeyInfo.
fn leaf_key() -> Result<(Zeroizing<[u8; 48]>, SubjectPublicKeyInfoOwned)> {
    loop {
        let mut scalar = Zeroizing::new([0u8; 48]);
        SysRng.try_fill_bytes(scalar.as_mut()).context("drawing the VCEK")?;
        // Zero and values of the order or above are no private keys; the next draw is another.
        if let Ok(key) = p384::SecretKey::from_slice(scalar.as_ref()) {
            let spki = SubjectPublicKeyInfoOwned::from_der(key.public_key().to_public_key_der()?.as_bytes())?;
            return Ok((scalar, spki));
        }
    }
}

fn rsa_public(key: &SigningKey<Sha384>) -> Result<SubjectPublicKeyInfoOwned> {
    let document = key.as_ref().to_public_key().to_public_key_der()?;
    Ok(SubjectPublicKeyInfoOwned::from_der(document.as_bytes())?)
}

fn name(role: &str) -> Result<Name> {
    Name::from_str(&format!(
        "CN={role}-Milan SIMULATOR ONLY,O=Cloister simulator\\, not AMD,OU=Worthless for real machines"
    ))
    .with_context(|| format!("naming the {role}"))
}

/// The extensions that state product and TCB.
fn tcb_extensions(platform: &Platform) -> Result<Vec<Extension>> {
    let tcb = platform.reported_tcb.to_le_bytes();
    let mut extensions = vec![
        amd_extension("1", 1u8.to_der()?)?,
        amd_extension("2", Ia5String::new(platform.product)?.to_der()?)?,
    ];
    // Component order of the certificate: bootloader, TEE, SNP, four reserved, microcode, FMC.
    let components = if platform.is_turin() {
        vec![tcb[1], tcb[2], tcb[3], tcb[4], tcb[5], tcb[6], 0, tcb[7], tcb[0]]
    } else {
        vec![tcb[0], tcb[1], tcb[6], tcb[2], tcb[3], tcb[4], tcb[5], tcb[7]]
    };
    for (index, component) in components.iter().enumerate() {
        extensions.push(amd_extension(&format!("3.{}", index + 1), component.to_der()?)?);
    }
    Ok(extensions)
}

fn amd_extension(suffix: &str, value: Vec<u8>) -> Result<Extension> {
    Ok(Extension {
        extn_id: ObjectIdentifier::new(&format!("{AMD_EXTENSIONS}.{suffix}"))
            .map_err(|error| anyhow::anyhow!("extension {suffix}: {error}"))?,
        critical: false,
        extn_value: OctetString::new(value)?,
    })
}

fn certificate(
    profile: Profile,
    serial: u32,
    public: SubjectPublicKeyInfoOwned,
    signer: &SigningKey<Sha384>,
    extensions: Vec<Extension>,
) -> Result<Vec<u8>> {
    let validity = Validity::new(time(NOT_BEFORE)?, time(NOT_AFTER)?);
    let mut builder = CertificateBuilder::new(profile, SerialNumber::from(serial), validity, public)?;
    for extension in extensions {
        builder.add_extension(extension)?;
    }
    Ok(builder
        .build_with_rng::<_, Signature, _>(signer, &mut UnwrapErr(SysRng))?
        .to_der()?)
}

fn time(seconds: u64) -> Result<Time> {
    let moment: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    Ok(Time::try_from(moment)?)
}

/// Names and, for an authority, the CA extensions with their path length.
struct Profile {
    issuer: Name,
    subject: Name,
    authority: Option<Option<u8>>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        public: SubjectPublicKeyInfoRef<'_>,
        issuer_public: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let subject = tbs.subject();
        let mut extensions = vec![AuthorityKeyIdentifier::try_from(issuer_public)?.to_extension(subject, &[])?];
        if let Some(path_len_constraint) = self.authority {
            extensions.push(SubjectKeyIdentifier::try_from(public)?.to_extension(subject, &[])?);
            extensions.push(
                BasicConstraints {
                    ca: true,
                    path_len_constraint,
                }
                .to_extension(subject, &[])?,
            );
            extensions.push(KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign).to_extension(subject, &[])?);
        }
        Ok(extensions)
    }
}
