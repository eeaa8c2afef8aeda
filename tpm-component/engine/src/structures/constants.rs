//! Part 2 §6: the constants of the interface that are neither response codes (`response_code.rs`) nor properties (`properties.rs`).
//!
//! The numbers come from callers as well as from the engine. Open sets (algorithms, commands) pass as they are and are judged where they
//! are used; closed sets (startup type, session type, clock adjustment, comparison) refuse other values as they are read.

use crate::wire::shapes::{tpm_constants, tpm_enum};

/// TPM_GENERATED_VALUE (Part 2 §6.2): the first four bytes of everything that the TPM attests, and of nothing else that it signs.
pub const TPM_GENERATED_VALUE: u32 = 0xFF54_4347;

tpm_constants! {
    /// TPM_ALG_ID (Part 2 §6.3): an algorithm of the TCG Algorithm Registry, implemented or not.
    pub struct TpmAlgId(u16) {
        /// TPM_ALG_ERROR.
        ERROR = 0x0000,
        /// TPM_ALG_RSA.
        RSA = 0x0001,
        /// TPM_ALG_TDES.
        TDES = 0x0003,
        /// TPM_ALG_SHA1.
        SHA1 = 0x0004,
        /// TPM_ALG_HMAC.
        HMAC = 0x0005,
        /// TPM_ALG_AES.
        AES = 0x0006,
        /// TPM_ALG_MGF1.
        MGF1 = 0x0007,
        /// TPM_ALG_KEYEDHASH.
        KEYEDHASH = 0x0008,
        /// TPM_ALG_XOR.
        XOR = 0x000A,
        /// TPM_ALG_SHA256.
        SHA256 = 0x000B,
        /// TPM_ALG_SHA384.
        SHA384 = 0x000C,
        /// TPM_ALG_SHA512.
        SHA512 = 0x000D,
        /// TPM_ALG_SHA256_192.
        SHA256_192 = 0x000E,
        /// TPM_ALG_NULL.
        NULL = 0x0010,
        /// TPM_ALG_SM3_256.
        SM3_256 = 0x0012,
        /// TPM_ALG_SM4.
        SM4 = 0x0013,
        /// TPM_ALG_RSASSA.
        RSASSA = 0x0014,
        /// TPM_ALG_RSAES.
        RSAES = 0x0015,
        /// TPM_ALG_RSAPSS.
        RSAPSS = 0x0016,
        /// TPM_ALG_OAEP.
        OAEP = 0x0017,
        /// TPM_ALG_ECDSA.
        ECDSA = 0x0018,
        /// TPM_ALG_ECDH.
        ECDH = 0x0019,
        /// TPM_ALG_ECDAA.
        ECDAA = 0x001A,
        /// TPM_ALG_SM2.
        SM2 = 0x001B,
        /// TPM_ALG_ECSCHNORR.
        ECSCHNORR = 0x001C,
        /// TPM_ALG_ECMQV.
        ECMQV = 0x001D,
        /// TPM_ALG_KDF1_SP800_56A.
        KDF1_SP800_56A = 0x0020,
        /// TPM_ALG_KDF2.
        KDF2 = 0x0021,
        /// TPM_ALG_KDF1_SP800_108.
        KDF1_SP800_108 = 0x0022,
        /// TPM_ALG_ECC.
        ECC = 0x0023,
        /// TPM_ALG_SYMCIPHER.
        SYMCIPHER = 0x0025,
        /// TPM_ALG_CAMELLIA.
        CAMELLIA = 0x0026,
        /// TPM_ALG_SHA3_256.
        SHA3_256 = 0x0027,
        /// TPM_ALG_SHA3_384.
        SHA3_384 = 0x0028,
        /// TPM_ALG_SHA3_512.
        SHA3_512 = 0x0029,
        /// TPM_ALG_SHAKE128.
        SHAKE128 = 0x002A,
        /// TPM_ALG_SHAKE256.
        SHAKE256 = 0x002B,
        /// TPM_ALG_SHAKE256_192.
        SHAKE256_192 = 0x002C,
        /// TPM_ALG_SHAKE256_256.
        SHAKE256_256 = 0x002D,
        /// TPM_ALG_SHAKE256_512.
        SHAKE256_512 = 0x002E,
        /// TPM_ALG_CMAC.
        CMAC = 0x003F,
        /// TPM_ALG_CTR.
        CTR = 0x0040,
        /// TPM_ALG_OFB.
        OFB = 0x0041,
        /// TPM_ALG_CBC.
        CBC = 0x0042,
        /// TPM_ALG_CFB.
        CFB = 0x0043,
        /// TPM_ALG_ECB.
        ECB = 0x0044,
        /// TPM_ALG_CCM.
        CCM = 0x0050,
        /// TPM_ALG_GCM.
        GCM = 0x0051,
        /// TPM_ALG_KW.
        KW = 0x0052,
        /// TPM_ALG_KWP.
        KWP = 0x0053,
        /// TPM_ALG_EAX.
        EAX = 0x0054,
        /// TPM_ALG_EDDSA.
        EDDSA = 0x0060,
        /// TPM_ALG_EDDSA_PH.
        EDDSA_PH = 0x0061,
        /// TPM_ALG_LMS.
        LMS = 0x0070,
        /// TPM_ALG_XMSS.
        XMSS = 0x0071,
    }
}

tpm_constants! {
    /// TPM_CC (Part 2 §6.5): a command code, implemented or not.
    pub struct TpmCc(u32) {
        /// TPM_CC_NV_UndefineSpaceSpecial.
        NV_UNDEFINE_SPACE_SPECIAL = 0x11F,
        /// TPM_CC_EvictControl.
        EVICT_CONTROL = 0x120,
        /// TPM_CC_HierarchyControl.
        HIERARCHY_CONTROL = 0x121,
        /// TPM_CC_NV_UndefineSpace.
        NV_UNDEFINE_SPACE = 0x122,
        /// TPM_CC_ChangeEPS.
        CHANGE_EPS = 0x124,
        /// TPM_CC_ChangePPS.
        CHANGE_PPS = 0x125,
        /// TPM_CC_Clear.
        CLEAR = 0x126,
        /// TPM_CC_ClearControl.
        CLEAR_CONTROL = 0x127,
        /// TPM_CC_ClockSet.
        CLOCK_SET = 0x128,
        /// TPM_CC_HierarchyChangeAuth.
        HIERARCHY_CHANGE_AUTH = 0x129,
        /// TPM_CC_NV_DefineSpace.
        NV_DEFINE_SPACE = 0x12A,
        /// TPM_CC_PCR_Allocate.
        PCR_ALLOCATE = 0x12B,
        /// TPM_CC_PCR_SetAuthPolicy.
        PCR_SET_AUTH_POLICY = 0x12C,
        /// TPM_CC_PP_Commands.
        PP_COMMANDS = 0x12D,
        /// TPM_CC_SetPrimaryPolicy.
        SET_PRIMARY_POLICY = 0x12E,
        /// TPM_CC_FieldUpgradeStart.
        FIELD_UPGRADE_START = 0x12F,
        /// TPM_CC_ClockRateAdjust.
        CLOCK_RATE_ADJUST = 0x130,
        /// TPM_CC_CreatePrimary.
        CREATE_PRIMARY = 0x131,
        /// TPM_CC_NV_GlobalWriteLock.
        NV_GLOBAL_WRITE_LOCK = 0x132,
        /// TPM_CC_GetCommandAuditDigest.
        GET_COMMAND_AUDIT_DIGEST = 0x133,
        /// TPM_CC_NV_Increment.
        NV_INCREMENT = 0x134,
        /// TPM_CC_NV_SetBits.
        NV_SET_BITS = 0x135,
        /// TPM_CC_NV_Extend.
        NV_EXTEND = 0x136,
        /// TPM_CC_NV_Write.
        NV_WRITE = 0x137,
        /// TPM_CC_NV_WriteLock.
        NV_WRITE_LOCK = 0x138,
        /// TPM_CC_DictionaryAttackLockReset.
        DICTIONARY_ATTACK_LOCK_RESET = 0x139,
        /// TPM_CC_DictionaryAttackParameters.
        DICTIONARY_ATTACK_PARAMETERS = 0x13A,
        /// TPM_CC_NV_ChangeAuth.
        NV_CHANGE_AUTH = 0x13B,
        /// TPM_CC_PCR_Event.
        PCR_EVENT = 0x13C,
        /// TPM_CC_PCR_Reset.
        PCR_RESET = 0x13D,
        /// TPM_CC_SequenceComplete.
        SEQUENCE_COMPLETE = 0x13E,
        /// TPM_CC_SetAlgorithmSet.
        SET_ALGORITHM_SET = 0x13F,
        /// TPM_CC_SetCommandCodeAuditStatus.
        SET_COMMAND_CODE_AUDIT_STATUS = 0x140,
        /// TPM_CC_FieldUpgradeData.
        FIELD_UPGRADE_DATA = 0x141,
        /// TPM_CC_IncrementalSelfTest.
        INCREMENTAL_SELF_TEST = 0x142,
        /// TPM_CC_SelfTest.
        SELF_TEST = 0x143,
        /// TPM_CC_Startup.
        STARTUP = 0x144,
        /// TPM_CC_Shutdown.
        SHUTDOWN = 0x145,
        /// TPM_CC_StirRandom.
        STIR_RANDOM = 0x146,
        /// TPM_CC_ActivateCredential.
        ACTIVATE_CREDENTIAL = 0x147,
        /// TPM_CC_Certify.
        CERTIFY = 0x148,
        /// TPM_CC_PolicyNV.
        POLICY_NV = 0x149,
        /// TPM_CC_CertifyCreation.
        CERTIFY_CREATION = 0x14A,
        /// TPM_CC_Duplicate.
        DUPLICATE = 0x14B,
        /// TPM_CC_GetTime.
        GET_TIME = 0x14C,
        /// TPM_CC_GetSessionAuditDigest.
        GET_SESSION_AUDIT_DIGEST = 0x14D,
        /// TPM_CC_NV_Read.
        NV_READ = 0x14E,
        /// TPM_CC_NV_ReadLock.
        NV_READ_LOCK = 0x14F,
        /// TPM_CC_ObjectChangeAuth.
        OBJECT_CHANGE_AUTH = 0x150,
        /// TPM_CC_PolicySecret.
        POLICY_SECRET = 0x151,
        /// TPM_CC_Rewrap.
        REWRAP = 0x152,
        /// TPM_CC_Create.
        CREATE = 0x153,
        /// TPM_CC_ECDH_ZGen.
        ECDH_ZGEN = 0x154,
        /// TPM_CC_MAC, and TPM_CC_HMAC.
        MAC = 0x155,
        /// TPM_CC_Import.
        IMPORT = 0x156,
        /// TPM_CC_Load.
        LOAD = 0x157,
        /// TPM_CC_Quote.
        QUOTE = 0x158,
        /// TPM_CC_RSA_Decrypt.
        RSA_DECRYPT = 0x159,
        /// TPM_CC_MAC_Start, and TPM_CC_HMAC_Start.
        MAC_START = 0x15B,
        /// TPM_CC_SequenceUpdate.
        SEQUENCE_UPDATE = 0x15C,
        /// TPM_CC_Sign.
        SIGN = 0x15D,
        /// TPM_CC_Unseal.
        UNSEAL = 0x15E,
        /// TPM_CC_PolicySigned.
        POLICY_SIGNED = 0x160,
        /// TPM_CC_ContextLoad.
        CONTEXT_LOAD = 0x161,
        /// TPM_CC_ContextSave.
        CONTEXT_SAVE = 0x162,
        /// TPM_CC_ECDH_KeyGen.
        ECDH_KEY_GEN = 0x163,
        /// TPM_CC_EncryptDecrypt.
        ENCRYPT_DECRYPT = 0x164,
        /// TPM_CC_FlushContext.
        FLUSH_CONTEXT = 0x165,
        /// TPM_CC_LoadExternal.
        LOAD_EXTERNAL = 0x167,
        /// TPM_CC_MakeCredential.
        MAKE_CREDENTIAL = 0x168,
        /// TPM_CC_NV_ReadPublic.
        NV_READ_PUBLIC = 0x169,
        /// TPM_CC_PolicyAuthorize.
        POLICY_AUTHORIZE = 0x16A,
        /// TPM_CC_PolicyAuthValue.
        POLICY_AUTH_VALUE = 0x16B,
        /// TPM_CC_PolicyCommandCode.
        POLICY_COMMAND_CODE = 0x16C,
        /// TPM_CC_PolicyCounterTimer.
        POLICY_COUNTER_TIMER = 0x16D,
        /// TPM_CC_PolicyCpHash.
        POLICY_CP_HASH = 0x16E,
        /// TPM_CC_PolicyLocality.
        POLICY_LOCALITY = 0x16F,
        /// TPM_CC_PolicyNameHash.
        POLICY_NAME_HASH = 0x170,
        /// TPM_CC_PolicyOR.
        POLICY_OR = 0x171,
        /// TPM_CC_PolicyTicket.
        POLICY_TICKET = 0x172,
        /// TPM_CC_ReadPublic.
        READ_PUBLIC = 0x173,
        /// TPM_CC_RSA_Encrypt.
        RSA_ENCRYPT = 0x174,
        /// TPM_CC_StartAuthSession.
        START_AUTH_SESSION = 0x176,
        /// TPM_CC_VerifySignature.
        VERIFY_SIGNATURE = 0x177,
        /// TPM_CC_ECC_Parameters.
        ECC_PARAMETERS = 0x178,
        /// TPM_CC_FirmwareRead.
        FIRMWARE_READ = 0x179,
        /// TPM_CC_GetCapability.
        GET_CAPABILITY = 0x17A,
        /// TPM_CC_GetRandom.
        GET_RANDOM = 0x17B,
        /// TPM_CC_GetTestResult.
        GET_TEST_RESULT = 0x17C,
        /// TPM_CC_Hash.
        HASH = 0x17D,
        /// TPM_CC_PCR_Read.
        PCR_READ = 0x17E,
        /// TPM_CC_PolicyPCR.
        POLICY_PCR = 0x17F,
        /// TPM_CC_PolicyRestart.
        POLICY_RESTART = 0x180,
        /// TPM_CC_ReadClock.
        READ_CLOCK = 0x181,
        /// TPM_CC_PCR_Extend.
        PCR_EXTEND = 0x182,
        /// TPM_CC_PCR_SetAuthValue.
        PCR_SET_AUTH_VALUE = 0x183,
        /// TPM_CC_NV_Certify.
        NV_CERTIFY = 0x184,
        /// TPM_CC_EventSequenceComplete.
        EVENT_SEQUENCE_COMPLETE = 0x185,
        /// TPM_CC_HashSequenceStart.
        HASH_SEQUENCE_START = 0x186,
        /// TPM_CC_PolicyPhysicalPresence.
        POLICY_PHYSICAL_PRESENCE = 0x187,
        /// TPM_CC_PolicyDuplicationSelect.
        POLICY_DUPLICATION_SELECT = 0x188,
        /// TPM_CC_PolicyGetDigest.
        POLICY_GET_DIGEST = 0x189,
        /// TPM_CC_TestParms.
        TEST_PARMS = 0x18A,
        /// TPM_CC_Commit.
        COMMIT = 0x18B,
        /// TPM_CC_PolicyPassword.
        POLICY_PASSWORD = 0x18C,
        /// TPM_CC_ZGen_2Phase.
        ZGEN_2PHASE = 0x18D,
        /// TPM_CC_EC_Ephemeral.
        EC_EPHEMERAL = 0x18E,
        /// TPM_CC_PolicyNvWritten.
        POLICY_NV_WRITTEN = 0x18F,
        /// TPM_CC_PolicyTemplate.
        POLICY_TEMPLATE = 0x190,
        /// TPM_CC_CreateLoaded.
        CREATE_LOADED = 0x191,
        /// TPM_CC_PolicyAuthorizeNV.
        POLICY_AUTHORIZE_NV = 0x192,
        /// TPM_CC_EncryptDecrypt2.
        ENCRYPT_DECRYPT2 = 0x193,
        /// TPM_CC_AC_GetCapability.
        AC_GET_CAPABILITY = 0x194,
        /// TPM_CC_AC_Send.
        AC_SEND = 0x195,
        /// TPM_CC_Policy_AC_SendSelect.
        POLICY_AC_SEND_SELECT = 0x196,
        /// TPM_CC_CertifyX509.
        CERTIFY_X509 = 0x197,
        /// TPM_CC_ACT_SetTimeout.
        ACT_SET_TIMEOUT = 0x198,
        /// TPM_CC_ECC_Encrypt.
        ECC_ENCRYPT = 0x199,
        /// TPM_CC_ECC_Decrypt.
        ECC_DECRYPT = 0x19A,
        /// TPM_CC_PolicyCapability.
        POLICY_CAPABILITY = 0x19B,
        /// TPM_CC_PolicyParameters.
        POLICY_PARAMETERS = 0x19C,
        /// TPM_CC_NV_DefineSpace2.
        NV_DEFINE_SPACE2 = 0x19D,
        /// TPM_CC_NV_ReadPublic2.
        NV_READ_PUBLIC2 = 0x19E,
        /// TPM_CC_SetCapability.
        SET_CAPABILITY = 0x19F,
        /// TPM_CC_ReadOnlyControl.
        READ_ONLY_CONTROL = 0x1A0,
        /// TPM_CC_PolicyTransportSPDM.
        POLICY_TRANSPORT_SPDM = 0x1A1,
    }
}

tpm_constants! {
    /// TPM_ST (Part 2 §6.9): a structure tag.
    pub struct TpmSt(u16) {
        /// TPM_ST_RSP_COMMAND.
        RSP_COMMAND = 0x00C4,
        /// TPM_ST_NULL.
        NULL = 0x8000,
        /// TPM_ST_NO_SESSIONS.
        NO_SESSIONS = 0x8001,
        /// TPM_ST_SESSIONS.
        SESSIONS = 0x8002,
        /// TPM_ST_ATTEST_NV.
        ATTEST_NV = 0x8014,
        /// TPM_ST_ATTEST_COMMAND_AUDIT.
        ATTEST_COMMAND_AUDIT = 0x8015,
        /// TPM_ST_ATTEST_SESSION_AUDIT.
        ATTEST_SESSION_AUDIT = 0x8016,
        /// TPM_ST_ATTEST_CERTIFY.
        ATTEST_CERTIFY = 0x8017,
        /// TPM_ST_ATTEST_QUOTE.
        ATTEST_QUOTE = 0x8018,
        /// TPM_ST_ATTEST_TIME.
        ATTEST_TIME = 0x8019,
        /// TPM_ST_ATTEST_CREATION.
        ATTEST_CREATION = 0x801A,
        /// TPM_ST_ATTEST_NV_DIGEST.
        ATTEST_NV_DIGEST = 0x801C,
        /// TPM_ST_CREATION.
        CREATION = 0x8021,
        /// TPM_ST_VERIFIED.
        VERIFIED = 0x8022,
        /// TPM_ST_AUTH_SECRET.
        AUTH_SECRET = 0x8023,
        /// TPM_ST_HASHCHECK.
        HASHCHECK = 0x8024,
        /// TPM_ST_AUTH_SIGNED.
        AUTH_SIGNED = 0x8025,
        /// TPM_ST_FU_MANIFEST.
        FU_MANIFEST = 0x8029,
        /// TPM_ST_RESERVED1.
        RESERVED1 = 0x8003,
        /// TPM_ST_RESERVED2.
        RESERVED2 = 0x8004,
        /// TPM_ST_RESERVED3.
        RESERVED3 = 0x801B,
    }
}

tpm_enum! {
    /// TPM_CLOCK_ADJUST (Part 2 §6.7).
    pub enum TpmClockAdjust(i8) else VALUE {
        /// TPM_CLOCK_COARSE_SLOWER.
        CoarseSlower = -3,
        /// TPM_CLOCK_MEDIUM_SLOWER.
        MediumSlower = -2,
        /// TPM_CLOCK_FINE_SLOWER.
        FineSlower = -1,
        /// TPM_CLOCK_NO_CHANGE.
        NoChange = 0,
        /// TPM_CLOCK_FINE_FASTER.
        FineFaster = 1,
        /// TPM_CLOCK_MEDIUM_FASTER.
        MediumFaster = 2,
        /// TPM_CLOCK_COARSE_FASTER.
        CoarseFaster = 3,
    }
}

tpm_enum! {
    /// TPM_EO (Part 2 §6.8): how a policy compares operand A of the TPM with operand B of the caller.
    pub enum TpmEo(u16) else VALUE {
        /// A = B.
        Eq = 0x0,
        /// A ≠ B.
        Neq = 0x1,
        /// A > B, signed.
        SignedGt = 0x2,
        /// A > B, unsigned.
        UnsignedGt = 0x3,
        /// A < B, signed.
        SignedLt = 0x4,
        /// A < B, unsigned.
        UnsignedLt = 0x5,
        /// A ≥ B, signed.
        SignedGe = 0x6,
        /// A ≥ B, unsigned.
        UnsignedGe = 0x7,
        /// A ≤ B, signed.
        SignedLe = 0x8,
        /// A ≤ B, unsigned.
        UnsignedLe = 0x9,
        /// All bits of B are set in A.
        Bitset = 0xA,
        /// All bits of B are clear in A.
        Bitclear = 0xB,
    }
}

tpm_enum! {
    /// TPM_SU (Part 2 §6.10): kinds of TPM2_Startup and TPM2_Shutdown.
    pub enum TpmSu(u16) else VALUE {
        /// TPM_SU_CLEAR.
        Clear = 0,
        /// TPM_SU_STATE.
        State = 1,
    }
}

tpm_enum! {
    /// TPM_SE (Part 2 §6.11): kinds of session.
    pub enum TpmSe(u8) else VALUE {
        /// TPM_SE_HMAC.
        Hmac = 0,
        /// TPM_SE_POLICY.
        Policy = 1,
        /// TPM_SE_TRIAL: a policy session that computes a digest and authorizes nothing.
        Trial = 3,
    }
}
