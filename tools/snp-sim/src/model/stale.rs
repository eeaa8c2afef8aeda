//! Rights that a processor may still act on although RMPADJUST took them away: it keeps translations with them until software has those dropped,
//! by INVLPGB and TLBSYNC (APM volume 3) or by a zero in a save area's PCPU_ID (volume 2, 15.36.8).
//!
//! The simulated processor drops them at once, which hardware may do as well. So that software which forgets it is found all the same, no save area
//! is entered whose VMPL could still act on a right that it does not have: from the moment when whoever took it leaves by VMGEXIT. Before that
//! the work is not done, and other processors may run meanwhile.

use super::{
    address::{Gpa, PageSize},
    rmp::{Adjustment, Entry, Permissions, VMPL_COUNT},
};
use alloc::{collections::BTreeMap, vec::Vec};

/// A small page, and the VMPL that loses or gets rights to it.
type Key = (Gpa, u8);

/// What was taken and not given back.
#[derive(Clone, Copy, Debug)]
struct Taken {
    rights: Permissions,
    /// The last taking that is finished; 0 for none.
    finished: u64,
    /// The one that is not.
    unfinished: u64,
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
    /// The newest at a context's last INVLPGB.
    asked: BTreeMap<usize, u64>,
    /// What a TLBSYNC has seen to.
    dropped: u64,
}

/// The number of the newest taking when a save area was last entered anew; 0 before the first time.
pub type Known = u64;

/// The small pages of a page.
fn pages(page: Gpa, size: PageSize) -> impl Iterator<Item = Gpa> {
    let small = PageSize::Small.bytes();
    (0..size.bytes() / small).map(move |index| Gpa(page.0 + index * small))
}

impl StaleRights {
    /// RMPADJUST by a context: how the page's entry was and how it is, and what was asked for. A page that becomes a save area loses whatever there was.
    pub fn adjusted(&mut self, by: usize, page: Gpa, size: PageSize, [before, after]: [&Entry; 2], new: Adjustment) {
        let given = if after.vmsa && !before.vmsa {
            Permissions::NONE
        } else {
            new.permissions
        };
        let lost = before.permissions[usize::from(new.target)].0 & !given.0;
        if lost != 0 {
            self.count += 1;
        } else if self.taken.is_empty() {
            return;
        }
        for page in pages(page, size) {
            let key = (page, new.target);
            let mut taken = self.taken.remove(&key).unwrap_or(Taken {
                rights: Permissions::NONE,
                finished: 0,
                unfinished: 0,
            });
            taken.rights = Permissions(taken.rights.0 & !given.0 | lost);
            if lost != 0 {
                taken.unfinished = self.count;
                self.unfinished.push((by, key));
            }
            if taken.rights != Permissions::NONE {
                self.taken.insert(key, taken);
            }
        }
    }

    /// A context leaves by VMGEXIT: it has done with all that it took.
    pub fn left(&mut self, context: usize) {
        for (_, key) in self.unfinished.extract_if(.., |(by, _)| *by == context) {
            if let Some(taken) = self.taken.get_mut(&key) {
                taken.finished = taken.unfinished.max(taken.finished);
                let newest = &mut self.newest[usize::from(key.1)];
                *newest = taken.finished.max(*newest);
            }
        }
    }

    /// RMPUPDATE: the page is another's now, and what the guest may do with it is no question of its own levels.
    pub fn updated(&mut self, page: Gpa, size: PageSize) {
        if self.taken.is_empty() {
            return;
        }
        for page in pages(page, size) {
            for target in 0..VMPL_COUNT as u8 {
                self.taken.remove(&(page, target));
            }
        }
    }

    /// INVLPGB of everything by a context.
    pub fn invlpgb(&mut self, by: usize) {
        self.asked.insert(by, self.count);
    }

    /// TLBSYNC by a context, which waits for its own INVLPGB.
    pub fn tlbsync(&mut self, by: usize) {
        let asked = self.asked.get(&by).copied().unwrap_or(0);
        self.dropped = asked.max(self.dropped);
        let dropped = self.dropped;
        self.taken
            .retain(|_, taken| taken.finished.max(taken.unfinished) > dropped);
    }

    /// Whether a save area of `vmpl` can be entered; `flush` when its PCPU_ID is zero.
    pub fn enter(&mut self, vmpl: u8, known: &mut Known, flush: bool) -> bool {
        if flush {
            *known = self.count;
        }
        let known = self.dropped.max(*known);
        let newest = &mut self.newest[usize::from(vmpl) % VMPL_COUNT];
        if *newest > known {
            let of_vmpl = self.taken.iter().filter(|(key, _)| key.1 == vmpl);
            *newest = of_vmpl.map(|(_, taken)| taken.finished).max().unwrap_or(0);
        }
        *newest <= known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Gpa = Gpa(0x20_0000);
    const ALL: Permissions = Permissions::ALL;
    const READ: Permissions = Permissions::READ;
    const NONE: Permissions = Permissions::NONE;

    fn entry(permissions: Permissions, vmsa: bool) -> Entry {
        Entry {
            assigned: true,
            validated: true,
            immutable: false,
            vmsa,
            large: false,
            asid: 1,
            gpa: PAGE,
            permissions: [permissions; VMPL_COUNT],
        }
    }

    fn begin_with(stale: &mut StaleRights, size: PageSize, target: u8, [old, new]: [Permissions; 2], vmsa: bool) {
        let asked = Adjustment {
            target,
            permissions: new,
            vmsa,
        };
        stale.adjusted(0, PAGE, size, [&entry(old, false), &entry(new, vmsa)], asked);
    }

    fn begin(stale: &mut StaleRights, target: u8, old: Permissions, new: Permissions, vmsa: bool) {
        begin_with(stale, PageSize::Small, target, [old, new], vmsa);
    }

    fn adjust(stale: &mut StaleRights, target: u8, old: Permissions, permissions: Permissions, vmsa: bool) {
        begin(stale, target, old, permissions, vmsa);
        stale.left(0);
    }

    // APM volume 2, 15.36.8, and volume 3, INVLPGB and TLBSYNC.
    #[test]
    fn right_that_was_taken_has_to_be_forgotten_before_its_vmpl_runs_again() {
        let mut stale = StaleRights::default();
        let (mut one, mut other) = (0, 0);
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
        stale.invlpgb(0);
        assert!(!stale.enter(1, &mut other, false));
        stale.tlbsync(1);
        assert!(!stale.enter(1, &mut other, false), "another processor's TLBSYNC");
        stale.tlbsync(0);
        assert!(stale.enter(1, &mut other, false));
        adjust(&mut stale, 1, READ, NONE, false);
        stale.tlbsync(0);
        assert!(!stale.enter(1, &mut one, false));
    }

    #[test]
    fn right_that_is_being_taken_may_still_be_used_elsewhere() {
        let mut stale = StaleRights::default();
        let mut one = 0;
        assert!(stale.enter(1, &mut one, false));
        begin(&mut stale, 1, ALL, NONE, false);
        stale.left(7);
        assert!(stale.enter(1, &mut one, false), "by another context");
        stale.left(0);
        assert!(!stale.enter(1, &mut one, false));
        begin(&mut stale, 1, NONE, READ, false);
        begin(&mut stale, 1, READ, NONE, false);
        stale.invlpgb(0);
        stale.tlbsync(0);
        stale.left(0);
        assert!(stale.enter(1, &mut one, false), "forgotten before it left");
        // Another taking that is under way hides none that is finished.
        adjust(&mut stale, 1, ALL, READ, false);
        begin(&mut stale, 1, READ, NONE, false);
        assert!(!stale.enter(1, &mut one, false));
    }

    #[test]
    fn right_that_is_given_back_or_whose_page_is_gone_is_not_stale() {
        let mut stale = StaleRights::default();
        let mut one = 0;
        assert!(stale.enter(1, &mut one, false));
        adjust(&mut stale, 1, ALL, NONE, false);
        adjust(&mut stale, 1, NONE, READ, false);
        assert!(!stale.enter(1, &mut one, false), "not all of it");
        adjust(&mut stale, 1, READ, ALL, false);
        assert!(stale.enter(1, &mut one, false));
        // A save area cannot be written by whoever could write the page.
        adjust(&mut stale, 1, ALL, READ, true);
        assert!(!stale.enter(1, &mut one, false));
        stale.updated(PAGE, PageSize::Small);
        assert!(stale.enter(1, &mut one, false));
        // A small part of a large page is not all of it.
        begin_with(&mut stale, PageSize::Large, 1, [ALL, NONE], false);
        stale.left(0);
        adjust(&mut stale, 1, NONE, ALL, false);
        assert!(!stale.enter(1, &mut one, false));
        stale.updated(PAGE, PageSize::Large);
        assert!(stale.enter(1, &mut one, false));
        // What nobody had a right to becomes a save area that may be read.
        adjust(&mut stale, 1, NONE, READ, true);
        assert!(stale.enter(1, &mut one, false));
    }
}
