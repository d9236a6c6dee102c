//! kill -9 under load: every acknowledged record is found again, none twice; a byte-identical retry is stored once.
//!
//! Clients of two kinds send small requests as fast as they can: some never retry, some send the very same bytes again after an
//! error, as SDKs do. The server is killed at a random moment, started again, and asked. `HOPLINE_TORTURE_ROUNDS` sets the rounds.

use crate::harness::otlp::{LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, api::Api};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// In CI; `make torture` runs 200.
const ROUNDS_DEFAULT: u32 = 10;
const CLIENTS: usize = 4;
const RECORDS_PER_REQUEST: u64 = 20;

/// What a client knows of a request when its life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    /// No answer: may be found once, or not at all.
    Unknown,
}

struct Sent {
    request: u64,
    traces: bool,
    fate: Fate,
}

#[test]
fn acknowledged_is_found_once_after_kill() {
    let rounds = std::env::var("HOPLINE_TORTURE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS_DEFAULT);
    let seed = std::env::var("HOPLINE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::start();
    let next = Arc::new(AtomicU64::new(1));
    let mut all: Vec<Sent> = Vec::new();
    let mut retried = 0;
    let first = now_nano();
    for round in 1..=rounds {
        let (known, began) = (all.len(), now_nano());
        let stop = Arc::new(AtomicBool::new(false));
        let urls = Arc::new(Mutex::new((server.otlp_http(), server.otlp_grpc())));
        let clients: Vec<_> = (0..CLIENTS).map(|client| spawn_client(client, urls.clone(), next.clone(), stop.clone())).collect();
        std::thread::sleep(Duration::from_millis(random.random_range(20..400)));
        server.kill();
        server.start_again();
        *urls.lock().unwrap() = (server.otlp_http(), server.otlp_grpc());
        // The clients that retry reach the new server now; then all stop.
        std::thread::sleep(Duration::from_millis(100));
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            let (sent, again) = client.join().unwrap();
            all.extend(sent);
            retried += again;
        }
        server.api().wait_replayed();
        check(&server.api(), &all[known..], began, round);
        // Every tenth round the rows are moved into blocks by a clean stop, and everything is asked for again.
        if round % 10 == 0 || round == rounds {
            server.stop();
            server.start_again();
            check(&server.api(), &all, first, round);
        }
    }
    let acknowledged = all.iter().filter(|sent| sent.fate == Fate::Acknowledged).count() as u64;
    println!(
        "{rounds} rounds of kill -9 (seed {seed}): {} records acknowledged in {acknowledged} requests, all found, none twice; {} requests unknown; {retried} byte-identical retries",
        acknowledged * RECORDS_PER_REQUEST,
        all.len() as u64 - acknowledged
    );
    assert!(acknowledged > u64::from(rounds), "the load was too small to mean anything");
}

/// Sends until told to stop; even clients repeat a failed request with the same bytes, odd ones go on.
fn spawn_client(
    client: usize,
    urls: Arc<Mutex<(String, String)>>,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<(Vec<Sent>, u64)> {
    std::thread::spawn(move || {
        let retries = client.is_multiple_of(2);
        let traces = client < CLIENTS / 2;
        let encoding = Encoding::ALL[client % Encoding::ALL.len()];
        let (mut sent, mut again) = (Vec::new(), 0);
        while !stop.load(Ordering::SeqCst) {
            let request = next.fetch_add(1, Ordering::SeqCst);
            let message = message(request, traces);
            let mut fate = send(&urls, &message, encoding);
            while fate == Fate::Unknown && retries && !stop.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
                again += 1;
                fate = send(&urls, &message, encoding);
            }
            if fate == Fate::Unknown {
                std::thread::sleep(Duration::from_millis(5));
            }
            sent.push(Sent { request, traces, fate });
        }
        (sent, again)
    })
}

fn send(urls: &Mutex<(String, String)>, message: &Message, encoding: Encoding) -> Fate {
    let (http, grpc) = urls.lock().unwrap().clone();
    match crate::harness::otlp::Exporter::new(&http, &grpc).try_send(message, encoding) {
        // A duplicate's answer is a success that says so.
        Ok(said) if said.rejected == 0 => Fate::Acknowledged,
        Ok(said) => panic!("rejected: {said:?}"),
        Err(_) => Fate::Unknown,
    }
}

fn message(request: u64, traces: bool) -> Message {
    let now = now_nano();
    let mark = |record: u64| Map::from_iter([("request".to_string(), json!(request)), ("record".to_string(), json!(record))]);
    if traces {
        let spans: Vec<SpanOf> = (0..RECORDS_PER_REQUEST)
            .map(|record| SpanOf {
                service: "crash".into(),
                resource: Map::new(),
                trace: format!("{request:032x}"),
                span: format!("{:016x}", record + 1),
                parent: String::new(),
                name: "work".into(),
                kind: 1,
                at_ms: 0.0,
                ms: 1.0,
                status: 0,
                message: String::new(),
                attributes: mark(record),
                events: vec![],
                links: vec![],
            })
            .collect();
        Message::spans(now, &spans)
    } else {
        let logs: Vec<LogOf> = (0..RECORDS_PER_REQUEST)
            .map(|record| LogOf {
                service: "crash".into(),
                at_ms: 0.0,
                severity: 9,
                body: Value::String(format!("request {request} record {record}")),
                trace: String::new(),
                span: String::new(),
                attributes: mark(record),
            })
            .collect();
        Message::logs(now, &logs)
    }
}

/// Every request of `sent` against what is found since `from_nano`.
fn check(api: &Api, sent: &[Sent], from_nano: u64, round: u32) {
    let logs = found_logs(api, from_nano);
    for request in sent {
        let rows = if request.traces { found_spans(api, request.request) } else { logs.get(&request.request).map_or(0, HashSet::len) as u64 };
        let kind = if request.traces { "spans" } else { "logs" };
        match request.fate {
            Fate::Acknowledged => {
                assert_eq!(
                    rows, RECORDS_PER_REQUEST,
                    "round {round}: request {} was acknowledged; of its {RECORDS_PER_REQUEST} {kind} {rows} are found",
                    request.request
                );
            }
            Fate::Unknown => {
                assert!(
                    rows == 0 || rows == RECORDS_PER_REQUEST,
                    "round {round}: request {} had no answer and is there in part: {rows} of {RECORDS_PER_REQUEST} {kind}",
                    request.request
                );
            }
        }
    }
}

/// The spans of one request, which are one trace; none twice.
fn found_spans(api: &Api, request: u64) -> u64 {
    let (status, answer) = api.ask(&format!("/api/v1/traces/{request:032x}"));
    if status == 404 {
        return 0;
    }
    assert_eq!(status, 200, "{answer}");
    let spans = answer["spans"].as_array().expect("spans");
    let distinct: HashSet<&str> = spans.iter().map(|span| span["span_id"].as_str().expect("an id")).collect();
    assert_eq!(distinct.len(), spans.len(), "request {request} holds a span twice");
    spans.len() as u64
}

/// Every log record, page by page: by request, which of its records are there; none twice.
fn found_logs(api: &Api, from_nano: u64) -> HashMap<u64, HashSet<u64>> {
    let number = |value: &Value| value.as_u64().expect("a number");
    let mut found: HashMap<u64, HashSet<u64>> = HashMap::new();
    for log in api.pages(&format!("/api/v1/logs?from={from_nano}&limit=1000")) {
        let (request, record) = (number(&log["attributes"]["request"]), number(&log["attributes"]["record"]));
        assert!(found.entry(request).or_default().insert(record), "record {record} of request {request} is found twice");
    }
    found
}

fn now_nano() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}
