//! What blocks answered before: counts, histograms and values of a filter over a whole block.
//!
//! A block never changes, so what it answered once stays true for as long as it exists. Live rows, and blocks that the range cuts, are
//! always asked. Answers are kept in `query.result_cache_bytes`; the least used go first.
//!
//! ```text
//! (block, question and filter as text) → count | cells | values
//! ```

use super::values::Counts;
use crate::error::Result;
use hopline_model::UnixNanos;
use hopline_storage::Snapshot;
use hopline_storage::block::{Block, BlockId};
use hopline_storage::scan::{Column, ScanRequest, ScanStats};
use moka::sync::Cache;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A larger answer is not kept: it would push out many others.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Of an entry, beside its text.
const ENTRY_BYTES: usize = 64;

/// Rows by bucket and group.
pub(crate) type Cells = Vec<(UnixNanos, String, u64)>;

#[derive(Debug)]
enum Answer {
    Count(u64),
    Cells(Cells),
    Values(Vec<(String, u64)>),
    /// Too much to keep: it was handed on.
    GivenOut,
}

impl Answer {
    fn bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Count(_) => 0,
                Self::GivenOut => usize::MAX / 2,
                Self::Cells(cells) => cells.iter().map(|(_, group, _)| ENTRY_BYTES + group.len()).sum(),
                Self::Values(values) => values.iter().map(|(value, _)| ENTRY_BYTES + value.len()).sum(),
            }
    }
}

/// Shared by all questions.
#[derive(Debug)]
pub(crate) struct Kept {
    answers: Cache<(BlockId, Arc<str>), Arc<Answer>>,
    found: AtomicU64,
    asked: AtomicU64,
}

impl Kept {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let weigh = |key: &(BlockId, Arc<str>), answer: &Arc<Answer>| u32::try_from(key.1.len() + answer.bytes()).unwrap_or(u32::MAX);
        Self { answers: Cache::builder().max_capacity(bytes_max).weigher(weigh).build(), found: AtomicU64::new(0), asked: AtomicU64::new(0) }
    }

    /// [`Snapshot::count`]
    pub(crate) fn count(&self, snapshot: &Snapshot, request: &ScanRequest) -> Result<(u64, ScanStats)> {
        let mut count = 0;
        let ask = |part: &Snapshot| -> Result<(Answer, ScanStats)> {
            let (rows, stats) = part.count(request)?;
            Ok((Answer::Count(rows), stats))
        };
        let stats = self.each(snapshot, request, "count", &ask, &mut |answer| {
            if let Answer::Count(rows) = answer {
                count += rows;
            }
        })?;
        Ok((count, stats))
    }

    /// [`Snapshot::histogram`]
    pub(crate) fn histogram(
        &self,
        snapshot: &Snapshot,
        request: &ScanRequest,
        bucket_nano: i64,
        by: Option<&'static str>,
    ) -> Result<(Cells, ScanStats)> {
        let mut cells: BTreeMap<(UnixNanos, String), u64> = BTreeMap::new();
        let ask = |part: &Snapshot| -> Result<(Answer, ScanStats)> {
            let (cells, stats) = part.histogram(request, bucket_nano, by)?;
            Ok((Answer::Cells(cells), stats))
        };
        let stats = self.each(snapshot, request, &format!("histogram {bucket_nano} {by:?}"), &ask, &mut |answer| {
            if let Answer::Cells(found) = answer {
                for (time, group, rows) in found {
                    *cells.entry((*time, group.clone())).or_default() += rows;
                }
            }
        })?;
        Ok((cells.into_iter().map(|((time, group), rows)| (time, group, rows)).collect(), stats))
    }

    /// [`Snapshot::values`], into `counts`.
    pub(crate) fn values(&self, snapshot: &Snapshot, request: &ScanRequest, column: &Column, counts: &mut Counts<'_>) -> Result<ScanStats> {
        self.values_each(snapshot, request, column, &mut |value, rows| counts.add(value, rows))
    }

    /// Calls `add` with values and their rows; a value may come several times.
    pub(crate) fn values_each(
        &self,
        snapshot: &Snapshot,
        request: &ScanRequest,
        column: &Column,
        add: &mut dyn FnMut(&str, u64),
    ) -> Result<ScanStats> {
        let add = RefCell::new(add);
        let hand_on = |value: &str, rows: u64| {
            let mut add = add.borrow_mut();
            (*add)(value, rows);
        };
        let ask = |part: &Snapshot| -> Result<(Answer, ScanStats)> {
            // More of one block than is kept is handed on as it comes.
            let mut few: Option<HashMap<String, u64>> = Some(HashMap::new());
            let mut bytes = 0;
            let stats = part.values_each(request, column, &mut |value, rows| {
                let Some(counts) = &mut few else { return hand_on(value, rows) };
                if let Some(count) = counts.get_mut(value) {
                    *count += rows;
                    return;
                }
                bytes += ENTRY_BYTES + value.len();
                counts.insert(value.to_owned(), rows);
                if bytes > ANSWER_BYTES_MAX {
                    counts.iter().for_each(|(value, rows)| hand_on(value, *rows));
                    few = None;
                }
            })?;
            Ok((few.map_or(Answer::GivenOut, |counts| Answer::Values(counts.into_iter().collect())), stats))
        };
        self.each(snapshot, request, &format!("values {column:?}"), &ask, &mut |answer| {
            if let Answer::Values(values) = answer {
                values.iter().for_each(|(value, rows)| hand_on(value, *rows));
            }
        })
    }

    /// Asks the rest, then each block that lies within the range by itself, unless it answered before.
    fn each(
        &self,
        snapshot: &Snapshot,
        request: &ScanRequest,
        question: &str,
        ask: &dyn Fn(&Snapshot) -> Result<(Answer, ScanStats)>,
        add: &mut dyn FnMut(&Answer),
    ) -> Result<ScanStats> {
        let whole = |block: &&Arc<Block>| {
            let time = (UnixNanos(block.meta.time_min), UnixNanos(block.meta.time_max));
            request.range.contains(time.0) && request.range.contains(time.1)
        };
        let (blocks, rest): (Vec<&Arc<Block>>, Vec<&Arc<Block>>) = snapshot.blocks(request.signal).partition(whole);
        let only = |blocks: Vec<Arc<Block>>| Snapshot { blocks: Arc::new(blocks), ..snapshot.clone() };
        let (answer, mut stats) = ask(&only(rest.into_iter().cloned().collect()))?;
        add(&answer);
        let key = key(question, request);
        for block in blocks {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if let Some(answer) = self.answers.get(&(block.meta.id, key.clone())) {
                self.found.fetch_add(1, Ordering::Relaxed);
                stats.blocks += 1;
                add(&answer);
                continue;
            }
            let alone = Snapshot { chunks: Default::default(), ..only(vec![block.clone()]) };
            let (answer, read) = ask(&alone)?;
            add(&answer);
            if read.damaged.is_empty() && answer.bytes() <= ANSWER_BYTES_MAX {
                self.answers.insert((block.meta.id, key.clone()), Arc::new(answer));
            }
            plus(&mut stats, read);
        }
        Ok(stats)
    }

    pub(crate) fn metrics(&self, out: &mut String) {
        let mut family = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "# HELP hopline_query_result_cache_{name} {help}\n# TYPE hopline_query_result_cache_{name} {kind}\nhopline_query_result_cache_{name} {value}"
            );
        };
        family("asked_total", "counter", "Blocks asked for a count, histogram or values.", self.asked.load(Ordering::Relaxed));
        family("found_total", "counter", "Of them, those whose answer was kept.", self.found.load(Ordering::Relaxed));
        family("bytes", "gauge", "Bytes of answers kept.", self.answers.weighted_size());
    }
}

/// Filters are told apart by their whole text, constants and all.
fn key(question: &str, request: &ScanRequest) -> Arc<str> {
    format!("{question}\0{:?}\0{:?}", request.signal, request.predicate).into()
}

/// Parts of one snapshot: their blocks add up.
pub(crate) fn plus(into: &mut ScanStats, other: ScanStats) {
    let blocks = (into.blocks + other.blocks, into.blocks_pruned + other.blocks_pruned);
    into.add(other);
    (into.blocks, into.blocks_pruned) = blocks;
}

#[cfg(test)]
mod tests;
