//! Tries a TPM component on the dev host, in the firmware's own sandbox: what it costs, and what world it has.
//!
//! The component may be anybody's and hostile; the sandbox confines it. Nothing here runs in the firmware. `component_cost` is the program behind
//! `cargo xtask cost`; the cross-crate tests use the same host and the same way to look at a world.

#![forbid(unsafe_code)]

pub mod conversation;
pub mod host;
pub mod world_shape;
