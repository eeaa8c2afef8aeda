//! TPM2_PolicyTemplate (Part 3 §23.22): the session authorises the creation of objects with this
//! template only.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    session::policy::Restriction,
    structures::{Tpm2bDigest, TpmCc, TpmRc},
};

/// TPM2_PolicyTemplate.
pub struct PolicyTemplate;

parameters! {
    /// Parameters of TPM2_PolicyTemplate.
    pub struct Params {
        /// Digest of the template.
        pub template_hash: Tpm2bDigest,
    }
}

impl Command for PolicyTemplate {
    const CODE: TpmCc = TpmCc::POLICY_TEMPLATE;
    const NAME: &'static str = "TPM2_PolicyTemplate";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let template_hash = command.params.template_hash;
        let session = session_mut(command.tpm, command.handles.first())?;
        // As other TPMs order the checks: a template of the wrong size is at first another one.
        match &session.policy.restriction {
            Restriction::None => {}
            Restriction::TemplateHash(known) if *known == template_hash => {}
            Restriction::TemplateHash(_) => return Err(TpmRc::VALUE.with_parameter(1)),
            Restriction::CpHash(_) | Restriction::NameHash(_) | Restriction::ParameterHash(_) => {
                return Err(TpmRc::CPHASH);
            }
        }
        session.check_digest_size(&template_hash)?;
        session.restrict(Restriction::TemplateHash((&template_hash).into()))?;
        session.extend(command.host, Self::CODE, template_hash.as_bytes());
        Ok(())
    }
}
