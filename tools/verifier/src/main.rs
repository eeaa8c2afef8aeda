//! `cloister-verify`: the verifier as a program of its own. See [`verifier::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    verifier::cli::run(std::env::args_os())
}
