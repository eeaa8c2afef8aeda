//! The GHCB page protocol (GHCB §2.6, §4.1): events that need more than the MSR holds.
//!
//! The page is shared with the hypervisor, which may write any word at any moment. Each field of an answer is read once and returned as
//! a claim; an answer whose field is not marked valid is no answer. Before every exit the fields and the bitmap are set anew, so that
//! neither stale values nor registers of the SVSM can be seen in the page.

use crate::{shared_page::AtomicPage, vmgexit};
use svsm_proto::{
    ghcb::{
        ApCreation, GuestRequestStatus, IoAccess, IoWidth, Outcome, SHARED_BUFFER_SIZE, USAGE_STANDARD, VERSION, exit,
        offset, valid_bit,
    },
    ghcb_msr::{Request, Response},
};

/// Fields that a question can carry besides the three that every event has.
const OPTIONAL: [usize; 4] = [offset::RAX, offset::RBX, offset::RCX, offset::RDX];

/// Why an event was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventError {
    /// The hypervisor refused, or answered something else.
    Refused(Outcome),
    /// A field that the answer must have is not marked valid.
    MissingField,
}

/// One question to the hypervisor.
#[derive(Clone, Copy, Default)]
pub struct Event {
    /// SW_EXITCODE.
    pub code: u64,
    /// SW_EXITINFO1.
    pub info1: u64,
    /// SW_EXITINFO2.
    pub info2: u64,
    /// RAX, if the event has it.
    pub rax: Option<u64>,
    /// RBX, if the event has it.
    pub rbx: Option<u64>,
    /// Whether the shared buffer carries data; then SW_SCRATCH points to it.
    pub buffer: bool,
}

/// What the hypervisor claims.
#[derive(Clone, Copy)]
pub struct Answer {
    /// SW_EXITINFO2.
    pub info2: u64,
    rax: Option<u64>,
    rbx: Option<u64>,
}

impl Answer {
    /// RAX, if marked valid.
    pub fn rax(&self) -> Result<u64, EventError> {
        self.rax.ok_or(EventError::MissingField)
    }

    /// RBX, if marked valid.
    pub fn rbx(&self) -> Result<u64, EventError> {
        self.rbx.ok_or(EventError::MissingField)
    }
}

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
    pub fn event(&mut self, event: &Event) -> Result<Answer, EventError> {
        let mut bitmap = [0; 2];
        let mut supply = |field: usize, value: u64| {
            let (word, bit) = valid_bit(field);
            bitmap[word] |= bit;
            self.page.store(field, value);
        };
        supply(offset::SW_EXITCODE, event.code);
        supply(offset::SW_EXITINFO1, event.info1);
        supply(offset::SW_EXITINFO2, event.info2);
        if event.buffer {
            supply(offset::SW_SCRATCH, self.gpa + offset::SHARED_BUFFER as u64);
        }
        for (field, value) in [(offset::RAX, event.rax), (offset::RBX, event.rbx)] {
            if let Some(value) = value {
                supply(field, value);
            }
        }
        self.page.store(offset::VALID_BITMAP, bitmap[0]);
        self.page.store(offset::VALID_BITMAP + 8, bitmap[1]);
        // Version and usage are the last eight bytes: two reserved bytes, then 16 and 32 bits.
        self.page
            .store(0xFF8, u64::from(VERSION) << 16 | u64::from(USAGE_STANDARD) << 32);
        vmgexit::with_page(self.gpa);
        let answer = self.answer();
        for field in OPTIONAL {
            self.page.store(field, 0);
        }
        answer
    }

    fn answer(&self) -> Result<Answer, EventError> {
        let bitmap = [
            self.page.load(offset::VALID_BITMAP),
            self.page.load(offset::VALID_BITMAP + 8),
        ];
        let field = |field: usize| {
            let (word, bit) = valid_bit(field);
            (bitmap[word] & bit != 0).then(|| self.page.load(field))
        };
        let info1 = field(offset::SW_EXITINFO1).ok_or(EventError::MissingField)?;
        let info2 = field(offset::SW_EXITINFO2).ok_or(EventError::MissingField)?;
        match Outcome::decode(info1, info2) {
            Outcome::Done => Ok(Answer {
                info2,
                rax: field(offset::RAX),
                rbx: field(offset::RBX),
            }),
            refused => Err(EventError::Refused(refused)),
        }
    }

    /// Writes to an I/O port.
    pub fn output(&mut self, port: u16, width: IoWidth, value: u32) -> Result<(), EventError> {
        let input = false;
        self.event(&Event {
            code: exit::IOIO,
            info1: IoAccess { port, width, input }.encode(),
            rax: Some(u64::from(value) & width.mask()),
            ..Event::default()
        })
        .map(|_| ())
    }

    /// Reads from an I/O port.
    pub fn input(&mut self, port: u16, width: IoWidth) -> Result<u32, EventError> {
        let input = true;
        let answer = self.event(&Event {
            code: exit::IOIO,
            info1: IoAccess { port, width, input }.encode(),
            rax: Some(0),
            ..Event::default()
        })?;
        Ok((answer.rax()? & width.mask()) as u32)
    }

    /// Sends a guest request: the pages at `request` and `response` are shared. With `certificates`, an extended request with that buffer's
    /// GPA and number of pages; the second value is then how many pages the hypervisor wants.
    pub fn guest_request(
        &mut self,
        request: u64,
        response: u64,
        certificates: Option<(u64, u64)>,
    ) -> Result<(GuestRequestStatus, u64), EventError> {
        let answer = self.event(&Event {
            code: match certificates {
                Some(_) => exit::EXTENDED_GUEST_REQUEST,
                None => exit::GUEST_REQUEST,
            },
            info1: request,
            info2: response,
            rax: certificates.map(|(gpa, _)| gpa),
            rbx: certificates.map(|(_, pages)| pages),
            buffer: false,
        })?;
        Ok((GuestRequestStatus::decode(answer.info2), answer.rbx.unwrap_or(0)))
    }

    /// Registers the VMSA at `vmsa` for a vCPU and level.
    pub fn create_ap(&mut self, creation: ApCreation, vmsa: u64, features: u64) -> Result<(), EventError> {
        self.event(&Event {
            code: exit::AP_CREATION,
            info1: creation.encode(),
            info2: vmsa,
            rax: Some(features),
            ..Event::default()
        })
        .map(|_| ())
    }

    /// Sends the first `buffer.len()` bytes of the shared buffer with an event and reads them back. At most
    /// [`SHARED_BUFFER_SIZE`] bytes travel.
    pub fn event_with_buffer(&mut self, code: u64, buffer: &mut [u8]) -> Result<Answer, EventError> {
        let length = buffer.len().min(SHARED_BUFFER_SIZE);
        let (buffer, _) = buffer.split_at_mut(length);
        self.page.write(offset::SHARED_BUFFER, buffer);
        let answer = self.event(&Event {
            code,
            buffer: true,
            ..Event::default()
        });
        self.page.read(offset::SHARED_BUFFER, buffer);
        answer
    }
}
