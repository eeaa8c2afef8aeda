//! TPM2_SequenceComplete (Part 3 §17.5): the last piece, and the digest or HMAC. The sequence is gone afterwards.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    hierarchy::ticket,
    object::sequence::{Opening, Sequence},
    structures::{Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmiRhHierarchy, TpmtTkHashcheck},
};

/// TPM2_SequenceComplete.
pub struct SequenceComplete;

parameters! {
    /// The parameters of TPM2_SequenceComplete.
    pub struct Params {
        /// The last piece.
        pub buffer: Tpm2bMaxBuffer,
        /// The hierarchy of the ticket.
        pub hierarchy: TpmiRhHierarchy,
    }
}

reply! {
    /// The reply of TPM2_SequenceComplete.
    pub struct Reply {
        /// The digest or HMAC.
        pub result: Tpm2bDigest,
        /// For a digest, that its message is safe to sign.
        pub validation: TpmtTkHashcheck,
    }
}

impl Command for SequenceComplete {
    const CODE: TpmCc = TpmCc::SEQUENCE_COMPLETE;
    const NAME: &'static str = "TPM2_SequenceComplete";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let mut sequence = tpm.located_sequence(handles.first(), 1)?;
        let data = params.buffer.as_bytes();
        // An empty last piece says nothing about how the message begins.
        if !data.is_empty() || matches!(sequence, Sequence::Hash(_, Opening::None)) {
            sequence.update(host, data);
        }
        let (result, validation) = match sequence {
            Sequence::Event(_) => return Err(TpmRc::MODE.with_handle(1)),
            Sequence::Hmac(hmac) => (hmac.finish(host), TpmtTkHashcheck::null()),
            Sequence::Cmac(cmac) => (cmac.finish(host)?, TpmtTkHashcheck::null()),
            Sequence::Hash(hasher, opening) => {
                let alg = hasher.alg();
                let digest = hasher.finish(host);
                let ticket = if opening == Opening::Safe && params.hierarchy != TpmiRhHierarchy::Null {
                    let proof = &tpm.root(params.hierarchy).proof;
                    let hierarchy = params.hierarchy;
                    TpmtTkHashcheck {
                        hierarchy,
                        digest: ticket::hashcheck(host, proof, alg, digest.as_bytes()),
                    }
                } else {
                    TpmtTkHashcheck::null()
                };
                (digest, ticket)
            }
        };
        tpm.volatile.objects.flush(handles.first());
        Ok(Reply { result, validation })
    }
}
