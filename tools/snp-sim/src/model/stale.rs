//! Rights that a processor may still act on although RMPADJUST took them away: it keeps translations with them until software has those dropped,
//! by INVLPGB and TLBSYNC (APM volume 3) or by a zero in a save area's PCPU_ID (volume 2, 15.36.8).
//!
//! The simulated processor drops them at once, which hardware may do as well. So that software which forgets it is found all the same, no save area
//! is entered whose VMPL could still act on a right that it does not have: from the moment when whoever took it leaves by VMGEXIT. Before that
//! the work is not done, and other processors may run meanwhile.

use super::{
    address::Gpa,
    rmp::{Adjustment, Permissions, VMPL_COUNT},
};
use alloc::{collections::BTreeMap, vec::Vec};

/// A page, and the VMPL that loses or gets rights to it.
type Key = (Gpa, u8);

/// What was taken and not given back.
#[derive(Clone, Copy, Debug)]
struct Taken {
    rights: Permissions,
    /// Which taking it was.
    number: u64,
}

/// All that was taken, by page and VMPL.
#[derive(Debug, Default)]
pub struct StaleRights {
    taken: BTreeMap<Key, Taken>,
    /// What was taken by a context that has not left since.
    unfinished: Vec<(usize, Key)>,
    /// Of what was taken from this VMPL, and is finished, nothing has a greater number; the first has 1.
    newest: [u64; VMPL_COUNT],
    count: u64,
    /// The newest at the last INVLPGB, and at the last TLBSYNC after one.
    asked: u64,
    dropped: u64,
}

/// The number of the newest taking when a save area was last entered anew; none before the first time.
pub type Known = Option<u64>;

impl StaleRights {
    /// RMPADJUST, by a context, of a page that had these permissions for its target, and was a save area or none. Making one of it takes whatever
    /// there was.
    pub fn adjusted(&mut self, by: usize, page: Gpa, (old, was_vmsa): (Permissions, bool), new: Adjustment) {
        let given = if new.vmsa && !was_vmsa {
            Permissions::NONE
        } else {
            new.permissions
        };
        let key = (page, new.target);
        let before = self.taken.remove(&key);
        let still = before.map_or(0, |taken| taken.rights.0 & !given.0);
        let lost = old.0 & !given.0;
        let mut number = before.map_or(0, |taken| taken.number);
        if lost != 0 {
            self.count += 1;
            number = self.count;
            self.unfinished.push((by, key));
        }
        if still | lost != 0 {
            let rights = Permissions(still | lost);
            self.taken.insert(key, Taken { rights, number });
        }
    }

    /// A context leaves by VMGEXIT: it has done with all that it took.
    pub fn left(&mut self, context: usize) {
        for (_, key) in self.unfinished.extract_if(.., |(by, _)| *by == context) {
            if let Some(taken) = self.taken.get(&key) {
                let newest = &mut self.newest[usize::from(key.1)];
                *newest = taken.number.max(*newest);
            }
        }
    }

    /// RMPUPDATE: the page is another's now, and what the guest may do with it is no question of its own levels.
    pub fn updated(&mut self, page: Gpa) {
        for target in 0..VMPL_COUNT as u8 {
            self.taken.remove(&(page, target));
        }
    }

    /// INVLPGB of everything.
    pub fn invlpgb(&mut self) {
        self.asked = self.count;
    }

    /// TLBSYNC.
    pub fn tlbsync(&mut self) {
        self.dropped = self.asked;
        self.taken.retain(|_, taken| taken.number > self.dropped);
    }

    /// Whether a save area of `vmpl` can be entered; `flush` when its PCPU_ID is zero.
    pub fn enter(&mut self, vmpl: u8, known: &mut Known, flush: bool) -> bool {
        if flush || known.is_none() {
            *known = Some(self.count);
        }
        let known = known.unwrap_or(0).max(self.dropped);
        let newest = &mut self.newest[usize::from(vmpl) % VMPL_COUNT];
        if *newest > known {
            let unfinished = |key: &Key| self.unfinished.iter().any(|(_, other)| other == key);
            let finished = self.taken.iter().filter(|(key, _)| key.1 == vmpl && !unfinished(key));
            *newest = finished.map(|(_, taken)| taken.number).max().unwrap_or(0);
        }
        *newest <= known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Gpa = Gpa(0x1000);
    const ALL: Permissions = Permissions::ALL;
    const READ: Permissions = Permissions::READ;
    const NONE: Permissions = Permissions::NONE;

    fn begin(stale: &mut StaleRights, target: u8, old: Permissions, permissions: Permissions, vmsa: bool) {
        let new = Adjustment {
            target,
            permissions,
            vmsa,
        };
        stale.adjusted(0, PAGE, (old, false), new);
    }

    fn adjust(stale: &mut StaleRights, target: u8, old: Permissions, permissions: Permissions, vmsa: bool) {
        begin(stale, target, old, permissions, vmsa);
        stale.left(0);
    }

    // APM volume 2, 15.36.8, and volume 3, INVLPGB and TLBSYNC.
    #[test]
    fn right_that_was_taken_has_to_be_forgotten_before_its_vmpl_runs_again() {
        let mut stale = StaleRights::default();
        let (mut one, mut other) = (None, None);
        assert!(stale.enter(1, &mut one, false) && stale.enter(1, &mut other, false));
        // Nothing is taken by what gives, and nothing from VMPL1 by what VMPL2 loses.
        adjust(&mut stale, 1, READ, ALL, false);
        adjust(&mut stale, 2, ALL, NONE, false);
        assert!(stale.enter(1, &mut one, false));
        adjust(&mut stale, 1, ALL, READ, false);
        assert!(!stale.enter(1, &mut one, false));
        // A zero in PCPU_ID is for its own save area.
        assert!(stale.enter(1, &mut one, true) && stale.enter(1, &mut one, false));
        assert!(!stale.enter(1, &mut other, false));
        // INVLPGB alone promises nothing, nor does TLBSYNC without it.
        stale.invlpgb();
        assert!(!stale.enter(1, &mut other, false));
        stale.tlbsync();
        assert!(stale.enter(1, &mut other, false));
        adjust(&mut stale, 1, READ, NONE, false);
        stale.tlbsync();
        assert!(!stale.enter(1, &mut one, false));
    }

    #[test]
    fn right_that_is_being_taken_may_still_be_used_elsewhere() {
        let mut stale = StaleRights::default();
        let mut one = None;
        assert!(stale.enter(1, &mut one, false));
        begin(&mut stale, 1, ALL, NONE, false);
        stale.left(7);
        assert!(stale.enter(1, &mut one, false), "by another context");
        stale.left(0);
        assert!(!stale.enter(1, &mut one, false));
        begin(&mut stale, 1, NONE, READ, false);
        begin(&mut stale, 1, READ, NONE, false);
        stale.invlpgb();
        stale.tlbsync();
        stale.left(0);
        assert!(stale.enter(1, &mut one, false), "forgotten before it left");
    }

    #[test]
    fn right_that_is_given_back_or_whose_page_is_gone_is_not_stale() {
        let mut stale = StaleRights::default();
        let mut one = None;
        assert!(stale.enter(1, &mut one, false));
        adjust(&mut stale, 1, ALL, NONE, false);
        adjust(&mut stale, 1, NONE, READ, false);
        assert!(!stale.enter(1, &mut one, false), "not all of it");
        adjust(&mut stale, 1, READ, ALL, false);
        assert!(stale.enter(1, &mut one, false));
        // A save area cannot be written by whoever could write the page.
        adjust(&mut stale, 1, ALL, READ, true);
        assert!(!stale.enter(1, &mut one, false));
        stale.updated(PAGE);
        assert!(stale.enter(1, &mut one, false));
        // What nobody had a right to becomes a save area that may be read.
        adjust(&mut stale, 1, NONE, READ, true);
        assert!(stale.enter(1, &mut one, false));
    }
}
