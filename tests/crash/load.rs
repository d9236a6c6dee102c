//! Clients that send all three signals and know what they were told; what must be found afterwards.
//!
//! Some clients never retry, some send the very same bytes again after an error, as SDKs do.

use crate::harness::otlp::{Exporter, GaugeOf, LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, api::Api};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CLIENTS: usize = 6;
pub(super) const RECORDS_PER_REQUEST: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Spans,
    Logs,
    Metrics,
}

/// What a client knows of a request when its life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Acknowledged,
    /// No answer, or a refusal: may be found once, or not at all.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) request: u64,
    pub(super) kind: Kind,
    pub(super) fate: Fate,
}

/// Clients at work.
pub(super) struct Load {
    urls: Arc<Mutex<(String, String)>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    errors: Arc<Mutex<Vec<String>>>,
    clients: Vec<JoinHandle<(Vec<Sent>, u64)>>,
}

/// What the clients of a load did.
#[derive(Default)]
pub(super) struct Done {
    pub(super) sent: Vec<Sent>,
    pub(super) retried: u64,
}

impl Load {
    /// `next` numbers the requests of several loads.
    pub(super) fn start(server: &Server, next: &Arc<AtomicU64>) -> Self {
        Self::start_as(server, next, false)
    }

    /// Records that happened hours ago, in windows that have ended, so that they are merged at once.
    pub(super) fn start_past(server: &Server, next: &Arc<AtomicU64>) -> Self {
        Self::start_as(server, next, true)
    }

    fn start_as(server: &Server, next: &Arc<AtomicU64>, past: bool) -> Self {
        let urls = Arc::new(Mutex::new((server.otlp_http(), server.otlp_grpc())));
        let (stop, acknowledged, errors) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let clients = (0..CLIENTS)
            .map(|number| {
                let client = Client {
                    number,
                    past,
                    urls: urls.clone(),
                    next: next.clone(),
                    stop: stop.clone(),
                    acknowledged: acknowledged.clone(),
                    errors: errors.clone(),
                };
                std::thread::spawn(move || client.run())
            })
            .collect();
        Self { urls, stop, acknowledged, errors, clients }
    }

    /// The server has started again, on other ports.
    pub(super) fn moved(&self, server: &Server) {
        *self.urls.lock().unwrap() = (server.otlp_http(), server.otlp_grpc());
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// What clients were told when they were not acknowledged, lately.
    pub(super) fn errors(&self) -> Vec<String> {
        std::mem::take(&mut self.errors.lock().unwrap())
    }

    pub(super) fn stop(self) -> Done {
        self.stop.store(true, Ordering::SeqCst);
        let mut done = Done::default();
        for client in self.clients {
            let (sent, retried) = client.join().unwrap();
            done.sent.extend(sent);
            done.retried += retried;
        }
        done
    }
}

struct Client {
    number: usize,
    past: bool,
    urls: Arc<Mutex<(String, String)>>,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Client {
    /// Sends until told to stop; even clients repeat a failed request with the same bytes, odd ones go on.
    fn run(self) -> (Vec<Sent>, u64) {
        let retries = self.number.is_multiple_of(2);
        let kind = [Kind::Spans, Kind::Logs, Kind::Metrics][self.number % 3];
        let encoding = Encoding::ALL[self.number % Encoding::ALL.len()];
        let mut exporter = None;
        let (mut sent, mut again) = (Vec::new(), 0);
        while !self.stop.load(Ordering::SeqCst) {
            let request = self.next.fetch_add(1, Ordering::SeqCst);
            let message = message(request, kind, if self.past { HOURS_PAST } else { 0 });
            let mut fate = self.send(&mut exporter, &message, encoding);
            while fate == Fate::Unknown && retries && !self.stop.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
                again += 1;
                fate = self.send(&mut exporter, &message, encoding);
            }
            if fate == Fate::Unknown {
                std::thread::sleep(Duration::from_millis(5));
            }
            sent.push(Sent { request, kind, fate });
        }
        (sent, again)
    }

    fn send(&self, exporter: &mut Option<((String, String), Exporter)>, message: &Message, encoding: Encoding) -> Fate {
        let urls = self.urls.lock().unwrap().clone();
        if exporter.as_ref().is_none_or(|(known, _)| *known != urls) {
            *exporter = Some((urls.clone(), Exporter::new(&urls.0, &urls.1)));
        }
        let (_, exporter) = exporter.as_ref().expect("made above");
        match exporter.try_send(message, encoding) {
            // A duplicate's answer is a success that says so.
            Ok(said) if said.rejected == 0 => {
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                Fate::Acknowledged
            }
            Ok(said) => panic!("rejected: {said:?}"),
            Err(error) => {
                let mut errors = self.errors.lock().unwrap();
                errors.push(error);
                let extra = errors.len().saturating_sub(200);
                errors.drain(..extra);
                Fate::Unknown
            }
        }
    }
}

/// Over so many hours the records of a past load are spread; the newest happened an hour ago.
pub(super) const HOURS_PAST: u64 = 20;

fn message(request: u64, kind: Kind, hours_past: u64) -> Message {
    let ago = if hours_past > 0 { request % hours_past + 1 } else { 0 };
    let now = now_nano() - ago * 3_600_000_000_000;
    let mark = |record: u64| Map::from_iter([("request".to_string(), json!(request)), ("record".to_string(), json!(record))]);
    let records = 0..RECORDS_PER_REQUEST;
    match kind {
        Kind::Spans => {
            let span = |record: u64| SpanOf {
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
            };
            Message::spans(now, &records.map(span).collect::<Vec<_>>())
        }
        Kind::Logs => {
            let log = |record: u64| LogOf {
                service: "crash".into(),
                at_ms: 0.0,
                severity: 9,
                body: Value::String(format!("request {request} record {record}")),
                trace: String::new(),
                span: String::new(),
                attributes: mark(record),
            };
            Message::logs(now, &records.map(log).collect::<Vec<_>>())
        }
        Kind::Metrics => {
            let gauge = |record: u64| GaugeOf {
                service: "crash".into(),
                name: "crash.gauge".into(),
                at_ms: 0.0,
                value: record as f64,
                attributes: mark(record),
            };
            Message::gauges(now, &records.map(gauge).collect::<Vec<_>>())
        }
    }
}

/// By request, which of its records are there.
type Found = HashMap<u64, HashSet<u64>>;

/// Every request of `sent` against what is found since `from_nano`: acknowledged whole, unknown whole or not at all, nothing twice.
pub(super) fn check(api: &Api, sent: &[Sent], from_nano: u64, what: &str) {
    let (spans, logs, metrics) = (found_spans(api, from_nano), found_logs(api, from_nano), found_metrics(api, from_nano));
    for request in sent {
        let found = match request.kind {
            Kind::Spans => &spans,
            Kind::Logs => &logs,
            Kind::Metrics => &metrics,
        };
        let rows = found.get(&request.request).map_or(0, HashSet::len) as u64;
        match request.fate {
            Fate::Acknowledged => assert_eq!(
                rows, RECORDS_PER_REQUEST,
                "{what}: request {} was acknowledged; of its {RECORDS_PER_REQUEST} {:?} {rows} are found",
                request.request, request.kind
            ),
            Fate::Unknown => assert!(
                rows == 0 || rows == RECORDS_PER_REQUEST,
                "{what}: request {} had no answer and is there in part: {rows} of {RECORDS_PER_REQUEST} {:?}",
                request.request,
                request.kind
            ),
        }
    }
}

fn add(found: &mut Found, request: u64, record: u64) {
    assert!(found.entry(request).or_default().insert(record), "record {record} of request {request} is found twice");
}

fn marks(attributes: &Value) -> (u64, u64) {
    let number = |value: &Value| value.as_u64().expect("a number");
    (number(&attributes["request"]), number(&attributes["record"]))
}

fn found_spans(api: &Api, from_nano: u64) -> Found {
    let mut found = Found::new();
    for span in api.pages(&format!("/api/v1/spans?from={from_nano}&limit=1000")) {
        let (request, record) = marks(&span["attributes"]);
        add(&mut found, request, record);
    }
    found
}

fn found_logs(api: &Api, from_nano: u64) -> Found {
    let mut found = Found::new();
    for log in api.pages(&format!("/api/v1/logs?from={from_nano}&limit=1000")) {
        let (request, record) = marks(&log["attributes"]);
        add(&mut found, request, record);
    }
    found
}

fn found_metrics(api: &Api, from_nano: u64) -> Found {
    let query = format!(
        "SELECT attributes['request'] AS request, attributes['record'] AS record FROM metrics WHERE name = 'crash.gauge' AND time >= to_timestamp_nanos({from_nano})"
    );
    let (status, answer) = api.post("/api/v1/sql", &json!({"query": query}));
    assert_eq!(status, 200, "{answer}");
    let mut found = Found::new();
    for row in answer["rows"].as_array().expect("rows") {
        let number = |name: &str| row[name].as_str().and_then(|text| text.parse().ok()).expect("a number as text");
        add(&mut found, number("request"), number("record"));
    }
    found
}

pub(super) fn now_nano() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}
