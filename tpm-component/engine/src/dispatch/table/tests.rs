//! The table against the command tables of Part 3, and against the files that are there.

extern crate std;

use alloc::{collections::BTreeSet, string::String, vec::Vec};
use std::{fs, path::Path};

use super::*;

/// Name, TPMA_CC, the roles of the handles (U USER, A ADMIN, D DUP, - none), whether the first parameter and the first response parameter
/// are a TPM2B, whether sessions are possible: from all command tables of Part 3 (facts/tpm/commands.csv).
const PART_3: &[(&str, u32, &str, bool, bool, bool)] = &[
    ("TPM2_NV_UndefineSpaceSpecial", 0x0440011F, "AU", false, false, true),
    ("TPM2_EvictControl", 0x04400120, "U-", false, false, true),
    ("TPM2_HierarchyControl", 0x02C00121, "U", false, false, true),
    ("TPM2_NV_UndefineSpace", 0x04400122, "U-", false, false, true),
    ("TPM2_ChangeEPS", 0x02C00124, "U", false, false, true),
    ("TPM2_ChangePPS", 0x02C00125, "U", false, false, true),
    ("TPM2_Clear", 0x02C00126, "U", false, false, true),
    ("TPM2_ClearControl", 0x02400127, "U", false, false, true),
    ("TPM2_ClockSet", 0x02400128, "U", false, false, true),
    ("TPM2_HierarchyChangeAuth", 0x02400129, "U", true, false, true),
    ("TPM2_NV_DefineSpace", 0x0240012A, "U", true, false, true),
    ("TPM2_PCR_Allocate", 0x0240012B, "U", false, false, true),
    ("TPM2_PCR_SetAuthPolicy", 0x0240012C, "U", true, false, true),
    ("TPM2_PP_Commands", 0x0240012D, "U", false, false, true),
    ("TPM2_SetPrimaryPolicy", 0x0240012E, "U", true, false, true),
    ("TPM2_FieldUpgradeStart", 0x0400012F, "A-", true, false, true),
    ("TPM2_ClockRateAdjust", 0x02000130, "U", false, false, true),
    ("TPM2_CreatePrimary", 0x12000131, "U", true, true, true),
    ("TPM2_NV_GlobalWriteLock", 0x02400132, "U", false, false, true),
    ("TPM2_GetCommandAuditDigest", 0x04400133, "UU", true, true, true),
    ("TPM2_NV_Increment", 0x04400134, "U-", false, false, true),
    ("TPM2_NV_SetBits", 0x04400135, "U-", false, false, true),
    ("TPM2_NV_Extend", 0x04400136, "U-", true, false, true),
    ("TPM2_NV_Write", 0x04400137, "U-", true, false, true),
    ("TPM2_NV_WriteLock", 0x04400138, "U-", false, false, true),
    ("TPM2_DictionaryAttackLockReset", 0x02400139, "U", false, false, true),
    ("TPM2_DictionaryAttackParameters", 0x0240013A, "U", false, false, true),
    ("TPM2_NV_ChangeAuth", 0x0240013B, "A", true, false, true),
    ("TPM2_PCR_Event", 0x0240013C, "U", true, false, true),
    ("TPM2_PCR_Reset", 0x0240013D, "U", false, false, true),
    ("TPM2_SequenceComplete", 0x0300013E, "U", true, true, true),
    ("TPM2_SetAlgorithmSet", 0x0240013F, "U", false, false, true),
    ("TPM2_SetCommandCodeAuditStatus", 0x02400140, "U", false, false, true),
    ("TPM2_FieldUpgradeData", 0x00400141, "", true, false, true),
    ("TPM2_IncrementalSelfTest", 0x00400142, "", false, false, true),
    ("TPM2_SelfTest", 0x00400143, "", false, false, true),
    ("TPM2_Startup", 0x00400144, "", false, false, false),
    ("TPM2_Shutdown", 0x00400145, "", false, false, true),
    ("TPM2_StirRandom", 0x00400146, "", true, false, true),
    ("TPM2_ActivateCredential", 0x04000147, "AU", true, true, true),
    ("TPM2_Certify", 0x04000148, "AU", true, true, true),
    ("TPM2_PolicyNV", 0x06000149, "U--", true, false, true),
    ("TPM2_CertifyCreation", 0x0400014A, "U-", true, true, true),
    ("TPM2_Duplicate", 0x0400014B, "D-", true, true, true),
    ("TPM2_GetTime", 0x0400014C, "UU", true, true, true),
    ("TPM2_GetSessionAuditDigest", 0x0600014D, "UU-", true, true, true),
    ("TPM2_NV_Read", 0x0400014E, "U-", false, true, true),
    ("TPM2_NV_ReadLock", 0x0440014F, "U-", false, false, true),
    ("TPM2_ObjectChangeAuth", 0x04000150, "A-", true, true, true),
    ("TPM2_PolicySecret", 0x04000151, "U-", true, true, true),
    ("TPM2_Rewrap", 0x04000152, "U-", true, true, true),
    ("TPM2_Create", 0x02000153, "U", true, true, true),
    ("TPM2_ECDH_ZGen", 0x02000154, "U", true, true, true),
    ("TPM2_MAC", 0x02000155, "U", true, true, true),
    ("TPM2_Import", 0x02000156, "U", true, true, true),
    ("TPM2_Load", 0x12000157, "U", true, true, true),
    ("TPM2_Quote", 0x02000158, "U", true, true, true),
    ("TPM2_RSA_Decrypt", 0x02000159, "U", true, true, true),
    ("TPM2_MAC_Start", 0x1200015B, "U", true, false, true),
    ("TPM2_SequenceUpdate", 0x0200015C, "U", true, false, true),
    ("TPM2_Sign", 0x0200015D, "U", true, false, true),
    ("TPM2_Unseal", 0x0200015E, "U", false, true, true),
    ("TPM2_PolicySigned", 0x04000160, "--", true, true, true),
    ("TPM2_ContextLoad", 0x10000161, "", false, false, false),
    ("TPM2_ContextSave", 0x02000162, "-", false, false, false),
    ("TPM2_ECDH_KeyGen", 0x02000163, "-", false, true, true),
    ("TPM2_EncryptDecrypt", 0x02000164, "U", false, true, true),
    ("TPM2_FlushContext", 0x00000165, "", false, false, false),
    ("TPM2_LoadExternal", 0x10000167, "", true, true, true),
    ("TPM2_MakeCredential", 0x02000168, "-", true, true, true),
    ("TPM2_NV_ReadPublic", 0x02000169, "-", false, true, true),
    ("TPM2_PolicyAuthorize", 0x0200016A, "-", true, false, true),
    ("TPM2_PolicyAuthValue", 0x0200016B, "-", false, false, true),
    ("TPM2_PolicyCommandCode", 0x0200016C, "-", false, false, true),
    ("TPM2_PolicyCounterTimer", 0x0200016D, "-", true, false, true),
    ("TPM2_PolicyCpHash", 0x0200016E, "-", true, false, true),
    ("TPM2_PolicyLocality", 0x0200016F, "-", false, false, true),
    ("TPM2_PolicyNameHash", 0x02000170, "-", true, false, true),
    ("TPM2_PolicyOR", 0x02000171, "-", false, false, true),
    ("TPM2_PolicyTicket", 0x02000172, "-", true, false, true),
    ("TPM2_ReadPublic", 0x02000173, "-", false, true, true),
    ("TPM2_RSA_Encrypt", 0x02000174, "-", true, true, true),
    ("TPM2_StartAuthSession", 0x14000176, "--", true, true, true),
    ("TPM2_VerifySignature", 0x02000177, "-", true, false, true),
    ("TPM2_ECC_Parameters", 0x00000178, "", false, false, true),
    ("TPM2_FirmwareRead", 0x00000179, "", false, true, true),
    ("TPM2_GetCapability", 0x0000017A, "", false, false, true),
    ("TPM2_GetRandom", 0x0000017B, "", false, true, true),
    ("TPM2_GetTestResult", 0x0000017C, "", false, true, true),
    ("TPM2_Hash", 0x0000017D, "", true, true, true),
    ("TPM2_PCR_Read", 0x0000017E, "", false, false, true),
    ("TPM2_PolicyPCR", 0x0200017F, "-", true, false, true),
    ("TPM2_PolicyRestart", 0x02000180, "-", false, false, true),
    ("TPM2_ReadClock", 0x00000181, "", false, false, true),
    ("TPM2_PCR_Extend", 0x02400182, "U", false, false, true),
    ("TPM2_PCR_SetAuthValue", 0x02000183, "U", true, false, true),
    ("TPM2_NV_Certify", 0x06000184, "UU-", true, true, true),
    ("TPM2_EventSequenceComplete", 0x05400185, "UU", true, false, true),
    ("TPM2_HashSequenceStart", 0x10000186, "", true, false, true),
    ("TPM2_PolicyPhysicalPresence", 0x02000187, "-", false, false, true),
    ("TPM2_PolicyDuplicationSelect", 0x02000188, "-", true, false, true),
    ("TPM2_PolicyGetDigest", 0x02000189, "-", false, true, true),
    ("TPM2_TestParms", 0x0000018A, "", false, false, true),
    ("TPM2_Commit", 0x0200018B, "U", true, true, true),
    ("TPM2_PolicyPassword", 0x0200018C, "-", false, false, true),
    ("TPM2_ZGen_2Phase", 0x0200018D, "U", true, true, true),
    ("TPM2_EC_Ephemeral", 0x0000018E, "", false, true, true),
    ("TPM2_PolicyNvWritten", 0x0200018F, "-", false, false, true),
    ("TPM2_PolicyTemplate", 0x02000190, "-", true, false, true),
    ("TPM2_CreateLoaded", 0x12000191, "U", true, true, true),
    ("TPM2_PolicyAuthorizeNV", 0x06000192, "U--", false, false, true),
    ("TPM2_EncryptDecrypt2", 0x02000193, "U", true, true, true),
    ("TPM2_AC_GetCapability", 0x02000194, "-", false, false, true),
    ("TPM2_AC_Send", 0x06000195, "DU-", true, false, true),
    ("TPM2_Policy_AC_SendSelect", 0x02000196, "-", true, false, true),
    ("TPM2_CertifyX509", 0x04000197, "AU", true, true, true),
    ("TPM2_ACT_SetTimeout", 0x02000198, "U", false, false, true),
    ("TPM2_ECC_Encrypt", 0x02000199, "-", true, true, true),
    ("TPM2_ECC_Decrypt", 0x0200019A, "U", true, true, true),
    ("TPM2_PolicyCapability", 0x0200019B, "-", true, false, true),
    ("TPM2_PolicyParameters", 0x0200019C, "-", true, false, true),
    ("TPM2_NV_DefineSpace2", 0x0240019D, "U", true, false, true),
    ("TPM2_NV_ReadPublic2", 0x0200019E, "-", false, true, true),
    ("TPM2_SetCapability", 0x0240019F, "U", true, false, true),
    ("TPM2_ReadOnlyControl", 0x024001A0, "U", false, false, true),
    ("TPM2_PolicyTransportSPDM", 0x020001A1, "-", true, false, true),
];

#[test]
fn rows_ascend_so_that_a_command_is_found() {
    assert!(TABLE.is_sorted_by(|one, next| one.code < next.code));
}

#[test]
fn rows_are_those_of_part_3() {
    for row in TABLE {
        let of_part_3 = PART_3
            .iter()
            .find(|(_, tpma_cc, ..)| tpma_cc & 0x2000_FFFF == row.code.0);
        let (name, tpma_cc, roles, decrypt, encrypt, sessions) = of_part_3.expect("a command of Part 3");
        let of_row: String = row
            .handles
            .iter()
            .map(|handle| match handle.role {
                Role::None => '-',
                Role::User => 'U',
                Role::Admin => 'A',
                Role::Dup => 'D',
            })
            .collect();
        assert_eq!((row.name, of_row.as_str()), (*name, *roles));
        assert_eq!(row.tpma_cc().bits(), *tpma_cc, "{name}");
        assert_eq!((row.decrypt, row.encrypt), (*decrypt, *encrypt), "{name}");
        assert_eq!(row.sessions == Sessions::Allowed, *sessions, "{name}");
    }
}

#[test]
fn write_attributes_guard_the_commands_that_write_an_index() {
    // facts/tpm/behaviours.md §3: "NV write-type commands".
    let writing: Vec<&str> = TABLE.iter().filter(|row| row.nv_write).map(|row| row.name).collect();
    let expected = [
        "TPM2_NV_Increment",
        "TPM2_NV_SetBits",
        "TPM2_NV_Extend",
        "TPM2_NV_Write",
        "TPM2_NV_WriteLock",
    ];
    assert_eq!(writing, expected);
}

/// A command's name as it is in both, Part 3 and the file system: its small letters in their order.
fn letters(name: &str) -> String {
    name.trim_start_matches("TPM2_").replace('_', "").to_lowercase()
}

#[test]
fn every_row_has_its_file_and_every_command_its_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
    let mut files = BTreeSet::new();
    for chapter in fs::read_dir(folder).expect("the commands") {
        let chapter = chapter.expect("a chapter").path();
        if !chapter.is_dir() {
            continue;
        }
        for file in fs::read_dir(&chapter).expect("a chapter") {
            let path = file.expect("a file").path();
            if path.is_file()
                && fs::read_to_string(&path)
                    .expect("a source")
                    .contains("\nimpl Command for ")
            {
                files.insert(letters(
                    path.file_stem().and_then(|stem| stem.to_str()).expect("a name"),
                ));
            }
        }
    }
    let rows: BTreeSet<String> = TABLE.iter().map(|row| letters(row.name)).collect();
    assert_eq!(files, rows);
}
