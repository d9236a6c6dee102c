//! `escapes.txt`: attempts to read files, write, set, create, or look behind the tables. Each is refused, or answers without harm.

use super::rows::{ask_with, store};
use crate::table::SqlOptions;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

fn files(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        found.insert(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn none_gets_out() {
    let store = store().await;
    let snapshot = store.snapshot();
    let bait = tempfile::tempdir().unwrap();
    let dir = bait.path().display().to_string();
    std::fs::write(bait.path().join("bait.csv"), "secret\nsecret\n").unwrap();
    std::fs::write(bait.path().join("bait.json"), "{\"secret\":\"secret\"}\n").unwrap();
    let before = (files(bait.path()), files(store.dir.path()));
    let options = SqlOptions { timeout: Duration::from_secs(5), ..SqlOptions::default() };
    let mut failures = Vec::new();
    let mut count = 0;
    for line in include_str!("escapes.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        count += 1;
        let (expect, query) = line.split_once(' ').unwrap();
        let query = query.replace("{dir}", &dir);
        match (expect, ask_with(&snapshot, &query, &[], &options).await) {
            ("refused", Err(error)) if error.kind != crate::table::SqlErrorKind::Internal => {
                // The words of the attempt may come back; what a file holds must not.
                if error.message.contains("secret") {
                    failures.push(format!("{query}: {error}"));
                }
            }
            ("harmless", Ok(answer)) if !answer.contains("secret") => {}
            (_, got) => failures.push(format!("{expect} {query}: {got:?}")),
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 60, "{count} attempts");
    assert_eq!((files(bait.path()), files(store.dir.path())), before, "no file came or went");
    assert_eq!(ask_with(&snapshot, "select count(*) as n from spans", &[], &options).await.unwrap(), "{\"n\":5}\n");
}
