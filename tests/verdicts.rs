//! What `why` says of the demo shop against what really happened there, fault by fault.
//!
//! One calm history is written once; each fault acts in a copy of it. The short form asks 10 affected requests of each fault and 50 others,
//! of one seed; the long one (`HOPLINE_TORTURE`) 100 and 500, of five seeds, and appends what it counted to `crash/LEDGER.md`.

use crate::harness::{Server, binary};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Every fault, how long it acts in the short form (enough for ten affected requests at two a second), and whether a verdict names it.
const FAULTS: [(&str, u32, fn(&Value) -> bool); 10] = [
    ("slow-database", 40, |why| most(why) == ("inventory", "sqlite/inventory")),
    // The lock is inventory's own: nobody else's span shows the wait.
    ("lock", 60, |why| most(why).1 == "inventory"),
    ("retry-storm", 40, |why| why["first_cause"]["service_name"] == "payment"),
    ("lost-message", 40, |why| missing(why).contains(&("checkout".into(), "worker".into()))),
    ("pool-exhaustion", 40, |why| most(why).1 == "cart"),
    ("slow-upstream", 40, |why| most(why) == ("payment", "api.bank.example")),
    ("bad-instance", 60, |why| why["first_cause"]["service_name"] == "recommendations" && why["first_cause"]["exception_type"] == "ModelError"),
    ("bad-version", 150, |why| why["first_cause"]["service_name"] == "payment" && why["first_cause"]["exception_type"] == "CardFormatError"),
    ("bad-region", 60, |why| most(why).1 == "search"),
    // Nothing is slower: the clock is what is wrong.
    ("skewed-clock", 40, |why| {
        let warnings = why["warnings"].as_array().into_iter().flatten();
        warnings.filter_map(Value::as_str).any(|warning| warning.contains("clock") && warning.contains("cart"))
    }),
];

/// Who called and who was called in the hop that owes most of the excess.
fn most(why: &Value) -> (&str, &str) {
    let text = |name: &str| why["excess"][0][name].as_str().unwrap_or_default();
    (text("caller"), text("callee"))
}

fn missing(why: &Value) -> Vec<(String, String)> {
    let text = |hop: &Value, name: &str| hop[name].as_str().unwrap_or_default().to_owned();
    why["missing_hops"].as_array().into_iter().flatten().map(|hop| (text(hop, "caller"), text(hop, "callee"))).collect()
}

/// One request of the demo, as its services wrote it down.
struct Truth {
    trace_id: String,
    affected: bool,
}

fn demo(server: &Server, faults: &str, backfill: &str, rate: &str, seed: u32) -> Vec<Truth> {
    let mut command = Command::new(binary());
    command.args(["demo", "--faults", faults, "--backfill", backfill, "--rate", rate, "--seed", &seed.to_string()]);
    command.env_remove("HOPLINE_TOKEN").env("HOPLINE_OTLP_ENDPOINT", server.otlp_http());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    let truths = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    truths.map(|truth| Truth { trace_id: truth["trace_id"].as_str().unwrap().into(), affected: truth["affected"] == true }).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

struct Counted {
    affected: usize,
    named: usize,
    others: usize,
    ordinary: usize,
    slowest: Duration,
    wrong: Vec<String>,
}

/// Writes a fault into a copy of the calm history, and asks why.
fn judge(calm: &Path, spared: &[Truth], fault: &str, acts: u32, named: fn(&Value) -> bool, seed: u32, wanted: (usize, usize)) -> Counted {
    let dir = tempfile::tempdir().unwrap();
    copy(calm, &dir.path().join("data"));
    let mut server = Server::prepare(&[], &[]);
    server.set_data_dir(&dir.path().join("data"));
    server.start_again();
    let truths = demo(&server, fault, &format!("{acts}s"), "2", seed);
    let api = server.api();
    let mut counted = Counted { affected: 0, named: 0, others: 0, ordinary: 0, slowest: Duration::ZERO, wrong: Vec::new() };
    let mut ask = |truth: &Truth, right: &dyn Fn(&Value) -> bool| {
        let began = Instant::now();
        let why = api.get(&format!("/api/v1/traces/{}/why", truth.trace_id));
        counted.slowest = counted.slowest.max(began.elapsed());
        let right = right(&why);
        if !right {
            counted.wrong.push(format!("{} (affected: {}) {}: {}", truth.trace_id, truth.affected, why["verdict"], why["headline"]));
        }
        usize::from(right)
    };
    let affected: Vec<&Truth> = truths.iter().filter(|truth| truth.affected).take(wanted.0).collect();
    let others: Vec<&Truth> = truths.iter().filter(|truth| !truth.affected).chain(spared.iter().rev()).take(wanted.1).collect();
    (counted.affected, counted.others) = (affected.len(), others.len());
    let of_affected = affected.into_iter().map(|truth| ask(truth, &named)).sum();
    let of_others = others.into_iter().map(|truth| ask(truth, &|why| why["verdict"] == "ordinary")).sum();
    (counted.named, counted.ordinary) = (of_affected, of_others);
    counted
}

/// The verdict names the faulty hop of nine in ten affected requests, and says "ordinary" of 98 % of the others.
#[test]
fn verdicts_name_what_the_demo_broke() {
    let long = std::env::var_os("HOPLINE_TORTURE").is_some();
    let (seeds, history, wanted, times) = if long { (1..=5, "60m", (100, 500), 10) } else { (1..=1, "20m", (10, 50), 1) };
    let mut failed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for seed in seeds {
        let mut server = Server::start();
        let began = Instant::now();
        let spared = demo(&server, "none", history, "1", seed);
        println!("seed {seed}: a history of {} requests in {:?}", spared.len(), began.elapsed());
        server.stop();
        for (fault, acts, named) in FAULTS {
            let began = Instant::now();
            let counted = judge(&server.data_dir(), &spared, fault, acts * times, named, seed + 100, wanted);
            crate::crash::ledger(&format!(
                "verdicts, seed {seed}, {fault}: named in {} of {}, ordinary {} of {}, slowest answer {:.0?}, {:.0?} in all",
                counted.named,
                counted.affected,
                counted.ordinary,
                counted.others,
                counted.slowest,
                began.elapsed()
            ));
            counted.wrong.iter().take(5).for_each(|wrong| println!("  {wrong}"));
            assert_eq!((counted.affected, counted.others), wanted, "{fault}: too few requests met it");
            if counted.named * 10 < counted.affected * 9 || counted.ordinary * 100 < counted.others * 98 {
                failed.insert(format!("{fault}, seed {seed}"), counted.wrong);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
