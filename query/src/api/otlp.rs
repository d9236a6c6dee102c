//! Rows back to OTLP protobuf: `TracesData`, `LogsData`, `MetricsData`, equal as sets to what was sent.
//!
//! Rows of the same resource and scope are put together; their order inside stays. `extra` gives back what no column holds.

use hopline_model::attributes::{self, Value};
use hopline_model::ids::decode_hex;
use hopline_model::log::Log;
use hopline_model::schema::{KINDS, STATUS_CODES, enum_number};
use hopline_model::span::Span;
use hopline_model::{SpanId, TraceId, UnixNanos};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status, TracesData, span};
use prost::Message;
use std::collections::HashMap;

pub(crate) mod metrics;

#[cfg(test)]
mod tests;

/// `TracesData` of spans.
pub(crate) fn traces(spans: &[Span]) -> Vec<u8> {
    let groups = Groups::of(spans.iter().map(|span| (&*span.resource, &*span.scope)));
    let resource_spans = groups.build(
        |resource, schema_url, scope_spans| ResourceSpans { resource: Some(resource), scope_spans, schema_url },
        |scope, schema_url, rows| ScopeSpans { scope: Some(scope), spans: rows.iter().map(|row| otlp_span(&spans[*row])).collect(), schema_url },
    );
    TracesData { resource_spans }.encode_to_vec()
}

/// `LogsData` of log records.
pub(crate) fn logs(logs: &[Log]) -> Vec<u8> {
    let groups = Groups::of(logs.iter().map(|log| (&*log.resource, &*log.scope)));
    let resource_logs = groups.build(
        |resource, schema_url, scope_logs| ResourceLogs { resource: Some(resource), scope_logs, schema_url },
        |scope, schema_url, rows| ScopeLogs { scope: Some(scope), log_records: rows.iter().map(|row| otlp_log(&logs[*row])).collect(), schema_url },
    );
    LogsData { resource_logs }.encode_to_vec()
}

/// Rows by resource, then scope, in order of appearance.
pub(crate) struct Groups<'a> {
    resources: Vec<(&'a str, Vec<(&'a str, Vec<usize>)>)>,
}

impl<'a> Groups<'a> {
    pub(crate) fn of(origins: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut resources: Vec<(&str, Vec<(&str, Vec<usize>)>)> = Vec::new();
        let mut places: HashMap<(&str, &str), (usize, usize)> = HashMap::new();
        let mut by_resource: HashMap<&str, usize> = HashMap::new();
        for (row, (resource, scope)) in origins.enumerate() {
            let (r, s) = *places.entry((resource, scope)).or_insert_with(|| {
                let r = *by_resource.entry(resource).or_insert_with(|| {
                    resources.push((resource, Vec::new()));
                    resources.len() - 1
                });
                resources[r].1.push((scope, Vec::new()));
                (r, resources[r].1.len() - 1)
            });
            resources[r].1[s].1.push(row);
        }
        Self { resources }
    }

    pub(crate) fn build<R, S>(
        &self,
        resource: impl Fn(Resource, String, Vec<S>) -> R,
        scope: impl Fn(InstrumentationScope, String, &[usize]) -> S,
    ) -> Vec<R> {
        self.resources
            .iter()
            .map(|(text, scopes)| {
                let inner = scopes
                    .iter()
                    .map(|(text, rows)| {
                        let (value, schema_url) = otlp_scope(text);
                        scope(value, schema_url, rows)
                    })
                    .collect();
                let (value, schema_url) = otlp_resource(text);
                resource(value, schema_url, inner)
            })
            .collect()
    }
}

fn otlp_resource(text: &str) -> (Resource, String) {
    let (mut resource, mut schema_url) = (Resource::default(), String::new());
    for (key, own, raw) in attributes::members(text) {
        match (own, &*key) {
            (true, "$schema_url") => schema_url = attributes::plain_text(raw).into_owned(),
            (true, "$dropped_attributes_count") => resource.dropped_attributes_count = raw.parse().unwrap_or(0),
            (true, "$entity_refs") => resource.entity_refs = attributes::items(raw).map(entity).collect(),
            (true, _) => {}
            (false, key) => resource.attributes.push(key_value(key, raw)),
        }
    }
    (resource, schema_url)
}

fn otlp_scope(text: &str) -> (InstrumentationScope, String) {
    let (mut scope, mut schema_url) = (InstrumentationScope::default(), String::new());
    for (key, own, raw) in attributes::members(text) {
        match (own, &*key) {
            (true, "$schema_url") => schema_url = attributes::plain_text(raw).into_owned(),
            (true, "$name") => scope.name = attributes::plain_text(raw).into_owned(),
            (true, "$version") => scope.version = attributes::plain_text(raw).into_owned(),
            (true, "$dropped_attributes_count") => scope.dropped_attributes_count = raw.parse().unwrap_or(0),
            (true, _) => {}
            (false, key) => scope.attributes.push(key_value(key, raw)),
        }
    }
    (scope, schema_url)
}

fn entity(raw: &str) -> EntityRef {
    let text = |name: &str| attributes::get(raw, name).map(attributes::plain_text).unwrap_or_default().into_owned();
    let list = |name: &str| {
        attributes::get(raw, name)
            .map(|raw| attributes::items(raw).map(|item| attributes::plain_text(item).into_owned()).collect())
            .unwrap_or_default()
    };
    EntityRef { schema_url: text("schema_url"), r#type: text("type"), id_keys: list("id_keys"), description_keys: list("description_keys") }
}

/// The attributes of a canonical object.
pub(crate) fn key_values(text: &str) -> Vec<KeyValue> {
    attributes::entries(text).map(|(key, raw)| key_value(&key, raw)).collect()
}

fn key_value(key: &str, raw: &str) -> KeyValue {
    let mut pair = KeyValue { key: key.to_owned(), ..Default::default() };
    pair.value = Some(any_value(Value::parse(raw).unwrap_or(Value::Null)));
    pair
}

fn any_value(value: Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(value) => Some(any_value::Value::BoolValue(value)),
        Value::Int(value) => Some(any_value::Value::IntValue(value)),
        Value::Double(value) => Some(any_value::Value::DoubleValue(value)),
        Value::String(value) => Some(any_value::Value::StringValue(value)),
        Value::Bytes(value) => Some(any_value::Value::BytesValue(value)),
        Value::Array(values) => Some(any_value::Value::ArrayValue(ArrayValue { values: values.into_iter().map(any_value).collect() })),
        Value::Map(pairs) => {
            let values = pairs.into_iter().map(|(key, value)| {
                let mut pair = KeyValue { key, ..Default::default() };
                pair.value = Some(any_value(value));
                pair
            });
            Some(any_value::Value::KvlistValue(KeyValueList { values: values.collect() }))
        }
    };
    AnyValue { value }
}

/// What no column holds, by name.
pub(crate) struct Extra<'a>(Option<&'a str>);

impl<'a> Extra<'a> {
    pub(crate) fn new(text: Option<&'a str>) -> Self {
        Self(text)
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        attributes::get(self.0?, name)
    }

    pub(crate) fn nano(&self, name: &str) -> Option<u64> {
        attributes::plain_text(self.raw(name)?).parse().ok()
    }

    /// The bytes of an invalid id.
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        match Value::parse(self.raw(name)?) {
            Ok(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

fn otlp_span(row: &Span) -> OtlpSpan {
    let extra = Extra::new(row.extra.as_deref());
    OtlpSpan {
        trace_id: row.trace_id.0.to_vec(),
        span_id: row.span_id.0.to_vec(),
        trace_state: row.trace_state.clone().unwrap_or_default(),
        parent_span_id: extra.bytes("parent_span_id").or(row.parent_span_id.map(|id| id.0.to_vec())).unwrap_or_default(),
        flags: row.flags,
        name: row.name.clone(),
        kind: enum_number(&KINDS, &row.kind),
        start_time_unix_nano: extra.nano("start_time_unix_nano").unwrap_or(row.start_time.0 as u64),
        end_time_unix_nano: extra.nano("end_time_unix_nano").unwrap_or((row.start_time.0 as u64).wrapping_add(row.duration_nano as u64)),
        attributes: key_values(&row.attributes),
        dropped_attributes_count: row.dropped_attributes_count,
        events: row.events.as_deref().map(|text| attributes::items(text).map(event).collect()).unwrap_or_default(),
        dropped_events_count: row.dropped_events_count,
        links: row.links.as_deref().map(|text| attributes::items(text).map(link).collect()).unwrap_or_default(),
        dropped_links_count: row.dropped_links_count,
        status: status(row),
    }
}

/// Unset without a message is how a span without a status is stored.
fn status(row: &Span) -> Option<Status> {
    let code = enum_number(&STATUS_CODES, &row.status_code);
    let message = row.status_message.clone().unwrap_or_default();
    (code != 0 || !message.is_empty()).then_some(Status { code, message })
}

fn event(raw: &str) -> span::Event {
    span::Event {
        time_unix_nano: nano(raw, "time_unix_nano"),
        name: text(raw, "name"),
        attributes: attributes::get(raw, "attributes").map(key_values).unwrap_or_default(),
        dropped_attributes_count: number(raw, "dropped_attributes_count"),
    }
}

fn link(raw: &str) -> span::Link {
    span::Link {
        trace_id: hex(raw, "trace_id"),
        span_id: hex(raw, "span_id"),
        trace_state: text(raw, "trace_state"),
        attributes: attributes::get(raw, "attributes").map(key_values).unwrap_or_default(),
        dropped_attributes_count: number(raw, "dropped_attributes_count"),
        flags: number(raw, "flags"),
    }
}

fn text(raw: &str, name: &str) -> String {
    attributes::get(raw, name).map(attributes::plain_text).unwrap_or_default().into_owned()
}

fn number(raw: &str, name: &str) -> u32 {
    attributes::get(raw, name).and_then(|raw| raw.parse().ok()).unwrap_or(0)
}

fn nano(raw: &str, name: &str) -> u64 {
    text(raw, name).parse().unwrap_or(0)
}

/// Ids in links and exemplars are kept as sent, of any length.
fn hex(raw: &str, name: &str) -> Vec<u8> {
    let text = text(raw, name);
    let mut bytes = vec![0; text.len() / 2];
    match decode_hex(&text, &mut bytes) {
        Some(()) => bytes,
        None => Vec::new(),
    }
}

fn otlp_log(row: &Log) -> LogRecord {
    let extra = Extra::new(row.extra.as_deref());
    let body = row.body.as_deref().map(|body| match super::wire::is_json_body(row) {
        true => any_value(Value::parse(body).unwrap_or(Value::Null)),
        false => any_value(Value::String(body.to_owned())),
    });
    // What was found in the text was not sent.
    let sent = |field: &str| !super::wire::is_derived(row, field);
    LogRecord {
        time_unix_nano: extra.nano("time_unix_nano").unwrap_or(row.time.0 as u64),
        observed_time_unix_nano: extra.nano("observed_time_unix_nano").unwrap_or(row.observed_time.map_or(0, |UnixNanos(nano)| nano as u64)),
        severity_number: if sent("severity_number") { row.severity_number } else { 0 },
        severity_text: row.severity_text.clone().unwrap_or_default(),
        body,
        attributes: key_values(&row.attributes),
        dropped_attributes_count: row.dropped_attributes_count,
        flags: row.flags,
        trace_id: extra.bytes("trace_id").or(row.trace_id.filter(|_| sent("trace_id")).map(|TraceId(id)| id.to_vec())).unwrap_or_default(),
        span_id: extra.bytes("span_id").or(row.span_id.filter(|_| sent("span_id")).map(|SpanId(id)| id.to_vec())).unwrap_or_default(),
        event_name: row.event_name.clone().unwrap_or_default(),
    }
}
