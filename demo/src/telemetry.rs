//! One OpenTelemetry SDK per service instance, as separate processes would have; spans, logs and metrics on the shop's clock.
//!
//! The Rust SDK sends no exemplars with its metrics.

use crate::options::{Options, Protocol};
use crate::plan::{Fault, Plan};
use crate::time::Time;
use crate::truth::{Hit, Truth};
use anyhow::Context as _;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchConfigBuilder as LogBatch, BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder as SpanBatch, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

const EXPORT_DELAY: Duration = Duration::from_millis(500);
const QUEUE_RECORDS: usize = 65_536;
/// How far a skewed clock goes ahead.
const SKEW: Duration = Duration::from_millis(400);

/// What all services of one run share: time, faults, ground truth.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) start: SystemTime,
    pub(crate) plan: Plan,
    pub(crate) truth: Truth,
}

impl World {
    pub(crate) fn is_active(&self, fault: Fault) -> bool {
        self.plan.is_active(fault, self.time.now().duration_since(self.start).unwrap_or_default())
    }
}

/// Who a service instance is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) service: &'static str,
    pub(crate) version: &'static str,
    pub(crate) number: u32,
    pub(crate) region: &'static str,
}

impl Identity {
    pub(crate) fn instance(&self) -> String {
        format!("{}-{}", self.service, self.number)
    }
}

/// A service instance with its own SDK.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) id: Identity,
    pub(crate) world: Arc<World>,
    spans: SdkTracerProvider,
    logs: SdkLoggerProvider,
    metrics: Option<SdkMeterProvider>,
    tracer: SdkTracer,
    logger: SdkLogger,
    server_duration: Option<Histogram<f64>>,
    client_duration: Option<Histogram<f64>>,
    database_duration: Option<Histogram<f64>>,
    pub(crate) orders: Option<Counter<u64>>,
}

impl Service {
    /// Sets the SDK up; with `metrics` off for history, since the SDK stamps metrics with the machine's time.
    pub(crate) fn new(id: Identity, world: Arc<World>, options: &Options, metrics: bool) -> anyhow::Result<Arc<Self>> {
        let resource = Resource::builder_empty()
            .with_schema_url([], "https://opentelemetry.io/schemas/1.38.0")
            .with_attributes([
                KeyValue::new("service.namespace", "shop"),
                KeyValue::new("service.name", id.service),
                KeyValue::new("service.version", id.version),
                KeyValue::new("service.instance.id", id.instance()),
                KeyValue::new("deployment.environment.name", "demo"),
                KeyValue::new("cloud.region", id.region),
                KeyValue::new("host.name", format!("{}.{}.shop.local", id.instance(), id.region)),
                KeyValue::new("telemetry.sdk.language", "rust"),
                KeyValue::new("telemetry.sdk.name", "opentelemetry"),
                KeyValue::new("telemetry.sdk.version", "0.33.1"),
            ])
            .build();
        let headers: HashMap<String, String> = options.token.iter().map(|token| ("authorization".into(), format!("Bearer {token}"))).collect();
        let base = options.otlp_endpoint.trim_end_matches('/');
        let url = |path: &str| format!("{base}/v1/{path}");
        let metadata = || -> anyhow::Result<_> {
            let mut map = tonic::metadata::MetadataMap::new();
            for value in headers.values() {
                map.insert("authorization", value.parse().context("the token has characters that no header can carry")?);
            }
            Ok(map)
        };
        let (span_exporter, log_exporter, metric_exporter) = match options.protocol {
            Protocol::Http => (
                opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(url("traces")).with_headers(headers.clone()).build()?,
                opentelemetry_otlp::LogExporter::builder().with_http().with_endpoint(url("logs")).with_headers(headers.clone()).build()?,
                opentelemetry_otlp::MetricExporter::builder().with_http().with_endpoint(url("metrics")).with_headers(headers.clone()).build()?,
            ),
            Protocol::Grpc => (
                opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(base).with_metadata(metadata()?).build()?,
                opentelemetry_otlp::LogExporter::builder().with_tonic().with_endpoint(base).with_metadata(metadata()?).build()?,
                opentelemetry_otlp::MetricExporter::builder().with_tonic().with_endpoint(base).with_metadata(metadata()?).build()?,
            ),
        };
        let span_batch = SpanBatch::default().with_max_queue_size(QUEUE_RECORDS).with_scheduled_delay(EXPORT_DELAY).build();
        let spans = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(span_exporter).with_batch_config(span_batch).build())
            .with_resource(resource.clone())
            .build();
        let log_batch = LogBatch::default().with_max_queue_size(QUEUE_RECORDS).with_scheduled_delay(EXPORT_DELAY).build();
        let logs = SdkLoggerProvider::builder()
            .with_log_processor(BatchLogProcessor::builder(log_exporter).with_batch_config(log_batch).build())
            .with_resource(resource.clone())
            .build();
        let metrics = metrics.then(|| {
            let reader = PeriodicReader::builder(metric_exporter).with_interval(Duration::from_secs(5)).build();
            SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build()
        });
        let meter = metrics.as_ref().map(|provider| provider.meter(SCOPE));
        let seconds = |name: &'static str| {
            meter.as_ref().map(|meter| {
                let boundaries = vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
                meter.f64_histogram(name).with_unit("s").with_boundaries(boundaries).build()
            })
        };
        Ok(Arc::new(Self {
            server_duration: seconds("http.server.request.duration"),
            client_duration: seconds("http.client.request.duration"),
            database_duration: seconds("db.client.operation.duration"),
            orders: meter.as_ref().map(|meter| meter.u64_counter("shop.orders").with_unit("{order}").with_description("Orders placed").build()),
            tracer: spans.tracer(SCOPE),
            logger: logs.logger(SCOPE),
            spans,
            logs,
            metrics,
            id,
            world,
        }))
    }

    /// This instance's clock, which may be wrong.
    pub(crate) fn now(&self) -> SystemTime {
        let now = self.world.time.now();
        if self.id.service == "cart" && self.world.is_active(Fault::SkewedClock) { now + SKEW } else { now }
    }

    pub(crate) fn span(self: &Arc<Self>, parent: &Context, kind: SpanKind, name: impl Into<String>, attributes: Vec<KeyValue>) -> Arc<Active> {
        let builder = self.tracer.span_builder(name.into()).with_kind(kind.clone()).with_attributes(attributes).with_start_time(self.now());
        let span = self.tracer.build_with_context(builder, parent);
        let trace = span.span_context().trace_id();
        self.world.truth.span_started(trace, self.id.service);
        if self.id.service == "cart" && kind == SpanKind::Server && self.world.is_active(Fault::SkewedClock) {
            self.hit(trace, Fault::SkewedClock, "clock");
        }
        // Not `with_span`: its spans take the machine's time for events.
        let context = parent.with_remote_span_context(span.span_context().clone());
        Arc::new(Active { service: self.clone(), context, kind, started: self.now(), span: Mutex::new(Some(span)) })
    }

    pub(crate) fn hit(&self, trace: TraceId, fault: Fault, operation: &str) {
        let hit =
            Hit { fault, service: self.id.service, operation: operation.into(), instance: self.id.instance(), version: self.id.version, times: 1 };
        self.world.truth.hit(trace, hit);
    }

    pub(crate) fn flush(&self) -> anyhow::Result<()> {
        self.spans.force_flush().context("cannot send spans")?;
        self.logs.force_flush().context("cannot send logs")?;
        if let Some(metrics) = &self.metrics {
            metrics.force_flush().context("cannot send metrics")?;
        }
        Ok(())
    }

    pub(crate) fn shutdown(&self) {
        let limit = Duration::from_secs(5);
        let _ = self.spans.shutdown_with_timeout(limit);
        let _ = self.logs.shutdown_with_timeout(limit);
        if let Some(metrics) = &self.metrics {
            let _ = metrics.shutdown_with_timeout(limit);
        }
    }
}

const SCOPE: &str = "hopline-demo";

/// A span under way.
pub(crate) struct Active {
    pub(crate) service: Arc<Service>,
    /// For children and for propagation.
    pub(crate) context: Context,
    kind: SpanKind,
    started: SystemTime,
    span: Mutex<Option<opentelemetry_sdk::trace::Span>>,
}

impl Active {
    pub(crate) fn trace(&self) -> TraceId {
        self.context.span().span_context().trace_id()
    }

    fn with(&self, act: impl FnOnce(&mut opentelemetry_sdk::trace::Span)) {
        if let Some(span) = self.span.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            act(span);
        }
    }

    pub(crate) fn set(&self, key: &'static str, value: impl Into<Value>) {
        self.with(|span| span.set_attribute(KeyValue::new(key, value)));
    }

    pub(crate) fn link(&self, to: &Context) {
        self.with(|span| span.add_link(to.span().span_context().clone(), Vec::new()));
    }

    pub(crate) fn event(&self, name: &'static str, attributes: Vec<KeyValue>) {
        let now = self.service.now();
        self.with(|span| span.add_event_with_timestamp(name, now, attributes));
    }

    /// Marks the span failed, with `error.type`.
    pub(crate) fn fail(&self, kind: &str, message: &str) {
        self.with(|span| {
            span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
            span.set_status(Status::error(message.to_owned()));
        });
    }

    /// Where a failure starts: an exception as an event.
    pub(crate) fn exception(&self, kind: &'static str, message: &str) {
        let attributes = vec![
            KeyValue::new("exception.type", kind),
            KeyValue::new("exception.message", message.to_owned()),
            KeyValue::new("exception.stacktrace", format!("{kind}: {message}\n    at {}::handle\n    at tokio::task::run", self.service.id.service)),
        ];
        self.event("exception", attributes);
        self.fail(kind, message);
    }

    /// The fault that is active and met here, written down as truth.
    pub(crate) fn meets(&self, fault: Fault, operation: &str) -> bool {
        let active = self.service.world.is_active(fault);
        if active {
            self.service.hit(self.trace(), fault, operation);
        }
        active
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.service.world.time.sleep(duration).await;
    }

    pub(crate) fn info(&self, body: impl Into<String>, attributes: &[(&'static str, AnyValue)]) {
        self.log(Severity::Info, "INFO", body.into(), attributes);
    }

    pub(crate) fn warn(&self, body: impl Into<String>, attributes: &[(&'static str, AnyValue)]) {
        self.log(Severity::Warn, "WARN", body.into(), attributes);
    }

    pub(crate) fn error(&self, body: impl Into<String>, attributes: &[(&'static str, AnyValue)]) {
        self.log(Severity::Error, "ERROR", body.into(), attributes);
    }

    fn log(&self, severity: Severity, text: &'static str, body: String, attributes: &[(&'static str, AnyValue)]) {
        let now = self.service.now();
        let parent = self.context.span();
        let parent = parent.span_context();
        let mut record = self.service.logger.create_log_record();
        record.set_timestamp(now);
        record.set_observed_timestamp(now);
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_body(AnyValue::String(body.into()));
        record.set_trace_context(parent.trace_id(), parent.span_id(), Some(parent.trace_flags()));
        for (key, value) in attributes {
            record.add_attribute(*key, value.clone());
        }
        self.service.world.truth.logged(parent.trace_id());
        self.service.logger.emit(record);
    }

    /// Seconds until now into the histogram of the span's kind.
    pub(crate) fn measure(&self, database: bool, attributes: &[KeyValue]) {
        let histogram = match (&self.kind, database) {
            (_, true) => &self.service.database_duration,
            (SpanKind::Server, _) => &self.service.server_duration,
            _ => &self.service.client_duration,
        };
        if let Some(histogram) = histogram {
            histogram.record(self.service.now().duration_since(self.started).unwrap_or_default().as_secs_f64(), attributes);
        }
    }

    /// Ends now; a second end does nothing. Dropping ends too: a caller that went away.
    pub(crate) fn end(&self) {
        let span = self.span.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut span) = span {
            span.end_with_timestamp(self.service.now());
            self.service.world.truth.span_ended(self.trace());
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.end();
    }
}
