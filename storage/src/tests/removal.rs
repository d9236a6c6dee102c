//! Rows that are to go: by a query, by age but for what is worth keeping; and traces looked up by the index of their day.

use super::store::{NOW, config, logs_at, numbers, open_os, request, wait_replayed};
use crate::scan::{Cancel, Column, Field, Predicate, ScanRequest, Test};
use crate::storage::{Append, Storage};
use crate::{Config, Delete, Snapshot};
use hopline_model::log::Log;
use hopline_model::schema::column;
use hopline_model::span::Span;
use hopline_model::time::{ManualClock, NANOS_PER_DAY, NANOS_PER_MINUTE};
use hopline_model::{Clock, Signal, SpanId, TenantId, TimeRange, TraceId, UnixNanos};
use std::path::Path;
use std::sync::Arc;

const TENANT: TenantId = TenantId(0);

fn trace(number: u64) -> TraceId {
    TraceId(u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes())
}

fn equals(name: &'static str, text: &str) -> Predicate {
    Predicate::Compare { field: Field::Column(name), test: Test::Equals(text.into()) }
}

fn delete(signal: Signal, predicate: Predicate) -> Delete {
    Delete { signal, predicate, range: TimeRange::ALL }
}

/// Files below a directory that hold some bytes.
fn holding(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(needle.len()).any(|window| window == needle)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Logs, every tenth with a secret in body and attributes.
async fn with_secrets(storage: &Storage, first: u64) {
    let log = |number: u64| Log {
        time: UnixNanos(NOW.0 + number as i64),
        body: Some(if number.is_multiple_of(10) { format!("xyzzysecret{number}") } else { number.to_string() }),
        service_name: if number.is_multiple_of(10) { "plughservice".into() } else { "shop".into() },
        trace_id: Some(trace(number)),
        ..Log::default()
    };
    storage.append(request(vec![Log::to_batch(&(first..first + 100).map(log).collect::<Vec<_>>())], None)).await.unwrap();
}

fn count(snapshot: &Snapshot, signal: Signal, predicate: Predicate) -> u64 {
    snapshot.count(&ScanRequest { predicate, ..ScanRequest::all(signal) }).unwrap().0
}

/// Deleted rows are out of every answer at once and out of every file once the grace is over, from blocks of every level, from
/// live rows and from the log; all others stay as they were, and a second look finds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn deletion_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Config { delete_grace_ms: 0, ..config(dir.path()) };
    let storage = open_os(settings.clone()).unwrap();
    storage.tenant("default").unwrap();
    for part in 0..3 {
        with_secrets(&storage, part * 100).await;
        storage.flush().await.unwrap();
    }
    storage.settle().await.unwrap();
    with_secrets(&storage, 300).await;
    storage.flush().await.unwrap();
    with_secrets(&storage, 400).await;
    assert!(!holding(dir.path(), b"plughservice").is_empty());

    let wanted = delete(Signal::Logs, equals(column::SERVICE_NAME, "plughservice"));
    assert_eq!(storage.would_delete(TENANT, &wanted, &Cancel::default()).unwrap().rows, 50);
    let reader = storage.snapshot(TENANT);
    let deleted = storage.delete(TENANT, wanted.clone()).await.unwrap();
    assert_eq!((deleted.rows, storage.stats().deleted_rows), (50, 50), "{deleted:?}");
    assert_eq!(count(&reader, Signal::Logs, Predicate::All), 500, "a reader keeps what it saw");
    drop(reader);
    let rest: Vec<u64> = (0..500).filter(|number| number % 10 != 0).collect();
    assert_eq!(numbers(&storage.snapshot(TENANT), Signal::Logs), rest);
    assert_eq!(storage.delete(TENANT, wanted).await.unwrap(), crate::Deleted::default());
    assert_eq!(storage.verify().damaged, []);
    // Words of what stayed are found by the new text index, those of what went by none.
    let word = |text: &str| Predicate::Text(crate::text::TextQuery { text: text.into(), phrase: false, prefix: false });
    assert_eq!(count(&storage.snapshot(TENANT), Signal::Logs, word("7")), 1);
    assert_eq!(count(&storage.snapshot(TENANT), Signal::Logs, word("xyzzysecret10")), 0);
    for _ in 0..200 {
        if holding(dir.path(), b"plughservice").is_empty() && holding(dir.path(), b"xyzzysecret").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(holding(dir.path(), b"plughservice"), Vec::<String>::new());
    assert_eq!(holding(dir.path(), b"xyzzysecret"), Vec::<String>::new());
    drop(storage);
    let storage = open_os(settings).unwrap();
    wait_replayed(&storage).await;
    assert_eq!(numbers(&storage.snapshot(TENANT), Signal::Logs), rest);
    // A whole block: nothing is written in its place.
    let all = storage.delete(TENANT, delete(Signal::Logs, Predicate::All)).await.unwrap();
    assert_eq!((all.rows, all.blocks_rewritten), (450, 0));
    assert_eq!(storage.snapshot(TENANT).blocks.len(), 0);
}

/// Of an old day traces with an error or a slow span stay whole, and logs of errors; the rest goes; later these go too.
#[tokio::test(flavor = "multi_thread")]
async fn errors_and_slow_traces_stay_longer() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW);
    let settings = Config { retention_hours: 7 * 24, retention_keep_hours: 30 * 24, retention_keep_slow_ms: 1000, ..config(dir.path()) };
    let storage = Storage::open(settings, clock.clone(), Arc::new(crate::objects::OsFiles)).unwrap();
    storage.tenant("default").unwrap();
    // Twenty traces of three spans: the middle span of trace 3 failed, that of 5 was slow.
    let span = |number: u64| Span {
        start_time: UnixNanos(NOW.0 + number as i64),
        trace_id: trace(number / 3),
        name: number.to_string(),
        status_code: if number == 10 { "error".into() } else { "unset".into() },
        duration_nano: if number == 16 { 1_000_000_000 } else { 5 },
        ..Span::default()
    };
    let log = |number: u64| Log {
        time: UnixNanos(NOW.0 + number as i64),
        body: Some(number.to_string()),
        severity_number: if number.is_multiple_of(4) { 17 } else { 9 },
        ..Log::default()
    };
    for part in 0..3 {
        let numbers = part * 20..part * 20 + 20;
        let batches = vec![Span::to_batch(&numbers.clone().map(span).collect::<Vec<_>>()), Log::to_batch(&numbers.map(log).collect::<Vec<_>>())];
        storage.append(request(batches, None)).await.unwrap();
        storage.flush().await.unwrap();
    }
    let seen = |signal| numbers(&storage.snapshot(TENANT), signal);
    clock.advance(6 * NANOS_PER_DAY);
    storage.settle().await.unwrap();
    assert_eq!((seen(Signal::Spans).len(), seen(Signal::Logs).len()), (60, 60));
    clock.advance(3 * NANOS_PER_DAY);
    assert_eq!(storage.retention().unwrap().datasets.iter().map(|dataset| dataset.reducing.rows).sum::<u64>(), 120);
    for _ in 0..300 {
        if seen(Signal::Spans).len() < 60 && seen(Signal::Logs).len() < 60 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(seen(Signal::Spans), [9, 10, 11, 15, 16, 17]);
    assert_eq!(seen(Signal::Logs), (0..60).step_by(4).collect::<Vec<u64>>());
    assert_eq!(storage.verify().damaged, []);
    assert_eq!(storage.stats().expired_rows, 54 + 45);
    clock.advance(30 * NANOS_PER_DAY);
    storage.run_retention().unwrap();
    assert_eq!((seen(Signal::Spans).len(), seen(Signal::Logs).len()), (0, 0));
    storage.close().await.unwrap();
}

/// Spans go by age, and what was counted of them stays for its own: nothing is counted twice or lost, after a restart too. A late span of a
/// trace that has gone is counted as what it is: new.
#[tokio::test(flavor = "multi_thread")]
async fn calls_stay_longer_than_their_spans() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW);
    let settings = || Config { retention_hours: 7 * 24, retention_edges_hours: 30 * 24, retention_share_max_percent: 100, ..config(dir.path()) };
    let open = || Storage::open(settings(), clock.clone(), Arc::new(crate::objects::OsFiles)).unwrap();
    let storage = open();
    storage.tenant("default").unwrap();
    let span = |number: u64| Span {
        start_time: UnixNanos(clock.now().0 + number as i64),
        trace_id: trace(number / 4),
        span_id: SpanId((number + 1).to_be_bytes()),
        parent_span_id: (!number.is_multiple_of(4)).then(|| SpanId((number / 4 * 4 + 1).to_be_bytes())),
        name: format!("operation {}", number % 4),
        kind: if number.is_multiple_of(4) { "server" } else { "internal" }.into(),
        service_name: format!("service-{}", number % 4),
        duration_nano: 1_000_000 + number as i64,
        ..Span::default()
    };
    let calls = |storage: &Storage| storage.snapshot(TENANT).edges(TimeRange::ALL, usize::MAX, &Cancel::default()).unwrap().rows;
    // Four days of blocks; the traces go on from one to the next.
    for day in 0..4u64 {
        let spans = Span::to_batch(&(day * 38..day * 38 + 38).map(span).collect::<Vec<_>>());
        let logs = logs_at(clock.now().0, day * 38, 38);
        storage.append(Append { received: clock.now(), ..request(vec![spans, logs], None) }).await.unwrap();
        storage.settle().await.unwrap();
        clock.advance(NANOS_PER_DAY);
    }
    let all = calls(&storage);
    assert!(all.iter().map(|row| row.counts.count).sum::<u64>() > 100, "{all:?}");
    clock.advance(4 * NANOS_PER_DAY + NANOS_PER_DAY / 2);
    let outlook = storage.retention().unwrap();
    let hours: Vec<_> = outlook.datasets.iter().map(|dataset| (dataset.dataset.as_str(), dataset.edges_hours)).collect();
    assert_eq!(hours, [("logs", None), ("spans", Some(30 * 24))]);
    storage.run_retention().unwrap();
    assert_eq!((rows(&storage, Signal::Spans), rows(&storage, Signal::Logs)), (2 * 38, 2 * 38));
    assert_eq!(calls(&storage), all);
    clock.advance(10 * NANOS_PER_DAY);
    storage.run_retention().unwrap();
    assert_eq!((rows(&storage, Signal::Spans), rows(&storage, Signal::Logs)), (0, 0));
    assert_eq!((calls(&storage), storage.stats().blocks), (all.clone(), 4));
    assert_eq!(storage.verify().damaged, []);
    storage.settle().await.unwrap();
    storage.close().await.unwrap();
    let storage = open();
    wait_replayed(&storage).await;
    assert_eq!((calls(&storage), storage.stats().blocks), (all.clone(), 4));
    // Nothing is left of them at their own age, and no file.
    clock.advance(16 * NANOS_PER_DAY);
    storage.run_retention().unwrap();
    assert_eq!((calls(&storage), storage.stats().blocks), (vec![], 0));
    storage.close().await.unwrap();
}

fn rows(storage: &Storage, signal: Signal) -> u64 {
    storage.snapshot(TENANT).count(&ScanRequest::all(signal)).unwrap().0
}

async fn windows(storage: &Storage, first: u64, count: u64) {
    for window in first..first + count {
        let time = NOW.0 - 40 * NANOS_PER_DAY + window as i64 * 10 * NANOS_PER_MINUTE;
        let span =
            |number: u64| Span { start_time: UnixNanos(time + number as i64), trace_id: trace(number), name: number.to_string(), ..Span::default() };
        // Ten traces of its own, and one that stands in every window.
        let spans: Vec<Span> = (window * 10 + 1..window * 10 + 11).chain([0]).map(span).collect();
        let append = request(vec![Span::to_batch(&spans)], None);
        storage.append(Append { received: UnixNanos(time), ..append }).await.unwrap();
        storage.flush().await.unwrap();
    }
}

/// Blocks that a lookup opened, and the rows it found.
fn look_up(storage: &Storage, number: u64) -> (u64, u64) {
    let snapshot = storage.snapshot(TENANT);
    let (batches, stats) = snapshot.trace_rows(Signal::Spans, trace(number), &[Column::Fixed(column::NAME)], &Cancel::default()).unwrap();
    (stats.blocks - stats.blocks_pruned, batches.iter().map(|batch| batch.num_rows() as u64).sum())
}

/// A trace is looked up in its own blocks alone however many there are: before and after a start, with later blocks beside,
/// after a deletion, and with the index lost or damaged, when it is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn traces_by_day() {
    let dir = tempfile::tempdir().unwrap();
    // Blocks so large that nothing merges days into one.
    let settings = Config { merge_input_bytes_max: 1, merge_delay_ms: 1 << 50, delete_grace_ms: 0, ..config(dir.path()) };
    let storage = open_os(settings.clone()).unwrap();
    storage.tenant("default").unwrap();
    windows(&storage, 0, 12).await;
    assert_eq!(look_up(&storage, 55), (12, 1), "blocks of one seal have no index");
    storage.settle().await.unwrap();
    let folder = dir.path().join("days/0/spans");
    let indexes = || std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(indexes().len(), 1);
    let check = |storage: &Storage, more: u64, what: &str| {
        for number in 1..=120 {
            assert_eq!(look_up(storage, number), (1 + more, 1), "{what}: {number}");
        }
        assert_eq!(look_up(storage, 0), (12 + more, 12 + more), "{what}");
        assert_eq!(look_up(storage, 9_999), (more, 0), "{what}");
    };
    check(&storage, 0, "made");
    // Late blocks are asked by themselves.
    windows(&storage, 12, 2).await;
    storage.settle().await.unwrap();
    check(&storage, 2, "with two blocks beside");
    drop(storage);

    let reopened = async |what: &str| {
        let storage = open_os(settings.clone()).unwrap();
        wait_replayed(&storage).await;
        // The index is taken up, or made anew with every block, by the merge task.
        for _ in 0..200 {
            if look_up(&storage, 9_999).0 <= 2 && indexes().len() == 1 {
                break;
            }
            storage.settle().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let beside = look_up(&storage, 9_999).0;
        check_again(&storage, beside, what);
        storage
    };
    fn check_again(storage: &Storage, beside: u64, what: &str) {
        assert!(beside <= 2, "{what}: {beside}");
        for number in 1..=120 {
            assert_eq!(look_up(storage, number).1, 1, "{what}: {number}");
        }
        assert_eq!(look_up(storage, 0).1, 14, "{what}");
    }
    let storage = reopened("taken up").await;
    drop(storage);
    std::fs::remove_file(&indexes()[0]).unwrap();
    let storage = reopened("lost").await;
    assert_eq!(look_up(&storage, 9_999).0, 0, "made anew with every block");
    drop(storage);
    let path = indexes().remove(0);
    let whole = std::fs::read(&path).unwrap();
    for at in [10, whole.len() / 2, whole.len() - 5] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        drop(reopened("damaged").await);
    }

    // The hashes of what is deleted go too.
    let storage = reopened("again").await;
    let one = Predicate::TraceIds(vec![trace(55)]);
    assert_eq!(storage.delete(TENANT, delete(Signal::Spans, one)).await.unwrap().rows, 1);
    assert_eq!(look_up(&storage, 55).1, 0);
    let hash = crate::block::tix::hash(&trace(55).0).to_le_bytes();
    assert!(indexes().iter().all(|path| std::fs::read(path).unwrap().windows(8).all(|window| window != hash)));
    assert_eq!(look_up(&storage, 56).1, 1);
    // Without its blocks an index goes.
    storage.delete(TENANT, delete(Signal::Spans, Predicate::All)).await.unwrap();
    storage.settle().await.unwrap();
    assert_eq!(indexes().len(), 0);
}

/// Sizes add up to the store, and say which attribute takes most.
#[tokio::test(flavor = "multi_thread")]
async fn sizes_by_service_and_attribute() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_os(config(dir.path())).unwrap();
    storage.tenant("default").unwrap();
    let log = |number: u64| Log {
        time: UnixNanos(NOW.0 + number as i64),
        body: Some("line".into()),
        service_name: if number.is_multiple_of(4) { "small".into() } else { "large".into() },
        attributes: hopline_model::attributes::Value::Map(vec![
            (
                "blob".into(),
                hopline_model::attributes::Value::String(format!(
                    "{:064x}",
                    u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                )),
            ),
            ("flag".into(), hopline_model::attributes::Value::Bool(true)),
        ])
        .to_text(),
        ..Log::default()
    };
    storage.append(request(vec![Log::to_batch(&(0..4000).map(log).collect::<Vec<_>>())], None)).await.unwrap();
    storage.flush().await.unwrap();
    let sizes = storage.sizes(&storage.snapshot(TENANT));
    let stats = storage.stats();
    assert_eq!((sizes.bytes, sizes.datasets.len(), sizes.datasets[0].rows), (stats.block_bytes, 1, 4000));
    let services: Vec<(&str, u64)> = sizes.services.iter().map(|service| (service.service.as_str(), service.rows)).collect();
    assert_eq!(services, [("large", 3000), ("small", 1000)]);
    assert!(sizes.services.iter().map(|service| service.bytes).sum::<u64>().abs_diff(sizes.bytes) < 3);
    assert_eq!(sizes.attributes[0].attribute, "blob", "{sizes:?}");
    assert!(sizes.attributes[0].percent > 30.0 && sizes.attributes[0].bytes < sizes.bytes, "{sizes:?}");
    assert!(sizes.advice[0].contains("blob of logs"), "{:?}", sizes.advice);
    assert!(Arc::ptr_eq(&sizes, &storage.sizes(&storage.snapshot(TENANT))), "an unchanged store is not looked at twice");
}
