//! Part 3 §16: the random number generator.

mod stir_random;

pub use stir_random::StirRandom;
