//! Directories as each released format left them, under `tests/fixtures/disk`: every later version reads them, answers the
//! same, and survives damage to any one of their files.
//!
//! An image holds rows in blocks and rows in the log. `HOPLINE_WRITE_IMAGE=NAME` writes a new one with the binary at hand.

use crate::harness::otlp::{EventOf, GaugeOf, LinkOf, LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, api::Api, root};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// 2026-01-01, when the images say that everything happened.
const BASE_NANO: u64 = 1_767_225_600_000_000_000;

fn images() -> PathBuf {
    root().join("tests/fixtures/disk")
}

/// The images are older than any retention.
const SETTINGS: [(&str, &str); 2] = [("HOPLINE_STORAGE__RETENTION_HOURS", "1000000"), ("HOPLINE_STORAGE__FREE_BYTES_MIN", "1000000")];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => {
                std::fs::copy(&path, &target).expect("a copy");
            }
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// All three signals, part `part`.
fn messages(part: u64) -> [Message; 3] {
    let attributes = |i: u64| {
        Map::from_iter([("part".to_string(), json!(part)), ("number".to_string(), json!(i)), ("tags".to_string(), json!(["a", {"b": null}]))])
    };
    let spans: Vec<SpanOf> = (0..20)
        .map(|i| SpanOf {
            service: format!("service-{}", i % 3),
            resource: Map::from_iter([("service.version".to_string(), json!("1.4.2"))]),
            trace: format!("{:032x}", part * 100 + i / 5 + 1),
            span: format!("{:016x}", part * 100 + i + 1),
            parent: if i % 5 == 0 { String::new() } else { format!("{:016x}", part * 100 + i) },
            name: format!("operation {}", i % 4),
            kind: (i % 5) as i32 + 1,
            at_ms: i as f64,
            ms: 2.5,
            status: (i % 3) as i32,
            message: if i % 3 == 2 { "it failed".into() } else { String::new() },
            attributes: attributes(i),
            events: vec![EventOf { name: "exception".into(), at_ms: i as f64, attributes: attributes(i) }],
            links: vec![LinkOf { trace: format!("{:032x}", 7), span: format!("{:016x}", 8) }],
        })
        .collect();
    let logs: Vec<LogOf> = (0..20)
        .map(|i| LogOf {
            service: format!("service-{}", i % 3),
            at_ms: i as f64,
            severity: (i % 24) as i32 + 1,
            body: if i % 4 == 0 { json!({"order": i, "items": ["x", 1.5]}) } else { json!(format!("order {i} of part {part} was accepted")) },
            trace: format!("{:032x}", part * 100 + 1),
            span: format!("{:016x}", part * 100 + 1),
            attributes: attributes(i),
        })
        .collect();
    let gauges: Vec<GaugeOf> = (0..20)
        .map(|i| GaugeOf {
            service: "service-0".into(),
            name: "queue.length".into(),
            at_ms: i as f64,
            value: i as f64 / 4.0,
            attributes: attributes(i),
        })
        .collect();
    [Message::spans(BASE_NANO, &spans), Message::logs(BASE_NANO, &logs), Message::gauges(BASE_NANO, &gauges)]
}

/// Everything that an image is asked, in an order of its own.
fn answers(api: &Api) -> Value {
    let list = |path: &str| {
        let mut items: Vec<String> = api.pages(path).iter().map(Value::to_string).collect();
        items.sort();
        items
    };
    let rows = |query: &str| {
        let (status, answer) = api.post("/api/v1/sql", &json!({"query": query}));
        assert_eq!(status, 200, "{answer}");
        answer["rows"].clone()
    };
    json!({
        "calls": rows(
            "SELECT minute, caller_service, callee_service, callee_operation, kind, status, count, total_nano_sum FROM edges \
             ORDER BY minute, caller_service, callee_service, callee_operation, kind, status"
        ),
        "links": rows("SELECT trace_id, span_id, linked_trace_id, linked_span_id FROM links ORDER BY trace_id, span_id"),
        "spans": list("/api/v1/spans?from=0&limit=1000"),
        "logs": list("/api/v1/logs?from=0&limit=1000"),
        "words": list("/api/v1/logs?q=accepted&from=0&limit=1000").len(),
        "trace": api.get(&format!("/api/v1/traces/{:032x}", 102))["spans"].as_array().map(Vec::len),
        "metrics": rows("SELECT name, value, attributes FROM metrics ORDER BY time, attributes"),
    })
}

fn write_image(name: &str) {
    let mut server = Server::with(&[], &SETTINGS);
    for part in [1, 2] {
        messages(part).iter().for_each(|message| server.exporter().send(message, Encoding::Protobuf));
        // The first part goes into blocks, the second stays in the log.
        match part {
            1 => {
                server.stop();
            }
            _ => server.kill(),
        }
        if part == 1 {
            server.start_again();
        }
    }
    let target = images().join(name);
    copy(&server.data_dir(), &target.join("data"));
    for file in ["LOCK", "RESERVE"] {
        let _ = std::fs::remove_file(target.join("data").join(file));
    }
    server.start_again();
    server.api().wait_replayed();
    let expected = serde_json::to_string_pretty(&answers(&server.api())).expect("JSON");
    std::fs::write(target.join("answers.json"), expected + "\n").expect("written");
}

fn open(image: &Path) -> Server {
    let mut server = Server::prepare(&[], &SETTINGS);
    copy(&image.join("data"), &server.data_dir());
    server.start_again();
    server.api().wait_replayed();
    server
}

#[test]
fn every_format_is_read() {
    if let Ok(name) = std::env::var("HOPLINE_WRITE_IMAGE") {
        write_image(&name);
    }
    let mut read = 0;
    for entry in std::fs::read_dir(images()).expect("images") {
        let image = entry.expect("an entry").path();
        if !image.is_dir() {
            continue;
        }
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(image.join("answers.json")).expect("answers")).expect("JSON");
        let mut server = open(&image);
        assert_eq!(answers(&server.api()), expected, "{}", image.display());
        // And once this version has written all of it anew.
        assert_eq!(server.api().post("/api/v1/settle", &json!({})).0, 200);
        server.stop();
        server.start_again();
        assert_eq!(answers(&server.api()), expected, "{}, settled", image.display());
        read += 1;
    }
    assert!(read > 0, "no image was found");
}

/// Each file of a directory in turn is flipped, zeroed, cut and removed: the server starts by itself, says what it found,
/// answers what is good, and takes new rows.
#[test]
fn each_file_damaged() {
    let mut newest: Vec<PathBuf> =
        std::fs::read_dir(images()).expect("images").map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    newest.sort();
    let image = newest.pop().expect("an image");
    let data = image.join("data");
    let mut cases = 0;
    for file in files(&data) {
        let name = file.strip_prefix(&data).expect("inside").to_path_buf();
        // The list of blocks has no second copy: it is refused in words, which storage's own tests hold.
        if name.starts_with("catalog.sqlite") {
            continue;
        }
        let ways: [(&str, fn(&mut Vec<u8>)); 3] = [
            ("flipped", |bytes| {
                let middle = bytes.len() * 2 / 3;
                bytes[middle] ^= 4;
            }),
            ("zeroed", |bytes| bytes.fill(0)),
            ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ];
        for (way, damage) in ways {
            let what = format!("{} {way}", name.display());
            let mut server = Server::prepare(&[], &SETTINGS);
            copy(&data, &server.data_dir());
            let path = server.data_dir().join(&name);
            let mut bytes = std::fs::read(&path).expect("a file");
            damage(&mut bytes);
            std::fs::write(&path, bytes).expect("written");
            server.start_again();
            let api = server.api();
            api.wait_replayed();
            messages(3).iter().for_each(|message| server.exporter().send(message, Encoding::Protobuf));
            let mut said = Vec::new();
            for path in [
                "/api/v1/spans?from=0&limit=1000",
                "/api/v1/logs?from=0&limit=1000",
                "/api/v1/logs?q=accepted&from=0&limit=1000",
                &format!("/api/v1/traces/{:032x}", 102),
            ] {
                let (status, answer) = api.ask(path);
                assert!(status == 200 || (status == 404 && path.contains("traces")), "{what}: {path}: {status} {answer}");
                said.extend(answer["warnings"].as_array().into_iter().flatten().map(Value::to_string));
            }
            let status = api.get("/api/v1/status");
            said.extend(status["storage"]["notes"].as_array().into_iter().flatten().map(Value::to_string));
            let (spans, logs) = (api.pages("/api/v1/spans?from=0&limit=1000").len(), api.pages("/api/v1/logs?from=0&limit=1000").len());
            // Three parts of 20: at most one part of one signal, or the log's part, is missing.
            assert!(spans >= 40 && logs >= 40 || name.starts_with("wal"), "{what}: {spans} spans, {logs} logs; {said:?}");
            assert!(spans + logs == 120 || !said.is_empty(), "{what}: {spans} spans and {logs} logs of 60 each are found, and nobody is told");
            server.kill();
            cases += 1;
        }
    }
    super::ledger(&format!(
        "{cases} starts over a directory with one damaged file: all started, answered what was good, said what was not, took new rows"
    ));
}
