use super::*;
use crate::sample::{BASE, MS, sample, span_id, trace};

/// Children stand by start, then in the order stored; sizes and depths follow.
#[test]
fn depth_first_by_start() {
    let trace = trace(&[
        sample(4, 1, "a", "d", "internal", 20.0, 5.0),
        sample(3, 2, "a", "c", "internal", 12.0, 5.0),
        sample(2, 1, "a", "b", "internal", 10.0, 9.0),
        sample(1, 0, "a", "a", "server", 0.0, 100.0),
        sample(5, 1, "a", "d", "internal", 20.0, 5.0),
    ]);
    let tree = Tree::new(&trace);
    assert_eq!(tree.order(), [3, 2, 1, 0, 4]);
    assert_eq!((tree.root(), tree.size(3), tree.size(2), tree.depth(1)), (Some(3), 5, 2, 2));
    assert_eq!(tree.children(3), [2, 0, 4]);
    assert!(tree.marks(4).has(Marks::REPEATED) && !tree.marks(0).has(Marks::REPEATED));
}

/// A placeholder lasts as long as its children, and is in progress while they were at work just now.
#[test]
fn placeholders() {
    let trace = trace(&[sample(2, 9, "a", "b", "server", 10.0, 5.0), sample(3, 9, "a", "c", "server", 20.0, 5.0)]);
    let mut tree = Tree::new(&trace);
    let missing = *tree.missing(2).unwrap();
    assert_eq!((missing.span_id, missing.start.0, missing.end.0), (span_id(9), BASE + 10 * MS, BASE + 25 * MS));
    assert_eq!((tree.len(), tree.root(), tree.parent(0)), (3, Some(2), Some(2)));
    assert!(tree.marks(0).has(Marks::ORPHAN) && tree.marks(2).has(Marks::MISSING));
    tree.infer_in_progress(UnixNanos(BASE + 2_000 * MS), 1_000 * MS);
    assert!(!tree.marks(2).has(Marks::IN_PROGRESS));
    tree.infer_in_progress(UnixNanos(BASE + 500 * MS), 1_000 * MS);
    assert!(tree.marks(2).has(Marks::IN_PROGRESS));
}

/// Many cycles cost no more than the spans in them: 50,000 pairs that call each other.
#[test]
fn cycles_are_linear() {
    let samples: Vec<_> = (0..50_000u64)
        .flat_map(|pair| {
            let (a, b) = (pair * 2 + 1, pair * 2 + 2);
            [sample(a, b, "a", "x", "internal", 0.0, 1.0), sample(b, a, "a", "y", "internal", 0.0, 1.0)]
        })
        .collect();
    let tree = Tree::new(&trace(&samples));
    assert_eq!(tree.order().len(), 100_000);
    assert!(tree.defects().contains(&Defect::Cycle { cycles: 50_000, spans: 100_000, cut_at: span_id(1) }), "{:?}", tree.defects());
}
