//! Wiring: the parts are put together, the TPM is provisioned, the guest is started, and then its requests are served for ever.
//!
//! Everything that is decided here is an order: the PSP's key is taken and wiped before anything else can see it; the TPM has its keys, the
//! boot identity exists and the boot is measured before the guest's first instruction; and the guest gets its memory last. What can fail by somebody else's doing comes
//! back as a termination reason; what each part does is its own crate's business.

use crate::{
    boot::{self, Resources},
    console, fatal, heap,
    launch::{self, LaunchPage},
    secondary,
};
use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU64;
use sha2::{Digest, Sha256};
use spin::Mutex;
use svsm_accel::NativeArithmetic;
use svsm_platform::{ApicId, ClockSource, Gpa, MemoryMap, Vmpl};
use svsm_proto::{
    PAGE_SIZE,
    ghcb_msr::Termination,
    guest_msg::TscInfoResponse,
    igvm_params::{self, ENTRY_MEMORY},
    launch_info::{LaunchInfo, PageRange, REGION_GPA},
    secrets_page::MIN_VERSION,
    vmsa::{KVM_LAUNCH_GPA, SevFeatures},
};
use svsm_sandbox::{Limits, Sandbox};
use svsm_service::{
    guest_boot::{self, GuestStart},
    heap_bound::heap_bound,
    host::TpmHost,
    measured_boot::{self, Started},
    psp::Psp,
    svsm::{Evidence, Parts, Svsm, boot_identity},
    tpm::{PlatformHierarchy, Tpm},
};
use svsm_snp::{
    entropy::{Generator, SharedGenerator},
    msr,
    paging::CBit,
    tsc::{self, TscClock},
    vcpu::{Quirks, Vcpu, VmsaList},
};
use zerocopy::IntoBytes;
use zeroize::Zeroize;

/// The first vCPU's APIC ID.
const BOOT_PROCESSOR: ApicId = ApicId(0);

/// Heap that the sandbox must leave to everything else. More than the services' own bounds together: the allocator also loses some in gaps.
const HEAP_OF_OTHERS: usize = 1856 << 10;

const _: () = assert!(
    heap_bound(1) + svsm_accel::HEAP_BOUND + (64 << 10) <= HEAP_OF_OTHERS,
    "the services' bounds are what is kept free"
);

/// The interpreter's value stack, of which the engine needs a small part.
const INTERPRETER_STACK: usize = 64 << 10;

/// Fuel of one call: about 25 s where the interpreter is fast. It is twice what the dearest one takes from a component that does without the host's
/// arithmetic (four keys, two of them RSA-2048, whose search for primes is luck: 7e9; ours takes 1e9). A component that never comes back costs
/// the guest that much once, and its TPM.
const COMMAND_FUEL: u64 = 16_000_000_000;

type TpmComponent = Sandbox<TpmHost<SharedGenerator, &'static TscClock, NativeArithmetic>>;
/// The SVSM with the parts that this program is made of.
pub type TheSvsm = Svsm<TpmComponent, &'static TscClock>;

/// Runs until the VM ends.
pub fn run(info: &LaunchInfo, c_bit: CBit, started_at: u64, resources: Resources) -> ! {
    let reason = match serve(info, c_bit, started_at, resources) {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    let words = Termination::describe(reason as u8).unwrap_or("no reason");
    fatal::stop(reason, format_args!("{words}"))
}

fn serve(
    info: &LaunchInfo,
    c_bit: CBit,
    started_at: u64,
    resources: Resources,
) -> Result<core::convert::Infallible, Termination> {
    let Resources {
        windows,
        requests,
        vmsa,
        component_memory,
        secondaries,
    } = resources;
    let clock = clock(started_at)?;
    log::info!("Cloister SVSM {} at VMPL0", env!("CARGO_PKG_VERSION"));
    let processors = igvm_params::vp_count(launch::page(LaunchPage::VpCount)).unwrap_or(0);
    log::info!("the hypervisor claims {processors} processors");
    svsm_sandbox::self_test::run().map_err(|_| Termination::TailCalls)?;
    report("interpreter tested", clock);
    let ghcb = console::ghcb().ok_or(Termination::GhcbRegistration)?;
    let quirks = Quirks::from_cpuid(launch::cpuid_page());
    let vmsas = Box::leak(Box::new(VmsaList::new()));
    let mut vcpu = Vcpu::new(ghcb, windows, requests, vmsas, quirks);
    let entropy = SharedGenerator(Box::leak(Box::new(Mutex::new(Generator::new()))));
    let (svsm, tsc) = assemble(info, c_bit, &mut vcpu, entropy, clock, component_memory, vmsa)?;
    let svsm = Box::leak(Box::new(svsm));
    let common = secondary::Common {
        svsm,
        vmsas,
        quirks,
        features: SevFeatures::from_sev_status(msr::sev_status()),
        tsc,
    };
    for parts in secondaries.into_iter().flatten() {
        secondary::start(parts, common)?;
    }
    report("guest starts", clock);
    secondary::serve(svsm, &mut vcpu, BOOT_PROCESSOR)
}

/// Builds the SVSM and prepares the guest.
fn assemble(
    info: &LaunchInfo,
    c_bit: CBit,
    vcpu: &mut Vcpu,
    mut entropy: SharedGenerator,
    clock: &'static TscClock,
    component_memory: &'static mut [u8],
    vmsa: u64,
) -> Result<(TheSvsm, Option<TscInfoResponse>), Termination> {
    let map = memory_map(info, c_bit)?;
    let guest_vmpl = Vmpl::new(info.guest_vmpl).map_err(|_| Termination::LaunchInfo)?;
    let mut secrets = launch::take_secrets().ok_or(Termination::OutOfMemory)?;
    if secrets.version < MIN_VERSION {
        return Err(Termination::SecretsPage);
    }
    let mut psp = Psp::take(&mut secrets, clock);
    // The other keys above the guest's level serve nobody.
    for key in secrets.vmpck.iter_mut().take(usize::from(guest_vmpl.number())) {
        key.zeroize();
    }
    let sev_features = guest_boot::guest_features(SevFeatures::from_sev_status(msr::sev_status()));
    let tsc = if sev_features.contains(SevFeatures::SECURE_TSC) {
        Some(psp.tsc_info(vcpu).map_err(|_| Termination::PspMessage)?)
    } else {
        None
    };
    let file = launch::component(info);
    let component_sha256: [u8; 32] = Sha256::digest(file).into();
    let component = load(file, component_memory, entropy, clock)?;
    report("component loaded", clock);
    let mut tpm = Tpm::power_on(component, &[], PlatformHierarchy::CloseNow, &mut entropy).map_err(|error| {
        log::error!("the TPM does not start: {error:?}");
        Termination::Provisioning
    })?;
    let boot_report = boot_identity(&tpm, &mut psp, vcpu).map_err(|error| {
        log::error!("no boot identity: {error:?}");
        Termination::BootIdentity
    })?;
    report("TPM provisioned", clock);
    let started = Started {
        launch: info,
        component: file,
        boot_report: &boot_report,
    };
    let event_log = measure(&mut tpm, vcpu, &map, &started, clock)?;
    let svsm = Svsm::new(Parts {
        guest_vmpl,
        sev_features,
        map,
        tpm,
        psp,
        evidence: Evidence {
            component_sha256,
            boot_report,
            event_log,
        },
    });
    let start = GuestStart {
        launch: info,
        secrets: &secrets,
        cpuid: launch::cpuid_page(),
        c_bit: c_bit.position(),
        tsc,
        cpu: BOOT_PROCESSOR,
        vmsa: Gpa(vmsa),
    };
    let prepared = guest_boot::prepare(&svsm, vcpu, &start);
    secrets.as_mut_bytes().zeroize();
    prepared?;
    Ok((svsm, tsc))
}

/// Measures what is started; the event log.
fn measure(
    tpm: &mut Tpm<TpmComponent>,
    vcpu: &mut Vcpu,
    map: &MemoryMap,
    started: &Started<'_>,
    clock: &TscClock,
) -> Result<Vec<u8>, Termination> {
    let event_log = measured_boot::measure(tpm, vcpu, map, started).map_err(|error| {
        log::error!("the boot cannot be measured: {error:?}");
        Termination::MeasuredBoot
    })?;
    report("boot measured", clock);
    Ok(event_log)
}

/// The clock, which showed zero at the firmware's first Rust instruction.
fn clock(started_at: u64) -> Result<&'static TscClock, Termination> {
    let (frequency, source) = match msr::secure_tsc_frequency() {
        Some(frequency) => (Some(frequency), ClockSource::SecureTsc),
        None => (
            tsc::claimed_frequency(launch::cpuid_page()),
            ClockSource::HypervisorScaled,
        ),
    };
    let frequency = frequency.and_then(NonZeroU64::new).ok_or(Termination::Clock)?;
    Ok(Box::leak(Box::new(TscClock::new(frequency, source, started_at))))
}

/// What the hypervisor claims to be memory, and what was launched for the guest.
///
/// An honest map never names an address with the C-bit or the SVSM's own launch VMSA, which lies outside the region. Were they
/// taken for guest memory, the guest could have the SVSM read and write its own pages.
fn memory_map(info: &LaunchInfo, c_bit: CBit) -> Result<MemoryMap, Termination> {
    let claimed = igvm_params::memory_map(launch::page(LaunchPage::MemoryMap)).map_err(|_| Termination::MemoryMap)?;
    let mut memory = Vec::new();
    for entry in claimed.filter(|entry| entry.entry_type == ENTRY_MEMORY) {
        let range = PageRange {
            gpa: entry.first_page * PAGE_SIZE as u64,
            pages: entry.pages,
        };
        let end = range.end().ok_or(Termination::MemoryMap)?;
        if end > c_bit.mask() || (range.gpa..end).contains(&KVM_LAUNCH_GPA) {
            return Err(Termination::MemoryMap);
        }
        memory.try_reserve(1).map_err(|_| Termination::OutOfMemory)?;
        memory.push(range);
    }
    let region = PageRange {
        gpa: REGION_GPA,
        pages: info.region_size() / PAGE_SIZE as u64,
    };
    let memory = memory.into_iter().chain(info.guest_ranges().iter().copied());
    MemoryMap::new(region, memory).map_err(|_| Termination::MemoryMap)
}

fn load(
    file: &[u8],
    memory: &'static mut [u8],
    entropy: SharedGenerator,
    clock: &'static TscClock,
) -> Result<TpmComponent, Termination> {
    let limits = Limits {
        heap_bytes: heap_for_sandbox(),
        heap_free: Some(heap_for_sandbox),
        stack_bytes: INTERPRETER_STACK,
        fuel: COMMAND_FUEL,
        ..Limits::default()
    };
    let host = TpmHost::new(entropy, clock, NativeArithmetic);
    Sandbox::load_in(file, limits, memory, host).map_err(|fault| {
        log::error!("the component is refused: {fault:?}");
        Termination::Component
    })
}

/// What is free of the heap, without the part of the others.
fn heap_for_sandbox() -> usize {
    let usage = heap::usage();
    (usage.size - usage.used).saturating_sub(HEAP_OF_OTHERS)
}

/// One line about time and memory, which are budgets.
fn report(step: &str, clock: &TscClock) {
    let usage = heap::usage();
    log::info!(
        "{step}: {} ms, heap {} KiB of {} (peak {}), stack {} KiB",
        clock.microseconds() / 1000,
        usage.used >> 10,
        usage.size >> 10,
        usage.peak >> 10,
        boot::stack_used().div_ceil(1024)
    );
}
