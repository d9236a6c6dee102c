//! What is known of attributes changes how fast they are written, never what: records decoded together are the records decoded alone.

use super::*;
use crate::config::{Action, Rule};
use common::any_value::Value as Any;

fn sent(value: Any) -> Option<common::AnyValue> {
    Some(common::AnyValue { value: Some(value) })
}

fn pair(key: &str, value: Option<common::AnyValue>) -> common::KeyValue {
    common::KeyValue { key: key.into(), value, ..Default::default() }
}

/// The same text as a string, an int, a double and bytes; what rules take, whole or in part; values with more inside.
fn few_values() -> impl Strategy<Value = Option<common::AnyValue>> {
    let inside = |key: &str, text: &str| Any::KvlistValue(common::KeyValueList { values: vec![pair(key, sent(Any::StringValue(text.into())))] });
    prop_oneof![
        6 => (0..3i64).prop_map(|number| sent(Any::StringValue(number.to_string()))),
        3 => (0..3i64).prop_map(|number| sent(Any::IntValue(number))),
        2 => (0..3u8).prop_map(|number| sent(Any::DoubleValue(number.into()))),
        2 => (0..3u8).prop_map(|number| sent(Any::BytesValue(vec![b'0' + number]))),
        1 => any::<bool>().prop_map(|value| sent(Any::BoolValue(value))),
        2 => any::<i64>().prop_map(|number| sent(Any::IntValue(number))),
        2 => "[a-c\"\\\\é]{0,12}".prop_map(|text| sent(Any::StringValue(text))),
        1 => Just(sent(Any::StringValue("long".repeat(40)))),
        1 => Just(sent(Any::StringValue("Bearer abc".into()))),
        1 => Just(sent(Any::StringValue("card 4111111111111111".into()))),
        1 => Just(sent(inside("password", "x"))),
        1 => Just(sent(inside("a", "Bearer abc"))),
        1 => Just(sent(inside("a", "1"))),
        1 => Just(sent(Any::StringValueStrindex(1))),
        1 => Just(Some(common::AnyValue::default())),
        1 => Just(None),
    ]
}

const KEYS: [&str; 12] =
    ["a", "b", "$c", "", "http.route", "xttp.route", "http.request.method", "quote\"d", "é", "password", "dropped", "url.full.of.more.than.31.bytes"];

/// Lists in which keys come, go, change places and stand twice; some in the order they always have.
fn lists() -> impl Strategy<Value = Vec<Vec<common::KeyValue>>> {
    let pairs = |count| prop::collection::vec((0..KEYS.len(), few_values(), 0..20i32), count);
    let list = (pairs(0..8usize), any::<bool>()).prop_map(|(mut pairs, usual)| {
        if usual {
            pairs.sort_by_key(|(key, ..)| *key * 5 % KEYS.len());
            pairs.dedup_by_key(|(key, ..)| *key);
        }
        let key_value = |(key, value, index): (usize, _, i32)| common::KeyValue { key_strindex: (index == 0).into(), ..pair(KEYS[key], value) };
        pairs.into_iter().map(key_value).collect()
    });
    prop::collection::vec(list, 1..60)
}

fn span(number: usize, attributes: Vec<common::KeyValue>) -> otlp_trace::Span {
    // Every seventh is rejected.
    let span_id = vec![u8::from(!number.is_multiple_of(7)); 8];
    let event = otlp_trace::span::Event { name: "e".into(), attributes: attributes.iter().rev().cloned().collect(), ..Default::default() };
    let link = otlp_trace::span::Link { trace_id: vec![1; 16], attributes: attributes.clone(), ..Default::default() };
    otlp_trace::Span { trace_id: vec![1; 16], span_id, attributes, events: vec![event], links: vec![link], ..Default::default() }
}

fn request(spans: Vec<otlp_trace::Span>) -> Vec<u8> {
    let scope_spans = vec![otlp_trace::ScopeSpans { spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![otlp_trace::ResourceSpans { scope_spans, ..Default::default() }] }.encode_to_vec()
}

fn strict() -> Redactor {
    let mut config = Redaction { salt: "s".into(), ..Redaction::default() };
    config.rules.extend([
        Rule::of(&["dropped"], &[], Action::Drop),
        Rule::of(&["b"], &[], Action::Hash),
        Rule::of(&[], &[r"\b\d{16}\b"], Action::Replace),
    ]);
    Redactor::new(&config).unwrap()
}

/// Rows, and what was counted.
fn rows(spans: Vec<Vec<otlp_trace::Span>>, redactor: &Redactor) -> (Vec<Span>, u64, u64) {
    let counted = |redactor: &Redactor| redactor.report().map(|(_, _, count)| count).sum::<u64>();
    let (mut rows, mut indexes, before) = (Vec::new(), 0, counted(redactor));
    for spans in spans {
        let decoded = protobuf(Signal::Spans, &request(spans), RECEIVED, rules(redactor)).unwrap();
        indexes += decoded.warnings.total();
        rows.extend(Span::from_rows(&decoded.batch.rows).into_iter().map(|span| Span { seq: hopline_model::Seq(0), ..span }));
    }
    (rows, indexes, counted(redactor) - before)
}

fn check(spans: Vec<otlp_trace::Span>) {
    let redactor = strict();
    let alone = rows(spans.iter().map(|span| vec![span.clone()]).collect(), &redactor);
    assert_eq!(rows(vec![spans.clone()], &redactor), alone);
    check_spans(&request(spans));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn together_as_alone(lists in lists()) {
        check(lists.into_iter().enumerate().map(|(number, list)| span(number, list)).collect());
    }

    /// A message that is cut, or has bytes that are no text, is refused whatever was known before it.
    #[test]
    fn damaged_after_whole_ones(list in lists(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let spans: Vec<_> = list.into_iter().map(|list| span(1, list)).collect();
        let last = request(vec![spans[spans.len() - 1].clone()]);
        let mut bytes = request(spans);
        let from = bytes.len() - last.len() / 2;
        bytes[from..][at.index(last.len() / 2)] = byte;
        prop_assert_eq!(decode(Signal::Spans, &bytes).is_ok(), ExportTraceServiceRequest::decode(&bytes[..]).is_ok());
        if ExportTraceServiceRequest::decode(&bytes[..]).is_ok() {
            check_spans(&bytes);
        }
    }
}

/// More keys, values and text than are kept: places are used again, and all of it is forgotten at some time.
#[test]
fn more_than_is_kept() {
    let text = |number: usize, length: usize| sent(Any::StringValue(format!("{number:0length$}")));
    // Most of these values share their place with others.
    check((0..2_000).map(|at| span(1, vec![pair("b", text(at % 7, 3)), pair("a", text(at % 700, 3)), pair("c", text(at / 2, 100))])).collect());
    // New keys all the time, also of the kind that are looked for at the same places.
    check((0..600).map(|at| span(1, vec![pair(&format!("key {}", at % 300), text(1, 2)), pair(&format!("{at:03} same end"), text(2, 2))])).collect());
    check((0..40_usize).map(|at| span(1, (0..200).rev().map(|key| pair(&format!("key {key}"), text(at / 2 + key, 120))).collect())).collect());
    // Keys and values whose length takes more than a byte.
    let long = "k".repeat(200);
    check((0..80_usize).map(|at| span(1, vec![pair(&long, text(1, 127)), pair("b", text(at % 2, 128)), pair("a", text(at % 2, 20_000))])).collect());
}
