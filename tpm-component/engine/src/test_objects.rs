//! Templates for tests of commands, and the commands that most of those tests begin with.

use alloc::vec::Vec;

use crate::{
    structures::{
        PublicArea, SymKeyBits, SymParameters, Tpm2bAuth, Tpm2bDigest, Tpm2bPrivate, Tpm2bPublic, Tpm2bPublicKeyRsa,
        Tpm2bSensitiveCreate, Tpm2bSensitiveData, TpmCc, TpmHandle, TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgSymObject,
        TpmiEccCurve, TpmiRsaKeyBits, TpmsEccParms, TpmsEccPoint, TpmsKeyedhashParms, TpmsRsaParms,
        TpmsSensitiveCreate, TpmsSymcipherParms, TpmtEccScheme, TpmtKdfScheme, TpmtKeyedhashScheme, TpmtPublic,
        TpmtRsaScheme, TpmtSymDefObject,
    },
    test_tpm::{Answer, Call, TestTpm},
    wire::{Reader, Unmarshal},
};

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA.
pub(crate) const ORDINARY: TpmaObject = TpmaObject::FIXED_TPM
    .with(TpmaObject::FIXED_PARENT)
    .with(TpmaObject::SENSITIVE_DATA_ORIGIN)
    .with(TpmaObject::USER_WITH_AUTH)
    .with(TpmaObject::NO_DA);

/// AES-128-CFB, with which storage keys protect their children.
pub(crate) const STORAGE: TpmtSymDefObject =
    TpmtSymDefObject::Cipher(SymParameters::cfb(TpmiAlgSymObject::Aes, SymKeyBits::Bits128));

/// A public area with SHA-256 as nameAlg and without a policy.
pub(crate) fn public(attributes: TpmaObject, area: PublicArea) -> TpmtPublic {
    TpmtPublic {
        name_alg: Some(TpmiAlgHash::Sha256),
        object_attributes: attributes,
        auth_policy: Tpm2bDigest::empty(),
        area,
    }
}

/// An ECC public area without a point.
pub(crate) fn ecc(symmetric: TpmtSymDefObject, scheme: TpmtEccScheme, curve_id: TpmiEccCurve) -> PublicArea {
    let unique = TpmsEccPoint {
        x: Default::default(),
        y: Default::default(),
    };
    PublicArea::Ecc {
        parms: TpmsEccParms {
            symmetric,
            scheme,
            curve_id,
            kdf: TpmtKdfScheme::Null,
        },
        unique,
    }
}

/// An RSA-2048 public area without a modulus.
pub(crate) fn rsa(symmetric: TpmtSymDefObject, scheme: TpmtRsaScheme) -> PublicArea {
    let parms = TpmsRsaParms {
        symmetric,
        scheme,
        key_bits: TpmiRsaKeyBits::Rsa2048,
        exponent: 0,
    };
    PublicArea::Rsa {
        parms,
        unique: Tpm2bPublicKeyRsa::empty(),
    }
}

/// A keyed hash public area.
pub(crate) fn keyed_hash(scheme: TpmtKeyedhashScheme) -> PublicArea {
    PublicArea::KeyedHash {
        parms: TpmsKeyedhashParms { scheme },
        unique: Tpm2bDigest::empty(),
    }
}

/// An AES key's public area.
pub(crate) fn sym_cipher() -> PublicArea {
    PublicArea::SymCipher {
        parms: TpmsSymcipherParms { sym: STORAGE },
        unique: Tpm2bDigest::empty(),
    }
}

/// A P-256 storage key.
pub(crate) fn ecc_storage() -> TpmtPublic {
    let attributes = ORDINARY | TpmaObject::RESTRICTED | TpmaObject::DECRYPT;
    public(attributes, ecc(STORAGE, TpmtEccScheme::Null, TpmiEccCurve::NistP256))
}

/// An RSA-2048 storage key.
pub(crate) fn rsa_storage() -> TpmtPublic {
    let attributes = ORDINARY | TpmaObject::RESTRICTED | TpmaObject::DECRYPT;
    public(attributes, rsa(STORAGE, TpmtRsaScheme::Null))
}

/// An unrestricted ECC signing key.
pub(crate) fn ecc_signing(curve: TpmiEccCurve, scheme: TpmtEccScheme) -> TpmtPublic {
    public(ORDINARY | TpmaObject::SIGN, ecc(TpmtSymDefObject::Null, scheme, curve))
}

/// An unrestricted RSA-2048 signing key.
pub(crate) fn rsa_signing(scheme: TpmtRsaScheme) -> TpmtPublic {
    public(ORDINARY | TpmaObject::SIGN, rsa(TpmtSymDefObject::Null, scheme))
}

/// A restricted P-256 signing key: an attestation key.
pub(crate) fn attestation_key() -> TpmtPublic {
    let mut key = ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Ecdsa(TpmiAlgHash::Sha256));
    key.object_attributes = key.object_attributes | TpmaObject::RESTRICTED;
    key
}

/// Sealed data.
pub(crate) fn sealed() -> TpmtPublic {
    let attributes = ORDINARY.without(TpmaObject::SENSITIVE_DATA_ORIGIN);
    public(attributes, keyed_hash(TpmtKeyedhashScheme::Null))
}

/// An HMAC key.
pub(crate) fn hmac_key(scheme: TpmtKeyedhashScheme) -> TpmtPublic {
    public(ORDINARY | TpmaObject::SIGN, keyed_hash(scheme))
}

/// inSensitive.
pub(crate) fn sensitive(auth: &[u8], data: &[u8]) -> Tpm2bSensitiveCreate {
    Tpm2bSensitiveCreate(TpmsSensitiveCreate {
        user_auth: Tpm2bAuth::new(auth).expect("short"),
        data: Tpm2bSensitiveData::new(data).expect("short"),
    })
}

/// TPM2_Unseal.
pub(crate) fn unseal(handle: TpmHandle, auth: &[u8]) -> Call {
    Call::new(TpmCc::UNSEAL).on(handle).password(auth)
}

/// An object as TPM2_Create gives it.
#[derive(Clone, Debug)]
pub(crate) struct Wrapped {
    /// outPrivate.
    pub private: Tpm2bPrivate,
    /// outPublic.
    pub public: Tpm2bPublic,
}

impl Answer {
    /// The first parameters, one after the other; whatever follows is left.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.parameters)
    }
}

impl TestTpm {
    /// TPM2_CreatePrimary with the empty password.
    pub fn create_primary(
        &mut self,
        hierarchy: TpmHandle,
        template: &TpmtPublic,
        secret: &Tpm2bSensitiveCreate,
    ) -> Result<Answer, TpmRc> {
        let call = Call::new(TpmCc::CREATE_PRIMARY).on(hierarchy).password(b"");
        // No outsideInfo, no PCR.
        self.run(call.with(secret).with(&Tpm2bPublic(template.clone())).with_raw(&[0; 6]))
    }

    /// The handle of a new primary object without authValue.
    pub fn primary(&mut self, hierarchy: TpmHandle, template: &TpmtPublic) -> TpmHandle {
        let answer = self
            .create_primary(hierarchy, template, &sensitive(b"", b""))
            .expect("a good template");
        answer.handle.expect("a handle")
    }

    /// TPM2_Create under a parent without authValue.
    pub fn create(
        &mut self,
        parent: TpmHandle,
        template: &TpmtPublic,
        secret: &Tpm2bSensitiveCreate,
    ) -> Result<Wrapped, TpmRc> {
        let call = Call::new(TpmCc::CREATE).on(parent).password(b"");
        let answer = self.run(call.with(secret).with(&Tpm2bPublic(template.clone())).with_raw(&[0; 6]))?;
        let mut reader = answer.reader();
        let private = Unmarshal::unmarshal(&mut reader).expect("outPrivate");
        let public = Unmarshal::unmarshal(&mut reader).expect("outPublic");
        Ok(Wrapped { private, public })
    }

    /// TPM2_Load under a parent without authValue.
    pub fn load(&mut self, parent: TpmHandle, object: &Wrapped) -> Result<TpmHandle, TpmRc> {
        let call = Call::new(TpmCc::LOAD).on(parent).password(b"");
        let answer = self.run(call.with(&object.private).with(&object.public))?;
        Ok(answer.handle.expect("a handle"))
    }

    /// A new object with an authValue, loaded.
    pub fn child(&mut self, parent: TpmHandle, template: &TpmtPublic, auth: &[u8]) -> TpmHandle {
        let object = self
            .create(parent, template, &sensitive(auth, b""))
            .expect("a good template");
        self.load(parent, &object).expect("its own object")
    }

    /// TPM2_FlushContext.
    pub fn flush(&mut self, handle: TpmHandle) {
        self.run(Call::new(TpmCc::FLUSH_CONTEXT).with(&handle))
            .expect("it is there");
    }

    /// Where an object or a sequence is after TPM2_ContextSave, TPM2_FlushContext and TPM2_ContextLoad.
    pub fn saved_and_loaded(&mut self, handle: TpmHandle) -> TpmHandle {
        let save = Call::new(TpmCc::CONTEXT_SAVE).on(handle);
        let context = self.run(save).expect("saved").parameters;
        self.flush(handle);
        let load = Call::new(TpmCc::CONTEXT_LOAD).with_raw(&context);
        self.run(load).expect("its own context").handle.expect("a handle")
    }

    /// The Name of an object.
    pub fn object_name(&self, handle: TpmHandle) -> Vec<u8> {
        self.tpm.object(handle).expect("it is there").name.as_bytes().to_vec()
    }
}
