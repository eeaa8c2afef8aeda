//! TPM2_FlushContext (Part 3 §28.4): removes a transient object or a session, loaded or saved. The handle is a parameter, so that what it
//! names needs no authorisation and may be anything.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmiDhContext},
};

/// TPM2_FlushContext.
pub struct FlushContext;

parameters! {
    /// The parameters of TPM2_FlushContext.
    pub struct FlushContextParams {
        /// What is removed.
        pub flush_handle: TpmiDhContext,
    }
}

impl Command for FlushContext {
    const CODE: TpmCc = TpmCc::FLUSH_CONTEXT;
    const NAME: &'static str = "TPM2_FlushContext";
    type Params = FlushContextParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        let handle = params.flush_handle.handle();
        let existed = if handle.is_transient() {
            tpm.volatile.objects.flush(handle)
        } else {
            tpm.volatile.sessions.flush(handle)
        };
        if existed {
            Ok(())
        } else {
            Err(TpmRc::HANDLE.with_parameter(1))
        }
    }
}
