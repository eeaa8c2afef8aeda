//! A TPM's client: commands as bytes, sessions, connections, and TPM servers as child processes.
//!
//! The tests compare this project's TPM with `swtpm` through it, and the bench times both. Nothing here shares code with the engine: what a caller
//! has to compute is computed with RustCrypto alone. Servers are the user's own programs; one that answers nonsense ends the test or the bench.

#![forbid(unsafe_code)]

mod command;
mod connection;
mod process;
mod session;

pub use command::{Answer, Cmd, sized};
pub use connection::{Connection, Control};
pub use process::{ServerProgram, SwtpmProgram, TpmProcess};
pub use session::{AUDIT, CONTINUE, Client, DECRYPT, ENCRYPT, SessionOptions, Together, sha256};

/// A TPM that takes bytes.
pub trait Tpm {
    /// Answers one command.
    fn send(&mut self, command: &[u8]) -> Vec<u8>;
    /// Takes the power away and gives it back.
    fn power_cycle(&mut self);
}
