use crate::sample::{BASE, MS, sample, trace};
use crate::summary::{Counts, Summary};

#[test]
fn of_a_trace() {
    let trace = trace(&[
        sample(2, 1, "b", "work", "server", 10.0, 200.0).error("boom"),
        sample(1, 0, "a", "GET /", "server", 0.0, 100.0),
        sample(3, 1, "b", "more", "internal", 20.0, 5.0),
    ]);
    let summary = Summary::of(&trace).unwrap();
    let root = summary.root.as_ref().unwrap();
    assert_eq!((root.service.as_str(), root.name.as_str(), root.start.0), ("a", "GET /", BASE));
    assert_eq!((summary.duration_nano(), summary.span_count, summary.error_count), (210 * MS, 3, 1));
    assert_eq!(summary.services["b"], Counts { spans: 2, errors: 1 });
    assert_eq!(summary.services_by_spans()[0].name, "b");
}
