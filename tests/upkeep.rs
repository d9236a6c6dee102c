//! Backup, restore, deletion, retention and sizes, as an operator meets them: by command and by API.

use crate::harness::otlp::LogOf;
use crate::harness::{Encoding, Message, Server, binary, eventually};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) fn hours_ago(hours: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64 - hours * 3_600_000_000_000
}

fn logs(service: &str, hours: u64, count: u64) -> Message {
    let log = |i: u64| LogOf {
        service: service.into(),
        at_ms: i as f64,
        severity: 9,
        body: json!(format!("{service} line {i}")),
        trace: String::new(),
        span: String::new(),
        attributes: Map::from_iter([("number".to_string(), json!(i))]),
    };
    Message::logs(hours_ago(hours), &(0..count).map(log).collect::<Vec<_>>())
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOPLINE_")) {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("the binary starts")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Backed up while it runs and after it stopped; restored somewhere else, where a server starts and answers the same. What is
/// wrong is said with what to do.
#[test]
fn backup_and_restore() {
    let mut server = Server::start();
    let aside = tempfile::tempdir().unwrap();
    let (copy, back) = (aside.path().join("copy"), aside.path().join("back"));
    let data = server.data_dir();
    server.exporter().send(&logs("shop", 0, 50), Encoding::ALL[0]);
    let output = run(&["backup", text(&copy), "--data-dir", text(&data)]);
    assert!(output.status.success() && words(&output).contains("backup 1 of"), "{}", words(&output));
    server.stop();
    let output = run(&["backup", text(&copy), "--data-dir", text(&data), "--format", "json"]);
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((done["number"].as_u64(), done["block_rows"].as_u64(), done["wal_files"].as_u64()), (Some(2), Some(50), Some(0)), "{done}");
    let output = run(&["restore", text(&copy), "--data-dir", text(&back)]);
    assert!(output.status.success() && words(&output).contains("50 rows"), "{}", words(&output));
    server.set_data_dir(&back);
    server.start_again();
    assert_eq!(server.api().logs_stored(), 50);

    let refused = |arguments: &[&str], expect: &str| {
        let output = run(arguments);
        assert!(!output.status.success() && words(&output).contains(expect), "{arguments:?}: {}", words(&output));
    };
    refused(&["restore", text(&copy), "--data-dir", text(&back)], "is not empty");
    refused(&["restore", text(aside.path()), "--data-dir", text(&aside.path().join("x"))], "no finished backup");
    refused(&["backup", text(&aside.path().join("y")), "--data-dir", text(&aside.path().join("z"))], "there is no store");
    refused(&["backup", text(aside.path()), "--data-dir", text(&data)], "neither empty nor a backup");
}

/// A deletion is shown before it is done, done with --yes alone, by an admin alone, within the tenant and the range asked for.
#[test]
fn deletion_by_command() {
    let tokens = r#"[{token="reader",tenant="*",scopes=["read","ingest"]},{token="chief",tenant="*",scopes=["admin"]}]"#;
    let server = Server::with(&[], &[("HOPLINE_AUTH__TOKENS", tokens)]);
    let client = reqwest::blocking::Client::new();
    let send = |message: &Message| {
        let request = client.post(format!("{}{}", server.otlp_http(), message.path())).bearer_auth("reader");
        let answer = request.header("content-type", "application/x-protobuf").body(message.bytes()).send().unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    };
    send(&logs("shop", 2, 30));
    send(&logs("bank", 2, 20));
    send(&logs("bank", 5, 10));
    let stored = || -> u64 {
        let answer = client.get(format!("{}/api/v1/logs?from=0&limit=1", server.http())).bearer_auth("reader").send().unwrap();
        answer.json::<Value>().unwrap()["total"]["value"].as_u64().unwrap()
    };
    let command = |arguments: &[&str], token: &str| server.command(arguments).env("HOPLINE_TOKEN", token).output().unwrap();
    let bank = ["delete", "service:bank", "--signal", "logs", "--from", "now-3h"];
    let output = command(&bank, "chief");
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("20 logs match") && words(&output).contains("--yes"), "{}", words(&output));
    let output = command(&[&bank[..], &["--dry-run"]].concat(), "chief");
    assert_eq!((output.status.code(), stored()), (Some(0), 60), "{}", words(&output));
    let output = command(&[&bank[..], &["--yes"]].concat(), "reader");
    assert!(output.status.code() == Some(1) && stored() == 60, "{}", words(&output));
    let output = command(&[&bank[..], &["--yes", "--format", "json"]].concat(), "chief");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["rows"], 20, "{}", words(&output));
    assert_eq!(stored(), 40);
    assert_eq!(command(&["delete", "", "--signal", "logs", "--yes"], "chief").status.code(), Some(2), "everything is only deleted when it is meant");
    assert_eq!(command(&["delete", "service:", "--signal", "logs", "--yes"], "chief").status.code(), Some(1));
    let metrics = client.get(format!("{}/metrics", server.http())).bearer_auth("reader").send().unwrap().text().unwrap();
    assert!(metrics.contains("hopline_storage_deleted_rows_total 20"), "{metrics}");
    let output = command(&["delete", "", "--all", "--signal", "logs", "--yes"], "chief");
    assert!(output.status.success() && stored() == 0, "{}", words(&output));
}

/// What retention would remove is shown before, by tenant and dataset; with --run it goes at once, and nothing else does.
#[test]
fn retention_by_command() {
    let rules = r#"[{tenant="brief",dataset="logs",hours=3}]"#;
    // Blocks of two windows stay two, also past midnight.
    let apart = ("HOPLINE_STORAGE__MERGE_INPUT_BYTES_MAX", "1");
    let server = Server::with(&[], &[("HOPLINE_STORAGE__RETENTION", rules), ("HOPLINE_STORAGE__DELETE_GRACE_MS", "0"), apart]);
    let send = |tenant: &str, hours| server.exporter().tenant(tenant).send(&logs("shop", hours, 10), Encoding::ALL[0]);
    for tenant in ["brief", "default"] {
        send(tenant, 6);
        send(tenant, 1);
    }
    assert_eq!(server.api().post("/api/v1/settle", &json!({})).0, 200);
    let output = server.command(&["retention", "--format", "json"]).output().unwrap();
    let outlook: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |tenant: &str| outlook["datasets"].as_array().unwrap().iter().find(|dataset| dataset["tenant"] == tenant).unwrap().clone();
    assert_eq!((of("brief")["hours"].as_u64(), of("default")["hours"].as_u64()), (Some(3), Some(168)), "{outlook}");
    // The upkeep task may have been quicker than this look; either way it is the six hours old ones that go.
    assert_eq!(of("brief")["stored"]["rows"].as_u64().unwrap() - of("brief")["going"]["rows"].as_u64().unwrap(), 10, "{outlook}");
    assert_eq!(of("default")["going"]["rows"], 0);
    let table = words(&server.command(&["retention"]).output().unwrap());
    assert!(table.contains("GOES NOW") && table.contains("disk budget"), "{table}");
    let output = server.command(&["retention", "--run"]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(server.api().tenant("brief").logs_stored(), 10);
    assert_eq!(server.api().logs_stored(), 20);
    eventually(Duration::from_secs(10), || {
        let (_, found) = server.api().post("/api/v1/verify", &json!({}));
        match found["found"]["blocks"].as_u64() {
            Some(3) => Ok(()),
            _ => Err(found.to_string()),
        }
    });
}

/// The status says where the bytes go.
#[test]
fn sizes_in_the_status() {
    let server = Server::start();
    server.exporter().send(&logs("large", 1, 300), Encoding::ALL[0]);
    server.exporter().send(&logs("small", 1, 100), Encoding::ALL[0]);
    assert_eq!(server.api().post("/api/v1/settle", &json!({})).0, 200);
    let status = server.api().get("/api/v1/status");
    let sizes = &status["sizes"];
    assert_eq!((&sizes["datasets"][0]["dataset"], &sizes["datasets"][0]["rows"]), (&json!("logs"), &json!(400)), "{sizes}");
    assert_eq!(sizes["bytes"], status["storage"]["block_bytes"]);
    assert_eq!((&sizes["services"][0]["service"], &sizes["services"][1]["service"]), (&json!("large"), &json!("small")));
    assert!(sizes["attributes"].as_array().unwrap().iter().any(|attribute| attribute["attribute"] == "number"), "{sizes}");
    let output = server.command(&["doctor"]).output().unwrap();
    assert!(words(&output).contains("logs: 400 rows"), "{}", words(&output));
}
