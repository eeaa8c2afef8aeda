//! The caller's side of sessions (Part 1 §19, §21), computed with RustCrypto's HMAC and AES alone: what the engine computes is checked by code that
//! shares nothing with it.

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::{Answer, Cmd, Tpm, sized};

/// continueSession.
pub const CONTINUE: u8 = 0x01;
/// decrypt: the first parameter is encrypted.
pub const DECRYPT: u8 = 0x20;
/// encrypt: the first response parameter is encrypted.
pub const ENCRYPT: u8 = 0x40;
/// audit.
pub const AUDIT: u8 = 0x80;

/// How a session is started.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The entity that it is bound to, with its authValue.
    pub bind: Option<(u32, Vec<u8>)>,
    /// TPM_SE.
    pub kind: u8,
    /// TPMT_SYM_DEF.
    pub symmetric: Vec<u8>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            bind: None,
            kind: 0,
            symmetric: vec![0, 6, 0, 128, 0, 0x43],
        }
    }
}

/// The authValue of what a session authorises, and whether it is part of the HMAC key.
type Auth<'a> = Option<(&'a [u8], bool)>;

/// The caller's end of a SHA-256 session.
pub struct Client {
    /// The session's handle.
    pub handle: u32,
    key: Vec<u8>,
    nonce_tpm: Vec<u8>,
    nonce_caller: Vec<u8>,
    xor: bool,
    next: u8,
    attributes: u8,
}

/// HMAC-SHA-256.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// SHA-256.
pub fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

/// KDFa (Part 1 §11.4.10.2).
fn kdf_a(key: &[u8], label: &[u8], u: &[u8], v: &[u8], bits: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut counter = 1u32;
    while out.len() * 8 < bits as usize {
        out.extend(hmac(
            key,
            &[&counter.to_be_bytes(), label, &[0], u, v, &bits.to_be_bytes()],
        ));
        counter += 1;
    }
    out.truncate(bits as usize / 8);
    out
}

/// AES-128-CFB.
fn cfb(key: &[u8], iv: &[u8], data: &mut [u8], encrypt: bool) {
    let cipher = Aes128::new_from_slice(key).expect("16 bytes");
    let mut register: [u8; 16] = iv.try_into().expect("16 bytes");
    for chunk in data.chunks_mut(16) {
        let mut stream = register.into();
        cipher.encrypt_block(&mut stream);
        let before = chunk.to_vec();
        for (byte, mask) in chunk.iter_mut().zip(stream.iter()) {
            *byte ^= mask;
        }
        let cipher_text = if encrypt { &*chunk } else { &before };
        register[..cipher_text.len()].copy_from_slice(cipher_text);
    }
}

impl Client {
    /// Starts a session.
    ///
    /// # Panics
    /// When the TPM refuses.
    pub fn start(tpm: &mut dyn Tpm, options: &SessionOptions) -> Self {
        let nonce_caller: Vec<u8> = (0x40..0x50).collect();
        let (bind, auth) = options.bind.clone().unwrap_or((0x4000_0007, Vec::new()));
        let command = Cmd::new(0x176)
            .handle(0x4000_0007)
            .handle(bind)
            .sized(&nonce_caller)
            .sized(&[])
            .u8(options.kind)
            .raw(&options.symmetric)
            .u16(0x0B);
        let answer = Answer::new(tpm.send(&command.to_bytes()));
        assert_eq!(answer.code(), 0, "TPM2_StartAuthSession");
        let nonce_tpm = answer.parameters(true)[2..].to_vec();
        let key = match options.bind {
            Some(_) => kdf_a(&auth, b"ATH", &nonce_tpm, &nonce_caller, 256),
            None => Vec::new(),
        };
        let xor = options.symmetric.starts_with(&[0, 0x0A]);
        Self {
            handle: answer.handle(),
            key,
            nonce_tpm,
            nonce_caller,
            xor,
            next: 1,
            attributes: 0,
        }
    }

    /// The attributes of the session in the last response.
    pub const fn last_attributes(&self) -> u8 {
        self.attributes
    }

    /// Spoils the session key, so that every HMAC from now on is wrong.
    pub fn spoil(&mut self) {
        self.key.push(1);
    }

    /// Takes the nonce of a response to a command that was sent some other way.
    ///
    /// # Panics
    /// When it has no session.
    pub fn take_nonce(&mut self, answer: &Answer, has_handle: bool) {
        let area = answer.sessions(has_handle);
        let size = usize::from(u16::from_be_bytes([area[0], area[1]]));
        self.nonce_tpm = area[2..2 + size].to_vec();
    }

    /// Encrypts or decrypts the first TPM2B of `parameters`.
    fn crypt(&self, auth: &[u8], newer: &[u8], older: &[u8], parameters: &mut [u8], encrypt: bool) {
        let size = usize::from(u16::from_be_bytes([parameters[0], parameters[1]]));
        let data = &mut parameters[2..2 + size];
        let key = [&self.key[..], auth].concat();
        if self.xor {
            let mask = kdf_a_bits(&key, newer, older, data.len());
            data.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        } else {
            let derived = kdf_a(&key, b"CFB", newer, older, 256);
            cfb(&derived[..16], &derived[16..], data, encrypt);
        }
    }

    /// Sends a command that this session authorises, with `names` the Names of its handles, `auth` the authValue of its first, of which
    /// `in_hmac` says whether it is part of the HMAC key. Says the response parameters, decrypted.
    ///
    /// # Panics
    /// When the response is a success whose HMAC is wrong.
    pub fn run(
        &mut self,
        tpm: &mut dyn Tpm,
        command: &Cmd,
        names: &[&[u8]],
        auth: Auth<'_>,
        attributes: u8,
        has_handle: bool,
    ) -> Result<Vec<u8>, u32> {
        self.exchange(tpm, command, names, (auth, auth), attributes, has_handle)
    }

    /// As [`Self::run`], for a command that changes the authValue from `before` to `after`.
    ///
    /// # Panics
    /// As there.
    pub fn run_changing(
        &mut self,
        tpm: &mut dyn Tpm,
        command: &Cmd,
        names: &[&[u8]],
        before: (&[u8], bool),
        after: (&[u8], bool),
        attributes: u8,
    ) -> Result<Vec<u8>, u32> {
        self.exchange(tpm, command, names, (Some(before), Some(after)), attributes, false)
    }

    fn exchange(
        &mut self,
        tpm: &mut dyn Tpm,
        command: &Cmd,
        names: &[&[u8]],
        (before, after): (Auth<'_>, Auth<'_>),
        attributes: u8,
        has_handle: bool,
    ) -> Result<Vec<u8>, u32> {
        self.nonce_caller = vec![self.next; 16];
        self.next = self.next.wrapping_add(1);
        let mut parameters = command.parameters().to_vec();
        if attributes & DECRYPT != 0 {
            let auth = before.map_or(&[][..], |(auth, _)| auth);
            self.crypt(auth, &self.nonce_caller, &self.nonce_tpm, &mut parameters, true);
        }
        let code = command.code().to_be_bytes();
        let mut hashed: Vec<&[u8]> = vec![&code];
        hashed.extend(names);
        hashed.push(&parameters);
        let cp_hash = sha256(&hashed);
        let key = self.hmac_key(before);
        let mac = hmac(&key, &[&cp_hash, &self.nonce_caller, &self.nonce_tpm, &[attributes]]);
        let nonce = self.nonce_caller.clone();
        let sent = command
            .clone()
            .without_parameters()
            .raw(&parameters)
            .session(self.handle, &nonce, attributes, &mac);
        let answer = Answer::new(tpm.send(&sent.to_bytes()));
        if answer.code() != 0 {
            return Err(answer.code());
        }
        let mut parameters = answer.parameters(has_handle).to_vec();
        self.check(&answer, has_handle, &code, &parameters, &self.hmac_key(after));
        if attributes & ENCRYPT != 0 {
            let auth = after.map_or(&[][..], |(auth, _)| auth);
            self.crypt(auth, &self.nonce_tpm, &self.nonce_caller, &mut parameters, false);
        }
        Ok(parameters)
    }

    /// Sends a command with several sessions, of which the first authorises its first handle. The nonces of other sessions that encrypt are part of the
    /// first HMAC, unless `forgetful`. Says the response parameters, decrypted.
    ///
    /// # Panics
    /// When the response is a success in which an HMAC is wrong.
    pub fn run_together(
        uses: &mut [Together<'_>],
        tpm: &mut dyn Tpm,
        command: &Cmd,
        names: &[&[u8]],
        forgetful: bool,
    ) -> Result<Vec<u8>, u32> {
        let mut parameters = command.parameters().to_vec();
        for together in &mut *uses {
            let client = &mut together.client;
            client.nonce_caller = vec![client.next; 16];
            client.next += 1;
            if together.attributes & DECRYPT != 0 {
                let auth = together.auth.map_or(&[][..], |(auth, _)| auth);
                client.crypt(auth, &client.nonce_caller, &client.nonce_tpm, &mut parameters, true);
            }
        }
        let code = command.code().to_be_bytes();
        let mut hashed: Vec<&[u8]> = vec![&code];
        hashed.extend(names);
        hashed.push(&parameters);
        let cp_hash = sha256(&hashed);
        let other = |flag: u8| uses.iter().skip(1).position(|together| together.attributes & flag != 0);
        let mut extra = Vec::new();
        if !forgetful {
            let (decrypts, encrypts) = (other(DECRYPT), other(ENCRYPT).filter(|at| other(DECRYPT) != Some(*at)));
            for at in decrypts.into_iter().chain(encrypts) {
                extra.extend_from_slice(&uses[at + 1].client.nonce_tpm);
            }
        }
        let mut sent = command.clone().without_parameters().raw(&parameters);
        for (at, together) in uses.iter().enumerate() {
            let client = &together.client;
            let extra: &[u8] = if at == 0 { &extra } else { &[] };
            let attributes = [together.attributes];
            let parts = [
                &cp_hash[..],
                &client.nonce_caller,
                &client.nonce_tpm,
                extra,
                &attributes,
            ];
            let mac = hmac(&client.hmac_key(together.auth), &parts);
            sent = sent.session(client.handle, &client.nonce_caller, together.attributes, &mac);
        }
        let answer = Answer::new(tpm.send(&sent.to_bytes()));
        if answer.code() != 0 {
            return Err(answer.code());
        }
        let mut parameters = answer.parameters(false).to_vec();
        let mut area = answer.sessions(false);
        for together in &mut *uses {
            let key = together.client.hmac_key(together.auth);
            area = together.client.check_first(area, &code, &parameters, &key);
        }
        assert!(area.is_empty(), "as many sessions as in the command");
        for together in uses {
            if together.attributes & ENCRYPT != 0 {
                let (client, auth) = (&together.client, together.auth.map_or(&[][..], |(auth, _)| auth));
                client.crypt(auth, &client.nonce_tpm, &client.nonce_caller, &mut parameters, false);
            }
        }
        Ok(parameters)
    }

    /// sessionKey, and the authValue if it counts.
    fn hmac_key(&self, auth: Auth<'_>) -> Vec<u8> {
        let auth = auth.filter(|(_, in_hmac)| *in_hmac).map_or(&[][..], |(auth, _)| auth);
        [&self.key[..], auth].concat()
    }

    /// Checks the HMAC of the only session of a response and takes its nonce.
    fn check(&mut self, answer: &Answer, has_handle: bool, code: &[u8], parameters: &[u8], key: &[u8]) {
        let rest = self.check_first(answer.sessions(has_handle), code, parameters, key);
        assert!(rest.is_empty(), "one session");
    }

    /// Checks the HMAC of the first session in the area of a response and takes its nonce; says what is behind it.
    fn check_first<'a>(&mut self, area: &'a [u8], code: &[u8], parameters: &[u8], key: &[u8]) -> &'a [u8] {
        let nonce_size = usize::from(u16::from_be_bytes([area[0], area[1]]));
        self.nonce_tpm = area[2..2 + nonce_size].to_vec();
        let attributes = area[2 + nonce_size];
        self.attributes = attributes;
        let rp_hash = sha256(&[&[0; 4], code, parameters]);
        let expected = sized(&hmac(
            key,
            &[&rp_hash, &self.nonce_tpm, &self.nonce_caller, &[attributes]],
        ));
        let (given, rest) = area[3 + nonce_size..].split_at(expected.len());
        assert_eq!(hex::encode(given), hex::encode(&expected), "HMAC of the response");
        rest
    }
}

/// One of several sessions of a command.
pub struct Together<'a> {
    /// The session.
    pub client: &'a mut Client,
    /// What the session authorises has this authValue, which is part of the HMAC key or not.
    pub auth: Option<(&'a [u8], bool)>,
    /// The session's attributes.
    pub attributes: u8,
}

/// The mask of XOR obfuscation.
fn kdf_a_bits(key: &[u8], newer: &[u8], older: &[u8], bytes: usize) -> Vec<u8> {
    let bits = (bytes * 8) as u32;
    let mut out = Vec::new();
    let mut counter = 1u32;
    while out.len() < bytes {
        out.extend(hmac(
            key,
            &[&counter.to_be_bytes(), b"XOR", &[0], newer, older, &bits.to_be_bytes()],
        ));
        counter += 1;
    }
    out.truncate(bytes);
    out
}
