//! How bytes become Part 2 types and back: a [`Reader`] over a command, a [`Writer`] for a response, the traits [`Unmarshal`] and
//! [`Marshal`], and the macro shapes in which `structures/` declares its types.
//!
//! The reader's bytes come from the guest, over a network socket in development, or from a state image; any of them may be forged. No
//! read goes past the end, no length is believed before it is compared with a named bound, and nothing here can panic.
//!
//! Unmarshalling returns a bare response code; `dispatch/` adds the number of the handle, parameter or session, which only it knows.
//! All integers are big-endian (Part 1 §4.3; Part 2 §4).

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod marshal;
mod nullable;
mod reader;
pub(crate) mod shapes;
mod writer;

pub use marshal::{Marshal, Unmarshal};
pub use nullable::HasNull;
pub use reader::Reader;
pub use writer::Writer;
