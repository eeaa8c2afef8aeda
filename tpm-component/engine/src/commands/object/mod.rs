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
        TpmsCreationData, TpmsSensitiveCreate, TpmtPublic, TpmtTkCreation, Written,
    },
    tpm::{Locality, Tpm},
    wire::Marshal,
};

/// What both creating commands check: the template against its parent, and the size of the authValue.
fn check_creation(template: &TpmtPublic, parent: Parent<'_>, sensitive: &TpmsSensitiveCreate) -> Result<(), TpmRc> {
    checks::creation(template, parent, sensitive.data.as_bytes().len()).map_err(|code| code.with_parameter(2))?;
    let alg = template.name_alg.ok_or(TpmRc::HASH.with_parameter(2))?;
    if sensitive.user_auth.trimmed().as_bytes().len() > alg.digest_size() {
        return Err(TpmRc::SIZE.with_parameter(1));
    }
    Ok(())
}

/// Where an object was created.
struct Creation<'a> {
    locality: Locality,
    hierarchy: TpmiRhHierarchy,
    parent_name_alg: TpmAlgId,
    parent_name: &'a Tpm2bName,
    parent_qualified_name: &'a Tpm2bName,
    outside_info: Tpm2bData,
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
    let data = TpmsCreationData {
        pcr_digest: pcrs.digest(host, alg, &pcr_select),
        pcr_select,
        locality: TpmaLocality::of(creation.locality.number()),
        parent_name_alg: creation.parent_name_alg,
        parent_name: creation.parent_name.clone(),
        parent_qualified_name: creation.parent_qualified_name.clone(),
        outside_info: creation.outside_info,
    };
    let data = Written::new(data.to_bytes());
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
