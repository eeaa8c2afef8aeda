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
    entity::{Entity, NvAccess},
    hierarchy::dictionary_attack::Guess,
    session::{
        Session, SessionKind, hmac,
        param_crypt::{self, Direction},
        policy::{Occasion, Restriction},
    },
    structures::{
        Tpm2bAuth, Tpm2bDigest, Tpm2bName, Tpm2bNonce, TpmCc, TpmHandle, TpmRc, TpmaNv, TpmaSession, TpmiAlgHash,
        TpmiShAuthSessionOrPassword, TpmtSymDef, limits, trimmed,
    },
    tpm::{Locality, Tpm},
    wire::{Reader, Unmarshal},
};

/// The smallest authorisation area: a handle, two empty buffers and the attributes.
const SMALLEST_AREA: usize = 9;

/// What a command counts for when it fails after all: its caller counts it once everything else is undone.
#[derive(Default)]
pub struct Account {
    /// The PIN indices whose authValue was used rightly.
    pub proven: Vec<TpmHandle>,
    /// The PIN index at whose authValue was guessed.
    pub pin: Option<TpmHandle>,
    /// The wrong guess.
    pub guess: Option<Guess>,
}

/// How one session of the command is used. Nonce and HMAC or password are where they arrived, in the command, whose bytes the caller of the engine wipes.
#[derive(Clone, Copy)]
pub struct SessionUse<'a> {
    /// The session, or TPM_RS_PW.
    pub handle: TpmHandle,
    /// nonceCaller.
    pub nonce_caller: &'a [u8],
    /// The attributes that the caller set.
    pub attributes: TpmaSession,
    /// What the caller gave as HMAC or password.
    pub given: &'a [u8],
    /// The handle that the session authorises, with the role.
    pub entity: Option<(TpmHandle, Role)>,
    /// The authValue of that entity is part of the HMAC key.
    pub include_auth: bool,
}

impl SessionUse<'_> {
    /// No session, as often as there can be one. A constant is copied as a whole.
    const NONE: [Self; limits::MAX_SESSION_NUM] = [Self {
        handle: TpmHandle::RS_PW,
        nonce_caller: &[],
        attributes: TpmaSession::empty(),
        given: &[],
        entity: None,
        include_auth: false,
    }; limits::MAX_SESSION_NUM];

    /// Whether it is a password and no session.
    pub fn is_password(&self) -> bool {
        self.handle == TpmHandle::RS_PW
    }

    /// The authValue of what the session authorises, as it is now; empty when that is nothing, or gone.
    pub fn auth_value<'t>(&self, tpm: &'t Tpm) -> &'t [u8] {
        self.entity
            .map(|(handle, _)| tpm.auth_value(handle))
            .unwrap_or_default()
    }

    fn has(&self, attributes: TpmaSession) -> bool {
        self.attributes.contains(attributes)
    }
}

/// The authorisation area of a command as it is read, the parameters behind it, and what is computed on the way. That it is here says nothing: whether
/// the command may run, [`Permitted`] says.
pub struct AuthArea<'a> {
    /// The command.
    pub row: &'static Row,
    /// Whether the command came with TPM_ST_SESSIONS.
    pub sessions: bool,
    /// Whether command audit records the command.
    pub audited: bool,
    uses: [SessionUse<'a>; limits::MAX_SESSION_NUM],
    used: usize,
    /// Whether one of them is a session, and not only a password.
    pub with_session: bool,
    /// The parameters as they are in the command.
    arrived: &'a [u8],
    /// What only sessions and audit need.
    computed: Option<Computed>,
}

/// What is computed of a command with sessions, or of one that is audited.
#[derive(Default)]
struct Computed {
    /// cpHash, one for each hash that was needed.
    cp_hashes: Vec<(TpmiAlgHash, Tpm2bDigest)>,
    /// The parameters, if the first one was encrypted.
    decrypted: Option<Wiped<Vec<u8>>>,
}

impl<'a> AuthArea<'a> {
    /// The area of a command, empty so far.
    pub fn new(tpm: &Tpm, row: &'static Row, sessions: bool) -> Self {
        Self {
            row,
            sessions,
            audited: tpm.persistent.audit.contains(row.code),
            uses: SessionUse::NONE,
            used: 0,
            with_session: false,
            arrived: &[],
            computed: None,
        }
    }

    /// How the sessions are used, in order.
    pub fn uses(&self) -> &[SessionUse<'a>] {
        self.uses.get(..self.used).unwrap_or_default()
    }

    /// cpHash for `hash`, if a session needed it.
    pub fn cp_hash(&self, hash: TpmiAlgHash) -> Option<&Tpm2bDigest> {
        self.computed
            .as_ref()?
            .cp_hashes
            .iter()
            .find(|(known, _)| *known == hash)
            .map(|(_, digest)| digest)
    }

    /// The use whose session encrypts the response.
    pub fn encrypting(&self) -> Option<&SessionUse<'a>> {
        self.uses().iter().find(|session| session.has(TpmaSession::ENCRYPT))
    }
}

/// A command that may run. Nothing but [`authorize`] makes one.
#[derive(Clone, Copy)]
pub struct Permitted<'r, 'a>(&'r AuthArea<'a>);

impl<'r> Permitted<'r, '_> {
    /// The parameters, for the action.
    pub fn parameters(self) -> &'r [u8] {
        self.0
            .computed
            .as_ref()
            .and_then(|computed| computed.decrypted.as_ref())
            .map_or(self.0.arrived, |parameters| parameters.as_slice())
    }
}

impl<'a> core::ops::Deref for Permitted<'_, 'a> {
    type Target = AuthArea<'a>;

    fn deref(&self) -> &AuthArea<'a> {
        self.0
    }
}

/// Reads the authorisation area, judges it, and decrypts the first parameter. What has to be counted goes to `account`.
pub fn authorize<'r, 'a>(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    locality: Locality,
    located: Located<'a>,
    area: &'r mut AuthArea<'a>,
    account: &mut Account,
) -> Result<Permitted<'r, 'a>, TpmRc> {
    let Located {
        row, handles, mut body, ..
    } = located;
    if area.sessions {
        read_area(tpm, &mut body, area)?;
    }
    area.arrived = body.rest();
    assign(row, &handles, area)?;
    if area.used == 0 && !area.audited {
        return Ok(Permitted(area));
    }
    let mut authorizer = Authorizer {
        tpm,
        locality,
        handles,
        area,
        account,
    };
    for at in 0..authorizer.area.used {
        authorizer.judge(host, at)?;
    }
    if authorizer.area.audited {
        authorizer.cp_hash(host, tpm.persistent.audit.hash)?;
    }
    // cpHash is over the parameters as they arrived, so it is computed before they are decrypted, also for those who only audit.
    if area.with_session {
        decrypt(tpm, host, area)?;
    }
    for entity in &account.proven {
        tpm.persistent.nv.record_pin_use(*entity, true)?;
    }
    Ok(Permitted(area))
}

/// Says which session authorises which handle: TPM_RC_AUTH_MISSING when there are too few.
fn assign(row: &Row, handles: &Handles, area: &mut AuthArea<'_>) -> Result<(), TpmRc> {
    for (spec, (at, handle)) in row.handles.iter().zip(handles.iter()) {
        if spec.role != Role::None {
            let session = area.uses.get_mut(at).filter(|_| at < area.used);
            session.ok_or(TpmRc::AUTH_MISSING)?.entity = Some((handle, spec.role));
        }
    }
    Ok(())
}

/// Reads the sessions of the area and checks what can be checked of each by itself.
fn read_area<'a>(tpm: &Tpm, body: &mut Reader<'a>, area: &mut AuthArea<'a>) -> Result<(), TpmRc> {
    let size = usize::try_from(u32::unmarshal(body)?).unwrap_or(usize::MAX);
    if size < SMALLEST_AREA || size > body.remaining() {
        return Err(TpmRc::SIZE);
    }
    if area.row.sessions == Sessions::Never {
        return Err(TpmRc::AUTH_CONTEXT);
    }
    let mut bytes = Reader::new(body.take(size)?);
    while !bytes.is_empty() {
        let number = area.used + 1;
        let slot = area.uses.get_mut(area.used);
        let slot = slot.ok_or(TpmRc::SIZE.with_session(number))?;
        read_session(&mut bytes, slot).map_err(|code| code.with_session(number))?;
        area.with_session |= !slot.is_password();
        area.used = number;
        check_session(tpm, area.row, area.uses()).map_err(|code| code.with_session(number))?;
    }
    Ok(())
}

/// How a password begins: TPM_RS_PW, and the nonce that it may not have.
const PASSWORD: &[u8; 6] = &[0x40, 0, 0, 9, 0, 0];

/// Reads one session of the area (TPMS_AUTH_COMMAND) into a slot that has held none.
fn read_session<'a>(area: &mut Reader<'a>, slot: &mut SessionUse<'a>) -> Result<(), TpmRc> {
    // Most are passwords, and an interpreter feels every field.
    if area.rest().first_chunk() == Some(PASSWORD) {
        area.take(PASSWORD.len())?;
        slot.attributes = TpmaSession::unmarshal(area)?;
        slot.given = Tpm2bAuth::lent(area)?;
        return Ok(());
    }
    read_any_session(area, slot)
}

/// As [`read_session`], field by field.
fn read_any_session<'a>(area: &mut Reader<'a>, slot: &mut SessionUse<'a>) -> Result<(), TpmRc> {
    slot.handle = TpmiShAuthSessionOrPassword::unmarshal(area)?.handle();
    slot.nonce_caller = Tpm2bNonce::lent(area)?;
    slot.attributes = TpmaSession::unmarshal(area)?;
    slot.given = Tpm2bAuth::lent(area)?;
    Ok(())
}

/// Checks what can be checked of the last session by itself and beside those before it.
fn check_session(tpm: &Tpm, row: &Row, uses: &[SessionUse<'_>]) -> Result<(), TpmRc> {
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

/// A command on its way through the authorisation area.
struct Authorizer<'t, 'a> {
    tpm: &'t Tpm,
    locality: Locality,
    handles: Handles,
    area: &'t mut AuthArea<'a>,
    account: &'t mut Account,
}

impl<'a> Authorizer<'_, 'a> {
    /// Judges the session at `at`.
    fn judge(&mut self, host: &mut dyn Host, at: usize) -> Result<(), TpmRc> {
        let tpm = self.tpm;
        let Some(session) = self.area.uses.get(at) else {
            return Ok(());
        };
        let number = at + 1;
        let state = tpm.volatile.sessions.loaded(session.handle);
        let Some((handle, role)) = session.entity else {
            let state = state.ok_or(TpmRc::HANDLE.with_session(number))?;
            let useful = TpmaSession::AUDIT | TpmaSession::ENCRYPT | TpmaSession::DECRYPT;
            if !session.attributes.intersects(useful) || state.kind == SessionKind::Trial {
                return Err(TpmRc::ATTRIBUTES.with_session(number));
            }
            check_bound_lockout(tpm, state)?;
            return self.check_hmac(host, at, state, None);
        };
        if let Some(state) = state {
            if state.kind == SessionKind::Trial {
                return Err(TpmRc::ATTRIBUTES.with_session(number));
            }
            check_bound_lockout(tpm, state)?;
        }
        if self.area.row.physical_presence && handle == TpmHandle::PLATFORM {
            return Err(TpmRc::PP.with_session(number));
        }
        let entity = tpm.entity(handle);
        let include_auth = match state {
            None => true,
            Some(state) if state.kind == SessionKind::Policy => {
                state.policy.needs_auth_value || state.policy.needs_password
            }
            Some(state) => !self.is_bound_to(host, state, entity),
        };
        if include_auth {
            check_lockout(tpm, entity.guess())?;
            if let Some(session) = self.area.uses.get_mut(at) {
                session.include_auth = true;
            }
        }
        let access = if self.area.row.nv_write {
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
                self.check_hmac(host, at, state, Some(entity))?;
            }
            _ => self.check_password(at, entity)?,
        }
        // Of other indices nothing is counted.
        if include_auth && matches!(entity, Entity::NvIndex(index) if index.is_pin()) {
            self.account.proven.push(handle);
        }
        Ok(())
    }

    /// Whether an HMAC session is bound to this entity as it is now.
    fn is_bound_to(&self, host: &mut dyn Host, state: &Session, entity: Entity<'_>) -> bool {
        let Some(binding) = &state.binding else { return false };
        self.tpm
            .binding_snapshot(host, entity)
            .is_ok_and(|snapshot| snapshot == *binding.snapshot)
    }

    /// The password in the place of an HMAC.
    fn check_password(&mut self, at: usize, entity: Entity<'_>) -> Result<(), TpmRc> {
        let Some(session) = self.area.uses.get(at) else {
            return Ok(());
        };
        if equal(trimmed(session.given), self.tpm.auth_value_of(entity)) {
            Ok(())
        } else {
            Err(self.wrong_guess(at))
        }
    }

    /// The HMAC of a session; `entity` is what it authorises, if anything.
    fn check_hmac(
        &mut self,
        host: &mut dyn Host,
        at: usize,
        state: &Session,
        entity: Option<Entity<'_>>,
    ) -> Result<(), TpmRc> {
        // The cpHash is wanted for auditing, too, so it is computed in any case.
        self.cp_hash(host, state.auth_hash)?;
        let tpm = self.tpm;
        let uses = self.area.uses();
        let Some(session) = uses.get(at) else { return Ok(()) };
        let auth = entity
            .filter(|_| session.include_auth)
            .map(|entity| tpm.auth_value_of(entity))
            .unwrap_or_default();
        let key = hmac::hmac_key(state, auth);
        if key.is_empty() && session.given.is_empty() {
            return Ok(());
        }
        let digest = self.area.cp_hash(state.auth_hash).ok_or(TpmRc::FAILURE)?;
        let own = [session.nonce_caller, state.nonce_tpm.as_bytes()];
        let expected = if at == 0 && session.entity.is_some() && uses.len() > 1 {
            let [decrypting, encrypting] = extra_nonces(tpm, uses);
            let nonces = [own[0], own[1], decrypting, encrypting];
            hmac::session_hmac(host, state.auth_hash, &key, digest, &nonces, session.attributes)
        } else {
            hmac::session_hmac(host, state.auth_hash, &key, digest, &own, session.attributes)
        };
        if equal(expected.as_bytes(), session.given) {
            Ok(())
        } else {
            Err(self.wrong_guess(at))
        }
    }

    /// The Names of the handles, one after the other.
    fn names(&self, host: &mut dyn Host) -> Result<Vec<u8>, TpmRc> {
        let mut names = Vec::with_capacity(limits::MAX_HANDLE_NUM * Tpm2bName::MAX);
        for (_, handle) in self.handles.iter() {
            names.extend_from_slice(self.tpm.entity(handle).name(host)?.as_bytes());
        }
        Ok(names)
    }

    /// Computes cpHash for `hash`, unless it is known.
    fn cp_hash(&mut self, host: &mut dyn Host, hash: TpmiAlgHash) -> Result<(), TpmRc> {
        if self.area.cp_hash(hash).is_some() {
            return Ok(());
        }
        let names = self.names(host)?;
        let digest = hmac::cp_hash(host, hash, self.area.row.code, &names, self.area.arrived);
        let cp_hashes = &mut self.area.computed.get_or_insert_default().cp_hashes;
        // One is enough for nearly all commands.
        cp_hashes.reserve_exact(1);
        cp_hashes.push((hash, digest));
        Ok(())
    }

    /// The policy of a policy session.
    fn check_policy(
        &mut self,
        host: &mut dyn Host,
        state: &Session,
        entity: Entity<'_>,
        role: Role,
        access: NvAccess,
    ) -> Result<(), TpmRc> {
        let tpm = self.tpm;
        let entity_policy = tpm.usable_policy(entity, role, access)?;
        let code = self.area.row.code;
        let restricted_digest = match &state.policy.restriction {
            Restriction::None => None,
            Restriction::CpHash(_) => {
                self.cp_hash(host, state.auth_hash)?;
                self.area.cp_hash(state.auth_hash).map(Into::into)
            }
            Restriction::NameHash(_) => {
                let names = self.names(host)?;
                Some(crypto::hash(host, state.auth_hash, &[&names]).into())
            }
            Restriction::ParameterHash(_) => {
                Some(hmac::cp_hash(host, state.auth_hash, code, &[], self.area.arrived).into())
            }
            Restriction::TemplateHash(_) => self
                .template()
                .map(|template| crypto::hash(host, state.auth_hash, &[template]).into()),
        };
        state.policy.check(&Occasion {
            code,
            role,
            locality: self.locality.number(),
            time: tpm.time.now,
            epoch: tpm.time.epoch,
            pcr_update_counter: tpm.state_clear.pcrs.update_counter(),
            entity_policy,
            session_hash: state.auth_hash,
            nv_written: match entity {
                Entity::NvIndex(index) => Some(index.has(TpmaNv::WRITTEN)),
                _ => None,
            },
            restricted_digest,
        })
    }

    /// The template of the object that the command creates: the contents of its second parameter, which is never encrypted.
    fn template(&self) -> Option<&'a [u8]> {
        if !matches!(
            self.area.row.code,
            TpmCc::CREATE | TpmCc::CREATE_PRIMARY | TpmCc::CREATE_LOADED
        ) {
            return None;
        }
        let mut reader = Reader::new(self.area.arrived);
        let first = u16::unmarshal(&mut reader).ok()?;
        reader.take(usize::from(first)).ok()?;
        let second = u16::unmarshal(&mut reader).ok()?;
        reader.take(usize::from(second)).ok()
    }

    /// What a wrong password or HMAC is answered with; notes what it counts for.
    fn wrong_guess(&mut self, at: usize) -> TpmRc {
        let Some(session) = self.area.uses.get(at) else {
            return TpmRc::FAILURE;
        };
        let state = self.tpm.volatile.sessions.loaded(session.handle);
        let entity = session
            .entity
            .map(|(handle, _)| handle)
            .filter(|_| session.include_auth);
        let at_entity = entity.and_then(|handle| self.tpm.entity(handle).guess());
        let guess = match state {
            Some(state) if state.bound_to_lockout => Some(Guess::Lockout),
            Some(state) if state.bound_to_protected => Some(at_entity.unwrap_or(Guess::Protected)),
            _ => at_entity,
        };
        self.account.guess = guess;
        self.account.pin = entity;
        let code = if guess.is_some() {
            TpmRc::AUTH_FAIL
        } else {
            TpmRc::BAD_AUTH
        };
        code.with_session(at + 1)
    }
}

/// The nonces of other sessions that encrypt, which the first session's HMAC ties to the command (Part 1 §19.6.5): of the one that decrypts the
/// command, and of the one that encrypts the response if that is another.
fn extra_nonces<'t>(tpm: &'t Tpm, uses: &[SessionUse<'_>]) -> [&'t [u8]; 2] {
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

/// Decrypts the first parameter, if a session says that it is encrypted.
fn decrypt(tpm: &Tpm, host: &mut dyn Host, area: &mut AuthArea<'_>) -> Result<(), TpmRc> {
    let mut numbered = area.uses().iter().zip(1..);
    let Some((session, number)) = numbered.find(|(session, _)| session.has(TpmaSession::DECRYPT)) else {
        return Ok(());
    };
    let mut parameters = Wiped::new(area.arrived.to_vec());
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let key = hmac::hmac_key(state, session.auth_value(tpm));
    let (newer, older) = (session.nonce_caller, state.nonce_tpm.as_bytes());
    param_crypt::crypt_first(host, Direction::Decrypt, state, &key, newer, older, &mut parameters)
        .map_err(|code| code.with_session(number))?;
    area.computed.get_or_insert_default().decrypted = Some(parameters);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    // Part 2 §10.13.2: the quick way through a password takes and refuses what the other way does, and reads the same.
    #[test]
    fn passwords_are_read_as_any_session() {
        let tails = [
            vec![],
            vec![0x01],
            vec![0x1f, 0],
            vec![0x01, 0, 0],
            vec![0xff, 0, 2, 7, 8],
            vec![0x18, 0, 3, 7, 8],
            [&[0, 0, 64][..], &[9; 64]].concat(),
            [&[0, 0, 65][..], &[9; 65]].concat(),
            vec![0x61, 0, 1, 5, 0x40, 0, 0, 9],
        ];
        for tail in tails {
            let bytes = [PASSWORD, &tail[..]].concat();
            let [quick, thorough] = [read_session, read_any_session].map(|read| {
                let (mut reader, [mut slot, ..]) = (Reader::new(&bytes), SessionUse::NONE);
                let outcome = read(&mut reader, &mut slot);
                let fields = (slot.handle, slot.nonce_caller, slot.attributes, slot.given);
                outcome.map(|()| (fields, reader.remaining()))
            });
            assert_eq!(quick, thorough, "{tail:02x?}");
        }
    }
}
