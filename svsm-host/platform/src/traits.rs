//! The traits. Each is small enough to be read at a glance; each method does one thing and decides nothing.
//!
//! Trust in what comes back differs: results of instructions (PVALIDATE, RMPADJUST, a VMSA's words) are hardware's and believed; bytes of guest
//! memory are the guest's at the moment of the copy; everything from [`Hypervisor`] may be a lie and is checked by the caller.

use crate::{GuestRange, PageToken, SvsmPage, VmsaPage};
use svsm_proto::{
    guest_msg::Message,
    psc::PscList,
    rmp::{Pvalidate, RmpAttributes, RmpError},
    vmsa::{Vmsa, offset},
};

/// An event for the hypervisor over the GHCB page: SW_EXITCODE, SW_EXITINFO1, SW_EXITINFO2 and the registers that it needs (GHCB §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// SW_EXITCODE.
    pub exit_code: u64,
    /// SW_EXITINFO1.
    pub info1: u64,
    /// SW_EXITINFO2.
    pub info2: u64,
    /// RAX, if the event carries it.
    pub rax: Option<u64>,
    /// RBX, if the event carries it.
    pub rbx: Option<u64>,
    /// RCX, if the event carries it.
    pub rcx: Option<u64>,
    /// RDX, if the event carries it.
    pub rdx: Option<u64>,
}

/// What the hypervisor left in the GHCB page, each field read once. Registers are `None` unless marked valid. All of it is untrusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventReply {
    /// SW_EXITINFO1.
    pub info1: u64,
    /// SW_EXITINFO2.
    pub info2: u64,
    /// RAX.
    pub rax: Option<u64>,
    /// RBX.
    pub rbx: Option<u64>,
    /// RCX.
    pub rcx: Option<u64>,
    /// RDX.
    pub rdx: Option<u64>,
}

/// Questions to the hypervisor, with this vCPU's GHCB.
pub trait Hypervisor {
    /// Writes `request` to the GHCB MSR, executes VMGEXIT, and returns what the MSR then holds. A run-VMPL request returns when this vCPU runs
    /// at VMPL0 again, for whatever reason.
    fn msr_exchange(&mut self, request: u64) -> u64;

    /// One event over the registered GHCB page. The page is cleared before, and every field of the reply is read once after.
    fn event(&mut self, event: &Event) -> EventReply;

    /// A page state change over the registered GHCB page. `list` is copied to the page's buffer before, and is afterwards what the hypervisor
    /// left there, each word read once.
    fn page_state_change(&mut self, list: &mut PscList) -> EventReply;

    /// SNP_GUEST_REQUEST, or SNP_EXTENDED_GUEST_REQUEST when `certificates` are wanted. Implementors own shared pages for request, response
    /// and certificates; they copy `request` out, execute the event, and copy response and certificates in, whatever the reply says. RBX
    /// of the event is the length of `certificates` in pages; more than the implementor has room for is cut.
    fn guest_request(
        &mut self,
        request: &Message,
        response: &mut Message,
        certificates: Option<&mut [u8]>,
    ) -> EventReply;
}

/// Why a page could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageError {
    /// The instruction's return code.
    Instruction(RmpError),
    /// RMPADJUST on a page that is not validated: #VC 0x404.
    NotValidated,
    /// The page cannot be mapped, or the instruction faulted in any other way.
    Fault,
    /// A processor may still hold a translation with the old permissions.
    NotFlushed,
}

/// A VMSA's translations could not be dropped: it runs elsewhere, or the hypervisor took it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFlushed;

/// Page validation and permissions.
pub trait PageControl {
    /// PVALIDATE: validates or rescinds. After validating, stale cache lines are evicted where the processor needs that; the contents are not
    /// touched.
    fn pvalidate(&mut self, page: PageToken<'_>, validate: bool) -> Result<Pvalidate, PageError>;

    /// RMPADJUST: replaces one level's permissions and, always, the VMSA attribute.
    fn rmpadjust(&mut self, page: PageToken<'_>, attributes: RmpAttributes) -> Result<(), PageError>;

    /// Returns when no vCPU holds a stale translation any more for any level. Needed after permissions were tightened: on an error nothing
    /// may be built on the new permissions.
    fn flush_tlb(&mut self) -> Result<(), NotFlushed>;
}

/// Touching guest memory faulted: it is not validated, or the hypervisor took it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestFault;

/// Copies between private SVSM memory and guest memory. Guest memory changes at any time; no reference into it ever exists. A range and
/// the buffer beside it must be equally long, or the copy is refused as a fault.
pub trait GuestMemory {
    /// Copies in.
    fn read(&mut self, from: GuestRange<'_>, to: &mut [u8]) -> Result<(), GuestFault>;

    /// Copies out. On a fault some bytes may have been written.
    fn write(&mut self, to: GuestRange<'_>, from: &[u8]) -> Result<(), GuestFault>;

    /// Writes zeros.
    fn zero(&mut self, range: GuestRange<'_>) -> Result<(), GuestFault>;

    /// Exchanges the range's only byte for `value`, atomically, and returns what was there. A range of any other length is a fault.
    fn exchange(&mut self, at: GuestRange<'_>, value: u8) -> Result<u8, GuestFault>;
}

/// The VMSA is in use by a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmsaBusy;

/// The registers of a guest's VMSA that the SVSM reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmsaRegister {
    /// RAX: protocol and call, then the result.
    Rax,
    /// RCX.
    Rcx,
    /// RDX.
    Rdx,
    /// R8.
    R8,
    /// R9.
    R9,
    /// GUEST_EXITCODE: why the level left, written by hardware.
    ExitCode,
}

impl VmsaRegister {
    /// Offset in the VMSA.
    pub const fn offset(self) -> usize {
        match self {
            VmsaRegister::Rax => offset::RAX,
            VmsaRegister::Rcx => offset::RCX,
            VmsaRegister::Rdx => offset::RDX,
            VmsaRegister::R8 => offset::R8,
            VmsaRegister::R9 => offset::R9,
            VmsaRegister::ExitCode => offset::GUEST_EXITCODE,
        }
    }
}

/// A lower level's VMSA. Words are read and written one at a time, and only while the VMSA is stopped.
pub trait VmsaControl {
    /// Clears EFER.SVME by compare-exchange, so that the hypervisor cannot run the VMSA. Already stopped is success.
    fn stop(&mut self, vmsa: VmsaPage<'_>) -> Result<(), VmsaBusy>;

    /// Sets EFER.SVME: from here on the VMSA may run at any moment.
    fn start(&mut self, vmsa: VmsaPage<'_>);

    /// Reads a register. A fault is no value: zero in RAX would be a call.
    fn register(&mut self, vmsa: VmsaPage<'_>, register: VmsaRegister) -> Result<u64, GuestFault>;

    /// Writes a register.
    fn set_register(&mut self, vmsa: VmsaPage<'_>, register: VmsaRegister, value: u64) -> Result<(), VmsaBusy>;

    /// Fills a page of the SVSM's with a new VMSA, before the page gets the VMSA attribute. After a fault the page is none.
    fn fill(&mut self, page: &SvsmPage<'_>, contents: &Vmsa) -> Result<(), GuestFault>;
}

/// Everything that the SVSM does on one vCPU.
pub trait Platform: Hypervisor + PageControl + GuestMemory + VmsaControl {}

impl<T: Hypervisor + PageControl + GuestMemory + VmsaControl> Platform for T {}

/// The machine gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

/// Random numbers that the hypervisor neither sees nor steers (RDSEED, RDRAND).
pub trait Entropy {
    /// Fills `out` with full entropy, or leaves it unusable.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

/// Where the time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// Secure TSC: scale and offset are the PSP's, the frequency is attested.
    SecureTsc,
    /// The TSC without that: the hypervisor can scale it.
    HypervisorScaled,
}

/// Real time since power-on.
pub trait Clock {
    /// Milliseconds since power-on; never goes back, on any vCPU.
    fn milliseconds(&mut self) -> u64;

    /// Where they come from.
    fn source(&self) -> ClockSource;
}
