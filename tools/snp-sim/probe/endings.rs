//! What ends the machine: one thing for each number.

use crate::checks::{EFER, FEATURES, PAGE, SAVE_AREA, create, grant_probe};
use crate::lower;
use crate::machine;

/// CPUID without a handler.
const NO_HANDLER: u64 = 1;
const SHARED_WRITE: u64 = 2;
const UNASSIGNED: u64 = 3;
const LOWER_READ: u64 = 4;
const LOWER_WRITE: u64 = 5;
const LOWER_EXECUTE: u64 = 6;
const NO_SVME: u64 = 7;
const NO_ATTRIBUTE: u64 = 8;
const ATTRIBUTE_CLEARED: u64 = 9;
const EXECUTE_USER_ONLY: u64 = 10;
const TERMINATE: u64 = 11;
const NOT_FORGOTTEN: u64 = 12;

/// A page of main memory that nobody made private.
const NEVER_ASSIGNED: u64 = 0x300_0000;

fn start_lower(efer: u64, attributes: u64) {
    machine::write_save_area(SAVE_AREA, 2, efer, FEATURES);
    assert_eq!(machine::rmpadjust(SAVE_AREA, 0, attributes), Ok(0));
    assert_eq!(create(SAVE_AREA, FEATURES), (0, 0));
    grant_probe();
}

/// Does one thing.
pub fn run(scenario: u64) {
    match scenario {
        NO_HANDLER => {
            machine::remove_handlers();
            core::arch::x86_64::__cpuid(0);
        }
        SHARED_WRITE => {
            machine::map(PAGE, false);
            machine::write(PAGE, 1);
        }
        UNASSIGNED => {
            machine::read(NEVER_ASSIGNED);
        }
        LOWER_READ => {
            start_lower(EFER, 0x1_0002);
            lower::ask(lower::READ, PAGE);
        }
        LOWER_WRITE => {
            start_lower(EFER, 0x1_0002);
            assert_eq!(machine::rmpadjust(PAGE, 0, 0x0102), Ok(0));
            assert_eq!(lower::ask(lower::READ, PAGE)[0], 0);
            lower::ask(lower::WRITE, PAGE);
        }
        LOWER_EXECUTE => {
            start_lower(EFER, 0x1_0002);
            assert_eq!(machine::rmpadjust(PAGE, 0, 0x0302), Ok(0));
            lower::ask(lower::CALL, PAGE);
        }
        NO_SVME => {
            start_lower(EFER & !0x1000, 0x1_0002);
            lower::ask(lower::STATUS, 0);
        }
        NO_ATTRIBUTE => {
            start_lower(EFER, 0x0002);
            lower::ask(lower::STATUS, 0);
        }
        ATTRIBUTE_CLEARED => {
            start_lower(EFER, 0x1_0002);
            assert_eq!(lower::ask(lower::STATUS, 0)[0], 0);
            assert_eq!(machine::rmpadjust(SAVE_AREA, 0, 0x0001), Ok(0));
            lower::ask(lower::STATUS, 0);
        }
        EXECUTE_USER_ONLY => {
            start_lower(EFER, 0x1_0002);
            assert_eq!(machine::rmpadjust(PAGE, 0, 0x0502), Ok(0));
            lower::ask(lower::READ, PAGE);
        }
        NOT_FORGOTTEN => {
            start_lower(EFER, 0x1_0002);
            assert_eq!(machine::rmpadjust(PAGE, 0, 0x0302), Ok(0));
            assert_eq!(lower::ask(lower::WRITE, PAGE)[0], 0);
            assert_eq!(machine::rmpadjust(PAGE, 0, 0x0102), Ok(0));
            lower::ask(lower::READ, PAGE);
        }
        TERMINATE => {
            machine::msr_request(0x0005_C100);
        }
        _ => {}
    }
}
