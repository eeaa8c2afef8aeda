//! Objects (Part 1 §27): keys and sealed data, in transient slots and in persistent storage.
//!
//! An object's public area was a caller's template or a caller's blob; by the time it is an [`Object`] its attributes agree with each other and
//! with its parent (`checks.rs`), and its private part belongs to its public part (`binding.rs`). What a caller holds of an object outside the
//! TPM is wrapped (`protection.rs`) and is hostile when it comes back.
//!
//! | file | what |
//! |---|---|
//! | `checks.rs` | which attributes, schemes and parents go together |
//! | `creation.rs` | new private parts, random or derived from a primary seed |
//! | `binding.rs` | whether a private part belongs to a public one |
//! | `commitment.rs` | the first halves of split operations |
//! | `duplication.rs` | private parts between two parents |
//! | `name.rs` | Names and Qualified Names |
//! | `protection.rs` | how private parts, credentials and duplicates are wrapped |
//! | `seed_exchange.rs` | secrets shared through a public key |
//! | `sequence.rs` | hashes and HMACs that are given in pieces |
//! | `signing.rs` | schemes, signatures, verification |
//! | `prepared.rs` | private RSA keys and integrity keys ready for use |
//! | `record.rs` | the form in which an object is kept: persistent record, saved context |

pub mod binding;
pub mod checks;
pub mod commitment;
pub mod creation;
pub mod duplication;
pub mod name;
mod prepared;
pub mod protection;
mod record;
pub mod seed_exchange;
pub mod sequence;
pub mod signing;

pub use prepared::Prepared;

use sequence::Sequence;

use alloc::{collections::BTreeMap, sync::Arc};

use crate::{
    state::{Before, Slots, Undo},
    structures::{
        PublicArea, Tpm2bName, TpmHandle, TpmRc, TpmaObject, TpmiAlgPublic, TpmiRhHierarchy, TpmtPublic, TpmtSensitive,
        TpmuSensitiveComposite, limits,
    },
    tpm::Tpm,
};

/// A loaded object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The public area.
    pub public: TpmtPublic,
    /// The private part; none for a public-only object.
    pub sensitive: Option<TpmtSensitive>,
    /// The hierarchy that it lives in.
    pub hierarchy: TpmiRhHierarchy,
    /// Its Name; empty without a nameAlg.
    pub name: Tpm2bName,
    /// Its Qualified Name.
    pub qualified_name: Tpm2bName,
    /// It came by TPM2_LoadExternal: it is nobody's child, and never a parent.
    pub external: bool,
    /// It or an ancestor has stClear: a saved context of it ends with TPM Restart.
    pub st_clear: bool,
    /// Keys that follow from it, ready for use.
    pub prepared: Prepared,
    /// What is computed piece by piece, if it is a sequence object and no key.
    pub sequence: Option<Sequence>,
}

impl Object {
    /// An object under its parent, from its checked halves and its Name.
    pub fn under(
        host: &mut dyn tpm_contract::Arithmetic,
        parent: &Object,
        public: TpmtPublic,
        sensitive: TpmtSensitive,
        name: Tpm2bName,
    ) -> Result<Self, TpmRc> {
        let alg = public.name_alg.ok_or(TpmRc::HASH)?;
        Ok(Self {
            hierarchy: parent.hierarchy,
            qualified_name: name::qualified_name(host, alg, &parent.qualified_name, &name)?,
            st_clear: parent.st_clear || public.has(TpmaObject::ST_CLEAR),
            public,
            sensitive: Some(sensitive),
            name,
            external: false,
            prepared: Prepared::default(),
            sequence: None,
        })
    }

    /// Whether all of these attributes are set.
    pub const fn has(&self, attributes: TpmaObject) -> bool {
        self.public.has(attributes)
    }

    /// What it keeps secret besides its authValue; none for a public-only object.
    pub fn secret(&self) -> Option<&TpmuSensitiveComposite> {
        self.sensitive.as_ref().map(|sensitive| &sensitive.sensitive)
    }

    /// Whether other objects can be stored under it: a restricted decryption key of which the TPM has the private part, and no derivation
    /// parent.
    pub fn is_storage_parent(&self) -> bool {
        self.is_parent() && self.public.object_type() != TpmiAlgPublic::KeyedHash
    }

    /// Whether it is a storage or a derivation parent.
    pub fn is_parent(&self) -> bool {
        self.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT))
            && self.sensitive.is_some()
            && self.public.name_alg.is_some()
            && !self.external
    }

    /// Whether it is an asymmetric key.
    pub const fn is_asymmetric(&self) -> bool {
        matches!(self.public.area, PublicArea::Rsa { .. } | PublicArea::Ecc { .. })
    }
}

/// The transient objects.
#[derive(Default)]
pub struct Objects {
    slots: Slots<Arc<Object>>,
    /// The sequences that this command continued in place, as they were before: the rest of their objects never changes.
    continued: Before<u8, Sequence>,
}

impl Undo for Objects {
    fn is_changed(&self) -> bool {
        self.slots.is_changed() || !self.continued.is_empty()
    }

    #[inline]
    fn settle_of(&mut self, left: &mut usize) {
        self.slots.settle_of(left);
        self.continued.settle_of(left);
    }

    fn roll_back(&mut self) {
        // What was continued was in its slot before the slot was changed.
        self.slots.roll_back();
        for (slot, before) in self.continued.take() {
            if let Some(object) = self.slots.unremembered(slot) {
                Arc::make_mut(object).sequence = Some(before);
            }
        }
    }
}

impl Objects {
    /// Objects as they were in another instance.
    pub(crate) fn new(slots: BTreeMap<u8, Arc<Object>>) -> Self {
        Self {
            slots: Slots::new(slots),
            continued: Before::default(),
        }
    }

    /// The object under a transient handle.
    pub fn get(&self, handle: TpmHandle) -> Option<&Arc<Object>> {
        if handle.is_transient() {
            self.slots.get(u8::try_from(handle.number()).ok()?)
        } else {
            None
        }
    }

    /// All objects, in the order of their handles.
    pub fn iter(&self) -> impl Iterator<Item = (TpmHandle, &Arc<Object>)> {
        self.slots
            .iter()
            .map(|(slot, object)| (TpmHandle::transient(slot.into()), object))
    }

    /// Whether one more fits: TPM_RC_OBJECT_MEMORY when not.
    pub fn check_room(&self) -> Result<(), TpmRc> {
        if self.slots.len() < limits::MAX_LOADED_OBJECTS {
            Ok(())
        } else {
            Err(TpmRc::OBJECT_MEMORY)
        }
    }

    /// Puts an object into the lowest free slot.
    pub fn insert(&mut self, object: Object) -> Result<TpmHandle, TpmRc> {
        self.check_room()?;
        let slot = (0..=u8::MAX)
            .find(|slot| !self.slots.contains(*slot))
            .ok_or(TpmRc::OBJECT_MEMORY)?;
        self.slots.insert(slot, Arc::new(object));
        Ok(TpmHandle::transient(slot.into()))
    }

    /// The sequence under a transient handle, to be continued; none when there is none, or the same command has changed the slot.
    pub fn continue_sequence(&mut self, handle: TpmHandle) -> Option<&mut Sequence> {
        let slot = u8::try_from(handle.number()).ok().filter(|_| handle.is_transient())?;
        let object = self.slots.unremembered(slot)?;
        let before = object.sequence.as_ref()?;
        if !self.continued.knows(slot) {
            self.continued.remember_new(slot, before.clone());
        }
        Arc::make_mut(object).sequence.as_mut()
    }

    /// Removes an object; says whether there was one.
    pub fn flush(&mut self, handle: TpmHandle) -> bool {
        handle.is_transient() && u8::try_from(handle.number()).is_ok_and(|slot| self.slots.remove(slot))
    }

    /// Removes every object for which `keep` says no.
    pub fn retain(&mut self, keep: impl Fn(&Object) -> bool) {
        self.slots.retain(|_, object| keep(object));
    }
}

impl Tpm {
    /// The object under a transient or persistent handle.
    pub(crate) fn object_under(&self, handle: TpmHandle) -> Option<&Arc<Object>> {
        if handle.is_persistent() {
            self.persistent.objects.get(handle)
        } else {
            self.volatile.objects.get(handle)
        }
    }

    /// The object under a transient or persistent handle, for who changes the TPM while using it.
    pub fn object(&self, handle: TpmHandle) -> Option<Arc<Object>> {
        self.object_under(handle).cloned()
    }

    /// The object under the handle of a command, which dispatch has found to exist: TPM_RC_SEQUENCE when it is no key and no data.
    pub(crate) fn located_object(&self, handle: TpmHandle) -> Result<Arc<Object>, TpmRc> {
        self.located(handle).cloned()
    }

    /// As [`Self::located_object`], for as long as the TPM does not change.
    pub(crate) fn located(&self, handle: TpmHandle) -> Result<&Arc<Object>, TpmRc> {
        let object = self.object_under(handle).ok_or(TpmRc::HANDLE)?;
        if object.sequence.is_none() {
            Ok(object)
        } else {
            Err(TpmRc::SEQUENCE)
        }
    }

    /// The storage parent under the first handle of a command: TPM_RC_TYPE when the object is none.
    pub(crate) fn located_parent(&self, handle: TpmHandle) -> Result<Arc<Object>, TpmRc> {
        let parent = self.located_object(handle)?;
        if parent.is_storage_parent() {
            Ok(parent)
        } else {
            Err(TpmRc::TYPE.with_handle(1))
        }
    }

    /// The sequence under the handle of a command at `position` (from 1), for who ends it: TPM_RC_MODE when the object is none.
    pub(crate) fn located_sequence(&self, handle: TpmHandle, position: usize) -> Result<Sequence, TpmRc> {
        self.object_under(handle)
            .and_then(|object| object.sequence.clone())
            .ok_or(TpmRc::MODE.with_handle(position))
    }

    /// Removes the objects of these hierarchies, transient and persistent: their seeds are gone.
    pub(crate) fn flush_hierarchies(&mut self, gone: &[TpmiRhHierarchy]) {
        self.volatile.objects.retain(|object| !gone.contains(&object.hierarchy));
        self.persistent
            .objects
            .retain(|_, object| !gone.contains(&object.hierarchy));
        self.primaries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::NoOffer,
        structures::{Tpm2bAuth, TpmiAlgHash},
    };

    #[test]
    fn continued_sequence_is_undone_with_its_command() {
        let mut objects = Objects::default();
        let sequence = Sequence::hash(TpmiAlgHash::Sha256).into_object(&Tpm2bAuth::empty());
        let handle = objects.insert(sequence).expect("there is room");
        // Its slot is new, so that there is nothing to go back to.
        assert!(objects.continue_sequence(handle).is_none());
        objects.settle();
        let before = Object::clone(objects.get(handle).expect("it is there"));
        for flush in [false, true] {
            for _ in 0..2 {
                let sequence = objects.continue_sequence(handle).expect("a sequence");
                sequence.update(&mut NoOffer, b"abc");
            }
            assert!(objects.is_changed());
            assert_ne!(objects.get(handle).map(|object| &**object), Some(&before));
            if flush {
                assert!(objects.flush(handle));
            }
            objects.roll_back();
            assert!(!objects.is_changed());
            assert_eq!(objects.get(handle).map(|object| &**object), Some(&before));
        }
    }
}
