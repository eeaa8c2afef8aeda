//! One conversation with a TPM that goes through every part of the contract, so that two machines can be compared answer by answer.
//!
//! The caller plays host and guest. Every command that should succeed is checked to succeed, every one that should not to end in the code that Part 3
//! gives it, and HMACs of responses are checked by the client; what the answers are otherwise is for the caller to compare.

use crate::{
    oracle::{
        Answer, CONTINUE, Client, Cmd, DECRYPT, ENCRYPT, SessionOptions, Tpm, flush, public_area, sha256, sized,
        succeed, take,
    },
    with_optional,
};

/// A TPM with the rest of the contract around it.
pub trait Machine: Tpm {
    /// `_TPM_Hash_Start`, `_TPM_Hash_Data` and `_TPM_Hash_End`.
    fn hash_sequence(&mut self, data: &[u8]);
    /// Saves persistent and volatile state, and goes on in a new instance that gets both.
    fn move_over(&mut self);
    /// Asks for the identity keys.
    fn identity(&mut self);
}

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const PERSISTENT: u32 = 0x8100_0005;
const INDEX: u32 = 0x0150_0016;

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const STORAGE: u32 = 0x0003_0472;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign.
const SIGNING: u32 = 0x0004_0072;
/// As `SIGNING`, and decrypt.
const BOTH: u32 = 0x0006_0072;
/// fixedTPM, fixedParent, userWithAuth.
const SEALED: u32 = 0x0000_0052;
/// SHA-256 PCR 0 to 7 and 16.
const SELECTION: &str = "00000001000b03ff0001";
/// What the H-CRTM sequence measures.
const BOOT_CODE: &[u8] = b"the code that starts the machine";
/// The key's own scheme, or none.
const NO_SCHEME: &str = "0010";

/// The whole conversation, with two RSA keys, from before TPM2_Startup to after the last power cycle.
pub fn converse(tpm: &mut dyn Machine) {
    tpm.hash_sequence(BOOT_CODE);
    refuse(tpm, &Cmd::new(0x17B).u16(8), 0x100);
    succeed(tpm, &Cmd::new(0x144).u16(0));
    refuse(tpm, &Cmd::new(0x144).u16(0), 0x100);
    self_test_and_random(tpm);
    hashes(tpm);
    pcrs(tpm);
    capabilities(tpm);
    errors(tpm);
    let storage = primary(tpm, OWNER, &public(0x23, STORAGE, "00060080004300100003001000000000"));
    children(tpm, &storage);
    sessions(tpm, &storage);
    // There were three wrong guesses, as many as the TPM allows.
    succeed(tpm, &Cmd::new(0x139).handle(LOCKOUT).password(b""));
    policies(tpm, &storage);
    symmetric_keys(tpm, &storage);
    let always = [
        (2, "0018000b"),
        (3, "0018000b"),
        (4, "0018000c"),
        (5, "0018000d"),
        (3, "001c000b"),
    ];
    // BN-256 and the curve of SM2, and signatures of SM2.
    let on_demand = [(0x10, "0018000b"), (0x20, "0018000b"), (0x20, "001b000b")];
    for (curve, scheme) in with_optional(&always, &on_demand) {
        curves(tpm, &storage, curve, scheme);
    }
    hidden(tpm);
    anonymous(tpm, &storage);
    derived(tpm);
    nv(tpm);
    contexts(tpm, &storage);
    rsa(tpm);
    moved_over(tpm, &storage);
    power_cycles(tpm, &storage);
    countdown_timers(tpm);
    hierarchies(tpm);
}

/// The identity keys, before and after the endorsement seed changes: four RSA keys.
pub fn converse_identity(tpm: &mut dyn Machine) {
    succeed(tpm, &Cmd::new(0x144).u16(0));
    tpm.identity();
    succeed(tpm, &Cmd::new(0x124).handle(PLATFORM).password(b""));
    tpm.identity();
}

/// A loaded object.
struct Object {
    handle: u32,
    name: Vec<u8>,
}

fn send(tpm: &mut dyn Machine, command: &Cmd) -> Answer {
    Answer::new(tpm.send(&command.to_bytes()))
}

fn refuse(tpm: &mut dyn Machine, command: &Cmd, code: u32) {
    let answer = send(tpm, command);
    assert_eq!(
        format!("{:#x}", answer.code()),
        format!("{code:#x}"),
        "{}",
        hex::encode(command.to_bytes())
    );
}

/// A TPMT_PUBLIC with SHA-256 and no policy.
fn public(kind: u16, attributes: u32, rest: &str) -> Vec<u8> {
    public_area(kind, attributes, &[], rest)
}

fn primary(tpm: &mut dyn Machine, hierarchy: u32, template: &[u8]) -> Object {
    let command = Cmd::new(0x131)
        .handle(hierarchy)
        .password(b"")
        .sized(&[0; 4])
        .sized(template)
        .sized(b"outside")
        .hex(SELECTION);
    let answer = succeed(tpm, &command);
    let mut rest = answer.parameters(true);
    // outPublic, creationData, creationHash, then the ticket: tag, hierarchy, digest.
    for _ in 0..3 {
        take(&mut rest);
    }
    rest = &rest[6..];
    take(&mut rest);
    Object {
        handle: answer.handle(),
        name: take(&mut rest).to_vec(),
    }
}

fn creation(parent: &Object, auth: &[u8], data: &[u8], template: &[u8]) -> Cmd {
    let sensitive = [sized(auth), sized(data)].concat();
    Cmd::new(0x153)
        .handle(parent.handle)
        .sized(&sensitive)
        .sized(template)
        .sized(&[])
        .u32(0)
}

fn load(tpm: &mut dyn Machine, parent: &Object, created: &[u8]) -> Object {
    let mut rest = created;
    let (private, public) = (take(&mut rest), take(&mut rest));
    let answer = succeed(
        tpm,
        &Cmd::new(0x157)
            .handle(parent.handle)
            .password(b"")
            .sized(private)
            .sized(public),
    );
    let mut rest = answer.parameters(true);
    Object {
        handle: answer.handle(),
        name: take(&mut rest).to_vec(),
    }
}

fn child(tpm: &mut dyn Machine, parent: &Object, auth: &[u8], data: &[u8], template: &[u8]) -> Object {
    let answer = succeed(tpm, &creation(parent, auth, data, template).password(b""));
    load(tpm, parent, answer.parameters(false))
}

fn self_test_and_random(tpm: &mut dyn Machine) {
    succeed(tpm, &Cmd::new(0x143).u8(1));
    succeed(tpm, &Cmd::new(0x17C));
    succeed(tpm, &Cmd::new(0x142).u32(2).u16(0x0B).u16(0x23));
    for size in [0, 1, 32, 33, 48] {
        succeed(tpm, &Cmd::new(0x17B).u16(size));
    }
    succeed(tpm, &Cmd::new(0x146).sized(b"a caller's contribution"));
    succeed(tpm, &Cmd::new(0x17B).u16(32));
    succeed(tpm, &Cmd::new(0x181));
}

fn hashes(tpm: &mut dyn Machine) {
    for algorithm in with_optional(&[0x04, 0x0B, 0x0C, 0x0D], &[0x27, 0x28, 0x29]) {
        for size in [0, 3, 55, 64, 111, 128, 1024] {
            succeed(tpm, &Cmd::new(0x17D).sized(&vec![0x61; size]).u16(algorithm).u32(NULL));
        }
        let sequence = succeed(tpm, &Cmd::new(0x186).sized(b"").u16(algorithm)).handle();
        succeed(tpm, &Cmd::new(0x15C).handle(sequence).password(b"").sized(&[7; 1000]));
        succeed(
            tpm,
            &Cmd::new(0x13E)
                .handle(sequence)
                .password(b"")
                .sized(&[8; 100])
                .u32(OWNER),
        );
    }
}

fn pcrs(tpm: &mut dyn Machine) {
    let digests = [(0x04, 20), (0x0B, 32), (0x0C, 48), (0x0D, 64)];
    for pcr in [0, 7, 16] {
        let extend = Cmd::new(0x182).handle(pcr).password(b"").u32(4);
        let extend = digests
            .iter()
            .fold(extend, |command, (hash, size)| command.u16(*hash).raw(&vec![5; *size]));
        succeed(tpm, &extend);
        succeed(tpm, &Cmd::new(0x13C).handle(pcr).password(b"").sized(b"an event"));
    }
    for (hash, _) in digests {
        succeed(tpm, &Cmd::new(0x17E).u32(1).u16(hash).hex("03ff0001"));
    }
    succeed(tpm, &Cmd::new(0x13D).handle(16).password(b""));
    succeed(tpm, &Cmd::new(0x17E).hex("00000001000b03000001"));
    refuse(tpm, &Cmd::new(0x13D).handle(0).password(b""), 0x907);
}

fn capabilities(tpm: &mut dyn Machine) {
    let lists = [
        (0, 0),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 0),
        (6, 0x100),
        (6, 0x200),
        (7, 0),
        (8, 0),
    ];
    let handles = [
        0,
        0x0100_0000,
        0x0200_0000,
        0x0300_0000,
        0x4000_0000,
        0x8000_0000,
        0x8100_0000,
    ];
    for (group, first) in lists.into_iter().chain(handles.map(|first| (1, first))) {
        send(tpm, &Cmd::new(0x17A).u32(group).u32(first).u32(1000));
        send(tpm, &Cmd::new(0x17A).u32(group).u32(first).u32(3));
    }
    succeed(tpm, &Cmd::new(0x17A).u32(2).u32(0x11F).u32(1000));
}

fn errors(tpm: &mut dyn Machine) {
    for bytes in [
        &b"\x80\x01\0\0\0\x0b\0\0\x01\x7b"[..],
        b"\x80\x07\0\0\0\x0c\0\0\x01\x7b\0\x08",
        b"\x80\x01\0\0\0\x0c\0\0\x01\x7b\0",
        b"\x80",
        b"",
    ] {
        let answer = Answer::new(tpm.send(bytes));
        assert_ne!(answer.code(), 0, "{}", hex::encode(bytes));
    }
    refuse(tpm, &Cmd::new(0x2000_0001), 0x143);
    refuse(tpm, &Cmd::new(0x17B).u16(8).u8(0), 0x95);
    refuse(tpm, &Cmd::new(0x173).handle(0x8000_0000), 0x910);
    refuse(tpm, &Cmd::new(0x13D).handle(16), 0x125);
    refuse(tpm, &Cmd::new(0x17D).sized(b"").u16(0x12).u32(NULL), 0x2C3);
}

/// Sealed data and signing keys under a storage key; attestations by them.
fn children(tpm: &mut dyn Machine, storage: &Object) {
    let sealed = child(tpm, storage, b"pin", b"a secret", &public(0x08, SEALED, "00100000"));
    succeed(tpm, &Cmd::new(0x15E).handle(sealed.handle).password(b"pin"));
    refuse(tpm, &Cmd::new(0x15E).handle(sealed.handle).password(b"guess"), 0x98E);
    flush(tpm, sealed.handle);

    let signer = child(
        tpm,
        storage,
        b"",
        b"",
        &public(0x23, SIGNING, "00100018000b0003001000000000"),
    );
    succeed(tpm, &Cmd::new(0x173).handle(signer.handle));
    let attest = |code| Cmd::new(code).sized(b"a nonce").hex("0018000b");
    succeed(tpm, &attest(0x158).handle(signer.handle).password(b"").hex(SELECTION));
    let certify = attest(0x148)
        .handle(storage.handle)
        .handle(signer.handle)
        .password(b"")
        .password(b"");
    succeed(tpm, &certify);
    let blob = succeed(
        tpm,
        &Cmd::new(0x168)
            .handle(storage.handle)
            .sized(b"a credential")
            .sized(&signer.name),
    );
    let mut rest = blob.parameters(false);
    let (credential, secret) = (take(&mut rest), take(&mut rest));
    let activate = Cmd::new(0x147)
        .handle(signer.handle)
        .handle(storage.handle)
        .password(b"")
        .password(b"");
    let answer = succeed(tpm, &activate.sized(credential).sized(secret));
    assert_eq!(take(&mut answer.parameters(false)), b"a credential");
    flush(tpm, signer.handle);
}

/// TPM2_Unseal with the password "pin" in the HMAC of a session, which encrypts what comes back or does not.
fn unseal(tpm: &mut dyn Machine, client: &mut Client, sealed: &Object, encrypt: u8) -> Result<Vec<u8>, u32> {
    let command = Cmd::new(0x15E).handle(sealed.handle);
    let (names, auth) = ([&sealed.name[..]], Some((&b"pin"[..], true)));
    client.run(tpm, &command, &names, auth, CONTINUE | encrypt, false)
}

/// Sessions with HMAC and encrypted parameters, XOR and AES, bound and free.
fn sessions(tpm: &mut dyn Machine, storage: &Object) {
    let xor = vec![0, 0x0A, 0, 0x0B];
    let free = SessionOptions::default();
    let bound = SessionOptions {
        bind: Some((storage.handle, Vec::new())),
        symmetric: xor,
        ..SessionOptions::default()
    };
    for options in [free, bound] {
        let mut client = Client::start(tpm, &options);
        let encrypted = CONTINUE | ENCRYPT | DECRYPT;
        let create = creation(storage, b"pin", b"another secret", &public(0x08, SEALED, "00100000"));
        let created = client.run(tpm, &create, &[&storage.name], Some((b"", true)), encrypted, false);
        let sealed = load(tpm, storage, &created.expect("TPM2_Create with a session"));
        assert_eq!(unseal(tpm, &mut client, &sealed, ENCRYPT), Ok(sized(b"another secret")));
        let random = client.run(tpm, &Cmd::new(0x17B).u16(16), &[], None, CONTINUE | ENCRYPT, false);
        assert_eq!(random.expect("TPM2_GetRandom with a session").len(), 18);
        client.spoil();
        assert_eq!(unseal(tpm, &mut client, &sealed, 0), Err(0x98E));
        flush(tpm, client.handle);
        flush(tpm, sealed.handle);
    }
}

/// A secret that only opens with the PCRs as they are.
fn policies(tpm: &mut dyn Machine, storage: &Object) {
    let start = |kind| {
        let command = Cmd::new(0x176)
            .handle(NULL)
            .handle(NULL)
            .sized(&[3; 16])
            .sized(&[])
            .u8(kind);
        command.u16(0x10).u16(0x0B)
    };
    let conditions = |tpm: &mut dyn Machine, session| {
        succeed(tpm, &Cmd::new(0x17F).handle(session).sized(&[]).hex(SELECTION));
        let secret = Cmd::new(0x151)
            .handle(OWNER)
            .handle(session)
            .password(b"")
            .sized(&[])
            .sized(&[])
            .sized(b"ref");
        succeed(tpm, &secret.u32(0));
        let answer = succeed(tpm, &Cmd::new(0x189).handle(session));
        take(&mut answer.parameters(false)).to_vec()
    };
    let trial = succeed(tpm, &start(3)).handle();
    let policy = conditions(tpm, trial);
    flush(tpm, trial);
    // fixedTPM, fixedParent, without userWithAuth.
    let sealed = child(
        tpm,
        storage,
        b"",
        b"guarded",
        &public_area(0x08, 0x12, &policy, "00100000"),
    );
    let session = succeed(tpm, &start(1)).handle();
    let unseal = Cmd::new(0x15E)
        .handle(sealed.handle)
        .session(session, &[], CONTINUE, &[]);
    refuse(tpm, &unseal, 0x99D);
    assert_eq!(conditions(tpm, session), policy);
    succeed(tpm, &unseal);
    succeed(tpm, &Cmd::new(0x180).handle(session));
    conditions(tpm, session);
    succeed(
        tpm,
        &Cmd::new(0x182).handle(7).password(b"").u32(1).u16(0x0B).raw(&[9; 32]),
    );
    refuse(tpm, &unseal, 0x128);
    flush(tpm, session);
    flush(tpm, sealed.handle);
}

/// AES in every mode, and HMAC.
fn symmetric_keys(tpm: &mut dyn Machine, storage: &Object) {
    // AES; Camellia and triple DES.
    for (cipher, block) in with_optional(
        &[("00060080", 16), ("00060100", 16)],
        &[("00260080", 16), ("00260100", 16), ("00030080", 8), ("000300c0", 8)],
    ) {
        let template = public(0x25, BOTH, &format!("{cipher}00100000"));
        let key = child(tpm, storage, b"", b"", &template);
        let crypt = |data: &[u8], decrypt, mode| {
            let command = Cmd::new(0x193).handle(key.handle).password(b"").sized(data);
            // ECB has no initial vector.
            let iv = if mode == 0x44 { &[] } else { &[1; 16][..block] };
            command.u8(decrypt).u16(mode).sized(iv)
        };
        // CTR, OFB, CBC, CFB, ECB.
        for mode in [0x40, 0x41, 0x42, 0x43, 0x44] {
            let whole_blocks = matches!(mode, 0x42 | 0x44);
            for size in [0, 15, 16, 33, 992]
                .into_iter()
                .filter(|size| !whole_blocks || size % block == 0)
            {
                let plain_text = vec![0x5A; size];
                let answer = succeed(tpm, &crypt(&plain_text, 0, mode));
                let cipher_text = take(&mut answer.parameters(false)).to_vec();
                let answer = succeed(tpm, &crypt(&cipher_text, 1, mode));
                assert_eq!(take(&mut answer.parameters(false)), plain_text);
            }
        }
        flush(tpm, key.handle);
    }
    let key = child(tpm, storage, b"", b"", &public(0x08, SIGNING, "0005000b0000"));
    succeed(
        tpm,
        &Cmd::new(0x155)
            .handle(key.handle)
            .password(b"")
            .sized(b"authentic")
            .u16(0x0B),
    );
    let sequence = succeed(
        tpm,
        &Cmd::new(0x15B).handle(key.handle).password(b"").sized(b"").u16(0x0B),
    )
    .handle();
    succeed(
        tpm,
        &Cmd::new(0x13E)
            .handle(sequence)
            .password(b"")
            .sized(&[1; 500])
            .u32(NULL),
    );
    flush(tpm, key.handle);
}

/// Signatures and key exchange on one curve.
fn curves(tpm: &mut dyn Machine, storage: &Object, curve: u16, scheme: &str) {
    let rest = format!("0010{scheme}{curve:04x}001000000000");
    let signer = child(tpm, storage, b"", b"", &public(0x23, SIGNING, &rest));
    signature(tpm, &signer, scheme);
    flush(tpm, signer.handle);
    let rest = format!("00100019000b{curve:04x}001000000000");
    let key = primary(tpm, NULL, &public(0x23, 0x0002_0072, &rest));
    let answer = succeed(tpm, &Cmd::new(0x163).handle(key.handle));
    let mut rest = answer.parameters(false);
    let (shared, ephemeral) = (take(&mut rest), take(&mut rest));
    let answer = succeed(tpm, &Cmd::new(0x154).handle(key.handle).password(b"").sized(ephemeral));
    assert_eq!(take(&mut answer.parameters(false)), shared, "both ends of the exchange");
    flush(tpm, key.handle);
}

/// A message hidden with TPM2_ECC_Encrypt.
fn hidden(tpm: &mut dyn Machine) {
    let key = primary(tpm, NULL, &public(0x23, 0x0002_0072, "001000100003001000000000"));
    let kdf2 = "0021000b";
    let answer = succeed(tpm, &Cmd::new(0x199).handle(key.handle).sized(b"a message").hex(kdf2));
    let decrypt = Cmd::new(0x19A).handle(key.handle).password(b"");
    let answer = succeed(tpm, &decrypt.raw(answer.parameters(false)).hex(kdf2));
    assert_eq!(take(&mut answer.parameters(false)), b"a message");
    flush(tpm, key.handle);
}

/// A commitment and the ECDAA signature that uses it up.
fn anonymous(tpm: &mut dyn Machine, storage: &Object) {
    let scheme = |count: &[u8]| format!("001a000b{}", hex::encode(count));
    let template = public(0x23, SIGNING, &format!("0010{}0003001000000000", scheme(&[0, 0])));
    let key = child(tpm, storage, b"", b"", &template);
    let commit = Cmd::new(0x18B).handle(key.handle).password(b"").sized(&[0; 4]);
    let answer = succeed(tpm, &commit.sized(b"").sized(b""));
    let mut rest = answer.parameters(false);
    for _ in 0..3 {
        take(&mut rest);
    }
    let sign = Cmd::new(0x15D).handle(key.handle).password(b"").sized(&[0xC3; 32]);
    let sign = sign.hex(&scheme(rest)).hex("8024400000070000");
    succeed(tpm, &sign);
    refuse(tpm, &sign, 0x84);
    flush(tpm, key.handle);
}

/// A key that a label derives from the secret of its parent.
fn derived(tpm: &mut dyn Machine) {
    let parent = primary(tpm, OWNER, &public(0x08, STORAGE, "000a000b00220000"));
    let template = public(0x23, SIGNING & !0x20, "0010001000050010");
    let create = Cmd::new(0x191).handle(parent.handle).password(b"").sized(&[0; 4]);
    let template = [template, sized(b"label"), sized(b"context")].concat();
    let handle = succeed(tpm, &create.sized(&template)).handle();
    flush(tpm, handle);
    flush(tpm, parent.handle);
}

/// Signs, verifies, and sees that a damaged signature does not verify.
fn signature(tpm: &mut dyn Machine, key: &Object, scheme: &str) {
    let hash = u16::from_str_radix(&scheme[4..], 16).expect("a hash");
    let size = [32, 48, 64][usize::from(hash - 0x0B)];
    let digest = vec![0xC3; size];
    let command = Cmd::new(0x15D)
        .handle(key.handle)
        .password(b"")
        .sized(&digest)
        .hex(scheme)
        .hex("8024400000070000");
    let answer = succeed(tpm, &command);
    let mut signature = answer.parameters(false).to_vec();
    let verify = |signature: &[u8]| Cmd::new(0x177).handle(key.handle).sized(&digest).raw(signature);
    succeed(tpm, &verify(&signature));
    if let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
    refuse(tpm, &verify(&signature), 0x2DB);
}

fn nv(tpm: &mut dyn Machine) {
    let kinds = [
        (INDEX, 0x0006_0006, 40),
        (INDEX + 1, 0x0006_0016, 8),
        (INDEX + 2, 0x0006_0046, 32),
    ];
    for (index, attributes, size) in kinds {
        let mut area = index.to_be_bytes().to_vec();
        area.extend([0, 0x0B]);
        area.extend(u32::to_be_bytes(attributes));
        area.extend([0, 0, 0, size]);
        succeed(
            tpm,
            &Cmd::new(0x12A).handle(OWNER).password(b"").sized(b"pin").sized(&area),
        );
    }
    let at = |code, index| Cmd::new(code).handle(index).handle(index).password(b"pin");
    refuse(tpm, &at(0x14E, INDEX).u16(8).u16(0), 0x14A);
    succeed(tpm, &at(0x137, INDEX).sized(&[0xD1; 40]).u16(0));
    succeed(tpm, &at(0x137, INDEX).sized(b"in the middle").u16(10));
    succeed(tpm, &at(0x14E, INDEX).u16(40).u16(0));
    for _ in 0..3 {
        succeed(tpm, &at(0x134, INDEX + 1));
    }
    succeed(tpm, &at(0x14E, INDEX + 1).u16(8).u16(0));
    succeed(tpm, &at(0x136, INDEX + 2).sized(b"extended"));
    succeed(tpm, &at(0x14E, INDEX + 2).u16(32).u16(0));
    succeed(tpm, &Cmd::new(0x169).handle(INDEX));
    refuse(tpm, &at(0x14E, INDEX).u16(41).u16(0), 0x146);
    succeed(tpm, &Cmd::new(0x122).handle(OWNER).handle(INDEX + 2).password(b""));
}

/// An object and a session out of the TPM and in again; what was saved before the reset of its sequence is refused.
fn contexts(tpm: &mut dyn Machine, storage: &Object) {
    let sealed = child(tpm, storage, b"", b"saved", &public(0x08, SEALED, "00100000"));
    let saved = succeed(tpm, &Cmd::new(0x162).handle(sealed.handle))
        .parameters(false)
        .to_vec();
    flush(tpm, sealed.handle);
    let mut damaged = saved.clone();
    if let Some(last) = damaged.last_mut() {
        *last ^= 1;
    }
    assert_ne!(send(tpm, &Cmd::new(0x161).raw(&damaged)).code(), 0, "a damaged context");
    let loaded = succeed(tpm, &Cmd::new(0x161).raw(&saved)).handle();
    succeed(tpm, &Cmd::new(0x15E).handle(loaded).password(b""));
    flush(tpm, loaded);
    let mut client = Client::start(tpm, &SessionOptions::default());
    let saved = succeed(tpm, &Cmd::new(0x162).handle(client.handle))
        .parameters(false)
        .to_vec();
    assert_eq!(succeed(tpm, &Cmd::new(0x161).raw(&saved)).handle(), client.handle);
    let random = client.run(tpm, &Cmd::new(0x17B).u16(8), &[], None, ENCRYPT, false);
    assert_eq!(random.expect("the session is whole").len(), 10);
    succeed(
        tpm,
        &Cmd::new(0x120)
            .handle(OWNER)
            .handle(storage.handle)
            .password(b"")
            .u32(PERSISTENT),
    );
}

/// One RSA-2048 key, for everything that RSA is for.
fn rsa(tpm: &mut dyn Machine) {
    for bits in [1024, 2048] {
        rsa_of(tpm, bits);
    }
}

fn rsa_of(tpm: &mut dyn Machine, bits: u16) {
    let key = primary(
        tpm,
        ENDORSEMENT,
        &public(0x01, BOTH, &format!("0010{NO_SCHEME}{bits:04x}000000000000")),
    );
    for scheme in ["0014000b", "0016000b"] {
        signature(tpm, &key, scheme);
    }
    for scheme in ["0015", "0017000b"] {
        let encrypt = Cmd::new(0x174)
            .handle(key.handle)
            .sized(b"a message")
            .hex(scheme)
            .sized(b"");
        let answer = succeed(tpm, &encrypt);
        let cipher_text = take(&mut answer.parameters(false)).to_vec();
        let decrypt = Cmd::new(0x159)
            .handle(key.handle)
            .password(b"")
            .sized(&cipher_text)
            .hex(scheme)
            .sized(b"");
        let answer = succeed(tpm, &decrypt);
        assert_eq!(take(&mut answer.parameters(false)), b"a message");
    }
    flush(tpm, key.handle);
}

/// A session and an object live on in another instance.
fn moved_over(tpm: &mut dyn Machine, storage: &Object) {
    let sealed = child(tpm, storage, b"pin", b"moved", &public(0x08, SEALED, "00100000"));
    let mut client = Client::start(tpm, &SessionOptions::default());
    let key = primary(tpm, NULL, &public(0x23, 0x0002_0072, "001000100003001000000000"));
    let answer = succeed(tpm, &Cmd::new(0x18E).u16(3));
    let mut count = answer.parameters(false);
    let ephemeral = take(&mut count);
    tpm.move_over();
    let exchange = Cmd::new(0x18D).handle(key.handle).password(b"").sized(ephemeral);
    succeed(tpm, &exchange.sized(ephemeral).u16(0x19).raw(count));
    flush(tpm, key.handle);
    assert_eq!(unseal(tpm, &mut client, &sealed, ENCRYPT), Ok(sized(b"moved")));
    succeed(tpm, &Cmd::new(0x17E).hex(SELECTION));
    succeed(tpm, &Cmd::new(0x181));
    flush(tpm, client.handle);
    flush(tpm, sealed.handle);
}

/// TPM Resume, TPM Restart, TPM Reset, and a power loss without TPM2_Shutdown.
fn power_cycles(tpm: &mut dyn Machine, storage: &Object) {
    let clocks = Cmd::new(0x17A).u32(6).u32(0x200).u32(2);
    for (shutdown, startup) in [(Some(1), 1), (Some(1), 0), (Some(0), 0), (None, 0)] {
        if let Some(kind) = shutdown {
            succeed(tpm, &Cmd::new(0x145).u16(kind));
        }
        tpm.power_cycle();
        if startup == 1 {
            // TPM Resume wants the H-CRTM sequence that the start before it had.
            refuse(tpm, &Cmd::new(0x144).u16(startup), 0x1C4);
        }
        tpm.hash_sequence(BOOT_CODE);
        succeed(tpm, &Cmd::new(0x144).u16(startup));
        succeed(tpm, &Cmd::new(0x17E).hex(SELECTION));
        succeed(tpm, &clocks);
        let read = Cmd::new(0x14E)
            .handle(INDEX + 1)
            .handle(INDEX + 1)
            .password(b"pin")
            .u16(8)
            .u16(0);
        succeed(tpm, &read);
        let answer = succeed(tpm, &Cmd::new(0x173).handle(PERSISTENT));
        let mut rest = answer.parameters(false);
        take(&mut rest);
        assert_eq!(take(&mut rest), storage.name, "the persistent key");
    }
    refuse(tpm, &Cmd::new(0x144).u16(1), 0x100);
}

/// A countdown timer is set and stopped; there is no other in its place (Part 3 §33.2: TPM_RC_VALUE, at the first handle).
fn countdown_timers(tpm: &mut dyn Machine) {
    const ACT_0: u32 = 0x4000_0110;
    let set = |timer: u32, seconds: u32| Cmd::new(0x198).handle(timer).password(b"").u32(seconds);
    succeed(tpm, &set(ACT_0, 3600));
    refuse(tpm, &set(ACT_0 + 1, 3600), 0x184);
    succeed(tpm, &set(ACT_0, 0));
    // TPM_CAP_ACT.
    succeed(tpm, &Cmd::new(0x17A).u32(0x0A).u32(ACT_0).u32(16));
}

/// Passwords, policies and seeds of the hierarchies change; TPM2_Clear ends what was owned.
fn hierarchies(tpm: &mut dyn Machine) {
    succeed(tpm, &Cmd::new(0x129).handle(OWNER).password(b"").sized(b"owner"));
    refuse(tpm, &Cmd::new(0x129).handle(OWNER).password(b"").sized(b"thief"), 0x9A2);
    let policy = sha256(&[b"a policy"]);
    succeed(
        tpm,
        &Cmd::new(0x12E)
            .handle(OWNER)
            .password(b"owner")
            .sized(&policy)
            .u16(0x0B),
    );
    succeed(tpm, &Cmd::new(0x125).handle(PLATFORM).password(b""));
    succeed(tpm, &Cmd::new(0x126).handle(PLATFORM).password(b""));
    refuse(tpm, &Cmd::new(0x173).handle(PERSISTENT), 0x18B);
    primary(tpm, OWNER, &public(0x23, STORAGE, "00060080004300100003001000000000"));
    refuse(tpm, &Cmd::new(0x126).handle(LOCKOUT).password(b"wrong"), 0x98E);
    refuse(tpm, &Cmd::new(0x126).handle(LOCKOUT).password(b""), 0x921);
    succeed(tpm, &Cmd::new(0x145).u16(0));
}
