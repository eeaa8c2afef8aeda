//! The forms in which evidence comes, and what each of them vouches for.
//!
//! The caller says which form it looks at; nothing here guesses. Every form yields the 64 bytes that REPORT_DATA must be, and the TPM's keys
//! or the event log of the measured boot. Every manifest is parsed to its last byte.

use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha512};
use svsm_proto::manifest::{CloisterManifest, DescribedManifest, NONCE_SIZE, TpmTraits};

use crate::event_log::EventLog;
use crate::tpm::public::{Template, TpmtPublic};

/// A form of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The published vTPM service, version 0: the manifest is the RSA EK's TPMT_PUBLIC.
    VtpmV0,
    /// Our service, version 0: component hash, boot identity and four keys.
    CloisterV0,
    /// Our service, version 1: P-256 EK and P-256 SRK, one TPMT_PUBLIC after the other.
    CloisterV1,
    /// Our service, version 2: the event log of the measured boot. It names no key.
    CloisterV2,
    /// Our service, version 3: version 0, and what kind of TPM it is.
    CloisterV3,
    /// The report of power-on, without nonce: REPORT_DATA is X(P-256 EK) and X(P-256 SRK). The keys come as in version 1.
    BootIdentity,
}

impl Form {
    /// All forms.
    pub const ALL: [Form; 6] = [
        Form::VtpmV0,
        Form::CloisterV0,
        Form::CloisterV1,
        Form::CloisterV2,
        Form::CloisterV3,
        Form::BootIdentity,
    ];

    /// The form's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Form::VtpmV0 => "vtpm-v0",
            Form::CloisterV0 => "cloister-v0",
            Form::CloisterV1 => "cloister-v1",
            Form::CloisterV2 => "cloister-v2",
            Form::CloisterV3 => "cloister-v3",
            Form::BootIdentity => "boot-identity",
        }
    }

    /// Whether the report answers a nonce and is therefore fresh.
    pub fn has_nonce(self) -> bool {
        self != Form::BootIdentity
    }
}

impl FromStr for Form {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        Form::ALL.into_iter().find(|form| form.name() == name).with_context(|| {
            let names = Form::ALL.map(Form::name).join(", ");
            format!("'{name}' is no form; there are {names}")
        })
    }
}

/// What a manifest says.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The endorsement keys it vouches for.
    pub endorsement_keys: Vec<(TpmtPublic, Template)>,
    /// The storage root keys it vouches for.
    pub storage_keys: Vec<(TpmtPublic, Template)>,
    /// SHA-256 of the component file, in the form that carries it.
    pub component: Option<[u8; 32]>,
    /// The report of power-on, in the form that carries it.
    pub boot_report: Option<Vec<u8>>,
    /// The event log, in the form that is one.
    pub event_log: Option<EventLog>,
    /// What kind of TPM it is, in the form that says it.
    pub traits: Option<TpmTraits>,
}

impl Contents {
    /// Reads a manifest of the given form.
    pub fn parse(form: Form, manifest: &[u8]) -> Result<Self> {
        match form {
            Form::VtpmV0 => Ok(Contents {
                endorsement_keys: vec![(
                    TpmtPublic::parse(manifest).context("endorsement key")?,
                    Template::rsa_ek()?,
                )],
                storage_keys: Vec::new(),
                component: None,
                boot_report: None,
                event_log: None,
                traits: None,
            }),
            Form::CloisterV0 => {
                let parsed = CloisterManifest::parse(manifest);
                Self::of_keys(&parsed.map_err(|error| anyhow!("not a version 0 manifest: {error:?}"))?)
            }
            Form::CloisterV3 => {
                let parsed = DescribedManifest::parse(manifest);
                let parsed = parsed.map_err(|error| anyhow!("not a version 3 manifest: {error:?}"))?;
                Ok(Contents {
                    traits: Some(parsed.traits),
                    ..Self::of_keys(&parsed.keys)?
                })
            }
            Form::CloisterV2 => Ok(Contents {
                endorsement_keys: Vec::new(),
                storage_keys: Vec::new(),
                component: None,
                boot_report: None,
                event_log: Some(EventLog::parse(manifest)?),
                traits: None,
            }),
            Form::CloisterV1 | Form::BootIdentity => {
                let (endorsement, rest) = TpmtPublic::parse_first(manifest).context("endorsement key")?;
                let storage = TpmtPublic::parse(rest).context("storage root key")?;
                Ok(Contents {
                    endorsement_keys: vec![(endorsement, Template::p256_ek()?)],
                    storage_keys: vec![(storage, Template::p256_srk()?)],
                    component: None,
                    boot_report: None,
                    event_log: None,
                    traits: None,
                })
            }
        }
    }

    fn of_keys(parsed: &CloisterManifest<'_>) -> Result<Self> {
        let key = |bytes, name: &'static str| TpmtPublic::parse(bytes).context(name);
        Ok(Contents {
            endorsement_keys: vec![
                (key(parsed.rsa_ek, "RSA endorsement key")?, Template::rsa_ek()?),
                (key(parsed.p256_ek, "P-256 endorsement key")?, Template::p256_ek()?),
            ],
            storage_keys: vec![
                (key(parsed.rsa_srk, "RSA storage root key")?, Template::rsa_srk()?),
                (key(parsed.p256_srk, "P-256 storage root key")?, Template::p256_srk()?),
            ],
            component: Some(parsed.component_sha256),
            boot_report: Some(parsed.boot_report.to_vec()),
            event_log: None,
            traits: None,
        })
    }

    /// Fails unless every key equals its default template but for `unique`.
    pub fn require_templates(&self) -> Result<String> {
        ensure!(
            !self.endorsement_keys.is_empty(),
            "the manifest names no endorsement key"
        );
        let mut names = Vec::new();
        for (key, template) in self.endorsement_keys.iter().chain(&self.storage_keys) {
            key.require_template(template)?;
            names.push(template.name);
        }
        Ok(format!("{}: the TCG default templates", names.join(", ")))
    }

    /// X(P-256 EK) and X(P-256 SRK): what the report of power-on carries.
    pub fn boot_identity(&self) -> Result<[u8; 64]> {
        let x_of = |keys: &[(TpmtPublic, Template)]| -> Result<Vec<u8>> {
            let key = keys.iter().find_map(|(key, _)| key.p256_x().ok());
            Ok(key.context("no P-256 key")?.to_vec())
        };
        let both = [x_of(&self.endorsement_keys)?, x_of(&self.storage_keys)?].concat();
        both.try_into().map_err(|_| anyhow!("coordinates of another size"))
    }
}

/// Fails unless the nonce is as long as the protocol wants it, or absent where there is none.
pub fn require_nonce(form: Form, nonce: &[u8]) -> Result<String> {
    if !form.has_nonce() {
        ensure!(nonce.is_empty(), "the report of power-on answers no nonce");
        return Ok("none: this report is of power-on and does not show that the guest runs now".to_owned());
    }
    ensure!(
        nonce.len() == NONCE_SIZE,
        "{} bytes instead of {NONCE_SIZE}",
        nonce.len()
    );
    Ok(format!("{NONCE_SIZE} bytes"))
}

/// What REPORT_DATA must be.
pub fn expected_report_data(
    form: Form,
    nonce: &[u8],
    manifest: &[u8],
    contents: Option<&Contents>,
) -> Result<[u8; 64]> {
    match (form, contents) {
        (Form::BootIdentity, Some(contents)) => contents.boot_identity(),
        (Form::BootIdentity, None) => bail!("the keys could not be read"),
        _ => Ok(Sha512::new()
            .chain_update(nonce)
            .chain_update(manifest)
            .finalize()
            .into()),
    }
}
