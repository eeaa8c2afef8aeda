//! Audit, management and capabilities against swtpm: the same codes, and the same digests and lists where nothing in them is random.

use cloister_tests::oracle::{Answer, Cmd, Pair, Tpm};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
/// TPM_ALG_NULL, TPM_ALG_SHA256 and TPM_ALG_SHA512.
const ALG_NULL: u16 = 0x10;
const SHA256: u16 = 0x0B;
const SHA512: u16 = 0x0D;

/// TPM2_SetCommandCodeAuditStatus.
fn set_audit(alg: u16, set: &[u32], clear: &[u32]) -> Cmd {
    let mut command = Cmd::new(0x140).handle(OWNER).password(b"").u16(alg);
    for list in [set, clear] {
        command = list
            .iter()
            .fold(command.u32(list.len() as u32), |command, code| command.u32(*code));
    }
    command
}

/// TPMS_COMMAND_AUDIT_INFO, as an unsigned statement gives it.
fn audit_info(tpm: &mut dyn Tpm) -> String {
    let command = Cmd::new(0x133)
        .handle(ENDORSEMENT)
        .handle(NULL)
        .password(b"")
        .password(b"");
    let answer = Answer::new(tpm.send(&command.u16(0).u16(ALG_NULL).to_bytes()));
    assert_eq!(answer.code(), 0, "TPM2_GetCommandAuditDigest");
    let parameters = answer.parameters(false);
    let size = usize::from(u16::from_be_bytes([parameters[0], parameters[1]]));
    // Behind magic, type, signer, no extraData, clock and version.
    hex::encode(&parameters[2 + 4 + 2 + 6 + 2 + 17 + 8..2 + size])
}

/// TPM2_GetCapability.
fn capability(group: u32, property: u32, count: u32) -> Cmd {
    Cmd::new(0x17A).u32(group).u32(property).u32(count)
}

#[test]
fn command_audit_records_alike() {
    let mut pair = Pair::started();
    pair.same_all(&[
        ("algorithm and list", set_audit(SHA256, &[0x17D], &[])),
        ("list too long", set_audit(ALG_NULL, &[0x17D; 255], &[])),
        ("no hash", set_audit(0x01, &[], &[])),
        (
            "by the platform, a good one",
            Cmd::new(0x140).handle(PLATFORM).password(b"").u16(ALG_NULL).u64(0),
        ),
        (
            "by the endorsement",
            Cmd::new(0x140).handle(ENDORSEMENT).password(b"").u16(ALG_NULL).u64(0),
        ),
        (
            "digest by the owner",
            Cmd::new(0x133).handle(OWNER).handle(NULL).password(b"").password(b""),
        ),
        (
            "digest with one session",
            Cmd::new(0x133).handle(ENDORSEMENT).handle(NULL).password(b""),
        ),
    ]);
    pair.each("SHA-512 at first", |tpm| audit_info(tpm));
    pair.same(&set_audit(
        SHA512,
        &[0x17D, 0x18A, 0x153, 0x145, 0x12F, 0x17E],
        &[0x140, 0x17E],
    ));
    pair.each("list", |tpm| audit_info(tpm));
    let audited = [
        Cmd::new(0x17D).sized(b"abc").u16(SHA256).u32(NULL),
        Cmd::new(0x18A).hex("00080010"),
        Cmd::new(0x17D).sized(b"abc").u16(0x11).u32(NULL),
        Cmd::new(0x17B).u16(4),
        Cmd::new(0x17D).password(b"").sized(b"abc").u16(SHA256).u32(NULL),
        Cmd::new(0x145).u16(0),
    ];
    for command in &audited {
        pair.same(command);
        pair.each("digest", |tpm| audit_info(tpm));
    }
    pair.each("counter", |tpm| {
        Answer::new(tpm.send(&capability(6, 0x213, 2).to_bytes()))
            .bytes()
            .to_vec()
    });
    pair.identical(&capability(4, 0, 100));
    pair.identical(&capability(4, 0x141, 1));
    pair.identical(&capability(4, 0, 0));
    pair.same(&set_audit(SHA256, &[], &[]));
    pair.each("another algorithm", |tpm| audit_info(tpm));
    pair.same(&audited[1]);
    pair.each("another algorithm, started", |tpm| audit_info(tpm));
    // TPM Reset ends the digest, and what lasts stays.
    pair.power_cycle();
    pair.same(&Cmd::new(0x144).u16(0));
    pair.each("after TPM Reset", |tpm| audit_info(tpm));
    pair.same(&audited[1]);
    pair.each("started again", |tpm| audit_info(tpm));
    for kind in [0, 1] {
        pair.same(&Cmd::new(0x145).u16(1));
        pair.power_cycle();
        pair.same(&Cmd::new(0x144).u16(kind));
        pair.each("after TPM Restart or Resume", |tpm| audit_info(tpm));
    }
    pair.same(&Cmd::new(0x126).handle(LOCKOUT).password(b""));
    pair.each("after TPM2_Clear", |tpm| audit_info(tpm));
}

#[test]
fn audit_of_the_start_and_of_the_report_is_alike() {
    let mut pair = Pair::started();
    pair.same(&set_audit(SHA256, &[], &[]));
    pair.same(&set_audit(ALG_NULL, &[0x144, 0x165, 0x161], &[]));
    pair.same(&Cmd::new(0x165).u32(0x8000_0000));
    pair.power_cycle();
    pair.same(&Cmd::new(0x144).u16(0));
    pair.each("TPM2_Startup", |tpm| audit_info(tpm));
    // The report itself can be audited; its answer tells the time, so the digests differ.
    pair.same(&set_audit(ALG_NULL, &[0x133], &[]));
    for _ in 0..2 {
        pair.each("counter", |tpm| audit_info(tpm)[..16].to_owned());
    }
}

#[test]
fn management_is_judged_alike() {
    let mut pair = Pair::started();
    let by = |code: u32, handle: u32| Cmd::new(code).handle(handle).password(b"");
    let lists = |command: Cmd| command.u32(1).u32(0x126).u32(0);
    pair.same_all(&[
        ("PP_Commands", lists(by(0x12D, PLATFORM))),
        ("PP_Commands by the owner", lists(by(0x12D, OWNER))),
        ("PP_Commands without session", lists(Cmd::new(0x12D).handle(PLATFORM))),
        (
            "PP_Commands, wrong password",
            lists(Cmd::new(0x12D).handle(PLATFORM).password(b"x")),
        ),
        ("PP_Commands too short", by(0x12D, PLATFORM).u32(1)),
        ("SetAlgorithmSet", by(0x13F, PLATFORM).u32(7)),
        ("SetAlgorithmSet by the owner", by(0x13F, OWNER).u32(7)),
        ("SetAlgorithmSet too short", by(0x13F, PLATFORM).u16(7)),
        ("rate -4", by(0x130, OWNER).u8(0xFC)),
        ("rate -3", by(0x130, OWNER).u8(0xFD)),
        ("rate -2", by(0x130, PLATFORM).u8(0xFE)),
        ("rate -1", by(0x130, OWNER).u8(0xFF)),
        ("rate 0", by(0x130, OWNER).u8(0)),
        ("rate 3", by(0x130, OWNER).u8(3)),
        ("rate 4", by(0x130, OWNER).u8(4)),
        ("rate by lockout", by(0x130, LOCKOUT).u8(0)),
        ("rate too short", by(0x130, OWNER)),
        ("policy for PCR 0", by(0x12C, PLATFORM).sized(&[]).u16(ALG_NULL).u32(0)),
        (
            "policy for PCR 24",
            by(0x12C, PLATFORM).sized(&[]).u16(ALG_NULL).u32(24),
        ),
        ("policy by the owner", by(0x12C, OWNER).sized(&[]).u16(ALG_NULL).u32(0)),
        (
            "policy of another size",
            by(0x12C, PLATFORM).sized(&[1]).u16(SHA256).u32(0),
        ),
        (
            "policy too long",
            by(0x12C, PLATFORM).sized(&[1; 65]).u16(SHA256).u32(0),
        ),
        ("value for PCR 0", by(0x183, 0).sized(&[])),
        ("value for PCR 24", by(0x183, 24).sized(&[])),
        ("value too long", by(0x183, 0).sized(&[0; 65])),
        // swtpm 0.7.1 gives PCR 20 to 22 to a group; the PC Client profile, and newer ones of its kind, to none.
    ]);
    pair.identical(&capability(3, 0, 100));
    pair.identical(&capability(3, 0x12E, 100));
    pair.identical(&capability(6, 0x20C, 1));
    pair.power_cycle();
    pair.same(&Cmd::new(0x144).u16(0));
    pair.identical(&capability(6, 0x20C, 1));
}

/// The properties of a TPM_CAP_TPM_PROPERTIES answer, without their values.
fn tags(answer: &Answer) -> Vec<u32> {
    let list = &answer.parameters(false)[9..];
    list.chunks(8)
        .map(|entry| u32::from_be_bytes(entry[..4].try_into().expect("four bytes")))
        .collect()
}

#[test]
fn capabilities_are_listed_alike() {
    let mut pair = Pair::started();
    // Two indices, a transient and a persistent object, four sessions of which two are saved.
    for index in [0x0150_0016u32, 0x01C0_0002] {
        let public = [&index.to_be_bytes()[..], &[0, 0x0B, 0, 2, 0, 2, 0, 0, 0, 8]].concat();
        pair.same(&Cmd::new(0x12A).handle(OWNER).password(b"").sized(&[]).sized(&public));
    }
    let public = hex::decode("0023000b00030472000000060080004300100003001000000000").expect("hexadecimal");
    let primary = Cmd::new(0x131).handle(OWNER).password(b"").hex("000400000000");
    pair.same(&primary.sized(&public).u16(0).u32(0));
    let evict = Cmd::new(0x120).handle(OWNER).handle(0x8000_0000).password(b"");
    pair.same(&evict.u32(0x8100_0001));
    for kind in [0, 1, 0] {
        let start = Cmd::new(0x176).handle(NULL).handle(NULL).sized(&[1; 16]).sized(&[]);
        let start = start.u8(kind).u16(ALG_NULL).u16(SHA256).to_bytes();
        pair.each("session", |tpm| tpm.send(&start)[6..14].to_vec());
    }
    for session in [0x0200_0000u32, 0x0300_0001] {
        let save = Cmd::new(0x162).handle(session).to_bytes();
        pair.each("saved", |tpm| tpm.send(&save)[6..10].to_vec());
    }
    for from in [
        0u32,
        5,
        23,
        24,
        0x0100_0000,
        0x0150_0016,
        0x0150_0017,
        0x01FF_FFFF,
        0x0200_0000,
        0x0200_0002,
        0x0200_0040,
        0x0300_0000,
        0x0300_0001,
        0x0300_0002,
        0x8000_0000,
        0x8000_0001,
        0x8100_0000,
        0x8100_0001,
        0x8100_0002,
        0x8180_0000,
    ] {
        for count in [0, 1, 2, 1000] {
            pair.identical(&capability(1, from, count));
        }
    }
    // Of permanent handles, this TPM has two more: the countdown timers, above all others.
    for (from, count) in [(0x4000_0000, 1), (0x4000_0000, 2), (0x4000_0008, 1), (0x4000_0008, 2)] {
        pair.identical(&capability(1, from, count));
    }
    for (from, length) in [(0x4000_0000, 28), (0x4000_000E, 0), (0x4000_0110, 0)] {
        let command = capability(1, from, 1000).to_bytes();
        pair.each("permanent handles but the timers", |tpm| {
            let answer = Answer::new(tpm.send(&command));
            answer.parameters(false)[9..][..length].to_vec()
        });
    }
    for from in [0x0400_0000, 0x1100_0000, 0x9000_0000, 0xFF00_0000] {
        pair.same(&capability(1, from, 1));
    }
    // Saving, flags, localities: all PCR properties below those of the groups, which swtpm 0.7.1 has and the PC Client profile has not.
    for from in [0, 1, 9, 0x0A] {
        pair.identical(&capability(7, from, 0x0B - from));
    }
    pair.identical(&capability(7, 0x0B, 1));
    pair.identical(&capability(7, 0x11, 2));
    pair.identical(&capability(7, 0x15, 1));
    for count in [0, 1, 100] {
        pair.identical(&capability(5, 0, count));
        pair.identical(&capability(6, 0x300, count));
    }
    for count in [0, 1, 3] {
        pair.identical(&capability(9, 0x4000_0000, count));
    }
    pair.identical(&capability(9, 0x4000_000A, 2));
    pair.same_all(&[
        ("PCRS 1", capability(5, 1, 1)),
        ("no permanent handle", capability(9, 0x8000_0000, 1)),
        ("ACT", capability(10, 0x4000_0110, 1)),
        ("below ACT", capability(10, 0x4000_010F, 1)),
        ("above ACT", capability(10, 0x4000_0120, 1)),
        ("unknown group", capability(0x0B, 0, 1)),
        ("vendor", capability(0x100, 0, 1)),
        ("too short", Cmd::new(0x17A).u32(0).u32(0)),
    ]);
    // Which properties there are; their values are each TPM's own, but for those of the profile.
    for (from, count) in [(0, 1000), (0x100, 3), (0x115, 2), (0x200, 1000), (0x20F, 2)] {
        let command = capability(6, from, count).to_bytes();
        pair.each("properties", |tpm| {
            let answer = Answer::new(tpm.send(&command));
            (answer.parameters(false)[0], tags(&answer))
        });
    }
    for property in [
        0x100u32, 0x101, 0x10D, 0x111, 0x112, 0x113, 0x114, 0x116, 0x117, 0x11A, 0x11B, 0x11C, 0x11D, 0x11E, 0x120,
        0x124, 0x12B, 0x12C, 0x12D, 0x12E, 0x200, 0x202, 0x203, 0x205, 0x208, 0x20A, 0x20C, 0x20E, 0x20F, 0x210, 0x211,
        0x212, 0x213, 0x214,
    ] {
        pair.identical(&capability(6, property, 1));
    }
}
