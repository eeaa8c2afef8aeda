//! How fast the development server is beside `swtpm`: the same operations, raw commands over Unix sockets, all servers in one run.
//!
//! Samples are interleaved, one of each server in turn, so that whatever else the machine does hits all alike. Two figures come out of each operation: the
//! median of what a client waits, and the processor time that the server used, which other load hardly changes. No test asserts either: they are printed.
//!
//! The servers are throw-away TPMs that this program starts; Clear, SelfTest and power cycles are among the operations.

#![forbid(unsafe_code)]

pub mod machine;
pub mod measure;
pub mod operations;
pub mod report;
mod statistics;
pub mod subject;
mod templates;
