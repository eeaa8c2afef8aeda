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

/// Moments of TPM Time, in milliseconds, from which forgiveness is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttackTimers {
    /// The last failed try, or the last that was forgiven.
    pub failed: u64,
    /// The last failure of lockoutAuth.
    pub lockout_failed: u64,
}

/// What was guessed wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// lockoutAuth.
    Lockout,
    /// The authValue of an entity that is protected.
    Protected,
}

impl DictionaryAttack {
    /// Whether guesses at protected entities are refused for now.
    pub const fn is_locked_out(&self) -> bool {
        self.failed_tries >= self.max_tries
    }

    /// The rules after a wrong guess.
    #[must_use]
    pub const fn after(mut self, guess: Guess) -> Self {
        match guess {
            Guess::Lockout => self.lockout_auth_enabled = false,
            Guess::Protected => {
                if self.recovery_time != 0 {
                    self.failed_tries = self.failed_tries.saturating_add(1);
                }
            }
        }
        self
    }

    /// Whether there is nothing for time to forgive: then the timers alone follow it.
    pub const fn holds_nothing(&self) -> bool {
        self.failed_tries == 0 && self.lockout_auth_enabled
    }

    /// The rules after what time has forgiven, with the timers that belong to them.
    #[must_use]
    pub fn healed(mut self, mut timers: AttackTimers, now: u64) -> (Self, AttackTimers) {
        let interval = u64::from(self.recovery_time) * 1000;
        if self.failed_tries == 0 {
            timers.failed = now;
        } else if self.recovery_time == 0 {
            // Without protection nothing is held against anybody.
            self.failed_tries = 0;
        } else if let Some(forgiven) = now.saturating_sub(timers.failed).checked_div(interval) {
            self.failed_tries = self
                .failed_tries
                .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
            timers.failed = timers.failed.saturating_add(forgiven.saturating_mul(interval));
        }
        let lockout_over = now.saturating_sub(timers.lockout_failed) >= u64::from(self.lockout_recovery) * 1000;
        if self.lockout_recovery != 0 && lockout_over {
            self.lockout_auth_enabled = true;
        }
        (self, timers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations: facts/tpm/behaviours.md §19.

    #[test]
    fn protection_that_is_turned_off_forgets_what_failed() {
        // Part 1 §19.8: recoveryTime 0 is no protection; swtpm 0.7.1 has TPM_PT_LOCKOUT_COUNTER at zero then.
        let mut rules = DictionaryAttack::default();
        for _ in 0..3 {
            rules = rules.after(Guess::Protected);
        }
        rules.recovery_time = 0;
        let (rules, _) = rules.healed(AttackTimers::default(), 1);
        assert!(rules.failed_tries == 0 && !rules.is_locked_out());
    }

    #[test]
    fn three_failures_lock_out_and_time_forgives_one_by_one() {
        let mut rules = DictionaryAttack::default();
        for _ in 0..3 {
            assert!(!rules.is_locked_out());
            rules = rules.after(Guess::Protected);
        }
        assert!(rules.is_locked_out());
        let timers = AttackTimers {
            failed: 5_000,
            lockout_failed: 0,
        };
        let (same, timers) = rules.healed(timers, 5_000 + 999_999);
        assert_eq!(same.failed_tries, 3);
        let (healed, timers) = same.healed(timers, 5_000 + 1_000_000);
        assert_eq!((healed.failed_tries, healed.is_locked_out()), (2, false));
        let (healed, _) = healed.healed(timers, 5_000 + 3_500_000);
        assert_eq!(healed.failed_tries, 0);
    }

    #[test]
    fn recovery_time_zero_counts_nothing() {
        let rules = DictionaryAttack {
            recovery_time: 0,
            ..DictionaryAttack::default()
        };
        assert_eq!(rules.after(Guess::Protected).failed_tries, 0);
    }

    #[test]
    fn max_tries_zero_is_always_locked_out() {
        assert!(
            DictionaryAttack {
                max_tries: 0,
                ..DictionaryAttack::default()
            }
            .is_locked_out()
        );
    }

    #[test]
    fn lockout_auth_fails_once_and_comes_back_with_time_unless_recovery_is_zero() {
        let rules = DictionaryAttack::default().after(Guess::Lockout);
        assert!(!rules.lockout_auth_enabled);
        let timers = AttackTimers {
            failed: 0,
            lockout_failed: 10,
        };
        assert!(!rules.healed(timers, 1_000_009).0.lockout_auth_enabled);
        assert!(rules.healed(timers, 1_000_010).0.lockout_auth_enabled);
        let until_startup = DictionaryAttack {
            lockout_recovery: 0,
            ..rules
        };
        assert!(!until_startup.healed(timers, u64::MAX).0.lockout_auth_enabled);
    }
}
