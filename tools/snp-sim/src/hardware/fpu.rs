//! Floating-point and vector registers of a guest: held in the real registers while its context is resident, moved between them and
//! the save area's own form when another context runs (APM volume 2, table B-4; FXSAVE format: volume 1).
//!
//! This program is compiled without floating point, so the registers keep the guest's values across its own code.

use crate::machine::aligned::{Page, zeroed_page};
use alloc::boxed::Box;
use core::arch::asm;
use snp_model::model::{
    field,
    vmsa::{Vmsa, at},
};

const FX_FCW: usize = 0;
const FX_FSW: usize = 2;
const FX_FTW: usize = 4;
const FX_MXCSR: usize = 24;
const FX_REGISTERS: usize = 32;
const FX_XMM: usize = 160;
const MANTISSA: usize = 8;
/// MXCSR bits that exist.
const MXCSR_DEFINED: u32 = 0xFFFF;

/// An FXSAVE image.
pub struct FpuImage(Box<Page>);

impl FpuImage {
    /// An empty image.
    pub fn new() -> Self {
        Self(zeroed_page())
    }

    /// Stores the real registers into a save area.
    pub fn store(&mut self, area: &mut Vmsa) {
        let image = &mut self.0.0;
        // SAFETY: the image is a 4096-byte object at a page boundary; FXSAVE writes its first 512 bytes.
        unsafe { asm!("fxsave64 [{}]", in(reg) image.as_mut_ptr(), options(nostack)) };
        field::write(area, at::X87_FCW, &image[FX_FCW..FX_FCW + 2]);
        field::write(area, at::X87_FSW, &image[FX_FSW..FX_FSW + 2]);
        field::write(area, at::X87_FTW, &full_tags(image[FX_FTW]).to_le_bytes());
        field::write(area, at::MXCSR, &image[FX_MXCSR..FX_MXCSR + 4]);
        for register in 0..8 {
            let from = FX_REGISTERS + 16 * register;
            let (mantissa, exponent) = (at::X87_REGISTERS + 8 * register, at::X87_REGISTERS + 64 + 2 * register);
            field::write(area, mantissa, &image[from..from + MANTISSA]);
            field::write(area, exponent, &image[from + MANTISSA..from + MANTISSA + 2]);
        }
        field::write(area, at::XMM, &image[FX_XMM..FX_XMM + 256]);
    }

    /// Loads the real registers from a save area.
    pub fn load(&mut self, area: &Vmsa) {
        let image = &mut self.0.0;
        image[..512].fill(0);
        field::write(image, FX_FCW, &area[at::X87_FCW..at::X87_FCW + 2]);
        field::write(image, FX_FSW, &area[at::X87_FSW..at::X87_FSW + 2]);
        image[FX_FTW] = abridged_tags(field::read_u16(area, at::X87_FTW).unwrap_or_default());
        let mxcsr = field::read_u32(area, at::MXCSR).unwrap_or_default() & MXCSR_DEFINED;
        field::write(image, FX_MXCSR, &mxcsr.to_le_bytes());
        for register in 0..8 {
            let to = FX_REGISTERS + 16 * register;
            let (mantissa, exponent) = (at::X87_REGISTERS + 8 * register, at::X87_REGISTERS + 64 + 2 * register);
            field::write(image, to, &area[mantissa..mantissa + MANTISSA]);
            field::write(image, to + MANTISSA, &area[exponent..exponent + 2]);
        }
        field::write(image, FX_XMM, &area[at::XMM..at::XMM + 256]);
        // SAFETY: the image is complete and its MXCSR has no reserved bit set; this program does not use these registers itself.
        unsafe { asm!("fxrstor64 [{}]", in(reg) image.as_ptr(), options(nostack, readonly)) };
    }
}

/// Two bits for each register (11 = empty) from one bit (0 = empty).
fn full_tags(abridged: u8) -> u16 {
    (0..8)
        .filter(|register| abridged >> register & 1 == 0)
        .fold(0, |tags, register| tags | 3 << (2 * register))
}

/// The other way round.
fn abridged_tags(full: u16) -> u8 {
    (0..8)
        .filter(|register| full >> (2 * register) & 3 != 3)
        .fold(0, |tags, register| tags | 1 << register)
}
