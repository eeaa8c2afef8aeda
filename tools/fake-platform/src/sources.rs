//! Entropy and time that a test controls.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use svsm_platform::{Clock, ClockSource, Entropy, NoEntropy};

/// Reproducible "random" numbers (SplitMix64), which can run dry.
#[derive(Clone, Debug)]
pub struct FakeEntropy {
    state: u64,
    dry: Arc<AtomicBool>,
}

impl FakeEntropy {
    /// A source that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        FakeEntropy {
            state: seed,
            dry: Arc::default(),
        }
    }

    /// Switches every clone of this source on or off.
    pub fn set_dry(&self, dry: bool) {
        self.dry.store(dry, Ordering::SeqCst);
    }
}

impl Entropy for FakeEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        if self.dry.load(Ordering::SeqCst) {
            return Err(NoEntropy);
        }
        for chunk in out.chunks_mut(8) {
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Time that passes when a test says so. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// Lets time pass.
    pub fn advance(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn milliseconds(&mut self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn source(&self) -> ClockSource {
        ClockSource::SecureTsc
    }
}
