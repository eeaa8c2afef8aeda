//! Measured boot: what the SVSM starts goes into the TPM's PCRs, and into a log, before the guest's first instruction.
//!
//! | PCR | event | what is hashed |
//! |---|---|---|
//! | 0 | EV_S_CRTM_VERSION | the version, as in the event |
//! | 0 | EV_S_CRTM_CONTENTS | the 48 bytes of MEASUREMENT of the boot-identity report |
//! | 0 | EV_EFI_PLATFORM_FIRMWARE_BLOB2 | the TPM component's file |
//! | 0 to 7 | EV_SEPARATOR | four zero bytes |
//! | 4 | EV_IPL | the kernel |
//! | 9 | EV_IPL | the initial file system, if there is one |
//! | 9 | EV_IPL | the command line, if there is one |
//!
//! The SVSM does not hash itself: code that has run cannot say what it was. The launch digest is the PSP's word, taken from a report that came through
//! the PSP's authenticated channel, and it covers all that was launched, the guest's pages included. PCR 0 therefore changes with everything in the
//! image and with the number of vCPUs; PCR 4 and 9 change with what they name alone.
//!
//! Order is the PFP's (§3.3.4): the platform's own events, then the separators that end the pre-OS part of PCR 0 to 7, then, as part of the OS-present
//! phase, what is booted. That is where firmware puts the boot loader's event in PCR 4 as well; PCR 9 has no separator. The event types are those
//! that fit a direct boot: EV_EFI_BOOT_SERVICES_APPLICATION would promise an Authenticode digest of a PE image, and the attempts of a boot manager
//! (EV_EFI_ACTION) do not exist here. Linux's EFI stub and GRUB use PCR 9 and 8 for initial file system and command line; here both go into PCR 9.
//!
//! Nothing can change between measurement and start: these pages are private, were launched and measured by the PSP, are no page that the SVSM itself
//! writes (`LaunchInfo::check`), and no other vCPU runs yet. The hypervisor can take a page away, which ends in a fault, but not alter it.
//!
//! Every digest is computed here, not by the component; the component gets TPM2_PCR_Extend with finished digests. A component that says it extended
//! and did not is found out by whoever compares the log with a quote.

use crate::{
    notes::{Note, note},
    tpm::{ExtendError, Tpm},
};
use alloc::vec::Vec;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use svsm_platform::{Gpa, GuestMemory, MemoryMap};
use svsm_proto::{
    event_log::{
        COMMAND_LINE_PREFIX, Digests, Event, FirmwareBlob, INITRD, KERNEL, LAUNCH_DIGEST, MAX_COMMAND_LINE,
        MAX_EVENT_LOG, PCR_KERNEL, PCR_PAYLOAD, PCR_SVSM, SEPARATED_PCRS, SEPARATOR, VERSION, emit_header,
        event_type::{EV_EFI_PLATFORM_FIRMWARE_BLOB2, EV_IPL, EV_S_CRTM_CONTENTS, EV_S_CRTM_VERSION, EV_SEPARATOR},
    },
    launch_info::LaunchInfo,
    report::AttestationReport,
};
use tpm_contract::Component;

/// Bytes of guest memory that are copied and hashed at a time.
const CHUNK: usize = 64 << 10;

/// What was started, beside the guest's memory.
#[derive(Clone, Copy)]
pub struct Started<'a> {
    /// The measured launch information, checked.
    pub launch: &'a LaunchInfo,
    /// The bytes of the component file that runs.
    pub component: &'a [u8],
    /// The boot-identity report, which carries the launch digest.
    pub boot_report: &'a AttestationReport,
}

/// Why the boot could not be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasuredBootError {
    /// The launch information names no kernel: a guest would run unmeasured.
    NoKernel,
    /// The command line is longer than [`MAX_COMMAND_LINE`].
    CommandLine,
    /// A part of the guest lies outside its memory.
    Range,
    /// A part of the guest could not be read: the hypervisor took its memory away.
    Fault,
    /// The TPM did not extend a PCR.
    Extend(ExtendError),
    /// The log does not fit its bounds.
    LogTooLong,
    /// There is no memory for the copies or for the log.
    OutOfMemory,
}

/// Measures everything, and returns the log: after the TPM was provisioned and the boot identity reported, before the guest's pages are
/// prepared.
pub fn measure<C: Component>(
    tpm: &mut Tpm<C>,
    memory: &mut impl GuestMemory,
    map: &MemoryMap,
    started: &Started<'_>,
) -> Result<Vec<u8>, MeasuredBootError> {
    let launch = started.launch;
    if launch.kernel_len == 0 {
        return Err(MeasuredBootError::NoKernel);
    }
    let mut recorder = Recorder::new(tpm)?;
    recorder.record(PCR_SVSM, EV_S_CRTM_VERSION, &digest(&VERSION), &[&VERSION])?;
    let launch_digest = digest(&started.boot_report.measurement);
    recorder.record(PCR_SVSM, EV_S_CRTM_CONTENTS, &launch_digest, &[LAUNCH_DIGEST])?;
    let blob = FirmwareBlob::component(launch.component_gpa, launch.component_len);
    recorder.record(
        PCR_SVSM,
        EV_EFI_PLATFORM_FIRMWARE_BLOB2,
        &digest(started.component),
        &blob.pieces(),
    )?;
    for pcr in SEPARATED_PCRS {
        recorder.record(pcr, EV_SEPARATOR, &digest(&SEPARATOR), &[&SEPARATOR])?;
    }
    let mut guest = Payload::new(memory, map)?;
    let kernel = guest.digest(launch.kernel_gpa, launch.kernel_len)?;
    recorder.record(PCR_KERNEL, EV_IPL, &kernel, &[KERNEL])?;
    if launch.initrd_len != 0 {
        let initrd = guest.digest(launch.initrd_gpa, launch.initrd_len)?;
        recorder.record(PCR_PAYLOAD, EV_IPL, &initrd, &[INITRD])?;
    }
    if launch.command_line_len != 0 {
        let text = guest.command_line(launch.command_line_gpa, launch.command_line_len)?;
        recorder.record(PCR_PAYLOAD, EV_IPL, &digest(text), &[COMMAND_LINE_PREFIX, text])?;
    }
    note(Note::BootMeasured {
        events: recorder.events,
    });
    Ok(recorder.log)
}

/// The log that grows, and the PCRs that it follows.
struct Recorder<'t, C> {
    tpm: &'t mut Tpm<C>,
    log: Vec<u8>,
    events: u32,
}

impl<'t, C: Component> Recorder<'t, C> {
    fn new(tpm: &'t mut Tpm<C>) -> Result<Self, MeasuredBootError> {
        let mut log = Vec::new();
        log.try_reserve_exact(MAX_EVENT_LOG)
            .map_err(|_| MeasuredBootError::OutOfMemory)?;
        emit_header(|piece| log.extend_from_slice(piece));
        Ok(Recorder { tpm, log, events: 0 })
    }

    /// Extends a PCR, and then writes that down: the log never promises what the TPM did not confirm.
    fn record(
        &mut self,
        pcr: u32,
        event_type: u32,
        digests: &Digests,
        data: &[&[u8]],
    ) -> Result<(), MeasuredBootError> {
        let event = Event {
            pcr,
            event_type,
            digests,
            data,
        };
        let mut size = 0usize;
        event
            .emit(|piece| size += piece.len())
            .map_err(|_| MeasuredBootError::LogTooLong)?;
        if self.log.len().saturating_add(size) > MAX_EVENT_LOG {
            return Err(MeasuredBootError::LogTooLong);
        }
        self.tpm.extend(pcr, digests).map_err(MeasuredBootError::Extend)?;
        event
            .emit(|piece| self.log.extend_from_slice(piece))
            .map_err(|_| MeasuredBootError::LogTooLong)?;
        self.events += 1;
        Ok(())
    }
}

/// The guest's launch pages, copied piece by piece.
struct Payload<'m, M> {
    memory: &'m mut M,
    map: &'m MemoryMap,
    chunk: Vec<u8>,
}

impl<'m, M: GuestMemory> Payload<'m, M> {
    fn new(memory: &'m mut M, map: &'m MemoryMap) -> Result<Self, MeasuredBootError> {
        let mut chunk = Vec::new();
        chunk
            .try_reserve_exact(CHUNK)
            .map_err(|_| MeasuredBootError::OutOfMemory)?;
        chunk.resize(CHUNK, 0);
        Ok(Payload { memory, map, chunk })
    }

    /// The digests of `len` bytes from `gpa`.
    fn digest(&mut self, gpa: u64, len: u64) -> Result<Digests, MeasuredBootError> {
        let mut hash = Hashes::default();
        let mut done = 0;
        while done < len {
            let part = (len - done).min(CHUNK as u64) as usize;
            let at = gpa.checked_add(done).ok_or(MeasuredBootError::Range)?;
            hash.update(self.copy(at, part)?);
            done += part as u64;
        }
        Ok(hash.finish())
    }

    /// The command line, which fits into one chunk.
    fn command_line(&mut self, gpa: u64, len: u64) -> Result<&[u8], MeasuredBootError> {
        match usize::try_from(len) {
            Ok(len) if len <= MAX_COMMAND_LINE => self.copy(gpa, len),
            _ => Err(MeasuredBootError::CommandLine),
        }
    }

    /// Copies up to a chunk.
    fn copy(&mut self, gpa: u64, len: usize) -> Result<&[u8], MeasuredBootError> {
        let range = self
            .map
            .guest_range(Gpa(gpa), len)
            .map_err(|_| MeasuredBootError::Range)?;
        let part = self.chunk.get_mut(..len).ok_or(MeasuredBootError::Range)?;
        self.memory.read(range, part).map_err(|_| MeasuredBootError::Fault)?;
        Ok(part)
    }
}

/// One thing, hashed for every bank in one pass.
#[derive(Default)]
struct Hashes {
    sha1: Sha1,
    sha256: Sha256,
    sha384: Sha384,
    sha512: Sha512,
}

impl Hashes {
    fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha384.update(bytes);
        self.sha512.update(bytes);
    }

    fn finish(self) -> Digests {
        Digests {
            sha1: self.sha1.finalize().into(),
            sha256: self.sha256.finalize().into(),
            sha384: self.sha384.finalize().into(),
            sha512: self.sha512.finalize().into(),
        }
    }
}

fn digest(bytes: &[u8]) -> Digests {
    let mut hash = Hashes::default();
    hash.update(bytes);
    hash.finish()
}
