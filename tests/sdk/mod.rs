//! Real OpenTelemetry SDKs, each service in a process of its own, compared span by span with what they say they did.
//!
//! The programs are `python/shop.py`, `node/web.mjs`, `go/main.go`, `java/` and `rust.rs`; `.ci/setup test` installs their packages and
//! builds the two that are built, where Go and Maven are on the machine. `telemetrygen`, the Collector's own load generator, is a
//! client too. Elsewhere these say that they were left out.

mod rust;

use crate::harness::{Server, api::Api, eventually, root};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// From the export's acknowledgement to the answer (issue: < 1 s).
const VISIBLE_WITHIN: Duration = Duration::from_secs(1);
const ORDERS: u64 = 15;

struct Service {
    child: Child,
    port: u16,
}

impl Service {
    fn start(mut command: Command, endpoint: &str) -> Self {
        let mut child = command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; run `.ci/setup test` first"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{command:?} did not print its port; run `.ci/setup test` first"));
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Exports everything; the truth and when the last export was acknowledged.
    fn flush(&self) -> (Value, Instant) {
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let truth: Value = client.post(format!("{}/flush", self.url())).send().unwrap().json().unwrap();
        assert_eq!(truth["sent"], true, "the SDK could not export");
        (truth, Instant::now())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `.ci/setup test` made and keeps for this user.
fn cached(path: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache"));
    cache.join("hopline").join(path)
}

pub(crate) fn python() -> PathBuf {
    cached("python/bin/python")
}

/// What `.ci/setup test` builds with `tool`; none, and said so, on a machine without it.
fn built(path: &str, tool: &str) -> Option<PathBuf> {
    if !Command::new(tool).arg(if tool == "go" { "version" } else { "--version" }).output().is_ok_and(|output| output.status.success()) {
        println!("left out: there is no {tool} on this machine");
        return None;
    }
    let path = cached(path);
    assert!(path.exists(), "{} is missing: run `.ci/setup test`", path.display());
    Some(path)
}

fn shop(name: &str, more: &[&str], endpoint: &str) -> Service {
    let mut command = Command::new(python());
    command.arg(root().join("tests/sdk/python/shop.py")).arg(name).args(more);
    Service::start(command, endpoint)
}

fn node(name: &str, next: Option<&str>, endpoint: &str) -> Service {
    let mut command = Command::new("node");
    command.arg(root().join("tests/sdk/node/web.mjs")).arg(name).args(next);
    Service::start(command, endpoint)
}

fn order(service: &Service, n: u64) {
    let answer = reqwest::blocking::get(format!("{}/order?n={n}", service.url())).unwrap();
    assert!(answer.status().is_success());
}

/// Four services over HTTP and gRPC, plain and gzip, with a queue between two of them; traces, logs and metrics.
#[test]
fn python_shop_span_by_span() {
    let server = Server::start();
    let worker = shop("worker", &["--protocol", "grpc"], &server.otlp_grpc());
    let payment = shop("payment", &["--gzip"], &server.otlp_http());
    let checkout = shop("checkout", &["--next", &payment.url(), "--queue", &worker.url(), "--protocol", "grpc", "--gzip"], &server.otlp_grpc());
    let web = shop("web", &["--next", &checkout.url()], &server.otlp_http());
    (1..=ORDERS).for_each(|n| order(&web, n));
    let services = [&worker, &payment, &checkout, &web];
    let truth = compare(&server, &services);
    assert_eq!(truth.spans, ORDERS as usize * 10, "web 3, checkout 4, payment 2, worker 1 an order");
    let api = server.api();
    let found = |q: &str| api.pages(&format!("/api/v1/traces?limit=1000&q={q}")).len() as u64;
    assert_eq!(found("status:error"), ORDERS / 5, "failed payments");
    assert_eq!(found("name:%22process%20orders%22"), ORDERS, "the worker's own traces");
}

/// Two services over OTLP/JSON.
#[test]
fn node_web_span_by_span() {
    let server = Server::start();
    let back = node("back", None, &server.otlp_http());
    let front = node("front", Some(&back.url()), &server.otlp_http());
    (1..=ORDERS).for_each(|n| order(&front, n));
    let truth = compare(&server, &[&back, &front]);
    assert_eq!(truth.spans, ORDERS as usize * 3);
}

/// The SDK for Go: one service over gRPC with gzip, called by one over HTTP with gzip, called by a plain one.
#[test]
fn go_stock_span_by_span() {
    let Some(program) = built("go/stock", "go") else { return };
    let server = Server::start();
    let go = |arguments: &[&str], endpoint: &str| {
        let mut command = Command::new(&program);
        command.args(arguments);
        Service::start(command, endpoint)
    };
    let store = go(&["store", "-protocol", "grpc", "-gzip"], &server.otlp_grpc());
    let stock = go(&["stock", "-gzip", "-next", &store.url()], &server.otlp_http());
    let front = go(&["front", "-protocol", "grpc", "-next", &stock.url()], &server.otlp_grpc());
    (1..=ORDERS).for_each(|n| order(&front, n));
    assert_eq!(compare(&server, &[&store, &stock, &front]).spans, ORDERS as usize * 5);
}

/// The SDK for Java: over gRPC, and over HTTP with gzip.
#[test]
fn java_till_span_by_span() {
    let Some(classes) = built("java/classes", "mvn") else { return };
    let server = Server::start();
    let java = |arguments: &[&str], endpoint: &str| {
        let mut command = Command::new("java");
        command.arg("-cp").arg(format!("{}:{}/*", classes.display(), classes.with_file_name("libraries").display())).arg("Till").args(arguments);
        Service::start(command, endpoint)
    };
    let till = java(&["till", "--protocol", "grpc"], &server.otlp_grpc());
    let desk = java(&["desk", "--gzip", "--next", &till.url()], &server.otlp_http());
    (1..=ORDERS).for_each(|n| order(&desk, n));
    assert_eq!(compare(&server, &[&till, &desk]).spans, ORDERS as usize * 3);
}

/// The SDK for Rust: gRPC, protobuf and JSON over HTTP, all with gzip.
#[test]
fn rust_ledger_span_by_span() {
    let server = Server::start();
    let ways = [("ledger-grpc", rust::Way::Grpc), ("ledger-protobuf", rust::Way::Protobuf), ("ledger-json", rust::Way::Json)];
    // One after the other is exported and looked for: a map is lazy.
    let truths = ways.into_iter().map(|(name, way)| {
        let truth = rust::ledger(name, way, &server.otlp_http(), &server.otlp_grpc(), ORDERS);
        assert_eq!(truth["sent"], true, "{name} could not export");
        (truth, Instant::now())
    });
    assert_eq!(compare_truths(&server, truths).spans, ways.len() * ORDERS as usize * 2);
}

/// The Collector project's own generator: what it says it sent is stored.
#[test]
fn telemetrygen_is_counted() {
    let Some(program) = built("go/telemetrygen", "go") else { return };
    let server = Server::start();
    let (grpc, http) = (server.otlp_grpc(), server.otlp_http());
    let run = |signal: &str, count: &str, more: &[&str]| {
        let mut command = Command::new(&program);
        command.args([signal, "--otlp-insecure", count, "40", "--workers", "2", "--rate", "0"]).args(more);
        let output = command.output().expect("it starts");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {words}");
    };
    let (grpc, http) = (grpc.trim_start_matches("http://"), http.trim_start_matches("http://"));
    for more in [vec!["--otlp-endpoint", grpc], vec!["--otlp-endpoint", http, "--otlp-http"]] {
        run("traces", "--traces", &more);
        run("logs", "--logs", &more);
        run("metrics", "--metrics", &more);
    }
    let api = server.api();
    // Two workers with 40 traces of a parent and a child each, twice; and 40 records each.
    eventually(VISIBLE_WITHIN, || if api.spans_stored() == 2 * 2 * 40 * 2 { Ok(()) } else { Err(api.spans_stored().to_string()) });
    assert_eq!(api.logs_stored(), 2 * 2 * 40);
    let status = api.get("/api/v1/status");
    assert_eq!(status["ingest"]["rejected"], json!({"spans": 0, "logs": 0, "metrics": 0}));
    assert_eq!(status["ingest"]["accepted"]["metrics"], 2 * 2 * 40, "{status}");
}

struct Compared {
    spans: usize,
}

/// Everything the services say they did is found within a second of its acknowledgement, equal, and nothing else.
fn compare(server: &Server, services: &[&Service]) -> Compared {
    compare_truths(server, services.iter().map(|service| service.flush()))
}

fn compare_truths(server: &Server, truths: impl IntoIterator<Item = (Value, Instant)>) -> Compared {
    let api = server.api();
    let mut traces: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let (mut spans, mut logs) = (0, Vec::new());
    let mut slowest = Duration::ZERO;
    for (truth, acknowledged) in truths {
        for span in truth["spans"].as_array().unwrap() {
            spans += 1;
            traces.entry(span["trace_id"].as_str().unwrap().to_string()).or_default().push(span.clone());
        }
        logs.extend(truth["logs"].as_array().unwrap().clone());
        // Asked at once, the newest span of this service must be there by id and by search.
        let newest = truth["spans"].as_array().unwrap().last().unwrap();
        eventually(VISIBLE_WITHIN, || visible(&api, newest));
        slowest = slowest.max(acknowledged.elapsed());
    }
    println!("visible by id and search at most {} ms after the acknowledgement", slowest.as_millis());
    assert!(slowest < VISIBLE_WITHIN, "visible only after {slowest:?}");
    for (id, wanted) in &traces {
        let answer = api.get(&format!("/api/v1/traces/{id}"));
        let seen = answer["spans"].as_array().unwrap();
        assert_eq!(seen.len(), wanted.len(), "trace {id}");
        for span in wanted {
            let found: Vec<&Value> = seen.iter().filter(|seen| seen["span_id"] == span["span_id"]).collect();
            assert_eq!(found.len(), 1, "span {} of trace {id}", span["span_id"]);
            same_span(span, found[0]);
        }
        let wanted_logs = logs.iter().filter(|log| log["trace_id"] == id.as_str());
        let answer = api.get(&format!("/api/v1/traces/{id}/logs?limit=1000"));
        let seen_logs = answer["items"].as_array().unwrap();
        let mut wanted_bodies: Vec<_> = wanted_logs
            .map(|log| {
                (log["span_id"].to_string(), log["service_name"].to_string(), sorted(&log["body"]).to_string(), log["severity_number"].to_string())
            })
            .collect();
        let mut seen_bodies: Vec<_> = seen_logs
            .iter()
            .map(|log| {
                (log["span_id"].to_string(), log["service_name"].to_string(), sorted(&log["body"]).to_string(), log["severity_number"].to_string())
            })
            .collect();
        wanted_bodies.sort();
        seen_bodies.sort();
        assert_eq!(seen_bodies, wanted_bodies, "logs of trace {id}");
    }
    let found = api.get("/api/v1/traces?limit=1000");
    assert_eq!(found["items"].as_array().unwrap().len(), traces.len(), "search finds every trace, and no other");
    assert_eq!((api.spans_stored(), api.logs_stored()), (spans as u64, logs.len() as u64));
    Compared { spans }
}

fn visible(api: &Api, span: &Value) -> Result<(), String> {
    let id = span["trace_id"].as_str().unwrap();
    let (status, answer) = api.ask(&format!("/api/v1/traces/{id}"));
    let by_id = answer["spans"].as_array().is_some_and(|spans| spans.iter().any(|seen| seen["span_id"] == span["span_id"]));
    if status != 200 || !by_id {
        return Err(format!("by id: {status}"));
    }
    let query = format!("service:{}", span["service_name"].as_str().unwrap());
    let found = api.get(&format!("/api/v1/traces?limit=1000&q={query}"));
    if !found["items"].as_array().unwrap().iter().any(|item| item["trace_id"] == id) {
        return Err(format!("by search: {found}"));
    }
    Ok(())
}

fn same_span(wanted: &Value, seen: &Value) {
    let id = &wanted["span_id"];
    for field in ["trace_id", "service_name", "name", "kind", "status_code", "duration_nano"] {
        assert_eq!(seen[field], wanted[field], "{field} of {id}");
    }
    assert_eq!(text_or_none(&seen["parent_span_id"]), text_or_none(&wanted["parent_span_id"]), "parent of {id}");
    assert_eq!(text_or_none(&seen["status_message"]), text_or_none(&wanted["status_message"]), "status message of {id}");
    let nanos: i64 = wanted["start_time_unix_nano"].as_str().unwrap().parse().unwrap();
    assert_eq!(seen["start_time"], hopline_model::UnixNanos(nanos).to_string(), "start of {id}");
    assert_eq!(normal(&seen["attributes"]), normal(&wanted["attributes"]), "attributes of {id}");
    let empty = Vec::new();
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let (wanted_events, seen_events) = (list(wanted, "events"), list(seen, "events"));
    assert_eq!(seen_events.len(), wanted_events.len(), "events of {id}");
    for (wanted, seen) in wanted_events.iter().zip(&seen_events) {
        assert_eq!(seen["name"], wanted["name"], "event of {id}");
        assert_eq!(normal(&seen["attributes"]), normal(&wanted["attributes"]), "event attributes of {id}");
    }
    let links = |value: &Value| {
        value["links"].as_array().unwrap_or(&empty).iter().map(|link| (link["trace_id"].clone(), link["span_id"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(links(seen), links(wanted), "links of {id}");
}

/// Members by name: their order is not the sender's to keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<BTreeMap<_, _>>().into_iter().collect(),
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn text_or_none(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// 64-bit integers beyond 2^53 are text in JSON answers; no attributes may be `{}` or null.
fn normal(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|n| n.unsigned_abs() >= 1 << 53) => json!(number.to_string()),
        Value::Array(list) => list.iter().map(plain).collect(),
        other => other.clone(),
    }
}
