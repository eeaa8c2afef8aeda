//! The policy commands against a whole TPM. Digests are computed as Part 3 §23 says, with SHA-256, and swtpm 0.7.1 answers the same; so it does
//! for the response codes.

use alloc::vec::Vec;

use crate::{
    commands::nv::tests::{INDEX, OPEN, by_owner, with_index, write},
    crypto::{NoOffer, test_hosts::seq},
    hierarchy::ticket,
    structures::{
        Tpm2bDigest, Tpm2bMaxNvBuffer, Tpm2bName, Tpm2bNonce, Tpm2bOperand, Tpm2bTimeout, TpmCc, TpmEo, TpmHandle,
        TpmRc, TpmaLocality, TpmiAlgHash, TpmiRhHierarchy, TpmlDigest, TpmlPcrSelection, TpmsPcrSelect,
        TpmsPcrSelection, TpmtHa, TpmtTkAuth, TpmtTkVerified,
    },
    test_tpm::{Call, NONCE_TPM, TestTpm, hex},
    wire::{Marshal, Reader, Unmarshal},
};

fn digest(bytes: &[u8]) -> Tpm2bDigest {
    Tpm2bDigest::new(bytes).expect("short")
}

fn name(first: u8) -> Tpm2bName {
    let mut name = Vec::from([0, 0x0b]);
    name.extend(seq(32, first));
    Tpm2bName::from_vec(name).expect("short")
}

fn pcr_zero() -> TpmlPcrSelection {
    let select = TpmsPcrSelect::from_fn(|pcr| pcr == 0);
    TpmlPcrSelection::new(alloc::vec![TpmsPcrSelection {
        hash: TpmiAlgHash::Sha256,
        select
    }])
    .expect("one")
}

fn policy_secret(entity: TpmHandle, session: TpmHandle, expiration: i32) -> Call {
    Call::new(TpmCc::POLICY_SECRET)
        .on(entity)
        .on(session)
        .password(b"")
        .with(&Tpm2bNonce::empty())
        .with(&Tpm2bDigest::empty())
        .with(&Tpm2bNonce::empty())
        .with(&expiration)
}

/// Extends a new session (of both kinds, where `trial_only` does not say otherwise) and compares its digest.
fn assert_digest(expected: &str, trial_only: bool, calls: &[&dyn Fn(TpmHandle) -> Call]) {
    let mut test = TestTpm::started();
    for trial in [true, false] {
        if !trial && trial_only {
            continue;
        }
        let session = test.policy_session(trial);
        for call in calls {
            test.run(call(session)).expect("allowed");
        }
        assert_eq!(test.policy_digest(session), expected, "trial: {trial}");
        let answer = test
            .run(Call::new(TpmCc::POLICY_GET_DIGEST).on(session))
            .expect("allowed");
        assert_eq!(answer.read::<Tpm2bDigest>().as_bytes(), hex(expected));
    }
}

#[test]
fn digests_of_conditions_match_the_vectors() {
    let auth_value = "8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e";
    assert_digest(auth_value, false, &[&|s| Call::new(TpmCc::POLICY_AUTH_VALUE).on(s)]);
    assert_digest(auth_value, false, &[&|s| Call::new(TpmCc::POLICY_PASSWORD).on(s)]);
    assert_digest(
        "1c4f7107dcaf23ce00756448508558683104bd9e203e93749c227b451270438f",
        false,
        &[&|s| Call::new(TpmCc::POLICY_COMMAND_CODE).on(s).with(&TpmCc::NV_WRITE)],
    );
    assert_digest(
        "ddee6af14bf3c4e8127ced87bcf9a57e1c0c8ddb5e67735c8505f96f07b8dbb8",
        false,
        &[&|s| Call::new(TpmCc::POLICY_LOCALITY).on(s).with(&TpmaLocality::ZERO)],
    );
    assert_digest(
        "f7887d158ae8d38be0ac5319f37a9e07618bf54885453c7a54ddb0c6a6193beb",
        false,
        &[&|s| Call::new(TpmCc::POLICY_NV_WRITTEN).on(s).with(&true)],
    );
    assert_digest(
        "093ceb41181d47808862d7946268ee6a17a10e3d1b79b32351bc56e4beaceff0",
        false,
        &[&|s| {
            Call::new(TpmCc::POLICY_PCR)
                .on(s)
                .with(&Tpm2bDigest::empty())
                .with(&pcr_zero())
        }],
    );
    assert_digest(
        "0236b3d936e962df76207a2402de6096ec64c2aafc9b1ed3b4adb5b6754f010e",
        false,
        &[&|s| {
            Call::new(TpmCc::POLICY_PCR)
                .on(s)
                .with(&Tpm2bDigest::empty())
                .with(&TpmlPcrSelection::empty())
        }],
    );
}

#[test]
fn digests_of_restrictions_match_the_vectors() {
    let restriction = |code: TpmCc| move |s| Call::new(code).on(s).with(&digest(&seq(32, 0)));
    for (code, expected) in [
        (
            TpmCc::POLICY_CP_HASH,
            "8e4cbcadb43e7a0890318ce11337ceaed337ba59af481251f9caf9baf8ffc84e",
        ),
        (
            TpmCc::POLICY_NAME_HASH,
            "20e0a19f0e4ed89cb371128ef563ba3ce3417739b391d44fee263d85a05c8279",
        ),
        (
            TpmCc::POLICY_TEMPLATE,
            "b4db211440d77ead1cffe04747bfe2add448a4e045e1ff6145b5d062717a4099",
        ),
        (
            TpmCc::POLICY_PARAMETERS,
            "ffb2e87abcad057b0e2237aa5c5c4cde9ed6cb2962cd497fac227dca8e3ce4b2",
        ),
    ] {
        assert_digest(expected, false, &[&restriction(code)]);
    }
    let duplication = |include: bool| {
        move |s| {
            Call::new(TpmCc::POLICY_DUPLICATION_SELECT)
                .on(s)
                .with(&name(0x80))
                .with(&name(0xc0))
                .with(&include)
        }
    };
    let with_object = "66f05bb323527dd04b09ff475fbdf5e0f520e457dc24838c0c0a3c98614e7166";
    assert_digest(with_object, false, &[&duplication(true)]);
    assert_digest(
        "6d6076a819ebf29a22dea6678518b16ee3cc990b27d13147a2b9311d8a5a5b08",
        false,
        &[&duplication(false)],
    );
}

#[test]
fn digests_of_secrets_match_the_vectors() {
    for (entity, expected) in [
        (
            TpmHandle::OWNER,
            "0d84f55daf6e43ac97966e62c9bb989d3397777d25c5f749868055d65394f952",
        ),
        (
            TpmHandle::ENDORSEMENT,
            "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
        ),
        (
            TpmHandle::PLATFORM,
            "c8b1292eff2ce7a3fa0fb1aed9ad254fb03fc01c9abc2dd1985161ba6811bdc7",
        ),
    ] {
        assert_digest(expected, false, &[&|s| policy_secret(entity, s, 0)]);
    }
}

#[test]
fn or_accepts_only_one_of_its_branches() {
    let branches = [
        "8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e",
        "0d7c6747b1b9facbba03492097aa9d5af792e5efc07346e05f9daa8b3d9e13b5",
    ];
    let list = TpmlDigest::new(branches.iter().map(|branch| digest(&hex(branch))).collect()).expect("two");
    let or = |s| Call::new(TpmCc::POLICY_OR).on(s).with(&list);
    assert_digest(
        "ff8d3553676f2e16c474d63fbaf45baee22f4f18887a0c0a49e5e2737ca78dea",
        false,
        &[&|s| Call::new(TpmCc::POLICY_PHYSICAL_PRESENCE).on(s), &or],
    );
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    assert_eq!(test.run(or(session)).err(), Some(TpmRc::VALUE.with_parameter(1)));
    let single = TpmlDigest::new(alloc::vec![digest(&[0; 32])]).expect("one");
    let refused = test.run(Call::new(TpmCc::POLICY_OR).on(session).with(&single));
    assert_eq!(refused.err(), Some(TpmRc::SIZE.with_parameter(1)));
}

#[test]
fn pcr_policy_notices_wrong_and_changed_values() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    let policy = |claimed: &[u8]| {
        Call::new(TpmCc::POLICY_PCR)
            .on(session)
            .with(&digest(claimed))
            .with(&pcr_zero())
    };
    assert_eq!(test.run(policy(&[1; 32])).err(), Some(TpmRc::VALUE.with_parameter(1)));
    assert!(test.run(policy(&[])).is_ok());
    test.tpm.state_clear.pcrs.reset(20);
    assert_eq!(test.run(policy(&[])).err(), Some(TpmRc::PCR_CHANGED));
    assert!(test.run(Call::new(TpmCc::POLICY_RESTART).on(session)).is_ok());
    assert_eq!(test.policy_digest(session), "00".repeat(32));
    assert!(test.run(policy(&[])).is_ok());
}

#[test]
fn conditions_that_contradict_earlier_ones_are_refused() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    let mut codes = Vec::new();
    for call in [
        Call::new(TpmCc::POLICY_COMMAND_CODE).on(session).with(&TpmCc::NV_READ),
        Call::new(TpmCc::POLICY_COMMAND_CODE).on(session).with(&TpmCc::NV_WRITE),
        Call::new(TpmCc::POLICY_NV_WRITTEN).on(session).with(&true),
        Call::new(TpmCc::POLICY_NV_WRITTEN).on(session).with(&false),
        Call::new(TpmCc::POLICY_LOCALITY)
            .on(session)
            .with(&TpmaLocality::empty()),
        Call::new(TpmCc::POLICY_CP_HASH).on(session).with(&digest(&[1; 20])),
        Call::new(TpmCc::POLICY_CP_HASH).on(session).with(&digest(&[1; 32])),
        Call::new(TpmCc::POLICY_TEMPLATE).on(session).with(&digest(&[1; 32])),
        Call::new(TpmCc::POLICY_NAME_HASH).on(session).with(&digest(&[1; 32])),
    ] {
        codes.push(test.run(call).err());
    }
    let parameter_1 = |code: TpmRc| Some(code.with_parameter(1));
    let template = test.policy_session(false);
    let call = |byte| {
        Call::new(TpmCc::POLICY_TEMPLATE)
            .on(template)
            .with(&digest(&[byte; 32]))
    };
    assert!(test.run(call(1)).is_ok());
    // As a live TPM answers; the other restrictions answer CPHASH.
    assert_eq!(test.run(call(2)).err(), Some(TpmRc::VALUE.with_parameter(1)));
    assert_eq!(
        codes,
        [
            None,
            parameter_1(TpmRc::VALUE),
            None,
            parameter_1(TpmRc::VALUE),
            parameter_1(TpmRc::RANGE),
            parameter_1(TpmRc::SIZE),
            None,
            Some(TpmRc::CPHASH),
            Some(TpmRc::CPHASH),
        ]
    );
    let unknown = test.policy_session(true);
    let call = Call::new(TpmCc::POLICY_COMMAND_CODE).on(unknown).with(&TpmCc(0x1234));
    assert_eq!(test.run(call).err(), parameter_1(TpmRc::POLICY_CC));
}

#[test]
fn secret_without_expiration_gives_the_null_ticket() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    let answer = test.run(policy_secret(TpmHandle::OWNER, session, 0)).expect("allowed");
    // An empty timeout, then TPM_ST_AUTH_SECRET, TPM_RH_NULL and an empty digest.
    assert_eq!(answer.parameters, hex("00008023400000070000"));
    let answer = test.run(policy_secret(TpmHandle::OWNER, session, 10)).expect("allowed");
    assert_eq!(answer.parameters, hex("00008023400000070000"));
}

#[test]
fn ticket_of_a_secret_replaces_it_until_it_expires() {
    let mut test = TestTpm::started();
    test.host.now = 5_000;
    let first = test.policy_session(false);
    let answer = test.run(policy_secret(TpmHandle::OWNER, first, -60)).expect("allowed");
    let mut reader = Reader::new(&answer.parameters);
    let timeout = Tpm2bTimeout::unmarshal(&mut reader).expect("a timeout");
    let ticket = TpmtTkAuth::unmarshal(&mut reader).expect("a ticket");
    assert_eq!((timeout.len(), ticket.hierarchy), (8, TpmiRhHierarchy::Owner));
    assert_eq!(
        timeout.as_bytes()[0] & 0x80,
        0x80,
        "without a nonce it ends with the next reset"
    );
    let owner = Tpm2bName::new(&TpmHandle::OWNER.to_bytes()).expect("short");
    let endorsement = Tpm2bName::new(&TpmHandle::ENDORSEMENT.to_bytes()).expect("short");
    let with_ticket = |session, name: &Tpm2bName| {
        Call::new(TpmCc::POLICY_TICKET)
            .on(session)
            .with(&timeout)
            .with(&Tpm2bDigest::empty())
            .with(&Tpm2bNonce::empty())
            .with(name)
            .with(&ticket)
    };
    let second = test.policy_session(false);
    assert_eq!(
        test.run(with_ticket(second, &endorsement)).err(),
        Some(TpmRc::TICKET.with_parameter(5))
    );
    assert!(test.run(with_ticket(second, &owner)).is_ok());
    assert_eq!(test.policy_digest(second), test.policy_digest(first));
    let trial = test.policy_session(true);
    assert_eq!(
        test.run(with_ticket(trial, &owner)).err(),
        Some(TpmRc::ATTRIBUTES.with_handle(1))
    );
    test.host.now = 70_000;
    let third = test.policy_session(false);
    assert_eq!(
        test.run(with_ticket(third, &owner)).err(),
        Some(TpmRc::EXPIRED.with_parameter(1))
    );
}

#[test]
fn secret_with_a_foreign_nonce_or_a_short_cp_hash_is_refused() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    let call = |nonce: &[u8], cp_hash: &[u8]| {
        Call::new(TpmCc::POLICY_SECRET)
            .on(TpmHandle::OWNER)
            .on(session)
            .password(b"")
            .with(&digest(nonce))
            .with(&digest(cp_hash))
            .with(&Tpm2bNonce::empty())
            .with(&0i32)
    };
    assert_eq!(
        test.run(call(&[1; 16], &[])).err(),
        Some(TpmRc::NONCE.with_parameter(1))
    );
    assert_eq!(
        test.run(call(&NONCE_TPM, &[1; 20])).err(),
        Some(TpmRc::SIZE.with_parameter(2))
    );
    assert!(test.run(call(&NONCE_TPM, &[1; 32])).is_ok());
    assert_eq!(test.run(call(&NONCE_TPM, &[2; 32])).err(), Some(TpmRc::CPHASH));
    // Part 3, confirmed by swtpm 0.7.1: PolicySecret(TPM_RH_NULL) is VALUE for handle 1.
    let null = policy_secret(TpmHandle::NULL, session, 0);
    assert_eq!(test.run(null).err(), Some(TpmRc::VALUE.with_handle(1)));
}

#[test]
fn nv_policy_compares_what_is_in_the_index() {
    let mut test = with_index(OPEN, 8);
    test.run(write(&[0, 0, 0, 0, 0, 0, 0, 9], 0)).expect("allowed");
    let session = test.policy_session(false);
    let nv = |operand: &[u8], offset: u16, operation: TpmEo| {
        Call::new(TpmCc::POLICY_NV)
            .on(TpmHandle::OWNER)
            .on(INDEX)
            .on(session)
            .password(b"")
            .with(&Tpm2bOperand::new(operand).expect("short"))
            .with(&offset)
            .with(&operation)
    };
    assert!(test.run(nv(&[8], 7, TpmEo::UnsignedGt)).is_ok());
    assert_eq!(test.run(nv(&[9], 7, TpmEo::UnsignedGt)).err(), Some(TpmRc::POLICY));
    assert_eq!(
        test.run(nv(&[9, 9], 7, TpmEo::Eq)).err(),
        Some(TpmRc::SIZE.with_parameter(1))
    );
    assert_eq!(
        test.run(nv(&[9], 9, TpmEo::Eq)).err(),
        Some(TpmRc::VALUE.with_parameter(2))
    );
}

#[test]
fn counter_timer_policy_compares_time_that_passes() {
    let mut test = TestTpm::started();
    test.host.now = 999;
    let session = test.policy_session(false);
    let timer = |offset: u16| {
        Call::new(TpmCc::POLICY_COUNTER_TIMER)
            .on(session)
            .with(&Tpm2bOperand::new(&1000u64.to_be_bytes()).expect("short"))
            .with(&offset)
            .with(&TpmEo::UnsignedLt)
    };
    assert!(test.run(timer(0)).is_ok());
    assert_eq!(
        test.policy_digest(session),
        "3d0ab0a10dc95cd0309ce8376edc6f86b7ed9a2d405c2017b2a56cf5ee05b859"
    );
    test.host.now = 1000;
    assert_eq!(test.run(timer(0)).err(), Some(TpmRc::POLICY));
    assert_eq!(test.run(timer(20)).err(), Some(TpmRc::RANGE));
    assert_eq!(test.run(timer(26)).err(), Some(TpmRc::VALUE.with_parameter(2)));
}

#[test]
fn authorize_takes_the_ticket_of_the_key_that_approved() {
    let mut test = TestTpm::started();
    let (key, policy_ref) = (name(0x80), Tpm2bNonce::new(&seq(4, 0)).expect("short"));
    let expected = "b2ce201ba5e47b6c4304fbac8dfc972382924d8a02a3b0be5dd828fb629fa3f7";
    let approved = digest(&[0; 32]);
    let signed = crate::crypto::hash(
        &mut NoOffer,
        TpmiAlgHash::Sha256,
        &[approved.as_bytes(), policy_ref.as_bytes()],
    );
    let proof = test.tpm.root(TpmiRhHierarchy::Owner).proof.clone();
    let genuine = TpmtTkVerified {
        hierarchy: TpmiRhHierarchy::Owner,
        digest: ticket::verified(&mut NoOffer, &proof, signed.as_bytes(), key.as_bytes()),
    };
    let authorize = |session, approved: &Tpm2bDigest, key: &Tpm2bName, ticket: &TpmtTkVerified| {
        let call = Call::new(TpmCc::POLICY_AUTHORIZE).on(session);
        call.with(approved).with(&policy_ref).with(key).with(ticket)
    };
    let session = test.policy_session(false);
    let mut refused = |call| test.run(call).err();
    let null = TpmtTkVerified::null();
    let value = |number| Some(TpmRc::VALUE.with_parameter(number));
    assert_eq!(refused(authorize(session, &approved, &key, &null)), value(4));
    assert_eq!(refused(authorize(session, &approved, &name(0x81), &genuine)), value(4));
    assert_eq!(refused(authorize(session, &digest(&[1; 32]), &key, &genuine)), value(1));
    let short = Tpm2bName::new(&[0, 0x0b, 1]).expect("short");
    assert_eq!(
        refused(authorize(session, &approved, &short, &genuine)),
        Some(TpmRc::SIZE.with_parameter(3))
    );
    assert_eq!(refused(authorize(session, &approved, &key, &genuine)), None);
    assert_eq!(test.policy_digest(session), expected);
    let trial = test.policy_session(true);
    test.run(authorize(trial, &approved, &key, &null))
        .expect("a trial session checks nothing");
    assert_eq!(test.policy_digest(trial), expected);
}

#[test]
fn authorize_nv_takes_the_policy_that_the_index_holds() {
    let mut test = with_index(OPEN, 34);
    let session = test.policy_session(false);
    let authorize = || {
        Call::new(TpmCc::POLICY_AUTHORIZE_NV)
            .on(TpmHandle::OWNER)
            .on(INDEX)
            .on(session)
            .password(b"")
    };
    assert_eq!(test.run(authorize()).err(), Some(TpmRc::NV_UNINITIALIZED));
    let other = TpmtHa::new(TpmiAlgHash::Sha256, &[1; 32]).expect("of its size");
    test.run(write(&other.to_bytes(), 0)).expect("allowed");
    assert_eq!(test.run(authorize()).err(), Some(TpmRc::VALUE));
    let sha1 = TpmtHa::new(TpmiAlgHash::Sha1, &[0; 20]).expect("of its size");
    test.run(write(&sha1.to_bytes(), 0)).expect("allowed");
    assert_eq!(test.run(authorize()).err(), Some(TpmRc::HASH));
    let current = TpmtHa::new(TpmiAlgHash::Sha256, &[0; 32]).expect("of its size");
    test.run(write(&current.to_bytes(), 0)).expect("allowed");
    assert!(test.run(authorize()).is_ok());
    // One hash, without policyRef: swtpm 0.7.1 computes the same.
    let name = test
        .tpm
        .persistent
        .nv
        .get(INDEX)
        .expect("defined")
        .name(&mut NoOffer)
        .expect("fits");
    let code = TpmCc::POLICY_AUTHORIZE_NV.to_bytes();
    let expected = crate::crypto::hash(&mut NoOffer, TpmiAlgHash::Sha256, &[&[0; 32], &code, name.as_bytes()]);
    assert_eq!(test.policy_digest(session), hex::encode(expected.as_bytes()));
}

#[test]
fn policy_session_authorises_an_index_and_starts_anew_afterwards() {
    // Part 1 §19.7: the policy of the index is PolicyCommandCode(TPM2_NV_Write), whose digest swtpm 0.7.1 confirms.
    use crate::structures::{Tpm2bAuth, Tpm2bNvPublic, TpmaNv, TpmiRhNvIndex, TpmsNvPublic};
    let mut test = TestTpm::started();
    let public = TpmsNvPublic {
        nv_index: TpmiRhNvIndex::try_from(INDEX).expect("in the range"),
        name_alg: TpmiAlgHash::Sha256,
        attributes: TpmaNv::POLICYWRITE | TpmaNv::OWNERREAD | TpmaNv::NO_DA,
        auth_policy: digest(&hex("1c4f7107dcaf23ce00756448508558683104bd9e203e93749c227b451270438f")),
        data_size: 4,
    };
    let define = Call::new(TpmCc::NV_DEFINE_SPACE).on(TpmHandle::OWNER).password(b"");
    test.run(define.with(&Tpm2bAuth::empty()).with(&Tpm2bNvPublic(public)))
        .expect("allowed");
    let session = test.policy_session(false);
    let write = || {
        let data = Tpm2bMaxNvBuffer::new(b"1234").expect("short");
        Call::new(TpmCc::NV_WRITE)
            .on(INDEX)
            .on(INDEX)
            .policy(session)
            .with(&data)
            .with(&0u16)
    };
    assert_eq!(test.run(write()).err(), Some(TpmRc::POLICY_FAIL.with_session(1)));
    test.run(Call::new(TpmCc::POLICY_COMMAND_CODE).on(session).with(&TpmCc::NV_WRITE))
        .expect("allowed");
    assert!(test.run(write()).is_ok());
    assert_eq!(test.run(write()).err(), Some(TpmRc::POLICY_FAIL.with_session(1)));
    let read = by_owner(TpmCc::NV_READ).with(&4u16).with(&0u16);
    assert_eq!(
        test.run(read).expect("allowed").read::<Tpm2bMaxNvBuffer>().as_bytes(),
        b"1234"
    );
}

#[test]
fn signed_assertion_is_over_what_it_is_restricted_to() {
    use crate::structures::TpmtSignature;
    let mut test = TestTpm::started();
    let key = test.load_hmac_key();
    let session = test.policy_session(false);
    // aHash of Part 3 §23.3, computed independently: nonceTPM seq(16,0x60), expiration -60, no cpHashA, policyRef seq(4,0).
    let a_hash = hex("03e412d9e2c866606abe5db8540c262560aee197271f1a2d969e45474f552877");
    let mac = crate::crypto::hmac(&mut NoOffer, TpmiAlgHash::Sha256, &seq(32, 0x10), &[&a_hash]);
    let signature = TpmtSignature::Hmac(TpmtHa::new(TpmiAlgHash::Sha256, mac.as_bytes()).expect("of its size"));
    let signed = |session, expiration: i32, policy_ref: &[u8], nonce: &[u8]| {
        Call::new(TpmCc::POLICY_SIGNED)
            .on(key)
            .on(session)
            .with(&digest(nonce))
            .with(&Tpm2bDigest::empty())
            .with(&digest(policy_ref))
            .with(&expiration)
            .with(&signature)
    };
    let bad_signature = Some(TpmRc::SIGNATURE.with_parameter(5));
    assert_eq!(
        test.run(signed(session, -61, &seq(4, 0), &NONCE_TPM)).err(),
        bad_signature
    );
    assert_eq!(
        test.run(signed(session, -60, &seq(4, 1), &NONCE_TPM)).err(),
        bad_signature
    );
    assert_eq!(test.run(signed(session, -60, &seq(4, 0), &[])).err(), bad_signature);
    let foreign = Some(TpmRc::NONCE.with_parameter(1));
    assert_eq!(test.run(signed(session, -60, &seq(4, 0), &[1; 16])).err(), foreign);
    assert_eq!(test.policy_digest(session), "00".repeat(32), "nothing was noted");

    let answer = test
        .run(signed(session, -60, &seq(4, 0), &NONCE_TPM))
        .expect("the signature is good");
    let mut reader = Reader::new(&answer.parameters);
    assert_eq!(
        Tpm2bTimeout::unmarshal(&mut reader).expect("a timeout").as_bytes(),
        60_000u64.to_be_bytes()
    );
    let ticket = TpmtTkAuth::unmarshal(&mut reader).expect("a ticket");
    assert_eq!(
        ticket.to_bytes()[..6],
        hex("802540000007")[..],
        "TPM_ST_AUTH_SIGNED, the key's hierarchy"
    );
    let trial = test.policy_session(true);
    test.run(signed(trial, 0, &seq(4, 0), &[]))
        .expect("a trial session checks nothing");
    assert_eq!(test.policy_digest(trial), test.policy_digest(session));
}
