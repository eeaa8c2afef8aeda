//! Numbers that must not be mistaken for one another: privilege levels and vCPUs.
//!
//! Both may come from the guest or the hypervisor; a [`Vmpl`] exists only in range, an [`ApicId`] is any 32-bit number and means a vCPU
//! only if the SVSM knows it.

use core::fmt;
use svsm_proto::VMPL_COUNT;

/// A VM privilege level, 0 to 3; 0 is the most privileged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vmpl(u8);

/// A number that is no privilege level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVmpl;

impl Vmpl {
    /// The SVSM's own level.
    pub const SVSM: Vmpl = Vmpl(0);

    /// Checks a number.
    pub fn new(level: u32) -> Result<Self, InvalidVmpl> {
        u8::try_from(level)
            .ok()
            .filter(|level| usize::from(*level) < VMPL_COUNT)
            .map(Vmpl)
            .ok_or(InvalidVmpl)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Every level below the SVSM's, most privileged first.
    pub fn lower() -> impl Iterator<Item = Vmpl> {
        (1..VMPL_COUNT as u8).map(Vmpl)
    }
}

impl fmt::Display for Vmpl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VMPL{}", self.0)
    }
}

/// A vCPU, by its APIC ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApicId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    // APM volume 2 §15.36.7: four levels.
    #[test]
    fn vmpl_beyond_three_is_refused() {
        assert_eq!(Vmpl::new(3).map(Vmpl::number), Ok(3));
        assert_eq!(Vmpl::new(4), Err(InvalidVmpl));
        assert_eq!(Vmpl::new(0x100), Err(InvalidVmpl));
        assert!(Vmpl::lower().map(Vmpl::number).eq([1, 2, 3]));
    }
}
