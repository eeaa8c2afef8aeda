//! What the SVSM says on its log: a closed list of events.
//!
//! The hypervisor reads the log, and a curious one reads it well. Nothing reaches it but the events listed here, none of which carries a secret or free
//! text of the guest's. The TPM component's own lines are the one exception; they pass through [`crate::host`], which strips and bounds
//! them.

use core::fmt;
use log::Level;
use svsm_platform::{ApicId, ClockSource};
use svsm_proto::result_code::SvsmError;

/// An event worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A persistent key was made, because there was none or another at its handle.
    KeyProvisioned {
        /// The persistent handle.
        handle: u32,
        /// Whether a foreign key had to go first.
        replaced: bool,
    },
    /// A persistent key is missing or foreign, and its owner has set an authorisation that keeps the SVSM from replacing it.
    KeyNotProvisioned {
        /// The persistent handle.
        handle: u32,
    },
    /// The TPM is powered on, started and provisioned.
    TpmReady {
        /// Where its time comes from.
        clock: ClockSource,
    },
    /// The TPM's state lives in VMPL0 memory and ends with the VM.
    TpmEphemeral,
    /// The platform hierarchy has a random authorisation that nobody knows.
    PlatformClosed,
    /// The TPM does not work any more; it answers TPM_RC_FAILURE until the VM restarts.
    TpmFailed(TpmFailure),
    /// A command failed and left the TPM usable.
    TpmCommandFailed(tpm_contract::Failure),
    /// The boot identity is there.
    BootIdentity,
    /// What is started stands in the TPM's PCRs and in the event log.
    BootMeasured {
        /// Events that extended a PCR.
        events: u32,
    },
    /// A fresh report was made.
    FreshReport,
    /// The certificates that the hypervisor returned are not a table.
    BadCertificates,
    /// The PSP's key is destroyed after a doubtful exchange.
    KeyDestroyed,
    /// The hypervisor keeps the PSP busy.
    PspBusy,
    /// The guest's memory is handed over.
    GuestReady {
        /// 4 KiB pages that it starts with.
        pages: u64,
    },
    /// All memory of the hypervisor's map is the guest's.
    MemoryAccepted {
        /// 4 KiB pages beside those that were launched.
        pages: u64,
    },
    /// A vCPU has a VMSA.
    VcpuCreated(ApicId),
    /// A vCPU lost its VMSA.
    VcpuDeleted(ApicId),
    /// A call was refused.
    CallRefused {
        /// Protocol.
        protocol: u32,
        /// Call.
        call: u32,
        /// Result.
        error: SvsmError,
    },
    /// The hint in the calling area that memory can be withdrawn could not be written.
    HintNotWritten,
    /// A call's results could not be written: the hypervisor took the VMSA away, and it does not run again.
    ResultNotWritten,
}

/// What ended the TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TpmFailure {
    /// The sandbox stopped the component.
    Fault,
    /// The component says that it cannot go on.
    Component(tpm_contract::Failure),
    /// The component's response is no TPM response.
    BadResponse,
}

impl Note {
    const fn level(&self) -> Level {
        match self {
            Note::TpmFailed(_) | Note::KeyDestroyed => Level::Error,
            Note::TpmCommandFailed(_)
            | Note::BadCertificates
            | Note::PspBusy
            | Note::HintNotWritten
            | Note::ResultNotWritten
            | Note::KeyNotProvisioned { .. }
            | Note::KeyProvisioned { replaced: true, .. } => Level::Warn,
            Note::CallRefused { .. } => Level::Debug,
            Note::KeyProvisioned { replaced: false, .. }
            | Note::TpmReady { .. }
            | Note::TpmEphemeral
            | Note::PlatformClosed
            | Note::BootIdentity
            | Note::BootMeasured { .. }
            | Note::FreshReport
            | Note::GuestReady { .. }
            | Note::MemoryAccepted { .. }
            | Note::VcpuCreated(_)
            | Note::VcpuDeleted(_) => Level::Info,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::KeyProvisioned {
                handle,
                replaced: false,
            } => write!(f, "tpm: key made at {handle:#x}"),
            Note::KeyProvisioned { handle, replaced: true } => write!(f, "tpm: foreign key replaced at {handle:#x}"),
            Note::KeyNotProvisioned { handle } => write!(f, "tpm: the owner keeps {handle:#x}"),
            Note::TpmReady {
                clock: ClockSource::SecureTsc,
            } => f.write_str("tpm: ready, clock is the secure TSC"),
            Note::TpmReady {
                clock: ClockSource::HypervisorScaled,
            } => f.write_str("tpm: ready, clock can be scaled by the hypervisor"),
            Note::TpmEphemeral => f.write_str("tpm: ephemeral, its state ends with the VM"),
            Note::PlatformClosed => f.write_str("tpm: platform hierarchy closed"),
            Note::TpmFailed(TpmFailure::Fault) => f.write_str("tpm: stopped by the sandbox, failure mode from here on"),
            Note::TpmFailed(TpmFailure::Component(failure)) => write!(f, "tpm: {failure}, failure mode from here on"),
            Note::TpmFailed(TpmFailure::BadResponse) => {
                f.write_str("tpm: response is not one, failure mode from here on")
            }
            Note::TpmCommandFailed(failure) => write!(f, "tpm: command failed: {failure}"),
            Note::BootIdentity => f.write_str("psp: boot identity reported"),
            Note::BootMeasured { events } => write!(f, "boot: {events} events measured into the TPM"),
            Note::FreshReport => f.write_str("psp: fresh report"),
            Note::BadCertificates => f.write_str("psp: the hypervisor's certificates are not a table"),
            Note::KeyDestroyed => f.write_str("psp: key destroyed after a doubtful exchange"),
            Note::PspBusy => f.write_str("psp: busy"),
            Note::GuestReady { pages } => write!(f, "guest: {pages} pages handed over"),
            Note::MemoryAccepted { pages } => write!(f, "guest: {pages} pages of memory accepted"),
            Note::VcpuCreated(cpu) => write!(f, "guest: vCPU {} has a VMSA", cpu.0),
            Note::VcpuDeleted(cpu) => write!(f, "guest: vCPU {} lost a VMSA", cpu.0),
            Note::CallRefused { protocol, call, error } => {
                write!(f, "guest: call {protocol}.{call} refused with {:#x}", error.code())
            }
            Note::HintNotWritten => f.write_str("guest: calling area not writable"),
            Note::ResultNotWritten => f.write_str("guest: VMSA is gone, it gets no result and does not go on"),
        }
    }
}

/// Writes an event to the log.
pub fn note(event: Note) {
    log::log!(target: "svsm", event.level(), "{event}");
}
