//! O23 to O31, O39: values, spans and logs are kept as sent, whichever way they come. Equality with prost on random messages is in
//! `decode/tests.rs`.

use crate::harness::{BOTH, Server, span, traces};
use hopline_model::{Signal, Value};
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1 as otlp;

fn any(value: Any) -> common::AnyValue {
    common::AnyValue { value: Some(value) }
}

fn pair(key: &str, value: Option<common::AnyValue>) -> common::KeyValue {
    common::KeyValue { key: key.into(), value, ..Default::default() }
}

fn nested(levels: usize) -> common::AnyValue {
    (0..levels).fold(any(Any::IntValue(7)), |inner, level| match level % 2 {
        0 => any(Any::ArrayValue(common::ArrayValue { values: vec![inner] })),
        _ => any(Any::KvlistValue(common::KeyValueList { values: vec![pair("k", Some(inner))] })),
    })
}

fn log(json: &str) -> Vec<u8> {
    let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{json}]}}]}}]}}"#);
    hopline_collector::decode::to_protobuf(Signal::Logs, text.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn o24_invalid_ids_of_logs_are_kept_apart_and_of_spans_rejected() {
    let server = Server::start().await;
    for way in BOTH {
        for (trace, valid) in [("", false), ("00000000000000000000000000000000", false), ("aa", false), ("5b8efff798038103d269b633813fc60c", true)] {
            let answer = server.send(way, Signal::Logs, &log(&format!(r#"{{"traceId":"{trace}","spanId":"eee19b7ec3c1b174"}}"#))).await;
            assert!(answer.partial.is_none_or(|(rejected, _)| rejected == 0));
            assert_eq!(server.logs().last().unwrap().trace_id.is_some(), valid, "{trace:?}");
        }
        for (width, zero) in [(15, false), (17, false), (0, false), (16, true)] {
            let bad = otlp::Span { trace_id: vec![u8::from(!zero); width], ..span(0) };
            assert_eq!(server.send(way, Signal::Spans, &traces(vec![bad, span(1)])).await.partial.unwrap().0, 1, "trace id of {width}");
        }
        for width in [0, 7, 9] {
            let bad = otlp::Span { span_id: vec![1; width], ..span(0) };
            assert_eq!(server.send(way, Signal::Spans, &traces(vec![bad, span(1)])).await.partial.unwrap().0, 1, "span id of {width}");
        }
    }
    assert_eq!((server.rows(Signal::Logs), server.rows(Signal::Spans)), (8, 14));
    // The bytes that were no id are kept.
    assert!(server.logs().iter().any(|log| log.extra.as_deref().is_some_and(|extra| extra.contains(r#""trace_id":{"$bytes":"qg=="}"#))));
}

#[tokio::test(flavor = "multi_thread")]
async fn o25_every_value_is_kept() {
    let server = Server::start().await;
    let values = [
        (Any::StringValue(String::new()), Value::String(String::new())),
        (Any::StringValue("ä\u{0}\u{1}\"\\".into()), Value::String("ä\u{0}\u{1}\"\\".into())),
        (Any::BoolValue(false), Value::Bool(false)),
        (Any::IntValue(0), Value::Int(0)),
        (Any::IntValue(i64::MIN), Value::Int(i64::MIN)),
        (Any::IntValue(i64::MAX), Value::Int(i64::MAX)),
        (Any::DoubleValue(-0.0), Value::Double(-0.0)),
        (Any::DoubleValue(f64::MIN_POSITIVE / 8.0), Value::Double(f64::MIN_POSITIVE / 8.0)),
        (Any::DoubleValue(f64::from_bits(0x7ff8_dead_beef_0001)), Value::Double(f64::from_bits(0x7ff8_dead_beef_0001))),
        (Any::DoubleValue(f64::NEG_INFINITY), Value::Double(f64::NEG_INFINITY)),
        (Any::BytesValue(Vec::new()), Value::Bytes(Vec::new())),
        (Any::BytesValue(vec![0, 255]), Value::Bytes(vec![0, 255])),
        (Any::ArrayValue(common::ArrayValue::default()), Value::Array(Vec::new())),
        (Any::KvlistValue(common::KeyValueList::default()), Value::Map(Vec::new())),
    ];
    let attributes: Vec<_> = values.iter().enumerate().map(|(at, (sent, _))| pair(&format!("k{at:02}"), Some(any(sent.clone())))).collect();
    let attributes = attributes.into_iter().chain([pair("$empty", Some(common::AnyValue { value: None })), pair("none", None)]).collect::<Vec<_>>();
    let mut expect: Vec<(String, Value)> = values.iter().enumerate().map(|(at, (_, stored))| (format!("k{at:02}"), stored.clone())).collect();
    expect.extend([("$empty".into(), Value::Null), ("none".into(), Value::Null)]);
    for way in BOTH {
        assert!(server.send(way, Signal::Spans, &traces(vec![otlp::Span { attributes: attributes.clone(), ..span(0) }])).await.is_full_success());
    }
    for row in server.spans() {
        assert_eq!(Value::parse(&row.attributes).unwrap(), Value::Map(expect.clone()));
        assert!(row.attributes.contains("7ff8deadbeef0001"), "the payload of a NaN: {}", row.attributes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o26_depth_to_40_is_kept_and_beyond_rejects_the_record() {
    let server = Server::start().await;
    for way in BOTH {
        for depth in [1, 2, 20, 40, 47, 48, 49, 60, 200, 5_000] {
            let deep = otlp::Span { attributes: vec![pair("k", Some(nested(depth)))], ..span(0) };
            let before = server.rows(Signal::Spans);
            let answer = server.send(way, Signal::Spans, &traces(vec![deep, span(1)])).await;
            let kept = server.rows(Signal::Spans) - before;
            assert_eq!((answer.code, kept), (0, if depth <= 48 { 2 } else { 1 }), "{depth} levels: {answer:?}");
            if depth > 48 {
                assert_eq!(answer.partial.unwrap().0, 1);
            }
        }
    }
    let deepest = server.spans().into_iter().filter(|span| span.attributes.len() > 40 * 2).count();
    assert!(deepest > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn o27_a_key_that_stands_twice_is_kept_twice() {
    let server = Server::start().await;
    let attributes = vec![pair("a", Some(any(Any::IntValue(1)))), pair("b", None), pair("a", Some(any(Any::StringValue("x".into()))))];
    for way in BOTH {
        assert!(server.send(way, Signal::Spans, &traces(vec![otlp::Span { attributes: attributes.clone(), ..span(0) }])).await.is_full_success());
    }
    assert!(server.spans().iter().all(|span| span.attributes == r#"{"$pairs":[["a",1],["b",null],["a","x"]]}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn o28_unknown_fields_and_groups_are_ignored() {
    let server = Server::start().await;
    // Numbers 1000 and up in each wire type, and a group in a group; then a million of them.
    let unknown = [0xc0, 0x3e, 7, 0xc1, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0xc5, 0x3e, 1, 2, 3, 4, 0xc2, 0x3e, 1, 9, 0xc3, 0x3e, 0x0b, 0x0c, 0xc4, 0x3e];
    for way in BOTH {
        for times in [1, 1_000_000 / unknown.len()] {
            let mut bytes = traces(vec![span(0)]);
            bytes.extend(unknown.repeat(times));
            assert!(server.send(way, Signal::Spans, &bytes).await.is_full_success());
        }
        let many = [0xc0, 0x3e, 7].repeat(1_000_000);
        assert!(server.send(way, Signal::Spans, &many).await.is_full_success());
    }
    assert_eq!(server.rows(Signal::Spans), 4);
}

const EVERYTHING: &str = r#"{"resourceSpans":[{"schemaUrl":"https://schema/r","resource":{"droppedAttributesCount":2,
    "attributes":[{"key":"service.name","value":{"stringValue":"shop"}}],"entityRefs":[{"schemaUrl":"e","type":"host","idKeys":["host.id"],"descriptionKeys":["host.name"]}]},
    "scopeSpans":[{"schemaUrl":"https://schema/s","scope":{"name":"lib","version":"1.2","attributes":[{"key":"team","value":{"stringValue":"x"}}],"droppedAttributesCount":3},
    "spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","traceState":"a=1,b=2","flags":4294967295,"name":"n",
    "kind":99,"startTimeUnixNano":"20","endTimeUnixNano":"10","droppedAttributesCount":4,"droppedEventsCount":5,"droppedLinksCount":6,
    "events":[{"timeUnixNano":"15","name":"e","attributes":[{"key":"k","value":{"intValue":"1"}}],"droppedAttributesCount":7}],
    "links":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b175","traceState":"c=3","flags":768,"attributes":[{"key":"k","value":{"boolValue":true}}],"droppedAttributesCount":8}],
    "status":{"code":2,"message":"failed"}}]}]}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn o29_o30_resource_scope_and_every_field_of_a_span_are_kept() {
    let server = Server::start().await;
    let bytes = hopline_collector::decode::to_protobuf(Signal::Spans, EVERYTHING.as_bytes()).unwrap();
    for way in BOTH {
        assert!(server.send(way, Signal::Spans, &bytes).await.is_full_success());
    }
    assert!(server.json(Signal::Spans, EVERYTHING).await.is_full_success());
    let rows = server.spans();
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(
            &*row.resource,
            r#"{"$dropped_attributes_count":2,"$entity_refs":[{"description_keys":["host.name"],"id_keys":["host.id"],"schema_url":"e","type":"host"}],"$schema_url":"https://schema/r","service.name":"shop"}"#
        );
        assert_eq!(&*row.scope, r#"{"$dropped_attributes_count":3,"$name":"lib","$schema_url":"https://schema/s","$version":"1.2","team":"x"}"#);
        assert_eq!((row.trace_state.as_deref(), row.flags, row.kind.as_str()), (Some("a=1,b=2"), u32::MAX, "99"));
        assert_eq!(row.parent_span_id.unwrap().to_string(), "eee19b7ec3c1b173");
        assert_eq!((row.dropped_attributes_count, row.dropped_events_count, row.dropped_links_count), (4, 5, 6));
        assert_eq!((row.status_code.as_str(), row.status_message.as_deref()), ("error", Some("failed")));
        // It ended before it started: shown as 0 long, the end kept.
        assert_eq!((row.start_time.0, row.duration_nano, row.extra.as_deref()), (20, 0, Some(r#"{"end_time_unix_nano":"10"}"#)));
        assert_eq!(row.events.as_deref(), Some(r#"[{"attributes":{"k":1},"dropped_attributes_count":7,"name":"e","time_unix_nano":"15"}]"#));
        assert_eq!(
            row.links.as_deref(),
            Some(
                r#"[{"attributes":{"k":true},"dropped_attributes_count":8,"flags":768,"span_id":"eee19b7ec3c1b175","trace_id":"5b8efff798038103d269b633813fc60d","trace_state":"c=3"}]"#
            )
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o31_every_field_of_a_log_is_kept() {
    let server = Server::start().await;
    for way in BOTH {
        let before = server.rows(Signal::Logs);
        for record in [
            r#"{"timeUnixNano":"5","observedTimeUnixNano":"6","severityNumber":9,"severityText":"Info","body":{"stringValue":"b"},"flags":257,"droppedAttributesCount":3,"eventName":"ev"}"#,
            r#"{"observedTimeUnixNano":"6"}"#,
            r#"{}"#,
            r#"{"severityNumber":-7,"body":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":1}]}}}]}}}"#,
            r#"{"severityNumber":99,"body":{}}"#,
            r#"{"body":{"stringValue":""}}"#,
        ] {
            assert!(server.send(way, Signal::Logs, &log(record)).await.is_full_success(), "{record}");
        }
        let rows = server.logs().split_off(before);
        let [full, observed, neither, deep, empty, nothing] = &rows[..] else { panic!("{} rows", rows.len()) };
        assert_eq!((full.time.0, full.observed_time.unwrap().0, full.severity_number, full.severity_text.as_deref()), (5, 6, 9, Some("Info")));
        assert_eq!((full.body.as_deref(), full.flags, full.dropped_attributes_count, full.event_name.as_deref()), (Some("b"), 257, 3, Some("ev")));
        // Without a time it is shown at the observed time, else when it was received; that 0 was sent is kept.
        assert_eq!((observed.time.0, observed.extra.as_deref()), (6, Some(r#"{"time_unix_nano":"0"}"#)));
        assert!(neither.time.0 > 1_700_000_000_000_000_000 && neither.observed_time.is_none());
        assert_eq!((deep.severity_number, deep.body.as_deref()), (-7, Some(r#"{"k":[1]}"#)));
        assert!(deep.extra.as_deref().unwrap().contains(r#""body":"json""#));
        assert_eq!((empty.severity_number, empty.body.as_deref(), nothing.body.as_deref()), (99, Some("null"), Some("")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o39_times_from_1970_to_the_end_of_u64() {
    let server = Server::start().await;
    let times = [0, 1, 1_000_000_000, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX];
    for way in BOTH {
        let before = server.rows(Signal::Spans);
        for start in times {
            for end in times {
                let sent = otlp::Span { start_time_unix_nano: start, end_time_unix_nano: end, ..span(0) };
                assert!(server.send(way, Signal::Spans, &traces(vec![sent])).await.is_full_success(), "{start} to {end}");
            }
        }
        let rows = server.spans().split_off(before);
        for (row, (start, end)) in rows.iter().zip(times.iter().flat_map(|start| times.iter().map(move |end| (*start, *end)))) {
            let kept = |key: &str| {
                row.extra
                    .as_deref()
                    .and_then(|extra| hopline_model::attributes::get(extra, key).map(|text| text.trim_matches('"').parse::<u64>().unwrap()))
            };
            assert_eq!(kept("start_time_unix_nano").unwrap_or(row.start_time.0 as u64), start);
            assert_eq!(kept("end_time_unix_nano").unwrap_or(row.start_time.0 as u64 + row.duration_nano as u64), end, "{start} to {end}");
        }
        for time in times {
            let answer = server.send(way, Signal::Logs, &log(&format!(r#"{{"timeUnixNano":"{time}","observedTimeUnixNano":"{time}"}}"#))).await;
            assert!(answer.is_full_success());
        }
    }
    assert_eq!((server.rows(Signal::Spans), server.rows(Signal::Logs)), (2 * 49, 2 * 7));
}
