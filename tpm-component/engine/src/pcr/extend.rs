//! Where PCR meet hash functions: extension (Part 1 §17.4.2), the digest of a selection, and the hash sequences of the interface
//! (Part 1 §34; _TPM_Hash_Start, _TPM_Hash_Data, _TPM_Hash_End), with which hardware measures the code that it starts.
//!
//! The data of an extension is the caller's and may be anything; that is what extension is for. A hash sequence is reachable only by
//! whoever is the TPM's hardware interface, never through a command.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use super::{Allocation, Pcrs};
use crate::{
    crypto::{Hasher, hash},
    structures::{Tpm2bDigest, TpmRc, TpmiAlgHash, TpmlPcrSelection, limits},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// The PCR of the dynamic root of trust for measurement.
const DRTM_PCR: u8 = 17;
/// The PCR of the hardware's core root of trust for measurement.
const HCRTM_PCR: u8 = 0;

impl Pcrs {
    /// Extends `pcr` in one bank; a bank that does not have it is left alone. `digest` has the bank's size.
    pub fn extend(
        &mut self,
        host: &mut dyn Arithmetic,
        bank: TpmiAlgHash,
        pcr: u8,
        digest: &[u8],
    ) -> Result<(), TpmRc> {
        let Some(old) = self.value(bank, pcr) else {
            return Ok(());
        };
        let new = hash(host, bank, &[old, digest]);
        self.update(bank, pcr, new.as_bytes())
    }

    /// The digest of the PCR that `selection` names, which [`Pcrs::filter`] has made.
    pub fn digest(&self, host: &mut dyn Arithmetic, alg: TpmiAlgHash, selection: &TpmlPcrSelection) -> Tpm2bDigest {
        hash(host, alg, &[&self.concatenated(selection)])
    }
}

/// A hash sequence under way: one hash for each bank.
#[derive(Clone, Debug)]
pub struct HashSequence {
    hashers: Vec<Hasher>,
}

impl HashSequence {
    /// _TPM_Hash_Start, for the banks that can take the outcome.
    pub fn start(allocation: &Allocation, started: bool) -> Self {
        Self {
            hashers: allocation.banks_of(Self::pcr(started)).map(Hasher::new).collect(),
        }
    }

    /// _TPM_Hash_Data.
    pub fn update(&mut self, host: &mut dyn Arithmetic, data: &[u8]) {
        self.hashers.iter_mut().for_each(|hasher| hasher.update(host, data));
    }

    /// _TPM_Hash_End. After TPM2_Startup (`started`) the dynamic PCR restart from zero and PCR 17 takes the digest; before it, PCR 0 starts from
    /// locality 4 and takes the digest, and TPM2_Startup leaves it alone ([`Pcr0::Measured`](super::Pcr0::Measured)).
    pub fn finish(self, host: &mut dyn Arithmetic, pcrs: &mut Pcrs, started: bool) -> Result<(), TpmRc> {
        if started {
            pcrs.start_dynamic();
        } else {
            pcrs.start_measured();
        }
        for hasher in self.hashers {
            let bank = hasher.alg();
            let digest = hasher.finish(host);
            pcrs.extend(host, bank, Self::pcr(started), digest.as_bytes())?;
        }
        Ok(())
    }

    const fn pcr(started: bool) -> u8 {
        if started { DRTM_PCR } else { HCRTM_PCR }
    }
}

/// For a TPM that continues in another instance.
impl Marshal for HashSequence {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&(self.hashers.len() as u8));
        for hasher in &self.hashers {
            writer.put(&hasher.alg());
            writer.sized(|w| w.bytes(&hasher.export()));
        }
    }
}

impl Unmarshal for HashSequence {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let count = usize::from(u8::unmarshal(reader)?);
        if count > limits::HASH_COUNT {
            return Err(TpmRc::SIZE);
        }
        let mut hashers = Vec::with_capacity(count);
        for _ in 0..count {
            let alg = TpmiAlgHash::unmarshal(reader)?;
            let size = usize::from(u16::unmarshal(reader)?);
            hashers.push(Hasher::resume(alg, reader.take(size)?)?);
        }
        Ok(Self { hashers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::test_hosts::{bytes, three_ways},
        pcr::Pcr0,
        structures::{TpmsPcrSelect, TpmsPcrSelection},
    };

    fn started() -> Pcrs {
        let mut pcrs = Pcrs::new(Allocation::default());
        pcrs.start(true, Pcr0::Locality(0));
        pcrs
    }

    #[test]
    fn extension_matches_the_vectors_in_every_bank() {
        // Computed as Part 1 §17 says, confirmed by swtpm 0.7.1: zeros extended with a digest of zeros.
        three_ways(|host| {
            let mut pcrs = started();
            for (bank, expected) in [
                (TpmiAlgHash::Sha1, "b80de5d138758541c5f05265ad144ab9fa86d1db"),
                (
                    TpmiAlgHash::Sha256,
                    "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
                ),
                (
                    TpmiAlgHash::Sha384,
                    "f57bb7ed82c6ae4a29e6c9879338c592c7d42a39135583e8ccbe3940f2344b0eb6eb8503db0ffd6a39ddd00cd07d8317",
                ),
                (
                    TpmiAlgHash::Sha512,
                    "ab942f526272e456ed68a979f50202905ca903a141ed98443567b11ef0bf25a552d639051a01be58558122c58e3de07d749ee59ded36acf0\
                     c55cd91924d6ba11",
                ),
            ] {
                pcrs.extend(host, bank, 7, &alloc::vec![0; bank.digest_size()])
                    .expect("PCR 7 exists");
                assert_eq!(pcrs.value(bank, 7), Some(&bytes(expected)[..]), "{bank:?}");
            }
            assert_eq!(pcrs.update_counter(), 24, "20 at the start and one for each bank");
        });
    }

    #[test]
    fn digest_of_a_selection_matches_the_vectors() {
        // Computed independently as Part 1 §17 says: PCR 0 to 7, all PCR, no PCR.
        three_ways(|host| {
            let pcrs = started();
            let of = |selects: fn(u8) -> bool| {
                let select = TpmsPcrSelect::from_fn(selects);
                TpmlPcrSelection::new(alloc::vec![TpmsPcrSelection {
                    hash: TpmiAlgHash::Sha256,
                    select
                }])
                .expect("one")
            };
            for (selection, expected) in [
                (
                    of(|pcr| pcr < 8),
                    "5341e6b2646979a70e57653007a1f310169421ec9bdd9f1a5648f75ade005af1",
                ),
                (
                    of(|_| true),
                    "019de64c9318655e422c3d03831169896e31f02a1d74e4d8fef575bf4e0d75fa",
                ),
                (
                    TpmlPcrSelection::empty(),
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                ),
            ] {
                assert_eq!(
                    pcrs.digest(host, TpmiAlgHash::Sha256, &selection).as_bytes(),
                    bytes(expected)
                );
            }
        });
    }

    #[test]
    fn hash_sequences_before_and_after_startup_match_the_vectors() {
        // Computed as Part 1 §17 says, confirmed by swtpm 0.7.1: D-RTM after TPM2_Startup, H-CRTM before it.
        three_ways(|host| {
            let run = |host: &mut dyn Arithmetic, pcrs: &mut Pcrs, is_started| {
                let mut sequence = HashSequence::start(pcrs.allocation(), is_started);
                sequence.update(host, b"a");
                sequence.update(host, b"bc");
                sequence.finish(host, pcrs, is_started).expect("consistent");
            };
            let mut pcrs = started();
            run(host, &mut pcrs, true);
            let drtm = "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d";
            assert_eq!(pcrs.value(TpmiAlgHash::Sha256, 17), Some(&bytes(drtm)[..]));
            assert_eq!(pcrs.value(TpmiAlgHash::Sha256, 22), Some(&[0; 32][..]));

            let mut pcrs = Pcrs::new(Allocation::default());
            run(host, &mut pcrs, false);
            pcrs.start(true, Pcr0::Measured);
            let hcrtm = "901e9ce9d04e2102fa74fbbb9bb0abd25e3fdbe8";
            assert_eq!(pcrs.value(TpmiAlgHash::Sha1, 0), Some(&bytes(hcrtm)[..]));
        });
    }
}
