//! The walk over the bytes into columns against prost's types into the same columns, in one run, with the server's allocator.
//!
//! Both ways give the same Arrow rows; that is checked before anything is measured. Values repeat as those of services do; how much of it
//! comes from that, spans show of which no value stands twice.

// The builders of the collector itself, so that only the way to them differs.
#[allow(dead_code, unreachable_pub)]
#[path = "../src/decode/columns.rs"]
mod columns;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/decode/wire.rs"]
mod wire;

use arrow::array::ArrayRef;
use arrow::datatypes::{Int32Type, Int64Type, UInt32Type};
use columns::{Dictionary, Ids, Text};
use hopline_collector::config::Redaction;
use hopline_collector::decode::{Limits, Rules, protobuf};
use hopline_collector::process::Redactor;
use hopline_model::attributes::{write_bytes, write_double, write_int, write_key, write_string};
use hopline_model::schema::{KINDS, STATUS_CODES};
use hopline_model::{Batch, Signal, UnixNanos};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event};
use prost::Message;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: u64 = 1_000;
const BASE: u64 = 1_700_000_000_000_000_000;

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn text(key: &str, value: String) -> KeyValue {
    pair(key, Value::StringValue(value))
}

fn resource() -> Option<Resource> {
    let attributes = vec![text("service.name", "checkout".into()), text("service.version", "1.4.2".into()), text("host.name", "node-7".into())];
    Some(Resource { attributes, ..Default::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "net/http".into(), version: "1".into(), ..Default::default() })
}

/// Spans of which no value of an attribute stands twice.
fn distinct() -> ExportTraceServiceRequest {
    let mut request = spans();
    let spans = request.resource_spans.iter_mut().flat_map(|group| &mut group.scope_spans).flat_map(|scoped| &mut scoped.spans);
    for (at, span) in spans.enumerate() {
        span.name = format!("{} {at}", span.name);
        for value in span.attributes.iter_mut().filter_map(|pair| pair.value.as_mut()?.value.as_mut()) {
            match value {
                Value::StringValue(text) => text.insert_str(0, &format!("{at:04}")),
                Value::IntValue(number) => *number += 1_000 * at as i64,
                _ => *value = Value::DoubleValue(at as f64 / 8.0),
            }
        }
    }
    request
}

/// About 500 bytes each, in the shape SDKs send: resource, scope, ten attributes, an event in every tenth.
fn spans() -> ExportTraceServiceRequest {
    let spans = (0..RECORDS).map(|at| Span {
        trace_id: (u128::from(at / 16) + 1).to_be_bytes().to_vec(),
        span_id: (at + 1).to_be_bytes().to_vec(),
        parent_span_id: at.max(1).to_be_bytes().to_vec(),
        name: format!("GET /route/{}", at % 20),
        kind: 2,
        start_time_unix_nano: BASE + at * 1_000,
        end_time_unix_nano: BASE + 5_000_000 + at * 1_000,
        attributes: vec![
            text("http.request.method", "GET".into()),
            text("http.route", format!("/route/{}", at % 20)),
            pair("http.response.status_code", Value::IntValue(200 + at as i64 % 3)),
            text("url.path", format!("/route/{}/items/{at}", at % 20)),
            text("server.address", "shop.example".into()),
            pair("server.port", Value::IntValue(8080)),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0".into()),
            text("enduser.id", format!("customer-{}", at * 7_919 % 1_000)),
            pair("app.cart.total", Value::DoubleValue(at as f64 / 8.0)),
            pair("app.cart.gift", Value::BoolValue(at % 2 == 0)),
        ],
        events: (0..u64::from(at % 10 == 0))
            .map(|_| Event {
                name: "cache.miss".into(),
                time_unix_nano: BASE + at,
                attributes: vec![text("key", format!("item:{at}"))],
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    let scope_spans = vec![ScopeSpans { scope: scope(), spans: spans.collect(), ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource: resource(), scope_spans, ..Default::default() }] }
}

/// About 400 bytes each.
fn logs() -> ExportLogsServiceRequest {
    let log_records = (0..RECORDS).map(|at| LogRecord {
        time_unix_nano: BASE + at * 1_000,
        observed_time_unix_nano: BASE + at * 1_000 + 17,
        severity_number: 9 + (at % 3) as i32 * 4,
        severity_text: ["INFO", "WARN", "ERROR"][at as usize % 3].into(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(format!("order {at} of customer-{} was packed in {} ms, \"fragile\"", at * 31 % 977, at % 91))),
        }),
        trace_id: (u128::from(at / 4) + 1).to_be_bytes().to_vec(),
        span_id: (at + 1).to_be_bytes().to_vec(),
        attributes: vec![
            text("logger.name", "shop.orders.OrderService".into()),
            text("thread.name", format!("worker-{}", at % 16)),
            pair("order.number", Value::IntValue(at as i64)),
            text("customer", format!("customer-{}", at * 31 % 977)),
            text("code.function.name", "packOrder".into()),
            text("k8s.pod.name", format!("orders-7d9f8-{}", at % 5)),
        ],
        ..Default::default()
    });
    let scope_logs = vec![ScopeLogs { scope: scope(), log_records: log_records.collect(), ..Default::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource: resource(), scope_logs, ..Default::default() }] }
}

// prost's types → the same columns.

fn write_value(out: &mut String, value: Option<&AnyValue>) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => write_string(out, text),
        Some(Value::BoolValue(value)) => out.push_str(if *value { "true" } else { "false" }),
        Some(Value::IntValue(value)) => write_int(out, *value),
        Some(Value::DoubleValue(value)) => write_double(out, *value),
        Some(Value::BytesValue(bytes)) => write_bytes(out, bytes),
        _ => out.push_str("null"),
    }
}

fn members(out: &mut String, pairs: &[KeyValue], sorted: &mut Vec<usize>) {
    sorted.clear();
    sorted.extend(0..pairs.len());
    sorted.sort_unstable_by(|a, b| pairs[*a].key.as_bytes().cmp(pairs[*b].key.as_bytes()));
    for (place, at) in sorted.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_key(out, &pairs[*at].key);
        out.push(':');
        write_value(out, pairs[*at].value.as_ref());
    }
}

#[derive(Default)]
struct Origin {
    service: [Dictionary; 5],
    resource: Dictionary,
    scope: Dictionary,
    scope_name: Dictionary,
}

impl Origin {
    fn fill(&mut self, resource: Option<&Resource>, scope: Option<&InstrumentationScope>, rows: usize, sorted: &mut Vec<usize>) {
        let pairs = resource.map_or(&[][..], |resource| &resource.attributes);
        let keys = ["service.name", "service.namespace", "service.version", "service.instance.id", "deployment.environment.name"];
        for (column, key) in self.service.iter_mut().zip(keys) {
            let found = pairs.iter().find(|pair| pair.key == key).and_then(|pair| match pair.value.as_ref()?.value.as_ref()? {
                Value::StringValue(text) => Some(text.as_str()),
                _ => None,
            });
            let number = found.map(|text| column.intern(text));
            column.fill(number, rows);
        }
        let mut out = String::from("{");
        members(&mut out, pairs, sorted);
        out.push('}');
        let number = self.resource.intern(&out);
        self.resource.fill(Some(number), rows);
        let scope = scope.cloned().unwrap_or_default();
        let number = self.scope.intern(&format!("{{\"$name\":{:?},\"$version\":{:?}}}", scope.name, scope.version));
        self.scope.fill(Some(number), rows);
        let number = self.scope_name.intern(&scope.name);
        self.scope_name.fill(Some(number), rows);
    }

    fn finish(self, columns: &mut Vec<ArrayRef>) {
        for column in self.service.into_iter().chain([self.resource, self.scope, self.scope_name]) {
            columns.push(column.finish().expect("small"));
        }
    }
}

fn prost_spans(bytes: &[u8]) -> Batch {
    let request = ExportTraceServiceRequest::decode(bytes).expect("our own bytes");
    let (mut trace_id, mut span_id, mut parent) = (Ids::<16>::default(), Ids::<8>::default(), Ids::<8>::default());
    let (mut start, mut duration, mut flags, mut dropped) = (Vec::new(), Vec::new(), Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    let (mut name, mut kind, mut status_code, mut status_message, mut trace_state) =
        (Dictionary::default(), Dictionary::default(), Dictionary::default(), Dictionary::default(), Dictionary::default());
    let (mut attributes, mut events, mut links, mut extra) = (Text::default(), Text::default(), Text::default(), Text::default());
    let (mut origin, mut sorted) = (Origin::default(), Vec::new());
    for group in &request.resource_spans {
        for scoped in &group.scope_spans {
            for span in &scoped.spans {
                trace_id.push(columns::id(&span.trace_id));
                span_id.push(columns::id(&span.span_id));
                parent.push(columns::id(&span.parent_span_id));
                start.push(span.start_time_unix_nano as i64);
                duration.push((span.end_time_unix_nano - span.start_time_unix_nano) as i64);
                name.push(&span.name);
                kind.push(KINDS[span.kind as usize]);
                status_code.push(STATUS_CODES[span.status.as_ref().map_or(0, |status| status.code) as usize]);
                status_message.push_some(span.status.as_ref().map_or("", |status| &status.message));
                attributes.text.push('{');
                members(&mut attributes.text, &span.attributes, &mut sorted);
                attributes.text.push('}');
                attributes.push();
                for (at, event) in span.events.iter().enumerate() {
                    events.text.push_str(if at == 0 { "[{" } else { ",{" });
                    if !event.attributes.is_empty() {
                        events.text.push_str("\"attributes\":{");
                        members(&mut events.text, &event.attributes, &mut sorted);
                        events.text.push_str("},");
                    }
                    events.text.push_str("\"name\":");
                    write_string(&mut events.text, &event.name);
                    events.text.push_str(",\"time_unix_nano\":\"");
                    write_int(&mut events.text, event.time_unix_nano as i64);
                    events.text.push_str("\"}");
                }
                if !span.events.is_empty() {
                    events.text.push(']');
                }
                events.push_written();
                links.push_written();
                trace_state.push_some(&span.trace_state);
                flags.push(span.flags);
                let counts = [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count];
                dropped.iter_mut().zip(counts).for_each(|(column, count)| column.push(count));
                extra.push_written();
            }
            origin.fill(group.resource.as_ref(), scoped.scope.as_ref(), scoped.spans.len(), &mut sorted);
        }
    }
    let mut all = vec![columns::indexes(start.len())];
    all.extend([trace_id.finish(), span_id.finish(), parent.finish()].map(|column| column.expect("small")));
    all.extend([columns::times(start), columns::numbers::<Int64Type>(duration)]);
    all.extend([name, kind, status_code, status_message].map(|column| column.finish().expect("small")));
    origin.finish(&mut all);
    all.extend([attributes, events, links].map(|column| column.finish().expect("small")));
    all.push(trace_state.finish().expect("small"));
    all.push(columns::numbers::<UInt32Type>(flags));
    all.extend(dropped.map(columns::numbers::<UInt32Type>));
    all.push(extra.finish().expect("small"));
    columns::batch(Signal::Spans, all).expect("the schema")
}

fn prost_logs(bytes: &[u8]) -> Batch {
    let request = ExportLogsServiceRequest::decode(bytes).expect("our own bytes");
    let (mut trace_id, mut span_id) = (Ids::<16>::default(), Ids::<8>::default());
    let (mut time, mut observed, mut severity, mut flags, mut dropped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut severity_text, mut event_name) = (Dictionary::default(), Dictionary::default());
    let (mut body, mut attributes, mut extra) = (Text::default(), Text::default(), Text::default());
    let (mut origin, mut sorted) = (Origin::default(), Vec::new());
    for group in &request.resource_logs {
        for scoped in &group.scope_logs {
            for record in &scoped.log_records {
                time.push(record.time_unix_nano as i64);
                observed.push(Some(record.observed_time_unix_nano as i64));
                trace_id.push(columns::id(&record.trace_id));
                span_id.push(columns::id(&record.span_id));
                severity.push(record.severity_number);
                severity_text.push_some(&record.severity_text);
                if let Some(Value::StringValue(text)) = record.body.as_ref().and_then(|body| body.value.as_ref()) {
                    body.text.push_str(text);
                    body.push();
                } else {
                    body.push_null();
                }
                event_name.push_some(&record.event_name);
                attributes.text.push('{');
                members(&mut attributes.text, &record.attributes, &mut sorted);
                attributes.text.push('}');
                attributes.push();
                flags.push(record.flags);
                dropped.push(record.dropped_attributes_count);
                extra.push_written();
            }
            origin.fill(group.resource.as_ref(), scoped.scope.as_ref(), scoped.log_records.len(), &mut sorted);
        }
    }
    let mut all = vec![columns::indexes(time.len()), columns::times(time), columns::optional_times(observed)];
    all.extend([trace_id.finish(), span_id.finish()].map(|column| column.expect("small")));
    all.push(columns::numbers::<Int32Type>(severity));
    all.extend([severity_text.finish(), body.finish(), event_name.finish()].map(|column| column.expect("small")));
    origin.finish(&mut all);
    all.push(attributes.finish().expect("small"));
    all.extend([flags, dropped].map(columns::numbers::<UInt32Type>));
    all.push(extra.finish().expect("small"));
    columns::batch(Signal::Logs, all).expect("the schema")
}

/// Seconds per million records: the best of several rounds, the ways taking turns.
fn measure<const N: usize>(ways: [&dyn Fn(); N]) -> [f64; N] {
    let mut best = [f64::MAX; N];
    for _ in 0..9 {
        for (way, best) in ways.iter().zip(&mut best) {
            let (start, mut rounds) = (Instant::now(), 0);
            while start.elapsed() < Duration::from_millis(150) {
                way();
                rounds += 1;
            }
            *best = best.min(start.elapsed().as_secs_f64() * 1e6 / (f64::from(rounds) * RECORDS as f64));
        }
    }
    best
}

fn main() -> std::io::Result<()> {
    let redactor = Redactor::new(&Redaction::default()).map_err(std::io::Error::other)?;
    let nothing = Redactor::new(&Redaction { rules: Vec::new(), salt: String::new() }).map_err(std::io::Error::other)?;
    let rules = |redactor| Rules { redactor, limits: Limits::default(), names: None };
    type Parse = fn(&[u8]);
    let parse: [Parse; 2] =
        [|bytes| drop(black_box(ExportTraceServiceRequest::decode(bytes))), |bytes| drop(black_box(ExportLogsServiceRequest::decode(bytes)))];
    let inputs: [(&str, Signal, Vec<u8>, fn(&[u8]) -> Batch, Parse); 3] = [
        ("spans", Signal::Spans, spans().encode_to_vec(), prost_spans, parse[0]),
        ("logs", Signal::Logs, logs().encode_to_vec(), prost_logs, parse[1]),
        ("spans, no value twice", Signal::Spans, distinct().encode_to_vec(), prost_spans, parse[0]),
    ];
    for (name, signal, bytes, by_prost, parse) in inputs {
        let walk = |redactor| protobuf(signal, black_box(&bytes), UnixNanos(0), rules(redactor)).expect("our own bytes");
        assert_eq!(walk(&redactor).batch, by_prost(&bytes), "both ways give the same rows");
        let [prost, parsed, plain, redacted] =
            measure([&|| drop(black_box(by_prost(black_box(&bytes)))), &|| parse(black_box(&bytes)), &|| drop(black_box(walk(&nothing))), &|| {
                drop(black_box(walk(&redactor)))
            }]);
        // What filling the columns takes, whoever reads the bytes: no reader can be faster by more than `prost / columns`.
        let columns = prost - parsed;
        writeln!(
            std::io::stdout(),
            "{name}: {} B each; seconds per 1 M into the same columns: prost {prost:.2} ({parsed:.2} of it reads, {columns:.2} fills columns), \
             walk {plain:.2}, with redaction {redacted:.2}: {:.2} and {:.2} times as fast; a reader that takes no time {:.2}",
            bytes.len() as u64 / RECORDS,
            prost / plain,
            prost / redacted,
            prost / columns
        )?;
    }
    Ok(())
}
