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
        let config = Config { wal_segment_bytes: 4 << 10, seal_table_bytes_max: 2 << 20, ..config(Path::new("/sim")) };
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

/// A run of appends, seals, merges and restarts in which the `nth` operation fails; about 2,000 operations. Gives how many it had.
async fn run_with_fault(nth: Option<(u64, Fault)>) -> u64 {
    let what = format!("{nth:?}");
    let mut world = World::new();
    let start = world.files.operations();
    if let Some((nth, fault)) = nth {
        world.files.fail(nth, fault);
    }
    for round in 0..RUN_ROUNDS {
        let storage = world.open_at_last();
        for i in 0..RUN_REQUESTS {
            assert!(world.send(&storage, 5).await, "{what}: it does not heal by itself: {:?}", storage.stats().notes);
            if i % RUN_SEALED_EVERY == RUN_SEALED_EVERY / 2 {
                // A seal that fails is tried again.
                let sealed = futures_any(5, || storage.flush()).await;
                assert!(sealed, "{what}: {:?}", storage.stats().notes);
            }
        }
        if round == RUN_ROUNDS / 2 {
            assert!(futures_any(5, || storage.settle()).await, "{what}: {:?}", storage.stats().notes);
        }
        wait_replayed(&storage).await;
        assert!(!storage.stats().read_only, "{what}: one fault is no reason to stop writing");
        world.check(&storage, &what);
        drop(storage);
    }
    let storage = world.open_at_last();
    wait_replayed(&storage).await;
    world.check(&storage, &what);
    world.files.operations() - start
}

const RUN_ROUNDS: u64 = 5;
const RUN_REQUESTS: u64 = 20;
const RUN_SEALED_EVERY: u64 = 20;

/// Does `each` with every item, several at a time: most of them wait most of the time.
fn at_once<T: Send>(workers: usize, items: impl Iterator<Item = T> + Send, each: impl AsyncFn(T) + Sync) {
    let items = parking_lot::Mutex::new(items);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                while let Some(item) = { items.lock().next() } {
                    runtime.block_on(each(item));
                }
            });
        }
    });
}

async fn futures_any<F: Future<Output = Result<()>>>(tries: u32, mut attempt: impl FnMut() -> F) -> bool {
    for _ in 0..tries {
        if attempt().await.is_ok() {
            return true;
        }
    }
    false
}

/// Every operation × {ENOSPC, EIO, short write, failed fsync, failed rename}; of each kind a sample in the short form. A
/// failed fsync or rename hits the first one at or behind the operation.
#[test]
fn every_operation_fails_once() {
    let operations = tokio::runtime::Runtime::new().unwrap().block_on(run_with_fault(None));
    assert!(operations >= 2000, "{operations}");
    let step = if torture() { 1 } else { 251 };
    let faults = [Fault::NoSpace, Fault::Io, Fault::Short, Fault::Sync, Fault::Rename];
    let of_fault = |(i, fault): (usize, Fault)| (if step == 1 { 0 } else { i as u64 * 17 }..operations).step_by(step).map(move |nth| (nth, fault));
    let all: Vec<(u64, Fault)> = faults.into_iter().enumerate().flat_map(of_fault).collect();
    let runs = all.len();
    at_once(2, all.into_iter(), async |case| _ = run_with_fault(Some(case)).await);
    super::ledger(&format!(
        "every {step}. of {operations} operations x ENOSPC, EIO, short write, failed fsync, failed rename: {runs} runs, nothing lost, all healed"
    ));
}

/// Power is cut at a random operation, several times in a row, also during recovery.
#[test]
fn power_cuts() {
    let seeds = if torture() { 10_000 } else { 150 };
    at_once(8, 0..seeds, async |seed: u64| {
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
    });
    super::ledger(&format!("{seeds} seeds of 4 power cuts each: nothing lost, nothing twice"));
}

/// A failed sync: its request is refused, the file is left behind, the next one takes over, nothing of the refused is found.
/// A second in a row: read-only and loud; queries go on; a restart with a good disk has everything.
#[tokio::test(flavor = "multi_thread")]
async fn failed_syncs() {
    let mut world = World::new();
    // Nothing is sealed meanwhile, so that the writer's syncs are the only ones.
    world.config.seal_table_bytes_max = 1 << 30;
    let storage = world.open().unwrap();
    assert!(world.send(&storage, 1).await);
    let segments = storage.stats().wal_segments;
    world.files.fail(0, Fault::Sync);
    let refused = world.next;
    assert!(!world.send(&storage, 1).await, "a request whose sync failed is refused");
    assert!(world.send(&storage, 1).await, "the next is stored in a new file");
    assert!(storage.stats().wal_segments > segments && !storage.stats().read_only);
    assert!(!numbers(&storage.snapshot(TenantId(0)), Signal::Logs).contains(&refused));

    // Write, sync | the poisoned file is cut | create, reserve, write, sync of the next segment.
    (0..20).for_each(|after| world.files.fail(after, Fault::Sync));
    while !storage.stats().read_only {
        assert!(!world.send(&storage, 1).await);
    }
    let notes = storage.stats().notes;
    assert!(notes.iter().any(|note| note.contains("read-only") && note.contains("check the disk, then restart")), "{notes:?}");
    let append = request(vec![logs(1 << 40, 1)], None);
    assert_eq!(storage.append(append).await.unwrap_err().kind(), Kind::Closed);
    world.check(&storage, "after the failures");
    drop(storage);
    world.files.reboot(1);
    let storage = world.open_at_last();
    wait_replayed(&storage).await;
    world.check(&storage, "after the restart");
    assert!(!storage.stats().read_only && world.send(&storage, 1).await);
}

/// A volume that fills up behind the back of the free-space check: what is live is sealed with the reserved room, which is
/// reserved again once there is space.
#[tokio::test(flavor = "multi_thread")]
async fn reserve_to_seal_with() {
    let mut world = World::new();
    world.config.reserve_bytes = 1 << 20;
    let storage = world.open().unwrap();
    for _ in 0..20 {
        assert!(world.send(&storage, 1).await);
    }
    assert_eq!(storage.stats().reserved_bytes, 1 << 20);
    world.files.set_free(0);
    storage.flush().await.unwrap();
    let stats = storage.stats();
    assert_eq!((stats.live_rows, stats.reserved_bytes), (0, 0));
    assert!(stats.notes.iter().any(|note| note.contains("reserved room was given back")), "{:?}", stats.notes);
    world.check(&storage, "sealed on a full disk");
    world.files.set_free(1 << 30);
    for _ in 0..100 {
        if storage.stats().reserved_bytes > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(storage.stats().reserved_bytes, 1 << 20);
    assert!(world.send(&storage, 1).await);
}

/// Another process has begun a later epoch over the same catalog: the older one changes nothing any more, says so, and
/// refuses; its rows are in its log.
#[tokio::test(flavor = "multi_thread")]
async fn fenced() {
    let mut world = World::new();
    let old = world.open().unwrap();
    assert!(world.send(&old, 1).await);
    // Its own files: what a second machine over one shared catalog has.
    let other = World { files: SimFs::new(), catalog: world.catalog.clone(), ..World::new() };
    let new = other.open().unwrap();
    let error = old.flush().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Closed);
    assert!(error.to_string().contains("another process has taken over this data directory"), "{error}");
    assert!(old.stats().read_only);
    assert!(!world.send(&old, 1).await, "a fenced process acknowledges nothing");
    assert_eq!(old.tenant("new").unwrap_err().kind(), Kind::Closed);
    world.check(&old, "queries go on");
    assert_eq!(new.stats().blocks, 0, "nothing of the fenced process was committed");
    new.flush().await.unwrap();
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
    assert!(error.to_string().contains("free some space"), "{error}");
    world.check(&storage, "queries go on while the disk is full");
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
