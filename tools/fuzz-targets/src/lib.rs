//! What is run on made-up bytes, wherever the bytes come from: libFuzzer's (`fuzz/`, `cargo xtask fuzz`), or the corpus and its bounded
//! variations in `cargo xtask test` (`tests/tests/fuzzing.rs`).
//!
//! Targets: [`structures`] (every unmarshaller of Part 2), [`commands`] (a stream of commands with state, resets and moves), [`state`] (what
//! `power-on` and `restore-volatile` are given), [`component`] (the file, and what it returns over the canonical ABI). Each panics when it finds what
//! must not be; here is what they share, a deterministic TPM and a reader of the bytes.

#![forbid(unsafe_code)]

pub mod commands;
pub mod component;
pub mod state;
pub mod structures;

use component_trial::host::RepeatingHost;
use std::sync::OnceLock;
use tpm_contract::{Component, Failure, Record};
use tpm_engine::native::NativeComponent;

/// The TPM.
pub type Engine = NativeComponent<RepeatingHost>;

/// Its state at one moment.
pub struct Moment {
    host: RepeatingHost,
    volatile: Vec<u8>,
}

/// A TPM that starts with this.
///
/// # Panics
/// When the engine does not accept its own state.
pub fn power_on(host: RepeatingHost) -> Engine {
    let state = host.state.clone();
    let mut engine = Engine::new(host);
    let Ok(outcome) = engine.power_on(&state);
    outcome.expect("its own state");
    engine
}

impl Moment {
    /// What the TPM is now.
    ///
    /// # Panics
    /// When the TPM is off.
    pub fn of(engine: &mut Engine) -> Self {
        let Ok(volatile) = engine.save_volatile();
        Self {
            volatile: volatile.expect("the TPM is on"),
            host: engine.host().clone(),
        }
    }

    /// The TPM once more.
    ///
    /// # Panics
    /// When the engine does not accept its own state.
    pub fn again(&self) -> Engine {
        let mut engine = power_on(self.host.clone());
        let Ok(outcome) = engine.restore_volatile(&self.volatile);
        outcome.expect("its own state");
        engine
    }

    /// What `save-volatile` gave.
    pub fn volatile(&self) -> &[u8] {
        &self.volatile
    }

    /// The records that were committed.
    pub fn records(&self) -> &[Record] {
        &self.host.state
    }
}

/// TPM2_Startup(TPM_SU_CLEAR).
pub const STARTUP: &[u8] = b"\x80\x01\0\0\0\x0c\0\0\x01\x44\0\0";

/// A TPM that was manufactured and started.
pub fn started() -> &'static Moment {
    static MOMENT: OnceLock<Moment> = OnceLock::new();
    MOMENT.get_or_init(|| {
        let mut engine = power_on(RepeatingHost::new(true));
        assert_eq!(execute(&mut engine, 0, STARTUP), 0);
        Moment::of(&mut engine)
    })
}

/// Sends a command, and checks the answer's form (Part 1 §18: a header with the response's size; an error is nothing but a header). Says the code.
///
/// # Panics
/// When the answer has another form.
pub fn execute(engine: &mut Engine, locality: u8, command: &[u8]) -> u32 {
    let Ok(outcome) = engine.execute(locality, command);
    let response = match outcome {
        Ok(response) => response,
        Err(failure) => {
            // Longer than the bound of `execute`, or a locality that there is not (Part 2 §8.5).
            let allowed = command.len() <= tpm_contract::bounds::MAX_COMMAND && !(5..32).contains(&locality);
            assert!(
                failure == Failure::BadOperand && !allowed,
                "{failure:?} at locality {locality}"
            );
            return u32::MAX;
        }
    };
    let header: &[u8; 10] = response.first_chunk().expect("a header");
    let size = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
    let code = u32::from_be_bytes([header[6], header[7], header[8], header[9]]);
    assert_eq!(size as usize, response.len(), "the size");
    assert!(code == 0 || size == 10, "an error of {size} bytes");
    // TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS, and TPM_ST_RSP_COMMAND for a tag that is none.
    assert!(
        matches!((header[0], header[1], code), (0x80, 1 | 2, _) | (0, 0xC4, 0x1E)),
        "the tag"
    );
    code
}

/// A target: runs one input.
pub type Target = fn(&[u8]);

/// All targets, by the names of their folders in the corpus.
pub const TARGETS: [(&str, Target); 4] = [
    ("structures", structures::run),
    ("commands", commands::run),
    ("state", state::run),
    ("component", component::run),
];

/// Reads what the fuzzer made.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next two bytes, big-endian.
    pub fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// As many bytes as the next two say, or as there are.
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let size = usize::from(self.short()?).min(self.0.len());
        let (taken, rest) = self.0.split_at(size);
        self.0 = rest;
        Some(taken)
    }
}
