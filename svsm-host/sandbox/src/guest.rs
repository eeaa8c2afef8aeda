//! The component's side as the host sees it: its memory, its allocator, what the present call has used up.
//!
//! Every pointer here was chosen by the component. It is only a claim until [`range`] has checked it against the memory's present size; results are
//! checked for alignment and for bytes that they share, as the canonical ABI demands or, where it is silent, as every honest component does
//! anyway. The component cannot run while the host looks, so what was checked stays true; nothing is read twice all the same.

use crate::fault::{SandboxFault, from_interpreter};
use alloc::collections::BTreeMap;
use core::ops::Range;
use wasmi::{AsContextMut, Memory, StoreLimits, TypedFunc};

/// `cabi_realloc`: old pointer, old size, alignment, new size.
pub(crate) type Realloc = TypedFunc<(u32, u32, u32, u32), u32>;

/// What the component is doing, which decides whether it may call an import (CanonicalABI.md: `may_leave`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing, or its start function: no imports.
    Idle,
    /// The body of an export: imports are allowed.
    Export,
    /// Its allocator, called by the host: no imports.
    Allocator,
    /// A post-return function: no imports.
    PostReturn,
}

/// What the present call has used, besides fuel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// Lines.
    pub log_lines: u32,
    /// Bytes of values.
    pub commit_bytes: usize,
    /// Calls of imports.
    pub imports: u64,
    /// Fuel that they charged.
    pub import_fuel: u64,
}

/// What the store owns beside the interpreter's things.
pub(crate) struct Guest<H> {
    pub host: H,
    pub growth: StoreLimits,
    pub memory: Option<Memory>,
    pub realloc: Option<Realloc>,
    pub phase: Phase,
    pub used: Used,
    pub log_lines: u32,
    pub commit_bytes: usize,
}

impl<H> Guest<H> {
    pub fn memory(&self) -> Result<Memory, SandboxFault> {
        self.memory.ok_or(SandboxFault::Interpreter)
    }
}

/// A store, or an import's view of it, with the memory in it.
pub(crate) trait Abi<H>: AsContextMut<Data = Guest<H>> + Sized {
    /// The memory's bytes and the host's own data, at once.
    fn split(&mut self) -> Result<(&mut [u8], &mut Guest<H>), SandboxFault>;

    /// Copies `bytes` to fresh memory of the component, and returns the pointer.
    fn give(&mut self, bytes: &[u8], taken: &mut Disjoint) -> Result<(u32, u32), SandboxFault> {
        let pointer = self.allocate(bytes.len(), 1, taken)?;
        self.write(pointer, bytes)?;
        Ok((pointer, length(bytes.len())?))
    }

    /// Fresh memory of the component, from its own allocator.
    fn allocate(&mut self, size: usize, alignment: u32, taken: &mut Disjoint) -> Result<u32, SandboxFault> {
        let size = length(size)?;
        let (_, guest) = self.split()?;
        let realloc = guest.realloc.ok_or(SandboxFault::Interpreter)?;
        let before = core::mem::replace(&mut guest.phase, Phase::Allocator);
        let pointer = realloc
            .call(&mut *self, (0, 0, alignment, size))
            .map_err(from_interpreter)?;
        let (bytes, guest) = self.split()?;
        guest.phase = before;
        if !pointer.is_multiple_of(alignment) {
            return Err(SandboxFault::PointerMisaligned);
        }
        range(bytes, pointer, size)?;
        taken.claim(pointer, size)?;
        Ok(pointer)
    }

    /// Writes to the component's memory.
    fn write(&mut self, pointer: u32, from: &[u8]) -> Result<(), SandboxFault> {
        let (bytes, _) = self.split()?;
        let place = range(bytes, pointer, length(from.len())?)?;
        bytes
            .get_mut(place)
            .ok_or(SandboxFault::PointerOutOfBounds)?
            .copy_from_slice(from);
        Ok(())
    }
}

impl<H, C: AsContextMut<Data = Guest<H>>> Abi<H> for C {
    fn split(&mut self) -> Result<(&mut [u8], &mut Guest<H>), SandboxFault> {
        let context = self.as_context_mut();
        let memory = context.data().memory()?;
        Ok(memory.data_and_store_mut(context))
    }
}

fn length(bytes: usize) -> Result<u32, SandboxFault> {
    u32::try_from(bytes).map_err(|_| SandboxFault::PointerOutOfBounds)
}

/// The claim `pointer`, `length` as a range of `memory`.
pub(crate) fn range(memory: &[u8], pointer: u32, length: u32) -> Result<Range<usize>, SandboxFault> {
    let start = pointer as usize;
    let end = start
        .checked_add(length as usize)
        .ok_or(SandboxFault::PointerOutOfBounds)?;
    if end > memory.len() {
        return Err(SandboxFault::PointerOutOfBounds);
    }
    Ok(start..end)
}

/// The bytes that a claim names.
pub(crate) fn bytes(memory: &[u8], pointer: u32, length: u32) -> Result<&[u8], SandboxFault> {
    memory
        .get(range(memory, pointer, length)?)
        .ok_or(SandboxFault::PointerOutOfBounds)
}

/// The bytes of a record, at its alignment.
pub(crate) fn record<const N: usize>(memory: &[u8], pointer: u32, alignment: u32) -> Result<[u8; N], SandboxFault> {
    if !pointer.is_multiple_of(alignment) {
        return Err(SandboxFault::PointerMisaligned);
    }
    bytes(memory, pointer, N as u32)?
        .try_into()
        .map_err(|_| SandboxFault::PointerOutOfBounds)
}

/// A little-endian u32 inside a record.
pub(crate) fn word<const N: usize>(record: &[u8; N], offset: usize) -> u32 {
    let mut word = [0; 4];
    for (to, from) in word.iter_mut().zip(record.iter().skip(offset)) {
        *to = *from;
    }
    u32::from_le_bytes(word)
}

/// Refuses a length over the contract's bound.
pub(crate) fn within(what: &'static str, length: u64, bound: usize) -> Result<(), SandboxFault> {
    if length > bound as u64 {
        return Err(SandboxFault::OverBound {
            what,
            length,
            bound: bound as u64,
        });
    }
    Ok(())
}

/// Ranges of the component's memory that must not share bytes.
#[derive(Default)]
pub(crate) struct Disjoint {
    /// Start and end (exclusive) of the first ones; empty where there is none yet. Hardly a call has more, and none of these needs the heap.
    few: [(u64, u64); 4],
    /// Start and end (exclusive) of the others.
    many: BTreeMap<u64, u64>,
}

impl Disjoint {
    /// Takes a range, unless part of it is taken. An empty one takes nothing.
    pub fn claim(&mut self, pointer: u32, length: u32) -> Result<(), SandboxFault> {
        if length == 0 {
            return Ok(());
        }
        let start = u64::from(pointer);
        let end = start + u64::from(length);
        for known in &mut self.few {
            if known.1 == 0 {
                *known = (start, end);
                return Ok(());
            }
            if known.0 < end && start < known.1 {
                return Err(SandboxFault::PointersOverlap);
            }
        }
        let before = self.many.range(..end).next_back();
        if before.is_some_and(|(_, &other)| other > start) {
            return Err(SandboxFault::PointersOverlap);
        }
        self.many.insert(start, end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_share_a_byte_are_told_from_neighbours() {
        let mut taken = Disjoint::default();
        for (pointer, length, good) in [
            (16, 8, true),
            (24, 8, true),
            (8, 8, true),
            (23, 1, false),
            (0, 9, false),
            (31, 2, false),
            (20, 0, true),
            (40, 8, true),
            // From here on beyond the first few.
            (56, 8, true),
            (48, 8, true),
            (64, 8, true),
            (23, 1, false),
            (47, 1, false),
            (63, 2, false),
            (50, 2, false),
            (71, 9, false),
            (72, 8, true),
        ] {
            assert_eq!(taken.claim(pointer, length).is_ok(), good, "{pointer}+{length}");
        }
        assert_eq!(taken.claim(u32::MAX, u32::MAX), Ok(()));
        assert_eq!(taken.claim(0, u32::MAX), Err(SandboxFault::PointersOverlap));
    }

    #[test]
    fn range_beyond_the_memory_is_refused() {
        let memory = [0; 10];
        assert_eq!(range(&memory, 10, 0), Ok(10..10));
        assert_eq!(range(&memory, 9, 2), Err(SandboxFault::PointerOutOfBounds));
        assert_eq!(
            range(&memory, u32::MAX, u32::MAX),
            Err(SandboxFault::PointerOutOfBounds)
        );
        assert_eq!(record::<4>(&memory, 2, 4), Err(SandboxFault::PointerMisaligned));
    }
}
