//! A store that starts over a damaged WAL or damaged blocks: it starts by itself, says what it found, answers with what is
//! good and names what is missing, and deletes nothing of the damaged bytes.

use super::store::{config, logs, numbers, open_os, read_plain, request, wait_replayed, write_plain};
use crate::catalog::memory::MemoryCatalog;
use crate::objects::sim::SimFs;
use crate::objects::{FileIo, names};
use crate::open::open_with;
use crate::storage::Storage;
use crate::wal::segment::HEAD_BYTES;
use hopline_model::{Signal, SystemClock, TenantId};
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
        open_with(config(Path::new("/sim")), SystemClock::new(), files, self.catalog.clone(), write_plain, read_plain, None).unwrap()
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

/// A damaged block file degrades the answers that need it; what is missing is named. A missing side file is rebuilt.
#[tokio::test(flavor = "multi_thread")]
async fn verify_names_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    for i in 0..2 {
        storage.append(request(vec![logs(i * 10, 10)], None)).await.unwrap();
        storage.flush().await.unwrap();
    }
    let repaired = storage.repair().unwrap();
    assert_eq!((repaired.rebuilt, repaired.lost.len(), repaired.found.blocks), (0, 0, 2));
    assert!(repaired.words[0].contains("2 files of 2 blocks are as they were written"), "{:?}", repaired.words);
    let block = storage.snapshot(TenantId(0)).blocks[0].meta.clone();
    let path = dir.path().join(names::block_file(block.tenant, block.signal, block.id, block.files[0].kind));
    std::fs::write(&path, b"short").unwrap();
    let repaired = storage.repair().unwrap();
    assert_eq!((repaired.rebuilt, repaired.lost.len()), (0, 1));
    assert!(repaired.words[0].contains("10 rows of logs from 2025-06-15T"), "{:?}", repaired.words);
    storage.close().await.unwrap();
    drop(storage);
    std::fs::remove_file(&path).unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    for _ in 0..100 {
        if !storage.stats().notes.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(storage.stats().notes[0].contains("10 rows of logs from 2025-06-15T"), "{:?}", storage.stats().notes);
}
