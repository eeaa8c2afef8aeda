//! Part 2 §13: the public area of an NV Index. What combinations of attributes an index may have is decided in `nv/`.

use super::{Tpm2bDigest, TpmRc, TpmiAlgHash, TpmiRhNvIndex, limits};
use crate::wire::{
    Marshal, Reader, Unmarshal, Writer,
    shapes::{tpm_enum, tpm2b_struct, tpma, tpms},
};

tpm_enum! {
    /// TPM_NT (Part 2 §13.4): the type of an NV Index, in its attributes' bits 7:4. Another value is TPM_RC_ATTRIBUTES.
    pub enum TpmNt(u8) else ATTRIBUTES {
        /// TPM_NT_ORDINARY: bytes.
        Ordinary = 0x0,
        /// TPM_NT_COUNTER: 8 bytes that only count up.
        Counter = 0x1,
        /// TPM_NT_BITS: 64 bits that can only be set.
        Bits = 0x2,
        /// TPM_NT_EXTEND: a digest that is extended as a PCR is.
        Extend = 0x4,
        /// TPM_NT_PIN_FAIL: counts failed authorizations.
        PinFail = 0x8,
        /// TPM_NT_PIN_PASS: counts authorizations.
        PinPass = 0x9,
    }
}

tpma! {
    /// TPMA_NV (Part 2 §13.4).
    pub struct TpmaNv(u32) reserved 0x01F0_0300 {
        /// TPMA_NV_PPWRITE.
        PPWRITE = 0x1,
        /// TPMA_NV_OWNERWRITE.
        OWNERWRITE = 0x2,
        /// TPMA_NV_AUTHWRITE.
        AUTHWRITE = 0x4,
        /// TPMA_NV_POLICYWRITE.
        POLICYWRITE = 0x8,
        /// The bits of TPM_NT.
        TPM_NT = 0xF0,
        /// TPMA_NV_POLICY_DELETE.
        POLICY_DELETE = 0x400,
        /// TPMA_NV_WRITELOCKED.
        WRITELOCKED = 0x800,
        /// TPMA_NV_WRITEALL.
        WRITEALL = 0x1000,
        /// TPMA_NV_WRITEDEFINE.
        WRITEDEFINE = 0x2000,
        /// TPMA_NV_WRITE_STCLEAR.
        WRITE_STCLEAR = 0x4000,
        /// TPMA_NV_GLOBALLOCK.
        GLOBALLOCK = 0x8000,
        /// TPMA_NV_PPREAD.
        PPREAD = 0x1_0000,
        /// TPMA_NV_OWNERREAD.
        OWNERREAD = 0x2_0000,
        /// TPMA_NV_AUTHREAD.
        AUTHREAD = 0x4_0000,
        /// TPMA_NV_POLICYREAD.
        POLICYREAD = 0x8_0000,
        /// TPMA_NV_NO_DA.
        NO_DA = 0x0200_0000,
        /// TPMA_NV_ORDERLY.
        ORDERLY = 0x0400_0000,
        /// TPMA_NV_CLEAR_STCLEAR.
        CLEAR_STCLEAR = 0x0800_0000,
        /// TPMA_NV_READLOCKED.
        READLOCKED = 0x1000_0000,
        /// TPMA_NV_WRITTEN.
        WRITTEN = 0x2000_0000,
        /// TPMA_NV_PLATFORMCREATE.
        PLATFORMCREATE = 0x4000_0000,
        /// TPMA_NV_READ_STCLEAR.
        READ_STCLEAR = 0x8000_0000,
    }
}

impl TpmaNv {
    /// The index type, or `None` for a number that is none.
    pub fn index_type(self) -> Option<TpmNt> {
        TpmNt::from_value(((self.bits() & Self::TPM_NT.bits()) >> 4) as u8)
    }

    /// The attributes with this index type.
    #[must_use]
    pub const fn with_type(self, index_type: TpmNt) -> Self {
        Self::from_bits((self.bits() & !Self::TPM_NT.bits()) | ((index_type.value() as u32) << 4))
    }
}

/// TPMS_NV_PUBLIC (Part 2 §13.5). Written by hand because `data_size` has a bound, above which it is TPM_RC_SIZE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmsNvPublic {
    /// The handle.
    pub nv_index: TpmiRhNvIndex,
    /// The algorithm of the Name, the policy and an extend index.
    pub name_alg: TpmiAlgHash,
    /// The attributes.
    pub attributes: TpmaNv,
    /// The policy, or nothing.
    pub auth_policy: Tpm2bDigest,
    /// Bytes of data; at most [`limits::MAX_NV_INDEX_SIZE`] in what was unmarshalled.
    pub data_size: u16,
}

impl Marshal for TpmsNvPublic {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.nv_index);
        writer.put(&self.name_alg);
        writer.put(&self.attributes);
        writer.put(&self.auth_policy);
        writer.put(&self.data_size);
    }
}

impl Unmarshal for TpmsNvPublic {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let public = Self {
            nv_index: Unmarshal::unmarshal(reader)?,
            name_alg: Unmarshal::unmarshal(reader)?,
            attributes: Unmarshal::unmarshal(reader)?,
            auth_policy: Unmarshal::unmarshal(reader)?,
            data_size: Unmarshal::unmarshal(reader)?,
        };
        if usize::from(public.data_size) <= limits::MAX_NV_INDEX_SIZE {
            Ok(public)
        } else {
            Err(TpmRc::SIZE)
        }
    }
}

tpm2b_struct! {
    /// TPM2B_NV_PUBLIC (Part 2 §13.6).
    pub struct Tpm2bNvPublic(TpmsNvPublic)
}

/// TPMT_NV_PUBLIC_2 (Part 2, 1.83). Written by hand because the types of NV handles that this TPM does not have are known all the same, and answered with
/// TPM_RC_HANDLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmtNvPublic2(pub TpmsNvPublic);

/// TPM_HT_NV_INDEX.
const NV_INDEX: u8 = 0x01;
/// TPM_HT_EXTERNAL_NV and TPM_HT_PERMANENT_NV.
const OTHER_NV: core::ops::RangeInclusive<u8> = 0x11..=0x12;

impl Marshal for TpmtNvPublic2 {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&NV_INDEX);
        writer.put(&self.0);
    }
}

impl Unmarshal for TpmtNvPublic2 {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match u8::unmarshal(reader)? {
            NV_INDEX => Unmarshal::unmarshal(reader).map(Self),
            other if OTHER_NV.contains(&other) => Err(TpmRc::HANDLE),
            _ => Err(TpmRc::SELECTOR),
        }
    }
}

tpm2b_struct! {
    /// TPM2B_NV_PUBLIC_2 (Part 2, 1.83).
    pub struct Tpm2bNvPublic2(TpmtNvPublic2)
}

tpms! {
    /// TPMS_NV_PIN_COUNTER_PARAMETERS (Part 2 §13.3): the contents of a PIN index.
    pub struct TpmsNvPinCounterParameters {
        /// Authorizations that counted.
        pub pin_count: u32,
        /// How many may.
        pub pin_limit: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_type_is_a_field_of_the_attributes() {
        // Part 2 §13.4: TPMA_NV_TPM_NT_value_PIN_PASS is 0x90.
        let pin_pass = TpmaNv::empty().with_type(TpmNt::PinPass);
        assert_eq!(pin_pass.bits(), 0x90);
        assert_eq!(pin_pass.index_type(), Some(TpmNt::PinPass));
        assert_eq!(TpmaNv::from_bits(0x30).index_type(), None);
    }

    #[test]
    fn public_area_round_trips_and_refuses_what_is_no_index() {
        let bytes = [0, 14, 1, 0x80, 0, 1, 0, 0x0b, 0, 2, 0, 2, 0, 0, 0, 8];
        let public = Tpm2bNvPublic::from_bytes(&bytes).expect("well formed");
        assert_eq!(public.0.attributes, TpmaNv::OWNERREAD | TpmaNv::OWNERWRITE);
        assert_eq!(public.to_bytes(), bytes);
        let mut object = bytes;
        object[2] = 0x81;
        assert_eq!(Tpm2bNvPublic::from_bytes(&object), Err(TpmRc::VALUE));
        let mut reserved = bytes;
        reserved[8] = 0x01;
        assert_eq!(Tpm2bNvPublic::from_bytes(&reserved), Err(TpmRc::RESERVED_BITS));
    }
}
