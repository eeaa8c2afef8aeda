//! What is measured. An operation prepares what it needs on each server, and its sample is run again and again; whatever it leaves is taken away after it.
//!
//! Time that a sample reports is that of the commands it is about. What has to be undone between samples (flushing a handle) is not in the time; the
//! processor time has it, for all servers alike, unless it is put aside ([`Subject::aside`]). Operations stand in the order of Part 3's chapters; Clear
//! and the power switch come last.

mod data;
mod encryption;
mod general;
mod life_cycle;
mod nv;
mod objects;
mod pcr;
mod policy;
mod sessions;
mod signing;

use crate::subject::Subject;
use anyhow::Result;
use std::time::Duration;
use tpm_client::Cmd;

/// One measurement on a prepared server.
pub type Sample = Box<dyn FnMut(&mut Subject) -> Result<Duration>>;

/// One line of the table.
pub struct Operation {
    /// What it is called.
    pub name: &'static str,
    /// How many samples are taken at scale 1.
    pub samples: u32,
    /// Makes on a server what the samples need.
    pub prepare: fn(&mut Subject) -> Result<Sample>,
}

impl Operation {
    const fn new(name: &'static str, samples: u32, prepare: fn(&mut Subject) -> Result<Sample>) -> Self {
        Self { name, samples, prepare }
    }
}

/// Every operation, in the order in which they are measured.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [
        general::OPERATIONS,
        sessions::OPERATIONS,
        pcr::OPERATIONS,
        data::OPERATIONS,
        objects::OPERATIONS,
        signing::OPERATIONS,
        encryption::OPERATIONS,
        nv::OPERATIONS,
        policy::OPERATIONS,
        life_cycle::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

/// The operations whose name has `part` in it, whatever its case.
pub fn named(part: &str) -> impl Iterator<Item = &'static Operation> {
    let part = part.to_lowercase();
    all().filter(move |operation| operation.name.to_lowercase().contains(&part))
}

fn sample(sample: impl FnMut(&mut Subject) -> Result<Duration> + 'static) -> Result<Sample> {
    Ok(Box::new(sample))
}

/// The same command every time.
fn repeated(command: Cmd) -> Result<Sample> {
    sample(move |subject| subject.time(&command))
}

/// The same command every time; what it makes is flushed.
fn repeated_and_flushed(command: Cmd) -> Result<Sample> {
    sample(move |subject| subject.time_and_flush(&command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn operations_have_names_of_their_own_and_are_found_by_a_part() {
        let names: BTreeSet<&str> = all().map(|operation| operation.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() > 70, "{}", names.len());
        assert!(all().all(|operation| operation.samples >= 5));
        let quotes: Vec<&str> = named("qUoTe").map(|operation| operation.name).collect();
        assert_eq!(quotes, ["Quote ECC P-256 (8 PCR)", "Quote RSA-2048 (8 PCR)"]);
    }
}
