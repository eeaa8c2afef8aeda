//! The CPUID page: what the simulated processor offers to guests (SNP firmware ABI 56860, 8.17.2.6).
//!
//! Built from what the processor below can do, less what the simulator cannot keep apart between VMPLs (everything that needs XSAVE,
//! protection keys), what a guest must not see (SVM, five-level paging), what its hypervisor has no registers for (APIC, MTRR, machine check,
//! performance counters), and string instructions that are called fast but are slow in emulation; with the SNP leaf put in.

use super::{address::PAGE_SIZE, field, page_walk::C_BIT};

/// EAX, EBX, ECX, EDX.
pub type Registers = [u32; 4];

const MAX_ENTRIES: usize = 64;
/// Leaf 1, ECX.
const X2APIC: u32 = 1 << 21;
/// Leaf 1, EDX: local APIC, and several logical processors.
const APIC_AND_SEVERAL: u32 = 1 << 9 | 1 << 28;
/// Function 8000_0008, EBX.
const INVLPGB: u32 = 1 << 3;
const ENTRY_SIZE: usize = 48;
const FIRST_ENTRY: usize = 16;

/// Leaves on the page, with their subleaves.
const LEAVES: [(u32, u32); 25] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (4, 0),
    (4, 1),
    (4, 2),
    (4, 3),
    (5, 0),
    (6, 0),
    (7, 0),
    (0x15, 0),
    (0x4000_0000, 0),
    (0x4000_0001, 0),
    (0x4000_0010, 0),
    (0x8000_0000, 0),
    (0x8000_0001, 0),
    (0x8000_0002, 0),
    (0x8000_0003, 0),
    (0x8000_0004, 0),
    (0x8000_0005, 0),
    (0x8000_0006, 0),
    (0x8000_0007, 0),
    (0x8000_0008, 0),
    (0x8000_001E, 0),
    (0x8000_001F, 0),
];

/// What the page depends on besides the processor below.
#[derive(Clone, Copy, Debug)]
pub struct Processor {
    /// CPUID signature (leaf 1, EAX).
    pub signature: u32,
    /// TSC frequency that the hypervisor claims.
    pub tsc_mhz: u32,
    /// Features of the hypervisor (leaf 0x40000001 under KVM's signature).
    pub hypervisor_features: u32,
    /// Processors; each has an x2APIC if there are several.
    pub count: u16,
    /// INVLPGB and TLBSYNC are offered.
    pub invlpgb: bool,
}

impl Processor {
    /// The CPUID signature of a combined family, model and stepping.
    pub const fn signature_of([family, model, stepping]: [u8; 3]) -> u32 {
        let (base, extended) = if family > 15 { (15, family - 15) } else { (family, 0) };
        (extended as u32) << 20
            | (model as u32 >> 4) << 16
            | (base as u32) << 8
            | (model as u32 & 15) << 4
            | (stepping as u32 & 15)
    }

    /// One leaf as a guest sees it. `below` answers as the processor below does.
    pub fn leaf(&self, leaf: u32, subleaf: u32, below: &dyn Fn(u32, u32) -> Registers) -> Registers {
        let mut registers = below(leaf, subleaf);
        let [eax, ebx, ecx, edx] = &mut registers;
        match leaf {
            0 => *eax = 7,
            1 => {
                *eax = self.signature;
                // Which processor this is, and how many there are, is not for the page to say.
                *ebx &= 0xFF00;
                // MONITOR, FMA, PDCM, PCID, x2APIC, TSC deadline, XSAVE, OSXSAVE, AVX, F16C.
                *ecx &= !(1 << 3 | 1 << 12 | 1 << 15 | 1 << 17 | 1 << 21 | 1 << 24 | 0xF << 26);
                *ecx |= 1 << 31;
                if self.count > 1 {
                    *ecx |= X2APIC;
                }
                // MCE, APIC, MTRR, MCA, ACPI thermal control.
                *edx &= !(1 << 7 | 1 << 9 | 1 << 12 | 1 << 14 | 1 << 22);
            }
            7 => {
                *eax = 0;
                // AVX2, ERMS, INVPCID, MPX, AVX-512 in all forms.
                *ebx &= !(1 << 5
                    | 1 << 9
                    | 1 << 10
                    | 1 << 14
                    | 1 << 16
                    | 1 << 17
                    | 1 << 21
                    | 1 << 26
                    | 1 << 27
                    | 1 << 28
                    | 1 << 30
                    | 1 << 31);
                // PKU, OSPKE, VAES, VPCLMULQDQ, LA57 and AVX-512 extensions.
                *ecx &= !(1 << 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 16);
                // AVX-512 extensions, FSRM.
                *edx &= !(1 << 2 | 1 << 3 | 1 << 4 | 1 << 8);
            }
            0x15 => registers = [1, self.tsc_mhz, 1_000_000, 0],
            0x4000_0000 => {
                // KVM's signature, whose protocols the hypervisor speaks.
                registers = [
                    0x4000_0010,
                    u32::from_le_bytes(*b"KVMK"),
                    u32::from_le_bytes(*b"VMKV"),
                    u32::from_le_bytes(*b"M\0\0\0"),
                ];
            }
            0x4000_0001 => registers = [self.hypervisor_features, 0, 0, 0],
            0x4000_0010 => registers = [self.tsc_mhz * 1000, 0, 0, 0],
            0x8000_0000 => *eax = 0x8000_001F,
            0x8000_0008 => {
                // Cores, as in leaf 1.
                *ecx = u32::from(self.count - 1);
                *ebx = *ebx & !INVLPGB | if self.invlpgb { INVLPGB } else { 0 };
            }
            0x8000_0001 => {
                // SVM, extended APIC space, IBS, XOP, FMA4, topology extensions, performance counters.
                *ecx &= !(1 << 2 | 1 << 3 | 1 << 10 | 1 << 11 | 1 << 16 | 1 << 22 | 1 << 23 | 1 << 24);
                // MCE, APIC, MTRR, MCA.
                *edx &= !(1 << 7 | 1 << 9 | 1 << 12 | 1 << 14);
            }
            // The TSC runs at one frequency.
            0x8000_0007 => *edx |= 1 << 8,
            0x8000_001F => {
                // SEV, SEV-ES, SEV-SNP, VMPL, RMPQUERY, Secure TSC, coherence by hardware; four VMPLs, one address bit lost.
                registers = [0x57A, C_BIT | 1 << 6 | 4 << 12 | 1 << 31, 16, 1];
            }
            _ => {}
        }
        registers
    }

    /// One leaf as the hypervisor answers it for one processor: with what the page cannot say.
    pub fn leaf_of(&self, apic_id: u32, leaf: u32, subleaf: u32, below: &dyn Fn(u32, u32) -> Registers) -> Registers {
        let mut registers = self.leaf(leaf, subleaf, below);
        if leaf == 1 && self.count > 1 {
            registers[1] |= apic_id << 24 | u32::from(self.count) << 16;
            registers[3] |= APIC_AND_SEVERAL;
        }
        registers
    }

    /// The whole page.
    pub fn page(&self, below: &dyn Fn(u32, u32) -> Registers) -> [u8; PAGE_SIZE as usize] {
        let mut page = [0; PAGE_SIZE as usize];
        debug_assert!(LEAVES.len() <= MAX_ENTRIES);
        field::write(&mut page, 0, &(LEAVES.len() as u32).to_le_bytes());
        for (&(leaf, subleaf), offset) in LEAVES.iter().zip((FIRST_ENTRY..).step_by(ENTRY_SIZE)) {
            field::write(&mut page, offset, &leaf.to_le_bytes());
            field::write(&mut page, offset + 4, &subleaf.to_le_bytes());
            let registers = self.leaf(leaf, subleaf, below);
            for (register, place) in registers.iter().zip((offset + 24..).step_by(4)) {
                field::write(&mut page, place, &register.to_le_bytes());
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Signature of a Milan-B1 as CPUID reports it: 0x00A00F11.
    #[test]
    fn signature_is_packed_as_cpuid_packs_it() {
        assert_eq!(Processor::signature_of([0x19, 0x01, 0x01]), 0x00A0_0F11);
    }

    // APM volume 3, Fn8000_001F: SNP is EAX bit 4, the C-bit position EBX[5:0], the number of VMPLs EBX[15:12].
    #[test]
    fn page_names_snp_the_c_bit_and_hides_svm() {
        let processor = Processor {
            signature: 0x00A0_0F11,
            tsc_mhz: 2000,
            hypervisor_features: 0,
            count: 1,
            invlpgb: false,
        };
        let page = processor.page(&|_, _| [u32::MAX; 4]);
        let count = field::read_u32(&page, 0).unwrap_or(0) as usize;
        let find = |leaf: u32| {
            (0..count)
                .map(|index| FIRST_ENTRY + ENTRY_SIZE * index)
                .find(|&offset| field::read_u32(&page, offset) == Some(leaf))
                .map(|offset| {
                    core::array::from_fn::<u32, 4, _>(|i| field::read_u32(&page, offset + 24 + 4 * i).unwrap_or(0))
                })
        };
        let snp = find(0x8000_001F).unwrap_or_default();
        assert_eq!(snp[0] & 1 << 4, 1 << 4);
        assert_eq!((snp[1] & 0x3F, snp[1] >> 12 & 15), (51, 4));
        assert_eq!(find(0x8000_0001).unwrap_or_default()[2] & 4, 0);
        assert_eq!(find(7).unwrap_or_default()[2] & 1 << 16, 0);
    }
}
