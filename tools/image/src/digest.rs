//! The SNP launch digest: a hash chain over the pages that the platform launches.
//!
//! For each page the platform hashes a PAGE_INFO structure that holds the digest so far, the page's own hash and its place; the last
//! value is the MEASUREMENT of every attestation report. Nothing here reads files or knows about IGVM. Source: SNP firmware ABI
//! (56860), SNP_LAUNCH_UPDATE and PAGE_INFO.

use sha2::{Digest, Sha384};

/// Bytes of a page, the only size that KVM launches.
pub const PAGE_SIZE: usize = 4096;
/// Where KVM places every VMSA, in the RMP and in the digest.
pub const VMSA_GPA: u64 = 0xFFFF_FFFF_F000;

/// What one launched page contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageContent<'a> {
    /// PAGE_TYPE_NORMAL: contents are hashed.
    Normal(&'a [u8; PAGE_SIZE]),
    /// PAGE_TYPE_VMSA: contents are hashed.
    Vmsa(&'a [u8; PAGE_SIZE]),
    /// PAGE_TYPE_ZERO: only the place counts.
    Zero,
    /// PAGE_TYPE_UNMEASURED: only the place counts, the contents are the hypervisor's.
    Unmeasured,
    /// PAGE_TYPE_SECRETS: only the place counts.
    Secrets,
    /// PAGE_TYPE_CPUID: only the place counts.
    Cpuid,
}

impl PageContent<'_> {
    fn page_type(&self) -> u8 {
        match self {
            PageContent::Normal(_) => 1,
            PageContent::Vmsa(_) => 2,
            PageContent::Zero => 3,
            PageContent::Unmeasured => 4,
            PageContent::Secrets => 5,
            PageContent::Cpuid => 6,
        }
    }

    fn hash(&self) -> [u8; 48] {
        match self {
            PageContent::Normal(bytes) | PageContent::Vmsa(bytes) => Sha384::digest(bytes.as_slice()).into(),
            _ => [0; 48],
        }
    }
}

/// A launch digest under construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchDigest([u8; 48]);

impl LaunchDigest {
    /// The digest before the first page.
    pub fn new() -> Self {
        LaunchDigest([0; 48])
    }

    /// Adds one page at `gpa`. KVM gives no permissions to lower VMPLs and no IMI flag at launch, so those fields are zero.
    pub fn add(&mut self, content: PageContent<'_>, gpa: u64) {
        const PAGE_INFO_SIZE: usize = 0x70;
        let mut info = [0u8; PAGE_INFO_SIZE];
        info[..0x30].copy_from_slice(&self.0);
        info[0x30..0x60].copy_from_slice(&content.hash());
        info[0x60..0x62].copy_from_slice(&(PAGE_INFO_SIZE as u16).to_le_bytes());
        info[0x62] = content.page_type();
        info[0x68..].copy_from_slice(&gpa.to_le_bytes());
        self.0 = Sha384::digest(info).into();
    }

    /// The value after the pages added so far.
    pub fn value(&self) -> [u8; 48] {
        self.0
    }
}

impl Default for LaunchDigest {
    fn default() -> Self {
        LaunchDigest::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first two values were also computed with virtee/sev-snp-measure, the others with the same rule.
    #[test]
    fn chain_of_four_page_types_matches_the_reference_values() {
        let mut digest = LaunchDigest::new();
        digest.add(PageContent::Normal(&[0x11; PAGE_SIZE]), 0x1000);
        assert_eq!(
            hex(&digest.value()),
            "c54b5c45bc0a4a370d3ca388b9b399ae1d77ad76dbc38950762f4eaae82673a13429d5e6a8163e151e979225e9666c28"
        );
        digest.add(PageContent::Secrets, 0x2000);
        assert_eq!(
            hex(&digest.value()),
            "f2f1f4efb2dd29afdf7b06cac1d4c09f63bfadba5108c0ee25503b76b5b1fbdd9e197c428b3d291a89e104363389ffb7"
        );
        digest.add(PageContent::Unmeasured, 0x3000);
        assert_eq!(
            hex(&digest.value()),
            "01f91364b9e064a3211881165f528a87f45a6256d5f983af60c2c5e02cc41699f3036276023964b1c38f0637bc306821"
        );
        digest.add(PageContent::Vmsa(&[0; PAGE_SIZE]), VMSA_GPA);
        assert_eq!(
            hex(&digest.value()),
            "3b196a64151e72b5b87c1fc4ce7b5caad129b782086032828416f7c01df776674e4c9b4324a7cf6169931cbebfde2b81"
        );
    }
}
