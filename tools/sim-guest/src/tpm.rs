//! The TPM commands that the guest sends, as byte strings, and the parts of responses that it reads.
//!
//! Written from Part 3 of the library specification, not from the engine: the guest is one more client. Authorisations are empty passwords
//! (TPM_RS_PW) or one policy session; responses come from a TPM that the guest cannot see into, so every read is checked.

use alloc::vec::Vec;

/// A response code other than success, or a response that is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The TPM answered with this code.
    Code(u32),
    /// The response is malformed.
    Malformed,
}

/// TPM_RH_OWNER.
pub const OWNER: u32 = 0x4000_0001;
/// TPM_RH_LOCKOUT.
pub const LOCKOUT: u32 = 0x4000_000A;
/// TPM_RH_ENDORSEMENT.
pub const ENDORSEMENT: u32 = 0x4000_000B;
/// TPM_RH_PLATFORM.
pub const PLATFORM: u32 = 0x4000_000C;
/// TPM_RS_PW.
const PASSWORD: u32 = 0x4000_0009;
/// TPM_ST_NO_SESSIONS and TPM_ST_SESSIONS.
const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
/// The P-256 storage root key.
pub const P256_SRK: u32 = 0x8100_0002;
/// The persistent handles that the SVSM provisions: RSA EK, P-256 EK, RSA SRK, P-256 SRK.
pub const PROVISIONED: [u32; 4] = [0x8101_0001, 0x8101_0002, 0x8100_0001, 0x8100_0002];

/// Command codes, Part 2 table 12.
pub mod cc {
    /// TPM2_EvictControl
    pub const EVICT_CONTROL: u32 = 0x120;
    /// TPM2_NV_UndefineSpace
    pub const NV_UNDEFINE: u32 = 0x122;
    /// TPM2_ChangeEPS
    pub const CHANGE_EPS: u32 = 0x124;
    /// TPM2_Clear
    pub const CLEAR: u32 = 0x126;
    /// TPM2_HierarchyChangeAuth
    pub const HIERARCHY_CHANGE_AUTH: u32 = 0x129;
    /// TPM2_NV_DefineSpace
    pub const NV_DEFINE: u32 = 0x12A;
    /// TPM2_CreatePrimary
    pub const CREATE_PRIMARY: u32 = 0x131;
    /// TPM2_NV_Write
    pub const NV_WRITE: u32 = 0x137;
    /// TPM2_PCR_Reset
    pub const PCR_RESET: u32 = 0x13D;
    /// TPM2_Startup
    pub const STARTUP: u32 = 0x144;
    /// TPM2_Shutdown
    pub const SHUTDOWN: u32 = 0x145;
    /// TPM2_ActivateCredential
    pub const ACTIVATE_CREDENTIAL: u32 = 0x147;
    /// TPM2_NV_Read
    pub const NV_READ: u32 = 0x14E;
    /// TPM2_PolicySecret
    pub const POLICY_SECRET: u32 = 0x151;
    /// TPM2_Create
    pub const CREATE: u32 = 0x153;
    /// TPM2_Load
    pub const LOAD: u32 = 0x157;
    /// TPM2_Quote
    pub const QUOTE: u32 = 0x158;
    /// TPM2_Unseal
    pub const UNSEAL: u32 = 0x15E;
    /// TPM2_FlushContext
    pub const FLUSH_CONTEXT: u32 = 0x165;
    /// TPM2_ReadPublic
    pub const READ_PUBLIC: u32 = 0x173;
    /// TPM2_StartAuthSession
    pub const START_AUTH_SESSION: u32 = 0x176;
    /// TPM2_GetCapability
    pub const GET_CAPABILITY: u32 = 0x17A;
    /// TPM2_GetRandom
    pub const GET_RANDOM: u32 = 0x17B;
    /// TPM2_PCR_Read
    pub const PCR_READ: u32 = 0x17E;
    /// TPM2_PCR_Extend
    pub const PCR_EXTEND: u32 = 0x182;
}

/// A command under construction.
pub struct Command {
    code: u32,
    handles: Vec<u8>,
    sessions: Vec<u8>,
    parameters: Vec<u8>,
}

impl Command {
    /// A command without anything.
    pub fn new(code: u32) -> Self {
        Self {
            code,
            handles: Vec::new(),
            sessions: Vec::new(),
            parameters: Vec::new(),
        }
    }

    /// Adds a handle that needs no authorisation.
    pub fn handle(mut self, handle: u32) -> Self {
        self.handles.extend_from_slice(&handle.to_be_bytes());
        self
    }

    /// Adds a handle, authorised by its empty password.
    pub fn authorized(self, handle: u32) -> Self {
        self.handle(handle).session(PASSWORD)
    }

    /// Adds a handle, authorised by a policy session that ends with the command.
    pub fn by_policy(self, handle: u32, session: u32) -> Self {
        self.handle(handle).session(session)
    }

    fn session(mut self, session: u32) -> Self {
        self.sessions.extend_from_slice(&session.to_be_bytes());
        self.sessions.extend_from_slice(&[0, 0, 0, 0, 0]);
        self
    }

    /// Adds a byte.
    pub fn u8(mut self, value: u8) -> Self {
        self.parameters.push(value);
        self
    }

    /// Adds a 16-bit number.
    pub fn u16(mut self, value: u16) -> Self {
        self.parameters.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Adds a 32-bit number.
    pub fn u32(mut self, value: u32) -> Self {
        self.parameters.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Adds bytes as they are.
    pub fn bytes(mut self, value: &[u8]) -> Self {
        self.parameters.extend_from_slice(value);
        self
    }

    /// Adds bytes with their 16-bit size in front (a TPM2B); what is longer than a TPM2B can be is cut, which the TPM then refuses.
    pub fn sized(self, value: &[u8]) -> Self {
        let size = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(size).bytes(&value[..usize::from(size)])
    }

    /// The finished command.
    pub fn build(self) -> Vec<u8> {
        let mut body = self.handles;
        let tag = if self.sessions.is_empty() {
            NO_SESSIONS
        } else {
            SESSIONS
        };
        if tag == SESSIONS {
            body.extend_from_slice(&(self.sessions.len() as u32).to_be_bytes());
            body.extend_from_slice(&self.sessions);
        }
        body.extend_from_slice(&self.parameters);
        let mut command = tag.to_be_bytes().to_vec();
        command.extend_from_slice(&(body.len() as u32 + 10).to_be_bytes());
        command.extend_from_slice(&self.code.to_be_bytes());
        command.extend_from_slice(&body);
        command
    }
}

/// A successful response, read from the front.
pub struct Response<'a> {
    sessions: bool,
    rest: &'a [u8],
}

impl<'a> Response<'a> {
    /// Checks the header and the response code.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Trouble> {
        let mut response = Response {
            sessions: false,
            rest: bytes,
        };
        let tag = response.u16()?;
        let size = response.u32()?;
        let code = response.u32()?;
        if usize::try_from(size) != Ok(bytes.len()) || !matches!(tag, NO_SESSIONS | SESSIONS) {
            return Err(Trouble::Malformed);
        }
        response.sessions = tag == SESSIONS;
        if code == 0 {
            Ok(response)
        } else {
            Err(Trouble::Code(code))
        }
    }

    /// Skips parameterSize, which stands after the handles of a response with sessions.
    pub fn parameters(mut self) -> Result<Self, Trouble> {
        if self.sessions {
            let size = usize::try_from(self.u32()?).map_err(|_| Trouble::Malformed)?;
            self.rest = self.rest.get(..size).ok_or(Trouble::Malformed)?;
        }
        Ok(self)
    }

    /// The next 16-bit number.
    pub fn u16(&mut self) -> Result<u16, Trouble> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// The next 32-bit number.
    pub fn u32(&mut self) -> Result<u32, Trouble> {
        self.take(4)
            .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// The next TPM2B's content.
    pub fn sized(&mut self) -> Result<&'a [u8], Trouble> {
        let size = self.u16()?;
        self.take(usize::from(size))
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Trouble> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(Trouble::Malformed)?;
        self.rest = tail;
        Ok(head)
    }
}

/// A PCR selection (TPML_PCR_SELECTION) of SHA-256 PCRs, one bit each.
pub fn sha256_pcrs(mask: u32) -> [u8; 10] {
    let [low, middle, high, _] = mask.to_le_bytes();
    [0, 0, 0, 1, 0, 0x0B, 3, low, middle, high]
}

/// TPMT_PUBLIC template of an attestation key: P-256, ECDSA with SHA-256, restricted, fixed to its TPM and parent, empty authorisation.
pub fn attestation_key_template() -> Vec<u8> {
    let mut template = Vec::new();
    for half in [0x0023u16, 0x000B] {
        template.extend_from_slice(&half.to_be_bytes());
    }
    // fixedTPM 1, fixedParent 4, sensitiveDataOrigin 5, userWithAuth 6, noDA 10, restricted 16, sign 18 (Part 2, 8.3).
    let attributes: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 10 | 1 << 16 | 1 << 18;
    template.extend_from_slice(&attributes.to_be_bytes());
    // No policy; symmetric NULL; ECDSA with SHA-256; P-256; KDF NULL; empty point.
    for half in [0u16, 0x0010, 0x0018, 0x000B, 0x0003, 0x0010, 0, 0] {
        template.extend_from_slice(&half.to_be_bytes());
    }
    template
}

/// TPMT_PUBLIC template of a sealed data object with an empty authorisation.
pub fn sealed_data_template() -> Vec<u8> {
    let mut template = Vec::new();
    template.extend_from_slice(&0x0008u16.to_be_bytes());
    template.extend_from_slice(&0x000Bu16.to_be_bytes());
    // fixedTPM, fixedParent, userWithAuth, noDA.
    let attributes: u32 = 1 << 1 | 1 << 4 | 1 << 6 | 1 << 10;
    template.extend_from_slice(&attributes.to_be_bytes());
    // No policy; scheme NULL; empty unique.
    for half in [0u16, 0x0010, 0] {
        template.extend_from_slice(&half.to_be_bytes());
    }
    template
}

/// TPM2_Create under `parent` (empty authorisation) with `data` in the sensitive area.
pub fn create(parent: u32, template: &[u8], data: &[u8]) -> Vec<u8> {
    let mut sensitive = alloc::vec![0, 0];
    sensitive.extend_from_slice(&(data.len() as u16).to_be_bytes());
    sensitive.extend_from_slice(data);
    Command::new(cc::CREATE)
        .authorized(parent)
        .sized(&sensitive)
        .sized(template)
        .sized(&[])
        .u32(0)
        .build()
}
