//! TPM 2.0 Library Part 2, "Structures": the types of the interface, one file per chapter or part of one.
//!
//! Values of these types have passed Part 2's own checks and no others. Names are those of the specification in Rust's case
//! (TPMT_PUBLIC is [`TpmtPublic`]); a type without such a prefix is not in the specification. `Option` stands for Part 2's plus sign. What
//! this TPM implements (hashes, curves, key sizes) is the members of the closed sets in `interface_types.rs`, and its sizes are in
//! [`limits`].

mod asymmetric;
mod attestation;
mod attributes;
mod buffers;
mod capabilities;
mod constants;
mod creation;
mod digests;
mod handles;
mod interface_types;
pub mod limits;
mod nv_public;
mod object;
mod pcr_selection;
mod properties;
mod response_code;
mod schemes;
mod symmetric;
mod tickets;
mod written;

pub use asymmetric::*;
pub use attestation::*;
pub use attributes::*;
pub use buffers::*;
pub use capabilities::*;
pub use constants::*;
pub use creation::*;
pub use digests::*;
pub use handles::*;
pub use interface_types::*;
pub use nv_public::*;
pub use object::*;
pub use pcr_selection::*;
pub use properties::*;
pub use response_code::*;
pub use schemes::*;
pub use symmetric::*;
pub use tickets::*;
pub use written::*;
