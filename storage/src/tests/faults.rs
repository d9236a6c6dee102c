//! Every operation of a run fails once, in every way; power is cut at random instants. What was acknowledged is there,
//! once; nothing that was never sent is there; the store works again by itself.
//!
//! The short form runs in every test run, the long one with `HOPLINE_TORTURE=1`.

use super::store::{config, logs, numbers, request, spans, wait_replayed};
use crate::catalog::memory::MemoryCatalog;
use crate::error::Result;
use crate::objects::sim::{Fault, SimFs};
use crate::open::open_with;
use crate::storage::Storage;
use crate::{Config, Kind};
use hopline_model::time::ManualClock;
use hopline_model::{Signal, SystemClock, TenantId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

fn torture() -> bool {
    std::env::var_os("HOPLINE_TORTURE").is_some()
}

struct World {
    files: SimFs,
    catalog: Arc<MemoryCatalog>,
    config: Config,
    acked: BTreeSet<u64>,
    sent: BTreeSet<u64>,
    next: u64,
}

impl World {
    fn new() -> Self {
        let config = Config { wal_segment_bytes: 16 << 10, seal_table_bytes_max: 64 << 10, ..config(Path::new("/sim")) };
        Self { files: SimFs::new(), catalog: Arc::default(), config, acked: BTreeSet::new(), sent: BTreeSet::new(), next: 0 }
    }

    fn open(&self) -> Result<Arc<Storage>> {
        open_with(self.config.clone(), SystemClock::new(), Arc::new(self.files.clone()), self.catalog.clone(), None)
    }

    /// Opens, trying again as an operator would.
    fn open_at_last(&self) -> Arc<Storage> {
        (0..20).find_map(|_| self.open().ok()).expect("the store opens once the fault is over")
    }

    /// One request with retries, byte-identical; `true` once acknowledged.
    async fn send(&mut self, storage: &Storage, tries: u32) -> bool {
        let (first, count) = (self.next, 1 + self.next % 7);
        self.next += count;
        self.sent.extend(first..first + count);
        for _ in 0..tries {
            let append = crate::Append {
                received: SystemClock::new().now(),
                ..request(vec![logs(first, count), spans(first, count)], Some(u128::from(first) + 1))
            };
            match storage.append(append).await {
                Ok(_) => {
                    self.acked.extend(first..first + count);
                    return true;
                }
                Err(error) => assert!(matches!(error.kind(), Kind::Retry | Kind::Full | Kind::Closed), "{error}"),
            }
        }
        false
    }

    fn check(&self, storage: &Storage, what: &str) {
        let snapshot = storage.snapshot(TenantId(0));
        let found = numbers(&snapshot, Signal::Logs);
        let set: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(set.len(), found.len(), "{what}: a row stands twice");
        let lost: Vec<_> = self.acked.difference(&set).take(5).collect();
        assert!(lost.is_empty(), "{what}: acknowledged rows are lost: {lost:?}… notes {:?}", storage.stats().notes);
        let phantom: Vec<_> = set.difference(&self.sent).take(5).collect();
        assert!(phantom.is_empty(), "{what}: rows nobody sent: {phantom:?}");
        assert_eq!(found, numbers(&snapshot, Signal::Spans), "{what}: half a request is stored");
    }
}

/// A run of appends, seals and restarts in which the `nth` operation fails. Gives how many operations it had.
async fn run_with_fault(nth: Option<(u64, Fault)>) -> u64 {
    let what = format!("{nth:?}");
    let mut world = World::new();
    let start = world.files.operations();
    if let Some((nth, fault)) = nth {
        world.files.fail(nth, fault);
    }
    for round in 0..2 {
        let storage = world.open_at_last();
        for _ in 0..8 {
            assert!(world.send(&storage, 5).await, "{what}: it does not heal by itself: {:?}", storage.stats().notes);
        }
        if round == 0 {
            // A seal that fails is tried again.
            let sealed = futures_any(5, || storage.flush()).await;
            assert!(sealed, "{what}: {:?}", storage.stats().notes);
        }
        for _ in 0..4 {
            assert!(world.send(&storage, 5).await, "{what}: {:?}", storage.stats().notes);
        }
        wait_replayed(&storage).await;
        world.check(&storage, &what);
        drop(storage);
    }
    let storage = world.open_at_last();
    wait_replayed(&storage).await;
    world.check(&storage, &what);
    world.files.operations() - start
}

async fn futures_any<F: Future<Output = Result<()>>>(tries: u32, mut attempt: impl FnMut() -> F) -> bool {
    for _ in 0..tries {
        if attempt().await.is_ok() {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_fails_once() {
    let operations = run_with_fault(None).await;
    assert!(operations > 100, "{operations}");
    let step = if torture() { 1 } else { 5 };
    for (i, fault) in [Fault::NoSpace, Fault::Io, Fault::Short].into_iter().enumerate() {
        for nth in (i as u64..operations).step_by(step) {
            run_with_fault(Some((nth, fault))).await;
        }
    }
}

/// Power is cut at a random operation, several times in a row, also during recovery.
#[tokio::test(flavor = "multi_thread")]
async fn power_cuts() {
    let seeds = if torture() { 10_000 } else { 60 };
    for seed in 0..seeds {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut world = World::new();
        for cut in 0..4 {
            world.files.fail(chance.random_range(0..120), Fault::Power);
            if let Ok(storage) = world.open() {
                for i in 0..chance.random_range(1..20) {
                    if !world.send(&storage, 1).await {
                        break;
                    }
                    if i % 5 == 4 {
                        let _ = storage.flush().await;
                    }
                }
                drop(storage);
            }
            world.files.reboot(seed * 10 + cut);
        }
        let storage = world.open_at_last();
        wait_replayed(&storage).await;
        world.check(&storage, &format!("seed {seed}"));
        assert!(world.send(&storage, 1).await);
        storage.close().await.unwrap();
        drop(storage);
        world.check(&world.open().unwrap(), &format!("seed {seed}, closed"));
    }
}

/// Two failed syncs in a row: read-only and loud; queries go on; a restart with a good disk has everything.
#[tokio::test(flavor = "multi_thread")]
async fn failed_syncs() {
    let mut world = World::new();
    let storage = world.open().unwrap();
    assert!(world.send(&storage, 1).await);
    // Write, sync | create, preallocate, write, sync of the next segment; the failing truncate of the poisoned one lies between.
    for after in 1..12 {
        world.files.fail(after, Fault::Io);
    }
    for _ in 0..12 {
        world.send(&storage, 1).await;
    }
    if storage.stats().read_only {
        assert!(storage.stats().notes.iter().any(|note| note.contains("read-only")));
        assert!(!world.send(&storage, 1).await);
    }
    world.check(&storage, "after the failures");
    drop(storage);
    world.files.reboot(1);
    let storage = world.open_at_last();
    wait_replayed(&storage).await;
    world.check(&storage, "after the restart");
    assert!(world.send(&storage, 1).await);
}

/// A full volume refuses with the words what to do, answers queries, and resumes by itself.
#[tokio::test(flavor = "multi_thread")]
async fn full_disk() {
    let mut world = World::new();
    world.config.free_bytes_min = 1000;
    let storage = world.open().unwrap();
    assert!(world.send(&storage, 1).await);
    world.files.set_free(999);
    let error = loop {
        let append = request(vec![logs(1 << 40, 1), spans(1 << 40, 1)], None);
        match storage.append(append).await {
            Ok(_) => {
                world.sent.insert(1 << 40);
                // Noticed within half a second; rows stored meanwhile count.
                world.acked.insert(1 << 40);
                tokio::time::sleep(std::time::Duration::from_millis(600)).await;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::Full);
    assert!(error.to_string().contains("free some space"));
    world.files.set_free(1 << 30);
    for _ in 0..40 {
        if world.send(&storage, 1).await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(world.send(&storage, 1).await);
}

/// Clocks that jump by ten years: nothing is refused, nothing is removed.
#[tokio::test(flavor = "multi_thread")]
async fn clock_jumps() {
    let years = 10 * 365 * hopline_model::time::NANOS_PER_DAY;
    let world = World::new();
    let clock = ManualClock::at(super::store::NOW);
    let open = |clock: Arc<ManualClock>| open_with(world.config.clone(), clock, Arc::new(world.files.clone()), world.catalog.clone(), None).unwrap();
    let storage = open(clock.clone());
    for (i, jump) in [0, years, -years, 0].into_iter().enumerate() {
        clock.jump_to(super::store::NOW.saturating_add(jump));
        let batch = logs(i as u64 * 10, 10);
        storage.append(crate::Append { received: clock_now(&clock), ..request(vec![batch], Some(i as u128 + 1)) }).await.unwrap();
        storage.flush().await.unwrap();
    }
    drop(storage);
    clock.jump_to(super::store::NOW.saturating_add(years));
    let storage = open(clock);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(numbers(&storage.snapshot(TenantId(0)), Signal::Logs), (0..40).collect::<Vec<_>>());
}

fn clock_now(clock: &ManualClock) -> hopline_model::UnixNanos {
    hopline_model::Clock::now(clock)
}
