//! What holds for any spans whatever: random ids, parents, times, kinds and links.

use crate::sample::trace_id;
use crate::{Edges, Summary, Trace, Usual, analyse, verdict};
use hopline_model::span::Span;
use hopline_model::{Seq, SpanId, UnixNanos};
use proptest::prelude::*;

/// Few ids, services and times, so that everything collides with everything; and now and then the limits of the numbers.
fn any_span() -> impl Strategy<Value = Span> {
    let id = || prop_oneof![9 => 0u64..12, 1 => any::<u64>()].prop_map(|id| SpanId(id.to_be_bytes()));
    let time = prop_oneof![9 => 0i64..1_000_000, 1 => any::<i64>()];
    let duration = prop_oneof![9 => -10i64..500_000, 1 => any::<i64>()];
    let kind = prop::sample::select(vec!["unspecified", "internal", "server", "client", "producer", "consumer", "9"]);
    let status = prop::sample::select(vec!["unset", "ok", "error"]);
    let service = prop::sample::select(vec!["a", "b", "c", "envoy"]);
    let attributes = prop::sample::select(vec![
        "{}",
        r#"{"db.name":"shop","db.system":"mysql"}"#,
        r#"{"messaging.destination.name":"q","messaging.operation":"receive","messaging.system":"kafka"}"#,
        r#"{"peer.service":"b"}"#,
        r#"{"component":"proxy"}"#,
        "{broken",
    ]);
    let more = (attributes, prop::option::of(id()), 0u64..1000, "[ab]?");
    (id(), prop::option::of(id()), time, duration, kind, status, service, more).prop_map(
        |(span_id, parent, start, duration_nano, kind, status, service, (attributes, link, seq, instance))| Span {
            seq: Seq(seq),
            trace_id: trace_id(7),
            span_id,
            parent_span_id: parent,
            start_time: UnixNanos(start),
            duration_nano,
            name: format!("{service} {kind}"),
            kind: kind.into(),
            status_code: status.into(),
            service_name: service.into(),
            service_instance_id: Some(instance),
            attributes: attributes.into(),
            links: link.map(|link| format!("[{{\"span_id\":\"{link}\",\"trace_id\":\"{}\"}}]", trace_id(7))),
            ..Span::default()
        },
    )
}

pub(crate) fn soup() -> impl Strategy<Value = Vec<Span>> {
    prop::collection::vec(any_span(), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_spans_make_a_ledger(spans in soup()) {
        let trace = Trace::from_spans(&spans);
        let analysis = analyse(&trace);
        let tree = &analysis.tree;

        // Every node stands once in the order, behind its parent, one deeper, inside its subtree.
        let mut position = vec![None; tree.len()];
        for (at, node) in tree.order().iter().enumerate() {
            prop_assert!(position[*node as usize].replace(at).is_none());
        }
        prop_assert!(position.iter().all(Option::is_some));
        for node in 0..tree.len() {
            if let Some(parent) = tree.parent(node) {
                prop_assert_eq!(tree.depth(node), tree.depth(parent) + 1);
                let (at, of_parent) = (position[node].unwrap(), position[parent].unwrap());
                prop_assert!(of_parent < at && at < of_parent + tree.size(parent) as usize);
            }
        }
        prop_assert_eq!(tree.roots().iter().map(|root| tree.size(*root as usize) as usize).sum::<usize>(), tree.len());

        // The critical path covers the root once.
        if let Some(root) = tree.root() {
            let mut at = analysis.times.start[root];
            for segment in &analysis.critical.segments {
                prop_assert_eq!(segment.start, at);
                prop_assert!(segment.nano > 0);
                at += segment.nano;
            }
            prop_assert_eq!(at, analysis.times.end[root]);
            prop_assert_eq!(analysis.critical.nano.iter().sum::<i64>(), analysis.times.duration(root));
        }
        for (node, own) in analysis.self_nano().into_iter().enumerate() {
            prop_assert!(0 <= own && own <= analysis.times.duration(node));
        }

        // Hops number from 1, stand behind the hop they were made in, and share out the critical path with the entries.
        let ledger = analysis.ledger(&trace);
        for (at, hop) in ledger.iter().enumerate() {
            prop_assert_eq!(hop.hop as usize, at + 1);
            prop_assert!(hop.parent_hop.is_none_or(|parent| parent < hop.hop));
            prop_assert!(hop.attempt >= 1 && hop.depth >= 1);
            prop_assert!(hop.self_nano >= 0 && hop.critical_nano >= 0);
            prop_assert!(hop.queue_nano.is_none_or(|nano| nano >= 0));
            prop_assert!(!hop.caller.service.is_empty() && !hop.callee.service.is_empty());
        }
        for defect in &analysis.defects {
            prop_assert!(!defect.to_string().is_empty());
        }

        // An error span is a first cause or caused by one, and nothing else is.
        for span in 0..trace.len() {
            prop_assert_eq!(analysis.causes.role(span).is_some(), trace.status(span) == crate::spans::Status::Error);
        }
        prop_assert_eq!(analysis.causes.first.is_empty(), analysis.causes.primary(&trace, tree).is_none());

        let mut edges = Edges::new();
        edges.add(&trace, &analysis);
        let rows = edges.into_rows();
        prop_assert_eq!(rows.iter().map(|row| row.counts.count).sum::<u64>() as usize,
            ledger.len() + analysis.hops.entries().iter().filter(|entry| entry.is_request).count());
        let usual = Usual::for_trace(&rows, &trace, &analysis);
        prop_assert!(!verdict(&trace, &analysis, &usual).headline.is_empty());
    }

    /// However the rows of a trace are shared out over batches and blocks, its summaries add up to the same.
    #[test]
    fn summaries_add_up(spans in soup(), cuts in (0usize..40, 0usize..40)) {
        let (a, b) = (cuts.0.min(cuts.1).min(spans.len()), cuts.0.max(cuts.1).min(spans.len()));
        let of = |spans: &[Span]| Summary::of(&Trace::from_spans(spans));
        let add = |a: Option<Summary>, b: Option<Summary>| match (a, b) {
            (Some(mut a), Some(b)) => { a.merge(&b); Some(a) }
            (a, b) => a.or(b),
        };
        let parts = [of(&spans[..a]), of(&spans[a..b]), of(&spans[b..])];
        let [x, y, z] = parts;
        let whole = of(&spans);
        prop_assert_eq!(add(add(x.clone(), y.clone()), z.clone()), whole.clone());
        prop_assert_eq!(add(x.clone(), add(y.clone(), z.clone())), whole.clone());
        prop_assert_eq!(add(z, add(y, x)), whole);
    }

    /// The order in which rows were read does not matter to what is shown.
    #[test]
    fn order_of_rows_does_not_matter(spans in soup()) {
        let mut spans = spans;
        for (at, span) in spans.iter_mut().enumerate() {
            span.seq = Seq(at as u64);
        }
        let show = |spans: &[Span]| {
            let trace = Trace::from_spans(spans);
            let analysis = analyse(&trace);
            let tree: Vec<_> = analysis.tree.order().iter()
                .map(|node| (analysis.tree.span_id(&trace, *node as usize), analysis.tree.depth(*node as usize), analysis.critical.nano[*node as usize]))
                .collect();
            (tree, analysis.ledger(&trace).len())
        };
        let forwards = show(&spans);
        spans.reverse();
        prop_assert_eq!(show(&spans), forwards);
    }
}
