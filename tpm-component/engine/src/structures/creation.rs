//! Part 2 §14 and §15: saved contexts, and the circumstances of an object's creation.

use super::{
    Tpm2bContextData, Tpm2bData, Tpm2bDigest, Tpm2bName, TpmAlgId, TpmaLocality, TpmiDhSaved, TpmiRhHierarchy,
    TpmlPcrSelection,
};
use crate::wire::shapes::{tpm2b_struct, tpms};

tpms! {
    /// TPMS_CONTEXT (Part 2 §14.5): an object or session outside the TPM. When it comes back, all of it is a claim until its integrity value has
    /// been checked.
    pub struct TpmsContext {
        /// The number that makes the encryption of this context unlike all others.
        pub sequence: u64,
        /// What was saved.
        pub saved_handle: TpmiDhSaved,
        /// The hierarchy whose proof protects it.
        pub hierarchy: TpmiRhHierarchy,
        /// The protected contents.
        pub context_blob: Tpm2bContextData,
    }
}

tpms! {
    /// TPMS_CREATION_DATA (Part 2 §15.1).
    pub struct TpmsCreationData {
        /// Which PCR.
        pub pcr_select: TpmlPcrSelection,
        /// The digest of their values.
        pub pcr_digest: Tpm2bDigest,
        /// The locality of the command.
        pub locality: TpmaLocality,
        /// The parent's nameAlg; TPM_ALG_NULL for a hierarchy.
        pub parent_name_alg: TpmAlgId,
        /// The parent's Name.
        pub parent_name: Tpm2bName,
        /// The parent's Qualified Name.
        pub parent_qualified_name: Tpm2bName,
        /// What the caller gave.
        pub outside_info: Tpm2bData,
    }
}

tpm2b_struct! {
    /// TPM2B_CREATION_DATA (Part 2 §15.2).
    pub struct Tpm2bCreationData(TpmsCreationData)
}
