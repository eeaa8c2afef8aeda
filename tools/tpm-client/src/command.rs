//! Commands as bytes, and responses taken apart.

/// TPM_RS_PW.
const PASSWORD: u32 = 0x4000_0009;

/// A command under construction.
#[derive(Clone, Debug)]
pub struct Cmd {
    code: u32,
    handles: Vec<u32>,
    area: Option<Vec<u8>>,
    parameters: Vec<u8>,
}

impl Cmd {
    /// A command without anything.
    pub const fn new(code: u32) -> Self {
        Self {
            code,
            handles: Vec::new(),
            area: None,
            parameters: Vec::new(),
        }
    }

    /// The command code.
    pub const fn code(&self) -> u32 {
        self.code
    }

    /// The parameters.
    pub fn parameters(&self) -> &[u8] {
        &self.parameters
    }

    /// The command with no parameters yet.
    #[must_use]
    pub fn without_parameters(mut self) -> Self {
        self.parameters.clear();
        self
    }

    /// The command with this password instead of the sessions so far.
    #[must_use]
    pub fn only_password(mut self, password: &[u8]) -> Self {
        self.area = None;
        self.password(password)
    }

    /// One more handle.
    #[must_use]
    pub fn handle(mut self, handle: u32) -> Self {
        self.handles.push(handle);
        self
    }

    /// The command with one more handle, in front of the others.
    #[must_use]
    pub fn first_handle(mut self, handle: u32) -> Self {
        self.handles.insert(0, handle);
        self
    }

    /// The command with one more password, in front of the other sessions.
    #[must_use]
    pub fn first_password(mut self, password: &[u8]) -> Self {
        let others = self.area.take().unwrap_or_default();
        self = self.password(password);
        self.area.get_or_insert_default().extend(others);
        self
    }

    /// One more session, as bytes.
    #[must_use]
    pub fn session(mut self, handle: u32, nonce: &[u8], attributes: u8, hmac: &[u8]) -> Self {
        let area = self.area.get_or_insert_default();
        area.extend_from_slice(&handle.to_be_bytes());
        area.extend_from_slice(&sized(nonce));
        area.push(attributes);
        area.extend_from_slice(&sized(hmac));
        self
    }

    /// One more password.
    #[must_use]
    pub fn password(self, password: &[u8]) -> Self {
        self.session(PASSWORD, &[], 0, password)
    }

    /// An authorisation area of any bytes.
    #[must_use]
    pub fn area(mut self, area: &[u8]) -> Self {
        self.area = Some(area.to_vec());
        self
    }

    /// A UINT8.
    #[must_use]
    pub fn u8(mut self, value: u8) -> Self {
        self.parameters.push(value);
        self
    }

    /// A UINT16.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// A UINT32.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// A UINT64.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    /// A TPM2B.
    #[must_use]
    pub fn sized(self, bytes: &[u8]) -> Self {
        let bytes = sized(bytes);
        self.raw(&bytes)
    }

    /// Any bytes.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.parameters.extend_from_slice(bytes);
        self
    }

    /// Any bytes, in hexadecimal.
    ///
    /// # Panics
    /// When they are not.
    #[must_use]
    pub fn hex(self, text: &str) -> Self {
        self.raw(&hex::decode(text).expect("hexadecimal"))
    }

    /// The whole command.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body: Vec<u8> = self.handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
        if let Some(area) = &self.area {
            body.extend_from_slice(&(area.len() as u32).to_be_bytes());
            body.extend_from_slice(area);
        }
        body.extend_from_slice(&self.parameters);
        let tag: u16 = if self.area.is_some() { 0x8002 } else { 0x8001 };
        let mut command = tag.to_be_bytes().to_vec();
        command.extend_from_slice(&(body.len() as u32 + 10).to_be_bytes());
        command.extend_from_slice(&self.code.to_be_bytes());
        command.extend_from_slice(&body);
        command
    }
}

/// Bytes behind their size.
///
/// # Panics
/// When there are too many.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    let size = u16::try_from(bytes.len()).expect("at most 65,535 bytes");
    [&size.to_be_bytes()[..], bytes].concat()
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(Vec<u8>);

impl Answer {
    /// Takes the bytes of a response.
    ///
    /// # Panics
    /// When they are no response: too short, or of another size than they say.
    pub fn new(bytes: Vec<u8>) -> Self {
        assert!(bytes.len() >= 10, "a response has a header: {}", hex::encode(&bytes));
        let answer = Self(bytes);
        assert_eq!(answer.u32_at(2) as usize, answer.0.len(), "{}", hex::encode(&answer.0));
        if answer.code() != 0 {
            assert_eq!(answer.0[..6], [0x80, 1, 0, 0, 0, 10], "an error is a header");
        }
        answer
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The response code.
    pub fn code(&self) -> u32 {
        self.u32_at(6)
    }

    /// The UINT32 at `at`.
    ///
    /// # Panics
    /// When it is not there.
    pub fn u32_at(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    /// The response handle of a command that has one.
    pub fn handle(&self) -> u32 {
        self.u32_at(10)
    }

    /// The response parameters; `handle` says whether there is a response handle.
    pub fn parameters(&self, handle: bool) -> &[u8] {
        let at = if handle { 14 } else { 10 };
        if self.0[..2] == [0x80, 2] {
            let size = self.u32_at(at) as usize;
            &self.0[at + 4..at + 4 + size]
        } else {
            &self.0[at..]
        }
    }

    /// The authorisation area of the response.
    pub fn sessions(&self, handle: bool) -> &[u8] {
        let at = if handle { 14 } else { 10 };
        &self.0[at + 4 + self.u32_at(at) as usize..]
    }
}
