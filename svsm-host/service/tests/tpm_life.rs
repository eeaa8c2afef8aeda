//! Power-on, provisioning and failure of the TPM, with components that are fine, buggy or hostile (DESIGN 7).

use fake_platform::{FakeEntropy, ModelTpm, Quirk};
use svsm_service::tpm::{IdentityError, KEYS, PlatformHierarchy, PowerOnError, ProvisionError, Tpm};
use tpm_contract::{Component, Failure};

const CREATE_PRIMARY: u32 = 0x131;
const EVICT_CONTROL: u32 = 0x120;
const RH_PLATFORM: u32 = 0x4000_000C;

fn power_on(component: ModelTpm) -> Result<Tpm<ModelTpm>, PowerOnError> {
    Tpm::power_on(component, &[], PlatformHierarchy::CloseNow, &mut FakeEntropy::new(1))
}

fn error(quirk: Quirk) -> PowerOnError {
    power_on(ModelTpm::new(quirk)).err().expect("refused")
}

#[test]
fn four_keys_are_in_place_and_nothing_is_left_behind() {
    let mut tpm = power_on(ModelTpm::new(Quirk::None)).expect("provisioned");
    let identity = tpm.identity().expect("checked");
    let model = tpm.component().expect("working");
    assert_eq!(model.transients(), 0);
    let handles: Vec<_> = model.persistent.keys().copied().collect();
    // TCG TPM v2.0 Provisioning Guidance and EK Credential Profile.
    assert_eq!(handles, [0x8100_0001, 0x8100_0002, 0x8101_0001, 0x8101_0002]);
    for (key, public) in KEYS.iter().zip(identity.publics()) {
        assert_eq!(&model.persistent[&key.handle], public, "{:#x}", key.handle);
    }
}

#[test]
fn platform_hierarchy_is_closed_with_a_random_value_unless_left_to_firmware() {
    let mut auths = Vec::new();
    for seed in [1, 2] {
        let tpm = Tpm::power_on(
            ModelTpm::new(Quirk::None),
            &[],
            PlatformHierarchy::CloseNow,
            &mut FakeEntropy::new(seed),
        );
        let auth = tpm
            .expect("provisioned")
            .component()
            .expect("working")
            .auth(RH_PLATFORM)
            .to_vec();
        assert_eq!(auth.len(), 32);
        auths.push(auth);
    }
    assert_ne!(auths[0], auths[1]);
    let mut tpm = Tpm::power_on(
        ModelTpm::new(Quirk::None),
        &[],
        PlatformHierarchy::LeaveToFirmware,
        &mut FakeEntropy::new(1),
    )
    .expect("provisioned");
    assert_eq!(tpm.component().expect("working").auth(RH_PLATFORM), b"");
}

#[test]
fn without_entropy_the_platform_is_not_left_open() {
    let entropy = FakeEntropy::new(1);
    entropy.set_dry(true);
    let tpm = Tpm::power_on(
        ModelTpm::new(Quirk::None),
        &[],
        PlatformHierarchy::CloseNow,
        &mut entropy.clone(),
    );
    assert_eq!(tpm.err(), Some(PowerOnError::NoEntropy));
}

#[test]
fn foreign_and_missing_keys_are_replaced_at_power_on_and_good_ones_kept() {
    let mut tpm = power_on(ModelTpm::new(Quirk::None)).expect("provisioned");
    let good = tpm.component().expect("working").persistent.clone();
    // What a guest could leave behind for the next power-on: a key of its own, and a gap.
    let mut model = ModelTpm::new(Quirk::None);
    model.persistent = good.clone();
    model.persistent.insert(0x8101_0001, good[&0x8100_0001].clone());
    model.persistent.remove(&0x8100_0002);
    let mut tpm = power_on(model).expect("provisioned");
    let model = tpm.component().expect("working");
    assert_eq!(model.persistent, good);
    let created = model.seen.iter().filter(|code| **code == CREATE_PRIMARY).count();
    assert_eq!(created, 2, "two of four keys were made anew");
}

#[test]
fn component_that_keeps_a_transient_object_is_refused() {
    assert_eq!(
        error(Quirk::KeepTransients),
        PowerOnError::Provision(ProvisionError::TransientLeft)
    );
}

#[test]
fn trap_during_provisioning_is_an_error_not_a_panic() {
    for command in [0x144, 0x173, CREATE_PRIMARY, EVICT_CONTROL, 0x165, 0x17A, 0x129] {
        let expected = PowerOnError::Provision(ProvisionError::TpmInFailure);
        assert_eq!(error(Quirk::TrapOn(command)), expected, "{command:#x}");
        assert_eq!(error(Quirk::GarbageOn(command)), expected, "{command:#x}");
        assert_eq!(
            error(Quirk::FailOn(command, Failure::NoEntropy)),
            expected,
            "{command:#x}"
        );
    }
}

#[test]
fn response_full_of_nonsense_is_an_error_not_a_panic() {
    // 4092 bytes of AA under a valid header: handles, sizes and counts that lead nowhere.
    for command in [0x173, CREATE_PRIMARY, 0x17A] {
        assert!(
            matches!(error(Quirk::LongOn(command, 4092)), PowerOnError::Provision(_)),
            "{command:#x}"
        );
    }
}

#[test]
fn component_with_bad_keys_is_refused_before_anything_is_persisted() {
    assert_eq!(
        error(Quirk::OffCurve),
        PowerOnError::Identity(IdentityError::NotOnCurve)
    );
    assert_eq!(
        error(Quirk::OtherTemplate),
        PowerOnError::Identity(IdentityError::NotTheTemplate)
    );
    assert_eq!(
        error(Quirk::FailIdentity(Failure::SelfTest)),
        PowerOnError::Identity(IdentityError::Component(Failure::SelfTest))
    );
}

#[test]
fn component_that_is_powered_already_is_refused() {
    let mut model = ModelTpm::new(Quirk::None);
    assert_eq!(model.power_on(&[]), Ok(Ok(())));
    assert_eq!(
        power_on(model).err(),
        Some(PowerOnError::Component(Failure::AlreadyPowered))
    );
}

#[test]
fn responses_are_wiped_when_they_are_dropped() {
    fn is_wiped(_: &impl zeroize::ZeroizeOnDrop) {}
    let mut tpm = power_on(ModelTpm::new(Quirk::None)).expect("provisioned");
    is_wiped(&tpm.execute(&[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7B, 0, 8]));
}
