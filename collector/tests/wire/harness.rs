//! A collector on free ports, and a client that sends bytes as they are: what is wrong on purpose, no client library would send.

use bytes::Bytes;
use hopline_collector::{Collector, Config};
use hopline_model::auth::Auth;
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::{Signal, SystemClock};
use hopline_storage::Storage;
use hopline_storage::objects::{FileIo, OsFiles};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

pub(crate) struct Server {
    pub(crate) collector: Collector,
    pub(crate) storage: Arc<Storage>,
    pub(crate) http1: Http,
    pub(crate) http2: Http,
    directory: tempfile::TempDir,
}

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Grpc,
    Http,
}

pub(crate) const BOTH: [Way; 2] = [Way::Grpc, Way::Http];

/// What came back, in the words both transports share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// HTTP status; 200 for every gRPC answer.
    pub(crate) status: u16,
    /// The gRPC code, from the trailers or from the `Status` in the body.
    pub(crate) code: i32,
    pub(crate) message: String,
    /// `RetryInfo`.
    pub(crate) retry: Option<Duration>,
    /// Types of the details.
    pub(crate) details: Vec<String>,
    /// Rejected and why, when `partial_success` is set.
    pub(crate) partial: Option<(i64, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_full_success(&self) -> bool {
        self.status == 200 && self.code == 0 && self.partial.is_none()
    }

    /// As the specification tells clients to see it.
    pub(crate) fn is_retryable(&self) -> bool {
        [429, 502, 503, 504].contains(&self.status) || [1, 4, 10, 11, 14, 15].contains(&self.code) || (self.code == 8 && self.retry.is_some())
    }
}

/// `google.rpc.Status` and what stands in it, written down again: the collector's own types are not used to read its answers.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::open(config, Auth::default(), Arc::new(OsFiles), 0).await
    }

    /// `duplicate_window_ms` 0: the same bytes may be sent twice, as most tests do.
    pub(crate) async fn open(config: Config, auth: Auth, files: Arc<dyn FileIo>, duplicate_window_ms: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = hopline_storage::Config { data_dir: directory.path().into(), free_bytes_min: 0, duplicate_window_ms, ..Default::default() };
        let storage = tokio::task::spawn_blocking(move || Storage::open(settings, SystemClock::new(), files)).await.unwrap().unwrap();
        let bind = || TcpListener::bind("127.0.0.1:0");
        let (grpc, http) = (bind().await.unwrap(), bind().await.unwrap());
        let collector = Collector::start(config, storage.clone(), Arc::new(auth), SystemClock::new(), grpc, http, None).unwrap();
        let client = || Client::builder(TokioExecutor::new());
        Self { collector, storage, http1: client().build_http(), http2: client().http2_only(true).build_http(), directory }
    }

    pub(crate) fn data_dir(&self) -> std::path::PathBuf {
        self.directory.path().to_owned()
    }

    pub(crate) fn address(&self, way: Way) -> SocketAddr {
        match way {
            Way::Grpc => self.collector.grpc_address(),
            Way::Http => self.collector.http_address(),
        }
    }

    /// Protobuf bytes, as they are.
    pub(crate) async fn send(&self, way: Way, signal: Signal, bytes: &[u8]) -> Answer {
        self.send_encoded(way, signal, bytes, "").await
    }

    /// Protobuf bytes, compressed by `encoding`.
    pub(crate) async fn send_encoded(&self, way: Way, signal: Signal, bytes: &[u8], encoding: &str) -> Answer {
        self.send_compressed(way, signal, &compress(encoding, bytes), encoding, &[]).await
    }

    /// Bytes that are said to be compressed by `encoding`.
    pub(crate) async fn send_compressed(&self, way: Way, signal: Signal, bytes: &[u8], encoding: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = headers.to_vec();
        match way {
            Way::Http => {
                if !encoding.is_empty() {
                    all.push(("content-encoding", encoding));
                }
                self.post(http_path(signal), "application/x-protobuf", &all, bytes.to_vec()).await
            }
            Way::Grpc => {
                if !encoding.is_empty() {
                    all.push(("grpc-encoding", encoding));
                }
                self.call(grpc_path(signal), &all, frame(bytes, !matches!(encoding, "" | "identity"))).await
            }
        }
    }

    pub(crate) async fn json(&self, signal: Signal, text: &str) -> Answer {
        self.post(http_path(signal), "application/json", &[], text.as_bytes().to_vec()).await
    }

    /// One HTTP/1.1 request.
    pub(crate) async fn post(&self, path: &str, content_type: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.request("POST", path, content_type, headers, body).await
    }

    pub(crate) async fn request(&self, method: &str, path: &str, content_type: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address(Way::Http)));
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http1.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        http_answer(head.status.as_u16(), head.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    /// One gRPC call with a body of our own making.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method("POST").uri(format!("http://{}{path}", self.address(Way::Grpc)));
        request = request.header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http2.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let mut answer = Answer { status: head.status.as_u16(), body: collected.to_bytes().to_vec(), ..Answer::default() };
        assert_eq!(answer.status, 200, "gRPC answers say what is wrong in grpc-status");
        let said = |name: &str| trailers.get(name).or(head.headers.get(name)).map(|value| value.to_str().unwrap().to_owned());
        answer.code = said("grpc-status").expect("a grpc-status").parse().unwrap();
        answer.message = said("grpc-message").unwrap_or_default();
        if let Some(details) = said("grpc-status-details-bin") {
            use base64::Engine;
            read_status(&base64::engine::general_purpose::STANDARD_NO_PAD.decode(details).unwrap(), &mut answer);
        }
        if answer.code == 0 {
            assert_eq!(answer.body[0], 0, "not compressed");
            assert_eq!(u32::from_be_bytes(answer.body[1..5].try_into().unwrap()) as usize, answer.body.len() - 5);
            answer.body.drain(..5);
            read_response(&mut answer);
        }
        answer.headers = head.headers;
        answer
    }

    pub(crate) fn rows(&self, signal: Signal) -> usize {
        self.batches(signal).iter().map(arrow::array::RecordBatch::num_rows).sum()
    }

    pub(crate) fn batches(&self, signal: Signal) -> Vec<arrow::array::RecordBatch> {
        let tenant = self.storage.tenant("default").unwrap();
        self.storage.snapshot(tenant).chunks(signal).iter().map(|chunk| chunk.rows.clone()).collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.batches(Signal::Spans).iter().flat_map(Span::from_rows).collect()
    }

    pub(crate) fn logs(&self) -> Vec<Log> {
        self.batches(Signal::Logs).iter().flat_map(Log::from_rows).collect()
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        self.collector.metrics(&mut text);
        text
    }
}

pub(crate) fn http_answer(status: u16, headers: HeaderMap, body: Vec<u8>) -> Answer {
    let mut answer = Answer { status, headers, body, ..Answer::default() };
    let content_type = answer.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
    match content_type.as_deref() {
        Some("application/x-protobuf") if status == 200 => read_response(&mut answer),
        Some("application/x-protobuf") => {
            let body = answer.body.clone();
            read_status(&body, &mut answer);
        }
        Some("application/json") => {
            let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            if status == 200 {
                answer.partial = json.get("partialSuccess").map(|partial| {
                    let count = ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"].iter().find_map(|name| partial.get(name));
                    // ProtoJSON writes 64-bit numbers as text.
                    let count = count.map_or(0, |count| count.as_str().expect("text").parse().unwrap());
                    (count, partial["errorMessage"].as_str().unwrap_or_default().to_owned())
                });
            } else {
                answer.code = json["code"].as_i64().unwrap() as i32;
                answer.message = json["message"].as_str().unwrap().to_owned();
                for detail in json["details"].as_array().unwrap() {
                    answer.details.push(detail["@type"].as_str().unwrap().to_owned());
                    if let Some(delay) = detail["retryDelay"].as_str() {
                        answer.retry = Some(Duration::from_secs_f64(delay.trim_end_matches('s').parse().unwrap()));
                    }
                }
            }
        }
        _ => {}
    }
    answer
}

fn read_response(answer: &mut Answer) {
    let response = Response::decode(&answer.body[..]).unwrap();
    answer.partial = response.partial_success.map(|partial| (partial.rejected, partial.error_message));
}

fn read_status(bytes: &[u8], answer: &mut Answer) {
    let status = Status::decode(bytes).unwrap();
    answer.code = status.code;
    answer.message = status.message;
    for detail in status.details {
        if detail.type_url.ends_with("/google.rpc.RetryInfo") {
            let delay = RetryInfo::decode(&detail.value[..]).unwrap().retry_delay.unwrap();
            answer.retry = Some(Duration::new(delay.seconds as u64, delay.nanos as u32));
        }
        answer.details.push(detail.type_url);
    }
}

pub(crate) fn http_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Spans => "/v1/traces",
        Signal::Logs => "/v1/logs",
        Signal::Metrics => "/v1/metrics",
    }
}

pub(crate) fn grpc_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Spans => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

pub(crate) fn frame(message: &[u8], compressed: bool) -> Vec<u8> {
    let mut frame = vec![u8::from(compressed)];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

pub(crate) fn compress(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        "" | "identity" => bytes.to_vec(),
        "gzip" => gzip(bytes),
        "zstd" => zstd::encode_all(bytes, 1).unwrap(),
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        other => panic!("{other}"),
    }
}

/// At the best level: flate2's implementation depends on what else is built with it, and the fastest level of zlib-rs writes
/// fixed codes, 13 bits for every 258 bytes, where others need two.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn span(at: u64) -> otlp::Span {
    otlp::Span { trace_id: vec![1; 16], span_id: (at + 1).to_be_bytes().to_vec(), name: "GET".into(), ..Default::default() }
}

pub(crate) fn traces(spans: Vec<otlp::Span>) -> Vec<u8> {
    let scope_spans = vec![otlp::ScopeSpans { spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![otlp::ResourceSpans { scope_spans, ..Default::default() }] }.encode_to_vec()
}

/// Good spans, and spans whose trace id is too short.
pub(crate) fn request(good: u64, bad: u64) -> Vec<u8> {
    let short = (good..good + bad).map(|at| otlp::Span { trace_id: vec![1; 15], ..span(at) });
    traces((0..good).map(span).chain(short).collect())
}

/// A good request of each signal: one record.
pub(crate) fn one(signal: Signal) -> Vec<u8> {
    let text = match signal {
        Signal::Spans => return request(1, 0),
        Signal::Logs => r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"stringValue":"hello"}}]}]}]}"#,
        Signal::Metrics => {
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"up","gauge":{"dataPoints":[{"timeUnixNano":"1","asInt":"1"}]}}]}]}]}"#
        }
    };
    hopline_collector::decode::to_protobuf(signal, text.as_bytes()).unwrap()
}
