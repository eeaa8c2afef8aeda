//! Part 3 §20: signing and verification of digests.

mod sign;
mod verify_signature;

pub use sign::Sign;
pub use verify_signature::VerifySignature;

#[cfg(test)]
mod tests;
