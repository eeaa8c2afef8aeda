//! A component in WAT whose parts a test replaces, and a host that counts: what the sandbox's tests are made of.

use svsm_sandbox::Limits;
use tpm_contract::{Arithmetic, Change, CipherMode, CommitError, Direction, HashAlgorithm, Host, LogLevel, Refusal};

/// A host that counts what it is asked.
#[derive(Default)]
pub struct CountingHost {
    /// Calls of `entropy`.
    pub entropy: u64,
    /// Calls of `commit`.
    pub commits: u64,
    /// What the last commit brought.
    pub changes: Vec<Change>,
    /// Log lines.
    pub lines: Vec<String>,
    /// Calls of `mod-exp`.
    pub exponentiations: u64,
    /// Calls of `digest` and `hmac`.
    pub digests: u64,
}

impl Arithmetic for CountingHost {
    fn mod_exp(&mut self, _: &[u8], _: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.exponentiations += 1;
        Ok(vec![7; modulus.len()])
    }

    /// The first byte of every operand, in the contract's order.
    fn rsa_private(
        &mut self,
        input: &[u8],
        [p, q]: [&[u8]; 2],
        [d_p, d_q]: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        Ok([input, p, q, d_p, d_q, q_inverse].map(|operand| operand[0]).to_vec())
    }

    /// The algorithm's place and the first byte of the message; far more than a digest when that is an exclamation mark.
    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.digests += 1;
        Ok(match message[0] {
            b'!' => vec![0; 65],
            first => vec![hash as u8, first],
        })
    }

    /// The algorithm's place and the first byte of either operand.
    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.digests += 1;
        Ok(vec![hash as u8, key[0], message[0]])
    }

    /// As much as a cipher gives back, unchanged.
    fn aes(&mut self, _: CipherMode, _: Direction, _: &[u8], _: &[u8], data: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(data.to_vec())
    }
}

impl Host for CountingHost {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        self.entropy += 1;
        out.fill(0xee);
        true
    }
    fn clock(&mut self) -> u64 {
        42
    }
    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        self.commits += 1;
        self.changes = changes.to_vec();
        Ok(())
    }
    fn log(&mut self, _: LogLevel, message: &str) {
        self.lines.push(message.into());
    }
}

/// Limits under which a test ends soon.
pub fn limits() -> Limits {
    Limits {
        fuel: 20_000_000,
        ..Limits::default()
    }
}

/// The parts of a component that a test may replace; the others are honest.
pub struct Parts {
    /// Imports.
    pub imports: &'static str,
    /// Memory, tables, globals, start function, anything else.
    pub memory: &'static str,
    /// Body of `cabi_realloc`, which has locals 0 to 3 and returns an i32.
    pub realloc: &'static str,
    /// Body of `execute`: locality, pointer, length; returns an i32.
    pub execute: &'static str,
    /// Body of `identity`.
    pub identity: &'static str,
    /// Body of `describe`.
    pub describe: &'static str,
    /// Body of `save-persistent`.
    pub save: &'static str,
    /// Body of the post-return of `execute`.
    pub release: &'static str,
    /// More module fields.
    pub more: &'static str,
}

/// A bump allocator that starts at 4096 and never frees.
const BUMP: &str = "
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get 2))))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at)";

impl Parts {
    /// An honest component: it echoes.
    pub const HONEST: Self = Self {
        imports: "",
        memory: "(memory (export \"memory\") 2)",
        realloc: BUMP,
        // ok(list): the command comes back.
        execute: "(i32.store8 (i32.const 16) (i32.const 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.store (i32.const 24) (local.get 2))
            (i32.const 16)",
        identity: "(i32.store8 (i32.const 16) (i32.const 1)) (i32.store8 (i32.const 20) (i32.const 0)) (i32.const 16)",
        describe: "(i32.store (i32.const 32) (i32.const 1024)) (i32.store (i32.const 36) (i32.const 4))
            (i32.store (i32.const 40) (i32.const 1028)) (i32.store (i32.const 44) (i32.const 1))
            (i32.store (i32.const 48) (i32.const 3)) (i32.store (i32.const 52) (i32.const 4))
            (i64.store (i32.const 56) (i64.const 0x500000006)) (i32.const 32)",
        save: "(i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 0))
            (i32.store (i32.const 24) (i32.const 0)) (i32.const 16)",
        release: "",
        more: "(data (i32.const 1024) \"echo1\")",
    };

    /// The module's text.
    pub fn text(&self) -> String {
        let Self {
            imports,
            memory,
            realloc,
            execute,
            identity,
            describe,
            save,
            release,
            more,
        } = self;
        let engine = "cloister:tpm/engine@0.2.0#";
        format!(
            "(module {imports} {memory} {more}
            (global $heap (mut i32) (i32.const 4096))
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export \"{engine}execute\") (param i32 i32 i32) (result i32) {execute})
            (func (export \"cabi_post_{engine}execute\") (param i32) {release})
            (func (export \"{engine}identity\") (result i32) {identity})
            (func (export \"{engine}describe\") (result i32) {describe})
            (func (export \"{engine}save-persistent\") (result i32) {save})
            (func (export \"{engine}power-on\") (param i32 i32) (result i32) (i32.const 8))
            (func (export \"{engine}hash-start\") (result i32) (i32.const 8))
            (func (export \"{engine}hash-data\") (param i32 i32) (result i32) (i32.const 8))
            (func (export \"{engine}hash-end\") (result i32) (i32.const 8))
            (func (export \"{engine}save-volatile\") (result i32) unreachable)
            (func (export \"{engine}restore-volatile\") (param i32 i32) (result i32) (i32.const 8)))"
        )
    }

    /// The component file.
    pub fn file(&self) -> Vec<u8> {
        file(&[&module(&self.text())])
    }
}

/// Assembles a module.
pub fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A component file with these core modules and nothing else.
pub fn file(modules: &[&[u8]]) -> Vec<u8> {
    let mut file = b"\0asm\x0d\0\x01\0".to_vec();
    for module in modules {
        file.push(1);
        let mut length = module.len();
        while length >= 0x80 {
            file.push(length as u8 | 0x80);
            length >>= 7;
        }
        file.push(length as u8);
        file.extend_from_slice(module);
    }
    file
}
