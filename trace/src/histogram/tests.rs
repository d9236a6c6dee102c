use super::*;
use proptest::prelude::*;

fn of(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|value| histogram.record_many(*value, 1));
    histogram
}

/// Small and large numbers alike.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #[test]
    fn buckets_hold_their_values(value in number()) {
        let (first, width) = span(bucket(value));
        prop_assert!(first <= value && value - first < width);
        prop_assert!(bucket(value) <= BUCKET_MAX);
        let middle = first + width / 2;
        prop_assert!(middle.abs_diff(value) as f64 <= value as f64 / 32.0);
    }

    #[test]
    fn quantiles_are_near(mut values in prop::collection::vec(number(), 1..200), q in 0.0f64..=1.0) {
        let found = of(&values).quantile(q).unwrap();
        values.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).max(1) - 1;
        prop_assert!(found.abs_diff(values[rank]) as f64 <= values[rank] as f64 * 0.05, "{found} for {}", values[rank]);
    }

    #[test]
    fn merging_is_counting_together(a in prop::collection::vec(number(), 0..50), b in prop::collection::vec(number(), 0..50), c in prop::collection::vec(number(), 0..50)) {
        let together = of(&[a.clone(), b.clone(), c.clone()].concat());
        let mut left = of(&a);
        left.merge(&of(&b));
        left.merge(&of(&c));
        let mut right = of(&c);
        right.merge(&of(&b));
        let mut whole = right;
        whole.merge(&of(&a));
        prop_assert_eq!(&left, &together);
        prop_assert_eq!(&whole, &together);
        prop_assert_eq!(together.count() as usize, a.len() + b.len() + c.len());
    }

    /// What is taken away leaves no trace, in whatever order; what is left to be taken away comes through the bytes too.
    #[test]
    fn subtracting_is_never_having_counted(a in prop::collection::vec(number(), 0..50), b in prop::collection::vec(number(), 0..50)) {
        let mut less = Histogram::new();
        less.subtract(&of(&b));
        let mut less = Histogram::decode(&less.encode()).unwrap();
        less.merge(&of(&a));
        less.merge(&of(&b));
        prop_assert_eq!(&less, &of(&a));
        let mut both = of(&[a.clone(), b.clone()].concat());
        both.subtract(&of(&a));
        prop_assert_eq!(both, of(&b));
    }

    #[test]
    fn bytes_round_trip(values in prop::collection::vec(number(), 0..100)) {
        let histogram = of(&values);
        let bytes = histogram.encode();
        prop_assert_eq!(Histogram::decode(&bytes), Ok(histogram));
        // Cut short anywhere, it says so.
        for length in 0..bytes.len() {
            prop_assert!(Histogram::decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn broken_bytes_are_an_error(values in prop::collection::vec(number(), 0..20), at in any::<prop::sample::Index>(), bit in 0u8..8, noise in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = of(&values).encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // Whatever still reads is a histogram that can be asked.
        for bytes in [bytes, noise] {
            if let Ok(histogram) = Histogram::decode(&bytes) {
                let _ = (histogram.quantile(0.5), histogram.count(), histogram.count_from(7));
                prop_assert_eq!(Histogram::decode(&histogram.encode()), Ok(histogram));
            }
        }
    }
}

#[test]
fn small() {
    let empty = Histogram::new();
    assert_eq!(Histogram::decode(&empty.encode()), Ok(empty.clone()));
    assert_eq!((empty.quantile(0.5), empty.count()), (None, 0));
    let mut histogram = of(&[1, 2, 3, 1_000_000]);
    histogram.record(-5);
    assert_eq!(histogram.sum(), 1_000_006);
    // One bucket: as good as the values themselves.
    assert_eq!(of(&[1_000_000; 7]).quantile(0.5), Some(1_000_000));
    assert_eq!(histogram.quantile(0.5), Some(2));
    assert_eq!(histogram.count_from(3), 2);
    // 5 buckets and the three numbers: small enough to stand in every row.
    assert!(histogram.encode().len() <= 24, "{}", histogram.encode().len());
}
