//! What only the simulator can see: whether anything that belongs to VMPL0 alone ended up where others can read it (option `audit=1`).
//!
//! When the machine stops, the security processor's key for VMPL0 is looked for in every page that the hypervisor or a lower VMPL can read, and
//! the RMP for save areas that a lower VMPL could write. The guest's own key, which lies in its secrets page, must be found by the same search. A test reads the verdict in the log; the machine ends as it would without it.

use super::Hypervisor;
use crate::machine::{
    log::{self, Origin},
    memory,
};
use snp_model::model::{
    address::{Gpa, Spa},
    rmp::Permissions,
};

impl Hypervisor<'_> {
    /// Looks, and says what was found.
    pub fn audit(&self) {
        let keys = self.hardware.keys().filter(|_| self.options.audit);
        let Some(([key, others @ ..], vmpl)) = keys.zip(self.guest_vmpl()) else {
            return;
        };
        let own = others[usize::from(vmpl) - 1];
        let (mut pages, mut findings, mut control) = (0u32, 0u32, 0u32);
        for (gpa, page) in self.ram.pages() {
            if self.is_writable_save_area(page) {
                findings += 1;
                found(gpa, "a save area that a lower VMPL can write");
            }
            if self.is_readable_outside_vmpl0(page) {
                pages += 1;
                if holds(page, &key) {
                    findings += 1;
                    found(gpa, "the key of VMPL0");
                }
                control += u32::from(holds(page, &own));
            }
        }
        log::line(
            Origin::Hardware,
            format_args!(
                "audit: {findings} findings in {pages} pages that others than VMPL0 can read; {control} hold the guest's own key"
            ),
        );
    }

    /// The level that the guest runs at.
    pub fn guest_vmpl(&self) -> Option<u8> {
        let contexts = &self.processors.first()?.contexts;
        (1..)
            .zip(&contexts[1..])
            .find_map(|(vmpl, context)| context.as_ref().map(|_| vmpl))
    }

    fn is_readable_outside_vmpl0(&self, page: Spa) -> bool {
        match self.hardware.rmp_entry(page) {
            Some(entry) if entry.assigned => entry.permissions[1..]
                .iter()
                .any(|granted| granted.contains(Permissions::READ)),
            _ => true,
        }
    }

    fn is_writable_save_area(&self, page: Spa) -> bool {
        self.hardware.rmp_entry(page).is_some_and(|entry| {
            let writable = |granted: &Permissions| granted.contains(Permissions::WRITE);
            entry.assigned && entry.vmsa && entry.permissions[1..].iter().any(writable)
        })
    }
}

fn found(gpa: Gpa, what: &str) {
    log::line(Origin::Hardware, format_args!("audit: {what} at GPA {:#x}", gpa.0));
}

/// Whether a page holds the key, at any multiple of eight bytes; nobody keeps it at another place.
fn holds(page: Spa, key: &[u8; 32]) -> bool {
    let contents = memory::read_page(page.0);
    let first = &key[..8];
    (0..=contents.len() - key.len())
        .step_by(8)
        .any(|at| contents[at..at + 8] == *first && contents[at..at + key.len()] == *key)
}
