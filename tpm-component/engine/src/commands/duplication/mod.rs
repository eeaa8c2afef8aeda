//! Part 3 §13: objects move from one parent to another.

mod duplicate;
mod import;
mod rewrap;

pub use duplicate::Duplicate;
pub use import::Import;
pub use rewrap::Rewrap;

use crate::{object::Object, structures::TpmaObject};

/// Whether something can be sent to a key as to a new parent: a restricted asymmetric decryption key, of which the public half is enough.
fn can_receive(key: &Object) -> bool {
    key.is_asymmetric() && key.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT)) && key.public.name_alg.is_some()
}

#[cfg(test)]
mod tests;
