//! A TPM2B (Part 2 §10.4) of a structure that was marshalled before, to be hashed for a Name or a ticket: it goes into the response as it was hashed. The
//! bytes are the engine's own.

use alloc::vec::Vec;

use crate::wire::{Marshal, Writer};

/// A TPM2B whose contents are in their wire form.
#[derive(Debug)]
pub struct Written(Vec<u8>);

impl Written {
    /// What the structure's `to_bytes` gave.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The structure's wire form, without the size.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Marshal for Written {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized_bytes(&self.0);
    }
}
