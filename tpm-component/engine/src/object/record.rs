//! The form in which an object is kept: the record of a persistent object, the contents of a saved context.
//!
//! Both come back through somebody else's hands: the host's store, or a caller whose context was authenticated. Reading is strict to the last
//! byte; what was written by this engine always reads.

use super::{Object, Prepared};
use crate::{
    state::image::Maybe,
    structures::{Tpm2bSensitive, TpmRc},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

impl Marshal for Object {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.public);
        // A TPM2B_SENSITIVE, without a copy of the secrets.
        writer.sized(|w| {
            if let Some(sensitive) = &self.sensitive {
                w.put(sensitive);
            }
        });
        writer.put(&self.hierarchy);
        writer.put(&self.name);
        writer.put(&self.qualified_name);
        writer.put(&self.external);
        writer.put(&self.st_clear);
        writer.put(&self.sequence.is_some());
        if let Some(sequence) = &self.sequence {
            writer.put(sequence);
        }
    }
}

impl Unmarshal for Object {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let public = Unmarshal::unmarshal(reader)?;
        let Tpm2bSensitive(sensitive) = Unmarshal::unmarshal(reader)?;
        Ok(Self {
            public,
            sensitive,
            hierarchy: Unmarshal::unmarshal(reader)?,
            name: Unmarshal::unmarshal(reader)?,
            qualified_name: Unmarshal::unmarshal(reader)?,
            external: Unmarshal::unmarshal(reader)?,
            st_clear: Unmarshal::unmarshal(reader)?,
            prepared: Prepared::default(),
            sequence: Maybe::unmarshal(reader)?.0,
        })
    }
}
