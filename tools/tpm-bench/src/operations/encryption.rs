//! Encryption and key agreement.

use super::{Operation, repeated};
use crate::{
    subject::take_sized,
    templates::{
        Key,
        algorithm::{CFB, OAEP, SHA256},
    },
};
use tpm_client::Cmd;

const ECDH_Z_GEN: u32 = 0x154;
const RSA_DECRYPT: u32 = 0x159;
const ECDH_KEY_GEN: u32 = 0x163;
const ENCRYPT_DECRYPT: u32 = 0x164;
const RSA_ENCRYPT: u32 = 0x174;
const ENCRYPT_DECRYPT_2: u32 = 0x193;
/// TPMI_YES_NO: encrypt.
const ENCRYPT: u8 = 0;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("RSA_Encrypt OAEP", 300, |subject| {
        repeated(rsa_encrypt(subject.key(Key::DecryptionRsa)?))
    }),
    Operation::new("RSA_Decrypt OAEP 2048", 100, |subject| {
        let key = subject.key(Key::DecryptionRsa)?;
        let answer = subject.run(&rsa_encrypt(key))?.answer;
        let command = Cmd::new(RSA_DECRYPT).handle(key).password(&[]);
        let command = command.sized(take_sized(&mut answer.parameters(false))?);
        repeated(command.u16(OAEP).u16(SHA256).sized(&[]))
    }),
    Operation::new("ECDH_KeyGen P-256", 300, |subject| {
        repeated(Cmd::new(ECDH_KEY_GEN).handle(subject.key(Key::AgreementP256)?))
    }),
    Operation::new("ECDH_ZGen P-256", 300, |subject| {
        let key = subject.key(Key::AgreementP256)?;
        let answer = subject.run(&Cmd::new(ECDH_KEY_GEN).handle(key))?.answer;
        let mut rest = answer.parameters(false);
        let _shared_point = take_sized(&mut rest)?;
        let command = Cmd::new(ECDH_Z_GEN).handle(key).password(&[]);
        repeated(command.sized(take_sized(&mut rest)?))
    }),
    Operation::new("EncryptDecrypt2 AES-128-CFB 1KiB", 500, |subject| {
        let command = Cmd::new(ENCRYPT_DECRYPT_2).handle(subject.key(Key::Aes)?).password(&[]);
        repeated(command.sized(&[3; 1024]).u8(ENCRYPT).u16(CFB).sized(&[0; 16]))
    }),
    Operation::new("EncryptDecrypt AES-128-CFB 1KiB", 500, |subject| {
        let command = Cmd::new(ENCRYPT_DECRYPT).handle(subject.key(Key::Aes)?).password(&[]);
        repeated(command.u8(ENCRYPT).u16(CFB).sized(&[0; 16]).sized(&[3; 1024]))
    }),
];

fn rsa_encrypt(key: u32) -> Cmd {
    let command = Cmd::new(RSA_ENCRYPT).handle(key).sized(&[5; 32]);
    command.u16(OAEP).u16(SHA256).sized(&[])
}
