//! Part 2 §9: interface types, which accept exactly the values that make sense in their place.
//!
//! A caller's number becomes one of these types or the response code of the type; nothing behind them sees a hash that is not
//! implemented or a session handle where an object belongs. Where Part 2 writes a plus sign, so that TPM_ALG_NULL or TPM_RH_NULL is
//! accepted too, the field is an `Option` ([`HasNull`]). The algorithm sets list what this TPM implements and nothing else, so a set that
//! grows here grows everywhere.

use super::{TpmAlgId, TpmHandle, TpmHt, TpmRc};
use crate::wire::{HasNull, Marshal, Reader, Unmarshal, Writer, shapes::tpm_enum};

/// TPM_ALG_NULL on the wire.
const ALG_NULL: &[u8] = &TpmAlgId::NULL.0.to_be_bytes();

/// A closed set of algorithms, with TPM_ALG_NULL as its NULL value and its members as TPM_ALG_ID.
macro_rules! tpmi_alg {
    ($(#[$meta:meta])* pub enum $name:ident else $error:ident { $($(#[$vmeta:meta])* $variant:ident = $constant:ident,)* }) => {
        tpm_enum! {
            $(#[$meta])*
            pub enum $name(u16) else $error { $($(#[$vmeta])* $variant = TpmAlgId::$constant.0,)* }
        }

        impl $name {
            /// The algorithm identifier.
            pub const fn alg(self) -> TpmAlgId {
                TpmAlgId(self.value())
            }
        }

        impl HasNull for $name {
            const NULL: &'static [u8] = ALG_NULL;
        }
    };
}

tpmi_alg! {
    /// TPMI_ALG_HASH (Part 2 §9.27).
    pub enum TpmiAlgHash else HASH {
        /// SHA-1.
        Sha1 = SHA1,
        /// SHA-256.
        Sha256 = SHA256,
        /// SHA-384.
        Sha384 = SHA384,
        /// SHA-512.
        Sha512 = SHA512,
        /// SHA3-256.
        #[cfg(feature = "sha3")]
        Sha3256 = SHA3_256,
        /// SHA3-384.
        #[cfg(feature = "sha3")]
        Sha3384 = SHA3_384,
        /// SHA3-512.
        #[cfg(feature = "sha3")]
        Sha3512 = SHA3_512,
    }
}

impl TpmiAlgHash {
    /// Bytes of a digest.
    pub const fn digest_size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            #[cfg(feature = "sha3")]
            Self::Sha3256 => 32,
            #[cfg(feature = "sha3")]
            Self::Sha3384 => 48,
            #[cfg(feature = "sha3")]
            Self::Sha3512 => 64,
        }
    }

    /// Bytes of a block of the compression function, or of what a sponge takes in at a time: the longest key that HMAC uses as it is.
    pub const fn block_size(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            #[cfg(feature = "sha3")]
            Self::Sha3256 => 136,
            #[cfg(feature = "sha3")]
            Self::Sha3384 => 104,
            #[cfg(feature = "sha3")]
            Self::Sha3512 => 72,
        }
    }
}

tpmi_alg! {
    /// TPMI_ALG_SYM_OBJECT (Part 2 §9.30): block ciphers that protect objects.
    pub enum TpmiAlgSymObject else SYMMETRIC {
        /// AES.
        Aes = AES,
        /// Camellia.
        #[cfg(feature = "camellia")]
        Camellia = CAMELLIA,
        /// Triple DES.
        #[cfg(feature = "tdes")]
        Tdes = TDES,
    }
}

impl TpmiAlgSymObject {
    /// Bytes of a block.
    pub const fn block_size(self) -> usize {
        match self {
            Self::Aes => 16,
            #[cfg(feature = "camellia")]
            Self::Camellia => 16,
            #[cfg(feature = "tdes")]
            Self::Tdes => 8,
        }
    }

    /// Whether it has keys of this size.
    pub const fn has(self, bits: SymKeyBits) -> bool {
        match (self, bits) {
            (Self::Aes, _) => true,
            #[cfg(feature = "camellia")]
            (Self::Camellia, _) => true,
            #[cfg(feature = "tdes")]
            (Self::Tdes, bits) => !matches!(bits, SymKeyBits::Bits256),
        }
    }
}

tpmi_alg! {
    /// TPMI_ALG_SYM_MODE (Part 2 §9.31): modes of a block cipher.
    pub enum TpmiAlgSymMode else MODE {
        /// Counter.
        Ctr = CTR,
        /// Output feedback.
        Ofb = OFB,
        /// Cipher block chaining.
        Cbc = CBC,
        /// Cipher feedback.
        Cfb = CFB,
        /// Electronic codebook.
        Ecb = ECB,
        /// No encryption at all, but the MAC of SP 800-38B.
        Cmac = CMAC,
    }
}

tpmi_alg! {
    /// TPMI_ALG_CIPHER_MODE (Part 2 §9.39, 1.59): modes that encrypt.
    pub enum TpmiAlgCipherMode else MODE {
        /// Counter.
        Ctr = CTR,
        /// Output feedback.
        Ofb = OFB,
        /// Cipher block chaining.
        Cbc = CBC,
        /// Cipher feedback.
        Cfb = CFB,
        /// Electronic codebook.
        Ecb = ECB,
    }
}

/// TPMI_ALG_MAC_SCHEME (Part 2 §9.38, 1.59). Written by hand because it contains another interface type, whose error it does not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TpmiAlgMacScheme {
    /// HMAC with this hash.
    Hmac(TpmiAlgHash),
    /// CMAC.
    Cmac,
}

impl Marshal for TpmiAlgMacScheme {
    fn marshal(&self, writer: &mut Writer) {
        match self {
            Self::Hmac(hash) => writer.put(hash),
            Self::Cmac => writer.put(&TpmAlgId::CMAC),
        }
    }
}

impl Unmarshal for TpmiAlgMacScheme {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let alg = TpmAlgId::unmarshal(reader)?;
        match TpmiAlgHash::from_value(alg.0) {
            Some(hash) => Ok(Self::Hmac(hash)),
            None if alg == TpmAlgId::CMAC => Ok(Self::Cmac),
            None => Err(TpmRc::SYMMETRIC),
        }
    }
}

impl HasNull for TpmiAlgMacScheme {
    const NULL: &'static [u8] = ALG_NULL;
}

tpmi_alg! {
    /// TPMI_ALG_KDF (Part 2 §9.32).
    pub enum TpmiAlgKdf else KDF {
        /// The mask generation function of PKCS#1.
        Mgf1 = MGF1,
        /// The concatenation function of SP 800-56A.
        Kdf1Sp80056a = KDF1_SP800_56A,
        /// The function of IEEE 1363a.
        Kdf2 = KDF2,
        /// The counter mode function of SP 800-108.
        Kdf1Sp800108 = KDF1_SP800_108,
    }
}

tpmi_alg! {
    /// TPMI_ECC_KEY_EXCHANGE (Part 2 §11.2.5.8).
    pub enum TpmiEccKeyExchange else SCHEME {
        /// Full unified model.
        Ecdh = ECDH,
        /// Full MQV.
        Ecmqv = ECMQV,
        /// The exchange of SM2.
        #[cfg(feature = "sm2")]
        Sm2 = SM2,
    }
}

tpmi_alg! {
    /// TPMI_ALG_PUBLIC (Part 2 §12.2.2): types of objects.
    pub enum TpmiAlgPublic else TYPE {
        /// RSA key.
        Rsa = RSA,
        /// HMAC key, XOR key, derivation parent or sealed data.
        KeyedHash = KEYEDHASH,
        /// Elliptic curve key.
        Ecc = ECC,
        /// Symmetric cipher key.
        SymCipher = SYMCIPHER,
    }
}

tpm_enum! {
    /// TPMI_AES_KEY_BITS, TPMI_CAMELLIA_KEY_BITS and TPMI_TDES_KEY_BITS (Part 2 §11.1.5) together; [`TpmiAlgSymObject::has`] says which a cipher has.
    pub enum SymKeyBits(u16) else VALUE {
        /// 128 bits; of triple DES, two keys with their parity.
        Bits128 = 128,
        /// 192 bits; of triple DES, three keys with their parity.
        Bits192 = 192,
        /// 256 bits.
        Bits256 = 256,
    }
}

impl SymKeyBits {
    /// Bytes of a key.
    pub const fn key_size(self) -> usize {
        self.value() as usize / 8
    }
}

tpm_enum! {
    /// TPMI_RSA_KEY_BITS (Part 2 §11.2.4.6).
    pub enum TpmiRsaKeyBits(u16) else VALUE {
        /// RSA-1024, for what was made long ago.
        Rsa1024 = 1024,
        /// RSA-2048.
        Rsa2048 = 2048,
        /// RSA-3072.
        Rsa3072 = 3072,
        /// RSA-4096.
        Rsa4096 = 4096,
    }
}

impl TpmiRsaKeyBits {
    /// Bytes of a modulus.
    pub const fn key_size(self) -> usize {
        self.value() as usize / 8
    }
}

tpm_enum! {
    /// TPMI_ECC_CURVE (Part 2 §11.2.5.5), with the numbers of TPM_ECC_CURVE (Part 2 §6.4).
    pub enum TpmiEccCurve(u16) else CURVE {
        /// TPM_ECC_NIST_P224.
        NistP224 = 0x0002,
        /// TPM_ECC_NIST_P256.
        NistP256 = 0x0003,
        /// TPM_ECC_NIST_P384.
        NistP384 = 0x0004,
        /// TPM_ECC_NIST_P521.
        NistP521 = 0x0005,
        /// TPM_ECC_BN_P256.
        #[cfg(feature = "bn256")]
        BnP256 = 0x0010,
        /// TPM_ECC_SM2_P256.
        #[cfg(feature = "sm2")]
        Sm2P256 = 0x0020,
    }
}

impl TpmiEccCurve {
    /// Bits of a coordinate, and of the order of the group.
    pub const fn bits(self) -> u16 {
        match self {
            Self::NistP224 => 224,
            Self::NistP256 => 256,
            Self::NistP384 => 384,
            Self::NistP521 => 521,
            #[cfg(feature = "bn256")]
            Self::BnP256 => 256,
            #[cfg(feature = "sm2")]
            Self::Sm2P256 => 256,
        }
    }

    /// Bytes of a coordinate, and of the order of the group.
    pub const fn size(self) -> usize {
        self.bits().div_ceil(8) as usize
    }
}

/// TPM_RH_NULL on the wire.
const RH_NULL: &[u8] = &TpmHandle::NULL.0.to_be_bytes();

/// A handle whose kind has been checked; any other is TPM_RC_VALUE.
macro_rules! tpmi_handle {
    ($(#[$meta:meta])* pub struct $name:ident = $accepts:expr;) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(TpmHandle);

        impl $name {
            /// The handle.
            pub const fn handle(self) -> TpmHandle {
                self.0
            }
        }

        impl TryFrom<TpmHandle> for $name {
            type Error = TpmRc;

            fn try_from(handle: TpmHandle) -> Result<Self, TpmRc> {
                let accepts: fn(TpmHandle) -> bool = $accepts;
                if accepts(handle) { Ok(Self(handle)) } else { Err(TpmRc::VALUE) }
            }
        }

        impl From<$name> for TpmHandle {
            fn from(checked: $name) -> Self {
                checked.0
            }
        }

        impl Marshal for $name {
            fn marshal(&self, writer: &mut Writer) {
                writer.put(&self.0);
            }
        }

        impl Unmarshal for $name {
            fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
                TpmHandle::unmarshal(reader)?.try_into()
            }
        }

        impl HasNull for $name {
            const NULL: &'static [u8] = RH_NULL;
        }
    };
}

const fn is_object(handle: TpmHandle) -> bool {
    handle.is_transient() || handle.is_persistent()
}

const fn is_base_hierarchy(handle: TpmHandle) -> bool {
    matches!(handle, TpmHandle::OWNER | TpmHandle::ENDORSEMENT | TpmHandle::PLATFORM)
}

tpmi_handle! {
    /// TPMI_DH_OBJECT (Part 2 §9.3): a loaded object.
    pub struct TpmiDhObject = is_object;
}

tpmi_handle! {
    /// TPMI_DH_PARENT (Part 2 §9.4): an object or a hierarchy that can have children. Its NULL value is the NULL hierarchy.
    pub struct TpmiDhParent = |handle| is_object(handle) || is_base_hierarchy(handle);
}

tpmi_handle! {
    /// TPMI_DH_PERSISTENT (Part 2 §9.5).
    pub struct TpmiDhPersistent = TpmHandle::is_persistent;
}

tpmi_handle! {
    /// TPMI_DH_ENTITY (Part 2 §9.6): whatever has an authValue.
    pub struct TpmiDhEntity = |handle| {
        is_object(handle)
            || is_base_hierarchy(handle)
            || handle == TpmHandle::LOCKOUT
            || handle.is_nv_index()
            || handle.is_pcr()
    };
}

tpmi_handle! {
    /// TPMI_DH_PCR (Part 2 §9.7).
    pub struct TpmiDhPcr = TpmHandle::is_pcr;
}

tpmi_handle! {
    /// TPMI_SH_AUTH_SESSION without the password session (Part 2 §9.8).
    pub struct TpmiShAuthSession = TpmHandle::is_session;
}

tpmi_handle! {
    /// TPMI_SH_AUTH_SESSION+ (Part 2 §9.8): a session, or TPM_RS_PW.
    pub struct TpmiShAuthSessionOrPassword = |handle| handle.is_session() || handle == TpmHandle::RS_PW;
}

tpmi_handle! {
    /// TPMI_SH_HMAC (Part 2 §9.9).
    pub struct TpmiShHmac = TpmHandle::is_hmac_session;
}

tpmi_handle! {
    /// TPMI_SH_POLICY (Part 2 §9.10).
    pub struct TpmiShPolicy = TpmHandle::is_policy_session;
}

tpmi_handle! {
    /// TPMI_DH_CONTEXT (Part 2 §9.11): what TPM2_ContextSave and TPM2_FlushContext take.
    pub struct TpmiDhContext = |handle| handle.is_session() || handle.is_transient();
}

tpmi_handle! {
    /// TPMI_DH_SAVED (Part 2 §9.12): a session's handle, or the marker of a saved object.
    pub struct TpmiDhSaved = |handle| {
        handle.is_session() || (handle.kind() == Some(TpmHt::Transient) && handle.number() <= 2)
    };
}

impl TpmiDhSaved {
    /// An ordinary transient object.
    pub const OBJECT: Self = Self(TpmHandle(0x8000_0000));
    /// A sequence object.
    pub const SEQUENCE: Self = Self(TpmHandle(0x8000_0001));
    /// A transient object with the stClear attribute.
    pub const ST_CLEAR: Self = Self(TpmHandle(0x8000_0002));
}

tpmi_handle! {
    /// TPMI_RH_HIERARCHY_AUTH (Part 2 §9.16).
    pub struct TpmiRhHierarchyAuth = |handle| is_base_hierarchy(handle) || handle == TpmHandle::LOCKOUT;
}

tpmi_handle! {
    /// TPMI_RH_HIERARCHY_POLICY (Part 2 §9.17): whatever TPM2_SetPrimaryPolicy sets the policy of.
    pub struct TpmiRhHierarchyPolicy = |handle| {
        is_base_hierarchy(handle) || handle == TpmHandle::LOCKOUT || handle.is_act()
    };
}

tpmi_handle! {
    /// TPMI_RH_ACT (Part 2 §9.35).
    pub struct TpmiRhAct = TpmHandle::is_act;
}

tpmi_handle! {
    /// TPMI_RH_BASE_HIERARCHY (1.83).
    pub struct TpmiRhBaseHierarchy = is_base_hierarchy;
}

tpmi_handle! {
    /// TPMI_RH_ENABLES (Part 2 §9.14).
    pub struct TpmiRhEnables = |handle| is_base_hierarchy(handle) || handle == TpmHandle::PLATFORM_NV;
}

tpmi_handle! {
    /// TPMI_RH_PLATFORM (Part 2 §9.18).
    pub struct TpmiRhPlatform = |handle| handle == TpmHandle::PLATFORM;
}

tpmi_handle! {
    /// TPMI_RH_OWNER (Part 2 §9.19).
    pub struct TpmiRhOwner = |handle| handle == TpmHandle::OWNER;
}

tpmi_handle! {
    /// TPMI_RH_ENDORSEMENT (Part 2 §9.20).
    pub struct TpmiRhEndorsement = |handle| handle == TpmHandle::ENDORSEMENT;
}

tpmi_handle! {
    /// TPMI_RH_PROVISION (Part 2 §9.21).
    pub struct TpmiRhProvision = |handle| matches!(handle, TpmHandle::OWNER | TpmHandle::PLATFORM);
}

tpmi_handle! {
    /// TPMI_RH_CLEAR (Part 2 §9.22).
    pub struct TpmiRhClear = |handle| matches!(handle, TpmHandle::LOCKOUT | TpmHandle::PLATFORM);
}

tpmi_handle! {
    /// TPMI_RH_NV_AUTH (Part 2 §9.23): who may authorize access to an NV Index.
    pub struct TpmiRhNvAuth = |handle| {
        matches!(handle, TpmHandle::OWNER | TpmHandle::PLATFORM) || handle.is_nv_index()
    };
}

tpmi_handle! {
    /// TPMI_RH_LOCKOUT (Part 2 §9.24).
    pub struct TpmiRhLockout = |handle| handle == TpmHandle::LOCKOUT;
}

tpmi_handle! {
    /// TPMI_RH_NV_INDEX (Part 2 §9.25).
    pub struct TpmiRhNvIndex = TpmHandle::is_nv_index;
}

tpm_enum! {
    /// TPMI_RH_HIERARCHY+ (Part 2 §9.13): the NULL hierarchy is a hierarchy like the others, so it is a member here.
    pub enum TpmiRhHierarchy(u32) else VALUE {
        /// TPM_RH_OWNER.
        Owner = TpmHandle::OWNER.0,
        /// TPM_RH_ENDORSEMENT.
        Endorsement = TpmHandle::ENDORSEMENT.0,
        /// TPM_RH_PLATFORM.
        Platform = TpmHandle::PLATFORM.0,
        /// TPM_RH_NULL.
        Null = TpmHandle::NULL.0,
    }
}

impl TpmiRhHierarchy {
    /// The permanent handle.
    pub const fn handle(self) -> TpmHandle {
        TpmHandle(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_outside_the_set_is_hash() {
        // Part 2 §9: TPMI_ALG_HASH, bad value TPM_RC_HASH.
        assert_eq!(TpmiAlgHash::from_bytes(&[0x00, 0x0b]), Ok(TpmiAlgHash::Sha256));
        assert_eq!(TpmiAlgHash::from_bytes(&[0x00, 0x12]), Err(TpmRc::HASH));
        assert_eq!(TpmiAlgHash::from_bytes(&[0x00, 0x10]), Err(TpmRc::HASH));
        assert_eq!(Option::<TpmiAlgHash>::from_bytes(&[0x00, 0x10]), Ok(None));
        assert_eq!(Option::<TpmiAlgHash>::from_bytes(&[0x00]), Err(TpmRc::INSUFFICIENT));
    }

    #[test]
    fn handles_of_another_kind_are_value() {
        // Part 2 §9, table of handle types.
        assert!(TpmiDhObject::try_from(TpmHandle(0x8000_0000)).is_ok());
        assert!(TpmiDhObject::try_from(TpmHandle(0x81FF_FFFF)).is_ok());
        assert_eq!(TpmiDhObject::try_from(TpmHandle::OWNER), Err(TpmRc::VALUE));
        assert!(TpmiDhPcr::try_from(TpmHandle(23)).is_ok());
        assert_eq!(TpmiDhPcr::try_from(TpmHandle(24)), Err(TpmRc::VALUE));
        assert_eq!(TpmiDhEntity::try_from(TpmHandle::NULL), Err(TpmRc::VALUE));
        assert!(TpmiShPolicy::try_from(TpmHandle(0x0300_003F)).is_ok());
        assert_eq!(TpmiShPolicy::try_from(TpmHandle(0x0300_0040)), Err(TpmRc::VALUE));
        assert!(TpmiDhSaved::try_from(TpmHandle(0x8000_0002)).is_ok());
        assert_eq!(TpmiDhSaved::try_from(TpmHandle(0x8000_0003)), Err(TpmRc::VALUE));
        assert_eq!(TpmiRhNvAuth::try_from(TpmHandle::ENDORSEMENT), Err(TpmRc::VALUE));
        assert_eq!(Option::<TpmiDhObject>::from_bytes(&[0x40, 0, 0, 7]), Ok(None));
    }

    #[test]
    fn hierarchy_accepts_null_but_not_lockout() {
        assert_eq!(TpmiRhHierarchy::from_bytes(&[0x40, 0, 0, 7]), Ok(TpmiRhHierarchy::Null));
        assert_eq!(TpmiRhHierarchy::from_bytes(&[0x40, 0, 0, 0x0a]), Err(TpmRc::VALUE));
    }
}
