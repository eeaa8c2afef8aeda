//! The conversation between a guest and its owner, over the guest's second serial port, as lines of text.
//!
//! The owner asks with one line, `verb argument…`; the guest answers with lines `name hex…` and ends with `end`. Byte strings are in
//! hexadecimal. The hypervisor carries the bytes and may change any of them: neither side believes anything here but what it can verify
//! (a report's signature, a quote, a credential that only the right TPM can open). Lines are bounded.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Longest line, in bytes.
pub const MAX_LINE: usize = 32_768;
/// The guest's first line.
pub const HELLO: &str = "hello cloister-guest 1";
/// The line that ends an answer.
pub const END: &str = "end";
/// The owner's last line: the guest switches the machine off.
pub const DONE: &str = "done";

/// What the owner may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `attest NONCE GUID VERSION`: a fresh report of one service with the owner's nonce; answered by `report`, `manifest` and `certificates`.
    /// Version 2 of our service is the event log of the measured boot.
    Attest {
        /// The owner's nonce, passed on as it is.
        nonce: Vec<u8>,
        /// Service GUID, in the byte order of the SVSM specification.
        service: [u8; 16],
        /// Manifest version.
        version: u32,
    },
    /// `ak`: the attestation key's public area; answered by `public` (TPMT_PUBLIC).
    AttestationKey,
    /// `activate HANDLE BLOB SECRET`: open a credential with the endorsement key at a persistent handle; answered by `credential`.
    Activate {
        /// Persistent handle of the endorsement key.
        key: u32,
        /// TPM2B_ID_OBJECT.
        blob: Vec<u8>,
        /// TPM2B_ENCRYPTED_SECRET.
        secret: Vec<u8>,
    },
    /// `quote NONCE PCRS`: a quote over SHA-256 PCRs, whose numbers are decimal, ascending and separated by commas, as in `0,1,9`; answered by
    /// `attest` (TPMS_ATTEST), `signature` (TPMT_SIGNATURE) and `pcrs`, the values one after the other.
    Quote {
        /// Qualifying data.
        nonce: Vec<u8>,
        /// The PCRs, ascending, each below 24.
        pcrs: Vec<u8>,
    },
    /// `own-report DATA`: a report that the guest asks for itself, at its own VMPL; answered by `report`.
    OwnReport {
        /// REPORT_DATA.
        data: Vec<u8>,
    },
    /// `done`: the conversation is over.
    Done,
}

impl Request {
    /// The line for this request, without its end.
    pub fn to_line(&self) -> String {
        match self {
            Request::Attest {
                nonce,
                service,
                version,
            } => format!("attest {} {} {version}", hex(nonce), hex(service)),
            Request::AttestationKey => "ak".into(),
            Request::Activate { key, blob, secret } => format!("activate {key:08x} {} {}", hex(blob), hex(secret)),
            Request::Quote { nonce, pcrs } => {
                let pcrs: Vec<String> = pcrs.iter().map(u8::to_string).collect();
                format!("quote {} {}", hex(nonce), pcrs.join(","))
            }
            Request::OwnReport { data } => format!("own-report {}", hex(data)),
            Request::Done => DONE.into(),
        }
    }

    /// Reads a line; `None` when it is no request.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        Some(match words.as_slice() {
            ["attest", nonce, service, version] => Request::Attest {
                nonce: unhex(nonce)?,
                service: unhex(service)?.try_into().ok()?,
                version: version.parse().ok()?,
            },
            ["ak"] => Request::AttestationKey,
            ["activate", key, blob, secret] => Request::Activate {
                key: u32::from_str_radix(key, 16).ok()?,
                blob: unhex(blob)?,
                secret: unhex(secret)?,
            },
            ["quote", nonce, list] => Request::Quote {
                nonce: unhex(nonce)?,
                pcrs: pcrs(list)?,
            },
            ["own-report", data] => Request::OwnReport { data: unhex(data)? },
            ["done"] => Request::Done,
            _ => return None,
        })
    }
}

/// PCR numbers, ascending; `None` when the text is anything else.
fn pcrs(text: &str) -> Option<Vec<u8>> {
    let pcrs: Vec<u8> = text
        .split(',')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    let ascending = pcrs.is_sorted_by(|one, next| one < next) && pcrs.last().is_some_and(|last| *last < 24);
    ascending.then_some(pcrs)
}

/// Bytes as lower-case hexadecimal; `-` for none, so that every field is a word.
pub fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    let digits = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// The bytes behind [`hex`]; `None` when the text is anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    // The protocol is this module's own: each request must come back from its line, and nothing else must be one.
    #[test]
    fn request_comes_back_from_its_line() {
        let requests = [
            Request::Attest {
                nonce: vec![1; 64],
                service: [0xab; 16],
                version: 1,
            },
            Request::AttestationKey,
            Request::Activate {
                key: 0x8101_0001,
                blob: vec![0, 255],
                secret: vec![7],
            },
            Request::Quote {
                nonce: vec![],
                pcrs: vec![0, 7, 9, 23],
            },
            Request::OwnReport { data: vec![9; 64] },
            Request::Done,
        ];
        for request in requests {
            assert_eq!(Request::parse(&request.to_line()), Some(request));
        }
        for line in [
            "",
            "attest",
            "quote xyz 0",
            "quote 0 0",
            "quote 00",
            "quote 00 ",
            "quote 00 24",
            "quote 00 1,0",
            "quote 00 1,1",
            "quote 00 1,",
            "activate 1 2",
            "ak ",
            "done done",
            "attest 00 00 0",
        ] {
            assert_eq!(Request::parse(line), None, "{line}");
        }
    }
}
