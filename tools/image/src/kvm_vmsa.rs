//! The VMSA as KVM builds and measures it.
//!
//! QEMU takes a listed subset of fields from the file and refuses a file with any other byte set; KVM then writes its own idea of the
//! start state: SVME is always on, CR4.MCE is or-ed in from the host, CR0.CD and NW are dropped. A vCPU without a state in the file
//! starts in QEMU's reset state. Offsets: APM volume 2, table B-4. Sources: Linux `sev_es_sync_vmsa`, QEMU `sev.c`; the reset values
//! as virtee/sev measures them.

use anyhow::{Result, ensure};

use crate::digest::PAGE_SIZE;

const EFER: usize = 0x0D0;
const CR4: usize = 0x148;
const CR0: usize = 0x158;
const SEV_FEATURES: usize = 0x3B0;

const EFER_SVME: u64 = 1 << 12;
const CR4_MCE: u64 = 1 << 6;
const CR0_CD_NW: u64 = 3 << 29;

/// Fields that QEMU's loader accepts: offset and length.
const ACCEPTED: [(usize, usize); 29] = [
    (0x000, 0xA0), // ES CS SS DS FS GS GDTR LDTR IDTR TR
    (EFER, 8),
    (CR4, 8),
    (0x150, 8), // CR3
    (CR0, 8),
    (0x160, 8), // DR7
    (0x168, 8), // DR6
    (0x170, 8), // RFLAGS
    (0x178, 8), // RIP
    (0x1D8, 8), // RSP
    (0x1F8, 8), // RAX
    (0x268, 8), // G_PAT
    (0x308, 8), // RCX
    (0x310, 8), // RDX
    (0x318, 8), // RBX
    (0x328, 8), // RBP
    (0x330, 8), // RSI
    (0x338, 8), // RDI
    (0x340, 8), // R8
    (0x348, 8),
    (0x350, 8),
    (0x358, 8),
    (0x360, 8),
    (0x368, 8),
    (0x370, 8),
    (0x378, 8), // R15
    (SEV_FEATURES, 8),
    (0x3E8, 8), // XCR0
    (0x408, 4), // MXCSR
];
const X87_FCW: usize = 0x410;

/// SEV_FEATURES of a VMSA.
pub fn sev_features(vmsa: &[u8; PAGE_SIZE]) -> u64 {
    get(vmsa, SEV_FEATURES)
}

/// What is measured of a vCPU whose start state the file holds.
pub fn from_file(file: &[u8; PAGE_SIZE]) -> Result<Box<[u8; PAGE_SIZE]>> {
    for (offset, byte) in file.iter().enumerate() {
        let accepted = ACCEPTED
            .iter()
            .any(|(start, length)| (*start..start + length).contains(&offset))
            || (X87_FCW..X87_FCW + 2).contains(&offset);
        ensure!(*byte == 0 || accepted, "QEMU refuses a VMSA with byte {offset:#x} set");
    }
    ensure!(sev_features(file) & 1 == 1, "SEV_FEATURES lacks the SNP bit");
    let mut vmsa = Box::new(*file);
    let (efer, cr4, cr0) = (
        get(file, EFER) | EFER_SVME,
        get(file, CR4) | CR4_MCE,
        get(file, CR0) & !CR0_CD_NW,
    );
    put(&mut vmsa, EFER, efer);
    put(&mut vmsa, CR4, cr4);
    put(&mut vmsa, CR0, cr0);
    Ok(vmsa)
}

/// What is measured of a vCPU in QEMU's reset state.
pub fn reset_state(signature: u32, sev_features: u64) -> Box<[u8; PAGE_SIZE]> {
    /// Segment registers: offset, selector, attributes, base. All limits are 64 KiB - 1.
    const SEGMENTS: [(usize, u16, u16, u64); 10] = [
        (0x000, 0, 0x93, 0),
        (0x010, 0xF000, 0x9B, 0xFFFF_0000),
        (0x020, 0, 0x93, 0),
        (0x030, 0, 0x93, 0),
        (0x040, 0, 0x93, 0),
        (0x050, 0, 0x93, 0),
        (0x060, 0, 0, 0),
        (0x070, 0, 0x82, 0),
        (0x080, 0, 0, 0),
        (0x090, 0, 0x8B, 0),
    ];
    let mut vmsa = Box::new([0u8; PAGE_SIZE]);
    for (offset, selector, attributes, base) in SEGMENTS {
        vmsa[offset..offset + 2].copy_from_slice(&selector.to_le_bytes());
        vmsa[offset + 2..offset + 4].copy_from_slice(&attributes.to_le_bytes());
        vmsa[offset + 4..offset + 8].copy_from_slice(&0xFFFFu32.to_le_bytes());
        put(&mut vmsa, offset + 8, base);
    }
    let values = [
        (EFER, EFER_SVME),
        (CR4, CR4_MCE),
        (CR0, 0x10),
        (0x160, 0x400),
        (0x168, 0xFFFF_0FF0),
        (0x170, 2),
        (0x178, 0xFFF0),
        (0x268, 0x0007_0406_0007_0406),
        (0x310, u64::from(signature)),
        (SEV_FEATURES, sev_features),
        (0x3E8, 1),
    ];
    for (offset, value) in values {
        put(&mut vmsa, offset, value);
    }
    vmsa[0x408..0x40C].copy_from_slice(&0x1F80u32.to_le_bytes());
    vmsa[X87_FCW..X87_FCW + 2].copy_from_slice(&0x37Fu16.to_le_bytes());
    vmsa
}

fn get(vmsa: &[u8; PAGE_SIZE], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&vmsa[offset..offset + 8]);
    u64::from_le_bytes(bytes)
}

fn put(vmsa: &mut [u8; PAGE_SIZE], offset: usize, value: u64) {
    vmsa[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::VMSA_GPA;
    use sha2::{Digest, Sha384};

    /// SHA-384 of the page that virtee/sev 8.0.0 measures for an EPYC-Milan vCPU under QEMU with SEV_FEATURES 0x201.
    #[test]
    fn reset_state_is_the_page_that_virtee_sev_measures() {
        let digest: [u8; 48] = Sha384::digest(reset_state(0x00A0_0F11, 0x201).as_slice()).into();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "5b56482f2ad4ba7fe4e4ebd86843c8f3709038a196b1ba72f14b9927513761f0a916d3e7dff665a4ea5be7acefd5d829"
        );
        assert_eq!(VMSA_GPA, svsm_proto::vmsa::KVM_LAUNCH_GPA);
    }

    #[test]
    fn start_state_of_our_images_is_measured_as_it_stands() {
        use svsm_proto::{launch_info::DEFAULT_SEV_FEATURES, vmsa::Vmsa};
        use zerocopy::{FromBytes, IntoBytes};
        let state = crate::vmsa::boot_processor(0xC001_0000, DEFAULT_SEV_FEATURES);
        let bytes: &[u8; PAGE_SIZE] = state.as_bytes().try_into().expect("a VMSA is a page");
        assert_eq!(from_file(bytes).expect("acceptable").as_slice(), bytes);
        // The same page through the layout that the firmware uses (APM volume 2, table B-4).
        let vmsa = Vmsa::read_from_bytes(bytes).expect("a VMSA is a page");
        assert_eq!((vmsa.rip, vmsa.cr0, vmsa.sev_features), (0xC001_0000, 0x31, 0x201));
    }

    #[test]
    fn state_that_qemu_would_refuse_or_change_is_refused_or_changed() {
        let state = reset_state(0, 1);
        let mut other = state.clone();
        other[0x0CA] = 1;
        assert!(from_file(&other).is_err(), "QEMU takes no VMPL from the file");
        let mut other = state.clone();
        put(&mut other, CR0, 0x6000_0010);
        put(&mut other, EFER, 0);
        assert_eq!(from_file(&other).expect("acceptable"), state);
    }
}
