//! From bytes to a command's action and back, in the order of checks of Part 3 §5.
//!
//! Whoever can reach the TPM sends these bytes. [`execute`] is the whole story in six calls; each step takes the type that only the step
//! before can make, so none can be skipped: a `Header` is located by the table, located handles are authorised, and only then does an action
//! see the command.

mod command;
mod handles;
mod header;
pub mod table;

pub use command::{Authorized, Command, Parameters, Reply};
pub(crate) use command::{parameters, reply};
pub use handles::Handles;
