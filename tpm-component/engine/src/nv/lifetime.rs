//! What TPM2_Startup does to NV indices (Part 1 §37.2, Part 3 §9.3): locks end, what does not outlive a reset becomes unwritten, and an
//! orderly counter whose last values may be lost jumps ahead of all that it could have had.

use alloc::vec::Vec;

use super::NvIndices;
use crate::structures::{TpmHandle, TpmNt, TpmRc, TpmaNv, limits};

/// The kind of start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NvStart {
    /// TPM Reset.
    Reset,
    /// TPM Restart.
    Restart,
    /// TPM Resume.
    Resume,
}

impl NvIndices {
    /// Applies a start; `orderly` says whether TPM2_Shutdown came before it.
    pub fn start(&mut self, start: NvStart, orderly: bool) -> Result<(), TpmRc> {
        let handles: Vec<TpmHandle> = self.iter_from(TpmHandle(0)).map(|(handle, _)| handle).collect();
        handles
            .into_iter()
            .try_for_each(|handle| self.start_one(handle, start, orderly))
    }

    fn start_one(&mut self, handle: TpmHandle, start: NvStart, orderly: bool) -> Result<(), TpmRc> {
        let Some(index) = self.get(handle) else { return Ok(()) };
        let counter = index.index_type() == TpmNt::Counter;
        let cleared = start != NvStart::Resume;
        let unlock_read = cleared && index.has(TpmaNv::READLOCKED);
        let ends =
            (cleared && index.has(TpmaNv::CLEAR_STCLEAR)) || (start == NvStart::Reset && index.has(TpmaNv::ORDERLY));
        let unwrite = !counter && index.is_written() && ends;
        // What is no longer written is not locked for good either: nobody could ever write it again.
        let locked_for_good = index.has(TpmaNv::WRITEDEFINE | TpmaNv::WRITTEN) && !unwrite;
        let unlock_write = cleared && index.has(TpmaNv::WRITELOCKED) && !locked_for_good;
        let low_bits = (1u64 << limits::ORDERLY_BITS) - 1;
        let jump = index
            .count()
            .filter(|_| !orderly && index.has(TpmaNv::ORDERLY))
            .map(|count| count | low_bits);
        if !(unlock_read || unlock_write || unwrite || jump.is_some()) {
            return Ok(());
        }
        let index = self.edit(handle)?;
        if unlock_read {
            index.set(TpmaNv::READLOCKED, false);
        }
        if unlock_write {
            index.set(TpmaNv::WRITELOCKED, false);
        }
        if unwrite {
            index.clear_written();
        }
        if let Some(count) = jump {
            index.write_at(0, &count.to_be_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        nv::{NvIndex, definition::tests::index},
        state::Undo,
        structures::TpmsNvPinCounterParameters,
        wire::{Marshal, Unmarshal},
    };

    const HANDLE: TpmHandle = TpmHandle(0x0180_0001);
    const PLAIN: TpmaNv = TpmaNv::OWNERREAD.with(TpmaNv::OWNERWRITE);

    fn written(attributes: TpmaNv) -> NvIndices {
        let mut indices = NvIndices::default();
        indices.define(index(attributes)).expect("room");
        indices
            .write(HANDLE, |index| index.write_at(0, &[0, 0, 0, 0, 0, 0, 0, 5]))
            .expect("fits");
        indices.settle();
        indices
    }

    fn after(attributes: TpmaNv, start: NvStart, orderly: bool) -> (bool, bool, Option<u64>) {
        let mut indices = written(attributes);
        indices
            .edit(HANDLE)
            .expect("defined")
            .set(TpmaNv::READLOCKED | TpmaNv::WRITELOCKED, true);
        indices.start(start, orderly).expect("consistent");
        let index = indices.get(HANDLE).expect("defined");
        let number = index.is_written().then(|| index.number()).flatten();
        (index.has(TpmaNv::READLOCKED), index.has(TpmaNv::WRITELOCKED), number)
    }

    #[test]
    fn locks_and_contents_follow_the_kind_of_start() {
        // Part 3 §9.3, table of state classes.
        let stclear = PLAIN | TpmaNv::CLEAR_STCLEAR;
        let orderly = PLAIN | TpmaNv::ORDERLY;
        assert_eq!(after(PLAIN, NvStart::Reset, true), (false, false, Some(5)));
        assert_eq!(after(PLAIN, NvStart::Resume, true), (true, true, Some(5)));
        assert_eq!(
            after(PLAIN | TpmaNv::WRITEDEFINE, NvStart::Reset, true),
            (false, true, Some(5))
        );
        assert_eq!(after(stclear, NvStart::Restart, true), (false, false, None));
        assert_eq!(after(stclear, NvStart::Resume, true), (true, true, Some(5)));
        assert_eq!(after(orderly, NvStart::Reset, true), (false, false, None));
        assert_eq!(after(orderly, NvStart::Restart, true), (false, false, Some(5)));
        let counter = orderly.with_type(TpmNt::Counter);
        assert_eq!(after(counter, NvStart::Reset, true), (false, false, Some(5)));
        assert_eq!(after(counter, NvStart::Reset, false), (false, false, Some(255)));
    }

    #[test]
    fn orderly_contents_are_committed_first_and_at_shutdown_only() {
        let mut indices = written(PLAIN | TpmaNv::ORDERLY);
        indices.write(HANDLE, |index| index.write_at(0, &[9])).expect("fits");
        assert_eq!(indices.changes().count(), 0);
        indices.settle();
        indices.flush_orderly();
        assert_eq!(
            indices.changes().map(|(handle, _)| handle).collect::<Vec<_>>(),
            [HANDLE]
        );
        indices.settle();
        indices.flush_orderly();
        assert_eq!(indices.changes().count(), 0);
    }

    #[test]
    fn deleted_counter_leaves_its_value_behind() {
        // Part 3 §31, as swtpm 0.7.1 answers: a counter starts above the highest value ever, those of deleted ones included.
        let mut indices = written(PLAIN.with_type(TpmNt::Counter));
        assert_eq!(indices.highest_count(), 5);
        indices.undefine(HANDLE).expect("defined");
        assert_eq!((indices.highest_count(), indices.retired_count()), (5, 5));
        indices.roll_back();
        assert_eq!((indices.retired_count(), indices.len()), (0, 1));
    }

    #[test]
    fn pin_counts_failures_or_uses() {
        // Part 1 §37.2.6, PIN indices.
        let pin_after = |kind, uses: &[bool]| {
            let mut indices = NvIndices::default();
            indices
                .define(index((PLAIN | TpmaNv::NO_DA).with_type(kind)))
                .expect("room");
            let start = TpmsNvPinCounterParameters {
                pin_count: 1,
                pin_limit: 4,
            };
            indices
                .write(HANDLE, |index| index.write_at(0, &start.to_bytes()))
                .expect("fits");
            uses.iter()
                .for_each(|success| indices.record_pin_use(HANDLE, *success).expect("a PIN index"));
            indices.pin(HANDLE).expect("written").pin_count
        };
        assert_eq!(pin_after(TpmNt::PinFail, &[false]), 2);
        assert_eq!(pin_after(TpmNt::PinFail, &[false, true]), 0);
        assert_eq!(pin_after(TpmNt::PinPass, &[true, false]), 2);
    }

    #[test]
    fn record_round_trips_and_a_damaged_one_is_refused() {
        let indices = written(PLAIN);
        let stored = indices.get(HANDLE).expect("defined");
        let mut bytes = stored.to_bytes();
        assert_eq!(NvIndex::from_bytes(&bytes).as_ref(), Ok(stored));
        // The low byte of dataSize, behind handle, nameAlg, attributes and an empty policy.
        bytes[13] = 9;
        assert_eq!(NvIndex::from_bytes(&bytes), Err(TpmRc::FAILURE));
    }
}
