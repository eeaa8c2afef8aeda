//! What the cross-crate tests share: the finished artefacts, and a running development server with its clients.
//!
//! The tests run what a user runs: the component file, the firmware image, the server program. `cargo xtask test` builds them and says
//! where they are; started any other way, a test that needs one fails and says so.

#![forbid(unsafe_code)]

pub mod clients;
pub mod dice;
pub mod differential;
pub mod oracle;
pub mod script;
pub mod server;

use std::path::PathBuf;

/// What every engine has, and behind it what the engine here has on demand: nothing, without the feature `optional_algorithms`.
pub fn with_optional<T: Clone>(always: &[T], on_demand: &[T]) -> Vec<T> {
    let on_demand = if OPTIONAL_ALGORITHMS { on_demand } else { &[] };
    [always, on_demand].concat()
}

/// Whether the engine here has all the algorithms that it can be built with.
pub const OPTIONAL_ALGORITHMS: bool = cfg!(feature = "optional_algorithms");

/// A finished file by its name in the artefact folder.
///
/// # Panics
/// When the tests were not started by `cargo xtask test`, or the file was not built.
pub fn artefact(name: &str) -> PathBuf {
    let path = artefacts().join(name);
    assert!(
        path.is_file(),
        "{} was not built: start this test with `cargo xtask test`",
        path.display()
    );
    path
}

/// The folder with everything that `cargo xtask build` makes.
///
/// # Panics
/// When the tests were not started by `cargo xtask test`.
pub fn artefacts() -> PathBuf {
    let Some(folder) = std::env::var_os("CLOISTER_ARTEFACTS") else {
        panic!("CLOISTER_ARTEFACTS is not set: start this test with `cargo xtask test`");
    };
    folder.into()
}
