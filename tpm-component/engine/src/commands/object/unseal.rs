//! TPM2_Unseal (Part 3 §12.7): the data of a sealed object.

use crate::{
    dispatch::{Authorized, Command, reply},
    structures::{Tpm2bSensitiveData, TpmCc, TpmRc, TpmaObject, TpmiAlgPublic, TpmuSensitiveComposite},
};

/// TPM2_Unseal.
pub struct Unseal;

reply! {
    /// The reply of TPM2_Unseal.
    pub struct UnsealReply {
        /// The data.
        pub out_data: Tpm2bSensitiveData,
    }
}

impl Command for Unseal {
    const CODE: TpmCc = TpmCc::UNSEAL;
    const NAME: &'static str = "TPM2_Unseal";
    type Params = ();
    type Reply = UnsealReply;

    fn run(command: Authorized<'_, Self>) -> Result<UnsealReply, TpmRc> {
        let object = command.tpm.located(command.handles.first())?;
        if object.public.object_type() != TpmiAlgPublic::KeyedHash {
            return Err(TpmRc::TYPE.with_handle(1));
        }
        let key = TpmaObject::SIGN.with(TpmaObject::DECRYPT).with(TpmaObject::RESTRICTED);
        if object.public.object_attributes.intersects(key) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        match object.secret() {
            Some(TpmuSensitiveComposite::Bits(data)) => Ok(UnsealReply { out_data: data.clone() }),
            _ => Err(TpmRc::TYPE.with_handle(1)),
        }
    }
}
