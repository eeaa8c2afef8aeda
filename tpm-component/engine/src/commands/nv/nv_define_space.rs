//! TPM2_NV_DefineSpace (Part 3 §31.3): makes a new NV index, not written, with the authValue and public area that the caller chose.

use crate::{
    dispatch::{Authorized, Command, parameters},
    nv::{NvIndex, definition},
    structures::{Tpm2bAuth, Tpm2bNvPublic, TpmCc, TpmRc},
};

/// TPM2_NV_DefineSpace.
pub struct NvDefineSpace;

parameters! {
    /// Parameters of TPM2_NV_DefineSpace.
    pub struct Params {
        /// The authValue.
        pub auth: Tpm2bAuth,
        /// The public area.
        pub public_info: Tpm2bNvPublic,
    }
}

impl Command for NvDefineSpace {
    const CODE: TpmCc = TpmCc::NV_DEFINE_SPACE;
    const NAME: &'static str = "TPM2_NV_DefineSpace";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Params {
            auth,
            public_info: Tpm2bNvPublic(public),
        } = command.params;
        definition::check(
            &public,
            &auth,
            command.handles.first(),
            *command.tpm.state_clear.enables,
        )?;
        command.tpm.persistent.nv.define(NvIndex::new(public, &auth))
    }
}
