//! The dataset `traces`, as one query sees it: what each block and what is live holds of a trace, and the sum of it.
//!
//! Where a block has no `.trc` that can be used (it is older, or damaged), its spans are summed up: the answer is the same.

use super::filter::Filter;
use super::predicate::Predicate;
use super::request::{Cancel, Column, ScanRequest, ScanStats};
use super::run::damaged;
use crate::block::day::TraceBlocks;
use crate::block::derived::pages::Pages;
use crate::block::derived::traces::{TraceRow, key};
use crate::block::tix::{Run, hash};
use crate::block::{Block, FileKind};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use hopline_model::schema::column;
use hopline_model::{Signal, SpanId, TraceId};
use hopline_trace::{SUMMARY_COLUMNS, Summary, Trace};
use parquet::arrow::arrow_reader::RowSelection;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Parts whose ids are read together.
const PARTS_AT_ONCE: usize = 4096;

/// Takes summaries of parts of traces, a few thousand at a time.
type Each<'a> = &'a mut dyn FnMut(Vec<Summary>) -> Result<ControlFlow<()>>;

impl Snapshot {
    /// The summaries of some traces, whole, wherever their spans are.
    pub fn summaries(&self, ids: &[TraceId], cancel: &Cancel) -> Result<(HashMap<TraceId, Summary>, ScanStats)> {
        let mut found: HashMap<TraceId, Summary> = HashMap::new();
        let stats = self.trace_parts(Some(ids), cancel, &mut |parts| {
            for part in parts {
                match found.get_mut(&part.trace_id) {
                    Some(sum) => sum.merge(&part),
                    None => _ = found.insert(part.trace_id, part),
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((found, stats))
    }

    /// Summaries that add up to those of some traces (`None`: of all), in no order; a trace may come several times.
    pub fn trace_parts(&self, ids: Option<&[TraceId]>, cancel: &Cancel, each: Each<'_>) -> Result<ScanStats> {
        let mut stats = ScanStats::default();
        let wanted = ids.map(Wanted::new);
        let mut pruning = wanted.as_ref().and_then(|wanted| TraceBlocks::of(&Filter::TraceIds(wanted.ids.iter().map(|id| id.0).collect())));
        // Spans are read of what is live, and of these.
        let mut rest: Vec<Arc<Block>> = Vec::new();
        for block in self.blocks(Signal::Spans) {
            cancel.check()?;
            stats.blocks += 1;
            if pruning.as_mut().is_some_and(|pruning| !pruning.may_hold(block)) {
                stats.blocks_pruned += 1;
                continue;
            }
            match parts_of(block, wanted.as_ref(), cancel, &mut stats, each)? {
                Some(ControlFlow::Continue(())) => {}
                Some(ControlFlow::Break(())) => return Ok(stats),
                None => rest.push(block.clone()),
            }
        }
        let request = ScanRequest {
            predicate: wanted.map_or(Predicate::All, |wanted| Predicate::TraceIds(wanted.ids.into_iter().collect())),
            columns: SUMMARY_COLUMNS.map(Column::Fixed).to_vec(),
            cancel: cancel.clone(),
            ..ScanRequest::all(Signal::Spans)
        };
        let read = Self { blocks: Arc::new(rest), ..self.clone() }.scan(&request, &mut |batch| {
            each(Trace::split(&[batch]).iter().filter(|trace| trace.trace_id().0 != [0; 16]).filter_map(Summary::of).collect())
        })?;
        stats.add(read);
        Ok(stats)
    }
}

/// Traces that are asked for.
struct Wanted {
    ids: HashSet<TraceId>,
    /// Sorted.
    hashes: Vec<u64>,
}

impl Wanted {
    fn new(ids: &[TraceId]) -> Self {
        let mut hashes: Vec<u64> = ids.iter().map(|id| hash(&id.0)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self { ids: ids.iter().copied().collect(), hashes }
    }
}

/// Hands over what a block holds; `None`, and nothing was handed over: its spans are to be read.
fn parts_of(block: &Arc<Block>, wanted: Option<&Wanted>, cancel: &Cancel, stats: &mut ScanStats, each: Each<'_>) -> Result<Option<ControlFlow<()>>> {
    let Some(pages) = block.traces() else { return Ok(None) };
    let before = pages.bytes_read();
    let read = match wanted {
        None => every(block, &pages, cancel, stats, each),
        Some(wanted) => some(block, &pages, wanted, cancel, stats, each),
    };
    stats.bytes_read += pages.bytes_read().saturating_sub(before);
    read
}

fn every(block: &Arc<Block>, pages: &Pages<TraceRow>, cancel: &Cancel, stats: &mut ScanStats, each: Each<'_>) -> Result<Option<ControlFlow<()>>> {
    // Half a block must not be handed over: its spans would be counted again.
    if !pages.is_sound(0..pages.len()) {
        block.unusable(FileKind::Trc, &Error::corrupt(pages.name(), "checksum of its pages"));
        return Ok(None);
    }
    let file = match block.rows_file() {
        Ok(file) => file,
        Err(error) => {
            return damaged(stats, Signal::Spans, error, (block.meta.time_min, block.meta.time_max)).map(|()| Some(ControlFlow::Continue(())));
        }
    };
    for at in 0..pages.len() {
        cancel.check()?;
        let rows = pages.page(at)?;
        stats.rows_scanned += rows.len() as u64;
        let mut rest = &rows[..];
        for group in &file.groups {
            let (now, later) = rest.split_at(rest.partition_point(|row| (row.row as usize) < group.row + group.rows));
            rest = later;
            if now.is_empty() {
                continue;
            }
            match named(block, now, None, stats) {
                Ok(found) => {
                    if each(found)?.is_break() {
                        return Ok(Some(ControlFlow::Break(())));
                    }
                }
                Err(error) => damaged(stats, Signal::Spans, error, group.time)?,
            }
        }
    }
    Ok(Some(ControlFlow::Continue(())))
}

fn some(
    block: &Arc<Block>,
    pages: &Pages<TraceRow>,
    wanted: &Wanted,
    cancel: &Cancel,
    stats: &mut ScanStats,
    each: Each<'_>,
) -> Result<Option<ControlFlow<()>>> {
    let Some(tix) = block.tix() else { return Ok(None) };
    let mut runs: Vec<Run> = Vec::new();
    if let Err(error) = tix.each_run(&wanted.hashes, &mut |run| runs.push(run)) {
        block.unusable(FileKind::Tix, &error);
        return Ok(None);
    }
    runs.sort_unstable_by_key(|run| run.row);
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(Some(ControlFlow::Continue(()))) };
    let places = pages.between(key(first.row), key(last.row + (last.rows - 1)));
    // A run is one part or several, whole; parts and runs are both in the order of rows.
    let mut runs = runs.iter().peekable();
    let mut found: Vec<TraceRow> = Vec::new();
    for at in places {
        let (first, last) = pages.rows_of(at);
        while runs.next_if(|run| run.row + run.rows <= first).is_some() {}
        if runs.peek().is_none_or(|run| run.row > last) {
            continue;
        }
        cancel.check()?;
        match pages.page(at) {
            Ok(rows) => {
                stats.rows_scanned += rows.len() as u64;
                found.extend(rows.into_iter().filter(|row| {
                    while runs.next_if(|run| run.row + run.rows <= row.row).is_some() {}
                    runs.peek().is_some_and(|run| run.row <= row.row)
                }));
            }
            Err(error) => {
                block.unusable(FileKind::Trc, &error);
                return Ok(None);
            }
        }
    }
    let mut summaries = Vec::with_capacity(found.len());
    for found in found.chunks(PARTS_AT_ONCE) {
        match named(block, found, Some(wanted), stats) {
            Ok(more) => summaries.extend(more),
            // The scan that reads the spans says what is missing.
            Err(_) => return Ok(None),
        }
    }
    if summaries.is_empty() { Ok(Some(ControlFlow::Continue(()))) } else { each(summaries).map(Some) }
}

/// Parts with their ids, which stand on the rows.
fn named(block: &Block, parts: &[TraceRow], wanted: Option<&Wanted>, stats: &mut ScanStats) -> Result<Vec<Summary>> {
    let file = block.rows_file()?;
    let root = |part: &TraceRow| part.row + part.part.root.as_ref().map_or(0, |root| root.at);
    let mut rows: Vec<u32> = parts.iter().flat_map(|part| [part.row, root(part)]).collect();
    rows.sort_unstable();
    rows.dedup();
    let places = [column::SEQ, column::TRACE_ID, column::SPAN_ID].map(|name| file.column_at(name));
    let mut places: Vec<usize> = places.into_iter().flatten().collect();
    places.sort_unstable();
    let bytes_read = Arc::new(AtomicU64::new(0));
    let mut ids: Vec<(TraceId, SpanId, u64)> = Vec::with_capacity(rows.len());
    let mut rest = &rows[..];
    for (at, group) in file.groups.iter().enumerate() {
        let (now, later) = rest.split_at(rest.partition_point(|row| (*row as usize) < group.row + group.rows));
        rest = later;
        if now.is_empty() {
            continue;
        }
        let ranges = now.chunk_by(|a, b| a + 1 == *b).map(|run| run[0] as usize - group.row..run[run.len() - 1] as usize + 1 - group.row);
        let batch = file.read(at, &places, Some(RowSelection::from_consecutive_ranges(ranges, group.rows)), &bytes_read)?;
        push_ids(&batch, &mut ids)?;
    }
    stats.bytes_read += bytes_read.load(Ordering::Relaxed);
    let of = |row: u32| rows.binary_search(&row).ok().and_then(|at| ids.get(at)).copied();
    let summary = |part: &TraceRow| {
        let (trace_id, ..) = of(part.row)?;
        let (_, span_id, seq) = of(root(part))?;
        Some(part.part.summary(trace_id, (span_id, seq)))
    };
    let all =
        parts.iter().map(|part| summary(part).ok_or_else(|| Error::corrupt(format!("traces of block {}", block.meta.id.0), "rows beyond its end")));
    let is_wanted = |id: &TraceId| id.0 != [0; 16] && wanted.is_none_or(|wanted| wanted.ids.contains(id));
    all.filter(|summary| summary.as_ref().map_or(true, |summary| is_wanted(&summary.trace_id))).collect()
}

fn push_ids(batch: &RecordBatch, out: &mut Vec<(TraceId, SpanId, u64)>) -> Result<()> {
    let missing = || Error::Internal("spans without ids".into());
    let ids = |name: &str| batch.column_by_name(name).and_then(|ids| ids.as_fixed_size_binary_opt()).ok_or_else(missing);
    let (trace_ids, span_ids) = (ids(column::TRACE_ID)?, ids(column::SPAN_ID)?);
    let seqs = batch.column_by_name(column::SEQ).and_then(|seqs| seqs.as_primitive_opt::<UInt64Type>()).ok_or_else(missing)?;
    for row in 0..batch.num_rows() {
        let trace_id = if trace_ids.is_valid(row) { trace_ids.value(row).try_into().unwrap_or_default() } else { [0; 16] };
        let span_id = if span_ids.is_valid(row) { span_ids.value(row).try_into().unwrap_or_default() } else { [0; 8] };
        out.push((TraceId(trace_id), SpanId(span_id), seqs.value(row)));
    }
    Ok(())
}

impl Pages<TraceRow> {
    /// The first rows of the first and the last part of a page.
    fn rows_of(&self, at: usize) -> (u32, u32) {
        let (first, last) = self.keys(at);
        let row = |key: [u8; 16]| u32::from_be_bytes([key[0], key[1], key[2], key[3]]);
        (row(first), row(last))
    }
}
