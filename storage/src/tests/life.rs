//! Append, restart, seal, duplicates, close.

use super::store::{config, logs, numbers, open_os, request, spans, wait_replayed};
use crate::error::Kind;
use hopline_model::{Signal, TenantId};

const ALL: fn(u64) -> Vec<u64> = |count| (0..count).collect();

/// What was acknowledged is seen at once, survives a stop without warning and a clean one, and stands once.
#[tokio::test(flavor = "multi_thread")]
async fn append_crash_close() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    assert_eq!(storage.tenant("default").unwrap(), TenantId(0));
    for i in 0..50 {
        let appended = storage.append(request(vec![logs(i * 10, 10), spans(i * 7, 7)], None)).await.unwrap();
        assert_eq!((appended.rows, appended.duplicate), (17, false));
        assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs).len() as u64, (i + 1) * 10);
    }
    drop(storage);

    let storage = open_os(config(dir.path())).unwrap();
    wait_replayed(&storage).await;
    assert_eq!(storage.known_tenant("default"), Some(TenantId(0)));
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(500));
    storage.append(request(vec![logs(500, 10)], None)).await.unwrap();
    storage.flush().await.unwrap();
    let stats = storage.stats();
    assert_eq!((stats.live_rows, stats.block_rows), (0, 860));
    drop(storage);

    let storage = open_os(config(dir.path())).unwrap();
    wait_replayed(&storage).await;
    storage.append(request(vec![logs(510, 10)], None)).await.unwrap();
    let snapshot = storage.snapshot(TenantId(0));
    assert!(snapshot.complete);
    assert_eq!(numbers(&snapshot, Signal::Logs), ALL(520));
    assert_eq!(numbers(&snapshot, Signal::Spans), ALL(350));
    storage.close().await.unwrap();
    assert_eq!(storage.append(request(vec![logs(0, 1)], None)).await.unwrap_err().kind(), Kind::Closed);
    drop(storage);
    assert_eq!(std::fs::read_dir(dir.path().join("wal")).unwrap().count(), 0, "a clean stop leaves nothing to replay");

    let storage = open_os(config(dir.path())).unwrap();
    assert!(storage.stats().replayed);
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(520));
    assert_eq!(storage.stats().notes, Vec::<String>::new());
}

/// A retry is stored once: at once, while the first is on its way, after a restart, after a seal and a restart.
#[tokio::test(flavor = "multi_thread")]
async fn retries() {
    let dir = tempfile::tempdir().unwrap();
    // The clock is the real one, so requests must be received about now for their hashes to be young.
    let again = || crate::Append { received: hopline_model::SystemClock::new().now(), ..request(vec![logs(0, 10), spans(0, 10)], Some(77)) };
    let storage = open_os(config(dir.path())).unwrap();
    let (a, b) = tokio::join!(storage.append(again()), storage.append(again()));
    assert_eq!(u8::from(a.unwrap().duplicate) + u8::from(b.unwrap().duplicate), 1);
    assert!(storage.append(again()).await.unwrap().duplicate);
    assert!(!storage.append(crate::Append { tenant: TenantId(1), ..again() }).await.unwrap().duplicate, "another tenant's request is another");
    drop(storage);
    let storage = open_os(config(dir.path())).unwrap();
    assert!(storage.append(again()).await.unwrap().duplicate, "after a restart");
    wait_replayed(&storage).await;
    storage.close().await.unwrap();
    drop(storage);
    let storage = open_os(config(dir.path())).unwrap();
    assert!(storage.append(again()).await.unwrap().duplicate, "after a seal");
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(10));
    assert_eq!(storage.stats().duplicate_requests, 1);
}

/// The second process is told who holds the directory.
#[tokio::test]
async fn one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    let error = open_os(config(dir.path())).unwrap_err().to_string();
    assert!(error.contains("in use by another hopline") && error.contains(&std::process::id().to_string()), "{error}");
    storage.close().await.unwrap();
    open_os(config(dir.path())).unwrap();
}

/// Counts equal the truth at every moment while thousands of seals move rows from memory to blocks.
#[tokio::test(flavor = "multi_thread")]
async fn truth_through_seals() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(crate::Config { seal_table_bytes_max: 1, ..config(dir.path()) }).unwrap();
    let mut told = 0;
    for i in 0..400 {
        storage.append(request(vec![logs(i * 5, 5)], None)).await.unwrap();
        told += 5;
        let snapshot = storage.snapshot(TenantId(0));
        let live: usize = snapshot.chunks(Signal::Logs).iter().map(|chunk| chunk.rows.num_rows()).sum();
        let sealed: u64 = snapshot.blocks(Signal::Logs).map(|block| block.meta.rows).sum();
        assert_eq!(live as u64 + sealed, told);
    }
    assert!(storage.stats().seals > 10, "{:?}", storage.stats());
    storage.flush().await.unwrap();
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(2000));
}

/// Requests of one row pile up into few chunks.
#[tokio::test(flavor = "multi_thread")]
async fn small_requests_make_few_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    for i in 0..600 {
        storage.append(request(vec![logs(i, 1)], None)).await.unwrap();
    }
    let snapshot = storage.snapshot(TenantId(0));
    assert!(snapshot.chunks(Signal::Logs).len() < 64, "{}", snapshot.chunks(Signal::Logs).len());
    assert_eq!(numbers(&snapshot, Signal::Logs), ALL(600));
}

/// Memory for live rows is bounded: when nothing can be sealed, requests are asked to come back, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn sealing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(crate::Config { live_bytes_max: 100_000, ..config(dir.path()) }).unwrap();
    // A directory in the way of every block file.
    std::fs::write(dir.path().join("blocks"), b"").unwrap();
    let mut stored = 0;
    let error = loop {
        match storage.append(request(vec![logs(stored, 100)], None)).await {
            Ok(_) => stored += 100,
            Err(error) => break error,
        }
        assert!(stored < 100_000);
    };
    assert_eq!(error.kind(), Kind::Retry);
    assert!(storage.stats().live_bytes < 400_000);
    assert!(!storage.stats().notes.is_empty());
    std::fs::remove_file(dir.path().join("blocks")).unwrap();
    storage.flush().await.unwrap();
    storage.append(request(vec![logs(stored, 100)], None)).await.unwrap();
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(stored + 100));
}

/// Merges and removals keep every row once; settling leaves one block per window; files of unfinished blocks are swept.
#[tokio::test(flavor = "multi_thread")]
async fn merge_and_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    for i in 0..6 {
        // Long ago, so that every window has ended.
        let mut append = request(vec![super::store::logs_at(super::store::NOW.0 - 40 * hopline_model::time::NANOS_PER_DAY, i * 10, 10)], None);
        append.received = append.received.saturating_sub(40 * hopline_model::time::NANOS_PER_DAY);
        storage.append(append).await.unwrap();
        storage.flush().await.unwrap();
    }
    let before = storage.snapshot(TenantId(0));
    assert_eq!(before.blocks.len(), 6);
    storage.settle().await.unwrap();
    assert_eq!(storage.snapshot(TenantId(0)).blocks.len(), 1);
    assert_eq!(storage.stats().merges, 1);
    assert_eq!(numbers(&before, Signal::Logs), ALL(60), "a reader keeps what it saw");
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(60));
    assert_eq!(storage.verify().damaged, []);
    storage.close().await.unwrap();
    drop((storage, before));
    // What a crash before the commit leaves.
    let orphan = dir.path().join("blocks/0/logs/000000000250.parquet");
    std::fs::write(&orphan, b"half").unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    for _ in 0..100 {
        if !orphan.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!orphan.exists());
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), ALL(60));
    let block = storage.snapshot(TenantId(0)).blocks[0].meta.id;
    let path = dir.path().join(format!("blocks/0/logs/{:012}.parquet", block.0));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let damaged = storage.verify().damaged;
    assert!(damaged.len() == 1 && damaged[0].holds.contains("rows of logs from"), "{damaged:?}");
}
