//! Part 3 §28: management of what stays in the TPM.

mod evict_control;

pub use evict_control::EvictControl;

#[cfg(test)]
mod tests;
