//! The first halves of split operations (Part 1 Annexes C.2.2 to C.2.4): TPM2_Commit and TPM2_EC_Ephemeral compute points from a scalar r,
//! TPM2_Sign with ECDAA and TPM2_ZGen_2Phase use the same r once more, and only once.
//!
//! Nothing of r is kept: it follows from a random nonce, a counter and the Name of the key, and what is kept is which counts are still open. A
//! count comes back from the caller and is believed only when it is open. A scalar that signed twice would give the key away, so a count
//! is closed with the operation that uses it, and all of them end with TPM Reset.

use crate::wipe::Wiped;
use tpm_contract::{Arithmetic, Host};

use crate::{
    crypto::{CryptoError, ecc, kdf_a},
    hierarchy::Secret,
    structures::{Tpm2bName, TpmRc, TpmiEccCurve, limits},
    tpm::Tpm,
};

/// Commitments that can be open at the same time: the bits of commitArray. One that was not used by then is lost.
const WINDOW: u64 = 128;

/// State-reset data of split operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commitments {
    /// commitNonce; none until the first commitment after TPM Reset.
    pub nonce: Option<Secret<{ limits::PROOF_SIZE }>>,
    /// commitCounter: how many commitments there were.
    pub counter: u64,
    /// commitArray: bit n is set when the newest count that is n modulo the window is open.
    pub open: u128,
}

impl Commitments {
    /// The whole count of which a caller knows the low 16 bits, if it is open.
    fn find(&self, count: u16) -> Option<u64> {
        let bit = 1u128 << (u64::from(count) % WINDOW);
        // The newest count that has these low bits, among those that were given out.
        let distance = (self.counter.wrapping_sub(1) as u16).wrapping_sub(count);
        let whole = self.counter.checked_sub(1)?.checked_sub(distance.into())?;
        (self.open & bit != 0 && u64::from(distance) < WINDOW).then_some(whole)
    }

    /// r for a count: with 64 bits more than the order has, so that its reduction is even.
    fn scalar(
        &self,
        host: &mut dyn Arithmetic,
        curve: TpmiEccCurve,
        name: &Tpm2bName,
        count: u64,
    ) -> Result<Wiped<alloc::vec::Vec<u8>>, CryptoError> {
        let nonce = self.nonce.as_ref().ok_or(CryptoError::BadOperand)?;
        let wide = kdf_a(
            host,
            limits::CONTEXT_HASH,
            nonce.as_bytes(),
            b"ECDAA Commit",
            name.as_bytes(),
            &count.to_be_bytes(),
            (curve.size() + ecc::EXTRA) * 8,
        );
        ecc::scalar_from_wide(curve, &wide)
    }
}

impl Tpm {
    /// The scalar of the next commitment. `name` is that of the key that is to sign, empty for an ephemeral key.
    pub(crate) fn next_commitment(
        &mut self,
        host: &mut dyn Host,
        curve: TpmiEccCurve,
        name: &Tpm2bName,
    ) -> Result<Wiped<alloc::vec::Vec<u8>>, TpmRc> {
        if self.state_reset.commitments.nonce.is_none() {
            let mut nonce = Wiped::new([0; limits::PROOF_SIZE]);
            self.rng.fill(host, &mut nonce[..])?;
            self.state_reset.commitments.edit().nonce = Some(Secret::new(*nonce));
        }
        let commitments = &self.state_reset.commitments;
        Ok(commitments.scalar(host, curve, name, commitments.counter)?)
    }

    /// Opens the commitment whose scalar [`Self::next_commitment`] gave; says its count.
    pub(crate) fn open_commitment(&mut self) -> u16 {
        let commitments = self.state_reset.commitments.edit();
        let count = commitments.counter;
        commitments.open |= 1 << (count % WINDOW);
        commitments.counter = count.wrapping_add(1);
        count as u16
    }

    /// The scalar of an open commitment; none when there is no such commitment.
    pub(crate) fn commitment(
        &self,
        host: &mut dyn Host,
        curve: TpmiEccCurve,
        name: &Tpm2bName,
        count: u16,
    ) -> Option<Wiped<alloc::vec::Vec<u8>>> {
        let commitments = &self.state_reset.commitments;
        let whole = commitments.find(count)?;
        commitments.scalar(host, curve, name, whole).ok()
    }

    /// Closes a commitment: its scalar was used.
    pub(crate) fn close_commitment(&mut self, count: u16) {
        self.state_reset.commitments.edit().open &= !(1 << (u64::from(count) % WINDOW));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(counter: u64) -> Commitments {
        Commitments {
            nonce: None,
            counter,
            open: u128::MAX,
        }
    }

    #[test]
    fn count_is_found_in_the_window_before_the_counter_only() {
        // Part 1 §C.2.2: the low 16 bits of the counter name the commitment.
        assert_eq!(after(0).find(0), None, "none was given out");
        assert_eq!(after(1).find(0), Some(0));
        assert_eq!(after(1).find(1), None, "not given out yet");
        assert_eq!(after(1).find(u16::MAX), None, "below the first");
        assert_eq!(after(300).find(299), Some(299));
        assert_eq!(after(300).find(172), Some(172));
        assert_eq!(after(300).find(171), None, "too old");
        assert_eq!(after(0x1_0005).find(4), Some(0x1_0004));
        assert_eq!(after(0x1_0005).find(0xFFFF), Some(0xFFFF));
        let mut closed = after(300);
        closed.open &= !(1 << (299 % WINDOW));
        assert_eq!(closed.find(299), None, "used");
    }
}
