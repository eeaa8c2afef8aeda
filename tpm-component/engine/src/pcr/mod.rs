//! Platform Configuration Registers (Part 1 §17): 24 of them in up to four banks, shaped by the PC Client Platform TPM Profile.
//!
//! Anybody who can send commands extends and reads PCR; nobody can set one. The only ways to a value are extension, the resets that
//! `attributes.rs` allows from a locality, the start of the TPM, and the hash sequences of the interface (`hash_sequence.rs`). No PCR has an
//! authValue or a policy of its own, as in the profile.
//!
//! [`Pcrs`] holds the values with pcrUpdateCounter, which policies use to notice that a PCR has changed since they looked. Which bank
//! has which PCR is fixed from _TPM_Init on; what TPM2_PCR_Allocate asks for waits in the persistent state until the next one.

pub mod attributes;
mod bank;
mod extend;
mod values;

use alloc::vec::Vec;

pub use bank::{Allocation, BANKS, PcrValue};
pub use extend::HashSequence;
use values::Values;

use crate::{
    state::{Group, Undo, undo},
    structures::{TpmRc, TpmiAlgHash, TpmlPcrSelection, TpmsPcrSelect, TpmsPcrSelection, limits::PCR_COUNT},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// How TPM2_Startup finds PCR 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pcr0 {
    /// Nothing measured it: it becomes the number of the locality of TPM2_Startup.
    Locality(u8),
    /// A hash sequence before TPM2_Startup, the H-CRTM, measured it: it stays.
    Measured,
}

/// All PCR.
pub struct Pcrs {
    values: Group<Values>,
    update_counter: Group<u32>,
    allocation: Group<Allocation>,
}

undo!(Pcrs {
    values,
    update_counter,
    allocation
});

impl Pcrs {
    /// The PCR after _TPM_Init, when no command can see them yet.
    pub fn new(allocation: Allocation) -> Self {
        Self {
            values: Group::new(Values::zeros()),
            update_counter: Group::new(0),
            allocation: Group::new(allocation),
        }
    }

    /// Which bank has which PCR.
    pub fn allocation(&self) -> &Allocation {
        &self.allocation
    }

    /// pcrUpdateCounter.
    pub fn update_counter(&self) -> u32 {
        *self.update_counter
    }

    /// The value of `pcr` in `bank`; none when the bank does not have it.
    pub fn value(&self, bank: TpmiAlgHash, pcr: u8) -> Option<&[u8]> {
        self.allocation
            .contains(bank, pcr)
            .then(|| self.values.run(bank, pcr, 1))
            .flatten()
    }

    /// Puts the outcome of an extension into a bank that has `pcr`.
    fn update(&mut self, bank: TpmiAlgHash, pcr: u8, value: &[u8]) -> Result<(), TpmRc> {
        self.values.edit().set_in(bank, pcr, value)?;
        self.count(pcr);
        Ok(())
    }

    /// Sets `pcr` to zeros in every bank: TPM2_PCR_Reset, whose locality the command has checked.
    pub fn reset(&mut self, pcr: u8) {
        self.values.edit().fill(pcr, 0);
        self.count(pcr);
    }

    /// Sets the dynamic PCR to zeros: the first half of what ends a hash sequence after TPM2_Startup.
    fn start_dynamic(&mut self) {
        (0..PCR_COUNT as u8)
            .filter(|pcr| attributes::is_dynamic(*pcr))
            .for_each(|pcr| self.reset(pcr));
    }

    /// Sets PCR 0 to what an H-CRTM starts from, locality 4.
    fn start_measured(&mut self) {
        self.values.edit().set(0, &PcrValue::starting_at(4));
    }

    /// The start values of TPM Reset and TPM Restart; only Reset sets pcrUpdateCounter to zero first.
    pub fn start(&mut self, reset: bool, pcr0: Pcr0) {
        if reset {
            self.update_counter.set(0);
        }
        let values = self.values.edit();
        for pcr in 0..PCR_COUNT as u8 {
            match pcr0 {
                Pcr0::Measured if pcr == 0 => {}
                Pcr0::Locality(locality) if pcr == 0 => values.set(0, &PcrValue::starting_at(locality)),
                _ => values.fill(pcr, start_value(pcr)),
            }
        }
        (0..PCR_COUNT as u8).for_each(|pcr| self.count(pcr));
    }

    /// TPM Resume: the saved PCR come back, the others start, which counts: a saved policy session that looked at one of them has to look
    /// again.
    pub fn resume(&mut self, saved: SavedPcrs) {
        self.update_counter.set(saved.update_counter);
        let mut values = saved.values.into_iter();
        for pcr in 0..PCR_COUNT as u8 {
            match if attributes::is_saved(pcr) { values.next() } else { None } {
                Some(value) => self.values.edit().set(pcr, &value),
                None => {
                    self.values.edit().fill(pcr, start_value(pcr));
                    self.count(pcr);
                }
            }
        }
    }

    /// What TPM2_Shutdown(STATE) saves.
    pub fn save(&self) -> SavedPcrs {
        let saved = (0..PCR_COUNT as u8).filter(|pcr| attributes::is_saved(*pcr));
        SavedPcrs {
            values: saved.filter_map(|pcr| self.values.get(pcr)).collect(),
            update_counter: *self.update_counter,
        }
    }

    /// TPM Restart keeps pcrUpdateCounter and nothing else of what was saved.
    pub fn restore_counter(&mut self, saved: &SavedPcrs) {
        self.update_counter.set(saved.update_counter);
    }

    /// TPM2_Clear: policies that looked at PCR look again.
    pub fn invalidate_policies(&mut self) {
        self.update_counter.set(self.update_counter.wrapping_add(1));
    }

    /// `selection` without the PCR that its banks do not have. Banks stay, even when nothing of them is left.
    pub fn filter(&self, selection: &TpmlPcrSelection) -> TpmlPcrSelection {
        let filtered = selection.iter().map(|asked| TpmsPcrSelection {
            hash: asked.hash,
            select: self.existing(asked),
        });
        // As many selections as in a list that was within its bound.
        TpmlPcrSelection::new(filtered.collect()).unwrap_or_default()
    }

    /// The PCR that are asked for and that their bank has.
    fn existing(&self, asked: &TpmsPcrSelection) -> TpmsPcrSelect {
        asked.select.and(&self.allocation.of(asked.hash))
    }

    /// The values of the PCR that are asked for of one bank, as far as the bank has them, ascending.
    pub fn values_of(&self, asked: &TpmsPcrSelection) -> impl Iterator<Item = (u8, &[u8])> {
        let bank = asked.hash;
        let existing = self.existing(asked);
        existing
            .iter()
            .filter_map(move |pcr| Some((pcr, self.values.run(bank, pcr, 1)?)))
    }

    /// The values that `selection` names, one after the other: bank by bank in its order, PCR ascending. Their digest is what quotes,
    /// policies and creation data carry.
    pub fn concatenated(&self, selection: &TpmlPcrSelection) -> Vec<u8> {
        let size = selection
            .iter()
            .map(|asked| asked.select.len() * asked.hash.digest_size())
            .sum();
        let mut all = Vec::with_capacity(size);
        for asked in selection {
            for (first, count) in self.existing(asked).runs() {
                all.extend_from_slice(self.values.run(asked.hash, first, count).unwrap_or_default());
            }
        }
        all
    }

    fn count(&mut self, pcr: u8) {
        if !attributes::is_uncounted(pcr) {
            self.update_counter.set(self.update_counter.wrapping_add(1));
        }
    }
}

/// Every byte of a PCR that starts.
fn start_value(pcr: u8) -> u8 {
    if attributes::is_dynamic(pcr) { 0xFF } else { 0 }
}

/// The whole state, for a TPM that continues in another process: values, counter and allocation.
impl Marshal for Pcrs {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&*self.allocation);
        writer.put(&*self.update_counter);
        let values = (0..PCR_COUNT as u8).filter_map(|pcr| self.values.get(pcr));
        values.for_each(|value| writer.put(&value));
    }
}

impl Unmarshal for Pcrs {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let mut pcrs = Self::new(Unmarshal::unmarshal(reader)?);
        pcrs.update_counter = Group::new(Unmarshal::unmarshal(reader)?);
        for pcr in 0..PCR_COUNT as u8 {
            pcrs.values.edit().set(pcr, &Unmarshal::unmarshal(reader)?);
        }
        pcrs.settle();
        Ok(pcrs)
    }
}

/// The PCR that TPM2_Shutdown(STATE) saves, with pcrUpdateCounter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPcrs {
    values: Vec<PcrValue>,
    update_counter: u32,
}

impl Marshal for SavedPcrs {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.update_counter);
        self.values.iter().for_each(|value| writer.put(value));
    }
}

impl Unmarshal for SavedPcrs {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let update_counter = Unmarshal::unmarshal(reader)?;
        let saved = (0..PCR_COUNT as u8).filter(|pcr| attributes::is_saved(*pcr));
        let values = saved.map(|_| PcrValue::unmarshal(reader)).collect::<Result<_, _>>()?;
        Ok(Self { values, update_counter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Pcrs {
        let mut pcrs = Pcrs::new(Allocation::default());
        pcrs.start(true, Pcr0::Locality(0));
        pcrs.settle();
        pcrs
    }

    #[test]
    fn start_values_are_those_of_the_profile() {
        // Part 3 §9.3: 0 to 16 and 23 zero, 17 to 22 all ones.
        let pcrs = started();
        for pcr in 0..24 {
            let byte = if (17..=22).contains(&pcr) { 0xFF } else { 0 };
            assert_eq!(pcrs.value(TpmiAlgHash::Sha384, pcr), Some(&[byte; 48][..]), "PCR {pcr}");
        }
    }

    #[test]
    fn start_at_locality_3_is_recorded_in_pcr_0() {
        // Computed as Part 1 §17 says, confirmed by swtpm 0.7.1.
        let mut pcrs = Pcrs::new(Allocation::default());
        pcrs.start(true, Pcr0::Locality(3));
        let mut expected = [0; 20];
        expected[19] = 3;
        assert_eq!(pcrs.value(TpmiAlgHash::Sha1, 0), Some(&expected[..]));
    }

    #[test]
    fn update_counter_counts_what_is_counted() {
        // The value 20 after TPM Reset is what swtpm 0.7.1 reports: 24 PCR less the four that are not counted.
        let mut pcrs = started();
        assert_eq!(pcrs.update_counter(), 20);
        pcrs.reset(16);
        assert_eq!(pcrs.update_counter(), 20);
        pcrs.reset(20);
        assert_eq!(pcrs.update_counter(), 21);
        pcrs.roll_back();
        assert_eq!(
            (pcrs.update_counter(), pcrs.value(TpmiAlgHash::Sha1, 20)),
            (20, Some(&[0xFF; 20][..]))
        );
    }

    #[test]
    fn resume_brings_saved_pcr_back_and_starts_the_others() {
        let mut pcrs = started();
        pcrs.update(TpmiAlgHash::Sha256, 7, &[7; 32]).expect("PCR 7 exists");
        pcrs.update(TpmiAlgHash::Sha256, 23, &[9; 32]).expect("PCR 23 exists");
        let saved = SavedPcrs::from_bytes(&pcrs.save().to_bytes()).expect("own form");
        let mut resumed = Pcrs::new(Allocation::default());
        resumed.resume(saved);
        assert_eq!(resumed.value(TpmiAlgHash::Sha256, 7), Some(&[7; 32][..]));
        assert_eq!(resumed.value(TpmiAlgHash::Sha256, 23), Some(&[0; 32][..]));
        // As swtpm 0.7.1 counts: PCR 17 to 20 started.
        assert_eq!(resumed.update_counter(), 25);
    }

    #[test]
    fn filter_drops_what_is_not_allocated() {
        let none = TpmsPcrSelection {
            hash: TpmiAlgHash::Sha1,
            select: TpmsPcrSelect::empty(),
        };
        let request = TpmlPcrSelection::new(alloc::vec![none]).expect("one bank");
        let pcrs = Pcrs::new(Allocation::default().with(&request));
        let seven = TpmsPcrSelect::from_fn(|pcr| pcr == 7);
        let asked = [TpmiAlgHash::Sha256, TpmiAlgHash::Sha1].map(|hash| TpmsPcrSelection { hash, select: seven });
        let filtered = pcrs.filter(&TpmlPcrSelection::new(asked.to_vec()).expect("two banks"));
        assert_eq!(filtered.as_slice(), [asked[0].clone(), none_of(TpmiAlgHash::Sha1)]);
        assert_eq!(pcrs.concatenated(&filtered).len(), 32);
        assert_eq!(pcrs.value(TpmiAlgHash::Sha1, 7), None);
    }

    fn none_of(hash: TpmiAlgHash) -> TpmsPcrSelection {
        TpmsPcrSelection {
            hash,
            select: TpmsPcrSelect::empty(),
        }
    }

    #[test]
    fn whole_state_round_trips() {
        let mut pcrs = started();
        pcrs.reset(20);
        let copy = Pcrs::from_bytes(&pcrs.to_bytes()).expect("own form");
        assert_eq!(copy.to_bytes(), pcrs.to_bytes());
        assert_eq!(copy.update_counter(), 21);
    }
}
