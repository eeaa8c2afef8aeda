//! Memory of a guest that expects to find all of it ready: Linux started without firmware accepts nothing itself.
//!
//! The hypervisor's memory map says what there is, and may say anything; the memory map of `svsm_platform` has taken out what it must not
//! contain. Everything in it that was not launched is asked for as private, validated, zeroed, and granted, in this order (APM volume 2
//! §15.36.6). PVALIDATE must change every page: "already validated" means that a page appears twice, and ends the VM. A hypervisor that names
//! memory which is not there, or takes it away, ends the VM too; it cannot make the guest believe anything wrong.
//!
//! Then the guest is told by the E820 table. No RAM in it are the pages that must stay what they are (secrets, CPUID page, CC blob and ACPI
//! tables, calling area, the SVSM's region) and the addresses from 640 KiB to 1 MiB: the first half of those belongs to video memory on PC-like hosts and
//! stays untouched, the second half the kernel scans for tables before it looks at any map, so it is made private and left empty.

use crate::{hypervisor::make_private, protocol::grant};
use alloc::vec::Vec;
use svsm_platform::{Gpa, MemoryMap, PageError, Platform, Vmpl};
use svsm_proto::{
    PAGE_SIZE,
    ghcb_msr::Termination,
    launch_info::{LaunchInfo, PageRange, REGION_GPA, ZERO_PAGE_PAGES},
    psc::{self, PageState, PscEntry},
    rmp::{PageSize, Pvalidate, RmpError},
    zero_page::{E820_ACPI, E820_MAX_ENTRIES, E820_RAM, E820_RESERVED, E820Entry},
};

/// Video memory of a PC: never asked for.
const VIDEO: Span = Span {
    start: 0xA_0000,
    end: 0xC_0000,
};
/// What the guest must not use of the first megabyte.
const LEGACY: Span = Span {
    start: 0xA_0000,
    end: 0x10_0000,
};

/// A stretch of addresses, of whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    const fn of(range: &PageRange) -> Self {
        Span {
            start: range.gpa,
            end: range.gpa + range.pages * PAGE_SIZE as u64,
        }
    }

    const fn page(gpa: u64, pages: u64) -> Self {
        Span {
            start: gpa,
            end: gpa + pages * PAGE_SIZE as u64,
        }
    }
}

/// What is left of `whole` without `holes`, which are sorted, in ascending order.
fn without(whole: Span, holes: &[Span]) -> impl Iterator<Item = Span> + '_ {
    let mut next = whole.start;
    let end = Span {
        start: whole.end,
        end: whole.end,
    };
    holes
        .iter()
        .copied()
        .filter(move |hole| hole.start < whole.end && hole.end > whole.start)
        .chain(core::iter::once(end))
        .filter_map(move |hole| {
            let piece = Span {
                start: next,
                end: hole.start.min(whole.end),
            };
            next = next.max(hole.end);
            (piece.start < piece.end).then_some(piece)
        })
}

fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable_by_key(|span| span.start);
    spans
}

/// The pages of a stretch, as large as they can be.
fn pages(span: Span) -> impl Iterator<Item = (u64, PageSize)> {
    let mut next = span.start;
    core::iter::from_fn(move || {
        let large = PageSize::Large.bytes() as u64;
        let size = match next {
            at if at >= span.end => return None,
            at if at.is_multiple_of(large) && span.end - at >= large => PageSize::Large,
            _ => PageSize::Small,
        };
        let page = (next, size);
        next += size.bytes() as u64;
        Some(page)
    })
}

/// Makes everything that was not launched the guest's. Returns the number of 4 KiB pages.
pub(crate) fn accept<P: Platform>(
    map: &mut MemoryMap,
    platform: &mut P,
    guest_vmpl: Vmpl,
    launch: &LaunchInfo,
) -> Result<u64, Termination> {
    let mut holes = Vec::new();
    let launched = launch.guest_ranges();
    holes
        .try_reserve_exact(launched.len() + 1)
        .map_err(|_| Termination::OutOfMemory)?;
    holes.extend(launched.iter().map(Span::of).chain(core::iter::once(VIDEO)));
    let holes = sorted(holes);
    let mut stretches = Vec::new();
    for range in map.guest_memory() {
        stretches.try_reserve(1).map_err(|_| Termination::OutOfMemory)?;
        stretches.push(Span::of(&range));
    }
    let mut accepted = 0;
    let mut wanted = stretches
        .iter()
        .flat_map(|stretch| without(*stretch, &holes))
        .flat_map(pages);
    let mut batch = Vec::new();
    batch
        .try_reserve_exact(psc::MAX_ENTRIES)
        .map_err(|_| Termination::OutOfMemory)?;
    loop {
        batch.clear();
        batch.extend(wanted.by_ref().take(psc::MAX_ENTRIES));
        if batch.is_empty() {
            return Ok(accepted);
        }
        make_private(
            platform,
            batch.iter().map(|&(gpa, size)| PscEntry {
                cur_page: 0,
                gpa,
                state: PageState::Private,
                large: size == PageSize::Large,
            }),
        )?;
        for &(gpa, size) in &batch {
            take(map, platform, guest_vmpl, gpa, size)?;
            accepted += (size.bytes() / PAGE_SIZE) as u64;
        }
    }
}

/// Validates, zeroes and grants a page; a large one that the hypervisor made of small ones goes page by page.
fn take<P: Platform>(
    map: &mut MemoryMap,
    platform: &mut P,
    guest_vmpl: Vmpl,
    gpa: u64,
    size: PageSize,
) -> Result<(), Termination> {
    let page = map.guest_page(Gpa(gpa), size).map_err(|_| Termination::MemoryMap)?;
    match platform.pvalidate(page.token(), true) {
        Ok(Pvalidate::Changed) => {}
        Err(PageError::Instruction(RmpError::FailSizeMismatch)) if size == PageSize::Large => {
            return (0..(size.bytes() / PAGE_SIZE) as u64).try_for_each(|index| {
                let small = gpa + index * PAGE_SIZE as u64;
                take(map, platform, guest_vmpl, small, PageSize::Small)
            });
        }
        Ok(Pvalidate::Unchanged) | Err(_) => return Err(Termination::Pvalidate),
    }
    platform.zero(page.range()).map_err(|_| Termination::Pvalidate)?;
    grant(platform, page.token(), guest_vmpl).map_err(|_| Termination::Rmpadjust)
}

/// The E820 table: what is the guest's to use, and what it must leave alone.
pub(crate) fn e820(map: &MemoryMap, launch: &LaunchInfo) -> Result<Vec<E820Entry>, Termination> {
    let page = PAGE_SIZE as u64;
    let region = Span {
        start: REGION_GPA,
        end: REGION_GPA + launch.region_size(),
    };
    let not_ram = [
        (LEGACY, E820_RESERVED),
        (Span::page(launch.cpuid_copy_gpa, 1), E820_RESERVED),
        (Span::page(launch.secrets_copy_gpa, 1), E820_RESERVED),
        (Span::page(launch.caa_gpa, 1), E820_RESERVED),
        // Linux reads ACPI tables in reserved memory as if they were shared with the hypervisor.
        (Span::page(launch.zero_page_gpa + page, ZERO_PAGE_PAGES - 1), E820_ACPI),
        (region, E820_RESERVED),
    ];
    let mut holes = Vec::new();
    holes
        .try_reserve_exact(not_ram.len())
        .map_err(|_| Termination::OutOfMemory)?;
    holes.extend(not_ram.iter().map(|(span, _)| *span));
    let holes = sorted(holes);
    let mut table = Vec::new();
    table
        .try_reserve_exact(E820_MAX_ENTRIES)
        .map_err(|_| Termination::OutOfMemory)?;
    let entry = |(span, kind): (Span, u32)| E820Entry {
        start: span.start,
        bytes: span.end - span.start,
        kind,
    };
    let memory = map
        .guest_memory()
        .flat_map(|range| without(Span::of(&range), &holes).collect::<Vec<_>>())
        .map(|span| (span, E820_RAM));
    for line in memory.chain(not_ram).map(entry) {
        if table.len() == E820_MAX_ENTRIES {
            return Err(Termination::MemoryMap);
        }
        table.push(line);
    }
    table.sort_unstable_by_key(|line| line.start);
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, end: u64) -> Span {
        Span { start, end }
    }

    #[test]
    fn holes_are_cut_out_wherever_they_lie() {
        let cases: [(&[Span], &[Span]); 6] = [
            (&[], &[span(10, 20)]),
            (&[span(0, 10), span(20, 30)], &[span(10, 20)]),
            (&[span(5, 12), span(15, 16)], &[span(12, 15), span(16, 20)]),
            (&[span(12, 14), span(13, 18)], &[span(10, 12), span(18, 20)]),
            (&[span(18, 25)], &[span(10, 18)]),
            (&[span(5, 25)], &[]),
        ];
        for (holes, left) in cases {
            assert_eq!(without(span(10, 20), holes).collect::<Vec<_>>(), left, "{holes:?}");
        }
    }

    #[test]
    fn pages_are_large_where_alignment_and_length_allow() {
        let found: Vec<_> = pages(span(0x1F_F000, 0x60_1000)).collect();
        let expected = [
            (0x1F_F000, PageSize::Small),
            (0x20_0000, PageSize::Large),
            (0x40_0000, PageSize::Large),
            (0x60_0000, PageSize::Small),
        ];
        assert_eq!(found, expected);
    }
}
