//! The cases of CRISP, and shapes of our own.

use crate::sample::{MS, Sample, sample, trace};
use crate::{Trace, analyse};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Nanoseconds on the critical path by `[service] operation`.
fn exclusive(trace: &Trace) -> BTreeMap<String, i64> {
    let analysis = analyse(trace);
    let mut sums = BTreeMap::new();
    for span in 0..trace.len() {
        *sums.entry(format!("[{}] {}", trace.service_name(span), trace.name(span))).or_default() += analysis.critical.nano[span];
    }
    sums
}

/// Each of CRISP's traces with the exclusive time by operation that it states. Its ids are names: they are numbered here.
#[test]
fn crisp() {
    for number in 1..=8 {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/fixtures/crisp/{number}.json"));
        let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let data = &json["data"][0];
        let spans = data["spans"].as_array().unwrap();
        let id = |name: &Value| 1 + spans.iter().position(|span| span["spanID"] == *name).unwrap() as u64;
        let samples: Vec<Sample> = spans
            .iter()
            .map(|span| {
                let parent = span["references"].as_array().unwrap().first().map_or(0, |parent| id(&parent["spanID"]));
                let service = data["processes"][span["processID"].as_str().unwrap()]["serviceName"].as_str().unwrap();
                let times = (span["startTime"].as_f64().unwrap(), span["duration"].as_f64().unwrap());
                sample(id(&span["spanID"]), parent, service, span["operationName"].as_str().unwrap(), "internal", times.0, times.1)
            })
            .collect();
        let truth: BTreeMap<String, i64> =
            json["testing"][0].as_object().unwrap().iter().map(|(name, ms)| (name.clone(), ms.as_i64().unwrap() * MS)).collect();
        assert_eq!(exclusive(&trace(&samples)), truth, "case {number}");
    }
}

/// Segments stand in time order without gaps; a span that is interrupted has several.
#[test]
fn segments_in_order() {
    let trace = trace(&[
        sample(1, 0, "a", "root", "server", 0.0, 100.0),
        sample(2, 1, "a", "first", "internal", 10.0, 20.0),
        sample(3, 1, "a", "beside", "internal", 12.0, 10.0),
        sample(4, 1, "a", "last", "internal", 60.0, 30.0),
    ]);
    let analysis = analyse(&trace);
    let shown: Vec<(u32, i64)> = analysis.critical.segments.iter().map(|segment| (segment.node, segment.nano / MS)).collect();
    assert_eq!(shown, [(0, 10), (1, 20), (0, 30), (3, 30), (0, 10)]);
}

/// Calls one after the other stay so when their clocks make them overlap a little; calls side by side do not.
#[test]
fn small_overlaps_are_no_parallel_work() {
    let of = |overlap: f64| {
        let trace = trace(&[
            sample(1, 0, "a", "root", "server", 0.0, 100.0),
            sample(2, 1, "a", "first", "internal", 0.0, 50.0 + overlap),
            sample(3, 1, "a", "second", "internal", 50.0, 50.0),
        ]);
        let critical = analyse(&trace).critical;
        [critical.nano[0] / MS, critical.nano[1] / MS, critical.nano[2] / MS]
    };
    assert_eq!(of(0.5), [0, 50, 50]);
    assert_eq!(of(20.0), [50, 0, 50]);
}

#[test]
fn nothing_of_nothing() {
    let analysis = analyse(&trace(&[]));
    assert!(analysis.critical.segments.is_empty() && analysis.summary.is_none() && analysis.hops.is_empty());
}
