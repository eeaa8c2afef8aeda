//! What wasmtime makes of the contract.

#![allow(missing_docs, reason = "the documentation stands in wit/tpm.wit")]
#![allow(unsafe_code, clippy::all, reason = "generated")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "tpm-component",
    imports: { default: trappable },
});
