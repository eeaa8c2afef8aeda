//! Guest requests to the PSP under VMPCK0: sealing, sequence numbers, and when to give the key up (SNP firmware ABI, "Guest Messages").
//!
//! The hypervisor carries the messages. It can drop, delay, replay and alter them, and its status words are unauthenticated; only what opens
//! under the key is the PSP's. What it must never get is two plaintexts under one sequence number, since that is the GCM nonce. So a
//! sealed request is either answered cleanly, or sent again byte for byte, or the key is destroyed: there is no fourth way. A request that the
//! hypervisor keeps refusing as busy stays pending; whoever comes next finishes it first.
//!
//! The key enters through [`Psp::take`], which wipes it from the secrets page, and never leaves.

use crate::notes::{Note, note};
use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use alloc::boxed::Box;
use subtle::ConstantTimeEq;
use svsm_platform::{Clock, ClockSource, EventReply, Hypervisor, Vmpl};
use svsm_proto::{
    PAGE_SIZE,
    ghcb::{GuestRequestStatus, Outcome},
    guest_msg::{
        ALGO_AES_256_GCM, HEADER_SIZE, HEADER_VERSION, MAX_PAYLOAD, MESSAGE_VERSION, Message, MessageHeader,
        REPORT_RESPONSE_SIZE, ReportRequest, ReportResponseHeader, TAG_SIZE, TSC_INFO_REQUEST, TscInfoResponse,
        msg_type, status,
    },
    report::{AttestationReport, REPORT_SIZE},
    secrets_page::{SecretsPage, VMPCK_SIZE},
};
use zerocopy::{FromBytes, FromZeros, IntoBytes};
use zeroize::{Zeroize, Zeroizing};

/// How often a request is sent within one call while the hypervisor answers "busy".
const ATTEMPTS: u32 = 64;

/// How long "busy" is believed before the key is given up. Linux waits as long.
const PATIENCE_MS: u64 = 60_000;

/// Largest certificate table that is taken from the hypervisor; Linux has the same bound.
pub const MAX_CERTIFICATES: usize = 4 * PAGE_SIZE;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PspError {
    /// The key is destroyed.
    KeyLost,
    /// The hypervisor says that the PSP is busy; the request stays pending.
    Busy,
    /// The PSP itself refused, with this status.
    Refused(u32),
    /// The PSP's answer does not fit the question.
    WrongAnswer,
    /// There is no heap left.
    OutOfMemory,
}

/// What came of a wish for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// This many bytes of the buffer hold a table; 0 when the hypervisor has none.
    Returned(usize),
    /// The buffer is too small; it takes this many bytes.
    Needed(u64),
}

struct Pending {
    request: Box<Message>,
    since: u64,
}

/// An opened payload. It may hold a derived key, so it is wiped when dropped.
struct Payload {
    message: Box<Message>,
    len: usize,
}

impl Payload {
    fn bytes(&self) -> &[u8] {
        self.message.payload.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.message.as_mut_bytes().zeroize();
    }
}

/// The channel to the PSP. One for the whole VM, whatever the number of vCPUs.
pub struct Psp<K> {
    /// Boxed: a value that moves leaves copies behind, which nobody wipes.
    key: Option<Box<Zeroizing<[u8; VMPCK_SIZE]>>>,
    vmpl: Vmpl,
    /// Last sequence number of a completed exchange: even.
    sequence: u64,
    pending: Option<Pending>,
    clock: K,
}

impl<K: Clock> Psp<K> {
    /// Takes VMPCK0 and its sequence number out of the secrets page, which then no longer has the key.
    pub fn take(secrets: &mut SecretsPage, clock: K) -> Self {
        let [key, ..] = &mut secrets.vmpck;
        let mut copy = Box::new(Zeroizing::new([0; VMPCK_SIZE]));
        copy.copy_from_slice(key);
        key.zeroize();
        let ([low, ..], [high, ..]) = (secrets.guest.sequence_low, secrets.guest.sequence_high);
        Psp {
            key: Some(copy),
            vmpl: Vmpl::SVSM,
            sequence: u64::from(high) << 32 | u64::from(low),
            pending: None,
            clock,
        }
    }

    /// Whether the key is still there.
    pub fn is_usable(&self) -> bool {
        self.key.is_some()
    }

    /// Where the clock's time comes from.
    pub fn clock_source(&self) -> ClockSource {
        self.clock.source()
    }

    /// MSG_REPORT_REQ: a report over `report_data` that shows `vmpl`.
    pub fn report(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        report_data: &[u8; 64],
        vmpl: Vmpl,
    ) -> Result<AttestationReport, PspError> {
        self.report_exchange(hypervisor, report_data, vmpl, None)
            .map(|(report, _)| report)
    }

    /// The same, and the certificates that the hypervisor has for it, in a buffer of whole pages.
    pub fn report_with_certificates(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        report_data: &[u8; 64],
        vmpl: Vmpl,
        certificates: &mut [u8],
    ) -> Result<(AttestationReport, Certificates), PspError> {
        self.report_exchange(hypervisor, report_data, vmpl, Some(certificates))
    }

    fn report_exchange(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        report_data: &[u8; 64],
        vmpl: Vmpl,
        mut certificates: Option<&mut [u8]>,
    ) -> Result<(AttestationReport, Certificates), PspError> {
        let request = ReportRequest {
            report_data: *report_data,
            vmpl: u32::from(vmpl.number()),
            key_sel: 0,
            reserved: [0; 24],
        };
        let mut needed = None;
        let payload = self.exchange(
            hypervisor,
            msg_type::REPORT_REQ,
            request.as_bytes(),
            certificates.as_deref_mut(),
            &mut needed,
        )?;
        let (header, rest) =
            ReportResponseHeader::read_from_prefix(payload.bytes()).map_err(|_| PspError::WrongAnswer)?;
        if header.status != status::OK {
            return Err(PspError::Refused(header.status));
        }
        if payload.len < REPORT_RESPONSE_SIZE || header.report_size as usize != REPORT_SIZE {
            return Err(PspError::WrongAnswer);
        }
        let (report, _) = AttestationReport::read_from_prefix(rest).map_err(|_| PspError::WrongAnswer)?;
        if report.report_data != *report_data || report.vmpl != request.vmpl {
            return Err(PspError::WrongAnswer);
        }
        let certificates = match (needed, certificates) {
            (Some(pages), _) => Certificates::Needed(pages.saturating_mul(PAGE_SIZE as u64)),
            (None, Some(table)) => Certificates::Returned(table_len(table)),
            (None, None) => Certificates::Returned(0),
        };
        Ok((report, certificates))
    }

    /// MSG_TSC_INFO_REQ: what new VMSAs need with Secure TSC.
    pub fn tsc_info(&mut self, hypervisor: &mut impl Hypervisor) -> Result<TscInfoResponse, PspError> {
        let payload = self.exchange(hypervisor, msg_type::TSC_INFO_REQ, &TSC_INFO_REQUEST, None, &mut None)?;
        let (info, _) = TscInfoResponse::read_from_prefix(payload.bytes()).map_err(|_| PspError::WrongAnswer)?;
        if info.status == status::OK {
            Ok(info)
        } else {
            Err(PspError::Refused(info.status))
        }
    }

    fn exchange(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        msg_type: u8,
        payload: &[u8],
        certificates: Option<&mut [u8]>,
        needed: &mut Option<u64>,
    ) -> Result<Payload, PspError> {
        if let Some(pending) = self.pending.take() {
            // Nobody waits for this answer any more, but its sequence number has to be used up.
            self.finish(hypervisor, pending, None, &mut None)?;
        }
        let request = self.seal(msg_type, payload)?;
        let since = self.clock.milliseconds();
        self.finish(hypervisor, Pending { request, since }, certificates, needed)
    }

    fn seal(&mut self, msg_type: u8, payload: &[u8]) -> Result<Box<Message>, PspError> {
        let key = self.key.as_ref().ok_or(PspError::KeyLost)?;
        // The response takes the number after the request's; both must exist.
        let Some(number) = self.sequence.checked_add(2).map(|last| last - 1) else {
            return Err(self.destroy());
        };
        let mut message = Message::new_box_zeroed().map_err(|_| PspError::OutOfMemory)?;
        let size = u16::try_from(payload.len())
            .ok()
            .filter(|size| usize::from(*size) <= MAX_PAYLOAD);
        let size = size.ok_or(PspError::WrongAnswer)?;
        message.header = MessageHeader::new(msg_type, number, self.vmpl.number(), size);
        let Message { header, payload: room } = &mut *message;
        let (text, _) = room.split_at_mut(payload.len());
        text.copy_from_slice(payload);
        let tag = Aes256Gcm::new((&***key).into())
            .encrypt_inout_detached(&header.iv().into(), header.aad(), text.into())
            .map_err(|_| PspError::WrongAnswer)?;
        let (field, _) = header.authtag.split_at_mut(TAG_SIZE);
        field.copy_from_slice(&tag);
        Ok(message)
    }

    /// Sends a sealed request until it is answered. `needed` receives the pages that certificates take, if they did not fit.
    fn finish(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        pending: Pending,
        mut certificates: Option<&mut [u8]>,
        needed: &mut Option<u64>,
    ) -> Result<Payload, PspError> {
        let mut response = Message::new_box_zeroed().map_err(|_| PspError::OutOfMemory);
        for _ in 0..ATTEMPTS {
            let response = match &mut response {
                Ok(response) => response,
                Err(error) => {
                    let error = *error;
                    self.pending = Some(pending);
                    return Err(error);
                }
            };
            let reply = hypervisor.guest_request(&pending.request, response, certificates.as_deref_mut());
            match classify(&reply) {
                Carried::Answered => return self.open(&pending.request.header, response),
                Carried::Busy => {}
                Carried::TooSmall if certificates.is_some() => {
                    // The same bytes as a plain request, so that the sequence number is used up.
                    *needed = Some(reply.rbx.unwrap_or(0));
                    certificates = None;
                }
                Carried::TooSmall | Carried::Doubt => return Err(self.destroy()),
            }
        }
        note(Note::PspBusy);
        if self.clock.milliseconds().saturating_sub(pending.since) > PATIENCE_MS {
            return Err(self.destroy());
        }
        self.pending = Some(pending);
        Err(PspError::Busy)
    }

    fn open(&mut self, request: &MessageHeader, response: &Message) -> Result<Payload, PspError> {
        let Ok(mut message) = Message::new_box_zeroed() else {
            return Err(self.destroy());
        };
        *message = response.clone();
        let header = message.header;
        let answers = header.algo == ALGO_AES_256_GCM
            && header.hdr_version == HEADER_VERSION
            && usize::from(header.hdr_size) == HEADER_SIZE
            && request.msg_type.checked_add(1) == Some(header.msg_type)
            && header.msg_version == MESSAGE_VERSION
            && header.msg_vmpck == request.msg_vmpck
            && request.msg_seqno.checked_add(1) == Some(header.msg_seqno)
            && usize::from(header.msg_size) <= MAX_PAYLOAD;
        let Some(key) = self.key.as_ref().filter(|_| answers) else {
            return Err(self.destroy());
        };
        let len = usize::from(header.msg_size);
        let (text, _) = message.payload.split_at_mut(len);
        let (tag, padding) = header.authtag.split_at(TAG_SIZE);
        let opened = <[u8; TAG_SIZE]>::try_from(tag).is_ok_and(|tag| {
            Aes256Gcm::new((&***key).into())
                .decrypt_inout_detached(&header.iv().into(), header.aad(), text.into(), &tag.into())
                .is_ok()
        });
        let padded = bool::from(padding.ct_eq(&[0; TAG_SIZE]));
        let payload = Payload { message, len };
        if !opened || !padded {
            return Err(self.destroy());
        }
        self.sequence = header.msg_seqno;
        Ok(payload)
    }

    /// Gives the key up for ever.
    fn destroy(&mut self) -> PspError {
        if self.key.take().is_some() {
            note(Note::KeyDestroyed);
        }
        self.pending = None;
        PspError::KeyLost
    }
}

/// What the hypervisor says it did with a request.
enum Carried {
    Answered,
    Busy,
    TooSmall,
    Doubt,
}

fn classify(reply: &EventReply) -> Carried {
    match Outcome::decode(reply.info1, reply.info2) {
        Outcome::Done => {}
        Outcome::Exception(_) | Outcome::Malformed(_) | Outcome::Unknown(_) => return Carried::Doubt,
    }
    match GuestRequestStatus::decode(reply.info2) {
        GuestRequestStatus {
            vmm: GuestRequestStatus::OK,
            firmware: 0,
        } => Carried::Answered,
        GuestRequestStatus {
            vmm: GuestRequestStatus::BUSY,
            ..
        } => Carried::Busy,
        GuestRequestStatus {
            vmm: GuestRequestStatus::INVALID_LENGTH,
            ..
        } => Carried::TooSmall,
        GuestRequestStatus { .. } => Carried::Doubt,
    }
}

/// Bytes of a certificate table (GHCB §4.1.8.1), 0 when it is empty or no table at all. The contents are the hypervisor's; only a relying party can
/// make anything of them.
fn table_len(table: &[u8]) -> usize {
    let mut end = 0;
    for entry in table.chunks_exact(24) {
        let (guid, rest) = entry.split_at(16);
        let Some((offset, length)) = rest.split_first_chunk::<4>().and_then(|(offset, rest)| {
            let length = rest.first_chunk::<4>()?;
            Some((
                u32::from_le_bytes(*offset) as usize,
                u32::from_le_bytes(*length) as usize,
            ))
        }) else {
            break;
        };
        end += entry.len();
        if guid.iter().all(|byte| *byte == 0) && offset == 0 && length == 0 {
            // An empty table is no certificates at all.
            return if end == entry.len() {
                0
            } else {
                end.max(blobs_end(table, end))
            };
        }
        if offset.checked_add(length).is_none_or(|end| end > table.len()) {
            break;
        }
    }
    note(Note::BadCertificates);
    0
}

/// Where the last blob of a table with `rows` bytes of rows ends.
fn blobs_end(table: &[u8], rows: usize) -> usize {
    let rows = table.get(..rows).unwrap_or_default();
    let ends = rows.chunks_exact(24).filter_map(|entry| {
        let offset = entry.get(16..20)?.first_chunk::<4>()?;
        let length = entry.get(20..24)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*offset) as usize + u32::from_le_bytes(*length) as usize)
    });
    ends.max().unwrap_or(0)
}
