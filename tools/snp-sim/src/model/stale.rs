//! Rights that a processor may still act on although RMPADJUST took them away: it keeps translations with them until software has those dropped,
//! by INVLPGB and TLBSYNC (APM volume 3) or by a zero in a save area's PCPU_ID (volume 2, 15.36.8).
//!
//! The simulated processor drops them at once, which hardware may do as well. So that software which forgets it is found all the same, no save area
//! is entered whose VMPL could still act on such a right.

use super::rmp::{Adjustment, Permissions, VMPL_COUNT};

/// How many rights were taken from each VMPL, and how many of them every processor has forgotten.
#[derive(Debug, Default)]
pub struct StaleRights {
    taken: [u64; VMPL_COUNT],
    /// At the last INVLPGB.
    asked: [u64; VMPL_COUNT],
    /// At the last TLBSYNC after one.
    dropped: [u64; VMPL_COUNT],
}

/// How many rights had been taken from its VMPL when a save area was last entered anew; none before the first time.
pub type Known = Option<u64>;

impl StaleRights {
    /// RMPADJUST of a page that had these permissions for its target, and was a save area or none.
    pub fn adjusted(&mut self, old: Permissions, was_vmsa: bool, new: Adjustment) {
        if !new.permissions.contains(old) || new.vmsa && !was_vmsa {
            self.taken[usize::from(new.target)] += 1;
        }
    }

    /// INVLPGB of everything.
    pub fn invlpgb(&mut self) {
        self.asked = self.taken;
    }

    /// TLBSYNC.
    pub fn tlbsync(&mut self) {
        self.dropped = self.asked;
    }

    /// Whether a save area of `vmpl` can be entered; `flush` when its PCPU_ID is zero.
    pub fn enter(&self, vmpl: u8, known: &mut Known, flush: bool) -> bool {
        let at = usize::from(vmpl) % VMPL_COUNT;
        if flush || known.is_none() {
            *known = Some(self.taken[at]);
        }
        (*known).max(Some(self.dropped[at])) == Some(self.taken[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(stale: &mut StaleRights, target: u8, permissions: Permissions, vmsa: bool) {
        let new = Adjustment {
            target,
            permissions,
            vmsa,
        };
        stale.adjusted(Permissions::ALL, false, new);
    }

    // APM volume 2, 15.36.8, and volume 3, INVLPGB and TLBSYNC.
    #[test]
    fn a_right_that_was_taken_has_to_be_forgotten_before_its_vmpl_runs_again() {
        let mut stale = StaleRights::default();
        let (mut one, mut other) = (None, None);
        assert!(stale.enter(1, &mut one, false) && stale.enter(1, &mut other, false));
        // Nothing is taken by what gives, and nothing from VMPL1 by what VMPL2 loses.
        take(&mut stale, 1, Permissions::ALL, false);
        take(&mut stale, 2, Permissions::NONE, false);
        assert!(stale.enter(1, &mut one, false));
        take(&mut stale, 1, Permissions::READ, false);
        assert!(!stale.enter(1, &mut one, false));
        // A zero in PCPU_ID is for its own save area.
        assert!(stale.enter(1, &mut one, true) && stale.enter(1, &mut one, false));
        assert!(!stale.enter(1, &mut other, false));
        // INVLPGB alone promises nothing.
        stale.invlpgb();
        assert!(!stale.enter(1, &mut other, false));
        stale.tlbsync();
        assert!(stale.enter(1, &mut other, false));
        take(&mut stale, 1, Permissions::ALL, true);
        stale.tlbsync();
        assert!(!stale.enter(1, &mut one, false), "TLBSYNC without INVLPGB");
    }
}
