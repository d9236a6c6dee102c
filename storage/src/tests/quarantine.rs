//! A store that starts over a damaged WAL or damaged blocks: it starts by itself, says what it found, answers with what is
//! good and names what is missing, and deletes nothing of the damaged bytes.

use super::store::{NOW, config, logs, logs_at, numbers, open_os, request, spans, wait_replayed};
use crate::block::{BlockMeta, FileKind};
use crate::catalog::memory::MemoryCatalog;
use crate::objects::sim::SimFs;
use crate::objects::{FileIo, names};
use crate::open::open_with;
use crate::scan::ScanRequest;
use crate::storage::Storage;
use crate::wal::segment::HEAD_BYTES;
use hopline_model::{Signal, SystemClock, TenantId};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct World {
    files: SimFs,
    catalog: Arc<MemoryCatalog>,
    segment: PathBuf,
}

impl World {
    /// A store that died with ten requests of ten rows in its WAL.
    async fn new() -> Self {
        let mut world = Self { files: SimFs::new(), catalog: Arc::default(), segment: PathBuf::new() };
        let storage = world.open();
        for i in 0..10 {
            storage.append(request(vec![logs(i * 10, 10)], Some(u128::from(i) + 1))).await.unwrap();
        }
        drop(storage);
        world.segment = Path::new("/sim/wal").join(world.wal().remove(0));
        world
    }

    fn open(&self) -> Arc<Storage> {
        let files = Arc::new(self.files.clone());
        open_with(config(Path::new("/sim")), SystemClock::new(), files, self.catalog.clone(), None).unwrap()
    }

    fn wal(&self) -> Vec<String> {
        self.files.list(Path::new("/sim/wal")).unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.files.read_whole(&self.segment);
        change(&mut bytes);
        self.files.put(&self.segment, bytes);
    }

    /// Starts, and expects `lost` of the ten requests to be missing and told, the rest to be stored, and the file to be set aside.
    async fn check(&self, lost: &[u64]) {
        let storage = self.open();
        wait_replayed(&storage).await;
        let stats = storage.stats();
        let what = format!("{lost:?} {stats:?}");
        assert!(stats.quarantined_bytes > 0, "{what}");
        assert!(stats.notes.iter().any(|note| note.contains("torn or damaged") && note.contains("set aside")), "{what}");
        let good: Vec<u64> = (0..10).filter(|i| !lost.contains(i)).flat_map(|i| i * 10..i * 10 + 10).collect();
        assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), good);
        // What is lost was never a duplicate: it can be sent again.
        for i in lost {
            let again = crate::Append { received: SystemClock::new().now(), ..request(vec![logs(i * 10, 10)], Some(u128::from(*i) + 1)) };
            assert!(!storage.append(again).await.unwrap().duplicate);
        }
        storage.close().await.unwrap();
        drop(storage);
        let aside = format!("{}.damaged", self.segment.file_name().unwrap().to_string_lossy());
        assert_eq!(self.wal(), [aside], "renamed, not deleted");
        let storage = self.open();
        let stats = storage.stats();
        assert_eq!((stats.quarantined_files, stats.quarantined_bytes, stats.replayed), (1, 0, true), "{stats:?}");
        assert!(stats.notes.iter().any(|note| note.contains("keep them for a rescue or remove them")), "{stats:?}");
        assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), (0..100).collect::<Vec<_>>());
    }
}

/// Where the payload of entry `i` is, roughly in its middle.
fn middle_of(bytes: &[u8], i: usize) -> usize {
    let magics: Vec<usize> = memchr::memmem::find_iter(bytes, b"HpLe").collect();
    (magics[i] + magics.get(i + 1).copied().unwrap_or(bytes.len())) / 2
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bit() {
    let world = World::new().await;
    world.change(|bytes| {
        let at = middle_of(bytes, 4);
        bytes[at] ^= 16;
    });
    world.check(&[4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_tail() {
    let world = World::new().await;
    world.change(|bytes| {
        let at = middle_of(bytes, 9);
        bytes.truncate(at);
    });
    world.check(&[9]).await;
}

/// One copy of the head is enough; without both nothing can be told from garbage.
#[tokio::test(flavor = "multi_thread")]
async fn head() {
    let world = World::new().await;
    world.change(|bytes| bytes[..512].fill(0));
    let storage = world.open();
    wait_replayed(&storage).await;
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), (0..100).collect::<Vec<_>>());
    drop(storage);
    world.change(|bytes| bytes[..HEAD_BYTES as usize].fill(0));
    world.check(&(0..10).collect::<Vec<_>>()).await;
}

/// All zeros, cut within the head, and cut between two entries when a later segment tells: each is said.
#[tokio::test(flavor = "multi_thread")]
async fn whole_file() {
    let all: Vec<u64> = (0..10).collect();
    let world = World::new().await;
    world.change(|bytes| bytes.fill(0));
    world.check(&all).await;
    let world = World::new().await;
    world.change(|bytes| bytes.truncate(HEAD_BYTES as usize / 2 + 100));
    world.check(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_between_entries() {
    let (files, catalog) = (SimFs::new(), Arc::<MemoryCatalog>::default());
    let open = || {
        let config = crate::Config { wal_segment_bytes: 64 << 10, ..config(Path::new("/sim")) };
        open_with(config, SystemClock::new(), Arc::new(files.clone()), catalog.clone(), None).unwrap()
    };
    let storage = open();
    let wal = |files: &SimFs| {
        let mut names = files.list(Path::new("/sim/wal")).unwrap();
        names.sort();
        names
    };
    let mut requests = 0;
    while wal(&files).len() < 2 {
        storage.append(request(vec![logs(requests * 10, 10)], Some(u128::from(requests) + 1))).await.unwrap();
        requests += 1;
    }
    drop(storage);
    let first = Path::new("/sim/wal").join(&wal(&files)[0]);
    let bytes = files.read_whole(&first);
    // From the last entry on: the next segment alone knows that there was one.
    let last = memchr::memmem::rfind(&bytes, b"HpLe").unwrap();
    files.put(&first, bytes[..last].to_vec());
    let storage = open();
    wait_replayed(&storage).await;
    let stats = storage.stats();
    assert!(stats.notes.iter().any(|note| note.contains("cut off or zeroed") && note.contains("set aside")), "{stats:?}");
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs).len() as u64, (requests - 1) * 10);
    storage.close().await.unwrap();
    assert!(wal(&files).iter().any(|name| name.ends_with(".damaged")), "{:?}", wal(&files));
}

/// A sector that cannot be read: its entries are lost, the rest is stored.
#[tokio::test(flavor = "multi_thread")]
async fn bad_sector() {
    let world = World::new().await;
    let bytes = world.files.read_whole(&world.segment);
    let at = middle_of(&bytes, 5) as u64 / 4096 * 4096;
    let magics: Vec<u64> = memchr::memmem::find_iter(&bytes, b"HpLe").map(|at| at as u64).collect();
    let lost: Vec<u64> = (0..10)
        .filter(|i| {
            let (start, end) = (magics[*i as usize], magics.get(*i as usize + 1).copied().unwrap_or(bytes.len() as u64));
            start < at + 4096 && at < end
        })
        .collect();
    world.files.spoil(&world.segment, at..at + 1);
    world.check(&lost).await;
}

/// Waits for something that a task notes.
async fn noted(storage: &Storage, words: &str) -> String {
    for _ in 0..200 {
        if let Some(note) = storage.stats().notes.into_iter().find(|note| note.contains(words)) {
            return note;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody says {words:?}: {:?}", storage.stats());
}

fn path_of(dir: &Path, block: &BlockMeta, kind: FileKind) -> PathBuf {
    dir.join(names::block_file(block.tenant, block.signal, block.id, kind))
}

/// Damaged rows cannot be made again: answers go on without them, and each says which range is missing; so does verifying, and
/// so does the next start when the file is gone.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    for i in 0..2 {
        storage.append(request(vec![logs(i * 10, 10)], None)).await.unwrap();
        storage.flush().await.unwrap();
    }
    let repaired = storage.repair().unwrap();
    assert_eq!((repaired.rebuilt, repaired.lost.len(), repaired.found.blocks), (0, 0, 2));
    assert!(repaired.words[0].contains("files of 2 blocks are as they were written"), "{:?}", repaired.words);
    let block = storage.snapshot(TenantId(0)).blocks[0].meta.clone();
    let path = path_of(dir.path(), &block, FileKind::Parquet);
    let range = "10 rows of logs from 2025-06-15T";
    std::fs::write(&path, b"short").unwrap();
    let repaired = storage.repair().unwrap();
    assert_eq!((repaired.rebuilt, repaired.lost.len()), (0, 1));
    assert!(repaired.words[0].contains(range), "{:?}", repaired.words);
    assert!(storage.verify().report().words[0].contains(range));
    drop(storage);
    let storage = open_os(config(dir.path())).unwrap();
    let mut rows = 0;
    let stats = storage
        .snapshot(TenantId(0))
        .scan(&ScanRequest::all(Signal::Logs), &mut |batch| {
            rows += batch.num_rows();
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!((rows, stats.damaged.len()), (10, 1));
    assert!(stats.damaged[0].contains("logs from 2025-06-15T") && stats.damaged[0].contains("are missing"), "{:?}", stats.damaged);
    drop(storage);
    std::fs::remove_file(&path).unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    assert!(noted(&storage, "are missing from answers").await.contains(range));
}

/// Side files that are damaged or gone are made again from the rows: by `hopline doctor --repair`, and at start by itself when
/// they are gone. The answers are the same all the while.
#[tokio::test(flavor = "multi_thread")]
async fn side_files_are_rebuilt() {
    for kind in [FileKind::Tix, FileKind::Idx, FileKind::Tok] {
        let dir = tempfile::tempdir().unwrap();
        let storage = open_os(config(dir.path())).unwrap();
        // Long ago, so that windows have ended and blocks are merged: only those have every side file.
        let long_ago = NOW.0 - 40 * hopline_model::time::NANOS_PER_DAY;
        for i in 0..3 {
            let rows = vec![logs_at(long_ago, i * 100, 100), spans(i * 100, 100)];
            let append = crate::Append { received: hopline_model::UnixNanos(long_ago), ..request(rows, None) };
            storage.append(append).await.unwrap();
        }
        storage.settle().await.unwrap();
        let all: Vec<u64> = (0..300).collect();
        let has = |storage: &Storage| -> Vec<BlockMeta> {
            let snapshot = storage.snapshot(TenantId(0));
            snapshot.blocks.iter().map(|block| block.meta.clone()).filter(|meta| meta.files.iter().any(|file| file.kind == kind)).collect()
        };
        let check = |storage: &Storage| {
            let snapshot = storage.snapshot(TenantId(0));
            assert_eq!(numbers(&snapshot, Signal::Logs), all, "{kind:?}");
            assert_eq!(numbers(&snapshot, Signal::Spans), all, "{kind:?}");
        };
        let blocks = has(&storage);
        assert!(!blocks.is_empty(), "no block has a {kind:?}");
        for block in &blocks {
            let path = path_of(dir.path(), block, kind);
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
        check(&storage);
        assert_eq!(storage.verify().damaged.len(), blocks.len());
        let repaired = storage.repair().unwrap();
        assert_eq!((repaired.rebuilt, repaired.lost.len()), (blocks.len() as u64, 0), "{:?}", repaired.words);
        assert!(repaired.words.iter().all(|words| words.contains("has been rebuilt from its rows")), "{:?}", repaired.words);
        assert_eq!(storage.verify().damaged, []);
        check(&storage);

        let block = has(&storage).remove(0);
        storage.close().await.unwrap();
        drop(storage);
        std::fs::remove_file(path_of(dir.path(), &block, kind)).unwrap();
        let storage = open_os(config(dir.path())).unwrap();
        check(&storage);
        noted(&storage, "rebuilt from its rows").await;
        assert_eq!(storage.verify().damaged, []);
        assert!(!has(&storage).is_empty());
        check(&storage);
    }
}
