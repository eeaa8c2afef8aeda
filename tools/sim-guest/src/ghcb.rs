//! The guest's GHCB: one shared, registered page, and the events that this guest needs: port I/O and PSP requests.
//!
//! The hypervisor may write anything into the page at any time: each answer is read once and checked before it is used. Layout and rules:
//! GHCB specification, chapters 2 and 4.

use crate::{
    instructions::{self, Registers},
    memory,
};
use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use svsm_proto::{
    ghcb::{self, ApCreation, ApRequest, IoAccess, IoWidth, exit, offset},
    ghcb_msr::{Request, Response},
    launch_info::{LOG_PORT, OWNER_PORT, POWER_OFF, POWER_PORT},
    psc::PageState,
};

/// GPA of the registered page, 0 before there is one.
static GHCB: AtomicU64 = AtomicU64::new(0);

/// Line status register: bit 0 data ready, bit 5 transmitter empty.
const LINE_STATUS: u16 = 5;

/// The registered GHCB as a console, if there is one already.
pub fn console() -> Option<Ghcb> {
    let page = GHCB.load(Ordering::Relaxed);
    (page != 0).then_some(Ghcb { page })
}

/// One exchange through the MSR.
pub fn msr(request: Request) -> Option<Response> {
    instructions::write_ghcb_msr(request.encode());
    instructions::vmgexit(Registers::default());
    Response::decode(instructions::read_ghcb_msr())
}

/// Asks the hypervisor to make a page shared or private.
pub fn change_page(gpa: u64, state: PageState) {
    let answer = msr(Request::PageStateChange { gpa, state });
    assert_eq!(answer, Some(Response::PageStateChange(0)), "page state change");
}

/// The page, registered.
#[derive(Clone, Copy)]
pub struct Ghcb {
    page: u64,
}

impl Ghcb {
    /// Registers a page that is shared already.
    pub fn register(page: u64) -> Self {
        assert_eq!(
            msr(Request::RegisterGhcb(page)),
            Some(Response::RegisterGhcb(Some(page))),
            "GHCB registration"
        );
        GHCB.store(page, Ordering::Relaxed);
        Self { page }
    }

    /// One event: exit code, both information words, further fields. SW_EXITINFO2 when the hypervisor says that it is done.
    fn event(&self, code: u64, info1: u64, info2: u64, fields: &[(usize, u64)]) -> Option<u64> {
        let mut bitmap = [0u64; 2];
        let all = [
            (offset::SW_EXITCODE, code),
            (offset::SW_EXITINFO1, info1),
            (offset::SW_EXITINFO2, info2),
        ];
        for &(field, value) in all.iter().chain(fields) {
            memory::write(self.page + field as u64, value);
            let (word, bit) = ghcb::valid_bit(field);
            bitmap[word] |= bit;
        }
        memory::write(self.page + offset::VALID_BITMAP as u64, bitmap);
        memory::write(self.page + offset::VERSION as u64, ghcb::VERSION);
        memory::write(self.page + offset::USAGE as u64, ghcb::USAGE_STANDARD);
        instructions::write_ghcb_msr(Request::GhcbPage(self.page).encode());
        instructions::vmgexit(Registers::default());
        let info1: u64 = memory::read(self.page + offset::SW_EXITINFO1 as u64);
        let info2: u64 = memory::read(self.page + offset::SW_EXITINFO2 as u64);
        (ghcb::Outcome::decode(info1, info2) == ghcb::Outcome::Done).then_some(info2)
    }

    fn output(&self, port: u16, width: IoWidth, value: u64) {
        let info = IoAccess {
            port,
            width,
            input: false,
        }
        .encode();
        // An output that the hypervisor refuses is lost; there is nowhere to say so.
        let _lost = self.event(exit::IOIO, info, 0, &[(offset::RAX, value & width.mask())]);
    }

    fn input(&self, port: u16) -> u8 {
        let info = IoAccess {
            port,
            width: IoWidth::Byte,
            input: true,
        }
        .encode();
        if self.event(exit::IOIO, info, 0, &[]).is_none() {
            return 0;
        }
        let bitmap: [u64; 2] = memory::read(self.page + offset::VALID_BITMAP as u64);
        let (word, bit) = ghcb::valid_bit(offset::RAX);
        if bitmap[word] & bit == 0 {
            0
        } else {
            memory::read::<u64>(self.page + offset::RAX as u64) as u8
        }
    }

    /// Sends bytes to a port with string output, as many as the shared buffer holds in one exit.
    fn output_string(&self, port: u16, bytes: &[u8]) {
        for chunk in bytes.chunks(ghcb::SHARED_BUFFER_SIZE) {
            let buffer = self.page + offset::SHARED_BUFFER as u64;
            memory::write_bytes(buffer, chunk);
            // IOIO information: OUTS (bit 2), REP (bit 3), 8 bits (bit 4), 64-bit addresses (bit 9), segment DS (3 in bits 12:10).
            let info = u64::from(port) << 16 | 3 << 10 | 1 << 9 | 1 << 4 | 1 << 3 | 1 << 2;
            let _lost = self.event(exit::IOIO, info, chunk.len() as u64, &[(offset::SW_SCRATCH, buffer)]);
        }
    }

    /// Writes to the log.
    pub fn log(&self, text: &str) {
        self.output_string(LOG_PORT, text.as_bytes());
    }

    /// Sends bytes to the guest's owner.
    pub fn send(&self, bytes: &[u8]) {
        self.output_string(OWNER_PORT, bytes);
    }

    /// The next byte from the guest's owner, if there is one.
    pub fn receive(&self) -> Option<u8> {
        (self.input(OWNER_PORT + LINE_STATUS) & 1 != 0).then(|| self.input(OWNER_PORT))
    }

    /// Has a VMSA run on a processor, or forgotten; false when the hypervisor refused.
    pub fn create_processor(&self, request: ApRequest, vmpl: u8, apic_id: u32, vmsa: u64, features: u64) -> bool {
        let info = ApCreation { request, vmpl, apic_id };
        self.event(exit::AP_CREATION, info.encode(), vmsa, &[(offset::RAX, features)])
            .is_some()
    }

    /// Sends a PSP message; both pages are shared. SW_EXITINFO2, or nothing when the hypervisor refused the event.
    pub fn guest_request(&self, request: u64, response: u64) -> Option<u64> {
        self.event(exit::GUEST_REQUEST, request, response, &[])
    }

    /// Switches the machine off.
    pub fn power_off(&self) -> ! {
        self.output(POWER_PORT, IoWidth::Word, u64::from(POWER_OFF));
        instructions::halt()
    }
}

impl fmt::Write for Ghcb {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.log(text);
        Ok(())
    }
}
