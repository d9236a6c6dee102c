//! `hopline doctor`: what state the server is in and what to do about it; ends with 1 when something needs doing.

use crate::cli::{Doctor, Format};
use crate::client::{Client, Parameters};
use crate::print::{Paint, Screen, out, value};
use anyhow::Result;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Settling merges every window and verifying reads every file: longer than a question may take.
const LONG_TIMEOUT_SECONDS: u64 = 3600;

struct Finding {
    good: bool,
    what: &'static str,
    words: String,
}

pub(crate) fn run(arguments: &Doctor) -> Result<ExitCode> {
    let mut patient = arguments.ask.clone();
    patient.timeout = patient.timeout.max(LONG_TIMEOUT_SECONDS);
    if arguments.settle {
        Client::new(&patient)?.post("/api/v1/settle", &json!({}))?;
    }
    let checked = match arguments.verify || arguments.repair {
        true => Some(Client::new(&patient)?.post("/api/v1/verify", &json!({"repair": arguments.repair}))?),
        false => None,
    };
    let client = Client::new(&arguments.ask)?;
    let status = client.get("/api/v1/status", &Parameters::default())?;
    let mut findings = examine(&status);
    findings.extend(checked.iter().flat_map(files));
    let well = findings.iter().all(|finding| finding.good);
    let objects = || findings.iter().map(|finding| json!({"check": finding.what, "good": finding.good, "detail": finding.words})).collect::<Vec<_>>();
    match arguments.ask.format {
        Format::Json => {
            out(&format!("{}\n", serde_json::to_string_pretty(&json!({"well": well, "checks": objects(), "status": status, "files": checked}))?))?
        }
        Format::Ndjson => out(&crate::print::list::lines(&objects())?)?,
        Format::Csv => out(&crate::print::list::csv(&objects())?)?,
        Format::Table => {
            let screen = Screen::stdout();
            for finding in &findings {
                let mark = if finding.good { Paint::Good.on("✓", screen) } else { Paint::Bad.on("✗", screen) };
                out(&format!("{mark} {}: {}\n", finding.what, finding.words))?;
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn examine(status: &Value) -> Vec<Finding> {
    let storage = status.get("storage").unwrap_or(&Value::Null);
    let number = |name: &str| storage.get(name).and_then(value::integer).unwrap_or(0);
    let flag = |name: &str| storage.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut findings = vec![];
    let mut check = |good: bool, what: &'static str, words: String| findings.push(Finding { good, what, words });
    check(true, "server", format!("version {}", status.get("version").and_then(Value::as_str).unwrap_or("unknown")));
    match flag("replayed") {
        true => check(true, "replay", "done, answers are complete".into()),
        false => check(false, "replay", "still reading what was kept before the last stop; answers are not complete until it ends".into()),
    }
    match flag("read_only") {
        false => check(
            true,
            "writing",
            format!("{} rows live ({}), {} in the log", number("live_rows"), size(number("live_bytes")), size(number("wal_bytes"))),
        ),
        true => check(false, "writing", "refused: syncing to disk failed twice; look at the disk and the server's log, then restart it".into()),
    }
    check(true, "stored", format!("{} rows in {} blocks, {}", number("block_rows"), number("blocks"), size(number("block_bytes"))));
    let list = |path: &str| status.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    for dataset in list("/sizes/datasets") {
        let text = |name: &str| dataset.get(name).map(value::plain).unwrap_or_default();
        let bytes = |name: &str| size(dataset.get(name).and_then(value::integer).unwrap_or(0));
        let words = format!(
            "{}: {} rows in {} blocks, {} of which {} index, {} B a row",
            text("dataset"),
            text("rows"),
            text("blocks"),
            bytes("bytes"),
            bytes("index_bytes"),
            text("bytes_per_row"),
        );
        check(true, "size", words);
    }
    for service in list("/sizes/services").iter().take(3) {
        let text = |name: &str| service.get(name).map(value::plain).unwrap_or_default();
        check(
            true,
            "size",
            format!("about {} are {} of {}", size(service.get("bytes").and_then(value::integer).unwrap_or(0)), text("dataset"), text("service")),
        );
    }
    for advice in list("/sizes/advice") {
        check(true, "drop first", value::plain(&advice));
    }
    let free = number("free_bytes");
    check(
        free == 0 || free > 2 << 30,
        "disk",
        format!("{} free{}", size(free), if free > 2 << 30 { "" } else { ": make room or lower storage.retention_hours" }),
    );
    let (bytes, aside) = (number("quarantined_bytes"), number("quarantined_files"));
    if bytes > 0 {
        check(
            false,
            "damage",
            format!("{} of the log were torn or unreadable; their files are set aside as wal/*.damaged of the data directory", size(bytes)),
        );
    } else if aside > 0 {
        check(
            false,
            "damage",
            format!("{aside} damaged log files lie aside as wal/*.damaged of the data directory: keep them for a rescue or remove them"),
        );
    }
    for note in storage.get("notes").and_then(Value::as_array).into_iter().flatten() {
        check(false, "note", value::plain(note));
    }
    for error in status.pointer("/ingest/errors").and_then(Value::as_array).into_iter().flatten() {
        let words = error.get("message").map_or_else(|| value::plain(error), value::plain);
        check(false, "receiver", words);
    }
    findings
}

/// What verifying found and repairing did: one finding a file.
fn files(checked: &Value) -> Vec<Finding> {
    let lines = |name: &str| checked.get(name).and_then(Value::as_array).into_iter().flatten().map(value::plain).collect::<Vec<_>>();
    let damaged = checked.pointer("/found/damaged").and_then(Value::as_array).map_or(0, Vec::len);
    let lost = checked.get("lost").and_then(Value::as_array).map_or(0, Vec::len);
    // Without repair nothing was rebuilt, and what is damaged stays to be done.
    let repaired = checked.get("repaired").and_then(Value::as_bool).unwrap_or(false);
    let good = damaged == 0 || (repaired && lost == 0);
    let mut findings: Vec<Finding> = lines("words").into_iter().map(|words| Finding { good, what: "files", words }).collect();
    if damaged > 0 && !repaired {
        findings.push(Finding { good: false, what: "files", words: "`hopline doctor --repair` rebuilds what can be rebuilt".into() });
    }
    findings
}

fn size(bytes: i64) -> String {
    value::bytes(u64::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        let well = json!({"version": "0.1.0", "storage": {"replayed": true, "read_only": false, "free_bytes": 50_000_000_000_i64}});
        assert!(examine(&well).iter().all(|finding| finding.good));
        let ill = json!({"storage": {"replayed": false, "read_only": true, "free_bytes": 1, "quarantined_bytes": 7, "notes": ["slow disk"]}, "ingest": {"errors": [{"message": "bad wire type"}]}});
        let bad: Vec<&str> = examine(&ill).iter().filter(|finding| !finding.good).map(|finding| finding.what).collect();
        assert_eq!(bad, ["replay", "writing", "disk", "damage", "note", "receiver"]);
    }

    /// What is damaged needs doing until it is rebuilt; what is lost needs doing after that too.
    #[test]
    fn says_what_files_are_damaged() {
        let bad = |checked: Value| files(&checked).iter().filter(|finding| !finding.good).map(|finding| finding.words.clone()).collect::<Vec<_>>();
        let damaged = json!([{"file": "a.tix", "holds": "3 rows", "detail": "gone"}]);
        assert!(bad(json!({"repaired": false, "found": {"damaged": []}, "lost": [], "words": ["all well"]})).is_empty());
        assert!(
            bad(json!({"repaired": false, "found": {"damaged": damaged}, "lost": [], "words": ["a.tix is damaged"]}))[1].contains("doctor --repair")
        );
        assert!(bad(json!({"repaired": true, "found": {"damaged": damaged}, "lost": [], "words": ["a.tix was rebuilt"]})).is_empty());
        assert_eq!(
            bad(json!({"repaired": true, "found": {"damaged": damaged}, "lost": damaged, "words": ["a.parquet is gone"]})),
            ["a.parquet is gone"]
        );
    }
}
