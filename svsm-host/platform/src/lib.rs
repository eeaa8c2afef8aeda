//! What the SVSM needs from the machine under it, as small safe traits, and the types that make them safe to call.
//!
//! Above this crate everything decides and nothing touches hardware (`svsm_service`); below it instructions are executed and nothing is decided
//! (`svsm_snp`), or a model in the same process plays the machine for tests (`fake_platform`). Guest, hypervisor and PSP are hostile
//! or untrusted; what the traits return from them is a plain value that the caller has to check.
//!
//! Addresses change type where they become trustworthy: a [`Gpa`] is only a claim; a [`GuestRange`], a [`GuestPage`] or a [`VmsaPage`] has been checked
//! by the [`MemoryMap`] and borrows it, so that no page can change its role while somebody still works with it, on any vCPU. The trait
//! methods accept nothing weaker.
//!
//! A value that implements the traits belongs to one vCPU: it holds that vCPU's GHCB and mapping windows, and methods take `&mut self`.
//! What vCPUs share (memory map, TPM, PSP channel) lives above, behind locks.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

extern crate alloc;

mod guest_range;
mod identifiers;
mod memory_map;
mod traits;

pub use guest_range::{Gpa, GuestPage, GuestRange, PageToken, RangeError, RolePage, SvsmPage, VmsaPage};
pub use identifiers::{ApicId, InvalidVmpl, Vmpl};
pub use memory_map::{MapError, MemoryMap, Role, RoleError};
pub use traits::{
    Clock, ClockSource, Entropy, Event, EventReply, GuestFault, GuestMemory, Hypervisor, NoEntropy, NotFlushed,
    PageControl, PageError, Platform, VmsaBusy, VmsaControl, VmsaRegister,
};

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
