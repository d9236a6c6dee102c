//! Five spans, four log records and two metric points, half of them in blocks; and questions to them.

use crate::table::{SqlAnswer, SqlError, SqlOptions, sql};
use arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow::datatypes::{DataType, Int32Type};
use futures::StreamExt;
use hopline_model::log::Log;
use hopline_model::schema::schema;
use hopline_model::span::Span;
use hopline_model::time::ManualClock;
use hopline_model::{Batch, Signal, SpanId, TenantId, TraceId, UnixNanos};
use hopline_storage::objects::OsFiles;
use hopline_storage::{Append, Config, Snapshot, Storage};
use serde_json::Value;
use std::sync::Arc;

/// 2026-01-01T00:00:00Z.
pub(crate) const T0: i64 = 1_767_225_600_000_000_000;
const MILLI: i64 = 1_000_000;

pub(crate) struct Store {
    pub(crate) storage: Arc<Storage>,
    pub(crate) tenant: TenantId,
    pub(crate) dir: tempfile::TempDir,
}

impl Store {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.storage.snapshot(self.tenant))
    }
}

/// A store that holds the rows of this file.
pub(crate) async fn store() -> Store {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { data_dir: dir.path().to_owned(), free_bytes_min: 0, wal_segment_bytes: 1 << 20, ..Config::default() };
    let now = UnixNanos(T0 + 60_000 * MILLI);
    let storage = Storage::open(config, ManualClock::at(now), Arc::new(OsFiles)).unwrap();
    let tenant = storage.tenant("default").unwrap();
    let (spans, logs, metrics) = (spans(), logs(), metrics());
    let append = |batches| Append { tenant, batches, request_hash: None, received: now };
    storage.append(append(vec![Span::to_batch(&spans[..3]), Log::to_batch(&logs[..2]), metrics])).await.unwrap();
    storage.flush().await.unwrap();
    storage.append(append(vec![Span::to_batch(&spans[3..]), Log::to_batch(&logs[2..])])).await.unwrap();
    Store { storage, tenant, dir }
}

fn spans() -> Vec<Span> {
    let trace = |id: u8| TraceId([id; 16]);
    let span = |id: u8| SpanId([id; 8]);
    let web = |version: &str| Span {
        service_name: "web".into(),
        service_version: Some(version.into()),
        deployment_environment_name: Some("prod".into()),
        resource: format!(
            "{{\"deployment.environment.name\":\"prod\",\"host.name\":\"h1\",\"service.name\":\"web\",\"service.version\":\"{version}\"}}"
        )
        .into(),
        scope: "{\"$name\":\"http\"}".into(),
        scope_name: Some("http".into()),
        ..Span::default()
    };
    vec![
        Span {
            trace_id: trace(1),
            span_id: span(0x11),
            start_time: UnixNanos(T0),
            duration_nano: 500 * MILLI,
            name: "POST /checkout".into(),
            kind: "server".into(),
            attributes: r#"{"http.request.method":"POST","http.response.status_code":200,"http.route":"/checkout"}"#.into(),
            ..web("1.0")
        },
        Span {
            trace_id: trace(1),
            span_id: span(0x12),
            parent_span_id: Some(span(0x11)),
            start_time: UnixNanos(T0 + 100 * MILLI),
            duration_nano: 300 * MILLI,
            name: "charge".into(),
            kind: "client".into(),
            status_code: "error".into(),
            status_message: Some("card declined".into()),
            attributes: r#"{"http.response.status_code":402,"peer.service":"payment"}"#.into(),
            events: Some(r#"[{"attributes":{"exception.type":"Declined"},"name":"exception","time_unix_nano":"1767225600250000000"}]"#.into()),
            ..web("1.0")
        },
        Span {
            trace_id: trace(1),
            span_id: span(0x13),
            parent_span_id: Some(span(0x12)),
            start_time: UnixNanos(T0 + 200 * MILLI),
            duration_nano: 100 * MILLI,
            name: "POST /charge".into(),
            kind: "server".into(),
            status_code: "error".into(),
            service_name: "payment".into(),
            service_version: Some("2.1".into()),
            resource: r#"{"service.name":"payment","service.version":"2.1"}"#.into(),
            attributes: r#"{"card.retries":3,"http.response.status_code":"402"}"#.into(),
            ..Span::default()
        },
        Span {
            trace_id: trace(2),
            span_id: span(0x21),
            start_time: UnixNanos(T0 + 10_000 * MILLI),
            duration_nano: 20 * MILLI,
            name: "GET /cart".into(),
            kind: "server".into(),
            attributes: r#"{"http.response.status_code":200,"http.route":"/cart","ratio":0.5}"#.into(),
            links: Some(r#"[{"attributes":{"why":"retry"},"span_id":"1111111111111111","trace_id":"01010101010101010101010101010101"}]"#.into()),
            ..web("1.1")
        },
        Span {
            trace_id: trace(3),
            span_id: span(0x31),
            start_time: UnixNanos(T0 + 20_000 * MILLI),
            duration_nano: 5_000,
            name: "tick".into(),
            service_name: "cron".into(),
            resource: r#"{"service.name":"cron"}"#.into(),
            ..Span::default()
        },
    ]
}

fn logs() -> Vec<Log> {
    let log = |milli: i64, severity: i32, body: Option<&str>, service: &str, attributes: &str| Log {
        time: UnixNanos(T0 + milli * MILLI),
        severity_number: severity,
        body: body.map(Into::into),
        service_name: service.into(),
        resource: format!("{{\"service.name\":\"{service}\"}}").into(),
        attributes: attributes.into(),
        ..Log::default()
    };
    let of = |log: Log, trace: u8, span: u8| Log { trace_id: Some(TraceId([trace; 16])), span_id: Some(SpanId([span; 8])), ..log };
    vec![
        of(log(150, 17, Some("card declined for order 17"), "payment", r#"{"order.id":17}"#), 1, 0x13),
        of(log(400, 9, Some("checkout failed"), "web", r#"{"order.id":17,"user":"ann"}"#), 1, 0x11),
        log(11_000, 9, Some("cart shown"), "web", r#"{"user":"bob"}"#),
        Log { event_name: Some("tick.late".into()), ..log(21_000, 13, None, "cron", "{}") },
    ]
}

/// Two points of a counter, the second with an exemplar.
fn metrics() -> Batch {
    let exemplar = r#"[{"attributes":{"user":"ann"},"span_id":"1111111111111111","time_unix_nano":"1767225600150000000","trace_id":"01010101010101010101010101010101","value":0.5}]"#;
    let dictionary = |text: &str| Arc::new([Some(text), Some(text)].into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef;
    let columns = schema(Signal::Metrics).fields().iter().map(|field| -> ArrayRef {
        match (field.name().as_str(), field.data_type()) {
            ("seq", _) => Arc::new(UInt64Array::from(vec![0, 1])),
            ("time", _) => Arc::new(TimestampNanosecondArray::from(vec![T0, T0 + 10_000 * MILLI]).with_timezone("UTC")),
            ("name", _) => dictionary("requests"),
            ("type", _) => dictionary("sum"),
            ("service_name", _) => dictionary("web"),
            ("resource" | "scope", _) => dictionary("{}"),
            ("attributes", _) => Arc::new(StringArray::from(vec!["{\"method\":\"GET\"}", "{\"method\":\"POST\"}"])),
            ("value", _) => Arc::new(Float64Array::from(vec![5.0, 7.0])),
            ("value_int", _) => Arc::new(Int64Array::from(vec![5, 7])),
            ("exemplars", _) => Arc::new(StringArray::from(vec![None, Some(exemplar)])),
            (_, DataType::UInt32) => Arc::new(UInt32Array::from(vec![0, 0])),
            (_, kind) => new_null_array(kind, 2),
        }
    });
    Batch { signal: Signal::Metrics, rows: RecordBatch::try_new(schema(Signal::Metrics).clone(), columns.collect()).unwrap() }
}

/// An answer as one JSON object a line, with what its report says.
pub(crate) async fn lines_of(answer: SqlAnswer) -> Result<String, SqlError> {
    let mut out = String::new();
    let mut stream = answer.stream;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| SqlError::from_datafusion(&error, ""))?;
        crate::api::format::rows::write_rows(&mut out, &batch, crate::api::format::Nulls::Kept, '\n')?;
        if batch.num_rows() > 0 {
            out.push('\n');
        }
    }
    Ok(out)
}

pub(crate) async fn ask(snapshot: &Arc<Snapshot>, query: &str) -> Result<String, SqlError> {
    ask_with(snapshot, query, &[], &SqlOptions::default()).await
}

pub(crate) async fn ask_with(snapshot: &Arc<Snapshot>, query: &str, params: &[Value], options: &SqlOptions) -> Result<String, SqlError> {
    lines_of(sql(snapshot.clone(), query, params, options).await?).await
}
