//! The GHCB page protocol (GHCB §2.6, §4.1): events that need more than the MSR holds.
//!
//! The page is shared with the hypervisor, which may write any word at any moment. Each field of an answer is read once and returned as
//! a claim; an answer whose field is not marked valid is no answer. Before every exit the fields and the bitmap are set anew, so that
//! neither stale values nor registers of the SVSM can be seen in the page.

use crate::{shared_page::AtomicPage, vmgexit};
use svsm_platform::{Event, EventReply};
use svsm_proto::{
    ghcb::{IoAccess, IoWidth, Outcome, USAGE_STANDARD, VERSION, exit, offset, valid_bit},
    ghcb_msr::{Request, Response},
    psc::PscList,
};
use zerocopy::IntoBytes;

/// SW_EXITINFO1 of a reply that marks neither SW_EXITINFO1 nor SW_EXITINFO2 as valid: no outcome of the protocol.
const NO_OUTCOME: u64 = u64::MAX;

/// Where version and usage stand: the last eight bytes are 16 reserved bits, 16 of version and 32 of usage.
const VERSION_AND_USAGE: usize = 0xFF8;

/// The hypervisor did not carry out a port access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRefused;

/// One vCPU's registered page at VMPL0.
pub struct Ghcb {
    page: AtomicPage,
    gpa: u64,
}

impl Ghcb {
    /// Registers a page that is already shared and mapped as such. `None` when the hypervisor does not confirm.
    pub fn register(page: AtomicPage) -> Option<Self> {
        let gpa = page.address();
        page.clear();
        match vmgexit::exchange(Request::RegisterGhcb(gpa)) {
            Some(Response::RegisterGhcb(Some(confirmed))) if confirmed == gpa => Some(Self { page, gpa }),
            _ => None,
        }
    }

    /// Asks one question.
    pub fn event(&mut self, event: &Event) -> EventReply {
        self.exchange(event, None)
    }

    /// A page state change: the list is copied to the shared buffer, and back.
    pub fn page_state_change(&mut self, list: &mut PscList) -> EventReply {
        self.page.write(offset::SHARED_BUFFER, list.as_bytes());
        let event = Event {
            exit_code: exit::PAGE_STATE_CHANGE,
            ..Event::default()
        };
        let reply = self.exchange(&event, Some(self.gpa + offset::SHARED_BUFFER as u64));
        self.page.read(offset::SHARED_BUFFER, list.as_mut_bytes());
        reply
    }

    fn exchange(&mut self, event: &Event, scratch: Option<u64>) -> EventReply {
        let mut bitmap = [0; 2];
        let fields = [
            (offset::SW_EXITCODE, Some(event.exit_code)),
            (offset::SW_EXITINFO1, Some(event.info1)),
            (offset::SW_EXITINFO2, Some(event.info2)),
            (offset::SW_SCRATCH, scratch),
            (offset::RAX, event.rax),
            (offset::RBX, event.rbx),
            (offset::RCX, event.rcx),
            (offset::RDX, event.rdx),
        ];
        for (field, value) in fields {
            self.page.store(field, value.unwrap_or(0));
            if value.is_some() {
                let (word, bit) = valid_bit(field);
                bitmap[word] |= bit;
            }
        }
        self.page.store(offset::VALID_BITMAP, bitmap[0]);
        self.page.store(offset::VALID_BITMAP + 8, bitmap[1]);
        self.page.store(
            VERSION_AND_USAGE,
            u64::from(VERSION) << 16 | u64::from(USAGE_STANDARD) << 32,
        );
        vmgexit::with_page(self.gpa);
        self.reply()
    }

    fn reply(&self) -> EventReply {
        let bitmap = [
            self.page.load(offset::VALID_BITMAP),
            self.page.load(offset::VALID_BITMAP + 8),
        ];
        let field = |field: usize| {
            let (word, bit) = valid_bit(field);
            (bitmap[word] & bit != 0).then(|| self.page.load(field))
        };
        let (info1, info2) = match (field(offset::SW_EXITINFO1), field(offset::SW_EXITINFO2)) {
            (Some(info1), Some(info2)) => (info1, info2),
            _ => (NO_OUTCOME, 0),
        };
        EventReply {
            info1,
            info2,
            rax: field(offset::RAX),
            rbx: field(offset::RBX),
            rcx: field(offset::RCX),
            rdx: field(offset::RDX),
        }
    }

    /// Writes to an I/O port.
    pub fn output(&mut self, port: u16, width: IoWidth, value: u32) -> Result<(), PortRefused> {
        self.port(port, width, Some(value)).map(|_| ())
    }

    /// Reads from an I/O port.
    pub fn input(&mut self, port: u16, width: IoWidth) -> Result<u32, PortRefused> {
        self.port(port, width, None)
    }

    fn port(&mut self, port: u16, width: IoWidth, output: Option<u32>) -> Result<u32, PortRefused> {
        let input = output.is_none();
        let reply = self.event(&Event {
            exit_code: exit::IOIO,
            info1: IoAccess { port, width, input }.encode(),
            rax: Some(u64::from(output.unwrap_or(0)) & width.mask()),
            ..Event::default()
        });
        match Outcome::decode(reply.info1, reply.info2) {
            Outcome::Done if !input => Ok(0),
            Outcome::Done => match reply.rax {
                Some(rax) => Ok((rax & width.mask()) as u32),
                None => Err(PortRefused),
            },
            Outcome::Exception(_) | Outcome::Malformed(_) | Outcome::Unknown(_) => Err(PortRefused),
        }
    }
}
