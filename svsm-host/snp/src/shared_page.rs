//! A page as a row of atomic words: the only form in which memory that somebody else writes is ever referred to.
//!
//! Two kinds of pages need it: pages shared with the hypervisor, where every word may change at any moment, and VMSAs, which the processor
//! writes while the level runs. A load reads a word once; whoever needs it twice keeps the copy.

use core::sync::atomic::{AtomicU64, Ordering};
use svsm_proto::PAGE_SIZE;

/// Words in a page.
pub const WORDS: usize = PAGE_SIZE / 8;

/// A mapped page that others may write.
#[derive(Clone, Copy)]
pub struct AtomicPage {
    words: &'static [AtomicU64; WORDS],
}

impl AtomicPage {
    /// Takes the page at `address`.
    ///
    /// # Safety
    /// `address` is page-aligned and stays mapped, readable and writable, for ever, and no Rust object lies there.
    pub unsafe fn new(address: u64) -> Self {
        // SAFETY: the caller gives a mapped, aligned page that nothing else refers to except as atomic words.
        let words = unsafe { &*(address as *const [AtomicU64; WORDS]) };
        Self { words }
    }

    /// The address, which is also the guest physical address: the SVSM's region is identity-mapped.
    pub fn address(&self) -> u64 {
        self.words.as_ptr() as u64
    }

    /// The word at byte `offset` (a multiple of 8 within the page), read once.
    pub fn load(&self, offset: usize) -> u64 {
        self.word(offset).load(Ordering::Acquire)
    }

    /// Writes the word at byte `offset`.
    pub fn store(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::Release);
    }

    /// Replaces the word at byte `offset` by what `change` makes of it, without losing anybody's write in between.
    pub fn update(&self, offset: usize, change: impl Fn(u64) -> u64) {
        let word = self.word(offset);
        let mut old = word.load(Ordering::Acquire);
        while let Err(now) = word.compare_exchange_weak(old, change(old), Ordering::AcqRel, Ordering::Acquire) {
            old = now;
        }
    }

    /// Copies `bytes` to byte `offset`, a multiple of 8. A short last word is filled with zeros; what does not fit is left out.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        for (word, chunk) in self.words.iter().skip(offset / 8).zip(bytes.chunks(8)) {
            let mut value = [0; 8];
            for (to, from) in value.iter_mut().zip(chunk) {
                *to = *from;
            }
            word.store(u64::from_le_bytes(value), Ordering::Release);
        }
    }

    /// Copies from byte `offset`, a multiple of 8, into `bytes`, each word read once.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        for (word, chunk) in self.words.iter().skip(offset / 8).zip(bytes.chunks_mut(8)) {
            let value = word.load(Ordering::Acquire).to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(value) {
                *to = from;
            }
        }
    }

    /// Fills the page with zeros.
    pub fn clear(&self) {
        for word in self.words {
            word.store(0, Ordering::Release);
        }
    }

    fn word(&self, offset: usize) -> &'static AtomicU64 {
        // Offsets are constants of the layouts; one beyond the page is a bug and ends up in the first word rather than outside.
        debug_assert!(offset.is_multiple_of(8) && offset < PAGE_SIZE);
        &self.words[offset / 8 % WORDS]
    }
}
