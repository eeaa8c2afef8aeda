//! The engine against swtpm: start-up from every locality, measurements by the interface before and after it (Part 1 §34, Part 3 §9.3), and
//! self-tests.

use cloister_tests::oracle::{Answer, Cmd, Interface, Pair, Tpm};

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

#[test]
fn self_tests_are_asked_for_alike() {
    let mut pair = Pair::started();
    let test = |algs: &[u16]| {
        let list = algs.iter().flat_map(|alg| alg.to_be_bytes()).collect::<Vec<_>>();
        Cmd::new(0x142).u32(algs.len() as u32).raw(&list)
    };
    pair.same_all(&[
        ("nothing", test(&[])),
        ("hashes", test(&[0x04, 0x0B, 0x0C, 0x0D])),
        (
            "keys",
            test(&[0x01, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C, 0x23]),
        ),
        ("the same again", test(&[0x01, 0x01])),
        ("what nobody has", test(&[0x01, 0x28])),
        ("NULL", test(&[0x10])),
        ("too many", test(&[0x01; 65])),
        ("list cut", Cmd::new(0x142).u32(2).u16(1)),
        ("the rest", Cmd::new(0x143).u8(0)),
        ("everything", Cmd::new(0x143).u8(1)),
        ("neither", Cmd::new(0x143).u8(2)),
        ("outcome", Cmd::new(0x17C)),
    ]);
    // After TPM2_SelfTest nothing is left to do, and the outcome is the same.
    pair.identical(&test(&[]));
    pair.identical(&Cmd::new(0x17C));
}

#[test]
fn algorithms_have_the_attributes_of_the_registry() {
    let mut pair = Pair::started();
    // ECDSA, ECDH, ECDAA, ECSCHNORR, ECMQV, KDF1 of SP 800-56A, KDF2, KDF1 of SP 800-108, RSA, RSASSA, RSAES, RSAPSS, OAEP, ECC.
    for alg in [
        0x18, 0x19, 0x1A, 0x1C, 0x1D, 0x20, 0x21, 0x22, 0x01, 0x14, 0x15, 0x16, 0x17, 0x23,
    ] {
        pair.identical(&Cmd::new(0x17A).u32(0).u32(alg).u32(1));
    }
    // Of the curves, swtpm has more: this TPM's are P-224 to P-521.
    let curves = Cmd::new(0x17A).u32(8).u32(0).u32(100).to_bytes();
    let answer = Answer::new(pair.engine.send(&curves));
    assert_eq!(
        answer.parameters(false),
        [0, 0, 0, 0, 8, 0, 0, 0, 4, 0, 2, 0, 3, 0, 4, 0, 5]
    );
}

#[test]
fn endorsement_templates_of_the_high_range_are_good() {
    // H-1 to H-4 and H-6 of the EK Credential Profile; H-7, RSA-4096, is more than swtpm has.
    let sha256 = "0020ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0";
    let sha384 = "0030b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12";
    let sha512 = concat!(
        "0040b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a4",
        "29c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea"
    );
    let mut pair = Pair::started();
    for (head, policy, tail) in [
        ("0001000b", sha256, "000600800043001008000000 00000000"),
        ("0023000b", sha256, "00060080004300100003001000000000"),
        ("0023000c", sha384, "00060100004300100004001000000000"),
        ("0023000d", sha512, "00060100004300100005001000000000"),
        ("0001000c", sha384, "00060100004300100c00000000000000"),
    ] {
        let template = format!("{head}000300f2{policy}{tail}").replace(' ', "");
        let template = hex::decode(template).expect("hexadecimal");
        let create = Cmd::new(0x131).handle(0x4000_000B).password(b"").sized(&[0; 4]);
        assert_eq!(
            pair.same(&create.sized(&template).sized(&[]).u32(0)),
            0,
            "{head} {tail}"
        );
        pair.same(&Cmd::new(0x165).u32(0x8000_0000));
    }
}
