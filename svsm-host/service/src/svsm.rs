//! What all vCPUs share: the memory map with its VMSAs, the TPM, the channel to the PSP, and the evidence of this boot.
//!
//! Three locks, never two of them at a time: the guest's requests touch memory, TPM and PSP one after the other. The memory map is locked for
//! reading while bytes are copied and for writing while a page changes its state or its role.

use crate::{
    notes::{Note, note},
    psp::{Psp, PspError},
    tpm::Tpm,
    vcpus::Vcpus,
};
use alloc::vec::Vec;
use spin::{Mutex, RwLock};
use svsm_platform::{Clock, ClockSource, GuestMemory, Hypervisor, MemoryMap, Vmpl};
use svsm_proto::{
    calling_area::MEM_AVAILABLE_OFFSET, manifest::TpmTraits, report::AttestationReport, vmsa::SevFeatures,
};
use tpm_contract::Component;

/// What a verifier learns beside the keys: facts of this boot that do not change any more.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// SHA-256 of the component file that runs.
    pub component_sha256: [u8; 32],
    /// The boot identity: a VMPL0 report over X(P-256 EK) and X(P-256 SRK) as they were when the VM started.
    pub boot_report: AttestationReport,
    /// The event log of the measured boot, as it was when the guest started.
    pub event_log: Vec<u8>,
}

/// Memory and VMSAs, which change together.
pub(crate) struct Space {
    pub(crate) map: MemoryMap,
    pub(crate) vcpus: Vcpus,
}

impl Space {
    /// Tells the guest in the startup vCPU's calling area whether memory can be withdrawn (SVSM §6.6). It is a hint; a guest that made
    /// the page unwritable loses it.
    pub(crate) fn show_available(&self, platform: &mut impl GuestMemory) {
        let Some(startup) = self.vcpus.startup() else {
            return;
        };
        let flag = svsm_platform::Gpa(startup.caa.0 + MEM_AVAILABLE_OFFSET);
        let available = u8::from(self.map.first_deposited().is_some());
        let written = self
            .map
            .guest_range(flag, 1)
            .is_ok_and(|range| platform.write(range, &[available]).is_ok());
        if !written {
            note(Note::HintNotWritten);
        }
    }
}

/// The SVSM, once the guest is about to run. One value for the VM; every vCPU serves its guest through a shared reference.
pub struct Svsm<C, K> {
    pub(crate) guest_vmpl: Vmpl,
    pub(crate) sev_features: SevFeatures,
    pub(crate) space: RwLock<Space>,
    pub(crate) tpm: Mutex<Tpm<C>>,
    pub(crate) psp: Mutex<Psp<K>>,
    pub(crate) evidence: Evidence,
    pub(crate) traits: TpmTraits,
}

/// What an [`Svsm`] is made of.
pub struct Parts<C, K> {
    /// The guest's level.
    pub guest_vmpl: Vmpl,
    /// SEV_FEATURES of the guest's VMSAs ([`guest_features`](crate::guest_boot::guest_features)).
    pub sev_features: SevFeatures,
    /// The memory map.
    pub map: MemoryMap,
    /// The TPM, powered on and provisioned.
    pub tpm: Tpm<C>,
    /// The channel to the PSP.
    pub psp: Psp<K>,
    /// The evidence of this boot.
    pub evidence: Evidence,
}

impl<C: Component, K: Clock> Svsm<C, K> {
    /// Puts the parts together.
    pub fn new(parts: Parts<C, K>) -> Self {
        let Parts {
            guest_vmpl,
            sev_features,
            map,
            tpm,
            psp,
            evidence,
        } = parts;
        let clock = psp.clock_source();
        note(Note::TpmReady { clock });
        note(Note::TpmEphemeral);
        Svsm {
            guest_vmpl,
            sev_features,
            space: RwLock::new(Space {
                map,
                vcpus: Vcpus::default(),
            }),
            tpm: Mutex::new(tpm),
            psp: Mutex::new(psp),
            evidence,
            traits: traits(clock),
        }
    }

    /// The level at which the guest runs.
    pub fn guest_vmpl(&self) -> Vmpl {
        self.guest_vmpl
    }

    /// The evidence of this boot.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The TPM, for whoever measures or inspects it.
    pub fn tpm(&self) -> &Mutex<Tpm<C>> {
        &self.tpm
    }
}

/// What a verifier is told of a TPM whose host keeps its state in memory ([`TpmHost`](crate::host::TpmHost)) and has this clock.
const fn traits(clock: ClockSource) -> TpmTraits {
    match clock {
        ClockSource::SecureTsc => TpmTraits::EPHEMERAL.union(TpmTraits::SECURE_TSC),
        ClockSource::HypervisorScaled => TpmTraits::EPHEMERAL,
    }
}

/// Asks the PSP for the boot identity: a VMPL0 report whose REPORT_DATA is X(P-256 EK) followed by X(P-256 SRK). Right after the TPM was
/// provisioned, before the guest runs.
pub fn boot_identity<C: Component, K: Clock>(
    tpm: &Tpm<C>,
    psp: &mut Psp<K>,
    hypervisor: &mut impl Hypervisor,
) -> Result<AttestationReport, BootIdentityError> {
    let identity = tpm.first_identity().ok_or(BootIdentityError::NotProvisioned)?;
    let report = psp
        .report(hypervisor, &identity.boot_report_data(), Vmpl::SVSM)
        .map_err(BootIdentityError::Psp)?;
    note(Note::BootIdentity);
    Ok(report)
}

/// Why there is no boot identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootIdentityError {
    /// The TPM has not been provisioned.
    NotProvisioned,
    /// The PSP gave no report.
    Psp(PspError),
}

#[cfg(test)]
mod tests {
    use super::*;

    // README, "Attestation": bit 0 is "ephemeral", bit 1 "Secure TSC".
    #[test]
    fn clock_that_the_hypervisor_can_scale_is_not_called_secure() {
        assert_eq!(traits(ClockSource::SecureTsc).bits(), 3);
        assert_eq!(traits(ClockSource::HypervisorScaled).bits(), 1);
    }
}
