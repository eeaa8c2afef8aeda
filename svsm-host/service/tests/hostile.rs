//! Guests that do anything at all: random calls over random memory, and two vCPUs that race. Nothing may panic, and the machine may see no broken
//! rule.

mod support;

use fake_platform::{FakeEntropy, FakePlatform, ModelTpm, Quirk};
use std::thread;
use support::*;
use svsm_platform::{ApicId, Entropy};
use svsm_proto::{
    calling_area::Call,
    core_call::call,
    launch_info::{REGION_GPA, REGION_SIZE},
    vmsa::{Vmsa, efer},
};
use svsm_service::request_loop::{Turn, turn};
use zerocopy::{FromZeros, IntoBytes};

/// Random numbers with a taste for the interesting ones.
struct Dice(FakeEntropy);

impl Dice {
    fn word(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).expect("not dry");
        u64::from_le_bytes(bytes)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.word() % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn address(&mut self) -> u64 {
        let base = self.pick(&[
            SCRATCH,
            SCRATCH + 0x1000,
            SCRATCH + 0x2000,
            FRESH,
            LAUNCHED,
            LAUNCHED + 0x9000,
            MEMORY - 4096,
            REGION_GPA,
            REGION_GPA + REGION_SIZE - 4096,
            VMSA,
            1 << 51 | SCRATCH,
            u64::MAX - 4095,
            0,
        ]);
        match self.below(4) {
            0 => base.wrapping_add(self.below(4096)),
            1 => base.wrapping_add(self.below(512) * 8),
            _ => base,
        }
    }

    /// A page of words that look like headers, entries and addresses.
    fn page(&mut self) -> Vec<u8> {
        let words = (0..512).flat_map(|_| {
            let word = match self.below(6) {
                0 => 0,
                1 => self.below(600) | self.below(3) << 16,
                2 => self.address() & !0xFFF | self.below(16),
                3 => self.address(),
                4 => 8 | self.below(2) << 32 | self.below(64) << 40,
                _ => self.word(),
            };
            word.to_le_bytes()
        });
        words.collect()
    }
}

#[test]
fn random_calls_break_nothing() {
    let mut dice = Dice(FakeEntropy::new(0xC1_0157E4));
    let mut served = [0usize; 2];
    for round in 0..20 {
        let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
        for step in 0..300 {
            for page in 0..3 {
                let gpa = SCRATCH + page * 4096;
                let bytes = dice.page();
                // Refused where the guest has given the page away, which is as good.
                let _allowed = bench.machine.lock().guest_write(GUEST, gpa, &bytes);
            }
            if dice.below(8) == 0 {
                bench.machine.lock().make_private(FRESH, 0x5E);
            }
            let (protocol, number) = (dice.below(4) as u32, dice.below(9) as u32);
            let rax = Call::rax(protocol, number);
            let arguments = [dice.address(), dice.address(), dice.below(3)];
            let caa = bench.caa;
            bench
                .platform
                .then(move |machine| request(machine, VMSA, caa, rax, arguments));
            let turn = turn(&bench.svsm, &mut bench.platform, CPU).expect("no termination");
            bench.no_violations();
            if turn == Turn::Served {
                let rax = outcome(&mut bench.machine.lock(), VMSA).rax;
                served[usize::from(rax != 0)] += 1;
                if rax == 0 && (protocol, number) == (0, call::REMAP_CA) {
                    bench.caa = arguments[0];
                }
                assert!(
                    rax == 0 || (0x8000_0000..=0x8000_1011).contains(&rax),
                    "round {round} step {step}: {rax:#x}"
                );
            }
        }
        assert_eq!(
            bench.call(0, call::QUERY_PROTOCOL, [1, 0, 0]).rax,
            code::SUCCESS,
            "round {round}"
        );
    }
    // Both outcomes must be well represented, or the dice are loaded.
    assert!(served.iter().all(|count| *count > 300), "{served:?}");
}

#[test]
fn reply_never_lands_in_a_vmsa_that_another_vcpu_makes_of_the_buffer() {
    const BUFFER: u64 = SCRATCH + 0x1000;
    const OTHER_CAA: u64 = SCRATCH + 0x2000;
    const SECOND_VMSA: u64 = SCRATCH + 0x3000;
    const SECOND_CAA: u64 = SCRATCH + 0x4000;
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    let mut good = Vmsa::new_zeroed();
    good.vmpl = GUEST;
    good.efer = efer::SVME;
    good.sev_features = FEATURES.bits();
    bench.write(SECOND_VMSA, good.as_bytes());
    assert_eq!(
        bench.call(0, call::CREATE_VCPU, [SECOND_VMSA, SECOND_CAA, 1]).rax,
        code::SUCCESS
    );
    bench.machine.lock().register_vmsa(ApicId(1), GUEST, SECOND_VMSA);
    // A TPM command that is a VMSA as well: wherever the response goes, it goes over a VMSA's first fields.
    let command = [
        &8u32.to_le_bytes()[..],
        &[0],
        &12u32.to_le_bytes(),
        &[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7B, 0, 8],
    ];
    good.as_mut_bytes()[..21].copy_from_slice(&command.concat());
    let caa = bench.caa;
    let machine = bench.machine.clone();
    let svsm = &bench.svsm;
    thread::scope(|scope| {
        let mut first = FakePlatform::new(&machine, CPU);
        scope.spawn(move || {
            for _ in 0..400 {
                first.then(move |machine| request(machine, VMSA, caa, Call::rax(2, 1), [BUFFER, 0, 0]));
                assert_eq!(turn(svsm, &mut first, CPU), Ok(Turn::Served));
            }
        });
        let mut second = FakePlatform::new(&machine, ApicId(1));
        let shared = machine.clone();
        let contents = good.as_bytes().to_vec();
        scope.spawn(move || {
            let mut created = 0;
            for _ in 0..200 {
                // Refused while the page is a VMSA.
                let _allowed = shared.lock().guest_write(GUEST, BUFFER, &contents);
                for (number, arguments) in [
                    (call::CREATE_VCPU, [BUFFER, OTHER_CAA, 2]),
                    (call::DELETE_VCPU, [BUFFER, 0, 0]),
                ] {
                    second.then(move |machine| {
                        request(machine, SECOND_VMSA, SECOND_CAA, Call::rax(0, number), arguments);
                    });
                    assert_eq!(turn(svsm, &mut second, ApicId(1)), Ok(Turn::Served));
                    created += usize::from(outcome(&mut shared.lock(), SECOND_VMSA).rax == 0);
                }
            }
            assert!(created > 0, "no VMSA was ever made, so nothing was tested");
        });
    });
    bench.no_violations();
}
