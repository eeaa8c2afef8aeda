//! One operation on all servers, interleaved.
//!
//! Processor time is read after each of some batches, all servers at the same moments, and the median of the batches counts: what disturbs the machine for a
//! moment spoils a batch, not the figure. A server that cannot do an operation loses that line of the table and nothing else.

use crate::{
    operations::{Operation, Sample},
    statistics::median,
    subject::Subject,
};
use anyhow::{Context, Result};
use std::time::Duration;

/// Fewer samples than this have no middle worth the name.
const LEAST_SAMPLES: u32 = 3;
/// Readings of the processor time, if there are as many samples.
const BATCHES: u32 = 20;

/// What one server needed for one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The median of what the client waited.
    pub median: Duration,
    /// Processor time of the server for each sample: the median of the batches.
    pub processor: Duration,
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// The operation.
    pub name: &'static str,
    /// Samples on each server.
    pub samples: u32,
    /// One outcome for each server, in their order.
    pub outcomes: Vec<Result<Figures>>,
}

/// Gives every one of `parties` its turn, round after round.
pub fn interleave<T>(rounds: u32, parties: &mut [T], mut turn: impl FnMut(&mut T, u32)) {
    for round in 0..rounds {
        for party in &mut *parties {
            turn(party, round);
        }
    }
}

/// One server with the samples that it gave so far.
struct Run<'a> {
    subject: &'a mut Subject,
    sample: Result<Sample>,
    times: Vec<Duration>,
    /// The last reading, and what each batch used for a sample.
    read: Duration,
    processor: Vec<Duration>,
}

/// Measures an operation; `scale` multiplies the number of samples.
pub fn measure(operation: &Operation, subjects: &mut [Subject], scale: f64) -> Row {
    // A fraction of a sample is none, and no sensible scale leaves the range.
    let samples = ((f64::from(operation.samples) * scale) as u32).max(LEAST_SAMPLES);
    let mut runs: Vec<Run<'_>> = subjects
        .iter_mut()
        .map(|subject| Run {
            sample: (operation.prepare)(subject).context("preparing"),
            subject,
            times: Vec::new(),
            read: Duration::ZERO,
            processor: Vec::new(),
        })
        .collect();
    let warm_up = (samples / 10).min(2);
    interleave(warm_up, &mut runs, |run, _| {
        run.take();
    });
    interleave(1, &mut runs, |run, _| {
        run.read();
    });
    for batch in batches(samples) {
        interleave(batch, &mut runs, |run, _| {
            let time = run.take();
            run.times.extend(time);
        });
        interleave(1, &mut runs, |run, _| {
            let used = run.read();
            run.processor.extend(used.map(|used| used / batch));
        });
    }
    Row {
        name: operation.name,
        samples,
        outcomes: runs.into_iter().map(Run::finish).collect(),
    }
}

/// The sizes of the batches that make so many samples; what does not fill one goes to the first.
fn batches(samples: u32) -> Vec<u32> {
    let count = samples.clamp(1, BATCHES);
    let size = samples / count;
    let mut sizes = vec![size; count as usize];
    if let Some(first) = sizes.first_mut() {
        *first += samples - size * count;
    }
    sizes
}

impl Run<'_> {
    /// Reads the processor time and says what was used since the last reading; nothing, if the server has failed.
    fn read(&mut self) -> Option<Duration> {
        let before = self.read;
        match self.subject.processor_time() {
            Ok(time) => self.read = time,
            Err(error) => self.sample = Err(error),
        }
        self.sample.as_ref().ok()?;
        Some(self.read.saturating_sub(before))
    }

    /// Takes a sample; none, if the server has failed.
    fn take(&mut self) -> Option<Duration> {
        match self.sample.as_mut().ok()?(self.subject) {
            Ok(time) => Some(time),
            Err(error) => {
                self.sample = Err(error);
                None
            }
        }
    }

    fn finish(self) -> Result<Figures> {
        // The next operation starts from nothing, whatever became of this one.
        let clean = self.subject.clean_up().context("cleaning up");
        drop(self.sample?);
        clean?;
        Ok(Figures {
            median: median(&self.times).context("no samples")?,
            processor: median(&self.processor).context("no readings")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_take_turns_in_every_round() {
        let mut order = Vec::new();
        let mut parties = [('a', 0), ('b', 0), ('c', 0)];
        interleave(3, &mut parties, |(name, turns), round| {
            *turns += 1;
            order.push(format!("{name}{round}"));
        });
        assert_eq!(order.join(" "), "a0 b0 c0 a1 b1 c1 a2 b2 c2");
        assert_eq!(parties.map(|(_, turns)| turns), [3, 3, 3]);
        interleave(0, &mut parties, |_, _| panic!("there is no round"));
    }

    #[test]
    fn batches_have_all_samples() {
        assert_eq!(batches(3), [1, 1, 1]);
        assert_eq!(batches(45), [[7].as_slice(), &[2; 19]].concat());
        for samples in 1..300 {
            assert_eq!(batches(samples).iter().sum::<u32>(), samples);
        }
    }
}
