//! Send → ask → expect, as data files in `data/`: every scenario in every encoding, each in a tenant of its own.
//!
//! All questions are asked four times: of live rows, after kill -9 (rows out of the log), after a clean stop (rows out of blocks), and
//! after a settling merge. The answers must be the same each time.
//!
//! A file is `{"about": …, "spans": […], "logs": […], "gauges": […], "ask": [{"get" or "sql": …, "status": 200, "expect": …, "sorted_by": …}]}`.
//! `{from}` in a question is five minutes before the records' times, `{to}` five minutes after; `"*"` in an expectation is anything.

use crate::harness::otlp::{GaugeOf, LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, expect, root};
use serde::Deserialize;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(skip)]
    name: String,
    /// What it guarantees, for the reader.
    #[allow(dead_code)]
    about: String,
    #[serde(default)]
    spans: Vec<SpanOf>,
    #[serde(default)]
    logs: Vec<LogOf>,
    #[serde(default)]
    gauges: Vec<GaugeOf>,
    ask: Vec<Question>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    get: Option<String>,
    sql: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    expect: Value,
}

fn ok() -> u16 {
    200
}

fn load() -> Vec<Scenario> {
    let folder = root().join("tests/scenarios/data");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    assert!(!files.is_empty(), "no scenarios in {}", folder.display());
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut scenario: Scenario = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            scenario.name = path.file_stem().unwrap().to_string_lossy().into_owned();
            scenario
        })
        .collect()
}

fn send(server: &Server, scenario: &Scenario, encoding: Encoding, base_nano: u64) {
    let exporter = server.exporter().tenant(&tenant(scenario, encoding));
    let mut messages = Vec::new();
    if !scenario.spans.is_empty() {
        messages.push(Message::spans(base_nano, &scenario.spans));
    }
    if !scenario.logs.is_empty() {
        messages.push(Message::logs(base_nano, &scenario.logs));
    }
    if !scenario.gauges.is_empty() {
        messages.push(Message::gauges(base_nano, &scenario.gauges));
    }
    for message in messages {
        exporter.send(&message, encoding);
    }
}

fn tenant(scenario: &Scenario, encoding: Encoding) -> String {
    format!("{}-{}", scenario.name, encoding.name())
}

/// Every question of every scenario; the complaints.
fn ask(server: &Server, scenarios: &[Scenario], base_nano: u64, when: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for scenario in scenarios {
        for encoding in Encoding::ALL {
            let api = server.api().tenant(&tenant(scenario, encoding));
            for question in &scenario.ask {
                let (asked, status, seen) = match (&question.get, &question.sql) {
                    (Some(path), None) => {
                        let path = filled(path, base_nano);
                        let (status, body) = api.ask(&path);
                        (path, status, body)
                    }
                    (None, Some(query)) => {
                        let (status, body) = api.post("/api/v1/sql", &serde_json::json!({"query": query}));
                        (query.clone(), status, body)
                    }
                    _ => panic!("{}: a question is `get` or `sql`", scenario.name),
                };
                let outcome = match status == question.status {
                    true => expect(&question.expect, &seen, ""),
                    false => Err(format!("status {status}: {seen}")),
                };
                if let Err(why) = outcome {
                    wrong.push(format!("{} over {}, {when}: {asked}\n    {why}", scenario.name, encoding.name()));
                }
            }
        }
    }
    wrong
}

fn filled(path: &str, base_nano: u64) -> String {
    let minutes = 5 * 60 * 1_000_000_000;
    path.replace("{from}", &(base_nano - minutes).to_string()).replace("{to}", &(base_nano + minutes).to_string())
}

/// What was acknowledged answers the same live, after kill -9, out of blocks, and merged; in every encoding; and no tenant sees another's.
#[test]
fn scenarios_answer_the_same_wherever_the_rows_are() {
    let scenarios = load();
    // An hour ago, so that its windows have ended and settling merges them; to the second, so that times can be read.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let base_nano = (now - 3600) * 1_000_000_000;
    let mut server = Server::start();
    for scenario in &scenarios {
        for encoding in Encoding::ALL {
            send(&server, scenario, encoding, base_nano);
        }
    }
    let mut wrong = ask(&server, &scenarios, base_nano, "live");
    server.kill();
    server.start_again();
    server.api().wait_replayed();
    wrong.extend(ask(&server, &scenarios, base_nano, "after kill -9"));
    server.stop();
    server.start_again();
    wrong.extend(ask(&server, &scenarios, base_nano, "after a clean stop"));
    let settled = server.command(&["doctor", "--settle"]).output().unwrap();
    assert!(settled.status.success(), "{}{}", String::from_utf8_lossy(&settled.stdout), String::from_utf8_lossy(&settled.stderr));
    wrong.extend(ask(&server, &scenarios, base_nano, "settled"));
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}
