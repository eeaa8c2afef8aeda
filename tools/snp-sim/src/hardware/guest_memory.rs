//! Guest memory as the processor sees it: linear address, guest tables, nested tables, RMP, in that order (APM volume 2, 15.36.10).
//!
//! Used for nested faults of the real processor and for accesses that the simulator makes on the guest's behalf; both pass the same
//! checks.

use super::{
    Exit, FaultCause, Nested, NestedFault,
    exits::{Running, Step},
    shadow::Rights,
};
use crate::machine::{exit::not_modelled, memory};
use snp_model::model::{
    address::{Access, Gpa, PageSize, Spa, View},
    page_walk::{C_MASK, Paging, Translation, WalkError},
    rmp::{Claim, Permissions, Violation},
    vmsa::{CR0_PG, EFER_LMA, at},
};

const CR4_LA57: u64 = 1 << 12;
/// Pages that are looked at when one is put into the shadow tables.
const NEIGHBOURS: u64 = 32;
const ERROR_WRITE: u32 = 2;
const ERROR_USER: u32 = 4;
const ERROR_PRESENT: u32 = 1;

/// Why an access on the guest's behalf fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestFault {
    /// #PF.
    Page {
        /// CR2.
        linear: u64,
        /// Error code.
        code: u32,
    },
    /// #GP(0).
    GeneralProtection,
    /// #VC 0x404.
    NotValidated(Gpa),
    /// A nested page fault.
    Nested(NestedFault),
}

impl NestedFault {
    /// EXITINFO1 (APM volume 2, 15.25.6 and 15.36.10).
    pub fn error_code(&self) -> u64 {
        let mut code = 1 << 32 | 4;
        if matches!(self.access, Access::Write | Access::TableWalk) {
            code |= 2;
        }
        if matches!(self.access, Access::ExecuteSupervisor | Access::ExecuteUser) {
            code |= 0x10;
        }
        if self.view == View::Private {
            code |= 1 << 34;
        }
        match self.cause {
            FaultCause::NotMapped => {}
            FaultCause::Rmp(Violation::Size) => code |= 1 << 31 | 1 << 35 | 1,
            FaultCause::Rmp(Violation::Vmpl) => code |= 1 << 31 | 1 << 36 | 1,
            FaultCause::Rmp(_) => code |= 1 << 31 | 1,
        }
        code
    }
}

impl Running<'_> {
    /// How the guest translates addresses now.
    pub fn paging(&self) -> Paging {
        let (cr0, cr3, cr4) = (
            self.state().saved(at::CR0),
            self.state().saved(at::CR3),
            self.state().saved(at::CR4),
        );
        if cr0 & CR0_PG == 0 {
            return Paging::Off;
        }
        if self.state().saved(at::EFER) & EFER_LMA == 0 || cr4 & CR4_LA57 != 0 {
            not_modelled(format_args!(
                "SNP operations of a guest with legacy or five-level paging"
            ));
        }
        Paging::FourLevel { cr3 }
    }

    fn claim(&self, gpa: Gpa, nested: PageSize) -> Claim {
        Claim {
            asid: self.vmcb.asid,
            vmpl: self.vmpl,
            gpa,
            nested,
        }
    }

    /// A nested fault of the running instruction.
    pub fn nested_fault(&self, gpa: Gpa, view: View, access: Access, cause: FaultCause) -> NestedFault {
        NestedFault {
            vmpl: self.vmpl,
            gpa,
            view,
            access,
            cause,
            rip: self.rip(),
        }
    }

    /// A word of a guest page table: private, and checked like every private read.
    fn read_table_word(&self, gpa: Gpa) -> Option<u64> {
        let Some(Nested::Memory { page, size }) = self.nested.lookup(gpa) else {
            return None;
        };
        let checked = self
            .hardware
            .rmp
            .check_private(page, &self.claim(gpa, size), Access::TableWalk);
        checked.ok()?;
        Some(memory::read_u64(page.0 + (gpa.0 & 0xFF8)))
    }

    /// Translates a linear address by the guest's tables.
    pub fn translate(&self, linear: u64) -> Result<Translation, GuestFault> {
        let paging = self.paging();
        match paging.translate(linear, |gpa| self.read_table_word(gpa)) {
            Ok(translation) => Ok(translation),
            Err(WalkError::NotCanonical) => Err(GuestFault::GeneralProtection),
            Err(WalkError::NotPresent) => Err(GuestFault::Page { linear, code: 0 }),
            Err(WalkError::Table(gpa)) => match self.check(gpa, View::Private, Access::TableWalk) {
                Err(fault) => Err(fault),
                Ok(_) => Err(GuestFault::Page { linear, code: 0 }),
            },
        }
    }

    /// Nested tables and RMP: the system address, if this VMPL may do that.
    fn check(&self, gpa: Gpa, view: View, access: Access) -> Result<Spa, GuestFault> {
        let Some(Nested::Memory { page, size }) = self.nested.lookup(gpa) else {
            let fault = self.nested_fault(gpa, view, access, FaultCause::NotMapped);
            return Err(GuestFault::Nested(fault));
        };
        let verdict = match (view, access) {
            (View::Private, _) => self
                .hardware
                .rmp
                .check_private(page, &self.claim(gpa, size), access)
                .map(|_| ()),
            (View::Shared, Access::Write) => self.hardware.rmp.check_shared_write(page),
            (View::Shared, _) => Ok(()),
        };
        match verdict {
            Ok(()) => Ok(page.add(gpa.0 & (memory::PAGE - 1))),
            Err(Violation::NotValidated) => Err(GuestFault::NotValidated(gpa)),
            Err(violation) => {
                let fault = self.nested_fault(gpa, view, access, FaultCause::Rmp(violation));
                Err(GuestFault::Nested(fault))
            }
        }
    }

    /// Resolves a linear address for one access, with all checks. The guest's own reads of encrypted memory as shared are not made
    /// here: descriptor tables and stacks in shared memory are refused.
    pub fn resolve(&self, linear: u64, access: Access, user: bool) -> Result<Spa, GuestFault> {
        let found = self.translate(linear)?;
        let allowed = match access {
            Access::Write => found.writable,
            Access::Read | Access::TableWalk => true,
            Access::ExecuteSupervisor | Access::ExecuteUser => found.executable,
        };
        if !allowed || (user && !found.user) {
            let write = if access == Access::Write { ERROR_WRITE } else { 0 };
            let user = if user { ERROR_USER } else { 0 };
            return Err(GuestFault::Page {
                linear,
                code: ERROR_PRESENT | write | user,
            });
        }
        if found.view == View::Shared {
            not_modelled(format_args!(
                "instruction, descriptor table or #VC stack in shared memory at {linear:#x}"
            ));
        }
        self.check(found.gpa, found.view, access)
    }

    /// Reads a 64-bit word of a descriptor table or task state.
    pub fn read_linear_u64(&self, linear: u64) -> Result<u64, GuestFault> {
        let mut bytes = [0; 8];
        for (offset, byte) in bytes.iter_mut().enumerate() {
            let address = self.resolve(linear.wrapping_add(offset as u64), Access::Read, false)?;
            memory::read(address.0, core::slice::from_mut(byte));
        }
        Ok(u64::from_le_bytes(bytes))
    }

    /// The bytes at the instruction pointer, as many as can be read.
    pub fn instruction_bytes(&self) -> [u8; 15] {
        let mut bytes = [0; 15];
        let base = match self.is_64_bit() {
            true => 0,
            false => self.state().saved(at::CS + 8),
        };
        let start = base.wrapping_add(self.rip());
        for (offset, byte) in bytes.iter_mut().enumerate() {
            match self.resolve(start.wrapping_add(offset as u64), Access::Read, false) {
                Ok(address) => memory::read(address.0, core::slice::from_mut(byte)),
                Err(_) => break,
            }
        }
        bytes
    }

    /// A nested fault of the real processor: fills the shadow tables, or says what the access ends in.
    pub fn handle_nested_fault(&mut self, address: u64, error: u64) -> Step {
        let paging = self.state().saved(at::CR0) & CR0_PG != 0;
        let view = if !paging || address & C_MASK != 0 {
            View::Private
        } else {
            View::Shared
        };
        let gpa = Gpa(address & !C_MASK);
        let table_walk = error >> 33 & 1 == 1;
        let access = match (error & 0x10 != 0, error & 2 != 0, self.cpl()) {
            _ if table_walk => Access::TableWalk,
            (true, _, 3) => Access::ExecuteUser,
            (true, ..) => Access::ExecuteSupervisor,
            (false, true, _) => Access::Write,
            (false, false, _) => Access::Read,
        };
        let fetch = matches!(access, Access::ExecuteSupervisor | Access::ExecuteUser);
        if view == View::Shared && table_walk && self.use_private_root(gpa) {
            return Step::Resume;
        }
        if view == View::Shared && (table_walk || fetch) {
            // Hardware treats both as private accesses, whatever the C-bit says.
            not_modelled(format_args!(
                "{} through a shared mapping: {gpa:?} at RIP {:#x}",
                if fetch { "instruction fetch" } else { "page-table walk" },
                self.rip()
            ));
        }
        if view == View::Shared && self.nested.lookup(gpa) == Some(Nested::Device) {
            return self.raise_vc(0x400);
        }
        match self.check(gpa, view, access) {
            Ok(page) => {
                self.map(gpa, view, page.page(PageSize::Small));
                self.map_neighbours(gpa, view);
                self.reinject();
                Step::Resume
            }
            Err(fault) => {
                if matches!(fault, GuestFault::Nested(_)) {
                    self.reinject();
                }
                self.raise_fault(fault)
            }
        }
    }

    /// Hardware reads page tables as private memory whatever CR3 says, and 32-bit code cannot even set the C-bit there. The processor
    /// below needs it: it is added when a walk begins at a root without it. (The guest can see the bit when it reads CR3 back.)
    fn use_private_root(&mut self, gpa: Gpa) -> bool {
        let cr3 = self.state().saved(at::CR3);
        let is_root = cr3 & C_MASK == 0 && Gpa(cr3).page(PageSize::Small) == gpa.page(PageSize::Small);
        if is_root {
            self.block().set_saved(at::CR3, cr3 | C_MASK);
            self.reinject();
        }
        is_root
    }

    /// Fills the shadow tables around a small private page that passed its check: what lies there and may be read is about to be used.
    fn map_neighbours(&mut self, gpa: Gpa, view: View) {
        if view == View::Shared || self.nested.is_large(gpa) {
            return;
        }
        let start = gpa.0 & !(NEIGHBOURS * memory::PAGE - 1);
        for neighbour in (start..start + NEIGHBOURS * memory::PAGE).step_by(memory::PAGE as usize) {
            let neighbour = Gpa(neighbour);
            let context = self.vmcb.context;
            if !self.hardware.contexts[context].shadow.is_mapped(neighbour, view)
                && let Ok(page) = self.check(neighbour, view, Access::Read)
            {
                self.map(neighbour, view, page);
            }
        }
    }

    /// Puts a page that passed its check into the shadow tables, with everything that the RMP allows there; a large one as a whole.
    pub fn map(&mut self, gpa: Gpa, view: View, page: Spa) {
        let entry = self.hardware.rmp.entry(page).copied();
        let large = view == View::Private && entry.is_some_and(|entry| entry.large) && self.nested.is_large(gpa);
        let assigned = entry.is_some_and(|entry| entry.assigned);
        let (page, rights) = match view {
            // Encrypted memory read without the key.
            View::Shared if assigned => (
                self.hardware.ciphertext,
                Rights {
                    write: false,
                    execute: false,
                },
            ),
            View::Shared => (
                page,
                Rights {
                    write: true,
                    execute: false,
                },
            ),
            View::Private => {
                let granted = entry.map_or(Permissions::NONE, |entry| entry.permissions[usize::from(self.vmpl)]);
                (page, self.rights_of(gpa, granted))
            }
        };
        let context = self.vmcb.context;
        let shadow = &mut self.hardware.contexts[context].shadow;
        if large {
            shadow.map_large(gpa, view, page, rights);
        } else {
            shadow.map(gpa, view, page, rights);
        }
    }

    /// What nested tables can express of a VMPL's permissions; the rest is refused.
    fn rights_of(&self, gpa: Gpa, granted: Permissions) -> Rights {
        let user = granted.contains(Permissions::EXECUTE_USER);
        let supervisor = granted.contains(Permissions::EXECUTE_SUPERVISOR);
        if user != supervisor {
            not_modelled(format_args!(
                "{gpa:?} executable for VMPL{} in one of user and supervisor mode only",
                self.vmpl
            ));
        }
        if !granted.contains(Permissions::READ) {
            not_modelled(format_args!(
                "{gpa:?} accessible for VMPL{} but not readable",
                self.vmpl
            ));
        }
        Rights {
            write: granted.contains(Permissions::WRITE),
            execute: supervisor,
        }
    }

    /// #VC 0x404, with the linear address in CR2.
    pub fn raise_not_validated(&mut self, gpa: Gpa) -> Step {
        let paging = self.paging();
        let linear = paging.find_linear(gpa, View::Private, |slot| self.read_table_word(slot));
        crate::hw!(
            "VMPL{} touches private {gpa:?}, which is not validated: #VC 0x404 at RIP {:#x}",
            self.vmpl,
            self.rip()
        );
        self.block().set_saved(at::CR2, linear.unwrap_or(0));
        match self.raise_vc(0x404) {
            Step::Exit(Exit::Shutdown(_)) => {
                Step::Exit(Exit::Shutdown("#VC 0x404 (page not validated) could not be delivered"))
            }
            step => step,
        }
    }
}
