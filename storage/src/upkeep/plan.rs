//! What is to be removed and what is to be merged: pure functions of what exists and of the time.

use crate::block::derived::make::is_counted;
use crate::block::{BlockId, BlockMeta, FileKind};
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR};
use hopline_model::{Signal, TenantId, UnixNanos};
use std::collections::HashSet;

/// A window: 10 minutes of partition time.
pub(crate) const WINDOW_NANO: i64 = 10 * 60 * 1_000_000_000;

/// Which instant retention may go by. A wall clock that jumps must not delete data: within a run the clock is believed
/// only as far as the monotonic one says that time passed; a clock that is far ahead of the last change at start is
/// believed after an hour, in which somebody can notice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Believed {
    pub(crate) wall_at_start: UnixNanos,
    pub(crate) monotonic_at_start: u64,
    /// Of the catalog, at start; 0 when it is new.
    pub(crate) changed: UnixNanos,
}

impl Believed {
    /// When a change is said to have been made: a clock that is not believed yet leaves no mark, else the next start would believe it.
    pub(crate) fn stamp(&self, wall: UnixNanos, monotonic: u64) -> UnixNanos {
        self.now(wall, monotonic).unwrap_or(self.changed)
    }

    pub(crate) fn now(&self, wall: UnixNanos, monotonic: u64) -> Option<UnixNanos> {
        let elapsed = monotonic.saturating_sub(self.monotonic_at_start);
        let ahead = self.wall_at_start.0.saturating_sub(self.changed.0);
        if self.changed.0 != 0 && ahead > NANOS_PER_DAY && elapsed < NANOS_PER_HOUR as u64 {
            return None;
        }
        Some(wall.min(UnixNanos(self.wall_at_start.0.saturating_add_unsigned(elapsed).saturating_add(NANOS_PER_HOUR))))
    }
}

/// The level of a block that retention has reduced to what is kept longer, and of one without rows that holds the calls of rows that went. Only
/// the latter are merged, with each other.
pub(crate) const KEPT: u8 = 3;

/// How long rows stay, by tenant and dataset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ages {
    pub(crate) default_nano: i64,
    /// (tenant, dataset, age): the most particular one holds, of two alike the later.
    pub(crate) rules: Vec<(Option<TenantId>, Option<String>, i64)>,
    /// What is kept of spans and logs stays so long; 0: they go whole.
    pub(crate) keep_nano: i64,
    /// Calls by minute stay so long, and at least as long as their spans.
    pub(crate) edges_nano: i64,
}

impl Ages {
    /// The age of a dataset's rows.
    pub(crate) fn of(&self, tenant: TenantId, dataset: &str) -> i64 {
        let fits = |rule: &&(Option<TenantId>, Option<String>, i64)| {
            rule.0.is_none_or(|wanted| wanted == tenant) && rule.1.as_ref().is_none_or(|wanted| wanted == dataset)
        };
        let particular = |rule: &&(Option<TenantId>, Option<String>, i64)| (rule.0.is_some(), rule.1.is_some());
        self.rules.iter().filter(fits).max_by_key(particular).map_or(self.default_nano, |rule| rule.2)
    }

    /// The age at which something is kept of a dataset's days, and until when; `None`: they go whole.
    pub(crate) fn keeps(&self, tenant: TenantId, signal: Signal) -> Option<i64> {
        let age = self.of(tenant, signal.name());
        (signal != Signal::Metrics && self.keep_nano > age).then_some(self.keep_nano)
    }

    /// The instant from which a block is too old to stay at all.
    pub(crate) fn end(&self, meta: &BlockMeta) -> i64 {
        let age = self.keeps(meta.tenant, meta.signal).unwrap_or_else(|| self.of(meta.tenant, meta.signal.name()));
        // Without rows: what stayed of a block of spans.
        newest(meta).saturating_add(if meta.rows == 0 { age.max(self.of_calls(meta.tenant)) } else { age })
    }

    /// The age of calls by minute: that of a rule for the tenant or for the dataset `edges`, else their own.
    fn of_calls(&self, tenant: TenantId) -> i64 {
        let age = self.of(tenant, EDGES);
        let has_rule =
            self.rules.iter().any(|rule| rule.0.is_none_or(|wanted| wanted == tenant) && rule.1.as_deref().is_none_or(|wanted| wanted == EDGES));
        if has_rule { age } else { self.edges_nano }
    }

    /// The age until which calls by minute stay, where that is longer than their spans.
    pub(crate) fn edges(&self, tenant: TenantId, signal: Signal) -> Option<i64> {
        let age = self.keeps(tenant, signal).unwrap_or_else(|| self.of(tenant, signal.name()));
        Some(self.of_calls(tenant)).filter(|calls| signal == Signal::Spans && *calls > age)
    }

    /// Calls by minute of this block stay when its rows go now.
    fn calls_stay(&self, meta: &BlockMeta, now: Option<UnixNanos>) -> bool {
        let age = self.of_calls(meta.tenant);
        meta.rows > 0 && is_counted(meta) && age > 0 && now.is_none_or(|now| newest(meta).saturating_add(age) >= now.0)
    }

    /// The instant from which only a part of a block stays: whole days at once, so that a trace is judged by all of its spans.
    pub(crate) fn reduce_at(&self, meta: &BlockMeta) -> Option<i64> {
        self.keeps(meta.tenant, meta.signal).filter(|_| meta.level < KEPT)?;
        Some((day_of(meta) + 1).saturating_mul(NANOS_PER_DAY).saturating_add(self.of(meta.tenant, meta.signal.name())))
    }
}

/// Days since 1970 of the newest window of a block.
pub(crate) fn day_of(meta: &BlockMeta) -> i64 {
    newest(meta).saturating_sub(1).div_euclid(NANOS_PER_DAY)
}

/// End of the newest window of a block: when its age starts.
pub(crate) fn newest(meta: &BlockMeta) -> i64 {
    meta.windows.iter().map(|rows| rows.window.saturating_add(WINDOW_NANO)).max().unwrap_or(meta.time_max)
}

/// What retention is to do, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// Past their age.
    pub(crate) old: Vec<BlockId>,
    /// The oldest of the others, until the rest fits the disk budget.
    pub(crate) over_budget: Vec<BlockId>,
    /// Past their age, with something in them that may stay longer.
    pub(crate) reduce: Vec<BlockId>,
    /// Of those that go: blocks whose calls by minute stay.
    pub(crate) calls_stay: HashSet<BlockId>,
}

/// The dataset of calls by minute, in rules.
const EDGES: &str = "edges";
/// Calls without their spans take at most this part of the disk budget: one in so many.
const CALLS_SHARE: u64 = 10;

pub(crate) fn calls_bytes(meta: &BlockMeta) -> u64 {
    meta.files.iter().filter(|file| file.kind == FileKind::Edg).map(|file| file.bytes).sum()
}

/// `now`: `None` when no clock can be believed.
pub(crate) fn due(blocks: &[&BlockMeta], now: Option<UnixNanos>, ages: &Ages, blocks_bytes_max: u64) -> Due {
    let mut by_age: Vec<&&BlockMeta> = blocks.iter().collect();
    by_age.sort_by_key(|meta| (newest(meta), meta.id));
    let mut bytes: u64 = blocks.iter().map(|meta| meta.bytes()).sum();
    let past = |instant: i64| now.is_some_and(|now| instant < now.0);
    let (old, rest): (Vec<&&BlockMeta>, Vec<&&BlockMeta>) = by_age.into_iter().partition(|meta| past(ages.end(meta)));
    let mut due = Due { old: old.iter().map(|meta| meta.id).collect(), ..Due::default() };
    let (rows, calls): (Vec<&&BlockMeta>, Vec<&&BlockMeta>) = rest.into_iter().partition(|meta| meta.rows > 0);
    // Where operations are named after what they are called with, calls are not small: they never push out rows.
    let left_max = blocks_bytes_max / CALLS_SHARE;
    let mut left: u64 = calls.iter().map(|meta| meta.bytes()).sum();
    let mut kept = calls.into_iter().peekable();
    while let Some(meta) = kept.next_if(|_| left > left_max) {
        left -= meta.bytes();
        bytes -= meta.bytes();
        due.over_budget.push(meta.id);
    }
    let mut take = |meta: &BlockMeta, bytes: &mut u64| {
        let stays = ages.calls_stay(meta, now) && left + calls_bytes(meta) <= left_max;
        *bytes -= meta.bytes();
        if stays {
            left += calls_bytes(meta);
            *bytes += calls_bytes(meta);
            due.calls_stay.insert(meta.id);
        }
    };
    // The newest of them first: their calls are worth most.
    old.iter().rev().for_each(|meta| take(meta, &mut bytes));
    for meta in rows.into_iter().chain(kept) {
        if bytes > blocks_bytes_max {
            take(meta, &mut bytes);
            due.over_budget.push(meta.id);
        } else if ages.reduce_at(meta).is_some_and(past) {
            due.reduce.push(meta.id);
        }
    }
    due
}

/// Whether blocks past their age are so much of all that somebody should look before they go.
pub(crate) fn is_much(blocks: &[&BlockMeta], old: &[BlockId], share_max_percent: u8, bytes_min: u64) -> bool {
    let all: u64 = blocks.iter().map(|meta| meta.bytes()).sum();
    let going: u64 = blocks.iter().filter(|meta| old.contains(&meta.id)).map(|meta| meta.bytes()).sum();
    going >= bytes_min && u128::from(going) * 100 > u128::from(all) * u128::from(share_max_percent)
}

/// Blocks of one signal that become blocks of `level`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MergePlan {
    pub(crate) signal: Signal,
    pub(crate) inputs: Vec<BlockId>,
    pub(crate) level: u8,
}

/// The next merge of a tenant's blocks, oldest first: L0 blocks of which every window ended `delay_nano` ago, then L1 blocks
/// of an ended day, when there are at least two. So many that their files are not much above `input_bytes_max`.
pub(crate) fn merge(blocks: &[&BlockMeta], now: UnixNanos, delay_nano: i64, input_bytes_max: u64) -> Option<MergePlan> {
    let ended = |end: i64| end.saturating_add(delay_nano) <= now.0;
    for signal in Signal::ALL {
        let mut first: Vec<&&BlockMeta> = blocks.iter().filter(|meta| meta.signal == signal && meta.level == 0 && ended(newest(meta))).collect();
        first.sort_by_key(|meta| (newest(meta), meta.id));
        if !first.is_empty() {
            return Some(MergePlan { signal, inputs: up_to(&first, input_bytes_max), level: 1 });
        }
        let mut second: Vec<&&BlockMeta> = blocks
            .iter()
            .filter(|meta| meta.signal == signal && meta.level == 1 && ended((day_of(meta) + 1).saturating_mul(NANOS_PER_DAY)))
            // A block that is large already gains nothing.
            .filter(|meta| cost(meta) <= input_bytes_max / 2)
            .collect();
        second.sort_by_key(|meta| (newest(meta), meta.id));
        for of_one_day in second.chunk_by(|a, b| day_of(a) == day_of(b)) {
            let inputs = up_to(of_one_day, input_bytes_max);
            if inputs.len() > 1 {
                return Some(MergePlan { signal, inputs, level: 2 });
            }
        }
    }
    calls(blocks, input_bytes_max)
}

/// So many small blocks of calls without rows of one day become one: each costs every question about calls a look.
const CALLS_BLOCKS_MAX: usize = 8;

fn calls(blocks: &[&BlockMeta], input_bytes_max: u64) -> Option<MergePlan> {
    let is_small = |meta: &&&BlockMeta| meta.rows == 0 && is_counted(meta) && meta.bytes() <= input_bytes_max / 16;
    let mut small: Vec<&&BlockMeta> = blocks.iter().filter(is_small).collect();
    small.sort_by_key(|meta| (day_of(meta), meta.id));
    let of_day = small.chunk_by(|a, b| day_of(a) == day_of(b)).find(|of_day| of_day.len() >= CALLS_BLOCKS_MAX)?;
    Some(MergePlan { signal: Signal::Spans, inputs: up_to(of_day, input_bytes_max), level: KEPT })
}

/// An index is merged in memory, so it counts for more than its bytes: of usual logs it is a quarter of them and changes nothing.
const INDEX_COSTS: u64 = 3;

fn cost(meta: &BlockMeta) -> u64 {
    let index: u64 = meta.files.iter().filter(|file| file.kind == FileKind::Idx).map(|file| file.bytes).sum();
    meta.bytes().max(index * INDEX_COSTS)
}

/// The first blocks until what they cost is used up; at least one.
fn up_to(blocks: &[&&BlockMeta], bytes_max: u64) -> Vec<BlockId> {
    let mut bytes = 0;
    let fits = |meta: &&&&BlockMeta| {
        let before = bytes;
        bytes += cost(meta);
        before == 0 || bytes <= bytes_max
    };
    blocks.iter().take_while(fits).map(|meta| meta.id).collect()
}

#[cfg(test)]
mod tests {
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
        let kept =
            [(a, Signal::Logs), (a, Signal::Spans), (b, Signal::Logs), (b, Signal::Metrics)].map(|(tenant, signal)| ages.keeps(tenant, signal));
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
}
