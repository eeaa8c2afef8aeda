//! NV indices (Part 1 §37): named storage with its own authorisations, whose contents last.
//!
//! Contents come from whoever an index's attributes let write; nothing in them is interpreted, but for the counters, bit fields, digests
//! and PINs that the TPM itself keeps there. The public area of an index is as checked by TPM2_NV_DefineSpace (`definition.rs`), and
//! `access.rs` holds the rules for reading and writing.
//!
//! An index is one record of the persistent state. Orderly indices are the exception: what is written to them stays in memory until an
//! orderly shutdown, so that counting costs no commit; [`NvIndices::changes`] leaves them out until [`NvIndices::flush_orderly`].

pub mod access;
pub mod definition;
mod index;
mod lifetime;

use alloc::{collections::BTreeSet, vec::Vec};

pub use index::{NvContents, NvIndex};
pub use lifetime::NvStart;

use crate::{
    state::{Group, GroupMap, Lasting, Undo, undo},
    structures::{TpmHandle, TpmNt, TpmRc, TpmaNv, TpmsNvPinCounterParameters, limits},
};

/// All NV indices.
#[derive(Default)]
pub struct NvIndices {
    indices: GroupMap<TpmHandle, NvIndex, true>,
    /// The highest value that a counter had which exists no more.
    retired_count: Lasting<u64>,
    /// Orderly indices whose contents are newer than their record.
    unflushed: Lasting<BTreeSet<TpmHandle>>,
}

undo!(NvIndices {
    indices,
    retired_count,
    unflushed
});

impl NvIndices {
    /// The indices as they were stored, with the highest value of a counter that was deleted.
    pub fn new(indices: impl IntoIterator<Item = NvIndex>, retired_count: u64) -> Self {
        let indices = indices.into_iter().map(|index| (index.handle(), index)).collect();
        Self {
            indices: GroupMap::new(indices),
            retired_count: Group::new(retired_count),
            unflushed: Group::new(BTreeSet::new()),
        }
    }

    /// The index under `handle`.
    pub fn get(&self, handle: TpmHandle) -> Option<&NvIndex> {
        self.indices.get(handle)
    }

    /// All indices whose handles are `from` or greater, ascending.
    pub fn iter_from(&self, from: TpmHandle) -> impl Iterator<Item = (TpmHandle, &NvIndex)> {
        self.indices.iter_from(from)
    }

    /// How many indices there are.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no index.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// How many counters there are.
    pub fn counters(&self) -> usize {
        self.indices
            .iter()
            .filter(|(_, index)| index.index_type() == TpmNt::Counter)
            .count()
    }

    /// The highest value of a counter that was deleted.
    pub fn retired_count(&self) -> u64 {
        *self.retired_count
    }

    /// Whether this command has changed [`Self::retired_count`].
    pub fn is_retired_count_changed(&self) -> bool {
        self.retired_count.is_changed()
    }

    /// Adds an index: TPM_RC_NV_DEFINED when its handle is taken, TPM_RC_NV_SPACE when there is no room.
    pub fn define(&mut self, index: NvIndex) -> Result<(), TpmRc> {
        if self.indices.contains(index.handle()) {
            return Err(TpmRc::NV_DEFINED);
        }
        let used: usize = self.indices.iter().map(|(_, other)| other.contents().len()).sum();
        if self.indices.len() >= limits::MAX_NV_INDICES || used + index.contents().len() > limits::MAX_NV_TOTAL {
            return Err(TpmRc::NV_SPACE);
        }
        self.indices.insert(index.handle(), index);
        Ok(())
    }

    /// Removes an index; a counter leaves its value behind, so that no later counter under any handle repeats it.
    pub fn undefine(&mut self, handle: TpmHandle) -> Result<(), TpmRc> {
        let index = self.indices.get(handle).ok_or(TpmRc::HANDLE)?;
        if let Some(count) = index.count().filter(|count| *count > *self.retired_count) {
            self.retired_count.set(count);
        }
        self.forget_unflushed(handle);
        self.indices.remove(handle);
        Ok(())
    }

    /// Removes every index for which `keep` says no: what TPM2_Clear does to the owner's.
    pub fn retain(&mut self, keep: impl Fn(&NvIndex) -> bool) -> Result<(), TpmRc> {
        let gone: Vec<TpmHandle> = self
            .indices
            .iter()
            .filter(|(_, index)| !keep(index))
            .map(|(handle, _)| handle)
            .collect();
        gone.into_iter().try_for_each(|handle| self.undefine(handle))
    }

    /// Changes an index in a way that has to last: its authorisation, its locks.
    pub fn edit(&mut self, handle: TpmHandle) -> Result<&mut NvIndex, TpmRc> {
        self.forget_unflushed(handle);
        self.indices.edit(handle).ok_or(TpmRc::HANDLE)
    }

    /// Changes the contents of an index with `change`, and marks it written. What is orderly waits for [`Self::flush_orderly`], but
    /// for a first write and for a counter whose low bits have wrapped, so that what an orderly counter loses stays below
    /// 2^[`limits::ORDERLY_BITS`].
    pub fn write(
        &mut self,
        handle: TpmHandle,
        change: impl FnOnce(&mut NvIndex) -> Result<(), TpmRc>,
    ) -> Result<(), TpmRc> {
        let index = self.indices.edit(handle).ok_or(TpmRc::HANDLE)?;
        let was_written = index.is_written();
        change(index)?;
        index.set(TpmaNv::WRITTEN, true);
        let wrapped = index
            .count()
            .is_some_and(|count| count % (1 << limits::ORDERLY_BITS) == 0);
        if index.has(TpmaNv::ORDERLY) && was_written && !wrapped {
            self.unflushed.edit().insert(handle);
        } else {
            self.forget_unflushed(handle);
        }
        Ok(())
    }

    /// The value above which a counter starts that is incremented for the first time: the highest that any counter ever had.
    pub fn highest_count(&self) -> u64 {
        self.indices
            .iter()
            .filter_map(|(_, index)| index.count())
            .fold(*self.retired_count, u64::max)
    }

    /// Whether `handle` names a PIN index, written or not.
    pub fn is_pin(&self, handle: TpmHandle) -> bool {
        self.get(handle).is_some_and(NvIndex::is_pin)
    }

    /// The PIN of a PIN index that was written.
    pub fn pin(&self, handle: TpmHandle) -> Option<TpmsNvPinCounterParameters> {
        self.get(handle)?.pin()
    }

    /// Records that the authValue of a PIN index was used, rightly or not: PIN PASS counts uses, PIN FAIL counts failures in a row
    /// (Part 1 §37.2.6). Other indices, and those not written, have nothing to record.
    pub fn record_pin_use(&mut self, handle: TpmHandle, success: bool) -> Result<(), TpmRc> {
        let Some(index) = self.get(handle) else { return Ok(()) };
        let (Some(pin), kind) = (index.pin(), index.index_type()) else {
            return Ok(());
        };
        let pin_count = match (kind, success) {
            (TpmNt::PinPass, true) | (TpmNt::PinFail, false) => pin.pin_count.saturating_add(1),
            (TpmNt::PinFail, true) => 0,
            _ => return Ok(()),
        };
        if pin_count == pin.pin_count {
            return Ok(());
        }
        self.write(handle, |index| {
            index.set_pin(TpmsNvPinCounterParameters { pin_count, ..pin })
        })
    }

    /// What this command has changed and a commit has to carry: each index, or none when it was removed.
    pub fn changes(&self) -> impl Iterator<Item = (TpmHandle, Option<&NvIndex>)> {
        self.indices
            .changes()
            .filter(|(handle, _)| !self.unflushed.contains(handle))
    }

    /// Whether orderly contents in memory are newer than their records: TPM2_Shutdown no longer covers everything.
    pub fn has_unflushed(&self) -> bool {
        !self.unflushed.is_empty()
    }

    /// TPM2_Shutdown: what is in orderly indices becomes a change to be committed.
    pub fn flush_orderly(&mut self) {
        if self.unflushed.is_empty() {
            return;
        }
        for handle in core::mem::take(self.unflushed.edit()) {
            // Marks the index as changed; its contents are as they should be.
            let _: Option<&mut NvIndex> = self.indices.edit(handle);
        }
    }

    fn forget_unflushed(&mut self, handle: TpmHandle) {
        if self.unflushed.contains(&handle) {
            self.unflushed.edit().remove(&handle);
        }
    }
}
