//! What an SVSM call returns in RAX (SVSM table 5).
//!
//! The guest reads these and nothing else, so every refusal in the protocols ends as one of them: a closed enumeration, converted in one
//! exhaustive match, without a catch-all.

/// Result of a call, success apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SvsmError {
    /// SVSM_ERR_INCOMPLETE: call again with the same registers, progress is kept.
    Incomplete,
    /// SVSM_ERR_UNSUPPORTED_PROTOCOL.
    UnsupportedProtocol,
    /// SVSM_ERR_UNSUPPORTED_CALL.
    UnsupportedCall,
    /// SVSM_ERR_INVALID_ADDRESS: an address faults or conflicts with memory that is not the guest's.
    InvalidAddress,
    /// SVSM_ERR_INVALID_FORMAT: a reserved value in SVSM_CALL_PENDING.
    InvalidFormat,
    /// SVSM_ERR_INVALID_PARAMETER: every malformed input, misalignment included.
    InvalidParameter,
    /// SVSM_ERR_INVALID_REQUEST.
    InvalidRequest,
    /// SVSM_ERR_BUSY: call again.
    Busy,
    /// SVSM_CORE_PVALIDATE: an instruction's return code, 1 to 15.
    PvalidateFail(u8),
    /// SVSM_CORE_PVALIDATE: the page was already in the state asked for (CF = 1).
    PvalidateUnchanged,
    /// SVSM_CORE_PVALIDATE: a return code above 15.
    PvalidateFailUnknown,
    /// SVSM_CORE_DELETE_VCPU: the vCPU is running.
    VcpuRunning,
    /// The call needs this many 4 KiB pages deposited first (30 bits).
    MemoryNeeded(u32),
}

impl SvsmError {
    /// RAX.
    pub const fn code(self) -> u64 {
        match self {
            SvsmError::Incomplete => 0x8000_0000,
            SvsmError::UnsupportedProtocol => 0x8000_0001,
            SvsmError::UnsupportedCall => 0x8000_0002,
            SvsmError::InvalidAddress => 0x8000_0003,
            SvsmError::InvalidFormat => 0x8000_0004,
            SvsmError::InvalidParameter => 0x8000_0005,
            SvsmError::InvalidRequest => 0x8000_0006,
            SvsmError::Busy => 0x8000_0007,
            SvsmError::PvalidateFail(code) => 0x8000_1000 + (code & 0xF) as u64,
            SvsmError::PvalidateUnchanged => 0x8000_1010,
            SvsmError::PvalidateFailUnknown => 0x8000_1011,
            SvsmError::VcpuRunning => 0x8000_1003,
            SvsmError::MemoryNeeded(pages) => 0x4000_0000 | (pages & 0x3FFF_FFFF) as u64,
        }
    }
}

/// SVSM_SUCCESS.
pub const SUCCESS: u64 = 0;

/// RAX for a result.
pub const fn rax(result: Result<(), SvsmError>) -> u64 {
    match result {
        Ok(()) => SUCCESS,
        Err(error) => error.code(),
    }
}
