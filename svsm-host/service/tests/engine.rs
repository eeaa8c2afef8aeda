//! The services over the real engine: what other vTPMs got wrong, done by a guest with TPM commands (DESIGN 7).
//!
//! Command bytes are written out from Part 3; expected response codes are Part 2's.

mod support;

use fake_platform::{FakeClock, FakeEntropy};
use sha2::{Digest, Sha512};
use support::*;
use svsm_accel::NativeArithmetic;
use svsm_proto::{
    attest_call::{Buffer, Nonce, Services, SingleService, call},
    manifest::{CLOISTER_GUID, CloisterManifest, Guid, VTPM_GUID},
    report::AttestationReport,
};
use svsm_service::{
    host::TpmHost,
    tpm::{KEYS, PlatformHierarchy, PowerOnError, Tpm},
};
use tpm_engine::native::NativeComponent;
use zerocopy::{FromBytes, IntoBytes};

type Engine = NativeComponent<TpmHost<FakeEntropy, FakeClock, NativeArithmetic>>;

const OWNER: u32 = 0x4000_0001;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const RSA_EK: u32 = 0x8101_0001;

const CC_EVICT_CONTROL: u32 = 0x120;
const CC_CHANGE_EPS: u32 = 0x124;
const CC_CLEAR: u32 = 0x126;
const CC_HIERARCHY_CHANGE_AUTH: u32 = 0x129;
const CC_CREATE_PRIMARY: u32 = 0x131;
const CC_STARTUP: u32 = 0x144;
const CC_FLUSH_CONTEXT: u32 = 0x165;
const CC_READ_PUBLIC: u32 = 0x173;
const CC_GET_CAPABILITY: u32 = 0x17A;

fn engine(seed: u64) -> Engine {
    NativeComponent::new(TpmHost::new(
        FakeEntropy::new(seed),
        FakeClock::default(),
        NativeArithmetic,
    ))
}

/// A command with an empty password for its first handle, or without sessions.
fn command(code: u32, handles: &[u32], password: bool, parameters: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
    if password {
        body.extend_from_slice(&[0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0]);
    }
    body.extend_from_slice(parameters);
    let tag = if password { [0x80, 0x02] } else { [0x80, 0x01] };
    [
        &tag[..],
        &(10 + body.len() as u32).to_be_bytes(),
        &code.to_be_bytes(),
        &body,
    ]
    .concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn code_of(response: &[u8]) -> u32 {
    u32::from_be_bytes(response[6..10].try_into().expect("header"))
}

fn create_primary(hierarchy: u32, template: &[u8]) -> Vec<u8> {
    let parameters = [&[0, 4, 0, 0, 0, 0], &sized(template)[..], &[0, 0, 0, 0, 0, 0]].concat();
    command(CC_CREATE_PRIMARY, &[hierarchy], true, &parameters)
}

/// A guest of a booted SVSM.
struct Guest(Bench<Engine>);

impl Guest {
    fn boot(hierarchy: PlatformHierarchy) -> Self {
        Guest(Bench::boot_with(engine(42), hierarchy))
    }

    /// Sends a TPM command through SVSM_VTPM_CMD.
    fn send(&mut self, command: &[u8]) -> Vec<u8> {
        let request = [
            &8u32.to_le_bytes()[..],
            &[0],
            &(command.len() as u32).to_le_bytes(),
            command,
        ]
        .concat();
        self.0.write(SCRATCH, &request);
        assert_eq!(self.0.call(2, 1, [SCRATCH, 0, 0]).rax, code::SUCCESS);
        let size = u32::from_le_bytes(self.0.read(SCRATCH, 4).try_into().expect("four bytes"));
        self.0.read(SCRATCH + 4, size as usize)
    }

    /// Sends a command that must succeed; what follows the header.
    fn ok(&mut self, command: &[u8]) -> Vec<u8> {
        let response = self.send(command);
        assert_eq!(code_of(&response), 0, "command {:02x?}", &command[..10]);
        response[10..].to_vec()
    }

    fn read_public(&mut self, handle: u32) -> Option<Vec<u8>> {
        let response = self.send(&command(CC_READ_PUBLIC, &[handle], false, &[]));
        match code_of(&response) {
            0 => {
                let size = usize::from(u16::from_be_bytes([response[10], response[11]]));
                Some(response[12..12 + size].to_vec())
            }
            // TPM_RC_HANDLE of the first handle.
            0x18B => None,
            other => panic!("TPM2_ReadPublic: {other:#x}"),
        }
    }

    fn evict(&mut self, object: u32, handle: u32) {
        self.ok(&command(
            CC_EVICT_CONTROL,
            &[OWNER, object],
            true,
            &handle.to_be_bytes(),
        ));
    }

    fn transients(&mut self) -> u32 {
        let parameters = [1u32, 0x8000_0000, 64].map(u32::to_be_bytes).concat();
        let response = self.ok(&command(CC_GET_CAPABILITY, &[], false, &parameters));
        u32::from_be_bytes(response[5..9].try_into().expect("count"))
    }

    /// A manifest and its report, with what binds them checked.
    fn attest(&mut self, guid: Guid, version: u32) -> Vec<u8> {
        const NONCE: u64 = SCRATCH + 0x100;
        const REPORT: u64 = SCRATCH + 0x1000;
        const MANIFEST: u64 = SCRATCH + 0x2000;
        let buffer = |gpa, size| Buffer { gpa, size, reserved: 0 };
        let operation = SingleService {
            services: Services {
                report: buffer(REPORT, 0x1000),
                nonce: Nonce {
                    gpa: NONCE,
                    size: 64,
                    reserved: [0; 6],
                },
                manifest: buffer(MANIFEST, 0x1000),
                certificates: buffer(0, 0),
            },
            guid,
            version,
            reserved: 0,
        };
        self.0.write(SCRATCH, operation.as_bytes());
        self.0.write(NONCE, &[0x4E; 64]);
        let out = self.0.call(1, call::SINGLE_SERVICE, [SCRATCH, 0, 0]);
        assert_eq!(out.rax, code::SUCCESS);
        let manifest = self.0.read(MANIFEST, out.rcx as usize);
        let report = AttestationReport::read_from_bytes(&self.0.read(REPORT, 0x4A0)).expect("a report");
        let expected = Sha512::new()
            .chain_update([0x4E; 64])
            .chain_update(&manifest)
            .finalize();
        assert_eq!((&report.report_data[..], report.vmpl), (&expected[..], 0));
        manifest
    }

    /// The four public areas that a fresh report vouches for.
    fn keys(&mut self) -> [Vec<u8>; 4] {
        let bytes = self.attest(CLOISTER_GUID, 0);
        let manifest = CloisterManifest::parse(&bytes).expect("well-formed");
        [manifest.rsa_ek, manifest.p256_ek, manifest.rsa_srk, manifest.p256_srk].map(<[u8]>::to_vec)
    }
}

#[test]
fn guest_finds_four_keys_that_are_the_reported_ones_and_no_transient_object() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let reported = guest.keys();
    for (key, public) in KEYS.iter().zip(&reported) {
        assert_eq!(
            guest.read_public(key.handle).as_ref(),
            Some(public),
            "{:#x}",
            key.handle
        );
    }
    assert_eq!(guest.transients(), 0);
    // All slots are the guest's: as many primaries as TPM_PT_HR_TRANSIENT_MIN of the PC Client profile promises.
    for count in 1..=3 {
        guest.ok(&create_primary(OWNER, &KEYS[3].public()));
        assert_eq!(guest.transients(), count);
    }
    // TPM_RC_INITIALIZE: the SVSM has started the TPM already.
    let response = guest.send(&command(CC_STARTUP, &[], false, &[0, 0]));
    assert_eq!(code_of(&response), 0x100);
}

#[test]
fn created_primary_of_the_same_template_is_the_reported_key() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    for (index, key) in KEYS.iter().enumerate() {
        let reported = guest.keys()[index].clone();
        let response = guest.ok(&create_primary(key.hierarchy, &key.public()));
        let size = usize::from(u16::from_be_bytes([response[8], response[9]]));
        assert_eq!(response[10..10 + size], reported, "{:#x}", key.handle);
        guest.ok(&command(CC_FLUSH_CONTEXT, &[], false, &response[..4]));
    }
}

#[test]
fn guest_that_puts_its_own_key_in_place_of_the_ek_is_not_vouched_for() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let genuine = guest.attest(VTPM_GUID, 0);
    assert_eq!(guest.read_public(RSA_EK), Some(genuine.clone()));
    // A key of the guest's choice: another `unique`, another key.
    let mut template = KEYS[2].public();
    let last = template.len() - 1;
    template[last] = 1;
    let created = guest.ok(&create_primary(OWNER, &template));
    let handle = u32::from_be_bytes(created[..4].try_into().expect("handle"));
    guest.evict(RSA_EK, RSA_EK);
    guest.evict(handle, RSA_EK);
    let planted = guest.read_public(RSA_EK).expect("planted");
    assert_ne!(planted, genuine);
    assert_eq!(
        guest.attest(VTPM_GUID, 0),
        genuine,
        "the report vouches for the seed's key"
    );
    assert_eq!(guest.keys()[0], genuine);
}

#[test]
fn changed_endorsement_seed_shows_in_fresh_reports_and_not_in_the_boot_identity() {
    let mut guest = Guest::boot(PlatformHierarchy::LeaveToFirmware);
    let before = guest.keys();
    let boot = guest.0.svsm.evidence().boot_report;
    guest.ok(&command(CC_CHANGE_EPS, &[PLATFORM], true, &[]));
    let after = guest.keys();
    assert_ne!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    assert_eq!(before[2..], after[2..], "the storage hierarchy is another matter");
    assert_eq!(guest.attest(VTPM_GUID, 0), after[0]);
    let bytes = guest.attest(CLOISTER_GUID, 0);
    let manifest = CloisterManifest::parse(&bytes).expect("well-formed");
    assert_eq!(manifest.boot_report, boot.as_bytes());
    let x = |public: &[u8]| public[public.len() - 66..public.len() - 34].to_vec();
    assert_eq!(
        boot.report_data.to_vec(),
        [x(&before[1]), x(&before[3])].concat(),
        "it says what it is: of power-on"
    );
    assert_eq!(guest.transients(), 0);
}

#[test]
fn clear_gives_new_storage_keys_in_fresh_reports() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let before = guest.keys();
    guest.ok(&command(CC_CLEAR, &[LOCKOUT], true, &[]));
    let after = guest.keys();
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2], after[2]);
    assert_ne!(before[3], after[3]);
}

#[test]
fn closed_platform_hierarchy_is_closed_to_the_guest() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let before = guest.keys();
    let response = guest.send(&command(CC_CHANGE_EPS, &[PLATFORM], true, &[]));
    // TPM_RC_BAD_AUTH of the first session: the platform's authorisation is not subject to lockout.
    assert_eq!(code_of(&response), 0x9A2);
    assert_eq!(guest.keys(), before);
}

#[test]
fn attestation_works_whatever_authorisations_the_guest_sets() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let before = guest.keys();
    for hierarchy in [ENDORSEMENT, OWNER, LOCKOUT] {
        guest.ok(&command(CC_HIERARCHY_CHANGE_AUTH, &[hierarchy], true, &sized(b"mine")));
    }
    assert_eq!(
        code_of(&guest.send(&create_primary(ENDORSEMENT, &KEYS[1].public()))),
        0x9A2
    );
    assert_eq!(guest.keys(), before);
    assert_eq!(guest.attest(VTPM_GUID, 0), before[0]);
}

#[test]
fn attestation_works_while_every_object_slot_is_taken() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let before = guest.keys();
    while code_of(&guest.send(&create_primary(OWNER, &KEYS[3].public()))) == 0 {}
    assert_eq!(guest.keys(), before);
}

#[test]
fn different_vms_have_different_keys() {
    let mut first = Guest::boot(PlatformHierarchy::CloseNow);
    let mut second = Guest(Bench::boot(engine(43)));
    for (one, other) in first.keys().iter().zip(&second.keys()) {
        assert_ne!(one, other);
    }
}

/// Power cycle with the state that the engine committed.
fn power_cycle(guest: &mut Guest) -> Result<Tpm<Engine>, PowerOnError> {
    let saved = guest
        .0
        .svsm
        .tpm()
        .lock()
        .component()
        .expect("working")
        .host()
        .store()
        .records();
    Tpm::power_on(
        engine(44),
        &saved,
        PlatformHierarchy::CloseNow,
        &mut FakeEntropy::new(5),
    )
}

#[test]
fn foreign_key_is_replaced_at_the_next_power_on() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let before = guest.keys();
    let created = guest.ok(&create_primary(OWNER, &KEYS[3].public()));
    let handle = u32::from_be_bytes(created[..4].try_into().expect("handle"));
    guest.evict(RSA_EK, RSA_EK);
    guest.evict(handle, RSA_EK);
    guest.evict(0x8100_0002, 0x8100_0002);
    let mut tpm = power_cycle(&mut guest).expect("provisioned");
    assert_eq!(
        tpm.identity().expect("checked").publics(),
        &before,
        "the seeds are the same"
    );
    for (key, expected) in KEYS.iter().zip(&before) {
        let response = tpm.execute(&command(CC_READ_PUBLIC, &[key.handle], false, &[]));
        assert_eq!(code_of(&response), 0);
        assert_eq!(response[12..12 + expected.len()], expected[..], "{:#x}", key.handle);
    }
}

#[test]
fn owner_who_set_an_authorisation_keeps_the_handle_and_nothing_depends_on_it() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let before = guest.keys();
    guest.evict(RSA_EK, RSA_EK);
    guest.ok(&command(CC_HIERARCHY_CHANGE_AUTH, &[OWNER], true, &sized(b"mine")));
    let mut tpm = power_cycle(&mut guest).expect("powered on");
    assert_eq!(tpm.identity().expect("checked").publics(), &before);
    let response = tpm.execute(&command(CC_READ_PUBLIC, &[RSA_EK], false, &[]));
    assert_eq!(code_of(&response), 0x18B, "nobody could put it back");
    let parameters = [1u32, 0x8000_0000, 64].map(u32::to_be_bytes).concat();
    let response = tpm.execute(&command(CC_GET_CAPABILITY, &[], false, &parameters));
    assert_eq!(
        response[15..19],
        [0; 4],
        "and no transient object is left of the attempt"
    );
}
