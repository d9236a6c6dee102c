//! OTLP at the wire, named by row of the conformance list, against a collector with a real store in a temporary directory.
#![allow(clippy::unwrap_used)]

use hopline_collector::{Collector, Config};
use hopline_model::auth::{Auth, Scope, Token};
use hopline_model::{Signal, SystemClock};
use hopline_storage::Storage;
use hopline_storage::objects::OsFiles;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::io::Write;
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;

struct Server {
    collector: Collector,
    storage: Arc<Storage>,
    http: reqwest::Client,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start(config: Config, auth: Auth) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = hopline_storage::Config { data_dir: directory.path().into(), free_bytes_min: 0, ..Default::default() };
        let storage = tokio::task::spawn_blocking(move || Storage::open(settings, SystemClock::new(), Arc::new(OsFiles))).await.unwrap().unwrap();
        let bind = || TcpListener::bind("127.0.0.1:0");
        let (grpc, http) = (bind().await.unwrap(), bind().await.unwrap());
        let collector = Collector::start(config, storage.clone(), Arc::new(auth), SystemClock::new(), grpc, http, None).unwrap();
        Self { collector, storage, http: reqwest::Client::new(), _directory: directory }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let mut request = self.http.post(format!("http://{}{path}", self.collector.http_address())).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.headers().clone(), response.bytes().await.unwrap().to_vec())
    }

    fn rows(&self, signal: Signal) -> usize {
        let tenant = self.storage.tenant("default").unwrap();
        self.storage.snapshot(tenant).chunks(signal).iter().map(|chunk| chunk.rows.num_rows()).sum()
    }
}

fn request(good: usize, bad: usize, first: u8) -> ExportTraceServiceRequest {
    let span = |at: usize, id: usize| Span {
        trace_id: vec![first; id],
        span_id: (at as u64 + 1).to_be_bytes().to_vec(),
        name: "GET".into(),
        ..Default::default()
    };
    let spans = (0..good).map(|at| span(at, 16)).chain((0..bad).map(|at| span(at, 15))).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans: vec![ScopeSpans { spans, ..Default::default() }], ..Default::default() }],
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[tokio::test(flavor = "multi_thread")]
async fn o01_o05_o06_compressions_full_and_partial_success() {
    let server = Server::start(Config::default(), Auth::default()).await;
    let bytes = |first| request(3, 0, first).encode_to_vec();
    let (status, headers, body) = server.post("/v1/traces", &[PROTOBUF], bytes(1)).await;
    assert_eq!((status, &headers["content-type"] == "application/x-protobuf", body.len()), (200, true, 0));
    for (encoding, body) in [("gzip", gzip(&bytes(2))), ("zstd", zstd::encode_all(&bytes(3)[..], 1).unwrap()), ("identity", bytes(4))] {
        assert_eq!(server.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], body).await.0, 200, "{encoding}");
    }
    // Two gzip members one after the other are one body.
    let joined = bytes(5);
    let members = [gzip(&joined[..10]), gzip(&joined[10..])].concat();
    assert_eq!(server.post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], members).await.0, 200);
    assert_eq!(server.rows(Signal::Spans), 15);
    let (status, _, body) = server.post("/v1/traces", &[PROTOBUF], request(93, 7, 6).encode_to_vec()).await;
    let partial = ExportTraceServiceResponse::decode(&body[..]).unwrap().partial_success.unwrap();
    assert_eq!((status, partial.rejected_spans, server.rows(Signal::Spans)), (200, 7, 108));
    assert_eq!(partial.error_message, "7 of 100 spans rejected: 7 × trace_id must be 16 bytes and not all zero");
    let (status, _, body) = server.post("/v1/logs", &[JSON], "{}").await;
    assert_eq!((status, &body[..]), (200, &b"{}"[..]));
    // The same bytes again are answered once more and stored once; the first answer was confirmed.
    let (status, _, body) = server.post("/v1/traces", &[PROTOBUF], bytes(1)).await;
    let partial = ExportTraceServiceResponse::decode(&body[..]).unwrap().partial_success.unwrap();
    assert_eq!((status, partial.rejected_spans, server.rows(Signal::Spans)), (200, 0, 108));
    assert!(partial.error_message.contains("stored before"));
    assert_eq!(server.collector.status()["exporters"][0]["rejected"]["spans"], 7);
    let mut metrics = String::new();
    server.collector.metrics(&mut metrics);
    assert!(metrics.contains("hopline_collector_accepted_records_total{signal=\"spans\"}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn o02_o03_limits_after_decompression() {
    let server = Server::start(Config { body_bytes_max: 100_000, ..Config::default() }, Auth::default()).await;
    let bomb = gzip(&vec![0; 50 << 20]);
    assert!(bomb.len() < 300_000);
    for (headers, body) in [(vec![PROTOBUF], vec![0; 100_001]), (vec![PROTOBUF, ("content-encoding", "gzip")], gzip(&vec![0; 100_001]))] {
        let (status, headers, _) = server.post("/v1/traces", &headers, body).await;
        assert_eq!((status, &headers["content-type"] == "application/x-protobuf", headers.contains_key("retry-after")), (413, true, false));
    }
    let small_bomb = gzip(&vec![0; 20 << 20]);
    assert_eq!(server.post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], small_bomb).await.0, 413);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.collector.grpc_address())).await.unwrap();
    let large = request(4_000, 0, 1);
    for compressed in [false, true] {
        if compressed {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let status = client.export(large.clone()).await.unwrap_err();
        assert_eq!((status.code(), status.metadata().contains_key("retry-after")), (tonic::Code::ResourceExhausted, false), "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o09_o10_o12_refusals_by_kind() {
    let server = Server::start(Config::default(), Auth::default()).await;
    for (path, headers, body, expect) in [
        ("/v1/traces", vec![PROTOBUF], &b"\x0a\xff"[..], 400),
        ("/v1/traces", vec![PROTOBUF, ("content-encoding", "gzip")], b"not gzip", 400),
        ("/v1/traces", vec![PROTOBUF, ("content-encoding", "br")], b"", 415),
        ("/v1/traces", vec![JSON], b"{", 400),
        ("/v1/traces", vec![("content-type", "text/plain")], b"", 415),
        ("/v1/nothing", vec![JSON], b"{}", 404),
        ("/v1development/profiles", vec![JSON], b"{}", 404),
    ] {
        let (status, headers, body) = server.post(path, &headers, body).await;
        assert_eq!(status, expect, "{path}");
        if &headers["content-type"] == "application/json" {
            assert!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["message"].is_string());
        } else {
            assert_eq!(body[0], 8, "a google.rpc.Status starts with its code");
        }
    }
    let get = server.http.get(format!("http://{}/v1/traces", server.collector.http_address())).send().await.unwrap();
    assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST, OPTIONS"));
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(server.post("/v1/metrics", &[JSON], deep).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn o06_o19_o22_grpc_on_both_doors_and_drain() {
    let server = Server::start(Config::default(), Auth::default()).await;
    for (at, address) in [server.collector.grpc_address(), server.collector.http_address()].into_iter().enumerate() {
        let mut client = TraceServiceClient::connect(format!("http://{address}")).await.unwrap().send_compressed(CompressionEncoding::Zstd);
        let full = client.export(request(2, 0, at as u8 + 1)).await.unwrap().into_inner();
        assert_eq!(full.partial_success, None);
        let partial = client.export(request(2, 1, at as u8 + 11)).await.unwrap().into_inner().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 1);
    }
    assert_eq!(server.rows(Signal::Spans), 8);
    tokio::time::timeout(std::time::Duration::from_secs(5), server.collector.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_tenants() {
    let token = |token: &str, tenant: &str, scopes: &[Scope]| Token { token: token.into(), tenant: tenant.into(), scopes: scopes.into() };
    let auth = Auth::new(vec![token("in", "red", &[Scope::Ingest]), token("out", "red", &[Scope::Read])]);
    let server = Server::start(Config::default(), auth).await;
    for (headers, expect) in [
        (vec![JSON], 401),
        (vec![JSON, ("authorization", "Bearer nobody")], 401),
        (vec![JSON, ("authorization", "Bearer out")], 403),
        (vec![JSON, ("authorization", "bearer in"), ("x-scope-orgid", "blue")], 403),
        (vec![JSON, ("authorization", "Bearer in"), ("x-scope-orgid", "a/b")], 400),
        (vec![JSON, ("authorization", "Bearer in")], 200),
    ] {
        assert_eq!(server.post("/v1/logs", &headers, "{}").await.0, expect, "{headers:?}");
    }
    let mut client = TraceServiceClient::connect(format!("http://{}", server.collector.grpc_address())).await.unwrap();
    assert_eq!(client.export(request(1, 0, 1)).await.unwrap_err().code(), tonic::Code::Unauthenticated);
    let mut request = tonic::Request::new(request(1, 0, 1));
    request.metadata_mut().insert("authorization", "Bearer out".parse().unwrap());
    assert_eq!(client.export(request).await.unwrap_err().code(), tonic::Code::PermissionDenied);
}

/// A sender that holds the whole budget with a body that never comes: others are told to come back, and it is cut off.
#[tokio::test(flavor = "multi_thread")]
async fn o13_o15_overload_is_retryable_and_slow_bodies_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let config = Config { in_flight_bytes_max: 1_000, admission_wait_ms: 50, body_timeout_ms: 1_500, ..Config::default() };
    let server = Server::start(config, Auth::default()).await;
    let mut slow = tokio::net::TcpStream::connect(server.collector.http_address()).await.unwrap();
    slow.write_all(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (status, headers, _) = server.post("/v1/logs", &[JSON], "{}").await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1), (429, true));
    let mut client = TraceServiceClient::connect(format!("http://{}", server.collector.grpc_address())).await.unwrap();
    let refused = client.export(request(1, 0, 1)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert!(String::from_utf8_lossy(refused.details()).contains("google.rpc.RetryInfo"));
    let mut answer = Vec::new();
    tokio::time::timeout(std::time::Duration::from_secs(5), slow.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503"));
    assert_eq!(server.post("/v1/logs", &[JSON], "{}").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn o20_o38_base_path_cors_health_and_profiles() {
    let config = Config { base_path: "/x".into(), cors_origins: vec!["https://shop.example".into()], ..Config::default() };
    let server = Server::start(config, Auth::default()).await;
    assert_eq!(server.post("/x/v1/logs/", &[JSON], "{}").await.0, 200);
    assert_eq!(server.post("/v1/logs", &[JSON], "{}").await.0, 404);
    for (origin, allowed) in [("https://shop.example", true), ("https://other.example", false)] {
        let url = format!("http://{}/x/v1/traces", server.collector.http_address());
        let preflight = server.http.request(reqwest::Method::OPTIONS, url).header("origin", origin).send().await.unwrap();
        assert_eq!((preflight.status().as_u16(), preflight.headers().contains_key("access-control-allow-origin")), (204, allowed));
    }
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", server.collector.grpc_address())).unwrap().connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let service = "opentelemetry.proto.collector.trace.v1.TraceService".into();
    assert_eq!(health.check(tonic_health::pb::HealthCheckRequest { service }).await.unwrap().into_inner().status, 1);
    let mut raw = tonic::client::Grpc::new(channel);
    raw.ready().await.unwrap();
    let path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<ExportTraceServiceRequest, ExportTraceServiceResponse>::default();
    let refused = raw.unary(tonic::Request::new(request(0, 0, 1)), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}
