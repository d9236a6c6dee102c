//! Links of a trace both ways: the spans it links to, and the spans anywhere that link to it.

use super::one;
use super::traces::merge_stats;
use crate::error::Result;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR};
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, ScanStats, Test};
use hopline_trace::spans::COLUMNS_READ;
use hopline_trace::{LinkRow, Trace, links};
use std::collections::HashSet;

/// A span that links is mostly younger than what it links to; clocks differ.
const BEFORE_NANO: i64 = NANOS_PER_HOUR;
/// A message may lie this long before somebody takes it.
const AFTER_NANO: i64 = NANOS_PER_DAY;
/// Linking spans of one answer.
pub(crate) const INCOMING_MAX: usize = 10_000;

pub(crate) struct Linked {
    pub(crate) outgoing: Vec<LinkRow>,
    /// Oldest first.
    pub(crate) incoming: Vec<LinkRow>,
    /// Where incoming links were looked for.
    pub(crate) range: TimeRange,
    /// More spans link than were read.
    pub(crate) cut: bool,
    pub(crate) stats: ScanStats,
}

pub(crate) fn linked(snapshot: &Snapshot, id: TraceId, range: Option<TimeRange>, cancel: &Cancel) -> Result<Linked> {
    let one = one::read(snapshot, id, cancel)?;
    let range = range.unwrap_or_else(|| match &one.analysis.summary {
        Some(summary) => around(summary.start, summary.end),
        None => TimeRange::ALL,
    });
    let mut stats = one.stats;
    let (batches, read) = snapshot.collect(&linking(&[id], range, cancel))?;
    merge_stats(&mut stats, read);
    let cut = rows(&batches) >= INCOMING_MAX;
    let mut incoming: Vec<LinkRow> = Trace::split(&batches).iter().flat_map(links::links).filter(|link| link.target_trace_id == id).collect();
    incoming.sort_by_key(|link| (link.start_time, link.trace_id, link.span_id));
    Ok(Linked { outgoing: links::links(&one.trace), incoming, range, cut, stats })
}

/// Where spans that link to something of these times are looked for.
pub(crate) fn around(start: UnixNanos, end: UnixNanos) -> TimeRange {
    TimeRange::new(start.saturating_sub(BEFORE_NANO), end.saturating_add(AFTER_NANO))
}

/// Asks for the spans that link to any of these traces.
pub(crate) fn linking(ids: &[TraceId], range: TimeRange, cancel: &Cancel) -> ScanRequest {
    let ids: HashSet<TraceId> = ids.iter().copied().collect();
    ScanRequest {
        signal: Signal::Spans,
        range,
        predicate: Predicate::Compare { field: Field::Link("trace_id".into()), test: Test::In(ids.iter().map(ToString::to_string).collect()) },
        columns: COLUMNS_READ.iter().map(|name| Column::Fixed(name)).collect(),
        order: Order::OldestFirst,
        limit: Some(INCOMING_MAX),
        after: None,
        cancel: cancel.clone(),
    }
}

pub(crate) fn rows(batches: &[arrow::array::RecordBatch]) -> usize {
    batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
}
