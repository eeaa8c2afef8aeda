//! The few instructions that the hardware model has to recognise itself, from their bytes in guest memory.
//!
//! Nested SVM neither fetches bytes nor tells lengths, and the processor below knows no SNP: PVALIDATE, RMPADJUST, RMPQUERY and INVLPGB arrive
//! as undefined opcodes (encodings: APM volume 3). Bytes come from the guest and may be anything.

/// A recognised instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// PVALIDATE.
    Pvalidate,
    /// RMPADJUST.
    Rmpadjust,
    /// RMPQUERY.
    Rmpquery,
    /// INVLPGB.
    Invlpgb,
    /// TLBSYNC.
    Tlbsync,
    /// VMGEXIT.
    Vmgexit,
    /// VMMCALL without a prefix.
    Vmmcall,
    /// RDMSR or WRMSR.
    Msr,
    /// MOV to CR0 from a general register.
    MovToCr0 {
        /// The register's number.
        register: u8,
        /// Instruction length.
        length: u8,
    },
    /// CLTS.
    Clts,
    /// HLT.
    Hlt,
    /// RDTSC.
    Rdtsc,
    /// RDTSCP.
    Rdtscp,
}

impl Instruction {
    /// Recognises the instruction at the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(match *bytes {
            [0xF2, 0x0F, 0x01, 0xFF, ..] => Self::Pvalidate,
            [0xF3, 0x0F, 0x01, 0xFE, ..] => Self::Rmpadjust,
            [0xF3, 0x0F, 0x01, 0xFD, ..] => Self::Rmpquery,
            [0x0F, 0x01, 0xFE, ..] => Self::Invlpgb,
            [0x0F, 0x01, 0xFF, ..] => Self::Tlbsync,
            [0xF3 | 0xF2, 0x0F, 0x01, 0xD9, ..] => Self::Vmgexit,
            [0x0F, 0x01, 0xD9, ..] => Self::Vmmcall,
            [0x0F, 0x30 | 0x32, ..] => Self::Msr,
            [0x0F, 0x06, ..] => Self::Clts,
            [0x0F, 0x31, ..] => Self::Rdtsc,
            [0x0F, 0x01, 0xF9, ..] => Self::Rdtscp,
            [0xF4, ..] => Self::Hlt,
            [0x0F, 0x22, operand, ..] if operand & 0xF8 == 0xC0 => Self::MovToCr0 {
                register: operand & 7,
                length: 3,
            },
            [rex, 0x0F, 0x22, operand, ..] if rex & 0xF0 == 0x40 && operand & 0xF8 == 0xC0 => Self::MovToCr0 {
                register: operand & 7 | (rex & 1) << 3,
                length: 4,
            },
            _ => return None,
        })
    }

    /// Bytes that the instruction takes.
    pub const fn length(self) -> u64 {
        match self {
            Self::Pvalidate | Self::Rmpadjust | Self::Rmpquery | Self::Vmgexit => 4,
            Self::Vmmcall | Self::Rdtscp | Self::Invlpgb | Self::Tlbsync => 3,
            Self::Msr | Self::Clts | Self::Rdtsc => 2,
            Self::Hlt => 1,
            Self::MovToCr0 { length, .. } => length as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Encodings as binutils 2.40 assembles them.
    #[test]
    fn encodings_of_the_assembler_are_recognised() {
        let cases: [(&[u8], Option<Instruction>); 12] = [
            (&[0xF2, 0x0F, 0x01, 0xFF], Some(Instruction::Pvalidate)),
            (&[0xF3, 0x0F, 0x01, 0xFE], Some(Instruction::Rmpadjust)),
            (&[0xF3, 0x0F, 0x01, 0xFD], Some(Instruction::Rmpquery)),
            (&[0x0F, 0x01, 0xFE], Some(Instruction::Invlpgb)),
            (&[0x0F, 0x01, 0xFF], Some(Instruction::Tlbsync)),
            (&[0xF3, 0x0F, 0x01, 0xD9], Some(Instruction::Vmgexit)),
            (&[0x0F, 0x01, 0xD9], Some(Instruction::Vmmcall)),
            (&[0x0F, 0x30], Some(Instruction::Msr)),
            (
                &[0x0F, 0x22, 0xC1],
                Some(Instruction::MovToCr0 { register: 1, length: 3 }),
            ),
            (
                &[0x41, 0x0F, 0x22, 0xC7],
                Some(Instruction::MovToCr0 {
                    register: 15,
                    length: 4,
                }),
            ),
            (&[0x0F, 0x22, 0xD8], None), // mov cr3, rax
            (&[0x0F, 0x0B], None),       // ud2
        ];
        for (bytes, expected) in cases {
            assert_eq!(Instruction::decode(bytes), expected, "{bytes:02x?}");
        }
    }
}
