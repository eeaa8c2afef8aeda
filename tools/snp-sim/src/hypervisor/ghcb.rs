//! The GHCB page protocol (GHCB specification 56421, chapter 4): the page is copied once, checked, served, and its results written back.
//!
//! The page is shared memory that the guest wrote; every field may hold anything.

use super::{
    Hypervisor,
    devices::{self, Devices},
    guest_ram::StateError,
    page_state,
};
use crate::{
    hv,
    machine::{cpu, port::Width, profile},
    trace,
};
use snp_model::{
    model::{
        address::{Gpa, PAGE_SIZE, PageSize},
        field,
    },
    options::Act,
};

/// Field offsets, by the specification's names.
pub mod at {
    pub const RAX: usize = 0x1F8;
    pub const RCX: usize = 0x308;
    pub const RDX: usize = 0x310;
    pub const RBX: usize = 0x318;
    pub const SW_EXITCODE: usize = 0x390;
    pub const SW_EXITINFO1: usize = 0x398;
    pub const SW_EXITINFO2: usize = 0x3A0;
    pub const SW_SCRATCH: usize = 0x3A8;
    pub const VALID_BITMAP: usize = 0x3F0;
    pub const SHARED_BUFFER: usize = 0x800;
    pub const PROTOCOL: usize = 0xFFA;
    pub const USAGE: usize = 0xFFC;
}
/// Event: read of a device's memory.
const MMIO_READ: u64 = 0x8000_0001;
/// Event: write of a device's memory.
const MMIO_WRITE: u64 = 0x8000_0002;
/// Event: port access.
const IOIO: u64 = 0x7B;
const BUFFER_END: u64 = 0xFF0;

/// Answers in SW_EXITINFO1.
const ANSWER_EXCEPTION: u64 = 1;
const ANSWER_MALFORMED: u64 = 2;
/// EVENTINJ form of #GP(0).
const GENERAL_PROTECTION: u64 = 1 << 31 | 1 << 11 | 3 << 8 | 13;

/// What is wrong with a request: SW_EXITINFO2 of a malformed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The page is not the registered one.
    NotRegistered = 1,
    /// The page's usage is unknown.
    Usage = 2,
    /// The scratch area is not in the page's buffer.
    Scratch = 3,
    /// A required field is not marked valid.
    MissingInput = 4,
    /// A field is illegal.
    InvalidInput = 5,
    /// The event is unknown.
    InvalidEvent = 6,
}

/// One request, copied.
pub struct Request {
    gpa: Gpa,
    page: [u8; PAGE_SIZE as usize],
    valid: u128,
}

impl Request {
    fn field(&self, offset: usize) -> u64 {
        field::read_u64(&self.page, offset).unwrap_or_default()
    }

    /// A field that must be marked valid.
    pub fn required(&self, offset: usize) -> Result<u64, Malformed> {
        if self.valid >> (offset / 8) & 1 == 0 {
            return Err(Malformed::MissingInput);
        }
        Ok(self.field(offset))
    }

    /// Sets a result and marks it valid.
    pub fn answer(&mut self, offset: usize, value: u64) {
        field::write(&mut self.page, offset, &value.to_le_bytes());
        self.valid |= 1 << (offset / 8);
    }

    /// SW_EXITINFO1.
    pub fn info1(&self) -> u64 {
        self.field(at::SW_EXITINFO1)
    }

    /// SW_EXITINFO2.
    pub fn info2(&self) -> u64 {
        self.field(at::SW_EXITINFO2)
    }

    /// The scratch area of a length: its offset in the page.
    pub fn scratch(&self, length: u64) -> Result<usize, Malformed> {
        let start = self.required(at::SW_SCRATCH)?;
        let offset = start.checked_sub(self.gpa.0).ok_or(Malformed::Scratch)?;
        let end = offset.checked_add(length).ok_or(Malformed::Scratch)?;
        let inside = offset >= at::SHARED_BUFFER as u64 && end <= BUFFER_END;
        if inside {
            Ok(offset as usize)
        } else {
            Err(Malformed::Scratch)
        }
    }

    /// Bytes of the page.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.page
    }
}

impl Hypervisor<'_> {
    /// Serves the request in the GHCB page that the register of this VMPL names.
    pub fn ghcb_request(&mut self, processor: usize, vmpl: u8, gpa: Gpa) {
        let Some(system_page) = self.ram.shared_page(gpa) else {
            self.stop(format_args!(
                "VMPL{vmpl} uses a GHCB at {gpa:?}, which is not shared memory"
            ));
        };
        let mut request = Request {
            gpa,
            page: [0; PAGE_SIZE as usize],
            valid: 0,
        };
        self.hardware.host_read(system_page, &mut request.page);
        request.valid = field::read(&request.page, at::VALID_BITMAP).map_or(0, u128::from_le_bytes);
        let registered = self.processors[processor].registered[usize::from(vmpl)] == Some(gpa);
        let outcome = if registered {
            self.check_and_serve(processor, vmpl, &mut request)
        } else {
            Err(Malformed::NotRegistered)
        };
        match outcome {
            Ok(()) => {}
            Err(malformed) => {
                hv!("VMPL{vmpl}: malformed GHCB request: {malformed:?}");
                request.answer(at::SW_EXITINFO1, ANSWER_MALFORMED);
                request.answer(at::SW_EXITINFO2, malformed as u64);
            }
        }
        let bitmap = request.valid.to_le_bytes();
        field::write(&mut request.page, at::VALID_BITMAP, &bitmap);
        // A request may have changed the page's own state; then there is nowhere to write to.
        if self.ram.shared_page(gpa) == Some(system_page) && !self.hardware.host_write(system_page, &request.page) {
            self.stop(format_args!("the GHCB at {gpa:?} became private while it was used"));
        }
    }

    fn check_and_serve(&mut self, processor: usize, vmpl: u8, request: &mut Request) -> Result<(), Malformed> {
        let code = request.required(at::SW_EXITCODE)?;
        let (info1, info2) = (request.required(at::SW_EXITINFO1)?, request.required(at::SW_EXITINFO2)?);
        if field::read_u32(&request.page, at::USAGE) != Some(0) {
            return Err(Malformed::Usage);
        }
        if !matches!(field::read_u16(&request.page, at::PROTOCOL), Some(1 | 2)) {
            return Err(Malformed::InvalidInput);
        }
        // Characters of the log and the guest owner's channel are no events of their own.
        if code != IOIO || !devices::is_serial((info1 >> 16) as u16) {
            trace!(self.hardware, "GHCB VMPL{vmpl} {code:#x} {info1:#x} {info2:#x}");
        }
        profile::ghcb(vmpl, code);
        let inputs = request.valid;
        request.valid = 0;
        let served = self.serve(processor, vmpl, code, request, inputs);
        let clear = |request: &mut Request, offset: usize| {
            if request.valid >> (offset / 8) & 1 == 0 {
                request.answer(offset, 0);
            }
        };
        clear(request, at::SW_EXITINFO1);
        clear(request, at::SW_EXITINFO2);
        served
    }

    fn serve(
        &mut self,
        processor: usize,
        vmpl: u8,
        code: u64,
        request: &mut Request,
        inputs: u128,
    ) -> Result<(), Malformed> {
        // Results are collected in an empty bitmap; inputs are looked up in the guest's.
        let mut input = InputView { request, inputs };
        match code {
            0x27 => input.answer(at::RAX, 0x400),
            0x37 | 0x76 | 0x89 | 0x8A | 0x8B | 0x8000_0003 => {}
            0x72 => self.cpuid(processor, &mut input)?,
            IOIO if self.refuses_port(vmpl, (input.request.info1() >> 16) as u16) => {
                return Err(Malformed::InvalidInput);
            }
            IOIO if self.is_deaf(vmpl, input.request.info1()) => input.answer(at::RAX, 0),
            IOIO => port_access(&mut self.devices, vmpl, &mut input)?,
            0x7C => self.model_specific_register(processor, &mut input)?,
            0x81 => input.answer(at::RAX, (-1000i64) as u64),
            MMIO_READ | MMIO_WRITE => self.device_memory(&mut input, code == MMIO_READ)?,
            0x8000_0010 => self.page_state_change(&mut input)?,
            0x8000_0011 => self.guest_request(processor, &mut input, false)?,
            0x8000_0012 => self.guest_request(processor, &mut input, true)?,
            0x8000_0013 => self.create_processor(processor, &mut input)?,
            0x8000_0017 => return Err(Malformed::InvalidEvent),
            0x8000_0018 => {
                let target = input.request.info1();
                if !self.run_vmpl(processor, vmpl, target) {
                    return Err(Malformed::InvalidInput);
                }
            }
            0x8000_FFFD => {
                let features = self.features();
                input.answer(at::SW_EXITINFO2, features);
            }
            0x8000_FFFE => {
                let (set, reason) = (input.request.info1() & 0xF, input.request.info1() >> 4 & 0xFF);
                self.stop(format_args!(
                    "VMPL{vmpl} requested termination: set {set:#x} code {reason:#x}"
                ));
            }
            0x8000_FFFF => {
                let event = input.request.info1();
                self.stop(format_args!(
                    "VMPL{vmpl} met an event that it does not support: {event:#x}"
                ));
            }
            _ => return Err(Malformed::InvalidEvent),
        }
        Ok(())
    }

    fn cpuid(&mut self, processor: usize, input: &mut InputView) -> Result<(), Malformed> {
        let (leaf, subleaf) = (input.required(at::RAX)? as u32, input.required(at::RCX)? as u32);
        let apic_id = self.processors[processor].apic.id();
        let registers = self.processor.leaf_of(apic_id, leaf, subleaf, &cpu::cpuid);
        for (offset, value) in [at::RAX, at::RBX, at::RCX, at::RDX].into_iter().zip(registers) {
            input.answer(offset, u64::from(value));
        }
        Ok(())
    }

    fn model_specific_register(&mut self, processor: usize, input: &mut InputView) -> Result<(), Malformed> {
        let index = input.required(at::RCX)? as u32;
        let write = match input.request.info1() {
            0 => None,
            1 => Some(input.required(at::RAX)? & 0xFFFF_FFFF | input.required(at::RDX)? << 32),
            _ => return Err(Malformed::InvalidInput),
        };
        match self.access_register(processor, index, write) {
            Some(value) => {
                input.answer(at::RAX, value & 0xFFFF_FFFF);
                input.answer(at::RDX, value >> 32);
            }
            None => {
                input.answer(at::SW_EXITINFO1, ANSWER_EXCEPTION);
                input.answer(at::SW_EXITINFO2, GENERAL_PROTECTION);
            }
        }
        Ok(())
    }

    /// Where there is no memory, reads give ones and writes are lost: no device of this machine has any.
    fn device_memory(&mut self, input: &mut InputView, read: bool) -> Result<(), Malformed> {
        let (gpa, length) = (Gpa(input.request.info1()), input.request.info2());
        if self.ram.contains(gpa) || !matches!(length, 1 | 2 | 4 | 8) {
            return Err(Malformed::InvalidInput);
        }
        let start = input.scratch(length)?;
        if read {
            input.request.bytes()[start..start + length as usize].fill(0xFF);
        }
        Ok(())
    }

    fn page_state_change(&mut self, input: &mut InputView) -> Result<(), Malformed> {
        self.occasions.page_state += 1;
        let lie = self.acts(self.occasions.page_state, |act| *act == Act::IgnorePageState);
        let start = input.scratch(8)?;
        let (hardware, ram) = (&mut self.hardware, &mut self.ram);
        let change = |gpa: Gpa, size: PageSize, operation: u64| -> Result<(), StateError> {
            if lie.is_some() {
                hv!("hostile: claims to have changed the state of {gpa:?}");
                return Ok(());
            }
            page_state::apply(hardware, ram, gpa, size, operation)
        };
        let end = BUFFER_END as usize;
        let result = page_state::serve(&mut input.request.page[start..end], change);
        input.answer(at::SW_EXITINFO2, result);
        Ok(())
    }
}

/// A request whose answers must not count as inputs.
pub struct InputView<'a> {
    /// The request.
    pub request: &'a mut Request,
    inputs: u128,
}

impl InputView<'_> {
    /// A field that the guest must have marked valid.
    pub fn required(&self, offset: usize) -> Result<u64, Malformed> {
        if self.inputs >> (offset / 8) & 1 == 0 {
            return Err(Malformed::MissingInput);
        }
        Ok(self.request.field(offset))
    }

    /// Sets a result.
    pub fn answer(&mut self, offset: usize, value: u64) {
        self.request.answer(offset, value);
    }

    /// The scratch area.
    pub fn scratch(&self, length: u64) -> Result<usize, Malformed> {
        self.required(at::SW_SCRATCH)?;
        let marked = Request {
            gpa: self.request.gpa,
            page: self.request.page,
            valid: self.inputs,
        };
        marked.scratch(length)
    }
}

impl Hypervisor<'_> {
    /// A hypervisor that keeps VMPL0 from its log.
    fn refuses_port(&self, vmpl: u8, port: u16) -> bool {
        let refuses = vmpl == 0 && devices::is_log(port) && self.acts(1, |act| *act == Act::NoSerialPort).is_some();
        if refuses {
            hv!("hostile: refuses VMPL0 port {port:#x}");
        }
        refuses
    }
}

impl Hypervisor<'_> {
    /// A hypervisor whose serial port never says that it is ready.
    fn is_deaf(&self, vmpl: u8, info: u64) -> bool {
        let reads = info & 1 == 1 && vmpl == 0 && devices::is_log((info >> 16) as u16);
        let deaf = reads && self.acts(1, |act| *act == Act::DeafSerialPort).is_some();
        if deaf {
            hv!("hostile: the serial port is never ready");
        }
        deaf
    }
}

/// Event 0x7B (chapter 4.1.2): encoding of SW_EXITINFO1 as in APM volume 2, 15.10.2.
fn port_access(devices: &mut Devices, vmpl: u8, input: &mut InputView) -> Result<(), Malformed> {
    let info = input.request.info1();
    let (port, read, string) = ((info >> 16) as u16, info & 1 == 1, info & 4 != 0);
    let (width, bytes) = match info >> 4 & 7 {
        1 => (Width::Byte, 1u32),
        2 => (Width::Word, 2),
        4 => (Width::Long, 4),
        _ => return Err(Malformed::InvalidInput),
    };
    let mask = u32::MAX >> (32 - 8 * bytes);
    if string {
        let count = input.request.info2();
        let length = count.checked_mul(u64::from(bytes)).ok_or(Malformed::Scratch)?;
        let start = input.scratch(length)?;
        for chunk in input.request.bytes()[start..start + length as usize].chunks_mut(bytes as usize) {
            if read {
                let value = devices.read(vmpl, port, width).to_le_bytes();
                chunk.copy_from_slice(&value[..bytes as usize]);
            } else {
                let mut value = [0; 4];
                value[..bytes as usize].copy_from_slice(chunk);
                devices.write(vmpl, port, width, u32::from_le_bytes(value));
            }
        }
    } else if read {
        input.answer(at::RAX, u64::from(devices.read(vmpl, port, width) & mask));
    } else {
        let value = input.required(at::RAX)? as u32 & mask;
        devices.write(vmpl, port, width, value);
    }
    Ok(())
}
