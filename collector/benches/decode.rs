//! The walk over the bytes into columns, against prost's decode alone (which builds no columns at all): the measure of the box.

use hopline_collector::config::Redaction;
use hopline_collector::decode::{Limits, protobuf};
use hopline_collector::process::Redactor;
use hopline_model::{Signal, UnixNanos};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

const SPANS: u64 = 1_000;

fn request() -> Vec<u8> {
    let text = |key: String, value: String| KeyValue { key, value: Some(AnyValue { value: Some(Value::StringValue(value)) }), ..Default::default() };
    let spans = (0..SPANS).map(|at| Span {
        trace_id: (u128::from(at / 16) + 1).to_be_bytes().to_vec(),
        span_id: (at + 1).to_be_bytes().to_vec(),
        parent_span_id: at.max(1).to_be_bytes().to_vec(),
        name: format!("GET /route/{}", at % 20),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000 + at * 1_000,
        end_time_unix_nano: 1_700_000_000_005_000_000 + at * 1_000,
        attributes: (0..10).map(|key| text(format!("http.attribute.{key}"), format!("value {} of {key}", at % 37))).collect(),
        ..Default::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }.encode_to_vec()
}

/// Seconds per million spans; the best of several rounds.
fn measure(mut work: impl FnMut()) -> f64 {
    (0..7)
        .map(|_| {
            let (start, mut rounds) = (Instant::now(), 0);
            while start.elapsed() < Duration::from_millis(200) {
                work();
                rounds += 1;
            }
            start.elapsed().as_secs_f64() * 1e6 / (f64::from(rounds) * SPANS as f64)
        })
        .fold(f64::MAX, f64::min)
}

fn main() -> std::io::Result<()> {
    let bytes = request();
    let redactor = Redactor::new(&Redaction::default()).map_err(std::io::Error::other)?;
    let prost = measure(|| drop(black_box(ExportTraceServiceRequest::decode(black_box(&bytes[..])))));
    let walk = measure(|| drop(black_box(protobuf(Signal::Spans, black_box(&bytes), UnixNanos(0), &redactor, Limits::default()))));
    writeln!(
        std::io::stdout(),
        "{} B a span; seconds per 1 M spans: prost's decode alone {prost:.2}, walk into columns {walk:.2}, ratio {:.2}",
        bytes.len() as u64 / SPANS,
        prost / walk
    )
}
