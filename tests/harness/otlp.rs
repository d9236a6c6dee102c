//! An OTLP client in three encodings. Tests describe records in a short form; here they become messages.
//!
//! The JSON is written by hand, not by a library, so that it is a second opinion on the encoding.

use base64::Engine;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Grpc,
    Protobuf,
    ProtobufGzip,
    Json,
}

impl Encoding {
    pub(crate) const ALL: [Self; 4] = [Self::Grpc, Self::Protobuf, Self::ProtobufGzip, Self::Json];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Protobuf => "protobuf",
            Self::ProtobufGzip => "gzip",
            Self::Json => "json",
        }
    }
}

/// A span as a scenario writes it; times are milliseconds from the scenario's beginning.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanOf {
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) resource: Map<String, Value>,
    pub(crate) trace: String,
    pub(crate) span: String,
    #[serde(default)]
    pub(crate) parent: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: i32,
    pub(crate) at_ms: f64,
    #[serde(default)]
    pub(crate) ms: f64,
    #[serde(default)]
    pub(crate) status: i32,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) attributes: Map<String, Value>,
    #[serde(default)]
    pub(crate) events: Vec<EventOf>,
    #[serde(default)]
    pub(crate) links: Vec<LinkOf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventOf {
    pub(crate) name: String,
    pub(crate) at_ms: f64,
    #[serde(default)]
    pub(crate) attributes: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkOf {
    pub(crate) trace: String,
    pub(crate) span: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogOf {
    pub(crate) service: String,
    pub(crate) at_ms: f64,
    #[serde(default)]
    pub(crate) severity: i32,
    pub(crate) body: Value,
    #[serde(default)]
    pub(crate) trace: String,
    #[serde(default)]
    pub(crate) span: String,
    #[serde(default)]
    pub(crate) attributes: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GaugeOf {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) at_ms: f64,
    pub(crate) value: f64,
    #[serde(default)]
    pub(crate) attributes: Map<String, Value>,
}

/// One export request.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Spans(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// What the server said: how many it did not take, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Acknowledged {
    pub(crate) rejected: i64,
    pub(crate) message: String,
}

fn value(json: &Value) -> AnyValue {
    use any_value::Value as Kind;
    let kind = match json {
        Value::Null => None,
        Value::Bool(flag) => Some(Kind::BoolValue(*flag)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(integer) if !number.is_f64() => Kind::IntValue(integer),
            _ => Kind::DoubleValue(number.as_f64().expect("a number")),
        }),
        Value::String(text) => Some(Kind::StringValue(text.clone())),
        Value::Array(list) => Some(Kind::ArrayValue(ArrayValue { values: list.iter().map(value).collect() })),
        Value::Object(object) => match object.get("$bytes").and_then(Value::as_str) {
            Some(text) => Some(Kind::BytesValue(base64::engine::general_purpose::STANDARD.decode(text).expect("base64"))),
            None => Some(Kind::KvlistValue(KeyValueList { values: attributes(object) })),
        },
    };
    AnyValue { value: kind }
}

fn attributes(object: &Map<String, Value>) -> Vec<KeyValue> {
    object.iter().map(|(key, json)| KeyValue { key: key.clone(), value: Some(value(json)), ..Default::default() }).collect()
}

fn resource(service: &str, more: &Map<String, Value>) -> Resource {
    let mut all = attributes(more);
    all.insert(0, KeyValue { key: "service.name".into(), value: Some(value(&json!(service))), ..Default::default() });
    Resource { attributes: all, ..Default::default() }
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "hopline.tests".into(), version: "1".into(), ..Default::default() })
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hex digits")).collect()
}

fn time(base_nano: u64, at_ms: f64) -> u64 {
    base_nano.wrapping_add_signed((at_ms * 1e6) as i64)
}

impl Message {
    pub(crate) fn spans(base_nano: u64, spans: &[SpanOf]) -> Self {
        let resource_spans = spans
            .iter()
            .map(|of| ResourceSpans {
                resource: Some(resource(&of.service, &of.resource)),
                scope_spans: vec![ScopeSpans { scope: scope(), spans: vec![span_of(base_nano, of)], ..Default::default() }],
                ..Default::default()
            })
            .collect();
        Self::Spans(ExportTraceServiceRequest { resource_spans })
    }

    pub(crate) fn logs(base_nano: u64, logs: &[LogOf]) -> Self {
        let resource_logs = logs
            .iter()
            .map(|of| ResourceLogs {
                resource: Some(resource(&of.service, &Map::new())),
                scope_logs: vec![ScopeLogs {
                    scope: scope(),
                    log_records: vec![LogRecord {
                        time_unix_nano: time(base_nano, of.at_ms),
                        observed_time_unix_nano: time(base_nano, of.at_ms),
                        severity_number: of.severity,
                        body: Some(value(&of.body)),
                        trace_id: hex(&of.trace),
                        span_id: hex(&of.span),
                        attributes: attributes(&of.attributes),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            })
            .collect();
        Self::Logs(ExportLogsServiceRequest { resource_logs })
    }

    pub(crate) fn gauges(base_nano: u64, gauges: &[GaugeOf]) -> Self {
        let resource_metrics = gauges
            .iter()
            .map(|of| ResourceMetrics {
                resource: Some(resource(&of.service, &Map::new())),
                scope_metrics: vec![ScopeMetrics {
                    scope: scope(),
                    metrics: vec![Metric {
                        name: of.name.clone(),
                        data: Some(metric::Data::Gauge(Gauge {
                            data_points: vec![NumberDataPoint {
                                time_unix_nano: time(base_nano, of.at_ms),
                                value: Some(number_data_point::Value::AsDouble(of.value)),
                                attributes: attributes(&of.attributes),
                                ..Default::default()
                            }],
                        })),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            })
            .collect();
        Self::Metrics(ExportMetricsServiceRequest { resource_metrics })
    }

    pub(crate) fn path(&self) -> &'static str {
        match self {
            Self::Spans(_) => "/v1/traces",
            Self::Logs(_) => "/v1/logs",
            Self::Metrics(_) => "/v1/metrics",
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Spans(request) => request.encode_to_vec(),
            Self::Logs(request) => request.encode_to_vec(),
            Self::Metrics(request) => request.encode_to_vec(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Spans(request) => json!({"resourceSpans": request.resource_spans.iter().map(|group| json!({
                "resource": {"attributes": pairs(&group.resource.as_ref().expect("set").attributes)},
                "scopeSpans": group.scope_spans.iter().map(|scoped| json!({"scope": scope_json(scoped.scope.as_ref()), "spans": scoped.spans.iter().map(span_json).collect::<Vec<_>>()})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>()}),
            Self::Logs(request) => json!({"resourceLogs": request.resource_logs.iter().map(|group| json!({
                "resource": {"attributes": pairs(&group.resource.as_ref().expect("set").attributes)},
                "scopeLogs": group.scope_logs.iter().map(|scoped| json!({"scope": scope_json(scoped.scope.as_ref()), "logRecords": scoped.log_records.iter().map(log_json).collect::<Vec<_>>()})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>()}),
            Self::Metrics(request) => json!({"resourceMetrics": request.resource_metrics.iter().map(|group| json!({
                "resource": {"attributes": pairs(&group.resource.as_ref().expect("set").attributes)},
                "scopeMetrics": group.scope_metrics.iter().map(|scoped| json!({"scope": scope_json(scoped.scope.as_ref()), "metrics": scoped.metrics.iter().map(metric_json).collect::<Vec<_>>()})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>()}),
        }
    }
}

fn span_of(base_nano: u64, of: &SpanOf) -> Span {
    Span {
        trace_id: hex(&of.trace),
        span_id: hex(&of.span),
        parent_span_id: hex(&of.parent),
        name: of.name.clone(),
        kind: of.kind,
        start_time_unix_nano: time(base_nano, of.at_ms),
        end_time_unix_nano: time(base_nano, of.at_ms + of.ms),
        attributes: attributes(&of.attributes),
        events: of
            .events
            .iter()
            .map(|event| span::Event {
                name: event.name.clone(),
                time_unix_nano: time(base_nano, event.at_ms),
                attributes: attributes(&event.attributes),
                ..Default::default()
            })
            .collect(),
        links: of.links.iter().map(|link| span::Link { trace_id: hex(&link.trace), span_id: hex(&link.span), ..Default::default() }).collect(),
        status: (of.status != 0 || !of.message.is_empty()).then(|| Status { code: of.status, message: of.message.clone() }),
        ..Default::default()
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pairs(list: &[KeyValue]) -> Vec<Value> {
    list.iter().map(|pair| json!({"key": pair.key, "value": any_json(pair.value.as_ref())})).collect()
}

fn any_json(any: Option<&AnyValue>) -> Value {
    use any_value::Value as Kind;
    match any.and_then(|any| any.value.as_ref()) {
        None => json!({}),
        Some(Kind::StringValue(text)) => json!({"stringValue": text}),
        Some(Kind::BoolValue(flag)) => json!({"boolValue": flag}),
        Some(Kind::IntValue(integer)) => json!({"intValue": integer.to_string()}),
        Some(Kind::DoubleValue(double)) => json!({"doubleValue": double}),
        Some(Kind::BytesValue(bytes)) => json!({"bytesValue": base64::engine::general_purpose::STANDARD.encode(bytes)}),
        Some(Kind::ArrayValue(list)) => json!({"arrayValue": {"values": list.values.iter().map(|value| any_json(Some(value))).collect::<Vec<_>>()}}),
        Some(Kind::KvlistValue(list)) => json!({"kvlistValue": {"values": pairs(&list.values)}}),
        Some(other) => panic!("scenarios do not make {other:?}"),
    }
}

fn scope_json(scope: Option<&InstrumentationScope>) -> Value {
    scope.map_or_else(|| json!({}), |scope| json!({"name": scope.name, "version": scope.version}))
}

fn span_json(span: &Span) -> Value {
    json!({
        "traceId": digits(&span.trace_id), "spanId": digits(&span.span_id), "parentSpanId": digits(&span.parent_span_id), "name": span.name, "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(), "endTimeUnixNano": span.end_time_unix_nano.to_string(), "attributes": pairs(&span.attributes),
        "events": span.events.iter().map(|event| json!({"name": event.name, "timeUnixNano": event.time_unix_nano.to_string(), "attributes": pairs(&event.attributes)})).collect::<Vec<_>>(),
        "links": span.links.iter().map(|link| json!({"traceId": digits(&link.trace_id), "spanId": digits(&link.span_id)})).collect::<Vec<_>>(),
        "status": span.status.as_ref().map_or_else(|| json!({}), |status| json!({"code": status.code, "message": status.message})),
    })
}

fn log_json(log: &LogRecord) -> Value {
    json!({
        "timeUnixNano": log.time_unix_nano.to_string(), "observedTimeUnixNano": log.observed_time_unix_nano.to_string(), "severityNumber": log.severity_number,
        "body": any_json(log.body.as_ref()), "attributes": pairs(&log.attributes), "traceId": digits(&log.trace_id), "spanId": digits(&log.span_id),
    })
}

fn metric_json(metric: &Metric) -> Value {
    let Some(metric::Data::Gauge(gauge)) = &metric.data else { panic!("scenarios make gauges only") };
    let points = gauge.data_points.iter().map(|point| {
        let Some(number_data_point::Value::AsDouble(value)) = point.value else { panic!("doubles only") };
        json!({"timeUnixNano": point.time_unix_nano.to_string(), "asDouble": value, "attributes": pairs(&point.attributes)})
    });
    json!({"name": metric.name, "gauge": {"dataPoints": points.collect::<Vec<_>>()}})
}

/// Sends export requests.
pub(crate) struct Exporter {
    http: String,
    grpc: String,
    tenant: Option<String>,
    client: reqwest::blocking::Client,
    runtime: tokio::runtime::Runtime,
}

impl Exporter {
    pub(crate) fn new(http: &str, grpc: &str) -> Self {
        Self {
            http: http.to_string(),
            grpc: grpc.to_string(),
            tenant: None,
            client: reqwest::blocking::Client::new(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
        }
    }

    pub(crate) fn tenant(mut self, name: &str) -> Self {
        self.tenant = Some(name.to_string());
        self
    }

    /// Sends and expects to be taken whole.
    pub(crate) fn send(&self, message: &Message, encoding: Encoding) {
        let said = self.try_send(message, encoding).unwrap_or_else(|error| panic!("{} over {}: {error}", message.path(), encoding.name()));
        assert_eq!(said, Acknowledged::default(), "{} over {}", message.path(), encoding.name());
    }

    pub(crate) fn try_send(&self, message: &Message, encoding: Encoding) -> Result<Acknowledged, String> {
        match encoding {
            Encoding::Grpc => self.runtime.block_on(self.send_grpc(message)),
            Encoding::Json => {
                let body = self.post(message.path(), "application/json", None, message.json().to_string().into_bytes())?;
                let json: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
                let partial = &json["partialSuccess"];
                let count = ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"].iter().find_map(|name| partial.get(name));
                let rejected = count.map_or(0, |count| count.as_i64().or_else(|| count.as_str()?.parse().ok()).expect("a count"));
                Ok(Acknowledged { rejected, message: partial["errorMessage"].as_str().unwrap_or_default().to_string() })
            }
            Encoding::Protobuf => decode(message, &self.post(message.path(), "application/x-protobuf", None, message.bytes())?),
            Encoding::ProtobufGzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&message.bytes()).expect("memory");
                decode(message, &self.post(message.path(), "application/x-protobuf", Some("gzip"), encoder.finish().expect("memory"))?)
            }
        }
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, encoding: Option<&str>, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut request = self.client.post(format!("{}{path}", self.http)).header("content-type", content_type).body(body);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        let response = request.send().map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.bytes().map_err(|error| error.to_string())?;
        if status.is_success() { Ok(body.to_vec()) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&body))) }
    }

    async fn send_grpc(&self, message: &Message) -> Result<Acknowledged, String> {
        let channel =
            tonic::transport::Endpoint::from_shared(self.grpc.clone()).expect("a URL").connect().await.map_err(|error| error.to_string())?;
        let words = |status: tonic::Status| status.to_string();
        let bytes = match message {
            Message::Spans(request) => {
                TraceServiceClient::new(channel).export(self.request(request)).await.map_err(words)?.into_inner().encode_to_vec()
            }
            Message::Logs(request) => {
                LogsServiceClient::new(channel).export(self.request(request)).await.map_err(words)?.into_inner().encode_to_vec()
            }
            Message::Metrics(request) => {
                MetricsServiceClient::new(channel).export(self.request(request)).await.map_err(words)?.into_inner().encode_to_vec()
            }
        };
        decode(message, &bytes)
    }

    fn request<T: Clone>(&self, message: &T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message.clone());
        if let Some(tenant) = &self.tenant {
            request.metadata_mut().insert("x-scope-orgid", tenant.parse().expect("ASCII"));
        }
        request
    }
}

fn decode(message: &Message, body: &[u8]) -> Result<Acknowledged, String> {
    let words = |error: prost::DecodeError| error.to_string();
    let (rejected, said) = match message {
        Message::Spans(_) => {
            ExportTraceServiceResponse::decode(body).map_err(words)?.partial_success.map(|partial| (partial.rejected_spans, partial.error_message))
        }
        Message::Logs(_) => ExportLogsServiceResponse::decode(body)
            .map_err(words)?
            .partial_success
            .map(|partial| (partial.rejected_log_records, partial.error_message)),
        Message::Metrics(_) => ExportMetricsServiceResponse::decode(body)
            .map_err(words)?
            .partial_success
            .map(|partial| (partial.rejected_data_points, partial.error_message)),
    }
    .unwrap_or_default();
    Ok(Acknowledged { rejected, message: said })
}
