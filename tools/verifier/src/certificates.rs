//! X.509 certificates as AMD issues them: reading them from the forms in which they travel, and checking one against its issuer.
//!
//! Certificates are hypervisor data. They arrive as DER, as PEM, or as the table of an extended guest request (GHCB specification
//! §4.1.8.1) and are worth something only once the chain is checked. A signature is checked over the bytes as received, never over a
//! re-encoding, and only in the one algorithm AMD uses: RSASSA-PSS with SHA-384, MGF1-SHA-384 and 48 bytes of salt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use der::asn1::{Ia5StringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader};
use rsa::signature::Verifier;
use rsa::{PublicKey as RsaPublicKey, pss};
use sha2::Sha384;
use spki::DecodePublicKey;
use x509_cert::Certificate as X509;

use crate::guid::{ARK_GUID, ASK_GUID, VCEK_GUID, VLEK_GUID};

/// Linux and coconut-svsm cap the certificate table at this size; PEM files are smaller still.
const MAX_INPUT: usize = 0x1_0000;
const MAX_CERTIFICATES: usize = 8;
const PEM_START: &str = "-----BEGIN CERTIFICATE-----";
const ENTRY_SIZE: usize = 24;

/// AlgorithmIdentifier of RSASSA-PSS with SHA-384, MGF1-SHA-384 and 48 bytes of salt, in DER (RFC 4055 §3.1).
const PSS_SHA384: [u8; 67] = [
    0x30, 0x41, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x34, 0xA0, 0x0F, 0x30, 0x0D,
    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09,
    0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
    0x04, 0x02, 0x02, 0x05, 0x00, 0xA2, 0x03, 0x02, 0x01, 0x30,
];
/// The same with the optional trailerField spelled out, as AMD's certificates may have it.
const TRAILER_FIELD: [u8; 5] = [0xA3, 0x03, 0x02, 0x01, 0x01];

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    public_key_info: Vec<u8>,
    parsed: X509,
}

impl Certificate {
    /// Reads one DER certificate that takes up all of `der`.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        ensure!(der.len() <= MAX_INPUT, "a certificate of {} bytes", der.len());
        let parsed = X509::from_der(der).map_err(|error| anyhow!("not a certificate: {error}"))?;
        let mut outer = SliceReader::new(der).map_err(|error| anyhow!("{error}"))?;
        let tbs = outer
            .sequence(|inner: &mut SliceReader<'_>| {
                let tbs = inner.tlv_bytes()?;
                inner.tlv_bytes()?;
                inner.tlv_bytes()?;
                Ok::<_, der::Error>(tbs)
            })
            .map_err(|error| anyhow!("not a certificate: {error}"))?;
        let public_key_info = parsed
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
            .map_err(|error| anyhow!("{error}"))?;
        Ok(Certificate {
            der: der.to_vec(),
            tbs: tbs.to_vec(),
            public_key_info,
            parsed,
        })
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// The subject, readable.
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// The issuer, readable.
    pub fn issuer(&self) -> String {
        self.parsed.tbs_certificate().issuer().to_string()
    }

    /// Whether issuer and subject are the same.
    pub fn is_self_issued(&self) -> bool {
        self.parsed.tbs_certificate().subject() == self.parsed.tbs_certificate().issuer()
    }

    /// Fails unless `issuer` signed this certificate and is named as its issuer.
    pub fn require_issued_by(&self, issuer: &Certificate) -> Result<()> {
        ensure!(
            self.parsed.tbs_certificate().issuer() == issuer.parsed.tbs_certificate().subject(),
            "'{}' names '{}' as its issuer, not '{}'",
            self.subject(),
            self.issuer(),
            issuer.subject()
        );
        let algorithm = self.parsed.signature_algorithm();
        ensure!(
            algorithm == self.parsed.tbs_certificate().signature(),
            "the two signature algorithms differ"
        );
        let encoded = algorithm.to_der().map_err(|error| anyhow!("{error}"))?;
        ensure!(
            is_pss_sha384(&encoded),
            "'{}' is not signed with RSASSA-PSS and SHA-384",
            self.subject()
        );
        let key = RsaPublicKey::from_public_key_der(issuer.public_key_info())
            .map_err(|error| anyhow!("the key of '{}' is no RSA key: {error}", issuer.subject()))?;
        let signature = self
            .parsed
            .signature()
            .as_bytes()
            .context("a signature that is no whole number of bytes")?;
        let signature = pss::Signature::try_from(signature).map_err(|_| anyhow!("no RSA signature"))?;
        pss::VerifyingKey::<Sha384>::new(key)
            .verify(&self.tbs, &signature)
            .map_err(|_| anyhow!("the signature on '{}' is not by '{}'", self.subject(), issuer.subject()))
    }

    /// Fails unless `now` lies in the validity period.
    pub fn require_valid_at(&self, now: SystemTime) -> Result<()> {
        let validity = self.parsed.tbs_certificate().validity();
        let (from, to) = (
            moment(validity.not_before.to_unix_duration()),
            moment(validity.not_after.to_unix_duration()),
        );
        ensure!(
            now >= from,
            "'{}' is not valid before {}",
            self.subject(),
            validity.not_before
        );
        ensure!(
            now <= to,
            "'{}' is not valid after {}",
            self.subject(),
            validity.not_after
        );
        Ok(())
    }

    /// The content of one extension; `None` if it is absent, an error if it is there twice.
    pub fn extension(&self, oid: ObjectIdentifier) -> Result<Option<&[u8]>> {
        let mut of_this = self
            .parsed
            .tbs_certificate()
            .extensions()
            .into_iter()
            .flatten()
            .filter(|extension| extension.extn_id == oid)
            .map(|extension| extension.extn_value.as_bytes());
        let found = of_this.next();
        ensure!(of_this.next().is_none(), "extension {oid} is there twice");
        Ok(found)
    }

    /// An extension that must be there and hold a small INTEGER.
    pub fn small_integer(&self, oid: ObjectIdentifier) -> Result<u8> {
        let content = self
            .extension(oid)?
            .with_context(|| format!("extension {oid} is missing"))?;
        u8::from_der(content).map_err(|error| anyhow!("extension {oid}: {error}"))
    }

    /// An extension that must be there and hold an IA5String.
    pub fn text(&self, oid: ObjectIdentifier) -> Result<String> {
        let content = self
            .extension(oid)?
            .with_context(|| format!("extension {oid} is missing"))?;
        let text = Ia5StringRef::from_der(content).map_err(|error| anyhow!("extension {oid}: {error}"))?;
        Ok(text.as_str().to_owned())
    }

    /// An extension with raw bytes, with or without an inner OCTET STRING (AMD's HWID has none).
    pub fn octets(&self, oid: ObjectIdentifier, length: usize) -> Result<Option<Vec<u8>>> {
        let Some(content) = self.extension(oid)? else {
            return Ok(None);
        };
        if content.len() == length {
            return Ok(Some(content.to_vec()));
        }
        let inner = <&OctetStringRef>::from_der(content).map_err(|error| anyhow!("extension {oid}: {error}"))?;
        ensure!(
            inner.as_bytes().len() == length,
            "extension {oid} has {} bytes",
            inner.as_bytes().len()
        );
        Ok(Some(inner.as_bytes().to_vec()))
    }
}

fn is_pss_sha384(encoded: &[u8]) -> bool {
    if encoded == PSS_SHA384 {
        return true;
    }
    let mut spelled_out = PSS_SHA384.to_vec();
    spelled_out.extend_from_slice(&TRAILER_FIELD);
    spelled_out[1] += TRAILER_FIELD.len() as u8;
    spelled_out[14] += TRAILER_FIELD.len() as u8;
    encoded == spelled_out
}

fn moment(since_1970: Duration) -> SystemTime {
    UNIX_EPOCH + since_1970
}

/// Reads every certificate in `input`: PEM text, one DER certificate, or an extended-guest-request table.
pub fn read_all(input: &[u8]) -> Result<Vec<Certificate>> {
    ensure!(input.len() <= MAX_INPUT, "{} bytes of certificates", input.len());
    if let Ok(text) = std::str::from_utf8(input)
        && text.contains(PEM_START)
    {
        return read_pem(text);
    }
    // A certificate is a SEQUENCE with a two-byte length; no GUID of the table starts like that.
    if input.starts_with(&[0x30, 0x82]) {
        return Ok(vec![Certificate::from_der(input)?]);
    }
    read_table(input)
}

fn read_pem(text: &str) -> Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for part in text.split(PEM_START).skip(1) {
        ensure!(
            certificates.len() < MAX_CERTIFICATES,
            "more than {MAX_CERTIFICATES} certificates"
        );
        let end = part
            .find("-----END CERTIFICATE-----")
            .context("a PEM certificate without an end")?;
        let block = format!("{PEM_START}{}-----END CERTIFICATE-----\n", &part[..end]);
        let (label, der) = der::pem::decode_vec(block.as_bytes()).map_err(|error| anyhow!("PEM: {error}"))?;
        ensure!(label == "CERTIFICATE", "PEM label {label}");
        certificates.push(Certificate::from_der(&der)?);
    }
    Ok(certificates)
}

/// The table of an extended guest request. Entries that are no certificates of the chain are passed over; they prove nothing.
fn read_table(table: &[u8]) -> Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for entry in table.chunks_exact(ENTRY_SIZE).take(2 * MAX_CERTIFICATES) {
        let (guid, place) = entry.split_first_chunk::<16>().context("a table entry")?;
        if entry.iter().all(|byte| *byte == 0) {
            return Ok(certificates);
        }
        let word = |at: usize| -> Result<usize> {
            let bytes = place
                .get(at..)
                .and_then(|rest| rest.first_chunk())
                .context("a table entry")?;
            Ok(usize::try_from(u32::from_le_bytes(*bytes))?)
        };
        let (offset, length) = (word(0)?, word(4)?);
        let content = table
            .get(offset..)
            .and_then(|rest| rest.get(..length))
            .context("a certificate lies outside the certificate table")?;
        if [ARK_GUID, ASK_GUID, VCEK_GUID, VLEK_GUID].contains(guid) {
            match std::str::from_utf8(content) {
                Ok(text) if text.contains(PEM_START) => certificates.append(&mut read_pem(text)?),
                _ => certificates.push(Certificate::from_der(content)?),
            }
        }
        ensure!(
            certificates.len() <= MAX_CERTIFICATES,
            "more than {MAX_CERTIFICATES} certificates"
        );
    }
    bail!("neither PEM nor DER nor a certificate table")
}
