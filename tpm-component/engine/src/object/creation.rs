//! New private parts (Part 1 §27): from random bytes for ordinary objects, from the hierarchy's seed for primary ones.
//!
//! A primary object depends on the seed, the template and the caller's data alone, so it can be made again at any time and is never stored
//! unless somebody persists it. How exactly the bits are derived is the implementation's choice (Part 1 §14.3); here it is the DRBG of
//! SP 800-90A, seeded with the primary seed, a label, the template's Name and the data. Templates and data are the caller's.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use crate::wipe::Wiped;
use tpm_contract::{Arithmetic, Host};

use super::{Object, Prepared, checks, name};
use crate::{
    crypto::{Drbg, cipher, ecc, hash, hmac, kdf_a_stream, rsa},
    structures::{
        EccPrivate, PublicArea, SeedValue, Tpm2bAuth, Tpm2bDigest, Tpm2bEccParameter, Tpm2bPrivateKeyRsa,
        Tpm2bPublicKeyRsa, Tpm2bSensitiveData, Tpm2bSymKey, TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgPublic,
        TpmiRhHierarchy, TpmsDerive, TpmsEccPoint, TpmsSensitiveCreate, TpmtKeyedhashScheme, TpmtPublic, TpmtSensitive,
        TpmtSymDefObject, TpmuSensitiveComposite,
    },
    tpm::Tpm,
};

/// How many primary objects are remembered: the four of the fixed templates, and some of the guest's.
const CACHED_PRIMARIES: usize = 8;

/// The length that KDFa is asked for when it derives an object, whatever is used of it (Part 1 §28.4).
const DERIVATION_BITS: u32 = 8192;

/// The label of primary derivation.
const PRIMARY: &[u8] = b"Primary Object Creation\0";

/// Primary objects that were derived before. Deriving an RSA key takes a million times longer than finding it here, and gives the same key.
/// Not state: what is here can always be derived again.
#[derive(Default)]
pub struct PrimaryCache(VecDeque<(Tpm2bDigest, Arc<(TpmtPublic, TpmtSensitive)>)>);

impl PrimaryCache {
    fn find(&mut self, key: &Tpm2bDigest) -> Option<Arc<(TpmtPublic, TpmtSensitive)>> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        let entry = self.0.remove(at)?;
        let found = entry.1.clone();
        self.0.push_back(entry);
        Some(found)
    }

    fn remember(&mut self, key: Tpm2bDigest, value: Arc<(TpmtPublic, TpmtSensitive)>) {
        if self.0.len() >= CACHED_PRIMARIES {
            self.0.pop_front();
        }
        self.0.push_back((key, value));
    }

    /// Forgets everything: a seed has changed.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The private area of an ordinary object, from random bytes; its template becomes the public area.
pub fn ordinary(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    public: &mut TpmtPublic,
    request: &TpmsSensitiveCreate,
) -> Result<TpmtSensitive, TpmRc> {
    tpm.test_before_use_of(host, &public.area)?;
    let drbg = tpm.rng.generator(host)?;
    make(host, drbg, public, request, None)
}

/// A primary object of `hierarchy`.
pub fn primary(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    hierarchy: TpmiRhHierarchy,
    template: &TpmtPublic,
    request: &TpmsSensitiveCreate,
) -> Result<Object, TpmRc> {
    let seed = tpm.root(hierarchy).seed.clone();
    let template_name = name::object_name(host, template)?;
    let parts = [PRIMARY, template_name.as_bytes(), request.data.as_bytes()];
    // After TPM2_Clear the endorsement keys are the same, but no child of theirs can be loaded any more: the storage proof goes into
    // the seed of their children (Part 1 §14.4).
    let proofs = (hierarchy == TpmiRhHierarchy::Endorsement).then(|| {
        let owner = &tpm.root(TpmiRhHierarchy::Owner).proof;
        let endorsement = &tpm.root(TpmiRhHierarchy::Endorsement).proof;
        Wiped::new([owner.as_bytes().as_slice(), endorsement.as_bytes()].concat())
    });
    let mut keyed: Vec<&[u8]> = parts.to_vec();
    keyed.extend(proofs.as_ref().map(|proofs| proofs.as_slice()));
    let key = hmac(host, TpmiAlgHash::Sha512, seed.as_bytes(), &keyed);
    let made = match tpm.primaries.find(&key) {
        Some(found) => found,
        None => {
            tpm.test_before_use_of(host, &template.area)?;
            let mut drbg = Drbg::new(host, &[seed.as_bytes(), parts[0], parts[1], parts[2]]);
            let proofs = proofs.as_ref().map(|proofs| proofs.as_slice());
            let anonymous = TpmsSensitiveCreate {
                user_auth: Tpm2bAuth::empty(),
                data: request.data.clone(),
            };
            let mut public = template.clone();
            let sensitive = make(host, &mut drbg, &mut public, &anonymous, proofs)?;
            let made = Arc::new((public, sensitive));
            tpm.primaries.remember(key, made.clone());
            made
        }
    };
    let (public, mut sensitive) = (made.0.clone(), made.1.clone());
    sensitive.auth_value = request.user_auth.trimmed();
    let name = name::object_name(host, &public)?;
    let alg = public.name_alg.ok_or(TpmRc::HASH)?;
    let parent = name::handle_name(hierarchy.handle())?;
    let qualified_name = name::qualified_name(host, alg, &parent, &name)?;
    let st_clear = public.has(TpmaObject::ST_CLEAR);
    Ok(Object {
        public,
        sensitive: Some(sensitive),
        hierarchy,
        name,
        qualified_name,
        external: false,
        st_clear,
        prepared: Prepared::default(),
        sequence: None,
    })
}

/// The finished areas of a derived object (Part 1 §28): key material, then seedValue, from the stream that KDFa gives with the parent's secret,
/// the label and the context.
pub fn derived(
    host: &mut dyn Arithmetic,
    parent: &Object,
    template: &TpmtPublic,
    derive: &TpmsDerive,
    auth: &Tpm2bAuth,
) -> Result<(TpmtPublic, TpmtSensitive), TpmRc> {
    let name_alg = template.name_alg.ok_or(TpmRc::HASH)?;
    let (PublicArea::KeyedHash { parms, .. }, Some(secret)) = (&parent.public.area, &parent.sensitive) else {
        return Err(TpmRc::TYPE);
    };
    let (TpmtKeyedhashScheme::Xor(scheme), TpmuSensitiveComposite::Bits(bits)) = (&parms.scheme, &secret.sensitive)
    else {
        return Err(TpmRc::TYPE);
    };
    let key_size = match &template.area {
        PublicArea::Ecc { parms, .. } => parms.curve_id.size() + ecc::EXTRA,
        PublicArea::SymCipher { parms, .. } => match &parms.sym {
            TpmtSymDefObject::Cipher(parameters) => parameters.key_size(),
            TpmtSymDefObject::Null => return Err(TpmRc::SYMMETRIC),
        },
        PublicArea::KeyedHash { .. } => checks::scheme_hash(template).unwrap_or(name_alg).digest_size(),
        PublicArea::Rsa { .. } => return Err(TpmRc::TYPE),
    };
    let (label, context) = (derive.label.as_bytes(), derive.context.as_bytes());
    let size = key_size + name_alg.digest_size();
    let stream = kdf_a_stream(
        host,
        scheme.hash_alg,
        bits.as_bytes(),
        label,
        context,
        &[],
        DERIVATION_BITS,
        size,
    );
    let (key, seed) = stream.split_at(key_size);
    let mut key = Wiped::new(key.to_vec());
    let mut public = template.clone();
    let sensitive = match &mut public.area {
        PublicArea::Ecc { parms, unique } => {
            let scalar = ecc::scalar_from_wide(parms.curve_id, &key)?;
            *unique = point(&ecc::public_point(host, parms.curve_id, &scalar)?)?;
            TpmuSensitiveComposite::Ecc(EccPrivate::new(&scalar)?)
        }
        PublicArea::SymCipher { parms, .. } => {
            // That derived bytes are none of the few that are no key is certain for all practical purposes.
            if let TpmtSymDefObject::Cipher(parameters) = &parms.sym
                && !cipher::settle_key(parameters.cipher, &mut key)
            {
                return Err(TpmRc::NO_RESULT);
            }
            TpmuSensitiveComposite::Sym(Tpm2bSymKey::new(&key)?)
        }
        PublicArea::KeyedHash { .. } | PublicArea::Rsa { .. } => {
            TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&key)?)
        }
    };
    let sensitive = finish(host, &mut public, sensitive, SeedValue::new(seed)?, auth)?;
    Ok((public, sensitive))
}

/// Fills template and secret in. `proofs` goes into the generator between the key and its seedValue.
fn make(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    public: &mut TpmtPublic,
    request: &TpmsSensitiveCreate,
    proofs: Option<&[u8]>,
) -> Result<TpmtSensitive, TpmRc> {
    let name_alg = public.name_alg.ok_or(TpmRc::HASH)?;
    let origin = public.has(TpmaObject::SENSITIVE_DATA_ORIGIN);
    let sensitive = match &mut public.area {
        PublicArea::Rsa { parms, unique } => {
            let exponent = exponent(parms.exponent)?;
            let key = rsa::RsaPrivate::generate(host, drbg, parms.key_bits.value().into(), exponent)?;
            *unique = Tpm2bPublicKeyRsa::new(key.modulus())?;
            TpmuSensitiveComposite::Rsa(Tpm2bPrivateKeyRsa::new(&key.prime())?)
        }
        PublicArea::Ecc { parms, unique } => {
            let scalar = ecc::random_scalar(host, drbg, parms.curve_id)?;
            *unique = point(&ecc::public_point(host, parms.curve_id, &scalar)?)?;
            TpmuSensitiveComposite::Ecc(EccPrivate::new(&scalar)?)
        }
        PublicArea::SymCipher { parms, .. } => {
            let TpmtSymDefObject::Cipher(parameters) = &parms.sym else {
                return Err(TpmRc::SYMMETRIC);
            };
            let size = parameters.key_size();
            let given = request.data.as_bytes();
            if given.is_empty() || origin {
                let mut key = drbg.bytes(host, size);
                while !cipher::settle_key(parameters.cipher, &mut key) {
                    key = drbg.bytes(host, size);
                }
                TpmuSensitiveComposite::Sym(Tpm2bSymKey::new(&key)?)
            } else if given.len() != size {
                return Err(TpmRc::KEY_SIZE);
            } else if !cipher::is_key(parameters.cipher, given) {
                return Err(TpmRc::KEY);
            } else {
                TpmuSensitiveComposite::Sym(Tpm2bSymKey::new(given)?)
            }
        }
        PublicArea::KeyedHash { .. } => keyed_hash(host, drbg, public, request, name_alg)?,
    };
    if let Some(proofs) = proofs {
        drbg.reseed(host, proofs, &[]);
    }
    let seed = SeedValue::from_vec(core::mem::take(&mut *drbg.bytes(host, name_alg.digest_size())))?;
    finish(host, public, sensitive, seed, &request.user_auth)
}

/// Completes the areas: a seed where one is needed, the `unique` of a symmetric key.
fn finish(
    host: &mut dyn Arithmetic,
    public: &mut TpmtPublic,
    sensitive: TpmuSensitiveComposite,
    seed: SeedValue,
    auth: &Tpm2bAuth,
) -> Result<TpmtSensitive, TpmRc> {
    let storage = public.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT));
    let asymmetric = matches!(public.object_type(), TpmiAlgPublic::Rsa | TpmiAlgPublic::Ecc);
    let seed_value = if asymmetric && !storage {
        SeedValue::empty()
    } else {
        seed
    };
    let sensitive = TpmtSensitive {
        auth_value: auth.trimmed(),
        seed_value,
        sensitive,
    };
    if let Some(unique) = symmetric_unique(host, public, &sensitive) {
        match &mut public.area {
            PublicArea::KeyedHash { unique: slot, .. } | PublicArea::SymCipher { unique: slot, .. } => *slot = unique,
            PublicArea::Rsa { .. } | PublicArea::Ecc { .. } => {}
        }
    }
    Ok(sensitive)
}

fn keyed_hash(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    template: &TpmtPublic,
    request: &TpmsSensitiveCreate,
    name_alg: TpmiAlgHash,
) -> Result<TpmuSensitiveComposite, TpmRc> {
    let hash = checks::scheme_hash(template).unwrap_or(name_alg);
    let given = request.data.as_bytes();
    if given.is_empty() || template.has(TpmaObject::SENSITIVE_DATA_ORIGIN) {
        let key = drbg.bytes(host, hash.digest_size());
        return Ok(TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&key)?));
    }
    let is_key = template
        .object_attributes
        .intersects(TpmaObject::SIGN.with(TpmaObject::DECRYPT));
    if is_key && given.len() > hash.block_size() {
        return Err(TpmRc::SIZE);
    }
    Ok(TpmuSensitiveComposite::Bits(request.data.clone()))
}

/// The `unique` of an object without a public key: a digest that commits to the secret without showing it (Part 1 §27.5.3.2); none for
/// asymmetric keys.
pub fn symmetric_unique(
    host: &mut dyn Arithmetic,
    public: &TpmtPublic,
    sensitive: &TpmtSensitive,
) -> Option<Tpm2bDigest> {
    let alg = public.name_alg?;
    let secret = match &sensitive.sensitive {
        TpmuSensitiveComposite::Bits(bits) => bits.as_bytes(),
        TpmuSensitiveComposite::Sym(key) => key.as_bytes(),
        TpmuSensitiveComposite::Rsa(_) | TpmuSensitiveComposite::Ecc(_) => return None,
    };
    let seed = sensitive.seed_value.as_bytes();
    if public.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT)) {
        Some(hmac(host, alg, seed, &[secret]))
    } else {
        Some(hash(host, alg, &[seed, secret]))
    }
}

/// The public exponent of a new key: TPM_RC_RANGE for one with which none is made.
fn exponent(parameter: u32) -> Result<u32, TpmRc> {
    let exponent = rsa::exponent(parameter);
    if rsa::is_good_exponent(exponent) {
        Ok(exponent)
    } else {
        Err(TpmRc::RANGE)
    }
}

/// A point from x followed by y.
pub fn point(bytes: &[u8]) -> Result<TpmsEccPoint, TpmRc> {
    let (x, y) = bytes.split_at(bytes.len() / 2);
    Ok(TpmsEccPoint {
        x: Tpm2bEccParameter::new(x)?,
        y: Tpm2bEccParameter::new(y)?,
    })
}
