//! The protocol of the TCG reference simulator ("MSSIM"): a command port, and a platform port one above it.
//!
//! All integers are big-endian; each code is answered by its data and a zero word, but SESSION_END and STOP by nothing. Clients send a
//! request in as many small writes as they like. A code that this server does not know closes the connection, as the reference does; so does
//! a length over its bound. Source: TCG reference `TpmTcpProtocol.h` and `TcpServer.c`.

use crate::{
    machine::{HashStep, Machine},
    net::{Stream, read_array, read_bytes},
};
use anyhow::{Result, bail};
use std::sync::{Mutex, PoisonError};
use tpm_contract::bounds::MAX_COMMAND;

/// Codes of `TpmTcpProtocol.h`.
mod code {
    pub const SIGNAL_POWER_ON: u32 = 1;
    pub const SIGNAL_POWER_OFF: u32 = 2;
    pub const SIGNAL_HASH_START: u32 = 5;
    pub const SIGNAL_HASH_DATA: u32 = 6;
    pub const SIGNAL_HASH_END: u32 = 7;
    pub const SEND_COMMAND: u32 = 8;
    pub const SIGNAL_CANCEL_ON: u32 = 9;
    pub const SIGNAL_CANCEL_OFF: u32 = 10;
    pub const SIGNAL_NV_ON: u32 = 11;
    pub const SIGNAL_NV_OFF: u32 = 12;
    pub const REMOTE_HANDSHAKE: u32 = 15;
    pub const SIGNAL_RESET: u32 = 17;
    pub const SESSION_END: u32 = 20;
    pub const STOP: u32 = 21;
}

/// Endpoint flags of the handshake: platform port available.
const PLATFORM_AVAILABLE: u32 = 1;
/// Protocol version of the handshake.
const SERVER_VERSION: u32 = 1;

/// Serves one connection to the command port.
pub fn serve_commands(mut stream: Box<dyn Stream>, machine: &Mutex<Machine>) -> Result<()> {
    loop {
        let Some(code) = next_code(&mut *stream)? else {
            return Ok(());
        };
        let answer = match code {
            code::SEND_COMMAND => {
                let [locality] = read_array(&mut *stream)?;
                let command = sized(&mut *stream)?;
                let response = lock(machine).execute(locality, &command).unwrap_or_default();
                let mut answer = u32::try_from(response.len())?.to_be_bytes().to_vec();
                answer.extend_from_slice(&response);
                answer
            }
            code::REMOTE_HANDSHAKE => {
                if read_array(&mut *stream)? == [0; 4] {
                    bail!("client of protocol version 0");
                }
                [SERVER_VERSION.to_be_bytes(), PLATFORM_AVAILABLE.to_be_bytes()].concat()
            }
            code::SIGNAL_HASH_START => hash(machine, HashStep::Start)?,
            code::SIGNAL_HASH_DATA => {
                let data = sized(&mut *stream)?;
                hash(machine, HashStep::Data(&data))?
            }
            code::SIGNAL_HASH_END => hash(machine, HashStep::End)?,
            code::SESSION_END | code::STOP => return Ok(()),
            other => bail!("unknown code {other} on the command port"),
        };
        acknowledge(&mut *stream, answer, 0)?;
    }
}

/// Serves one connection to the platform port.
pub fn serve_platform(mut stream: Box<dyn Stream>, machine: &Mutex<Machine>) -> Result<()> {
    loop {
        let Some(code) = next_code(&mut *stream)? else {
            return Ok(());
        };
        match code {
            code::SIGNAL_POWER_ON => lock(machine).power_on()?,
            code::SIGNAL_POWER_OFF => lock(machine).power_off(),
            code::SIGNAL_RESET => {
                let mut machine = lock(machine);
                machine.power_off();
                machine.power_on()?;
            }
            // The store is always available, and a command runs to its end: these are acknowledged without effect.
            code::SIGNAL_CANCEL_ON | code::SIGNAL_CANCEL_OFF | code::SIGNAL_NV_ON | code::SIGNAL_NV_OFF => {}
            code::SESSION_END | code::STOP => return Ok(()),
            other => {
                acknowledge(&mut *stream, Vec::new(), 1)?;
                bail!("unknown code {other} on the platform port");
            }
        }
        acknowledge(&mut *stream, Vec::new(), 0)?;
    }
}

fn hash(machine: &Mutex<Machine>, step: HashStep<'_>) -> Result<Vec<u8>> {
    lock(machine).hash(step)?;
    Ok(Vec::new())
}

fn next_code(stream: &mut dyn Stream) -> Result<Option<u32>> {
    let mut first = [0];
    if stream.read(&mut first)? == 0 {
        return Ok(None);
    }
    let [second, third, fourth] = read_array(stream)?;
    Ok(Some(u32::from_be_bytes([first[0], second, third, fourth])))
}

fn sized(stream: &mut dyn Stream) -> Result<Vec<u8>> {
    let size = usize::try_from(u32::from_be_bytes(read_array(stream)?))?;
    if size > MAX_COMMAND {
        bail!("a message of {size} bytes is longer than {MAX_COMMAND}");
    }
    read_bytes(stream, size)
}

fn acknowledge(stream: &mut dyn Stream, mut answer: Vec<u8>, status: u32) -> Result<()> {
    answer.extend_from_slice(&status.to_be_bytes());
    stream.write_all(&answer)?;
    Ok(())
}

fn lock(machine: &Mutex<Machine>) -> std::sync::MutexGuard<'_, Machine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}
