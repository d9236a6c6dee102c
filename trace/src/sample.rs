//! Spans for tests, said briefly.

use crate::spans::Trace;
use hopline_model::span::Span;
use hopline_model::{Seq, SpanId, TraceId, UnixNanos};
use serde_json::Value;
use std::collections::BTreeMap;

/// When the spans of tests begin: 2026-11-24T12:00:00Z.
pub(crate) const BASE: i64 = 1_795_521_600_000_000_000;
pub(crate) const MS: i64 = 1_000_000;

/// A span as a test writes it. Times are milliseconds since [`BASE`].
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sample {
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) service: String,
    pub(crate) namespace: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) start: f64,
    pub(crate) ms: f64,
    pub(crate) status: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) attributes: BTreeMap<String, Value>,
    pub(crate) links: Vec<LinkSample>,
    pub(crate) trace_state: Option<String>,
    /// Not ended when sent.
    pub(crate) open: bool,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkSample {
    trace: Option<u64>,
    span: u64,
}

pub(crate) fn span_id(id: u64) -> SpanId {
    SpanId(id.to_be_bytes())
}

pub(crate) fn trace_id(id: u64) -> TraceId {
    TraceId(u128::from(id).to_be_bytes())
}

/// The trace of all samples.
pub(crate) const TRACE: u64 = 0xabc;

pub(crate) fn spans(samples: &[Sample]) -> Vec<Span> {
    samples.iter().enumerate().map(|(at, sample)| sample.span(at as u64)).collect()
}

/// By way of a record batch, as everything comes in.
pub(crate) fn trace(samples: &[Sample]) -> Trace {
    Trace::from_rows(&[Span::to_batch(&spans(samples)).rows])
}

/// A sample with what nearly every test says.
pub(crate) fn sample(id: u64, parent: u64, service: &str, name: &str, kind: &str, start: f64, ms: f64) -> Sample {
    Sample {
        id,
        parent: (parent != 0).then_some(parent),
        service: service.into(),
        name: name.into(),
        kind: kind.into(),
        start,
        ms,
        ..Sample::default()
    }
}

impl Sample {
    pub(crate) fn error(mut self, message: &str) -> Self {
        self.status = Some("error".into());
        self.message = Some(message.into());
        self
    }

    pub(crate) fn version(mut self, version: &str) -> Self {
        self.version = Some(version.into());
        self
    }

    pub(crate) fn attribute(mut self, key: &str, value: &str) -> Self {
        self.attributes.insert(key.into(), value.into());
        self
    }

    fn span(&self, seq: u64) -> Span {
        let start = BASE + (self.start * MS as f64) as i64;
        let links: Vec<String> = self
            .links
            .iter()
            .map(|link| format!("{{\"span_id\":\"{}\",\"trace_id\":\"{}\"}}", span_id(link.span), trace_id(link.trace.unwrap_or(TRACE))))
            .collect();
        // What decode leaves of an end that is not after the start.
        let end = if self.open { 0 } else { start + (self.ms * MS as f64) as i64 };
        Span {
            seq: Seq(seq),
            trace_id: trace_id(TRACE),
            span_id: span_id(self.id),
            parent_span_id: self.parent.map(span_id),
            start_time: UnixNanos(start),
            duration_nano: (end - start).max(0),
            name: self.name.clone(),
            kind: if self.kind.is_empty() { "internal".into() } else { self.kind.clone() },
            status_code: self.status.clone().unwrap_or_else(|| "unset".into()),
            status_message: self.message.clone(),
            service_name: self.service.clone(),
            service_namespace: self.namespace.clone(),
            service_version: self.version.clone(),
            service_instance_id: self.instance.clone(),
            deployment_environment_name: self.environment.clone(),
            attributes: serde_json::to_string(&self.attributes).expect("attributes are JSON"),
            links: (!links.is_empty()).then(|| format!("[{}]", links.join(","))),
            trace_state: self.trace_state.clone(),
            extra: (end < start).then(|| format!("{{\"end_time_unix_nano\":\"{end}\"}}")),
            ..Span::default()
        }
    }
}
