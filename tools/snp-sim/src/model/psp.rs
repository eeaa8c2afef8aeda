//! The security processor: launch measurement, keys of the guest, and the guest's messages (SNP firmware ABI 56860).
//!
//! Launch commands come from the hypervisor, messages from the guest through the hypervisor's hands. The processor trusts neither: a
//! message counts when its tag is right under the VMPCK that it names and its number is the next one; a report or key for a VMPL that
//! is more privileged than that VMPCK is refused inside the sealed answer.

use super::{
    address::Gpa,
    field,
    guest_message::{self, Header, MessagePage, Vmpck},
    launch::{Digest384, LaunchDigest, PageType},
    report::{self, ChipIdentity, GuestIdentity, REPORT_SIZE, Statement},
};
use alloc::{vec, vec::Vec};
use hmac::{Hmac, KeyInit, Mac};
use p384::ecdsa::SigningKey;
use sha2::{Digest, Sha256};

const MSG_KEY_REQ: u8 = 3;
const MSG_REPORT_REQ: u8 = 5;
const MSG_TSC_INFO_REQ: u8 = 17;

/// TSC_SCALE of 1.0 in 8.32 fixed point.
pub const TSC_SCALE_ONE: u64 = 1 << 32;
/// Status inside an answer: parameters illegal.
const STATUS_INVALID_PARAMETER: u32 = 0x16;
/// Status inside an answer: key selection illegal.
const STATUS_INVALID_KEY: u32 = 0x27;

/// Status of a command, which the hypervisor passes on unprotected (56860, table 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// The guest is not in the state for it.
    InvalidGuestState = 0x01,
    /// The message's tag is wrong.
    BadMeasurement = 0x0B,
    /// Policy or ID block do not fit.
    PolicyFailure = 0x07,
    /// A parameter is illegal.
    InvalidParam = 0x16,
    /// The message counter has run out.
    AeadOverflow = 0x1D,
}

/// How a processor and its guest start.
pub struct GuestSetup {
    /// Guest policy.
    pub policy: u64,
    /// Chosen by the hypervisor.
    pub host_data: [u8; 32],
    /// Random: one key for each VMPL.
    pub vmpcks: [Vmpck; 4],
    /// Random.
    pub report_id: [u8; 32],
    /// Scale, offset and factor of the guest's Secure TSC.
    pub tsc: TscInfo,
}

/// What MSG_TSC_INFO tells.
#[derive(Clone, Copy, Debug)]
pub struct TscInfo {
    /// Guest TSC frequency / platform TSC frequency, 8.32 fixed point.
    pub scale: u64,
    /// Added to the scaled counter.
    pub offset: u64,
    /// Deviation from nominal in 1/100000.
    pub factor: u32,
}

/// The security processor with its one guest.
pub struct SecurityProcessor {
    chip: ChipIdentity,
    vcek: SigningKey,
    setup: GuestSetup,
    digest: LaunchDigest,
    identity: GuestIdentity,
    finished: bool,
    counters: [u64; 4],
}

impl SecurityProcessor {
    /// SNP_LAUNCH_START.
    pub fn launch_start(chip: ChipIdentity, vcek: SigningKey, setup: GuestSetup) -> Result<Self, CommandStatus> {
        // Bit 17 must be one; migration agents and ABI versions above 1.55 are not offered.
        if setup.policy & 1 << 17 == 0 || setup.policy & 1 << 18 != 0 || setup.policy & 0xFFFF > 0x0137 {
            return Err(CommandStatus::PolicyFailure);
        }
        Ok(Self {
            chip,
            vcek,
            setup,
            digest: LaunchDigest::new(),
            identity: GuestIdentity::default(),
            finished: false,
            counters: [0; 4],
        })
    }

    /// SNP_LAUNCH_UPDATE of one page.
    pub fn launch_update(
        &mut self,
        kind: PageType,
        gpa: Gpa,
        page: &[u8],
        permissions: [u8; 3],
    ) -> Result<(), CommandStatus> {
        if self.finished {
            return Err(CommandStatus::InvalidGuestState);
        }
        self.digest.extend(kind, gpa, page, permissions);
        Ok(())
    }

    /// SNP_LAUNCH_FINISH without an ID block: the digest.
    pub fn launch_finish(&mut self) -> Result<Digest384, CommandStatus> {
        if self.finished {
            return Err(CommandStatus::InvalidGuestState);
        }
        self.finished = true;
        Ok(self.digest.value())
    }

    /// The guest's keys, for the secrets page.
    pub fn vmpcks(&self) -> &[Vmpck; 4] {
        &self.setup.vmpcks
    }

    /// The guest's Secure TSC parameters.
    pub fn tsc(&self) -> TscInfo {
        self.setup.tsc
    }

    /// SNP_GUEST_REQUEST: opens the request, answers it, seals the answer.
    pub fn guest_request(&mut self, request: &MessagePage) -> Result<MessagePage, CommandStatus> {
        if !self.finished {
            return Err(CommandStatus::InvalidGuestState);
        }
        let header = Header::parse(request).map_err(|_| CommandStatus::InvalidParam)?;
        let slot = usize::from(header.vmpck);
        let counter = self.counters[slot];
        let last = counter.checked_add(2).ok_or(CommandStatus::AeadOverflow)?;
        if header.sequence != counter + 1 {
            return Err(CommandStatus::InvalidParam);
        }
        let key = self.setup.vmpcks[slot];
        let payload = guest_message::open(&key, &header, request).map_err(|_| CommandStatus::BadMeasurement)?;
        let answer = match header.kind {
            MSG_REPORT_REQ if header.version == 1 => self.report(header.vmpck, &payload),
            MSG_KEY_REQ if header.version <= 2 => self.derived_key(&header, &payload),
            MSG_TSC_INFO_REQ if header.version == 1 => self.tsc_info(&payload),
            _ => None,
        };
        let answer = answer.ok_or(CommandStatus::InvalidParam)?;
        let sealed = Header {
            sequence: last,
            kind: header.kind + 1,
            size: answer.len(),
            ..header
        };
        self.counters[slot] = last;
        guest_message::seal(&key, &sealed, &answer).map_err(|_| CommandStatus::InvalidParam)
    }

    /// Whether software with this VMPCK may ask about that VMPL.
    fn may_speak_for(vmpck: u8, vmpl: u32) -> bool {
        vmpl >= u32::from(vmpck) && vmpl <= 3
    }

    /// MSG_REPORT_REQ (56860, tables 21 and 22). `None` for a payload of the wrong size.
    fn report(&self, vmpck: u8, payload: &[u8]) -> Option<Vec<u8>> {
        if payload.len() != 0x60 {
            return None;
        }
        let report_data: [u8; 64] = field::read(payload, 0)?;
        let vmpl = field::read_u32(payload, 0x40)?;
        let selection = field::read_u32(payload, 0x44)?;
        let reserved_clear = payload[0x48..].iter().all(|&byte| byte == 0) && selection <= 3;
        let mut answer = vec![0; 0x20 + REPORT_SIZE];
        let status = match selection {
            _ if !reserved_clear || !Self::may_speak_for(vmpck, vmpl) => STATUS_INVALID_PARAMETER,
            0 | 1 => 0,
            // There is no VLEK.
            _ => STATUS_INVALID_KEY,
        };
        field::write(&mut answer, 0, &status.to_le_bytes());
        if status == 0 {
            let statement = Statement {
                policy: self.setup.policy,
                identity: self.identity,
                vmpl,
                report_data: &report_data,
                measurement: &self.digest.value(),
                host_data: &self.setup.host_data,
                report_id: &self.setup.report_id,
            };
            field::write(&mut answer, 4, &(REPORT_SIZE as u32).to_le_bytes());
            field::write(&mut answer, 0x20, &report::sign(&statement, &self.chip, &self.vcek));
        }
        Some(answer)
    }

    /// MSG_KEY_REQ (56860, tables 18 and 19). The derivation itself is not architectural: HMAC-SHA-256 under a secret of the chip.
    fn derived_key(&self, header: &Header, payload: &[u8]) -> Option<Vec<u8>> {
        let (expected, fields) = if header.version == 1 { (0x20, 6) } else { (0x28, 7) };
        if payload.len() != expected {
            return None;
        }
        let root = field::read_u32(payload, 0)?;
        let select = field::read_u64(payload, 8)?;
        let vmpl = field::read_u32(payload, 0x10)?;
        let svn = field::read_u32(payload, 0x14)?;
        let tcb = field::read_u64(payload, 0x18)?;
        let legal = root >> 3 == 0
            && select >> fields == 0
            && Self::may_speak_for(header.vmpck, vmpl)
            && svn <= self.identity.guest_svn
            && tcb_not_above(tcb, self.chip.tcb);
        let mut answer = vec![0; 0x40];
        // There is neither a VLEK nor a migration agent's root key.
        let status = match (legal, root & 1, root >> 1) {
            (false, ..) => STATUS_INVALID_PARAMETER,
            (true, 0, 0 | 1) => 0,
            _ => STATUS_INVALID_KEY,
        };
        field::write(&mut answer, 0, &status.to_le_bytes());
        if status == 0 {
            let mixed: [(u64, &[u8]); 7] = [
                (0, &self.setup.policy.to_le_bytes()),
                (1, &self.identity.image_id),
                (2, &self.identity.family_id),
                (3, &self.digest.value()),
                (4, &svn.to_le_bytes()),
                (5, &tcb.to_le_bytes()),
                (6, payload.get(0x20..0x28).unwrap_or(&[])),
            ];
            field::write(&mut answer, 0x20, &self.mix(select, vmpl, &mixed)?);
        }
        Some(answer)
    }

    fn mix(&self, select: u64, vmpl: u32, fields: &[(u64, &[u8])]) -> Option<[u8; 32]> {
        let chip_secret = Sha256::new()
            .chain_update(b"simulated chip's derivation secret")
            .chain_update(self.vcek.to_bytes())
            .finalize();
        let mut mac = Hmac::<Sha256>::new_from_slice(&chip_secret).ok()?;
        mac.update(&select.to_le_bytes());
        mac.update(&vmpl.to_le_bytes());
        for (_, value) in fields.iter().filter(|(bit, _)| select >> bit & 1 == 1) {
            mac.update(value);
        }
        Some(mac.finalize().into_bytes().into())
    }

    /// MSG_TSC_INFO_REQ (56860, tables 36 and 37).
    fn tsc_info(&self, payload: &[u8]) -> Option<Vec<u8>> {
        if payload.len() != 0x80 {
            return None;
        }
        let mut answer = vec![0; 0x80];
        if payload.iter().any(|&byte| byte != 0) {
            field::write(&mut answer, 0, &STATUS_INVALID_PARAMETER.to_le_bytes());
            return Some(answer);
        }
        field::write(&mut answer, 0x08, &self.setup.tsc.scale.to_le_bytes());
        field::write(&mut answer, 0x10, &self.setup.tsc.offset.to_le_bytes());
        field::write(&mut answer, 0x18, &self.setup.tsc.factor.to_le_bytes());
        Some(answer)
    }
}

/// Whether no component of a TCB version exceeds the other's.
fn tcb_not_above(tcb: u64, limit: u64) -> bool {
    tcb.to_le_bytes()
        .iter()
        .zip(limit.to_le_bytes())
        .all(|(&part, limit)| part <= limit)
}

#[cfg(test)]
mod tests {
    // Expectations: SNP firmware ABI 56860, chapter 7 (guest messages); Linux' sev-guest driver relies on the same rules.
    use super::*;

    const KEYS: [Vmpck; 4] = [[10; 32], [11; 32], [12; 32], [13; 32]];

    fn processor() -> SecurityProcessor {
        let chip = ChipIdentity {
            chip_id: [1; 64],
            tcb: 0x0404,
            family_model_stepping: [0x19, 1, 1],
        };
        let setup = GuestSetup {
            policy: 0x30000,
            host_data: [0; 32],
            vmpcks: KEYS,
            report_id: [2; 32],
            tsc: TscInfo {
                scale: TSC_SCALE_ONE,
                offset: 77,
                factor: 0,
            },
        };
        let key = SigningKey::from_slice(&[3; 48]).expect("a scalar");
        let mut processor = SecurityProcessor::launch_start(chip, key, setup).expect("starts");
        processor.launch_finish().expect("finishes");
        processor
    }

    fn ask(
        processor: &mut SecurityProcessor,
        vmpck: u8,
        sequence: u64,
        kind: u8,
        payload: &[u8],
    ) -> Result<Vec<u8>, CommandStatus> {
        let header = Header {
            sequence,
            kind,
            version: 1,
            vmpck,
            size: payload.len(),
        };
        let request = guest_message::seal(&KEYS[usize::from(vmpck)], &header, payload).expect("seals");
        let page = processor.guest_request(&request)?;
        let answer = Header::parse(&page).expect("a header");
        assert_eq!(
            (answer.sequence, answer.kind, answer.vmpck),
            (sequence + 1, kind + 1, vmpck)
        );
        Ok(guest_message::open(&KEYS[usize::from(vmpck)], &answer, &page).expect("opens"))
    }

    fn report_request(vmpl: u32) -> [u8; 0x60] {
        let mut payload = [0; 0x60];
        payload[0x40..0x44].copy_from_slice(&vmpl.to_le_bytes());
        payload
    }

    fn status(answer: &[u8]) -> u32 {
        field::read_u32(answer, 0).expect("a status")
    }

    #[test]
    fn report_for_a_more_privileged_vmpl_than_the_keys_is_refused() {
        let mut processor = processor();
        let refused = ask(&mut processor, 2, 1, MSG_REPORT_REQ, &report_request(0)).expect("answered");
        assert_eq!(status(&refused), STATUS_INVALID_PARAMETER);
        assert!(refused[4..].iter().all(|&byte| byte == 0));
        let own = ask(&mut processor, 2, 3, MSG_REPORT_REQ, &report_request(2)).expect("answered");
        assert_eq!(status(&own), 0);
        assert_eq!(own[0x20 + 0x30], 2);
        let below = ask(&mut processor, 0, 1, MSG_REPORT_REQ, &report_request(3)).expect("answered");
        assert_eq!(status(&below), 0);
        let beyond = ask(&mut processor, 0, 3, MSG_REPORT_REQ, &report_request(4)).expect("answered");
        assert_eq!(status(&beyond), STATUS_INVALID_PARAMETER);
    }

    #[test]
    fn sequence_number_must_be_the_next_of_its_key() {
        let mut processor = processor();
        let request = report_request(1);
        for wrong in [0, 2, 3] {
            let result = ask(&mut processor, 1, wrong, MSG_REPORT_REQ, &request);
            assert_eq!(result, Err(CommandStatus::InvalidParam));
        }
        assert!(ask(&mut processor, 1, 1, MSG_REPORT_REQ, &request).is_ok());
        assert_eq!(
            ask(&mut processor, 1, 1, MSG_REPORT_REQ, &request),
            Err(CommandStatus::InvalidParam)
        );
        assert!(ask(&mut processor, 0, 1, MSG_REPORT_REQ, &request).is_ok());
        assert!(ask(&mut processor, 1, 3, MSG_REPORT_REQ, &request).is_ok());
    }

    #[test]
    fn message_under_a_foreign_key_is_refused_and_does_not_count() {
        let mut processor = processor();
        let header = Header {
            sequence: 1,
            kind: MSG_REPORT_REQ,
            version: 1,
            vmpck: 0,
            size: 0x60,
        };
        let forged = guest_message::seal(&KEYS[2], &header, &report_request(0)).expect("seals");
        assert_eq!(processor.guest_request(&forged), Err(CommandStatus::BadMeasurement));
        assert!(ask(&mut processor, 0, 1, MSG_REPORT_REQ, &report_request(0)).is_ok());
    }

    #[test]
    fn derived_key_depends_on_vmpl_and_selected_fields_and_is_stable() {
        let mut processor = processor();
        let request = |vmpl: u8, select: u8| {
            let mut payload = [0; 0x20];
            payload[8] = select;
            payload[0x10] = vmpl;
            payload
        };
        let first = ask(&mut processor, 0, 1, MSG_KEY_REQ, &request(0, 8)).expect("answered");
        let again = ask(&mut processor, 0, 3, MSG_KEY_REQ, &request(0, 8)).expect("answered");
        let lower = ask(&mut processor, 0, 5, MSG_KEY_REQ, &request(1, 8)).expect("answered");
        let other = ask(&mut processor, 0, 7, MSG_KEY_REQ, &request(0, 0)).expect("answered");
        assert_eq!(first, again);
        assert_ne!(first, lower);
        assert_ne!(first, other);
        let refused = ask(&mut processor, 1, 1, MSG_KEY_REQ, &request(0, 8)).expect("answered");
        assert_eq!(status(&refused), STATUS_INVALID_PARAMETER);
        let vlek = [&[4, 0, 0, 0][..], &[0; 0x1C]].concat();
        let refused = ask(&mut processor, 0, 9, MSG_KEY_REQ, &vlek).expect("answered");
        assert_eq!(status(&refused), STATUS_INVALID_KEY);
    }

    #[test]
    fn tsc_information_is_what_the_guest_was_launched_with() {
        let mut processor = processor();
        let answer = ask(&mut processor, 0, 1, MSG_TSC_INFO_REQ, &[0; 0x80]).expect("answered");
        assert_eq!(field::read_u64(&answer, 8), Some(TSC_SCALE_ONE));
        assert_eq!(field::read_u64(&answer, 16), Some(77));
        assert_eq!(
            ask(&mut processor, 0, 3, MSG_TSC_INFO_REQ, &[0; 4]),
            Err(CommandStatus::InvalidParam)
        );
    }
}
