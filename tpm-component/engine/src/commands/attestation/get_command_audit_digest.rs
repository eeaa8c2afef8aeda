//! TPM2_GetCommandAuditDigest (Part 3 §18.6): the TPM attests what its audited commands did. A signed statement ends the digest: the next audited command
//! starts another.

use super::Attester;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{
        Tpm2bAttest, Tpm2bData, Tpm2bDigest, TpmCc, TpmHandle, TpmRc, TpmsCommandAuditInfo, TpmtSigScheme,
        TpmtSignature, TpmuAttest,
    },
};

/// TPM2_GetCommandAuditDigest.
pub struct GetCommandAuditDigest;

parameters! {
    /// The parameters of TPM2_GetCommandAuditDigest.
    pub struct GetCommandAuditDigestParams {
        /// What the caller wants to find in the statement.
        pub qualifying_data: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
    }
}

reply! {
    /// The reply of TPM2_GetCommandAuditDigest.
    pub struct GetCommandAuditDigestReply {
        /// The statement.
        pub audit_info: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for GetCommandAuditDigest {
    const CODE: TpmCc = TpmCc::GET_COMMAND_AUDIT_DIGEST;
    const NAME: &'static str = "TPM2_GetCommandAuditDigest";
    type Params = GetCommandAuditDigestParams;
    type Reply = GetCommandAuditDigestReply;

    fn run(command: Authorized<'_, Self>) -> Result<GetCommandAuditDigestReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.second(), 2, &params.in_scheme, 2)?;
        let audit = &tpm.persistent.audit;
        let attested = TpmuAttest::CommandAudit(TpmsCommandAuditInfo {
            audit_counter: audit.counter,
            digest_alg: audit.hash.alg(),
            audit_digest: (*tpm.state_reset.audit_digest).clone(),
            command_digest: audit.command_digest(host),
        });
        let (audit_info, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        if handles.second() != TpmHandle::NULL {
            tpm.state_reset.audit_digest.set(Tpm2bDigest::empty());
        }
        Ok(GetCommandAuditDigestReply { audit_info, signature })
    }
}
