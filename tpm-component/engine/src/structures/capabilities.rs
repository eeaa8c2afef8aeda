//! Part 2 §10.8 to §10.10: what TPM2_GetCapability answers. Output only, but for the lists that other commands take as parameters
//! (TPML_CC, TPML_ALG).

use super::{
    TpmAlgId, TpmCap, TpmCc, TpmHandle, TpmPt, TpmPtPcr, TpmaAct, TpmaAlgorithm, TpmaCc, TpmiEccCurve,
    TpmlPcrSelection, TpmsPcrSelect, TpmtHa, limits,
};
use crate::wire::shapes::{tpml, tpms, tpmt};

tpms! {
    /// TPMS_ALG_PROPERTY (Part 2 §10.8.1).
    pub struct TpmsAlgProperty {
        /// The algorithm.
        pub alg: TpmAlgId,
        /// What kind of algorithm it is.
        pub alg_properties: TpmaAlgorithm,
    }
}

tpms! {
    /// TPMS_TAGGED_PROPERTY (Part 2 §10.8.2).
    pub struct TpmsTaggedProperty {
        /// The property.
        pub property: TpmPt,
        /// Its value.
        pub value: u32,
    }
}

tpms! {
    /// TPMS_TAGGED_PCR_SELECT (Part 2 §10.8.3).
    pub struct TpmsTaggedPcrSelect {
        /// The property.
        pub tag: TpmPtPcr,
        /// The PCR that have it.
        pub select: TpmsPcrSelect,
    }
}

tpms! {
    /// TPMS_TAGGED_POLICY (Part 2 §10.8.4).
    pub struct TpmsTaggedPolicy {
        /// The permanent handle.
        pub handle: TpmHandle,
        /// Its policy; none is TPM_ALG_NULL without a digest.
        pub policy_hash: Option<TpmtHa>,
    }
}

tpms! {
    /// TPMS_ACT_DATA (Part 2 §10.8.5).
    pub struct TpmsActData {
        /// The authenticated countdown timer.
        pub handle: TpmHandle,
        /// Seconds until it fires.
        pub timeout: u32,
        /// Its attributes.
        pub attributes: TpmaAct,
    }
}

tpml! {
    /// TPML_CC (Part 2 §10.9.1).
    pub struct TpmlCc[TpmCc]: max limits::MAX_CAP_CC
}

tpml! {
    /// TPML_CCA (Part 2 §10.9.2).
    pub struct TpmlCca[TpmaCc]: max limits::MAX_CAP_CC
}

tpml! {
    /// TPML_ALG (Part 2 §10.9.3).
    pub struct TpmlAlg[TpmAlgId]: max limits::MAX_ALG_LIST_SIZE
}

tpml! {
    /// TPML_HANDLE (Part 2 §10.9.6).
    pub struct TpmlHandle[TpmHandle]: max limits::MAX_CAP_HANDLES
}

tpml! {
    /// TPML_ALG_PROPERTY (Part 2 §10.9.8).
    pub struct TpmlAlgProperty[TpmsAlgProperty]: max limits::MAX_CAP_ALGS
}

tpml! {
    /// TPML_TAGGED_TPM_PROPERTY (Part 2 §10.9.9).
    pub struct TpmlTaggedTpmProperty[TpmsTaggedProperty]: max limits::MAX_TPM_PROPERTIES
}

tpml! {
    /// TPML_TAGGED_PCR_PROPERTY (Part 2 §10.9.10).
    pub struct TpmlTaggedPcrProperty[TpmsTaggedPcrSelect]: max limits::MAX_PCR_PROPERTIES
}

tpml! {
    /// TPML_ECC_CURVE (Part 2 §10.9.11).
    pub struct TpmlEccCurve[TpmiEccCurve]: max limits::MAX_ECC_CURVES
}

tpml! {
    /// TPML_TAGGED_POLICY (Part 2 §10.9.12).
    pub struct TpmlTaggedPolicy[TpmsTaggedPolicy]: max limits::MAX_TAGGED_POLICIES
}

tpml! {
    /// TPML_ACT_DATA (Part 2 §10.9.13).
    pub struct TpmlActData[TpmsActData]: max limits::MAX_ACT_DATA
}

tpmt! {
    /// TPMS_CAPABILITY_DATA with TPMU_CAPABILITIES (Part 2 §10.10.1, §10.10.2).
    pub enum TpmsCapabilityData(TpmCap) else VALUE {
        /// TPM_CAP_ALGS.
        Algorithms(TpmlAlgProperty) = TpmCap::Algs,
        /// TPM_CAP_HANDLES.
        Handles(TpmlHandle) = TpmCap::Handles,
        /// TPM_CAP_COMMANDS.
        Command(TpmlCca) = TpmCap::Commands,
        /// TPM_CAP_PP_COMMANDS.
        PpCommands(TpmlCc) = TpmCap::PpCommands,
        /// TPM_CAP_AUDIT_COMMANDS.
        AuditCommands(TpmlCc) = TpmCap::AuditCommands,
        /// TPM_CAP_PCRS.
        AssignedPcr(TpmlPcrSelection) = TpmCap::Pcrs,
        /// TPM_CAP_TPM_PROPERTIES.
        TpmProperties(TpmlTaggedTpmProperty) = TpmCap::TpmProperties,
        /// TPM_CAP_PCR_PROPERTIES.
        PcrProperties(TpmlTaggedPcrProperty) = TpmCap::PcrProperties,
        /// TPM_CAP_ECC_CURVES.
        EccCurves(TpmlEccCurve) = TpmCap::EccCurves,
        /// TPM_CAP_AUTH_POLICIES.
        AuthPolicies(TpmlTaggedPolicy) = TpmCap::AuthPolicies,
        /// TPM_CAP_ACT.
        ActData(TpmlActData) = TpmCap::Act,
    }
}
