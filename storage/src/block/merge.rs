//! Runs of rows of several blocks → one block, in bounded memory.
//!
//! Logs and metrics: runs are put one behind the other, oldest first, each in time order; the text indexes of logs are
//! stacked. Spans: runs are merged trace by trace. Their order is known before a row is read, from the inputs' `.tix` and
//! start times; then the output is made a stretch at a time, and for each stretch exactly its rows are read from each input.
//! Where traces are spread over all inputs an input's pages are decoded once for every stretch, never once for every trace.

use super::dense::{DenseKey, choose_merged, joined};
use super::logs::stack::{IndexRun, stack};
use super::parquet::{OBSERVED_DELAY, RowFile, split_schema};
use super::part::observed;
use super::tix::Run;
use super::write::{BATCH_ROWS, BlockWriter, Target};
use super::{Block, BlockMeta, FileKind, WindowRows};
use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use hopline_model::Signal;
use hopline_model::schema::{column, schema};
use parquet::arrow::arrow_reader::RowSelection;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Rows of one window of one block.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) block: Arc<Block>,
    pub(crate) rows: WindowRows,
}

/// `inputs`: by window. `memory_bytes`: rows held at a time, roughly. `check` is asked between stretches.
pub(crate) fn merge_blocks(target: Target<'_>, inputs: &[Input], memory_bytes: u64, check: &dyn Fn() -> Result<()>) -> Result<BlockMeta> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(|input| (input.rows.window, input.block.meta.time_min, input.block.meta.seq_min, input.rows.row));
    let files = inputs.iter().map(|input| input.block.rows_file()).collect::<Result<Vec<_>>>()?;
    let keys: Vec<(&[DenseKey], u64)> = inputs.iter().zip(&files).map(|(input, file)| (file.dense.as_slice(), input.rows.rows)).collect();
    let keys = choose_merged(&keys);
    let index = if target.signal == Signal::Logs { stacked(target, &inputs) } else { None };
    // One run in time order stays so; several may overlap.
    let by_time = target.signal != Signal::Spans && inputs.len() == 1 && files[0].sorted;
    let mut writer = BlockWriter::new(target, keys, by_time, target.signal == Signal::Logs && index.is_none())?;
    for file in &files {
        writer.not_whole(&file.dense);
    }
    let mut windows: Vec<WindowRows> = Vec::new();
    let mut row = 0;
    for of_window in inputs.chunk_by(|a, b| a.rows.window == b.rows.window) {
        let rows = of_window.iter().map(|input| input.rows.rows).sum();
        windows.push(WindowRows { window: of_window[0].rows.window, row, rows });
        row += rows;
        match target.signal {
            Signal::Spans => weave(of_window, memory_bytes, &mut writer, check)?,
            Signal::Logs | Signal::Metrics => {
                for input in of_window {
                    each_batch(input, &mut |file, batch| {
                        check()?;
                        add(&mut writer, file, &batch)
                    })?;
                }
            }
        }
    }
    let index = match index {
        Some(runs) => Some(stack(&runs, target.objects.as_ref(), &target.name(FileKind::Idx))?),
        None => None,
    };
    writer.finish(windows, index)
}

/// All rows of a block in row order, in the signal's schema: what tests compare.
#[cfg(test)]
pub(crate) fn read_block(block: &Arc<Block>, each: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
    let rows = WindowRows { window: 0, row: 0, rows: block.meta.rows };
    each_batch(&Input { block: block.clone(), rows }, &mut |file, batch| each(joined(&batch, &file.dense, block.meta.signal)?))
}

/// The indexes of all runs, if every one can be used.
fn stacked(target: Target<'_>, inputs: &[Input]) -> Option<Vec<IndexRun>> {
    debug_assert_eq!(target.signal, Signal::Logs);
    inputs.iter().map(|input| Some(IndexRun { index: input.block.text_index()?, row: input.rows.row as u32, rows: input.rows.rows as u32 })).collect()
}

/// Calls `each` with the rows of an input in order, as they stand in the file but for `observed_time`.
pub(super) fn each_batch(input: &Input, each: &mut dyn FnMut(&RowFile, RecordBatch) -> Result<()>) -> Result<()> {
    let file = input.block.rows_file()?;
    let (from, to) = (input.rows.row as usize, (input.rows.row + input.rows.rows) as usize);
    for (at, group) in file.groups.iter().enumerate() {
        let (mut start, end) = (from.max(group.row), to.min(group.row + group.rows));
        while start < end {
            let stop = end.min(start + BATCH_ROWS);
            let range = start - group.row..stop - group.row;
            each(&file, read(&file, input.block.meta.signal, at, std::iter::once(range))?)?;
            start = stop;
        }
    }
    Ok(())
}

/// Rows of a row group in all columns, split, with `observed_time`.
fn read(file: &RowFile, signal: Signal, group: usize, ranges: impl Iterator<Item = Range<usize>>) -> Result<RecordBatch> {
    let selection = RowSelection::from_consecutive_ranges(ranges, file.groups[group].rows);
    let batch = file.read_plain(group, Some(selection))?;
    let mut columns = batch.columns().to_vec();
    if let Some((at, _)) = batch.schema_ref().column_with_name(OBSERVED_DELAY) {
        let times = batch.column_by_name(column::TIME).ok_or_else(|| Error::Internal("logs without time".into()))?;
        columns[at] = observed(&columns[at], times);
    }
    Ok(RecordBatch::try_new(split_schema(signal, &file.dense), columns)?)
}

/// Rows go over as they are when both files have the same dense columns; else their attributes are put together and split anew.
pub(super) fn add(writer: &mut BlockWriter<'_>, file: &RowFile, batch: &RecordBatch) -> Result<()> {
    if same_columns(writer.keys(), &file.dense) { writer.add_split(batch) } else { writer.add(&joined(batch, &file.dense, writer.signal())?) }
}

fn same_columns(a: &[DenseKey], b: &[DenseKey]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_column(b))
}

// ---- spans ----

/// A piece of a trace in one input.
#[derive(Debug, Clone, Copy)]
struct Piece {
    input: u32,
    row: u32,
    rows: u32,
}

/// Merges the runs of one window trace by trace.
fn weave(inputs: &[Input], memory_bytes: u64, writer: &mut BlockWriter<'_>, check: &dyn Fn() -> Result<()>) -> Result<()> {
    let files = inputs.iter().map(|input| input.block.rows_file()).collect::<Result<Vec<_>>>()?;
    let order = weave_order(inputs, &files)?;
    let stretch = stretch_rows(&files, memory_bytes);
    // Rows go over as they are where all files agree.
    let same = files.iter().all(|file| same_columns(writer.keys(), &file.dense));
    for places in order.chunks(stretch) {
        check()?;
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut found = vec![(0, 0); places.len()];
        for (number, file) in files.iter().enumerate() {
            let mut wanted: Vec<(u32, u32)> =
                places.iter().enumerate().filter(|(_, place)| place.0 as usize == number).map(|(at, place)| (place.1, at as u32)).collect();
            wanted.sort_unstable();
            let mut rest = &wanted[..];
            for (group_at, group) in file.groups.iter().enumerate() {
                let count = rest.partition_point(|(row, _)| (*row as usize) < group.row + group.rows);
                let (now, later) = rest.split_at(count);
                rest = later;
                if now.is_empty() {
                    continue;
                }
                let ranges = now.chunk_by(|a, b| a.0 + 1 == b.0);
                let ranges = ranges.map(|run| run[0].0 as usize - group.row..run[run.len() - 1].0 as usize + 1 - group.row);
                let batch = read(file, Signal::Spans, group_at, ranges)?;
                let batch = if same { batch } else { joined(&batch, &file.dense, Signal::Spans)? };
                now.iter().enumerate().for_each(|(i, (_, at))| found[*at as usize] = (batches.len(), i));
                batches.push(batch);
            }
        }
        let references: Vec<&RecordBatch> = batches.iter().collect();
        for places in found.chunks(BATCH_ROWS) {
            let rows = interleave_record_batch(&references, places)?;
            if same { writer.add_split(&rows)? } else { writer.add(&rows)? }
        }
    }
    Ok(())
}

/// (input, row) of every row in the order of the new block.
fn weave_order(inputs: &[Input], files: &[Arc<RowFile>]) -> Result<Vec<(u32, u32)>> {
    let mut traces: HashMap<u64, (i64, Vec<Piece>)> = HashMap::new();
    let mut starts = Vec::with_capacity(inputs.len());
    let mut total = 0;
    for (number, (input, file)) in inputs.iter().zip(files).enumerate() {
        let (from, to) = (input.rows.row as u32, (input.rows.row + input.rows.rows) as u32);
        let times = times(file, from as usize..to as usize)?;
        for run in runs(&input.block, file)? {
            // A trace that goes on in the next window is one run over the border.
            let (row, end) = (run.row.max(from), (run.row + run.rows).min(to));
            if row < end {
                let first = times[(row - from) as usize];
                let trace = traces.entry(run.hash).or_insert((i64::MAX, Vec::new()));
                trace.0 = trace.0.min(first);
                trace.1.push(Piece { input: number as u32, row, rows: end - row });
                total += (end - row) as usize;
            }
        }
        starts.push((from, times));
    }
    let expected: u64 = inputs.iter().map(|input| input.rows.rows).sum();
    if total as u64 != expected {
        return Err(Error::corrupt("trace index", format!("{total} rows instead of {expected}")));
    }
    let mut traces: Vec<(i64, u64, Vec<Piece>)> = traces.into_iter().map(|(hash, (first, pieces))| (first, hash, pieces)).collect();
    traces.sort_unstable_by_key(|(first, hash, _)| (*first, *hash));
    let mut order: Vec<(u32, u32)> = Vec::with_capacity(total);
    for (.., pieces) in traces {
        let begin = order.len();
        for piece in &pieces {
            order.extend((piece.row..piece.row + piece.rows).map(|row| (piece.input, row)));
        }
        if pieces.len() > 1 {
            order[begin..].sort_by_key(|(input, row)| {
                let (from, times) = &starts[*input as usize];
                times[(row - from) as usize]
            });
        }
    }
    Ok(order)
}

/// Where each trace lies; from the ids themselves when the `.tix` cannot be used.
fn runs(block: &Block, file: &RowFile) -> Result<Vec<Run>> {
    if let Some(tix) = block.tix() {
        match tix.all() {
            Ok(runs) => return Ok(runs),
            Err(error) => block.unusable(FileKind::Tix, &error),
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    let ids = file.column_at(column::TRACE_ID).ok_or_else(|| Error::Internal("spans without trace ids".into()))?;
    for (at, group) in file.groups.iter().enumerate() {
        let batch = file.read(at, &[ids], None, &Arc::default())?;
        let ids = batch.column(0).as_fixed_size_binary();
        for i in 0..ids.len() {
            let (hash, row) = (super::tix::hash(ids.value(i)), (group.row + i) as u32);
            match runs.last_mut() {
                Some(last) if last.hash == hash => last.rows += 1,
                _ => runs.push(Run { hash, row, rows: 1 }),
            }
        }
    }
    Ok(runs)
}

fn times(file: &RowFile, rows: Range<usize>) -> Result<Vec<i64>> {
    let starts = file.column_at(column::START_TIME).ok_or_else(|| Error::Internal("spans without start times".into()))?;
    let mut times = Vec::with_capacity(rows.len());
    for (at, group) in file.groups.iter().enumerate() {
        let (from, to) = (rows.start.max(group.row), rows.end.min(group.row + group.rows));
        if from < to {
            let selection = RowSelection::from_consecutive_ranges(std::iter::once(from - group.row..to - group.row), group.rows);
            let batch = file.read(at, &[starts], Some(selection), &Arc::default())?;
            times.extend_from_slice(batch.column(0).as_primitive::<TimestampNanosecondType>().values());
        }
    }
    Ok(times)
}

/// Rows of a stretch: they stand in memory twice, as read and as woven.
fn stretch_rows(files: &[Arc<RowFile>], memory_bytes: u64) -> usize {
    const ROWS_MAX: usize = 64 << 10;
    let bytes: u64 = files.iter().map(|file| file.unpacked_bytes).sum();
    let rows: u64 = files.iter().flat_map(|file| &file.groups).map(|group| group.rows as u64).sum();
    // Fixed columns take about this much whatever is in them.
    let fixed = schema(Signal::Spans).fields().len() as u64 * 8;
    let row_bytes = bytes / rows.max(1) * 2 + fixed;
    ((memory_bytes / 2 / row_bytes) as usize).clamp(1024, ROWS_MAX).next_multiple_of(BATCH_ROWS.min(1024))
}
