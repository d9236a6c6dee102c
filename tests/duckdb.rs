//! DuckDB reads every Parquet file of a store and counts what SQL over the API counts: the data is in open files.

use crate::harness::otlp::{GaugeOf, LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, eventually, root};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn messages(part: u64) -> [Message; 3] {
    let now = super::upkeep::hours_ago(part % 3 + 1);
    let attributes = |i: u64| {
        Map::from_iter([
            ("number".to_string(), json!(i)),
            ("route".to_string(), json!(format!("/r/{}", i % 4))),
            ("odd".to_string(), if i.is_multiple_of(2) { json!("even") } else { json!({"deep": [1, null]}) }),
        ])
    };
    let spans: Vec<SpanOf> = (0..200)
        .map(|i| SpanOf {
            service: format!("service-{}", i % 3),
            resource: Map::from_iter([("service.version".to_string(), json!("1.4.2"))]),
            trace: format!("{:032x}", part * 1000 + i / 5 + 1),
            span: format!("{:016x}", part * 1000 + i + 1),
            parent: String::new(),
            name: format!("operation {}", i % 4),
            kind: 2,
            at_ms: i as f64,
            ms: 1.5,
            status: if i % 10 == 0 { 2 } else { 0 },
            message: String::new(),
            attributes: attributes(i),
            events: vec![],
            links: vec![],
        })
        .collect();
    let logs: Vec<LogOf> = (0..200)
        .map(|i| LogOf {
            service: format!("service-{}", i % 3),
            at_ms: i as f64,
            severity: if i % 10 == 0 { 17 } else { 9 },
            body: json!(format!("line {i} of part {part}")),
            trace: format!("{:032x}", part * 1000 + i / 5 + 1),
            span: String::new(),
            attributes: attributes(i),
        })
        .collect();
    let gauges: Vec<GaugeOf> = (0..50)
        .map(|i| GaugeOf {
            service: "service-0".into(),
            name: format!("gauge.{}", i % 2),
            at_ms: i as f64,
            value: i as f64,
            attributes: attributes(i),
        })
        .collect();
    [Message::spans(now, &spans), Message::logs(now, &logs), Message::gauges(now, &gauges)]
}

/// How many files lie below a directory.
fn files(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// Blocks of one seal, merged ones, and after a deletion: DuckDB agrees with SQL on rows, by service, by severity and status, on
/// sums of times and on the values of dense columns.
#[test]
fn counts_agree() {
    let server = Server::with(&[], &[("HOPLINE_STORAGE__DELETE_GRACE_MS", "0")]);
    for part in 0..4 {
        for message in messages(part) {
            server.exporter().send(&message, Encoding::ALL[part as usize % Encoding::ALL.len()]);
        }
        if part < 3 {
            assert_eq!(server.api().post("/api/v1/settle", &json!({})).0, 200);
        }
    }
    let (status, deleted) = server.api().post("/api/v1/delete", &json!({"signal": "spans", "q": "service:service-2 number:<100"}));
    assert_eq!((status, deleted["rows"].as_u64()), (200, Some(4 * 33)), "{deleted}");
    // What the deletion sealed is merged now, not while DuckDB reads.
    assert_eq!(server.api().post("/api/v1/settle", &json!({})).0, 200);
    // Files of blocks that were merged or rewritten are read by DuckDB as long as they lie there.
    eventually(Duration::from_secs(20), || {
        let (_, found) = server.api().post("/api/v1/verify", &json!({}));
        let (named, there) = (found["found"]["files"].as_u64().expect("a count"), files(&server.data_dir().join("blocks")));
        if named == there { Ok(()) } else { Err(format!("{there} files, {named} of them in the catalog")) }
    });
    let sql = |query: &str| -> Value {
        let (status, answer) = server.api().post("/api/v1/sql", &json!({"query": query}));
        assert_eq!(status, 200, "{answer}");
        answer["rows"].clone()
    };
    let mut expected = Map::new();
    let questions = [
        ("spans", "service_name, status_code", "sum(duration_nano)"),
        ("logs", "service_name, severity_number", "sum(flags)"),
        ("metrics", "service_name, name", "count(distinct time)"),
    ];
    for (dataset, by, sum) in questions {
        let rows = sql(&format!("select {by}, count(*) as n, cast({sum} as bigint) as s from {dataset} group by {by} order by {by}"));
        assert!(rows.as_array().is_some_and(|rows| rows.len() > 1), "{dataset}: {rows}");
        expected.insert(dataset.into(), json!({"by": by, "sum": sum, "rows": rows}));
    }
    let output = Command::new(super::sdk::python())
        .arg(root().join("tests/sdk/python/files.py"))
        .arg(server.data_dir().join("blocks"))
        .arg(Value::Object(expected).to_string())
        .output()
        .expect("python starts: run `.ci/setup test`");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
