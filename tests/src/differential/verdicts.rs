//! Where the engine and swtpm answer differently for a reason, and the reason.
//!
//! An entry names a command (or all), what each of the two answers, and why: which of them the specification supports, or why it leaves the choice. A
//! difference that fits no entry is a finding of the run that met it. The peer is the swtpm of the machine; what only an old one does is said as such.

use crate::{OPTIONAL_ALGORITHMS, with_optional};

/// A difference between two answers.
pub struct Difference<'a> {
    /// The command code.
    pub command: u32,
    /// The engine's command as it was sent.
    pub sent: &'a [u8],
    /// The engine's response code, and swtpm's.
    pub codes: [u32; 2],
}

impl Difference<'_> {
    /// Whether four bytes of the command, from anywhere behind its header, name a transient object beyond swtpm's three.
    fn names_a_further_slot(&self) -> bool {
        let further = |word: &[u8]| word[..3] == [0x80, 0, 0] && (3..8).contains(&word[3]);
        self.sent.get(10..).is_some_and(|rest| rest.windows(4).any(further))
    }

    /// Whether these bytes stand anywhere behind the command's header.
    fn names(&self, bytes: &[u8]) -> bool {
        self.sent
            .get(10..)
            .is_some_and(|rest| rest.windows(bytes.len()).any(|window| window == bytes))
    }

    /// Whether the identifier of a curve that swtpm has and the engine does not stands there.
    fn names_another_curve(&self) -> bool {
        OTHER_CURVES.iter().any(|curve| self.names(curve))
            || !OPTIONAL_ALGORITHMS && CURVES_ON_DEMAND.iter().any(|curve| self.names(curve))
    }

    /// The last two bytes of the command.
    fn last_word(&self) -> Option<u16> {
        let bytes = self.sent.last_chunk::<2>()?;
        Some(u16::from_be_bytes(*bytes))
    }

    /// The error of a format-one code, without what it is about (Part 2, section 6.6.2).
    fn errors(&self) -> [u32; 2] {
        self.codes
            .map(|code| if code & 0x80 != 0 { code & 0x0BF } else { code })
    }
}

/// One verdict.
struct Verdict {
    fits: fn(&Difference) -> bool,
    reason: &'static str,
}

/// The reason for a difference, if there is one.
pub fn reason(difference: &Difference) -> Option<&'static str> {
    VERDICTS
        .iter()
        .find(|verdict| (verdict.fits)(difference))
        .map(|verdict| verdict.reason)
}

const HASH: u32 = 0x083;
const VALUE: u32 = 0x084;
const MODE: u32 = 0x089;
const SCHEME: u32 = 0x092;
const SIZE: u32 = 0x095;
const TAG: u32 = 0x097;
const INSUFFICIENT: u32 = 0x09A;
const SYMMETRIC: u32 = 0x096;
const CURVE: u32 = 0x0A6;
const INTEGRITY: u32 = 0x09F;
const FAILURE: u32 = 0x101;
const SEQUENCE: u32 = 0x103;
const POLICY: u32 = 0x126;
const COMMAND_CODE: u32 = 0x143;
/// TPM_ECC_NIST_P192 and TPM_ECC_BN_P638, which the engine never has.
const OTHER_CURVES: [[u8; 2]; 2] = [[0, 1], [0, 0x11]];
/// TPM_ECC_BN_P256 and TPM_ECC_SM2_P256, which it has on demand.
const CURVES_ON_DEMAND: [[u8; 2]; 2] = [[0, 0x10], [0, 0x20]];
/// TPM_RC_OBJECT_MEMORY and TPM_RC_SESSION_MEMORY.
const FULL: [u32; 2] = [0x902, 0x903];

const VERDICTS: &[Verdict] = &[
    Verdict {
        fits: |d| d.codes[1] == COMMAND_CODE,
        reason: "this swtpm is older than the command",
    },
    Verdict {
        fits: |d| FULL.contains(&d.codes[1]),
        reason: "swtpm holds three objects and three sessions, the engine more",
    },
    Verdict {
        fits: |d| d.names_a_further_slot(),
        reason: "a handle that is beyond swtpm's three objects, but not beyond the engine's",
    },
    Verdict {
        fits: |d| d.codes[1] == FAILURE,
        reason: "an input that OpenSSL refuses sends this swtpm into failure mode; the command's description has a code for it",
    },
    // Operations SIGNED_GT, SIGNED_LT, SIGNED_GE and SIGNED_LE (Part 2, table 42).
    Verdict {
        fits: |d| {
            [0x149, 0x16D].contains(&d.command)
                && d.codes.iter().all(|code| [0, POLICY].contains(code))
                && d.last_word().is_some_and(|operation| [2, 4, 6, 8].contains(&operation))
        },
        reason: "signed comparison with negative operands, which libtpms does right since 0.10",
    },
    // Part 3, section 17.5: TPM_RC_MODE is about sequenceHandle.
    Verdict {
        fits: |d| d.command == 0x15C && d.codes == [0x189, 0x1C9],
        reason: "an error of a handle has the handle's number; this swtpm gives it that of a parameter",
    },
    // Part 2, table 109: #TPM_RC_TAG, whatever else stands there.
    Verdict {
        fits: |d| d.errors() == [TAG, VALUE],
        reason: "a ticket's tag that is none of TPM_ST: the table says TPM_RC_TAG, libtpms looks for TPM_ST first",
    },
    // That the numbers are the same is for `oracle_swtpm_ecc.rs`.
    Verdict {
        fits: |d| d.command == 0x178 && d.codes == [0, 0] && d.names(&CURVES_ON_DEMAND[1]),
        reason: "swtpm names a KDF with SM3 for the curve of SM2, a hash that neither has; the engine names none",
    },
    Verdict {
        fits: |d| d.command == 0x178 && d.codes[1] == 0 && d.names_another_curve(),
        reason: "a curve that swtpm has and the engine does not: P-192 and BN-638, and BN-256 and SM2 where they are not built in",
    },
    Verdict {
        fits: |d| d.command == 0x18A && d.codes[0] == 0 && d.codes[1] == 0x1C4,
        reason: "RSA-4096, which libtpms has since 0.11",
    },
    Verdict {
        fits: |d| d.errors() == [INSUFFICIENT, SIZE],
        reason: "a size that RSA-4096 may have, but no key of this swtpm",
    },
    Verdict {
        fits: |d| d.errors() == [SIZE, INSUFFICIENT],
        reason: "a size that a coordinate of BN-638 may have, but none of the engine's",
    },
    Verdict {
        fits: |d| {
            !OPTIONAL_ALGORITHMS && [SCHEME, VALUE].contains(&d.errors()[0]) && d.codes[1] == 0 && d.names(&[0, 0x1B])
        },
        reason: "SM2, which the engine does not have",
    },
    Verdict {
        fits: |d| d.errors()[0] == CURVE && d.names_another_curve(),
        reason: "a curve that swtpm has and the engine does not: P-192 and BN-638, and BN-256 and SM2 where they are not built in",
    },
    Verdict {
        fits: |d| !OPTIONAL_ALGORITHMS && d.errors()[0] == SYMMETRIC && (d.names(&[0, 3]) || d.names(&[0, 0x26])),
        reason: "triple DES or Camellia, which swtpm has",
    },
    Verdict {
        fits: |d| {
            OPTIONAL_ALGORITHMS
                && [HASH, SYMMETRIC].contains(&d.errors()[1])
                && ![HASH, SYMMETRIC].contains(&d.errors()[0])
                && d.names(&[0, 0x27])
        },
        reason: "SHA3, which swtpm does not have",
    },
    // Part 2, section 11.1.7: a storage key's mode is CFB, #TPM_RC_MODE; the test is compiled out of the reference.
    Verdict {
        fits: |d| d.errors()[0] == MODE,
        reason: "a storage key that would protect its children with another mode than CFB",
    },
    // Part 2, table 17: improper use of a sequence handle.
    Verdict {
        fits: |d| d.codes[0] == SEQUENCE,
        reason: "a sequence where a key is wanted: swtpm says that it is the wrong kind of key",
    },
    Verdict {
        fits: |d| d.command == 0x157 && d.errors() == [INTEGRITY, SIZE],
        reason: "a damaged private area: what its bytes mean is each implementation's own",
    },
    Verdict {
        fits: |d| d.command == 0x17A && d.codes == [0, 0] && d.sent.get(13) != Some(&1),
        reason: "what there is of algorithms, commands and properties is each implementation's own",
    },
    Verdict {
        fits: |d| d.command == 0x161 && !d.codes.contains(&0),
        reason: "a damaged context: what its bytes mean is each implementation's own",
    },
    Verdict {
        fits: |d| d.command == 0x16D && d.codes.iter().all(|code| [0, POLICY].contains(code)),
        reason: "what the clocks show is each TPM's own",
    },
    Verdict {
        fits: |d| {
            let keys = with_optional(&[[0, 6, 0, 192]], &[[0, 0x26, 0, 192]]);
            d.errors()[1] == VALUE && keys.iter().any(|key| d.names(key))
        },
        reason: "AES-192 and Camellia-192, which this swtpm does not have",
    },
];
