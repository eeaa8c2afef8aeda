//! Part 3 §16: the random number generator.

mod get_random;
mod stir_random;

pub use get_random::GetRandom;
pub use stir_random::StirRandom;
