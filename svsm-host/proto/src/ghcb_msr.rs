//! The GHCB MSR protocol: one 64-bit question, one 64-bit answer, in MSR C001_0130 (GHCB §2.3).
//!
//! The guest encodes a [`Request`], the hypervisor decodes it; the hypervisor's [`Response`] is untrusted when it comes back. A
//! hypervisor that does not know a request leaves the MSR as it was, so an answer is only one if its information code fits the
//! question: [`Response::decode`] refuses everything else, and the caller compares the kind.

use crate::psc::PageState;

/// The MSR.
pub const GHCB_MSR: u32 = 0xC001_0130;

/// `[63:12]`: a frame number that means "none".
const NO_FRAME: u64 = u64::MAX << 12;

/// Which register a CPUID request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuidRegister {
    /// EAX.
    Eax,
    /// EBX.
    Ebx,
    /// ECX.
    Ecx,
    /// EDX.
    Edx,
}

impl CpuidRegister {
    const fn code(self) -> u64 {
        match self {
            CpuidRegister::Eax => 0,
            CpuidRegister::Ebx => 1,
            CpuidRegister::Ecx => 2,
            CpuidRegister::Edx => 3,
        }
    }

    const fn from_code(code: u64) -> Self {
        match code & 3 {
            0 => CpuidRegister::Eax,
            1 => CpuidRegister::Ebx,
            2 => CpuidRegister::Ecx,
            _ => CpuidRegister::Edx,
        }
    }
}

/// What a guest writes into the MSR before VMGEXIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The GHCB page at this GPA holds an event.
    GhcbPage(u64),
    /// Which protocol versions are offered.
    SevInfo,
    /// One register of a CPUID function, subleaf 0.
    Cpuid {
        /// The function.
        function: u32,
        /// The register.
        register: CpuidRegister,
    },
    /// Wait for SIPI.
    ApResetHold,
    /// Where the hypervisor would like the GHCB.
    PreferredGhcb,
    /// Announce the GHCB's GPA.
    RegisterGhcb(u64),
    /// Change one 4 KiB page.
    PageStateChange {
        /// The page.
        gpa: u64,
        /// The state wanted.
        state: PageState,
    },
    /// Run this vCPU at another VMPL.
    RunVmpl(u8),
    /// Which features the hypervisor has.
    Features,
    /// Stop the VM.
    Terminate {
        /// Whose codes (4 bits).
        set: u8,
        /// The reason.
        code: u8,
    },
}

impl Request {
    /// The MSR's value.
    pub const fn encode(self) -> u64 {
        match self {
            Request::GhcbPage(gpa) => gpa & NO_FRAME,
            Request::SevInfo => 0x002,
            Request::Cpuid { function, register } => (function as u64) << 32 | register.code() << 30 | 0x004,
            Request::ApResetHold => 0x006,
            Request::PreferredGhcb => 0x010,
            Request::RegisterGhcb(gpa) => gpa & NO_FRAME | 0x012,
            Request::PageStateChange { gpa, state } => state.code() << 52 | gpa & 0x000F_FFFF_FFFF_F000 | 0x014,
            Request::RunVmpl(vmpl) => (vmpl as u64) << 32 | 0x016,
            Request::Features => 0x080,
            Request::Terminate { set, code } => (code as u64) << 16 | ((set & 0xF) as u64) << 12 | 0x100,
        }
    }

    /// Decodes a guest's value; `None` for unknown codes and reserved bits.
    pub const fn decode(raw: u64) -> Option<Self> {
        let data = raw >> 12;
        match raw & 0xFFF {
            0x000 => Some(Request::GhcbPage(raw)),
            0x002 if data == 0 => Some(Request::SevInfo),
            0x004 if raw & 0x3FFF_F000 == 0 => Some(Request::Cpuid {
                function: (raw >> 32) as u32,
                register: CpuidRegister::from_code(raw >> 30),
            }),
            0x006 if data == 0 => Some(Request::ApResetHold),
            0x010 if data == 0 => Some(Request::PreferredGhcb),
            0x012 => Some(Request::RegisterGhcb(raw & NO_FRAME)),
            0x014 if raw >> 56 == 0 => match PageState::from_code(raw >> 52 & 0xF) {
                Some(state) => Some(Request::PageStateChange {
                    gpa: raw & 0x000F_FFFF_FFFF_F000,
                    state,
                }),
                None => None,
            },
            0x016 if raw >> 40 == 0 && raw & 0xFFFF_F000 == 0 => Some(Request::RunVmpl((raw >> 32) as u8)),
            0x080 if data == 0 => Some(Request::Features),
            0x100 => Some(Request::Terminate {
                set: (raw >> 12 & 0xF) as u8,
                code: (raw >> 16) as u8,
            }),
            _ => None,
        }
    }
}

/// What a hypervisor leaves in the MSR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Versions and the C-bit position that the hypervisor claims. Also the MSR's initial value.
    SevInfo {
        /// Newest version.
        max: u16,
        /// Oldest version.
        min: u16,
        /// Position of the C-bit; a hint only.
        c_bit: u8,
    },
    /// One CPUID register.
    Cpuid {
        /// The register, echoed.
        register: CpuidRegister,
        /// Its value.
        value: u32,
    },
    /// A wake-up; true when it was SIPI.
    ApResetHold(bool),
    /// Preferred GPA, if there is a preference.
    PreferredGhcb(Option<u64>),
    /// The GPA registered, or `None` when refused.
    RegisterGhcb(Option<u64>),
    /// Error code of a page state change, 0 for success.
    PageStateChange(u32),
    /// Error code of a run-VMPL request, 0 for success.
    RunVmpl(u32),
    /// Features, bits of [`Features`](crate::ghcb::Features).
    Features(u64),
}

impl Response {
    /// The MSR's value.
    pub const fn encode(self) -> u64 {
        match self {
            Response::SevInfo { max, min, c_bit } => {
                (max as u64) << 48 | (min as u64) << 32 | (c_bit as u64) << 24 | 0x001
            }
            Response::Cpuid { register, value } => (value as u64) << 32 | register.code() << 30 | 0x005,
            Response::ApResetHold(sipi) => (sipi as u64) << 12 | 0x007,
            Response::PreferredGhcb(Some(gpa)) => gpa & NO_FRAME | 0x011,
            Response::PreferredGhcb(None) => NO_FRAME | 0x011,
            Response::RegisterGhcb(Some(gpa)) => gpa & NO_FRAME | 0x013,
            Response::RegisterGhcb(None) => NO_FRAME | 0x013,
            Response::PageStateChange(error) => (error as u64) << 32 | 0x015,
            Response::RunVmpl(error) => (error as u64) << 32 | 0x017,
            Response::Features(features) => features << 12 | 0x081,
        }
    }

    /// Decodes the MSR after the exit; `None` when it is no response or has reserved bits set.
    pub const fn decode(raw: u64) -> Option<Self> {
        let frame = if raw & NO_FRAME == NO_FRAME {
            None
        } else {
            Some(raw & NO_FRAME)
        };
        match raw & 0xFFF {
            0x001 => Some(Response::SevInfo {
                max: (raw >> 48) as u16,
                min: (raw >> 32) as u16,
                c_bit: (raw >> 24) as u8,
            }),
            0x005 => Some(Response::Cpuid {
                register: CpuidRegister::from_code(raw >> 30),
                value: (raw >> 32) as u32,
            }),
            0x007 => Some(Response::ApResetHold(raw >> 12 != 0)),
            0x011 => Some(Response::PreferredGhcb(frame)),
            0x013 => Some(Response::RegisterGhcb(frame)),
            0x015 if raw & 0xFFFF_F000 == 0 => Some(Response::PageStateChange((raw >> 32) as u32)),
            0x017 if raw & 0xFFFF_F000 == 0 => Some(Response::RunVmpl((raw >> 32) as u32)),
            0x081 => Some(Response::Features(raw >> 12)),
            _ => None,
        }
    }
}

/// Reason set of Cloister's termination codes.
pub const TERMINATION_SET: u8 = 0xC;

/// Reason set of the GHCB specification itself.
pub const TERMINATION_SET_GHCB: u8 = 0;

/// Why Cloister stops the VM: codes of set [`TERMINATION_SET`]. The hypervisor sees them, so they tell nothing that is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Termination {
    /// A broken invariant of our own: a panic.
    Panic = 0x00,
    /// The CPU does not say that SNP is active, or has a SEV feature on that we do not know.
    SevFeatures = 0x01,
    /// The hypervisor lacks a feature without which there is no SVSM.
    HypervisorFeatures = 0x02,
    /// The hypervisor did not register our GHCB.
    GhcbRegistration = 0x03,
    /// The hypervisor broke the GHCB protocol.
    GhcbProtocol = 0x04,
    /// A page state change failed.
    PageStateChange = 0x05,
    /// PVALIDATE failed, or a page's state was not what it had to be.
    Pvalidate = 0x06,
    /// RMPADJUST failed.
    Rmpadjust = 0x07,
    /// We do not run at VMPL0.
    NotVmpl0 = 0x08,
    /// Memory does not behave as the C-bit says.
    CBit = 0x09,
    /// The CPUID page makes no sense.
    CpuidPage = 0x0A,
    /// The secrets page makes no sense.
    SecretsPage = 0x0B,
    /// The launch information makes no sense.
    LaunchInfo = 0x0C,
    /// The hypervisor's memory map contradicts the launch information, or is in more pieces than the guest can be told of.
    MemoryMap = 0x0D,
    /// The heap is empty.
    OutOfMemory = 0x0E,
    /// A stack ran into its guard.
    StackOverflow = 0x0F,
    /// An exception that has no handler.
    Exception = 0x10,
    /// A #VC whose code does not fit the instruction, or is not one we serve.
    UnexpectedVc = 0x11,
    /// There is no entropy.
    Entropy = 0x12,
    /// The PSP could not be asked, or its answer was not authentic.
    PspMessage = 0x13,
    /// The TPM component cannot be loaded.
    Component = 0x14,
    /// The TPM could not be provisioned.
    Provisioning = 0x15,
    /// The boot identity could not be made.
    BootIdentity = 0x16,
    /// The guest's VMSA could not be set up.
    GuestVmsa = 0x17,
    /// The hypervisor cannot run the guest.
    RunVmpl = 0x18,
    /// Code that lost a guaranteed tail call would let the stack grow without limit.
    TailCalls = 0x19,
    /// Nobody says how fast the TSC runs, or it is intercepted although it is secure.
    Clock = 0x1A,
    /// What is started could not be measured into the TPM.
    MeasuredBoot = 0x1B,
    /// A vCPU beside the first could not be started at VMPL0.
    Processor = 0x1C,
}

impl Termination {
    /// The request that stops the VM.
    pub const fn request(self) -> Request {
        Request::Terminate {
            set: TERMINATION_SET,
            code: self as u8,
        }
    }

    /// All of them, in the order of their codes.
    pub const ALL: [Termination; 29] = [
        Termination::Panic,
        Termination::SevFeatures,
        Termination::HypervisorFeatures,
        Termination::GhcbRegistration,
        Termination::GhcbProtocol,
        Termination::PageStateChange,
        Termination::Pvalidate,
        Termination::Rmpadjust,
        Termination::NotVmpl0,
        Termination::CBit,
        Termination::CpuidPage,
        Termination::SecretsPage,
        Termination::LaunchInfo,
        Termination::MemoryMap,
        Termination::OutOfMemory,
        Termination::StackOverflow,
        Termination::Exception,
        Termination::UnexpectedVc,
        Termination::Entropy,
        Termination::PspMessage,
        Termination::Component,
        Termination::Provisioning,
        Termination::BootIdentity,
        Termination::GuestVmsa,
        Termination::RunVmpl,
        Termination::TailCalls,
        Termination::Clock,
        Termination::MeasuredBoot,
        Termination::Processor,
    ];

    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Termination::Panic => "panic",
            Termination::SevFeatures => "SEV features not usable",
            Termination::HypervisorFeatures => "hypervisor features missing",
            Termination::GhcbRegistration => "GHCB not registered",
            Termination::GhcbProtocol => "GHCB protocol broken",
            Termination::PageStateChange => "page state change failed",
            Termination::Pvalidate => "PVALIDATE failed",
            Termination::Rmpadjust => "RMPADJUST failed",
            Termination::NotVmpl0 => "not at VMPL0",
            Termination::CBit => "C-bit check failed",
            Termination::CpuidPage => "CPUID page refused",
            Termination::SecretsPage => "secrets page refused",
            Termination::LaunchInfo => "launch information refused",
            Termination::MemoryMap => "memory map refused",
            Termination::OutOfMemory => "out of memory",
            Termination::StackOverflow => "stack overflow",
            Termination::Exception => "unexpected exception",
            Termination::UnexpectedVc => "unexpected #VC",
            Termination::Entropy => "no entropy",
            Termination::PspMessage => "PSP message failed",
            Termination::Component => "TPM component refused",
            Termination::Provisioning => "TPM provisioning failed",
            Termination::BootIdentity => "boot identity failed",
            Termination::GuestVmsa => "guest VMSA refused",
            Termination::RunVmpl => "run VMPL failed",
            Termination::TailCalls => "tail calls lost",
            Termination::Clock => "no usable clock",
            Termination::MeasuredBoot => "boot not measured",
            Termination::Processor => "vCPU not started",
        }
    }

    /// The reason that a code of [`TERMINATION_SET`] stands for, in words; for logs of whoever watches.
    pub fn describe(code: u8) -> Option<&'static str> {
        Self::ALL
            .into_iter()
            .find(|reason| *reason as u8 == code)
            .map(Self::words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Values from GHCB §2.3.1 and §2.3.2 (table 1), worked out by hand from the bit positions there.
    #[test]
    fn requests_encode_to_table_1() {
        let cases = [
            (Request::SevInfo, 0x002),
            (
                Request::Cpuid {
                    function: 0x8000_001F,
                    register: CpuidRegister::Ebx,
                },
                0x8000_001F_4000_0004,
            ),
            (Request::RegisterGhcb(0xC000_8000), 0xC000_8012),
            (
                Request::PageStateChange {
                    gpa: 0x1234_5000,
                    state: PageState::Shared,
                },
                0x0020_0000_1234_5014,
            ),
            (Request::RunVmpl(2), 0x2_0000_0016),
            (Request::Features, 0x080),
            (Request::Terminate { set: 0xC, code: 0x13 }, 0x13_C100),
        ];
        for (request, raw) in cases {
            assert_eq!(request.encode(), raw);
            assert_eq!(Request::decode(raw), Some(request));
        }
    }

    #[test]
    fn unchanged_request_is_no_response() {
        for request in [
            Request::SevInfo,
            Request::RunVmpl(2),
            Request::RegisterGhcb(0x1000),
            Request::Features,
        ] {
            assert_eq!(Response::decode(request.encode()), None);
        }
    }

    // GHCB §2.3.1: version range in the top half, C-bit in [31:24]; 52 ones for a refused registration.
    #[test]
    fn responses_round_trip() {
        for response in [
            Response::SevInfo {
                max: 2,
                min: 1,
                c_bit: 51,
            },
            Response::Cpuid {
                register: CpuidRegister::Edx,
                value: 0xDEAD_BEEF,
            },
            Response::RegisterGhcb(None),
            Response::RegisterGhcb(Some(0x1000)),
            Response::PageStateChange(1),
            Response::RunVmpl(0),
            Response::Features(0x23),
        ] {
            assert_eq!(Response::decode(response.encode()), Some(response));
        }
        assert_eq!(
            Response::SevInfo {
                max: 2,
                min: 1,
                c_bit: 51
            }
            .encode(),
            0x0002_0001_3300_0001
        );
        assert_eq!(Response::RegisterGhcb(None).encode(), 0xFFFF_FFFF_FFFF_F013);
        assert_eq!(Response::decode(0x1017), None, "reserved bits");
    }

    // Whoever runs the VM sees the codes, so they must not move.
    #[test]
    fn terminations_are_numbered_without_gaps_and_described() {
        for (code, reason) in Termination::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, code);
            assert_eq!(Termination::describe(code as u8), Some(reason.words()));
        }
        assert_eq!(Termination::describe(Termination::ALL.len() as u8), None);
    }
}
