use crate::sample::{MS, sample, trace};
use crate::{Skew, Tree, analyse};

/// Many calls narrow the estimate: their middles scatter by the network, the offset is in all of them.
#[test]
fn offset_of_many_calls() {
    let mut samples = vec![sample(1, 0, "a", "root", "server", 0.0, 10_000.0)];
    for call in 0..50u64 {
        let at = call as f64 * 100.0;
        let there = 1.0 + (call % 7) as f64;
        samples.push(sample(100 + call, 1, "a", "call", "client", at, 40.0));
        samples.push(sample(200 + call, 100 + call, "b", "work", "server", at + there - 700.0, 30.0));
    }
    let trace = trace(&samples);
    let skew = Skew::estimate(&trace, &Tree::new(&trace));
    let server = samples.len() - 1;
    assert!((skew.nano(server) - 700 * MS).abs() <= 5 * MS, "{}", skew.nano(server));
    assert_eq!(skew.nano(0), 0);
    assert_eq!(skew.clocks.len(), 1);
    assert_eq!(skew.clocks[0].pairs, 50);
}

/// Clocks that agree are left alone, also where a message waited, a call was given up, or work went on behind an answer.
#[test]
fn what_is_possible_is_no_skew() {
    let trace = trace(&[
        sample(1, 0, "a", "root", "server", 0.0, 100.0),
        sample(2, 1, "a", "call", "client", 10.0, 20.0),
        sample(3, 2, "b", "work", "server", 12.0, 10.0),
        sample(4, 1, "a", "send", "producer", 30.0, 5.0),
        sample(5, 4, "c", "take", "consumer", 5_000.0, 10.0),
        sample(6, 1, "a", "call", "client", 40.0, 20.0).error("timeout"),
        sample(7, 6, "d", "slow", "server", 55.0, 15.0),
        sample(8, 1, "a", "call", "client", 70.0, 5.0),
        sample(9, 8, "e", "behind", "server", 72.0, 500.0),
    ]);
    let analysis = analyse(&trace);
    assert!(analysis.skew.clocks.is_empty(), "{:?}", analysis.skew.clocks);
}

/// The correction is carried on along the calls: c is off against b, which is off against a.
#[test]
fn carried_along() {
    let trace = trace(&[
        sample(1, 0, "a", "root", "server", 0.0, 100.0),
        sample(2, 1, "a", "call", "client", 10.0, 80.0),
        sample(3, 2, "b", "b", "server", 1_020.0, 60.0),
        sample(4, 3, "b", "call", "client", 1_030.0, 40.0),
        sample(5, 4, "c", "c", "server", 540.0, 20.0),
    ]);
    let analysis = analyse(&trace);
    let nanos: Vec<i64> = (0..5).map(|span| analysis.skew.nano(span) / MS).collect();
    assert_eq!(nanos, [0, 0, -1_000, -1_000, -500]);
    assert_eq!(analysis.times.start[4], crate::sample::BASE + 40 * MS);
    assert_eq!(trace.start(4).0, crate::sample::BASE + 540 * MS);
}
