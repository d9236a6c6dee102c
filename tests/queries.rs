//! Questions as things of their own: seen while they work, stopped by id and by leaving, explained; and counts that are the truth while rows move.

use crate::harness::otlp::{LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, eventually};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn now_nano() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn span(number: u64) -> SpanOf {
    SpanOf {
        service: "shop".into(),
        resource: Default::default(),
        trace: format!("{:032x}", number / 4 + 1),
        span: format!("{:016x}", number + 1),
        parent: String::new(),
        name: format!("step {}", number % 7),
        kind: 2,
        at_ms: 0.0,
        ms: (number % 100) as f64,
        status: if number.is_multiple_of(10) { 2 } else { 0 },
        message: String::new(),
        attributes: Default::default(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn log(number: u64) -> LogOf {
    LogOf {
        service: "shop".into(),
        at_ms: 0.0,
        severity: if number.is_multiple_of(10) { 17 } else { 9 },
        body: Value::String(format!("order {number} paid")),
        trace: String::new(),
        span: String::new(),
        attributes: Default::default(),
    }
}

/// Would work for minutes: every span beside every other, twice.
const LONG: &str = "select count(*) from spans a, spans b, spans c where a.duration_nano + b.duration_nano > c.duration_nano";

fn at_work(server: &Server) -> Vec<Value> {
    server.api().get("/api/v1/queries")["items"].as_array().unwrap().clone()
}

fn working(server: &Server, id: &str) -> Value {
    let (question, _) = eventually(Duration::from_secs(20), || {
        at_work(server)
            .into_iter()
            .find(|question| question["id"] == id && question["state"] == "working")
            .ok_or_else(|| format!("{id} is not at work"))
    });
    question
}

fn nothing_at_work(server: &Server) {
    eventually(Duration::from_secs(5), || match at_work(server).as_slice() {
        [] => Ok(()),
        some => Err(format!("{some:?}")),
    });
}

/// A question at work is listed for its tenant alone, with how far it is. It ends when it is stopped by its id, when its client leaves, and on Ctrl-C; its place is then free.
#[test]
fn a_question_is_seen_and_stopped() {
    let settings = [("HOPLINE_QUERY__CONCURRENCY", "1"), ("HOPLINE_QUERY__TIMEOUT_MS", "600000"), ("HOPLINE_QUERY__SQL_MEMORY_BYTES", "400000000")];
    let server = Server::with(&[], &settings);
    let spans: Vec<SpanOf> = (0..2000).map(span).collect();
    server.exporter().send(&Message::spans(now_nano(), &spans), Encoding::Protobuf);

    let (status, answer, took) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let (status, answer) = server.api().post("/api/v1/sql?query_id=long", &json!({"query": LONG}));
            (status, answer, Instant::now())
        });
        let seen = working(&server, "long");
        assert_eq!(seen["path"], "/api/v1/sql");
        assert!(seen["elapsed_nano"].as_u64().unwrap() > 0 && seen["started"].is_string(), "{seen}");
        assert_eq!(server.api().get("/api/v1/queries/long")["id"], "long");
        let other = server.api().tenant("other");
        assert_eq!(other.get("/api/v1/queries")["items"], json!([]));
        assert_eq!(other.delete("/api/v1/queries/long").0, 404);
        // Others wait for its place, and can be stopped while they do.
        let waiting = scope.spawn(|| server.api().ask("/api/v1/spans?query_id=next&limit=1"));
        eventually(Duration::from_secs(5), || {
            let found = at_work(&server).into_iter().any(|question| question["id"] == "next" && question["state"] == "waiting");
            if found { Ok(()) } else { Err("the next one does not wait".into()) }
        });
        assert_eq!(server.api().delete("/api/v1/queries/next").0, 200);
        assert_eq!(waiting.join().unwrap().0, 499);
        let stopped = Instant::now();
        assert_eq!(server.api().delete("/api/v1/queries/long"), (200, json!({"stopped": 1})));
        let (status, answer, ended) = asked.join().unwrap();
        (status, answer, ended.saturating_duration_since(stopped))
    });
    assert_eq!(status, 499, "{answer}");
    assert!(took < Duration::from_millis(500), "{took:?} from the wish to the end");
    nothing_at_work(&server);
    assert_eq!(server.api().delete("/api/v1/queries/long").0, 404);

    // The client goes away.
    let body = json!({"query": LONG}).to_string();
    let mut stream = std::net::TcpStream::connect(server.http().trim_start_matches("http://")).unwrap();
    let head = format!("POST /api/v1/sql?query_id=left HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    working(&server, "left");
    drop(stream);
    nothing_at_work(&server);

    // Ctrl-C at the command.
    let mut child = server.command(&["sql", LONG]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually(Duration::from_secs(20), || if at_work(&server).is_empty() { Err("the command does not ask".into()) } else { Ok(()) });
    crate::harness::server::signal(&child, rustix::process::Signal::INT);
    assert!(!child.wait().unwrap().success());
    nothing_at_work(&server);
    server.api().get("/api/v1/spans?limit=1");
}

/// `explain=true` tells what was read and pruned, and where the time went, of any kind of question.
#[test]
fn an_answer_is_explained() {
    let mut server = Server::start();
    let base = now_nano() - 3_600_000_000_000;
    server.exporter().send(&Message::spans(base, &(0..100).map(span).collect::<Vec<_>>()), Encoding::Protobuf);
    server.exporter().send(&Message::logs(base, &(0..100).map(log).collect::<Vec<_>>()), Encoding::Protobuf);
    server.stop();
    server.start_again();
    let all = "from=0&explain=true";
    for (path, scans) in [
        (format!("/api/v1/traces?q=status:error&{all}"), true),
        (format!("/api/v1/spans?q=service:shop&limit=5&{all}"), true),
        (format!("/api/v1/logs?q=paid&{all}"), true),
        (format!("/api/v1/logs/histogram?q=paid&{all}"), true),
        (format!("/api/v1/logs/facets?fields=service&{all}"), false),
        (format!("/api/v1/logs/patterns?{all}"), true),
        (format!("/api/v1/traces/histogram?{all}"), true),
        (format!("/api/v1/traces/{:032x}?{all}", 1), true),
    ] {
        let answer = server.api().get(&path);
        let stats = &answer["stats"];
        let steps = stats["steps"].as_array().unwrap_or_else(|| panic!("{path}: {answer}"));
        let took: u64 = steps.iter().map(|step| step["nano"].as_u64().unwrap()).sum();
        assert!(steps.len() >= 2 && took <= stats["elapsed_nano"].as_u64().unwrap(), "{path}: {stats}");
        assert_eq!(stats["blocks"], 1, "{path}: {stats}");
        assert!(!scans || stats["rows_scanned"].as_u64().unwrap() > 0, "{path}: {stats}");
        let without = server.api().get(&path.replace("explain=true", "explain=false"));
        assert!(without["stats"].is_null(), "{path}: {without}");
    }
    let pruned = server.api().get(&format!("/api/v1/logs?q=service:nobody&{all}"));
    assert_eq!((&pruned["stats"]["blocks"], &pruned["stats"]["blocks_pruned"]), (&json!(1), &json!(1)), "{pruned}");
}

/// Keys that only resources have, and fields inside bodies, are offered and have values.
#[test]
fn completion_knows_resources_and_bodies() {
    let server = Server::start();
    let spans: Vec<SpanOf> = (0..20)
        .map(|number| SpanOf { resource: json!({"k8s.pod.name": format!("cart-{}", number % 2)}).as_object().unwrap().clone(), ..span(number) })
        .collect();
    let logs: Vec<LogOf> =
        (0..20).map(|number| LogOf { body: json!(format!("{{\"user\":{{\"id\":{}}},\"level\":\"warn\"}}", number % 2)), ..log(number) }).collect();
    server.exporter().send(&Message::spans(now_nano(), &spans), Encoding::Protobuf);
    server.exporter().send(&Message::logs(now_nano(), &logs), Encoding::Protobuf);
    let offered = |signal: &str, q: &str| -> Vec<(String, u64)> {
        let answer = server.api().get(&format!("/api/v1/complete?signal={signal}&q={q}"));
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|item| (item["insert"].as_str().unwrap().to_owned(), item["count"].as_u64().unwrap_or(0))).collect()
    };
    assert!(offered("spans", "pod").contains(&("k8s.pod.name:".into(), 0)), "{:?}", offered("spans", "pod"));
    assert_eq!(offered("spans", "k8s.pod.name:"), [("cart-0 ".to_owned(), 10), ("cart-1 ".to_owned(), 10)]);
    assert_eq!(offered("spans", "status:error%20resource.k8s.pod.name:"), [("cart-0 ".to_owned(), 2)]);
    assert!(offered("logs", "body.").contains(&("body.user.id:".into(), 0)), "{:?}", offered("logs", "body."));
    assert_eq!(offered("logs", "body.user.id:"), [("0 ".to_owned(), 10), ("1 ".to_owned(), 10)]);
    assert_eq!(offered("logs", "severity:"), [("info ".to_owned(), 18), ("error ".to_owned(), 2)]);
    assert!(!offered("spans", "service.n").iter().any(|(insert, _)| insert.starts_with("service.name")), "it has a short name");
}

/// An export is every row that matches, once, in order, however many there are; the command writes the same.
#[test]
fn an_export_has_no_limit() {
    let mut server = Server::start();
    let base = now_nano() - 60_000_000_000;
    for first in [0, 5000, 10_000] {
        let logs: Vec<LogOf> = (first..first + 5000).map(|number| LogOf { at_ms: (number % 977) as f64, ..log(number) }).collect();
        server.exporter().send(&Message::logs(base, &logs), Encoding::Protobuf);
        if first == 5000 {
            server.stop();
            server.start_again();
        }
    }
    let lines = |query: &str| -> Vec<Value> {
        let text = reqwest::blocking::get(format!("{}/api/v1/logs/export?from=0&q={query}", server.http())).unwrap().text().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines("paid");
    let key = |log: &Value| (log["time"].as_str().unwrap().to_owned(), log["id"].as_str().unwrap().parse::<u64>().unwrap());
    assert_eq!(all.len(), 15_000);
    assert!(all.windows(2).all(|pair| key(&pair[0]) > key(&pair[1])), "newest first, each once");
    assert_eq!(lines("status:error").len(), 1500);
    assert_eq!(lines("nothing").len(), 0);
    let written = server.command(&["logs", "status:error", "--all", "--from", "0", "--format", "ndjson"]).output().unwrap();
    assert!(written.status.success() && String::from_utf8_lossy(&written.stdout).lines().count() == 1500, "{written:?}");
    let wrong = reqwest::blocking::get(format!("{}/api/v1/logs/export?q=severity:", server.http())).unwrap();
    assert_eq!(wrong.status(), 400);
}

/// While records arrive, are sealed and the server is stopped, killed and started, every way to count says at least what was acknowledged and at most what was
/// sent; at the end, exactly that.
#[test]
fn counts_are_the_truth_while_rows_move() {
    const BATCH: u64 = 200;
    let settings = [("HOPLINE_STORAGE__SEAL_TABLE_BYTES_MAX", "400000"), ("HOPLINE_STORAGE__FREE_BYTES_MIN", "1000000")];
    let mut server = Server::with(&[], &settings);
    let base = now_nano() - 60_000_000_000;
    let (sent, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
    for round in 0..3 {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let exporter = server.exporter();
                for _ in 0..40 {
                    let first = sent.fetch_add(BATCH, Ordering::SeqCst);
                    exporter.send(&Message::spans(base, &(first..first + BATCH).map(span).collect::<Vec<_>>()), Encoding::Protobuf);
                    exporter.send(&Message::logs(base, &(first..first + BATCH).map(log).collect::<Vec<_>>()), Encoding::Protobuf);
                    acknowledged.store(first + BATCH, Ordering::SeqCst);
                }
                ended.store(true, Ordering::SeqCst);
            });
            while !ended.load(Ordering::SeqCst) {
                counts(&server, &acknowledged, &sent);
            }
        });
        counts(&server, &acknowledged, &sent);
        assert_eq!(sent.load(Ordering::SeqCst), acknowledged.load(Ordering::SeqCst));
        if round == 1 {
            server.kill();
        } else {
            server.stop();
        }
        server.start_again();
        server.api().wait_replayed();
        counts(&server, &acknowledged, &sent);
    }
    let status = server.api().get("/api/v1/status");
    assert!(status["storage"]["blocks"].as_u64().unwrap() > 6, "rows did not move: {}", status["storage"]);
}

fn counts(server: &Server, acknowledged: &AtomicU64, sent: &AtomicU64) {
    let api = server.api();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("no number: {value}"));
    let sql = |query: &str| number(&api.post("/api/v1/sql", &json!({"query": query})).1["rows"][0]["n"]);
    let facet = |path: &str| number(&api.get(path)["items"][0]["values"][0]["count"]);
    // What is counted, the share of all records it is, and how.
    let ways: [(&str, u64, &dyn Fn() -> u64); 9] = [
        ("spans", 1, &|| number(&api.get("/api/v1/spans?from=0&limit=1&total=exact")["total"]["value"])),
        ("spans that failed", 10, &|| number(&api.get("/api/v1/spans?from=0&limit=0&q=status:error&total=exact")["total"]["value"])),
        ("logs", 1, &|| number(&api.get("/api/v1/logs?from=0&limit=1&total=exact")["total"]["value"])),
        ("logs with a word", 1, &|| number(&api.get("/api/v1/logs?from=0&limit=0&q=paid&total=exact")["total"]["value"])),
        ("histogram of errors", 10, &|| number(&api.get("/api/v1/logs/histogram?from=0&q=status:error&buckets=1")["total"]["value"])),
        ("facet of logs", 1, &|| facet("/api/v1/logs/facets?from=0&fields=service")),
        ("facet of spans", 1, &|| facet("/api/v1/traces/facets?from=0&fields=service")),
        ("SQL over spans", 1, &|| sql("select count(*) as n from spans")),
        ("SQL over logs", 10, &|| sql("select count(*) as n from logs where severity_number >= 17")),
    ];
    for (what, share, count) in ways {
        let least = acknowledged.load(Ordering::SeqCst) / share;
        if least == 0 {
            continue;
        }
        let seen = count();
        let most = sent.load(Ordering::SeqCst) / share;
        assert!(least <= seen && seen <= most, "{what}: {seen}, but {least} were acknowledged and {most} sent");
    }
}
