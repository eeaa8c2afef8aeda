//! The rules against guessing authValues (Part 1 §19.8): how many failures are tolerated, and how real time forgives them.
//!
//! Guesses come from whoever can send commands; time comes from the host's clock, which the guest cannot move, never from counting
//! commands. Only `dispatch/auth_area.rs` reports failures, so no other place can forget or double one.

/// Failed tries that are tolerated after manufacture and TPM2_Clear.
pub const DEFAULT_MAX_TRIES: u32 = 3;
/// Seconds until one failed try is forgiven, after manufacture and TPM2_Clear.
pub const DEFAULT_RECOVERY_TIME: u32 = 1000;
/// Seconds until lockoutAuth may be used again after a failure, after manufacture and TPM2_Clear.
pub const DEFAULT_LOCKOUT_RECOVERY: u32 = 1000;

/// The rules and the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictionaryAttack {
    /// failedTries.
    pub failed_tries: u32,
    /// maxTries.
    pub max_tries: u32,
    /// recoveryTime, in seconds; 0 is no protection.
    pub recovery_time: u32,
    /// lockoutRecovery, in seconds; 0 is until the next TPM2_Startup.
    pub lockout_recovery: u32,
    /// lockoutAuth has not failed within lockoutRecovery.
    pub lockout_auth_enabled: bool,
}

impl Default for DictionaryAttack {
    fn default() -> Self {
        Self {
            failed_tries: 0,
            max_tries: DEFAULT_MAX_TRIES,
            recovery_time: DEFAULT_RECOVERY_TIME,
            lockout_recovery: DEFAULT_LOCKOUT_RECOVERY,
            lockout_auth_enabled: true,
        }
    }
}
