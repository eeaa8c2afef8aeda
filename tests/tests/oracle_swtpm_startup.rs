//! The engine against swtpm: start-up from every locality, and measurements by the interface before and after it (Part 1 §34, Part 3 §9.3).

use cloister_tests::oracle::{Answer, Cmd, Interface, Pair};

/// TPM_SU_CLEAR and TPM_SU_STATE.
const CLEAR: u16 = 0;
const STATE: u16 = 1;

/// What happens before TPM2_Startup and how it is sent.
#[derive(Clone, Copy, Debug)]
struct Start {
    measured: bool,
    locality: u8,
    kind: u16,
}

fn startup(pair: &mut Pair, start: Start) -> u32 {
    pair.each(&format!("{start:?}"), |tpm| {
        if start.measured {
            tpm.measure(&[b"the core root ", b"of trust"]);
        }
        let command = Cmd::new(0x144).u16(start.kind).to_bytes();
        Answer::new(tpm.send_at(start.locality, &command)).code()
    })
}

/// pcrUpdateCounter, and PCR 0, 17 and 18 in SHA-1 and SHA-256.
fn read_pcr(tpm: &mut dyn Interface) -> (u32, Vec<u8>) {
    let read = Cmd::new(0x17E).hex("0000000200040301000600").hex("0b03010006");
    let answer = Answer::new(tpm.send(&read.to_bytes()));
    assert_eq!(answer.code(), 0);
    (answer.u32_at(10), answer.parameters(false)[4..].to_vec())
}

/// Both have the same in PCR 0, 17 and 18, and have counted as many changes.
fn same_pcr(pair: &mut Pair) -> Vec<u8> {
    pair.each("PCR", read_pcr).1
}

#[test]
fn startup_is_for_localities_0_and_3() {
    for locality in 0..5 {
        for measured in [false, true] {
            let mut pair = Pair::initialized();
            let code = startup(
                &mut pair,
                Start {
                    measured,
                    locality,
                    kind: CLEAR,
                },
            );
            assert_eq!(code, if [0, 3].contains(&locality) { 0 } else { 0x907 });
            if code == 0 {
                let values = same_pcr(&mut pair);
                let zeros = values.windows(19).any(|window| window == [0; 19]);
                assert_eq!(zeros, !measured, "PCR 0 starts from zeros, or has what was measured");
            } else {
                pair.same(&Cmd::new(0x144).u16(CLEAR));
                same_pcr(&mut pair);
            }
        }
    }
}

#[test]
fn resume_needs_the_same_locality_and_measurement() {
    for before in [(false, 0), (false, 3), (true, 0), (true, 3)] {
        for after in [(false, 0), (false, 3), (true, 0), (true, 3)] {
            for kind in [STATE, CLEAR] {
                let start = |(measured, locality): (bool, u8), kind| Start {
                    measured,
                    locality,
                    kind,
                };
                let mut pair = Pair::initialized();
                startup(&mut pair, start(before, CLEAR));
                let extend = Cmd::new(0x182).handle(0).password(b"").hex("00000001000b");
                pair.same(&extend.raw(&[0x44; 32]));
                pair.same(&Cmd::new(0x145).u16(STATE));
                pair.power_cycle();
                if startup(&mut pair, start(after, kind)) == 0 {
                    same_pcr(&mut pair);
                } else {
                    // Whoever could not resume starts anew.
                    pair.same(&Cmd::new(0x144).u16(CLEAR));
                    same_pcr(&mut pair);
                }
            }
        }
    }
}

#[test]
fn measurement_after_startup_is_dynamic() {
    let mut pair = Pair::started();
    for pieces in [&[&b"a"[..], &[7; 1000]][..], &[&b""[..]], &[]] {
        // swtpm does not count a dynamic measurement as a change. Here it is one, so that a policy that has looked at these PCR looks again.
        let before = read_pcr(&mut pair.engine).0;
        pair.each("measure", |tpm| {
            tpm.measure(pieces);
            read_pcr(tpm).1
        });
        assert!(read_pcr(&mut pair.engine).0 > before);
    }
    // restartCount counts it: its place in TPMS_TIME_INFO is behind time, clock and resetCount.
    pair.each("restartCount", |tpm| {
        let answer = Answer::new(tpm.send(&Cmd::new(0x181).to_bytes()));
        answer.u32_at(10 + 8 + 8 + 4)
    });
}
