//! One operation on all servers, interleaved.
//!
//! A server that cannot do an operation loses that line of the table and nothing else.

use crate::{
    operations::{Operation, Sample},
    statistics::median,
    subject::Subject,
};
use anyhow::{Context, Result};
use std::time::Duration;

/// Fewer samples than this have no middle worth the name.
const LEAST_SAMPLES: u32 = 3;

/// What one server needed for one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The median of what the client waited.
    pub median: Duration,
    /// Processor time of the server for each sample.
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
    processor: Duration,
}

/// Measures an operation; `scale` multiplies the number of samples.
pub fn measure(operation: &Operation, subjects: &mut [Subject], scale: f64) -> Row {
    // A fraction of a sample is none, and no sensible scale leaves the range.
    let samples = ((f64::from(operation.samples) * scale) as u32).max(LEAST_SAMPLES);
    let warm_up = (samples / 10).min(2);
    let mut runs: Vec<Run<'_>> = subjects
        .iter_mut()
        .map(|subject| Run {
            sample: (operation.prepare)(subject).context("preparing"),
            subject,
            times: Vec::new(),
            processor: Duration::ZERO,
        })
        .collect();
    interleave(1, &mut runs, |run, _| run.start());
    interleave(warm_up + samples, &mut runs, |run, round| run.take(round >= warm_up));
    let outcomes = runs.into_iter().map(|run| run.finish(warm_up + samples)).collect();
    Row {
        name: operation.name,
        samples,
        outcomes,
    }
}

impl Run<'_> {
    fn start(&mut self) {
        match self.subject.processor_time() {
            Ok(time) => self.processor = time,
            Err(error) => self.sample = Err(error),
        }
    }

    fn take(&mut self, counts: bool) {
        let Ok(sample) = &mut self.sample else {
            return;
        };
        match sample(self.subject) {
            Ok(time) if counts => self.times.push(time),
            Ok(_) => {}
            Err(error) => self.sample = Err(error),
        }
    }

    fn finish(self, rounds: u32) -> Result<Figures> {
        let used = self.subject.processor_time();
        // The next operation starts from nothing, whatever became of this one.
        let clean = self.subject.clean_up().context("cleaning up");
        drop(self.sample?);
        clean?;
        Ok(Figures {
            median: median(&self.times).context("no samples")?,
            processor: used?.saturating_sub(self.processor) / rounds,
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
}
