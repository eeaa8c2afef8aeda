//! The TPM component: `tpm_engine` behind the contract of `wit/tpm.wit`.
//!
//! It decides nothing. `exports.rs` hands what the host asks to the engine, `imports.rs` hands what the engine asks to the host, and here is what
//! a program without an operating system needs: an allocator, and a panic that becomes a trap. The host's values have been checked
//! for form by the canonical ABI; what they mean is checked by the engine. On another target than wasm32 the crate is empty.
//!
//! The one request on its way: the sandbox's `exports.rs` before, `tpm_engine::tpm` after this.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(any(target_arch = "wasm32", test))]
#[expect(unsafe_code, reason = "an allocator deals in raw pointers")]
mod allocator;
#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(target_arch = "wasm32")]
mod imports;

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
static ALLOCATOR: allocator::Blocks<dlmalloc::GlobalDlmalloc> = allocator::Blocks::new(dlmalloc::GlobalDlmalloc);

/// Says where, never what (a message could hold a secret), and traps. The host stops the instance for good.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        imports::log_panic(place.file(), place.line());
    }
    core::arch::wasm32::unreachable()
}
