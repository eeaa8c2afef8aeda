//! The authorisation area (Part 3 §5.5, Part 1 §19): is every handle that needs it authorised, and by what?
//!
//! All of it comes from whoever sends the command, who may forge everything but an HMAC. The area is read to its last byte before a session
//! is believed; then the sessions are asked in order, each one question: does its password, its HMAC or its policy stand for the role that
//! its handle needs? The order of the checks and the numbers of the errors are those that other TPMs have, since callers rely on them.
//! Wrong guesses are reported from here and from nowhere else.

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::Host;

use super::{
    handles::{Handles, Located},
    table::{Role, Row, Sessions},
};
use crate::{
    constant_time::equal,
    crypto,
    entity::NvAccess,
    hierarchy::dictionary_attack::Guess,
    session::{
        Session, SessionKind, hmac,
        param_crypt::{self, Direction},
        policy::{Occasion, Restriction},
    },
    structures::{
        Tpm2bAuth, Tpm2bDigest, Tpm2bName, Tpm2bNonce, TpmCc, TpmHandle, TpmRc, TpmaNv, TpmaSession, TpmiAlgHash,
        TpmiShAuthSessionOrPassword, TpmtSymDef, limits,
    },
    tpm::{Locality, Tpm},
    wire::{Reader, Unmarshal},
};

/// The smallest authorisation area: a handle, two empty buffers and the attributes.
const SMALLEST_AREA: usize = 9;

/// Why a command may not run.
pub struct Refusal {
    /// The response code.
    pub code: TpmRc,
    /// The wrong guess that has to be counted.
    pub guess: Option<Guess>,
    /// The PIN index at whose authValue was guessed.
    pub pin: Option<TpmHandle>,
}

impl From<TpmRc> for Refusal {
    fn from(code: TpmRc) -> Self {
        Self {
            code,
            guess: None,
            pin: None,
        }
    }
}

/// How one session of the command is used.
pub struct SessionUse {
    /// The session, or TPM_RS_PW.
    pub handle: TpmHandle,
    /// nonceCaller.
    pub nonce_caller: Tpm2bNonce,
    /// The attributes that the caller set.
    pub attributes: TpmaSession,
    /// What the caller gave as HMAC or password.
    pub given: Tpm2bAuth,
    /// The handle that the session authorises, with the role.
    pub entity: Option<(TpmHandle, Role)>,
    /// The authValue of that entity is part of the HMAC key.
    pub include_auth: bool,
}

impl SessionUse {
    /// Whether it is a password and no session.
    pub fn is_password(&self) -> bool {
        self.handle == TpmHandle::RS_PW
    }

    fn has(&self, attributes: TpmaSession) -> bool {
        self.attributes.contains(attributes)
    }
}

/// The sessions of a command that may run.
pub struct AuthArea {
    /// The command.
    pub row: &'static Row,
    /// Whether the command came with TPM_ST_SESSIONS.
    pub sessions: bool,
    /// Whether command audit records the command.
    pub audited: bool,
    /// How the sessions are used, in order.
    pub uses: Vec<SessionUse>,
    /// cpHash for the sessions that audit, one for each hash that was needed.
    pub cp_hashes: Vec<(TpmiAlgHash, Tpm2bDigest)>,
}

impl AuthArea {
    /// cpHash for `hash`, if a session needed it.
    pub fn cp_hash(&self, hash: TpmiAlgHash) -> Option<&Tpm2bDigest> {
        self.cp_hashes
            .iter()
            .find(|(known, _)| *known == hash)
            .map(|(_, digest)| digest)
    }

    /// The use whose session encrypts the response.
    pub fn encrypting(&self) -> Option<&SessionUse> {
        self.uses.iter().find(|session| session.has(TpmaSession::ENCRYPT))
    }
}

/// The parameters of a command, for its action.
pub enum CommandParameters<'a> {
    /// As they are in the command, whose bytes the caller of the engine wipes.
    AsArrived(&'a [u8]),
    /// The first one was encrypted.
    Decrypted(Wiped<Vec<u8>>),
}

impl core::ops::Deref for CommandParameters<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::AsArrived(bytes) => bytes,
            Self::Decrypted(bytes) => bytes,
        }
    }
}

/// A command on its way through the authorisation area.
struct Authorizer<'a> {
    tpm: &'a Tpm,
    row: &'static Row,
    locality: Locality,
    handles: Handles,
    parameters: &'a [u8],
    cp_hashes: Vec<(TpmiAlgHash, Tpm2bDigest)>,
}

/// Reads the authorisation area, judges it, and decrypts the first parameter. `proven` receives the NV indices whose authValue was used rightly,
/// also when the command fails at a later step: a PIN counts that all the same.
pub fn authorize<'a>(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    locality: Locality,
    located: Located<'a>,
    proven: &mut Vec<TpmHandle>,
) -> Result<(AuthArea, CommandParameters<'a>), Refusal> {
    let Located {
        row,
        handles,
        sessions,
        mut body,
    } = located;
    let audited = tpm.persistent.audit.contains(row.code);
    let mut uses = Vec::new();
    if sessions {
        read_area(tpm, row, &mut body, &mut uses)?;
    }
    assign(row, &handles, &mut uses)?;
    let parameters = body.rest();
    if uses.is_empty() && !audited {
        let area = AuthArea {
            row,
            sessions,
            audited,
            uses,
            cp_hashes: Vec::new(),
        };
        return Ok((area, CommandParameters::AsArrived(parameters)));
    }
    let mut authorizer = Authorizer {
        tpm,
        row,
        locality,
        handles,
        parameters,
        cp_hashes: Vec::new(),
    };
    for at in 0..uses.len() {
        authorizer.judge(host, &mut uses, at)?;
        if let Some(SessionUse {
            include_auth: true,
            entity: Some((handle, _)),
            ..
        }) = uses.get(at)
            && handle.is_nv_index()
        {
            proven.push(*handle);
        }
    }
    if audited {
        authorizer.cp_hash(host, tpm.persistent.audit.hash)?;
    }
    // cpHash is over the parameters as they arrived, so it is computed before they are decrypted, also for those who only audit.
    let cp_hashes = authorizer.cp_hashes;
    let parameters = decrypt(tpm, host, &uses, parameters)?;
    for entity in proven.iter() {
        tpm.persistent.nv.record_pin_use(*entity, true)?;
    }
    let area = AuthArea {
        row,
        sessions,
        audited,
        uses,
        cp_hashes,
    };
    Ok((area, parameters))
}

/// Says which session authorises which handle: TPM_RC_AUTH_MISSING when there are too few.
fn assign(row: &Row, handles: &Handles, uses: &mut [SessionUse]) -> Result<(), TpmRc> {
    let needing = row.handles.iter().zip(handles.as_slice()).enumerate();
    for (at, (spec, handle)) in needing.filter(|(_, (spec, _))| spec.role != Role::None) {
        uses.get_mut(at).ok_or(TpmRc::AUTH_MISSING)?.entity = Some((*handle, spec.role));
    }
    Ok(())
}

/// Reads the sessions of the area and checks what can be checked of each by itself.
fn read_area(tpm: &Tpm, row: &Row, body: &mut Reader<'_>, uses: &mut Vec<SessionUse>) -> Result<(), TpmRc> {
    let size = usize::try_from(u32::unmarshal(body)?).unwrap_or(usize::MAX);
    if size < SMALLEST_AREA || size > body.remaining() {
        return Err(TpmRc::SIZE);
    }
    if row.sessions == Sessions::Never {
        return Err(TpmRc::AUTH_CONTEXT);
    }
    let mut area = Reader::new(body.take(size)?);
    *uses = Vec::with_capacity(limits::MAX_SESSION_NUM);
    while !area.is_empty() {
        let number = uses.len() + 1;
        if number > limits::MAX_SESSION_NUM {
            return Err(TpmRc::SIZE.with_session(number));
        }
        read_session(&mut area)
            .map(|session| uses.push(session))
            .and_then(|()| check_session(tpm, row, uses))
            .map_err(|code| code.with_session(number))?;
    }
    Ok(())
}

/// How a password begins: TPM_RS_PW, and the nonce that it may not have.
const PASSWORD: &[u8] = &[0x40, 0, 0, 9, 0, 0];

/// Reads one session of the area (TPMS_AUTH_COMMAND).
fn read_session(area: &mut Reader<'_>) -> Result<SessionUse, TpmRc> {
    // Most are passwords, and an interpreter feels every field.
    if area.rest().starts_with(PASSWORD) {
        area.take(PASSWORD.len())?;
        return Ok(SessionUse {
            handle: TpmHandle::RS_PW,
            nonce_caller: Tpm2bNonce::empty(),
            attributes: TpmaSession::unmarshal(area)?,
            given: Tpm2bAuth::unmarshal(area)?,
            entity: None,
            include_auth: false,
        });
    }
    Ok(SessionUse {
        handle: TpmiShAuthSessionOrPassword::unmarshal(area)?.handle(),
        nonce_caller: Tpm2bNonce::unmarshal(area)?,
        attributes: TpmaSession::unmarshal(area)?,
        given: Tpm2bAuth::unmarshal(area)?,
        entity: None,
        include_auth: false,
    })
}

/// Checks what can be checked of the last session by itself and beside those before it.
fn check_session(tpm: &Tpm, row: &Row, uses: &[SessionUse]) -> Result<(), TpmRc> {
    let Some((session, before)) = uses.split_last() else {
        return Ok(());
    };
    let special = TpmaSession::ENCRYPT
        | TpmaSession::DECRYPT
        | TpmaSession::AUDIT
        | TpmaSession::AUDIT_EXCLUSIVE
        | TpmaSession::AUDIT_RESET;
    if session.is_password() {
        if session.attributes.intersects(special) {
            return Err(TpmRc::ATTRIBUTES);
        }
        return if session.nonce_caller.is_empty() {
            Ok(())
        } else {
            Err(TpmRc::NONCE)
        };
    }
    let sessions = &tpm.volatile.sessions;
    let Some(state) = sessions.loaded(session.handle) else {
        let other_kind = sessions.is_number_loaded(session.handle);
        return Err(if other_kind {
            TpmRc::HANDLE
        } else {
            TpmRc::reference_session(before.len() + 1)
        });
    };
    if before.iter().any(|other| other.handle == session.handle) {
        return Err(TpmRc::HANDLE);
    }
    for (attribute, possible) in [(TpmaSession::DECRYPT, row.decrypt), (TpmaSession::ENCRYPT, row.encrypt)] {
        if session.has(attribute) {
            if !possible || before.iter().any(|other| other.has(attribute)) {
                return Err(TpmRc::ATTRIBUTES);
            }
            if state.symmetric == TpmtSymDef::Null {
                return Err(TpmRc::SYMMETRIC);
            }
        }
    }
    if session.has(TpmaSession::AUDIT) {
        if state.kind != SessionKind::Hmac || before.iter().any(|other| other.has(TpmaSession::AUDIT)) {
            return Err(TpmRc::ATTRIBUTES);
        }
        let started = state.audit.is_some() && !session.has(TpmaSession::AUDIT_RESET);
        if session.has(TpmaSession::AUDIT_EXCLUSIVE) && started && sessions.exclusive() != Some(session.handle) {
            return Err(TpmRc::EXCLUSIVE);
        }
    }
    Ok(())
}

impl Authorizer<'_> {
    /// Judges the session at `at`.
    fn judge(&mut self, host: &mut dyn Host, uses: &mut [SessionUse], at: usize) -> Result<(), Refusal> {
        let tpm = self.tpm;
        let Some(session) = uses.get_mut(at) else { return Ok(()) };
        let number = at + 1;
        let numbered = |code: TpmRc| Refusal::from(code.with_session(number));
        let state = tpm.volatile.sessions.loaded(session.handle);
        let Some((entity, role)) = session.entity else {
            let Some(state) = state else {
                return Err(numbered(TpmRc::HANDLE));
            };
            let useful = TpmaSession::AUDIT | TpmaSession::ENCRYPT | TpmaSession::DECRYPT;
            if !session.attributes.intersects(useful) || state.kind == SessionKind::Trial {
                return Err(numbered(TpmRc::ATTRIBUTES));
            }
            check_bound_lockout(tpm, state)?;
            return self.check_hmac(host, uses, at, state, None);
        };
        if let Some(state) = state {
            if state.kind == SessionKind::Trial {
                return Err(numbered(TpmRc::ATTRIBUTES));
            }
            check_bound_lockout(tpm, state)?;
        }
        if self.row.physical_presence && entity == TpmHandle::PLATFORM {
            return Err(numbered(TpmRc::PP));
        }
        session.include_auth = match state {
            None => true,
            Some(state) if state.kind == SessionKind::Policy => {
                state.policy.needs_auth_value || state.policy.needs_password
            }
            Some(state) => !self.is_bound_to(host, state, entity),
        };
        let include_auth = session.include_auth;
        if include_auth {
            check_lockout(tpm, tpm.guess_at(entity))?;
        }
        let access = if self.row.nv_write {
            NvAccess::Write
        } else {
            NvAccess::Read
        };
        match state {
            Some(state) if state.kind == SessionKind::Policy => {
                self.check_policy(host, state, entity, role, access)
                    .map_err(|code| code.with_session(number))?;
            }
            _ => tpm.check_auth_value(entity, role, access)?,
        }
        match state {
            Some(state) if !(state.kind == SessionKind::Policy && state.policy.needs_password) => {
                self.check_hmac(host, uses, at, state, Some(entity))
            }
            _ => self.check_password(uses, at, entity),
        }
    }

    /// Whether an HMAC session is bound to this entity as it is now.
    fn is_bound_to(&self, host: &mut dyn Host, state: &Session, entity: TpmHandle) -> bool {
        let Some(binding) = &state.binding else { return false };
        self.tpm
            .binding_snapshot(host, entity)
            .is_ok_and(|snapshot| snapshot == *binding.snapshot)
    }

    /// The password in the place of an HMAC.
    fn check_password(&self, uses: &[SessionUse], at: usize, entity: TpmHandle) -> Result<(), Refusal> {
        let Some(session) = uses.get(at) else { return Ok(()) };
        if equal(session.given.trimmed_bytes(), self.tpm.auth_value(entity)) {
            Ok(())
        } else {
            Err(self.wrong_guess(session, at))
        }
    }

    /// The HMAC of a session; `entity` is what it authorises, if anything.
    fn check_hmac(
        &mut self,
        host: &mut dyn Host,
        uses: &[SessionUse],
        at: usize,
        state: &Session,
        entity: Option<TpmHandle>,
    ) -> Result<(), Refusal> {
        let Some(session) = uses.get(at) else { return Ok(()) };
        let auth = entity
            .filter(|_| session.include_auth)
            .map(|entity| self.tpm.auth_value(entity))
            .unwrap_or_default();
        let key = hmac::hmac_key(state, auth);
        let tpm = self.tpm;
        // The cpHash is wanted for auditing, too, so it is computed in any case.
        let digest = self.cp_hash(host, state.auth_hash)?;
        if key.is_empty() && session.given.is_empty() {
            return Ok(());
        }
        let own = [session.nonce_caller.as_bytes(), state.nonce_tpm.as_bytes()];
        let expected = if at == 0 && session.entity.is_some() && uses.len() > 1 {
            let [decrypting, encrypting] = extra_nonces(tpm, uses);
            let nonces = [own[0], own[1], decrypting, encrypting];
            hmac::session_hmac(host, state.auth_hash, &key, digest, &nonces, session.attributes)
        } else {
            hmac::session_hmac(host, state.auth_hash, &key, digest, &own, session.attributes)
        };
        if equal(expected.as_bytes(), session.given.as_bytes()) {
            Ok(())
        } else {
            Err(self.wrong_guess(session, at))
        }
    }

    /// The Names of the handles, one after the other.
    fn names(&self, host: &mut dyn Host) -> Result<Vec<u8>, TpmRc> {
        let mut names = Vec::with_capacity(self.handles.as_slice().len() * Tpm2bName::MAX);
        for handle in self.handles.as_slice() {
            names.extend_from_slice(self.tpm.name(host, *handle)?.as_bytes());
        }
        Ok(names)
    }

    /// cpHash for `hash`, computed once.
    fn cp_hash(&mut self, host: &mut dyn Host, hash: TpmiAlgHash) -> Result<&Tpm2bDigest, TpmRc> {
        let at = match self.cp_hashes.iter().position(|(known, _)| *known == hash) {
            Some(at) => at,
            None => {
                let names = self.names(host)?;
                let digest = hmac::cp_hash(host, hash, self.row.code, &names, self.parameters);
                if self.cp_hashes.is_empty() {
                    // One is enough for nearly all commands.
                    self.cp_hashes = Vec::with_capacity(1);
                }
                self.cp_hashes.push((hash, digest));
                self.cp_hashes.len() - 1
            }
        };
        self.cp_hashes.get(at).map(|(_, digest)| digest).ok_or(TpmRc::FAILURE)
    }

    /// The policy of a policy session.
    fn check_policy(
        &mut self,
        host: &mut dyn Host,
        state: &Session,
        entity: TpmHandle,
        role: Role,
        access: NvAccess,
    ) -> Result<(), TpmRc> {
        let tpm = self.tpm;
        let policy = tpm.usable_policy(entity, role, access)?;
        let restricted_digest = match &state.policy.restriction {
            Restriction::None => None,
            Restriction::CpHash(_) => Some(self.cp_hash(host, state.auth_hash)?.into()),
            Restriction::NameHash(_) => {
                let names = self.names(host)?;
                Some(crypto::hash(host, state.auth_hash, &[&names]).into())
            }
            Restriction::ParameterHash(_) => {
                Some(hmac::cp_hash(host, state.auth_hash, self.row.code, &[], self.parameters).into())
            }
            Restriction::TemplateHash(_) => self
                .template()
                .map(|template| crypto::hash(host, state.auth_hash, &[template]).into()),
        };
        state.policy.check(&Occasion {
            code: self.row.code,
            role,
            locality: self.locality.number(),
            time: tpm.time.now,
            epoch: tpm.time.epoch,
            pcr_update_counter: tpm.state_clear.pcrs.update_counter(),
            entity_policy: (policy.hash, policy.digest.as_bytes()),
            session_hash: state.auth_hash,
            nv_written: tpm.persistent.nv.get(entity).map(|index| index.has(TpmaNv::WRITTEN)),
            restricted_digest,
        })
    }

    /// The template of the object that the command creates: the contents of its second parameter, which is never encrypted.
    fn template(&self) -> Option<&[u8]> {
        if !matches!(
            self.row.code,
            TpmCc::CREATE | TpmCc::CREATE_PRIMARY | TpmCc::CREATE_LOADED
        ) {
            return None;
        }
        let mut reader = Reader::new(self.parameters);
        let first = u16::unmarshal(&mut reader).ok()?;
        reader.take(usize::from(first)).ok()?;
        let second = u16::unmarshal(&mut reader).ok()?;
        reader.take(usize::from(second)).ok()
    }

    /// What a wrong password or HMAC is answered with, and whether it counts.
    fn wrong_guess(&self, session: &SessionUse, at: usize) -> Refusal {
        let state = self.tpm.volatile.sessions.loaded(session.handle);
        let entity = session.entity.map(|(handle, _)| handle);
        let at_entity = entity
            .filter(|_| session.include_auth)
            .and_then(|handle| self.tpm.guess_at(handle));
        let guess = match state {
            Some(state) if state.bound_to_lockout => Some(Guess::Lockout),
            Some(state) if state.bound_to_protected => Some(at_entity.unwrap_or(Guess::Protected)),
            _ => at_entity,
        };
        let code = if guess.is_some() {
            TpmRc::AUTH_FAIL
        } else {
            TpmRc::BAD_AUTH
        };
        Refusal {
            code: code.with_session(at + 1),
            guess,
            pin: entity.filter(|_| session.include_auth),
        }
    }
}

/// The nonces of other sessions that encrypt, which the first session's HMAC ties to the command (Part 1 §19.6.5): of the one that decrypts the
/// command, and of the one that encrypts the response if that is another.
fn extra_nonces<'a>(tpm: &'a Tpm, uses: &[SessionUse]) -> [&'a [u8]; 2] {
    let decrypting = uses.iter().skip(1).find(|other| other.has(TpmaSession::DECRYPT));
    let encrypting = uses.iter().skip(1).find(|other| other.has(TpmaSession::ENCRYPT));
    let encrypting = encrypting.filter(|other| decrypting.is_none_or(|first| first.handle != other.handle));
    [decrypting, encrypting].map(|other| {
        other
            .and_then(|other| tpm.volatile.sessions.loaded(other.handle))
            .map(|state| state.nonce_tpm.as_bytes())
            .unwrap_or_default()
    })
}

/// Whether a session that is bound to something protected may be used at all for now.
fn check_bound_lockout(tpm: &Tpm, state: &Session) -> Result<(), TpmRc> {
    if state.bound_to_lockout {
        check_lockout(tpm, Some(Guess::Lockout))
    } else if state.bound_to_protected {
        check_lockout(tpm, Some(Guess::Protected))
    } else {
        Ok(())
    }
}

/// Whether a guess of this kind is allowed for now.
fn check_lockout(tpm: &Tpm, guess: Option<Guess>) -> Result<(), TpmRc> {
    let rules = &tpm.persistent.dictionary_attack;
    let refused = match guess {
        None => false,
        Some(Guess::Lockout) => !rules.lockout_auth_enabled,
        Some(Guess::Protected) => rules.is_locked_out(),
    };
    if refused { Err(TpmRc::LOCKOUT) } else { Ok(()) }
}

/// The parameters, of which the first is decrypted if a session says that it is encrypted.
fn decrypt<'a>(
    tpm: &Tpm,
    host: &mut dyn Host,
    uses: &[SessionUse],
    arrived: &'a [u8],
) -> Result<CommandParameters<'a>, TpmRc> {
    let Some((at, session)) = uses
        .iter()
        .enumerate()
        .find(|(_, session)| session.has(TpmaSession::DECRYPT))
    else {
        return Ok(CommandParameters::AsArrived(arrived));
    };
    let mut parameters = Wiped::new(arrived.to_vec());
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let auth = session
        .entity
        .map(|(entity, _)| tpm.auth_value(entity))
        .unwrap_or_default();
    let key = hmac::hmac_key(state, auth);
    let (newer, older) = (session.nonce_caller.as_bytes(), state.nonce_tpm.as_bytes());
    param_crypt::crypt_first(host, Direction::Decrypt, state, &key, newer, older, &mut parameters)
        .map_err(|code| code.with_session(at + 1))?;
    Ok(CommandParameters::Decrypted(parameters))
}
