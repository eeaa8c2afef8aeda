//! TPM2_PolicyLocality (Part 3 §23.8): the session authorises from these localities only. Several of these commands narrow the set; an
//! extended locality is one number, which has to be the same each time.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmaLocality},
    wire::Marshal,
};

/// TPM2_PolicyLocality.
pub struct PolicyLocality;

parameters! {
    /// Parameters of TPM2_PolicyLocality.
    pub struct Params {
        /// The localities.
        pub locality: TpmaLocality,
    }
}

/// The localities that are left when `asked` comes after `before`; none when there are none.
fn narrow(before: Option<TpmaLocality>, asked: TpmaLocality) -> Option<TpmaLocality> {
    if asked == TpmaLocality::empty() {
        return None;
    }
    let Some(before) = before else { return Some(asked) };
    if before.is_extended() || asked.is_extended() {
        return (before == asked).then_some(asked);
    }
    let both = TpmaLocality::from_bits(before.bits() & asked.bits());
    (both != TpmaLocality::empty()).then_some(both)
}

impl Command for PolicyLocality {
    const CODE: TpmCc = TpmCc::POLICY_LOCALITY;
    const NAME: &'static str = "TPM2_PolicyLocality";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let asked = command.params.locality;
        let session = session_mut(command.tpm, command.handles.first())?;
        let left = narrow(session.policy.locality, asked).ok_or(TpmRc::RANGE.with_parameter(1))?;
        session.extend(command.host, Self::CODE, &asked.to_bytes());
        session.policy.locality = Some(left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localities_narrow_and_never_become_empty() {
        // Part 3 §23.8.
        let mask = TpmaLocality::from_bits;
        assert_eq!(narrow(None, mask(0)), None);
        assert_eq!(narrow(None, mask(0x1f)), Some(mask(0x1f)));
        assert_eq!(narrow(Some(mask(0x06)), mask(0x0c)), Some(mask(0x04)));
        assert_eq!(narrow(Some(mask(0x03)), mask(0x0c)), None);
        assert_eq!(narrow(Some(mask(0x03)), mask(0x20)), None);
        assert_eq!(narrow(Some(mask(0x20)), mask(0x03)), None);
        assert_eq!(narrow(Some(mask(0x28)), mask(0x28)), Some(mask(0x28)));
        assert_eq!(narrow(Some(mask(0x28)), mask(0x29)), None);
    }
}
