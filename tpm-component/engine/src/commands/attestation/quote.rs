//! TPM2_Quote (Part 3 §18.4): the TPM attests values of PCR.

use super::Attester;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{
        Tpm2bAttest, Tpm2bData, TpmCc, TpmRc, TpmlPcrSelection, TpmsQuoteInfo, TpmtSigScheme, TpmtSignature, TpmuAttest,
    },
};

/// TPM2_Quote.
pub struct Quote;

parameters! {
    /// The parameters of TPM2_Quote.
    pub struct QuoteParams {
        /// What the caller wants to find in the quote.
        pub qualifying_data: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
        /// The PCR.
        pub pcr_select: TpmlPcrSelection,
    }
}

reply! {
    /// The reply of TPM2_Quote.
    pub struct QuoteReply {
        /// The quote.
        pub quoted: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for Quote {
    const CODE: TpmCc = TpmCc::QUOTE;
    const NAME: &'static str = "TPM2_Quote";
    type Params = QuoteParams;
    type Reply = QuoteReply;

    fn run(command: Authorized<'_, Self>) -> Result<QuoteReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.first(), 1, &params.in_scheme, 2)?;
        // The PCR are digested with the scheme's hash; without a key there is none.
        let no_hash = TpmRc::SCHEME.with_parameter(2);
        let alg = attester.hash().ok_or(no_hash)?;
        let pcrs = &tpm.state_clear.pcrs;
        let pcr_select = pcrs.filter(&params.pcr_select);
        let pcr_digest = pcrs.digest(host, alg, &pcr_select);
        let attested = TpmuAttest::Quote(TpmsQuoteInfo { pcr_select, pcr_digest });
        let (quoted, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        Ok(QuoteReply { quoted, signature })
    }
}
