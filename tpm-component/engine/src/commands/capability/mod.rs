//! Part 3 §30: capabilities. Everything here is derived from what the TPM is and has; nothing is listed twice.

mod algorithms;
mod element;
mod get_capability;
mod handle_lists;
mod policies;
pub mod properties;
mod test_parms;

pub use element::{NoElement, element};
pub use get_capability::GetCapability;
pub use test_parms::TestParms;

use alloc::vec::Vec;

use crate::structures::TpmAlgId;

/// At most `count` elements of an answer, and whether there were more.
fn at_most<T>(all: impl Iterator<Item = T>, count: usize) -> (Vec<T>, bool) {
    let mut all = all;
    let taken: Vec<T> = all.by_ref().take(count).collect();
    (taken, all.next().is_some())
}

/// As [`at_most`], of a list that never changes, from its element `first` on.
fn at_most_of<T>(all: &'static [T], first: usize, count: usize) -> (&'static [T], bool) {
    let rest = all.get(first..).unwrap_or_default();
    rest.get(..count)
        .map_or((rest, false), |taken| (taken, taken.len() < rest.len()))
}

/// All algorithms of this TPM.
pub fn implemented() -> impl Iterator<Item = TpmAlgId> {
    algorithms::ALGORITHMS.iter().map(|known| known.alg)
}

/// Whether this TPM has an algorithm.
pub fn is_implemented(alg: TpmAlgId) -> bool {
    algorithms::ALGORITHMS.iter().any(|known| known.alg == alg)
}
