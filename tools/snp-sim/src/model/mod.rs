//! The state of the platform's hardware and security processor, as data: no instruction, no guest memory.

pub mod address;
pub mod cpuid_page;
pub mod field;
pub mod guest_message;
pub mod instruction;
pub mod launch;
pub mod page_walk;
pub mod psp;
pub mod report;
pub mod rmp;
pub mod secrets_page;
pub mod stale;
pub mod vmsa;
