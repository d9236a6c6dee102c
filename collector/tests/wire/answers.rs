//! O4 to O15: success, partial success, refusals.

use crate::harness::{Answer, BOTH, Server, Way, frame, grpc_path, gzip, http_path, one, request, span, traces};
use hopline_collector::Config;
use hopline_model::Signal;
use hopline_model::auth::{Auth, Scope, Token};
use hopline_storage::objects::OsFiles;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn o04_answers_are_bounded() {
    let server = Server::with(Config { response_bytes_max: 120, ..Config::default() }).await;
    for way in BOTH {
        let answer = server.send(way, Signal::Spans, &request(0, 50_000)).await;
        let (rejected, message) = answer.partial.clone().unwrap();
        assert_eq!(rejected, 50_000);
        assert!(answer.body.len() <= 120 && !message.is_empty(), "{}", answer.body.len());
    }
    // Unshortened it is short too: reasons are counted, not repeated.
    let server = Server::start().await;
    assert!(server.send(Way::Http, Signal::Spans, &request(0, 50_000)).await.body.len() < 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn o05_full_success_leaves_partial_success_unset() {
    let server = Server::start().await;
    for signal in Signal::ALL {
        for way in BOTH {
            let answer = server.send(way, signal, &one(signal)).await;
            assert!(answer.is_full_success() && answer.body.is_empty(), "{signal} {way:?}: {answer:?}");
        }
    }
    let answer = server.json(Signal::Logs, r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn o06_partial_success_counts_exactly() {
    let server = Server::start().await;
    for (at, way) in BOTH.into_iter().enumerate() {
        let answer = server.send(way, Signal::Spans, &request(93, 7)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.partial, Some((7, "7 of 100 spans rejected: 7 × trace_id must be 16 bytes and not all zero".into())));
        assert_eq!(server.rows(Signal::Spans), 93 * (at + 1));
        // Points are counted, not metrics: one metric with three points, two of them without a time.
        let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"1"},{"asInt":"2"},{"asInt":"3","timeUnixNano":"5"}]}}]}]}]}"#;
        let bytes = hopline_collector::decode::to_protobuf(Signal::Metrics, text.as_bytes()).unwrap();
        assert_eq!(server.send(way, Signal::Metrics, &bytes).await.partial.unwrap().0, 2);
        assert_eq!(server.rows(Signal::Metrics), at + 1);
    }
    let answer = server.json(Signal::Spans, r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00"}]}]}]}"#).await;
    assert_eq!(answer.partial.unwrap().0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn o07_o23_string_indexes_are_taken_with_a_warning() {
    let server = Server::start().await;
    // Field 8 of AnyValue in a log's body: resource_logs { scope_logs { log_records { body { 8: 3 } } } }
    let bytes = [0x0a, 0x08, 0x12, 0x06, 0x12, 0x04, 0x2a, 0x02, 0x40, 0x03];
    for way in BOTH {
        let answer = server.send(way, Signal::Logs, &bytes).await;
        let (rejected, message) = answer.partial.unwrap();
        assert_eq!(rejected, 0);
        assert!(message.contains("string index"), "{message}");
    }
    assert_eq!(server.logs().iter().map(|log| log.body.as_deref()).collect::<Vec<_>>(), [Some("null"); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn o08_empty_requests_succeed() {
    let server = Server::start().await;
    for signal in Signal::ALL {
        for way in BOTH {
            // Nothing at all, an empty envelope, an envelope with an empty scope.
            for bytes in [&b""[..], &[0x0a, 0x00], &[0x0a, 0x02, 0x12, 0x00]] {
                let answer = server.send(way, signal, bytes).await;
                assert!(answer.is_full_success(), "{signal} {way:?} {bytes:?}: {answer:?}");
            }
        }
        assert!(server.json(signal, "{}").await.is_full_success());
        assert_eq!(server.rows(signal), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o09_what_cannot_be_decoded_is_invalid() {
    let server = Server::start().await;
    let broken_gzip = {
        let mut bytes = gzip(&request(1, 0));
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        bytes
    };
    let not_utf8 = {
        let mut bytes = traces(vec![otlp::Span { name: "\u{1}\u{1}".into(), ..span(0) }]);
        let at = bytes.windows(2).position(|pair| pair == [1, 1] && pair.len() == 2).unwrap();
        let name = bytes.windows(4).position(|four| four == [0x2a, 2, 1, 1]).unwrap_or(at);
        bytes[name + 2] = 0xff;
        bytes
    };
    for way in BOTH {
        for (what, bytes, encoding) in [
            ("cut short", &b"\x0a\xff"[..], ""),
            ("wrong wire type", b"\x08\x01", ""),
            ("not UTF-8", &not_utf8, ""),
            ("no gzip", b"not gzip", "gzip"),
            ("damaged gzip", &broken_gzip, "gzip"),
            ("no zstd", b"not zstd", "zstd"),
        ] {
            let answer = server.send_compressed(way, Signal::Spans, bytes, encoding, &[]).await;
            assert_eq!((answer.code, answer.retry), (3, None), "{what} {way:?}: {answer:?}");
            assert_eq!(answer.status, if way == Way::Http { 400 } else { 200 }, "{what}");
            assert!(answer.details.iter().any(|kind| kind.ends_with("google.rpc.BadRequest")), "{what}: {answer:?}");
            assert!(!answer.message.is_empty());
        }
    }
    for text in ["{", "[]", "nonsense", r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}"#, "\u{0}"] {
        let answer = server.json(Signal::Spans, text).await;
        assert_eq!((answer.status, answer.code), (400, 3), "{text}");
    }
    let path = grpc_path(Signal::Spans);
    for (what, body) in [
        ("no frame", Vec::new()),
        ("half a length", vec![0, 0, 0]),
        ("longer than said", frame(&request(1, 0), false)[..20].to_vec()),
        ("an unknown flag", vec![7, 0, 0, 0, 0]),
        ("compressed, but how", frame(&gzip(&request(1, 0)), true)),
        ("two messages", [frame(&request(1, 0), false), frame(&request(1, 0), false)].concat()),
    ] {
        assert_eq!(server.call(path, &[], body).await.code, 3, "{what}");
    }
    assert_eq!(server.rows(Signal::Spans), 0);
}

fn token(token: &str, tenant: &str, scopes: &[Scope]) -> Token {
    Token { token: token.into(), tenant: tenant.into(), scopes: scopes.into() }
}

/// Every refusal's body is a `Status` in the request's encoding, of the kind the specification gives it.
#[tokio::test(flavor = "multi_thread")]
async fn o10_o11_refusals_are_a_status_in_the_requests_encoding() {
    let auth = Auth::new(vec![token("in", "red", &[Scope::Ingest]), token("out", "red", &[Scope::Read])]);
    let config = Config { body_bytes_max: 1_000, ..Config::default() };
    let server = Server::open(config, auth, Arc::new(OsFiles), 0).await;
    const IN: (&str, &str) = ("authorization", "Bearer in");
    for (content_type, expect_type) in [
        ("application/x-protobuf", "application/x-protobuf"),
        ("Application/X-Protobuf", "application/x-protobuf"),
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("APPLICATION/JSON;charset=UTF-8", "application/json"),
    ] {
        for (path, headers, body, status, code) in [
            ("/v1/traces", vec![IN], vec![0xff], 400, 3),
            ("/v1/traces", vec![], vec![], 401, 16),
            ("/v1/traces", vec![("authorization", "Bearer nobody")], vec![], 401, 16),
            ("/v1/traces", vec![("authorization", "Bearer out")], vec![], 403, 7),
            ("/v1/traces", vec![IN, ("x-scope-orgid", "blue")], vec![], 403, 7),
            ("/v1/traces", vec![IN, ("x-scope-orgid", "a/b")], vec![], 400, 3),
            ("/v1/nothing", vec![IN], vec![], 404, 12),
            ("/v1/traces", vec![IN], vec![0; 1_001], 413, 8),
            ("/v1/traces", vec![IN, ("content-encoding", "br")], vec![], 415, 12),
        ] {
            let answer = server.post(path, content_type, &headers, body).await;
            assert_eq!((answer.status, answer.code), (status, code), "{path} {headers:?} {content_type}: {answer:?}");
            assert_eq!(answer.headers["content-type"], expect_type, "{path} {headers:?} {content_type}");
            assert!(!answer.message.is_empty() && !answer.is_retryable());
        }
    }
    for (headers, code) in [
        (vec![], 16),
        (vec![("authorization", "Bearer out")], 7),
        (vec![IN, ("x-scope-orgid", "blue")], 7),
        (vec![("authorization", "bearer in"), ("x-scope-orgid", "red")], 0),
    ] {
        let answer = server.send_compressed(Way::Grpc, Signal::Spans, &request(1, 0), "", &headers).await;
        assert_eq!(answer.code, code, "{headers:?}: {answer:?}");
    }
    // The answer to an accepted request has the request's content type as well.
    for (content_type, body) in [("application/x-protobuf", vec![]), ("application/json", b"{}".to_vec())] {
        assert_eq!(server.post("/v1/logs", content_type, &[IN], body).await.headers["content-type"], content_type);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o12_unknown_type_method_and_path() {
    let server = Server::start().await;
    for content_type in ["text/plain", "", "application/xml", "application/x-protobufs"] {
        let answer = server.post("/v1/traces", content_type, &[], vec![]).await;
        assert_eq!((answer.status, answer.code), (415, 3), "{content_type:?}");
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = server.request(method, "/v1/traces", "application/json", &[], vec![]).await;
        assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "POST, OPTIONS"), "{method}");
    }
    for path in ["/", "/v1/trace", "/v1/traces/x", "/v2/traces", "/v1/../v1/traces"] {
        assert_eq!(server.json_at(path).await.status, 404, "{path}");
    }
    assert_eq!(server.call("/opentelemetry.proto.collector.trace.v1.TraceService/Import", &[], frame(b"", false)).await.code, 12);
    assert_eq!(server.call("/no.such.Service/Export", &[], frame(b"", false)).await.code, 12);
}

impl Server {
    async fn json_at(&self, path: &str) -> Answer {
        self.post(path, "application/json", &[], b"{}".to_vec()).await
    }
}

/// Storage that cannot take anything now is a passing fault on both transports; nothing of it reads as a lasting one.
#[tokio::test(flavor = "multi_thread")]
async fn o13_o14_passing_faults_are_retryable() {
    let server = Server::start().await;
    server.storage.close().await.unwrap();
    for signal in Signal::ALL {
        let grpc = server.send(Way::Grpc, signal, &one(signal)).await;
        assert_eq!((grpc.code, grpc.is_retryable()), (14, true), "{grpc:?}");
        let http = server.send(Way::Http, signal, &one(signal)).await;
        assert_eq!((http.status, http.code, http.is_retryable()), (503, 14, true), "{http:?}");
        // Whole seconds, never 0.
        assert!(http.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
        let json = server.post(http_path(signal), "application/json", &[], json_of(signal)).await;
        assert_eq!((json.status, json.retry.is_some()), (503, true));
    }
}

fn json_of(signal: Signal) -> Vec<u8> {
    match signal {
        Signal::Spans => {
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}"#
        }
        Signal::Logs => r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#,
        Signal::Metrics => r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"timeUnixNano":1,"asInt":1}]}}]}]}]}"#,
    }
    .into()
}
