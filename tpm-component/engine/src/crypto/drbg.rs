//! SP 800-90A Hash_DRBG with SHA-256 (§10.1.1), and the generator that the host's entropy seeds.
//!
//! A [`Drbg`] is deterministic: the same seed gives the same bytes, with which primary keys are derived. [`Rng`] is the TPM's source of
//! randomness: a `Drbg` that is seeded and, after a bounded number of requests, reseeded from the host's entropy, the only entropy there is.
//! What a caller stirs in (TPM2_StirRandom) is additional input that can add to the state but never replace it.
//!
//! Hash_DRBG was chosen since a hash compression is the cheapest primitive in an interpreter; its security strength is 256 bits.

use alloc::vec::Vec;
use tpm_contract::{Arithmetic, Host};
use zeroize::ZeroizeOnDrop;

use super::{CryptoError, hash::hash, health::Health};
use crate::{
    structures::TpmiAlgHash::Sha256,
    wipe::{Wipe, Wiped},
};

/// seedlen (SP 800-90A Table 2), in bytes.
const SEED: usize = 55;
/// Bytes of a SHA-256 digest.
const DIGEST: usize = 32;
/// Most bytes of one request (SP 800-90A Table 2: 2^19 bits).
const MAX_REQUEST: usize = 1 << 16;
/// Entropy for an instantiation: the security strength and half of it for the nonce (§8.6.7).
const SEED_ENTROPY: usize = 48;
/// Entropy for a reseed: the security strength.
const RESEED_ENTROPY: usize = 32;
/// Samples that are tested before the first of them is used (SP 800-90B §4.3), in draws of [`START_DRAW`].
const START_SAMPLES: usize = 1024;
const START_DRAW: usize = 256;
/// Requests until the generator reseeds itself. SP 800-90A allows 2^48; entropy costs next to nothing here.
const RESEED_INTERVAL: u64 = 256;

/// A deterministic generator.
#[derive(Clone)]
pub struct Drbg {
    v: Number,
    c: Number,
    /// reseed_counter: requests since the last seed, counted from 1.
    counter: u64,
}

impl Drop for Drbg {
    fn drop(&mut self) {
        self.v.wipe();
        self.c.wipe();
    }
}

impl ZeroizeOnDrop for Drbg {}

impl core::fmt::Debug for Drbg {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Drbg({} requests)", self.counter)
    }
}

impl Drbg {
    /// Hash_DRBG_Instantiate (§10.1.1.2). The seed material is entropy, nonce and personalization string, one after the other.
    pub fn new(host: &mut dyn Arithmetic, seed_material: &[&[u8]]) -> Self {
        let v = hash_df(host, seed_material);
        let c = hash_df(host, &[&[0], &v[..]]);
        Self {
            v: number(&v[..]),
            c: number(&c[..]),
            counter: 1,
        }
    }

    /// Hash_DRBG_Reseed (§10.1.1.3).
    pub fn reseed(&mut self, host: &mut dyn Arithmetic, entropy: &[u8], additional: &[u8]) {
        *self = Self::new(host, &[&[1], &bytes(&self.v)[1..], entropy, additional]);
    }

    /// Hash_DRBG_Generate (§10.1.1.4), once for every 2^19 bits.
    pub fn fill(&mut self, host: &mut dyn Arithmetic, out: &mut [u8]) {
        for request in out.chunks_mut(MAX_REQUEST) {
            // Hashgen: the hash of V, V + 1, V + 2 ...
            let mut v = bytes(&self.v);
            let (first, more) = request.split_at_mut(request.len().min(DIGEST));
            let digest = hash(host, Sha256, &[&v[1..]]);
            first.copy_from_slice(&digest.as_bytes()[..first.len()]);
            let mut data = self.v;
            for block in more.chunks_mut(DIGEST) {
                add(&mut data, &ZERO, &ZERO, 1);
                let digest = hash(host, Sha256, &[&bytes(&data)[1..]]);
                block.copy_from_slice(&digest.as_bytes()[..block.len()]);
            }
            data.wipe();
            v[0] = 3;
            let h = hash(host, Sha256, &[&v[..]]);
            add(&mut self.v, &number(h.as_bytes()), &self.c, self.counter);
            self.counter += 1;
        }
    }

    /// So many bytes.
    pub fn bytes(&mut self, host: &mut dyn Arithmetic, count: usize) -> Wiped<Vec<u8>> {
        let mut out = Wiped::new(alloc::vec![0; count]);
        self.fill(host, &mut out);
        out
    }
}

/// Hash_df (§10.3.1) for seedlen bits.
fn hash_df(host: &mut dyn Arithmetic, input: &[&[u8]]) -> Wiped<[u8; SEED]> {
    const BITS: [u8; 4] = (SEED as u32 * 8).to_be_bytes();
    // The counter in front is all in which the messages differ.
    let length: usize = input.iter().map(|part| part.len()).sum();
    let mut message = Wiped::new(Vec::with_capacity(1 + BITS.len() + length));
    message.push(0);
    message.extend_from_slice(&BITS);
    input.iter().for_each(|part| message.extend_from_slice(part));
    let mut out = Wiped::new([0; SEED]);
    for block in out.chunks_mut(DIGEST) {
        message[0] += 1;
        let digest = hash(host, Sha256, &[&message]);
        block.copy_from_slice(&digest.as_bytes()[..block.len()]);
    }
    out
}

/// A number of seedlen bits, its least significant 64 bits first; the eight bits at the top stay zero.
type Number = [u64; (SEED + 1) / 8];

/// A big-endian number.
fn number(bytes: &[u8]) -> Number {
    let mut out = ZERO;
    let (top, limbs) = bytes.as_rchunks();
    for (limb, bytes) in out.iter_mut().zip(limbs.iter().rev()) {
        *limb = u64::from_be_bytes(*bytes);
    }
    if let Some(limb) = out.get_mut(limbs.len()) {
        *limb = top.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    out
}

/// A number as big-endian bytes, behind one byte of zero.
fn bytes(number: &Number) -> Wiped<[u8; SEED + 1]> {
    let mut out = Wiped::new([0; SEED + 1]);
    for (bytes, limb) in out.as_chunks_mut().0.iter_mut().rev().zip(number) {
        *bytes = limb.to_be_bytes();
    }
    out
}

/// The number zero.
const ZERO: Number = [0; (SEED + 1) / 8];

/// `number + one + two + small` modulo 2^seedlen.
fn add(number: &mut Number, one: &Number, two: &Number, small: u64) {
    let mut carry = small;
    for ((limb, one), two) in number.iter_mut().zip(one).zip(two) {
        let sum = u128::from(*limb) + u128::from(*one) + u128::from(*two) + u128::from(carry);
        (*limb, carry) = (sum as u64, (sum >> u64::BITS) as u64);
    }
    if let Some(top) = number.last_mut() {
        *top &= u64::MAX >> 8;
    }
}

/// Bytes that are generated at once, since most requests are for a nonce or a seed and a request costs a hash besides those that it is made of.
const POOL: usize = 256;
/// The longest request that is served from there.
const POOLED: usize = 64;

/// The TPM's source of randomness.
#[derive(Clone)]
pub struct Rng {
    drbg: Drbg,
    /// Generated and not used yet, from `used` on; what was used is zero.
    pool: Wiped<[u8; POOL]>,
    used: usize,
    health: Health,
}

impl core::fmt::Debug for Rng {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Rng({:?}, {:?})", self.drbg, self.health)
    }
}

impl Rng {
    /// Seeds a generator from the host's entropy, which has to stand its tests first.
    pub fn new(host: &mut dyn Host) -> Result<Self, CryptoError> {
        let mut health = Health::default();
        test_source(host, &mut health)?;
        let entropy = entropy::<SEED_ENTROPY>(host, &mut health)?;
        Ok(Self {
            drbg: Drbg::new(host, &[&entropy[..], b"Cloister TPM random generator"]),
            pool: Wiped::new([0; POOL]),
            used: POOL,
            health,
        })
    }

    /// Tests the host's entropy as before the first seed (SP 800-90B §4.3: on demand).
    pub fn test_source(&mut self, host: &mut dyn Host) -> Result<(), CryptoError> {
        test_source(host, &mut self.health)
    }

    /// Whether the host's entropy has failed its tests: then nothing may be made with it any more.
    pub const fn is_broken(&self) -> bool {
        self.health.is_broken()
    }

    /// Reseeds from the host's entropy, with something from a caller as additional input (TPM2_StirRandom). What was generated before is not used any
    /// more.
    pub fn stir(&mut self, host: &mut dyn Host, additional: &[u8]) -> Result<(), CryptoError> {
        let entropy = entropy::<RESEED_ENTROPY>(host, &mut self.health)?;
        self.drbg.reseed(host, &entropy[..], additional);
        self.pool.wipe();
        self.used = POOL;
        Ok(())
    }

    /// The generator, for whatever makes a key of its output.
    pub fn generator(&mut self, host: &mut dyn Host) -> Result<&mut Drbg, CryptoError> {
        if self.drbg.counter > RESEED_INTERVAL {
            self.stir(host, &[])?;
        }
        Ok(&mut self.drbg)
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, host: &mut dyn Host, out: &mut [u8]) -> Result<(), CryptoError> {
        if out.len() > POOLED {
            self.generator(host)?.fill(host, out);
            return Ok(());
        }
        if POOL - self.used < out.len() {
            let mut fresh = Wiped::new([0; POOL]);
            self.generator(host)?.fill(host, &mut fresh[..]);
            (self.pool, self.used) = (fresh, 0);
        }
        let taken = &mut self.pool[self.used..self.used + out.len()];
        out.copy_from_slice(taken);
        taken.wipe();
        self.used += out.len();
        Ok(())
    }

    /// So many random bytes.
    pub fn bytes(&mut self, host: &mut dyn Host, count: usize) -> Result<Wiped<Vec<u8>>, CryptoError> {
        let mut out = Wiped::new(alloc::vec![0; count]);
        self.fill(host, &mut out)?;
        Ok(out)
    }
}

/// Draws as many samples as have to stand the tests before one is used, and uses none of them.
fn test_source(host: &mut dyn Host, health: &mut Health) -> Result<(), CryptoError> {
    for _ in 0..START_SAMPLES / START_DRAW {
        entropy::<START_DRAW>(host, health)?;
    }
    Ok(())
}

/// `N` bytes of the host's entropy: a fault when they do not stand the health tests.
fn entropy<const N: usize>(host: &mut dyn Host, health: &mut Health) -> Result<Wiped<[u8; N]>, CryptoError> {
    let mut out = Wiped::new([0; N]);
    if !host.entropy(&mut out[..]) {
        Err(CryptoError::NoEntropy)
    } else if health.passes(&out[..]) {
        Ok(out)
    } else {
        Err(CryptoError::Fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{both_ways, bytes};
    use tpm_contract::{Change, CommitError, LogLevel};

    #[test]
    fn drbg_nist_vector_matches() {
        // NIST CAVP drbgvectors_pr_false, Hash_DRBG, SHA-256, with personalization string and reseed; the second kilobit counts.
        both_ways(|host| {
            let mut drbg = Drbg::new(
                host,
                &[
                    &bytes("b87bb4de5c148d964fc0cb612d69295671780b4270fe32bf389b6f49488efe13"),
                    &bytes("27eb37a0c695c4ee3c9b70b7f6b33492"),
                    &bytes("52321406ac8a9c266b1f8d811bb871269e5824b59a0234f01d358193523bbb7c"),
                ],
            );
            drbg.reseed(
                host,
                &bytes("7638267f534c4e6ee22cc6ca6ed824fd5d3d387c00b89dd791eb5ac9766385b8"),
                &[],
            );
            let mut out = [0; 128];
            drbg.fill(host, &mut out);
            drbg.fill(host, &mut out);
            assert_eq!(
                out[..],
                bytes(
                    "de01c061651bab3cef2fc4ea89a56b6e86e74b2e9fd11ed671c97c813778a06a2c1f41b41e754a5257750c6bde9601da9d67d8d9564f4a8538b92516a2dacc496dee257b85393f2a01ad59aa3257f1b6da9566e3706d2d6d4a26e511b0c64d7dc223acb24827178afa43ca8d5a66f983d6929dc61564c4c14fc32d85765a23f7"
                )
            );
        });
    }

    /// A host that counts how often it is asked for entropy, and may have none, or always the same.
    #[derive(Default)]
    struct Source {
        asked: u32,
        dry: bool,
        stuck: bool,
    }

    impl Arithmetic for Source {}

    impl Host for Source {
        fn entropy(&mut self, out: &mut [u8]) -> bool {
            self.asked += 1;
            for (byte, at) in out.iter_mut().zip(0u8..=255) {
                *byte = if self.stuck { 0x5A } else { at ^ self.asked as u8 };
            }
            !self.dry
        }
        fn clock(&mut self) -> u64 {
            0
        }
        fn commit(&mut self, _changes: &[Change]) -> Result<(), CommitError> {
            Ok(())
        }
        fn log(&mut self, _level: LogLevel, _message: &str) {}
    }

    #[test]
    fn rng_reseeds_after_its_interval_and_fails_without_entropy() {
        let mut host = Source::default();
        let mut rng = Rng::new(&mut host).expect("has entropy");
        for _ in 0..RESEED_INTERVAL {
            rng.bytes(&mut host, POOLED + 1).expect("has entropy");
        }
        // Four draws for the test of the source, one for the seed.
        assert_eq!(host.asked, 5);
        rng.bytes(&mut host, 8).expect("has entropy");
        assert_eq!(host.asked, 6);
        host.dry = true;
        assert_eq!(rng.stir(&mut host, b"more"), Err(CryptoError::NoEntropy));
        assert!(Rng::new(&mut host).is_err());
    }

    #[test]
    fn short_requests_are_what_the_generator_gives_each_byte_once() {
        let mut host = Source::default();
        let mut rng = Rng::new(&mut host).expect("has entropy");
        let mut expected = [0; 2 * POOL];
        let mut generator = rng.drbg.clone();
        expected
            .chunks_mut(POOL)
            .for_each(|pool| generator.fill(&mut host, pool));
        let mut given = Vec::new();
        while given.len() < 2 * POOL {
            given.extend_from_slice(&rng.bytes(&mut host, 32).expect("has entropy"));
        }
        assert_eq!(given, expected);
        assert!(rng.pool.iter().all(|byte| *byte == 0), "what was used is gone");
        // What is left of a pool that is too short for a request is not used, and after stirring nothing of it is.
        let first = rng.bytes(&mut host, 8).expect("has entropy");
        rng.stir(&mut host, b"more").expect("has entropy");
        assert!(rng.pool.iter().all(|byte| *byte == 0));
        assert_ne!(rng.bytes(&mut host, 8).expect("has entropy"), first);
    }

    #[test]
    fn rng_does_not_take_what_a_broken_source_gives() {
        let mut host = Source::default();
        let mut rng = Rng::new(&mut host).expect("has entropy");
        assert!(!rng.is_broken());
        host.stuck = true;
        assert_eq!(rng.stir(&mut host, b"more"), Err(CryptoError::Fault));
        assert!(rng.is_broken());
        assert_eq!(
            Rng::new(&mut host).map(|_| ()),
            Err(CryptoError::Fault),
            "found before the seed"
        );
    }

    #[test]
    fn rng_stirred_differently_differs() {
        let mut host = Source::default();
        let mut a = Rng::new(&mut host).expect("has entropy");
        let mut b = a.clone();
        assert_eq!(a.bytes(&mut host, 16), b.bytes(&mut host, 16), "same state");
        a.stir(&mut host, b"one").expect("has entropy");
        host.asked -= 1;
        b.stir(&mut host, b"two").expect("has entropy");
        assert_ne!(
            a.bytes(&mut host, 16),
            b.bytes(&mut host, 16),
            "same entropy, other additional input"
        );
    }
}
