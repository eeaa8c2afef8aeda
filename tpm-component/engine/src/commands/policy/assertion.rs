//! What TPM2_PolicySigned, TPM2_PolicySecret and TPM2_PolicyTicket have in common (Part 3 §23.2): somebody with a Name asserts that the session
//! may go on, perhaps only until some time, perhaps only for one command.
//!
//! Time is TPM Time, which the guest cannot move. A deadline counts from the start of the session when the assertion is tied to the session
//! by its nonce, and is a TPM Time otherwise.

use tpm_contract::Arithmetic;

use super::session_mut;
use crate::{
    entity::Entity,
    hierarchy::ticket,
    session::{Session, policy::Restriction},
    structures::{
        AuthTicketTag, Tpm2bDigest, Tpm2bName, Tpm2bNonce, Tpm2bTimeout, TpmCc, TpmHandle, TpmNt, TpmRc, TpmtTkAuth,
    },
    tpm::{Time, Tpm},
};

/// The bit of a timeout that says that the authorisation ends with the next TPM Reset.
const EXPIRES_ON_RESET: u64 = 1 << 63;

/// A deadline in TPM Time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeout {
    /// The deadline.
    pub deadline: u64,
    /// The assertion was not tied to a session, and ends with the next TPM Reset.
    pub expires_on_reset: bool,
}

impl Timeout {
    /// From the expiration in seconds, whose sign says only whether a ticket is wanted; none when it is 0.
    pub fn new(session: &Session, time: &Time, expiration: i32, nonce: &Tpm2bNonce) -> Option<Self> {
        if expiration == 0 {
            return None;
        }
        let duration = u64::from(expiration.unsigned_abs()) * 1000;
        // The milliseconds of now keep an absolute deadline, given in seconds, from coming too early.
        let start = if nonce.is_empty() {
            time.now % 1000
        } else {
            session.policy.started
        };
        Some(Self {
            deadline: start.saturating_add(duration),
            expires_on_reset: nonce.is_empty(),
        })
    }

    /// As TPM2B_TIMEOUT, which only this TPM reads.
    pub fn encode(self) -> Result<Tpm2bTimeout, TpmRc> {
        let flag = if self.expires_on_reset { EXPIRES_ON_RESET } else { 0 };
        Tpm2bTimeout::new(&(self.deadline | flag).to_be_bytes())
    }

    /// From a TPM2B_TIMEOUT: TPM_RC_SIZE when it cannot be one.
    pub fn decode(timeout: &Tpm2bTimeout) -> Result<Self, TpmRc> {
        let encoded = u64::from_be_bytes(timeout.as_bytes().try_into().map_err(|_| TpmRc::SIZE)?);
        Ok(Self {
            deadline: encoded & !EXPIRES_ON_RESET,
            expires_on_reset: encoded & EXPIRES_ON_RESET != 0,
        })
    }
}

/// The numbers of the parameters that the checks name.
pub(super) struct ParameterNumbers {
    /// cpHashA.
    pub cp_hash: usize,
    /// expiration, or timeout.
    pub expiration: usize,
}

/// The checks of the parameters, which a trial session leaves out: in the order of other TPMs.
pub(super) fn check(
    session: &Session,
    time: &Time,
    nonce: &Tpm2bNonce,
    timeout: Option<Timeout>,
    cp_hash: &Tpm2bDigest,
    numbers: &ParameterNumbers,
) -> Result<(), TpmRc> {
    if !nonce.is_empty() && session.nonce_tpm != *nonce {
        return Err(TpmRc::NONCE.with_parameter(1));
    }
    if timeout.is_some_and(|timeout| timeout.deadline < time.now || session.policy.epoch != time.epoch) {
        return Err(TpmRc::EXPIRED.with_parameter(numbers.expiration));
    }
    if cp_hash.is_empty() {
        return Ok(());
    }
    if cp_hash.len() != session.auth_hash.digest_size() {
        return Err(TpmRc::SIZE.with_parameter(numbers.cp_hash));
    }
    match &session.policy.restriction {
        Restriction::None => Ok(()),
        Restriction::CpHash(known) if *known == *cp_hash => Ok(()),
        _ => Err(TpmRc::CPHASH),
    }
}

/// Notes in the session what the assertion restricts. Of several deadlines the first counts.
pub(super) fn apply(session: &mut Session, timeout: Option<Timeout>, cp_hash: &Tpm2bDigest) {
    if !cp_hash.is_empty() {
        session.policy.restriction = Restriction::CpHash(cp_hash.into());
    }
    if let Some(Timeout { deadline, .. }) = timeout {
        session.policy.deadline = Some(session.policy.deadline.map_or(deadline, |other| other.min(deadline)));
    }
}

/// The command whose code enters the digest, also when a ticket repeats the assertion.
pub(super) const fn code(tag: AuthTicketTag) -> TpmCc {
    match tag {
        AuthTicketTag::Secret => TpmCc::POLICY_SECRET,
        AuthTicketTag::Signed => TpmCc::POLICY_SIGNED,
    }
}

/// An assertion, as TPM2_PolicySigned and TPM2_PolicySecret are told it.
pub(super) struct Assertion<'a> {
    /// Which of the two.
    pub tag: AuthTicketTag,
    /// Who asserts.
    pub entity: TpmHandle,
    /// The session's nonce, or nothing.
    pub nonce: &'a Tpm2bNonce,
    /// cpHashA.
    pub cp_hash: &'a Tpm2bDigest,
    /// policyRef.
    pub policy_ref: &'a Tpm2bNonce,
    /// Seconds until it ends; 0 for never, negative for a ticket.
    pub expiration: i32,
}

impl Assertion<'_> {
    /// Checks the parameters; answers when the assertion ends.
    pub fn check(&self, session: &Session, time: &Time) -> Result<Option<Timeout>, TpmRc> {
        let timeout = Timeout::new(session, time, self.expiration, self.nonce);
        if !session.is_trial() {
            let numbers = ParameterNumbers {
                cp_hash: 2,
                expiration: 4,
            };
            check(session, time, self.nonce, timeout, self.cp_hash, &numbers)?;
        }
        Ok(timeout)
    }

    /// Notes the assertion in the session, under the Name of who asserts. Answers the timeout and the ticket, with which TPM2_PolicyTicket repeats the
    /// assertion, if they were asked for and the session is no trial; or nothing and the NULL ticket. A PIN PASS index gives no ticket, since each use
    /// of its secret shall count.
    pub fn accept(
        &self,
        tpm: &mut Tpm,
        host: &mut dyn Arithmetic,
        handle: TpmHandle,
        name: &Tpm2bName,
        timeout: Option<Timeout>,
    ) -> Result<(Tpm2bTimeout, TpmtTkAuth), TpmRc> {
        let session = session_mut(tpm, handle)?;
        session.extend_with_reference(host, code(self.tag), name.as_bytes(), self.policy_ref.as_bytes());
        apply(session, timeout, self.cp_hash);
        let wants_ticket = self.expiration < 0 && !session.is_trial();
        let counts_uses = |entity| matches!(entity, Entity::NvIndex(index) if index.index_type() == TpmNt::PinPass);
        let Some(timeout) = timeout.filter(|_| wants_ticket && !counts_uses(tpm.entity(self.entity))) else {
            return Ok((Tpm2bTimeout::empty(), TpmtTkAuth::null(self.tag)));
        };
        let hierarchy = tpm.entity(self.entity).hierarchy();
        let given = ticket::Authorization {
            tag: self.tag,
            timeout: timeout.deadline,
            epoch: tpm.time.epoch,
            total_reset: timeout.expires_on_reset.then_some(tpm.persistent.counters.total_reset),
            cp_hash: self.cp_hash.as_bytes(),
            policy_ref: self.policy_ref.as_bytes(),
            name: name.as_bytes(),
        };
        let digest = ticket::authorization(host, &tpm.root(hierarchy).proof, &given);
        Ok((
            timeout.encode()?,
            TpmtTkAuth {
                tag: self.tag,
                hierarchy,
                digest,
            },
        ))
    }
}
