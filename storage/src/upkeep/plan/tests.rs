use super::*;
use crate::block::{BlockFile, FileKind, WindowRows};

fn block(id: u64, window: i64, bytes: u64) -> BlockMeta {
    BlockMeta {
        id: BlockId(id),
        tenant: TenantId(0),
        signal: Signal::Logs,
        level: 0,
        format: 1,
        rows: 1,
        time_min: 0,
        time_max: 0,
        seq_min: 0,
        seq_max: 0,
        files: vec![BlockFile { kind: FileKind::Parquet, bytes, crc32c: 0 }],
        windows: vec![WindowRows { window, row: 0, rows: 1 }],
        services: Vec::new(),
        dense: Vec::new(),
        counts: Vec::new(),
        created: 0,
    }
}

/// Age and budget each remove the oldest first, and only as many as needed; without a believed clock only the budget does.
#[test]
fn what_expires() {
    let blocks = [block(1, 0, 10), block(2, 100 * WINDOW_NANO, 10), block(3, 50 * WINDOW_NANO, 10)];
    let blocks: Vec<&BlockMeta> = blocks.iter().collect();
    let check = |now: Option<i64>, bytes_max, old: &[u64], over_budget: &[u64]| {
        let ages = Ages { default_nano: 10 * WINDOW_NANO, ..Ages::default() };
        let due = due(&blocks, now.map(UnixNanos), &ages, bytes_max);
        let ids = |ids: &[u64]| ids.iter().copied().map(BlockId).collect::<Vec<_>>();
        assert_eq!(due, Due { old: ids(old), over_budget: ids(over_budget), reduce: vec![], calls_stay: HashSet::new() }, "{now:?} {bytes_max}");
    };
    check(Some(0), 100, &[], &[]);
    check(Some(11 * WINDOW_NANO), 100, &[], &[]);
    check(Some(11 * WINDOW_NANO + 1), 100, &[1], &[]);
    check(Some(1000 * WINDOW_NANO), 100, &[1, 3, 2], &[]);
    check(None, 100, &[], &[]);
    check(None, 20, &[], &[1]);
    check(Some(0), 9, &[], &[1, 3, 2]);
    check(Some(11 * WINDOW_NANO + 1), 10, &[1], &[3]);
}

/// What goes of spans leaves its calls by minute, until their own age; over the budget they go once there are no more rows to go.
#[test]
fn calls_stay() {
    let spans = |id, window, calls: u64| {
        let mut meta = BlockMeta { signal: Signal::Spans, ..block(id, window, 10) };
        meta.files.push(BlockFile { kind: FileKind::Edg, bytes: calls, crc32c: 0 });
        meta
    };
    let mut bare = BlockMeta { rows: 0, windows: Vec::new(), time_max: WINDOW_NANO, ..spans(3, 0, 2) };
    bare.files.remove(0);
    let blocks = [spans(1, 0, 2), block(2, 0, 10), bare, spans(4, 50 * WINDOW_NANO, 2)];
    let blocks: Vec<&BlockMeta> = blocks.iter().collect();
    let check = |windows: i64, edges_windows: i64, bytes_max, gone: &[u64], stays: &[u64]| {
        let ages = Ages { default_nano: 10 * WINDOW_NANO, edges_nano: edges_windows * WINDOW_NANO, ..Ages::default() };
        let due = due(&blocks, Some(UnixNanos(windows * WINDOW_NANO + 1)), &ages, bytes_max);
        let mut stay: Vec<u64> = due.calls_stay.iter().map(|id| id.0).collect();
        stay.sort_unstable();
        let found: Vec<u64> = due.old.iter().chain(&due.over_budget).map(|id| id.0).collect();
        assert_eq!((&found[..], &stay[..]), (gone, stays), "{windows} {edges_windows} {bytes_max}");
    };
    check(5, 40, 100, &[], &[]);
    check(11, 40, 100, &[1, 2], &[1]);
    check(11, 0, 100, &[1, 2, 3], &[]);
    check(41, 40, 100, &[1, 2, 3], &[]);
    // 36 bytes: without its rows a block of spans is 2 of 12. What is left without rows is a tenth of the budget at most.
    check(5, 40, 30, &[1], &[]);
    check(5, 40, 20, &[1, 2], &[]);
    check(5, 40, 19, &[3, 1, 2], &[]);
    let large: Vec<BlockMeta> = (1..=10).map(|id| spans(id, id as i64 * WINDOW_NANO, 2)).collect();
    let due = due(&large.iter().collect::<Vec<_>>(), None, &Ages { edges_nano: 1, ..Ages::default() }, 60);
    assert_eq!(due.over_budget, (1..=6).map(BlockId).collect::<Vec<_>>(), "120 bytes; of the first three 6 stay");
    assert_eq!(due.calls_stay, (1..=3).map(BlockId).collect());
}

/// Blocks without rows are merged by day, once there are several small ones.
#[test]
fn merges_of_calls() {
    let bare = |id: u64, day: i64, bytes| {
        let file = BlockFile { kind: FileKind::Edg, bytes, crc32c: 0 };
        BlockMeta {
            signal: Signal::Spans,
            rows: 0,
            windows: Vec::new(),
            level: KEPT,
            time_max: day * NANOS_PER_DAY + id as i64 + 1,
            files: vec![file],
            ..block(id, 0, 0)
        }
    };
    let plan = |blocks: &[BlockMeta]| {
        merge(&blocks.iter().collect::<Vec<_>>(), UnixNanos(NANOS_PER_DAY), 0, 1600).map(|plan| (plan.inputs.len(), plan.level))
    };
    let of_days =
        |days: i64, large: bool| -> Vec<BlockMeta> { (0..14).map(|id| bare(id, id as i64 % days, if large { 101 } else { 100 })).collect() };
    assert_eq!(plan(&of_days(1, false)), Some((14, KEPT)));
    assert_eq!(plan(&of_days(2, false)), None);
    assert_eq!(plan(&of_days(1, true)), None);
    assert_eq!(plan(&of_days(1, false)[..8]), Some((8, KEPT)));
}

/// An index counts for more than its bytes: blocks that are little else are merged a few at a time.
#[test]
fn merges_of_large_indexes_take_fewer() {
    let with = |id, index| {
        let mut meta = block(id, 0, 10);
        meta.files.push(BlockFile { kind: FileKind::Idx, bytes: index, crc32c: 0 });
        meta
    };
    for (index, taken) in [(3, 7), (5, 6), (30, 1)] {
        let blocks: Vec<BlockMeta> = (1..=10).map(|id| with(id, index)).collect();
        let plan = merge(&blocks.iter().collect::<Vec<_>>(), UnixNanos(NANOS_PER_DAY), 0, 100).unwrap();
        assert_eq!(plan.inputs.len(), taken, "{index}");
    }
}

/// The most particular rule holds: tenant and dataset, then tenant, then dataset, then the default.
#[test]
fn ages_by_tenant_and_dataset() {
    let (a, b) = (TenantId(1), TenantId(2));
    let logs = || Some("logs".to_string());
    let ages = Ages {
        default_nano: 1,
        rules: vec![(None, logs(), 2), (Some(a), None, 3), (Some(a), logs(), 4), (None, logs(), 5)],
        keep_nano: 4,
        edges_nano: 0,
    };
    let found = [(a, "logs"), (a, "spans"), (b, "logs"), (b, "spans")].map(|(tenant, dataset)| ages.of(tenant, dataset));
    assert_eq!(found, [4, 3, 5, 1]);
    // Something is kept only where that is longer than all of it, and of metrics nothing.
    let kept = [(a, Signal::Logs), (a, Signal::Spans), (b, Signal::Logs), (b, Signal::Metrics)].map(|(tenant, signal)| ages.keeps(tenant, signal));
    assert_eq!(kept, [None, Some(4), None, None]);
}

/// A day is reduced as a whole once it is past its age; what is kept of it goes when that is past its own.
#[test]
fn what_is_reduced() {
    let days = |days: i64| days * NANOS_PER_DAY;
    let at = |id: u64, level: u8, time: i64| BlockMeta { level, ..block(id, time, 10) };
    let blocks = [at(1, 2, 0), at(2, 1, days(1) - WINDOW_NANO), at(3, KEPT, 0), at(4, 2, days(1))];
    let blocks: Vec<&BlockMeta> = blocks.iter().collect();
    let ages = Ages { default_nano: days(7), keep_nano: days(30), ..Ages::default() };
    let check = |now: i64, old: &[u64], reduce: &[u64]| {
        let due = due(&blocks, Some(UnixNanos(now)), &ages, u64::MAX);
        let ids = |ids: &[BlockId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!((ids(&due.old), ids(&due.reduce)), (old.to_vec(), reduce.to_vec()), "{now}");
    };
    check(days(8), &[], &[]);
    check(days(8) + 1, &[], &[1, 2]);
    check(days(9) + 1, &[], &[1, 2, 4]);
    check(days(30) + WINDOW_NANO + 1, &[1, 3], &[2, 4]);
}

/// A removal of more than its share waits, one below the smallest size never does.
#[test]
fn what_is_much() {
    let blocks = [block(1, 0, 60), block(2, 0, 40)];
    let blocks: Vec<&BlockMeta> = blocks.iter().collect();
    let check = |old: &[u64], percent, bytes_min| is_much(&blocks, &old.iter().copied().map(BlockId).collect::<Vec<_>>(), percent, bytes_min);
    assert!(check(&[1], 50, 0) && !check(&[2], 50, 0) && !check(&[1], 60, 0) && !check(&[1, 2], 100, 0));
    assert!(!check(&[1], 50, 61) && !check(&[], 0, 0));
}

/// A jump of ten years, in a run or between two, is not believed; an ordinary pause is.
#[test]
fn clocks_that_jump() {
    let years = 10 * 365 * NANOS_PER_DAY;
    let start = Believed { wall_at_start: UnixNanos(years), monotonic_at_start: 5, changed: UnixNanos(years - NANOS_PER_HOUR) };
    assert_eq!(start.now(UnixNanos(years + 10), 15), Some(UnixNanos(years + 10)));
    assert_eq!(start.now(UnixNanos(2 * years), 5), Some(UnixNanos(years + NANOS_PER_HOUR)));
    assert_eq!(start.now(UnixNanos(0), 5), Some(UnixNanos(0)));
    let far = Believed { changed: UnixNanos(1), ..start };
    assert_eq!(far.now(UnixNanos(years), 5), None);
    assert!(far.now(UnixNanos(years), 6 + NANOS_PER_HOUR as u64).is_some());
    assert!(Believed { changed: UnixNanos(0), ..start }.now(UnixNanos(years), 5).is_some());
    // What a clock that is not believed does leaves no mark: the next start is as careful.
    assert_eq!(far.stamp(UnixNanos(years), 5), UnixNanos(1));
    assert_eq!(start.stamp(UnixNanos(years), 5), UnixNanos(years));
}

/// L0 blocks merge when their windows ended, oldest first, within the byte limit; L1 blocks when their day ended; L2 never.
#[test]
fn what_merges() {
    let at = |id: u64, level: u8, window: i64, bytes: u64| BlockMeta { level, ..block(id, window * WINDOW_NANO, bytes) };
    let check = |blocks: &[BlockMeta], now: i64, expect: Option<(u8, &[u64])>| {
        let blocks: Vec<&BlockMeta> = blocks.iter().collect();
        let plan = merge(&blocks, UnixNanos(now * WINDOW_NANO), WINDOW_NANO, 100);
        let plan = plan.map(|plan| (plan.level, plan.inputs.iter().map(|id| id.0).collect::<Vec<_>>()));
        assert_eq!(plan, expect.map(|(level, ids)| (level, ids.to_vec())));
    };
    check(&[], 500, None);
    check(&[at(1, 0, 5, 10)], 6, None);
    check(&[at(1, 0, 5, 10)], 7, Some((1, &[1])));
    check(&[at(1, 0, 5, 10), at(2, 0, 3, 60), at(3, 0, 4, 35)], 7, Some((1, &[2, 3])));
    check(&[at(1, 0, 5, 1000)], 7, Some((1, &[1])));
    check(&[at(1, 1, 5, 10), at(2, 1, 6, 10)], 144, None);
    check(&[at(1, 1, 5, 10), at(2, 1, 6, 10)], 145, Some((2, &[1, 2])));
    check(&[at(1, 1, 5, 10)], 145, None);
    check(&[at(1, 1, 5, 10), at(2, 1, 150, 10)], 1000, None);
    check(&[at(1, 2, 5, 10), at(2, 2, 5, 10), at(3, 1, 5, 60)], 1000, None);
}

/// Planning over 100,000 blocks takes far less than 50 ms.
#[test]
fn a_hundred_thousand_blocks() {
    let blocks: Vec<BlockMeta> = (0..100_000).map(|i| BlockMeta { level: 2, ..block(i, i as i64 * WINDOW_NANO, 1) }).collect();
    let blocks: Vec<&BlockMeta> = blocks.iter().collect();
    let started = std::time::Instant::now();
    let range = hopline_model::TimeRange::new(UnixNanos(-5), UnixNanos(5));
    assert_eq!(blocks.iter().filter(|meta| meta.overlaps(range)).count(), 100_000);
    assert_eq!(merge(&blocks, UnixNanos::MAX, 0, 100), None);
    assert!(started.elapsed() < std::time::Duration::from_millis(50), "{:?}", started.elapsed());
}
