//! One trace, analysed by `trace/`; with its log counts by span.

use super::columns::{self, Texts};
use crate::api::unknown_trace;
use crate::error::{Error, Result};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, nullif};
use hopline_model::schema::column;
use hopline_model::{Signal, SpanId, TraceId, attributes};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, ScanStats, trace_columns};
use hopline_trace::{Analysis, Hop, Trace, analyse_with_logs};
use std::collections::{HashMap, HashSet};

/// A log record at or above it counts as an error (OpenTelemetry log data model, SeverityNumber).
const SEVERITY_ERROR: i32 = 17;

pub(crate) struct One {
    pub(crate) trace: Trace,
    pub(crate) analysis: Analysis,
    /// Log records and error records by span.
    pub(crate) logs: HashMap<SpanId, (u32, u32)>,
    pub(crate) stats: ScanStats,
}

/// Events and links of each span that has any, by the row's seq.
pub(crate) type Attached = HashMap<u64, (i32, i32)>;

/// Reads and analyses a trace; an unknown one is an error in words.
pub(crate) fn read(snapshot: &Snapshot, id: TraceId, cancel: &Cancel) -> Result<One> {
    read_seeing(snapshot, id, cancel, &mut |_| {})
}

/// The same, with what is attached to its spans counted on the way.
pub(crate) fn read_counting(snapshot: &Snapshot, id: TraceId, cancel: &Cancel) -> Result<(One, Attached)> {
    let mut attached = Attached::new();
    let one = read_seeing(snapshot, id, cancel, &mut |rows| count_attached(rows, &mut attached))?;
    Ok((one, attached))
}

fn count_attached(rows: &RecordBatch, counts: &mut Attached) {
    let (events, links) = (Texts::of(rows, column::EVENTS), Texts::of(rows, column::LINKS));
    let count = |text: Option<&str>| text.map_or(0, |text| attributes::items(text).count() as i32);
    for (row, seq) in columns::uints(rows, column::SEQ).iter().enumerate() {
        let (events, links) = (count(events.get(row)), count(links.get(row)));
        if events + links > 0 {
            counts.insert(*seq, (events, links));
        }
    }
}

fn read_seeing(snapshot: &Snapshot, id: TraceId, cancel: &Cancel, see: &mut dyn FnMut(&RecordBatch)) -> Result<One> {
    let (batches, mut stats) = snapshot.trace_rows(Signal::Spans, id, &trace_columns(), cancel)?;
    let trace = Trace::from_rows(&batches);
    if trace.is_empty() {
        return Err(unknown_trace(id, snapshot, &stats));
    }
    batches.iter().for_each(see);
    drop(batches);
    let (logs, read) = log_counts(snapshot, id, cancel)?;
    stats.add(read);
    let counts = logs.iter().map(|(span, (all, _))| (*span, u64::from(*all))).collect();
    let analysis = analyse_with_logs(&trace, &counts);
    Ok(One { trace, analysis, logs, stats })
}

/// Narrows to a span and what is below it; gives the ledger of the whole.
pub(crate) fn narrow(one: &mut One, snapshot: &Snapshot, span: SpanId, cancel: &Cancel) -> Result<Vec<Hop>> {
    let (trace, tree) = (&one.trace, &one.analysis.tree);
    let order = tree.order();
    let row = order.iter().position(|node| (*node as usize) < trace.len() && trace.span_id(*node as usize) == span);
    let Some(row) = row else {
        return Err(Error::NotFound(format!("no span {span} is in trace {}", trace.trace_id())));
    };
    // A subtree lies together in depth-first order.
    let size = (tree.size(order[row] as usize) as usize).max(1);
    let kept: HashSet<SpanId> = order[row..order.len().min(row + size)].iter().map(|node| tree.span_id(trace, *node as usize)).collect();
    let (batches, _) = snapshot.trace_rows(Signal::Spans, trace.trace_id(), &trace_columns(), cancel)?;
    let mut parts = Vec::with_capacity(batches.len());
    for batch in &batches {
        let mask: BooleanArray =
            (0..batch.num_rows()).map(|row| Some(columns::span_id(batch, column::SPAN_ID, row).is_some_and(|id| kept.contains(&id)))).collect();
        // Nobody called the one asked for: it is the root now.
        let is_root: BooleanArray = (0..batch.num_rows()).map(|row| Some(columns::span_id(batch, column::SPAN_ID, row) == Some(span))).collect();
        let mut arrays = batch.columns().to_vec();
        if let Ok(parent) = batch.schema().index_of(column::PARENT_SPAN_ID) {
            arrays[parent] = nullif(&arrays[parent], &is_root)?;
        }
        parts.push(filter_record_batch(&RecordBatch::try_new(batch.schema(), arrays)?, &mask)?);
    }
    let whole = one.analysis.ledger(trace);
    one.trace = Trace::from_rows(&parts);
    let counts = one.logs.iter().map(|(span, (all, _))| (*span, u64::from(*all))).collect();
    one.analysis = analyse_with_logs(&one.trace, &counts);
    Ok(whole)
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
