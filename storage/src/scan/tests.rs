//! The scan against the naive truth: every row decoded and tested alone, in another way than the scan does.

#![allow(clippy::unwrap_used)]

pub(crate) mod naive;

use super::{Bound, Cancel, Column, Field, Order, Predicate, ScanRequest, Test};
use crate::snapshot::{Chunk, Snapshot};
use crate::text::TextQuery;
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::{Seq, Signal, SpanId, TenantId, TimeRange, TraceId, UnixNanos};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

const KEYS: [&str; 6] = ["http.route", "code", "user.id", "flag", "a\"b", "$odd"];
const TEXTS: [&str; 10] = ["/cart", "/cart/1", "card declined", "500", "user-7", "Ärger im Büro", "x\"y\\z", "", "timeout", "\u{212a}elvin é"];

fn raw_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(|text| hopline_model::Value::String(text.into()).to_text()),
        2 => (0i64..5).prop_map(|value| value.to_string()),
        1 => select(vec!["500", "1.0", "2.5", "true", "false", "null", "[1,\"timeout\"]", "{\"$double\":\"NaN\"}", "{\"$bytes\":\"aGk=\"}", "{\"code\":1}"]).prop_map(str::to_owned),
    ]
}

fn json_map(keys: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec((select(&KEYS[..]), raw_value()), 0..keys).prop_map(|pairs| {
        let mut out = String::new();
        hopline_model::attributes::write_map(&mut out, pairs.iter().map(|(key, raw)| (*key, raw.as_str())), |out, raw| out.push_str(raw));
        out
    })
}

fn small_id<const N: usize>() -> impl Strategy<Value = [u8; N]> {
    (1u8..6).prop_map(|id| [id; N])
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(&TEXTS[..]), 1..3).prop_map(|words| words.join(" "))
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    let origin = (select(vec!["shop", "payment", "cart"]), proptest::option::of(select(vec!["1.0", "2"])), json_map(3), json_map(2));
    let event = proptest::collection::vec((select(&TEXTS[..]), json_map(3)), 0..3);
    let link = proptest::option::of((small_id::<16>(), json_map(2)));
    let ids = (small_id::<16>(), small_id::<8>(), proptest::option::of(small_id::<8>()));
    let times = (0i64..1_800, 0i64..8, select(vec!["unset", "ok", "error"]), select(vec!["server", "client"]));
    (ids, times, origin, json_map(6), event, link, select(&TEXTS[..]), proptest::option::of(text())).prop_map(
        |(ids, (second, duration, status, kind), (service, version, resource, scope), attributes, events, link, name, message)| {
            let quoted = |text: &str| hopline_model::Value::String(text.into()).to_text();
            let events: Vec<String> = events
                .iter()
                .map(|(name, attributes)| format!("{{\"attributes\":{attributes},\"name\":{},\"time_unix_nano\":\"5\"}}", quoted(name)))
                .collect();
            Span {
                trace_id: TraceId(ids.0),
                span_id: SpanId(ids.1),
                parent_span_id: ids.2.map(SpanId),
                start_time: UnixNanos(second * 1_000_000_000),
                duration_nano: duration,
                status_code: status.into(),
                kind: kind.into(),
                service_name: service.into(),
                service_version: version.map(Into::into),
                resource: resource.into(),
                scope: scope.into(),
                attributes,
                events: (!events.is_empty()).then(|| format!("[{}]", events.join(","))),
                links: link.map(|(id, attributes)| {
                    format!("[{{\"attributes\":{attributes},\"span_id\":\"0102030405060708\",\"trace_id\":\"{}\"}}]", TraceId(id))
                }),
                name: name.into(),
                status_message: message,
                ..Span::default()
            }
        },
    )
}

/// Plain, JSON, logfmt, and JSON with escapes.
fn body() -> impl Strategy<Value = String> {
    let fields = (select(vec!["1", "500", "1e0", "007", "x", "\"x\""]), 0..3).prop_map(|(value, shape)| match shape {
        0 => format!("{{\"user\":{{\"id\":{value}}},\"n\":[{value},\"shop\"]}}"),
        1 => format!("n={value} user.id={value} msg=declined"),
        _ => format!("{{\"\\u0075ser\":{{\"id\":{value}}}}}"),
    });
    prop_oneof![4 => text(), 1 => json_map(3), 2 => fields]
}

pub(crate) fn log() -> impl Strategy<Value = Log> {
    let ids = (proptest::option::of(small_id::<16>()), proptest::option::of(small_id::<8>()));
    let origin = (select(vec!["shop", "payment", "cart"]), json_map(3), json_map(2));
    (ids, 0i64..1_800, 0i64..50, select(vec![0, 5, 9, 17]), proptest::option::of(body()), origin, json_map(6)).prop_map(
        |(ids, second, delay, severity, body, (service, resource, scope), attributes)| Log {
            trace_id: ids.0.map(TraceId),
            span_id: ids.1.map(SpanId),
            time: UnixNanos(second * 1_000_000_000),
            observed_time: (delay < 40).then_some(UnixNanos(second * 1_000_000_000 + delay - 5)),
            severity_number: severity,
            severity_text: (severity > 5).then(|| "WARN".into()),
            body,
            service_name: service.into(),
            resource: resource.into(),
            scope: scope.into(),
            attributes,
            ..Log::default()
        },
    )
}

fn field() -> impl Strategy<Value = Field> {
    let key = select(&KEYS[..]).prop_map(str::to_owned);
    prop_oneof![
        2 => select(vec!["service_name", "name", "status_code", "duration_nano", "severity_number", "body", "start_time", "trace_id", "attributes", "service_version", "observed_time"])
            .prop_map(Field::Column),
        5 => key.clone().prop_map(Field::Attribute),
        1 => key.clone().prop_map(Field::Resource),
        1 => key.clone().prop_map(Field::Scope),
        1 => prop_oneof![key.clone(), Just("name".to_owned())].prop_map(Field::Event),
        1 => prop_oneof![key.clone(), Just("trace_id".to_owned())].prop_map(Field::Link),
        1 => prop_oneof![key.clone(), Just("user.id".to_owned()), Just("n".to_owned())].prop_map(Field::Body),
        3 => key.prop_map(Field::Any),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let constant = prop_oneof![
        select(&TEXTS[..]).prop_map(str::to_owned),
        select(vec!["1", "2.0", "true", "null", "shop", "error", "03030303030303030303030303030303", "x"]).prop_map(str::to_owned)
    ];
    let bound = || {
        proptest::option::of(
            (select(vec![-1.0, 0.0, 1.0, 2.5, 4.0, 500.0, 9e11]), any::<bool>()).prop_map(|(value, inclusive)| Bound { value, inclusive }),
        )
    };
    prop_oneof![
        1 => Just(Test::Exists),
        4 => constant.clone().prop_map(Test::Equals),
        1 => select(vec!["*", "/cart*", "*declined", "*r*", "x\"*", "5*"]).prop_map(|glob| Test::Like(glob.into())),
        1 => select(vec!["^/cart", "[0-9]+", "é$"]).prop_map(|regex| Test::Matches(regex::Regex::new(regex).unwrap())),
        2 => (bound(), bound()).prop_map(|(min, max)| Test::Range { min, max }),
        1 => proptest::collection::vec(constant, 0..3).prop_map(Test::In),
    ]
}

pub(crate) fn text_query() -> impl Strategy<Value = TextQuery> {
    let text =
        select(vec!["card", "declined card", "card declined", "tim", "timeout", "Büro", "kelvin", "500", "->", "user 7", "cart 1", "x", "É", "true"]);
    (text, any::<bool>(), any::<bool>()).prop_map(|(text, phrase, prefix)| TextQuery { text: text.into(), phrase, prefix })
}

pub(crate) fn predicate() -> impl Strategy<Value = Predicate> {
    let leaf = prop_oneof![
        6 => (field(), test()).prop_map(|(field, test)| Predicate::Compare { field, test }),
        2 => text_query().prop_map(Predicate::Text),
        1 => Just(Predicate::All),
        1 => Just(Predicate::Nothing),
        1 => proptest::collection::vec(small_id().prop_map(TraceId), 0..3).prop_map(Predicate::TraceIds),
        1 => proptest::collection::vec(small_id().prop_map(SpanId), 0..3).prop_map(Predicate::SpanIds),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Predicate::And),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Predicate::Or),
            inner.prop_map(|inner| Predicate::Not(Box::new(inner))),
        ]
    })
}

fn chunk(rows: arrow::array::RecordBatch, times: impl Iterator<Item = UnixNanos> + Clone) -> Chunk {
    Chunk { rows, time_min: times.clone().min().unwrap(), time_max: times.max().unwrap(), received: UnixNanos(1_800_000_000_000) }
}

pub(crate) fn span_chunks(spans: &mut [Span], size: usize) -> Vec<Chunk> {
    spans.iter_mut().enumerate().for_each(|(i, span)| span.seq = Seq(i as u64));
    spans.chunks(size).map(|spans| chunk(Span::to_batch(spans).rows, spans.iter().map(|span| span.start_time))).collect()
}

pub(crate) fn log_chunks(logs: &mut [Log], size: usize) -> Vec<Chunk> {
    logs.iter_mut().enumerate().for_each(|(i, log)| log.seq = Seq(i as u64));
    logs.chunks(size).map(|logs| chunk(Log::to_batch(logs).rows, logs.iter().map(|log| log.time))).collect()
}

pub(crate) fn live(signal: Signal, chunks: Vec<Chunk>) -> Snapshot {
    let mut snapshot =
        Snapshot { tenant: TenantId(0), chunks: Default::default(), blocks: Arc::default(), complete: true, live_edges: Default::default() };
    snapshot.chunks[usize::from(signal.code()) - 1] = Arc::new(chunks);
    snapshot
}

/// Everything a snapshot answers about a predicate, against the rows that naively match.
pub(crate) fn check(snapshot: &Snapshot, rows: &naive::Rows, predicate: &Predicate, range: TimeRange) -> Result<(), TestCaseError> {
    let signal = rows.signal();
    let matching = rows.matching(predicate, range);
    let request = ScanRequest { range, predicate: predicate.clone(), ..ScanRequest::all(signal) };
    // Whole rows, in any order.
    let (batches, stats) = snapshot.collect(&request).unwrap();
    prop_assert!(stats.damaged.is_empty(), "{:?}", stats.damaged);
    prop_assert!(batches.iter().all(|batch| batch.schema() == *hopline_model::schema::schema(signal)));
    let mut got: Vec<naive::Row> = batches.iter().flat_map(|batch| naive::rows_of(signal, batch)).collect();
    got.sort_by_key(|row| row.seq());
    let expect: Vec<naive::Row> = matching.iter().map(|at| rows.row(*at)).collect();
    prop_assert_eq!(got, expect);
    prop_assert_eq!(snapshot.count(&request).unwrap().0, matching.len() as u64);

    // In order, in pages of 3 from a cursor, with an attribute column.
    let time_of = |at: &usize| (rows.row(*at).time(), rows.row(*at).seq());
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut expect: Vec<(UnixNanos, Seq)> = matching.iter().map(time_of).collect();
        expect.sort();
        if order == Order::NewestFirst {
            expect.reverse();
        }
        let time = hopline_model::schema::time_column(signal);
        let columns = vec![Column::Fixed("seq"), Column::Fixed(time), Column::Attribute("code".into()), Column::Fixed("attributes")];
        let mut after = None;
        let mut got = Vec::new();
        loop {
            let page = ScanRequest { columns: columns.clone(), order, limit: Some(3), after, ..request.clone() };
            let (batches, _) = snapshot.collect(&page).unwrap();
            let page: Vec<(UnixNanos, Seq)> = batches.iter().flat_map(|batch| naive::times(batch, time)).collect();
            for batch in &batches {
                naive::check_attribute(batch, "code")?;
            }
            let Some(last) = page.last() else { break };
            after = Some(*last);
            got.extend(page);
        }
        prop_assert_eq!(&got, &expect);
        let (batches, _) = snapshot.collect(&ScanRequest { columns, order, ..request.clone() }).unwrap();
        prop_assert_eq!(batches.iter().flat_map(|batch| naive::times(batch, time)).collect::<Vec<_>>(), expect);
    }

    // Grouped.
    let (cells, _) = snapshot.histogram(&request, 60_000_000_000, Some("service_name")).unwrap();
    prop_assert_eq!(cells, rows.histogram(&matching, 60_000_000_000));
    let (values, _) = snapshot.values(&request, &Column::Fixed("service_name"), 2).unwrap();
    prop_assert_eq!(values, rows.services(&matching, 2));
    Ok(())
}

pub(crate) fn range() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        Just(TimeRange::ALL),
        (0i64..1_800, 0i64..1_800).prop_map(|(a, b)| TimeRange::new(UnixNanos(a * 1_000_000_000), UnixNanos(b * 1_000_000_000)))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn live_spans(mut spans in proptest::collection::vec(span(), 1..40), predicate in predicate(), range in range(), size in 1usize..20) {
        let chunks = span_chunks(&mut spans, size);
        check(&live(Signal::Spans, chunks), &naive::Rows::Spans(spans), &predicate, range)?;
    }

    #[test]
    fn live_logs(mut logs in proptest::collection::vec(log(), 1..40), predicate in predicate(), range in range(), size in 1usize..20) {
        let chunks = log_chunks(&mut logs, size);
        check(&live(Signal::Logs, chunks), &naive::Rows::Logs(logs), &predicate, range)?;
    }
}

#[test]
fn a_trace_in_time_order() {
    let mut spans: Vec<Span> =
        (0..20u8).map(|i| Span { trace_id: TraceId([i % 3 + 1; 16]), start_time: UnixNanos(100 - i64::from(i)), ..Span::default() }).collect();
    let snapshot = live(Signal::Spans, span_chunks(&mut spans, 7));
    let columns = [Column::Fixed("seq"), Column::Fixed("start_time")];
    let (batches, stats) = snapshot.trace_rows(Signal::Spans, TraceId([2; 16]), &columns, &Cancel::default()).unwrap();
    let seqs: Vec<u64> = batches.iter().flat_map(|batch| naive::times(batch, "start_time")).map(|(_, seq)| seq.0).collect();
    assert_eq!(seqs, [19, 16, 13, 10, 7, 4, 1]);
    assert_eq!(stats.rows_matched, 7);
}

#[test]
fn cancel_and_bad_columns() {
    let snapshot = live(Signal::Spans, span_chunks(&mut [Span::default()], 1));
    let request = ScanRequest::all(Signal::Spans);
    request.cancel.cancel();
    assert!(matches!(snapshot.collect(&request), Err(crate::Error::Cancelled)));
    let request = ScanRequest { columns: vec![Column::Fixed("body")], ..ScanRequest::all(Signal::Spans) };
    assert!(matches!(snapshot.collect(&request), Err(crate::Error::Invalid(_))));
}
