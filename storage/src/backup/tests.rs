#![allow(clippy::unwrap_used)]

use super::*;
use crate::storage::Storage;
use crate::tests::store::{NOW, config, logs, numbers, open_os, request, spans, wait_replayed};
use hopline_model::{Signal, TenantId, UnixNanos};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn take(data_dir: &Path, into: &Path, copy: bool) -> crate::Result<BackedUp> {
    backup(&BackupOptions { data_dir: data_dir.into(), into: into.into(), copy, now: NOW }, &mut |_| {})
}

fn put_back(from: &Path, data_dir: &Path) -> crate::Result<Restored> {
    restore(&RestoreOptions { from: from.into(), data_dir: data_dir.into(), link: false }, &mut |_| {})
}

async fn append(storage: &Storage, first: u64, count: u64) {
    storage.append(request(vec![logs(first, count), spans(first, count)], None)).await.unwrap();
}

async fn holds(data_dir: &Path, count: u64) -> Arc<Storage> {
    let storage = open_os(config(data_dir)).unwrap();
    wait_replayed(&storage).await;
    let snapshot = storage.snapshot(TenantId(0));
    for signal in [Signal::Logs, Signal::Spans] {
        assert_eq!(numbers(&snapshot, signal), (0..count).collect::<Vec<_>>());
    }
    assert_eq!(storage.verify().damaged, []);
    assert_eq!(storage.stats().notes, Vec::<String>::new());
    storage
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// What was acknowledged before a backup is in it, from blocks and from the log, of a running store and a stopped one; a second
/// one brings only what is new; the restored store goes on.
#[tokio::test(flavor = "multi_thread")]
async fn there_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let storage = open_os(config(&data)).unwrap();
    storage.tenant("default").unwrap();
    append(&storage, 0, 100).await;
    storage.flush().await.unwrap();
    append(&storage, 100, 50).await;
    let first = take(&data, &copy, false).unwrap();
    assert_eq!((first.number, first.blocks, first.block_rows, first.files_kept, first.files_copied), (1, 2, 200, 0, 0));
    assert!(first.files_linked >= 4 && first.wal_files == 1, "{first:?}");
    // Acknowledged later: not in the first.
    append(&storage, 150, 50).await;
    put_back(&copy, &dir.path().join("back")).unwrap();
    holds(&dir.path().join("back"), 150).await.close().await.unwrap();

    storage.flush().await.unwrap();
    let second = take(&data, &copy, false).unwrap();
    assert_eq!((second.number, second.blocks, second.files_kept), (2, 4, first.files_linked));
    storage.close().await.unwrap();
    drop(storage);
    let third = take(&data, &copy, false).unwrap();
    assert_eq!((third.files_linked, third.files_copied, third.wal_files), (0, 0, 0), "nothing is new but the catalog");
    assert_eq!(files(&copy.join("3")).len(), 1);
    assert!(!copy.join("1").exists() && !copy.join("2").exists());
    // A copy shares nothing with the store.
    let apart = dir.path().join("apart");
    let copied = take(&data, &apart, true).unwrap();
    assert_eq!((copied.files_linked, copied.files_copied), (0, third.files_kept));
    std::fs::remove_dir_all(&data).unwrap();
    for from in [&copy, &apart] {
        put_back(from, &data).unwrap();
        let storage = holds(&data, 200).await;
        append(&storage, 200, 10).await;
        storage.settle().await.unwrap();
        assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs).len(), 210);
        storage.close().await.unwrap();
        drop(storage);
        std::fs::remove_dir_all(&data).unwrap();
    }
    // The backup is untouched by what its stores did.
    put_back(&copy, &data).unwrap();
    holds(&data, 200).await;
}

/// Nothing is lost and nothing twice while seals and merges move rows under a backup.
#[tokio::test(flavor = "multi_thread")]
async fn while_rows_move() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let settings = crate::Config { seal_table_bytes_max: 4_000, delete_grace_ms: 0, wal_segment_bytes: 64 << 10, ..config(&data) };
    let storage = open_os(settings).unwrap();
    storage.tenant("default").unwrap();
    let acked = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (mover, told) = (storage.clone(), acked.clone());
    let moving = tokio::spawn(async move {
        for i in 0..150 {
            append(&mover, i * 10, 10).await;
            told.store((i + 1) * 10, std::sync::atomic::Ordering::SeqCst);
            if i % 10 == 9 {
                mover.settle().await.unwrap();
            }
        }
    });
    let mut rounds = 0;
    while !moving.is_finished() {
        let before = acked.load(std::sync::atomic::Ordering::SeqCst);
        let (from, into) = (data.clone(), copy.clone());
        tokio::task::spawn_blocking(move || take(&from, &into, false)).await.unwrap().unwrap();
        let back = dir.path().join(format!("back-{rounds}"));
        put_back(&copy, &back).unwrap();
        let restored = open_os(config(&back)).unwrap();
        wait_replayed(&restored).await;
        let snapshot = restored.snapshot(TenantId(0));
        let found = numbers(&snapshot, Signal::Logs);
        assert!(found.len() as u64 >= before, "{} of {before}", found.len());
        assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
        assert_eq!(restored.stats().notes, Vec::<String>::new());
        drop((snapshot, restored));
        std::fs::remove_dir_all(back).unwrap();
        rounds += 1;
    }
    moving.await.unwrap();
    assert!(rounds > 1, "the load was too short to mean anything");
}

/// What is wrong is said, and nothing is changed then.
#[tokio::test(flavor = "multi_thread")]
async fn refusals() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let said = |result: crate::Result<()>| result.unwrap_err().to_string();
    assert!(said(take(&data, &copy, false).map(drop)).contains("there is no store"));
    let storage = open_os(config(&data)).unwrap();
    storage.tenant("default").unwrap();
    append(&storage, 0, 100).await;
    storage.flush().await.unwrap();
    std::fs::create_dir_all(dir.path().join("photos")).unwrap();
    std::fs::write(dir.path().join("photos/cat"), "").unwrap();
    assert!(said(take(&data, &dir.path().join("photos"), false).map(drop)).contains("neither empty nor a backup"));
    take(&data, &copy, true).unwrap();
    // Into a store in use, or one that has been used.
    assert!(said(put_back(&copy, &data).map(drop)).contains("is not empty"));
    assert!(said(put_back(&dir.path().join("photos"), &dir.path().join("new")).map(drop)).contains("no finished backup"));
    storage.close().await.unwrap();
    drop(storage);

    // A damaged block of the store is no backup; the one before stays.
    let block = files(&data.join("blocks")).into_iter().find(|path| path.extension().is_some_and(|ext| ext == "parquet")).unwrap();
    let whole = std::fs::read(&block).unwrap();
    let mut spoilt = whole.clone();
    spoilt[20] ^= 1;
    std::fs::write(&block, &spoilt).unwrap();
    assert!(said(take(&data, &dir.path().join("other"), false).map(drop)).contains("is not what was written"));
    std::fs::remove_file(&block).unwrap();
    assert!(said(take(&data, &dir.path().join("other"), false).map(drop)).contains("cannot open"));
    std::fs::write(&block, &whole).unwrap();

    // Every file of a backup counts: flipped, cut, gone.
    let target = dir.path().join("back");
    for path in files(&copy) {
        let whole = std::fs::read(&path).unwrap();
        for way in 0..3 {
            match way {
                0 => {
                    let mut flipped = whole.clone();
                    flipped[whole.len() / 2] ^= 4;
                    std::fs::write(&path, flipped).unwrap();
                }
                1 => std::fs::write(&path, &whole[..whole.len() - 1]).unwrap(),
                _ => std::fs::remove_file(&path).unwrap(),
            }
            let said = said(put_back(&copy, &target).map(drop));
            let word = if way == 2 && path.ends_with("MANIFEST") { "no finished backup" } else { "damaged" };
            assert!(said.contains(word), "{}: {said}", path.display());
            assert!(!target.exists(), "nothing is written before everything is known to be whole");
            std::fs::write(&path, &whole).unwrap();
        }
    }
    // A restore that was cut short is no store, and is finished by another.
    std::fs::create_dir_all(&target).unwrap();
    std::fs::write(target.join("RESTORING"), "").unwrap();
    std::fs::create_dir_all(target.join("wal")).unwrap();
    std::fs::copy(&files(&copy.join("1/wal"))[0], target.join("wal/00000000000000000099.wal")).unwrap();
    let clock = hopline_model::SystemClock::new();
    let refused = Storage::open(config(&target), clock, Arc::new(crate::objects::OsFiles)).unwrap_err().to_string();
    assert!(refused.contains("was cut short"), "{refused}");
    put_back(&copy, &target).unwrap();
    holds(&target, 100).await;
    // A manifest of a later version is left alone.
    let mut manifest = manifest::Manifest::new(1, 0);
    manifest.format += 1;
    std::fs::write(copy.join("MANIFEST"), manifest.encode().unwrap()).unwrap();
    assert!(said(put_back(&copy, &dir.path().join("later")).map(drop)).contains("use a newer hopline"));
    manifest.format -= 1;
    manifest.files.push(manifest::ManifestFile { name: "../secret".into(), bytes: 0, crc32c: 0 });
    std::fs::write(copy.join("MANIFEST"), manifest.encode().unwrap()).unwrap();
    assert!(said(put_back(&copy, &dir.path().join("later")).map(drop)).contains("outside of the backup"));
    assert_eq!(UnixNanos(manifest.taken), UnixNanos(0));
}
