//! The arithmetic of the table.

use std::time::Duration;

/// The middle of the samples; of an even number, the mean of the two in the middle. `None` of none.
pub fn median(samples: &[Duration]) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some((*lower + *upper) / 2)
}

/// The geometric mean of positive numbers; `None` of none.
pub fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median_of(milliseconds: &[u64]) -> Option<u128> {
        let samples: Vec<Duration> = milliseconds.iter().map(|&ms| Duration::from_millis(ms)).collect();
        median(&samples).map(|median| median.as_millis())
    }

    #[test]
    fn median_is_the_middle_of_the_sorted_samples() {
        assert_eq!(median_of(&[]), None);
        assert_eq!(median_of(&[7]), Some(7));
        assert_eq!(median_of(&[9, 1, 5]), Some(5));
        assert_eq!(median_of(&[10, 2, 4, 100]), Some(7));
        assert_eq!(median_of(&[3, 3, 3, 1_000_000]), Some(3));
    }

    // By hand: 2 × 8 = 16 = 4²; ½ × 2 = 1; 1 × 3 × 9 = 27 = 3³.
    #[test]
    fn geometric_mean_is_the_root_of_the_product() {
        assert_eq!(geometric_mean(&[]), None);
        for (ratios, expected) in [(&[2.0, 8.0][..], 4.0), (&[0.5, 2.0], 1.0), (&[1.0, 3.0, 9.0], 3.0)] {
            let mean = geometric_mean(ratios).expect("a mean");
            assert!((mean - expected).abs() < 1e-12, "{ratios:?}: {mean}");
        }
    }
}
