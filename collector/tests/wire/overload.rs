//! O13, O15, O40 again, and what an exporter must not be able to do: hold the memory, the connections or the time of the others.

use crate::harness::{BOTH, Server, Way, one, request, span, traces};
use hopline_collector::Config;
use hopline_model::Signal;
use hopline_model::auth::{Auth, Scope, Token};
use hopline_storage::objects::{File, FileIo, OsFiles};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Files whose `sync` waits while the gate is shut.
#[derive(Debug, Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().unwrap();
        while *shut {
            shut = self.opened.wait(shut).unwrap();
        }
    }
}

#[derive(Debug)]
struct Gated(Arc<Gate>);

#[derive(Debug)]
struct GatedFile(Arc<dyn File>, Arc<Gate>);

impl FileIo for Gated {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(GatedFile(OsFiles.create(path)?, self.0.clone())))
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(GatedFile(OsFiles.open(path)?, self.0.clone())))
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        OsFiles.create_dir_all(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsFiles.sync_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFiles.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFiles.remove(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        OsFiles.list(path)
    }
    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        OsFiles.space(path)
    }
}

impl File for GatedFile {
    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.0.preallocate(len)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync()
    }
}

/// No answer leaves before the sync of its bytes has returned. (That nothing acknowledged is lost by kill -9 is shown in `tests/crash`.)
#[tokio::test(flavor = "multi_thread")]
async fn o40_no_answer_before_it_is_durable() {
    let gate = Arc::new(Gate::default());
    let server = Arc::new(Server::open(Config::default(), Auth::default(), Arc::new(Gated(gate.clone())), 0).await);
    assert!(server.send(Way::Http, Signal::Spans, &request(1, 0)).await.is_full_success());
    gate.set(true);
    let answered = Arc::new(AtomicBool::new(false));
    let calls: Vec<_> = BOTH
        .into_iter()
        .flat_map(|way| Signal::ALL.map(|signal| (way, signal)))
        .map(|(way, signal)| {
            let (server, answered) = (server.clone(), answered.clone());
            tokio::spawn(async move {
                let answer = server.send(way, signal, &one(signal)).await;
                answered.store(true, Ordering::SeqCst);
                answer
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!answered.load(Ordering::SeqCst), "answered before it was synced");
    gate.set(false);
    for call in calls {
        assert!(call.await.unwrap().is_full_success());
    }
    assert_eq!((server.rows(Signal::Spans), server.rows(Signal::Logs), server.rows(Signal::Metrics)), (3, 2, 2));
}

/// A full budget refuses early, with a hint that grows and differs from client to client; both transports say so in their own way.
#[tokio::test(flavor = "multi_thread")]
async fn o13_o15_overload_is_retryable_with_a_jittered_hint() {
    let gate = Arc::new(Gate::default());
    let config = Config { in_flight_bytes_max: 2_000, admission_wait_ms: 20, ..Config::default() };
    let server = Arc::new(Server::open(config, Auth::default(), Arc::new(Gated(gate.clone())), 0).await);
    gate.set(true);
    let held = tokio::spawn({
        let server = server.clone();
        async move { server.send(Way::Http, Signal::Spans, &traces((0..20).map(span).collect())).await }
    });
    while server.collector.status()["in_flight_bytes"].as_u64().unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut hints = Vec::new();
    for at in 0..20 {
        let began = Instant::now();
        let large = traces((0..40).map(span).collect());
        let answer = server.send(BOTH[at % 2], Signal::Spans, &large).await;
        assert!(answer.is_retryable() && began.elapsed() < Duration::from_millis(500), "{answer:?}");
        let hint = answer.retry.unwrap();
        assert!(Duration::from_secs(1) <= hint && hint <= Duration::from_secs(12), "{hint:?}");
        match BOTH[at % 2] {
            Way::Grpc => assert_eq!(answer.code, 14),
            Way::Http => {
                assert_eq!((answer.status, answer.code), (429, 14));
                let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!(seconds >= 1 && Duration::from_secs(seconds) >= hint, "rounded up: {seconds} s for {hint:?}");
            }
        }
        hints.push(hint);
    }
    hints.dedup();
    assert!(hints.len() > 15, "not all clients come back at once: {hints:?}");
    gate.set(false);
    assert!(held.await.unwrap().is_full_success());
    let began = Instant::now();
    while !server.send(Way::Grpc, Signal::Spans, &request(1, 0)).await.is_full_success() {
        assert!(began.elapsed() < Duration::from_secs(2), "recovers at once");
    }
    assert!(server.metrics().contains("hopline_collector_refused_requests_total{reason=\"overloaded\"} 20"));
}

/// A noisy token is refused; a quiet one beside it is not, and waits no longer for that.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_token_is_not_disturbed() {
    let token = |token: &str| Token { token: token.into(), tenant: "default".into(), scopes: vec![Scope::Ingest] };
    let gate = Arc::new(Gate::default());
    let config = Config { in_flight_bytes_max: 1_000_000, admission_wait_ms: 10, ..Config::default() };
    let auth = Auth::new(vec![token("noisy"), token("quiet")]);
    let pair =
        |at: usize| opentelemetry_proto::tonic::common::v1::KeyValue { key: format!("an.attribute.without.a.value.{at}"), ..Default::default() };
    let rich = |at: u64| opentelemetry_proto::tonic::trace::v1::Span { attributes: (0..10).map(pair).collect(), ..span(at) };
    let server = Arc::new(Server::open(config, auth, Arc::new(Gated(gate.clone())), 0).await);
    gate.set(true);
    let noisy: Vec<_> = (0..60)
        .map(|at| {
            let server = server.clone();
            let body = traces((0..200).map(rich).collect());
            tokio::spawn(async move { server.send_compressed(BOTH[at % 2], Signal::Spans, &body, "", &[("authorization", "Bearer noisy")]).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let quiet: Vec<_> = (0..10)
        .map(|at| {
            let server = server.clone();
            tokio::spawn(async move {
                server.send_compressed(BOTH[at % 2], Signal::Spans, &request(10, 0), "", &[("authorization", "Bearer quiet")]).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    gate.set(false);
    let mut refused = 0;
    for answer in noisy {
        let answer = answer.await.unwrap();
        assert!(answer.is_full_success() || answer.is_retryable());
        refused += usize::from(!answer.is_full_success());
    }
    for answer in quiet {
        assert!(answer.await.unwrap().is_full_success(), "the quiet one is never refused");
    }
    println!("noisy: {refused} of 60 refused; quiet: 0 of 10");
    assert!(refused > 30);
}

/// Bodies that never come hold a little of the budget for a little while; whoever sends properly gets through beside them.
#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_hold_little_and_end() {
    let config = Config { body_stall_timeout_ms: 400, body_timeout_ms: 1_200, in_flight_bytes_max: 8 << 20, ..Config::default() };
    let server = Server::with(config).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address(Way::Http)).await.unwrap();
        stream
            .write_all(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 50000\r\n\r\nxx")
            .await
            .unwrap();
        silent.push(stream);
    }
    let began = Instant::now();
    assert!(server.send(Way::Http, Signal::Spans, &request(1, 0)).await.is_full_success());
    assert!(began.elapsed() < Duration::from_millis(300), "nobody waits for them");
    for mut stream in silent {
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 503") && String::from_utf8_lossy(&answer).contains("retry-after"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    // One that trickles is cut off too: a byte now and then does not keep it alive.
    let mut trickle = TcpStream::connect(server.address(Way::Http)).await.unwrap();
    trickle.write_all(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    let (mut read, mut write) = trickle.into_split();
    let writer = tokio::spawn(async move {
        while write.write_all(b"1\r\n \r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = Vec::new();
    let began = Instant::now();
    tokio::time::timeout(Duration::from_secs(4), read.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503") && began.elapsed() > Duration::from_millis(900));
    writer.abort();
    assert_eq!(server.collector.status()["in_flight_bytes"], 0);
}

/// Connections over the limits are closed at once; those that say nothing, soon; the place is given back.
#[tokio::test(flavor = "multi_thread")]
async fn floods_of_connections_are_bounded() {
    let config = Config { connections_max: 50, connections_per_address_max: 40, first_byte_timeout_ms: 500, ..Config::default() };
    let server = Server::with(config).await;
    let mut open = Vec::new();
    for _ in 0..60 {
        open.push(TcpStream::connect(server.address(Way::Http)).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let status = server.collector.status();
    assert_eq!(status["connections"], 40, "{status}");
    assert!(server.metrics().contains("hopline_collector_connections_refused_total 20\n"));
    // The silent ones are closed after first_byte_timeout_ms, and others get in.
    let began = Instant::now();
    while server.collector.status()["connections"].as_u64().unwrap() > 0 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(server.send(Way::Http, Signal::Spans, &request(1, 0)).await.is_full_success());
    drop(open);
}

/// Streams that are opened and reset as fast as they can be: the connection ends, and the others are served.
#[tokio::test(flavor = "multi_thread")]
async fn rapid_reset_is_bounded() {
    let server = Server::start().await;
    let mut raw = TcpStream::connect(server.address(Way::Grpc)).await.unwrap();
    raw.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    // :method POST, :scheme http, :path /, each from the static table; then RST_STREAM(CANCEL).
    let mut flood = Vec::new();
    for stream in (1..20_001_u32).map(|at| (2 * at - 1).to_be_bytes()) {
        flood.extend_from_slice(&[0, 0, 3, 1, 4]);
        flood.extend_from_slice(&stream);
        flood.extend_from_slice(&[0x83, 0x86, 0x84]);
        flood.extend_from_slice(&[0, 0, 4, 3, 0]);
        flood.extend_from_slice(&stream);
        flood.extend_from_slice(&[0, 0, 0, 8]);
    }
    let (mut read, mut write) = raw.into_split();
    let writer = tokio::spawn(async move { write.write_all(&flood).await });
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), read.read_to_end(&mut answer)).await;
    // GOAWAY (type 7), then the end.
    assert!(ended.is_ok(), "the connection goes on");
    assert!(answer.windows(5).any(|frame| frame[3] == 7 && frame[0] == 0), "a GOAWAY says why");
    writer.abort();
    let began = Instant::now();
    assert!(server.send(Way::Grpc, Signal::Spans, &request(1, 0)).await.is_full_success());
    assert!(began.elapsed() < Duration::from_secs(1));
}

/// Limits of one record and of one request are partial rejections, exact in count, with the setting's name.
#[tokio::test(flavor = "multi_thread")]
async fn records_over_a_limit_are_rejected_and_counted() {
    let config = Config { records_per_request_max: 50, attributes_per_record_max: 5, events_per_span_max: 3, ..Config::default() };
    let server = Server::with(config).await;
    let pair = |at: usize| opentelemetry_proto::tonic::common::v1::KeyValue { key: format!("k{at}"), ..Default::default() };
    let many = |attributes: usize, events: usize, links: usize| opentelemetry_proto::tonic::trace::v1::Span {
        attributes: (0..attributes).map(pair).collect(),
        events: vec![Default::default(); events],
        links: vec![Default::default(); links],
        ..span(0)
    };
    for way in BOTH {
        let spans = vec![many(5, 3, 3), many(6, 0, 0), many(0, 4, 0), many(0, 0, 4), many(2_000, 2_000, 2_000)];
        let (rejected, words) = server.send(way, Signal::Spans, &traces(spans)).await.partial.unwrap();
        assert_eq!(rejected, 4);
        assert!(words.contains("attributes_per_record_max") && words.contains("events_per_span_max"), "{words}");
        let (rejected, words) = server.send(way, Signal::Spans, &request(70, 0)).await.partial.unwrap();
        assert!(rejected == 20 && words.contains("20 × more records in one request"), "{words}");
        // The smallest records there are: 2 bytes each, none stored beyond the limit.
        let empty = [&[0x0a, 0x84, 0x80, 0x40, 0x12, 0x80, 0x80, 0x40][..], &[0x12, 0x00].repeat(1 << 19)].concat();
        let answer = server.send(way, Signal::Logs, &empty).await;
        assert_eq!(answer.partial.unwrap().0, (1 << 19) - 50);
    }
    assert_eq!((server.rows(Signal::Spans), server.rows(Signal::Logs)), (2 * 51, 2 * 50));
}

/// New services and series beyond the limit are rejected, known ones are not; nobody else is affected.
#[tokio::test(flavor = "multi_thread")]
async fn cardinality_is_limited_by_tenant() {
    let server = Server::with(Config { services_per_tenant_max: 10, series_per_tenant_max: 100, ..Config::default() }).await;
    let points = |from: usize, to: usize| {
        let points = (from..to).map(|at| format!(r#"{{"timeUnixNano":1,"asInt":1,"attributes":[{{"key":"user","value":{{"intValue":{at}}}}}]}}"#));
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
            points.collect::<Vec<_>>().join(",")
        )
    };
    assert!(server.json(Signal::Metrics, &points(0, 90)).await.is_full_success());
    let (rejected, words) = server.json(Signal::Metrics, &points(0, 150)).await.partial.unwrap();
    assert!(rejected == 50 && words.contains("series_per_tenant_max"), "{rejected}: {words}");
    assert!(server.json(Signal::Metrics, &points(0, 100)).await.is_full_success(), "known series stay welcome");
    assert_eq!(server.json(Signal::Metrics, &points(1_000, 21_000)).await.partial.unwrap().0, 20_000);
    let other = server.post("/v1/metrics", "application/json", &[("x-scope-orgid", "other")], points(200, 300).into_bytes()).await;
    assert!(other.is_full_success(), "another tenant has its own");
    let service = |name: usize| {
        format!(
            r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"s{name}"}}}}]}},"scopeLogs":[{{"logRecords":[{{}}]}}]}}]}}"#
        )
    };
    // The metrics above came from one service without a name.
    for name in 0..20 {
        let answer = server.json(Signal::Logs, &service(name)).await;
        assert_eq!(answer.is_full_success(), name < 9, "{name}: {answer:?}");
    }
    assert!(server.metrics().contains("hopline_collector_series 200\n"));
}

/// Wishes for memory by size alone are not granted: what is promised is not what is held.
#[tokio::test(flavor = "multi_thread")]
async fn one_request_may_take_the_whole_budget_but_not_more() {
    let config = Config { in_flight_bytes_max: 200_000, ..Config::default() };
    let server = Server::with(config).await;
    for way in BOTH {
        let body = traces((0..20_000).map(span).collect());
        assert!(body.len() > 200_000);
        assert!(server.send(way, Signal::Spans, &body).await.is_full_success(), "larger than the budget: alone, it is let in");
    }
    assert_eq!(server.collector.status()["in_flight_bytes"], 0);
}
