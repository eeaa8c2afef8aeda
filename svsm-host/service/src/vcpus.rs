//! Which VMSAs there are, whose they are, and which one each vCPU runs.
//!
//! The guest makes and deletes VMSAs for any of its vCPUs from any of them (SVSM §6.3, §6.4). The newest at the guest's level is the one that a vCPU
//! runs; an older one stays a VMSA until it is deleted. The startup vCPU's first VMSA is the SVSM's own page and cannot be deleted.

use alloc::vec::Vec;
use svsm_platform::{ApicId, Gpa, Vmpl};

/// Most VMSAs at a time.
pub const MAX_VMSAS: usize = 1024;

/// One VMSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmsaRecord {
    /// Its page.
    pub gpa: Gpa,
    /// Its vCPU.
    pub cpu: ApicId,
    /// Its level.
    pub vmpl: Vmpl,
    /// Its calling area.
    pub caa: Gpa,
    /// Whether it is the first of the vCPU that started the guest.
    pub startup: bool,
    /// Whether it is the one that its vCPU runs.
    pub current: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Vcpus {
    records: Vec<VmsaRecord>,
}

impl Vcpus {
    /// The VMSA that a vCPU runs.
    pub fn current(&self, cpu: ApicId) -> Option<&VmsaRecord> {
        self.records.iter().find(|record| record.cpu == cpu && record.current)
    }

    /// The record of a VMSA.
    pub fn find(&self, vmsa: Gpa) -> Option<&VmsaRecord> {
        self.records.iter().find(|record| record.gpa == vmsa)
    }

    /// The startup vCPU's first VMSA.
    pub fn startup(&self) -> Option<&VmsaRecord> {
        self.records.iter().find(|record| record.startup)
    }

    /// Makes room for one more; false when there is none.
    #[must_use]
    pub fn reserve(&mut self) -> bool {
        self.records.len() < MAX_VMSAS && self.records.try_reserve(1).is_ok()
    }

    /// Adds a VMSA. If it is current, its vCPU's other VMSAs no longer are.
    pub fn add(&mut self, record: VmsaRecord) {
        if record.current {
            for other in self.records.iter_mut().filter(|other| other.cpu == record.cpu) {
                other.current = false;
            }
        }
        self.records.push(record);
    }

    /// Removes a VMSA.
    pub fn remove(&mut self, vmsa: Gpa) {
        self.records.retain(|record| record.gpa != vmsa);
    }

    /// Gives a VMSA another calling area.
    pub fn set_caa(&mut self, vmsa: Gpa, caa: Gpa) {
        if let Some(record) = self.records.iter_mut().find(|record| record.gpa == vmsa) {
            record.caa = caa;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(gpa: u64, cpu: u32, startup: bool) -> VmsaRecord {
        let vmpl = Vmpl::new(2).expect("in range");
        VmsaRecord {
            gpa: Gpa(gpa),
            cpu: ApicId(cpu),
            vmpl,
            caa: Gpa(gpa + 0x1000),
            startup,
            current: true,
        }
    }

    #[test]
    fn newest_vmsa_of_a_vcpu_is_the_one_it_runs() {
        let mut vcpus = Vcpus::default();
        vcpus.add(record(0x1000, 0, true));
        vcpus.add(record(0x3000, 1, false));
        vcpus.add(record(0x5000, 1, false));
        assert_eq!(vcpus.current(ApicId(0)).map(|r| r.gpa), Some(Gpa(0x1000)));
        assert_eq!(vcpus.current(ApicId(1)).map(|r| r.gpa), Some(Gpa(0x5000)));
        assert!(vcpus.find(Gpa(0x3000)).is_some_and(|r| !r.current));
        vcpus.remove(Gpa(0x5000));
        assert_eq!(vcpus.current(ApicId(1)), None);
        assert_eq!(vcpus.startup().map(|r| r.gpa), Some(Gpa(0x1000)));
    }
}
