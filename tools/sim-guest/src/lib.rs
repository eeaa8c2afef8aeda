//! A small bare-metal guest for VMPL2: what a guest of Cloister sees, without an operating system in the way.
//!
//! It behaves as an SNP guest must: its own GHCB, made shared through the SVSM and registered; its own calling area; a #VC handler that
//! decodes before it trusts. The measured command line chooses what it does: `story` (the default) talks to the TPM and answers its
//! owner, `calls` makes every SVSM call, good and bad, and prints a verdict for each, `attack:NAME` tries one thing that the hardware must
//! stop, `trap` shows that a TPM fault is contained. Against the SVSM's own patience: `wild:SEED:COUNT` makes calls of random nonsense, `games`
//! overlaps structures and calling areas, `races` makes calls for somebody else to interfere with, `crowd` has two vCPUs fight.
//!
//! This library part runs anywhere and holds what the other end needs too: the owner's line protocol ([`owner`]) and the TPM commands
//! ([`tpm`]). The program part is for `x86_64-unknown-none`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod owner;
pub mod tpm;
