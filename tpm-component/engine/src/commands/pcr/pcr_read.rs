//! TPM2_PCR_Read (Part 3 §22.4): the values of the selected PCR, as many as fit into one answer. The answer says which ones those are, and
//! the caller asks again for the rest; pcrUpdateCounter tells it whether they changed in between.

use alloc::vec::Vec;

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{
        TpmCc, TpmRc, TpmlDigest, TpmlPcrSelection, TpmsPcrSelect, TpmsPcrSelection, limits::MAX_DIGEST_SIZE,
    },
    wire::{Marshal, Writer},
};

/// TPM2_PCR_Read.
pub struct PcrRead;

parameters! {
    /// Parameters of TPM2_PCR_Read.
    pub struct Params {
        /// The PCR that are asked for.
        pub pcr_selection_in: TpmlPcrSelection,
    }
}

reply! {
    /// Reply of TPM2_PCR_Read.
    pub struct Reply {
        /// pcrUpdateCounter.
        pub pcr_update_counter: u32,
        /// The PCR that are answered.
        pub pcr_selection_out: TpmlPcrSelection,
        /// Their values, bank by bank, ascending.
        pub pcr_values: Values,
    }
}

/// A TPML_DIGEST of values that are copied once, from the PCR into its wire form.
#[derive(Debug)]
pub struct Values {
    count: u32,
    digests: Writer,
}

impl Marshal for Values {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.count);
        writer.bytes(self.digests.as_slice());
    }
}

impl Command for PcrRead {
    const CODE: TpmCc = TpmCc::PCR_READ;
    const NAME: &'static str = "TPM2_PCR_Read";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let pcrs = &command.tpm.state_clear.pcrs;
        let selection = &command.params.pcr_selection_in;
        let mut values = Values {
            count: 0,
            digests: Writer::with_capacity(TpmlDigest::MAX * (2 + MAX_DIGEST_SIZE)),
        };
        let mut answered = Vec::with_capacity(selection.len());
        for asked in selection {
            let mut select = TpmsPcrSelect::empty();
            let room = TpmlDigest::MAX.saturating_sub(values.count as usize);
            for (pcr, value) in pcrs.values_of(asked).take(room) {
                values.digests.sized_bytes(value);
                values.count += 1;
                select.insert(pcr);
            }
            answered.push(TpmsPcrSelection {
                hash: asked.hash,
                select,
            });
        }
        Ok(Reply {
            pcr_update_counter: pcrs.update_counter(),
            pcr_selection_out: TpmlPcrSelection::new(answered)?,
            pcr_values: values,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        structures::{TpmCc, TpmiAlgHash, TpmlDigest, TpmlPcrSelection, TpmsPcrSelect, TpmsPcrSelection},
        test_tpm::{Call, TestTpm, hex},
        wire::{Reader, Unmarshal},
    };

    #[test]
    fn read_of_one_pcr_is_the_published_exchange() {
        // Part 3, confirmed by swtpm 0.7.1: TPM2_PCR_Read(sha256, PCR0); the counter after a start is 20.
        let mut test = TestTpm::started();
        let answer = test.send(0, &hex("8001000000140000017e00000001000b03010000"));
        let mut expected = hex("80010000003e0000000000000014");
        expected.extend(hex("00000001000b03010000"));
        expected.extend(hex("000000010020"));
        expected.extend([0; 32]);
        assert_eq!(answer, expected);
    }

    #[test]
    fn read_of_many_pcr_answers_the_first_eight_and_says_so() {
        // Part 3 §22.4: at most eight digests, and pcrSelectionOut names them.
        let mut test = TestTpm::started();
        let all = TpmsPcrSelection {
            hash: TpmiAlgHash::Sha1,
            select: TpmsPcrSelect::from_fn(|pcr| pcr >= 12),
        };
        let more = TpmsPcrSelection {
            hash: TpmiAlgHash::Sha256,
            select: TpmsPcrSelect::from_fn(|_| true),
        };
        let asked = TpmlPcrSelection::new(alloc::vec![all, more]).expect("two");
        let answer = test.run(Call::new(TpmCc::PCR_READ).with(&asked)).expect("allowed");
        let mut reader = Reader::new(&answer.parameters);
        assert_eq!(u32::unmarshal(&mut reader), Ok(20));
        let out = TpmlPcrSelection::unmarshal(&mut reader).expect("a selection");
        assert_eq!(
            out.as_slice()[0].select,
            TpmsPcrSelect::from_fn(|pcr| (12..20).contains(&pcr))
        );
        assert!(out.as_slice()[1].select.is_empty());
        let values = TpmlDigest::unmarshal(&mut reader).expect("values");
        assert_eq!((values.len(), values.as_slice()[4].as_bytes()), (8, &[0; 20][..]));
        assert_eq!(values.as_slice()[5].as_bytes(), [0xff; 20]);
        assert!(reader.is_empty());
    }
}
