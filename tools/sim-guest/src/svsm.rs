//! SVSM calls, from the guest's side (SVSM specification, chapter 5).
//!
//! The call goes through the hypervisor, which may run the guest again without having run the SVSM: CALL_PENDING tells, and is therefore
//! taken back atomically before a register is believed.

#![expect(unsafe_code, reason = "atomic exchange on the calling area")]

use crate::{
    ghcb,
    instructions::{self, Registers},
    memory,
};
use core::sync::atomic::{AtomicU8, Ordering};
use sim_guest::tpm::{Response, Trouble};
use svsm_proto::{
    attest_call,
    calling_area::{Call, protocol},
    core_call::{self, PvalidateEntry},
    ghcb_msr, manifest,
    psc::PageState,
    rmp::PageSize,
    vtpm_call,
};
use zerocopy::IntoBytes;

extern crate alloc;
use alloc::vec::Vec;

/// The SVSM as this vCPU reaches it.
pub struct Svsm {
    caa: u64,
    page: u64,
}

impl Svsm {
    /// Uses the calling area at `caa`.
    pub fn new(caa: u64) -> Self {
        Self {
            caa,
            page: memory::pages(1),
        }
    }

    /// The calling area.
    pub fn calling_area(&self) -> u64 {
        self.caa
    }

    /// Goes on with another calling area, after REMAP_CA.
    pub fn use_calling_area(&mut self, caa: u64) {
        self.caa = caa;
    }

    /// A scratch page for requests.
    pub fn scratch(&self) -> u64 {
        self.page
    }

    /// Makes a call; the registers afterwards.
    pub fn call(&self, number: u64, rcx: u64, rdx: u64, r8: u64) -> Registers {
        // SAFETY: the calling area is mapped for the life of the program, and an atomic byte has no alignment.
        let pending = unsafe { AtomicU8::from_ptr(self.caa as *mut u8) };
        pending.store(1, Ordering::SeqCst);
        instructions::write_ghcb_msr(ghcb_msr::Request::RunVmpl(0).encode());
        let out = instructions::vmgexit(Registers {
            rax: number,
            rcx,
            rdx,
            r8,
            r9: 0,
        });
        let answer = ghcb_msr::Response::decode(instructions::read_ghcb_msr());
        assert_eq!(pending.swap(0, Ordering::SeqCst), 0, "the SVSM did not run");
        assert_eq!(answer, Some(ghcb_msr::Response::RunVmpl(0)), "run-VMPL");
        out
    }

    /// A call of the core protocol.
    pub fn core(&self, call: u32, rcx: u64, rdx: u64, r8: u64) -> Registers {
        self.call(Call::rax(protocol::CORE, call), rcx, rdx, r8)
    }

    /// SVSM_CORE_PVALIDATE with these raw entries; RAX and how many entries were done.
    pub fn pvalidate(&self, entries: &[u64]) -> (u64, u16) {
        memory::write(self.page, [entries.len() as u16, 0, 0, 0]);
        for (index, entry) in entries.iter().enumerate() {
            memory::write(self.page + 8 + 8 * index as u64, *entry);
        }
        let rax = self.core(core_call::call::PVALIDATE, self.page, 0, 0).rax;
        (rax, memory::read(self.page + core_call::LIST_NEXT_OFFSET))
    }

    /// Makes one of our private pages shared: the SVSM rescinds it, then the hypervisor changes it.
    pub fn share(&self, tables: &mut memory::Tables, page: u64) {
        let (rax, _) = {
            let entry = PvalidateEntry {
                gpa: page,
                size: PageSize::Small,
                validate: false,
                ignore_cf: false,
            };
            self.pvalidate(&[entry.encode()])
        };
        assert_eq!(rax, 0, "rescinding a page");
        ghcb::change_page(page, PageState::Shared);
        tables.set_private(page, false);
    }

    /// SVSM_ATTEST_SINGLE_SERVICE, with its operation at this address.
    pub fn attest(&self, at: u64, operation: &attest_call::SingleService) -> Registers {
        memory::write_bytes(at, operation.as_bytes());
        let number = Call::rax(protocol::ATTESTATION, attest_call::call::SINGLE_SERVICE);
        self.call(number, at, 0, 0)
    }

    /// Sends a TPM command and returns the response as it came.
    pub fn tpm_raw(&self, command: &[u8]) -> Result<Vec<u8>, u64> {
        memory::write(self.page, vtpm_call::TPM_SEND_COMMAND);
        memory::write(self.page + 4, 0u8);
        memory::write_bytes(self.page + 5, &(command.len() as u32).to_le_bytes());
        memory::write_bytes(self.page + 9, command);
        let rax = self
            .call(Call::rax(protocol::VTPM, vtpm_call::call::CMD), self.page, 0, 0)
            .rax;
        if rax != 0 {
            return Err(rax);
        }
        let size: u32 = memory::read(self.page);
        assert!(size as usize <= vtpm_call::MAX_RESPONSE, "a response of {size} bytes");
        Ok(memory::read_bytes(
            self.page + vtpm_call::RESPONSE_HEADER_SIZE as u64,
            size as usize,
        ))
    }

    /// Sends a TPM command; the response after its header, with the code checked.
    pub fn tpm<T>(&self, command: &[u8], read: impl FnOnce(Response<'_>) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let response = self.tpm_raw(command).map_err(|_| Trouble::Malformed)?;
        read(Response::parse(&response)?)
    }
}

/// An operation that asks for the vTPM's manifest with a report over 64 bytes of nonce: a page each for report and manifest, none for certificates.
pub fn vtpm_service(report: u64, manifest: u64, nonce: u64) -> attest_call::SingleService {
    let page = |gpa| attest_call::Buffer {
        gpa,
        size: memory::PAGE as u32,
        reserved: 0,
    };
    attest_call::SingleService {
        services: attest_call::Services {
            report: page(report),
            nonce: attest_call::Nonce {
                gpa: nonce,
                size: 64,
                reserved: [0; 6],
            },
            manifest: page(manifest),
            certificates: attest_call::Buffer {
                gpa: 0,
                size: 0,
                reserved: 0,
            },
        },
        guid: manifest::VTPM_GUID,
        version: manifest::VTPM_VERSION,
        reserved: 0,
    }
}
