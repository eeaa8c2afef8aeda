//! Addresses and page sizes, so that a guest-physical address is never taken for a system-physical one.

use core::fmt;

/// Bytes in a 4 KiB page.
pub const PAGE_SIZE: u64 = 4096;
/// 4 KiB pages in a 2 MiB page.
pub const PAGES_PER_LARGE: u64 = 512;

/// A guest-physical address without the C-bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gpa(pub u64);

/// A system-physical address: memory of the (simulated) machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spa(pub u64);

/// A page size that RMP and nested tables know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB.
    Small,
    /// 2 MiB.
    Large,
}

/// Which of the two views of guest memory an access uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// C-bit set: encrypted with the guest's key.
    Private,
    /// C-bit clear.
    Shared,
}

/// What an access wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read data.
    Read,
    /// Write data.
    Write,
    /// Walk the guest's page tables, which counts as a write.
    TableWalk,
    /// Fetch an instruction in supervisor mode.
    ExecuteSupervisor,
    /// Fetch an instruction in user mode.
    ExecuteUser,
}

impl PageSize {
    /// Bytes in a page of this size.
    pub const fn bytes(self) -> u64 {
        match self {
            PageSize::Small => PAGE_SIZE,
            PageSize::Large => PAGE_SIZE * PAGES_PER_LARGE,
        }
    }

    /// Page size from bit 0 of a register, as PVALIDATE and RMPADJUST take it.
    pub const fn from_bit(bit: bool) -> Self {
        if bit { PageSize::Large } else { PageSize::Small }
    }
}

impl Gpa {
    /// Start of the page of this size that holds the address.
    pub const fn page(self, size: PageSize) -> Self {
        Gpa(self.0 & !(size.bytes() - 1))
    }

    /// Whether a page of this size can start here.
    pub const fn is_aligned(self, size: PageSize) -> bool {
        self.0 & (size.bytes() - 1) == 0
    }

    /// The address `bytes` further on.
    pub const fn add(self, bytes: u64) -> Self {
        Gpa(self.0.wrapping_add(bytes))
    }
}

impl Spa {
    /// Start of the page of this size that holds the address.
    pub const fn page(self, size: PageSize) -> Self {
        Spa(self.0 & !(size.bytes() - 1))
    }

    /// Whether a page of this size can start here.
    pub const fn is_aligned(self, size: PageSize) -> bool {
        self.0 & (size.bytes() - 1) == 0
    }

    /// The address `bytes` further on.
    pub const fn add(self, bytes: u64) -> Self {
        Spa(self.0.wrapping_add(bytes))
    }
}

impl fmt::Debug for Gpa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GPA {:#x}", self.0)
    }
}

impl fmt::Debug for Spa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SPA {:#x}", self.0)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::TableWalk => "page-table walk",
            Access::ExecuteSupervisor | Access::ExecuteUser => "execute",
        })
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PageSize::Small => "4K",
            PageSize::Large => "2M",
        })
    }
}
