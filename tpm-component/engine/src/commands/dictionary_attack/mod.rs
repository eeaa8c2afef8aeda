//! Part 3 §25: the dictionary-attack rules, which whoever knows lockoutAuth may set and reset.

mod dictionary_attack_lock_reset;
mod dictionary_attack_parameters;

pub use dictionary_attack_lock_reset::DictionaryAttackLockReset;
pub use dictionary_attack_parameters::DictionaryAttackParameters;
