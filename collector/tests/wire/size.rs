//! O1 to O3: compressions, and limits that hold after decompression.

use crate::harness::{BOTH, Server, Way, gzip, one, request, span, traces};
use hopline_collector::Config;
use hopline_model::Signal;

#[tokio::test(flavor = "multi_thread")]
async fn o01_compressions_of_all_signals_on_both_transports() {
    let server = Server::start().await;
    let mut sent = 0;
    for encoding in ["", "identity", "gzip", "zstd"] {
        for signal in Signal::ALL {
            for way in BOTH {
                let answer = server.send_encoded(way, signal, &one(signal), encoding).await;
                assert!(answer.is_full_success(), "{signal} {encoding:?} {way:?}: {answer:?}");
            }
        }
        sent += BOTH.len();
        assert!(Signal::ALL.iter().all(|signal| server.rows(*signal) == sent));
    }
    assert!(server.send_encoded(Way::Http, Signal::Spans, &request(1, 0), "deflate").await.is_full_success());
    // Two gzip members one after the other are one body.
    let bytes = request(3, 0);
    let members = [gzip(&bytes[..10]), gzip(&bytes[10..])].concat();
    for way in BOTH {
        let before = server.rows(Signal::Spans);
        assert!(server.send_compressed(way, Signal::Spans, &members, "gzip", &[]).await.is_full_success());
        assert_eq!(server.rows(Signal::Spans) - before, 3);
    }
    // A frame that is not compressed may come on a call that could be.
    let plain = server.call(crate::harness::grpc_path(Signal::Spans), &[("grpc-encoding", "gzip")], crate::harness::frame(&bytes, false)).await;
    assert!(plain.is_full_success());
}

/// Larger than the pieces it is expanded in: put together again it is the same request.
#[tokio::test(flavor = "multi_thread")]
async fn o01_large_compressed_requests_come_through_whole() {
    let server = Server::start().await;
    let bytes = request(100_000, 0);
    assert!(bytes.len() > 3 << 20);
    for (at, encoding) in ["gzip", "zstd", "deflate"].into_iter().enumerate() {
        let way = if encoding == "deflate" { Way::Http } else { BOTH[at % 2] };
        assert!(server.send_encoded(way, Signal::Spans, &bytes, encoding).await.is_full_success(), "{encoding}");
        assert_eq!(server.rows(Signal::Spans), 100_000 * (at + 1), "{encoding}");
    }
}

const LIMIT: usize = 100_000;

/// A request of exactly so many bytes.
fn of_size(bytes: usize) -> Vec<u8> {
    let named = |length: usize| traces(vec![opentelemetry_proto::tonic::trace::v1::Span { name: "n".repeat(length), ..span(0) }]);
    let around = named(bytes - 200).len() - (bytes - 200);
    let request = named(bytes - around);
    assert_eq!(request.len(), bytes);
    request
}

async fn limits(way: Way) {
    let server = Server::with(Config { body_bytes_max: LIMIT, ..Config::default() }).await;
    for encoding in ["", "gzip", "zstd"] {
        for (bytes, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
            let answer = server.send_encoded(way, Signal::Spans, &of_size(bytes), encoding).await;
            assert_eq!(answer.is_full_success(), fits, "{bytes} {encoding:?}: {answer:?}");
            if !fits {
                let expect = if way == Way::Http { (413, 8) } else { (200, 8) };
                assert_eq!(((answer.status, answer.code), answer.retry, answer.is_retryable()), (expect, None, false), "{answer:?}");
                assert!(!answer.headers.contains_key("retry-after") && answer.message.contains("100000 bytes"), "{answer:?}");
            }
        }
    }
    assert_eq!(server.rows(Signal::Spans), 6);
    // Bombs that are small on the wire: what comes out is limited, not what goes in. What they cost is measured in `tests/overload`.
    for (encoding, bomb) in [("gzip", gzip(&vec![0; 64 << 20])), ("zstd", zstd::encode_all(&vec![0; 64 << 20][..], 19).unwrap())] {
        assert!(bomb.len() < LIMIT, "{encoding}: {} bytes", bomb.len());
        let answer = server.send_compressed(way, Signal::Spans, &bomb, encoding, &[]).await;
        assert_eq!((answer.status, answer.code, answer.retry), (if way == Way::Http { 413 } else { 200 }, 8, None));
    }
    // A second bomb inside the first is not opened: chained encodings are refused.
    if way == Way::Http {
        assert_eq!(server.send_compressed(way, Signal::Spans, b"", "gzip, gzip", &[]).await.status, 415);
    }
    assert!(server.send(way, Signal::Spans, &request(1, 0)).await.is_full_success(), "the door is still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn o02_grpc_limits_after_decompression() {
    limits(Way::Grpc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o03_http_limits_after_decompression() {
    limits(Way::Http).await;
}

/// A body far over the limit, as a client that reads its answer only after it has sent everything: it gets the answer, not a reset.
#[tokio::test(flavor = "multi_thread")]
async fn o03_too_large_is_answered_not_reset() {
    let server = Server::with(Config { body_bytes_max: LIMIT, ..Config::default() }).await;
    for _ in 0..5 {
        let answer = server.send(Way::Http, Signal::Spans, &vec![0; 32 << 20]).await;
        assert_eq!((answer.status, answer.code), (413, 8));
    }
}
