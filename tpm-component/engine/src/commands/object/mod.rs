//! Part 3 §12 and §24: objects.

mod activate_credential;
mod create;
mod create_loaded;
mod create_primary;
mod load;
mod load_external;
mod make_credential;
mod object_change_auth;
mod read_public;
mod unseal;

pub use activate_credential::ActivateCredential;
pub use create::Create;
pub use create_loaded::CreateLoaded;
pub use create_primary::CreatePrimary;
pub use load::Load;
pub use load_external::LoadExternal;
pub use make_credential::MakeCredential;
pub use object_change_auth::ObjectChangeAuth;
pub use read_public::ReadPublic;
pub use unseal::Unseal;

use tpm_contract::Host;

use crate::{
    crypto::hash,
    hierarchy::ticket,
    object::checks::{self, Parent},
    structures::{
        Tpm2bData, Tpm2bDigest, Tpm2bName, TpmAlgId, TpmRc, TpmaLocality, TpmiRhHierarchy, TpmlPcrSelection,
        TpmsSensitiveCreate, TpmtPublic, TpmtTkCreation, Written,
    },
    tpm::{Locality, Tpm},
    wire::Writer,
};

/// What both creating commands check: the template against its parent, and the size of the authValue.
fn check_creation(template: &TpmtPublic, parent: Parent<'_>, sensitive: &TpmsSensitiveCreate) -> Result<(), TpmRc> {
    checks::creation(template, parent, sensitive.data.as_bytes().len()).map_err(|code| code.with_parameter(2))?;
    let alg = template.name_alg.ok_or(TpmRc::HASH.with_parameter(2))?;
    if sensitive.user_auth.trimmed_bytes().len() > alg.digest_size() {
        return Err(TpmRc::SIZE.with_parameter(1));
    }
    Ok(())
}

/// Room for any creation data: lists and buffers of Part 2 that are all bounded, most of them by the size of a digest.
const MAX_CREATION_DATA: usize = 512;

/// Where an object was created.
struct Creation<'a> {
    locality: Locality,
    hierarchy: TpmiRhHierarchy,
    parent_name_alg: TpmAlgId,
    parent_name: &'a Tpm2bName,
    parent_qualified_name: &'a Tpm2bName,
    outside_info: &'a Tpm2bData,
    pcrs: &'a TpmlPcrSelection,
}

/// The creation data of a new object, its digest, and the ticket over both (Part 1 §27.7).
fn creation_data(
    tpm: &Tpm,
    host: &mut dyn Host,
    public: &TpmtPublic,
    name: &Tpm2bName,
    creation: Creation<'_>,
) -> Result<(Written, Tpm2bDigest, TpmtTkCreation), TpmRc> {
    let alg = public.name_alg.ok_or(TpmRc::HASH)?;
    let pcrs = &tpm.state_clear.pcrs;
    let pcr_select = pcrs.filter(creation.pcrs);
    // TPMS_CREATION_DATA (Part 2 §15.1).
    let mut data = Writer::with_capacity(MAX_CREATION_DATA);
    data.put(&pcr_select);
    data.put(&pcrs.digest(host, alg, &pcr_select));
    data.put(&TpmaLocality::of(creation.locality.number()));
    data.put(&creation.parent_name_alg);
    data.put(creation.parent_name);
    data.put(creation.parent_qualified_name);
    data.put(creation.outside_info);
    let data = Written::new(data.into_vec());
    let digest = hash(host, alg, &[data.as_bytes()]);
    let proof = &tpm.root(creation.hierarchy).proof;
    let ticket = TpmtTkCreation {
        hierarchy: creation.hierarchy,
        digest: ticket::creation(host, proof, name.as_bytes(), digest.as_bytes()),
    };
    Ok((data, digest, ticket))
}

#[cfg(test)]
mod tests;
