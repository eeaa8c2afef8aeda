//! What runs at VMPL2: one request after the other, each a number and an operand in a mailbox that VMPL0 fills before it runs this level.

use crate::attempt;
use crate::machine::{self, Caught};
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// The mailbox: request, operand, three words of answer. In the probe's own memory, which both levels may use.
struct Mailbox {
    request: AtomicU64,
    operand: AtomicU64,
    answer: [AtomicU64; 3],
}

static MAILBOX: Mailbox = Mailbox {
    request: AtomicU64::new(0),
    operand: AtomicU64::new(0),
    answer: [const { AtomicU64::new(0) }; 3],
};

/// Read a word.
pub const READ: u64 = 1;
/// Write a word.
pub const WRITE: u64 = 2;
/// Call an address.
pub const CALL: u64 = 3;
/// PVALIDATE.
pub const PVALIDATE: u64 = 4;
/// RMPADJUST with target VMPL2.
pub const ADJUST_OWN: u64 = 5;
/// RMPADJUST with target VMPL3, all rights.
pub const ADJUST_BELOW: u64 = 6;
/// RMPQUERY of VMPL0.
pub const QUERY_ABOVE: u64 = 7;
/// RMPQUERY of VMPL2.
pub const QUERY_OWN: u64 = 8;
/// RDMSR of SEV_STATUS.
pub const STATUS: u64 = 9;

const RUN_VMPL: u64 = 0x16;

/// Called by the entry code at VMPL2.
#[unsafe(no_mangle)]
extern "C" fn lower_main() {
    machine::install_handlers();
    loop {
        let answer = serve(MAILBOX.request.load(SeqCst), MAILBOX.operand.load(SeqCst));
        for (word, value) in MAILBOX.answer.iter().zip(answer) {
            word.store(value, SeqCst);
        }
        machine::msr_request(RUN_VMPL);
    }
}

fn serve(request: u64, operand: u64) -> [u64; 3] {
    let flat = |result: Result<u64, Caught>| match result {
        Ok(value) => [0, value, 0],
        Err(Caught { vector, code, .. }) => [1, vector, code],
    };
    match request {
        READ => [0, machine::read(operand), 0],
        WRITE => {
            machine::write(operand, 1);
            [0; 3]
        }
        CALL => {
            let result = attempt!("call r14", operand);
            [u64::from(result.is_some()), 0, 0]
        }
        PVALIDATE => flat(machine::pvalidate(operand, 0, 1).map(|(code, _)| code)),
        ADJUST_OWN => flat(machine::rmpadjust(operand, 0, 0x0102)),
        ADJUST_BELOW => flat(machine::rmpadjust(operand, 0, 0x0F03)),
        QUERY_ABOVE => flat(machine::rmpquery(operand, 0).map(|(code, _)| code)),
        QUERY_OWN => match machine::rmpquery(operand, 2) {
            Ok((code, attributes)) => [0, code, attributes],
            Err(caught) => [1, caught.vector, caught.code],
        },
        STATUS => [0, machine::read_msr(0xC001_0131), 0],
        _ => [2; 3],
    }
}

/// At VMPL0: has VMPL2 serve one request.
pub fn ask(request: u64, operand: u64) -> [u64; 3] {
    MAILBOX.request.store(request, SeqCst);
    MAILBOX.operand.store(operand, SeqCst);
    machine::msr_request(2 << 32 | RUN_VMPL);
    core::array::from_fn(|index| MAILBOX.answer[index].load(SeqCst))
}
