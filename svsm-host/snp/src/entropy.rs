//! Random numbers from the processor: RDRAND, checked and conditioned.
//!
//! RDRAND cannot be intercepted, so neither hypervisor nor guest sees or chooses its output; what can go wrong is the generator itself. Each
//! read is retried a bounded number of times. Two continuous tests watch the 64-bit words: a word equal to the one before it (the
//! repetition count test of SP 800-90B §4.4.1 with the cutoff that 64-bit words of full entropy give), and all-zero or all-one words,
//! which broken AMD parts have returned for ever. A failed test is final. The output is not handed on as it is: every 32
//! bytes are SHA-256 over 64 fresh bytes and a counter, so that a bias of the generator does not reach the users.

use core::arch::asm;
use sha2::{Digest, Sha256};
use spin::Mutex;
use svsm_platform::{Entropy, NoEntropy};
use zeroize::Zeroize;

/// How often one RDRAND may say "not ready".
const ATTEMPTS: u32 = 1000;

/// Words read for one block of output: twice as much as comes out.
const WORDS: usize = 8;

fn rdrand() -> Option<u64> {
    for _ in 0..ATTEMPTS {
        let value: u64;
        let valid: u8;
        // SAFETY: RDRAND writes its register and the flags; start-up checked that the processor has it.
        unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) valid, options(nomem, nostack)) };
        if valid != 0 {
            return Some(value);
        }
    }
    None
}

/// The generator and the state of its tests.
pub struct Generator {
    source: fn() -> Option<u64>,
    last: u64,
    counter: u64,
    failed: bool,
}

impl Default for Generator {
    fn default() -> Self {
        Self::new()
    }
}

impl Generator {
    /// The processor's generator.
    pub const fn new() -> Self {
        Self::from_source(rdrand)
    }

    const fn from_source(source: fn() -> Option<u64>) -> Self {
        Self {
            source,
            last: 0,
            counter: 0,
            failed: false,
        }
    }

    fn block(&mut self) -> Result<[u8; 32], NoEntropy> {
        let mut hash = Sha256::new();
        self.counter = self.counter.wrapping_add(1);
        hash.update(self.counter.to_le_bytes());
        for _ in 0..WORDS {
            hash.update(self.word()?.to_le_bytes());
        }
        Ok(hash.finalize().into())
    }

    fn word(&mut self) -> Result<u64, NoEntropy> {
        let word = if self.failed { None } else { (self.source)() };
        match word {
            Some(word) if word != self.last && word != 0 && word != u64::MAX => {
                self.last = word;
                Ok(word)
            }
            _ => {
                self.failed = true;
                Err(NoEntropy)
            }
        }
    }
}

/// After a failure nothing is random any more and every call fails.
impl Entropy for Generator {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in out.chunks_mut(32) {
            let mut block = self.block()?;
            for (to, from) in chunk.iter_mut().zip(block) {
                *to = from;
            }
            block.zeroize();
        }
        Ok(())
    }
}

/// One generator for several users, who each have a handle: its tests watch all that it gives.
#[derive(Clone, Copy)]
pub struct SharedGenerator(pub &'static Mutex<Generator>);

impl Entropy for SharedGenerator {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.lock().fill(out)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.last.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn generator_conditions_fresh_words() {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut generator = Generator::from_source(|| Some(NEXT.fetch_add(1, Ordering::Relaxed)));
        let mut bytes = [0; 40];
        assert_eq!(generator.fill(&mut bytes), Ok(()));
        // The first block is SHA-256 over the counter and words 1 to 8, as 64-bit little-endian integers.
        let mut hash = Sha256::new();
        for value in [1u64, 1, 2, 3, 4, 5, 6, 7, 8] {
            hash.update(value.to_le_bytes());
        }
        assert_eq!(bytes[..32], hash.finalize()[..]);
        assert_eq!(NEXT.load(Ordering::Relaxed), 17, "no word is used twice");
    }

    #[test]
    fn broken_generators_fail_for_good() {
        let sources: [fn() -> Option<u64>; 4] = [|| None, || Some(0), || Some(u64::MAX), || Some(0x1234)];
        for source in sources {
            let mut generator = Generator::from_source(source);
            let mut bytes = [0; 8];
            assert_eq!(generator.fill(&mut bytes), Err(NoEntropy));
            generator.source = || Some(0x5678);
            assert_eq!(generator.fill(&mut bytes), Err(NoEntropy), "failure is final");
        }
    }
}
