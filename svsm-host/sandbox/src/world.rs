//! The world of `wit/tpm.wit` as a core module sees it: names, and types after flattening.
//!
//! The canonical ABI (Component Model, CanonicalABI.md, "Flattening") turns a list or string into two i32, an enum into one, an option into
//! a discriminant and its payload; a result that would need more than one value is written to memory, whose address the
//! caller passes last (imports) or the callee returns (exports). The module must agree exactly. An unused import may be missing.

use crate::fault::SandboxFault;
use wasmi::{ExternType, Module, ValType};

/// What every export of the engine interface begins with.
pub(crate) const ENGINE_PREFIX: &str = "cloister:tpm/engine@0.2.0#";
/// The name of the interface `host`.
pub(crate) const HOST: &str = "cloister:tpm/host@0.2.0";
/// The name of the interface `arithmetic`.
pub(crate) const ARITHMETIC: &str = "cloister:tpm/arithmetic@0.2.0";
/// The memory export.
pub(crate) const MEMORY: &str = "memory";
/// The allocator that the host calls for what it hands in.
pub(crate) const REALLOC: &str = "cabi_realloc";
/// Called once after instantiation, if it is there: wit-component's convention for modules with constructors.
pub(crate) const INITIALIZE: &str = "_initialize";

/// A function of the world with its flattened type: so many i32 in order, or as listed.
struct Signature {
    interface: &'static str,
    name: &'static str,
    /// i32 parameters; nothing in this world flattens to another parameter type.
    parameters: usize,
    result: Option<ValType>,
}

const fn import(interface: &'static str, name: &'static str, parameters: usize) -> Signature {
    Signature {
        interface,
        name,
        parameters,
        result: None,
    }
}

const IMPORTS: [Signature; 13] = [
    import(HOST, "entropy", 2),
    Signature {
        interface: HOST,
        name: "clock",
        parameters: 0,
        result: Some(ValType::I64),
    },
    import(HOST, "commit", 3),
    import(HOST, "log", 3),
    import(ARITHMETIC, "mod-exp", 7),
    import(ARITHMETIC, "miller-rabin", 5),
    import(ARITHMETIC, "rsa-private", 13),
    import(ARITHMETIC, "ec-multiply", 7),
    import(ARITHMETIC, "ec-multiply-add", 8),
    import(ARITHMETIC, "hash-blocks", 6),
    import(ARITHMETIC, "digest", 4),
    import(ARITHMETIC, "hmac", 6),
    import(ARITHMETIC, "aes", 9),
];

const fn export(name: &'static str, parameters: usize) -> Signature {
    Signature {
        interface: ENGINE_PREFIX,
        name,
        parameters,
        result: Some(ValType::I32),
    }
}

const EXPORTS: [Signature; 11] = [
    export("cloister:tpm/engine@0.2.0#describe", 0),
    export("cloister:tpm/engine@0.2.0#power-on", 2),
    export("cloister:tpm/engine@0.2.0#execute", 3),
    export("cloister:tpm/engine@0.2.0#identity", 0),
    export("cloister:tpm/engine@0.2.0#hash-start", 0),
    export("cloister:tpm/engine@0.2.0#hash-data", 2),
    export("cloister:tpm/engine@0.2.0#hash-end", 0),
    export("cloister:tpm/engine@0.2.0#save-persistent", 0),
    export("cloister:tpm/engine@0.2.0#save-volatile", 0),
    export("cloister:tpm/engine@0.2.0#restore-volatile", 2),
    export(REALLOC, 4),
];

const POST_RETURNS: [&str; 10] = [
    "cabi_post_cloister:tpm/engine@0.2.0#describe",
    "cabi_post_cloister:tpm/engine@0.2.0#power-on",
    "cabi_post_cloister:tpm/engine@0.2.0#execute",
    "cabi_post_cloister:tpm/engine@0.2.0#identity",
    "cabi_post_cloister:tpm/engine@0.2.0#hash-start",
    "cabi_post_cloister:tpm/engine@0.2.0#hash-data",
    "cabi_post_cloister:tpm/engine@0.2.0#hash-end",
    "cabi_post_cloister:tpm/engine@0.2.0#save-persistent",
    "cabi_post_cloister:tpm/engine@0.2.0#save-volatile",
    "cabi_post_cloister:tpm/engine@0.2.0#restore-volatile",
];

impl Signature {
    fn fits(&self, actual: &ExternType) -> bool {
        let ExternType::Func(actual) = actual else { return false };
        actual.params().len() == self.parameters
            && actual.params().iter().all(|param| *param == ValType::I32)
            && actual.results() == self.result.as_slice()
    }
}

/// Refuses a module that is not of this world. `memory` is the import that the sandbox itself put in the memory's place; the survey has let no other
/// memory import pass.
pub(crate) fn check(module: &Module, memory: (&str, &str)) -> Result<(), SandboxFault> {
    for actual in module.imports() {
        if (actual.module(), actual.name()) == memory && matches!(actual.ty(), ExternType::Memory(_)) {
            continue;
        }
        let known = IMPORTS
            .iter()
            .find(|known| (known.interface, known.name) == (actual.module(), actual.name()))
            .ok_or(SandboxFault::UnknownImport)?;
        if !known.fits(actual.ty()) {
            return Err(SandboxFault::WrongImport(known.name));
        }
    }
    for known in &EXPORTS {
        let actual = module
            .get_export(known.name)
            .ok_or(SandboxFault::MissingExport(known.name))?;
        if !known.fits(&actual) {
            return Err(SandboxFault::WrongExport(known.name));
        }
    }
    match module.get_export(MEMORY) {
        Some(ExternType::Memory(_)) => {}
        Some(_) => return Err(SandboxFault::WrongExport(MEMORY)),
        None => return Err(SandboxFault::MissingExport(MEMORY)),
    }
    for name in POST_RETURNS {
        check_optional(module, name, &[ValType::I32])?;
    }
    check_optional(module, INITIALIZE, &[])
}

fn check_optional(module: &Module, name: &'static str, parameters: &[ValType]) -> Result<(), SandboxFault> {
    match module.get_export(name) {
        None => Ok(()),
        Some(ExternType::Func(actual)) if actual.params() == parameters && actual.results().is_empty() => Ok(()),
        Some(_) => Err(SandboxFault::WrongExport(name)),
    }
}

#[cfg(test)]
mod tests;
