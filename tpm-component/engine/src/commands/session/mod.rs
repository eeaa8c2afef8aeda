//! Part 3 §11: sessions. TPM2_PolicyRestart is with the policy commands.

mod start_auth_session;

pub use start_auth_session::StartAuthSession;
