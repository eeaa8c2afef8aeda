//! Part 3 §10: self-tests. Symmetric algorithms are tested before the TPM answers its first command, public-key algorithms before they are used for
//! the first time, or when one of these commands asks for it.

mod get_test_result;
mod incremental_self_test;
mod self_test;

pub use get_test_result::GetTestResult;
pub use incremental_self_test::IncrementalSelfTest;
pub use self_test::SelfTest;
