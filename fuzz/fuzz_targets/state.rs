//! `fuzz_targets::state`, for libFuzzer.

#![no_main]
#![allow(missing_docs)]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz_targets::state::run(data));
