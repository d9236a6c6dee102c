//! Against one bit for each row of the block.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn groups() -> Vec<Group> {
    let mut row = 0;
    let group = |rows: usize| {
        row += rows;
        Group { row: row - rows, rows, time: (0, 0) }
    };
    [64, 64, 64, 10].map(group).into()
}

fn bits(candidates: &Candidates) -> Vec<bool> {
    groups().iter().enumerate().flat_map(|(at, group)| candidates.of_group(at, group.rows).iter().collect::<Vec<_>>()).collect()
}

fn ranges() -> impl Strategy<Value = Vec<Range<usize>>> {
    proptest::collection::vec((0..240usize, prop_oneof![0..4usize, 0..150usize]).prop_map(|(start, len)| start..start + len), 0..6)
}

proptest! {
    #[test]
    fn as_one_bit_a_row(a in ranges(), b in ranges()) {
        let groups = groups();
        let [of_a, of_b] = [&a, &b].map(|ranges| Candidates::of_ranges(&groups, ranges.clone()));
        let held = |ranges: &[Range<usize>], row: usize| ranges.iter().any(|range| range.contains(&row));
        let expect = |holds: &dyn Fn(usize) -> bool| (0..202).map(holds).collect::<Vec<bool>>();
        prop_assert_eq!(bits(&of_a), expect(&|row| held(&a, row)));
        prop_assert_eq!(of_a.is_empty(), !bits(&of_a).contains(&true));
        prop_assert_eq!(bits(&of_a.clone().and(of_b.clone())), expect(&|row| held(&a, row) && held(&b, row)));
        let both = of_a.clone().and(of_b.clone());
        prop_assert_eq!(both.is_empty(), !bits(&both).contains(&true));
        prop_assert_eq!(bits(&of_a.clone().or(of_b)), expect(&|row| held(&a, row) || held(&b, row)));
        let mut marks = Marks::new(&groups);
        for row in a.iter().rev().flat_map(|range| range.clone()) {
            prop_assert_eq!(marks.mark(row), row < 202);
        }
        prop_assert_eq!(marks.finish(), of_a);
    }
}
