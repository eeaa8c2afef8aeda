//! Authenticated countdown timers (ACT; Part 3 §33, Part 2 §8.12): seconds that somebody with their authorisation has to renew again and again,
//! and a signal when nobody did.
//!
//! Who may set a timer is decided before this module is reached; what it is set to is the caller's. On a board the signal pulls a line that
//! resets the machine. A confidential VM has no such line, and its host, which could reset it at any time, is nobody to be told: here a signal
//! is seen in TPM_CAP_ACT and by TPM2_PolicyCapability, so that what must not happen after a timer has run out can be bound to it. A
//! timer is a moment of TPM Time, and whether it has signalled follows from the time; nothing has to happen at that moment.
//!
//! TPM2_Shutdown(STATE) keeps what is left of each timer, and only half of it when nobody has set the timer since the last start: otherwise saving
//! early and starting anew would keep a timer from ever running out.

use crate::{
    structures::{TpmHandle, TpmRc, TpmaAct, TpmsActData, TpmtHa},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// The timers that there are: those of the TCG's reference.
pub const HANDLES: [TpmHandle; 2] = [TpmHandle::ACT_0, TpmHandle::ACT_A];

/// The timeout of a timer that does not count: it can be set when a timer has signalled, to take the signal back.
pub const NEVER: u32 = u32::MAX;

/// Milliseconds of a second.
const SECOND: u64 = 1000;

/// What a timer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Countdown {
    /// Nothing; no seconds are left, and there is no signal.
    #[default]
    Off,
    /// It stands at [`NEVER`].
    Disabled,
    /// It signals, or has signalled, at this moment of TPM Time.
    Until(u64),
}

/// One timer while the TPM runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// authPolicy with its algorithm, or none. The authValue is platformAuth.
    pub policy: Option<TpmtHa>,
    countdown: Countdown,
    /// Somebody has set the timer since TPM2_Startup.
    renewed: bool,
}

impl Act {
    /// Whether it has signalled.
    const fn is_signaled(&self, now: u64) -> bool {
        matches!(self.countdown, Countdown::Until(moment) if moment <= now)
    }

    /// The seconds that are left, the one that has begun included.
    fn remaining(&self, now: u64) -> u32 {
        match self.countdown {
            Countdown::Off => 0,
            Countdown::Disabled => NEVER,
            Countdown::Until(moment) => {
                u32::try_from(moment.saturating_sub(now).div_ceil(SECOND)).map_or(NEVER - 1, |left| left.min(NEVER - 1))
            }
        }
    }

    /// TPM2_ACT_SetTimeout: TPM_RC_VALUE for a signal that is to be taken back and was never given.
    pub fn set_timeout(&mut self, now: u64, timeout: u32) -> Result<(), TpmRc> {
        self.countdown = match timeout {
            NEVER if !self.is_signaled(now) => return Err(TpmRc::VALUE),
            // What counts no more cannot be ended.
            0 if self.remaining(now) == 0 => self.countdown,
            _ => Countdown::from_remaining(now, timeout),
        };
        self.renewed = true;
        Ok(())
    }

    /// What TPM2_Shutdown(STATE) keeps.
    fn saved(&self, now: u64) -> SavedAct {
        let remaining = match self.remaining(now) {
            left @ (0 | 1 | NEVER) => left,
            left if self.renewed => left,
            left => left / 2,
        };
        SavedAct {
            policy: self.policy.clone(),
            remaining,
            signaled: self.is_signaled(now),
        }
    }
}

impl Countdown {
    /// A timer that has so many seconds left; none is a signal.
    const fn from_remaining(now: u64, remaining: u32) -> Self {
        match remaining {
            NEVER => Self::Disabled,
            left => Self::Until(now.saturating_add(left as u64 * SECOND)),
        }
    }
}

/// One timer while the TPM is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SavedAct {
    policy: Option<TpmtHa>,
    remaining: u32,
    signaled: bool,
}

impl SavedAct {
    /// The timer, to go on from now.
    fn resumed(&self, now: u64) -> Act {
        Act {
            policy: self.policy.clone(),
            countdown: match self.remaining {
                0 if !self.signaled => Countdown::Off,
                remaining => Countdown::from_remaining(now, remaining),
            },
            renewed: false,
        }
    }
}

/// All timers while the TPM runs. TPM Reset and TPM Restart turn them off and take their policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acts([Act; HANDLES.len()]);

/// All timers as TPM2_Shutdown(STATE) saw them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedActs([SavedAct; HANDLES.len()]);

impl Acts {
    /// The timer that a handle names.
    pub fn get(&self, handle: TpmHandle) -> Option<&Act> {
        let named = HANDLES.iter().zip(&self.0).find(|(known, _)| **known == handle);
        named.map(|(_, act)| act)
    }

    /// The timer that a handle names, to be changed.
    pub fn get_mut(&mut self, handle: TpmHandle) -> Option<&mut Act> {
        let named = HANDLES.iter().zip(&mut self.0).find(|(known, _)| **known == handle);
        named.map(|(_, act)| act)
    }

    /// TPM_CAP_ACT. Every start of this TPM follows a loss of power, over which no signal is preserved but by TPM Resume, so preserveSignaled is
    /// never SET.
    pub fn capabilities(&self, now: u64) -> impl Iterator<Item = TpmsActData> + '_ {
        HANDLES.iter().zip(&self.0).map(move |(handle, act)| TpmsActData {
            handle: *handle,
            timeout: act.remaining(now),
            attributes: TpmaAct::empty().set_to(TpmaAct::SIGNALED, act.is_signaled(now)),
        })
    }

    /// What TPM2_Shutdown(STATE) keeps.
    pub fn saved(&self, now: u64) -> SavedActs {
        SavedActs(self.0.each_ref().map(|act| act.saved(now)))
    }
}

impl SavedActs {
    /// TPM Resume.
    pub fn resumed(&self, now: u64) -> Acts {
        Acts(self.0.each_ref().map(|act| act.resumed(now)))
    }
}

impl Marshal for Act {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.policy);
        let (kind, moment) = match self.countdown {
            Countdown::Off => (0u8, 0),
            Countdown::Disabled => (1, 0),
            Countdown::Until(moment) => (2, moment),
        };
        writer.put(&kind);
        writer.put(&moment);
        writer.put(&self.renewed);
    }
}

impl Unmarshal for Act {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            policy: Unmarshal::unmarshal(reader)?,
            countdown: match (u8::unmarshal(reader)?, u64::unmarshal(reader)?) {
                (0, 0) => Countdown::Off,
                (1, 0) => Countdown::Disabled,
                (2, moment) => Countdown::Until(moment),
                _ => return Err(TpmRc::VALUE),
            },
            renewed: Unmarshal::unmarshal(reader)?,
        })
    }
}

impl Marshal for SavedAct {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.policy);
        writer.put(&self.remaining);
        writer.put(&self.signaled);
    }
}

impl Unmarshal for SavedAct {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            policy: Unmarshal::unmarshal(reader)?,
            remaining: Unmarshal::unmarshal(reader)?,
            signaled: Unmarshal::unmarshal(reader)?,
        })
    }
}

/// A fixed number of timers, one after the other.
macro_rules! each {
    ($name:ident) => {
        impl Marshal for $name {
            fn marshal(&self, writer: &mut Writer) {
                self.0.iter().for_each(|act| writer.put(act));
            }
        }

        impl Unmarshal for $name {
            fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
                Ok(Self([
                    Unmarshal::unmarshal(reader)?,
                    Unmarshal::unmarshal(reader)?,
                ]))
            }
        }
    };
}

each!(Acts);
each!(SavedActs);
