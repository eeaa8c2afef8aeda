//! What each PCR may be used for: the table of the PC Client Platform TPM Profile (§4.6.2), as numbers of localities.
//!
//! The table is fixed; a caller can only read it, through TPM_CAP_PCR_PROPERTIES. Resetting "at locality 4" in the profile is what the
//! dynamic root of trust does through the interface; TPM2_PCR_Reset from locality 4 is refused, so those PCR carry a bit of their own.

use alloc::vec::Vec;

use crate::structures::{TpmPtPcr, TpmRc, TpmsPcrSelect, TpmsTaggedPcrSelect};

/// PCR that only the dynamic root of trust starts, and TPM2_PCR_Reset at locality 2 may restart.
const DYNAMIC: core::ops::RangeInclusive<u8> = 17..=22;

/// What TPM2_PCR_SetAuthPolicy and TPM2_PCR_SetAuthValue answer for a PCR outside any group, as all PCR of the profile are.
pub const NOT_IN_A_GROUP: TpmRc = TpmRc::VALUE;

/// The localities, as a mask, from which TPM2_PCR_Reset may reset `pcr`.
const fn reset_localities(pcr: u8) -> u8 {
    match pcr {
        16 | 23 => 0b0_1111,
        20..=22 => 0b0_0100,
        _ => 0,
    }
}

/// The localities, as a mask, from which `pcr` may be extended.
const fn extend_localities(pcr: u8) -> u8 {
    match pcr {
        17 | 18 => 0b1_1100,
        19 => 0b0_1100,
        20 => 0b0_1110,
        21 | 22 => 0b0_0100,
        _ => 0b1_1111,
    }
}

const fn admits(localities: u8, locality: u8) -> bool {
    locality < 5 && localities & (1 << locality) != 0
}

/// Whether TPM2_PCR_Reset at `locality` may reset `pcr`.
pub const fn may_reset(pcr: u8, locality: u8) -> bool {
    admits(reset_localities(pcr), locality)
}

/// Whether `pcr` may be extended from `locality`.
pub const fn may_extend(pcr: u8, locality: u8) -> bool {
    admits(extend_localities(pcr), locality)
}

/// Whether TPM2_Shutdown(STATE) saves `pcr`.
pub const fn is_saved(pcr: u8) -> bool {
    pcr < 16
}

/// Whether the dynamic root of trust resets `pcr`, which until then is all ones.
pub fn is_dynamic(pcr: u8) -> bool {
    DYNAMIC.contains(&pcr)
}

/// Whether changes of `pcr` leave pcrUpdateCounter alone.
pub const fn is_uncounted(pcr: u8) -> bool {
    matches!(pcr, 16 | 21 | 22 | 23)
}

/// TPM_CAP_PCR_PROPERTIES, ascending.
pub fn properties() -> Vec<TpmsTaggedPcrSelect> {
    let property = |tag, selects: &dyn Fn(u8) -> bool| TpmsTaggedPcrSelect {
        tag,
        select: TpmsPcrSelect::from_fn(selects),
    };
    let dynamic_reset = |pcr| is_dynamic(pcr);
    alloc::vec![
        property(TpmPtPcr::SAVE, &is_saved),
        property(TpmPtPcr::EXTEND_L0, &|pcr| may_extend(pcr, 0)),
        property(TpmPtPcr::RESET_L0, &|pcr| may_reset(pcr, 0)),
        property(TpmPtPcr::EXTEND_L1, &|pcr| may_extend(pcr, 1)),
        property(TpmPtPcr::RESET_L1, &|pcr| may_reset(pcr, 1)),
        property(TpmPtPcr::EXTEND_L2, &|pcr| may_extend(pcr, 2)),
        property(TpmPtPcr::RESET_L2, &|pcr| may_reset(pcr, 2)),
        property(TpmPtPcr::EXTEND_L3, &|pcr| may_extend(pcr, 3)),
        property(TpmPtPcr::RESET_L3, &|pcr| may_reset(pcr, 3)),
        property(TpmPtPcr::EXTEND_L4, &|pcr| may_extend(pcr, 4)),
        property(TpmPtPcr::RESET_L4, &dynamic_reset),
        property(TpmPtPcr::NO_INCREMENT, &is_uncounted),
        property(TpmPtPcr::DRTM_RESET, &dynamic_reset),
        property(TpmPtPcr::POLICY, &|_| false),
        property(TpmPtPcr::AUTH, &|_| false),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_match_a_live_tpm() {
        // PC Client profile §4.6.2; swtpm 0.7.1 reports the same.
        let expected: &[(TpmPtPcr, &[u8])] = &[
            (TpmPtPcr::RESET_L0, &[16, 23]),
            (TpmPtPcr::RESET_L1, &[16, 23]),
            (TpmPtPcr::RESET_L2, &[16, 20, 21, 22, 23]),
            (TpmPtPcr::RESET_L3, &[16, 23]),
            (TpmPtPcr::RESET_L4, &[17, 18, 19, 20, 21, 22]),
            (TpmPtPcr::DRTM_RESET, &[17, 18, 19, 20, 21, 22]),
            (
                TpmPtPcr::EXTEND_L0,
                &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 23],
            ),
            (
                TpmPtPcr::EXTEND_L1,
                &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 23],
            ),
            (
                TpmPtPcr::EXTEND_L3,
                &[
                    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 23,
                ],
            ),
            (
                TpmPtPcr::EXTEND_L4,
                &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 23],
            ),
            (TpmPtPcr::NO_INCREMENT, &[16, 21, 22, 23]),
        ];
        let properties = properties();
        for (tag, pcrs) in expected {
            let found = properties
                .iter()
                .find(|property| property.tag == *tag)
                .expect("reported");
            assert_eq!(found.select.iter().collect::<Vec<_>>(), *pcrs, "{tag:?}");
        }
        let all = properties
            .iter()
            .find(|property| property.tag == TpmPtPcr::EXTEND_L2)
            .expect("reported");
        assert_eq!(all.select.iter().count(), 24);
        assert!(properties.windows(2).all(|pair| pair[0].tag < pair[1].tag));
    }

    #[test]
    fn locality_4_and_extended_localities_reset_nothing() {
        assert!((0..24).all(|pcr| !may_reset(pcr, 4) && !may_reset(pcr, 40) && !may_extend(pcr, 40)));
    }
}
