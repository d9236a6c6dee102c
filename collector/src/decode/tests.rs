//! The walk over the bytes against opentelemetry-proto's types, on random messages and on real ones.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::Redaction;
use arrow::array::{Array, AsArray};
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::{SpanId, TraceId, Value};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::{logs::v1 as otlp_logs, resource::v1 as otlp_resource, trace::v1 as otlp_trace};
use proptest::prelude::*;
use prost::Message;

mod kept;
mod known;

const RECEIVED: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

fn redactor() -> Redactor {
    Redactor::new(&Redaction { rules: Vec::new(), salt: String::new() }).unwrap()
}

fn rules(redactor: &Redactor) -> Rules<'_> {
    // What was sent is compared: what is found in texts has tests of its own.
    Rules { redactor, limits: Limits { derive: false, ..Limits::default() }, names: None }
}

/// Severity, trace and span out of the text fill what was not sent, and say so; what was sent stays.
#[test]
fn derived_from_the_text() {
    let text = |text: &str| Some(common::AnyValue { value: Some(common::any_value::Value::StringValue(text.into())) });
    const SAYS: &str = "level=warn trace_id=5b8efff798038103d269b633813fc60c span_id=eee19b7ec3c1b174";
    let record = |severity: i32, severity_text: &str, trace: &[u8], span: &[u8], body: &str| otlp_logs::LogRecord {
        time_unix_nano: 1,
        severity_number: severity,
        severity_text: severity_text.into(),
        trace_id: trace.to_vec(),
        span_id: span.to_vec(),
        body: text(body),
        ..Default::default()
    };
    let records = vec![
        record(0, "", &[], &[], SAYS),
        record(0, "ERROR", &[0; 16], &[0; 8], SAYS),
        record(9, "", &[7; 16], &[], SAYS),
        record(0, "", &[7; 3], &[], SAYS),
        record(0, "", &[], &[6; 8], SAYS),
        record(0, "", &[], &[], "nothing"),
    ];
    let scope_logs = vec![otlp_logs::ScopeLogs { log_records: records, ..Default::default() }];
    let request = ExportLogsServiceRequest { resource_logs: vec![otlp_logs::ResourceLogs { scope_logs, ..Default::default() }] };
    let redactor = redactor();
    let decoded = protobuf(Signal::Logs, &request.encode_to_vec(), RECEIVED, Rules { limits: Limits::default(), ..rules(&redactor) }).unwrap();
    let rows: Vec<_> = Log::from_rows(&decoded.batch.rows)
        .into_iter()
        .map(|log| {
            let derived = log.extra.as_deref().and_then(|extra| hopline_model::attributes::get(extra, "derived")).map(str::to_owned);
            (log.severity_number, log.trace_id.is_some_and(|id| id.0[0] == 0x5b), log.span_id.map(|id| id.0[0]), derived.unwrap_or_default())
        })
        .collect();
    let all = r#"["severity_number","trace_id","span_id"]"#;
    let expect = [
        (13, true, Some(0xee), all),
        (17, true, Some(0xee), all),
        (9, false, None, ""),
        (13, false, None, r#"["severity_number"]"#),
        (13, true, Some(6), r#"["severity_number","trace_id"]"#),
        (0, false, None, ""),
    ];
    assert_eq!(rows, expect.map(|(severity, trace, span, derived)| (severity, trace, span, derived.to_owned())));
    let without = decode(Signal::Logs, &request.encode_to_vec()).unwrap();
    assert!(Log::from_rows(&without.batch.rows).iter().all(|log| log.extra.as_deref().is_none_or(|extra| !extra.contains("derived"))));
}

fn decode(signal: Signal, bytes: &[u8]) -> Result<Decoded, Malformed> {
    protobuf(signal, bytes, RECEIVED, rules(&redactor()))
}

// The oracle: the same rows by prost's types and the model's plain structs.

fn value(value: Option<&common::AnyValue>) -> Value {
    use common::any_value::Value as Any;
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(text)) => Value::String(text.clone()),
        Some(Any::BoolValue(value)) => Value::Bool(*value),
        Some(Any::IntValue(value)) => Value::Int(*value),
        Some(Any::DoubleValue(value)) => Value::Double(*value),
        Some(Any::BytesValue(bytes)) => Value::Bytes(bytes.clone()),
        Some(Any::ArrayValue(array)) => Value::Array(array.values.iter().map(|item| self::value(Some(item))).collect()),
        Some(Any::KvlistValue(list)) => map(&list.values),
    }
}

fn map(pairs: &[common::KeyValue]) -> Value {
    Value::Map(pairs.iter().map(|pair| (pair.key.clone(), value(pair.value.as_ref()))).collect())
}

fn text_of(pairs: &[common::KeyValue], key: &str) -> Option<String> {
    pairs.iter().filter(|pair| pair.key == key).find_map(|pair| match value(pair.value.as_ref()) {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn named(names: &[&str], number: i32) -> String {
    usize::try_from(number).ok().and_then(|number| names.get(number)).map_or(number.to_string(), |name| (*name).to_owned())
}

fn oracle_spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let mut rows = Vec::new();
    for group in &request.resource_spans {
        let resource = group.resource.clone().unwrap_or_default();
        for scope in &group.scope_spans {
            for span in &scope.spans {
                let (Some(trace_id), Some(span_id)) = (TraceId::from_bytes(&span.trace_id), SpanId::from_bytes(&span.span_id)) else { continue };
                let start = i64::try_from(span.start_time_unix_nano).unwrap_or(i64::MAX);
                let status = span.status.clone().unwrap_or_default();
                rows.push(Span {
                    seq: hopline_model::Seq(rows.len() as u64),
                    trace_id,
                    span_id,
                    parent_span_id: SpanId::from_bytes(&span.parent_span_id),
                    start_time: UnixNanos(start),
                    duration_nano: i64::try_from(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano))
                        .unwrap_or(i64::MAX)
                        .min(i64::MAX - start),
                    name: span.name.clone(),
                    kind: named(&hopline_model::schema::KINDS, span.kind),
                    status_code: named(&hopline_model::schema::STATUS_CODES, status.code),
                    status_message: some(&status.message),
                    service_name: text_of(&resource.attributes, "service.name").unwrap_or("unknown_service".into()),
                    attributes: map(&span.attributes).to_text(),
                    trace_state: some(&span.trace_state),
                    flags: span.flags,
                    dropped_attributes_count: span.dropped_attributes_count,
                    dropped_events_count: span.dropped_events_count,
                    dropped_links_count: span.dropped_links_count,
                    ..Span::default()
                });
            }
        }
    }
    rows
}

/// What the oracle does not build is compared apart.
fn plain(mut span: Span) -> Span {
    let default = Span::default();
    (span.resource, span.scope, span.scope_name) = (default.resource, default.scope, None);
    (span.events, span.links, span.extra) = (None, None, None);
    (span.service_version, span.service_namespace, span.service_instance_id, span.deployment_environment_name) = (None, None, None, None);
    span
}

fn oracle_logs(request: &ExportLogsServiceRequest) -> Vec<Log> {
    let mut rows = Vec::new();
    for group in &request.resource_logs {
        let resource = group.resource.clone().unwrap_or_default();
        for record in group.scope_logs.iter().flat_map(|scope| &scope.log_records) {
            let saturated = |time| UnixNanos::from_otlp(time);
            let observed_time = (record.observed_time_unix_nano != 0).then(|| saturated(record.observed_time_unix_nano));
            rows.push(Log {
                seq: hopline_model::Seq(rows.len() as u64),
                time: if record.time_unix_nano == 0 { observed_time.unwrap_or(RECEIVED) } else { saturated(record.time_unix_nano) },
                observed_time,
                trace_id: TraceId::from_bytes(&record.trace_id),
                span_id: SpanId::from_bytes(&record.span_id),
                severity_number: record.severity_number,
                severity_text: some(&record.severity_text),
                body: record.body.as_ref().map(|body| match value(Some(body)) {
                    Value::String(text) => text,
                    other => other.to_text(),
                }),
                event_name: some(&record.event_name),
                service_name: text_of(&resource.attributes, "service.name").unwrap_or("unknown_service".into()),
                attributes: map(&record.attributes).to_text(),
                flags: record.flags,
                dropped_attributes_count: record.dropped_attributes_count,
                ..Log::default()
            });
        }
    }
    rows
}

fn plain_log(mut log: Log) -> Log {
    let default = Log::default();
    (log.resource, log.scope, log.scope_name, log.extra) = (default.resource, default.scope, None, None);
    (log.service_version, log.service_namespace, log.service_instance_id, log.deployment_environment_name) = (None, None, None, None);
    log
}

fn check_spans(bytes: &[u8]) {
    let request = ExportTraceServiceRequest::decode(bytes).unwrap();
    let decoded = decode(Signal::Spans, bytes).unwrap();
    let rows: Vec<Span> = Span::from_rows(&decoded.batch.rows).into_iter().map(plain).collect();
    assert_eq!(rows, oracle_spans(&request));
    let sent: usize = request.resource_spans.iter().flat_map(|group| &group.scope_spans).map(|scope| scope.spans.len()).sum();
    assert_eq!(rows.len() as u64 + decoded.rejected.total(), sent as u64);
    // One value per message wherever it stands: prost's own bytes give the same rows.
    assert_eq!(decode(Signal::Spans, &request.encode_to_vec()).unwrap().batch, decoded.batch);
}

fn check_logs(bytes: &[u8]) {
    let request = ExportLogsServiceRequest::decode(bytes).unwrap();
    let decoded = decode(Signal::Logs, bytes).unwrap();
    let rows: Vec<Log> = Log::from_rows(&decoded.batch.rows).into_iter().map(plain_log).collect();
    assert_eq!(rows, oracle_logs(&request));
    assert_eq!(decode(Signal::Logs, &request.encode_to_vec()).unwrap().batch, decoded.batch);
}

fn any_value() -> impl Strategy<Value = common::AnyValue> {
    use common::any_value::Value as Any;
    let leaf = prop_oneof![
        Just(None),
        "[a-z\"\\\\é\u{1}]{0,9}".prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Any::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Any::IntValue(value))),
        any::<u64>().prop_map(|bits| Some(Any::DoubleValue(f64::from_bits(bits)))),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Some(Any::BytesValue(bytes))),
    ]
    .prop_map(|value| common::AnyValue { value });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| common::AnyValue { value: Some(Any::ArrayValue(common::ArrayValue { values })) }),
            prop::collection::vec(("[a-c$]{0,2}", inner), 0..4).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| common::KeyValue { key, value: Some(value), ..Default::default() }).collect();
                common::AnyValue { value: Some(Any::KvlistValue(common::KeyValueList { values })) }
            }),
        ]
    })
}

fn pairs() -> impl Strategy<Value = Vec<common::KeyValue>> {
    let key = prop_oneof![Just("service.name".to_owned()), "[a-c$\"]{0,2}"];
    let pair = (key, prop::option::of(any_value())).prop_map(|(key, value)| common::KeyValue { key, value, ..Default::default() });
    prop::collection::vec(pair, 0..5)
}

fn id(width: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => prop::collection::vec(any::<u8>(), width), 1 => prop::collection::vec(0..2u8, 0..20)]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), any::<u64>(), 1_700_000_000_000_000_000..1_800_000_000_000_000_000u64]
}

fn span() -> impl Strategy<Value = otlp_trace::Span> {
    let event = (time(), "[a-b]{0,2}", pairs(), 0..3u32).prop_map(|(time_unix_nano, name, attributes, dropped_attributes_count)| {
        otlp_trace::span::Event { time_unix_nano, name, attributes, dropped_attributes_count }
    });
    let link = (id(16), id(8), "[a-b]{0,2}", pairs(), 0..3u32).prop_map(|(trace_id, span_id, trace_state, attributes, flags)| {
        otlp_trace::span::Link { trace_id, span_id, trace_state, attributes, flags, ..Default::default() }
    });
    let first = (id(16), id(8), id(8), "[a-b]{0,3}", -1..8i32, time(), time(), pairs());
    let status = prop::option::of(("[a-b]{0,2}", -1..4i32).prop_map(|(message, code)| otlp_trace::Status { message, code }));
    let second = (prop::collection::vec(event, 0..3), prop::collection::vec(link, 0..3), status, any::<u32>(), "[a-b]{0,2}");
    (first, second).prop_map(
        |(
            (trace_id, span_id, parent_span_id, name, kind, start_time_unix_nano, end_time_unix_nano, attributes),
            (events, links, status, flags, trace_state),
        )| {
            otlp_trace::Span {
                trace_id,
                span_id,
                parent_span_id,
                name,
                kind,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                events,
                links,
                status,
                flags,
                trace_state,
                dropped_attributes_count: flags % 3,
                dropped_events_count: flags % 5,
                dropped_links_count: flags % 7,
            }
        },
    )
}

fn resource() -> impl Strategy<Value = Option<otlp_resource::Resource>> {
    prop::option::of((pairs(), 0..2u32).prop_map(|(attributes, dropped_attributes_count)| otlp_resource::Resource {
        attributes,
        dropped_attributes_count,
        entity_refs: vec![common::EntityRef { r#type: "host".into(), id_keys: vec!["a".into()], ..Default::default() }],
    }))
}

fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (prop::collection::vec(span(), 0..4), "[a-b]{0,2}").prop_map(|(spans, name)| otlp_trace::ScopeSpans {
        scope: Some(common::InstrumentationScope { name: name.clone(), ..Default::default() }),
        spans,
        schema_url: name,
    });
    let group = (resource(), prop::collection::vec(scope, 0..3)).prop_map(|(resource, scope_spans)| otlp_trace::ResourceSpans {
        resource,
        scope_spans,
        schema_url: "u".into(),
    });
    prop::collection::vec(group, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn logs_request() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let record = (time(), time(), -1..30i32, prop::option::of(any_value()), pairs(), id(16), id(8), "[a-b]{0,2}").prop_map(
        |(time_unix_nano, observed_time_unix_nano, severity_number, body, attributes, trace_id, span_id, text)| otlp_logs::LogRecord {
            time_unix_nano,
            observed_time_unix_nano,
            severity_number,
            body,
            attributes,
            trace_id,
            span_id,
            severity_text: text.clone(),
            event_name: text,
            flags: 1,
            dropped_attributes_count: 2,
        },
    );
    (resource(), prop::collection::vec(record, 0..5)).prop_map(|(resource, log_records)| ExportLogsServiceRequest {
        resource_logs: vec![otlp_logs::ResourceLogs {
            resource,
            scope_logs: vec![otlp_logs::ScopeLogs { scope: None, log_records, schema_url: String::new() }],
            schema_url: String::new(),
        }],
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Random messages give the rows prost gives; cut anywhere, both refuse alike or agree.
    #[test]
    fn equal_to_prost(request in traces(), cut in any::<prop::sample::Index>()) {
        let bytes = request.encode_to_vec();
        check_spans(&bytes);
        let cut = &bytes[..cut.index(bytes.len() + 1).min(bytes.len())];
        match ExportTraceServiceRequest::decode(cut) {
            Ok(_) => check_spans(cut),
            Err(_) => prop_assert!(decode(Signal::Spans, cut).is_err()),
        }
    }

    #[test]
    fn logs_equal_to_prost(request in logs_request()) {
        check_logs(&request.encode_to_vec());
    }

    /// Two requests one after the other are one request with both; a message cut in two is merged.
    #[test]
    fn merged(a in traces(), b in traces(), status in "[a-b]{1,3}") {
        let mut bytes = a.encode_to_vec();
        bytes.extend_from_slice(&b.encode_to_vec());
        check_spans(&bytes);
        let mut span = otlp_trace::Span { trace_id: vec![1; 16], span_id: vec![1; 8], status: Some(otlp_trace::Status { message: status, code: 0 }), ..Default::default() }.encode_to_vec();
        span.extend_from_slice(&otlp_trace::Span { status: Some(otlp_trace::Status { message: String::new(), code: 2 }), ..Default::default() }.encode_to_vec());
        // Unknown fields of each wire type, and a group, change nothing.
        span.extend_from_slice(&[0xc0, 0x3e, 7, 0xc1, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0xc5, 0x3e, 1, 2, 3, 4, 0xc3, 0x3e, 0x08, 1, 0xc4, 0x3e]);
        check_spans(&wrap(&[2, 2], &span));
    }

    /// Any damage is an answer, never a panic.
    #[test]
    fn damaged(request in traces(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = request.encode_to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for signal in Signal::ALL {
            let _ = decode(signal, &bytes);
            let _ = to_protobuf(signal, &bytes);
        }
        if ExportTraceServiceRequest::decode(&bytes[..]).is_ok() {
            prop_assert!(decode(Signal::Spans, &bytes).is_ok());
        }
    }
}

/// A message inside fields of these numbers, innermost first.
fn wrap(numbers: &[u8], message: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for number in numbers.iter().chain(&[1]) {
        let mut outer = vec![number << 3 | 2];
        prost::encode_length_delimiter(bytes.len(), &mut outer).unwrap();
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    bytes[..].to_vec()
}

/// Mistakes in JSON are refused, and quickly; what OTLP allows is read.
#[test]
fn json_rules() {
    let span = |members: &str| {
        let text = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174"{members}}}]}}]}}]}}"#
        );
        json(Signal::Spans, text.as_bytes(), RECEIVED, rules(&redactor()))
    };
    let first = |members: &str| Span::from_rows(&span(members).unwrap().batch.rows).remove(0);
    assert_eq!(first("").trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(first(r#","kind":2"#).kind, "server");
    assert_eq!(first(r#","startTimeUnixNano":"1700000000000000001""#).start_time.0, 1_700_000_000_000_000_001);
    assert_eq!(first(r#","startTimeUnixNano":1700000000000000001"#).start_time.0, 1_700_000_000_000_000_001);
    assert_eq!(first(r#","startTimeUnixNano":1.7e18"#).start_time.0, 1_700_000_000_000_000_000);
    assert_eq!(first(r#","name":null,"foo":{"deep":[1,{"a":"]"}]},"trace_state":"x""#).trace_state, None);
    assert_eq!(first(r#","name":"\ud83d\ude00""#).name, "😀");
    for (sent, expect) in [
        (r#"{"intValue":"-9223372036854775808"}"#, "-9223372036854775808"),
        (r#"{"intValue":12}"#, "12"),
        (r#"{"doubleValue":"NaN"}"#, r#"{"$double":"NaN"}"#),
        (r#"{"doubleValue":1}"#, "1.0"),
        (r#"{"bytesValue":"_-8"}"#, r#"{"$bytes":"/+8="}"#),
        (r#"{"boolValue":false}"#, "false"),
        (r#"{"stringValue":""}"#, r#""""#),
        (r#"{"arrayValue":{}}"#, "[]"),
        ("{}", "null"),
    ] {
        assert_eq!(first(&format!(r#","attributes":[{{"key":"k","value":{sent}}}]"#)).attributes, format!(r#"{{"k":{expect}}}"#), "{sent}");
    }
    for wrong in [
        r#","kind":"SPAN_KIND_SERVER""#,
        r#","parentSpanId":"xyz0""#,
        r#","parentSpanId":"abc""#,
        r#","name":5"#,
        r#","attributes":{}"#,
        r#","startTimeUnixNano":-1"#,
        r#","startTimeUnixNano":1.5"#,
        r#","flags":4294967296"#,
        r#","name":"a"#,
        r#","name":"\ud83d""#,
        ",",
    ] {
        assert!(span(wrong).is_err(), "{wrong}");
    }
    let deep = 50_000;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert!(span(&format!(r#","foo":{}1{}"#, open.repeat(deep), close.repeat(deep))).is_err());
    }
    let nested = |levels: usize| {
        let value = format!(r#"{}{{"intValue":1}}{}"#, r#"{"arrayValue":{"values":["#.repeat(levels), "]}}".repeat(levels));
        span(&format!(r#","attributes":[{{"key":"k","value":{value}}}]"#))
    };
    assert_eq!(nested(40).unwrap().rejected.total(), 0);
    assert_eq!(nested(49).unwrap().rejected.counts(), &[(Reject::Depth, 1)]);
    assert!(nested(deep).is_err());
    assert_eq!(json(Signal::Logs, b"", RECEIVED, rules(&redactor())).unwrap().batch.rows.num_rows(), 0);
    assert_eq!(json(Signal::Logs, b"{}", RECEIVED, rules(&redactor())).unwrap().batch.rows.num_rows(), 0);
}

/// Resource and scope keep everything; duplicate keys are kept in order; redaction reaches nested keys and bodies.
#[test]
fn all_is_kept() {
    let text = r#"{"resourceLogs":[{"schemaUrl":"s1","resource":{"droppedAttributesCount":3,"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},
        {"key":"deployment.environment","value":{"stringValue":"test"}},{"key":"$own","value":{"intValue":1}}]},
        "scopeLogs":[{"schemaUrl":"s2","scope":{"name":"n","version":"v"},"logRecords":[{"traceId":"abcd","body":{"kvlistValue":{"values":[{"key":"password","value":{"stringValue":"x"}}]}},
        "attributes":[{"key":"b","value":{"intValue":1}},{"key":"a","value":{"intValue":2}},{"key":"b","value":{"intValue":3}}]}]}]}]}"#;
    let redactor = Redactor::new(&Redaction::default()).unwrap();
    let decoded = json(Signal::Logs, text.as_bytes(), RECEIVED, rules(&redactor)).unwrap();
    let log = Log::from_rows(&decoded.batch.rows).remove(0);
    assert_eq!(
        &*log.resource,
        r#"{"$dropped_attributes_count":3,"$schema_url":"s1","$$own":1,"deployment.environment":"test","service.name":"shop"}"#
    );
    assert_eq!(&*log.scope, r#"{"$name":"n","$schema_url":"s2","$version":"v"}"#);
    assert_eq!((log.service_name.as_str(), log.deployment_environment_name.as_deref(), log.scope_name.as_deref()), ("shop", Some("test"), Some("n")));
    assert_eq!(log.attributes, r#"{"$pairs":[["b",1],["a",2],["b",3]]}"#);
    assert_eq!(log.body.as_deref(), Some(r#"{"password":"[redacted]"}"#));
    assert_eq!(log.extra.as_deref(), Some(r#"{"body":"json","time_unix_nano":"0","trace_id":{"$bytes":"q80="}}"#));
    assert_eq!(decoded.warnings.counts(), &[(Warning::LogId, 1)]);
}

/// Each rule of the metric data model rejects its point alone; all five kinds are stored.
#[test]
fn metric_points() {
    let metric = |kind: &str, point: &str| {
        let text = format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","unit":"s","{kind}":{{"aggregationTemporality":2,"dataPoints":[{{{point}}}]}}}}]}}]}}]}}"#
        );
        json(Signal::Metrics, text.as_bytes(), RECEIVED, rules(&redactor())).unwrap()
    };
    let reject = |kind: &str, point: &str| metric(kind, point).rejected.counts().first().map(|(reject, _)| *reject);
    assert_eq!(reject("gauge", r#""timeUnixNano":1,"asInt":5"#), None);
    assert_eq!(reject("gauge", r#""timeUnixNano":1"#), Some(Reject::NoValue));
    assert_eq!(reject("gauge", r#""timeUnixNano":1,"flags":1"#), None);
    assert_eq!(reject("sum", r#""asInt":5"#), Some(Reject::Time));
    assert_eq!(reject("histogram", r#""timeUnixNano":1,"count":3,"bucketCounts":[1,"2"],"explicitBounds":[0.5]"#), None);
    assert_eq!(reject("histogram", r#""timeUnixNano":1,"count":3"#), None);
    assert_eq!(reject("histogram", r#""timeUnixNano":1,"count":3,"bucketCounts":[3],"explicitBounds":[0.5]"#), Some(Reject::BucketLength));
    assert_eq!(reject("histogram", r#""timeUnixNano":1,"count":3,"bucketCounts":[1,1,1],"explicitBounds":[1,1]"#), Some(Reject::Bounds));
    assert_eq!(reject("histogram", r#""timeUnixNano":1,"count":4,"bucketCounts":[1,2],"explicitBounds":[1]"#), Some(Reject::BucketSum));
    assert_eq!(reject("exponentialHistogram", r#""timeUnixNano":1,"positive":{"offset":2147483647,"bucketCounts":[1]}"#), Some(Reject::BucketIndex));
    let rows = metric(
        "exponentialHistogram",
        r#""timeUnixNano":1,"count":2,"scale":-3,"positive":{"offset":-4,"bucketCounts":[1,"1"]},"exemplars":[{"asDouble":1,"traceId":"0102"},{}]"#,
    );
    let column = |decoded: &Decoded, name: &str| decoded.batch.rows.column_by_name(name).unwrap().as_string::<i32>().value(0).to_owned();
    assert_eq!(column(&rows, "exponential"), r#"{"positive":{"counts":[1,1],"offset":-4},"scale":-3,"zero_count":0,"zero_threshold":0.0}"#);
    assert_eq!(column(&rows, "exemplars"), r#"[{"time_unix_nano":"0","trace_id":"0102","value":1.0}]"#);
    assert_eq!(rows.warnings.counts(), &[(Warning::Exemplar, 1)]);
    let rows = metric("summary", r#""timeUnixNano":1,"quantileValues":[{"quantile":0.5,"value":2}]"#);
    assert_eq!(column(&rows, "quantiles"), "[[0.5,2.0]]");
    assert!(rows.batch.rows.column_by_name("temporality").unwrap().is_null(0));
    let empty = ExportMetricsServiceRequest::default().encode_to_vec();
    assert_eq!(decode(Signal::Metrics, &empty).unwrap().batch.rows.num_rows(), 0);
}

/// The files of a `.tar.gz`: name and content.
fn files(path: &str) -> Vec<(String, Vec<u8>)> {
    use std::io::Read;
    let path = format!("{}/../tests/fixtures/captures/{path}", env!("CARGO_MANIFEST_DIR"));
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut tar).unwrap();
    let (mut at, mut files) = (0, Vec::new());
    while tar.get(at).is_some_and(|byte| *byte != 0) {
        let text = |from: usize, length: usize| String::from_utf8_lossy(&tar[at + from..at + from + length]).trim_matches(['\0', ' ']).to_owned();
        let size = usize::from_str_radix(&text(124, 12), 8).unwrap();
        files.push((text(0, 100), tar[at + 512..at + 512 + size].to_vec()));
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

/// What real SDKs sent is decoded as prost decodes it, nothing rejected; the official examples too.
#[test]
fn captures_and_examples() {
    let mut rows = [0; 3];
    for archive in ["python-shop.protobuf.tar.gz", "rust-ledger.protobuf.tar.gz", "node-web.json.tar.gz"] {
        for (name, body) in files(archive).into_iter().filter(|(_, body)| !body.is_empty()) {
            let signal = if name.contains("traces") {
                Signal::Spans
            } else if name.contains("logs") {
                Signal::Logs
            } else if name.contains("metrics") {
                Signal::Metrics
            } else {
                continue;
            };
            let body = if name.ends_with(".json") { to_protobuf(signal, &body).unwrap() } else { body };
            let decoded = decode(signal, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((decoded.rejected.total(), decoded.warnings.total()), (0, 0), "{name}");
            rows[usize::from(signal.code()) - 1] += decoded.batch.rows.num_rows();
            match signal {
                Signal::Spans => check_spans(&body),
                Signal::Logs => check_logs(&body),
                Signal::Metrics => assert!(ExportMetricsServiceRequest::decode(&body[..]).is_ok()),
            }
        }
    }
    assert!(rows.iter().all(|rows| *rows > 20), "{rows:?}");
    for (name, signal) in [("trace", Signal::Spans), ("logs", Signal::Logs), ("events", Signal::Logs), ("metrics", Signal::Metrics)] {
        let path = format!("{}/../tests/fixtures/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let decoded = json(signal, &std::fs::read(path).unwrap(), RECEIVED, rules(&redactor())).unwrap();
        assert!(decoded.batch.rows.num_rows() > 0 && decoded.rejected.total() == 0, "{name}: {:?}", decoded.rejected);
    }
}
