//! One trace, analysed by `trace/`; with its log counts by span.

use super::columns;
use super::traces::merge_stats;
use crate::api::unknown_trace;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Signal, SpanId, TraceId};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, ScanStats};
use hopline_trace::spans::COLUMNS_READ;
use hopline_trace::{Analysis, Trace, analyse_with_logs};
use std::collections::HashMap;

/// A log record at or above it counts as an error (OpenTelemetry log data model, SeverityNumber).
const SEVERITY_ERROR: i32 = 17;

pub(crate) struct One {
    pub(crate) trace: Trace,
    pub(crate) analysis: Analysis,
    /// Log records and error records by span.
    pub(crate) logs: HashMap<SpanId, (u32, u32)>,
    pub(crate) stats: ScanStats,
}

/// Reads and analyses a trace; an unknown one is an error in words.
pub(crate) fn read(snapshot: &Snapshot, id: TraceId, cancel: &Cancel) -> Result<One> {
    let wanted: Vec<Column> = COLUMNS_READ.iter().map(|name| Column::Fixed(name)).collect();
    let (batches, mut stats) = snapshot.trace_rows(Signal::Spans, id, &wanted, cancel)?;
    let trace = Trace::from_rows(&batches);
    if trace.is_empty() {
        return Err(unknown_trace(id, snapshot, &stats));
    }
    drop(batches);
    let (logs, read) = log_counts(snapshot, id, cancel)?;
    merge_stats(&mut stats, read);
    let counts = logs.iter().map(|(span, (all, _))| (*span, u64::from(*all))).collect();
    let analysis = analyse_with_logs(&trace, &counts);
    Ok(One { trace, analysis, logs, stats })
}

fn log_counts(snapshot: &Snapshot, id: TraceId, cancel: &Cancel) -> Result<(HashMap<SpanId, (u32, u32)>, ScanStats)> {
    let wanted = [Column::Fixed(column::SPAN_ID), Column::Fixed(column::SEVERITY_NUMBER)];
    let (batches, stats) = snapshot.trace_rows(Signal::Logs, id, &wanted, cancel)?;
    let mut counts: HashMap<SpanId, (u32, u32)> = HashMap::new();
    for batch in &batches {
        let severities = columns::int32s(batch, column::SEVERITY_NUMBER);
        for (row, severity) in severities.iter().enumerate() {
            if let Some(span) = columns::span_id(batch, column::SPAN_ID, row) {
                let count = counts.entry(span).or_default();
                count.0 += 1;
                count.1 += u32::from(*severity >= SEVERITY_ERROR);
            }
        }
    }
    Ok((counts, stats))
}
