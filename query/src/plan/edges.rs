//! Calls between services, as `trace/` rolls them up by minute: stored with the blocks, added from spans for what is live.
//!
//! What needs whole traces reads spans, newest first until a budget of rows is met; what was left out is said.

use super::traces::merge_stats;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, TraceId};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Order, Predicate, ScanRequest, ScanStats};
use hopline_trace::Trace;
use hopline_trace::spans::COLUMNS_READ;
use std::ops::ControlFlow;

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
        columns: COLUMNS_READ.iter().map(|name| Column::Fixed(name)).collect(),
        order: Order::NewestFirst,
        limit: Some(spans_max),
        after: None,
        cancel: cancel.clone(),
    };
    let (batches, stats) = snapshot.collect(&request)?;
    let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    Ok(Read { traces: Trace::split(&batches), stats, cut: rows >= spans_max })
}

/// The traces that have a span matching, whole, newest first, at most `traces_max`: what a trace is compared with.
pub(crate) fn alike(
    snapshot: &Snapshot,
    range: TimeRange,
    predicate: Predicate,
    traces_max: usize,
    cancel: &Cancel,
) -> Result<(Vec<Trace>, ScanStats)> {
    let request = ScanRequest {
        signal: Signal::Spans,
        range,
        predicate,
        columns: vec![Column::Fixed(column::TRACE_ID)],
        order: Order::NewestFirst,
        limit: None,
        after: None,
        cancel: cancel.clone(),
    };
    let mut ids: Vec<TraceId> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut stats = snapshot.scan(&request, &mut |batch| {
        for row in 0..batch.num_rows() {
            if let Some(id) = super::columns::trace_id(&batch, column::TRACE_ID, row)
                && seen.insert(id)
            {
                ids.push(id);
                if ids.len() >= traces_max {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let whole = ScanRequest {
        range: TimeRange::ALL,
        predicate: Predicate::TraceIds(ids),
        columns: COLUMNS_READ.iter().map(|name| Column::Fixed(name)).collect(),
        order: Order::Any,
        ..request
    };
    let (batches, read) = snapshot.collect(&whole)?;
    merge_stats(&mut stats, read);
    Ok((Trace::split(&batches), stats))
}
