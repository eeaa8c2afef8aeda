//! TPM2_GetSessionAuditDigest (Part 3 §18.5): the TPM attests what an audit session has recorded.

use super::Attester;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{
        Tpm2bAttest, Tpm2bData, TpmCc, TpmRc, TpmsSessionAuditInfo, TpmtSigScheme, TpmtSignature, TpmuAttest,
    },
};

/// TPM2_GetSessionAuditDigest.
pub struct GetSessionAuditDigest;

parameters! {
    /// The parameters of TPM2_GetSessionAuditDigest.
    pub struct GetSessionAuditDigestParams {
        /// What the caller wants to find in the statement.
        pub qualifying_data: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
    }
}

reply! {
    /// The reply of TPM2_GetSessionAuditDigest.
    pub struct GetSessionAuditDigestReply {
        /// The statement.
        pub audit_info: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for GetSessionAuditDigest {
    const CODE: TpmCc = TpmCc::GET_SESSION_AUDIT_DIGEST;
    const NAME: &'static str = "TPM2_GetSessionAuditDigest";
    type Params = GetSessionAuditDigestParams;
    type Reply = GetSessionAuditDigestReply;

    fn run(command: Authorized<'_, Self>) -> Result<GetSessionAuditDigestReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.second(), 2, &params.in_scheme, 2)?;
        let sessions = &tpm.volatile.sessions;
        let session = sessions.loaded(handles.third()).ok_or(TpmRc::HANDLE.with_handle(3))?;
        let session_digest = session.audit.ok_or(TpmRc::TYPE.with_handle(3))?.into();
        let attested = TpmuAttest::SessionAudit(TpmsSessionAuditInfo {
            exclusive_session: sessions.exclusive() == Some(handles.third()),
            session_digest,
        });
        let (audit_info, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        Ok(GetSessionAuditDigestReply { audit_info, signature })
    }
}
