//! Health tests of the host's entropy (SP 800-90B §4.4): a source that sticks or leans to one value is found before it seeds anything more.
//!
//! The host promises full entropy. The tests allow it half of that, four bits a byte, so that a good source practically never fails them (a run
//! of nine equal bytes comes once in 2^64), and one that has broken down fails at once. They cannot show that entropy is good; a host that wants to
//! deceive can.

/// False alarms that the cutoffs allow a source of four bits a byte: one in 2^30 (§4.4.1).
const REPETITION_CUTOFF: u32 = 9;
/// Samples of one window of the adaptive proportion test (§4.4.2, for sources that are not binary).
const WINDOW: u32 = 512;
/// One more than what is exceeded once in 2^30 windows when every value has a probability of 2^-4: a binomial distribution.
const PROPORTION_CUTOFF: u32 = 71;

/// The state of both tests, which go on from one draw to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The newest sample and how often it came in a row: never, before the first.
    last: u8,
    run: u32,
    /// The first sample of the window, how often it has come in it, and how many samples there were: none, before a window begins.
    first: u8,
    equal: u32,
    seen: u32,
    broken: bool,
}

impl Health {
    /// Whether the source has failed a test.
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Tests some samples more; says whether the source has passed so far.
    #[must_use]
    #[inline(never)]
    pub fn passes(&mut self, samples: &[u8]) -> bool {
        self.count_repetitions(samples);
        self.count_proportion(samples);
        !self.broken
    }

    fn count_repetitions(&mut self, samples: &[u8]) {
        let (mut last, mut run) = (self.last, self.run);
        for sample in samples {
            if *sample == last {
                run += 1;
                self.broken |= run >= REPETITION_CUTOFF;
            } else {
                (last, run) = (*sample, 1);
            }
        }
        (self.last, self.run) = (last, run);
    }

    fn count_proportion(&mut self, mut samples: &[u8]) {
        while let Some(first) = samples.first() {
            if self.seen == 0 {
                (self.first, self.equal) = (*first, 0);
            }
            let left = (WINDOW - self.seen) as usize;
            let (window, more) = samples.split_at(samples.len().min(left));
            let equal = window.iter().filter(|sample| **sample == self.first).count();
            self.equal += equal as u32;
            self.broken |= self.equal >= PROPORTION_CUTOFF;
            self.seen = (self.seen + window.len() as u32) % WINDOW;
            samples = more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn passes(samples: &[u8]) -> bool {
        Health::default().passes(samples)
    }

    #[test]
    fn repetition_is_broken_at_its_cutoff_across_draws() {
        // SP 800-90B §4.4.1: C = 1 + ceil(30 / H).
        assert!(passes(&[7; 8]));
        assert!(!passes(&[7; 9]));
        let mut health = Health::default();
        assert!(health.passes(&[7; 5]));
        assert!(!health.passes(&[7; 4]));
        assert!(!health.passes(&[1, 2, 3]), "once broken, it stays so");
        assert!(health.is_broken());
    }

    #[test]
    fn proportion_is_broken_at_its_cutoff_within_a_window() {
        // §4.4.2: the first sample of the window may come 70 times in 512.
        let leaning = |times: usize| -> Vec<u8> {
            (0..512)
                .map(|at| {
                    if at % 7 == 0 && at / 7 < times {
                        0
                    } else {
                        (at % 250) as u8 + 1
                    }
                })
                .collect()
        };
        assert!(passes(&leaning(70)));
        assert!(!passes(&leaning(71)));
        // A window that begins anew counts anew.
        assert!(passes(&[leaning(70), leaning(70)].concat()));
    }

    #[test]
    fn draws_are_tested_alike_however_they_are_cut() {
        let samples: Vec<u8> = (0..1500u32).map(|at| (at * at % 7) as u8).collect();
        let mut whole = Health::default();
        assert!(!whole.passes(&samples));
        for size in [1, 48, 511, 512, 513, 1400] {
            let mut cut = Health::default();
            let last = samples.chunks(size).map(|draw| cut.passes(draw)).last();
            assert_eq!((last, cut), (Some(false), whole), "{size}");
        }
    }

    #[test]
    fn cutoff_of_the_proportion_is_that_of_the_binomial_distribution() {
        // §4.4.2: 1 + CRITBINOM(512, 2^-4, 1 - 2^-30). To have 71 or more has at most a probability of 2^-30, to have 70 or more has not. The terms
        // C(512, k) 15^(512 - k) / 16^512 are kept as logarithms of base 2.
        let mut log_terms = Vec::from([512.0 * 3.906_890_595_608_519]);
        for k in 1..=512u32 {
            let ratio = f64::from(512 - k + 1) / f64::from(k) / 15.0;
            let before = log_terms[k as usize - 1];
            log_terms.push(before + log2(ratio));
        }
        let tail = |from: usize| -> f64 {
            let highest = log_terms[from];
            let sum: f64 = log_terms[from..].iter().map(|term| exp2(term - highest)).sum();
            highest + log2(sum) - 2048.0
        };
        assert!(tail(71) <= -30.0 && tail(70) > -30.0);
    }

    extern crate std;

    fn log2(value: f64) -> f64 {
        std::primitive::f64::log2(value)
    }

    fn exp2(value: f64) -> f64 {
        std::primitive::f64::exp2(value)
    }
}
