//! Part 3 §10: self-tests. The quick part has run before the TPM answers its first command; what can be left to be tested is the engine's own
//! public-key arithmetic, which works only on hosts that offer none.

mod get_test_result;
mod incremental_self_test;
mod self_test;

pub use get_test_result::GetTestResult;
pub use incremental_self_test::IncrementalSelfTest;
pub use self_test::SelfTest;
