//! Part 2 §6.12 to §6.14: what TPM2_GetCapability can be asked (TPM_CAP), and the properties of the TPM (TPM_PT) and of its PCR
//! (TPM_PT_PCR). The numbers arrive from callers; a property that is not implemented is simply not in an answer.

use crate::wire::shapes::{tpm_constants, tpm_enum};

tpm_enum! {
    /// TPM_CAP (Part 2 §6.12).
    pub enum TpmCap(u32) else VALUE {
        /// TPM_CAP_ALGS.
        Algs = 0x0,
        /// TPM_CAP_HANDLES.
        Handles = 0x1,
        /// TPM_CAP_COMMANDS.
        Commands = 0x2,
        /// TPM_CAP_PP_COMMANDS.
        PpCommands = 0x3,
        /// TPM_CAP_AUDIT_COMMANDS.
        AuditCommands = 0x4,
        /// TPM_CAP_PCRS.
        Pcrs = 0x5,
        /// TPM_CAP_TPM_PROPERTIES.
        TpmProperties = 0x6,
        /// TPM_CAP_PCR_PROPERTIES.
        PcrProperties = 0x7,
        /// TPM_CAP_ECC_CURVES.
        EccCurves = 0x8,
        /// TPM_CAP_AUTH_POLICIES.
        AuthPolicies = 0x9,
        /// TPM_CAP_ACT.
        Act = 0xA,
        /// TPM_CAP_VENDOR_PROPERTY.
        VendorProperty = 0x100,
    }
}

tpm_constants! {
    /// TPM_PT (Part 2 §6.13): a property of the TPM.
    pub struct TpmPt(u32) {
        /// TPM_PT_NONE.
        NONE = 0x000,
        /// TPM_PT_FAMILY_INDICATOR.
        FAMILY_INDICATOR = 0x100,
        /// TPM_PT_LEVEL.
        LEVEL = 0x101,
        /// TPM_PT_REVISION.
        REVISION = 0x102,
        /// TPM_PT_DAY_OF_YEAR.
        DAY_OF_YEAR = 0x103,
        /// TPM_PT_YEAR.
        YEAR = 0x104,
        /// TPM_PT_MANUFACTURER.
        MANUFACTURER = 0x105,
        /// TPM_PT_VENDOR_STRING_1.
        VENDOR_STRING_1 = 0x106,
        /// TPM_PT_VENDOR_STRING_2.
        VENDOR_STRING_2 = 0x107,
        /// TPM_PT_VENDOR_STRING_3.
        VENDOR_STRING_3 = 0x108,
        /// TPM_PT_VENDOR_STRING_4.
        VENDOR_STRING_4 = 0x109,
        /// TPM_PT_VENDOR_TPM_TYPE.
        VENDOR_TPM_TYPE = 0x10A,
        /// TPM_PT_FIRMWARE_VERSION_1.
        FIRMWARE_VERSION_1 = 0x10B,
        /// TPM_PT_FIRMWARE_VERSION_2.
        FIRMWARE_VERSION_2 = 0x10C,
        /// TPM_PT_INPUT_BUFFER.
        INPUT_BUFFER = 0x10D,
        /// TPM_PT_HR_TRANSIENT_MIN.
        HR_TRANSIENT_MIN = 0x10E,
        /// TPM_PT_HR_PERSISTENT_MIN.
        HR_PERSISTENT_MIN = 0x10F,
        /// TPM_PT_HR_LOADED_MIN.
        HR_LOADED_MIN = 0x110,
        /// TPM_PT_ACTIVE_SESSIONS_MAX.
        ACTIVE_SESSIONS_MAX = 0x111,
        /// TPM_PT_PCR_COUNT.
        PCR_COUNT = 0x112,
        /// TPM_PT_PCR_SELECT_MIN.
        PCR_SELECT_MIN = 0x113,
        /// TPM_PT_CONTEXT_GAP_MAX.
        CONTEXT_GAP_MAX = 0x114,
        /// TPM_PT_NV_COUNTERS_MAX.
        NV_COUNTERS_MAX = 0x116,
        /// TPM_PT_NV_INDEX_MAX.
        NV_INDEX_MAX = 0x117,
        /// TPM_PT_MEMORY.
        MEMORY = 0x118,
        /// TPM_PT_CLOCK_UPDATE.
        CLOCK_UPDATE = 0x119,
        /// TPM_PT_CONTEXT_HASH.
        CONTEXT_HASH = 0x11A,
        /// TPM_PT_CONTEXT_SYM.
        CONTEXT_SYM = 0x11B,
        /// TPM_PT_CONTEXT_SYM_SIZE.
        CONTEXT_SYM_SIZE = 0x11C,
        /// TPM_PT_ORDERLY_COUNT.
        ORDERLY_COUNT = 0x11D,
        /// TPM_PT_MAX_COMMAND_SIZE.
        MAX_COMMAND_SIZE = 0x11E,
        /// TPM_PT_MAX_RESPONSE_SIZE.
        MAX_RESPONSE_SIZE = 0x11F,
        /// TPM_PT_MAX_DIGEST.
        MAX_DIGEST = 0x120,
        /// TPM_PT_MAX_OBJECT_CONTEXT.
        MAX_OBJECT_CONTEXT = 0x121,
        /// TPM_PT_MAX_SESSION_CONTEXT.
        MAX_SESSION_CONTEXT = 0x122,
        /// TPM_PT_PS_FAMILY_INDICATOR.
        PS_FAMILY_INDICATOR = 0x123,
        /// TPM_PT_PS_LEVEL.
        PS_LEVEL = 0x124,
        /// TPM_PT_PS_REVISION.
        PS_REVISION = 0x125,
        /// TPM_PT_PS_DAY_OF_YEAR.
        PS_DAY_OF_YEAR = 0x126,
        /// TPM_PT_PS_YEAR.
        PS_YEAR = 0x127,
        /// TPM_PT_SPLIT_MAX.
        SPLIT_MAX = 0x128,
        /// TPM_PT_TOTAL_COMMANDS.
        TOTAL_COMMANDS = 0x129,
        /// TPM_PT_LIBRARY_COMMANDS.
        LIBRARY_COMMANDS = 0x12A,
        /// TPM_PT_VENDOR_COMMANDS.
        VENDOR_COMMANDS = 0x12B,
        /// TPM_PT_NV_BUFFER_MAX.
        NV_BUFFER_MAX = 0x12C,
        /// TPM_PT_MODES.
        MODES = 0x12D,
        /// TPM_PT_MAX_CAP_BUFFER.
        MAX_CAP_BUFFER = 0x12E,
        /// TPM_PT_FIRMWARE_SVN.
        FIRMWARE_SVN = 0x12F,
        /// TPM_PT_FIRMWARE_MAX_SVN.
        FIRMWARE_MAX_SVN = 0x130,
        /// TPM_PT_PERMANENT.
        PERMANENT = 0x200,
        /// TPM_PT_STARTUP_CLEAR.
        STARTUP_CLEAR = 0x201,
        /// TPM_PT_HR_NV_INDEX.
        HR_NV_INDEX = 0x202,
        /// TPM_PT_HR_LOADED.
        HR_LOADED = 0x203,
        /// TPM_PT_HR_LOADED_AVAIL.
        HR_LOADED_AVAIL = 0x204,
        /// TPM_PT_HR_ACTIVE.
        HR_ACTIVE = 0x205,
        /// TPM_PT_HR_ACTIVE_AVAIL.
        HR_ACTIVE_AVAIL = 0x206,
        /// TPM_PT_HR_TRANSIENT_AVAIL.
        HR_TRANSIENT_AVAIL = 0x207,
        /// TPM_PT_HR_PERSISTENT.
        HR_PERSISTENT = 0x208,
        /// TPM_PT_HR_PERSISTENT_AVAIL.
        HR_PERSISTENT_AVAIL = 0x209,
        /// TPM_PT_NV_COUNTERS.
        NV_COUNTERS = 0x20A,
        /// TPM_PT_NV_COUNTERS_AVAIL.
        NV_COUNTERS_AVAIL = 0x20B,
        /// TPM_PT_ALGORITHM_SET.
        ALGORITHM_SET = 0x20C,
        /// TPM_PT_LOADED_CURVES.
        LOADED_CURVES = 0x20D,
        /// TPM_PT_LOCKOUT_COUNTER.
        LOCKOUT_COUNTER = 0x20E,
        /// TPM_PT_MAX_AUTH_FAIL.
        MAX_AUTH_FAIL = 0x20F,
        /// TPM_PT_LOCKOUT_INTERVAL.
        LOCKOUT_INTERVAL = 0x210,
        /// TPM_PT_LOCKOUT_RECOVERY.
        LOCKOUT_RECOVERY = 0x211,
        /// TPM_PT_NV_WRITE_RECOVERY.
        NV_WRITE_RECOVERY = 0x212,
        /// TPM_PT_AUDIT_COUNTER_0.
        AUDIT_COUNTER_0 = 0x213,
        /// TPM_PT_AUDIT_COUNTER_1.
        AUDIT_COUNTER_1 = 0x214,
    }
}

tpm_constants! {
    /// TPM_PT_PCR (Part 2 §6.14): a property of PCR.
    pub struct TpmPtPcr(u32) {
        /// TPM_PT_PCR_SAVE.
        SAVE = 0x00,
        /// TPM_PT_PCR_EXTEND_L0.
        EXTEND_L0 = 0x01,
        /// TPM_PT_PCR_RESET_L0.
        RESET_L0 = 0x02,
        /// TPM_PT_PCR_EXTEND_L1.
        EXTEND_L1 = 0x03,
        /// TPM_PT_PCR_RESET_L1.
        RESET_L1 = 0x04,
        /// TPM_PT_PCR_EXTEND_L2.
        EXTEND_L2 = 0x05,
        /// TPM_PT_PCR_RESET_L2.
        RESET_L2 = 0x06,
        /// TPM_PT_PCR_EXTEND_L3.
        EXTEND_L3 = 0x07,
        /// TPM_PT_PCR_RESET_L3.
        RESET_L3 = 0x08,
        /// TPM_PT_PCR_EXTEND_L4.
        EXTEND_L4 = 0x09,
        /// TPM_PT_PCR_RESET_L4.
        RESET_L4 = 0x0A,
        /// TPM_PT_PCR_NO_INCREMENT.
        NO_INCREMENT = 0x11,
        /// TPM_PT_PCR_DRTM_RESET.
        DRTM_RESET = 0x12,
        /// TPM_PT_PCR_POLICY.
        POLICY = 0x13,
        /// TPM_PT_PCR_AUTH.
        AUTH = 0x14,
    }
}
