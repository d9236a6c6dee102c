//! The process dies between any two steps of a commit: what it acknowledged is there, once, and half a request never.
//!
//! Each case runs this test binary again as a child with `HOPLINE_FAILPOINT` set; the child notes what was acknowledged
//! in a file and dies at the point.

use super::store::{config, logs_at, numbers, open_os, request, wait_replayed};
use crate::Config;
use hopline_model::{Signal, TenantId};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The child finds its directory here; without it the child's test does nothing.
const DIRECTORY: &str = "HOPLINE_TEST_FAILPOINT_DIR";
/// 2020: every window has ended, so merges are due.
const TIME: i64 = 1_577_836_800_000_000_000;

fn child_config(dir: &Path) -> Config {
    Config { seal_table_bytes_max: 40_000, wal_segment_bytes: 64 << 10, seal_edges_rows_max: 50, ..config(dir) }
}

#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Some(dir) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let storage = open_os(child_config(&dir)).unwrap();
    let mut acked = std::fs::File::create(dir.join("acked")).unwrap();
    for i in 0..60_u64 {
        let spans = super::store::spans(i * 10, 10);
        let mut append = request(vec![logs_at(TIME, i * 10, 10), spans], Some(u128::from(i) + 1));
        append.received = hopline_model::UnixNanos(TIME);
        storage.append(append).await.unwrap();
        writeln!(acked, "{i}").unwrap();
        if i % 20 == 19 {
            storage.settle().await.unwrap();
        }
    }
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dies_at_each_step() {
    let points = [
        "wal.written",
        "wal.synced",
        "seal.written",
        "seal.committed",
        "seal.swapped",
        "seal.trimmed",
        "count.written",
        "count.committed",
        "merge.written",
        "merge.committed",
    ];
    for point in points {
        for time in [1, 2] {
            let what = format!("{point}:{time}");
            let dir = tempfile::tempdir().unwrap();
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["tests::failpoints::child", "--exact"])
                .env(DIRECTORY, dir.path())
                .env("HOPLINE_FAILPOINT", &what)
                .output()
                .unwrap();
            assert!(!status.status.success(), "{what} was never reached: {}", String::from_utf8_lossy(&status.stdout));
            let acked = std::fs::read_to_string(dir.path().join("acked")).unwrap();
            let acked: BTreeSet<u64> = acked
                .lines()
                .flat_map(|line| {
                    let i: u64 = line.parse().unwrap();
                    i * 10..i * 10 + 10
                })
                .collect();

            let storage = open_os(child_config(dir.path())).unwrap();
            wait_replayed(&storage).await;
            let snapshot = storage.snapshot(TenantId(0));
            let found = numbers(&snapshot, Signal::Logs);
            let set: BTreeSet<u64> = found.iter().copied().collect();
            assert_eq!(set.len(), found.len(), "{what}: twice");
            assert!(acked.is_subset(&set), "{what}: lost");
            assert!(set.len() <= acked.len() + 10, "{what}: more than the one request whose fate was unknown");
            assert_eq!(found, numbers(&snapshot, Signal::Spans), "{what}: half a request");
            assert_eq!(storage.verify().damaged, [], "{what}");
            storage.close().await.unwrap();
        }
    }
}
