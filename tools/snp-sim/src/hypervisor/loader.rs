//! Launches an IGVM image, in the order in which QEMU and KVM do (QEMU `backends/igvm.c`, Linux `sev.c`): pages and parameters in file
//! order, then one save area for each virtual processor.
//!
//! This is the untrusted loader: what it does wrong, on purpose or not, shows in the measurement.

use super::guest_ram::{GUEST, GuestRam, SystemPages};
use crate::{
    hardware::Hardware,
    hv, hw,
    machine::{
        cpu,
        exit::{self, End},
        memory,
    },
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use snp_model::{
    device::kvm_clock,
    igvm::{Directive, Image, PageKind, Parameter},
    model::{
        address::{Gpa, PAGE_SIZE, PageSize, Spa},
        cpuid_page::Processor,
        field,
        launch::PageType,
        psp::{GuestSetup, SecurityProcessor, TSC_SCALE_ONE, TscInfo},
        rmp::NewState,
        vmsa::{self, at},
    },
    options::{Act, Occasion, Options},
    pki::Pki,
};

/// Where save areas are launched.
const VMSA_GPA: Gpa = Gpa(0xFFFF_FFFF_F000);
const LARGE: u64 = PageSize::Large.bytes();

/// A launched guest.
pub struct Launched {
    /// The save area of each virtual processor.
    pub save_areas: Vec<Spa>,
    /// SEV_FEATURES of the guest.
    pub features: u64,
    /// What the guest is told about its processor.
    pub processor: Processor,
}

/// The loader at work.
pub struct Loader<'a> {
    hardware: &'a mut Hardware,
    ram: &'a mut GuestRam,
    pages: &'a mut SystemPages,
    options: &'a Options,
    processor: Processor,
}

fn fail(what: core::fmt::Arguments) -> ! {
    exit::leave(End::SimulatorFailed, format_args!("the image cannot be loaded: {what}"))
}

impl<'a> Loader<'a> {
    /// A loader.
    pub fn new(
        hardware: &'a mut Hardware,
        ram: &'a mut GuestRam,
        pages: &'a mut SystemPages,
        options: &'a Options,
        processor: Processor,
    ) -> Self {
        Self {
            hardware,
            ram,
            pages,
            options,
            processor,
        }
    }

    /// Loads and launches.
    pub fn launch(&mut self, image: &Image, pki: Pki) -> Launched {
        let contexts = self.contexts(image);
        let features = vmsa::get(&contexts[0], at::SEV_FEATURES);
        if features & vmsa::FEATURE_SECURE_TSC == 0 {
            self.processor.hypervisor_features = kvm_clock::FEATURES;
        }
        self.start(image.policy, pki);
        self.lay_out_memory(image);
        let mut areas = BTreeMap::new();
        for directive in &image.directives {
            self.directive(directive, &mut areas);
        }
        let save_areas = contexts.iter().map(|context| self.save_area(context)).collect();
        match self.hardware.launch_finish() {
            Ok(digest) => hw!("measurement: {}", Hex(&digest)),
            Err(error) => fail(format_args!("launch finish: {error:?}")),
        }
        Launched {
            save_areas,
            features,
            processor: self.processor,
        }
    }

    /// The save areas as KVM will launch them.
    fn contexts(&self, image: &Image) -> Vec<vmsa::Vmsa> {
        let mut found: BTreeMap<u16, vmsa::Vmsa> = BTreeMap::new();
        for directive in &image.directives {
            let Directive::Vp { index, vmsa: bytes } = directive else {
                continue;
            };
            let mut context = [0; PAGE_SIZE as usize];
            context.copy_from_slice(bytes);
            match vmsa::as_kvm_launches(&context) {
                Ok(launched) => found.insert(*index, launched),
                Err(offset) => fail(format_args!("the save area sets byte {offset:#x}, which QEMU refuses")),
            };
        }
        let Some(first) = found.get(&0) else {
            fail(format_args!("no save area for processor 0"));
        };
        let features = vmsa::get(first, at::SEV_FEATURES);
        if features & vmsa::FEATURE_SNP == 0 || features & !vmsa::FEATURES != 0 {
            fail(format_args!("SEV_FEATURES {features:#x} are not supported"));
        }
        let reset = |index| {
            let missing = || vmsa::reset_state(self.processor.signature, features);
            found.get(&index).copied().unwrap_or_else(missing)
        };
        (0..self.options.processors).map(reset).collect()
    }

    fn start(&mut self, policy: u64, pki: Pki) {
        let mut setup = GuestSetup {
            policy,
            host_data: self.options.host_data,
            vmpcks: [[0; 32]; 4],
            report_id: [0; 32],
            tsc: TscInfo {
                scale: TSC_SCALE_ONE,
                // The guest's counter begins near zero.
                offset: cpu::tsc().wrapping_neg(),
                factor: 0,
            },
        };
        setup.vmpcks.iter_mut().for_each(|key| cpu::random_fill(key));
        cpu::random_fill(&mut setup.report_id);
        match SecurityProcessor::launch_start(pki.chip, pki.vcek, setup) {
            Ok(security) => self.hardware.launch_start(security),
            Err(status) => fail(format_args!("launch start with policy {policy:#x}: {status:?}")),
        }
    }

    /// Main memory, and regions of their own for addresses of the image outside it.
    fn lay_out_memory(&mut self, image: &Image) {
        let main = self.options.memory_mib << 20;
        let mut regions = vec![(0, main)];
        let mut outside: Vec<(u64, u64)> = image
            .directives
            .iter()
            .filter_map(extent)
            .filter(|&(_, end)| end > main)
            .collect();
        outside.sort_unstable();
        for (start, end) in outside {
            let (start, end) = (start & !(LARGE - 1), end.next_multiple_of(LARGE));
            match regions.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => regions.push((start, end)),
            }
        }
        for (start, end) in regions {
            hv!("guest memory {start:#x} to {end:#x}");
            if self.ram.add(Gpa(start), end - start, self.pages).is_none() {
                fail(format_args!("not enough system memory: give QEMU more with -m"));
            }
        }
    }

    fn directive(&mut self, directive: &Directive, areas: &mut BTreeMap<u32, Vec<u8>>) {
        match *directive {
            Directive::Area { index, bytes } => {
                areas.insert(index, vec![0; bytes as usize]);
            }
            Directive::Parameter {
                parameter,
                area,
                offset,
            } => {
                let value = self.parameter(parameter);
                let place = areas
                    .get_mut(&area)
                    .and_then(|bytes| bytes.get_mut(offset as usize..)?.get_mut(..value.len()));
                match place {
                    Some(place) => place.copy_from_slice(&value),
                    None => fail(format_args!("{parameter:?} does not fit its area")),
                }
            }
            Directive::Insert { gpa, area } => {
                let Some(bytes) = areas.remove(&area) else {
                    fail(format_args!("parameter area {area} is unknown or used twice"));
                };
                for (page, offset) in bytes.chunks(PAGE_SIZE as usize).zip((0..).step_by(PAGE_SIZE as usize)) {
                    self.page(gpa.add(offset), PageType::Unmeasured, page);
                }
            }
            Directive::Required { gpa, bytes } => self.required(gpa, bytes),
            Directive::Page { gpa, kind, data } => match kind {
                PageKind::Normal => self.page(gpa, PageType::Normal, data),
                PageKind::Unmeasured => self.page(gpa, PageType::Unmeasured, data),
                PageKind::Secrets => self.page(gpa, PageType::Secrets, &[]),
                PageKind::Cpuid => {
                    let table = self.processor.page(&cpu::cpuid);
                    self.page(gpa, PageType::Cpuid, &table);
                }
                PageKind::Shared => self.shared_page(gpa, data),
            },
            Directive::Vp { .. } => {}
        }
    }

    /// Makes memory private that the guest will validate, in large pages where they fit.
    fn required(&mut self, start: Gpa, bytes: u64) {
        let (mut gpa, end) = (start, start.add(bytes.next_multiple_of(PAGE_SIZE)));
        while gpa < end {
            let large = gpa.is_aligned(PageSize::Large) && end.0 - gpa.0 >= LARGE;
            let size = PageSize::from_bit(large);
            if let Err(error) = self.ram.make_private(self.hardware, gpa, size) {
                fail(format_args!("required memory {gpa:?}: {error:?}"));
            }
            gpa = gpa.add(size.bytes());
        }
    }

    /// Launches one page.
    fn page(&mut self, gpa: Gpa, kind: PageType, data: &[u8]) {
        let mut plain = [0; PAGE_SIZE as usize];
        plain[..data.len()].copy_from_slice(data);
        self.tamper(gpa, &mut plain);
        let page = match self.ram.assign(self.hardware, gpa, PageSize::Small, true) {
            Ok(page) => page,
            Err(error) => fail(format_args!("page at {gpa:?}: {error:?}")),
        };
        self.launch_update(kind, page, &plain);
    }

    fn launch_update(&mut self, kind: PageType, page: Spa, plain: &[u8]) {
        let signature = self.processor.signature;
        if let Err(error) = self.hardware.launch_update(kind, page, plain, signature) {
            fail(format_args!("launch update: {error:?}"));
        }
    }

    fn tamper(&self, gpa: Gpa, plain: &mut [u8]) {
        for &(target, xor) in &self.options.tamper {
            if target.page(PageSize::Small) == gpa {
                hv!("hostile: changes the byte at {target:?} before launch");
                plain[(target.0 % PAGE_SIZE) as usize] ^= xor;
            }
        }
    }

    fn shared_page(&mut self, gpa: Gpa, data: &[u8]) {
        match self.ram.shared_page(gpa) {
            Some(page) => memory::write(page.0, data),
            None => fail(format_args!("shared page at {gpa:?}")),
        }
    }

    /// Launches a save area at the address that KVM fixes.
    fn save_area(&mut self, context: &vmsa::Vmsa) -> Spa {
        let Some(page) = self.pages.take(PAGE_SIZE, PageSize::Small) else {
            fail(format_args!("not enough system memory"));
        };
        let state = NewState::Guest {
            asid: GUEST,
            gpa: VMSA_GPA,
            immutable: true,
        };
        if let Err(error) = self.hardware.rmpupdate(page, PageSize::Small, state) {
            fail(format_args!("save area: {error:?}"));
        }
        let mut plain = *context;
        self.tamper(VMSA_GPA, &mut plain);
        self.launch_update(PageType::Vmsa, page, &plain);
        page
    }

    fn parameter(&self, parameter: Parameter) -> Vec<u8> {
        match parameter {
            Parameter::VpCount => {
                let claimed = self.options.acts(Occasion::Own(1)).find_map(|act| match act {
                    Act::VpCount(count) => Some(count),
                    _ => None,
                });
                claimed
                    .unwrap_or(u32::from(self.options.processors))
                    .to_le_bytes()
                    .to_vec()
            }
            Parameter::Environment => 1u32.to_le_bytes().to_vec(),
            Parameter::MemoryMap => {
                let mut map = memory_map_entry(0, (self.options.memory_mib << 20) / PAGE_SIZE);
                for act in self.options.acts(Occasion::Own(1)) {
                    if let Act::MemoryMap(gpa, pages) = act {
                        hv!("hostile: {pages} pages at {gpa:?} in the memory map");
                        map.extend(memory_map_entry(gpa.0 / PAGE_SIZE, pages));
                    }
                }
                map.extend(memory_map_entry(0, 0));
                map
            }
        }
    }
}

/// Entry of the memory map: first page, number of pages, type (0 = memory).
fn memory_map_entry(first: u64, pages: u64) -> Vec<u8> {
    let mut entry = vec![0; 24];
    field::write(&mut entry, 0, &first.to_le_bytes());
    field::write(&mut entry, 8, &pages.to_le_bytes());
    entry
}

/// The range that a directive needs memory for.
fn extent(directive: &Directive) -> Option<(u64, u64)> {
    match *directive {
        Directive::Page { gpa, .. } | Directive::Insert { gpa, .. } => Some((gpa.0, gpa.0 + PAGE_SIZE)),
        Directive::Required { gpa, bytes } => Some((gpa.0, gpa.0 + bytes)),
        _ => None,
    }
}

/// Bytes in hexadecimal.
pub struct Hex<'a>(pub &'a [u8]);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
