//! The engine against swtpm: objects, their contexts, and policies that guard them.

use cloister_tests::oracle::{
    Answer, CONTINUE, Client, Cmd, ENCRYPT, Pair, SessionOptions, Tpm, public_area as public, sized, split, succeed,
};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const KEY: u32 = 0x8000_0000;
const CHILD: u32 = 0x8000_0001;
const PERSISTENT: u32 = 0x8100_0005;

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const STORAGE: u32 = 0x0003_0472;
/// fixedTPM, fixedParent, userWithAuth.
const SEALED: u32 = 0x0000_0052;

/// A P-256 storage key.
fn storage(attributes: u32) -> Vec<u8> {
    public(0x23, attributes, &[], "00060080004300100003001000000000")
}

/// Sealed data.
fn sealed(attributes: u32, policy: &[u8]) -> Vec<u8> {
    public(0x08, attributes, policy, "00100000")
}

/// A P-256 signing key.
fn signing(attributes: u32, scheme: &str) -> Vec<u8> {
    public(0x23, attributes, &[], &format!("0010{scheme}0003001000000000"))
}

/// TPM2_CreatePrimary.
fn primary(hierarchy: u32, auth: &[u8], template: &[u8]) -> Cmd {
    let sensitive = [sized(auth), sized(&[])].concat();
    Cmd::new(0x131)
        .handle(hierarchy)
        .password(b"")
        .sized(&sensitive)
        .sized(template)
        .sized(&[])
        .u32(0)
}

/// TPM2_Create under the key at [`KEY`].
fn create(auth: &[u8], data: &[u8], template: &[u8]) -> Cmd {
    let sensitive = [sized(auth), sized(data)].concat();
    Cmd::new(0x153)
        .handle(KEY)
        .password(b"")
        .sized(&sensitive)
        .sized(template)
        .sized(&[])
        .u32(0)
}

/// Creates and loads; says the handle.
fn create_and_load(tpm: &mut dyn Tpm, auth: &[u8], data: &[u8], template: &[u8]) -> u32 {
    let answer = succeed(tpm, &create(auth, data, template));
    let ([private, public], _) = split(answer.parameters(false));
    let load = Cmd::new(0x157).handle(KEY).password(b"");
    succeed(tpm, &load.sized(&private).sized(&public)).handle()
}

#[test]
fn templates_are_judged_alike() {
    let mut pair = Pair::started();
    let try_one = |template: &[u8]| primary(OWNER, b"", template);
    pair.same_all(&[
        ("storage key", try_one(&storage(STORAGE))),
        ("flush", Cmd::new(0x165).u32(KEY)),
        ("type", try_one(&public(0x0B, STORAGE, &[], "0010"))),
        ("reserved attribute", try_one(&storage(STORAGE | 1))),
        ("no sensitiveDataOrigin", try_one(&storage(STORAGE & !0x20))),
        ("fixedTPM without fixedParent", try_one(&storage(STORAGE & !0x10))),
        ("restricted, sign and decrypt", try_one(&storage(STORAGE | 0x4_0000))),
        ("restricted, neither", try_one(&storage(STORAGE & !0x2_0000))),
        ("encryptedDuplication", try_one(&storage(STORAGE | 0x800))),
        (
            "policy of 31 bytes",
            try_one(&public(0x23, STORAGE, &[1; 31], "00060080004300100003001000000000")),
        ),
        (
            "storage without symmetric",
            try_one(&public(0x23, STORAGE, &[], "001000100003001000000000")),
        ),
        (
            "storage with scheme",
            try_one(&public(0x23, STORAGE, &[], "0006008000430018000b0003001000000000")),
        ),
        (
            "curve",
            try_one(&public(0x23, STORAGE, &[], "00060080004300100042001000000000")),
        ),
        (
            "KDF",
            try_one(&public(0x23, STORAGE, &[], "000600800043001000030020000b00000000")),
        ),
        (
            "AES-192",
            try_one(&public(
                0x23,
                STORAGE,
                &[],
                "000600810043001000030010 00000000".replace(' ', "").as_str(),
            )),
        ),
        (
            "restricted signer without scheme",
            try_one(&signing(0x0005_0072, "0010")),
        ),
        ("signer", try_one(&signing(0x0004_0072, "0010"))),
        ("flush", Cmd::new(0x165).u32(KEY)),
        (
            "signer with symmetric",
            try_one(&public(0x23, 0x0004_0072, &[], "00060080004300100003001000000000")),
        ),
        ("signer with ECDH", try_one(&signing(0x0004_0072, "0019000b"))),
        ("decrypter with ECDSA", try_one(&signing(0x0002_0072, "0018000b"))),
        ("scheme hash", try_one(&signing(0x0004_0072, "00180010"))),
        (
            "RSA of 1000 bits",
            try_one(&public(0x01, STORAGE, &[], "000600800043001003e8000000000000")),
        ),
        (
            "RSA with exponent 4",
            try_one(&public(
                0x01,
                STORAGE,
                &[],
                "000600800043001008000000000400 00".replace(' ', "").as_str(),
            )),
        ),
        ("sealed without data", try_one(&sealed(SEALED, &[]))),
        ("HMAC key", try_one(&public(0x08, 0x0004_0072, &[], "0005000b0000"))),
        ("flush", Cmd::new(0x165).u32(KEY)),
        (
            "HMAC key without scheme",
            try_one(&public(0x08, 0x0004_0072, &[], "00100000")),
        ),
        ("flush", Cmd::new(0x165).u32(KEY)),
        (
            "HMAC key with XOR",
            try_one(&public(0x08, 0x0004_0072, &[], "000a000b00220000")),
        ),
        (
            "keyed hash scheme",
            try_one(&public(0x08, 0x0004_0072, &[], "00140000")),
        ),
        (
            "cipher key",
            try_one(&public(0x25, 0x0006_0072, &[], "0006008000430000")),
        ),
        ("flush", Cmd::new(0x165).u32(KEY)),
        (
            "cipher key without cipher",
            try_one(&public(0x25, 0x0006_0072, &[], "00100000")),
        ),
        (
            "no nameAlg",
            try_one(
                &hex::decode("002300100003047200000006008000430010000300100000 0000".replace(' ', "")).expect("hex"),
            ),
        ),
        ("auth too long", primary(OWNER, &[1; 33], &storage(STORAGE))),
        ("hierarchy", primary(LOCKOUT, b"", &storage(STORAGE))),
        ("empty template", primary(OWNER, b"", &[])),
        (
            "long template",
            primary(OWNER, b"", &[storage(STORAGE), vec![0]].concat()),
        ),
        ("outsideInfo too long", {
            let sensitive = [sized(b""), sized(&[])].concat();
            Cmd::new(0x131)
                .handle(OWNER)
                .password(b"")
                .sized(&sensitive)
                .sized(&storage(STORAGE))
                .sized(&[1; 67])
                .u32(0)
        }),
        ("endorsement", primary(ENDORSEMENT, b"", &storage(STORAGE))),
        ("flush", Cmd::new(0x165).u32(KEY)),
        ("platform", primary(PLATFORM, b"", &storage(STORAGE))),
        ("flush", Cmd::new(0x165).u32(KEY)),
        ("NULL", primary(NULL, b"", &storage(STORAGE))),
    ]);
}

#[test]
fn children_are_judged_alike() {
    let mut pair = Pair::started();
    pair.same(&primary(OWNER, b"", &storage(STORAGE)));
    pair.same_all(&[
        ("sealed", create(b"", b"secret", &sealed(SEALED, &[]))),
        (
            "sealed with origin",
            create(b"", b"secret", &sealed(SEALED | 0x20, &[])),
        ),
        ("sealed without data", create(b"", b"", &sealed(SEALED, &[]))),
        ("sealed too much", create(b"", &[1; 129], &sealed(SEALED, &[]))),
        ("sealed much", create(b"", &[1; 128], &sealed(SEALED, &[]))),
        ("auth too long", create(&[1; 33], b"secret", &sealed(SEALED, &[]))),
        ("signer", create(b"", b"", &signing(0x0004_0072, "0018000b"))),
        ("signer with data", create(b"", b"x", &signing(0x0004_0072, "0018000b"))),
        ("imported signer", create(b"", b"x", &signing(0x0004_0052, "0018000b"))),
        ("storage", create(b"", b"", &storage(STORAGE))),
        (
            "storage with AES-256",
            create(
                b"",
                b"",
                &public(0x23, STORAGE, &[], "00060100004300100003001000000000"),
            ),
        ),
        (
            "storage with another hash",
            create(
                b"",
                b"",
                &hex::decode("0023000c00030472000000060080004300100003001000000000").expect("hex"),
            ),
        ),
        (
            "fixedTPM without fixedParent",
            create(b"", b"secret", &sealed(SEALED & !0x10, &[])),
        ),
        ("neither fixed", create(b"", b"secret", &sealed(0x40, &[]))),
        ("wrong parent password", Cmd::new(0x153).handle(KEY).password(b"x")),
        (
            "load nothing",
            Cmd::new(0x157)
                .handle(KEY)
                .password(b"")
                .sized(&[])
                .sized(&sealed(SEALED, &[])),
        ),
        (
            "load garbage",
            Cmd::new(0x157)
                .handle(KEY)
                .password(b"")
                .sized(&[&[0, 32][..], &[7; 100]].concat())
                .sized(&sealed(SEALED, &[])),
        ),
        (
            "load nothing public",
            Cmd::new(0x157).handle(KEY).password(b"").sized(&[7; 100]).sized(&[]),
        ),
        ("unseal a key", Cmd::new(0x15E).handle(KEY).password(b"")),
        (
            "sign with a storage key",
            Cmd::new(0x15D)
                .handle(KEY)
                .password(b"")
                .sized(&[1; 32])
                .hex("0018000b80244000000700 00".replace(' ', "").as_str()),
        ),
        (
            "quote with a storage key",
            Cmd::new(0x158).handle(KEY).password(b"").sized(&[]).hex("001000000000"),
        ),
        (
            "evict to no handle",
            Cmd::new(0x120).handle(OWNER).handle(KEY).password(b"").u32(0x8200_0000),
        ),
        (
            "evict to the platform's handles",
            Cmd::new(0x120).handle(OWNER).handle(KEY).password(b"").u32(0x8180_0000),
        ),
        (
            "evict by the platform",
            Cmd::new(0x120)
                .handle(PLATFORM)
                .handle(KEY)
                .password(b"")
                .u32(0x8180_0000),
        ),
        (
            "evict",
            Cmd::new(0x120).handle(OWNER).handle(KEY).password(b"").u32(PERSISTENT),
        ),
        (
            "evict again",
            Cmd::new(0x120).handle(OWNER).handle(KEY).password(b"").u32(PERSISTENT),
        ),
        (
            "evict another",
            Cmd::new(0x120)
                .handle(OWNER)
                .handle(PERSISTENT)
                .password(b"")
                .u32(PERSISTENT + 1),
        ),
        ("read it", Cmd::new(0x173).handle(PERSISTENT)),
        (
            "child of the persistent one",
            Cmd::new(0x153)
                .handle(PERSISTENT)
                .password(b"")
                .sized(&[0, 0, 0, 1, 7])
                .sized(&sealed(SEALED, &[]))
                .sized(&[])
                .u32(0),
        ),
        ("flush the transient one", Cmd::new(0x165).u32(KEY)),
        (
            "remove by the platform",
            Cmd::new(0x120)
                .handle(PLATFORM)
                .handle(PERSISTENT)
                .password(b"")
                .u32(PERSISTENT),
        ),
        ("gone", Cmd::new(0x173).handle(PERSISTENT)),
    ]);
}

#[test]
fn slots_are_filled_from_the_lowest() {
    let mut pair = Pair::started();
    for handle in [KEY, CHILD] {
        pair.each("handle", |tpm| {
            let answer = Answer::new(tpm.send(&primary(NULL, b"", &signing(0x0004_0072, "0010")).to_bytes()));
            (answer.code(), answer.handle() == handle)
        });
    }
    pair.same(&Cmd::new(0x165).u32(KEY));
    pair.each("handle", |tpm| {
        Answer::new(tpm.send(&primary(NULL, b"", &storage(STORAGE)).to_bytes())).handle()
    });
}

#[test]
fn external_objects_are_judged_alike() {
    let mut pair = Pair::started();
    let load =
        |private: &[u8], public: &[u8], hierarchy: u32| Cmd::new(0x167).raw(private).sized(public).u32(hierarchy);
    // The base point of P-256 is a public key (FIPS 186-4, D.1.2.3), that of the private key 1.
    let point = "00206b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c29600204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let key = |attributes, point: &str| {
        public(
            0x23,
            attributes,
            &[],
            &format!("001000100003 0010{point}").replace(' ', ""),
        )
    };
    let mut one = vec![0; 32];
    one[31] = 1;
    let private = |scalar: &[u8]| sized(&[&[0, 0x23, 0, 0, 0, 0][..], &sized(scalar)].concat());
    let mut two = one.clone();
    two[31] = 2;
    let off_curve = point.replace("51f5", "51f6");
    pair.same_all(&[
        ("public only", load(&[0, 0], &key(0x0004_0040, point), OWNER)),
        ("flush", Cmd::new(0x165).u32(KEY)),
        ("not on the curve", load(&[0, 0], &key(0x0004_0040, &off_curve), OWNER)),
        ("no point", load(&[0, 0], &key(0x0004_0040, "00000000"), OWNER)),
        (
            "private in a hierarchy",
            load(&private(&one), &key(0x0004_0040, point), OWNER),
        ),
        ("private", load(&private(&one), &key(0x0004_0040, point), NULL)),
        ("flush", Cmd::new(0x165).u32(KEY)),
        (
            "private of another",
            load(&private(&two), &key(0x0004_0040, point), NULL),
        ),
        ("fixedTPM", load(&private(&one), &key(0x0004_0042, point), NULL)),
        ("restricted", load(&private(&one), &key(0x0005_0040, point), NULL)),
        (
            "type",
            load(&sized(&[0, 8, 0, 0, 0, 0, 0, 1, 7]), &key(0x0004_0040, point), NULL),
        ),
        ("nothing", load(&[0, 0], &[], NULL)),
        ("lockout", load(&[0, 0], &key(0x0004_0040, point), LOCKOUT)),
    ]);
    let mut pair = Pair::started();
    let answer = pair.identical(&load(&[0, 0], &key(0x0004_0040, point), OWNER));
    assert_eq!(answer.handle(), KEY);
    pair.identical(&Cmd::new(0x173).handle(KEY));
    pair.same_all(&[
        (
            "sign with a public key",
            Cmd::new(0x15D)
                .handle(KEY)
                .password(b"")
                .sized(&[1; 32])
                .hex("0018000b802440000007 0000".replace(' ', "").as_str()),
        ),
        (
            "verify nothing",
            Cmd::new(0x177)
                .handle(KEY)
                .sized(&[1; 32])
                .hex("0018000b00010100 0101".replace(' ', "").as_str()),
        ),
        (
            "verify no scheme",
            Cmd::new(0x177).handle(KEY).sized(&[1; 32]).hex("0010"),
        ),
        (
            "verify RSA",
            Cmd::new(0x177).handle(KEY).sized(&[1; 32]).hex("0014000b000101"),
        ),
        ("save it", Cmd::new(0x162).handle(KEY)),
        (
            "make persistent",
            Cmd::new(0x120).handle(OWNER).handle(KEY).password(b"").u32(PERSISTENT),
        ),
        (
            "make credential",
            Cmd::new(0x168).handle(KEY).sized(&[1; 16]).sized(&[0; 34]),
        ),
        ("create under it", create(b"", b"secret", &sealed(SEALED, &[]))),
    ]);
}

#[test]
fn sealed_data_opens_by_policy_alike() {
    let mut pair = Pair::started();
    pair.same(&primary(OWNER, b"", &storage(STORAGE)));
    pair.same(&Cmd::new(0x129).handle(OWNER).password(b"").sized(b"owner"));
    let pcr = "00000001000b03000001";
    pair.each("policies", |tpm| {
        let mut outcomes = Vec::new();
        // The policy, from a trial session: PCR 16, and the owner's secret.
        let trial = Client::start(
            tpm,
            &SessionOptions {
                kind: 3,
                ..SessionOptions::default()
            },
        );
        let steps = |tpm: &mut dyn Tpm, session: u32, outcomes: &mut Vec<u32>| {
            for step in [
                Cmd::new(0x17F).handle(session).sized(&[]).hex(pcr),
                Cmd::new(0x151)
                    .handle(OWNER)
                    .handle(session)
                    .password(b"owner")
                    .sized(&[])
                    .sized(&[])
                    .sized(b"ref")
                    .u32(0),
            ] {
                outcomes.push(Answer::new(tpm.send(&step.to_bytes())).code());
            }
        };
        steps(tpm, trial.handle, &mut outcomes);
        let digest =
            Answer::new(tpm.send(&Cmd::new(0x189).handle(trial.handle).to_bytes())).parameters(false)[2..].to_vec();
        outcomes.push(Answer::new(tpm.send(&Cmd::new(0x165).u32(trial.handle).to_bytes())).code());
        // fixedTPM and fixedParent alone: no authValue opens it.
        let handle = create_and_load(tpm, b"auth", b"secret", &sealed(0x12, &digest));
        let unseal = |session: u32, attributes| Cmd::new(0x15E).handle(handle).session(session, &[], attributes, &[]);
        outcomes.push(Answer::new(tpm.send(&Cmd::new(0x15E).handle(handle).password(b"auth").to_bytes())).code());
        let policy = Client::start(
            tpm,
            &SessionOptions {
                kind: 1,
                ..SessionOptions::default()
            },
        );
        outcomes.push(Answer::new(tpm.send(&unseal(policy.handle, 1).to_bytes())).code());
        steps(tpm, policy.handle, &mut outcomes);
        let opened = Answer::new(tpm.send(&unseal(policy.handle, 1).to_bytes()));
        outcomes.push(opened.code());
        assert_eq!(opened.parameters(false), sized(b"secret"));
        // The policy is used up.
        outcomes.push(Answer::new(tpm.send(&unseal(policy.handle, 1).to_bytes())).code());
        // A PCR that changes after TPM2_PolicyPCR.
        steps(tpm, policy.handle, &mut outcomes);
        let extend = Cmd::new(0x182).handle(7).password(b"").u32(1).u16(0x0B).raw(&[7; 32]);
        outcomes.push(Answer::new(tpm.send(&extend.to_bytes())).code());
        outcomes.push(Answer::new(tpm.send(&unseal(policy.handle, 1).to_bytes())).code());
        outcomes.push(Answer::new(tpm.send(&Cmd::new(0x180).handle(policy.handle).to_bytes())).code());
        steps(tpm, policy.handle, &mut outcomes);
        outcomes.push(Answer::new(tpm.send(&unseal(policy.handle, 0).to_bytes())).code());
        outcomes.push(Answer::new(tpm.send(&unseal(policy.handle, 0).to_bytes())).code());
        (digest, outcomes)
    });
}

#[test]
fn policies_with_auth_values_are_judged_alike() {
    let mut pair = Pair::started();
    pair.same(&primary(OWNER, b"", &storage(STORAGE)));
    pair.each("PolicyPassword and PolicyAuthValue", |tpm| {
        let mut outcomes = Vec::new();
        // facts/tpm/vectors.md §3: PolicyAuthValue, and PolicyPassword, of SHA-256.
        let digest = hex::decode("8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e").expect("hex");
        let handle = create_and_load(tpm, b"auth", b"secret", &sealed(0x12, &digest));
        let answer = succeed(tpm, &Cmd::new(0x173).handle(handle));
        let ([_, name], _) = split(answer.parameters(false));
        let unseal = Cmd::new(0x15E).handle(handle);
        let mut policy = Client::start(
            tpm,
            &SessionOptions {
                kind: 1,
                ..SessionOptions::default()
            },
        );
        let send = |tpm: &mut dyn Tpm, command: Cmd| Answer::new(tpm.send(&command.to_bytes())).code();
        outcomes.push(send(tpm, Cmd::new(0x18C).handle(policy.handle)));
        outcomes.push(send(tpm, unseal.clone().session(policy.handle, &[], 1, b"wrong")));
        outcomes.push(send(tpm, unseal.clone().session(policy.handle, &[], 1, b"")));
        let answer = Answer::new(tpm.send(&unseal.clone().session(policy.handle, &[], 1, b"auth").to_bytes()));
        outcomes.push(answer.code());
        assert_eq!(answer.sessions(false)[18..], [1, 0, 0], "no HMAC for a password");
        policy.take_nonce(&answer, false);
        outcomes.push(send(tpm, Cmd::new(0x16B).handle(policy.handle)));
        let auth = Some((&b"auth"[..], true));
        let opened = policy
            .run(tpm, &unseal, &[&name], auth, CONTINUE | ENCRYPT, false)
            .expect("unsealed");
        outcomes.push(send(tpm, Cmd::new(0x16B).handle(policy.handle)));
        let wrong = policy
            .run(tpm, &unseal, &[&name], Some((b"wrong", true)), CONTINUE, false)
            .expect_err("wrong");
        (outcomes, opened, wrong)
    });
}

#[test]
fn contexts_are_judged_alike() {
    let mut pair = Pair::started();
    pair.same(&primary(OWNER, b"", &storage(STORAGE)));
    pair.each("contexts", |tpm| {
        let mut outcomes = Vec::new();
        let send = |tpm: &mut dyn Tpm, command: &Cmd| Answer::new(tpm.send(&command.to_bytes()));
        let object = send(tpm, &Cmd::new(0x162).handle(KEY)).parameters(false).to_vec();
        outcomes.push(hex::encode(&object[8..16]));
        let load = |context: &[u8]| Cmd::new(0x161).raw(context);
        let second = send(tpm, &load(&object));
        outcomes.push(format!("{:x} {:x}", second.code(), second.handle()));
        let mut damaged = object.clone();
        *damaged.last_mut().expect("not empty") ^= 1;
        outcomes.push(format!("{:x}", send(tpm, &load(&damaged)).code()));
        outcomes.push(format!("{:x}", send(tpm, &load(&object[..20])).code()));
        let mut other_handle = object.clone();
        other_handle[11] = 2;
        outcomes.push(format!("{:x}", send(tpm, &load(&other_handle)).code()));
        let client = Client::start(tpm, &SessionOptions::default());
        let session = send(tpm, &Cmd::new(0x162).handle(client.handle))
            .parameters(false)
            .to_vec();
        outcomes.push(hex::encode(&session[8..16]));
        outcomes.push(format!(
            "{:x}",
            send(tpm, &Cmd::new(0x162).handle(client.handle)).code()
        ));
        let back = send(tpm, &load(&session));
        outcomes.push(format!("{:x} {:x}", back.code(), back.handle()));
        outcomes.push(format!("{:x}", send(tpm, &load(&session)).code()));
        outcomes.push(format!("{:x}", send(tpm, &Cmd::new(0x165).u32(client.handle)).code()));
        outcomes.push(format!("{:x}", send(tpm, &load(&session)).code()));
        // Contexts end with the reset.
        send(tpm, &Cmd::new(0x145).u16(0));
        tpm.power_cycle();
        send(tpm, &Cmd::new(0x144).u16(0));
        outcomes.push(format!("{:x}", send(tpm, &load(&object)).code()));
        outcomes.push(format!("{:x}", send(tpm, &load(&session)).code()));
        outcomes
    });
}

#[test]
fn contexts_survive_a_restart_alike() {
    let mut pair = Pair::started();
    pair.same(&primary(OWNER, b"", &storage(STORAGE)));
    pair.each("contexts", |tpm| {
        let send = |tpm: &mut dyn Tpm, command: &Cmd| Answer::new(tpm.send(&command.to_bytes()));
        let object = send(tpm, &Cmd::new(0x162).handle(KEY)).parameters(false).to_vec();
        let client = Client::start(tpm, &SessionOptions::default());
        let session = send(tpm, &Cmd::new(0x162).handle(client.handle))
            .parameters(false)
            .to_vec();
        send(tpm, &Cmd::new(0x145).u16(1));
        tpm.power_cycle();
        let started = send(tpm, &Cmd::new(0x144).u16(0)).code();
        let listed = send(tpm, &Cmd::new(0x17A).u32(1).u32(0x0300_0000).u32(8))
            .bytes()
            .to_vec();
        let load = |context: &[u8]| Cmd::new(0x161).raw(context);
        (
            started,
            listed,
            send(tpm, &load(&object)).code(),
            send(tpm, &load(&session)).code(),
        )
    });
}

#[test]
fn audit_sessions_answer_alike() {
    let mut pair = Pair::started();
    pair.each("audit", |tpm| {
        let mut first = Client::start(tpm, &SessionOptions::default());
        let mut second = Client::start(tpm, &SessionOptions::default());
        let read = Cmd::new(0x17E).hex("00000001000b03010000");
        let mut attributes = Vec::new();
        let mut run = |tpm: &mut dyn Tpm, client: &mut Client, flags: u8| {
            let outcome = client
                .run(tpm, &read, &[], None, flags, false)
                .map(|_| client.last_attributes());
            attributes.push(format!("{outcome:x?}"));
        };
        run(tpm, &mut first, 0x81);
        run(tpm, &mut first, 0x83);
        run(tpm, &mut second, 0x81);
        run(tpm, &mut first, 0x83);
        run(tpm, &mut first, 0x81);
        run(tpm, &mut first, 0x85);
        run(tpm, &mut first, 0x83);
        tpm.send(&read.to_bytes());
        run(tpm, &mut first, 0x83);
        run(tpm, &mut first, 0x87);
        attributes
    });
}

#[test]
fn external_public_areas_are_judged_alike() {
    // The P-256 key of RFC 6979 §A.2.5, with attributes, policy, cipher and scheme of every kind, with and without its private part.
    let mut pair = Pair::started();
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let x = bytes("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
    let y = bytes("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    let d = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let private = [&bytes("002300000000")[..], &sized(&d)].concat();
    let mut number = 7u64;
    let mut below = |end: usize| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) as usize % end
    };
    for _ in 0..1500 {
        let mut attributes = 0u32;
        for bit in [1, 4, 5, 6, 7, 10, 11, 16, 17, 17, 18, 18] {
            attributes |= u32::from(below(3) == 0) << bit;
        }
        let alg: u16 = if below(4) == 0 { 0x10 } else { 0x0B };
        let policy = vec![1; [0, 0, 0, 32, 20][below(5)]];
        let symmetric = ["0010", "000600800043"][below(3) / 2];
        let scheme = ["0010", "0018000b", "0019000b"][below(3)];
        let mut public = [&[0, 0x23][..], &alg.to_be_bytes(), &attributes.to_be_bytes()].concat();
        public.extend(sized(&policy));
        public.extend(bytes(symmetric));
        public.extend(bytes(scheme));
        public.extend(bytes("00030010"));
        public.extend([sized(&x), sized(&y)].concat());
        let private: &[u8] = if below(2) == 0 { &private } else { &[] };
        let load = Cmd::new(0x167).sized(private).sized(&public).u32(0x4000_0007);
        if pair.same(&load) == 0 {
            pair.same(&Cmd::new(0x165).u32(0x8000_0000));
        }
    }
}
