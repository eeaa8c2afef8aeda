//! The table, its verdict, and the same as JSON.
//!
//! The first server is the one that the others are compared with. Ratios are of processor time and of medians; below 1 is faster.

use crate::{
    measure::{Figures, Row},
    statistics::geometric_mean,
};
use serde_json::{Map, Value, json};
use std::{
    fmt::{self, Display, Formatter, Write},
    time::Duration,
};

/// The engine that is judged: what the firmware runs.
const JUDGED: &str = "wasmi";
/// The geometric mean that it should not exceed, and the ratio that no operation should.
const MEAN_GOAL: f64 = 0.8;
const RATIO_GOAL: f64 = 1.5;

/// What the table's header says.
#[derive(Debug)]
pub struct Header {
    /// Processor and cores.
    pub machine: String,
    /// The swtpm that is compared with.
    pub swtpm: String,
    /// The kind of file system with the state of every server.
    pub file_system: String,
    /// What the numbers of samples were multiplied with.
    pub scale: f64,
}

/// One of the two figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Processor time.
    Processor,
    /// Median of the wall-clock time.
    Median,
}

impl Figure {
    const ALL: [Self; 2] = [Self::Processor, Self::Median];

    const fn name(self) -> &'static str {
        match self {
            Self::Processor => "cpu",
            Self::Median => "median",
        }
    }

    const fn of(self, figures: &Figures) -> Duration {
        match self {
            Self::Processor => figures.processor,
            Self::Median => figures.median,
        }
    }
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Report {
    /// The header.
    pub header: Header,
    /// The servers; the first is the one to compare with.
    pub servers: Vec<String>,
    /// The lines.
    pub rows: Vec<Row>,
}

/// What the ratios of one engine come to, by one figure.
#[derive(Debug, PartialEq)]
pub struct Summary {
    /// Geometric mean; `None` when nothing was measured.
    pub mean: Option<f64>,
    /// How many operations are above the goal for one.
    pub slow: usize,
    /// How many operations this server or the one to compare with could not do.
    pub failed: usize,
}

impl Summary {
    fn meets_the_goal(&self) -> bool {
        self.mean.is_some_and(|mean| mean <= MEAN_GOAL) && self.slow == 0 && self.failed == 0
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.mean {
            Some(mean) => write!(f, "geometric mean {mean:.2}")?,
            None => f.write_str("nothing measured")?,
        }
        write!(f, ", {} above {RATIO_GOAL}", self.slow)?;
        if self.failed > 0 {
            write!(f, ", {} FAILED", self.failed)?;
        }
        Ok(())
    }
}

impl Report {
    /// The lines above the table.
    pub fn heading(&self) -> String {
        let header = &self.header;
        let engines = self.servers.get(1..).unwrap_or_default();
        let mut text = format!(
            "Development server {} ({}) against {}\n{}; state of each on {}; samples × {}\n",
            env!("CARGO_PKG_VERSION"),
            engines.join(", "),
            header.swtpm,
            header.machine,
            header.file_system,
            header.scale
        );
        text.push_str("milliseconds of swtpm, then ratios: below 1 is faster than swtpm\n\n");
        let _infallible = write!(text, "{:<54} {:>5} {:>9} {:>9}", "operation", "n", "cpu", "median");
        for engine in engines {
            let _infallible = write!(text, " | {engine:>8} {:>6}", "median");
        }
        text
    }

    /// One line of the table.
    pub fn line(&self, row: &Row) -> String {
        let mut text = format!("{:<54} {:>5}", row.name, row.samples);
        let mut outcomes = row.outcomes.iter();
        match outcomes.next() {
            Some(Ok(figures)) => {
                for figure in Figure::ALL {
                    let _infallible = write!(text, " {:>9.3}", figure.of(figures).as_secs_f64() * 1e3);
                }
            }
            _ => text.push_str("         -         -"),
        }
        for at in 1..row.outcomes.len() {
            for (figure, width) in Figure::ALL.into_iter().zip([8, 6]) {
                let edge = if figure == Figure::Processor { " | " } else { " " };
                let _infallible = match ratio(row, at, figure) {
                    Some(ratio) => write!(text, "{edge}{ratio:>width$.2}"),
                    None => write!(text, "{edge}{:>width$}", "-"),
                };
            }
        }
        for (server, outcome) in self.servers.iter().zip(&row.outcomes) {
            if let Err(error) = outcome {
                let _infallible = write!(text, "\n    {server}: {error:#}");
            }
        }
        text
    }

    /// The ratios of the server at this place in the list.
    pub fn summary(&self, at: usize, figure: Figure) -> Summary {
        let ratios: Vec<Option<f64>> = self.rows.iter().map(|row| ratio(row, at, figure)).collect();
        let known: Vec<f64> = ratios.iter().copied().flatten().collect();
        Summary {
            mean: geometric_mean(&known),
            slow: known.iter().filter(|ratio| **ratio > RATIO_GOAL).count(),
            failed: ratios.len() - known.len(),
        }
    }

    /// The lines below the table.
    pub fn verdict(&self) -> String {
        let mut text = String::new();
        for (at, engine) in self.servers.iter().enumerate().skip(1) {
            let slow = self.slow(at);
            if !slow.is_empty() {
                let _infallible = writeln!(text, "{engine}, above {RATIO_GOAL} (cpu, median):\n{slow}");
            }
        }
        for (at, engine) in self.servers.iter().enumerate().skip(1) {
            let [cpu, median] = Figure::ALL.map(|figure| self.summary(at, figure).to_string());
            let _infallible = writeln!(text, "{engine:<8} cpu: {cpu}; median: {median}");
        }
        let goal = format!("{JUDGED}: geometric mean at most {MEAN_GOAL}, no operation above {RATIO_GOAL}");
        let judgement = match self.servers.iter().position(|server| server == JUDGED) {
            Some(at) => Figure::ALL
                .map(|figure| {
                    let met = self.summary(at, figure).meets_the_goal();
                    format!("{} by {}", if met { "met" } else { "NOT met" }, figure.name())
                })
                .join(", "),
            None => format!("not judged, {JUDGED} was not measured"),
        };
        let _infallible = write!(text, "GOAL ({goal}): {judgement}");
        text
    }

    /// Lists what is above the goal for one operation by either figure.
    fn slow(&self, at: usize) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let ratios = Figure::ALL.map(|figure| ratio(row, at, figure));
            if ratios.iter().flatten().any(|ratio| *ratio > RATIO_GOAL) {
                let [cpu, median] = ratios.map(|ratio| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")));
                let _infallible = writeln!(text, "  {cpu:>6} {median:>6}  {}", row.name);
            }
        }
        text
    }

    /// All of it.
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_to_json(row)).collect();
        let summaries: Map<String, Value> = self
            .servers
            .iter()
            .enumerate()
            .skip(1)
            .map(|(at, engine)| {
                let means = Figure::ALL.map(|figure| (figure.name().to_owned(), json!(self.summary(at, figure).mean)));
                (engine.clone(), Value::Object(means.into_iter().collect()))
            })
            .collect();
        json!({
            "machine": self.header.machine,
            "swtpm": self.header.swtpm,
            "file_system": self.header.file_system,
            "scale": self.header.scale,
            "operations": rows,
            "geometric_means": summaries,
        })
    }

    fn row_to_json(&self, row: &Row) -> Value {
        let microseconds = |time: Duration| time.as_nanos() as f64 / 1e3;
        let servers: Map<String, Value> = self
            .servers
            .iter()
            .zip(&row.outcomes)
            .map(|(server, outcome)| {
                let value = match outcome {
                    Ok(figures) => json!({
                        "median_us": microseconds(figures.median),
                        "cpu_us": microseconds(figures.processor),
                    }),
                    Err(error) => json!({ "error": format!("{error:#}") }),
                };
                (server.clone(), value)
            })
            .collect();
        json!({ "name": row.name, "samples": row.samples, "servers": servers })
    }
}

/// How much longer the server at this place needs than the first.
fn ratio(row: &Row, at: usize, figure: Figure) -> Option<f64> {
    let seconds = |at: usize| {
        let figures = row.outcomes.get(at)?.as_ref().ok()?;
        Some(figure.of(figures).as_secs_f64()).filter(|seconds| *seconds > 0.0)
    };
    Some(seconds(at)? / seconds(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn figures(median: u64, processor: u64) -> Figures {
        Figures {
            median: Duration::from_micros(median),
            processor: Duration::from_micros(processor),
        }
    }

    fn report(ours: [Figures; 2]) -> Report {
        let [first, second] = ours;
        let row = |name, theirs, ours| Row {
            name,
            samples: 10,
            outcomes: vec![Ok(theirs), Ok(ours)],
        };
        Report {
            header: Header {
                machine: "a machine".into(),
                swtpm: "swtpm 1".into(),
                file_system: "ext4".into(),
                scale: 1.0,
            },
            servers: vec!["swtpm".into(), "wasmi".into()],
            rows: vec![
                row("one", figures(100, 50), first),
                row("two", figures(1000, 500), second),
            ],
        }
    }

    // By hand: medians 50/100 and 2000/1000, mean √(½·2) = 1; processor 20/50 and 80/500, mean √(0.4·0.16) = 0.253.
    #[test]
    fn summary_compares_with_the_first_server() {
        let report = report([figures(50, 20), figures(2000, 80)]);
        let medians = report.summary(1, Figure::Median);
        assert!(medians.mean.is_some_and(|mean| (mean - 1.0).abs() < 1e-9), "{medians}");
        assert_eq!((medians.slow, medians.failed), (1, 0));
        let processor = report.summary(1, Figure::Processor);
        assert!(
            processor.mean.is_some_and(|mean| (mean - 0.25298).abs() < 1e-4),
            "{processor}"
        );
        assert_eq!((processor.slow, processor.failed), (0, 0));
        assert!(
            report.verdict().contains("\n    0.16   2.00  two\n"),
            "{}",
            report.verdict()
        );
        assert!(report.verdict().ends_with("met by cpu, NOT met by median"));
        let line = report.line(&report.rows[1]);
        assert!(line.ends_with("    0.500     1.000 |     0.16   2.00"), "{line}");
        assert_eq!(report.to_json()["operations"][1]["servers"]["wasmi"]["cpu_us"], 80.0);
    }

    #[test]
    fn operation_that_failed_is_named_and_the_goal_is_not_met() {
        let mut report = report([figures(50, 20), figures(50, 20)]);
        assert!(report.verdict().ends_with("met by cpu, met by median"));
        report.rows[0].outcomes[1] = Err(anyhow!("response code 0x101"));
        let summary = report.summary(1, Figure::Median);
        assert_eq!((summary.slow, summary.failed), (0, 1));
        assert!(summary.mean.is_some_and(|mean| (mean - 0.05).abs() < 1e-9));
        assert!(report.line(&report.rows[0]).contains("wasmi: response code 0x101"));
        assert!(report.verdict().ends_with("NOT met by cpu, NOT met by median"));
    }
}
