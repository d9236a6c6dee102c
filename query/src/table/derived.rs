//! Tables that `trace/` makes of spans: `edges` and `trace_parts`, which are stored, and `hops`, worked out when asked for.
//!
//! Conditions on their time, and on the trace ids of `hops` and `trace_parts`, decide what is read; all conditions are tested on the rows again.

mod cells;

use super::filter::{ids, time_range};
use super::report::{CancelOnDrop, Report};
use crate::plan::edges::SPANS_MAX;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use cells::{Ided, batch, edge_cells, hop_cells, part_cells, schema_of};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, TraceId};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Order, Predicate, ScanRequest, trace_columns};
use hopline_trace::hops::Hop;
use hopline_trace::{Trace, analyse};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

/// Rows of one batch.
const BATCH_ROWS: usize = 4096;
/// Batches that may wait for the query.
const BATCHES_WAITING_MAX: usize = 2;
/// Traces read at a time for their hops.
const TRACES_AT_ONCE: usize = 256;
/// Traces of one question for hops.
const TRACES_MAX: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derived {
    Edges,
    Hops,
    TraceParts,
}

impl Derived {
    pub(crate) const ALL: [Self; 3] = [Self::Edges, Self::Hops, Self::TraceParts];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edges => "edges",
            Self::Hops => "hops",
            Self::TraceParts => "trace_parts",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Edges => "one row per minute and sort of call: how many, how slow, how many failed",
            Self::Hops => "one row per call from one service to another, worked out of the spans of its trace",
            Self::TraceParts => "what `traces` is made of: one row per trace and place where spans of it lie",
        }
    }

    pub(crate) fn schema(self) -> &'static SchemaRef {
        static EDGES: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(&edge_cells(None)));
        static HOPS: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(&hop_cells(None)));
        static TRACE_PARTS: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(&part_cells(None)));
        match self {
            Self::Edges => &EDGES,
            Self::Hops => &HOPS,
            Self::TraceParts => &TRACE_PARTS,
        }
    }

    /// What a range of time is asked of; parts are read wherever they lie.
    fn time_column(self) -> Option<&'static str> {
        match self {
            Self::Edges => Some("minute"),
            Self::Hops => Some(column::START_TIME),
            Self::TraceParts => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct DerivedTable {
    pub(crate) derived: Derived,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) report: Arc<Report>,
}

// The attribute stands in DataFusion's own traits; tonic hands it on.
#[tonic::async_trait]
impl TableProvider for DerivedTable {
    fn schema(&self) -> SchemaRef {
        self.derived.schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let time = |filter: &Expr| self.derived.time_column().is_some_and(|name| time_range(name, filter).is_some());
        let helps = |filter: &Expr| time(filter) || ids(column::TRACE_ID, filter).is_some();
        let of = |filter: &&Expr| if helps(filter) { TableProviderFilterPushDown::Inexact } else { TableProviderFilterPushDown::Unsupported };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(&self, _: &dyn Session, projection: Option<&Vec<usize>>, filters: &[Expr], _: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut range = TimeRange::ALL;
        let mut wanted: Option<HashSet<TraceId>> = None;
        for filter in filters {
            if let Some(more) = self.derived.time_column().and_then(|name| time_range(name, filter)) {
                range = TimeRange::new(range.start.max(more.start), range.end.min(more.end));
            }
            if let Some(texts) = ids(column::TRACE_ID, filter) {
                let these: HashSet<TraceId> = texts.iter().filter_map(|text| text.parse().ok()).collect();
                wanted = Some(wanted.map_or(these.clone(), |known| &known & &these));
            }
        }
        let rows = Rows { derived: self.derived, snapshot: self.snapshot.clone(), report: self.report.clone(), range, traces: wanted };
        Ok(Arc::new(StreamingTableExec::try_new(self.schema(), vec![Arc::new(rows) as Arc<dyn PartitionStream>], projection, [], false, None)?))
    }
}

/// The rows of one table as they are worked out.
#[derive(Debug, Clone)]
struct Rows {
    derived: Derived,
    snapshot: Arc<Snapshot>,
    report: Arc<Report>,
    range: TimeRange,
    traces: Option<HashSet<TraceId>>,
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        self.derived.schema()
    }

    /// Runs on a thread that may block. Dropping the stream stops it.
    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(self.schema().clone(), BATCHES_WAITING_MAX);
        let sender = builder.tx();
        let cancel = self.report.cancel();
        let (rows, stop) = (self.clone(), cancel.clone());
        builder.spawn_blocking(move || {
            // The other end is gone when nobody waits for more.
            let mut send = |batch: RecordBatch| sender.blocking_send(Ok(batch)).is_ok();
            let done = match rows.derived {
                Derived::Edges => rows.edges(&stop, &mut send),
                Derived::Hops => rows.hops(&stop, &mut send),
                Derived::TraceParts => rows.parts(&stop, &mut send),
            };
            match done {
                Err(crate::Error::Storage(hopline_storage::Error::Cancelled)) => Ok(()),
                done => done.map_err(|error| DataFusionError::External(Box::new(error))),
            }
        });
        Box::pin(CancelOnDrop::new(builder.build(), cancel))
    }
}

impl Rows {
    fn edges(&self, cancel: &Cancel, send: &mut dyn FnMut(RecordBatch) -> bool) -> crate::Result<()> {
        let found = self.snapshot.edges_in_order(self.range, SPANS_MAX, cancel, &mut |rows| {
            for rows in rows.chunks(BATCH_ROWS) {
                let batch = batch(Derived::Edges.schema(), rows, edge_cells).map_err(|error| hopline_storage::Error::Internal(error.to_string()))?;
                if !send(batch) {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.report.add(found.stats);
        if found.cut {
            self.report.warn(format!("more than {SPANS_MAX} spans are not rolled up yet: calls of the newest are counted; ask again in a minute"));
        }
        Ok(())
    }

    fn hops(&self, cancel: &Cancel, send: &mut dyn FnMut(RecordBatch) -> bool) -> crate::Result<()> {
        let ids = match &self.traces {
            Some(traces) => traces.iter().copied().collect(),
            None => self.traces_in_range(cancel)?,
        };
        let mut rows: Vec<Hop> = Vec::new();
        for ids in ids.chunks(TRACES_AT_ONCE) {
            let request = ScanRequest {
                predicate: Predicate::TraceIds(ids.to_vec()),
                columns: trace_columns(),
                cancel: cancel.clone(),
                ..ScanRequest::all(Signal::Spans)
            };
            let (batches, stats) = self.snapshot.collect(&request)?;
            self.report.add(stats);
            for trace in Trace::split(&batches) {
                cancel.check()?;
                rows.extend(analyse(&trace).ledger(&trace));
                if rows.len() >= BATCH_ROWS && !send(batch(Derived::Hops.schema(), &std::mem::take(&mut rows), hop_cells).map_err(internal)?) {
                    return Ok(());
                }
            }
        }
        if !rows.is_empty() {
            send(batch(Derived::Hops.schema(), &rows, hop_cells).map_err(internal)?);
        }
        Ok(())
    }

    fn parts(&self, cancel: &Cancel, send: &mut dyn FnMut(RecordBatch) -> bool) -> crate::Result<()> {
        let ids: Option<Vec<TraceId>> = self.traces.as_ref().map(|traces| traces.iter().copied().collect());
        let mut rows: Vec<Ided> = Vec::new();
        let made = |rows: &[Ided]| {
            batch(Derived::TraceParts.schema(), rows, part_cells).map_err(|error| hopline_storage::Error::Internal(error.to_string()))
        };
        let stats = self.snapshot.trace_parts(ids.as_deref(), cancel, &mut |parts| {
            rows.extend(parts.into_iter().map(Ided::from));
            let gone = rows.len() >= BATCH_ROWS && !send(made(&std::mem::take(&mut rows))?);
            Ok(if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.report.add(stats);
        if !rows.is_empty() {
            send(made(&rows)?);
        }
        Ok(())
    }

    /// Every trace with a span in the range: a call begins with one of its spans.
    fn traces_in_range(&self, cancel: &Cancel) -> crate::Result<Vec<TraceId>> {
        let request = ScanRequest {
            range: self.range,
            columns: vec![Column::Fixed(column::TRACE_ID)],
            order: Order::NewestFirst,
            cancel: cancel.clone(),
            ..ScanRequest::all(Signal::Spans)
        };
        let (mut ids, mut seen, mut cut) = (Vec::new(), HashSet::new(), false);
        let stats = self.snapshot.scan(&request, &mut |batch| {
            for row in 0..batch.num_rows() {
                let Some(id) = crate::plan::columns::trace_id(&batch, column::TRACE_ID, row) else { continue };
                if ids.len() < TRACES_MAX && seen.insert(id) {
                    ids.push(id);
                }
            }
            cut = ids.len() >= TRACES_MAX;
            Ok(if cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.report.add(stats);
        if cut {
            self.report.warn(format!("the range holds more than {TRACES_MAX} traces: these are hops of the newest; narrow it by start_time"));
        }
        Ok(ids)
    }
}

fn internal(error: DataFusionError) -> crate::Error {
    crate::Error::Internal(error.to_string())
}
