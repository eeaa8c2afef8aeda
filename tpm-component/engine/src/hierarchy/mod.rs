//! The hierarchies (Part 1 §14): their seeds and proofs, who may use them, and whether they are enabled. `dictionary_attack.rs` holds the
//! rules against guessing.
//!
//! Nothing from outside reaches this module but through commands that were authorised. Seeds and proofs leave it only as keys for
//! derivations; all of them are wiped when they are replaced.

pub mod dictionary_attack;
pub mod ticket;

use zeroize::ZeroizeOnDrop;

use crate::{
    structures::{Tpm2bAuth, TpmiRhHierarchy, TpmtHa, limits},
    wipe::Wipe,
};

/// A primary seed or a proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> Secret<N> {
    /// These bytes.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> core::fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Secret({N} secret bytes)")
    }
}

/// A primary seed.
pub type Seed = Secret<{ limits::PRIMARY_SEED_SIZE }>;
/// A hierarchy's proof.
pub type Proof = Secret<{ limits::PROOF_SIZE }>;

/// What authorises the use of a hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorization {
    /// authValue, without zeros at its end.
    pub auth: Tpm2bAuth,
    /// authPolicy with its algorithm, or none.
    pub policy: Option<TpmtHa>,
}

/// The secrets that make a hierarchy what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The primary seed.
    pub seed: Seed,
    /// The proof.
    pub proof: Proof,
}

/// The part of the hierarchies that lasts. platformAuth and platformPolicy are not here: they end with the next TPM Reset or Restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchies {
    /// PPS and phProof.
    pub platform: Root,
    /// SPS and shProof.
    pub owner: Root,
    /// EPS and ehProof.
    pub endorsement: Root,
    /// ownerAuth and ownerPolicy.
    pub owner_authorization: Authorization,
    /// endorsementAuth and endorsementPolicy.
    pub endorsement_authorization: Authorization,
    /// lockoutAuth and lockoutPolicy.
    pub lockout_authorization: Authorization,
    /// disableClear.
    pub disable_clear: bool,
}

/// Which hierarchies are enabled (TPMA_STARTUP_CLEAR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enables {
    /// phEnable.
    pub platform: bool,
    /// shEnable.
    pub owner: bool,
    /// ehEnable.
    pub endorsement: bool,
    /// phEnableNV.
    pub platform_nv: bool,
}

impl Enables {
    /// As after TPM Reset.
    pub const ALL: Self = Self {
        platform: true,
        owner: true,
        endorsement: true,
        platform_nv: true,
    };

    /// Whether a hierarchy can be used; the NULL hierarchy always can.
    pub const fn contains(self, hierarchy: TpmiRhHierarchy) -> bool {
        match hierarchy {
            TpmiRhHierarchy::Owner => self.owner,
            TpmiRhHierarchy::Endorsement => self.endorsement,
            TpmiRhHierarchy::Platform => self.platform,
            TpmiRhHierarchy::Null => true,
        }
    }
}
