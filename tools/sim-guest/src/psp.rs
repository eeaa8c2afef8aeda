//! The guest's own PSP messages, sealed with a VMPCK from its secrets page.
//!
//! A guest of an SVSM holds the key of its own level and those below. What it asks for is reported at its own level; this module also tries to
//! ask for more, which the PSP must refuse. Message format: SNP firmware ABI, chapter 7.

use crate::{machine::Machine, memory};
use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use svsm_proto::{
    guest_msg::{HEADER_SIZE, MessageHeader, REPORT_RESPONSE_SIZE, ReportRequest, TAG_SIZE, msg_type},
    report::REPORT_SIZE,
    secrets_page::VMPCK_SIZE,
};
use zerocopy::{FromBytes, IntoBytes};

extern crate alloc;
use alloc::vec::Vec;

/// Why there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The hypervisor or the PSP refused the message; SW_EXITINFO2 if there is one.
    Message(Option<u64>),
    /// The PSP's answer does not open with the key.
    Unsealed,
    /// The PSP's authenticated status.
    Status(u32),
}

/// One VMPCK with its sequence number, and two shared pages.
pub struct Channel {
    vmpl: u8,
    key: [u8; VMPCK_SIZE],
    sequence: u64,
    request: u64,
    response: u64,
}

impl Channel {
    /// The channel of the key of `vmpl`, whatever the secrets page holds in its place.
    pub fn new(machine: &mut Machine, vmpl: u8) -> Self {
        let key = memory::read(machine.info.secrets_gpa + 0x20 + VMPCK_SIZE as u64 * u64::from(vmpl));
        let pages = memory::pages(2);
        for page in [pages, pages + memory::PAGE] {
            machine.svsm.share(&mut machine.tables, page);
        }
        Self {
            vmpl,
            key,
            sequence: 1,
            request: pages,
            response: pages + memory::PAGE,
        }
    }

    /// The key.
    pub fn key(&self) -> &[u8; VMPCK_SIZE] {
        &self.key
    }

    /// Asks for a report at `vmpl`.
    pub fn report(&mut self, machine: &Machine, data: &[u8; 64], vmpl: u32) -> Result<Vec<u8>, Refused> {
        let body = ReportRequest {
            report_data: *data,
            vmpl,
            key_sel: 0,
            reserved: [0; 24],
        };
        let mut header = MessageHeader::new(
            msg_type::REPORT_REQ,
            self.sequence,
            self.vmpl,
            body.as_bytes().len() as u16,
        );
        let cipher = Aes256Gcm::new(&self.key.into());
        let payload = Payload {
            msg: body.as_bytes(),
            aad: header.aad(),
        };
        let sealed = cipher
            .encrypt(&header.iv().into(), payload)
            .map_err(|_| Refused::Unsealed)?;
        let (text, tag) = sealed.split_at(sealed.len() - TAG_SIZE);
        header.authtag[..TAG_SIZE].copy_from_slice(tag);
        memory::write_bytes(self.request, &[0; 4096]);
        memory::write_bytes(self.request, header.as_bytes());
        memory::write_bytes(self.request + HEADER_SIZE as u64, text);
        let status = machine.ghcb.guest_request(self.request, self.response);
        if status != Some(0) {
            return Err(Refused::Message(status));
        }
        self.open(&cipher)
    }

    fn open(&mut self, cipher: &Aes256Gcm) -> Result<Vec<u8>, Refused> {
        let message = memory::read_bytes(self.response, 4096);
        let (header, _) = MessageHeader::read_from_prefix(&message).map_err(|_| Refused::Unsealed)?;
        let size = usize::from(header.msg_size);
        let expected = header.msg_seqno == self.sequence + 1
            && header.msg_type == msg_type::REPORT_RSP
            && header.msg_vmpck == self.vmpl
            && size <= REPORT_RESPONSE_SIZE;
        if !expected {
            return Err(Refused::Unsealed);
        }
        let mut sealed = message[HEADER_SIZE..HEADER_SIZE + size].to_vec();
        sealed.extend_from_slice(&header.authtag[..TAG_SIZE]);
        let payload = Payload {
            msg: &sealed,
            aad: header.aad(),
        };
        let opened = cipher
            .decrypt(&header.iv().into(), payload)
            .map_err(|_| Refused::Unsealed)?;
        self.sequence += 2;
        let status = opened
            .first_chunk::<4>()
            .map(|bytes| u32::from_le_bytes(*bytes))
            .ok_or(Refused::Unsealed)?;
        if status != 0 {
            return Err(Refused::Status(status));
        }
        opened
            .get(0x20..0x20 + REPORT_SIZE)
            .map(<[u8]>::to_vec)
            .ok_or(Refused::Unsealed)
    }
}
