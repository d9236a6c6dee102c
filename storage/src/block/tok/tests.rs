#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

proptest! {
    /// Nothing that was put in is missed, whatever the number of hashes.
    #[test]
    fn no_false_negatives(hashes in proptest::collection::hash_set(any::<u64>(), 0..3000)) {
        let hashes: Vec<u64> = hashes.into_iter().collect();
        let (table, seed) = build(&hashes);
        prop_assert!(!table.is_empty(), "{} hashes found no seed", hashes.len());
        for hash in &hashes {
            prop_assert!(holds(&table, hashes.len(), seed, *hash));
        }
    }

    /// Equal values have one hash: what a comparison finds equal is never pruned away.
    #[test]
    fn equal_values(a in prop_oneof!["-?[0-9]{1,22}(\\.[0-9]{1,3})?", "[a-z0-9]{0,4}"], b in prop_oneof!["-?[0-9]{1,22}(\\.[0-9]{1,3})?", "[0-9]{0,3}"]) {
        for (constant, value) in [(&a, &b), (&a, &a), (&b, &a)] {
            let test = crate::scan::value::Compiled::new(&crate::scan::Test::Equals(constant.clone()));
            if test.text(value) {
                prop_assert_eq!(pair_hash("k", constant), pair_hash("k", value), "{} {}", constant, value);
            }
        }
    }

    /// Any bytes as a file: nothing, or an answer, never a panic.
    #[test]
    fn hostile(bytes in proptest::collection::vec(any::<u8>(), 0..300), pages in 0u32..3, rows in 1u32..5000) {
        let mut bytes = bytes;
        bytes.extend_from_slice(&2048u32.to_le_bytes());
        bytes.extend_from_slice(&pages.to_le_bytes());
        if let Some(tok) = Tok::load(bytes.into(), rows as usize) {
            prop_assert_eq!(tok.any(&[1, 2, 3]).len(), pages as usize);
        }
    }
}

#[test]
fn numbers_have_one_form() {
    for (a, b) in [("500", "500.0"), ("1e3", "1000"), ("-0", "0.0"), ("1e300", "1.0e300"), ("18446744073709551615", "18446744073709551615")] {
        assert_eq!(pair_hash("k", a), pair_hash("k", b), "{a} {b}");
    }
    assert_ne!(pair_hash("k", "9007199254740993"), pair_hash("k", "9007199254740992"));
    assert_ne!(pair_hash("a", "b"), word_hash("b"));
}

/// About 1 of 256 others seems to be in, and a filter takes at most 1.4 bytes a hash at the sizes of pages.
#[test]
fn false_positives_and_size() {
    let hashes: Vec<u64> = (0..3000u64).map(|i| xxh3_64(&i.to_le_bytes())).collect();
    let (table, seed) = build(&hashes);
    let wrong = (3000..103_000u64).filter(|i| holds(&table, hashes.len(), seed, xxh3_64(&i.to_le_bytes()))).count();
    assert!(wrong < 600, "{wrong} of 100,000");
    assert!(table.len() < 3000 * 14 / 10, "{} bytes", table.len());
}
