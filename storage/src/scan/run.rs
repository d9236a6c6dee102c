//! The scan itself: units in time order, filter, keys, rows.
//!
//! Units (chunks and blocks) are taken by their time bound; a block unfolds into its row groups when its turn comes. With an
//! order, a row is given out as soon as no unit still waiting can hold a row before it: so the newest k rows need only
//! the newest units, and without a limit only the keys of overlapping units are held.

use super::evaluate::evaluate;
use super::filter::Filter;
use super::part::{ChunkPart, FEW_ROWS, Part, output_schema};
use super::predicate::Predicate;
use super::request::{Column, Order, ScanRequest, ScanStats};
use super::top::first_rows;
use crate::block::Block;
use crate::block::day::TraceBlocks;
use crate::error::{Error, Kind, Result};
use crate::snapshot::{Chunk, Snapshot};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use hopline_model::schema::{column, time_column};
use hopline_model::{Signal, TimeRange, UnixNanos};
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

/// Rows of one answered batch at most.
pub(crate) const BATCH_ROWS: usize = 8192;
/// Rows gathered from several parts at a time.
const WINDOW_ROWS: usize = 4 * BATCH_ROWS;

/// Rows in memory or a block, waiting for their turn.
pub(crate) enum Unit<'a> {
    Chunk(&'a Chunk),
    Block(&'a Block),
    Part(Box<dyn Part + 'a>),
}

struct Waiting<'a> {
    /// Larger comes first: the newest time it may hold, or minus the oldest.
    bound: i128,
    /// Smallest and largest time inside.
    time: (i64, i64),
    unit: Unit<'a>,
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bound == other.bound
    }
}
impl Eq for Waiting<'_> {}
impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bound.cmp(&other.bound)
    }
}

/// Notes rows of some times that could not be read; other errors come back.
pub(super) fn damaged(stats: &mut ScanStats, signal: Signal, error: Error, time: (i64, i64)) -> Result<()> {
    if !matches!(error.kind(), Kind::Corrupt | Kind::Internal) || matches!(error, Error::Invalid(_) | Error::Cancelled) {
        return Err(error);
    }
    let message = format!("{signal} from {} to {} could not be read and are missing: {error}", UnixNanos(time.0), UnixNanos(time.1));
    tracing::warn!("{message}");
    if !stats.damaged.contains(&message) {
        stats.damaged.push(message);
    }
    Ok(())
}

/// A question made ready to run over one snapshot.
pub(crate) struct Scan<'a> {
    pub(crate) request: &'a ScanRequest,
    pub(crate) filter: Filter,
    /// The request's range, narrowed by `after`.
    pub(crate) range: TimeRange,
    pub(crate) stats: ScanStats,
    /// Columns that are likely to be read of the rows that indexes find.
    ahead: Vec<&'static str>,
    waiting: BinaryHeap<Waiting<'a>>,
}

/// Rows found by ids are few, and nearly all of them match: their ids are read with what orders them.
fn ahead(filter: &Filter, request: &ScanRequest) -> Vec<&'static str> {
    let by = match filter {
        Filter::And(filters) => filters.first(),
        filter => Some(filter),
    };
    match by {
        Some(Filter::TraceIds(_)) if request.signal != Signal::Metrics && request.order != Order::Any => {
            vec![column::TRACE_ID, time_column(request.signal), column::SEQ]
        }
        _ => Vec::new(),
    }
}

/// A matching row: its place in the order, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// (time, seq), negated for oldest first, so that larger always comes first.
    time: i128,
    seq: i128,
    part: u32,
    row: u32,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, request: &'a ScanRequest) -> Result<Self> {
        output_schema(request.signal, &request.columns)?;
        let mut range = request.range;
        if let Some((time, _)) = request.after {
            match request.order {
                Order::NewestFirst if time < UnixNanos::MAX => range.end = range.end.min(time.saturating_add(1)),
                Order::OldestFirst => range.start = range.start.max(time),
                _ => {}
            }
        }
        let mut filter = Filter::new(&request.predicate);
        if range.start > range.end {
            filter = Filter::new(&Predicate::Nothing);
        }
        let ahead = ahead(&filter, request);
        let mut scan = Self { request, filter, range, stats: ScanStats::default(), ahead, waiting: BinaryHeap::new() };
        if !matches!(scan.filter, Filter::Nothing) {
            for chunk in snapshot.chunks(request.signal) {
                scan.push((chunk.time_min.0, chunk.time_max.0), Unit::Chunk(chunk));
            }
            let mut traces = TraceBlocks::of(&scan.filter);
            let mut asked: Vec<&Block> = Vec::new();
            for block in snapshot.blocks(request.signal) {
                scan.stats.blocks += 1;
                if block.may_match(&scan.filter, scan.range) && traces.as_mut().is_none_or(|traces| traces.may_hold(block)) {
                    scan.push((block.meta.time_min, block.meta.time_max), Unit::Block(block));
                    asked.extend(traces.is_some().then_some(block.as_ref()));
                } else {
                    scan.stats.blocks_pruned += 1;
                }
            }
            if let Some(traces) = traces {
                traces.will_ask(&asked);
            }
        }
        Ok(scan)
    }

    fn push(&mut self, time: (i64, i64), unit: Unit<'a>) {
        if self.range.overlaps(UnixNanos(time.0), UnixNanos(time.1)) {
            let bound = match self.request.order {
                Order::OldestFirst => -i128::from(time.0),
                _ => i128::from(time.1),
            };
            self.request.cancel.progress().wants(1);
            self.waiting.push(Waiting { bound, time, unit });
        }
    }

    /// Answers blocks without reading their rows, where `settled` can.
    pub(crate) fn take_blocks(&mut self, mut settled: impl FnMut(&Block, &Filter, TimeRange) -> bool) {
        let (filter, range) = (&self.filter, self.range);
        let progress = self.request.cancel.progress();
        self.waiting.retain(|waiting| match waiting.unit {
            Unit::Block(block) => {
                let settled = settled(block, filter, range);
                if settled {
                    progress.looked_at(block.meta.rows);
                }
                !settled
            }
            _ => true,
        });
    }

    /// The bound of the next unit: no row still to come is before it.
    fn bound(&self) -> Option<i128> {
        self.waiting.peek().map(|waiting| waiting.bound)
    }

    /// Takes the next part and its matching rows; `None` at the end. A damaged block is noted and passed over.
    pub(crate) fn next_part(&mut self) -> Result<Option<(Box<dyn Part + 'a>, BooleanBuffer)>> {
        while let Some(waiting) = self.waiting.pop() {
            self.request.cancel.check()?;
            let time = waiting.time;
            let part: Box<dyn Part + 'a> = match waiting.unit {
                Unit::Chunk(chunk) => Box::new(ChunkPart { signal: self.request.signal, chunk }),
                Unit::Part(part) => part,
                Unit::Block(block) => {
                    match block.parts(&self.filter, self.range) {
                        Ok(parts) => parts.into_iter().for_each(|(time, part)| self.push(time, Unit::Part(part))),
                        Err(error) => self.damaged(error, time)?,
                    }
                    self.request.cancel.progress().looked_at(0);
                    continue;
                }
            };
            self.request.cancel.progress().looked_at(part.rows() as u64);
            let matched = self.matching(part.as_ref(), time);
            self.stats.bytes_read += part.bytes_read();
            match matched {
                Ok(rows) => {
                    self.stats.rows_scanned += part.rows() as u64;
                    return Ok(Some((part, rows)));
                }
                Err(error) => self.damaged(error, time)?,
            }
        }
        Ok(None)
    }

    /// Rows within the range that satisfy the filter.
    fn matching(&self, part: &dyn Part, time: (i64, i64)) -> Result<BooleanBuffer> {
        let mut mask = part.candidates();
        if !self.ahead.is_empty() && mask.count_set_bits() <= FEW_ROWS {
            part.ahead(&self.ahead, &mask);
        }
        let inside = self.range.contains(UnixNanos(time.0)) && self.range.contains(UnixNanos(time.1));
        if !inside {
            let loaded = part.column(time_column(self.request.signal), &mask)?;
            let times = loaded.array.as_primitive::<TimestampNanosecondType>().values();
            let holds = BooleanBuffer::collect_bool(times.len(), |i| self.range.contains(UnixNanos(times[i])));
            mask = super::evaluate::scatter(holds, &loaded, &mask);
        }
        evaluate(&self.filter, part, self.request.signal, &mask)
    }

    /// Notes what could not be read; other errors end the scan.
    pub(crate) fn damaged(&mut self, error: Error, time: (i64, i64)) -> Result<()> {
        damaged(&mut self.stats, self.request.signal, error, time)
    }

    pub(crate) fn run(mut self, each: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>>) -> Result<ScanStats> {
        let limit = self.request.limit.unwrap_or(usize::MAX);
        if limit == 0 {
            return Ok(self.stats);
        }
        match self.request.order {
            Order::Any => self.run_unordered(limit, each)?,
            _ => self.run_ordered(limit, each)?,
        }
        Ok(self.stats)
    }

    fn run_unordered(&mut self, mut left: usize, each: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>>) -> Result<()> {
        while let Some((part, rows)) = self.next_part()? {
            let mut rows: Vec<u32> = rows.set_indices().map(|row| row as u32).collect();
            rows.truncate(left);
            left -= rows.len();
            for rows in rows.chunks(BATCH_ROWS) {
                self.request.cancel.check()?;
                let before = part.bytes_read();
                let batch = match part.take(&self.request.columns, rows) {
                    Ok(batch) => batch,
                    Err(error) => {
                        self.damaged(error, part.time())?;
                        break;
                    }
                };
                self.stats.bytes_read += part.bytes_read() - before;
                self.stats.rows_matched += rows.len() as u64;
                if each(batch)?.is_break() {
                    return Ok(());
                }
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn run_ordered(&mut self, mut left: usize, each: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>>) -> Result<()> {
        let mut parts: Vec<Option<Box<dyn Part + 'a>>> = Vec::new();
        // Sorted with the next row to give out last.
        let mut keys: Vec<Key> = Vec::new();
        loop {
            let bound = self.bound();
            // Rows strictly before everything that waits. Equal times wait for their seq.
            let ready = match bound {
                Some(bound) => keys.len() - keys.partition_point(|key| key.time <= bound),
                None => keys.len(),
            };
            if ready > 0 && (ready >= left.min(WINDOW_ROWS) || bound.is_none()) {
                let count = ready.min(left).min(WINDOW_ROWS);
                let out = keys.split_off(keys.len() - count);
                left -= count;
                if self.give(&parts, &out, each)?.is_break() || left == 0 {
                    return Ok(());
                }
                release(&mut parts, &keys);
                continue;
            }
            let Some((part, rows)) = self.next_part()? else {
                if self.bound().is_none() && keys.is_empty() {
                    return Ok(());
                }
                continue;
            };
            let number = parts.len() as u32;
            let before = part.bytes_read();
            let rows = first_rows(self.request, part.as_ref(), rows, left);
            match self.keys_of(part.as_ref(), &rows, number) {
                Ok(new) => {
                    keys.extend(new);
                    keys.sort_unstable();
                    if keys.len() > left {
                        keys.drain(..keys.len() - left);
                    }
                    part.forget();
                }
                Err(error) => self.damaged(error, part.time())?,
            }
            self.stats.bytes_read += part.bytes_read() - before;
            parts.push(Some(part));
            if parts.len().is_multiple_of(16) {
                release(&mut parts, &keys);
            }
        }
    }

    fn keys_of(&self, part: &dyn Part, rows: &BooleanBuffer, number: u32) -> Result<Vec<Key>> {
        if rows.count_set_bits() == 0 {
            return Ok(Vec::new());
        }
        let time = time_column(self.request.signal);
        part.ahead(&[time, column::SEQ], rows);
        let times = part.column(time, rows)?;
        let seqs = part.column(column::SEQ, rows)?;
        let time_values = times.array.as_primitive::<TimestampNanosecondType>().values();
        let seq_values = seqs.array.as_primitive::<UInt64Type>().values();
        let sign = if self.request.order == Order::OldestFirst { -1 } else { 1 };
        let after = self.request.after.map(|(time, seq)| (sign * i128::from(time.0), sign * i128::from(seq.0)));
        let mut keys = Vec::with_capacity(rows.count_set_bits());
        let (mut time_at, mut seq_at) = (times.cursor(), seqs.cursor());
        for row in rows.set_indices() {
            let time = sign * i128::from(time_values[time_at.seek(row)]);
            let seq = sign * i128::from(seq_values[seq_at.seek(row)]);
            if after.is_none_or(|after| (time, seq) < after) {
                keys.push(Key { time, seq, part: number, row: row as u32 });
            }
        }
        Ok(keys)
    }

    /// Fetches rows of several parts and gives them out in order (`keys` has the first row last).
    fn give(
        &mut self,
        parts: &[Option<Box<dyn Part + 'a>>],
        keys: &[Key],
        each: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let mut by_part: Vec<(u32, u32)> = keys.iter().map(|key| (key.part, key.row)).collect();
        by_part.sort_unstable();
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut sources: Vec<(u32, Vec<u32>)> = Vec::new();
        for same in by_part.chunk_by(|a, b| a.0 == b.0) {
            self.request.cancel.check()?;
            let rows: Vec<u32> = same.iter().map(|(_, row)| *row).collect();
            let part = parts[same[0].0 as usize].as_ref().expect("a part is kept while its rows wait");
            let before = part.bytes_read();
            match part.take(&self.request.columns, &rows) {
                Ok(batch) => {
                    batches.push(batch);
                    sources.push((same[0].0, rows));
                }
                Err(error) => self.damaged(error, part.time())?,
            }
            self.stats.bytes_read += part.bytes_read() - before;
        }
        let places: Vec<(usize, usize)> = keys
            .iter()
            .rev()
            .filter_map(|key| {
                let source = sources.binary_search_by_key(&key.part, |(part, _)| *part).ok()?;
                let row = sources[source].1.binary_search(&key.row).ok()?;
                Some((source, row))
            })
            .collect();
        self.stats.rows_matched += places.len() as u64;
        let references: Vec<&RecordBatch> = batches.iter().collect();
        for places in places.chunks(BATCH_ROWS) {
            let batch = if self.request.columns.is_empty() {
                super::part::batch(output_schema(self.request.signal, &[])?, Vec::new(), places.len())?
            } else {
                interleave_record_batch(&references, places)?
            };
            if each(batch)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Lets go of parts without waiting rows.
fn release(parts: &mut [Option<Box<dyn Part + '_>>], keys: &[Key]) {
    let mut used = vec![false; parts.len()];
    keys.iter().for_each(|key| used[key.part as usize] = true);
    parts.iter_mut().zip(used).filter(|(_, used)| !used).for_each(|(part, _)| *part = None);
}

/// Texts of a column's matching rows with how often they stand there; dictionary columns are counted by code.
pub(crate) fn count_texts(part: &dyn Part, column: &Column, rows: &BooleanBuffer, add: &mut dyn FnMut(&str, u64)) -> Result<()> {
    if let Column::Fixed(name) = column {
        let loaded = part.column(name, rows)?;
        if let Some(dictionary) = loaded.array.as_dictionary_opt::<arrow::datatypes::Int32Type>() {
            let values = dictionary.values().as_string::<i32>();
            let mut counts = vec![0u64; values.len()];
            let mut at = loaded.cursor();
            for row in rows.set_indices() {
                let i = at.seek(row);
                if !dictionary.keys().is_null(i) {
                    counts[dictionary.keys().value(i) as usize] += 1;
                }
            }
            for (i, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                if !values.is_null(i) {
                    add(values.value(i), count);
                }
            }
            return Ok(());
        }
    }
    let indices: Vec<u32> = rows.set_indices().map(|row| row as u32).collect();
    for indices in indices.chunks(BATCH_ROWS) {
        let batch = part.take(std::slice::from_ref(column), indices)?;
        for row in 0..indices.len() {
            if let Some(text) = super::value::cell_text(batch.column(0), row) {
                add(&text, 1);
            }
        }
    }
    Ok(())
}

/// Calls `each` with every matching row's time and, with `by`, its text.
pub(crate) fn times_by(
    part: &dyn Part,
    signal: Signal,
    rows: &BooleanBuffer,
    by: Option<&'static str>,
    each: &mut dyn FnMut(i64, &str),
) -> Result<()> {
    if rows.count_set_bits() == 0 {
        return Ok(());
    }
    let times = part.column(time_column(signal), rows)?;
    let values = times.array.as_primitive::<TimestampNanosecondType>().values();
    let groups = by.map(|name| part.column(name, rows)).transpose()?;
    let (mut time_at, mut group_at) = (times.cursor(), groups.as_ref().map(|groups| groups.cursor()));
    for row in rows.set_indices() {
        let time = values[time_at.seek(row)];
        match (&groups, &mut group_at) {
            (Some(groups), Some(at)) => {
                let text = super::value::cell_text(&groups.array, at.seek(row));
                each(time, text.as_deref().unwrap_or(""));
            }
            _ => each(time, ""),
        }
    }
    Ok(())
}
