//! One attestation report: is it signed by the certified key, and does it say what it must.
//!
//! A report is believed in this order: its form, the signature over the bytes as received, then the fields that tie it to the
//! certificate (product, chip, TCB), then what it says about the guest. SNP firmware ABI (56860), ATTESTATION_REPORT.

use anyhow::{Context, Result, bail, ensure};
use p384::ecdsa::Signature;
use p384::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha384};
use svsm_proto::report::{ALGO_ECDSA_P384_SHA384, AttestationReport, COMPONENT_SIZE, Policy, REPORT_SIZE};

use crate::chain::{Holder, SigningKey};
use crate::roots::Product;
use crate::tcb::Tcb;

/// Bytes of a P-384 scalar.
const SCALAR_SIZE: usize = 48;
/// KEY_INFO: the chip's key is masked, so the report is not signed.
const MASK_CHIP_KEY: u32 = 1 << 1;

/// Reads a report and checks what can be said without any key.
pub fn parse(bytes: &[u8]) -> Result<AttestationReport> {
    let report =
        AttestationReport::parse(bytes).with_context(|| format!("{} bytes instead of {REPORT_SIZE}", bytes.len()))?;
    ensure!(
        matches!(report.version, 2..=5),
        "version {} is not known",
        report.version
    );
    ensure!(
        report.signature_algo == ALGO_ECDSA_P384_SHA384,
        "signature algorithm {} is not ECDSA P-384 with SHA-384",
        report.signature_algo
    );
    ensure!(
        report.key_info & MASK_CHIP_KEY == 0,
        "the chip's key was masked: the report is not signed"
    );
    ensure!(
        report.signature.reserved.iter().all(|byte| *byte == 0),
        "bytes after the signature are not zero"
    );
    Ok(report)
}

/// Fails unless `key` signed the report.
pub fn require_signature(report: &AttestationReport, key: &SigningKey) -> Result<()> {
    let signature = Signature::from_scalars(scalar(&report.signature.r)?, scalar(&report.signature.s)?)
        .ok()
        .context("R or S is out of range")?;
    let digest = Sha384::digest(report.signed_bytes());
    ensure!(
        key.key.verify_prehash(&digest, &signature).is_ok(),
        "not by the certified key"
    );
    Ok(())
}

/// A component of the signature, big-endian.
fn scalar(component: &[u8; COMPONENT_SIZE]) -> Result<[u8; SCALAR_SIZE]> {
    let (significant, padding) = component.split_first_chunk::<SCALAR_SIZE>().context("component size")?;
    ensure!(padding.iter().all(|byte| *byte == 0), "R or S is too long");
    let mut scalar = *significant;
    scalar.reverse();
    Ok(scalar)
}

/// Fails unless the report was made on the product line that the certificate names. Version 2 does not say.
pub fn require_product(report: &AttestationReport, key: &SigningKey) -> Result<String> {
    if report.version < 3 {
        return Ok(format!(
            "{}, by its certificate (version 2 reports do not name it)",
            key.product.name()
        ));
    }
    let product = Product::from_cpuid(report.cpuid_fam_id, report.cpuid_mod_id)?;
    ensure!(
        product == key.product,
        "made on {}, but the certificate is for {}",
        product.name(),
        key.product.name()
    );
    Ok(format!("{} stepping {}", product.name(), report.cpuid_step))
}

/// Fails unless the report names the kind of key that signed it and, for a chip's own key, that chip.
pub fn require_chip(report: &AttestationReport, key: &SigningKey) -> Result<String> {
    let named = (report.key_info >> 2) & 7;
    match (&key.holder, named) {
        (Holder::Chip { hwid }, 0) => {
            let (significant, rest) = report.chip_id.split_at_checked(hwid.len()).context("HWID size")?;
            ensure!(
                rest.iter().all(|byte| *byte == 0),
                "CHIP_ID is longer than the certificate's HWID"
            );
            ensure!(
                report.chip_id != [0; 64],
                "CHIP_ID is masked, so the report is bound to no chip"
            );
            ensure!(significant == hwid, "CHIP_ID is not the certificate's HWID");
            Ok("CHIP_ID is the certificate's HWID".to_owned())
        }
        (Holder::Provider { csp_id }, 1) => Ok(format!("signed with the key of the cloud provider '{csp_id}'")),
        (Holder::Chip { .. }, _) => {
            bail!("the report says it is signed by key kind {named}, the certificate is a VCEK's")
        }
        (Holder::Provider { .. }, _) => {
            bail!("the report says it is signed by key kind {named}, the certificate is a VLEK's")
        }
    }
}

/// Fails unless the signing key was derived for the TCB that the report states.
pub fn require_tcb_binding(report: &AttestationReport, key: &SigningKey) -> Result<String> {
    let reported = Tcb::read(u64::from_le_bytes(report.reported_tcb), key.product)?;
    ensure!(
        reported == key.tcb,
        "the report states {reported}; the certificate {}",
        key.tcb
    );
    Ok(format!("{reported}"))
}

/// Fails unless every TCB version in the report reaches `minimum`.
pub fn require_tcb(report: &AttestationReport, product: Product, minimum: &Tcb) -> Result<String> {
    let versions = [
        ("reported", report.reported_tcb),
        ("committed", report.committed_tcb),
        ("current", report.current_tcb),
        ("launch", report.launch_tcb),
    ];
    for (name, version) in versions {
        let below = Tcb::read(u64::from_le_bytes(version), product)?.below(minimum);
        ensure!(
            below.is_empty(),
            "the {name} TCB is below the minimum in {}",
            below.join(", ")
        );
    }
    Ok(format!("at least {minimum}"))
}

/// What the caller wants of the guest policy, beyond what every guest must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyDemands {
    /// Bits that must be set.
    pub must: u64,
    /// Bits that must be clear.
    pub must_not: u64,
    /// Lowest firmware ABI version, major then minor, that the policy may demand of the platform.
    pub minimum_abi: (u8, u8),
}

/// Fails if the hypervisor could debug the guest, if a migration agent is allowed, or if a demand of the caller is not met.
pub fn require_policy(report: &AttestationReport, demands: &PolicyDemands) -> Result<String> {
    let policy = Policy::from_bits_retain(report.policy);
    ensure!(
        policy.contains(Policy::RESERVED_ONE),
        "bit 17 is clear, which no platform launches"
    );
    ensure!(
        !policy.contains(Policy::DEBUG),
        "DEBUG is allowed: the hypervisor can read the guest"
    );
    ensure!(!policy.contains(Policy::MIGRATE_MA), "a migration agent is allowed");
    ensure!(
        report.report_id_ma == [0xFF; 32],
        "a migration agent is bound to the guest"
    );
    let missing = demands.must & !report.policy;
    ensure!(missing == 0, "bits {missing:#x} are demanded and clear");
    let forbidden = demands.must_not & report.policy;
    ensure!(forbidden == 0, "bits {forbidden:#x} are forbidden and set");
    let abi = ((report.policy >> 8) as u8, report.policy as u8);
    ensure!(
        abi >= demands.minimum_abi,
        "ABI version {}.{} is below {:?}",
        abi.0,
        abi.1,
        demands.minimum_abi
    );
    Ok(format!("{:#x}: no debugging, no migration agent", report.policy))
}

/// Fails unless VMPL0 asked for the report.
pub fn require_vmpl0(report: &AttestationReport) -> Result<String> {
    ensure!(
        report.vmpl == 0,
        "the report was asked for at VMPL{}, where the guest could do it",
        report.vmpl as i32
    );
    Ok("0: only the SVSM could choose the report data".to_owned())
}

/// Fails unless the launch digest is one of `expected`.
pub fn require_measurement(report: &AttestationReport, expected: &[[u8; 48]]) -> Result<String> {
    ensure!(!expected.is_empty(), "no expected measurement was given");
    let measured = hex::encode(report.measurement);
    ensure!(
        expected.contains(&report.measurement),
        "{measured} is not what was expected"
    );
    Ok(measured)
}
