//! Part 3 §23, "Enhanced Authorization (EA) Commands".
//!
//! Whoever has a policy session extends its policyDigest here, with anything; the digest means something only when it ends up equal to the
//! policy of the entity that the session shall authorise. So a command has to make sure of two things: that the digest says exactly what was
//! checked, and that what can still change afterwards is noted in the session and checked again when it is used (`session/policy.rs`). A
//! trial session computes digests, checks nothing and authorises nothing.

mod assertion;
mod compare;
#[cfg(test)]
mod later_tests;
mod policy_ac_send_select;
mod policy_auth_value;
mod policy_authorize;
mod policy_authorize_nv;
mod policy_capability;
mod policy_command_code;
mod policy_counter_timer;
mod policy_cp_hash;
mod policy_duplication_select;
mod policy_get_digest;
mod policy_locality;
mod policy_name_hash;
mod policy_nv;
mod policy_nv_written;
mod policy_or;
mod policy_parameters;
mod policy_password;
mod policy_pcr;
mod policy_physical_presence;
mod policy_restart;
mod policy_secret;
mod policy_signed;
mod policy_template;
mod policy_ticket;
mod policy_transport_spdm;
#[cfg(test)]
mod tests;

pub use policy_ac_send_select::PolicyAcSendSelect;
pub use policy_auth_value::PolicyAuthValue;
pub use policy_authorize::PolicyAuthorize;
pub use policy_authorize_nv::PolicyAuthorizeNv;
pub use policy_capability::PolicyCapability;
pub use policy_command_code::PolicyCommandCode;
pub use policy_counter_timer::PolicyCounterTimer;
pub use policy_cp_hash::PolicyCpHash;
pub use policy_duplication_select::PolicyDuplicationSelect;
pub use policy_get_digest::PolicyGetDigest;
pub use policy_locality::PolicyLocality;
pub use policy_name_hash::PolicyNameHash;
pub use policy_nv::PolicyNv;
pub use policy_nv_written::PolicyNvWritten;
pub use policy_or::PolicyOr;
pub use policy_parameters::PolicyParameters;
pub use policy_password::PolicyPassword;
pub use policy_pcr::PolicyPcr;
pub use policy_physical_presence::PolicyPhysicalPresence;
pub use policy_restart::PolicyRestart;
pub use policy_secret::PolicySecret;
pub use policy_signed::PolicySigned;
pub use policy_template::PolicyTemplate;
pub use policy_ticket::PolicyTicket;
pub use policy_transport_spdm::PolicyTransportSpdm;

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use crate::{
    crypto,
    session::{InlineDigest, Session, SessionKind, policy::Restriction},
    structures::{Tpm2bDigest, Tpm2bName, TpmCc, TpmHandle, TpmRc, TpmiAlgHash},
    tpm::Tpm,
    wire::{Reader, Unmarshal},
};

/// The policy session that `handle` names. Dispatch has found it already; not finding it again is that error.
fn session(tpm: &Tpm, handle: TpmHandle) -> Result<&Session, TpmRc> {
    tpm.volatile.sessions.loaded(handle).ok_or(TpmRc::REFERENCE_H0)
}

/// The policy session that `handle` names, to be changed.
fn session_mut(tpm: &mut Tpm, handle: TpmHandle) -> Result<&mut Session, TpmRc> {
    tpm.volatile.sessions.edit(handle).ok_or(TpmRc::REFERENCE_H0)
}

/// The hash in a key's Name: TPM_RC_HASH when it is none, TPM_RC_SIZE when the Name is not as long as it says.
fn key_name_hash(name: &Tpm2bName) -> Result<TpmiAlgHash, TpmRc> {
    let mut reader = Reader::new(name.as_bytes());
    let hash = TpmiAlgHash::unmarshal(&mut reader).map_err(|_| TpmRc::HASH)?;
    if reader.remaining() == hash.digest_size() {
        Ok(hash)
    } else {
        Err(TpmRc::SIZE)
    }
}

impl Session {
    /// Whether it computes a digest and nothing else.
    fn is_trial(&self) -> bool {
        self.kind == SessionKind::Trial
    }

    /// policyDigest becomes H(policyDigest ‖ code ‖ part).
    fn extend(&mut self, host: &mut dyn Arithmetic, code: TpmCc, part: &[u8]) {
        let parts: &[&[u8]] = &[self.policy.digest.as_bytes(), &code.0.to_be_bytes(), part];
        self.policy.digest = crypto::hash(host, self.auth_hash, parts).into();
    }

    /// PolicyUpdate (Part 3 §23.2.2): policyDigest becomes H(policyDigest ‖ code ‖ name), then H(policyDigest ‖ policyRef), also when policyRef is
    /// empty.
    fn extend_with_reference(&mut self, host: &mut dyn Arithmetic, code: TpmCc, name: &[u8], policy_ref: &[u8]) {
        self.extend(host, code, name);
        self.policy.digest = crypto::hash(host, self.auth_hash, &[self.policy.digest.as_bytes(), policy_ref]).into();
    }

    /// Ties the session to one command on objects of these Names (TPM2_PolicyDuplicationSelect, TPM2_Policy_AC_SendSelect): TPM_RC_CPHASH or
    /// TPM_RC_COMMAND_CODE when it is tied to something already. The first Name is part of the digest only if that is asked for.
    fn select(
        &mut self,
        host: &mut dyn Arithmetic,
        (code, selected): (TpmCc, TpmCc),
        object: &Tpm2bName,
        others: &[&Tpm2bName],
        include_object: bool,
    ) -> Result<(), TpmRc> {
        if self.policy.restriction != Restriction::None {
            return Err(TpmRc::CPHASH);
        }
        if self.policy.command_code.is_some() {
            return Err(TpmRc::COMMAND_CODE);
        }
        let others: Vec<&[u8]> = others.iter().map(|name| name.as_bytes()).collect();
        let others = others.concat();
        let name_hash = crypto::hash(host, self.auth_hash, &[object.as_bytes(), &others]);
        self.policy.restriction = Restriction::NameHash(name_hash.into());
        self.policy.command_code = Some(selected);
        let object = if include_object { object.as_bytes() } else { &[] };
        let part = [object, &others, &[u8::from(include_object)]].concat();
        self.extend(host, code, &part);
        Ok(())
    }

    /// policyDigest becomes zeros, as before the first policy command.
    const fn clear_digest(&mut self) {
        self.policy.digest = InlineDigest::zeros(self.auth_hash);
    }

    /// Puts `restriction` into the one place for digests: TPM_RC_CPHASH when there is another, of this kind or of another one.
    fn restrict(&mut self, restriction: Restriction) -> Result<(), TpmRc> {
        if self.policy.restriction != Restriction::None && self.policy.restriction != restriction {
            return Err(TpmRc::CPHASH);
        }
        self.policy.restriction = restriction;
        Ok(())
    }

    /// TPM_RC_SIZE for parameter 1 when `digest` is not of the session's hash.
    fn check_digest_size(&self, digest: &Tpm2bDigest) -> Result<(), TpmRc> {
        if digest.len() == self.auth_hash.digest_size() {
            Ok(())
        } else {
            Err(TpmRc::SIZE.with_parameter(1))
        }
    }
}

#[cfg(test)]
mod digest_tests {
    use super::*;
    use crate::wire::Marshal;
    use crate::{
        crypto::{
            NoOffer,
            test_hosts::{bytes, seq},
        },
        session::{InlineDigest, SessionKey, policy::PolicyState},
        structures::TpmtSymDef,
    };

    /// A trial session that has just begun.
    fn trial(hash: TpmiAlgHash) -> Session {
        Session {
            kind: SessionKind::Trial,
            auth_hash: hash,
            symmetric: TpmtSymDef::Null,
            nonce_tpm: InlineDigest::EMPTY,
            key: SessionKey::default(),
            binding: None,
            bound_to_protected: false,
            bound_to_lockout: false,
            audit: None,
            policy: PolicyState::begin(hash, 0, 0),
        }
    }

    #[test]
    fn digest_without_reference_matches_the_vectors() {
        // Part 3 §23.11, confirmed by swtpm 0.7.1: PolicyCommandCode(TPM_CC_Sign) with SHA-1 and SHA-256.
        for (hash, expected) in [
            (TpmiAlgHash::Sha1, "2a2a1493809bbc1b4b46fc325dc54a815cbb980e"),
            (
                TpmiAlgHash::Sha256,
                "cc6918b226273b08f5bd406d7f10cf160f0a7d13dfd83b7770ccbcd1aa80d811",
            ),
        ] {
            let mut session = trial(hash);
            session.extend(&mut NoOffer, TpmCc::POLICY_COMMAND_CODE, &TpmCc::SIGN.to_bytes());
            assert_eq!(session.policy.digest.as_bytes(), bytes(expected));
        }
    }

    #[test]
    fn digest_with_reference_matches_the_vectors() {
        // Part 3 §23.4, confirmed by swtpm 0.7.1: PolicySecret(TPM_RH_ENDORSEMENT), policyRef empty and 00..07, SHA-256.
        let endorsement = TpmHandle::ENDORSEMENT.to_bytes();
        for (policy_ref, expected) in [
            (
                seq(0, 0),
                "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
            ),
            (
                seq(8, 0),
                "40347670ed55f42ca21818e01cf37c86a2019776b9114f763a8973e42b61676c",
            ),
        ] {
            let mut session = trial(TpmiAlgHash::Sha256);
            session.extend_with_reference(&mut NoOffer, TpmCc::POLICY_SECRET, &endorsement, &policy_ref);
            assert_eq!(session.policy.digest.as_bytes(), bytes(expected));
        }
    }

    #[test]
    fn digest_of_a_signed_assertion_matches_the_vectors() {
        // Computed independently as Part 3 §23.3 says: key Name 000b‖80..9f, policyRef empty, SHA-256.
        let name = [&[0, 0x0b][..], &seq(32, 0x80)].concat();
        let mut session = trial(TpmiAlgHash::Sha256);
        session.extend_with_reference(&mut NoOffer, TpmCc::POLICY_SIGNED, &name, &[]);
        let expected = "24feb9e5eea347202c1147582dab815053d0c1c71ab166d2ad10675c1db68919";
        assert_eq!(session.policy.digest.as_bytes(), bytes(expected));
    }

    #[test]
    fn restriction_of_another_kind_or_value_is_cphash() {
        // Part 3 §23, as swtpm 0.7.1 answers: cpHash, nameHash, pHash and templateHash share one place.
        let digest = |byte| Tpm2bDigest::new(&[byte; 32]).expect("fits");
        let mut session = trial(TpmiAlgHash::Sha256);
        assert_eq!(session.restrict(Restriction::CpHash(digest(1).into())), Ok(()));
        assert_eq!(session.restrict(Restriction::CpHash(digest(1).into())), Ok(()));
        assert_eq!(
            session.restrict(Restriction::CpHash(digest(2).into())),
            Err(TpmRc::CPHASH)
        );
        assert_eq!(
            session.restrict(Restriction::TemplateHash(digest(1).into())),
            Err(TpmRc::CPHASH)
        );
    }
}
