//! Linux as the guest: where the pages of a kernel lie that is started by its 64-bit entry, without any firmware.
//!
//! Inputs are files that the user names: the kernel as its distribution ships it (a bzImage, bit for bit), an initial file system, a
//! command line. All three become measured pages of the image, and so do the zero page and the structures that it points to. One
//! measurement therefore covers everything that runs, and there is no second list of hashes that somebody would have to compare; the price is
//! an image as large as kernel and initial file system together. The SVSM adds what only it knows: page tables, secrets, CPUID page,
//! and the memory map in the zero page.
//!
//! Every small page lies in one 2 MiB block, because the kernel looks into the secrets page while only such blocks are mapped that hold
//! something it knows of. The file lies contiguously, setup sectors included, so that its hash is the owner's; its protected-mode part starts
//! at the kernel's preferred address, and behind it is the room that the kernel unpacks itself into. Formats: Linux `Documentation/arch/x86/boot.rst`
//! and `zero-page.rst`, `struct cc_blob_sev_info` and `SETUP_CC_BLOB`.

use anyhow::{Context, Result, ensure};
use svsm_proto::launch_info::LaunchInfo;

use crate::acpi;
use crate::digest::PAGE_SIZE;
use crate::elf::{Pages, pages_of};

const PAGE: u64 = PAGE_SIZE as u64;
const LARGE_PAGE: u64 = 2 << 20;
const SECTOR: u64 = 512;
/// Lowest address at which the protected-mode part is put.
const LOWEST_KERNEL: u64 = 16 << 20;
/// Distance of the 64-bit entry from the protected-mode part's start.
const ENTRY_64: u64 = 0x200;
/// Oldest boot protocol with the fields used here (`init_size`, `xloadflags`).
const OLDEST_PROTOCOL: u16 = 0x20C;
const MAGIC: &[u8] = b"HdrS";

/// Offsets in the file and in the zero page, by the kernel documentation's names.
mod at {
    pub const ACPI_RSDP_ADDR: usize = 0x070;
    pub const SETUP_SECTS: usize = 0x1F1;
    pub const BOOT_FLAG: usize = 0x1FE;
    pub const JUMP: usize = 0x201;
    pub const HEADER: usize = 0x202;
    pub const VERSION: usize = 0x206;
    pub const TYPE_OF_LOADER: usize = 0x210;
    pub const LOADFLAGS: usize = 0x211;
    pub const CODE32_START: usize = 0x214;
    pub const RAMDISK_IMAGE: usize = 0x218;
    pub const RAMDISK_SIZE: usize = 0x21C;
    pub const CMD_LINE_PTR: usize = 0x228;
    pub const INITRD_ADDR_MAX: usize = 0x22C;
    pub const KERNEL_ALIGNMENT: usize = 0x230;
    pub const XLOADFLAGS: usize = 0x236;
    pub const CMDLINE_SIZE: usize = 0x238;
    pub const SETUP_DATA: usize = 0x250;
    pub const PREF_ADDRESS: usize = 0x258;
    pub const INIT_SIZE: usize = 0x260;
}

/// Loader type: none that is registered.
const LOADER_UNDEFINED: u8 = 0xFF;
const LOADED_HIGH: u8 = 1;
const XLF_KERNEL_64: u16 = 1;

/// The page behind the zero page: setup data first, then the structure that it points to, then ACPI tables.
const BLOB_OFFSET: usize = 0x100;
/// ACPI tables, of a machine with several processors.
const ACPI_OFFSET: usize = 0x200;
const SETUP_CC_BLOB: u32 = 7;
const CC_BLOB_MAGIC: &[u8] = b"AMDE";

/// What the setup header of a kernel says.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    /// Bytes in front of the protected-mode part.
    setup: u64,
    /// End of the header in the file.
    header_end: usize,
    /// Where the protected-mode part goes.
    load: u64,
    /// Memory that it needs from there on.
    init_size: u64,
    /// Last address that the initial file system may have.
    initrd_max: u64,
    /// Longest command line, without the zero byte at its end.
    command_line: u64,
}

impl Kernel {
    fn parse(file: &[u8]) -> Result<Self> {
        let byte = |offset: usize| file.get(offset).copied().context("the kernel is too short");
        let half = |offset| Ok::<_, anyhow::Error>(u16::from_le_bytes([byte(offset)?, byte(offset + 1)?]));
        let word = |offset| Ok::<_, anyhow::Error>(u32::from(half(offset)?) | u32::from(half(offset + 2)?) << 16);
        ensure!(
            half(at::BOOT_FLAG)? == 0xAA55 && file.get(at::HEADER..at::HEADER + 4) == Some(MAGIC),
            "the kernel is no bzImage"
        );
        ensure!(
            half(at::VERSION)? >= OLDEST_PROTOCOL && half(at::XLOADFLAGS)? & XLF_KERNEL_64 != 0,
            "the kernel has no 64-bit entry"
        );
        let sectors = match byte(at::SETUP_SECTS)? {
            0 => 4,
            count => count,
        };
        let alignment = u64::from(word(at::KERNEL_ALIGNMENT)?).max(LARGE_PAGE);
        ensure!(
            alignment.is_power_of_two() && alignment <= LOWEST_KERNEL,
            "the kernel wants to be aligned to {alignment:#x}"
        );
        let preferred = u64::from(word(at::PREF_ADDRESS)?) | u64::from(word(at::PREF_ADDRESS + 4)?) << 32;
        let load = preferred.max(LOWEST_KERNEL);
        ensure!(
            load.is_multiple_of(alignment) && load < 1 << 31,
            "the kernel prefers the address {preferred:#x}"
        );
        Ok(Self {
            setup: (u64::from(sectors) + 1) * SECTOR,
            header_end: at::HEADER + usize::from(byte(at::JUMP)?),
            load,
            init_size: u64::from(word(at::INIT_SIZE)?),
            initrd_max: u64::from(word(at::INITRD_ADDR_MAX)?),
            command_line: u64::from(word(at::CMDLINE_SIZE)?),
        })
    }
}

/// Places kernel and initial file system, and fills the zero page, for which `info` has an address with a free page behind it. The command
/// line must be placed already.
pub fn place(file: &[u8], initrd: &[u8], processors: u32, info: &mut LaunchInfo) -> Result<Pages> {
    let kernel = Kernel::parse(file)?;
    ensure!(
        info.command_line_len <= kernel.command_line,
        "this kernel takes a command line of {} bytes",
        kernel.command_line
    );
    info.kernel_gpa = kernel.load - kernel.setup;
    info.kernel_len = file.len() as u64;
    info.guest_rip = kernel.load + ENTRY_64;
    info.guest_boot_argument = info.zero_page_gpa;
    let mut pages = pages_from(file, info.kernel_gpa);
    let end = info.kernel_gpa + info.kernel_len.max(kernel.setup + kernel.init_size);
    if !initrd.is_empty() {
        info.initrd_gpa = end.next_multiple_of(LARGE_PAGE);
        info.initrd_len = initrd.len() as u64;
        let last = info.initrd_gpa + info.initrd_len - 1;
        ensure!(
            last <= kernel.initrd_max,
            "the initial file system would end at {last:#x}, beyond the kernel's limit"
        );
        pages.extend(pages_of(initrd, info.initrd_gpa));
    }
    let mut small = zero_page(file, &kernel, info)?;
    let mut data = boot_data(info)?;
    if processors > 1 {
        let gpa = info.zero_page_gpa + PAGE + ACPI_OFFSET as u64;
        let tables = acpi::tables(gpa, processors)?;
        small[at::ACPI_RSDP_ADDR..at::ACPI_RSDP_ADDR + 8].copy_from_slice(&gpa.to_le_bytes());
        data.get_mut(ACPI_OFFSET..ACPI_OFFSET + tables.len())
            .context("too many processors")?
            .copy_from_slice(&tables);
    }
    small.extend(data);
    pages.extend(pages_of(&small, info.zero_page_gpa));
    Ok(pages)
}

/// Pages with bytes that begin anywhere in the first of them.
fn pages_from(bytes: &[u8], gpa: u64) -> Pages {
    let mut padded = vec![0; (gpa % PAGE) as usize];
    padded.extend_from_slice(bytes);
    pages_of(&padded, gpa - gpa % PAGE)
}

fn below_4_gib(gpa: u64) -> Result<[u8; 4]> {
    Ok(u32::try_from(gpa).context("an address above 4 GiB")?.to_le_bytes())
}

/// The zero page: the file's own header, and what a loader has to fill in. The SVSM adds the memory map.
fn zero_page(file: &[u8], kernel: &Kernel, info: &LaunchInfo) -> Result<Vec<u8>> {
    let mut page = vec![0; PAGE_SIZE];
    let header = file
        .get(at::SETUP_SECTS..kernel.header_end)
        .context("the kernel's header")?;
    page[at::SETUP_SECTS..kernel.header_end].copy_from_slice(header);
    page[at::TYPE_OF_LOADER] = LOADER_UNDEFINED;
    page[at::LOADFLAGS] |= LOADED_HIGH;
    let mut put = |offset: usize, bytes: &[u8]| page[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(at::CODE32_START, &below_4_gib(kernel.load)?);
    put(at::RAMDISK_IMAGE, &below_4_gib(info.initrd_gpa)?);
    put(at::RAMDISK_SIZE, &below_4_gib(info.initrd_len)?);
    put(at::CMD_LINE_PTR, &below_4_gib(info.command_line_gpa)?);
    put(at::SETUP_DATA, &(info.zero_page_gpa + PAGE).to_le_bytes());
    Ok(page)
}

/// The page behind the zero page: `struct setup_data` of type SETUP_CC_BLOB, and the CC blob, which names secrets and CPUID page.
fn boot_data(info: &LaunchInfo) -> Result<Vec<u8>> {
    let gpa = info.zero_page_gpa + PAGE;
    let mut page = vec![0; PAGE_SIZE];
    let mut put = |offset: usize, bytes: &[u8]| page[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0x08, &SETUP_CC_BLOB.to_le_bytes());
    put(0x0C, &4u32.to_le_bytes());
    put(0x10, &below_4_gib(gpa + BLOB_OFFSET as u64)?);
    put(BLOB_OFFSET, CC_BLOB_MAGIC);
    put(BLOB_OFFSET + 0x08, &info.secrets_copy_gpa.to_le_bytes());
    put(BLOB_OFFSET + 0x10, &(PAGE_SIZE as u32).to_le_bytes());
    put(BLOB_OFFSET + 0x18, &info.cpuid_copy_gpa.to_le_bytes());
    put(BLOB_OFFSET + 0x20, &(PAGE_SIZE as u32).to_le_bytes());
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use svsm_proto::launch_info::LaunchInfo;

    /// A file with the header fields that `boot.rst` describes: five setup sectors, 64-bit entry, preferred address 16 MiB.
    fn bzimage(length: usize) -> Vec<u8> {
        let mut file = vec![0x90; length];
        let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0x1F1, &[4]);
        put(0x1FE, &[0x55, 0xAA, 0xEB, 0x66]);
        put(0x202, b"HdrS");
        put(0x206, &0x20Fu16.to_le_bytes());
        put(0x211, &[0]);
        put(0x22C, &0x7FFF_FFFFu32.to_le_bytes());
        put(0x230, &0x20_0000u32.to_le_bytes());
        put(0x236, &0x7Fu16.to_le_bytes());
        put(0x238, &2047u32.to_le_bytes());
        put(0x258, &0x100_0000u64.to_le_bytes());
        put(0x260, &0x12_3000u32.to_le_bytes());
        file
    }

    fn info() -> LaunchInfo {
        let mut info = LaunchInfo::empty();
        info.zero_page_gpa = 0x10_9000;
        info.command_line_gpa = 0x10_B000;
        info.command_line_len = 5;
        info.secrets_copy_gpa = 0x10_7000;
        info.cpuid_copy_gpa = 0x10_6000;
        info
    }

    fn word(page: &[u8], at: usize) -> u32 {
        u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]])
    }

    // boot.rst: the protected-mode part begins behind setup_sects + 1 sectors, its 64-bit entry 0x200 further on.
    #[test]
    fn kernel_lies_contiguously_with_its_protected_mode_part_aligned() {
        let (file, mut info) = (bzimage(20_000), info());
        let pages = place(&file, &[7; 5000], 1, &mut info).expect("a good kernel");
        assert_eq!(info.kernel_gpa, 0x100_0000 - 5 * 512);
        assert_eq!((info.kernel_len, info.guest_rip), (20_000, 0x100_0200));
        let mut found = Vec::new();
        for gpa in (0xFF_F000..0x100_5000).step_by(PAGE_SIZE) {
            found.extend_from_slice(pages[&gpa].as_deref().expect("not zeros"));
        }
        assert_eq!(found[0x1000 - 5 * 512..][..file.len()], file);
        // Behind the room that the kernel needs, at the next 2 MiB boundary.
        assert_eq!((info.initrd_gpa, info.initrd_len), (0x120_0000, 5000));
    }

    // zero-page.rst, boot.rst, asm/sev.h (struct cc_blob_sev_info).
    #[test]
    fn zero_page_has_header_addresses_and_blob() {
        let (file, mut info) = (bzimage(20_000), info());
        let pages = place(&file, &[7; 5000], 1, &mut info).expect("a good kernel");
        let page = pages[&0x10_9000].as_deref().expect("the zero page");
        assert_eq!(&page[0x202..0x206], b"HdrS");
        assert_eq!((page[0x210], page[0x211], page[0x1EF]), (0xFF, 1, 0));
        assert_eq!((word(page, 0x218), word(page, 0x21C)), (0x120_0000, 5000));
        assert_eq!((word(page, 0x228), word(page, 0x250)), (0x10_B000, 0x10_A000));
        assert!(page[..0x1F1].iter().all(|byte| *byte == 0));
        let data = pages[&0x10_A000].as_deref().expect("the setup data");
        assert_eq!(
            (word(data, 0), word(data, 4), word(data, 8), word(data, 12)),
            (0, 0, 7, 4)
        );
        let blob = (word(data, 16) - 0x10_A000) as usize;
        assert_eq!(&data[blob..blob + 4], b"AMDE");
        assert_eq!((word(data, blob + 0x08), word(data, blob + 0x10)), (0x10_7000, 0x1000));
        assert_eq!((word(data, blob + 0x18), word(data, blob + 0x20)), (0x10_6000, 0x1000));
    }

    #[test]
    fn several_processors_are_listed_in_tables_that_the_zero_page_names() {
        let (file, mut info) = (bzimage(20_000), info());
        let pages = place(&file, &[], 2, &mut info).expect("a good kernel");
        let page = pages[&0x10_9000].as_deref().expect("the zero page");
        assert_eq!((word(page, 0x70), word(page, 0x74)), (0x10_A200, 0));
        let data = pages[&0x10_A000].as_deref().expect("the tables");
        assert_eq!(&data[0x200..0x208], b"RSD PTR ");
        assert!(place(&file, &[], 5000, &mut self::info()).is_err());
    }

    #[test]
    fn files_that_are_no_64_bit_kernel_are_refused() {
        type Change = fn(&mut Vec<u8>);
        let changes: [Change; 6] = [
            |file| file.truncate(0x240),
            |file| file[0x202] = b'h',
            |file| file[0x236] = 0,
            |file| file[0x207] = 1,
            |file| file[0x231] = 0x10,
            |file| file[0x22F] = 0,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut file = bzimage(20_000);
            change(&mut file);
            assert!(place(&file, &[7; 5000], 1, &mut info()).is_err(), "change {index}");
        }
        let mut long = info();
        long.command_line_len = 2048;
        assert!(place(&bzimage(20_000), &[], 1, &mut long).is_err());
    }
}
