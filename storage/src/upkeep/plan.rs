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
    /// What the most particular rule says of a dataset.
    fn rule(&self, tenant: TenantId, dataset: &str) -> Option<i64> {
        let fits = |rule: &&(Option<TenantId>, Option<String>, i64)| {
            rule.0.is_none_or(|wanted| wanted == tenant) && rule.1.as_ref().is_none_or(|wanted| wanted == dataset)
        };
        let particular = |rule: &&(Option<TenantId>, Option<String>, i64)| (rule.0.is_some(), rule.1.is_some());
        self.rules.iter().filter(fits).max_by_key(particular).map(|rule| rule.2)
    }

    /// The age of a dataset's rows.
    pub(crate) fn of(&self, tenant: TenantId, dataset: &str) -> i64 {
        self.rule(tenant, dataset).unwrap_or(self.default_nano)
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

    /// The age of calls by minute.
    fn of_calls(&self, tenant: TenantId) -> i64 {
        self.rule(tenant, EDGES).unwrap_or(self.edges_nano)
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
mod tests;
