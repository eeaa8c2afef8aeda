//! The attestation report: layout and signature (SNP firmware ABI 56860, table 23; version 3).

use super::{field, launch::Digest384};
use p384::ecdsa::{Signature, SigningKey, signature::Signer};

/// Size of a report.
pub const REPORT_SIZE: usize = 0x4A0;
const SIGNED: usize = 0x2A0;

/// Who the processor is.
pub struct ChipIdentity {
    /// CHIP_ID.
    pub chip_id: [u8; 64],
    /// REPORTED_TCB; the simulated processor has never had another.
    pub tcb: u64,
    /// Combined CPUID family, model and stepping.
    pub family_model_stepping: [u8; 3],
}

/// What the ID block says, zero without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestIdentity {
    /// FAMILY_ID.
    pub family_id: [u8; 16],
    /// IMAGE_ID.
    pub image_id: [u8; 16],
    /// GUEST_SVN.
    pub guest_svn: u32,
}

/// What a report says about one guest.
pub struct Statement<'a> {
    /// The guest policy.
    pub policy: u64,
    /// From the ID block.
    pub identity: GuestIdentity,
    /// The VMPL that the report is about.
    pub vmpl: u32,
    /// REPORT_DATA.
    pub report_data: &'a [u8; 64],
    /// The launch digest.
    pub measurement: &'a Digest384,
    /// HOST_DATA.
    pub host_data: &'a [u8; 32],
    /// REPORT_ID.
    pub report_id: &'a [u8; 32],
}

/// Firmware version 1.55.21: build, minor, major.
const FIRMWARE: [u8; 3] = [21, 55, 1];

/// Builds and signs a report.
pub fn sign(statement: &Statement, chip: &ChipIdentity, key: &SigningKey) -> [u8; REPORT_SIZE] {
    let mut report = [0; REPORT_SIZE];
    let tcb = chip.tcb.to_le_bytes();
    let mut put = |offset: usize, bytes: &[u8]| field::write(&mut report, offset, bytes);
    put(0x000, &3u32.to_le_bytes());
    put(0x004, &statement.identity.guest_svn.to_le_bytes());
    put(0x008, &statement.policy.to_le_bytes());
    put(0x010, &statement.identity.family_id);
    put(0x020, &statement.identity.image_id);
    put(0x030, &statement.vmpl.to_le_bytes());
    put(0x034, &1u32.to_le_bytes()); // ECDSA P-384 with SHA-384
    put(0x038, &tcb); // CURRENT_TCB
    put(0x040, &0x25u64.to_le_bytes()); // PLATFORM_INFO: SMT, ECC, alias check complete
    put(0x050, statement.report_data);
    put(0x090, statement.measurement);
    put(0x0C0, statement.host_data);
    put(0x140, statement.report_id);
    put(0x160, &[0xFF; 32]); // no migration agent
    put(0x180, &tcb); // REPORTED_TCB
    put(0x188, &chip.family_model_stepping);
    put(0x1A0, &chip.chip_id);
    put(0x1E0, &tcb); // COMMITTED_TCB
    put(0x1E8, &FIRMWARE);
    put(0x1EC, &FIRMWARE);
    put(0x1F0, &tcb); // LAUNCH_TCB
    let signature: Signature = key.sign(&report[..SIGNED]);
    let (r, s) = signature.split_bytes();
    for (offset, scalar) in [(SIGNED, r), (SIGNED + 72, s)] {
        let mut little: [u8; 48] = scalar.into();
        little.reverse();
        field::write(&mut report, offset, &little);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use p384::ecdsa::signature::Verifier;

    // 56860, table 23 and the signature's little-endian form (table 113).
    #[test]
    fn report_carries_its_statement_and_a_signature_over_the_first_0x2a0_bytes() {
        let key = SigningKey::from_slice(&[7; 48]).expect("a scalar");
        let chip = ChipIdentity {
            chip_id: [9; 64],
            tcb: 0xDB18_0000_0000_0004,
            family_model_stepping: [0x19, 1, 1],
        };
        let statement = Statement {
            policy: 0x30000,
            identity: GuestIdentity::default(),
            vmpl: 2,
            report_data: &[1; 64],
            measurement: &[2; 48],
            host_data: &[3; 32],
            report_id: &[4; 32],
        };
        let report = sign(&statement, &chip, &key);
        assert_eq!(report[0x30], 2);
        assert_eq!(report[0x50..0x90], [1; 64]);
        assert_eq!(report[0x90..0xC0], [2; 48]);
        assert_eq!(report[0x188..0x18B], [0x19, 1, 1]);
        let scalar = |offset: usize| {
            let mut bytes: [u8; 48] = field::read(&report, offset).expect("inside");
            bytes.reverse();
            bytes
        };
        let signature = Signature::from_scalars(scalar(0x2A0), scalar(0x2E8)).expect("two scalars");
        assert!(key.verifying_key().verify(&report[..0x2A0], &signature).is_ok());
        assert!(report[0x330..].iter().all(|&byte| byte == 0));
    }
}
