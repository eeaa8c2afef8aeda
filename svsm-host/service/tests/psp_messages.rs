//! The channel to the PSP under a hostile hypervisor (SNP firmware ABI, "Guest Messages"): no sequence number twice, no answer believed that does not open,
//! and after any doubt no key.

mod support;

use fake_platform::{Carrier, FakeClock, FakePlatform, SharedMachine};
use support::{CPU, launch_info, machine, secrets};
use svsm_platform::Vmpl;
use svsm_service::psp::{Certificates, Psp, PspError};

struct Channel {
    machine: SharedMachine,
    platform: FakePlatform,
    psp: Psp<FakeClock>,
    clock: FakeClock,
}

fn channel() -> Channel {
    let machine = machine(&launch_info());
    let platform = FakePlatform::new(&machine, CPU);
    let clock = FakeClock::default();
    let mut page = secrets(&machine);
    let psp = Psp::take(&mut page, clock.clone());
    assert_eq!(page.vmpck[0], [0; 32], "the key is out of the page");
    assert_ne!(page.vmpck[1], [0; 32]);
    Channel {
        machine,
        platform,
        psp,
        clock,
    }
}

impl Channel {
    fn carried_by(&mut self, carriers: impl IntoIterator<Item = Carrier>) {
        self.machine.lock().psp.carriers.extend(carriers);
    }

    fn report(&mut self, byte: u8) -> Result<[u8; 64], PspError> {
        let report = self.psp.report(&mut self.platform, &[byte; 64], Vmpl::SVSM)?;
        assert_eq!(self.machine.lock().violations, []);
        Ok(report.report_data)
    }
}

#[test]
fn reports_follow_each_other_with_odd_numbers() {
    let mut channel = channel();
    for byte in 0..5 {
        assert_eq!(channel.report(byte), Ok([byte; 64]));
    }
    let tsc = channel.psp.tsc_info(&mut channel.platform).expect("clean");
    assert_eq!((tsc.tsc_scale, tsc.tsc_offset), (1 << 32, 0x1234));
    assert_eq!(channel.machine.lock().psp.delivered, 6);
}

#[test]
fn busy_hypervisor_gets_the_same_bytes_again() {
    let mut channel = channel();
    channel.carried_by([Carrier::Busy, Carrier::Busy, Carrier::Honest]);
    assert_eq!(channel.report(1), Ok([1; 64]));
    assert_eq!(channel.machine.lock().psp.attempts, 3);
}

#[test]
fn request_left_pending_is_finished_before_another_is_sealed() {
    let mut channel = channel();
    channel.carried_by(std::iter::repeat_n(Carrier::Busy, 64));
    assert_eq!(channel.report(1), Err(PspError::Busy));
    assert!(channel.psp.is_usable());
    // Other data under the same number would be the end of GCM; the machine would name it.
    assert_eq!(channel.report(2), Ok([2; 64]));
    assert_eq!(
        channel.machine.lock().psp.delivered,
        2,
        "the first one was delivered too"
    );
}

#[test]
fn patience_with_a_busy_hypervisor_ends() {
    let mut channel = channel();
    channel.carried_by(std::iter::repeat_n(Carrier::Busy, 200));
    assert_eq!(channel.report(1), Err(PspError::Busy));
    channel.clock.advance(60_000);
    assert_eq!(channel.report(1), Err(PspError::Busy));
    channel.clock.advance(1);
    assert_eq!(channel.report(1), Err(PspError::KeyLost));
    assert!(!channel.psp.is_usable());
}

#[test]
fn any_doubt_destroys_the_key() {
    let carriers = [
        Carrier::Nothing,
        Carrier::Malformed,
        Carrier::FirmwareError(0x16),
        Carrier::FirmwareError(0x1D),
        Carrier::FlipRequest(0),
        Carrier::FlipRequest(0x60),
        Carrier::TooSmall(4),
        Carrier::BusyAfterDelivery,
    ];
    // Header: tag and its padding, number, algorithm, versions, sizes, type, key. Payload: first and last sealed byte.
    let offsets = [
        0, 15, 16, 31, 0x20, 0x27, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x3C, 0x3D, 0x5F, 0x60,
    ];
    let flips = offsets.into_iter().chain([0x60 + 0x4BF]).map(Carrier::FlipResponse);
    for carrier in carriers.into_iter().chain(flips) {
        let mut channel = channel();
        assert_eq!(channel.report(1), Ok([1; 64]));
        channel.carried_by([carrier.clone()]);
        assert_eq!(channel.report(2), Err(PspError::KeyLost), "{carrier:?}");
        let attempts = channel.machine.lock().psp.attempts;
        assert_eq!(channel.report(3), Err(PspError::KeyLost), "{carrier:?}");
        assert_eq!(
            channel.machine.lock().psp.attempts,
            attempts,
            "nothing more is sent after {carrier:?}"
        );
    }
}

#[test]
fn replayed_response_is_not_an_answer() {
    let mut channel = channel();
    assert_eq!(channel.report(1), Ok([1; 64]));
    channel.carried_by([Carrier::Replay]);
    assert_eq!(channel.report(1), Err(PspError::KeyLost));
}

#[test]
fn bytes_behind_the_response_do_not_matter() {
    let mut channel = channel();
    channel.carried_by([Carrier::FlipResponse(0x60 + 0x4C0), Carrier::FlipResponse(4095)]);
    assert_eq!(channel.report(1), Ok([1; 64]));
    assert_eq!(channel.report(2), Ok([2; 64]));
}

#[test]
fn certificates_too_large_are_reported_and_the_number_used_up() {
    let mut channel = channel();
    channel.carried_by([Carrier::TooSmall(7)]);
    let mut table = [0; 4096];
    let (report, certificates) = channel
        .psp
        .report_with_certificates(&mut channel.platform, &[9; 64], Vmpl::SVSM, &mut table)
        .expect("a report all the same");
    assert_eq!(
        (report.report_data, certificates),
        ([9; 64], Certificates::Needed(7 * 4096))
    );
    assert_eq!(channel.report(1), Ok([1; 64]));
    // Saying so twice is not what the protocol allows.
    channel.carried_by([Carrier::TooSmall(7), Carrier::TooSmall(7)]);
    let answer = channel
        .psp
        .report_with_certificates(&mut channel.platform, &[9; 64], Vmpl::SVSM, &mut table);
    assert_eq!(answer.err(), Some(PspError::KeyLost));
}

#[test]
fn sequence_number_goes_on_where_the_secrets_page_left_it_and_ends_the_key_at_its_end() {
    let machine = machine(&launch_info());
    let mut platform = FakePlatform::new(&machine, CPU);
    let mut page = secrets(&machine);
    page.guest.sequence_low[0] = 0xFFFF_FFFE;
    page.guest.sequence_high[0] = 0xFFFF_FFFF;
    let mut psp = Psp::take(&mut page, FakeClock::default());
    assert_eq!(
        psp.report(&mut platform, &[0; 64], Vmpl::SVSM).err(),
        Some(PspError::KeyLost)
    );
    assert_eq!(machine.lock().psp.attempts, 0);
}
