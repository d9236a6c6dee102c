//! O19 to O22, O38, O41: paths, connections, health, reflection, drain. TLS with ALPN is in `tests/serve.rs`.

use crate::harness::{BOTH, Server, Way, frame, grpc_path, http_path, one, request};
use hopline_collector::Config;
use hopline_model::Signal;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Protobuf, JSON and gRPC come through each of the two doors; HTTP over HTTP/1.1 and over HTTP/2 without asking.
#[tokio::test(flavor = "multi_thread")]
async fn o19_every_encoding_through_every_door() {
    let server = Server::start().await;
    for address in BOTH.map(|way| server.address(way)) {
        for client in [&server.http1, &server.http2] {
            for (content_type, body) in [("application/x-protobuf", one(Signal::Logs)), ("application/json", br#"{"resourceLogs":[]}"#.to_vec())] {
                let post = http::Request::post(format!("http://{address}/v1/logs")).header("content-type", content_type);
                let response = client.request(post.body(body.into()).unwrap()).await.unwrap();
                assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, content_type));
            }
        }
        let mut client = TraceServiceClient::connect(format!("http://{address}")).await.unwrap();
        let message = ExportTraceServiceRequest::decode(&request(1, 0)[..]).unwrap();
        assert_eq!(client.export(message).await.unwrap().into_inner().partial_success, None);
    }
    assert_eq!((server.rows(Signal::Logs), server.rows(Signal::Spans)), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn o20_paths_and_base_path() {
    let server = Server::with(Config { base_path: "/x".into(), ..Config::default() }).await;
    for signal in Signal::ALL {
        // A trailing slash is forgiven.
        for (path, expect) in [("/x", 200), ("", 404), ("/y", 404)] {
            for slash in ["", "/"] {
                let path = format!("{path}{}{slash}", http_path(signal));
                assert_eq!(server.post(&path, "application/json", &[], b"{}".to_vec()).await.status, expect, "{path}");
            }
        }
        assert_eq!(server.send(Way::Grpc, signal, &one(signal)).await.code, 0, "gRPC has no base path");
    }
}

/// 256 requests at once over one HTTP/2 connection, and over as many connections: each is answered, and they overlap.
#[tokio::test(flavor = "multi_thread")]
async fn o21_concurrent_calls() {
    let server = Arc::new(Server::start().await);
    let began = Instant::now();
    assert_eq!(server.send(Way::Grpc, Signal::Spans, &request(1, 0)).await.code, 0);
    let alone = began.elapsed();
    for client in [&server.http2, &server.http1] {
        let is_grpc = std::ptr::eq(client, &server.http2);
        let began = Instant::now();
        let calls = (0..256).map(|at| {
            let (client, server) = (client.clone(), server.clone());
            tokio::spawn(async move {
                let body = if is_grpc { frame(&request(at % 7 + 1, 0), false) } else { request(at % 7 + 1, 0) };
                let (address, path, kind) = if is_grpc {
                    (server.address(Way::Grpc), grpc_path(Signal::Spans), "application/grpc")
                } else {
                    (server.address(Way::Http), http_path(Signal::Spans), "application/x-protobuf")
                };
                let post = http::Request::post(format!("http://{address}{path}")).header("content-type", kind);
                let response = client.request(post.body(body.into()).unwrap()).await.unwrap();
                let status = response.status();
                let collected = response.into_body().collect().await.unwrap();
                let trailers = collected.trailers().cloned().unwrap_or_default();
                status == 200 && trailers.get("grpc-status").is_none_or(|code| code == "0")
            })
        });
        let answers = futures::future::join_all(calls).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap()));
        println!("256 at once in {:?}, one alone in {alone:?}", began.elapsed());
        // One after the other would take 256 times as long.
        assert!(began.elapsed() < alone.max(Duration::from_millis(20)) * 128);
    }
    let connections = server.collector.status()["connections"].as_u64().unwrap();
    assert!(connections > 100, "HTTP/1.1 took a connection each: {connections}");
    // What may be open at once is advertised: SETTINGS_MAX_CONCURRENT_STREAMS (3) of the first frame.
    let mut raw = TcpStream::connect(server.address(Way::Grpc)).await.unwrap();
    raw.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    raw.read_exact(&mut head).await.unwrap();
    let mut settings = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    raw.read_exact(&mut settings).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS comes first");
    let advertised = settings.chunks(6).find(|setting| setting[1] == 3).map(|setting| u32::from_be_bytes(setting[2..6].try_into().unwrap()));
    assert_eq!(advertised, Some(Config::default().streams_per_connection_max));
}

#[tokio::test(flavor = "multi_thread")]
async fn o22_keep_alive_and_pipelining() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address(Way::Http)).await.unwrap();
    let one = b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    // Three at once before any answer is read, then another on the same connection.
    for count in [3, 1] {
        stream.write_all(&one.repeat(count)).await.unwrap();
        let mut seen = Vec::new();
        while seen.windows(12).filter(|bytes| *bytes == b"HTTP/1.1 200").count() < count || !seen.ends_with(b"{}") {
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "closed after {}", String::from_utf8_lossy(&seen));
        }
    }
    assert_eq!(server.collector.status()["connections"], 1);
}

/// The body of a refused request is passed over to its last byte and not a byte further, whatever its size, whatever stands in it, and in
/// whatever pieces it comes: each request behind it on the connection is answered, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn refused_bodies_end_where_they_end() {
    let server = Server::start().await;
    let good = b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (at, size) in [1, 8 << 10, 32 << 10, (32 << 10) + 1, 65_000, (64 << 10) + 1, 100_000, 250_000, 1 << 20, (3 << 20) + 7].into_iter().enumerate()
    {
        let head = format!("POST /v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n");
        // A body read as requests would be answered.
        let body: Vec<u8> = good.iter().copied().cycle().take(size).collect();
        let bytes = [head.as_bytes(), &body[..], good].concat().repeat(3);
        let (mut read, mut write) = TcpStream::connect(server.address(Way::Http)).await.unwrap().into_split();
        let writer = tokio::spawn(async move {
            let piece = [usize::MAX, 100_000, 33_333, 4_096][at % 4].max(size / 100);
            for bytes in bytes.chunks(piece) {
                write.write_all(bytes).await.unwrap();
                if at % 2 == 1 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            write
        });
        let mut seen = Vec::new();
        let statuses = |seen: &[u8]| {
            let text = String::from_utf8_lossy(seen);
            text.match_indices("HTTP/1.1 ").map(|(at, _)| text[at + 9..at + 12].to_owned()).collect::<Vec<_>>()
        };
        while statuses(&seen).len() < 6 || !seen.ends_with(b"{}") {
            assert!(read.read_buf(&mut seen).await.unwrap() > 0, "{size}: closed after {}", String::from_utf8_lossy(&seen));
        }
        let writer = writer.await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(30), read.read_buf(&mut seen)).await.is_err(), "{size}: something else was answered");
        assert_eq!(statuses(&seen), ["404", "200", "404", "200", "404", "200"], "{size}");
        drop(writer);
    }
}

/// Clients may ping as often as they like: no GOAWAY says too_many_pings.
#[tokio::test(flavor = "multi_thread")]
async fn o22_keepalive_pings_are_welcome() {
    let server = Server::start().await;
    let endpoint = tonic::transport::Channel::from_shared(format!("http://{}", server.address(Way::Grpc))).unwrap();
    let channel = endpoint.http2_keep_alive_interval(Duration::from_millis(10)).keep_alive_while_idle(true).connect().await.unwrap();
    let mut client = TraceServiceClient::new(channel);
    let message = ExportTraceServiceRequest::decode(&request(1, 0)[..]).unwrap();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.export(message.clone()).await.unwrap();
    }
    assert!(server.metrics().contains("hopline_collector_connections 1\n"), "always the same connection");
}

/// Stopped under load: whatever was answered is stored, and nothing that was sent whole goes without an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn o22_drain_answers_what_was_sent() {
    let server = Server::start().await;
    let addresses = BOTH.map(|way| server.address(way));
    let stopping = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let senders = (0..16).map(|at| {
        let stopping = stopping.clone();
        tokio::spawn(async move {
            let endpoint = format!("http://{}", addresses[at % 2]);
            let mut client = TraceServiceClient::connect(endpoint).await.unwrap();
            let mut acknowledged = 0;
            loop {
                match client.export(ExportTraceServiceRequest::decode(&request(20, 0)[..]).unwrap()).await {
                    Ok(_) => acknowledged += 20,
                    Err(status) => {
                        // Only after the stop, and of a kind that is sent again.
                        assert!(stopping.load(std::sync::atomic::Ordering::SeqCst), "{status:?}");
                        // Without a source it is the server's word, else this client's own, for a connection that was told to go away.
                        let own = std::error::Error::source(&status).is_some();
                        assert!(own || status.code() == tonic::Code::Unavailable, "{status:?}");
                        return acknowledged;
                    }
                }
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stopping.store(true, std::sync::atomic::Ordering::SeqCst);
    let Server { collector, storage, .. } = server;
    tokio::time::timeout(Duration::from_secs(8), collector.stop()).await.unwrap();
    let acknowledged: usize = futures::future::join_all(senders).await.into_iter().map(|sender| sender.unwrap()).sum();
    let tenant = storage.tenant("default").unwrap();
    let stored: usize = storage.snapshot(tenant).chunks(Signal::Spans).iter().map(|chunk| chunk.rows.num_rows()).sum();
    println!("{acknowledged} acknowledged, {stored} stored");
    assert!(acknowledged > 0 && acknowledged <= stored && stored <= acknowledged + 16 * 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn o38_profiles_are_not_served() {
    let server = Server::start().await;
    let call = server.call("/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export", &[], frame(b"", false)).await;
    assert_eq!((call.code, call.is_retryable()), (12, false));
    for content_type in ["application/x-protobuf", "application/json"] {
        let answer = server.post("/v1development/profiles", content_type, &[], b"{}".to_vec()).await;
        assert_eq!((answer.status, answer.code), (404, 12));
    }
}

/// SDKs give up after 10 s: an answer under concurrency is far quicker. Under overload it is measured from outside, in `tests/overload`.
#[tokio::test(flavor = "multi_thread")]
async fn o41_answers_come_well_within_an_sdks_timeout() {
    let server = Arc::new(Server::start().await);
    let calls = (0..200).map(|at| {
        let server = server.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let answer = server.send(BOTH[at % 2], Signal::Spans, &request(500, 0)).await;
            (answer.is_full_success() || answer.is_retryable()).then(|| began.elapsed())
        })
    });
    let mut times: Vec<Duration> =
        futures::future::join_all(calls).await.into_iter().map(|time| time.unwrap().expect("an answer of the right kind")).collect();
    times.sort_unstable();
    println!("200 requests of 500 spans at once: median {:?}, slowest {:?}", times[100], times[199]);
    assert!(times[199] < Duration::from_secs(5));
    // The answer fits an SDK's limit of 4 MiB by default.
    assert!(Config::default().response_bytes_max <= 4 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_ask_before_they_send() {
    let server = Server::with(Config { cors_origins: vec!["https://shop.example".into()], ..Config::default() }).await;
    for (origin, allowed) in [("https://shop.example", true), ("https://other.example", false)] {
        let asked = [("origin", origin), ("access-control-request-headers", "content-type,authorization")];
        let answer = server.request("OPTIONS", "/v1/traces", "", &asked, vec![]).await;
        assert_eq!((answer.status, answer.headers.contains_key("access-control-allow-origin")), (204, allowed), "{origin}");
        // Refusals carry it too, so that a page can read why.
        for body in [&b"{}"[..], b"{"] {
            let answer = server.post("/v1/traces", "application/json", &[("origin", origin)], body.to_vec()).await;
            assert_eq!(answer.headers.contains_key("access-control-allow-origin"), allowed);
        }
    }
    // Without the setting there is nothing to ask for.
    let server = Server::start().await;
    assert_eq!(server.request("OPTIONS", "/v1/traces", "", &[("origin", "https://shop.example")], vec![]).await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection() {
    let server = Server::start().await;
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", server.address(Way::Grpc))).unwrap().connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    for service in ["", "opentelemetry.proto.collector.trace.v1.TraceService", "opentelemetry.proto.collector.metrics.v1.MetricsService"] {
        let answer = health.check(tonic_health::pb::HealthCheckRequest { service: service.into() }).await.unwrap();
        assert_eq!(answer.into_inner().status, 1, "{service:?} is serving");
    }
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_response::MessageResponse};
    let ask = ServerReflectionRequest { host: String::new(), message_request: Some(MessageRequest::ListServices(String::new())) };
    let mut answers = ServerReflectionClient::new(channel).server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response else { panic!("a list") };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["trace.v1.TraceService", "logs.v1.LogsService", "metrics.v1.MetricsService"] {
        assert!(names.iter().any(|known| known.ends_with(name)), "{name} in {names:?}");
    }
}
