//! Which public areas an NV index may have (Part 3 §31.3, TPM2_NV_DefineSpace). The caller chose all of it; after these checks no
//! attribute contradicts another, and nothing later has to ask.

use crate::{
    hierarchy::Enables,
    structures::{Tpm2bAuth, TpmHandle, TpmNt, TpmRc, TpmaNv, TpmsNvPublic, limits},
};

/// The parameter number of publicInfo.
const PUBLIC_INFO: usize = 2;
/// The parameter number of auth.
const AUTH: usize = 1;

/// The locks and WRITTEN, which only the TPM sets.
const SET_BY_TPM: TpmaNv = TpmaNv::WRITTEN.with(TpmaNv::WRITELOCKED).with(TpmaNv::READLOCKED);
/// Ways to be allowed to write.
const WRITERS: TpmaNv = TpmaNv::OWNERWRITE
    .with(TpmaNv::PPWRITE)
    .with(TpmaNv::AUTHWRITE)
    .with(TpmaNv::POLICYWRITE);
/// Ways to be allowed to read.
const READERS: TpmaNv = TpmaNv::OWNERREAD
    .with(TpmaNv::PPREAD)
    .with(TpmaNv::AUTHREAD)
    .with(TpmaNv::POLICYREAD);

/// Checks a definition that `authorized_by`, the owner or the platform, asks for. Errors carry their numbers, those of TPM2_NV_DefineSpace.
pub fn check(public: &TpmsNvPublic, auth: &Tpm2bAuth, authorized_by: TpmHandle, enables: Enables) -> Result<(), TpmRc> {
    let digest_size = public.name_alg.digest_size();
    if !public.auth_policy.is_empty() && public.auth_policy.len() != digest_size {
        return Err(TpmRc::SIZE.with_parameter(PUBLIC_INFO));
    }
    if auth.trimmed().len() > digest_size {
        return Err(TpmRc::SIZE.with_parameter(AUTH));
    }
    if authorized_by == TpmHandle::PLATFORM && !enables.platform_nv {
        return Err(TpmRc::HIERARCHY.with_handle(1));
    }
    check_type(public).map_err(|code| code.with_parameter(PUBLIC_INFO))?;
    check_attributes(public.attributes).map_err(|code| code.with_parameter(PUBLIC_INFO))?;
    check_creator(public.attributes, authorized_by)?;
    if public.attributes.contains(TpmaNv::WRITEALL) && usize::from(public.data_size) > limits::MAX_NV_BUFFER_SIZE {
        return Err(TpmRc::SIZE.with_parameter(PUBLIC_INFO));
    }
    Ok(())
}

/// The size that the index type asks for, and what the type forbids.
fn check_type(public: &TpmsNvPublic) -> Result<(), TpmRc> {
    let attributes = public.attributes;
    let size = usize::from(public.data_size);
    let pin_forbids = TpmaNv::AUTHWRITE | TpmaNv::GLOBALLOCK | TpmaNv::WRITEDEFINE;
    let (size_fits, attributes_fit) = match attributes.index_type().ok_or(TpmRc::ATTRIBUTES)? {
        TpmNt::Ordinary => (size <= limits::MAX_NV_INDEX_SIZE, true),
        TpmNt::Extend => (size == public.name_alg.digest_size(), true),
        TpmNt::Counter => (size == 8, !attributes.contains(TpmaNv::CLEAR_STCLEAR)),
        TpmNt::Bits => (size == 8, true),
        TpmNt::PinFail => (
            size == 8,
            attributes.contains(TpmaNv::NO_DA) && !attributes.intersects(pin_forbids),
        ),
        TpmNt::PinPass => (size == 8, !attributes.intersects(pin_forbids)),
    };
    match (size_fits, attributes_fit) {
        (false, _) => Err(TpmRc::SIZE),
        (true, false) => Err(TpmRc::ATTRIBUTES),
        (true, true) => Ok(()),
    }
}

/// What holds for every type.
fn check_attributes(attributes: TpmaNv) -> Result<(), TpmRc> {
    let consistent = !attributes.intersects(SET_BY_TPM)
        && attributes.intersects(WRITERS)
        && attributes.intersects(READERS)
        && !attributes.contains(TpmaNv::CLEAR_STCLEAR | TpmaNv::WRITEDEFINE);
    if consistent { Ok(()) } else { Err(TpmRc::ATTRIBUTES) }
}

/// PLATFORMCREATE says who defined the index; only the platform may demand a policy for deletion.
fn check_creator(attributes: TpmaNv, authorized_by: TpmHandle) -> Result<(), TpmRc> {
    let platform = authorized_by == TpmHandle::PLATFORM;
    if attributes.contains(TpmaNv::PLATFORMCREATE) != platform {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    if attributes.contains(TpmaNv::POLICY_DELETE) && !platform {
        return Err(TpmRc::ATTRIBUTES.with_parameter(PUBLIC_INFO));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        nv::NvIndex,
        structures::{Tpm2bDigest, TpmiAlgHash, TpmiRhNvIndex},
    };

    /// An ordinary index of 8 bytes at 0x01800001.
    pub(crate) fn public(attributes: TpmaNv) -> TpmsNvPublic {
        TpmsNvPublic {
            nv_index: TpmiRhNvIndex::try_from(TpmHandle(0x0180_0001)).expect("in the NV range"),
            name_alg: TpmiAlgHash::Sha256,
            attributes,
            auth_policy: Tpm2bDigest::empty(),
            data_size: 8,
        }
    }

    /// That index, just defined.
    pub(crate) fn index(attributes: TpmaNv) -> NvIndex {
        NvIndex::new(public(attributes), &Tpm2bAuth::empty())
    }

    fn by_owner(public: &TpmsNvPublic) -> Result<(), TpmRc> {
        check(public, &Tpm2bAuth::empty(), TpmHandle::OWNER, Enables::ALL)
    }

    const PLAIN: TpmaNv = TpmaNv::OWNERREAD.with(TpmaNv::OWNERWRITE);

    #[test]
    fn attributes_that_contradict_each_other_are_refused() {
        // Part 3 §31.3; swtpm 0.7.1 answers the same to each.
        assert_eq!(by_owner(&public(PLAIN)), Ok(()));
        let attributes = TpmRc::ATTRIBUTES.with_parameter(2);
        for bad in [
            PLAIN | TpmaNv::WRITTEN,
            PLAIN | TpmaNv::READLOCKED,
            PLAIN | TpmaNv::WRITELOCKED,
            TpmaNv::OWNERREAD,
            TpmaNv::OWNERWRITE,
            PLAIN | TpmaNv::CLEAR_STCLEAR | TpmaNv::WRITEDEFINE,
            PLAIN | TpmaNv::POLICY_DELETE,
            (PLAIN | TpmaNv::CLEAR_STCLEAR).with_type(TpmNt::Counter),
            PLAIN.with_type(TpmNt::PinFail),
            (PLAIN | TpmaNv::NO_DA | TpmaNv::AUTHWRITE).with_type(TpmNt::PinFail),
            (PLAIN | TpmaNv::GLOBALLOCK).with_type(TpmNt::PinPass),
            PLAIN | TpmaNv::from_bits(0x30),
        ] {
            assert_eq!(by_owner(&public(bad)), Err(attributes), "{bad:?}");
        }
        let platform = public(PLAIN | TpmaNv::PLATFORMCREATE);
        assert_eq!(by_owner(&platform), Err(TpmRc::ATTRIBUTES.with_handle(1)));
        assert_eq!(
            check(&platform, &Tpm2bAuth::empty(), TpmHandle::PLATFORM, Enables::ALL),
            Ok(())
        );
        let disabled = Enables {
            platform_nv: false,
            ..Enables::ALL
        };
        let refused = check(&platform, &Tpm2bAuth::empty(), TpmHandle::PLATFORM, disabled);
        assert_eq!(refused, Err(TpmRc::HIERARCHY.with_handle(1)));
    }

    #[test]
    fn sizes_follow_the_index_type() {
        let sized = |data_size, attributes| TpmsNvPublic {
            data_size,
            ..public(attributes)
        };
        let size = Err(TpmRc::SIZE.with_parameter(2));
        assert_eq!(by_owner(&sized(2048, PLAIN)), Ok(()));
        assert_eq!(by_owner(&sized(2049, PLAIN)), size);
        assert_eq!(by_owner(&sized(9, PLAIN.with_type(TpmNt::Counter))), size);
        assert_eq!(by_owner(&sized(32, PLAIN.with_type(TpmNt::Extend))), Ok(()));
        assert_eq!(by_owner(&sized(20, PLAIN.with_type(TpmNt::Extend))), size);
        assert_eq!(by_owner(&sized(1025, PLAIN | TpmaNv::WRITEALL)), size);
        let policy = TpmsNvPublic {
            auth_policy: Tpm2bDigest::new(&[0; 20]).expect("short"),
            ..public(PLAIN)
        };
        assert_eq!(by_owner(&policy), size);
        let auth = Tpm2bAuth::new(&[1; 33]).expect("short");
        assert_eq!(
            check(&public(PLAIN), &auth, TpmHandle::OWNER, Enables::ALL),
            Err(TpmRc::SIZE.with_parameter(1))
        );
    }
}
