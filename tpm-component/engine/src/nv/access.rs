//! Who may read or write an NV index (Part 3 §31.1). The authorisation itself was given before; here is only whether this kind of
//! authorisation counts for this index, and whether the index is locked.

use super::NvIndex;
use crate::structures::{TpmHandle, TpmRc, TpmaNv};

/// Whether contents may be read with the authorisation of `authorized_by`.
pub fn check_read(index: &NvIndex, authorized_by: TpmHandle) -> Result<(), TpmRc> {
    if index.has(TpmaNv::READLOCKED) {
        return Err(TpmRc::NV_LOCKED);
    }
    check_authorization(index, authorized_by, TpmaNv::OWNERREAD, TpmaNv::PPREAD)?;
    if index.is_written() {
        Ok(())
    } else {
        Err(TpmRc::NV_UNINITIALIZED)
    }
}

/// Whether contents may be written with the authorisation of `authorized_by`.
pub fn check_write(index: &NvIndex, authorized_by: TpmHandle) -> Result<(), TpmRc> {
    if index.has(TpmaNv::WRITELOCKED) {
        return Err(TpmRc::NV_LOCKED);
    }
    check_authorization(index, authorized_by, TpmaNv::OWNERWRITE, TpmaNv::PPWRITE)
}

fn check_authorization(index: &NvIndex, by: TpmHandle, owner: TpmaNv, platform: TpmaNv) -> Result<(), TpmRc> {
    let counts = match by {
        TpmHandle::OWNER => index.has(owner),
        TpmHandle::PLATFORM => index.has(platform),
        other => other == index.handle(),
    };
    if counts { Ok(()) } else { Err(TpmRc::NV_AUTHORIZATION) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nv::definition::tests::index;

    #[test]
    fn checks_come_in_the_order_of_the_reference() {
        // Part 3 §31.1; swtpm 0.7.1 checks in the same order.
        let handle = TpmHandle(0x0180_0001);
        let mut index = index(TpmaNv::OWNERREAD | TpmaNv::AUTHWRITE);
        assert_eq!(check_read(&index, TpmHandle::OWNER), Err(TpmRc::NV_UNINITIALIZED));
        assert_eq!(check_read(&index, TpmHandle::PLATFORM), Err(TpmRc::NV_AUTHORIZATION));
        assert_eq!(check_read(&index, TpmHandle(0x0180_0002)), Err(TpmRc::NV_AUTHORIZATION));
        assert_eq!(check_write(&index, TpmHandle::OWNER), Err(TpmRc::NV_AUTHORIZATION));
        assert_eq!(check_write(&index, handle), Ok(()));
        index.set(TpmaNv::WRITTEN, true);
        assert_eq!(check_read(&index, TpmHandle::OWNER), Ok(()));
        index.set(TpmaNv::READLOCKED | TpmaNv::WRITELOCKED, true);
        assert_eq!(check_read(&index, TpmHandle::PLATFORM), Err(TpmRc::NV_LOCKED));
        assert_eq!(check_write(&index, TpmHandle::PLATFORM), Err(TpmRc::NV_LOCKED));
    }
}
