//! Where the engine and swtpm answer differently for a reason, and the reason.
//!
//! An entry names a command (or all), what each of the two answers, and why: which of them the specification supports, or why it leaves the choice. A
//! difference that fits no entry is a finding of the run that met it.

/// A difference between two answers.
pub struct Difference<'a> {
    /// The command code.
    pub command: u32,
    /// The engine's command as it was sent.
    pub sent: &'a [u8],
    /// The engine's response code, and swtpm's.
    pub codes: [u32; 2],
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

/// TPM_RC_COMMAND_CODE.
const COMMAND_CODE: u32 = 0x143;

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
];
