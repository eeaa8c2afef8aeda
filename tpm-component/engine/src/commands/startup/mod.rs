//! Part 3 §9: start-up and shutdown.

mod shutdown;
#[expect(clippy::module_inception, reason = "the command has the name of its chapter")]
mod startup;

pub use shutdown::Shutdown;
pub use startup::Startup;
