//! What the engine computes itself when the host does not: RustCrypto's implementations, in constant time where their operands are secret.
//!
//! Only `seam.rs` calls this module, with operands that its callers have checked.

#[cfg(feature = "bn256")]
pub(super) mod bn256;
pub(super) mod cipher;
pub(super) mod curve;
pub(super) mod hash;
pub(super) mod modular;
#[cfg(feature = "sha3")]
pub(super) mod sponge;
