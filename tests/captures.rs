//! Requests as real SDKs sent them (`fixtures/captures`) and the official examples, posted as they are: taken whole, and all there.

use crate::harness::{Server, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Posts every file of an archive; all must be taken whole.
fn post_archive(server: &Server, archive: &Path) -> usize {
    let dir = tempfile::tempdir().unwrap();
    assert!(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(dir.path()).status().unwrap().success());
    let mut files = Vec::new();
    let mut folders = vec![dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    files.sort();
    let exporter = server.exporter();
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let (stem, ending) = name.split_once('.').unwrap();
        let signal = stem.split_once('-').unwrap().1;
        let (content_type, whole) = if ending == "pb" { ("application/x-protobuf", &b""[..]) } else { ("application/json", &b"{}"[..]) };
        let answer = exporter
            .post(&format!("/v1/{signal}"), content_type, None, std::fs::read(file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(answer, whole, "{name}: {}", String::from_utf8_lossy(&answer));
    }
    files.len()
}

#[test]
fn captured_requests_are_all_there() {
    let folder = root().join("tests/fixtures/captures");
    for (archive, truth) in [
        ("python-shop.protobuf.tar.gz", "python-shop.truth.json"),
        ("node-web.json.tar.gz", "node-web.truth.json"),
        ("rust-ledger.protobuf.tar.gz", "rust-ledger.truth.json"),
    ] {
        let server = Server::start();
        let truth: Value = serde_json::from_str(&std::fs::read_to_string(folder.join(truth)).unwrap()).unwrap();
        let posted = post_archive(&server, &folder.join(archive));
        let api = server.api();
        let spans = truth["total_spans"].as_i64().unwrap_or_else(|| truth["traces"].as_i64().unwrap() * truth["spans_per_trace"].as_i64().unwrap());
        let logs = truth["total_logs"].as_i64().unwrap_or_else(|| truth["logs"].as_i64().unwrap());
        assert_eq!(api.spans_stored() as i64, spans, "{archive}");
        assert_eq!(api.logs_stored() as i64, logs, "{archive}");
        for trace in truth["traces"].as_array().into_iter().flatten() {
            let id = trace["trace_id"].as_str().unwrap();
            let answer = api.get(&format!("/api/v1/traces/{id}"));
            let seen = answer["spans"].as_array().unwrap();
            for (service, count) in trace["spans_by_service"].as_object().unwrap() {
                assert_eq!(
                    seen.iter().filter(|span| span["service_name"] == service.as_str()).count() as u64,
                    count.as_u64().unwrap(),
                    "{archive} trace {id} service {service}"
                );
            }
            let logs = api.get(&format!("/api/v1/traces/{id}/logs?limit=1000"));
            assert_eq!(logs["items"].as_array().unwrap().len() as u64, trace["log_lines"].as_u64().unwrap(), "{archive} trace {id}");
        }
        for id in truth["trace_ids"].as_array().into_iter().flatten() {
            let answer = api.get(&format!("/api/v1/traces/{}", id.as_str().unwrap()));
            assert_eq!(answer["spans"].as_array().unwrap().len() as i64, truth["spans_per_trace"].as_i64().unwrap());
        }
        if let Some(edges) = truth["edges"].as_array() {
            assert_eq!(calls_between_services(&server, &truth), pairs(edges), "{archive}");
        }
        println!("{archive}: {posted} requests, {spans} spans, {logs} logs, all found");
    }
}

fn pairs(edges: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    edges.iter().map(|edge| (text(&edge[0]), text(&edge[1]))).collect()
}

/// Who called whom in the hops of every trace; each trace has a hop for exactly those calls of which both ends sent spans. The map counts
/// the same calls, live and from blocks.
fn calls_between_services(server: &Server, truth: &Value) -> BTreeSet<(String, String)> {
    let api = server.api();
    let known = pairs(truth["edges"].as_array().unwrap());
    let services: BTreeSet<&str> = truth["services"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for trace in truth["traces"].as_array().unwrap() {
        let id = trace["trace_id"].as_str().unwrap();
        let hops = api.get(&format!("/api/v1/traces/{id}/hops"));
        let mut called = BTreeSet::new();
        for hop in hops["items"].as_array().unwrap() {
            let (caller, callee) = (hop["caller"]["service"].as_str().unwrap(), hop["callee"]["service"].as_str().unwrap());
            if services.contains(callee) {
                called.insert((caller.to_owned(), callee.to_owned()));
                *counted.entry((caller.to_owned(), callee.to_owned())).or_default() += 1;
            }
        }
        let sent = |service: &String| trace["spans_by_service"].get(service).is_some();
        let expect: BTreeSet<_> = known.iter().filter(|(caller, callee)| sent(caller) && sent(callee)).cloned().collect();
        assert_eq!(called, expect, "trace {id}");
    }
    for state in ["live", "settled"] {
        if state == "settled" {
            assert_eq!(api.post("/api/v1/settle", &serde_json::json!({})).0, 200);
        }
        let map = api.get("/api/v1/map?from=0");
        let edges = map["edges"].as_array().unwrap().iter();
        let between = edges.filter(|edge| services.contains(edge["callee"].as_str().unwrap()));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let seen: BTreeMap<_, _> = between.map(|edge| ((text(&edge["caller"]), text(&edge["callee"])), edge["count"].as_u64().unwrap())).collect();
        assert_eq!(seen, counted, "the map, {state}");
    }
    counted.into_keys().collect()
}

/// The examples of the protocol's own repository.
#[test]
fn official_examples() {
    let server = Server::start();
    for (file, signal) in [("trace.json", "traces"), ("logs.json", "logs"), ("events.json", "logs"), ("metrics.json", "metrics")] {
        let body = std::fs::read(root().join("tests/fixtures/examples").join(file)).unwrap();
        let answer =
            server.exporter().post(&format!("/v1/{signal}"), "application/json", None, body).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(String::from_utf8_lossy(&answer), "{}", "{file}");
    }
    let api = server.api();
    assert_eq!((api.spans_stored(), api.logs_stored()), (1, 2));
    assert_eq!(api.get("/api/v1/logs?from=0&q=event_name:*")["items"].as_array().unwrap().len(), 1);
}
