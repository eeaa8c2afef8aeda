//! TPM2_NV_DefineSpace2 (Part 3, 1.83): TPM2_NV_DefineSpace for every type of NV handle, of which this TPM has one.

use crate::{
    dispatch::{Authorized, Command, parameters},
    nv::{NvIndex, definition},
    structures::{Tpm2bAuth, Tpm2bNvPublic2, TpmCc, TpmRc, TpmtNvPublic2},
};

/// TPM2_NV_DefineSpace2.
pub struct NvDefineSpace2;

parameters! {
    /// Parameters of TPM2_NV_DefineSpace2.
    pub struct Params {
        /// The authValue.
        pub auth: Tpm2bAuth,
        /// The public area.
        pub public_info: Tpm2bNvPublic2,
    }
}

impl Command for NvDefineSpace2 {
    const CODE: TpmCc = TpmCc::NV_DEFINE_SPACE2;
    const NAME: &'static str = "TPM2_NV_DefineSpace2";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Params {
            auth,
            public_info: Tpm2bNvPublic2(TpmtNvPublic2(public)),
        } = command.params;
        let enables = *command.tpm.state_clear.enables;
        definition::check(&public, &auth, command.handles.first(), enables)?;
        command.tpm.persistent.nv.define(NvIndex::new(public, &auth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmHandle,
        test_tpm::{Answer, Call, TestTpm, hex},
    };

    /// TPM2_NV_DefineSpace2 by the owner with a public area in hexadecimal.
    fn define(test: &mut TestTpm, public: &str) -> Result<Answer, TpmRc> {
        let public = hex(public);
        let call = Call::new(TpmCc::NV_DEFINE_SPACE2).on(TpmHandle::OWNER).password(b"");
        test.run(call.with_raw(&[0, 0]).with(&(public.len() as u16)).with_raw(&public))
    }

    #[test]
    fn both_forms_of_a_public_area_have_the_same_name() {
        // The Name is over TPMS_NV_PUBLIC, without the type of the handle (facts/tpm/behaviours.md §8).
        let mut test = TestTpm::started();
        define(&mut test, "0101800001000b0002000200000008").expect("an ordinary index");
        let read = |test: &mut TestTpm, code| {
            let call = Call::new(code).on(TpmHandle(0x0180_0001));
            test.run(call).expect("for everybody").parameters
        };
        let first = read(&mut test, TpmCc::NV_READ_PUBLIC);
        let second = read(&mut test, TpmCc::NV_READ_PUBLIC2);
        assert_eq!(second[..3], [0, 15, 1]);
        assert_eq!(first[..2], [0, 14]);
        assert_eq!(second[3..], first[2..]);
    }

    #[test]
    fn other_types_of_handles_are_refused() {
        let mut test = TestTpm::started();
        let refused = |test: &mut TestTpm, public| define(test, public).expect_err("no such index");
        // HANDLE and SELECTOR, P2; the handle must be of its type, and the size that of the structure.
        assert_eq!(
            refused(&mut test, "1111800001000b00000000000200020000000008"),
            TpmRc::new(0x2CB)
        );
        assert_eq!(refused(&mut test, "1212800001000b0002000200000008"), TpmRc::new(0x2CB));
        assert_eq!(refused(&mut test, "0001800001000b0002000200000008"), TpmRc::new(0x2D8));
        assert_eq!(refused(&mut test, "0111800001000b0002000200000008"), TpmRc::new(0x2C4));
        assert_eq!(
            refused(&mut test, "0101800001000b000200020000000800"),
            TpmRc::new(0x2D5)
        );
        assert_eq!(refused(&mut test, ""), TpmRc::new(0x2D5));
        // What TPM2_NV_DefineSpace refuses is refused here with the same numbers.
        assert_eq!(refused(&mut test, "0101800001000b2002000200000008"), TpmRc::new(0x2C2));
    }
}
