//! Part 2 §10.7: tickets, with which the TPM tells itself later what it has checked before. A ticket that arrives is a claim; only the HMAC
//! under a hierarchy's proof makes it true.

use super::{Tpm2bDigest, TpmRc, TpmSt, TpmiRhHierarchy};
use crate::wire::{Marshal, Reader, Unmarshal, Writer, shapes::tpm_enum};

/// A ticket type: a fixed tag, a hierarchy and an HMAC. Another tag is TPM_RC_TAG.
macro_rules! ticket {
    ($(#[$meta:meta])* pub struct $name:ident = $tag:ident;) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            /// The hierarchy whose proof is the key.
            pub hierarchy: TpmiRhHierarchy,
            /// The HMAC.
            pub digest: Tpm2bDigest,
        }

        impl $name {
            /// The tag.
            pub const TAG: TpmSt = TpmSt::$tag;

            /// The NULL ticket, which proves nothing.
            pub const fn null() -> Self {
                Self { hierarchy: TpmiRhHierarchy::Null, digest: Tpm2bDigest::empty() }
            }

            /// Whether it is the NULL ticket.
            pub fn is_null(&self) -> bool {
                self.hierarchy == TpmiRhHierarchy::Null && self.digest.is_empty()
            }
        }

        impl Marshal for $name {
            fn marshal(&self, writer: &mut Writer) {
                writer.put(&Self::TAG);
                writer.put(&self.hierarchy);
                writer.put(&self.digest);
            }
        }

        impl Unmarshal for $name {
            fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
                if TpmSt::unmarshal(reader)? != Self::TAG {
                    return Err(TpmRc::TAG);
                }
                Ok(Self { hierarchy: Unmarshal::unmarshal(reader)?, digest: Unmarshal::unmarshal(reader)? })
            }
        }
    };
}

ticket! {
    /// TPMT_TK_CREATION (Part 2 §10.7.3): the TPM created this object with that creation data.
    pub struct TpmtTkCreation = CREATION;
}

ticket! {
    /// TPMT_TK_VERIFIED (Part 2 §10.7.4): the TPM verified a signature with that key.
    pub struct TpmtTkVerified = VERIFIED;
}

ticket! {
    /// TPMT_TK_HASHCHECK (Part 2 §10.7.6): the TPM computed this digest, and its message does not look like an attestation.
    pub struct TpmtTkHashcheck = HASHCHECK;
}

tpm_enum! {
    /// The two tags of a TPMT_TK_AUTH.
    pub enum AuthTicketTag(u16) else TAG {
        /// TPM_ST_AUTH_SECRET: by TPM2_PolicySecret.
        Secret = TpmSt::AUTH_SECRET.0,
        /// TPM_ST_AUTH_SIGNED: by TPM2_PolicySigned.
        Signed = TpmSt::AUTH_SIGNED.0,
    }
}

/// TPMT_TK_AUTH (Part 2 §10.7.5): an authorization for a policy, given before. Written by hand since it has two tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmtTkAuth {
    /// Which command gave the authorization.
    pub tag: AuthTicketTag,
    /// The hierarchy whose proof is the key.
    pub hierarchy: TpmiRhHierarchy,
    /// The HMAC.
    pub digest: Tpm2bDigest,
}

impl TpmtTkAuth {
    /// The NULL ticket, which proves nothing.
    pub const fn null(tag: AuthTicketTag) -> Self {
        Self {
            tag,
            hierarchy: TpmiRhHierarchy::Null,
            digest: Tpm2bDigest::empty(),
        }
    }
}

impl Marshal for TpmtTkAuth {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.tag);
        writer.put(&self.hierarchy);
        writer.put(&self.digest);
    }
}

impl Unmarshal for TpmtTkAuth {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            tag: Unmarshal::unmarshal(reader)?,
            hierarchy: Unmarshal::unmarshal(reader)?,
            digest: Unmarshal::unmarshal(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_of_another_ticket_is_refused() {
        // Part 2 §9: ticket tags, TPM_RC_TAG.
        let bytes = TpmtTkVerified::null().to_bytes();
        assert_eq!(bytes, [0x80, 0x22, 0x40, 0, 0, 7, 0, 0]);
        assert_eq!(TpmtTkHashcheck::from_bytes(&bytes), Err(TpmRc::TAG));
        assert_eq!(TpmtTkAuth::from_bytes(&bytes), Err(TpmRc::TAG));
        assert!(TpmtTkVerified::from_bytes(&bytes).expect("own form").is_null());
    }
}
