//! Spans and logs as lists: newest first, with total and cursor.

use crate::api::params::{bad_cursor, decode_cursor, encode_cursor};
use crate::api::reply::Total;
use crate::error::Result;
use crate::language::Compiled;
use crate::plan::kept::Kept;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use hopline_model::schema::{column, time_column};
use hopline_model::{Seq, Signal, TimeRange, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Order, Predicate, ScanRequest, ScanStats};

/// What the one row a question is about must satisfy: spans, logs and metric points have no `{…} {…}`.
pub(crate) fn predicate(compiled: Compiled) -> Predicate {
    compiled.rows.into_iter().next().unwrap_or(Predicate::All)
}

/// A page of rows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) cursor: Option<String>,
    pub(crate) total: Total,
    pub(crate) stats: ScanStats,
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) signal: Signal,
    pub(crate) range: TimeRange,
    pub(crate) predicate: Predicate,
    pub(crate) columns: Vec<Column>,
    pub(crate) order: Order,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
}

/// One page and how many there are in all.
pub(crate) fn page(snapshot: &Snapshot, kept: &Kept, asked: Asked, cancel: &Cancel) -> Result<Page> {
    let after = asked.cursor.as_deref().map(position).transpose()?;
    let mut request = ScanRequest {
        signal: asked.signal,
        range: asked.range,
        predicate: asked.predicate,
        columns: asked.columns,
        order: asked.order,
        // One more than asked tells whether there is a next page.
        limit: Some(asked.limit + 1),
        after,
        cancel: cancel.clone(),
    };
    let (mut batches, mut stats) =
        if asked.limit == 0 { (Vec::new(), ScanStats::default()) } else { cancel.step("read rows", || snapshot.collect(&request))? };
    let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let cursor = (found > asked.limit).then(|| {
        cut(&mut batches, asked.limit);
        batches.last().and_then(|batch| last_position(batch, asked.signal)).map(|(time, seq)| encode(time, seq))
    });
    let total = if found <= asked.limit && asked.limit > 0 && request.after.is_none() {
        Total { value: found as u64, exact: true }
    } else {
        request.after = None;
        request.limit = None;
        let (value, counted) = cancel.step("count the rest", || kept.count(snapshot, &request))?;
        stats.blocks = stats.blocks.max(counted.blocks);
        stats.blocks_pruned = stats.blocks_pruned.max(counted.blocks_pruned);
        stats.rows_scanned += counted.rows_scanned;
        stats.bytes_read += counted.bytes_read;
        stats.damaged.extend(counted.damaged);
        stats.damaged.dedup();
        Total { value, exact: true }
    };
    Ok(Page { batches, cursor: cursor.flatten(), total, stats })
}

/// Rows in their order, without a total.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) signal: Signal,
    pub(crate) batches: Vec<RecordBatch>,
    /// Where the next ones are behind.
    pub(crate) last: Option<(UnixNanos, Seq)>,
    pub(crate) stats: ScanStats,
}

/// The rows behind `request.after`, at most `request.limit`.
pub(crate) fn next_rows(snapshot: &Snapshot, request: ScanRequest) -> Result<Rows> {
    let (batches, stats) = snapshot.collect(&request)?;
    let last = batches.iter().rev().find_map(|batch| last_position(batch, request.signal));
    Ok(Rows { signal: request.signal, batches, last, stats })
}

/// Keeps the first `rows` rows.
fn cut(batches: &mut Vec<RecordBatch>, mut rows: usize) {
    for batch in batches.iter_mut() {
        let keep = rows.min(batch.num_rows());
        *batch = batch.slice(0, keep);
        rows -= keep;
    }
    batches.retain(|batch| batch.num_rows() > 0);
}

fn last_position(batch: &RecordBatch, signal: Signal) -> Option<(UnixNanos, Seq)> {
    let row = batch.num_rows().checked_sub(1)?;
    let times = batch.column_by_name(time_column(signal))?.as_primitive_opt::<TimestampNanosecondType>()?;
    let seqs = batch.column_by_name(column::SEQ)?.as_primitive_opt::<UInt64Type>()?;
    Some((UnixNanos(times.value(row)), Seq(seqs.value(row))))
}

/// A place in the order: time and seq, big-endian.
fn encode(time: UnixNanos, seq: Seq) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&time.0.to_be_bytes());
    bytes[8..].copy_from_slice(&seq.0.to_be_bytes());
    encode_cursor(&bytes)
}

fn position(text: &str) -> Result<(UnixNanos, Seq)> {
    let bytes: [u8; 16] = decode_cursor(text)?.try_into().map_err(|_| bad_cursor())?;
    let half = |from: usize| <[u8; 8]>::try_from(&bytes[from..from + 8]).map_err(|_| bad_cursor());
    Ok((UnixNanos(i64::from_be_bytes(half(0)?)), Seq(u64::from_be_bytes(half(8)?))))
}
