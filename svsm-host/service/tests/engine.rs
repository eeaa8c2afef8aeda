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
    tpm::{KEYS, KeyTemplate, PlatformHierarchy, PowerOnError, Tpm, Unique},
};
use tpm_contract::Record;
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
const CC_CHANGE_PPS: u32 = 0x125;
const CC_CLEAR: u32 = 0x126;
const CC_HIERARCHY_CHANGE_AUTH: u32 = 0x129;
const CC_CREATE_PRIMARY: u32 = 0x131;
const CC_STARTUP: u32 = 0x144;
const CC_IMPORT: u32 = 0x156;
const CC_LOAD: u32 = 0x157;
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

    /// The four persistent keys are these.
    fn assert_holds(&mut self, keys: &[Vec<u8>; 4]) {
        for (key, public) in KEYS.iter().zip(keys) {
            assert_eq!(self.read_public(key.handle).as_ref(), Some(public), "{:#x}", key.handle);
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
    guest.assert_holds(&reported);
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

/// A 2048-bit RSA key of `openssl genrsa`: its modulus, and one of its primes.
const KNOWN_MODULUS: [&str; 4] = [
    "b6ab54d9e1fd1db755cfb2e60851b362e3cb4bd008bb9d74d53fa25f50ec4424ec65f2ee6bec9ad1eee0b54286c7c60b6d42f6498e9e75ebbd3aac5fa9aac414",
    "627d3a1b9f209ca3ec407a845c1ca4905e93779514b1feb0618e38bc95c7404820cbef19a3e4e47b6fb9ac02cb370bb32cb0b1c1e4c4a991bb0bee23a5e807ef",
    "6d43c2e3ffb8ab0da895f135ce6ebff9d169e42da776d366794aa9e9964e79374334af42e9b8e0992fe62a264bf8e9671360fa06636522702c898c937f9f7901",
    "e0eca3488bdb811e6f81f20988d3e1a551ecf867725427153a177eca068b8686a892665f08a23969d23c87610454db489ec567b86b67092bf81e0822c9749841",
];
const KNOWN_PRIME: [&str; 2] = [
    "ea07b04ca046aa29f6c86fa71f4a8929002a934bba69600a650a92193f3af4dab993f3f99c02273e306b7114b6c55e7a1c54231b702e773c91b107d7772bd326",
    "0289bdeef837590283de31ddf848dca8947a56a88fdae167e1459d8daf9124784214d14d716ce47a581b79713fff3ceeb38ddd05e09fc98de62c8493cf80d4b5",
];

/// The generator of P-256 (FIPS 186-4 D.1.2.3): the public key whose private key is 1.
const KNOWN_POINT: [&str; 2] = [
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
];

/// TPMT_PUBLIC and TPMT_SENSITIVE of a key whose private half everybody knows, otherwise as much like the endorsement key of this template as an imported
/// key can be: all but fixedTPM and fixedParent.
fn known_key(template: &KeyTemplate) -> (Vec<u8>, Vec<u8>) {
    let unhex = |text: &str| hex::decode(text).expect("hexadecimal");
    let mut public = template.head.to_vec();
    public[7] &= !0x12;
    let (unique, secret) = match template.unique {
        Unique::Rsa2048 => (sized(&unhex(&KNOWN_MODULUS.concat())), unhex(&KNOWN_PRIME.concat())),
        Unique::P256 => {
            let mut one = vec![0; 32];
            one[31] = 1;
            (KNOWN_POINT.map(|coordinate| sized(&unhex(coordinate))).concat(), one)
        }
    };
    public.extend_from_slice(&unique);
    // sensitiveType, no authValue, a seed (it is a storage key), the private key: Part 2 §12.3.2.4.
    let sensitive = [&public[..2], &sized(b""), &sized(&[0x5E; 32]), &sized(&secret)].concat();
    (public, sensitive)
}

impl Guest {
    /// TPM2_Import and TPM2_Load of a known key under the storage root key; its handle.
    fn import(&mut self, (public, sensitive): &(Vec<u8>, Vec<u8>)) -> u32 {
        const RSA_SRK: u32 = 0x8100_0001;
        // No key of an inner wrap, the key in the clear, no seed of an outer wrap, TPM_ALG_NULL.
        let wrapped = [
            &sized(b""),
            &sized(public),
            &sized(&sized(sensitive)),
            &sized(b""),
            &[0, 0x10][..],
        ];
        let response = self.ok(&command(CC_IMPORT, &[RSA_SRK], true, &wrapped.concat()));
        let private = &response[4..6 + usize::from(u16::from_be_bytes([response[4], response[5]]))];
        let loaded = self.ok(&command(CC_LOAD, &[RSA_SRK], true, &[private, &sized(public)].concat()));
        u32::from_be_bytes(loaded[..4].try_into().expect("handle"))
    }
}

#[test]
fn guest_that_puts_a_key_it_knows_in_place_of_an_ek_is_not_vouched_for() {
    let mut guest = Guest::boot(PlatformHierarchy::CloseNow);
    let genuine = guest.keys();
    for (key, genuine) in KEYS
        .iter()
        .zip(&genuine)
        .filter(|(key, _)| key.hierarchy == ENDORSEMENT)
    {
        assert_eq!(guest.read_public(key.handle).as_ref(), Some(genuine));
        let known = known_key(key);
        // The engine takes the pair only because the private half belongs to the public one.
        let handle = guest.import(&known);
        guest.evict(key.handle, key.handle);
        guest.evict(handle, key.handle);
        guest.ok(&command(CC_FLUSH_CONTEXT, &[], false, &handle.to_be_bytes()));
        assert_eq!(guest.read_public(key.handle), Some(known.0), "planted");
    }
    assert_eq!(guest.keys(), genuine, "reports vouch for the seeds' keys");
    assert_eq!(guest.attest(VTPM_GUID, 0), genuine[0]);
    assert_eq!(guest.attest(CLOISTER_GUID, 1), [&genuine[1][..], &genuine[3]].concat());
}

#[test]
fn changed_platform_seed_leaves_the_reported_keys_as_they_are() {
    let mut guest = Guest::boot(PlatformHierarchy::LeaveToFirmware);
    let before = guest.keys();
    let platform_key = |guest: &mut Guest| {
        let created = guest.ok(&create_primary(PLATFORM, &KEYS[3].public()));
        guest.ok(&command(CC_FLUSH_CONTEXT, &[], false, &created[..4]));
        created[8..100].to_vec()
    };
    let old = platform_key(&mut guest);
    assert_eq!(platform_key(&mut guest), old, "of the same seed");
    guest.ok(&command(CC_CHANGE_PPS, &[PLATFORM], true, &[]));
    assert_ne!(platform_key(&mut guest), old);
    // Part 3 §24.3: endorsement and storage hierarchy have seeds of their own.
    assert_eq!(guest.keys(), before);
    guest.assert_holds(&before);
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
    let saved: Vec<Record> = {
        let mut tpm = guest.0.svsm.tpm().lock();
        let store = tpm.component().expect("working").host().store();
        let record = |(key, value): (u32, &[u8])| Record {
            key,
            value: value.to_vec(),
        };
        store.records().map(record).collect()
    };
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
