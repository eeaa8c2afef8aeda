//! Part 3 §31, "Non-volatile Storage".

mod nv_change_auth;
mod nv_define_space;
mod nv_extend;
mod nv_global_write_lock;
mod nv_increment;
mod nv_read;
mod nv_read_lock;
mod nv_read_public;
mod nv_set_bits;
mod nv_undefine_space;
mod nv_undefine_space_special;
mod nv_write;
mod nv_write_lock;

pub use nv_change_auth::NvChangeAuth;
pub use nv_define_space::NvDefineSpace;
pub use nv_extend::NvExtend;
pub use nv_global_write_lock::NvGlobalWriteLock;
pub use nv_increment::NvIncrement;
pub use nv_read::NvRead;
pub use nv_read_lock::NvReadLock;
pub use nv_read_public::NvReadPublic;
pub use nv_set_bits::NvSetBits;
pub use nv_undefine_space::NvUndefineSpace;
pub use nv_undefine_space_special::NvUndefineSpaceSpecial;
pub use nv_write::NvWrite;
pub use nv_write_lock::NvWriteLock;

use crate::{
    nv::NvIndex,
    structures::{TpmHandle, TpmRc},
    tpm::Tpm,
};

/// The index that the handle at `position` (counted from 1) names. Dispatch has found it already; not finding it again is that error.
fn index(tpm: &Tpm, handle: TpmHandle, position: usize) -> Result<&NvIndex, TpmRc> {
    tpm.persistent.nv.get(handle).ok_or(TpmRc::HANDLE.with_handle(position))
}
