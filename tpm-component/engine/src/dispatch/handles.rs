//! The handle area (Part 3 §5.4): each handle is of its interface type, and what it names exists and is enabled.
//!
//! The handles come from whoever can send a command. All of them are read before the first is looked up, as Part 3 orders the checks.

use crate::{
    dispatch::{
        header::Header,
        table::{HandleSpec, HandleType, Row},
    },
    structures::{
        TpmCc, TpmHandle, TpmRc, TpmiDhContext, TpmiDhEntity, TpmiDhObject, TpmiDhParent, TpmiDhPcr, TpmiRhAct,
        TpmiRhBaseHierarchy, TpmiRhClear, TpmiRhEndorsement, TpmiRhHierarchy, TpmiRhHierarchyAuth,
        TpmiRhHierarchyPolicy, TpmiRhLockout, TpmiRhNvAuth, TpmiRhNvIndex, TpmiRhPlatform, TpmiRhProvision, TpmiShHmac,
        TpmiShPolicy, limits,
    },
    tpm::Tpm,
    wire::{Reader, Unmarshal},
};

/// The handle area of a command.
#[derive(Clone, Copy, Debug)]
pub struct Handles {
    all: [TpmHandle; limits::MAX_HANDLE_NUM],
    count: usize,
}

impl Handles {
    /// Reads the handle area that `row` describes.
    pub(in crate::dispatch) fn read(row: &Row, reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let mut all = [TpmHandle::NULL; limits::MAX_HANDLE_NUM];
        for (at, spec) in row.handles.iter().enumerate() {
            let handle = read_one(spec, reader).map_err(|code| code.with_handle(at + 1))?;
            if let Some(slot) = all.get_mut(at) {
                *slot = handle;
            }
        }
        Ok(Self {
            all,
            count: row.handles.len(),
        })
    }

    /// The first handle; TPM_RH_NULL for a command without handles.
    pub const fn first(&self) -> TpmHandle {
        self.all[0]
    }

    /// The second handle; TPM_RH_NULL for a command without it.
    pub const fn second(&self) -> TpmHandle {
        self.all[1]
    }

    /// The third handle; TPM_RH_NULL for a command without it.
    pub const fn third(&self) -> TpmHandle {
        self.all[2]
    }

    /// All handles in order, counted from 0.
    pub fn iter(&self) -> impl Iterator<Item = (usize, TpmHandle)> {
        (0..self.count).filter_map(|at| Some((at, *self.all.get(at)?)))
    }
}

/// A command whose handles name what exists.
pub struct Located<'a> {
    /// The command.
    pub row: &'static Row,
    /// Its handles.
    pub handles: Handles,
    /// Whether an authorisation area follows.
    pub sessions: bool,
    /// What follows the handles.
    pub body: Reader<'a>,
}

impl<'a> Located<'a> {
    /// Reads the handles of the command and looks up what they name.
    pub(in crate::dispatch) fn locate(tpm: &Tpm, row: &'static Row, header: Header<'a>) -> Result<Self, TpmRc> {
        let mut body = header.body;
        let handles = Handles::read(row, &mut body)?;
        let eviction = row.code == TpmCc::EVICT_CONTROL;
        for (at, handle) in handles.iter() {
            tpm.locate(handle, at + 1, eviction)?;
        }
        Ok(Self {
            row,
            handles,
            sessions: header.sessions,
            body,
        })
    }
}

/// Reads one handle as its interface type does.
fn read_one(spec: &HandleSpec, reader: &mut Reader<'_>) -> Result<TpmHandle, TpmRc> {
    Ok(match spec.kind {
        HandleType::Object => TpmiDhObject::unmarshal(reader)?.into(),
        HandleType::ObjectOrNull => or_null::<TpmiDhObject>(reader)?,
        HandleType::ParentOrNull => or_null::<TpmiDhParent>(reader)?,
        HandleType::Entity => TpmiDhEntity::unmarshal(reader)?.into(),
        HandleType::EntityOrNull => or_null::<TpmiDhEntity>(reader)?,
        HandleType::Pcr => TpmiDhPcr::unmarshal(reader)?.into(),
        HandleType::PcrOrNull => or_null::<TpmiDhPcr>(reader)?,
        HandleType::Context => TpmiDhContext::unmarshal(reader)?.into(),
        HandleType::PolicySession => TpmiShPolicy::unmarshal(reader)?.into(),
        HandleType::HmacSession => TpmiShHmac::unmarshal(reader)?.into(),
        HandleType::HierarchyOrNull => TpmiRhHierarchy::unmarshal(reader)?.handle(),
        HandleType::BaseHierarchy => TpmiRhBaseHierarchy::unmarshal(reader)?.into(),
        HandleType::HierarchyAuth => TpmiRhHierarchyAuth::unmarshal(reader)?.into(),
        HandleType::HierarchyPolicy => TpmiRhHierarchyPolicy::unmarshal(reader)?.into(),
        HandleType::Act => TpmiRhAct::unmarshal(reader)?.into(),
        HandleType::Platform => TpmiRhPlatform::unmarshal(reader)?.into(),
        HandleType::Endorsement => TpmiRhEndorsement::unmarshal(reader)?.into(),
        HandleType::Lockout => TpmiRhLockout::unmarshal(reader)?.into(),
        HandleType::Provision => TpmiRhProvision::unmarshal(reader)?.into(),
        HandleType::Clear => TpmiRhClear::unmarshal(reader)?.into(),
        HandleType::NvAuth => TpmiRhNvAuth::unmarshal(reader)?.into(),
        HandleType::NvIndex => TpmiRhNvIndex::unmarshal(reader)?.into(),
    })
}

/// Reads a handle that may be TPM_RH_NULL.
fn or_null<T: crate::wire::HasNull + Into<TpmHandle>>(reader: &mut Reader<'_>) -> Result<TpmHandle, TpmRc> {
    Ok(Option::<T>::unmarshal(reader)?.map_or(TpmHandle::NULL, Into::into))
}
