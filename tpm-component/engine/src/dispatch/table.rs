//! One row for each command that works. The row drives dispatch (which handles, which of them need an authorisation and for which role),
//! the session area (may the first parameter be encrypted), GetCapability (TPMA_CC) and nothing has to be said twice.
//!
//! A command without a row does not exist: it answers TPM_RC_COMMAND_CODE. The numbers are those of Part 3's command tables.

use tpm_contract::Host;

use super::{Authorized, Command, Handles, Parameters, Reply, response::Response};
use crate::{
    commands,
    structures::{TpmCc, TpmRc, TpmaCc, limits},
    tpm::{Locality, Tpm},
    wire::Reader,
};

/// What authorising a handle proves (Part 1 §19.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The handle needs no authorisation.
    None,
    /// USER.
    User,
    /// ADMIN.
    Admin,
    /// DUP.
    Dup,
}

/// The interface type of a handle (Part 2 §9): which handles the handle area takes at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleType {
    /// TPMI_DH_OBJECT.
    Object,
    /// TPMI_DH_OBJECT+.
    ObjectOrNull,
    /// TPMI_DH_PARENT+.
    ParentOrNull,
    /// TPMI_DH_ENTITY.
    Entity,
    /// TPMI_DH_ENTITY+.
    EntityOrNull,
    /// TPMI_DH_PCR.
    Pcr,
    /// TPMI_DH_PCR+.
    PcrOrNull,
    /// TPMI_DH_CONTEXT.
    Context,
    /// TPMI_SH_POLICY.
    PolicySession,
    /// TPMI_SH_HMAC.
    HmacSession,
    /// TPMI_RH_HIERARCHY+.
    HierarchyOrNull,
    /// TPMI_RH_BASE_HIERARCHY.
    BaseHierarchy,
    /// TPMI_RH_HIERARCHY_AUTH.
    HierarchyAuth,
    /// TPMI_RH_HIERARCHY_POLICY.
    HierarchyPolicy,
    /// TPMI_RH_PLATFORM.
    Platform,
    /// TPMI_RH_ENDORSEMENT.
    Endorsement,
    /// TPMI_RH_LOCKOUT.
    Lockout,
    /// TPMI_RH_PROVISION.
    Provision,
    /// TPMI_RH_CLEAR.
    Clear,
    /// TPMI_RH_NV_AUTH.
    NvAuth,
    /// TPMI_RH_NV_INDEX.
    NvIndex,
    /// TPMI_RH_ACT.
    Act,
}

/// One handle of the handle area.
#[derive(Clone, Copy, Debug)]
pub struct HandleSpec {
    /// Which handles are taken.
    pub kind: HandleType,
    /// The authorisation that it needs.
    pub role: Role,
}

/// Whether a command may come with sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// TPM_ST_NO_SESSIONS only.
    Never,
    /// Either tag; whether sessions are needed follows from the roles of the handles.
    Allowed,
}

/// Reads the parameters, runs the action and writes what it answers.
type Action = fn(&mut Tpm, &mut dyn Host, Locality, Handles, &[u8], &mut Response) -> Result<(), TpmRc>;

/// A command.
pub struct Row {
    /// TPM_CC.
    pub code: TpmCc,
    /// Its name in Part 3.
    pub name: &'static str,
    /// Its handle area.
    pub handles: &'static [HandleSpec],
    /// TPMA_CC but for the code and the number of handles.
    pub attributes: TpmaCc,
    /// Whether it may have sessions.
    pub sessions: Sessions,
    /// Its first parameter is a TPM2B and may arrive encrypted.
    pub decrypt: bool,
    /// Its first response parameter is a TPM2B and may leave encrypted.
    pub encrypt: bool,
    /// It writes an NV Index, which TPMA_NV_*WRITE rather than *READ allows.
    pub nv_write: bool,
    /// It changes what lasts, and is refused in read-only mode. (Some other commands are refused for what they are about to change.)
    pub changes_tpm: bool,
    /// With platform authorisation, it needs physical presence, too.
    pub physical_presence: bool,
    /// Its action.
    pub(in crate::dispatch) action: Action,
}

impl Row {
    /// TPMA_CC as GetCapability answers it.
    pub const fn tpma_cc(&self) -> TpmaCc {
        TpmaCc::for_command(self.code, self.handles.len() as u32).with(self.attributes)
    }
}

/// A handle without authorisation.
const fn plain(kind: HandleType) -> HandleSpec {
    HandleSpec { kind, role: Role::None }
}

/// A handle with the USER role.
const fn user(kind: HandleType) -> HandleSpec {
    HandleSpec { kind, role: Role::User }
}

/// A handle with the ADMIN role.
const fn admin(kind: HandleType) -> HandleSpec {
    HandleSpec {
        kind,
        role: Role::Admin,
    }
}

/// A handle with the DUP role.
const fn dup(kind: HandleType) -> HandleSpec {
    HandleSpec { kind, role: Role::Dup }
}

/// The row of `C`, without attributes.
const fn row<C: Command>(handles: &'static [HandleSpec]) -> Row {
    Row {
        code: C::CODE,
        name: C::NAME,
        handles,
        attributes: TpmaCc::empty().set_to(TpmaCc::R_HANDLE, C::Reply::HAS_HANDLE),
        sessions: Sessions::Allowed,
        decrypt: false,
        encrypt: false,
        nv_write: false,
        changes_tpm: false,
        physical_presence: false,
        action: act::<C>,
    }
}

impl Row {
    /// TPMA_CC.nv.
    const fn nv(self) -> Self {
        Self {
            attributes: self.attributes.with(TpmaCc::NV),
            ..self
        }
    }

    /// TPMA_CC.extensive.
    const fn extensive(self) -> Self {
        Self {
            attributes: self.attributes.with(TpmaCc::EXTENSIVE),
            ..self
        }
    }

    /// TPMA_CC.flushed.
    const fn flushes(self) -> Self {
        Self {
            attributes: self.attributes.with(TpmaCc::FLUSHED),
            ..self
        }
    }

    /// The command takes no sessions.
    const fn without_sessions(self) -> Self {
        Self {
            sessions: Sessions::Never,
            ..self
        }
    }

    /// The first parameter may be encrypted.
    const fn decrypt(self) -> Self {
        Self { decrypt: true, ..self }
    }

    /// The first response parameter may be encrypted.
    const fn encrypt(self) -> Self {
        Self { encrypt: true, ..self }
    }

    /// The command is refused in read-only mode.
    const fn changes_tpm(self) -> Self {
        Self {
            changes_tpm: true,
            ..self
        }
    }

    /// The command needs physical presence.
    const fn with_physical_presence(self) -> Self {
        Self {
            physical_presence: true,
            ..self
        }
    }

    /// The command writes an NV Index.
    const fn writes_index(self) -> Self {
        Self { nv_write: true, ..self }
    }
}

/// Reads the parameters of `C` to their last byte and runs its action.
fn act<C: Command>(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    locality: Locality,
    handles: Handles,
    parameters: &[u8],
    response: &mut Response,
) -> Result<(), TpmRc> {
    let mut reader = Reader::new(parameters);
    let params = C::Params::read(&mut reader)?;
    reader.finish()?;
    let reply = C::run(Authorized::new(tpm, host, locality, handles, params))?;
    if let Some(handle) = reply.handle() {
        response.put_handle(handle);
    }
    reply.write(response.parameters());
    Ok(())
}

/// All commands, in the order of their codes. One that was ever here stays: a saved list of audited commands may name it.
pub static TABLE: &[Row] = &[
    row::<commands::nv::NvUndefineSpaceSpecial>(&[admin(HandleType::NvIndex), user(HandleType::Platform)])
        .changes_tpm()
        .nv(),
    row::<commands::management::EvictControl>(&[user(HandleType::Provision), plain(HandleType::Object)])
        .changes_tpm()
        .nv(),
    row::<commands::hierarchy::HierarchyControl>(&[user(HandleType::BaseHierarchy)])
        .changes_tpm()
        .nv()
        .extensive(),
    row::<commands::nv::NvUndefineSpace>(&[user(HandleType::Provision), plain(HandleType::NvIndex)])
        .changes_tpm()
        .nv(),
    row::<commands::hierarchy::ChangeEps>(&[user(HandleType::Platform)])
        .changes_tpm()
        .nv()
        .extensive(),
    row::<commands::hierarchy::ChangePps>(&[user(HandleType::Platform)])
        .changes_tpm()
        .nv()
        .extensive(),
    row::<commands::hierarchy::Clear>(&[user(HandleType::Clear)])
        .changes_tpm()
        .nv()
        .extensive(),
    row::<commands::hierarchy::ClearControl>(&[user(HandleType::Clear)])
        .changes_tpm()
        .nv(),
    row::<commands::clock::ClockSet>(&[user(HandleType::Provision)])
        .changes_tpm()
        .nv(),
    row::<commands::hierarchy::HierarchyChangeAuth>(&[user(HandleType::HierarchyAuth)])
        .changes_tpm()
        .nv()
        .decrypt(),
    row::<commands::nv::NvDefineSpace>(&[user(HandleType::Provision)])
        .changes_tpm()
        .nv()
        .decrypt(),
    row::<commands::pcr::PcrAllocate>(&[user(HandleType::Platform)])
        .changes_tpm()
        .nv(),
    row::<commands::pcr::PcrSetAuthPolicy>(&[user(HandleType::Platform)])
        .changes_tpm()
        .nv()
        .decrypt(),
    row::<commands::management::PpCommands>(&[user(HandleType::Platform)])
        .changes_tpm()
        .nv()
        .with_physical_presence(),
    row::<commands::hierarchy::SetPrimaryPolicy>(&[user(HandleType::HierarchyPolicy)])
        .changes_tpm()
        .nv()
        .decrypt(),
    row::<commands::clock::ClockRateAdjust>(&[user(HandleType::Provision)]).changes_tpm(),
    row::<commands::object::CreatePrimary>(&[user(HandleType::HierarchyOrNull)])
        .changes_tpm()
        .decrypt()
        .encrypt(),
    row::<commands::nv::NvGlobalWriteLock>(&[user(HandleType::Provision)])
        .changes_tpm()
        .nv(),
    row::<commands::attestation::GetCommandAuditDigest>(&[
        user(HandleType::Endorsement),
        user(HandleType::ObjectOrNull),
    ])
    .nv()
    .decrypt()
    .encrypt(),
    row::<commands::nv::NvIncrement>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)])
        .changes_tpm()
        .nv()
        .writes_index(),
    row::<commands::nv::NvSetBits>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)])
        .nv()
        .writes_index(),
    row::<commands::nv::NvExtend>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)])
        .nv()
        .writes_index()
        .decrypt(),
    row::<commands::nv::NvWrite>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)])
        .nv()
        .writes_index()
        .decrypt(),
    row::<commands::nv::NvWriteLock>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)])
        .nv()
        .writes_index(),
    row::<commands::dictionary_attack::DictionaryAttackLockReset>(&[user(HandleType::Lockout)]).nv(),
    row::<commands::dictionary_attack::DictionaryAttackParameters>(&[user(HandleType::Lockout)])
        .changes_tpm()
        .nv(),
    row::<commands::nv::NvChangeAuth>(&[admin(HandleType::NvIndex)])
        .changes_tpm()
        .nv()
        .decrypt(),
    row::<commands::pcr::PcrEvent>(&[user(HandleType::PcrOrNull)])
        .nv()
        .decrypt(),
    row::<commands::pcr::PcrReset>(&[user(HandleType::Pcr)]).nv(),
    row::<commands::hash_hmac::SequenceComplete>(&[user(HandleType::Object)])
        .flushes()
        .decrypt()
        .encrypt(),
    row::<commands::management::SetAlgorithmSet>(&[user(HandleType::Platform)])
        .changes_tpm()
        .nv(),
    row::<commands::audit::SetCommandCodeAuditStatus>(&[user(HandleType::Provision)])
        .changes_tpm()
        .nv(),
    row::<commands::testing::IncrementalSelfTest>(&[]).nv(),
    row::<commands::testing::SelfTest>(&[]).nv(),
    row::<commands::startup::Startup>(&[]).nv().without_sessions(),
    row::<commands::startup::Shutdown>(&[]).nv(),
    row::<commands::random::StirRandom>(&[]).nv().decrypt(),
    row::<commands::object::ActivateCredential>(&[admin(HandleType::Object), user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::attestation::Certify>(&[admin(HandleType::Object), user(HandleType::ObjectOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::policy::PolicyNv>(&[
        user(HandleType::NvAuth),
        plain(HandleType::NvIndex),
        plain(HandleType::PolicySession),
    ])
    .decrypt(),
    row::<commands::attestation::CertifyCreation>(&[user(HandleType::ObjectOrNull), plain(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::duplication::Duplicate>(&[dup(HandleType::Object), plain(HandleType::ObjectOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::attestation::GetTime>(&[user(HandleType::Endorsement), user(HandleType::ObjectOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::attestation::GetSessionAuditDigest>(&[
        user(HandleType::Endorsement),
        user(HandleType::ObjectOrNull),
        plain(HandleType::HmacSession),
    ])
    .decrypt()
    .encrypt(),
    row::<commands::nv::NvRead>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)]).encrypt(),
    row::<commands::nv::NvReadLock>(&[user(HandleType::NvAuth), plain(HandleType::NvIndex)]).nv(),
    row::<commands::object::ObjectChangeAuth>(&[admin(HandleType::Object), plain(HandleType::Object)])
        .changes_tpm()
        .decrypt()
        .encrypt(),
    row::<commands::policy::PolicySecret>(&[user(HandleType::Entity), plain(HandleType::PolicySession)])
        .decrypt()
        .encrypt(),
    row::<commands::duplication::Rewrap>(&[user(HandleType::ObjectOrNull), plain(HandleType::ObjectOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::object::Create>(&[user(HandleType::Object)])
        .changes_tpm()
        .decrypt()
        .encrypt(),
    row::<commands::asymmetric::EcdhZgen>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::hash_hmac::Mac>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::duplication::Import>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::object::Load>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::attestation::Quote>(&[user(HandleType::ObjectOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::asymmetric::RsaDecrypt>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::hash_hmac::MacStart>(&[user(HandleType::Object)]).decrypt(),
    row::<commands::hash_hmac::SequenceUpdate>(&[user(HandleType::Object)]).decrypt(),
    row::<commands::signing::Sign>(&[user(HandleType::Object)]).decrypt(),
    row::<commands::object::Unseal>(&[user(HandleType::Object)]).encrypt(),
    row::<commands::policy::PolicySigned>(&[plain(HandleType::Object), plain(HandleType::PolicySession)])
        .decrypt()
        .encrypt(),
    row::<commands::context::ContextLoad>(&[]).without_sessions(),
    row::<commands::context::ContextSave>(&[plain(HandleType::Context)]).without_sessions(),
    row::<commands::asymmetric::EcdhKeyGen>(&[plain(HandleType::Object)]).encrypt(),
    row::<commands::symmetric::EncryptDecrypt>(&[user(HandleType::Object)]).encrypt(),
    row::<commands::context::FlushContext>(&[]).without_sessions(),
    row::<commands::object::LoadExternal>(&[]).decrypt().encrypt(),
    row::<commands::object::MakeCredential>(&[plain(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::nv::NvReadPublic>(&[plain(HandleType::NvIndex)]).encrypt(),
    row::<commands::policy::PolicyAuthorize>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyAuthValue>(&[plain(HandleType::PolicySession)]),
    row::<commands::policy::PolicyCommandCode>(&[plain(HandleType::PolicySession)]),
    row::<commands::policy::PolicyCounterTimer>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyCpHash>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyLocality>(&[plain(HandleType::PolicySession)]),
    row::<commands::policy::PolicyNameHash>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyOr>(&[plain(HandleType::PolicySession)]),
    row::<commands::policy::PolicyTicket>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::object::ReadPublic>(&[plain(HandleType::Object)]).encrypt(),
    row::<commands::asymmetric::RsaEncrypt>(&[plain(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::session::StartAuthSession>(&[plain(HandleType::ObjectOrNull), plain(HandleType::EntityOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::signing::VerifySignature>(&[plain(HandleType::Object)]).decrypt(),
    row::<commands::asymmetric::EccParameters>(&[]),
    row::<commands::capability::GetCapability>(&[]),
    row::<commands::random::GetRandom>(&[]).encrypt(),
    row::<commands::testing::GetTestResult>(&[]).encrypt(),
    row::<commands::hash_hmac::Hash>(&[]).decrypt().encrypt(),
    row::<commands::pcr::PcrRead>(&[]),
    row::<commands::policy::PolicyPcr>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyRestart>(&[plain(HandleType::PolicySession)]),
    row::<commands::clock::ReadClock>(&[]),
    row::<commands::pcr::PcrExtend>(&[user(HandleType::PcrOrNull)]).nv(),
    row::<commands::pcr::PcrSetAuthValue>(&[user(HandleType::Pcr)])
        .changes_tpm()
        .decrypt(),
    row::<commands::attestation::NvCertify>(&[
        user(HandleType::ObjectOrNull),
        user(HandleType::NvAuth),
        plain(HandleType::NvIndex),
    ])
    .decrypt()
    .encrypt(),
    row::<commands::hash_hmac::EventSequenceComplete>(&[user(HandleType::PcrOrNull), user(HandleType::Object)])
        .nv()
        .flushes()
        .decrypt(),
    row::<commands::hash_hmac::HashSequenceStart>(&[]).decrypt(),
    row::<commands::policy::PolicyPhysicalPresence>(&[plain(HandleType::PolicySession)]),
    row::<commands::policy::PolicyDuplicationSelect>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyGetDigest>(&[plain(HandleType::PolicySession)]).encrypt(),
    row::<commands::capability::TestParms>(&[]),
    row::<commands::asymmetric::Commit>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::policy::PolicyPassword>(&[plain(HandleType::PolicySession)]),
    row::<commands::asymmetric::ZGen2Phase>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::asymmetric::EcEphemeral>(&[]).encrypt(),
    row::<commands::policy::PolicyNvWritten>(&[plain(HandleType::PolicySession)]),
    row::<commands::policy::PolicyTemplate>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::object::CreateLoaded>(&[user(HandleType::ParentOrNull)])
        .changes_tpm()
        .decrypt()
        .encrypt(),
    row::<commands::policy::PolicyAuthorizeNv>(&[
        user(HandleType::NvAuth),
        plain(HandleType::NvIndex),
        plain(HandleType::PolicySession),
    ]),
    row::<commands::symmetric::EncryptDecrypt2>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::policy::PolicyAcSendSelect>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::attestation::CertifyX509>(&[admin(HandleType::Object), user(HandleType::ObjectOrNull)])
        .decrypt()
        .encrypt(),
    row::<commands::act::ActSetTimeout>(&[user(HandleType::Act)]),
    row::<commands::asymmetric::EccEncrypt>(&[plain(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::asymmetric::EccDecrypt>(&[user(HandleType::Object)])
        .decrypt()
        .encrypt(),
    row::<commands::policy::PolicyCapability>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::policy::PolicyParameters>(&[plain(HandleType::PolicySession)]).decrypt(),
    row::<commands::nv::NvDefineSpace2>(&[user(HandleType::Provision)])
        .changes_tpm()
        .nv()
        .decrypt(),
    row::<commands::nv::NvReadPublic2>(&[plain(HandleType::NvIndex)]).encrypt(),
    row::<commands::hierarchy::ReadOnlyControl>(&[user(HandleType::Platform)]).nv(),
    row::<commands::policy::PolicyTransportSpdm>(&[plain(HandleType::PolicySession)]).decrypt(),
];

/// The row of a command.
pub fn find(code: TpmCc) -> Result<&'static Row, TpmRc> {
    PLACES
        .get(distance(code))
        .and_then(|place| TABLE.get(usize::from(*place)))
        .ok_or(TpmRc::COMMAND_CODE)
}

/// How far a code is from the first one of the table: below [`DISTANCES`] for all that have a row.
pub const fn distance(code: TpmCc) -> usize {
    code.0.wrapping_sub(FIRST) as usize
}

/// The first code of the table.
const FIRST: u32 = TABLE[0].code.0;
/// More than the distance of the last code of the table.
pub const DISTANCES: usize = 256;
/// In [`PLACES`]: no row.
const NOWHERE: u8 = u8::MAX;

/// The place in the table of each code from [`FIRST`] on.
static PLACES: [u8; DISTANCES] = {
    let mut places = [NOWHERE; DISTANCES];
    let mut at = 0;
    while at < TABLE.len() {
        places[distance(TABLE[at].code)] = at as u8;
        // Handles has no room for more, and would leave them out.
        assert!(TABLE[at].handles.len() <= limits::MAX_HANDLE_NUM);
        at += 1;
    }
    assert!(at <= NOWHERE as usize);
    places
};

#[cfg(test)]
mod tests;
