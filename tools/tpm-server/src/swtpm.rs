//! swtpm's protocol: raw TPM commands on the data channel, a control channel beside it.
//!
//! The data channel takes bare commands, and also the framing of the reference simulator, as swtpm does. Control requests are a code and
//! what belongs to it, big-endian; answers begin with a result word. The capability word lists exactly the commands that are served;
//! others are answered with TPM_BAD_ORDINAL. Whoever can connect sends all of it: a length is held to its bound before as much is read. Source: swtpm
//! `tpm_ioctl.h`, `ctrlchannel.c`; for tpmEstablishment, the PC Client Platform TPM Profile.

use crate::{
    machine::{HashStep, Machine},
    net::{Stream, read_array, read_bytes},
};
use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg},
};
use std::{
    io::{ErrorKind, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};
use tpm_contract::bounds::{MAX_COMMAND, MAX_HASH_DATA, MAX_STATE};

/// Control commands of `tpm_ioctl.h`.
mod command {
    pub const GET_CAPABILITY: u32 = 0x01;
    pub const INIT: u32 = 0x02;
    pub const SHUTDOWN: u32 = 0x03;
    pub const GET_TPMESTABLISHED: u32 = 0x04;
    pub const SET_LOCALITY: u32 = 0x05;
    pub const HASH_START: u32 = 0x06;
    pub const HASH_DATA: u32 = 0x07;
    pub const HASH_END: u32 = 0x08;
    pub const CANCEL_TPM_CMD: u32 = 0x09;
    pub const STORE_VOLATILE: u32 = 0x0A;
    pub const RESET_TPMESTABLISHED: u32 = 0x0B;
    pub const GET_STATEBLOB: u32 = 0x0C;
    pub const SET_STATEBLOB: u32 = 0x0D;
    pub const STOP: u32 = 0x0E;
    pub const GET_CONFIG: u32 = 0x0F;
    pub const SET_DATAFD: u32 = 0x10;
    pub const SET_BUFFERSIZE: u32 = 0x11;
}

/// Capability bits: INIT 0, SHUTDOWN 1, GET_TPMESTABLISHED 2, SET_LOCALITY 3, HASHING 4, CANCEL 5, STORE_VOLATILE 6, RESET_TPMESTABLISHED 7,
/// GET_STATEBLOB 8, SET_STATEBLOB 9, STOP 10, GET_CONFIG 11, SET_DATAFD 12, SET_BUFFERSIZE 13, SEND_COMMAND_HEADER 15.
const CAPABILITIES: u32 = 0b1011_1111_1111_1111;

/// Results, from the TPM 1.2 codes that swtpm uses.
mod result {
    pub const SUCCESS: u32 = 0;
    pub const BAD_PARAMETER: u32 = 0x03;
    pub const FAIL: u32 = 0x09;
    pub const BAD_ORDINAL: u32 = 0x0A;
    pub const BAD_LOCALITY: u32 = 0x3D;
}

/// Blob types of GET_STATEBLOB and SET_STATEBLOB.
mod blob {
    pub const PERMANENT: u32 = 1;
    pub const VOLATILE: u32 = 2;
}

/// TPM_SEND_COMMAND of the simulator's protocol: what follows it is a locality and a length before the command.
const SEND_COMMAND: [u8; 4] = [0, 0, 0, 8];
/// Bytes of the simulator's protocol before a command.
const FRAME: usize = 9;

/// TPM_RC_FAILURE without sessions, which swtpm gives while the TPM is off.
const SWITCHED_OFF: [u8; 10] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x01];

/// What comes in on a data connection, in one buffer for as long as it lasts: most commands are shorter to answer than to allocate for.
struct Incoming {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    filled: usize,
}

impl Incoming {
    fn new(stream: Box<dyn Stream>) -> Self {
        let buffer = vec![0; FRAME + MAX_COMMAND];
        Self {
            stream,
            buffer,
            filled: 0,
        }
    }

    /// Waits for the first `size` bytes of a message, which are at most what the buffer holds; fewer, if the client closes the connection first.
    /// A command comes in one piece, and one read takes all of it.
    fn wait_for(&mut self, size: usize) -> Result<&[u8]> {
        while self.filled < size {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(&self.buffer[..self.filled.min(size)])
    }

    /// Waits for the first `N` bytes of a message that has begun.
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.wait_for(N)?
            .try_into()
            .context("the connection ended within a command")
    }

    /// Makes room: a message of `size` bytes has been dealt with, and nothing of it stays.
    fn drop_front(&mut self, size: usize) {
        self.buffer.copy_within(size..self.filled, 0);
        self.buffer[self.filled - size..self.filled].fill(0);
        self.filled -= size;
    }
}

/// Serves one data connection until the client closes it.
pub fn serve_data(stream: Box<dyn Stream>, machine: &Mutex<Machine>) -> Result<()> {
    let mut incoming = Incoming::new(stream);
    while !incoming.wait_for(1)?.is_empty() {
        let [a, b, c, d, e, f] = incoming.array()?;
        let framed = [a, b, c, d] == SEND_COMMAND;
        let (start, size) = if framed {
            let [.., g, h, i] = incoming.array::<FRAME>()?;
            (FRAME, [f, g, h, i])
        } else {
            (0, [c, d, e, f])
        };
        let size = bounded(u32::from_be_bytes(size), MAX_COMMAND)?;
        // A command that claims to be shorter than what says so is one all the same, and the TPM answers it.
        let end = if framed { start + size } else { size.max(6) };
        let message = incoming.wait_for(end)?;
        ensure!(message.len() == end, "the connection ended within a command");
        let response = {
            let mut machine = lock(machine);
            let locality = if framed { e } else { machine.locality() };
            machine.execute(locality, &message[start..])
        };
        let response = response.as_deref().unwrap_or(&SWITCHED_OFF);
        if framed {
            let size = u32::try_from(response.len())?.to_be_bytes();
            incoming.stream.write_all(&[&size, response, &[0; 4]].concat())?;
        } else {
            incoming.stream.write_all(response)?;
        }
        incoming.drop_front(end);
    }
    Ok(())
}

/// Serves one control connection until the client closes it.
pub fn serve_control(mut stream: Box<dyn Stream>, machine: &Arc<Mutex<Machine>>) -> Result<()> {
    loop {
        let Some((code, descriptor)) = next_command(&mut *stream)? else {
            return Ok(());
        };
        let answer = match code {
            command::GET_CAPABILITY => [result::SUCCESS, CAPABILITIES].map(u32::to_be_bytes).concat(),
            command::INIT => {
                let flags = u32::from_be_bytes(read_array(&mut *stream)?);
                word(init(&mut lock(machine), flags & 1 != 0))
            }
            command::SHUTDOWN => {
                stream.write_all(&result::SUCCESS.to_be_bytes())?;
                // Every acknowledged state is on disk already: ending the process is a power cut, and safe.
                std::process::exit(0);
            }
            command::GET_TPMESTABLISHED => established(&lock(machine)),
            command::RESET_TPMESTABLISHED => {
                let locality = read_locality(&mut *stream)?;
                reset_established(&mut lock(machine), locality)
            }
            command::SET_LOCALITY => {
                let locality = read_locality(&mut *stream)?;
                set_locality(&mut lock(machine), locality)
            }
            command::HASH_START => word(lock(machine).hash(HashStep::Start)),
            command::HASH_DATA => {
                let mut left = usize::try_from(u32::from_be_bytes(read_array(&mut *stream)?))?;
                let mut outcome = Ok(());
                while left > 0 {
                    let data = read_bytes(&mut *stream, left.min(MAX_HASH_DATA))?;
                    left -= data.len();
                    if outcome.is_ok() {
                        outcome = lock(machine).hash(HashStep::Data(&data));
                    }
                }
                word(outcome)
            }
            command::HASH_END => word(lock(machine).hash(HashStep::End)),
            // A command runs to its end; there is none to cancel by the time the lock is ours.
            command::CANCEL_TPM_CMD => word(Ok(())),
            command::STORE_VOLATILE => word(store_volatile(&mut lock(machine))),
            command::GET_STATEBLOB => {
                let request: [u8; 12] = read_array(&mut *stream)?;
                get_blob(&mut lock(machine), request)
            }
            command::SET_STATEBLOB => {
                let [_flags, kind, size] = words(read_array::<12>(&mut *stream)?);
                let data = read_bytes(&mut *stream, bounded(size, 2 * MAX_STATE)?)?;
                set_blob(&mut lock(machine), kind, &data)
            }
            command::STOP => {
                lock(machine).power_off();
                word(Ok(()))
            }
            command::GET_CONFIG => [result::SUCCESS, 0].map(u32::to_be_bytes).concat(),
            command::SET_DATAFD => word(take_data_connection(descriptor, machine)),
            command::SET_BUFFERSIZE => {
                let _wanted: [u8; 4] = read_array(&mut *stream)?;
                let size = u32::try_from(MAX_COMMAND)?;
                [result::SUCCESS, size, size, size].map(u32::to_be_bytes).concat()
            }
            _ => result::BAD_ORDINAL.to_be_bytes().to_vec(),
        };
        stream.write_all(&answer)?;
    }
}

/// Reads a command code, and a file descriptor that came with it.
fn next_command(stream: &mut dyn Stream) -> Result<Option<(u32, Option<OwnedFd>)>> {
    let mut bytes = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = {
        let mut slices = [IoSliceMut::new(&mut bytes)];
        match recvmsg(stream.as_fd(), &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => message.bytes,
            Err(error) => bail!("control channel: {error}"),
        }
    };
    if received == 0 {
        return Ok(None);
    }
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    stream.read_exact(&mut bytes[received..])?;
    Ok(Some((u32::from_be_bytes(bytes), descriptor)))
}

/// Reads a locality. In `tpm_ioctl.h` it shares its place with the result, which is longer, and QEMU sends the whole place.
fn read_locality(stream: &mut dyn Stream) -> Result<u8> {
    let [locality] = read_array(stream)?;
    let mut queued = [0; 4];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match recv(stream.as_fd(), &mut queued, flags) {
        Ok((3, _)) => {
            let _rest: [u8; 3] = read_array(stream)?;
        }
        // Nothing, or another command, which has more.
        Ok(_) | Err(Errno::AGAIN) => {}
        Err(error) => bail!("control channel: {error}"),
    }
    Ok(locality)
}

fn init(machine: &mut Machine, delete_volatile: bool) -> Result<()> {
    machine.power_off();
    if delete_volatile {
        machine.keep_volatile(None)?;
    }
    machine.power_on()
}

fn store_volatile(machine: &mut Machine) -> Result<()> {
    let blob = machine.volatile_blob()?;
    machine.keep_volatile(Some(&blob))
}

fn set_locality(machine: &mut Machine, locality: u8) -> Vec<u8> {
    let outcome = if locality <= 4 {
        machine.set_locality(locality);
        result::SUCCESS
    } else {
        result::BAD_LOCALITY
    };
    outcome.to_be_bytes().to_vec()
}

/// Answer: result, the bit, three bytes of nothing. As with swtpm, there is no such command while the TPM is off.
fn established(machine: &Machine) -> Vec<u8> {
    if !machine.is_on() {
        return result::BAD_ORDINAL.to_be_bytes().to_vec();
    }
    let bit = u32::from(machine.is_established());
    [result::SUCCESS, bit << 24].map(u32::to_be_bytes).concat()
}

/// Only localities 3 and 4 reset the bit.
fn reset_established(machine: &mut Machine, locality: u8) -> Vec<u8> {
    let code = if !machine.is_on() {
        result::BAD_ORDINAL
    } else if !matches!(locality, 3 | 4) {
        result::BAD_LOCALITY
    } else {
        return word(machine.establish(false));
    };
    code.to_be_bytes().to_vec()
}

/// Answer: result, flags (0: not encrypted), total length, length, data from `offset` on.
fn get_blob(machine: &mut Machine, request: [u8; 12]) -> Vec<u8> {
    let [_flags, kind, offset] = words(request);
    let blob = match kind {
        blob::PERMANENT => machine.persistent_blob(),
        blob::VOLATILE => machine.volatile_blob(),
        _ => return [result::BAD_PARAMETER, 0, 0, 0].map(u32::to_be_bytes).concat(),
    };
    let Ok(blob) = blob else {
        return [result::FAIL, 0, 0, 0].map(u32::to_be_bytes).concat();
    };
    let part = usize::try_from(offset).ok().and_then(|offset| blob.get(offset..));
    let (Some(part), Ok(total)) = (part, u32::try_from(blob.len())) else {
        return [result::BAD_PARAMETER, 0, 0, 0].map(u32::to_be_bytes).concat();
    };
    let mut answer = [result::SUCCESS, 0, total, total - offset]
        .map(u32::to_be_bytes)
        .concat();
    answer.extend_from_slice(part);
    answer
}

fn set_blob(machine: &mut Machine, kind: u32, data: &[u8]) -> Vec<u8> {
    let outcome = match kind {
        // As in swtpm, a state is taken only while the TPM is stopped.
        _ if machine.is_on() => Err(result::FAIL),
        blob::PERMANENT => machine.set_persistent_blob(data).map_err(|_| result::BAD_PARAMETER),
        blob::VOLATILE => machine.keep_volatile(Some(data)).map_err(|_| result::FAIL),
        _ => Err(result::BAD_PARAMETER),
    };
    outcome
        .map_or_else(|code| code, |()| result::SUCCESS)
        .to_be_bytes()
        .to_vec()
}

fn take_data_connection(descriptor: Option<OwnedFd>, machine: &Arc<Mutex<Machine>>) -> Result<()> {
    let Some(descriptor) = descriptor else {
        bail!("SET_DATAFD without a file descriptor")
    };
    let machine = machine.clone();
    thread::spawn(move || {
        if let Err(error) = serve_data(Box::new(UnixStream::from(descriptor)), &machine) {
            eprintln!("data channel: connection closed: {error:#}");
        }
    });
    Ok(())
}

fn word(outcome: Result<()>) -> Vec<u8> {
    let code = match outcome {
        Ok(()) => result::SUCCESS,
        Err(error) => {
            eprintln!("control channel: {error:#}");
            result::FAIL
        }
    };
    code.to_be_bytes().to_vec()
}

fn words(bytes: [u8; 12]) -> [u32; 3] {
    [0, 4, 8].map(|at| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

fn bounded(size: u32, bound: usize) -> Result<usize> {
    let size = usize::try_from(size)?;
    if size > bound {
        bail!("a message of {size} bytes is longer than {bound}");
    }
    Ok(size)
}

fn lock(machine: &Mutex<Machine>) -> MutexGuard<'_, Machine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}
