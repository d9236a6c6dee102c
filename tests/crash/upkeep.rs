//! kill -9 while a store is being kept: merges, retention, deletion by a query, backups, one of them cut short each round.
//!
//! Three tenants: what `default` was acknowledged is found once, whatever happens; `doomed` sends what is past its age at
//! once; `erased` sends what is deleted by a query, beside what is not.

use super::load::{Done, Fate, HOURS_PAST, Load, RECORDS_PER_REQUEST, Sent, check, now_nano};
use crate::harness::otlp::{Exporter, LogOf};
use crate::harness::{Encoding, Message, Server, binary, eventually};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// In CI; the long form runs 200.
const ROUNDS_DEFAULT: u32 = 12;
const ROUNDS_PER_STORE: u32 = 10;

const SETTINGS: [(&str, &str); 7] = [
    ("HOPLINE_STORAGE__SEAL_EDGES_ROWS_MAX", "200"),
    ("HOPLINE_STORAGE__SEAL_TABLE_BYTES_MAX", "300000"),
    ("HOPLINE_STORAGE__WAL_SEGMENT_BYTES", "262144"),
    ("HOPLINE_STORAGE__FREE_BYTES_MIN", "1000000"),
    ("HOPLINE_STORAGE__DELETE_GRACE_MS", "0"),
    ("HOPLINE_STORAGE__RETENTION_SHARE_MAX_PERCENT", "100"),
    ("HOPLINE_STORAGE__RETENTION", r#"[{tenant="doomed",hours=2}]"#),
];

/// Between two steps of a merge, a rewrite or a removal.
const POINTS: [&str; 9] = [
    "count.written",
    "count.committed",
    "merge.written",
    "merge.committed",
    "rewrite.written",
    "rewrite.committed",
    "retention.written",
    "retention.committed",
    "retention.deleted",
];

#[derive(Debug, Default)]
struct Counts {
    rounds: u32,
    at_points: u32,
    backups: u32,
    backups_cut: u32,
    acknowledged: u64,
    kept: u64,
    deleted: u64,
}

fn logs(service: &str, hours_ago: u64, number: u64) -> Message {
    let log = LogOf {
        service: service.into(),
        at_ms: 0.0,
        severity: 9,
        body: Value::String(format!("{service} {number}")),
        trace: String::new(),
        span: String::new(),
        attributes: Map::from_iter([("number".to_string(), json!(number))]),
    };
    Message::logs(now_nano() - hours_ago * 3_600_000_000_000, &[log])
}

/// What is to go and what stands beside it, sent until told to stop; gives how many of the latter were acknowledged, and not.
fn send_beside(server: &Server, stop: Arc<AtomicBool>, first: u64) -> std::thread::JoinHandle<Vec<(u64, bool)>> {
    let urls = (server.otlp_http(), server.otlp_grpc());
    std::thread::spawn(move || {
        let exporter = |tenant: &str| Exporter::new(&urls.0, &urls.1).tenant(tenant);
        let (doomed, erased) = (exporter("doomed"), exporter("erased"));
        let mut kept = Vec::new();
        for number in first.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let send = |exporter: &Exporter, message: Message| exporter.try_send(&message, Encoding::ALL[0]).is_ok();
            send(&doomed, logs("doomed", 5, number));
            send(&erased, logs("erased", 3, number));
            kept.push((number, send(&erased, logs("kept", 3, number))));
            std::thread::sleep(Duration::from_millis(2));
        }
        kept
    })
}

/// Merges, deletes and removes again and again, until the server is gone or time is up.
fn operate(server: &Server, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let base = server.http();
    std::thread::spawn(move || {
        let client = reqwest::blocking::Client::new();
        let post = |path: &str, tenant: &str, body: Value| {
            client.post(format!("{base}{path}")).header("x-scope-orgid", tenant).json(&body).send().is_ok_and(|answer| answer.status().is_success())
        };
        while !stop.load(Ordering::SeqCst) {
            post("/api/v1/settle", "default", json!({}));
            post("/api/v1/delete", "erased", json!({"signal": "logs", "q": "service:erased"}));
            post("/api/v1/retention", "default", json!({"run": true}));
        }
    })
}

fn start_backup(server: &Server, into: &Path) -> Child {
    let mut command = Command::new(binary());
    command.arg("backup").arg(into).arg("--data-dir").arg(server.data_dir());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

fn run_backup(server: &Server, into: &Path) {
    let output = start_backup(server, into).wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn restore(from: &Path, into: &Path) {
    let output = Command::new(binary()).arg("restore").arg(from).arg("--data-dir").arg(into).output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return vec![] };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn bodies(server: &Server, tenant: &str) -> Vec<String> {
    let mut bodies: Vec<String> = server
        .api()
        .tenant(tenant)
        .pages("/api/v1/logs?from=0&limit=1000")
        .iter()
        .map(|log| log["body"].as_str().expect("a text").to_owned())
        .collect();
    bodies.sort();
    bodies
}

/// Every record of `erased` beside what is deleted: acknowledged is there once, unknown once or not at all.
fn check_kept(server: &Server, kept: &[(u64, bool)], what: &str) {
    let found: Vec<String> = bodies(server, "erased").into_iter().filter(|body| body.starts_with("kept")).collect();
    let mut once = found.clone();
    once.dedup();
    assert_eq!(once.len(), found.len(), "{what}: twice");
    for (number, acknowledged) in kept {
        let there = once.binary_search(&format!("kept {number}")).is_ok();
        assert!(there || !acknowledged, "{what}: record {number} was acknowledged and is lost");
    }
}

/// Nothing lies on the disk that the catalog does not name, once everything due has been removed.
fn no_orphans(server: &Server, what: &str) {
    let blocks = server.data_dir().join("blocks");
    eventually(Duration::from_secs(20), || {
        let (status, found) = server.api().post("/api/v1/verify", &json!({}));
        assert_eq!(status, 200, "{found}");
        assert_eq!(found["found"]["damaged"], json!([]), "{what}");
        let (named, there) = (found["found"]["files"].as_u64().expect("a count"), files(&blocks).len() as u64);
        if named == there { Ok(()) } else { Err(format!("{what}: {there} files, {named} of them in the catalog")) }
    });
}

#[test]
fn nothing_lost_twice_or_left_behind() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let rounds = if super::torture() { number("HOPLINE_TORTURE_ROUNDS").unwrap_or(200).min(200) } else { ROUNDS_DEFAULT };
    let seed = u64::from(number("HOPLINE_SEED").unwrap_or(7));
    let mut chance = StdRng::seed_from_u64(seed);
    let mut counts = Counts::default();
    while counts.rounds < rounds {
        one_store(&mut chance, ROUNDS_PER_STORE.min(rounds - counts.rounds), &mut counts);
    }
    let Counts { at_points, backups, backups_cut, acknowledged, kept, deleted, .. } = counts;
    super::ledger(&format!(
        "{rounds} rounds of kill -9 during merges, retention, deletion and backup (seed {seed}; {at_points} between two steps, {backups_cut} of {backups} backups cut short): \
         {} records acknowledged, 0 lost, 0 twice; {kept} beside {deleted} deleted ones, 0 lost, 0 twice; 0 orphans after the sweep; every store as its restored backup",
        acknowledged * RECORDS_PER_REQUEST,
    ));
    assert!(acknowledged > u64::from(rounds), "the load was too small to mean anything");
}

fn one_store(chance: &mut StdRng, rounds: u32, counts: &mut Counts) {
    let mut server = Server::with(&[], &SETTINGS);
    let aside = tempfile::tempdir().expect("a temporary directory");
    let copy = aside.path().join("copy");
    let next = Arc::new(AtomicU64::new(1));
    let mut all = Done::default();
    let mut kept: Vec<(u64, bool)> = Vec::new();
    let first = now_nano() - (HOURS_PAST + 2) * 3_600_000_000_000;
    for round in 1..=rounds {
        let what = format!("round {}", counts.rounds + 1);
        let at_point = chance.random_bool(0.6);
        if at_point {
            let point = POINTS[chance.random_range(0..POINTS.len())];
            server.set_environment("HOPLINE_FAILPOINT", Some(&format!("{point}:{}", chance.random_range(1..6))));
            server.kill();
            server.start_again();
            server.api().wait_replayed();
            server.set_environment("HOPLINE_FAILPOINT", None);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let load = Load::start_past(&server, &next);
        let beside = send_beside(&server, stop.clone(), kept.last().map_or(0, |last| last.0 + 1));
        let operator = operate(&server, stop.clone());
        std::thread::sleep(Duration::from_millis(chance.random_range(50..300)));
        let mut backup = start_backup(&server, &copy);
        counts.backups += 1;
        if at_point {
            counts.at_points += u32::from(server.died_within(Duration::from_millis(1500)));
        } else {
            std::thread::sleep(Duration::from_millis(chance.random_range(0..250)));
        }
        if chance.random_bool(0.5) {
            counts.backups_cut += u32::from(backup.try_wait().expect("wait").is_none());
            backup.kill().expect("kill");
        }
        server.kill();
        stop.store(true, Ordering::SeqCst);
        kept.extend(beside.join().expect("no panic"));
        operator.join().expect("no panic");
        backup.wait().expect("wait");
        server.start_again();
        load.moved(&server);
        std::thread::sleep(Duration::from_millis(60));
        let done = load.stop();
        all.sent.extend(done.sent);
        server.api().wait_replayed();
        // In the middle of a store now and then, at its end always.
        if round == rounds || round.is_multiple_of(4) {
            check(&server.api(), &all.sent, first, &what);
            check_kept(&server, &kept, &what);
        }
        counts.rounds += 1;
    }
    let what = format!("after round {}", counts.rounds);
    let ask = |path: &str, tenant: &str, body: Value| {
        let (status, answer) = server.api().tenant(tenant).post(path, &body);
        assert_eq!(status, 200, "{what}: {path}: {answer}");
        answer
    };
    ask("/api/v1/settle", "default", json!({}));
    ask("/api/v1/delete", "erased", json!({"signal": "logs", "q": "service:erased"}));
    ask("/api/v1/retention", "default", json!({"run": true}));
    check(&server.api(), &all.sent, first, &what);
    check_kept(&server, &kept, &what);
    assert_eq!(bodies(&server, "doomed"), Vec::<String>::new(), "{what}: past its age");
    assert!(bodies(&server, "erased").iter().all(|body| body.starts_with("kept")), "{what}: deleted");
    no_orphans(&server, &what);

    run_backup(&server, &copy);
    let back = aside.path().join("back");
    restore(&copy, &back);
    let mut other = Server::prepare(&[], &SETTINGS);
    other.set_data_dir(&back);
    other.start_again();
    other.api().wait_replayed();
    check(&other.api(), &all.sent, first, &format!("{what}, restored"));
    check_kept(&other, &kept, &format!("{what}, restored"));
    assert_eq!(bodies(&other, "erased"), bodies(&server, "erased"));
    let acknowledged = |sent: &Sent| sent.fate == Fate::Acknowledged;
    counts.acknowledged += all.sent.iter().filter(|sent| acknowledged(sent)).count() as u64;
    counts.kept += kept.iter().filter(|(_, acknowledged)| *acknowledged).count() as u64;
    counts.deleted += kept.len() as u64;
}

/// A backup taken under load, then kill -9 and the loss of the directory: what was acknowledged before the backup began is in the
/// restored store, once; what came meanwhile whole or not at all. A second backup brings only what is new.
#[test]
fn backup_under_load() {
    let mut server = Server::with(&[], &SETTINGS);
    let aside = tempfile::tempdir().expect("a temporary directory");
    let copy = aside.path().join("copy");
    let next = Arc::new(AtomicU64::new(1));
    let first = now_nano() - (HOURS_PAST + 2) * 3_600_000_000_000;
    let mut before = Vec::new();
    let mut brought = Vec::new();
    for round in 0..3 {
        let load = Load::start_past(&server, &next);
        std::thread::sleep(Duration::from_millis(700));
        before.extend(load.stop().sent);
        if round == 1 {
            let (status, _) = server.api().post("/api/v1/settle", &json!({}));
            assert_eq!(status, 200);
        }
        let load = Load::start_past(&server, &next);
        std::thread::sleep(Duration::from_millis(100));
        let output = Command::new(binary())
            .args(["backup", "--format", "json", "--data-dir"])
            .arg(server.data_dir())
            .arg(&copy)
            .output()
            .expect("the binary starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        brought.push(serde_json::from_slice::<Value>(&output.stdout).expect("JSON"));
        let during = load.stop().sent;
        let back = aside.path().join(format!("back-{round}"));
        restore(&copy, &back);
        let mut other = Server::prepare(&[], &SETTINGS);
        other.set_data_dir(&back);
        other.start_again();
        other.api().wait_replayed();
        let unknown = during.iter().map(|sent| Sent { fate: Fate::Unknown, ..*sent });
        let expected: Vec<Sent> = before.iter().copied().chain(unknown).collect();
        check(&other.api(), &expected, first, &format!("backup {round}"));
        before.extend(during);
        let status = other.api().get("/api/v1/status");
        assert_eq!(status["storage"]["quarantined_bytes"], 0, "{status}");
    }
    assert_eq!(brought[2]["number"], 3);
    assert!(brought[2]["files_kept"].as_u64() > Some(0), "a later backup brings only what is new: {brought:?}");
    server.kill();
}
