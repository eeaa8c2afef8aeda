//! One NV index: its public area, its authValue, its contents; and its record.

use alloc::vec::Vec;

use crate::{
    object::name::digest_name,
    structures::{
        Tpm2bAuth, Tpm2bName, TpmHandle, TpmNt, TpmRc, TpmaNv, TpmsNvPinCounterParameters, TpmsNvPublic,
        limits::MAX_NV_INDEX_SIZE,
    },
    wipe::Wiped,
    wire::{Marshal, Reader, Unmarshal, Writer},
};
use tpm_contract::Arithmetic;

/// What a byte is that was never written: as on erased flash, and as other implementations answer.
const ERASED: u8 = 0xFF;

/// The contents of an index, which may be a secret: wiped when dropped, not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct NvContents(Wiped<Vec<u8>>);

impl core::fmt::Debug for NvContents {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NvContents({} bytes)", self.0.len())
    }
}

impl NvContents {
    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An NV index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvIndex {
    public: TpmsNvPublic,
    auth: Tpm2bAuth,
    contents: NvContents,
}

impl NvIndex {
    /// A new index, not written. `definition.rs` has checked the public area.
    pub fn new(public: TpmsNvPublic, auth: &Tpm2bAuth) -> Self {
        let contents = alloc::vec![Self::unwritten_byte(&public); usize::from(public.data_size)];
        Self {
            public,
            auth: auth.trimmed(),
            contents: NvContents(Wiped::new(contents)),
        }
    }

    /// Orderly indices live in memory, which starts as zeros.
    const fn unwritten_byte(public: &TpmsNvPublic) -> u8 {
        if public.attributes.contains(TpmaNv::ORDERLY) {
            0
        } else {
            ERASED
        }
    }

    /// The handle.
    pub const fn handle(&self) -> TpmHandle {
        self.public.nv_index.handle()
    }

    /// The public area.
    pub const fn public(&self) -> &TpmsNvPublic {
        &self.public
    }

    /// The Name (Part 1 §16): nameAlg with the digest of the public area as it is now, so that writing and locking change it.
    pub fn name(&self, host: &mut dyn Arithmetic) -> Result<Tpm2bName, TpmRc> {
        digest_name(host, self.public.name_alg, &[&self.public.to_bytes()])
    }

    /// The authValue, without zeros at its end.
    pub const fn auth(&self) -> &Tpm2bAuth {
        &self.auth
    }

    /// Replaces the authValue.
    pub fn set_auth(&mut self, auth: &Tpm2bAuth) {
        self.auth = auth.trimmed();
    }

    /// Whether all of these attributes are set.
    pub const fn has(&self, attributes: TpmaNv) -> bool {
        self.public.attributes.contains(attributes)
    }

    /// Whether it was written since it was defined, or cleared.
    pub const fn is_written(&self) -> bool {
        self.has(TpmaNv::WRITTEN)
    }

    /// Sets or clears attributes.
    pub fn set(&mut self, attributes: TpmaNv, value: bool) {
        self.public.attributes = self.public.attributes.set_to(attributes, value);
    }

    /// The index type. `definition.rs` lets no other number pass, and a record is checked as it is read.
    pub fn index_type(&self) -> TpmNt {
        self.public.attributes.index_type().unwrap_or(TpmNt::Ordinary)
    }

    /// Whether it is a PIN index, written or not.
    pub fn is_pin(&self) -> bool {
        matches!(self.index_type(), TpmNt::PinFail | TpmNt::PinPass)
    }

    /// The contents, as a number of bytes.
    pub const fn contents(&self) -> &NvContents {
        &self.contents
    }

    /// All bytes of the contents.
    pub fn bytes(&self) -> &[u8] {
        &self.contents.0
    }

    /// `size` bytes from `offset`: TPM_RC_NV_RANGE when they are not all there.
    pub fn read(&self, offset: usize, size: usize) -> Result<&[u8], TpmRc> {
        let end = offset.checked_add(size).ok_or(TpmRc::NV_RANGE)?;
        self.contents.0.get(offset..end).ok_or(TpmRc::NV_RANGE)
    }

    /// Writes `data` from `offset`: TPM_RC_NV_RANGE when it does not fit. For use in [`NvIndices::write`](super::NvIndices::write).
    pub fn write_at(&mut self, offset: usize, data: &[u8]) -> Result<(), TpmRc> {
        let end = offset.checked_add(data.len()).ok_or(TpmRc::NV_RANGE)?;
        self.contents
            .0
            .get_mut(offset..end)
            .ok_or(TpmRc::NV_RANGE)?
            .copy_from_slice(data);
        Ok(())
    }

    /// Makes an index unwritten again: WRITTEN is clear and the bytes are as when it was defined.
    pub(super) fn clear_written(&mut self) {
        self.set(TpmaNv::WRITTEN, false);
        let unwritten = Self::unwritten_byte(&self.public);
        self.contents.0.fill(unwritten);
    }

    /// The value of a counter that was written.
    pub fn count(&self) -> Option<u64> {
        (self.index_type() == TpmNt::Counter && self.is_written())
            .then(|| self.number())
            .flatten()
    }

    /// The contents as a number, for the types that are 8 bytes long.
    pub fn number(&self) -> Option<u64> {
        u64::from_bytes(&self.contents.0).ok()
    }

    /// The PIN of a PIN index that was written.
    pub fn pin(&self) -> Option<TpmsNvPinCounterParameters> {
        (self.is_pin() && self.is_written())
            .then(|| TpmsNvPinCounterParameters::from_bytes(&self.contents.0).ok())
            .flatten()
    }

    /// Writes a PIN.
    pub(super) fn set_pin(&mut self, pin: TpmsNvPinCounterParameters) -> Result<(), TpmRc> {
        self.write_at(0, &pin.to_bytes())
    }
}

/// The record of an index in the persistent state.
impl Marshal for NvIndex {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.public);
        writer.put(&self.auth);
        writer.sized_bytes(&self.contents.0);
    }
}

/// A record is the TPM's own, but its store is not: a size that does not match, or a type that is none, is TPM_RC_FAILURE.
impl Unmarshal for NvIndex {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let public = TpmsNvPublic::unmarshal(reader)?;
        let auth = Tpm2bAuth::unmarshal(reader)?;
        let size = u16::unmarshal(reader)?;
        let fits = size == public.data_size && usize::from(size) <= MAX_NV_INDEX_SIZE;
        if !fits || public.attributes.index_type().is_none() {
            return Err(TpmRc::FAILURE);
        }
        let contents = NvContents(Wiped::new(reader.take(usize::from(size))?.to_vec()));
        Ok(Self { public, auth, contents })
    }
}
