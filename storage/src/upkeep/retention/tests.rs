#![allow(clippy::unwrap_used)]

use super::*;
use crate::tests::store::{NOW, config, logs_at, numbers, request};
use crate::{Append, Storage};
use hopline_model::Signal;
use hopline_model::time::ManualClock;

const TENANT: TenantId = TenantId(0);

/// A store of one block of logs a day, the newest of today.
async fn store(config: Config, days: u64) -> (Arc<ManualClock>, Arc<Storage>) {
    let clock = ManualClock::at(NOW);
    let storage = Storage::open(config, clock.clone(), Arc::new(crate::objects::OsFiles)).unwrap();
    assert_eq!(storage.tenant("default").unwrap(), TENANT);
    for day in 0..days {
        let time = NOW.0 - (days - 1 - day) as i64 * NANOS_PER_DAY;
        let append = request(vec![logs_at(time, day * 100, 100)], None);
        storage.append(Append { received: UnixNanos(time), ..append }).await.unwrap();
        storage.flush().await.unwrap();
    }
    (clock, storage)
}

fn found(storage: &Storage) -> usize {
    numbers(&storage.snapshot(TENANT), Signal::Logs).len()
}

/// What is past its age goes; the outlook says it before, and when the next goes.
#[tokio::test(flavor = "multi_thread")]
async fn goes_when_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, storage) = store(config(dir.path()), 10).await;
    let policy = |hours: u64| Policy::new(&Config { retention_hours: hours, ..config(dir.path()) });
    // Its own thread's retention never removes here: ages in the store's settings are endless.
    let retention = |hours: u64| {
        let Retention { clock, versions, catalog, objects, ids, health, tenants, epoch, believed, .. } = &*storage.retention;
        Retention::new(
            clock.clone(),
            versions.clone(),
            catalog.clone(),
            objects.clone(),
            ids.clone(),
            health.clone(),
            tenants.clone(),
            *epoch,
            *believed,
            policy(hours),
        )
    };
    let outlook = retention(5 * 24).outlook(u64::MAX);
    let [logs] = &outlook.datasets[..] else { panic!("{outlook:?}") };
    assert_eq!((logs.tenant.as_str(), logs.dataset.as_str(), logs.hours), ("default", "logs", 120));
    assert_eq!((logs.stored.rows, logs.going.rows, logs.next_day.rows), (1000, 400, 100));
    assert_eq!(found(&storage), 1000, "asking changes nothing");

    // Much at once waits an hour and is told.
    let much = Retention { policy: Policy { much_bytes_min: 0, ..policy(24) }, ..retention(24) };
    much.expire(u64::MAX, false).unwrap();
    assert_eq!(found(&storage), 1000);
    assert!(storage.stats().notes.iter().any(|note| note.contains("retention is about to remove 8 blocks")), "{:?}", storage.stats().notes);
    assert!(much.outlook(u64::MAX).held_until.is_some());
    // Less does not.
    retention(5 * 24).expire(u64::MAX, false).unwrap();
    assert_eq!(found(&storage), 600);
    clock.advance(HOLD_NANO as i64 - 1);
    much.expire(u64::MAX, false).unwrap();
    assert_eq!(found(&storage), 600);
    clock.advance(1);
    much.expire(u64::MAX, false).unwrap();
    // An hour later another day is past its age.
    assert_eq!(found(&storage), 100);
    assert_eq!(storage.stats().expired_rows, 900);

    // A reader keeps what it saw; files go after it and the grace.
    let reader = storage.snapshot(TENANT);
    much.expire(u64::MAX, true).unwrap();
    clock.advance(40 * NANOS_PER_DAY);
    much.expire(u64::MAX, true).unwrap();
    assert_eq!((found(&storage), numbers(&reader, Signal::Logs).len()), (0, 100));
    much.delete_unread().unwrap();
    assert_eq!(numbers(&reader, Signal::Logs).len(), 100);
    drop(reader);
    clock.advance(NANOS_PER_HOUR);
    much.delete_unread().unwrap();
    // The store's own task may be the one that deletes them.
    let files = || std::fs::read_dir(dir.path().join("blocks/0/logs")).unwrap().count();
    for _ in 0..100 {
        if files() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(files(), 0);
    storage.close().await.unwrap();
}
