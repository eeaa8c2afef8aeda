//! The services' heap at their own bounds, counted by the allocator: `heap_bound` is no guess.

use peak_alloc::PeakAlloc;
use svsm_accel::NativeArithmetic;
use svsm_platform::{Gpa, MemoryMap, Role};
use svsm_proto::{
    launch_info::{PageRange, REGION_GPA, REGION_SIZE},
    rmp::PageSize,
};
use svsm_service::{heap_bound::heap_bound, host::Store};
use tpm_contract::{Arithmetic, Change, CipherMode, CommitError, Curve, Direction, bounds};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The most that `work` had in use at once beyond what was in use before.
fn peak_of(work: impl FnOnce()) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    HEAP.peak_usage() - before
}

/// Commits records of `len` bytes, as many as there is room for, then exchanges all that one commit can carry.
fn fill(store: &mut Store, len: usize) {
    let at_once = (bounds::MAX_COMMIT / len.max(1)).min(bounds::MAX_CHANGES) as u32;
    let set = |key| Change {
        key,
        value: Some(vec![0xA5; len]),
    };
    let mut key = 0;
    while store.commit(&[set(key)]) == Ok(()) {
        key += 1;
    }
    assert_eq!(store.commit(&[set(key)]), Err(CommitError::Full));
    // The changes themselves belong to whoever commits.
    let changes: Vec<_> = (0..at_once.min(key)).map(set).collect();
    let peak = peak_of(|| assert_eq!(store.commit(&changes), Ok(())));
    assert!(peak <= bounds::MAX_COMMIT + (64 << 10), "{peak}");
}

// One test: the allocator's count is of the whole process.
#[test]
fn store_and_memory_map_stay_below_their_bounds() {
    for len in [0, 1, 100, 4096, bounds::MAX_RECORD] {
        let mut store = Store::default();
        let peak = peak_of(|| fill(&mut store, len));
        // `fill` has its own copy of one commit's values in hand.
        let allowed = Store::HEAP_BOUND + bounds::MAX_COMMIT + bounds::MAX_CHANGES * size_of::<Change>();
        println!("records of {len} bytes: {} KiB", peak >> 10);
        assert!(peak <= allowed, "records of {len} bytes: {peak} of {allowed}");
    }
    let region = PageRange {
        gpa: REGION_GPA,
        pages: REGION_SIZE / 4096,
    };
    let memory = PageRange {
        gpa: 0,
        pages: (16 << 20) / 4096,
    };
    let peak = peak_of(|| {
        let mut map = MemoryMap::new(region, [memory]).expect("map");
        let mut page = 0;
        while map.reserve_roles(1).is_ok() {
            let target = map.guest_page(Gpa(page * 4096), PageSize::Small).expect("the guest's");
            target.assign(Role::Deposited).expect("reserved");
            page += 1;
        }
        println!("{page} roles");
    });
    println!("memory map: {} KiB of {}", peak >> 10, MemoryMap::HEAP_BOUND >> 10);
    assert!(peak <= MemoryMap::HEAP_BOUND);
    assert!(Store::HEAP_BOUND + MemoryMap::HEAP_BOUND < heap_bound(1));
    let peak = peak_of(|| {
        for (curve, size) in [(Curve::P256, 32), (Curve::P384, 48), (Curve::P521, 66)] {
            let mut scalar = vec![0; size];
            scalar[size - 1] = 7;
            let point = NativeArithmetic.ec_multiply(curve, &scalar, None).expect("good");
            NativeArithmetic
                .ec_multiply_add(curve, &scalar, &scalar, &point)
                .expect("good");
        }
        let (modulus, base) = ([0xFF; bounds::MAX_MODULUS], [7; bounds::MAX_MODULUS]);
        NativeArithmetic.mod_exp(&base, &modulus, &modulus).expect("good");
        for direction in [Direction::Encrypt, Direction::Decrypt] {
            for mode in [
                CipherMode::Ecb,
                CipherMode::Cbc,
                CipherMode::Cfb,
                CipherMode::Ctr,
                CipherMode::Ofb,
            ] {
                let iv: &[u8] = if mode == CipherMode::Ecb { &[] } else { &[7; 16] };
                let many = NativeArithmetic.aes(mode, direction, &[7; 16], iv, &[7; bounds::MAX_BULK]);
                assert_eq!(many.map(|bytes| bytes.len()), Ok(bounds::MAX_BULK));
            }
        }
    });
    println!("arithmetic: {} KiB of {}", peak >> 10, svsm_accel::HEAP_BOUND >> 10);
    assert!(peak <= svsm_accel::HEAP_BOUND);
}
