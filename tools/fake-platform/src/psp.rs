//! A PSP that speaks the guest-message protocol, and the hypervisor that carries its messages as a test wants (SNP firmware ABI, "Guest Messages").
//!
//! Written from the byte offsets of the specification, not with the layouts of `svsm_proto`, so that a wrong offset there does not cancel out here. Reports
//! carry no signature: whoever needs a chain uses the simulator.

use crate::machine::Violation;
use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use std::collections::{BTreeMap, VecDeque};

/// How the hypervisor carries the next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// As it should.
    Honest,
    /// Says "busy" without carrying it.
    Busy,
    /// Carries it, and says "busy" all the same.
    BusyAfterDelivery,
    /// Carries it, and flips a bit of the response's byte.
    FlipResponse(usize),
    /// Flips a bit of the request's byte before carrying it.
    FlipRequest(usize),
    /// Hands back the response to an earlier request.
    Replay,
    /// Says that all is well and hands back nothing.
    Nothing,
    /// Reports a firmware error of its own invention.
    FirmwareError(u32),
    /// Answers the event with "malformed input".
    Malformed,
    /// Says that certificates take this many pages.
    TooSmall(u64),
}

/// Fields of the report that a test chooses.
#[derive(Clone, Debug)]
pub struct ReportFields {
    /// MEASUREMENT.
    pub measurement: [u8; 48],
    /// POLICY.
    pub policy: u64,
}

/// What the hypervisor answers: SW_EXITINFO1, SW_EXITINFO2, RBX.
pub(crate) struct Carried {
    pub info1: u64,
    pub info2: u64,
    pub rbx: Option<u64>,
}

/// The PSP's side of the VM.
pub struct FakePsp {
    keys: [[u8; 32]; 4],
    counters: [u64; 4],
    seen: BTreeMap<(u8, u64), Vec<u8>>,
    last_response: Option<Vec<u8>>,
    /// How the next messages are carried; honestly when empty.
    pub carriers: VecDeque<Carrier>,
    /// What reports say.
    pub report: ReportFields,
    /// The certificate table that the hypervisor hands out.
    pub certificates: Vec<u8>,
    /// Messages that reached the PSP.
    pub delivered: usize,
    /// Attempts to send one.
    pub attempts: usize,
}

impl FakePsp {
    pub(crate) fn new() -> Self {
        let mut keys = [[0; 32]; 4];
        for (level, key) in keys.iter_mut().enumerate() {
            for (at, byte) in key.iter_mut().enumerate() {
                *byte = (level * 0x40 + at) as u8;
            }
        }
        FakePsp {
            keys,
            counters: [0; 4],
            seen: BTreeMap::new(),
            last_response: None,
            carriers: VecDeque::new(),
            report: ReportFields {
                measurement: [0x4D; 48],
                policy: 0x3_0000,
            },
            certificates: Vec::new(),
            delivered: 0,
            attempts: 0,
        }
    }

    /// The VMPCKs, for the secrets page. VMPCK0 is 00 01 .. 1F.
    pub fn keys(&self) -> [[u8; 32]; 4] {
        self.keys
    }

    /// SNP_GUEST_REQUEST or its extended form, the hypervisor in between.
    pub(crate) fn carry(
        &mut self,
        request: &[u8; 4096],
        response: &mut [u8],
        certificates: Option<&mut [u8]>,
        violations: &mut Vec<Violation>,
    ) -> Carried {
        self.attempts += 1;
        let done = |info2| Carried {
            info1: 0,
            info2,
            rbx: None,
        };
        let number = u64::from_le_bytes(field(request, 0x20));
        let sealed = request.to_vec();
        if self
            .seen
            .entry((request[0x3C], number))
            .or_insert_with(|| sealed.clone())
            != &sealed
        {
            violations.push(Violation::SequenceReused(number));
        }
        let carrier = self.carriers.pop_front().unwrap_or(Carrier::Honest);
        let mut request = *request;
        match carrier {
            Carrier::Busy => return done(2 << 32),
            Carrier::FirmwareError(code) => return done(u64::from(code)),
            Carrier::Malformed => {
                return Carried {
                    info1: 2,
                    info2: 5,
                    rbx: None,
                };
            }
            Carrier::TooSmall(pages) => {
                return Carried {
                    info1: 0,
                    info2: 1 << 32,
                    rbx: Some(pages),
                };
            }
            Carrier::Nothing => return done(0),
            Carrier::Replay => {
                if let Some(old) = &self.last_response {
                    response.copy_from_slice(old);
                }
                return done(0);
            }
            Carrier::FlipRequest(at) => request[at] ^= 0x10,
            Carrier::Honest | Carrier::BusyAfterDelivery | Carrier::FlipResponse(_) => {}
        }
        let mut answer = match self.serve(&request) {
            Ok(answer) => answer,
            Err(code) => return done(u64::from(code)),
        };
        if let Some(room) = certificates {
            let len = room.len().min(self.certificates.len());
            room[..len].copy_from_slice(&self.certificates[..len]);
        }
        self.last_response = Some(answer.clone());
        match carrier {
            Carrier::BusyAfterDelivery => return done(2 << 32),
            Carrier::FlipResponse(at) => answer[at] ^= 0x10,
            _ => {}
        }
        response.copy_from_slice(&answer);
        done(0)
    }

    /// The PSP itself: opens, checks, answers. `Err` is a firmware status.
    fn serve(&mut self, request: &[u8; 4096]) -> Result<Vec<u8>, u32> {
        const INVALID_PARAM: u32 = 0x16;
        const BAD_MEASUREMENT: u32 = 0x0B;
        let key = usize::from(request[0x3C]);
        let header_ok = request[0x30] == 1 && request[0x31] == 1 && u16::from_le_bytes(field(request, 0x32)) == 0x60;
        let number = u64::from_le_bytes(field(request, 0x20));
        let size = usize::from(u16::from_le_bytes(field(request, 0x36)));
        if !header_ok || key > 3 || size > 4000 || number != self.counters[key] + 1 {
            return Err(INVALID_PARAM);
        }
        let mut payload = request[0x60..0x60 + size].to_vec();
        let tag: [u8; 16] = field(request, 0);
        self.cipher(key)
            .decrypt_inout_detached(
                &iv(number).into(),
                &request[0x30..0x60],
                payload.as_mut_slice().into(),
                &tag.into(),
            )
            .map_err(|_| BAD_MEASUREMENT)?;
        self.counters[key] += 2;
        self.delivered += 1;
        let mut body = match request[0x34] {
            5 if size == 0x60 => self.report_response(&payload, key),
            17 if size == 0x80 => tsc_info(),
            _ => return Err(INVALID_PARAM),
        };
        let mut answer = vec![0; 4096];
        answer[0x20..0x28].copy_from_slice(&(number + 1).to_le_bytes());
        answer[0x30] = 1;
        answer[0x31] = 1;
        answer[0x32..0x34].copy_from_slice(&0x60u16.to_le_bytes());
        answer[0x34] = request[0x34] + 1;
        answer[0x35] = request[0x35];
        answer[0x36..0x38].copy_from_slice(&(body.len() as u16).to_le_bytes());
        answer[0x3C] = request[0x3C];
        let tag = self
            .cipher(key)
            .encrypt_inout_detached(&iv(number + 1).into(), &answer[0x30..0x60], body.as_mut_slice().into())
            .map_err(|_| INVALID_PARAM)?;
        answer[..16].copy_from_slice(&tag);
        answer[0x60..0x60 + body.len()].copy_from_slice(&body);
        Ok(answer)
    }

    fn cipher(&self, key: usize) -> Aes256Gcm {
        Aes256Gcm::new((&self.keys[key]).into())
    }

    /// MSG_REPORT_RSP: status, size, 24 reserved bytes, report.
    fn report_response(&self, request: &[u8], key: usize) -> Vec<u8> {
        let level = u32::from_le_bytes(field(request, 0x40));
        let mut body = vec![0; 0x20 + 0x4A0];
        if level > 3 || (level as usize) < key {
            body[0] = 0x16;
            return body;
        }
        body[4..8].copy_from_slice(&0x4A0u32.to_le_bytes());
        let report = &mut body[0x20..];
        report[0] = 3;
        report[8..16].copy_from_slice(&self.report.policy.to_le_bytes());
        report[0x30..0x34].copy_from_slice(&level.to_le_bytes());
        report[0x34] = 1;
        report[0x50..0x90].copy_from_slice(&request[..64]);
        report[0x90..0xC0].copy_from_slice(&self.report.measurement);
        body
    }
}

/// MSG_TSC_INFO_RSP: scale 1.0 and an offset.
fn tsc_info() -> Vec<u8> {
    let mut body = vec![0; 0x80];
    body[0x08..0x10].copy_from_slice(&(1u64 << 32).to_le_bytes());
    body[0x10..0x18].copy_from_slice(&0x1234u64.to_le_bytes());
    body
}

fn iv(number: u64) -> [u8; 12] {
    let mut iv = [0; 12];
    iv[..8].copy_from_slice(&number.to_le_bytes());
    iv
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    // Test vector worked out with the Python cryptography package: VMPCK0 = 00..1F, sequence number 1, REPORT_DATA = 00..3F, VMPL 0.
    #[test]
    fn sealing_matches_the_vector_from_outside() {
        let psp = FakePsp::new();
        let mut payload: Vec<u8> = (0..64).collect();
        payload.resize(0x60, 0);
        let mut aad = [0; 48];
        aad[..8].copy_from_slice(&[1, 1, 0x60, 0, 5, 1, 0x60, 0]);
        let tag = psp
            .cipher(0)
            .encrypt_inout_detached(&iv(1).into(), &aad, payload.as_mut_slice().into())
            .expect("short");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&tag), "0f354f26b13f7433d3674d8eebcaf847");
        assert_eq!(hex(&payload[..16]), "e22d803ca0aaea00420d0fc830cc86c4");
        let digest = Sha256::digest(&payload);
        assert_eq!(
            hex(&digest),
            "d0b8401790ed8f8234a07a4a2a41ccdc802fa6630232b980fbf2615c22587e1d"
        );
    }
}
