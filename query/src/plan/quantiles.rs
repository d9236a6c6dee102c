//! Durations in logarithmic buckets: quantiles within 1 % in bounded memory (the idea of DDSketch, Masson et al., VLDB 2019).

use std::collections::BTreeMap;

/// Neighbouring buckets differ by this factor: the middle is at most 1 % off.
const GROWTH: f64 = 1.02;

#[derive(Debug, Clone, Default)]
pub(crate) struct Quantiles {
    buckets: BTreeMap<i32, u64>,
    count: u64,
}

impl Quantiles {
    /// Negative values count as 0.
    pub(crate) fn add(&mut self, value: i64) {
        let bucket = if value <= 0 { i32::MIN } else { ((value as f64).ln() / GROWTH.ln()).ceil() as i32 };
        *self.buckets.entry(bucket).or_default() += 1;
        self.count += 1;
    }

    /// The value that a share `q` of all values does not exceed.
    pub(crate) fn get(&self, q: f64) -> Option<i64> {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return Some(match *bucket {
                    i32::MIN => 0,
                    bucket => (GROWTH.powi(bucket) * 2.0 / (1.0 + GROWTH)).round() as i64,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn within_one_percent(mut values in proptest::collection::vec(0i64..10_000_000_000, 1..200), q in 0.01f64..1.0) {
            let mut quantiles = Quantiles::default();
            values.iter().for_each(|value| quantiles.add(*value));
            values.sort_unstable();
            let exact = values[((values.len() as f64 * q).ceil() as usize).clamp(1, values.len()) - 1] as f64;
            let seen = quantiles.get(q).unwrap() as f64;
            prop_assert!((seen - exact).abs() <= exact * 0.0101 + 1.0, "{seen} for {exact}");
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Quantiles::default().get(0.5), None);
    }
}
