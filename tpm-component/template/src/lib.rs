//! The smallest component that keeps the contract of `wit/tpm.wit`: where to start with one of your own.
//!
//! It knows no TPM command and says so: every well-formed command gets TPM_RC_COMMAND_CODE, every other the code that Part 3 §5 gives it. It has no
//! keys and no PCRs, and refuses to speak of them, so the SVSM starts no guest with it. `cargo xtask conform --component FILE` lists what is
//! missing. The host's values have been checked for form by the canonical ABI; here is checked what they mean. On another target than wasm32 the
//! crate is empty.
//!
//! `cargo xtask test` builds it; for your own, build for wasm32-unknown-unknown and pack with `component_pack MODULE COMPONENT` (`tools/pack`).

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod exports;

/// What wit-bindgen makes of the contract.
#[cfg(target_arch = "wasm32")]
#[expect(
    unsafe_code,
    reason = "the canonical ABI is spoken in raw pointers; the code is generated"
)]
#[allow(missing_docs, reason = "the documentation stands in wit/tpm.wit")]
#[allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "tpm-component",
        ownership: Borrowing { duplicate_if_necessary: false },
    });

    export!(Exports with_types_in self);

    use super::exports::Exports;
}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// A panic is a trap: the host stops the instance for good.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
