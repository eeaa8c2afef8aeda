//! TPM2_PCR_Event (Part 3 §22.3): hashes data with the algorithm of every bank, extends a PCR with the digests, and answers
//! them all, those of banks without the PCR included.

use super::extendable;
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters, reply},
    pcr::BANKS,
    structures::{Tpm2bEvent, TpmCc, TpmRc, limits::MAX_DIGEST_SIZE},
    wire::{Marshal, Writer},
};

/// TPM2_PCR_Event.
pub struct PcrEvent;

parameters! {
    /// Parameters of TPM2_PCR_Event.
    pub struct Params {
        /// The data.
        pub event_data: Tpm2bEvent,
    }
}

reply! {
    /// Reply of TPM2_PCR_Event.
    pub struct Reply {
        /// The digests.
        pub digests: Digests,
    }
}

/// A TPML_DIGEST_VALUES in its wire form.
#[derive(Debug)]
pub struct Digests(Writer);

impl Marshal for Digests {
    fn marshal(&self, writer: &mut Writer) {
        writer.bytes(self.0.as_slice());
    }
}

impl Command for PcrEvent {
    const CODE: TpmCc = TpmCc::PCR_EVENT;
    const NAME: &'static str = "TPM2_PCR_Event";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let pcr = extendable(command.handles.first(), command.locality)?;
        let pcrs = &mut command.tpm.state_clear.pcrs;
        let mut digests = Writer::with_capacity(4 + BANKS.len() * (2 + MAX_DIGEST_SIZE));
        digests.put(&(BANKS.len() as u32));
        for bank in BANKS {
            let digest = hash(command.host, bank, &[command.params.event_data.as_bytes()]);
            if let Some(pcr) = pcr {
                pcrs.extend(command.host, bank, pcr, digest.as_bytes())?;
            }
            digests.put(&bank);
            digests.bytes(digest.as_bytes());
        }
        Ok(Reply {
            digests: Digests(digests),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        pcr::BANKS,
        structures::{Tpm2bEvent, TpmCc, TpmHandle, TpmiAlgHash, TpmlDigestValues},
        test_tpm::{Call, TestTpm, hex},
    };

    #[test]
    fn event_extends_every_bank_and_answers_the_digests() {
        // Computed as Part 1 §17 says, confirmed by swtpm 0.7.1: "abc" extended to zeros.
        // The digest itself is the example of FIPS 180-4.
        let mut test = TestTpm::started();
        let event = Tpm2bEvent::new(b"abc").expect("short");
        let call = Call::new(TpmCc::PCR_EVENT)
            .on(TpmHandle::pcr(4))
            .password(b"")
            .with(&event);
        let digests: TpmlDigestValues = test.run(call).expect("allowed").read();
        let banks: alloc::vec::Vec<_> = digests.iter().map(|digest| digest.hash_alg()).collect();
        assert_eq!(banks, BANKS);
        let sha256 = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digests.as_slice()[1].digest(), sha256);
        let pcrs = &test.tpm.state_clear.pcrs;
        assert_eq!(
            pcrs.value(TpmiAlgHash::Sha1, 4),
            Some(&hex("ccd5bd41458de644ac34a2478b58ff819bef5acf")[..])
        );
        let extended = hex("589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d");
        assert_eq!(pcrs.value(TpmiAlgHash::Sha256, 4), Some(&extended[..]));
    }

    #[test]
    fn event_on_null_answers_digests_and_extends_nothing() {
        let mut test = TestTpm::started();
        let event = Tpm2bEvent::new(b"abc").expect("short");
        let call = Call::new(TpmCc::PCR_EVENT)
            .on(TpmHandle::NULL)
            .password(b"")
            .with(&event);
        let digests: TpmlDigestValues = test.run(call).expect("allowed").read();
        assert_eq!((digests.len(), test.tpm.state_clear.pcrs.update_counter()), (4, 20));
    }
}
