//! Part 3 §26 and §28: management of the TPM, and of what stays in it.

mod evict_control;
mod pp_commands;
mod set_algorithm_set;

pub use evict_control::EvictControl;
pub use pp_commands::PpCommands;
pub use set_algorithm_set::SetAlgorithmSet;

#[cfg(test)]
mod tests;
