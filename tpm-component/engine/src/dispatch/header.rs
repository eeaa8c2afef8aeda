//! The first ten bytes (Part 3 §5.2): tag, size and command code. They come from whoever can send a command.

use tpm_contract::bounds;

use crate::{
    structures::{TpmCc, TpmRc, TpmSt},
    wire::{Reader, Unmarshal},
};

/// A command whose header is in order.
pub struct Header<'a> {
    /// Whether an authorisation area follows the handles.
    pub sessions: bool,
    /// TPM_CC.
    pub code: TpmCc,
    /// What follows the header.
    pub body: Reader<'a>,
}

impl<'a> Header<'a> {
    /// Reads the header of a command that is exactly `bytes`.
    pub fn read(bytes: &'a [u8]) -> Result<Self, TpmRc> {
        let mut body = Reader::new(bytes);
        let sessions = match TpmSt::unmarshal(&mut body)? {
            TpmSt::SESSIONS => true,
            TpmSt::NO_SESSIONS => false,
            _ => return Err(TpmRc::BAD_TAG),
        };
        let size = u32::unmarshal(&mut body)?;
        if bytes.len() > bounds::MAX_COMMAND || usize::try_from(size) != Ok(bytes.len()) {
            return Err(TpmRc::COMMAND_SIZE);
        }
        let code = TpmCc::unmarshal(&mut body)?;
        Ok(Self { sessions, code, body })
    }
}
