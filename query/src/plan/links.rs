//! Links of a trace both ways: the spans it links to, and the spans anywhere that link to it.

use super::one;
use crate::error::Result;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR};
use hopline_model::{TimeRange, TraceId, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, ScanStats};
use hopline_trace::{LinkRow, links};

/// A span that links is mostly younger than what it links to; clocks differ.
const BEFORE_NANO: i64 = NANOS_PER_HOUR;
/// A message may lie this long before somebody takes it: links are found in every block at once, other ways of knowing it are searched for.
const LINKED_AFTER_NANO: i64 = 7 * NANOS_PER_DAY;
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
        Some(summary) => linked_around(summary.start, summary.end),
        None => TimeRange::ALL,
    });
    let mut stats = one.stats;
    let incoming = snapshot.links_to(&[id], range, INCOMING_MAX, cancel)?;
    stats.add(incoming.stats);
    Ok(Linked { outgoing: links::links(&one.trace), incoming: incoming.rows, range, cut: incoming.cut, stats })
}

/// Where spans that link to something of these times are looked for.
pub(crate) fn linked_around(start: UnixNanos, end: UnixNanos) -> TimeRange {
    TimeRange::new(start.saturating_sub(BEFORE_NANO), end.saturating_add(LINKED_AFTER_NANO))
}

/// Where spans are looked for that have a message or a key of something of these times.
pub(crate) fn around(start: UnixNanos, end: UnixNanos) -> TimeRange {
    TimeRange::new(start.saturating_sub(BEFORE_NANO), end.saturating_add(AFTER_NANO))
}

pub(crate) fn rows(batches: &[arrow::array::RecordBatch]) -> usize {
    batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
}
