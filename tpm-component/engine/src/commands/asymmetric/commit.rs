//! TPM2_Commit (Part 3 §19.2): the points of an anonymous signature's first half. The second half is TPM2_Sign with the count that is answered here.

use alloc::vec::Vec;

use tpm_contract::Host;

use super::ecc_scalar;
use crate::{
    crypto::{CryptoError, ecc, hash},
    dispatch::{Authorized, Command, parameters, reply},
    object::{Object, creation::point, seed_exchange::full_point},
    structures::{
        PublicArea, Tpm2bEccParameter, Tpm2bEccPoint, Tpm2bSensitiveData, TpmCc, TpmRc, TpmiEccCurve, TpmsEccPoint,
        TpmtEccScheme,
    },
};

/// TPM2_Commit.
pub struct Commit;

parameters! {
    /// The parameters of TPM2_Commit.
    pub struct CommitParams {
        /// A point M, or an empty one.
        pub p1: Tpm2bEccPoint,
        /// What is hashed to the x coordinate of a point B, or nothing.
        pub s2: Tpm2bSensitiveData,
        /// The y coordinate of B.
        pub y2: Tpm2bEccParameter,
    }
}

reply! {
    /// The reply of TPM2_Commit.
    pub struct CommitReply {
        /// B times the private key.
        pub k: Tpm2bEccPoint,
        /// B times r.
        pub l: Tpm2bEccPoint,
        /// M times r, or the generator times r when neither M nor B was given.
        pub e: Tpm2bEccPoint,
        /// The commitment's count.
        pub counter: u16,
    }
}

impl Command for Commit {
    const CODE: TpmCc = TpmCc::COMMIT;
    const NAME: &'static str = "TPM2_Commit";
    type Params = CommitParams;
    type Reply = CommitReply;

    fn run(command: Authorized<'_, Self>) -> Result<CommitReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let PublicArea::Ecc { parms, .. } = &key.public.area else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        let curve = parms.curve_id;
        if !matches!(parms.scheme, TpmtEccScheme::Ecdaa(_)) {
            return Err(TpmRc::SCHEME.with_handle(1));
        }
        if params.s2.is_empty() != params.y2.is_empty() {
            return Err(TpmRc::SIZE.with_parameter(3));
        }
        let private = ecc_scalar(&key)?;
        let base = base_point(host, &key, curve, &params)?;
        let message = message_point(curve, &params.p1.0)?;
        let r = tpm.next_commitment(host, curve, &key.name)?;
        let mut product = |scalar: &[u8], of: &Option<Vec<u8>>| match of {
            Some(of) => finite(ecc::ecdh(host, curve, scalar, of).map(|product| product.to_vec())),
            None => finite(ecc::public_point(host, curve, scalar)),
        };
        let (k, l) = match &base {
            Some(_) => (product(private, &base)?, product(&r, &base)?),
            None => (no_point(), no_point()),
        };
        let e = if message.is_some() || base.is_none() {
            product(&r, &message)?
        } else {
            no_point()
        };
        Ok(CommitReply {
            k,
            l,
            e,
            counter: tpm.open_commitment(),
        })
    }
}

/// The point B, if it was given: x is the hash of s2.
fn base_point(
    host: &mut dyn Host,
    key: &Object,
    curve: TpmiEccCurve,
    params: &CommitParams,
) -> Result<Option<Vec<u8>>, TpmRc> {
    if params.s2.is_empty() {
        return Ok(None);
    }
    let name_alg = key.public.name_alg.ok_or(TpmRc::HASH.with_handle(1))?;
    let x = ecc::coordinate(curve, hash(host, name_alg, &[params.s2.as_bytes()]).as_bytes())?;
    ecc::fitted(params.y2.as_bytes(), curve.size())
        .map(|y| [x, y].concat())
        .filter(|point| ecc::is_on_curve(curve, point))
        .map(Some)
        .ok_or(TpmRc::ECC_POINT.with_parameter(2))
}

/// The point M, if it was given.
fn message_point(curve: TpmiEccCurve, p1: &TpmsEccPoint) -> Result<Option<Vec<u8>>, TpmRc> {
    if p1.x.is_empty() && p1.y.is_empty() {
        return Ok(None);
    }
    full_point(curve, p1)
        .ok()
        .filter(|point| ecc::is_on_curve(curve, point))
        .map(Some)
        .ok_or(TpmRc::ECC_POINT.with_parameter(1))
}

/// A point without coordinates.
fn no_point() -> Tpm2bEccPoint {
    Tpm2bEccPoint(TpmsEccPoint {
        x: Tpm2bEccParameter::empty(),
        y: Tpm2bEccParameter::empty(),
    })
}

/// A product as a point; TPM_RC_NO_RESULT when it is the point at infinity.
fn finite(product: Result<Vec<u8>, CryptoError>) -> Result<Tpm2bEccPoint, TpmRc> {
    let product = product.map_err(|_| TpmRc::NO_RESULT)?;
    point(&product).map(Tpm2bEccPoint)
}
