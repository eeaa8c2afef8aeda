//! Calls with wild registers and wild structures, thousands of them, from a seed: whatever a guest says, the answer is one of the specification's
//! codes, and the SVSM serves the next call.
//!
//! The guest keeps itself alive: lists and buffers lie in pages of its own that stay valid, and what calls may take away (pages to rescind, deposit
//! or turn into VMSAs) comes from memory that it does not use, from the SVSM's, or from nowhere. TPM commands are ones that change nothing, so that the
//! TPM must be at the end what it was at the beginning.

use crate::{ghcb, machine::Machine, memory};
use sim_guest::tpm::{self, Command, cc};
use svsm_proto::{
    calling_area::{Call, protocol},
    core_call,
    launch_info::{FIRMWARE_GPA, LAUNCH_INFO_GPA, REGION_GPA, REGION_SIZE},
    manifest,
    psc::PageState,
    vmsa,
};
use zerocopy::{FromZeros, IntoBytes};

extern crate alloc;
use alloc::{collections::BTreeMap, vec::Vec};

/// Pages at the end of memory that calls may take away.
const VICTIMS: u64 = 24;
/// Pages of our own that hold structures; behind them a second calling area, and a page for VMSAs.
const STRUCTURES: u64 = 6;

/// Marsaglia's xorshift64*: not random enough for anything but this.
struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.word() >> 16) % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

struct Wild<'a> {
    machine: &'a mut Machine,
    dice: Dice,
    structures: u64,
    victims: u64,
    foreign: Vec<u64>,
}

/// Runs `SEED:COUNT`.
pub fn run(machine: &mut Machine, text: &str) {
    let parsed = text.split_once(':').and_then(|(seed, count)| {
        let seed: u64 = seed.parse().ok().filter(|&seed| seed != 0)?;
        Some((seed, count.parse::<u32>().ok()?))
    });
    let Some((seed, count)) = parsed else {
        return machine.say(format_args!("FAIL: wild:SEED:COUNT, with a seed that is not 0"));
    };
    let before = fingerprint(machine);
    machine.check("wild: the TPM answers before", u64::from(before.is_some()), 1);
    let Some(victims) = victims(machine) else {
        return machine.say(format_args!("FAIL: the boot information lists no memory"));
    };
    let foreign = foreign(machine);
    let structures = memory::pages(STRUCTURES as usize + 2);
    let mut results = BTreeMap::new();
    let mut wild = Wild {
        machine,
        dice: Dice(seed),
        structures,
        victims,
        foreign,
    };
    for number in 0..count {
        let rax = wild.call();
        if !is_specified(rax) {
            wild.machine
                .say(format_args!("FAIL: call {number} came back with {rax:#x}"));
        }
        *results.entry(rax).or_insert(0u32) += 1;
    }
    for (rax, times) in &results {
        machine.say(format_args!("wild: result {rax:#x} {times} times"));
    }
    machine.check(
        "wild: many kinds of results were met",
        u64::from(results.len() >= 6 && results.contains_key(&0)),
        1,
    );
    let query = u64::from(protocol::VTPM) << 32 | 1;
    let out = machine.svsm.core(core_call::call::QUERY_PROTOCOL, query, 0, 0);
    machine.check("wild: the SVSM serves its calls", out.rax, 0);
    let same = before.is_some() && before == fingerprint(machine);
    machine.check("wild: the TPM is what it was", u64::from(same), 1);
}

/// RAX after a call: 0, the codes of the SVSM specification's table 5, and those of PVALIDATE and DELETE_VCPU at 0x8000_1000.
fn is_specified(rax: u64) -> bool {
    rax == 0 || (0x8000_0000..=0x8000_0007).contains(&rax) || (0x8000_1000..=0x8000_1011).contains(&rax)
}

/// PCR values and the publics of the provisioned keys.
fn fingerprint(machine: &Machine) -> Option<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    for pcr in 0..24 {
        let read = Command::new(cc::PCR_READ).bytes(&tpm::sha256_pcrs(1 << pcr)).build();
        // Behind the update counter, which counts changes and so must stay as well.
        parts.push(machine.svsm.tpm_raw(&read).ok()?);
    }
    for handle in tpm::PROVISIONED {
        let read = Command::new(cc::READ_PUBLIC).handle(handle).build();
        parts.push(machine.svsm.tpm_raw(&read).ok()?);
    }
    Some(parts)
}

/// The first of the pages that may be lost: private, and validated or not.
fn victims(machine: &Machine) -> Option<u64> {
    let ranges = machine.info.memory.iter().take(machine.info.memory_count as usize);
    let largest = ranges.max_by_key(|range| range.pages)?;
    let first = largest.gpa + (largest.pages - VICTIMS) * memory::PAGE;
    for index in 0..VICTIMS {
        ghcb::change_page(first + index * memory::PAGE, PageState::Private);
    }
    Some(first)
}

/// Addresses that are not ours to use.
fn foreign(machine: &Machine) -> Vec<u64> {
    let ranges = machine.info.memory.iter().take(machine.info.memory_count as usize);
    let end = ranges.map(|range| range.gpa + range.pages * memory::PAGE).max();
    let mut addresses = alloc::vec![
        0,
        REGION_GPA,
        REGION_GPA - memory::PAGE,
        REGION_GPA + REGION_SIZE - memory::PAGE,
        REGION_GPA + REGION_SIZE,
        FIRMWARE_GPA,
        LAUNCH_INFO_GPA,
        0xFEC0_0000,
        0xFEE0_0000,
        1 << 47,
        u64::MAX - 0xFFF,
        u64::MAX,
    ];
    addresses.extend(end);
    addresses.push(machine.tables.c_bit() | machine.svsm.scratch());
    addresses
}

impl Wild<'_> {
    /// A page of ours, mostly from its beginning.
    fn structure(&mut self) -> u64 {
        let page = self.structures + self.dice.below(STRUCTURES) * memory::PAGE;
        page + match self.dice.below(8) {
            0 => self.dice.below(memory::PAGE),
            1 => memory::PAGE - 8 * (1 + self.dice.below(8)),
            2 => 8 * self.dice.below(64),
            _ => 0,
        }
    }

    /// A page that a call may take away.
    fn victim(&mut self) -> u64 {
        self.victims + self.dice.below(VICTIMS) * memory::PAGE
    }

    /// An address as an attacker would name it.
    fn address(&mut self) -> u64 {
        match self.dice.below(10) {
            0..=4 => self.structure(),
            5..=6 => self.victim(),
            7 => self.dice.word(),
            8 => {
                let foreign = self.dice.below(self.foreign.len() as u64) as usize;
                let near = self.dice.below(16);
                self.foreign[foreign].wrapping_add(near)
            }
            _ => self.machine.svsm.calling_area(),
        }
    }

    /// A page that is not ours to lose: for the entries of lists and what becomes a VMSA.
    fn expendable(&mut self) -> u64 {
        match self.dice.below(8) {
            0..=5 => self.victim(),
            6 => {
                let foreign = self.dice.below(self.foreign.len() as u64 - 1) as usize;
                self.foreign[foreign] & !0xFFF
            }
            _ => self.dice.word() | 1 << 50,
        }
    }

    fn call(&mut self) -> u64 {
        let number = match self.dice.below(12) {
            0..=4 => Call::rax(protocol::CORE, self.dice.below(9) as u32),
            5..=7 => Call::rax(protocol::ATTESTATION, self.dice.below(3) as u32),
            8..=10 => Call::rax(protocol::VTPM, self.dice.below(3) as u32),
            _ => self.dice.word(),
        };
        let pvalidate = Call::rax(protocol::CORE, core_call::call::PVALIDATE);
        let deposit = Call::rax(protocol::CORE, core_call::call::DEPOSIT_MEM);
        let create = Call::rax(protocol::CORE, core_call::call::CREATE_VCPU);
        let remap = Call::rax(protocol::CORE, core_call::call::REMAP_CA);
        let operation = self.structure() & !7;
        let mut registers = [self.address(), self.address(), self.dice.word()];
        match number {
            _ if number == pvalidate || number == deposit => {
                self.list(operation);
                registers[0] = self.named(operation);
            }
            _ if number == create => {
                // Not our own processor: it would go on in the new VMSA.
                let [vmsa, caa, cpu] = [self.vmsa(), self.expendable(), 1 + self.dice.below(1 << 20)];
                let rax = self.machine.svsm.call(number, vmsa, caa, cpu).rax;
                if rax == 0 {
                    // The page for VMSAs is wanted again.
                    let rax = self.machine.svsm.core(core_call::call::DELETE_VCPU, vmsa, 0, 0).rax;
                    self.machine.check("wild: what was created can be deleted", rax, 0);
                }
                return rax;
            }
            _ if number == remap => {
                let gpa = self.calling_area();
                let rax = self.machine.svsm.call(number, gpa, registers[1], registers[2]).rax;
                if rax == 0 {
                    self.machine.svsm.use_calling_area(gpa);
                }
                return rax;
            }
            _ if number >> 32 == u64::from(protocol::ATTESTATION) => {
                self.operation(operation);
                registers[0] = self.named(operation);
            }
            _ if number >> 32 == u64::from(protocol::VTPM) => {
                self.command(operation);
                registers[0] = self.named(operation);
            }
            _ => {}
        }
        self.machine
            .svsm
            .call(number, registers[0], registers[1], registers[2])
            .rax
    }

    /// The structure that was made, or now and then another address.
    fn named(&mut self, made: u64) -> u64 {
        if self.dice.below(6) == 0 { self.address() } else { made }
    }

    /// Two calling areas that can be gone back to, and some that are none.
    fn calling_area(&mut self) -> u64 {
        let own = self.structures + STRUCTURES * memory::PAGE;
        match self.dice.below(4) {
            0 => own,
            1 => self.machine.info.caa_gpa,
            2 => self.machine.svsm.calling_area() + 8,
            _ => {
                let foreign = self.dice.below(self.foreign.len() as u64) as usize;
                self.foreign[foreign]
            }
        }
    }

    /// A list for PVALIDATE or DEPOSIT_MEM, as far as it fits into the page.
    fn list(&mut self, at: u64) {
        let room = (memory::PAGE - at % memory::PAGE) / 8;
        let count = self.dice.pick(&[0u16, 1, 1, 2, 3, 8, 40, 510, 512, u16::MAX]);
        let next = self.dice.pick(&[0u16, 0, 0, 0, 1, 2, u16::MAX]);
        let reserved = self.dice.pick(&[0u16, 0, 0, 0, 0, 0, 0, 1]);
        memory::write(at, [count, next, reserved, 0]);
        for index in 1..room.min(u64::from(count.min(48)) + 1) {
            // A 2 MiB page of ours is never aligned, or it would reach beyond the pages that may be lost.
            let flags = self.dice.pick(&[0u64, 4, 8, 12, 4, 12, 0, 3, 5, 16]);
            let entry = self.expendable() | flags;
            memory::write(at + 8 * index, entry);
        }
    }

    /// A page with a VMSA, good but for what is bad in it.
    fn vmsa(&mut self) -> u64 {
        let page = self.structures + (STRUCTURES + 1) * memory::PAGE;
        let mut area = vmsa::Vmsa::new_zeroed();
        area.vmpl = self.dice.pick(&[0u8, 1, 2, 3, 4, 255]);
        area.efer = self.dice.pick(&[0x1D00u64, 0xD00, 0, u64::MAX]);
        area.sev_features =
            svsm_proto::launch_info::DEFAULT_SEV_FEATURES.bits() ^ self.dice.pick(&[0u64, 0, 2, 1 << 63]);
        memory::write_bytes(page, area.as_bytes());
        match self.dice.below(4) {
            0 => self.expendable(),
            1 => self.victim() + 16,
            _ => page,
        }
    }

    /// An attestation operation.
    fn operation(&mut self, at: u64) {
        let room = memory::PAGE - at % memory::PAGE;
        for offset in (0..room.min(96)).step_by(8) {
            let word = match self.dice.below(4) {
                0 => self.dice.word(),
                1 => self.dice.pick(&[0u64, 64, 0x1000, 0x4000, 0x1_0000]),
                _ => self.structure() & !0xFFF,
            };
            memory::write(at + offset, word);
        }
        if room >= 96 && self.dice.below(2) == 0 {
            // Layout of a good one: buffers of a page each, a nonce of 64 bytes, our GUID or another.
            let [report, manifest_page, certificates] = [0, 1, 2].map(|_| self.structure() & !0xFFF);
            for (offset, gpa) in [(0, report), (32, manifest_page), (48, certificates)] {
                memory::write(at + offset, gpa);
                memory::write(at + offset + 8, 0x1000u64);
            }
            let nonce = self.address();
            memory::write(at + 16, nonce);
            memory::write(at + 24, 64u64);
            let guid = self.dice.pick(&[manifest::VTPM_GUID, manifest::CLOISTER_GUID, [7; 16]]);
            memory::write_bytes(at + 64, &guid);
            memory::write(at + 80, u64::from(self.dice.below(5) as u32));
        }
    }

    /// A request to the TPM: a command that changes nothing, or none at all.
    fn command(&mut self, at: u64) {
        let room = (memory::PAGE - at % memory::PAGE) as usize;
        let command = match self.dice.below(4) {
            0 => Command::new(cc::GET_RANDOM).u16(self.dice.below(80) as u16).build(),
            1 => Command::new(cc::PCR_READ).bytes(&tpm::sha256_pcrs(0xFF)).build(),
            2 => {
                let handle = self.dice.pick(&[0x8101_0001, 0x8100_0001, 0x8000_0000]);
                Command::new(cc::READ_PUBLIC).handle(handle).build()
            }
            // A command code of the vendor's range, which no build implements, behind a header that may lie.
            _ => {
                let mut bytes: Vec<u8> = (0..self.dice.below(200)).map(|_| self.dice.word() as u8).collect();
                for (byte, value) in bytes.iter_mut().skip(6).zip([0x20, 0, 0x77, 0x77]) {
                    *byte = value;
                }
                bytes
            }
        };
        let size = match self.dice.below(4) {
            0 => self.dice.pick(&[0u32, 9, 4087, 4088, u32::MAX]),
            _ => command.len() as u32,
        };
        let mut request = Vec::new();
        request.extend_from_slice(&self.dice.pick(&[8u32, 8, 8, 8, 1, 2, 17, 20, 9]).to_le_bytes());
        request.push(self.dice.pick(&[0u8, 0, 0, 0, 1, 4, 255]));
        request.extend_from_slice(&size.to_le_bytes());
        request.extend_from_slice(&command);
        request.truncate(room);
        memory::write_bytes(at, &request);
    }
}
