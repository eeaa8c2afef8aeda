//! Attestation protocol: fresh reports over what the SVSM's services say of themselves (SVSM chapter 7).
//!
//! REPORT_DATA is SHA-512(nonce || manifest) and is built here, from a manifest that the SVSM writes itself: no caller supplies any part of it but the
//! nonce, which is exactly 64 bytes because the concatenation has no frame. A report at VMPL0 over data of somebody's choice would let that
//! somebody be any TPM.
//!
//! Keys come from the seeds of this moment, checked (`tpm::identity`); a persistent handle is never asked. Order: everything the guest
//! named is checked before the TPM and the PSP are troubled, sizes before buffers are written, and the manifest in the guest's buffer is the very
//! copy that was hashed.

use super::{Reply, address, fault, fetch};
use crate::{
    notes::{Note, note},
    psp::{Certificates, MAX_CERTIFICATES, PspError},
    svsm::Svsm,
    tpm::{CheckedIdentity, IdentityError},
};
use alloc::{boxed::Box, vec::Vec};
use sha2::{Digest, Sha512};
use svsm_platform::{Clock, Gpa, Platform, Vmpl};
use svsm_proto::{
    PAGE_SIZE,
    attest_call::{Buffer, Services, SingleService, call as number},
    calling_area::Call,
    manifest::{
        CLOISTER_GUID, CLOISTER_VERSION_DESCRIBED, CLOISTER_VERSION_EVENT_LOG, CLOISTER_VERSION_FULL,
        CLOISTER_VERSION_PAIR, CloisterManifest, DescribedManifest, Guid, ManifestError, NONCE_SIZE, ServiceEntry,
        VTPM_GUID, VTPM_VERSION, emit_services,
    },
    report::{AttestationReport, REPORT_SIZE},
    result_code::SvsmError,
};
use tpm_contract::Component;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// Serves a call of this protocol.
pub(super) fn serve<P: Platform, C: Component, K: Clock>(svsm: &Svsm<C, K>, platform: &mut P, call: &Call) -> Reply {
    let operation = Gpa(call.rcx);
    match call.number {
        number::SERVICES => fetch_operation::<Services, _, _, _>(svsm, platform, operation).map_or_else(
            |error| Err(error).into(),
            |services| attest(svsm, platform, &services, Wanted::All),
        ),
        number::SINGLE_SERVICE => match fetch_operation::<SingleService, _, _, _>(svsm, platform, operation) {
            Ok(single) if single.reserved != 0 => Reply::from(Err(SvsmError::InvalidParameter)),
            Ok(single) => match Wanted::single(&single.guid, single.version) {
                Ok(wanted) => attest(svsm, platform, &single.services, wanted),
                Err(error) => Reply::from(Err(error)),
            },
            Err(error) => Reply::from(Err(error)),
        },
        _ => Reply::from(Err(SvsmError::UnsupportedCall)),
    }
}

/// Which manifest is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Vtpm,
    CloisterFull,
    CloisterPair,
    CloisterEventLog,
    CloisterDescribed,
}

impl Wanted {
    fn single(guid: &Guid, version: u32) -> Result<Self, SvsmError> {
        match (*guid, version) {
            (VTPM_GUID, VTPM_VERSION) => Ok(Wanted::Vtpm),
            (CLOISTER_GUID, CLOISTER_VERSION_FULL) => Ok(Wanted::CloisterFull),
            (CLOISTER_GUID, CLOISTER_VERSION_PAIR) => Ok(Wanted::CloisterPair),
            (CLOISTER_GUID, CLOISTER_VERSION_EVENT_LOG) => Ok(Wanted::CloisterEventLog),
            (CLOISTER_GUID, CLOISTER_VERSION_DESCRIBED) => Ok(Wanted::CloisterDescribed),
            (VTPM_GUID | CLOISTER_GUID, _) => Err(SvsmError::InvalidParameter),
            // A service that is not there.
            _ => Err(SvsmError::UnsupportedProtocol),
        }
    }
}

fn fetch_operation<T: FromBytes + FromZeros + IntoBytes, P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    gpa: Gpa,
) -> Result<T, SvsmError> {
    if !gpa.is_aligned(8) || gpa.crosses_page(size_of::<T>() as u64) {
        return Err(SvsmError::InvalidParameter);
    }
    let space = svsm.space.read();
    let range = space.map.guest_range(gpa, size_of::<T>()).map_err(address)?;
    fetch(platform, range)
}

/// Serves a copied operation structure.
fn attest<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    operation: &Services,
    wanted: Wanted,
) -> Reply {
    let nonce = match check_operation(svsm, platform, operation) {
        Ok(nonce) => nonce,
        Err(error) => return Reply::from(Err(error)),
    };
    let manifest = match build_manifest(svsm, wanted) {
        Ok(manifest) => manifest,
        Err(error) => return Reply::from(Err(error)),
    };
    // From here on the sizes are known and go back to the guest, whether its buffers are large enough or not.
    let mut reply = Reply {
        result: Ok(()),
        rcx: Some(manifest.len() as u64),
        rdx: (operation.certificates.size == 0).then_some(0),
        r8: Some(REPORT_SIZE as u64),
    };
    let fits = manifest.len() <= operation.manifest.size as usize && REPORT_SIZE <= operation.report.size as usize;
    if !fits {
        reply.result = Err(SvsmError::InvalidParameter);
        return reply;
    }
    let hash = Sha512::new().chain_update(nonce).chain_update(&manifest).finalize();
    let (report, certificates) = match request_report(svsm, platform, &hash.into(), operation.certificates.size) {
        Ok(Fresh::Report(report, certificates)) => (report, certificates),
        Ok(Fresh::CertificatesNeed(bytes)) => {
            reply.rdx = Some(bytes);
            reply.result = Err(SvsmError::InvalidParameter);
            return reply;
        }
        Err(error) => return Reply::from(Err(error)),
    };
    if operation.certificates.size != 0 {
        reply.rdx = Some(certificates.len() as u64);
    }
    let written = store(svsm, platform, &operation.manifest, &manifest)
        .and_then(|()| store(svsm, platform, &operation.certificates, &certificates))
        .and_then(|()| store(svsm, platform, &operation.report, report.as_bytes()));
    match written {
        Ok(()) => reply,
        Err(error) => Reply::from(Err(error)),
    }
}

/// Checks everything that the guest named, and copies the nonce.
fn check_operation<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    operation: &Services,
) -> Result<[u8; NONCE_SIZE], SvsmError> {
    if !operation.reserved_is_zero() || usize::from(operation.nonce.size) != NONCE_SIZE {
        return Err(SvsmError::InvalidParameter);
    }
    let space = svsm.space.read();
    for buffer in [&operation.report, &operation.manifest, &operation.certificates] {
        if !Gpa(buffer.gpa).is_aligned(PAGE_SIZE as u64) {
            return Err(SvsmError::InvalidParameter);
        }
        if buffer.size != 0 {
            let size = usize::try_from(buffer.size).map_err(|_| SvsmError::InvalidParameter)?;
            space.map.guest_range(Gpa(buffer.gpa), size).map_err(address)?;
        }
    }
    let range = space
        .map
        .guest_range(Gpa(operation.nonce.gpa), NONCE_SIZE)
        .map_err(address)?;
    let mut nonce = [0; NONCE_SIZE];
    platform.read(range, &mut nonce).map_err(fault)?;
    Ok(nonce)
}

/// Builds the manifest, from the keys of this moment. The event log needs no key, and is there even when the TPM has failed.
fn build_manifest<C: Component, K: Clock>(svsm: &Svsm<C, K>, wanted: Wanted) -> Result<Vec<u8>, SvsmError> {
    let identity = || svsm.tpm.lock().identity().map_err(no_identity);
    match wanted {
        Wanted::CloisterEventLog => event_log(svsm),
        Wanted::Vtpm => Ok(identity()?.rsa_ek().to_vec()),
        Wanted::CloisterPair => identity().map(|keys| [keys.p256_ek(), keys.p256_srk()].concat()),
        Wanted::CloisterFull => full_manifest(svsm, &identity()?),
        Wanted::CloisterDescribed => described_manifest(svsm, &identity()?),
        Wanted::All => {
            let identity = identity()?;
            let full = full_manifest(svsm, &identity)?;
            let entries = [
                ServiceEntry {
                    guid: VTPM_GUID,
                    data: identity.rsa_ek(),
                },
                ServiceEntry {
                    guid: CLOISTER_GUID,
                    data: &full,
                },
            ];
            collect(|sink| emit_services(&entries, sink))
        }
    }
}

fn event_log<C: Component, K: Clock>(svsm: &Svsm<C, K>) -> Result<Vec<u8>, SvsmError> {
    let log = &svsm.evidence.event_log;
    let mut copy = Vec::new();
    copy.try_reserve_exact(log.len()).map_err(|_| SvsmError::Busy)?;
    copy.extend_from_slice(log);
    Ok(copy)
}

fn full_manifest<C: Component, K: Clock>(svsm: &Svsm<C, K>, identity: &CheckedIdentity) -> Result<Vec<u8>, SvsmError> {
    collect(|sink| keys(svsm, identity).emit(sink))
}

fn described_manifest<C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    identity: &CheckedIdentity,
) -> Result<Vec<u8>, SvsmError> {
    let manifest = DescribedManifest {
        traits: svsm.traits,
        keys: keys(svsm, identity),
    };
    collect(|sink| manifest.emit(sink))
}

fn keys<'a, C: Component, K: Clock>(svsm: &'a Svsm<C, K>, identity: &'a CheckedIdentity) -> CloisterManifest<'a> {
    CloisterManifest {
        component_sha256: svsm.evidence.component_sha256,
        boot_report: svsm.evidence.boot_report.as_bytes(),
        rsa_ek: identity.rsa_ek(),
        p256_ek: identity.p256_ek(),
        rsa_srk: identity.rsa_srk(),
        p256_srk: identity.p256_srk(),
    }
}

/// The bytes that `emit` hands out, which it does twice: first they are counted.
fn collect(emit: impl Fn(&mut dyn FnMut(&[u8])) -> Result<(), ManifestError>) -> Result<Vec<u8>, SvsmError> {
    let mut len = 0;
    emit(&mut |part| len += part.len()).map_err(no_manifest)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| SvsmError::Busy)?;
    emit(&mut |part| bytes.extend_from_slice(part)).map_err(no_manifest)?;
    Ok(bytes)
}

/// The TPM has no keys that could be vouched for. Never SVSM_ERR_BUSY, although entropy may come back: guests repeat a busy call without limit, and a
/// component could say "no entropy" for ever.
const fn no_identity(error: IdentityError) -> SvsmError {
    match error {
        IdentityError::Component(_)
        | IdentityError::TpmInFailure
        | IdentityError::NotTheTemplate
        | IdentityError::BadModulus
        | IdentityError::NotOnCurve => SvsmError::InvalidRequest,
    }
}

/// Checked keys are far below every bound of a manifest, so none of these occurs.
const fn no_manifest(error: ManifestError) -> SvsmError {
    match error {
        ManifestError::Truncated
        | ManifestError::Trailing
        | ManifestError::Guid
        | ManifestError::Version
        | ManifestError::Length
        | ManifestError::Flags => SvsmError::InvalidRequest,
    }
}

/// What came of asking for a report.
enum Fresh {
    /// The report, and the hypervisor's certificates if they were wanted.
    Report(Box<AttestationReport>, Vec<u8>),
    /// The certificates take this many bytes.
    CertificatesNeed(u64),
}

/// Asks the PSP for a report at VMPL0, with certificates if the guest has room for any.
fn request_report<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    report_data: &[u8; 64],
    room: u32,
) -> Result<Fresh, SvsmError> {
    if room == 0 {
        let report = svsm
            .psp
            .lock()
            .report(platform, report_data, Vmpl::SVSM)
            .map_err(no_report)?;
        note(Note::FreshReport);
        return Ok(Fresh::Report(Box::new(report), Vec::new()));
    }
    // The hypervisor fills whole pages; whether its table fits into the guest's last one shows afterwards.
    let len = (room as usize).min(MAX_CERTIFICATES).next_multiple_of(PAGE_SIZE);
    let mut table = Vec::new();
    table.try_reserve_exact(len).map_err(|_| SvsmError::Busy)?;
    table.resize(len, 0);
    let (report, certificates) = svsm
        .psp
        .lock()
        .report_with_certificates(platform, report_data, Vmpl::SVSM, &mut table)
        .map_err(no_report)?;
    note(Note::FreshReport);
    match certificates {
        Certificates::Returned(len) if len > room as usize => Ok(Fresh::CertificatesNeed(len as u64)),
        Certificates::Returned(len) => {
            table.truncate(len);
            Ok(Fresh::Report(Box::new(report), table))
        }
        Certificates::Needed(bytes) => Ok(Fresh::CertificatesNeed(bytes)),
    }
}

/// The PSP gave no report.
const fn no_report(error: PspError) -> SvsmError {
    match error {
        PspError::Busy | PspError::OutOfMemory => SvsmError::Busy,
        PspError::KeyLost | PspError::Refused(_) | PspError::WrongAnswer => SvsmError::InvalidRequest,
    }
}

/// Writes a result to a buffer of the guest's, of which it may need only a part.
fn store<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    buffer: &Buffer,
    bytes: &[u8],
) -> Result<(), SvsmError> {
    if bytes.is_empty() {
        return Ok(());
    }
    if bytes.len() > buffer.size as usize {
        return Err(SvsmError::InvalidParameter);
    }
    let space = svsm.space.read();
    let range = space.map.guest_range(Gpa(buffer.gpa), bytes.len()).map_err(address)?;
    platform.write(range, bytes).map_err(fault)
}
