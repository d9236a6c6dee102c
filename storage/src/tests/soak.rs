//! Long runs: counts equal the truth through thousands of seals while readers look on, memory stays flat, a large WAL is
//! replayed behind open doors. Short by default, long with `HOPLINE_TORTURE=1`.

use super::store::{config, logs, numbers, open_os, request, wait_replayed};
use crate::Config;
use hopline_model::{Signal, TenantId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn torture() -> bool {
    std::env::var_os("HOPLINE_TORTURE").is_some()
}

/// That of the server: what memory it gives back is part of what is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Readers on other threads never see fewer rows than were acknowledged before they looked, nor more than were sent.
#[tokio::test(flavor = "multi_thread")]
async fn readers_through_seals() {
    let requests: u64 = if torture() { 20_000 } else { 600 };
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(Config { seal_table_bytes_max: 1, ..config(dir.path()) }).unwrap();
    let (acked, sent, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (storage, acked, sent, done) = (storage.clone(), acked.clone(), sent.clone(), done.clone());
            std::thread::spawn(move || {
                let mut looks = 0;
                while !done.load(Ordering::SeqCst) {
                    let least = acked.load(Ordering::SeqCst);
                    let snapshot = storage.snapshot(TenantId(0));
                    let live: usize = snapshot.chunks(Signal::Logs).iter().map(|chunk| chunk.rows.num_rows()).sum();
                    let found = live as u64 + snapshot.blocks(Signal::Logs).map(|block| block.meta.rows).sum::<u64>();
                    let most = sent.load(Ordering::SeqCst);
                    assert!(least <= found && found <= most, "{found} rows, at least {least}, at most {most}");
                    looks += 1;
                }
                looks
            })
        })
        .collect();
    for i in 0..requests {
        sent.fetch_add(3, Ordering::SeqCst);
        storage.append(request(vec![logs(i * 3, 3)], None)).await.unwrap();
        acked.fetch_add(3, Ordering::SeqCst);
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
    assert!(storage.stats().seals > requests / 100, "{:?}", storage.stats());
    storage.flush().await.unwrap();
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), (0..requests * 3).collect::<Vec<_>>());
}

/// Live rows and the WAL stay within their limits however long rows come in; in the long form the process does too: the most it takes in
/// the last quarter, merges under way, is what it took in the second.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat() {
    let rounds = if torture() { 32_000 } else { 60 };
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(Config { live_bytes_max: 1 << 20, seal_table_bytes_max: 1 << 20, ..config(dir.path()) }).unwrap();
    let mut most = [0; 4];
    for i in 0..rounds {
        storage.append(request(vec![logs(i * 500, 500)], None)).await.unwrap();
        let stats = storage.stats();
        assert!(stats.live_bytes <= 3 << 20 && stats.wal_bytes <= 8 << 20, "{stats:?}");
        let quarter = &mut most[(i * 4 / rounds) as usize];
        *quarter = resident().max(*quarter);
    }
    if torture() {
        let told = format!("{} logs, most MiB resident in each quarter: {:?}", rounds * 500, most.map(|bytes| bytes >> 20));
        super::ledger(&told);
        assert!(most[3].saturating_sub(most[1]) < 32 << 20, "{told}");
    }
}

/// Doors open at once over a large WAL, new rows are taken and seen while it is replayed, and then all of it is there.
#[tokio::test(flavor = "multi_thread")]
async fn large_wal() {
    let requests: u64 = if torture() { 20_000 } else { 200 };
    let dir = tempfile::tempdir().unwrap();
    let large = Config { live_bytes_max: 1 << 40, seal_table_bytes_max: 1 << 40, wal_bytes_max: 1 << 40, ..config(dir.path()) };
    let storage = open_os(large).unwrap();
    let mut wal_bytes = 0;
    for i in 0..requests {
        storage.append(request(vec![logs(i * 1000, 1000)], None)).await.unwrap();
        wal_bytes = storage.stats().wal_bytes;
    }
    drop(storage);
    let started = Instant::now();
    let storage = open_os(Config { live_bytes_max: 8 << 20, ..config(dir.path()) }).unwrap();
    let doors = started.elapsed();
    storage.append(request(vec![logs(requests * 1000, 1)], None)).await.unwrap();
    let first = storage.snapshot(TenantId(0));
    assert!(first.complete || first.chunks(Signal::Logs).iter().any(|chunk| chunk.rows.num_rows() == 1), "new rows are seen during replay");
    wait_replayed(&storage).await;
    tracing::info!("{wal_bytes} bytes of WAL: doors after {doors:?}, all rows after {:?}", started.elapsed());
    assert!(doors < Duration::from_secs(3), "{doors:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(storage.stats().live_bytes < 32 << 20, "{:?}", storage.stats());
    let stats = storage.stats();
    assert_eq!(stats.live_rows + stats.block_rows, requests * 1000 + 1);
}
