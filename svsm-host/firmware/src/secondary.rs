//! The vCPUs beside the boot processor: each gets a context of its own at VMPL0, and serves the guest's requests of its vCPU (SVSM chapter 5).
//!
//! Their number is the hypervisor's claim; it is bounded, and a claim that is not true shows as a vCPU that never comes up or as one that the
//! guest cannot start. APIC IDs are counted from zero, as QEMU gives them. A vCPU's VMSA at VMPL0 is a page of the region that only VMPL0
//! can touch; it starts in 64-bit mode with the page tables in use, on its own stack, and waits until the guest has given it something
//! to run.

use crate::{
    boot::{Tables, load_tables},
    console,
    exception::{self, Stacks},
    fatal, processor,
};
use alloc::boxed::Box;
use core::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};
use svsm_platform::{ApicId, Event};
use svsm_proto::{
    ghcb::{ApCreation, ApRequest, Outcome, exit},
    ghcb_msr::Termination,
    guest_msg::TscInfoResponse,
    rmp::{PageSize, Permissions, RmpAttributes},
    vmsa::{LongModeStart, SevFeatures, Vmsa},
};
use svsm_service::request_loop::{self, Turn};
use svsm_snp::{
    control,
    ghcb::Ghcb,
    guest_copy::Windows,
    rmp,
    shared_page::AtomicPage,
    tsc,
    vcpu::{Quirks, RequestPages, Vcpu, VmsaList},
};
use zerocopy::FromZeros;

use crate::run::TheSvsm;

/// What was set apart for one of them while the region was carved up.
pub struct Parts {
    /// Its number, which is its APIC ID too.
    pub number: usize,
    /// Its stack: top and pages.
    pub stack: (u64, u64),
    /// Its descriptor tables.
    pub tables: Tables,
    /// A shared page for its GHCB.
    pub ghcb: AtomicPage,
    /// Its windows to the guest's memory.
    pub windows: Windows,
    /// Its pages for PSP messages.
    pub requests: RequestPages,
    /// A page for its VMSA at VMPL0.
    pub vmsa: u64,
    /// The page tables.
    pub cr3: u64,
}

/// What all of them share.
#[derive(Clone, Copy)]
pub struct Common {
    /// The SVSM.
    pub svsm: &'static TheSvsm,
    /// VMSAs of lower levels.
    pub vmsas: &'static VmsaList,
    /// What the processor needs from software.
    pub quirks: Quirks,
    /// SEV_FEATURES of VMPL0.
    pub features: SevFeatures,
    /// Scale and offset of the Secure TSC, where there is one.
    pub tsc: Option<TscInfoResponse>,
}

/// Every vCPU uses the SVSM through a shared reference.
const _: () = {
    const fn shared_by_vcpus<T: Sync>() {}
    shared_by_vcpus::<TheSvsm>();
};

struct Secondary {
    parts: Parts,
    common: Common,
}

/// How many have come up.
static UP: AtomicUsize = AtomicUsize::new(0);

/// How long a vCPU may take to come up, in ticks of the time-stamp counter: tens of seconds at any frequency that there is. Whether the hypervisor ever
/// runs it is the hypervisor's choice; that it did not is said then, instead of hanging in silence.
const PATIENCE: u64 = 1 << 36;

/// Starts one, and waits until it is up.
pub fn start(parts: Parts, common: Common) -> Result<(), Termination> {
    let (number, page) = (parts.number, parts.vmsa);
    let record = processor::of(number).ok_or(Termination::GuestVmsa)?;
    record.set_stack(parts.stack.0, parts.stack.1);
    let mut vmsa = Vmsa::new_box_zeroed().map_err(|_| Termination::OutOfMemory)?;
    fill(&mut vmsa, &parts, &common, record.address());
    let secondary = Box::leak(Box::new(Secondary { parts, common }));
    vmsa.rdi = (&raw const *secondary) as u64;
    // SAFETY: the page was set apart for this VMSA, is mapped for writing, and is no VMSA yet.
    unsafe { (page as *mut Vmsa).write(*vmsa) };
    let attributes = RmpAttributes {
        vmpl: 1,
        permissions: Permissions::empty(),
        vmsa: true,
    };
    // SAFETY: the page is mapped privately and its contents are a VMSA of our own; no lower level may touch it.
    unsafe { rmp::rmpadjust(page, PageSize::Small, attributes) }.map_err(|_| Termination::Rmpadjust)?;
    let creation = ApCreation {
        request: ApRequest::Create,
        vmpl: 0,
        apic_id: number as u32,
    };
    let before = UP.load(Ordering::Acquire);
    let reply = console::ghcb()
        .ok_or(Termination::GhcbRegistration)?
        .lock()
        .event(&Event {
            exit_code: exit::AP_CREATION,
            info1: creation.encode(),
            info2: page,
            rax: Some(common.features.bits()),
            ..Event::default()
        });
    match Outcome::decode(reply.info1, reply.info2) {
        Outcome::Done => {}
        Outcome::Exception(_) | Outcome::Malformed(_) | Outcome::Unknown(_) => return Err(Termination::Processor),
    }
    let asked = tsc::ticks();
    while UP.load(Ordering::Acquire) == before {
        if tsc::ticks().wrapping_sub(asked) > PATIENCE {
            return Err(Termination::Processor);
        }
        core::hint::spin_loop();
    }
    Ok(())
}

/// The state in which it starts: that of the boot processor at this point.
fn fill(vmsa: &mut Vmsa, parts: &Parts, common: &Common, gs_base: u64) {
    vmsa.start_in_long_mode(&LongModeStart {
        code: 0x08,
        data: 0x10,
        cr3: parts.cr3,
        rip: enter as *const () as u64,
        // As behind a call: the return address would lie at a multiple of 16 less 8.
        rsp: parts.stack.0 - 8,
    });
    vmsa.gs.base = gs_base;
    vmsa.sev_features = common.features.bits();
    if let Some(tsc) = common.tsc {
        vmsa.guest_tsc_scale = tsc.tsc_scale;
        vmsa.guest_tsc_offset = tsc.tsc_offset;
    }
}

/// Its first code, on its own stack.
extern "C" fn enter(secondary: *const Secondary) -> ! {
    // SAFETY: `start` leaked the value for this vCPU alone, which takes it once.
    let Secondary { parts, common } = unsafe { secondary.read() };
    load_tables(&parts.tables);
    exception::install(Stacks::OfTheirOwn);
    let Some(ghcb) = Ghcb::register(parts.ghcb) else {
        fatal::stop(
            Termination::GhcbRegistration,
            format_args!("the GHCB was not registered"),
        )
    };
    console::install(ghcb);
    let Some(ghcb) = console::ghcb() else {
        fatal::stop(Termination::GhcbRegistration, format_args!("there is no GHCB"))
    };
    let mut vcpu = Vcpu::new(ghcb, parts.windows, parts.requests, common.vmsas, common.quirks);
    log::info!("vCPU {} is up at VMPL0", parts.number);
    UP.fetch_add(1, Ordering::AcqRel);
    let reason = match serve(common.svsm, &mut vcpu, ApicId(parts.number as u32)) {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    fatal::stop(reason, format_args!("vCPU {}", parts.number))
}

/// Serves the guest's requests on the vCPU that executes this.
pub fn serve(svsm: &TheSvsm, vcpu: &mut Vcpu, cpu: ApicId) -> Result<Infallible, Termination> {
    // The guest may have started this vCPU and called before it got here.
    let mut called = true;
    loop {
        if core::mem::take(&mut called) {
            request_loop::serve(svsm, vcpu, cpu);
        }
        match request_loop::turn(svsm, vcpu, cpu)? {
            Turn::Served | Turn::NoCall => {}
            // There is no VMSA for it. It is resumed when another vCPU has created one, and the guest calls from there.
            Turn::Idle => {
                control::wait();
                called = true;
            }
        }
    }
}
