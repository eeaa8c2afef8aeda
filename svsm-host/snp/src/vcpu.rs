//! One vCPU at VMPL0: the platform traits, implemented with instructions.
//!
//! Each method does one thing and decides nothing; who may ask for it is settled above, and the address types prove it (a
//! [`PageToken`], [`GuestRange`] or [`VmsaPage`] exists only after the memory map has checked it). The hypervisor's answers go up as they came. A
//! VMSA may lie in guest memory that the hypervisor takes away at any moment, so its words are reached through the same faulting
//! instructions as the guest's memory: one that is gone is an error, and never runs again.

use crate::{ghcb::Ghcb, guest_copy::Windows, shared_page::AtomicPage, tlb, vmgexit};
use alloc::vec::Vec;
use spin::Mutex;
use svsm_platform::{
    Event, EventReply, GuestFault, GuestMemory, GuestRange, Hypervisor, NotFlushed, PageControl, PageError, PageToken,
    SvsmPage, VmsaBusy, VmsaControl, VmsaPage, VmsaRegister,
};
use svsm_proto::{
    PAGE_SIZE,
    cpuid_page::CpuidPage,
    ghcb::exit,
    guest_msg::Message,
    psc::PscList,
    rmp::{Pvalidate, RmpAttributes},
    vmsa::{Vmsa, efer, offset},
};
use zerocopy::IntoBytes;

/// How often a change of a VMSA's word is tried.
const ATTEMPTS: u32 = 10_000;

/// Pages for certificates: what Linux allows too (16 KiB).
pub const CERTIFICATE_PAGES: usize = 4;

/// Pages shared with the hypervisor for guest requests.
pub struct RequestPages {
    /// The request.
    pub request: AtomicPage,
    /// The response.
    pub response: AtomicPage,
    /// Certificates; contiguous.
    pub certificates: [AtomicPage; CERTIFICATE_PAGES],
}

/// What the processor needs from software, from the CPUID page.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// Stale cache lines of a page that changed hands must be evicted by touching it.
    pub evict_after_validation: bool,
    /// INVLPGB and TLBSYNC are there.
    pub broadcast_flush: bool,
}

impl Quirks {
    /// Function 8000_001F EBX bit 31 is COHERENCY_SFW_NO, function 8000_0008 EBX bit 3 is INVLPGB (APM volume 3 appendix E).
    pub fn from_cpuid(page: &CpuidPage) -> Self {
        let ebx = |function| page.find(function, 0).map_or(0, |entry| entry.ebx);
        Self {
            evict_after_validation: ebx(0x8000_001F) >> 31 & 1 == 0,
            broadcast_flush: ebx(0x8000_0008) >> 3 & 1 != 0,
        }
    }
}

/// Every page that is a VMSA of a lower level, whoever's memory it is in; one list for all vCPUs.
#[derive(Default)]
pub struct VmsaList(Mutex<Vec<u64>>);

impl VmsaList {
    /// An empty list.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Makes room for one more.
    fn reserve(&self) -> Result<(), PageError> {
        self.0.lock().try_reserve(1).map_err(|_| PageError::Fault)
    }

    /// Notes that the page is a VMSA, or is none.
    fn note(&self, gpa: u64, vmsa: bool) {
        let mut list = self.0.lock();
        match list.iter().position(|known| *known == gpa) {
            Some(index) if !vmsa => {
                list.swap_remove(index);
            }
            None if vmsa => list.push(gpa),
            Some(_) | None => {}
        }
    }
}

/// The vCPU that executes this.
pub struct Vcpu {
    ghcb: &'static Mutex<Ghcb>,
    windows: Windows,
    requests: RequestPages,
    vmsas: &'static VmsaList,
    quirks: Quirks,
}

impl Vcpu {
    /// Puts the parts together. The GHCB is shared with the log of the same vCPU, the list of VMSAs with all vCPUs.
    pub fn new(
        ghcb: &'static Mutex<Ghcb>,
        windows: Windows,
        requests: RequestPages,
        vmsas: &'static VmsaList,
        quirks: Quirks,
    ) -> Self {
        Self {
            ghcb,
            windows,
            requests,
            vmsas,
            quirks,
        }
    }

    /// Replaces a VMSA's word by what `change` makes of it, unless somebody keeps changing it. Returns what was there.
    fn update_word(&mut self, gpa: u64, change: impl Fn(u64) -> u64) -> Result<u64, VmsaBusy> {
        let mut old = self.windows.load(gpa).map_err(|GuestFault| VmsaBusy)?;
        for _ in 0..ATTEMPTS {
            let found = self
                .windows
                .compare_exchange(gpa, old, change(old))
                .map_err(|GuestFault| VmsaBusy)?;
            if found == old {
                return Ok(old);
            }
            old = found;
        }
        Err(VmsaBusy)
    }

    /// Makes the processor drop this VMSA's translations before it runs again (APM volume 2 §15.36.8): the VMSA is stopped, which it cannot be
    /// while a processor is in it, PCPU_ID becomes zero, and what was runnable is so again.
    fn flush_vmsa(&mut self, gpa: u64) -> Result<(), VmsaBusy> {
        let efer = gpa + offset::EFER as u64;
        let before = self.update_word(efer, |word| word & !efer::SVME)?;
        self.update_word(gpa + offset::PCPU_ID as u64, |_| 0)?;
        self.update_word(efer, |word| word | before & efer::SVME)?;
        Ok(())
    }
}

impl Hypervisor for Vcpu {
    fn msr_exchange(&mut self, request: u64) -> u64 {
        // The GHCB is not used meanwhile: the MSR is this vCPU's, and so is the lock.
        let _ghcb = self.ghcb.lock();
        vmgexit::exchange_raw(request)
    }

    fn event(&mut self, event: &Event) -> EventReply {
        self.ghcb.lock().event(event)
    }

    fn page_state_change(&mut self, list: &mut PscList) -> EventReply {
        self.ghcb.lock().page_state_change(list)
    }

    fn guest_request(
        &mut self,
        request: &Message,
        response: &mut Message,
        certificates: Option<&mut [u8]>,
    ) -> EventReply {
        let pages = &self.requests;
        pages.request.write(0, request.as_bytes());
        pages.response.clear();
        let wanted = certificates
            .as_ref()
            .map(|buffer| buffer.len().div_ceil(PAGE_SIZE).min(CERTIFICATE_PAGES));
        for page in pages.certificates.iter().take(wanted.unwrap_or(0)) {
            page.clear();
        }
        let reply = self.ghcb.lock().event(&Event {
            exit_code: match wanted {
                Some(_) => exit::EXTENDED_GUEST_REQUEST,
                None => exit::GUEST_REQUEST,
            },
            info1: pages.request.address(),
            info2: pages.response.address(),
            rax: wanted.map(|_| pages.certificates[0].address()),
            rbx: wanted.map(|count| count as u64),
            ..Event::default()
        });
        pages.response.read(0, response.as_mut_bytes());
        if let Some(buffer) = certificates {
            for (part, page) in buffer.chunks_mut(PAGE_SIZE).zip(&pages.certificates) {
                page.read(0, part);
            }
        }
        reply
    }
}

impl PageControl for Vcpu {
    fn pvalidate(&mut self, page: PageToken<'_>, validate: bool) -> Result<Pvalidate, PageError> {
        // SAFETY: the token comes from the memory map: the page is the guest's or one that the SVSM has set apart, and is held exclusively.
        let result = unsafe { self.windows.pvalidate(page.gpa(), page.size(), validate) }?;
        if validate && self.quirks.evict_after_validation {
            self.windows
                .touch(page.gpa(), page.size())
                .map_err(|GuestFault| PageError::Fault)?;
        }
        Ok(result)
    }

    fn rmpadjust(&mut self, page: PageToken<'_>, attributes: RmpAttributes) -> Result<(), PageError> {
        self.vmsas.reserve()?;
        // SAFETY: the token comes from the memory map: the page is the guest's or one that the SVSM has set apart, and is held exclusively;
        // the service decided on the permissions.
        unsafe { self.windows.rmpadjust(page.gpa(), page.size(), attributes) }?;
        self.vmsas.note(page.gpa(), attributes.vmsa);
        Ok(())
    }

    fn flush_tlb(&mut self) -> Result<(), NotFlushed> {
        if self.quirks.broadcast_flush {
            tlb::flush_everywhere();
            return Ok(());
        }
        // No lower level runs but from a VMSA. One that cannot be reached now may be back later, with its translations.
        let mut index = 0;
        loop {
            let next = self.vmsas.0.lock().get(index).copied();
            let Some(vmsa) = next else {
                return Ok(());
            };
            self.flush_vmsa(vmsa).map_err(|VmsaBusy| NotFlushed)?;
            index += 1;
        }
    }
}

impl GuestMemory for Vcpu {
    fn read(&mut self, from: GuestRange<'_>, to: &mut [u8]) -> Result<(), GuestFault> {
        if from.len() != to.len() {
            return Err(GuestFault);
        }
        self.windows.read(from.start(), to)
    }

    fn write(&mut self, to: GuestRange<'_>, from: &[u8]) -> Result<(), GuestFault> {
        if to.len() != from.len() {
            return Err(GuestFault);
        }
        self.windows.write(to.start(), from)
    }

    fn zero(&mut self, range: GuestRange<'_>) -> Result<(), GuestFault> {
        self.windows.zero(range.start(), range.len())
    }

    fn exchange(&mut self, at: GuestRange<'_>, value: u8) -> Result<u8, GuestFault> {
        if at.len() != 1 {
            return Err(GuestFault);
        }
        self.windows.exchange_byte(at.start(), value)
    }
}

impl VmsaControl for Vcpu {
    fn stop(&mut self, vmsa: VmsaPage<'_>) -> Result<(), VmsaBusy> {
        self.update_word(vmsa.gpa() + offset::EFER as u64, |word| word & !efer::SVME)
            .map(|_| ())
    }

    fn start(&mut self, vmsa: VmsaPage<'_>) {
        if self
            .update_word(vmsa.gpa() + offset::EFER as u64, |word| word | efer::SVME)
            .is_err()
        {
            log::warn!("a VMSA of the guest is gone and will not run");
        }
    }

    fn register(&mut self, vmsa: VmsaPage<'_>, register: VmsaRegister) -> Result<u64, GuestFault> {
        self.windows.load(vmsa.gpa() + register.offset() as u64)
    }

    fn set_register(&mut self, vmsa: VmsaPage<'_>, register: VmsaRegister, value: u64) -> Result<(), VmsaBusy> {
        self.update_word(vmsa.gpa() + register.offset() as u64, |_| value)
            .map(|_| ())
    }

    fn fill(&mut self, page: &SvsmPage<'_>, contents: &Vmsa) -> Result<(), GuestFault> {
        self.windows.write(page.gpa().0, contents.as_bytes())
    }
}
