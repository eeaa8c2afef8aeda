//! Part 3 §31, "Non-volatile Storage".

mod nv_change_auth;
mod nv_define_space;
mod nv_define_space2;
mod nv_extend;
mod nv_global_write_lock;
mod nv_increment;
mod nv_read;
mod nv_read_lock;
mod nv_read_public;
mod nv_read_public2;
mod nv_set_bits;
mod nv_undefine_space;
mod nv_undefine_space_special;
mod nv_write;
mod nv_write_lock;

pub use nv_change_auth::NvChangeAuth;
pub use nv_define_space::NvDefineSpace;
pub use nv_define_space2::NvDefineSpace2;
pub use nv_extend::NvExtend;
pub use nv_global_write_lock::NvGlobalWriteLock;
pub use nv_increment::NvIncrement;
pub use nv_read::NvRead;
pub use nv_read_lock::NvReadLock;
pub use nv_read_public::NvReadPublic;
pub use nv_read_public2::NvReadPublic2;
pub use nv_set_bits::NvSetBits;
pub use nv_undefine_space::NvUndefineSpace;
pub use nv_undefine_space_special::NvUndefineSpaceSpecial;
pub use nv_write::NvWrite;
pub use nv_write_lock::NvWriteLock;

use crate::{
    dispatch::Handles,
    nv::{NvIndex, access},
    structures::{TpmHandle, TpmRc, TpmaNv},
    tpm::Tpm,
};

/// The index that the handle at `position` (counted from 1) names. Dispatch has found it already; not finding it again is that error.
pub(super) fn index(tpm: &Tpm, handle: TpmHandle, position: usize) -> Result<&NvIndex, TpmRc> {
    tpm.persistent.nv.get(handle).ok_or(TpmRc::HANDLE.with_handle(position))
}

/// The index, named by the second handle, that a command is about to change: TPM_RC_READ_ONLY in read-only mode, unless nothing of its contents lasts.
fn index_to_change(tpm: &Tpm, handle: TpmHandle) -> Result<&NvIndex, TpmRc> {
    let index = index(tpm, handle, 2)?;
    if *tpm.state_clear.read_only && !index.has(TpmaNv::ORDERLY | TpmaNv::CLEAR_STCLEAR) {
        return Err(TpmRc::READ_ONLY);
    }
    Ok(index)
}

/// As [`index_to_change`], for a command that writes its contents with the authorisation of the first handle.
#[inline]
fn index_to_write(tpm: &Tpm, handles: Handles) -> Result<&NvIndex, TpmRc> {
    let index = index_to_change(tpm, handles.second())?;
    access::check_write(index, handles.first())?;
    Ok(index)
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::vec::Vec;

    use crate::{
        structures::{
            Tpm2bAuth, Tpm2bDigest, Tpm2bMaxNvBuffer, Tpm2bNonce, Tpm2bNvPublic, TpmCc, TpmHandle, TpmNt, TpmRc, TpmSu,
            TpmaNv, TpmiAlgHash, TpmiRhNvIndex, TpmsNvPublic,
        },
        test_tpm::{Answer, Call, TestTpm},
    };

    /// The index of these tests.
    pub(crate) const INDEX: TpmHandle = TpmHandle(0x0180_0001);
    /// The owner and the index's own authValue may read and write.
    pub(crate) const OPEN: TpmaNv = TpmaNv::OWNERREAD
        .with(TpmaNv::OWNERWRITE)
        .with(TpmaNv::AUTHREAD)
        .with(TpmaNv::AUTHWRITE)
        .with(TpmaNv::NO_DA);

    /// TPM2_NV_DefineSpace of [`INDEX`] by the owner.
    pub(crate) fn define(attributes: TpmaNv, data_size: u16) -> Call {
        let public = TpmsNvPublic {
            nv_index: TpmiRhNvIndex::try_from(INDEX).expect("in the range"),
            name_alg: TpmiAlgHash::Sha256,
            attributes,
            auth_policy: Tpm2bDigest::empty(),
            data_size,
        };
        let auth = Tpm2bAuth::new(b"pin").expect("short");
        let call = Call::new(TpmCc::NV_DEFINE_SPACE).on(TpmHandle::OWNER).password(b"");
        call.with(&auth).with(&Tpm2bNvPublic(public))
    }

    /// A TPM with [`INDEX`] just defined.
    pub(crate) fn with_index(attributes: TpmaNv, data_size: u16) -> TestTpm {
        let mut test = TestTpm::started();
        assert!(test.run(define(attributes, data_size)).expect("allowed").is_empty());
        test
    }

    /// A command on [`INDEX`] that the owner authorises.
    pub(crate) fn by_owner(code: TpmCc) -> Call {
        Call::new(code).on(TpmHandle::OWNER).on(INDEX).password(b"")
    }

    /// TPM2_NV_Write by the owner.
    pub(crate) fn write(data: &[u8], offset: u16) -> Call {
        by_owner(TpmCc::NV_WRITE)
            .with(&Tpm2bMaxNvBuffer::new(data).expect("short"))
            .with(&offset)
    }

    /// TPM2_NV_Read by the owner.
    pub(crate) fn read(test: &mut TestTpm, size: u16, offset: u16) -> Result<Vec<u8>, TpmRc> {
        let answer = test.run(by_owner(TpmCc::NV_READ).with(&size).with(&offset))?;
        Ok(answer.read::<Tpm2bMaxNvBuffer>().as_bytes().to_vec())
    }

    fn refusal(outcome: Result<Answer, TpmRc>) -> Option<TpmRc> {
        outcome.err()
    }

    #[test]
    fn contents_are_what_was_written_and_erased_bytes_elsewhere() {
        // Part 3 §31; the codes, and the bytes 0xFF, are those of swtpm 0.7.1.
        let mut test = with_index(OPEN, 8);
        assert_eq!(read(&mut test, 8, 0), Err(TpmRc::NV_UNINITIALIZED));
        assert!(test.run(write(b"abc", 2)).expect("allowed").is_empty());
        assert_eq!(read(&mut test, 8, 0), Ok(b"\xff\xffabc\xff\xff\xff".to_vec()));
        assert_eq!(read(&mut test, 2, 6), Ok(b"\xff\xff".to_vec()));
        assert_eq!(read(&mut test, 1, 8), Err(TpmRc::NV_RANGE));
        assert_eq!(read(&mut test, 0, 9), Err(TpmRc::VALUE.with_parameter(2)));
        assert_eq!(read(&mut test, 1025, 0), Err(TpmRc::VALUE.with_parameter(1)));
    }

    #[test]
    fn writes_stay_inside_the_index() {
        // Part 3 §31.7, as swtpm 0.7.1 answers.
        let mut test = with_index(OPEN | TpmaNv::WRITEALL, 4);
        assert_eq!(refusal(test.run(write(b"", 5))), Some(TpmRc::VALUE.with_parameter(2)));
        assert_eq!(refusal(test.run(write(b"12345", 0))), Some(TpmRc::NV_RANGE));
        assert_eq!(refusal(test.run(write(b"123", 0))), Some(TpmRc::NV_RANGE));
        assert!(test.run(write(b"1234", 0)).is_ok());
    }

    #[test]
    fn own_auth_value_reads_and_a_foreign_one_does_not() {
        let mut test = with_index(OPEN, 4);
        test.run(write(b"1234", 0)).expect("allowed");
        let own = |password: &[u8]| {
            Call::new(TpmCc::NV_READ)
                .on(INDEX)
                .on(INDEX)
                .password(password)
                .with(&4u16)
                .with(&0u16)
        };
        assert_eq!(
            test.run(own(b"pin"))
                .expect("allowed")
                .read::<Tpm2bMaxNvBuffer>()
                .as_bytes(),
            b"1234"
        );
        assert_eq!(refusal(test.run(own(b"nip"))), Some(TpmRc::BAD_AUTH.with_session(1)));
    }

    #[test]
    fn written_index_outlives_the_power_and_a_failed_commit_writes_nothing() {
        let mut test = with_index(OPEN, 4);
        test.run(write(b"1234", 0)).expect("allowed");
        test.host.refuse = Some(tpm_contract::CommitError::Unavailable);
        assert_eq!(refusal(test.run(write(b"5678", 0))), Some(TpmRc::NV_UNAVAILABLE));
        test.host.refuse = None;
        assert_eq!(read(&mut test, 4, 0), Ok(b"1234".to_vec()));
        let mut test = test.restarted(TpmSu::Clear);
        assert_eq!(read(&mut test, 4, 0), Ok(b"1234".to_vec()));
    }

    #[test]
    fn definition_is_refused_twice_and_undone_by_undefinition() {
        let mut test = with_index(OPEN, 4);
        assert_eq!(refusal(test.run(define(OPEN, 4))), Some(TpmRc::NV_DEFINED));
        assert!(test.run(by_owner(TpmCc::NV_UNDEFINE_SPACE)).is_ok());
        let gone = Some(TpmRc::HANDLE.with_handle(2));
        assert_eq!(refusal(test.run(by_owner(TpmCc::NV_UNDEFINE_SPACE))), gone);
        assert!(!test.host.store.contains_key(&INDEX.0));
    }

    #[test]
    fn counter_starts_above_every_value_that_was_ever_counted() {
        // Part 3 §31.8; swtpm 0.7.1 counts 1, then 2 after deletion and new definition.
        let mut test = with_index(OPEN.with_type(TpmNt::Counter), 8);
        assert_eq!(refusal(test.run(write(&[0; 8], 0))), Some(TpmRc::ATTRIBUTES));
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        assert_eq!(read(&mut test, 8, 0), Ok(1u64.to_be_bytes().to_vec()));
        test.run(by_owner(TpmCc::NV_UNDEFINE_SPACE)).expect("allowed");
        test.run(define(OPEN.with_type(TpmNt::Counter), 8)).expect("allowed");
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        assert_eq!(read(&mut test, 8, 0), Ok(2u64.to_be_bytes().to_vec()));
    }

    #[test]
    fn orderly_counter_never_repeats_a_value_after_a_shutdown_that_was_not_the_last() {
        // Part 3 §9.3: a change of orderly data after Shutdown invalidates the saved state, and after a disorderly
        // shutdown the low 8 bits of an orderly counter are ones.
        let mut test = with_index((OPEN | TpmaNv::ORDERLY).with_type(TpmNt::Counter), 8);
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        test.run(Call::new(TpmCc::SHUTDOWN).with(&1u16)).expect("allowed");
        let commits = test.host.commits;
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        assert_eq!(test.host.commits, commits + 1, "the shutdown is no longer good");
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        assert_eq!(test.host.commits, commits + 1, "counting itself costs no commit");
        let mut test = test.power_cycle();
        let resume = Call::new(TpmCc::STARTUP).with(&1u16);
        assert_eq!(refusal(test.run(resume)), Some(TpmRc::VALUE.with_parameter(1)));
        test.run(Call::new(TpmCc::STARTUP).with(&0u16)).expect("allowed");
        assert_eq!(read(&mut test, 8, 0), Ok(255u64.to_be_bytes().to_vec()));

        // An orderly shutdown keeps the value.
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        test.run(by_owner(TpmCc::NV_INCREMENT)).expect("allowed");
        test.run(Call::new(TpmCc::SHUTDOWN).with(&0u16)).expect("allowed");
        let mut test = test.restarted(TpmSu::Clear);
        assert_eq!(read(&mut test, 8, 0), Ok(257u64.to_be_bytes().to_vec()));
    }

    #[test]
    fn bits_and_digests_only_grow() {
        let mut test = with_index(OPEN.with_type(TpmNt::Bits), 8);
        test.run(by_owner(TpmCc::NV_SET_BITS).with(&0x5u64)).expect("allowed");
        test.run(by_owner(TpmCc::NV_SET_BITS).with(&0x8000_0002u64))
            .expect("allowed");
        assert_eq!(read(&mut test, 8, 0), Ok(0x8000_0007u64.to_be_bytes().to_vec()));
        let wrong = Some(TpmRc::ATTRIBUTES.with_handle(2));
        assert_eq!(refusal(test.run(by_owner(TpmCc::NV_INCREMENT))), wrong);

        // Computed independently as Part 3 §31.9 says: SHA-256 of 32 zeros and 00..09.
        let mut test = with_index(OPEN.with_type(TpmNt::Extend), 32);
        let data = Tpm2bMaxNvBuffer::new(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).expect("short");
        test.run(by_owner(TpmCc::NV_EXTEND).with(&data)).expect("allowed");
        let expected = hex::decode("6773138de8d9443e0ccd8bb53cff493b1300413ead5f60b6cdfcb29148401154").expect("hex");
        assert_eq!(read(&mut test, 32, 0), Ok(expected));
    }

    #[test]
    fn locks_hold_until_they_end() {
        // Part 3 §31.11 and §31.14, as swtpm 0.7.1 answers, and Part 3 §9.3.
        let mut test = with_index(OPEN, 4);
        let wrong = Some(TpmRc::ATTRIBUTES.with_handle(2));
        assert_eq!(refusal(test.run(by_owner(TpmCc::NV_WRITE_LOCK))), wrong);
        assert_eq!(refusal(test.run(by_owner(TpmCc::NV_READ_LOCK))), wrong);

        let mut test = with_index(OPEN | TpmaNv::WRITE_STCLEAR | TpmaNv::READ_STCLEAR, 4);
        test.run(write(b"1234", 0)).expect("allowed");
        for code in [
            TpmCc::NV_WRITE_LOCK,
            TpmCc::NV_WRITE_LOCK,
            TpmCc::NV_READ_LOCK,
            TpmCc::NV_READ_LOCK,
        ] {
            assert!(test.run(by_owner(code)).is_ok(), "{code:?}");
        }
        assert_eq!(refusal(test.run(write(b"5678", 0))), Some(TpmRc::NV_LOCKED));
        assert_eq!(read(&mut test, 4, 0), Err(TpmRc::NV_LOCKED));
        let mut test = test.restarted(TpmSu::Clear);
        assert_eq!(read(&mut test, 4, 0), Ok(b"1234".to_vec()));
        assert!(test.run(write(b"5678", 0)).is_ok());
    }

    #[test]
    fn global_lock_locks_what_asked_for_it() {
        let mut test = with_index(OPEN | TpmaNv::GLOBALLOCK, 4);
        test.run(write(b"1234", 0)).expect("allowed");
        test.run(
            Call::new(TpmCc::NV_GLOBAL_WRITE_LOCK)
                .on(TpmHandle::OWNER)
                .password(b""),
        )
        .expect("allowed");
        assert_eq!(refusal(test.run(write(b"5678", 0))), Some(TpmRc::NV_LOCKED));
    }

    #[test]
    fn admin_commands_need_a_policy() {
        // Part 3 §5.6, as swtpm 0.7.1 answers: ADMIN role on an NV Index by authValue is AUTH_TYPE.
        let mut test = with_index(OPEN, 4);
        let call = Call::new(TpmCc::NV_CHANGE_AUTH)
            .on(INDEX)
            .password(b"pin")
            .with(&Tpm2bAuth::empty());
        assert_eq!(refusal(test.run(call)), Some(TpmRc::AUTH_TYPE));
        let call = Call::new(TpmCc::NV_UNDEFINE_SPACE_SPECIAL)
            .on(INDEX)
            .on(TpmHandle::PLATFORM);
        assert_eq!(
            refusal(test.run(call.password(b"pin").password(b""))),
            Some(TpmRc::AUTH_TYPE)
        );
    }

    /// A PIN index that was written: the owner may write it, and nobody's authValue may read it.
    fn with_pin(kind: TpmNt, count: u32, limit: u32) -> TestTpm {
        let attributes = TpmaNv::OWNERREAD | TpmaNv::OWNERWRITE | TpmaNv::NO_DA;
        let mut test = with_index(attributes.with_type(kind), 8);
        test.run(write(&[count.to_be_bytes(), limit.to_be_bytes()].concat(), 0))
            .expect("allowed");
        test
    }

    /// TPM2_PolicySecret with the index's authValue; a nonce other than the session's makes the action fail.
    fn policy_secret(session: TpmHandle, pin: &[u8], nonce: &[u8]) -> Call {
        Call::new(TpmCc::POLICY_SECRET)
            .on(INDEX)
            .on(session)
            .password(pin)
            .with(&Tpm2bNonce::new(nonce).expect("short"))
            .with(&Tpm2bDigest::empty())
            .with(&Tpm2bNonce::empty())
            .with(&0i32)
    }

    fn pin_count(test: &mut TestTpm) -> u32 {
        let pin = read(test, 8, 0).expect("allowed");
        u32::from_be_bytes(*pin.first_chunk().expect("eight bytes"))
    }

    #[test]
    fn pin_serves_until_its_limit_whether_or_not_it_may_read_its_index() {
        // TCG reference code, IsAuthValueAvailable: a PIN that is not for writing needs WRITTEN and pinCount < pinLimit, not AUTHREAD. swtpm 0.7.1 answers
        // the same.
        let attributes = TpmaNv::OWNERREAD | TpmaNv::OWNERWRITE | TpmaNv::NO_DA;
        let mut test = with_index(attributes.with_type(TpmNt::PinPass), 8);
        let session = test.policy_session(false);
        let unwritten = test.run(policy_secret(session, b"pin", b""));
        assert_eq!(refusal(unwritten), Some(TpmRc::AUTH_UNAVAILABLE));
        let mut test = with_pin(TpmNt::PinPass, 0, 2);
        let session = test.policy_session(false);
        for uses in 1..=2 {
            test.run(policy_secret(session, b"pin", b"")).expect("below the limit");
            assert_eq!(pin_count(&mut test), uses);
        }
        let outcome = test.run(policy_secret(session, b"pin", b""));
        assert_eq!(refusal(outcome), Some(TpmRc::AUTH_UNAVAILABLE));
        let mut test = with_pin(TpmNt::PinFail, 0, 2);
        let own = Call::new(TpmCc::NV_WRITE).on(INDEX).on(INDEX).password(b"pin");
        let outcome = test.run(own.with(&Tpm2bMaxNvBuffer::new(b"x").expect("short")).with(&0u16));
        assert_eq!(
            refusal(outcome),
            Some(TpmRc::AUTH_UNAVAILABLE),
            "AUTHWRITE decides about writing"
        );
    }

    #[test]
    fn pin_counts_its_use_also_when_the_command_fails_afterwards() {
        // TCG reference code, CheckAuthSession: the count is written before the action runs, and stays. swtpm 0.7.1 answers and counts the same.
        let wrong_nonce = [0xEE; 16];
        let mut test = with_pin(TpmNt::PinPass, 0, 5);
        let session = test.policy_session(false);
        let outcome = test.run(policy_secret(session, b"pin", &wrong_nonce));
        assert_eq!(refusal(outcome), Some(TpmRc::NONCE.with_parameter(1)));
        assert_eq!(pin_count(&mut test), 1);
        let mut test = with_pin(TpmNt::PinFail, 0, 5);
        let session = test.policy_session(false);
        let outcome = test.run(policy_secret(session, b"wrong", b""));
        assert_eq!(refusal(outcome), Some(TpmRc::BAD_AUTH.with_session(1)));
        assert_eq!(pin_count(&mut test), 1);
        let outcome = test.run(policy_secret(session, b"pin", &wrong_nonce));
        assert_eq!(refusal(outcome), Some(TpmRc::NONCE.with_parameter(1)));
        assert_eq!(pin_count(&mut test), 0);
        // The count was committed, not only kept in memory.
        let mut test = test.restarted(TpmSu::Clear);
        assert_eq!(pin_count(&mut test), 0);
    }

    #[test]
    fn names_match_the_vectors() {
        // Names of Part 1 §16, confirmed by swtpm 0.7.1: NV 0x01500000, not written and written.
        let public = TpmsNvPublic {
            nv_index: TpmiRhNvIndex::try_from(TpmHandle(0x0150_0000)).expect("in the range"),
            name_alg: TpmiAlgHash::Sha256,
            attributes: OPEN,
            auth_policy: Tpm2bDigest::empty(),
            data_size: 8,
        };
        let mut index = crate::nv::NvIndex::new(public, &Tpm2bAuth::empty());
        let name =
            |index: &crate::nv::NvIndex| hex::encode(index.name(&mut crate::crypto::NoOffer).expect("fits").as_bytes());
        assert_eq!(
            name(&index),
            "000b08f79172e53aff1288f030cd2d512a9c5d6ea83fe270f1fad9cadf9667ff9c20"
        );
        index.set(TpmaNv::WRITTEN, true);
        assert_eq!(
            name(&index),
            "000b781adc0da03d5b44be75a5ff0485e8ce5d4068df344d3102d782a532f5ea86d7"
        );
    }

    #[test]
    fn full_nv_holds_128_kib_and_one_commit_carries_all_of_it() {
        // Every index of 2048 bytes, written, with GLOBALLOCK; then TPM2_NV_GlobalWriteLock and TPM2_Clear, which change all of them at once.
        let mut test = TestTpm::started();
        let handle = |number: u32| TpmHandle(0x0180_0000 + number);
        let define = |number: u32, data_size: u16| {
            let public = TpmsNvPublic {
                nv_index: TpmiRhNvIndex::try_from(handle(number)).expect("in the range"),
                name_alg: TpmiAlgHash::Sha256,
                attributes: OPEN | TpmaNv::GLOBALLOCK | TpmaNv::WRITE_STCLEAR,
                auth_policy: Tpm2bDigest::empty(),
                data_size,
            };
            let call = Call::new(TpmCc::NV_DEFINE_SPACE).on(TpmHandle::OWNER).password(b"");
            call.with(&Tpm2bAuth::empty()).with(&Tpm2bNvPublic(public))
        };
        for number in 0..64 {
            test.run(define(number, 2048)).expect("room");
            for half in [0, 1024] {
                let write = Call::new(TpmCc::NV_WRITE).on(TpmHandle::OWNER).on(handle(number));
                let data = Tpm2bMaxNvBuffer::new(&[number as u8; 1024]).expect("short");
                test.run(write.password(b"").with(&data).with(&(half as u16)))
                    .expect("fits");
            }
        }
        assert_eq!(refusal(test.run(define(64, 1))), Some(TpmRc::NV_SPACE));
        test.run(define(64, 0)).expect("nothing needs no room");
        let lock = Call::new(TpmCc::NV_GLOBAL_WRITE_LOCK).on(TpmHandle::OWNER);
        test.run(lock.password(b"")).expect("one commit");
        let mut test = test.restarted(TpmSu::Clear);
        let read = Call::new(TpmCc::NV_READ)
            .on(TpmHandle::OWNER)
            .on(handle(63))
            .password(b"");
        let answer = test.run(read.with(&1024u16).with(&1024u16)).expect("still there");
        assert_eq!(answer.read::<Tpm2bMaxNvBuffer>().as_bytes(), [63; 1024]);
        test.run(Call::new(TpmCc::CLEAR).on(TpmHandle::LOCKOUT).password(b""))
            .expect("one commit");
        assert!(test.tpm.persistent.nv.is_empty());
    }
}
