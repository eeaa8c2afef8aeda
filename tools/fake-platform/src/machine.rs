//! Memory as SNP sees it: pages with states and permissions, who touched them, and which rule was broken (APM volume 2 §15.36).
//!
//! Pages appear when they are first named. VMPL0 has every permission; the other levels have what RMPADJUST gave them. Accesses of VMPL0 to pages that
//! are not validated fault, as #VC 0x404 would; accesses of lower levels without permission are refused, as the nested fault to the hypervisor would
//! end them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};
use svsm_platform::{ApicId, PageError};
use svsm_proto::{
    PAGE_SIZE, VMPL_COUNT,
    rmp::{PageSize, Permissions, Pvalidate, RmpAttributes, RmpError},
    vmsa::{efer, offset},
};

use crate::psp::FakePsp;

/// A rule that the software under test broke and that hardware would not have reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A page was given to a lower level after PVALIDATE without having been zeroed.
    GrantedUnzeroed(u64),
    /// A page became a VMSA while a lower level could write it, directly or by a stale translation, or could when it was checked.
    WritableVmsa(u64),
    /// A VMSA was written as if it were guest memory.
    VmsaWritten(u64),
    /// A VMSA's registers were touched while the hypervisor could run it.
    VmsaNotStopped(u64),
    /// Write permission without read permission.
    WriteOnly(u64),
    /// Memory of the SVSM's region was reached as guest memory, or given away.
    RegionTouched(u64),
    /// Two different messages were sealed under one sequence number.
    SequenceReused(u64),
}

/// One access of VMPL0 to guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The bytes.
    pub range: Range<u64>,
    /// Whether they were written.
    pub write: bool,
}

/// State and contents of one 4 KiB page.
#[derive(Clone)]
struct Page {
    bytes: Box<[u8; PAGE_SIZE]>,
    assigned: bool,
    validated: bool,
    vmsa: bool,
    permissions: [Permissions; VMPL_COUNT],
    /// Bytes that have been zeroed since the page was validated; `None` when it need not be.
    zeroed: Option<usize>,
    /// Whether a lower level could still write the page when VMPL0 last read it.
    read_while_writable: bool,
}

/// What a test may know of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageInfo {
    /// Assigned to the guest.
    pub assigned: bool,
    /// Validated.
    pub validated: bool,
    /// A VMSA.
    pub vmsa: bool,
    /// Permissions of VMPL1 to VMPL3.
    pub permissions: [Permissions; 3],
}

/// The hook that runs after each read of guest memory by VMPL0, to change what was just read.
type AfterRead = Box<dyn FnMut(&mut BTreeMap<u64, [u8; PAGE_SIZE]>, &Range<u64>) + Send>;

/// The machine.
pub struct Machine {
    pages: BTreeMap<u64, Page>,
    region: Range<u64>,
    /// Pages whose permissions were tightened and whose old translations may still be cached.
    stale: BTreeSet<u64>,
    /// VMSAs that a processor is executing from at the moment.
    running: BTreeSet<u64>,
    /// 2 MiB stretches that the hypervisor assigned in small pages.
    small: BTreeSet<u64>,
    registered: BTreeMap<(ApicId, u8), u64>,
    /// The PSP, and the hypervisor's way of carrying messages to it.
    pub psp: FakePsp,
    /// What the next RMPADJUSTs come to instead of being carried out, first to last; `None` lets one through. A return code of hardware's, or an exception
    /// that the hypervisor makes up.
    pub rmpadjust_failures: VecDeque<Option<PageError>>,
    /// Every access of VMPL0 to guest memory.
    pub accesses: Vec<Access>,
    /// Every broken rule.
    pub violations: Vec<Violation>,
    /// Dropping translations fails, as it does when a VMSA cannot be reached.
    pub flush_fails: bool,
    /// The VMSA register access that faults, counted from zero, as it does when the hypervisor takes the page away in that moment.
    pub register_fault: Option<u32>,
    after_read: Option<AfterRead>,
}

impl Machine {
    /// A machine whose SVSM lives in `region`.
    pub fn new(region: Range<u64>) -> Self {
        Machine {
            pages: BTreeMap::new(),
            region,
            stale: BTreeSet::new(),
            running: BTreeSet::new(),
            small: BTreeSet::new(),
            registered: BTreeMap::new(),
            psp: FakePsp::new(),
            rmpadjust_failures: VecDeque::new(),
            accesses: Vec::new(),
            violations: Vec::new(),
            flush_fails: false,
            register_fault: None,
            after_read: None,
        }
    }

    fn page(&mut self, gpa: u64) -> &mut Page {
        self.pages.entry(gpa / PAGE_SIZE as u64).or_insert_with(|| Page {
            bytes: Box::new([0; PAGE_SIZE]),
            assigned: false,
            validated: false,
            vmsa: false,
            permissions: [Permissions::empty(); VMPL_COUNT],
            zeroed: None,
            read_while_writable: false,
        })
    }

    /// What is known of a page.
    pub fn info(&mut self, gpa: u64) -> PageInfo {
        let page = self.page(gpa);
        let [_, permissions @ ..] = page.permissions;
        PageInfo {
            assigned: page.assigned,
            validated: page.validated,
            vmsa: page.vmsa,
            permissions,
        }
    }

    // The hypervisor's side.

    /// A page that the launch put there: private, validated, no permissions for lower levels.
    pub fn launch(&mut self, gpa: u64, contents: &[u8]) {
        let page = self.page(gpa);
        page.assigned = true;
        page.validated = true;
        page.bytes[..contents.len()].copy_from_slice(contents);
    }

    /// RMPUPDATE to private: assigned, not validated, permissions reset, contents whatever they were.
    pub fn make_private(&mut self, gpa: u64, leftover: u8) {
        let page = self.page(gpa);
        page.assigned = true;
        page.validated = false;
        page.vmsa = false;
        page.permissions = [Permissions::empty(); VMPL_COUNT];
        page.bytes.fill(leftover);
    }

    /// Has the 2 MiB from `gpa` on assigned in small pages whenever they are.
    pub fn assign_small(&mut self, gpa: u64) {
        self.small.insert(gpa);
    }

    /// RMPUPDATE that takes a page away.
    pub fn take_away(&mut self, gpa: u64) {
        let page = self.page(gpa);
        page.assigned = false;
        page.validated = false;
        page.vmsa = false;
    }

    /// AP creation: which VMSA a vCPU runs at a level.
    pub fn register_vmsa(&mut self, cpu: ApicId, vmpl: u8, vmsa: u64) {
        self.registered.insert((cpu, vmpl), vmsa);
    }

    /// The VMSA that VMRUN would take for this vCPU and level, if it can be run at all.
    pub fn runnable_vmsa(&mut self, cpu: ApicId, vmpl: u8) -> Option<u64> {
        let vmsa = *self.registered.get(&(cpu, vmpl))?;
        let (valid, attribute) = (self.page(vmsa).validated, self.page(vmsa).vmsa);
        (valid && attribute && self.word(vmsa, offset::EFER) & efer::SVME != 0).then_some(vmsa)
    }

    /// Makes a VMSA look as if another processor were executing from it.
    pub fn set_running(&mut self, vmsa: u64, running: bool) {
        if running {
            self.running.insert(vmsa);
        } else {
            self.running.remove(&vmsa);
        }
    }

    /// Runs `hook` after each read of guest memory by VMPL0: a guest on another vCPU that changes what was just read. It sees copies of the pages that the
    /// read touched, which are written back.
    pub fn after_read(&mut self, hook: impl FnMut(&mut BTreeMap<u64, [u8; PAGE_SIZE]>, &Range<u64>) + Send + 'static) {
        self.after_read = Some(Box::new(hook));
    }

    // The guest's side.

    /// A guest's write at a level; false when hardware would not let it.
    #[must_use]
    pub fn guest_write(&mut self, vmpl: u8, gpa: u64, bytes: &[u8]) -> bool {
        self.guest_access(vmpl, gpa, bytes.len(), Permissions::READ | Permissions::WRITE) && {
            self.copy_out(gpa, bytes);
            true
        }
    }

    /// A guest's read at a level; `None` when hardware would not let it.
    pub fn guest_read(&mut self, vmpl: u8, gpa: u64, len: usize) -> Option<Vec<u8>> {
        self.guest_access(vmpl, gpa, len, Permissions::READ)
            .then(|| self.copy_in(gpa, len))
    }

    fn guest_access(&mut self, vmpl: u8, gpa: u64, len: usize, needed: Permissions) -> bool {
        let pages = gpa / PAGE_SIZE as u64..=(gpa + len.max(1) as u64 - 1) / PAGE_SIZE as u64;
        pages.into_iter().all(|number| {
            let page = self.page(number * PAGE_SIZE as u64);
            page.assigned && page.validated && page.permissions[usize::from(vmpl)].contains(needed)
        })
    }

    // VMPL0's side: called by the platform.

    pub(crate) fn read(&mut self, range: Range<u64>) -> Option<Vec<u8>> {
        self.accesses.push(Access {
            range: range.clone(),
            write: false,
        });
        let len = (range.end - range.start) as usize;
        let bytes = self.touch(&range).then(|| self.copy_in(range.start, len))?;
        for start in (range.start & !(PAGE_SIZE as u64 - 1)..range.end).step_by(PAGE_SIZE) {
            let stale = self.stale.contains(&start);
            let page = self.page(start);
            page.read_while_writable = stale || page.permissions.iter().any(|p| p.contains(Permissions::WRITE));
        }
        if let Some(mut hook) = self.after_read.take() {
            let first = range.start / PAGE_SIZE as u64;
            let last = (range.end - 1) / PAGE_SIZE as u64;
            let mut view: BTreeMap<u64, [u8; PAGE_SIZE]> = (first..=last)
                .map(|number| (number * PAGE_SIZE as u64, *self.page(number * PAGE_SIZE as u64).bytes))
                .collect();
            hook(&mut view, &range);
            for (gpa, bytes) in view {
                *self.page(gpa).bytes = bytes;
            }
            self.after_read = Some(hook);
        }
        Some(bytes)
    }

    pub(crate) fn write(&mut self, gpa: u64, bytes: &[u8]) -> Option<()> {
        let range = gpa..gpa + bytes.len() as u64;
        self.accesses.push(Access {
            range: range.clone(),
            write: true,
        });
        if !self.touch(&range) {
            return None;
        }
        let first = range.start / PAGE_SIZE as u64;
        let last = (range.end - 1) / PAGE_SIZE as u64;
        for number in first..=last {
            let start = number * PAGE_SIZE as u64;
            let part = (range.end.min(start + PAGE_SIZE as u64) - range.start.max(start)) as usize;
            let page = self.page(start);
            let is_vmsa = page.vmsa;
            if let Some(zeroed) = &mut page.zeroed {
                *zeroed += part;
            }
            if is_vmsa {
                self.violations.push(Violation::VmsaWritten(start));
            }
        }
        self.copy_out(gpa, bytes);
        Some(())
    }

    /// Whether VMPL0 can touch the bytes; notes if it should not.
    fn touch(&mut self, range: &Range<u64>) -> bool {
        if range.start < self.region.end && self.region.start < range.end {
            self.violations.push(Violation::RegionTouched(range.start));
        }
        let pages = range.start / PAGE_SIZE as u64..=(range.end - 1) / PAGE_SIZE as u64;
        pages.into_iter().all(|number| {
            let page = self.page(number * PAGE_SIZE as u64);
            page.assigned && page.validated
        })
    }

    pub(crate) fn pvalidate(&mut self, gpa: u64, size: PageSize, validate: bool) -> Result<Pvalidate, PageError> {
        self.refuse_region(gpa);
        if size == PageSize::Large && self.small.contains(&gpa) {
            return Err(PageError::Instruction(RmpError::FailSizeMismatch));
        }
        let mut outcome = Pvalidate::Unchanged;
        for start in (gpa..gpa + size.bytes() as u64).step_by(PAGE_SIZE) {
            let page = self.page(start);
            if !page.assigned {
                // On hardware a nested fault that the hypervisor has to resolve; here it never does.
                return Err(PageError::Fault);
            }
            if page.validated != validate {
                outcome = Pvalidate::Changed;
                page.validated = validate;
                page.zeroed = validate.then_some(0);
            }
        }
        Ok(outcome)
    }

    pub(crate) fn rmpadjust(&mut self, gpa: u64, size: PageSize, attributes: RmpAttributes) -> Result<(), PageError> {
        if let Some(Some(failure)) = self.rmpadjust_failures.pop_front() {
            return Err(failure);
        }
        let target = usize::from(attributes.vmpl);
        if target == 0 || target >= VMPL_COUNT {
            return Err(PageError::Instruction(RmpError::FailPermission));
        }
        let permissions = attributes.permissions;
        if permissions.contains(Permissions::WRITE) && !permissions.contains(Permissions::READ) {
            self.violations.push(Violation::WriteOnly(gpa));
        }
        if !attributes.vmsa {
            self.refuse_region(gpa);
        }
        for start in (gpa..gpa + size.bytes() as u64).step_by(PAGE_SIZE) {
            let page = self.page(start);
            if !page.assigned {
                return Err(PageError::Fault);
            }
            if !page.validated {
                return Err(PageError::NotValidated);
            }
            let tightened = !permissions.contains(page.permissions[target]);
            page.permissions[target] = permissions;
            page.vmsa = attributes.vmsa;
            let writable = page.permissions.iter().any(|p| p.contains(Permissions::WRITE));
            let checked_too_early = page.read_while_writable;
            let unzeroed = !permissions.is_empty() && page.zeroed.is_some_and(|bytes| bytes < PAGE_SIZE);
            if tightened {
                self.stale.insert(start);
            }
            if unzeroed {
                self.violations.push(Violation::GrantedUnzeroed(start));
            }
            if attributes.vmsa && (writable || checked_too_early || self.stale.contains(&start)) {
                self.violations.push(Violation::WritableVmsa(start));
            }
        }
        Ok(())
    }

    fn refuse_region(&mut self, gpa: u64) {
        if self.region.contains(&gpa) {
            self.violations.push(Violation::RegionTouched(gpa));
        }
    }

    pub(crate) fn flush_tlb(&mut self) -> bool {
        if self.flush_fails {
            return false;
        }
        self.stale.clear();
        true
    }

    /// Counts an access to a VMSA's register; `false` when it faults.
    pub(crate) fn reach_register(&mut self, vmsa: u64) -> bool {
        self.check_stopped(vmsa);
        match self.register_fault {
            Some(0) => {
                self.register_fault = None;
                false
            }
            Some(left) => {
                self.register_fault = Some(left - 1);
                true
            }
            None => true,
        }
    }

    /// Clears EFER.SVME unless a processor is executing from the VMSA.
    pub(crate) fn stop_vmsa(&mut self, vmsa: u64) -> bool {
        if self.running.contains(&vmsa) {
            return false;
        }
        let value = self.word(vmsa, offset::EFER) & !efer::SVME;
        self.set_word(vmsa, offset::EFER, value);
        true
    }

    pub(crate) fn start_vmsa(&mut self, vmsa: u64) {
        let value = self.word(vmsa, offset::EFER) | efer::SVME;
        self.set_word(vmsa, offset::EFER, value);
    }

    fn check_stopped(&mut self, vmsa: u64) {
        if self.word(vmsa, offset::EFER) & efer::SVME != 0 {
            self.violations.push(Violation::VmsaNotStopped(vmsa));
        }
    }

    /// A 64-bit word of a page, without any check: what hardware or a test sees.
    pub fn word(&mut self, gpa: u64, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.copy_in(gpa + at as u64, 8));
        u64::from_le_bytes(word)
    }

    /// Writes a 64-bit word, without any check: what hardware does with a VMSA.
    pub fn set_word(&mut self, gpa: u64, at: usize, value: u64) {
        self.copy_out(gpa + at as u64, &value.to_le_bytes());
    }

    /// Bytes of memory, without any check.
    pub fn peek(&mut self, gpa: u64, len: usize) -> Vec<u8> {
        self.copy_in(gpa, len)
    }

    /// Changes memory, without any check.
    pub fn poke(&mut self, gpa: u64, bytes: &[u8]) {
        self.copy_out(gpa, bytes);
    }

    fn copy_in(&mut self, gpa: u64, len: usize) -> Vec<u8> {
        (gpa..gpa + len as u64)
            .map(|at| self.page(at).bytes[(at % PAGE_SIZE as u64) as usize])
            .collect()
    }

    fn copy_out(&mut self, gpa: u64, bytes: &[u8]) {
        for (at, byte) in (gpa..).zip(bytes) {
            self.page(at).bytes[(at % PAGE_SIZE as u64) as usize] = *byte;
        }
    }
}
