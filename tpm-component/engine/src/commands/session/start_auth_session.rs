//! TPM2_StartAuthSession (Part 3 §11.1): a session that authorises, audits or encrypts. Anybody may start one; what it is worth depends on
//! what the caller knows: the salt that only the key's holder can read, the authValue of the entity to which it is bound.

use alloc::{sync::Arc, vec::Vec};

use crate::wipe::Wiped;
use tpm_contract::Host;

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    entity::Entity,
    hierarchy::dictionary_attack::Guess,
    object::seed_exchange::{self, Purpose},
    session::{Binding, InlineDigest, Session, SessionKey, SessionKind, hmac, policy::PolicyState},
    structures::{
        Tpm2bEncryptedSecret, Tpm2bNonce, TpmCc, TpmHandle, TpmRc, TpmSe, TpmaObject, TpmiAlgHash, TpmiAlgSymMode,
        TpmtSymDef,
    },
    tpm::Tpm,
};

/// TPM2_StartAuthSession.
pub struct StartAuthSession;

parameters! {
    /// The parameters of TPM2_StartAuthSession.
    pub struct StartAuthSessionParams {
        /// The first nonceCaller; its size becomes that of every nonceTPM.
        pub nonce_caller: Tpm2bNonce,
        /// The salt, encrypted to the first handle.
        pub encrypted_salt: Tpm2bEncryptedSecret,
        /// What the session is for.
        pub session_type: TpmSe,
        /// How it encrypts parameters.
        pub symmetric: TpmtSymDef,
        /// Its hash.
        pub auth_hash: TpmiAlgHash,
    }
}

reply! {
    /// The reply of TPM2_StartAuthSession.
    pub struct StartAuthSessionReply {
        /// The session.
        handle session_handle: TpmHandle,
        /// The first nonceTPM.
        pub nonce_tpm: InlineDigest,
    }
}

/// The smallest nonce (Part 1 §19.6.3).
const SMALLEST_NONCE: usize = 16;

impl Command for StartAuthSession {
    const CODE: TpmCc = TpmCc::START_AUTH_SESSION;
    const NAME: &'static str = "TPM2_StartAuthSession";
    type Params = StartAuthSessionParams;
    type Reply = StartAuthSessionReply;

    fn run(command: Authorized<'_, Self>) -> Result<Self::Reply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let (tpm_key, bind) = (handles.first(), handles.second());
        let nonce_size = params.nonce_caller.len();
        if !(SMALLEST_NONCE..=params.auth_hash.digest_size()).contains(&nonce_size) {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let salt = read_salt(tpm, host, tpm_key, &params.encrypted_salt)?;
        check_bind(tpm, bind)?;
        if let TpmtSymDef::Cipher(parameters) = &params.symmetric
            && parameters.mode != Some(TpmiAlgSymMode::Cfb)
        {
            return Err(TpmRc::MODE.with_parameter(4));
        }
        tpm.volatile.sessions.check_room()?;
        // As long as nonceCaller.
        let mut nonce_tpm = InlineDigest::from(&params.nonce_caller);
        tpm.rng.fill(host, nonce_tpm.as_mut_bytes())?;
        let key = session_key(tpm, host, bind, &salt, &params, &nonce_tpm);
        let kind = match params.session_type {
            TpmSe::Hmac => SessionKind::Hmac,
            TpmSe::Policy => SessionKind::Policy,
            TpmSe::Trial => SessionKind::Trial,
        };
        let binding = if bind != TpmHandle::NULL && kind == SessionKind::Hmac {
            Some(Binding {
                snapshot: Arc::new(tpm.binding_snapshot(host, tpm.entity(bind))?),
            })
        } else {
            None
        };
        let guess = tpm.entity(bind).guess();
        let policy = PolicyState::begin(params.auth_hash, tpm.time.now, tpm.time.epoch);
        let session = Session {
            kind,
            auth_hash: params.auth_hash,
            symmetric: params.symmetric,
            nonce_tpm,
            key,
            binding,
            bound_to_protected: guess == Some(Guess::Protected),
            bound_to_lockout: guess == Some(Guess::Lockout),
            audit: None,
            policy,
        };
        let session_handle = tpm.volatile.sessions.start(session)?;
        Ok(StartAuthSessionReply {
            session_handle,
            nonce_tpm,
        })
    }
}

/// sessionKey: empty for a session that is neither bound nor salted.
fn session_key(
    tpm: &Tpm,
    host: &mut dyn Host,
    bind: TpmHandle,
    salt: &[u8],
    params: &StartAuthSessionParams,
    nonce_tpm: &InlineDigest,
) -> SessionKey {
    if bind == TpmHandle::NULL && salt.is_empty() {
        return SessionKey::default();
    }
    let material = hmac::Joined::new(tpm.auth_value(bind), salt);
    hmac::session_key(
        host,
        params.auth_hash,
        &material,
        nonce_tpm.as_bytes(),
        params.nonce_caller.as_bytes(),
    )
}

/// The salt, if there is one.
fn read_salt(
    tpm: &Tpm,
    host: &mut dyn Host,
    key: TpmHandle,
    encrypted: &Tpm2bEncryptedSecret,
) -> Result<Wiped<Vec<u8>>, TpmRc> {
    let wrong_salt = TpmRc::VALUE.with_parameter(2);
    if key == TpmHandle::NULL {
        return if encrypted.is_empty() {
            Ok(Wiped::new(Vec::new()))
        } else {
            Err(wrong_salt)
        };
    }
    let key = tpm.located_object(key)?;
    if !key.is_asymmetric() {
        return Err(TpmRc::KEY.with_handle(1));
    }
    if encrypted.is_empty() {
        return Err(wrong_salt);
    }
    if key.sensitive.is_none() {
        return Err(TpmRc::HANDLE.with_handle(1));
    }
    if !key.has(TpmaObject::DECRYPT) {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    seed_exchange::receive(host, &key, Purpose::Secret, encrypted).map_err(|_| wrong_salt)
}

/// A session cannot be bound to what has no authValue here, or one that changes with use.
fn check_bind(tpm: &Tpm, bind: TpmHandle) -> Result<(), TpmRc> {
    if bind == TpmHandle::NULL {
        return Ok(());
    }
    let unfit = match tpm.entity(bind) {
        Entity::Object(object) => object.sensitive.is_none(),
        Entity::NvIndex(index) => index.is_pin(),
        Entity::Pcr(_) | Entity::Permanent(_) | Entity::Session(_) | Entity::Nothing => false,
    };
    if unfit {
        Err(TpmRc::HANDLE.with_handle(2))
    } else {
        Ok(())
    }
}
