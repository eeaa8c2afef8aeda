//! The launch digest: what the security processor measures of an image (SNP firmware ABI 56860, 8.17 and table 67).
//!
//! Every launched page extends the digest with its type, address and, for the types that have any, its contents; the order counts.

use super::{address::Gpa, field};
use sha2::{Digest, Sha384};

/// A digest.
pub type Digest384 = [u8; 48];

const PAGE_INFO_SIZE: usize = 0x70;

/// What kind of page is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageType {
    /// Contents measured.
    Normal = 1,
    /// A save area, contents measured.
    Vmsa = 2,
    /// Zeros.
    Zero = 3,
    /// Contents not measured.
    Unmeasured = 4,
    /// The secrets page.
    Secrets = 5,
    /// The CPUID page.
    Cpuid = 6,
}

impl PageType {
    fn measures_contents(self) -> bool {
        matches!(self, PageType::Normal | PageType::Vmsa)
    }
}

/// The running digest.
pub struct LaunchDigest(Digest384);

impl LaunchDigest {
    /// The digest before the first page.
    pub const fn new() -> Self {
        Self([0; 48])
    }

    /// Takes one 4 KiB page. `permissions` are those of VMPL1 to VMPL3.
    pub fn extend(&mut self, kind: PageType, gpa: Gpa, page: &[u8], permissions: [u8; 3]) {
        let mut info = [0; PAGE_INFO_SIZE];
        field::write(&mut info, 0x00, &self.0);
        if kind.measures_contents() {
            field::write(&mut info, 0x30, &Sha384::digest(page));
        }
        field::write(&mut info, 0x60, &(PAGE_INFO_SIZE as u16).to_le_bytes());
        info[0x62] = kind as u8;
        field::write(&mut info, 0x65, &permissions);
        field::write(&mut info, 0x68, &gpa.0.to_le_bytes());
        self.0 = Sha384::digest(info).into();
    }

    /// The digest of all pages so far.
    pub const fn value(&self) -> Digest384 {
        self.0
    }
}

impl Default for LaunchDigest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // The first two values were computed with virtee's sev-snp-measure, the others with an independent implementation in Python.
    #[test]
    fn digest_of_four_page_types_equals_the_published_algorithm() {
        let mut digest = LaunchDigest::new();
        let steps: [(PageType, u64, u8, &str); 4] = [
            (
                PageType::Normal,
                0x1000,
                0x11,
                "c54b5c45bc0a4a370d3ca388b9b399ae1d77ad76dbc38950762f4eaae82673a13429d5e6a8163e151e979225e9666c28",
            ),
            (
                PageType::Secrets,
                0x2000,
                0x22,
                "f2f1f4efb2dd29afdf7b06cac1d4c09f63bfadba5108c0ee25503b76b5b1fbdd9e197c428b3d291a89e104363389ffb7",
            ),
            (
                PageType::Unmeasured,
                0x3000,
                0x33,
                "01f91364b9e064a3211881165f528a87f45a6256d5f983af60c2c5e02cc41699f3036276023964b1c38f0637bc306821",
            ),
            (
                PageType::Vmsa,
                0xFFFF_FFFF_F000,
                0,
                "3b196a64151e72b5b87c1fc4ce7b5caad129b782086032828416f7c01df776674e4c9b4324a7cf6169931cbebfde2b81",
            ),
        ];
        for (kind, gpa, fill, expected) in steps {
            digest.extend(kind, Gpa(gpa), &[fill; 4096], [0; 3]);
            assert_eq!(hex(&digest.value()), expected, "{kind:?}");
        }
    }
}
