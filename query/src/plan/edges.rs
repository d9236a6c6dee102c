//! The traces of a range, for what their rollups do not answer: spans are taken newest first until a budget is met; what was left out is said.

use crate::error::Result;
use hopline_model::{Signal, TimeRange};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Order, Predicate, ScanRequest, ScanStats, trace_columns};
use hopline_trace::Trace;

/// Spans that one question reads.
pub(crate) const SPANS_MAX: usize = 300_000;

pub(crate) struct Read {
    pub(crate) traces: Vec<Trace>,
    pub(crate) stats: ScanStats,
    /// The range held more spans than were read.
    pub(crate) cut: bool,
}

/// The matching spans of the range by trace, newest first up to `spans_max`.
pub(crate) fn read(snapshot: &Snapshot, range: TimeRange, predicate: Predicate, spans_max: usize, cancel: &Cancel) -> Result<Read> {
    let request = ScanRequest {
        signal: Signal::Spans,
        range,
        predicate,
        columns: trace_columns(),
        order: Order::NewestFirst,
        limit: Some(spans_max),
        after: None,
        cancel: cancel.clone(),
    };
    let (batches, stats) = snapshot.collect(&request)?;
    let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    Ok(Read { traces: Trace::split(&batches), stats, cut: rows >= spans_max })
}
