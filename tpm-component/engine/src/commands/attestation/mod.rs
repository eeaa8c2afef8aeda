//! Part 3 §18: what the TPM says about itself, signed.
//!
//! What is attested comes from the TPM's own state; the caller chooses the key, the scheme where the key has none, and a qualification that
//! proves freshness. Everything signed here starts with TPM_GENERATED_VALUE, which a restricted key signs in no other way. Clock and version
//! of an attestation by a key outside the endorsement and platform hierarchies are shifted by a secret amount for each key, so that two
//! keys cannot be found to be of the same TPM by their counters (Part 1 §36.7).

mod certify;
mod certify_creation;
mod certify_x509;
mod get_command_audit_digest;
mod get_session_audit_digest;
mod get_time;
mod nv_certify;
mod quote;

pub use certify::Certify;
pub use certify_creation::CertifyCreation;
pub use certify_x509::CertifyX509;
pub use get_command_audit_digest::GetCommandAuditDigest;
pub use get_session_audit_digest::GetSessionAuditDigest;
pub use get_time::GetTime;
pub use nv_certify::NvCertify;
pub use quote::Quote;

use tpm_contract::Host;

use crate::{
    commands::capability::properties::FIRMWARE_VERSION,
    crypto::{hash, kdf_a},
    object::{Object, name::handle_name, signing},
    structures::{
        Tpm2bAttest, Tpm2bData, Tpm2bName, TpmHandle, TpmRc, TpmiAlgHash, TpmiRhHierarchy, TpmsAttest, TpmsClockInfo,
        TpmtSigScheme, TpmtSignature, TpmuAttest, limits::CONTEXT_HASH,
    },
    tpm::Tpm,
    wire::Marshal,
};

/// A key that attests, with its scheme; nothing for TPM_RH_NULL, when the statement is not signed.
struct Attester {
    key: Option<(alloc::sync::Arc<Object>, TpmtSigScheme)>,
}

impl Attester {
    /// The key under handle number `handle`, with the scheme in parameter number `parameter`.
    fn new(
        tpm: &Tpm,
        handle: TpmHandle,
        handle_number: usize,
        scheme: &TpmtSigScheme,
        scheme_number: usize,
    ) -> Result<Self, TpmRc> {
        if handle == TpmHandle::NULL {
            return Ok(Self { key: None });
        }
        let key = tpm.located_object(handle)?;
        if !signing::can_sign(&key) {
            return Err(TpmRc::KEY.with_handle(handle_number));
        }
        let scheme = signing::select_scheme(&key, scheme).map_err(|code| code.with_parameter(scheme_number))?;
        Ok(Self {
            key: Some((key, scheme)),
        })
    }

    /// The hash with which the statement is signed; none when it is not.
    fn hash(&self) -> Option<TpmiAlgHash> {
        self.key.as_ref().and_then(|(_, scheme)| scheme.hash())
    }

    /// Whether the signature must not tell whose it is: then nothing in the statement may tell it either.
    fn is_anonymous(&self) -> bool {
        matches!(self.key, Some((_, TpmtSigScheme::Ecdaa(_))))
    }

    /// The statement, and its signature.
    fn attest(
        &self,
        tpm: &mut Tpm,
        host: &mut dyn Host,
        qualifying_data: Tpm2bData,
        attested: TpmuAttest,
    ) -> Result<(Tpm2bAttest, Option<TpmtSignature>), TpmRc> {
        let anonymous = self.is_anonymous();
        let (qualified_signer, shift) = match &self.key {
            Some((key, _)) if anonymous => (Tpm2bName::empty(), shift(tpm, host, key, &Tpm2bName::empty())?),
            Some((key, _)) => (key.qualified_name.clone(), shift(tpm, host, key, &key.qualified_name)?),
            None => {
                let signer = handle_name(TpmHandle::NULL)?;
                let shift = shift_of(tpm, host, &signer)?;
                (signer, shift)
            }
        };
        let (extra_data, qualification) = if anonymous {
            (Tpm2bData::empty(), qualifying_data)
        } else {
            (qualifying_data, Tpm2bData::empty())
        };
        let clock = tpm.time_info().clock_info;
        let statement = TpmsAttest {
            qualified_signer,
            extra_data,
            clock_info: TpmsClockInfo {
                reset_count: clock.reset_count.wrapping_add(shift.reset_count),
                restart_count: clock.restart_count.wrapping_add(shift.restart_count),
                ..clock
            },
            firmware_version: FIRMWARE_VERSION.wrapping_add(shift.firmware_version),
            attested,
        };
        let bytes = statement.to_bytes();
        let signature = match &self.key {
            Some((key, scheme)) => {
                let alg = scheme.hash().ok_or(TpmRc::SCHEME)?;
                let mut digest = hash(host, alg, &[&bytes]);
                if !qualification.is_empty() {
                    digest = hash(host, alg, &[qualification.as_bytes(), digest.as_bytes()]);
                }
                Some(signing::sign(tpm, host, key, scheme, digest.as_bytes())?)
            }
            None => None,
        };
        Ok((Tpm2bAttest::from_vec(bytes)?, signature))
    }
}

/// By how much an attestation's values are shifted.
#[derive(Default)]
struct Shift {
    firmware_version: u64,
    reset_count: u32,
    restart_count: u32,
}

/// The shift for a key: none in the endorsement and platform hierarchies.
fn shift(tpm: &Tpm, host: &mut dyn Host, key: &Object, signer: &Tpm2bName) -> Result<Shift, TpmRc> {
    match key.hierarchy {
        TpmiRhHierarchy::Endorsement | TpmiRhHierarchy::Platform => Ok(Shift::default()),
        TpmiRhHierarchy::Owner | TpmiRhHierarchy::Null => shift_of(tpm, host, signer),
    }
}

/// KDFa(contextHash, shProof, "OBFUSCATE", qualifiedSigner, NULL, 128).
fn shift_of(tpm: &Tpm, host: &mut dyn Host, signer: &Tpm2bName) -> Result<Shift, TpmRc> {
    let proof = tpm.root(TpmiRhHierarchy::Owner).proof.clone();
    let bits = kdf_a(
        host,
        CONTEXT_HASH,
        proof.as_bytes(),
        b"OBFUSCATE",
        signer.as_bytes(),
        &[],
        128,
    );
    let mut reader = crate::wire::Reader::new(&bits);
    Ok(Shift {
        firmware_version: u64::from_be_bytes(reader.array()?),
        reset_count: u32::from_be_bytes(reader.array()?),
        restart_count: u32::from_be_bytes(reader.array()?),
    })
}

#[cfg(test)]
mod tests;
