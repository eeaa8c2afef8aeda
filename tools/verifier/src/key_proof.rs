//! Binding a quote to the TPM that the report vouches for.
//!
//! A quote is signed by an attestation key, which the guest made and could have made anywhere. Two things tie it to the endorsement key
//! of the report: the verifier's challenge, whose secret only a TPM with that endorsement key and an object of that Name gives back,
//! and the attestation key's attributes, which say that it never was outside of a TPM and signs nothing but what the TPM itself made.
//! A key that was imported cannot have fixedTPM and fixedParent, so it is refused whoever can activate with it.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::credential::{Credential, make_credential};
use crate::tpm::attest::{PcrValue, Quote};
use crate::tpm::public::{ObjectAttributes, Scheme, TpmtPublic};
use crate::tpm::signature::TpmtSignature;

/// Bytes of the secret in a challenge.
const SECRET_SIZE: usize = 32;

/// What the verifier keeps of a challenge until the answer comes. Holds the secret; it goes to nobody.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// TPMT_PUBLIC of the endorsement key for which it was made, hexadecimal.
    endorsement_key: String,
    /// Name of the attestation key for which it was made, hexadecimal.
    attestation_key_name: String,
    /// The secret, hexadecimal.
    secret: String,
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Challenge")
            .field("attestation_key_name", &self.attestation_key_name)
            .finish_non_exhaustive()
    }
}

impl Challenge {
    /// Makes a challenge for a guest that names these two keys. Neither is believed yet: [`require_credential`](Self::require_credential)
    /// compares the endorsement key with the report's later.
    pub fn new(endorsement_key: &TpmtPublic, attestation_key: &TpmtPublic) -> Result<(Self, Credential)> {
        let mut secret = [0u8; SECRET_SIZE];
        getrandom::fill(&mut secret).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        let name = attestation_key.name();
        let credential = make_credential(endorsement_key, &name, &secret)?;
        let challenge = Challenge {
            endorsement_key: hex::encode(endorsement_key.as_bytes()),
            attestation_key_name: hex::encode(name),
            secret: hex::encode(secret),
        };
        secret.zeroize();
        Ok((challenge, credential))
    }

    /// Fails unless the secret came back, and the challenge was made for one of `vouched` and for `attestation_key`.
    pub fn require_credential(
        &self,
        vouched: &[&TpmtPublic],
        attestation_key: &TpmtPublic,
        returned: &[u8],
    ) -> Result<String> {
        let endorsement_key = hex::decode(&self.endorsement_key).context("the challenge is damaged")?;
        ensure!(
            vouched.iter().any(|key| key.as_bytes() == endorsement_key),
            "the challenge was made for an endorsement key that the report does not vouch for"
        );
        ensure!(
            hex::encode(attestation_key.name()) == self.attestation_key_name,
            "the challenge was made for another attestation key"
        );
        let secret = zeroize::Zeroizing::new(hex::decode(&self.secret).context("the challenge is damaged")?);
        ensure!(secret.len() == SECRET_SIZE, "the challenge is damaged");
        ensure!(
            bool::from(secret.ct_eq(returned)),
            "the secret that came back is not the challenge's"
        );
        Ok("the TPM with the reported endorsement key holds the attestation key".to_owned())
    }
}

/// What a guest sends to prove its key and its PCRs.
#[derive(Debug, Clone)]
pub struct KeyProof {
    /// What the verifier kept.
    pub challenge: Challenge,
    /// The secret that TPM2_ActivateCredential gave the guest.
    pub returned_secret: Vec<u8>,
    /// The attestation key's TPMT_PUBLIC.
    pub attestation_key: Vec<u8>,
    /// The quote's TPMS_ATTEST.
    pub attest: Vec<u8>,
    /// The quote's TPMT_SIGNATURE.
    pub signature: Vec<u8>,
    /// Qualifying data that the verifier asked for.
    pub qualifying_data: Vec<u8>,
    /// Values of the PCRs that the quote covers.
    pub pcrs: Vec<PcrValue>,
}

/// Fails unless a key can only have been made in its TPM and signs only what that TPM made.
pub fn require_attestation_key(key: &TpmtPublic) -> Result<String> {
    let wanted = [
        ObjectAttributes::FIXED_TPM,
        ObjectAttributes::FIXED_PARENT,
        ObjectAttributes::SENSITIVE_DATA_ORIGIN,
        ObjectAttributes::RESTRICTED,
        ObjectAttributes::SIGN,
    ];
    for attribute in wanted {
        ensure!(
            key.attributes.has(attribute),
            "{} is clear: the key may be known outside of the TPM",
            attribute.1
        );
    }
    ensure!(
        !key.attributes.has(ObjectAttributes::DECRYPT),
        "decrypt is set: not a signing key alone"
    );
    if key.scheme == Scheme::Null {
        bail!("it has no signing scheme");
    }
    key.require_sound_key()?;
    Ok("made in its TPM and restricted to what the TPM itself attests".to_owned())
}

/// Fails unless the quote is `key`'s, answers the verifier, and covers the PCR values given.
pub fn require_quote(proof: &KeyProof, key: &TpmtPublic) -> Result<(Quote, String)> {
    let signature = TpmtSignature::parse(&proof.signature).context("signature")?;
    signature.verify(key, &proof.attest)?;
    let quote = Quote::parse(&proof.attest)?;
    ensure!(
        !proof.qualifying_data.is_empty(),
        "no qualifying data was asked for, so the quote may be old"
    );
    ensure!(
        quote.extra_data == proof.qualifying_data,
        "the qualifying data is not what was asked for: the quote may be old"
    );
    quote.require_values(&proof.pcrs, signature.hash())?;
    let covered = quote.selection.len();
    Ok((
        quote,
        format!("signed by the attestation key, fresh, over {covered} PCRs"),
    ))
}

/// Fails unless every expected PCR is covered by the quote and has the expected value.
pub fn require_pcrs(expected: &[PcrValue], covered: &[PcrValue]) -> Result<String> {
    for wanted in expected {
        let PcrValue { bank, index, digest } = wanted;
        let found = covered
            .iter()
            .find(|value| value.bank == *bank && value.index == *index);
        let found = found.with_context(|| format!("the quote does not cover {}:{index}", bank.name()))?;
        ensure!(
            found.digest == *digest,
            "{}:{index} is {} instead of {}",
            bank.name(),
            hex::encode(&found.digest),
            hex::encode(digest)
        );
    }
    Ok(format!("{} as expected", expected.len()))
}
