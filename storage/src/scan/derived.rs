//! The datasets derived from spans, as one query sees them: `edges` and `links`, live and stored alike.

use super::predicate::{Field, Predicate, Test};
use super::request::{Cancel, Order, ScanRequest, ScanStats, trace_columns};
use crate::block::derived::edges::{New, added, key, minute_of};
use crate::block::derived::links::order;
use crate::block::derived::make::{is_counted, sum};
use crate::block::derived::pages::Pages;
use crate::block::meta::FORMAT_LINKS;
use crate::block::{Block, BlockId, FileKind};
use crate::error::{Error, Result};
use crate::snapshot::{Chunk, Snapshot};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use hopline_model::schema::column;
use hopline_model::time::{NANOS_PER_HOUR, NANOS_PER_MINUTE};
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use hopline_trace::edges::Edge;
use hopline_trace::{Edges, LinkRow, Trace, links};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Calls by minute.
#[derive(Debug, Default)]
pub struct EdgeRows {
    /// By key: minute first.
    pub rows: Vec<Edge>,
    pub stats: ScanStats,
    /// There were more spans without stored edges than were to be read: the newest were.
    pub cut: bool,
}

/// Links by target.
#[derive(Debug, Default)]
pub struct LinkRows {
    /// By target, oldest first.
    pub rows: Vec<LinkRow>,
    pub stats: ScanStats,
    /// There were more than were asked for.
    pub cut: bool,
}

impl Snapshot {
    /// The edges of all traces in the whole minutes of a range: what the blocks hold, and what live spans (and blocks without edges) add to
    /// that, from at most `spans_max` spans. All at once: for ranges that are not long.
    pub fn edges(&self, range: TimeRange, spans_max: usize, cancel: &Cancel) -> Result<EdgeRows> {
        let mut rows = Vec::new();
        let found = self.edges_in_order(range, spans_max, cancel, &mut |more| {
            rows.extend(more);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(EdgeRows { rows, ..found })
    }

    /// The same, oldest first, a stretch of time at a time; gives no rows itself.
    pub fn edges_in_order(
        &self,
        range: TimeRange,
        spans_max: usize,
        cancel: &Cancel,
        each: &mut dyn FnMut(Vec<Edge>) -> Result<ControlFlow<()>>,
    ) -> Result<EdgeRows> {
        let minutes = whole_minutes(range);
        let mut sums = Sums::new(self, minutes, true, spans_max, cancel)?;
        let mut at = minutes.start;
        let mut step_nano = NANOS_PER_HOUR;
        while let Some(start) = sums.next_from(at).filter(|start| minutes.contains(*start)) {
            cancel.check()?;
            let mut edges = Edges::new();
            let end = start.saturating_add(step_nano).min(minutes.end);
            sums.put(TimeRange::new(start, end), &mut edges);
            let rows = rows(edges);
            // Times may be centuries apart.
            step_nano = if rows.is_empty() { step_nano.saturating_mul(2) } else { NANOS_PER_HOUR };
            sums.found.stats.rows_matched += rows.len() as u64;
            if !rows.is_empty() && each(rows)?.is_break() {
                break;
            }
            if end == UnixNanos::MAX || end >= minutes.end {
                break;
            }
            at = end;
        }
        Ok(sums.found)
    }

    /// Edges for somebody who does not know yet how far back to look: `next` gives one range after the other, none twice, and is told the
    /// rows so far. `near`: where spans are read that lie in blocks without edges.
    pub fn edges_by_step(
        &self,
        near: TimeRange,
        spans_max: usize,
        cancel: &Cancel,
        next: &mut dyn FnMut(&Edges) -> Option<TimeRange>,
    ) -> Result<EdgeRows> {
        let mut sums = Sums::new(self, near, false, spans_max, cancel)?;
        let mut edges = Edges::new();
        while let Some(range) = next(&edges) {
            cancel.check()?;
            sums.put(whole_minutes(range), &mut edges);
        }
        Ok(EdgeRows { rows: rows(edges), ..sums.found })
    }

    /// What is not in the sum of the blocks adds to it: live spans, and blocks without usable edges (`unusable`, or of an older version).
    fn rest(&self, minutes: TimeRange, unusable: Vec<Arc<Block>>, spans_max: usize, cancel: &Cancel) -> Result<Rest> {
        let unusable: HashSet<BlockId> = unusable.iter().map(|block| block.meta.id).collect();
        let is_new = |block: &Block| !is_counted(&block.meta) || unusable.contains(&block.meta.id);
        let spans = Self { chunks: self.chunks.clone(), ..self.only_blocks(is_new) };
        let counted = self.only_blocks(|block| !is_new(block));
        if spans.blocks.is_empty() && self.complete && live_rows(self) <= spans_max as u64 {
            return self.live_edges.of(&spans, &counted, cancel);
        }
        // What is live is read whole, for it may change what is stored; of older blocks, what lies around the range.
        let around = TimeRange::new(minutes.start.saturating_sub(NANOS_PER_HOUR), minutes.end.saturating_add(NANOS_PER_HOUR));
        let range = if spans.blocks.is_empty() { TimeRange::ALL } else { around };
        let mut rest = Rest::default();
        let mut edges = Edges::new();
        let read = added(&New { spans: &spans, range, traces: None, rows_max: Some(spans_max) }, &counted, cancel, &mut |part| {
            edges.merge(part);
            Ok(())
        })?;
        (rest.edges, rest.stats, rest.cut) = (Arc::new(edges), read.stats, read.cut);
        Ok(rest)
    }

    /// The spans of a range that link to any of some traces, at most `limit`; O(1) in each block.
    pub fn links_to(&self, targets: &[TraceId], range: TimeRange, limit: usize, cancel: &Cancel) -> Result<LinkRows> {
        let mut found = LinkRows::default();
        let mut rest: Vec<Arc<Block>> = Vec::new();
        for block in self.blocks(Signal::Spans) {
            cancel.check()?;
            if !block.meta.overlaps(range) {
                continue;
            }
            match linking(block, targets, &mut found.stats) {
                Ok(rows) => found.rows.extend(rows),
                Err(error) => {
                    block.unusable(FileKind::Lnk, &error);
                    rest.push(block.clone());
                }
            }
        }
        let known: HashSet<TraceId> = targets.iter().copied().collect();
        let request = ScanRequest {
            signal: Signal::Spans,
            range,
            predicate: Predicate::Compare { field: Field::Link("trace_id".into()), test: Test::In(known.iter().map(ToString::to_string).collect()) },
            columns: trace_columns(),
            order: Order::OldestFirst,
            limit: Some(limit.saturating_add(1)),
            after: None,
            cancel: cancel.clone(),
        };
        let (batches, stats) = Self { blocks: Arc::new(rest), ..self.clone() }.collect(&request)?;
        found.stats.add(stats);
        found.rows.extend(Trace::split(&batches).iter().flat_map(links::links).filter(|link| known.contains(&link.target_trace_id)));
        found.rows.retain(|link| range.contains(link.start_time));
        found.rows.sort_by_key(order);
        found.cut = found.rows.len() > limit;
        found.rows.truncate(limit);
        found.stats.rows_matched = found.rows.len() as u64;
        Ok(found)
    }
}

/// The edges of a snapshot by any stretch of time.
struct Sums {
    counted: Vec<(Arc<Block>, Arc<Pages<Edge>>)>,
    rest: Arc<Edges>,
    /// The minutes of `rest`, ascending.
    rest_minutes: Vec<UnixNanos>,
    found: EdgeRows,
}

impl Sums {
    /// `look`: the files are read once before they are relied on. A file that cannot be opened is known at once: its block's spans are read;
    /// one that turns out to be broken later is told.
    fn new(snapshot: &Snapshot, minutes: TimeRange, look: bool, spans_max: usize, cancel: &Cancel) -> Result<Self> {
        let (mut counted, mut unusable, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for block in snapshot.blocks.iter().filter(|block| block.meta.signal == Signal::Spans && is_counted(&block.meta)) {
            match block.edges().filter(|pages| !look || pages.is_sound(pages.between(key(minutes.start), key(minutes.end)))) {
                Some(pages) => counted.push((block.clone(), pages)),
                None if block.meta.rows == 0 => lost.push(told(block)),
                None => unusable.push(block.clone()),
            }
        }
        let rest = snapshot.rest(minutes, unusable, spans_max, cancel)?;
        let mut rest_minutes: Vec<UnixNanos> = rest.edges.iter().map(|(key, _)| key.minute).collect();
        rest_minutes.sort_unstable();
        rest_minutes.dedup();
        let mut found = EdgeRows { cut: rest.cut, stats: rest.stats, ..EdgeRows::default() };
        found.stats.blocks = counted.len() as u64;
        found.stats.damaged.extend(lost);
        Ok(Self { counted, rest: rest.edges, rest_minutes, found })
    }

    /// Where rows may go on from `at`.
    fn next_from(&self, at: UnixNanos) -> Option<UnixNanos> {
        let stored = self.counted.iter().filter_map(|(_, pages)| pages.first_from(key(at))).map(minute_of).min();
        let live = self.rest_minutes.get(self.rest_minutes.partition_point(|minute| *minute < at)).copied();
        stored.into_iter().chain(live).min().map(|next| next.max(at))
    }

    fn put(&mut self, minutes: TimeRange, into: &mut Edges) {
        for (block, pages) in &self.counted {
            let before = pages.bytes_read();
            if let Err(error) = sum(pages, minutes, into) {
                block.unusable(FileKind::Edg, &error);
                let told = told(block);
                if !self.found.stats.damaged.contains(&told) {
                    self.found.stats.damaged.push(told);
                }
            }
            self.found.stats.bytes_read += pages.bytes_read().saturating_sub(before);
        }
        put_minutes(&self.rest, minutes, into);
    }
}

fn told(block: &Block) -> String {
    let id = block.meta.id.0;
    match block.meta.rows {
        0 => format!("calls by minute of block {id} cannot be read, and their spans have gone: restore its .edg file from a copy"),
        _ => format!("calls by minute of block {id} cannot be read: hopline doctor --repair makes them anew"),
    }
}

/// What is added to the sum of the blocks.
#[derive(Debug, Default)]
struct Rest {
    edges: Arc<Edges>,
    stats: ScanStats,
    cut: bool,
}

fn live_rows(snapshot: &Snapshot) -> u64 {
    snapshot.chunks(Signal::Spans).iter().map(|chunk| chunk.rows.num_rows() as u64).sum()
}

fn put_minutes(from: &Edges, minutes: TimeRange, into: &mut Edges) {
    from.iter().filter(|(key, _)| minutes.contains(key.minute)).for_each(|(key, counts)| into.put(key.clone(), counts.clone()));
}

/// Rows as they are answered: none that says less than nothing, which only damage can make.
fn rows(edges: Edges) -> Vec<Edge> {
    let mut rows = edges.into_rows();
    rows.retain(|row| row.counts.is_whole());
    rows
}

/// What live spans add to the edges of the blocks, as of the last time somebody asked; the next who asks adds only what came since.
#[derive(Debug, Default)]
pub struct LiveEdges {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The blocks it adds to.
    blocks: Vec<BlockId>,
    /// The newest span looked at, and how many there were.
    seq: u64,
    rows: u64,
    edges: Arc<Edges>,
}

impl LiveEdges {
    fn of(&self, live: &Snapshot, counted: &Snapshot, cancel: &Cancel) -> Result<Rest> {
        let mut known = self.known.lock();
        let blocks: Vec<BlockId> = counted.blocks.iter().map(|block| block.meta.id).collect();
        let old = by_seq(live, |seq| seq <= known.seq);
        // A seal or a merge: begin anew. Rows that are replayed have an older seq, and so have those of a sealed table.
        if known.blocks != blocks || live_rows(&old) != known.rows {
            *known = Known { blocks, ..Known::default() };
        }
        let (old, new) = (by_seq(live, |seq| seq <= known.seq), by_seq(live, |seq| seq > known.seq));
        let mut rest = Rest::default();
        let rows = live_rows(&new);
        if rows > 0 {
            let counted = Snapshot { chunks: old.chunks, ..counted.clone() };
            let mut edges = Edges::new();
            let read = added(&New { spans: &new, range: TimeRange::ALL, traces: None, rows_max: None }, &counted, cancel, &mut |part| {
                edges.merge(part);
                Ok(())
            })?;
            Arc::make_mut(&mut known.edges).merge(edges);
            known.rows += rows;
            known.seq = new.seq_max(Signal::Spans).unwrap_or(known.seq);
            rest.stats = read.stats;
        }
        rest.edges = known.edges.clone();
        Ok(rest)
    }
}

/// The live spans whose seq is wanted; chunks are in the order of seq.
fn by_seq(live: &Snapshot, wanted: impl Fn(u64) -> bool) -> Snapshot {
    let cut = |chunk: &Chunk| {
        let seqs = chunk.rows.column_by_name(column::SEQ)?.as_primitive_opt::<UInt64Type>()?.values();
        let first = seqs.iter().position(|seq| wanted(*seq))?;
        let count = seqs[first..].iter().take_while(|seq| wanted(**seq)).count();
        Some(Chunk { rows: chunk.rows.slice(first, count), ..chunk.clone() })
    };
    let mut cut_live = Snapshot { chunks: Default::default(), blocks: Arc::default(), ..live.clone() };
    cut_live.chunks[usize::from(Signal::Spans.code()) - 1] = Arc::new(live.chunks(Signal::Spans).iter().filter_map(cut).collect());
    cut_live
}

/// The links of a block that has its own file for them.
fn linking(block: &Block, targets: &[TraceId], stats: &mut ScanStats) -> Result<Vec<LinkRow>> {
    if block.meta.format < FORMAT_LINKS {
        return Err(Error::Invalid("written by an older version, without links".into()));
    }
    let Some(pages) = block.links()? else { return Ok(Vec::new()) };
    let before = pages.bytes_read();
    let mut rows = Vec::new();
    for target in targets {
        rows.extend(pages.find(target.0)?);
    }
    stats.bytes_read += pages.bytes_read().saturating_sub(before);
    Ok(rows)
}

/// Widened to where minutes begin.
fn whole_minutes(range: TimeRange) -> TimeRange {
    let start = range.start.0.div_euclid(NANOS_PER_MINUTE).saturating_mul(NANOS_PER_MINUTE);
    let end = match range.end {
        UnixNanos::MAX => range.end,
        end => UnixNanos(end.0.saturating_add(NANOS_PER_MINUTE - 1).div_euclid(NANOS_PER_MINUTE).saturating_mul(NANOS_PER_MINUTE)),
    };
    TimeRange::new(UnixNanos(start), end)
}
