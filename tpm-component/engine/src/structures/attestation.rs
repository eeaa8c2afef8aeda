//! Part 2 §10.11 and §10.12: clock values and what the TPM attests. Output only; the engine marshals a [`TpmsAttest`], signs the bytes and
//! never reads one back.

use super::{
    TPM_GENERATED_VALUE, Tpm2bData, Tpm2bDigest, Tpm2bMaxNvBuffer, Tpm2bName, TpmAlgId, TpmSt, TpmlPcrSelection,
};
use crate::wire::{
    Marshal, Writer,
    shapes::{tpms, tpmt},
};

tpms! {
    /// TPMS_CLOCK_INFO (Part 2 §10.11.1).
    pub struct TpmsClockInfo {
        /// Milliseconds, advancing while the TPM is powered; never goes back except by TPM2_Clear.
        pub clock: u64,
        /// TPM Resets since the last TPM2_Clear.
        pub reset_count: u32,
        /// TPM Restarts and Resumes since the last Reset.
        pub restart_count: u32,
        /// Whether no higher value of clock was ever reported.
        pub safe: bool,
    }
}

tpms! {
    /// TPMS_TIME_INFO (Part 2 §10.11.6).
    pub struct TpmsTimeInfo {
        /// Milliseconds since the last power-on.
        pub time: u64,
        /// The rest of the clock.
        pub clock_info: TpmsClockInfo,
    }
}

tpms! {
    /// TPMS_TIME_ATTEST_INFO (Part 2 §10.12.2).
    pub struct TpmsTimeAttestInfo {
        /// The time.
        pub time: TpmsTimeInfo,
        /// The version of this TPM.
        pub firmware_version: u64,
    }
}

tpms! {
    /// TPMS_CERTIFY_INFO (Part 2 §10.12.3).
    pub struct TpmsCertifyInfo {
        /// Name of the object.
        pub name: Tpm2bName,
        /// Qualified Name of the object.
        pub qualified_name: Tpm2bName,
    }
}

tpms! {
    /// TPMS_QUOTE_INFO (Part 2 §10.12.4).
    pub struct TpmsQuoteInfo {
        /// Which PCR.
        pub pcr_select: TpmlPcrSelection,
        /// The digest of their values.
        pub pcr_digest: Tpm2bDigest,
    }
}

tpms! {
    /// TPMS_COMMAND_AUDIT_INFO (Part 2 §10.12.5).
    pub struct TpmsCommandAuditInfo {
        /// How often the audit digest was started.
        pub audit_counter: u64,
        /// Its algorithm.
        pub digest_alg: TpmAlgId,
        /// The audit digest.
        pub audit_digest: Tpm2bDigest,
        /// The digest of the audited command codes.
        pub command_digest: Tpm2bDigest,
    }
}

tpms! {
    /// TPMS_SESSION_AUDIT_INFO (Part 2 §10.12.6).
    pub struct TpmsSessionAuditInfo {
        /// Whether the session is exclusive.
        pub exclusive_session: bool,
        /// The session's audit digest.
        pub session_digest: Tpm2bDigest,
    }
}

tpms! {
    /// TPMS_CREATION_INFO (Part 2 §10.12.7).
    pub struct TpmsCreationInfo {
        /// Name of the object.
        pub object_name: Tpm2bName,
        /// The digest of its creation data.
        pub creation_hash: Tpm2bDigest,
    }
}

tpms! {
    /// TPMS_NV_CERTIFY_INFO (Part 2 §10.12.8).
    pub struct TpmsNvCertifyInfo {
        /// Name of the NV Index.
        pub index_name: Tpm2bName,
        /// Where the contents start.
        pub offset: u16,
        /// The contents.
        pub nv_contents: Tpm2bMaxNvBuffer,
    }
}

tpms! {
    /// TPMS_NV_DIGEST_CERTIFY_INFO (Part 2 §10.12.9).
    pub struct TpmsNvDigestCertifyInfo {
        /// Name of the NV Index.
        pub index_name: Tpm2bName,
        /// The digest of all its contents.
        pub nv_digest: Tpm2bDigest,
    }
}

tpmt! {
    /// TPMU_ATTEST with TPMI_ST_ATTEST (Part 2 §10.12.10, §10.12.11).
    pub enum TpmuAttest(TpmSt) else SELECTOR {
        /// By TPM2_Certify.
        Certify(TpmsCertifyInfo) = TpmSt::ATTEST_CERTIFY,
        /// By TPM2_CertifyCreation.
        Creation(TpmsCreationInfo) = TpmSt::ATTEST_CREATION,
        /// By TPM2_Quote.
        Quote(TpmsQuoteInfo) = TpmSt::ATTEST_QUOTE,
        /// By TPM2_GetCommandAuditDigest.
        CommandAudit(TpmsCommandAuditInfo) = TpmSt::ATTEST_COMMAND_AUDIT,
        /// By TPM2_GetSessionAuditDigest.
        SessionAudit(TpmsSessionAuditInfo) = TpmSt::ATTEST_SESSION_AUDIT,
        /// By TPM2_GetTime.
        Time(TpmsTimeAttestInfo) = TpmSt::ATTEST_TIME,
        /// By TPM2_NV_Certify.
        Nv(TpmsNvCertifyInfo) = TpmSt::ATTEST_NV,
        /// By TPM2_NV_Certify of a whole index.
        NvDigest(TpmsNvDigestCertifyInfo) = TpmSt::ATTEST_NV_DIGEST,
    }
}

/// TPMS_ATTEST (Part 2 §10.12.12). Written by hand because its selector and its union stand apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmsAttest {
    /// Qualified Name of the signing key.
    pub qualified_signer: Tpm2bName,
    /// What the caller wants to find again.
    pub extra_data: Tpm2bData,
    /// The clock.
    pub clock_info: TpmsClockInfo,
    /// The version of this TPM.
    pub firmware_version: u64,
    /// What is attested.
    pub attested: TpmuAttest,
}

impl Marshal for TpmsAttest {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&TPM_GENERATED_VALUE);
        writer.put(&self.attested.selector());
        writer.put(&self.qualified_signer);
        writer.put(&self.extra_data);
        writer.put(&self.clock_info);
        writer.put(&self.firmware_version);
        self.attested.marshal_member(writer);
    }
}
