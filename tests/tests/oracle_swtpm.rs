//! The engine against swtpm: the same commands, good and bad, must have the same response codes, and the same responses where nothing in them
//! is random. Where the two differ on purpose, a comment says why.

use cloister_tests::oracle::{Answer, CONTINUE, Client, Cmd, DECRYPT, ENCRYPT, Pair, SessionOptions, Tpm};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const INDEX: u32 = 0x0150_0016;

/// TPM2_NV_DefineSpace of an ordinary index of `size` bytes, authorised by the owner.
fn define(attributes: u32, size: u16, auth: &[u8]) -> Cmd {
    let mut public = INDEX.to_be_bytes().to_vec();
    public.extend([0x00, 0x0B]);
    public.extend(attributes.to_be_bytes());
    public.extend([0, 0]);
    public.extend(size.to_be_bytes());
    Cmd::new(0x12A).handle(OWNER).password(b"").sized(auth).sized(&public)
}

#[test]
fn headers_and_start_are_judged_alike() {
    let mut pair = Pair::initialized();
    for command in [
        "80010000000c0000017b0010",
        "80010000000c000001440001",
        "80010000000c000001440002",
        "80010000000a00000144",
        "80020000001700000144000000094000000900000100000000",
        "80010000000c000001440000",
        "80010000000c000001440000",
        "80010000000a0000ffff",
        "80010000000a20000000",
        "80010000000a00000000",
        "80010000000b0000017b0010",
        "80010000000e0000017b00100000",
        "80020000000a0000017b",
        "80020000000e0000017b00000000",
        "8002000000100000017b000000090010",
    ] {
        pair.same_bytes(&hex::decode(command).expect("hexadecimal"));
    }
}

#[test]
fn handle_and_session_areas_are_judged_alike() {
    let mut pair = Pair::started();
    let reset = |handle| Cmd::new(0x13D).handle(handle);
    let session =
        |handle: u32, nonce: &[u8], attributes, hmac: &[u8]| reset(16).session(handle, nonce, attributes, hmac);
    pair.same_all(&[
        ("PCR_Reset", reset(16).password(b"")),
        ("no session", reset(16)),
        ("no handle", Cmd::new(0x13D)),
        ("a PCR that does not exist", reset(24).password(b"")),
        ("locality", reset(17).password(b"")),
        ("wrong password", reset(16).password(b"x")),
        ("zeros at the end of the password", reset(16).password(&[0, 0])),
        ("trailing byte", reset(16).password(b"").u8(0)),
        ("area of size 8", reset(16).area(&[0; 8])),
        ("area of zeros", reset(16).area(&[0; 9])),
        ("nonce with a password", session(0x4000_0009, &[1], 0, b"")),
        ("nonce too long", session(0x4000_0009, &[1; 65], 0, b"")),
        ("password too long", session(0x4000_0009, &[], 0, &[1; 65])),
        ("reserved attributes", session(0x4000_0009, &[], 0x08, b"")),
        ("audit with a password", session(0x4000_0009, &[], 0x80, b"")),
        ("decrypt with a password", session(0x4000_0009, &[], 0x20, b"")),
        ("encrypt with a password", session(0x4000_0009, &[], 0x40, b"")),
        ("session not loaded", session(0x0200_0000, &[], 1, b"")),
        ("policy session not loaded", session(0x0300_0000, &[], 1, b"")),
        ("session out of range", session(0x0200_0040, &[], 1, b"")),
        ("no session at all", session(0x8000_0000, &[], 1, b"")),
        ("two passwords", reset(16).password(b"").password(b"")),
        (
            "four passwords",
            reset(16).password(b"").password(b"").password(b"").password(b""),
        ),
        (
            "session for a command without",
            Cmd::new(0x165).password(b"").u32(0x8000_0000),
        ),
        (
            "area too long",
            Cmd::new(0x13D).handle(16).area(&[0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0]),
        ),
        ("transient that is not loaded", Cmd::new(0x173).handle(0x8000_0000)),
        ("transient out of range", Cmd::new(0x173).handle(0x80FF_FFFF)),
        ("persistent that does not exist", Cmd::new(0x173).handle(0x8100_0000)),
        ("hierarchy where an object belongs", Cmd::new(0x173).handle(OWNER)),
        ("index that is not defined", Cmd::new(0x169).handle(INDEX)),
        ("no index at all", Cmd::new(0x169).handle(OWNER)),
        (
            "second handle",
            Cmd::new(0x14E).handle(OWNER).handle(INDEX).password(b"").u16(1).u16(0),
        ),
        (
            "second handle's type",
            Cmd::new(0x14E).handle(OWNER).handle(OWNER).password(b"").u16(1).u16(0),
        ),
        ("policy session as a handle", Cmd::new(0x189).handle(0x0300_0000)),
        ("HMAC session as a policy session", Cmd::new(0x189).handle(0x0200_0000)),
        ("flush nothing", Cmd::new(0x165).u32(0x8000_0000)),
        ("flush a persistent object", Cmd::new(0x165).u32(0x8100_0000)),
        ("flush a session that does not exist", Cmd::new(0x165).u32(0x0200_0000)),
        ("flush without handle", Cmd::new(0x165)),
        ("save nothing", Cmd::new(0x162).handle(0x8000_0000)),
        (
            "save a session that does not exist",
            Cmd::new(0x162).handle(0x0200_0000),
        ),
    ]);
}

#[test]
fn parameters_are_judged_alike() {
    let mut pair = Pair::started();
    pair.same_all(&[
        ("GetRandom", Cmd::new(0x17B).u16(8)),
        ("GetRandom too short", Cmd::new(0x17B).u8(8)),
        ("GetRandom too long", Cmd::new(0x17B).u16(8).u8(0)),
        ("StirRandom", Cmd::new(0x146).sized(&[1; 128])),
        ("StirRandom too much", Cmd::new(0x146).sized(&[1; 129])),
        ("StirRandom short", Cmd::new(0x146).u16(3).u8(0)),
        ("Hash", Cmd::new(0x17D).sized(b"abc").u16(0x0B).u32(OWNER)),
        ("Hash with NULL", Cmd::new(0x17D).sized(b"abc").u16(0x10).u32(OWNER)),
        ("Hash with SM3", Cmd::new(0x17D).sized(b"abc").u16(0x12).u32(OWNER)),
        ("Hash in lockout", Cmd::new(0x17D).sized(b"abc").u16(0x0B).u32(LOCKOUT)),
        ("Hash too much", Cmd::new(0x17D).sized(&[0; 1025]).u16(0x0B).u32(OWNER)),
        ("SelfTest 2", Cmd::new(0x143).u8(2)),
        ("SelfTest", Cmd::new(0x143).u8(1)),
        ("GetTestResult", Cmd::new(0x17C)),
        ("IncrementalSelfTest", Cmd::new(0x142).u32(1).u16(0x0B)),
        ("IncrementalSelfTest SM4", Cmd::new(0x142).u32(1).u16(0x13)),
        ("IncrementalSelfTest many", Cmd::new(0x142).u32(65)),
        ("Shutdown 2", Cmd::new(0x145).u16(2)),
        ("ReadClock", Cmd::new(0x181)),
        ("ReadClock too long", Cmd::new(0x181).u8(0)),
        ("TestParms RSA", Cmd::new(0x18A).u16(1).hex("001000100800").u32(0)),
        ("TestParms RSA 1000", Cmd::new(0x18A).u16(1).hex("0010001003e8").u32(0)),
        ("TestParms ECC", Cmd::new(0x18A).u16(0x23).hex("0010001000030010")),
        ("TestParms ECC curve", Cmd::new(0x18A).u16(0x23).hex("00100010ffff0010")),
        ("TestParms type", Cmd::new(0x18A).u16(0x0B)),
        ("TestParms keyed hash", Cmd::new(0x18A).u16(8).u16(0x10)),
        ("TestParms symmetric", Cmd::new(0x18A).u16(0x25).hex("000600800043")),
        (
            "TestParms symmetric bits",
            Cmd::new(0x18A).u16(0x25).hex("000600810043"),
        ),
        ("TestParms scheme", Cmd::new(0x18A).u16(0x23).hex("0010ffff00030010")),
        ("PCR_Read", Cmd::new(0x17E).hex("00000001000b03010000")),
        ("PCR_Read of size 2", Cmd::new(0x17E).hex("00000001000b020100")),
        ("PCR_Read of size 4", Cmd::new(0x17E).hex("00000001000b0401000000")),
        ("PCR_Read hash", Cmd::new(0x17E).hex("00000001001003010000")),
        ("PCR_Read many", Cmd::new(0x17E).hex("00000011")),
        (
            "PCR_Extend",
            Cmd::new(0x182).handle(16).password(b"").u32(1).u16(0x0B).raw(&[7; 32]),
        ),
        (
            "PCR_Extend of NULL",
            Cmd::new(0x182)
                .handle(NULL)
                .password(b"")
                .u32(1)
                .u16(0x0B)
                .raw(&[7; 32]),
        ),
        (
            "PCR_Extend locality",
            Cmd::new(0x182).handle(17).password(b"").u32(1).u16(0x0B).raw(&[7; 32]),
        ),
        (
            "PCR_Extend hash",
            Cmd::new(0x182).handle(16).password(b"").u32(1).u16(0x10).raw(&[7; 32]),
        ),
        (
            "PCR_Extend short",
            Cmd::new(0x182).handle(16).password(b"").u32(1).u16(0x0B).raw(&[7; 31]),
        ),
        ("PCR_Event", Cmd::new(0x13C).handle(16).password(b"").sized(b"abc")),
        (
            "PCR_Event too much",
            Cmd::new(0x13C).handle(16).password(b"").sized(&[0; 1025]),
        ),
    ]);
}

#[test]
fn capabilities_are_judged_alike() {
    let mut pair = Pair::started();
    let get = |group, property, count| Cmd::new(0x17A).u32(group).u32(property).u32(count);
    pair.same_all(&[
        ("algorithms", get(0, 0, 100)),
        ("handles of no kind", get(1, 0x0500_0000, 1)),
        ("handles of NV", get(1, 0x0100_0000, 1)),
        ("handles of no such permanent", get(1, 0x4100_0000, 1)),
        ("commands", get(2, 0, 500)),
        ("PP commands", get(3, 0, 1)),
        ("audit commands", get(4, 0, 1)),
        ("PCR", get(5, 0, 1)),
        ("PCR 1", get(5, 1, 1)),
        ("properties", get(6, 0x100, 1)),
        ("no properties", get(6, 0x300, 1)),
        ("PCR properties", get(7, 0, 1)),
        ("curves", get(8, 0, 1)),
        ("policies", get(9, OWNER, 1)),
        ("policies of NV", get(9, 0x0100_0000, 1)),
        ("group 0x100", get(0x100, 0, 1)),
        ("group 0x50", get(0x50, 0, 1)),
        ("short", Cmd::new(0x17A).u32(0).u32(0)),
    ]);
    // Permanent handles and loaded things are the same on both, but for the countdown timers, which follow the seven: six leave more on both.
    for property in [
        0x0000_0000,
        0x0200_0000,
        0x0300_0000,
        0x4000_0000,
        0x8000_0000,
        0x8100_0000,
    ] {
        let answer = pair.identical(&get(1, property, if property == 0x4000_0000 { 6 } else { 30 }));
        assert_eq!(answer.code(), 0);
    }
    for property in [
        0x100, 0x101, 0x112, 0x113, 0x114, 0x11D, 0x120, 0x12C, 0x200, 0x201, 0x202, 0x203, 0x206, 0x208, 0x20A, 0x20E,
        0x20F, 0x210, 0x211,
    ] {
        let value = pair.each(&format!("property {property:#x}"), |tpm| {
            let answer = Answer::new(tpm.send(&get(6, property, 1).to_bytes()));
            hex::encode(&answer.bytes()[11..])
        });
        assert!(value.starts_with("00000006"), "{value}");
    }
}

#[test]
fn nv_is_judged_alike() {
    let mut pair = Pair::started();
    let write = |by: u32, password: &[u8], data: &[u8], offset| {
        Cmd::new(0x137)
            .handle(by)
            .handle(INDEX)
            .password(password)
            .sized(data)
            .u16(offset)
    };
    let read = |by: u32, password: &[u8], size, offset| {
        Cmd::new(0x14E)
            .handle(by)
            .handle(INDEX)
            .password(password)
            .u16(size)
            .u16(offset)
    };
    let undefine = |by| Cmd::new(0x122).handle(by).handle(INDEX).password(b"");
    pair.same_all(&[
        ("reserved bits", define(0x0206_0306, 8, b"")),
        ("no reader", define(0x0000_0002, 8, b"")),
        ("no writer", define(0x0002_0000, 8, b"")),
        ("written", define(0x2206_0006, 8, b"")),
        ("too large", define(0x0206_0006, 2049, b"")),
        ("counter of 4 bytes", define(0x0206_0016, 4, b"")),
        ("type 3", define(0x0206_0036, 8, b"")),
        ("auth too long", define(0x0206_0006, 8, &[1; 33])),
        ("platform's by owner", define(0x4206_0006, 8, b"")),
        ("good", define(0x0206_0006, 8, b"pin")),
        ("again", define(0x0206_0006, 8, b"pin")),
        ("read unwritten", read(OWNER, b"", 8, 0)),
        ("write too much", write(OWNER, b"", &[1; 9], 0)),
        ("write beyond", write(OWNER, b"", &[1; 4], 5)),
        ("write behind", write(OWNER, b"", &[1; 1], 9)),
        ("write", write(OWNER, b"", &[1; 4], 2)),
        ("read", read(OWNER, b"", 8, 0)),
        ("read beyond", read(OWNER, b"", 8, 1)),
        ("read behind", read(OWNER, b"", 0, 9)),
        ("read by index", read(INDEX, b"pin", 8, 0)),
        ("read by index, zeros", read(INDEX, b"pin\0\0", 8, 0)),
        ("read by index, wrong", read(INDEX, b"nip", 8, 0)),
        ("read by platform", read(PLATFORM, b"", 8, 0)),
        ("read by endorsement", read(ENDORSEMENT, b"", 8, 0)),
        ("increment", Cmd::new(0x134).handle(OWNER).handle(INDEX).password(b"")),
        (
            "set bits",
            Cmd::new(0x135).handle(OWNER).handle(INDEX).password(b"").u64(1),
        ),
        (
            "extend",
            Cmd::new(0x136).handle(OWNER).handle(INDEX).password(b"").sized(b"1"),
        ),
        ("write lock", Cmd::new(0x138).handle(OWNER).handle(INDEX).password(b"")),
        ("read lock", Cmd::new(0x14F).handle(OWNER).handle(INDEX).password(b"")),
        (
            "change auth",
            Cmd::new(0x13B).handle(INDEX).password(b"pin").sized(b"new"),
        ),
        (
            "undefine special",
            Cmd::new(0x11F)
                .handle(INDEX)
                .handle(PLATFORM)
                .password(b"")
                .password(b""),
        ),
    ]);
    pair.identical(&Cmd::new(0x169).handle(INDEX));
    pair.identical(&read(OWNER, b"", 8, 0));
    pair.same_all(&[("undefine", undefine(OWNER)), ("again", undefine(OWNER))]);
    pair.same_all(&[
        ("counter", define(0x0206_0016, 8, b"")),
        ("increment", Cmd::new(0x134).handle(OWNER).handle(INDEX).password(b"")),
        ("increment", Cmd::new(0x134).handle(OWNER).handle(INDEX).password(b"")),
        ("write", write(OWNER, b"", &[1; 8], 0)),
    ]);
    pair.identical(&read(OWNER, b"", 8, 0));
    pair.same(&undefine(OWNER));
    pair.same_all(&[
        ("bits", define(0x0206_0026, 8, b"")),
        ("set", Cmd::new(0x135).handle(OWNER).handle(INDEX).password(b"").u64(5)),
        ("set", Cmd::new(0x135).handle(OWNER).handle(INDEX).password(b"").u64(8)),
    ]);
    pair.identical(&read(OWNER, b"", 8, 0));
    pair.same(&undefine(OWNER));
    pair.same_all(&[
        ("extend", define(0x0206_0046, 32, b"")),
        (
            "extend",
            Cmd::new(0x136).handle(OWNER).handle(INDEX).password(b"").sized(b"abc"),
        ),
    ]);
    pair.identical(&read(OWNER, b"", 32, 0));
    pair.identical(&Cmd::new(0x169).handle(INDEX));
}

/// TPM2_HierarchyChangeAuth.
fn change_auth(handle: u32, old: &[u8], new: &[u8]) -> Cmd {
    Cmd::new(0x129).handle(handle).password(old).sized(new)
}

#[test]
fn hierarchies_are_judged_alike() {
    let mut pair = Pair::started();
    let set_policy = |policy: &[u8], hash| Cmd::new(0x12E).handle(OWNER).password(b"").sized(policy).u16(hash);
    let control = |by, password: &[u8], what, state| Cmd::new(0x121).handle(by).password(password).u32(what).u8(state);
    let clear = |by, password: &[u8]| Cmd::new(0x126).handle(by).password(password);
    let clear_control = |by, state| Cmd::new(0x127).handle(by).password(b"").u8(state);
    pair.same_all(&[
        ("auth of NULL", change_auth(NULL, b"", b"x")),
        ("auth too long", change_auth(OWNER, b"", &[1; 65])),
        ("auth", change_auth(OWNER, b"", b"owner")),
        ("old auth", change_auth(OWNER, b"", b"owner")),
        ("new auth", change_auth(OWNER, b"owner", b"")),
        ("policy", set_policy(&[7; 32], 0x0B)),
        ("policy size", set_policy(&[7; 31], 0x0B)),
        ("policy hash", set_policy(&[7; 32], 0x12)),
        ("policy with NULL", set_policy(&[7; 32], 0x10)),
        ("no policy", set_policy(&[], 0x10)),
        (
            "policy of NULL",
            Cmd::new(0x12E).handle(NULL).password(b"").sized(&[]).u16(0x10),
        ),
        ("disable clear by lockout", clear_control(LOCKOUT, 1)),
        ("clear", clear(LOCKOUT, b"")),
        ("enable clear by lockout", clear_control(LOCKOUT, 0)),
        ("clear control 2", clear_control(PLATFORM, 2)),
        ("enable clear", clear_control(PLATFORM, 0)),
        ("clear by owner", clear(OWNER, b"")),
        ("clear", clear(LOCKOUT, b"")),
        ("clear by platform", clear(PLATFORM, b"")),
        ("change EPS by owner", Cmd::new(0x124).handle(OWNER).password(b"")),
        ("change EPS", Cmd::new(0x124).handle(PLATFORM).password(b"")),
        ("change PPS", Cmd::new(0x125).handle(PLATFORM).password(b"")),
        ("control of nothing", control(PLATFORM, b"", LOCKOUT, 0)),
        ("control 2", control(PLATFORM, b"", OWNER, 2)),
        ("owner disables endorsement", control(OWNER, b"", ENDORSEMENT, 0)),
        ("owner disables platform", control(OWNER, b"", PLATFORM, 0)),
        ("owner enables owner", control(OWNER, b"", OWNER, 1)),
        ("endorsement disables itself", control(ENDORSEMENT, b"", ENDORSEMENT, 0)),
        ("endorsement is disabled", change_auth(ENDORSEMENT, b"", b"")),
        ("endorsement enables itself", control(ENDORSEMENT, b"", ENDORSEMENT, 1)),
        ("platform enables endorsement", control(PLATFORM, b"", ENDORSEMENT, 1)),
        ("owner disables itself", control(OWNER, b"", OWNER, 0)),
        ("define while disabled", define(0x0206_0006, 8, b"")),
        ("clear enables it", clear(PLATFORM, b"")),
        ("define", define(0x0206_0006, 8, b"")),
        ("owner disables itself", control(OWNER, b"", OWNER, 0)),
        ("index of a disabled hierarchy", Cmd::new(0x169).handle(INDEX)),
        ("platform disables its NV", control(PLATFORM, b"", 0x4000_000D, 0)),
        ("platform disables itself", control(PLATFORM, b"", PLATFORM, 0)),
        ("platform is disabled", control(PLATFORM, b"", PLATFORM, 1)),
        ("clear by disabled platform", clear(PLATFORM, b"")),
    ]);
    pair.identical(&Cmd::new(0x17A).u32(6).u32(0x200).u32(2));
}

#[test]
fn guesses_are_counted_alike() {
    let mut pair = Pair::started();
    pair.same(&define(0x0006_0006, 8, b"pin"));
    let by_index = |password: &[u8]| {
        Cmd::new(0x137)
            .handle(INDEX)
            .handle(INDEX)
            .password(password)
            .sized(&[1])
            .u16(0)
    };
    let parameters = |tries: u32, recovery: u32, lockout: u32| {
        Cmd::new(0x13A)
            .handle(LOCKOUT)
            .password(b"")
            .u32(tries)
            .u32(recovery)
            .u32(lockout)
    };
    let count = Cmd::new(0x17A).u32(6).u32(0x20E).u32(4);
    pair.same_all(&[
        ("right", by_index(b"pin")),
        ("wrong", by_index(b"1")),
        ("wrong", by_index(b"2")),
    ]);
    pair.identical(&count);
    pair.same_all(&[
        ("right", by_index(b"pin")),
        ("wrong", by_index(b"3")),
        ("wrong in lockout", by_index(b"4")),
        ("right in lockout", by_index(b"pin")),
        ("owner in lockout", change_auth(OWNER, b"wrong", b"")),
    ]);
    pair.identical(&count);
    pair.identical(&Cmd::new(0x17A).u32(6).u32(0x200).u32(1));
    pair.same_all(&[
        ("reset by owner", Cmd::new(0x139).handle(OWNER).password(b"")),
        ("reset", Cmd::new(0x139).handle(LOCKOUT).password(b"")),
        ("right", by_index(b"pin")),
        ("parameters", parameters(5, 100, 0)),
        ("wrong", by_index(b"1")),
    ]);
    pair.identical(&count);
    pair.same_all(&[
        ("lockoutAuth", change_auth(LOCKOUT, b"", b"lock")),
        ("lockoutAuth wrong", Cmd::new(0x139).handle(LOCKOUT).password(b"")),
        (
            "lockoutAuth disabled",
            Cmd::new(0x139).handle(LOCKOUT).password(b"lock"),
        ),
    ]);
    pair.same(&Cmd::new(0x145).u16(0));
    pair.power_cycle();
    pair.same(&Cmd::new(0x144).u16(0));
    // A lockoutRecovery of zero is until the next start.
    pair.same(&Cmd::new(0x139).handle(LOCKOUT).password(b"lock"));
    pair.identical(&count);
}

#[test]
fn starts_leave_the_same_state() {
    let mut pair = Pair::started();
    let read_pcr = Cmd::new(0x17E).hex("00000001000b030100ff");
    let counts = |pair: &mut Pair| {
        pair.each("resetCount and restartCount", |tpm| {
            let answer = Answer::new(tpm.send(&Cmd::new(0x181).to_bytes()));
            // Behind time and clock; safe follows.
            hex::encode(&answer.parameters(false)[16..])
        })
    };
    assert_eq!(counts(&mut pair), "000000010000000001");
    pair.same(&Cmd::new(0x182).handle(0).password(b"").u32(1).u16(0x0B).raw(&[7; 32]));
    pair.same(&Cmd::new(0x182).handle(16).password(b"").u32(1).u16(0x0B).raw(&[7; 32]));
    pair.same(&change_auth(PLATFORM, b"", b"plat"));
    pair.identical(&read_pcr);
    // TPM Resume.
    pair.same(&Cmd::new(0x145).u16(1));
    pair.power_cycle();
    pair.same_all(&[("resume", Cmd::new(0x144).u16(1))]);
    assert_eq!(counts(&mut pair), "000000010000000101");
    pair.identical(&read_pcr);
    pair.same_all(&[("platformAuth stays", change_auth(PLATFORM, b"plat", b"plat"))]);
    // TPM Restart.
    pair.same(&Cmd::new(0x145).u16(1));
    pair.power_cycle();
    pair.same_all(&[("restart", Cmd::new(0x144).u16(0))]);
    assert_eq!(counts(&mut pair), "000000010000000201");
    pair.identical(&read_pcr);
    pair.same_all(&[("platformAuth is gone", change_auth(PLATFORM, b"", b"plat"))]);
    // What changes after TPM2_Shutdown withdraws it.
    pair.same(&Cmd::new(0x145).u16(1));
    pair.same(&Cmd::new(0x182).handle(1).password(b"").u32(1).u16(0x0B).raw(&[7; 32]));
    pair.power_cycle();
    pair.same_all(&[("no resume", Cmd::new(0x144).u16(1)), ("reset", Cmd::new(0x144).u16(0))]);
    pair.identical(&read_pcr);
    counts(&mut pair);
    // TPM Reset after an orderly shutdown.
    pair.same(&Cmd::new(0x145).u16(0));
    pair.power_cycle();
    pair.same_all(&[("no resume", Cmd::new(0x144).u16(1)), ("reset", Cmd::new(0x144).u16(0))]);
    pair.identical(&Cmd::new(0x17A).u32(6).u32(0x200).u32(2));
    counts(&mut pair);
    // And after none.
    pair.power_cycle();
    pair.same(&Cmd::new(0x144).u16(0));
    pair.identical(&Cmd::new(0x17A).u32(6).u32(0x200).u32(2));
    counts(&mut pair);
}

/// A session for every way of encrypting.
fn sessions() -> Vec<SessionOptions> {
    let mut all = Vec::new();
    for symmetric in [vec![0, 6, 0, 128, 0, 0x43], vec![0, 0x0A, 0, 0x0B]] {
        for bind in [None, Some((OWNER, b"owner".to_vec()))] {
            all.push(SessionOptions {
                symmetric: symmetric.clone(),
                bind,
                ..SessionOptions::default()
            });
        }
    }
    all
}

#[test]
fn hmac_sessions_authorise_and_encrypt_alike() {
    let mut pair = Pair::started();
    pair.same(&change_auth(OWNER, b"", b"owner"));
    pair.same(&define(0x0206_0006, 40, b"").only_password(b"owner"));
    let write = Cmd::new(0x137)
        .handle(OWNER)
        .handle(INDEX)
        .sized(&(0..40).collect::<Vec<u8>>())
        .u16(0);
    let read = Cmd::new(0x14E).handle(OWNER).handle(INDEX).u16(40).u16(0);
    for options in sessions() {
        let bound = options.bind.is_some();
        pair.each(&format!("{options:?}"), |tpm| {
            let name = nv_name(tpm);
            let names: [&[u8]; 2] = [&OWNER.to_be_bytes(), &name];
            let mut client = Client::start(tpm, &options);
            let auth = Some((&b"owner"[..], !bound));
            client
                .run(tpm, &write, &names, auth, CONTINUE | DECRYPT, false)
                .expect("write");
            let name = nv_name(tpm);
            let names: [&[u8]; 2] = [&OWNER.to_be_bytes(), &name];
            let data = client
                .run(tpm, &read, &names, auth, CONTINUE | ENCRYPT, false)
                .expect("read");
            assert_eq!(data[2..], (0..40).collect::<Vec<u8>>(), "what was written");
            let wrong = client
                .run(tpm, &read, &names, Some((b"wrong", true)), CONTINUE, false)
                .expect_err("wrong key");
            // An error changes nothing in a session; its end does.
            let last = client.run(tpm, &read, &names, auth, 0, false).expect("read");
            let gone = client.run(tpm, &read, &names, auth, 0, false).expect_err("ended");
            (wrong, last, gone)
        });
    }
}

/// The Name of the index.
fn nv_name(tpm: &mut dyn Tpm) -> Vec<u8> {
    let answer = Answer::new(tpm.send(&Cmd::new(0x169).handle(INDEX).to_bytes()));
    let parameters = answer.parameters(false);
    let public = usize::from(u16::from_be_bytes([parameters[0], parameters[1]]));
    parameters[public + 4..].to_vec()
}

#[test]
fn session_starts_are_judged_alike() {
    let mut pair = Pair::started();
    let start = |key: u32, bind: u32, nonce: &[u8], salt: &[u8], kind: u8, symmetric: &str, hash: u16| {
        Cmd::new(0x176)
            .handle(key)
            .handle(bind)
            .sized(nonce)
            .sized(salt)
            .u8(kind)
            .hex(symmetric)
            .u16(hash)
    };
    pair.same_all(&[
        ("nonce of 15", start(NULL, NULL, &[1; 15], &[], 0, "0010", 0x0B)),
        ("nonce of 33", start(NULL, NULL, &[1; 33], &[], 0, "0010", 0x0B)),
        ("kind 2", start(NULL, NULL, &[1; 16], &[], 2, "0010", 0x0B)),
        ("salt without key", start(NULL, NULL, &[1; 16], &[1], 0, "0010", 0x0B)),
        ("symmetric", start(NULL, NULL, &[1; 16], &[], 0, "0012", 0x0B)),
        ("hash", start(NULL, NULL, &[1; 16], &[], 0, "0010", 0x10)),
        ("mode", start(NULL, NULL, &[1; 16], &[], 0, "000600800010", 0x0B)),
        (
            "key that is a hierarchy",
            start(OWNER, NULL, &[1; 16], &[], 0, "0010", 0x0B),
        ),
        (
            "key that is not loaded",
            start(0x8000_0000, NULL, &[1; 16], &[], 0, "0010", 0x0B),
        ),
        (
            "bind to nothing",
            start(NULL, 0x8000_0000, &[1; 16], &[], 0, "0010", 0x0B),
        ),
        ("bind to no index", start(NULL, INDEX, &[1; 16], &[], 0, "0010", 0x0B)),
        (
            "bind to a session",
            start(NULL, 0x0200_0000, &[1; 16], &[], 0, "0010", 0x0B),
        ),
        ("short", Cmd::new(0x176).handle(NULL).handle(NULL)),
        ("good", start(NULL, LOCKOUT, &[1; 16], &[], 0, "0010", 0x0B)),
        ("good", start(NULL, NULL, &[1; 32], &[], 1, "0010", 0x0B)),
        ("good", start(NULL, 7, &[1; 16], &[], 3, "0010", 0x04)),
        (
            "policy as HMAC",
            Cmd::new(0x13D).handle(16).session(0x0200_0001, &[], 1, &[]),
        ),
        (
            "HMAC as policy",
            Cmd::new(0x13D).handle(16).session(0x0300_0000, &[], 1, &[]),
        ),
        ("trial", Cmd::new(0x13D).handle(16).session(0x0300_0002, &[], 1, &[])),
        (
            "policy without policy",
            Cmd::new(0x13D).handle(16).session(0x0300_0001, &[], 1, &[]),
        ),
        (
            "decrypt without symmetric",
            Cmd::new(0x146).session(0x0300_0001, &[], 0x21, &[]).sized(&[1]),
        ),
        (
            "encrypt without symmetric",
            Cmd::new(0x17B).session(0x0300_0001, &[], 0x41, &[]).u16(8),
        ),
        (
            "encrypt what cannot be",
            Cmd::new(0x181).session(0x0300_0001, &[], 0x41, &[]),
        ),
        (
            "decrypt what cannot be",
            Cmd::new(0x17B).session(0x0300_0001, &[], 0x21, &[]).u16(8),
        ),
        (
            "useless session",
            Cmd::new(0x17B).session(0x0300_0001, &[], 1, &[]).u16(8),
        ),
        (
            "audit with a policy session",
            Cmd::new(0x17B).session(0x0300_0001, &[], 0x81, &[]).u16(8),
        ),
        (
            "same session twice",
            Cmd::new(0x17B)
                .session(0x0200_0000, &[], 0x81, &[])
                .session(0x0200_0000, &[], 1, &[])
                .u16(8),
        ),
        (
            "wrong HMAC",
            Cmd::new(0x17B).session(0x0200_0000, &[], 0x81, &[1; 32]).u16(8),
        ),
        ("no HMAC", Cmd::new(0x17B).session(0x0200_0000, &[], 0x81, &[]).u16(8)),
        ("get digest of trial", Cmd::new(0x189).handle(0x0300_0002)),
        ("get digest of HMAC", Cmd::new(0x189).handle(0x0300_0000)),
        ("restart", Cmd::new(0x180).handle(0x0300_0001)),
        ("flush with the wrong kind", Cmd::new(0x165).u32(0x0200_0001)),
        ("flush", Cmd::new(0x165).u32(0x0300_0001)),
        ("flush again", Cmd::new(0x165).u32(0x0300_0001)),
    ]);
}

#[test]
fn guesses_through_bound_sessions_are_counted_alike() {
    let mut pair = Pair::started();
    pair.same(&define(0x0006_0006, 40, b"pin"));
    let random = Cmd::new(0x17B).u16(8);
    let count = Cmd::new(0x17A).u32(6).u32(0x20E).u32(1);
    let bound_to = |entity: u32, auth: &[u8]| SessionOptions {
        bind: Some((entity, auth.to_vec())),
        ..SessionOptions::default()
    };
    pair.each("bound to a protected index", |tpm| {
        let mut codes = Vec::new();
        let mut good = Client::start(tpm, &bound_to(INDEX, b"pin"));
        let mut other = Client::start(tpm, &bound_to(INDEX, b"pin"));
        let mut owner = Client::start(tpm, &bound_to(OWNER, b""));
        other.spoil();
        owner.spoil();
        let mut run = |tpm: &mut dyn Tpm, client: &mut Client| {
            codes.push(client.run(tpm, &random, &[], None, CONTINUE | ENCRYPT, false).err());
            codes.push(Some(Answer::new(tpm.send(&count.to_bytes())).u32_at(23)));
        };
        run(tpm, &mut good);
        run(tpm, &mut owner);
        for _ in 0..4 {
            run(tpm, &mut other);
        }
        run(tpm, &mut good);
        run(tpm, &mut owner);
        for client in [good, other, owner] {
            tpm.send(&Cmd::new(0x165).u32(client.handle).to_bytes());
        }
        codes
    });
    pair.same(&Cmd::new(0x139).handle(LOCKOUT).password(b""));
    pair.same(&change_auth(LOCKOUT, b"", b"lock"));
    pair.each("bound to lockout", |tpm| {
        let mut client = Client::start(tpm, &bound_to(LOCKOUT, b"lock"));
        let mut other = Client::start(tpm, &bound_to(LOCKOUT, b"lock"));
        other.spoil();
        let reset = Cmd::new(0x139).handle(LOCKOUT);
        let name: [&[u8]; 1] = [&LOCKOUT.to_be_bytes()];
        let outcomes = [
            client.run(tpm, &reset, &name, Some((b"lock", false)), CONTINUE, false),
            other.run(tpm, &random, &[], None, CONTINUE | ENCRYPT, false),
            client.run(tpm, &reset, &name, Some((b"lock", false)), CONTINUE, false),
            client.run(tpm, &random, &[], None, CONTINUE | ENCRYPT, false),
        ];
        outcomes.map(Result::err)
    });
}

#[test]
fn session_is_unbound_by_a_new_auth_value() {
    let mut pair = Pair::started();
    pair.same(&change_auth(OWNER, b"", b"one"));
    pair.each("bound to the owner", |tpm| {
        let options = SessionOptions {
            bind: Some((OWNER, b"one".to_vec())),
            ..SessionOptions::default()
        };
        let mut client = Client::start(tpm, &options);
        let name: [&[u8]; 1] = [&OWNER.to_be_bytes()];
        let change = |auth: &[u8]| Cmd::new(0x129).handle(OWNER).sized(auth);
        let policy = Cmd::new(0x12E).handle(OWNER).sized(&[]).u16(0x10);
        // Whether the authValue is part of the key is decided as the command arrives, also for the response.
        let flags = CONTINUE | DECRYPT;
        let outcomes = [
            client.run_changing(tpm, &change(b"two"), &name, (b"one", false), (b"two", false), flags),
            client.run(tpm, &policy, &name, Some((b"two", false)), CONTINUE, false),
            client.run(tpm, &policy, &name, Some((b"two", true)), CONTINUE, false),
            client.run_changing(tpm, &change(b"one"), &name, (b"two", true), (b"one", true), flags),
            client.run(tpm, &policy, &name, Some((b"one", false)), CONTINUE, false),
        ];
        outcomes.map(Result::err)
    });
}
