//! Whatever a handle can name, seen alike: its Name, its authValue, its policy, whether guesses at it count (Part 1 §16, §19).
//!
//! Handles come from whoever can send a command. `dispatch/handles.rs` asks [`Tpm::locate`] first, so that everything after it is about
//! something that exists; a handle that names nothing all the same gets the answer that grants nothing.

use tpm_contract::Host;

use crate::{
    crypto,
    dispatch::table::Role,
    hierarchy::{Authorization, dictionary_attack::Guess},
    nv::NvIndex,
    object::{Object, name::handle_name},
    structures::{
        Tpm2bDigest, Tpm2bName, TpmHandle, TpmHt, TpmRc, TpmaNv, TpmaObject, TpmiAlgHash, TpmiRhHierarchy, TpmtHa,
    },
    tpm::Tpm,
};

/// Which of an NV index's attributes decide: those for reading or those for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NvAccess {
    /// TPMA_NV_AUTHREAD, TPMA_NV_POLICYREAD.
    Read,
    /// TPMA_NV_AUTHWRITE, TPMA_NV_POLICYWRITE.
    Write,
}

/// What a handle names, looked up once.
#[derive(Clone, Copy)]
pub enum Entity<'t> {
    /// A PCR.
    Pcr(TpmHandle),
    /// A permanent handle.
    Permanent(TpmHandle),
    /// An NV index.
    NvIndex(&'t NvIndex),
    /// An object.
    Object(&'t Object),
    /// A session: it has no authValue.
    Session(TpmHandle),
    /// Nothing that there is.
    Nothing,
}

impl Entity<'_> {
    /// What a wrong guess at its authValue counts as; none when it does not count.
    pub fn guess(&self) -> Option<Guess> {
        match self {
            Self::Permanent(TpmHandle::LOCKOUT) => Some(Guess::Lockout),
            Self::NvIndex(index) if !index.has(TpmaNv::NO_DA) => Some(Guess::Protected),
            Self::Object(object) if !object.has(TpmaObject::NO_DA) => Some(Guess::Protected),
            _ => None,
        }
    }

    /// The Name (Part 1 §16); empty for an object without a nameAlg.
    pub fn name(&self, host: &mut dyn Host) -> Result<Tpm2bName, TpmRc> {
        match self {
            Self::Pcr(handle) | Self::Permanent(handle) | Self::Session(handle) => handle_name(*handle),
            Self::NvIndex(index) => index.name(host),
            Self::Object(object) => Ok(object.name.clone()),
            Self::Nothing => Err(TpmRc::HANDLE),
        }
    }

    /// The hierarchy under whose proof a ticket about it stands; the owner's for what belongs to none.
    pub fn hierarchy(&self) -> TpmiRhHierarchy {
        match self {
            Self::Permanent(handle) => hierarchy_of_permanent(*handle).unwrap_or(TpmiRhHierarchy::Owner),
            Self::NvIndex(index) if index.has(TpmaNv::PLATFORMCREATE) => TpmiRhHierarchy::Platform,
            Self::Object(object) => object.hierarchy,
            Self::Pcr(_) | Self::NvIndex(_) | Self::Session(_) | Self::Nothing => TpmiRhHierarchy::Owner,
        }
    }
}

impl Tpm {
    /// What `handle` names.
    pub fn entity(&self, handle: TpmHandle) -> Entity<'_> {
        match handle.kind() {
            Some(TpmHt::Pcr) => Entity::Pcr(handle),
            Some(TpmHt::Permanent) => Entity::Permanent(handle),
            Some(TpmHt::NvIndex) => self.persistent.nv.get(handle).map_or(Entity::Nothing, Entity::NvIndex),
            Some(TpmHt::Transient | TpmHt::Persistent) => self
                .object_under(handle)
                .map_or(Entity::Nothing, |object| Entity::Object(object)),
            Some(TpmHt::HmacSession | TpmHt::PolicySession) => Entity::Session(handle),
            None => Entity::Nothing,
        }
    }

    /// Whether the handle at `position` (from 1) names something that exists and is enabled (Part 3 §5.4). `eviction` is set for
    /// TPM2_EvictControl, which may name a persistent object whose hierarchy is disabled.
    pub fn locate(&self, handle: TpmHandle, position: usize, eviction: bool) -> Result<(), TpmRc> {
        match handle.kind() {
            Some(TpmHt::Pcr) => Ok(()),
            Some(TpmHt::Permanent) if handle.is_act() && self.state_clear.acts.get(handle).is_none() => {
                Err(TpmRc::VALUE.with_handle(position))
            }
            Some(TpmHt::Permanent) => match hierarchy_of_permanent(handle) {
                Some(hierarchy) if !self.state_clear.enables.contains(hierarchy) => {
                    Err(TpmRc::HIERARCHY.with_handle(position))
                }
                _ => Ok(()),
            },
            Some(TpmHt::NvIndex) => self.locate_nv(handle).map_err(|code| code.with_handle(position)),
            Some(TpmHt::HmacSession | TpmHt::PolicySession) => {
                if self.volatile.sessions.loaded(handle).is_some() {
                    Ok(())
                } else if self.volatile.sessions.is_number_loaded(handle) {
                    Err(TpmRc::HANDLE.with_handle(position))
                } else {
                    Err(TpmRc::reference_handle(position))
                }
            }
            Some(TpmHt::Transient) => match self.object_under(handle) {
                Some(_) => Ok(()),
                None => Err(TpmRc::reference_handle(position)),
            },
            Some(TpmHt::Persistent) => {
                if self.is_persistent_enabled(handle, eviction) {
                    Ok(())
                } else {
                    Err(TpmRc::HANDLE.with_handle(position))
                }
            }
            None => Err(TpmRc::VALUE.with_handle(position)),
        }
    }

    /// Whether a persistent object exists and can be used: its half of the handles belongs to an enabled hierarchy, and so does it.
    fn is_persistent_enabled(&self, handle: TpmHandle, eviction: bool) -> bool {
        let enables = *self.state_clear.enables;
        let half = if handle.is_platform_persistent() {
            enables.platform
        } else {
            enables.owner
        };
        half && self
            .object_under(handle)
            .is_some_and(|object| eviction || enables.contains(object.hierarchy))
    }

    fn locate_nv(&self, handle: TpmHandle) -> Result<(), TpmRc> {
        let index = self.persistent.nv.get(handle).ok_or(TpmRc::HANDLE)?;
        let enables = *self.state_clear.enables;
        let enabled = if index.has(TpmaNv::PLATFORMCREATE) {
            enables.platform_nv
        } else {
            enables.owner
        };
        if enabled { Ok(()) } else { Err(TpmRc::HANDLE) }
    }

    /// The authValue of what `handle` names; see [`Self::auth_value_of`].
    pub fn auth_value(&self, handle: TpmHandle) -> &[u8] {
        self.auth_value_of(self.entity(handle))
    }

    /// The authValue of an entity, without zeros at its end; empty for what has none. That of a countdown timer is platformAuth.
    pub fn auth_value_of<'t>(&'t self, entity: Entity<'t>) -> &'t [u8] {
        let auth = match entity {
            Entity::Permanent(handle) if handle.is_act() => Some(&self.state_clear.platform.auth),
            Entity::Permanent(handle) => self
                .permanent_authorization(handle)
                .map(|authorization| &authorization.auth),
            Entity::NvIndex(index) => Some(index.auth()),
            Entity::Object(object) => object.sensitive.as_ref().map(|sensitive| &sensitive.auth_value),
            Entity::Pcr(_) | Entity::Session(_) | Entity::Nothing => None,
        };
        auth.map_or(&[], |auth| auth.as_bytes())
    }

    /// What ties a session to an entity as it is now: a digest of its Name and authValue. It travels in saved contexts and in the volatile state, so it is
    /// the same on every machine.
    pub fn binding_snapshot(&self, host: &mut dyn Host, entity: Entity<'_>) -> Result<Tpm2bDigest, TpmRc> {
        let name = entity.name(host)?;
        let auth = self.auth_value_of(entity);
        Ok(crypto::hash(
            host,
            TpmiAlgHash::Sha256,
            &[&(name.len() as u32).to_be_bytes(), name.as_bytes(), auth],
        ))
    }

    /// Whether the authValue of an entity may serve for `role`: TPM_RC_AUTH_TYPE when the role needs a policy, TPM_RC_AUTH_UNAVAILABLE when
    /// the entity does not let its authValue be used.
    pub fn check_auth_value(&self, entity: Entity<'_>, role: Role, access: NvAccess) -> Result<(), TpmRc> {
        let with_policy = match (role, entity) {
            (Role::Dup, _) | (Role::Admin, Entity::NvIndex(..) | Entity::Permanent(_)) => true,
            (Role::Admin, Entity::Object(object)) => object.has(TpmaObject::ADMIN_WITH_POLICY),
            _ => false,
        };
        if with_policy {
            return Err(TpmRc::AUTH_TYPE);
        }
        let available = match entity {
            Entity::Permanent(handle) if handle.is_act() => self.state_clear.enables.platform,
            Entity::Pcr(_) | Entity::Permanent(_) => true,
            Entity::NvIndex(index) => match access {
                NvAccess::Write => index.has(TpmaNv::AUTHWRITE),
                // A PIN is there to be used, whether or not it may read its own index.
                NvAccess::Read if index.is_pin() => index.pin().is_some_and(|pin| pin.pin_count < pin.pin_limit),
                NvAccess::Read => index.has(TpmaNv::AUTHREAD),
            },
            // The ADMIN role, which got here, needs adminWithPolicy to be CLEAR; USER needs userWithAuth. A public-only object has neither.
            Entity::Object(object) => {
                object.sensitive.is_some() && (role == Role::Admin || object.has(TpmaObject::USER_WITH_AUTH))
            }
            Entity::Session(_) | Entity::Nothing => false,
        };
        if available {
            Ok(())
        } else {
            Err(TpmRc::AUTH_UNAVAILABLE)
        }
    }

    /// The policy that may serve for `role`, and before it the hash with which it is computed; TPM_RC_AUTH_UNAVAILABLE when there is none.
    pub fn usable_policy<'t>(
        &'t self,
        entity: Entity<'t>,
        role: Role,
        access: NvAccess,
    ) -> Result<(TpmiAlgHash, &'t [u8]), TpmRc> {
        let policy = match entity {
            Entity::Permanent(handle) => {
                let policy = self.permanent_policy(handle).flatten();
                policy.map(|policy| (policy.hash_alg(), policy.digest()))
            }
            Entity::NvIndex(index) => {
                let attribute = match access {
                    NvAccess::Read => TpmaNv::POLICYREAD,
                    NvAccess::Write => TpmaNv::POLICYWRITE,
                };
                let public = index.public();
                (role == Role::Admin || index.has(attribute))
                    .then_some((public.name_alg, public.auth_policy.as_bytes()))
            }
            Entity::Object(object) => {
                let public = &object.public;
                let name_alg = public.name_alg.filter(|_| object.sensitive.is_some());
                name_alg.map(|alg| (alg, public.auth_policy.as_bytes()))
            }
            Entity::Pcr(_) | Entity::Session(_) | Entity::Nothing => None,
        };
        policy.ok_or(TpmRc::AUTH_UNAVAILABLE)
    }

    /// The authorisation of a permanent handle; none for one that has none of its own.
    pub fn permanent_authorization(&self, handle: TpmHandle) -> Option<&Authorization> {
        match handle {
            TpmHandle::OWNER => Some(&self.persistent.hierarchies.owner_authorization),
            TpmHandle::ENDORSEMENT => Some(&self.persistent.hierarchies.endorsement_authorization),
            TpmHandle::LOCKOUT => Some(&self.persistent.hierarchies.lockout_authorization),
            TpmHandle::PLATFORM => Some(&self.state_clear.platform),
            _ => None,
        }
    }

    /// The policy of a permanent handle, if it has one; none for one that can have none.
    pub fn permanent_policy(&self, handle: TpmHandle) -> Option<Option<&TpmtHa>> {
        let policy = match self.state_clear.acts.get(handle) {
            Some(act) => &act.policy,
            None => &self.permanent_authorization(handle)?.policy,
        };
        Some(policy.as_ref())
    }
}

/// The hierarchy that a permanent handle stands for.
fn hierarchy_of_permanent(handle: TpmHandle) -> Option<TpmiRhHierarchy> {
    TpmiRhHierarchy::from_value(handle.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::Tpm2bAuth;
    use crate::test_tpm::TestTpm;

    // SHA-256 of 00000004, the Name 40000001 and "owner", by coreutils.
    #[test]
    fn binding_snapshot_does_not_depend_on_the_width_of_a_machine() {
        let mut test = TestTpm::started();
        test.tpm.persistent.hierarchies.edit().owner_authorization.auth = Tpm2bAuth::new(b"owner").expect("short");
        let snapshot = test
            .tpm
            .binding_snapshot(&mut test.host, test.tpm.entity(TpmHandle::OWNER))
            .expect("there");
        assert_eq!(
            hex::encode(snapshot.as_bytes()),
            "c92c35a144cfae8572cf9fceebecda88033a96bc7179e4b83124291f45fc9c08"
        );
    }
}
