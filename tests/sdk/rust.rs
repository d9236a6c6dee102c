//! A service instrumented with the real OpenTelemetry SDK for Rust, that also writes down what it did. It runs in this process.

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Link, Span as _, SpanId, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_otlp::{Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanProcessor};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The three ways of the SDK, each compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Grpc,
    Protobuf,
    Json,
}

/// Does the work of `orders` orders and exports it: the ground truth.
pub(crate) fn ledger(name: &'static str, way: Way, otlp_http: &str, otlp_grpc: &str, orders: u64) -> serde_json::Value {
    // Channels of gRPC live on the runtime they were made on.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (spans, logs, points) = match way {
        Way::Grpc => {
            let _inside = runtime.enter();
            (
                SpanExporter::builder().with_tonic().with_compression(Compression::Gzip).with_endpoint(otlp_grpc).build().expect("spans"),
                LogExporter::builder().with_tonic().with_compression(Compression::Gzip).with_endpoint(otlp_grpc).build().expect("logs"),
                MetricExporter::builder().with_tonic().with_compression(Compression::Gzip).with_endpoint(otlp_grpc).build().expect("metrics"),
            )
        }
        Way::Protobuf | Way::Json => {
            let protocol = if matches!(way, Way::Json) { Protocol::HttpJson } else { Protocol::HttpBinary };
            let at = |path: &str| format!("{otlp_http}/v1/{path}");
            (
                SpanExporter::builder()
                    .with_http()
                    .with_protocol(protocol)
                    .with_compression(Compression::Gzip)
                    .with_endpoint(at("traces"))
                    .build()
                    .expect("spans"),
                LogExporter::builder()
                    .with_http()
                    .with_protocol(protocol)
                    .with_compression(Compression::Gzip)
                    .with_endpoint(at("logs"))
                    .build()
                    .expect("logs"),
                MetricExporter::builder()
                    .with_http()
                    .with_protocol(protocol)
                    .with_compression(Compression::Gzip)
                    .with_endpoint(at("metrics"))
                    .build()
                    .expect("metrics"),
            )
        }
    };
    let truth = Arc::new(Truth { service: name, spans: Mutex::default(), logs: Mutex::default() });
    let resource = Resource::builder().with_service_name(name).with_attribute(KeyValue::new("service.version", "5.0.0")).build();
    let tracers = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_span_processor(Beside(truth.clone()))
        .with_span_processor(BatchSpanProcessor::builder(spans).build())
        .build();
    let loggers = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(Beside(truth.clone()))
        .with_log_processor(BatchLogProcessor::builder(logs).build())
        .build();
    let meters = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(PeriodicReader::builder(points).with_interval(Duration::from_secs(3_600)).build())
        .build();
    let (tracer, logger, meter) = (tracers.tracer("ledger"), loggers.logger("ledger"), meters.meter("ledger"));
    let (counter, histogram) = (meter.u64_counter("ledger.orders").build(), meter.f64_histogram("ledger.amount").with_unit("EUR").build());
    for n in 1..=orders {
        let say = |context: &Context, severity: Severity, body: String| {
            let _current = context.clone().attach();
            let mut record = logger.create_log_record();
            record.set_timestamp(SystemTime::now());
            record.set_severity_number(severity);
            record.set_body(AnyValue::from(body));
            record.add_attribute("order", n as i64);
            logger.emit(record);
        };
        let tags = Value::Array(Array::String(vec![StringValue::from("grün"), StringValue::from("neu")]));
        let attributes = vec![
            KeyValue::new("http.route", "/order"),
            KeyValue::new("order.number", n as i64),
            KeyValue::new("order.price", n as f64 + 0.5),
            KeyValue::new("order.gift", n % 2 == 0),
            KeyValue::new("big", (1_i64 << 62) + n as i64),
            KeyValue::new("tags", tags),
        ];
        let root =
            tracer.span_builder("POST /booking").with_kind(SpanKind::Server).with_attributes(attributes).start_with_context(&tracer, &Context::new());
        let context = Context::new().with_span(root);
        say(&context, Severity::Info, format!("{name} books order {n}"));
        let link = Link::new(context.span().span_context().clone(), vec![KeyValue::new("why", "booking")], 0);
        let mut child =
            tracer.span_builder("INSERT booking").with_kind(SpanKind::Client).with_links(vec![link]).start_with_context(&tracer, &context);
        child.set_attribute(KeyValue::new("db.system.name", "sqlite"));
        child.add_event("lock.acquired", vec![KeyValue::new("wait_ms", 3)]);
        if n % 4 == 0 {
            child.set_status(Status::error("constraint failed"));
            say(&context, Severity::Error, format!("booking {n} failed: constraint failed"));
        }
        child.end();
        counter.add(1, &[KeyValue::new("route", "/order")]);
        histogram.record(n as f64 + 0.5, &[]);
        context.span().end();
    }
    let sent = [tracers.force_flush(), loggers.force_flush(), meters.force_flush()];
    let spans = truth.spans.lock().expect("no panic").clone();
    let logs = truth.logs.lock().expect("no panic").clone();
    let answer = json!({"sent": sent.iter().all(Result::is_ok), "spans": spans, "logs": logs});
    if let Some(error) = sent.into_iter().find_map(Result::err) {
        println!("{name}: {error}");
    }
    // Shutting down joins threads that the runtime's own would wait for.
    let limit = Duration::from_secs(5);
    let _ = (tracers.shutdown_with_timeout(limit), loggers.shutdown_with_timeout(limit), meters.shutdown_with_timeout(limit));
    answer
}

#[derive(Debug)]
struct Truth {
    service: &'static str,
    spans: Mutex<Vec<serde_json::Value>>,
    logs: Mutex<Vec<serde_json::Value>>,
}

/// Stands beside the exporter and sees the same.
#[derive(Debug)]
struct Beside(Arc<Truth>);

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

fn plain(attributes: &[KeyValue]) -> serde_json::Value {
    let value = |value: &Value| match value {
        Value::Bool(value) => json!(value),
        Value::I64(value) => json!(value),
        Value::F64(value) => json!(value),
        Value::String(value) => json!(value.as_str()),
        Value::Array(Array::String(values)) => json!(values.iter().map(StringValue::as_str).collect::<Vec<_>>()),
        other => panic!("not made here: {other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.to_string(), value(&pair.value))).collect::<serde_json::Map<_, _>>().into()
}

impl SpanProcessor for Beside {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let (status_code, status_message) = match &span.status {
            Status::Unset => ("unset", None),
            Status::Ok => ("ok", None),
            Status::Error { description } => ("error", Some(description.to_string())),
        };
        let events = span
            .events
            .iter()
            .map(|event| json!({"name": event.name, "time_unix_nano": nanos(event.timestamp).to_string(), "attributes": plain(&event.attributes)}));
        let links = span.links.iter().map(|link| json!({"trace_id": link.span_context.trace_id().to_string(), "span_id": link.span_context.span_id().to_string(), "attributes": plain(&link.attributes)}));
        let seen = json!({
            "trace_id": span.span_context.trace_id().to_string(),
            "span_id": span.span_context.span_id().to_string(),
            "parent_span_id": (span.parent_span_id != SpanId::INVALID).then(|| span.parent_span_id.to_string()),
            "service_name": self.0.service,
            "name": span.name,
            "kind": format!("{:?}", span.span_kind).to_lowercase(),
            "start_time_unix_nano": nanos(span.start_time).to_string(),
            "duration_nano": (nanos(span.end_time) - nanos(span.start_time)) as u64,
            "status_code": status_code,
            "status_message": status_message,
            "attributes": plain(&span.attributes),
            "events": events.collect::<Vec<_>>(),
            "links": links.collect::<Vec<_>>(),
        });
        self.0.spans.lock().expect("no panic").push(seen);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl LogProcessor for Beside {
    fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
        let context = record.trace_context().expect("emitted inside a span");
        let Some(AnyValue::String(body)) = record.body() else { panic!("a text") };
        let seen = json!({
            "trace_id": context.trace_id.to_string(),
            "span_id": context.span_id.to_string(),
            "service_name": self.0.service,
            "severity_number": record.severity_number().expect("set") as i32,
            "body": body.as_str(),
        });
        self.0.logs.lock().expect("no panic").push(seen);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}
