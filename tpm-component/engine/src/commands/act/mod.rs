//! Part 3 §33: authenticated countdown timers.

mod act_set_timeout;

pub use act_set_timeout::ActSetTimeout;

#[cfg(test)]
mod tests;
