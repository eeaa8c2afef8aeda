//! TPM2_ReadOnlyControl (Part 3, 1.83): the platform turns read-only mode on or off. In it, commands that change what lasts are refused
//! (`dispatch/table.rs`), as are those that change NV indices, but for indices whose contents do not last (`nv/access.rs`). The mode ends with the next TPM
//! Reset or Restart.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
};

/// TPM2_ReadOnlyControl.
pub struct ReadOnlyControl;

parameters! {
    /// The parameters of TPM2_ReadOnlyControl.
    pub struct Params {
        /// Whether the mode is to be on.
        pub state: bool,
    }
}

impl Command for ReadOnlyControl {
    const CODE: TpmCc = TpmCc::READ_ONLY_CONTROL;
    const NAME: &'static str = "TPM2_ReadOnlyControl";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        if *tpm.state_clear.read_only != params.state {
            tpm.state_clear.read_only.set(params.state);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::nv::tests::{OPEN, define, with_index, write},
        dispatch::table::TABLE,
        structures::{TpmHandle, TpmSu, TpmaNv},
        test_tpm::{Call, TestTpm},
    };

    fn control(state: bool) -> Call {
        Call::new(TpmCc::READ_ONLY_CONTROL)
            .on(TpmHandle::PLATFORM)
            .password(b"")
            .with(&state)
    }

    #[test]
    fn commands_of_the_list_are_refused_before_anything_else() {
        // facts/tpm/commands.csv, read_only_mode_disallowed: 29 of the commands that exist here; §1: the check comes before handles.
        let mut tpm = TestTpm::started();
        tpm.run(control(true)).expect("the platform may");
        let refused: alloc::vec::Vec<TpmCc> = TABLE
            .iter()
            .map(|row| row.code)
            .filter(|code| tpm.run(Call::new(*code)).err() == Some(TpmRc::READ_ONLY))
            .collect();
        for code in [
            TpmCc::CLEAR,
            TpmCc::CREATE,
            TpmCc::CREATE_PRIMARY,
            TpmCc::EVICT_CONTROL,
            TpmCc::NV_DEFINE_SPACE,
            TpmCc::NV_INCREMENT,
            TpmCc::PCR_ALLOCATE,
            TpmCc::PP_COMMANDS,
        ] {
            assert!(refused.contains(&code), "{code:?}");
        }
        for code in [
            TpmCc::LOAD,
            TpmCc::SIGN,
            TpmCc::PCR_EXTEND,
            TpmCc::NV_WRITE,
            TpmCc::READ_ONLY_CONTROL,
            TpmCc::SHUTDOWN,
        ] {
            assert!(!refused.contains(&code), "{code:?}");
        }
        tpm.run(control(false)).expect("still possible");
        assert!(tpm.run(define(OPEN, 8)).is_ok());
    }

    #[test]
    fn index_whose_contents_last_cannot_be_written() {
        // facts/tpm/behaviours.md §22, 10: "unless ORDERLY and CLEAR_STCLEAR".
        for (attributes, outcome) in [
            (OPEN, Err(TpmRc::READ_ONLY)),
            (OPEN | TpmaNv::ORDERLY, Err(TpmRc::READ_ONLY)),
            (OPEN | TpmaNv::ORDERLY | TpmaNv::CLEAR_STCLEAR, Ok(())),
        ] {
            let mut tpm = with_index(attributes, 8);
            tpm.run(control(true)).expect("the platform may");
            assert_eq!(tpm.run(write(&[1; 8], 0)).map(|_| ()), outcome, "{attributes:?}");
        }
    }

    #[test]
    fn mode_survives_tpm_resume_only() {
        // facts/tpm/behaviours.md §13, readOnly.
        for (kind, outcome) in [(TpmSu::State, Err(TpmRc::READ_ONLY)), (TpmSu::Clear, Ok(()))] {
            let mut tpm = TestTpm::started();
            tpm.run(control(true)).expect("the platform may");
            tpm.run(Call::new(TpmCc::SHUTDOWN).with(&1u16)).expect("possible");
            let mut tpm = tpm.restarted(kind);
            assert_eq!(tpm.run(define(OPEN, 8)).map(|_| ()), outcome, "TPM2_Startup {kind:?}");
        }
    }
}
