//! The response (Part 3 §5.9 to §5.11): nonces roll, the first response parameter is encrypted, audit digests grow, HMACs are computed, and
//! sessions that are not to continue end.
//!
//! Only what succeeded comes here. Everything that changes in a session changes with the rest of the command, and is undone with it when
//! the host does not commit.

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::Host;

use super::{
    auth_area::{AuthArea, SessionUse},
    table::{Outcome, Sessions},
};
use crate::{
    crypto,
    session::{
        SessionKind, hmac,
        param_crypt::{self, Direction},
        policy::PolicyState,
    },
    structures::{Tpm2bAuth, Tpm2bDigest, Tpm2bNonce, TpmRc, TpmSt, TpmaSession, TpmsAuthResponse, limits},
    tpm::Tpm,
    wire::Writer,
};

/// The header's size: tag, size and response code.
const HEADER: usize = 10;
/// Most bytes of a session's entry in the response.
const SESSION_ENTRY: usize = 2 * (2 + limits::MAX_DIGEST_SIZE) + 1;

/// The response to a command that failed.
pub fn error(code: TpmRc) -> Vec<u8> {
    end(begin(TpmSt::NO_SESSIONS, code, 0))
}

/// The response to a command without handles and sessions that succeeded.
pub fn plain(parameters: &Writer) -> Vec<u8> {
    let mut response = begin(TpmSt::NO_SESSIONS, TpmRc::SUCCESS, parameters.len());
    response.bytes(parameters.as_slice());
    end(response)
}

/// The response to a command that succeeded.
pub fn success(tpm: &mut Tpm, host: &mut dyn Host, area: &AuthArea, outcome: Outcome) -> Result<Vec<u8>, TpmRc> {
    let mut parameters = Wiped::new(outcome.parameters.into_vec());
    if !area.sessions {
        if area.row.sessions == Sessions::Allowed {
            tpm.volatile.sessions.set_exclusive(None);
        }
        audit_command(tpm, host, area, &parameters)?;
        let mut response = begin(TpmSt::NO_SESSIONS, TpmRc::SUCCESS, parameters.len());
        outcome.handle.iter().for_each(|handle| response.put(handle));
        response.bytes(&parameters);
        return Ok(end(response));
    }
    for session in area.uses.iter().filter(|session| !session.is_password()) {
        roll_nonce(tpm, host, session)?;
    }
    if let Some(session) = area.encrypting() {
        encrypt(tpm, host, session, &mut parameters)?;
    }
    audit(tpm, host, area, &parameters)?;
    audit_command(tpm, host, area, &parameters)?;
    let entries = SESSION_ENTRY * area.uses.len();
    let mut response = begin(TpmSt::SESSIONS, TpmRc::SUCCESS, parameters.len() + entries);
    outcome.handle.iter().for_each(|handle| response.put(handle));
    response.put(&u32::try_from(parameters.len()).map_err(|_| TpmRc::FAILURE)?);
    response.bytes(&parameters);
    for session in &area.uses {
        response.put(&answer(tpm, host, area, session, &parameters)?);
    }
    for session in area.uses.iter().filter(|session| !session.is_password()) {
        end_or_continue(tpm, session)?;
    }
    Ok(end(response))
}

/// The header, and room for `more` bytes behind it, a handle and a size.
fn begin(tag: TpmSt, code: TpmRc, more: usize) -> Writer {
    let mut response = Writer::with_capacity(HEADER + 8 + more);
    response.put(&tag);
    response.put(&0u32);
    response.put(&code);
    response
}

/// The response with its size in the header.
fn end(response: Writer) -> Vec<u8> {
    let mut response = response.into_vec();
    let size = u32::try_from(response.len()).unwrap_or(u32::MAX);
    if let Some(slot) = response.get_mut(2..6) {
        slot.copy_from_slice(&size.to_be_bytes());
    }
    response
}

/// A new nonceTPM, as long as the one before.
fn roll_nonce(tpm: &mut Tpm, host: &mut dyn Host, session: &SessionUse) -> Result<(), TpmRc> {
    let size = tpm
        .volatile
        .sessions
        .loaded(session.handle)
        .ok_or(TpmRc::FAILURE)?
        .nonce_tpm
        .len();
    let nonce = Tpm2bNonce::new(&tpm.rng.bytes(host, size)?)?;
    tpm.volatile
        .sessions
        .edit(session.handle)
        .ok_or(TpmRc::FAILURE)?
        .nonce_tpm = nonce;
    Ok(())
}

/// The authValue of what the session authorised, as it is after the command; empty when that is gone.
fn auth_of(tpm: &Tpm, session: &SessionUse) -> Tpm2bAuth {
    session
        .entity
        .map(|(entity, _)| tpm.auth_value(entity))
        .unwrap_or_default()
}

fn encrypt(tpm: &Tpm, host: &mut dyn Host, session: &SessionUse, parameters: &mut [u8]) -> Result<(), TpmRc> {
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let key = hmac::hmac_key(state, auth_of(tpm, session).as_bytes());
    let (newer, older) = (state.nonce_tpm.as_bytes(), session.nonce_caller.as_bytes());
    param_crypt::crypt_first(host, Direction::Encrypt, state, &key, newer, older, parameters)
}

/// Session audit (Part 1 §36): the digest of the session that audits, and which session is exclusive.
fn audit(tpm: &mut Tpm, host: &mut dyn Host, area: &AuthArea, parameters: &[u8]) -> Result<(), TpmRc> {
    let Some(session) = area
        .uses
        .iter()
        .find(|session| session.attributes.contains(TpmaSession::AUDIT))
    else {
        tpm.volatile.sessions.set_exclusive(None);
        return Ok(());
    };
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let hash = state.auth_hash;
    let started = state
        .audit
        .clone()
        .filter(|_| !session.attributes.contains(TpmaSession::AUDIT_RESET));
    let exclusive = started.is_none() || tpm.volatile.sessions.exclusive() == Some(session.handle);
    let before = match started {
        Some(digest) => digest,
        None => Tpm2bDigest::from_vec(alloc::vec![0; hash.digest_size()])?,
    };
    let cp_hash = area.cp_hash(hash).ok_or(TpmRc::FAILURE)?;
    let rp_hash = hmac::rp_hash(host, hash, area.row.code, parameters);
    let digest = crypto::hash(host, hash, &[before.as_bytes(), cp_hash.as_bytes(), rp_hash.as_bytes()]);
    let state = tpm.volatile.sessions.edit(session.handle).ok_or(TpmRc::FAILURE)?;
    if state.audit.is_none() {
        state.binding = None;
    }
    state.audit = Some(digest);
    tpm.volatile.sessions.set_exclusive(exclusive.then_some(session.handle));
    Ok(())
}

/// Command audit (Part 1 §36.3): the digest over all audited commands. A command that changes the digest's algorithm is in neither digest.
fn audit_command(tpm: &mut Tpm, host: &mut dyn Host, area: &AuthArea, parameters: &[u8]) -> Result<(), TpmRc> {
    let audit = &tpm.persistent.audit;
    let hash = audit.hash;
    if !audit.contains(area.row.code) || audit.before().is_some_and(|before| before.hash != hash) {
        return Ok(());
    }
    let mut digest = (*tpm.state_reset.audit_digest).clone();
    if digest.is_empty() {
        digest = Tpm2bDigest::from_vec(alloc::vec![0; hash.digest_size()])?;
        let counter = audit.counter.wrapping_add(1);
        tpm.persistent.audit.edit().counter = counter;
    }
    let cp_hash = area.cp_hash(hash).ok_or(TpmRc::FAILURE)?;
    let rp_hash = hmac::rp_hash(host, hash, area.row.code, parameters);
    let digest = crypto::hash(host, hash, &[digest.as_bytes(), cp_hash.as_bytes(), rp_hash.as_bytes()]);
    tpm.state_reset.audit_digest.set(digest);
    Ok(())
}

/// The session's entry in the response.
fn answer(
    tpm: &Tpm,
    host: &mut dyn Host,
    area: &AuthArea,
    session: &SessionUse,
    parameters: &[u8],
) -> Result<TpmsAuthResponse, TpmRc> {
    if session.is_password() {
        let session_attributes = session.attributes.with(TpmaSession::CONTINUE_SESSION);
        return Ok(TpmsAuthResponse {
            nonce: Tpm2bNonce::empty(),
            session_attributes,
            hmac: Tpm2bAuth::empty(),
        });
    }
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let exclusive = tpm.volatile.sessions.exclusive() == Some(session.handle);
    // Of a session that does not audit the attribute says nothing, and comes back as it came.
    let attributes = if session.attributes.contains(TpmaSession::AUDIT) {
        session.attributes.set_to(TpmaSession::AUDIT_EXCLUSIVE, exclusive)
    } else {
        session.attributes
    };
    let auth = if session.include_auth {
        auth_of(tpm, session)
    } else {
        Tpm2bAuth::empty()
    };
    let key = hmac::hmac_key(state, auth.as_bytes());
    let password = state.kind == SessionKind::Policy && state.policy.needs_password && session.entity.is_some();
    let hmac = if password || (key.is_empty() && session.given.is_empty()) {
        Tpm2bAuth::empty()
    } else {
        let rp_hash = hmac::rp_hash(host, state.auth_hash, area.row.code, parameters);
        let nonces = [state.nonce_tpm.as_bytes(), session.nonce_caller.as_bytes()];
        Tpm2bAuth::new(hmac::session_hmac(host, state.auth_hash, &key, &rp_hash, &nonces, attributes).as_bytes())?
    };
    Ok(TpmsAuthResponse {
        nonce: state.nonce_tpm.clone(),
        session_attributes: attributes,
        hmac,
    })
}

/// Ends a session that is not to continue; a policy that continues begins anew.
fn end_or_continue(tpm: &mut Tpm, session: &SessionUse) -> Result<(), TpmRc> {
    if !session.attributes.contains(TpmaSession::CONTINUE_SESSION) {
        tpm.volatile.sessions.flush(session.handle);
        return Ok(());
    }
    let (now, epoch) = (tpm.time.now, tpm.time.epoch);
    let state = tpm.volatile.sessions.edit(session.handle).ok_or(TpmRc::FAILURE)?;
    if state.kind == SessionKind::Policy {
        state.policy = PolicyState::begin(state.auth_hash, now, epoch)?;
    }
    Ok(())
}
