//! Part 2 §10.13: the records of the authorization area.

use super::{Tpm2bAuth, Tpm2bNonce, TpmaSession, TpmiShAuthSessionOrPassword};
use crate::wire::shapes::tpms;

tpms! {
    /// TPMS_AUTH_COMMAND (Part 2 §10.13.2).
    pub struct TpmsAuthCommand {
        /// The session, or TPM_RS_PW.
        pub session_handle: TpmiShAuthSessionOrPassword,
        /// nonceCaller.
        pub nonce: Tpm2bNonce,
        /// The session's attributes for this command.
        pub session_attributes: TpmaSession,
        /// The HMAC, or the password in clear.
        pub hmac: Tpm2bAuth,
    }
}

tpms! {
    /// TPMS_AUTH_RESPONSE (Part 2 §10.13.3).
    pub struct TpmsAuthResponse {
        /// nonceTPM.
        pub nonce: Tpm2bNonce,
        /// The session's attributes.
        pub session_attributes: TpmaSession,
        /// The HMAC, or nothing.
        pub hmac: Tpm2bAuth,
    }
}
