//! What calls by minute change by when rows of a block are deleted.
//!
//! The sum over all blocks is that of whole traces (`edges`), and other blocks' steps build on the rows that go. So the block that takes the
//! place of this one holds what it held, plus: the edges of the touched traces as they are without the rows, less as they were with them.

use super::edges::{TRACE_SPANS_MAX, at_once, count, each_id, request};
use crate::block::Block;
use crate::error::{Error, Result};
use crate::scan::{Cancel, Column, Predicate, ScanRequest};
use crate::snapshot::Snapshot;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt64Type;
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, TraceId};
use hopline_trace::Edges;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The traces of some rows of a block: `gone`, their seqs, ascending.
pub(crate) fn touched(block: &Arc<Block>, gone: &[u64], snapshot: &Snapshot) -> Result<Vec<TraceId>> {
    let alone = snapshot.only_blocks(|other| other.meta.id == block.meta.id);
    let columns = [column::SEQ, column::TRACE_ID].map(Column::Fixed).to_vec();
    let batches = read(&alone, &ScanRequest { columns, ..ScanRequest::all(Signal::Spans) })?;
    let mut traces: BTreeSet<[u8; 16]> = BTreeSet::new();
    for batch in &batches {
        each_id(&filtered(batch, &|seq| gone.binary_search(&seq).is_ok())?, &mut |id| _ = traces.insert(id.0));
    }
    Ok(traces.into_iter().map(TraceId).collect())
}

/// By how much the edges of all blocks change when `gone` go from `block`. `counted`: every block that is counted, this one among them.
pub(crate) fn change(block: &Arc<Block>, gone: &[u64], traces: &[TraceId], counted: &Snapshot, cancel: &Cancel) -> Result<Edges> {
    let alone = counted.only_blocks(|other| other.meta.id == block.meta.id);
    // One that is too large to be read again was counted by the block alone.
    let (large, whole): (Vec<_>, Vec<_>) = sizes(traces, counted)?.into_iter().partition(|(_, spans)| *spans > TRACE_SPANS_MAX);
    let mut change = Edges::new();
    for (spans, traces) in [(counted, whole), (&alone, large)] {
        for ids in at_once(traces) {
            cancel.check()?;
            let rows = read(spans, &request(TimeRange::ALL, Predicate::TraceIds(ids), cancel))?;
            let kept = rows.iter().map(|batch| filtered(batch, &|seq| gone.binary_search(&seq).is_err()));
            count(&kept.collect::<Result<Vec<_>>>()?, &mut change, cancel)?;
            let mut before = Edges::new();
            count(&rows, &mut before, cancel)?;
            change.subtract(before);
        }
    }
    Ok(change)
}

/// Traces with their spans in the counted blocks.
fn sizes(traces: &[TraceId], counted: &Snapshot) -> Result<Vec<(TraceId, u64)>> {
    let mut spans: HashMap<u64, u64> = traces.iter().map(|id| (crate::block::tix::hash(&id.0), 0)).collect();
    let mut wanted: Vec<u64> = spans.keys().copied().collect();
    wanted.sort_unstable();
    for block in counted.blocks(Signal::Spans) {
        if let Some(tix) = block.tix() {
            tix.holds(&wanted)?.into_iter().for_each(|(hash, rows)| *spans.entry(hash).or_default() += rows);
        }
    }
    Ok(traces.iter().map(|id| (*id, spans.get(&crate::block::tix::hash(&id.0)).copied().unwrap_or(0))).collect())
}

/// Damage is an error: what cannot be read cannot be taken away.
fn read(snapshot: &Snapshot, request: &ScanRequest) -> Result<Vec<RecordBatch>> {
    let (batches, stats) = snapshot.collect(request)?;
    stats.whole()?;
    Ok(batches)
}

fn filtered(batch: &RecordBatch, keep: &dyn Fn(u64) -> bool) -> Result<RecordBatch> {
    let seqs = batch.column_by_name(column::SEQ).and_then(|seqs| seqs.as_primitive_opt::<UInt64Type>());
    let seqs = seqs.ok_or_else(|| Error::Internal("rows without seq".into()))?;
    let kept: BooleanArray = (0..seqs.len()).map(|row| Some(keep(seqs.value(row)))).collect();
    Ok(filter_record_batch(batch, &kept)?)
}
