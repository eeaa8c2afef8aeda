//! The response (Part 3 §5.9 to §5.11): nonces roll, the first response parameter is encrypted, audit digests grow, HMACs are computed, and
//! sessions that are not to continue end.
//!
//! Only what succeeded comes here. Everything that changes in a session changes with the rest of the command, and is undone with it when
//! the host does not commit.

use alloc::vec::Vec;

use tpm_contract::{Host, bounds};

use super::{
    auth_area::{AuthArea, Permitted, SessionUse},
    table::{Row, Sessions},
};
use crate::{
    crypto,
    session::{
        InlineDigest, SessionKind, hmac,
        param_crypt::{self, Direction},
        policy::PolicyState,
    },
    structures::{SUCCESS, Tpm2bDigest, TpmHandle, TpmRc, TpmSt, TpmaCc, TpmaSession, TpmiAlgHash},
    tpm::Tpm,
    wipe::Wipe,
    wire::Writer,
};

/// The header's size: tag, size and response code.
const HEADER: usize = 10;
/// The size of a handle and of the parameters' size.
const WORD: usize = 4;

/// A response on its way: the room that the header and what precedes the parameters will take, and the parameters behind it. It never moves before
/// it is as long as the longest response, and is wiped when the command fails after all.
pub struct Response {
    writer: Writer,
    /// Where the response handle, the size of the parameters and the parameters are.
    handle: usize,
    size: usize,
    parameters: usize,
}

impl Response {
    /// An empty response to the command of `row`, with or without sessions.
    pub fn begin(row: &Row, sessions: bool) -> Self {
        let handle = HEADER;
        let size = handle
            + if row.attributes.contains(TpmaCc::R_HANDLE) {
                WORD
            } else {
                0
            };
        let parameters = size + if sessions { WORD } else { 0 };
        let mut writer = Writer::with_capacity(bounds::MAX_RESPONSE);
        writer.zeros(parameters);
        Self {
            writer,
            handle,
            size,
            parameters,
        }
    }

    /// The response handle, for a command that has one.
    pub fn put_handle(&mut self, handle: TpmHandle) {
        if self.handle < self.size {
            self.writer.put_at(self.handle, handle.0.to_be_bytes());
        }
    }

    /// Where the action writes its parameters.
    pub fn parameters(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Completes the response to a command that succeeded.
    pub fn complete(
        &mut self,
        tpm: &mut Tpm,
        host: &mut dyn Host,
        area: Permitted<'_, '_>,
    ) -> Result<Completed<'_>, TpmRc> {
        if !area.with_session && (area.sessions || area.row.sessions == Sessions::Allowed) {
            tpm.volatile.sessions.set_exclusive(None);
        }
        if area.with_session || area.audited {
            self.finish(tpm, host, &area)?;
        } else if area.sessions {
            // Passwords neither encrypt nor audit, and nothing of them rolls or ends.
            self.put_size()?;
            area.uses()
                .iter()
                .for_each(|session| password_entry(&mut self.writer, session));
        }
        let tag = if area.sessions {
            TpmSt::SESSIONS
        } else {
            TpmSt::NO_SESSIONS
        };
        let size = u32::try_from(self.writer.len()).unwrap_or(u32::MAX);
        self.writer.put_at(0, header(tag, size, SUCCESS));
        Ok(Completed(self))
    }

    /// All that sessions and audit have to do with a response.
    fn finish(&mut self, tpm: &mut Tpm, host: &mut dyn Host, area: &AuthArea<'_>) -> Result<(), TpmRc> {
        let mut rp_hash = RpHash {
            start: self.parameters - hmac::RP_HASH_OPENING,
            end: self.writer.len(),
            known: None,
        };
        let used = || area.uses().iter().filter(|session| !session.is_password());
        for session in used() {
            roll_nonce(tpm, host, session)?;
        }
        if let Some(session) = area.encrypting() {
            encrypt(tpm, host, session, self.writer.tail_mut(self.parameters))?;
        }
        if area.with_session {
            audit(tpm, host, area, &mut rp_hash, &mut self.writer)?;
        }
        audit_command(tpm, host, area, &mut rp_hash, &mut self.writer)?;
        if area.sessions {
            self.put_size()?;
        }
        for session in area.uses() {
            if session.is_password() {
                password_entry(&mut self.writer, session);
            } else {
                answer(tpm, host, area, session, &mut rp_hash, &mut self.writer)?;
            }
        }
        used().try_for_each(|session| end_or_continue(tpm, session))
    }

    /// The size of the parameters, once they are complete.
    fn put_size(&mut self) -> Result<(), TpmRc> {
        let size = u32::try_from(self.writer.len() - self.parameters).map_err(|_| TpmRc::FAILURE)?;
        self.writer.put_at(self.size, size.to_be_bytes());
        Ok(())
    }
}

/// A response that is complete. Nothing but [`Response::complete`] makes one.
pub struct Completed<'r>(&'r mut Response);

impl Completed<'_> {
    /// Takes the response out.
    pub fn take(self) -> Vec<u8> {
        core::mem::take(&mut self.0.writer).into_vec()
    }
}

/// rpHash of a response whose parameters are as they leave: computed when it is asked for, and once for a hash.
struct RpHash {
    /// Where the parameters are in the response, with the room in front of them that [`hmac::rp_hash`] needs: the header alone is longer.
    start: usize,
    end: usize,
    known: Option<(TpmiAlgHash, Tpm2bDigest)>,
}

impl RpHash {
    /// rpHash for `hash`.
    fn of(
        &mut self,
        host: &mut dyn Host,
        hash: TpmiAlgHash,
        area: &AuthArea<'_>,
        response: &mut Writer,
    ) -> Result<&Tpm2bDigest, TpmRc> {
        if self.known.as_ref().is_none_or(|(known, _)| *known != hash) {
            let (message, _) = response
                .tail_mut(self.start)
                .split_at_mut_checked(self.end - self.start)
                .ok_or(TpmRc::FAILURE)?;
            let digest = hmac::rp_hash(host, hash, area.row.code, message).ok_or(TpmRc::FAILURE)?;
            self.known = Some((hash, digest));
        }
        self.known.as_ref().map(|(_, digest)| digest).ok_or(TpmRc::FAILURE)
    }

    /// An audit digest (Part 1 §36) that was `before`, after this command: over it, cpHash and rpHash.
    fn audited(
        &mut self,
        host: &mut dyn Host,
        hash: TpmiAlgHash,
        area: &AuthArea<'_>,
        response: &mut Writer,
        before: &[u8],
    ) -> Result<Tpm2bDigest, TpmRc> {
        let cp_hash = area.cp_hash(hash).ok_or(TpmRc::FAILURE)?;
        let rp_hash = self.of(host, hash, area, response)?;
        Ok(crypto::hash(
            host,
            hash,
            &[before, cp_hash.as_bytes(), rp_hash.as_bytes()],
        ))
    }
}

const _: () = assert!(HEADER >= hmac::RP_HASH_OPENING);

impl Drop for Response {
    fn drop(&mut self) {
        self.writer.wipe();
    }
}

/// The response to a command that failed.
pub fn error(code: TpmRc) -> Vec<u8> {
    header(TpmSt::NO_SESSIONS, HEADER as u32, code.value()).to_vec()
}

/// The response to a command without handles and sessions that succeeded.
pub fn plain(parameters: &Writer) -> Vec<u8> {
    let size = u32::try_from(HEADER + parameters.len()).unwrap_or(u32::MAX);
    let header = header(TpmSt::NO_SESSIONS, size, SUCCESS);
    [&header, parameters.as_slice()].concat()
}

/// The first bytes of every response.
fn header(tag: TpmSt, size: u32, code: u32) -> [u8; HEADER] {
    let [t0, t1] = tag.0.to_be_bytes();
    let [s0, s1, s2, s3] = size.to_be_bytes();
    let [c0, c1, c2, c3] = code.to_be_bytes();
    [t0, t1, s0, s1, s2, s3, c0, c1, c2, c3]
}

/// The session's entry in the response for a password: no nonce, no HMAC, and it always continues.
fn password_entry(writer: &mut Writer, session: &SessionUse<'_>) {
    let attributes = session.attributes.with(TpmaSession::CONTINUE_SESSION);
    writer.bytes(&[0, 0, attributes.bits(), 0, 0]);
}

/// A new nonceTPM, as long as the one before.
fn roll_nonce(tpm: &mut Tpm, host: &mut dyn Host, session: &SessionUse<'_>) -> Result<(), TpmRc> {
    let state = tpm.volatile.sessions.edit(session.handle).ok_or(TpmRc::FAILURE)?;
    tpm.rng.fill(host, state.nonce_tpm.as_mut_bytes())?;
    Ok(())
}

fn encrypt(tpm: &Tpm, host: &mut dyn Host, session: &SessionUse<'_>, parameters: &mut [u8]) -> Result<(), TpmRc> {
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let key = hmac::hmac_key(state, session.auth_value(tpm));
    let (newer, older) = (state.nonce_tpm.as_bytes(), session.nonce_caller);
    param_crypt::crypt_first(host, Direction::Encrypt, state, &key, newer, older, parameters)
}

/// Session audit (Part 1 §36): the digest of the session that audits, and which session is exclusive.
fn audit(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    area: &AuthArea<'_>,
    rp_hash: &mut RpHash,
    response: &mut Writer,
) -> Result<(), TpmRc> {
    let Some(session) = area
        .uses()
        .iter()
        .find(|session| session.attributes.contains(TpmaSession::AUDIT))
    else {
        tpm.volatile.sessions.set_exclusive(None);
        return Ok(());
    };
    let was_exclusive = tpm.volatile.sessions.exclusive() == Some(session.handle);
    let state = tpm.volatile.sessions.edit(session.handle).ok_or(TpmRc::FAILURE)?;
    let hash = state.auth_hash;
    if state.audit.is_none() {
        state.binding = None;
    }
    let begins = state.audit.is_none() || session.attributes.contains(TpmaSession::AUDIT_RESET);
    if begins {
        state.audit = Some(InlineDigest::zeros(hash));
    }
    let exclusive = begins || was_exclusive;
    let before = state.audit.as_ref().ok_or(TpmRc::FAILURE)?;
    let digest = rp_hash.audited(host, hash, area, response, before.as_bytes())?;
    state.audit = Some(digest.into());
    tpm.volatile.sessions.set_exclusive(exclusive.then_some(session.handle));
    Ok(())
}

/// Command audit (Part 1 §36.3): the digest over all audited commands. A command that changes the digest's algorithm is in neither digest.
fn audit_command(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    area: &AuthArea<'_>,
    rp_hash: &mut RpHash,
    response: &mut Writer,
) -> Result<(), TpmRc> {
    // Which commands are audited can have changed, but by a command that always is.
    if !area.audited {
        return Ok(());
    }
    let audit = &tpm.persistent.audit;
    let hash = audit.hash;
    if audit.before().is_some_and(|before| before.hash != hash) {
        return Ok(());
    }
    let mut digest = (*tpm.state_reset.audit_digest).clone();
    if digest.is_empty() {
        digest = Tpm2bDigest::from_vec(alloc::vec![0; hash.digest_size()])?;
        let counter = audit.counter.wrapping_add(1);
        tpm.persistent.audit.edit().counter = counter;
    }
    let digest = rp_hash.audited(host, hash, area, response, digest.as_bytes())?;
    tpm.state_reset.audit_digest.set(digest);
    Ok(())
}

/// Appends the session's entry in the response (TPMS_AUTH_RESPONSE), for a session that is no password.
fn answer(
    tpm: &Tpm,
    host: &mut dyn Host,
    area: &AuthArea<'_>,
    session: &SessionUse<'_>,
    rp_hash: &mut RpHash,
    response: &mut Writer,
) -> Result<(), TpmRc> {
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    let exclusive = tpm.volatile.sessions.exclusive() == Some(session.handle);
    // Of a session that does not audit the attribute says nothing, and comes back as it came.
    let attributes = if session.attributes.contains(TpmaSession::AUDIT) {
        session.attributes.set_to(TpmaSession::AUDIT_EXCLUSIVE, exclusive)
    } else {
        session.attributes
    };
    let auth = if session.include_auth {
        session.auth_value(tpm)
    } else {
        &[]
    };
    let key = hmac::hmac_key(state, auth);
    let password = state.kind == SessionKind::Policy && state.policy.needs_password && session.entity.is_some();
    let hmac = if password || (key.is_empty() && session.given.is_empty()) {
        Tpm2bDigest::empty()
    } else {
        let rp_hash = rp_hash.of(host, state.auth_hash, area, response)?;
        let nonces = [state.nonce_tpm.as_bytes(), session.nonce_caller];
        hmac::session_hmac(host, state.auth_hash, &key, rp_hash, &nonces, attributes)
    };
    response.sized_bytes(state.nonce_tpm.as_bytes());
    response.bytes(&[attributes.bits()]);
    response.sized_bytes(hmac.as_bytes());
    Ok(())
}

/// Ends a session that is not to continue; a policy that continues begins anew.
fn end_or_continue(tpm: &mut Tpm, session: &SessionUse<'_>) -> Result<(), TpmRc> {
    if !session.attributes.contains(TpmaSession::CONTINUE_SESSION) {
        tpm.volatile.sessions.flush(session.handle);
        return Ok(());
    }
    let (now, epoch) = (tpm.time.now, tpm.time.epoch);
    let state = tpm.volatile.sessions.loaded(session.handle).ok_or(TpmRc::FAILURE)?;
    if state.kind == SessionKind::Policy {
        let state = tpm.volatile.sessions.edit(session.handle).ok_or(TpmRc::FAILURE)?;
        state.policy = PolicyState::begin(state.auth_hash, now, epoch);
    }
    Ok(())
}
