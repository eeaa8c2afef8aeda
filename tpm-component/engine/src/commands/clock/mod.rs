//! Part 3 §29: clocks and timers.

mod clock_rate_adjust;
mod clock_set;
mod read_clock;

pub use clock_rate_adjust::ClockRateAdjust;
pub use clock_set::ClockSet;
pub use read_clock::ReadClock;
