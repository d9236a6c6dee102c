use super::{Part, Parts};
use crate::properties::soup;
use crate::sample::trace_id;
use crate::{Summary, Trace};
use hopline_model::span::Span;
use hopline_model::{Seq, SpanId, TraceId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// The parts of rows that come a few at a time, each with its rows.
fn parts(spans: &[Span], at_once: usize) -> Vec<(Vec<Span>, Part)> {
    let mut parts = Parts::default();
    let mut found: Vec<Part> = Vec::new();
    for some in spans.chunks(at_once) {
        let Ok(()) = parts.add(&Span::to_batch(some).rows, &mut |part| {
            found.push(part);
            Ok::<_, Infallible>(())
        });
    }
    found.extend(parts.finish());
    let mut rest = spans;
    let with_rows = found.into_iter().map(|part| {
        let (rows, behind) = rest.split_at(part.rows as usize);
        rest = behind;
        (rows.to_vec(), part)
    });
    let with_rows: Vec<_> = with_rows.collect();
    assert!(rest.is_empty());
    with_rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However rows are cut and wherever a trace lies, its parts add up to the summary of all its spans.
    #[test]
    fn parts_add_up(spans in soup(), traces in prop::collection::vec(0u64..4, 40), at_once in 1usize..50) {
        let of = |(at, span): (usize, Span)| Span { seq: Seq(at as u64 * 7 % 41), trace_id: trace_id(traces[at]), ..span };
        let spans: Vec<Span> = spans.into_iter().enumerate().map(of).map(|span| Span {
            // A trace id of zeros is none: nothing is summed up for it.
            service_name: if span.duration_nano % 5 == 0 { String::new() } else { span.service_name.clone() },
            ..span
        }).collect();
        let mut sums: BTreeMap<TraceId, Summary> = BTreeMap::new();
        for (rows, part) in parts(&spans, at_once) {
            prop_assert!(rows.iter().all(|row| row.trace_id == rows[0].trace_id));
            let root = part.root.as_ref().map_or((SpanId([0; 8]), 0), |root| (rows[root.at as usize].span_id, rows[root.at as usize].seq.0));
            let summary = part.summary(rows[0].trace_id, root);
            match sums.get_mut(&summary.trace_id) {
                Some(sum) => sum.merge(&summary),
                None => _ = sums.insert(summary.trace_id, summary),
            }
        }
        let batch = Span::to_batch(&spans).rows;
        let expect: BTreeMap<TraceId, Summary> =
            Trace::split(&[batch]).iter().filter_map(Summary::of).map(|summary| (summary.trace_id, summary)).collect();
        prop_assert_eq!(sums, expect);
    }
}

/// A trace of many services costs no more by span than one of few.
#[test]
fn many_services() {
    let spans: Vec<Span> = (0..20_000u64)
        .map(|at| Span {
            seq: Seq(at),
            trace_id: trace_id(1),
            span_id: SpanId((at + 1).to_be_bytes()),
            service_name: format!("s{at}"),
            ..Span::default()
        })
        .collect();
    let (_, part) = parts(&spans, 8192).remove(0);
    assert_eq!((part.rows, part.services.len()), (20_000, 20_000));
    assert!(part.services.iter().all(|(_, counts)| counts.spans == 1));
}
