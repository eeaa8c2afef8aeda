//! What the SVSM needs of a component before it can start a guest: a TPM that works, with keys that can be vouched for.

use super::{Kind, Rule, Subject, contract::listed_commands, done, refused, respond, saved_is_committed, succeed};
use crate::{conversation as tpm_bytes, host::RepeatingHost};
use anyhow::{Result, anyhow, ensure};
use svsm_platform::{Entropy, NoEntropy};
use svsm_service::tpm::{CheckedIdentity, PlatformHierarchy, Tpm};
use tpm_contract::{CommitError, Component, Host};

const fn rule(name: &'static str, check: fn(&Subject) -> Result<()>) -> Rule {
    Rule {
        name,
        kind: Kind::Tpm,
        check,
    }
}

pub(super) const RULES: [Rule; 7] = [
    rule("startup", startup),
    rule("commands", commands),
    rule("hash-sequence", hash_sequence),
    rule("commit-before-response", commit_before_response),
    rule("volatile-continuity", volatile_continuity),
    rule("identity-keys", identity_keys),
    rule("provisioning", provisioning),
];

/// TPM_RC_INITIALIZE.
const INITIALIZE: u32 = 0x100;
/// TPM_RC_NV_UNAVAILABLE.
const NV_UNAVAILABLE: u32 = 0x923;
/// TPM_RC_NV_SPACE.
const NV_SPACE: u32 = 0x14B;
/// TPM_RC_AUTH_FAIL and TPM_RC_BAD_AUTH of the first session.
const WRONG_PASSWORD: [u32; 2] = [0x98E, 0x9A2];

/// What the SVSM, and a guest's boot, cannot do without: Startup, Shutdown, SelfTest, GetCapability, GetRandom, CreatePrimary, ReadPublic, EvictControl,
/// FlushContext, HierarchyChangeAuth, PCR_Extend, PCR_Read.
const NEEDED: [u32; 12] = [
    0x144, 0x145, 0x143, 0x17A, 0x17B, 0x131, 0x173, 0x120, 0x165, 0x129, 0x182, 0x17E,
];

/// TPM2_Startup is the first command, once.
fn startup(subject: &Subject) -> Result<()> {
    let mut trial = subject.powered()?;
    refused(
        &mut trial,
        "TPM2_GetRandom before TPM2_Startup",
        &tpm_bytes::get_random(8),
        &[INITIALIZE],
    )?;
    succeed(&mut trial, "TPM2_Startup", &tpm_bytes::startup())?;
    refused(
        &mut trial,
        "a second TPM2_Startup",
        &tpm_bytes::startup(),
        &[INITIALIZE],
    )
}

/// The commands that are needed are listed.
fn commands(subject: &Subject) -> Result<()> {
    let listed = listed_commands(&mut subject.started()?)?;
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|code| !listed.contains(code))
        .map(|code| format!("{code:#x}"))
        .collect();
    ensure!(
        missing.is_empty(),
        "commands that are not listed: {}",
        missing.join(", ")
    );
    Ok(())
}

/// An H-CRTM sequence before TPM2_Startup changes PCR 0.
fn hash_sequence(subject: &Subject) -> Result<()> {
    let mut plain = subject.started()?;
    let without = succeed(&mut plain, "TPM2_PCR_Read", &tpm_bytes::pcr_read())?;
    let mut trial = subject.powered()?;
    done("hash-start", trial.hash_start())?;
    done("hash-data", trial.hash_data(b"the code that starts the machine"))?;
    done("hash-end", trial.hash_end())?;
    succeed(&mut trial, "TPM2_Startup", &tpm_bytes::startup())?;
    let with = succeed(&mut trial, "TPM2_PCR_Read", &tpm_bytes::pcr_read())?;
    ensure!(with != without, "the sequence leaves no trace in PCR 0");
    Ok(())
}

/// TPM2_HierarchyChangeAuth of the owner hierarchy from one password to another.
fn change_auth(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut body = tpm_bytes::OWNER.to_be_bytes().to_vec();
    let area = [&[0x40, 0, 0, 9, 0, 0, 0][..], &tpm_bytes::sized(from)].concat();
    body.extend((area.len() as u32).to_be_bytes());
    body.extend(area);
    body.extend(tpm_bytes::sized(to));
    tpm_bytes::framed(0x8002, 0x129, &body)
}

/// A success means that its state has been committed; a commit that fails means an error, and a state as before.
fn commit_before_response(subject: &Subject) -> Result<()> {
    let mut trial = subject.started()?;
    saved_is_committed(&mut trial, "after TPM2_Startup")?;
    succeed(&mut trial, "TPM2_HierarchyChangeAuth", &change_auth(b"", b"first"))?;
    saved_is_committed(&mut trial, "after TPM2_HierarchyChangeAuth")?;
    for (error, code) in [
        (CommitError::Unavailable, NV_UNAVAILABLE),
        (CommitError::Full, NV_SPACE),
    ] {
        trial.host_mut().refuse = Some(error);
        let what = format!("TPM2_HierarchyChangeAuth when the commit is refused as {error:?}");
        refused(&mut trial, &what, &change_auth(b"first", b"second"), &[code])?;
        saved_is_committed(&mut trial, &what)?;
    }
    trial.host_mut().refuse = None;
    let host = trial.host().clone();
    // The password is the committed one, here and after a power cycle.
    succeed(&mut trial, "the same when it is not", &change_auth(b"first", b"first"))?;
    let mut next = subject.powered_with(host)?;
    succeed(&mut next, "TPM2_Startup", &tpm_bytes::startup())?;
    refused(
        &mut next,
        "the password that was not committed",
        &change_auth(b"second", b""),
        &WRONG_PASSWORD,
    )?;
    succeed(&mut next, "the password that was", &change_auth(b"first", b"")).map(drop)
}

/// PCRs go with the volatile state, not with the persistent one.
fn volatile_continuity(subject: &Subject) -> Result<()> {
    let mut first = subject.started()?;
    let fresh = succeed(&mut first, "TPM2_PCR_Read", &tpm_bytes::pcr_read())?;
    succeed(&mut first, "TPM2_PCR_Extend", &tpm_bytes::pcr_extend(4, [7; 32]))?;
    let extended = succeed(&mut first, "TPM2_PCR_Read", &tpm_bytes::pcr_read())?;
    ensure!(extended != fresh, "TPM2_PCR_Extend leaves no trace");
    let volatile = done("save-volatile", first.save_volatile())?;
    let mut second = subject.powered_with(first.host().clone())?;
    done("restore-volatile", second.restore_volatile(&volatile))?;
    let restored = succeed(
        &mut second,
        "TPM2_PCR_Read after restore-volatile",
        &tpm_bytes::pcr_read(),
    )?;
    ensure!(restored == extended, "PCR 4 is another after restore-volatile");
    let mut third = subject.powered_with(first.host().clone())?;
    succeed(&mut third, "TPM2_Startup after a power cycle", &tpm_bytes::startup())?;
    let reset = respond(&mut third, "TPM2_PCR_Read", &tpm_bytes::pcr_read())?;
    ensure!(reset[14..] == fresh[14..], "PCR 4 survives a power cycle");
    Ok(())
}

/// The identity keys equal their templates, come from the seeds, and survive a power cycle.
fn identity_keys(subject: &Subject) -> Result<()> {
    let mut trial = subject.powered()?;
    let keys = done("identity", trial.identity())?;
    CheckedIdentity::check(keys.clone()).map_err(|error| anyhow!("the SVSM refuses the keys: {error:?}"))?;
    ensure!(
        done("identity", trial.identity())? == keys,
        "identity gives other keys the second time"
    );
    let mut next = subject.powered_with(trial.host().clone())?;
    ensure!(
        done("identity", next.identity())? == keys,
        "identity gives other keys after a power cycle"
    );
    Ok(())
}

/// Entropy for what the SVSM itself chooses.
struct SvsmEntropy(RepeatingHost);

impl Entropy for SvsmEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.entropy(out).then_some(()).ok_or(NoEntropy)
    }
}

/// The SVSM's own code starts the TPM and puts its keys in place.
fn provisioning(subject: &Subject) -> Result<()> {
    let trial = subject.load(RepeatingHost::new(true))?;
    let mut entropy = SvsmEntropy(RepeatingHost::new(true));
    let tpm = Tpm::power_on(trial, &[], PlatformHierarchy::CloseNow, &mut entropy);
    let tpm = tpm.map_err(|error| anyhow!("the SVSM cannot start it: {error:?}"))?;
    ensure!(tpm.is_working(), "the TPM failed while it was provisioned");
    Ok(())
}
