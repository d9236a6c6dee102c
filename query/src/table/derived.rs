//! Tables that `trace/` makes of spans: `edges`, which are stored, and `hops`, worked out when asked for.
//!
//! Conditions on their time, and on the trace ids of `hops`, decide what is read; all conditions are tested on the rows again.

use super::filter::{ids, time_range};
use super::report::{CancelOnDrop, Report};
use crate::plan::edges::SPANS_MAX;
use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder, TimestampNanosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
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
use hopline_trace::edges::Edge;
use hopline_trace::hops::{Hop, Party};
use hopline_trace::{Histogram, Trace, analyse};
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
}

impl Derived {
    pub(crate) const ALL: [Self; 2] = [Self::Edges, Self::Hops];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edges => "edges",
            Self::Hops => "hops",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Edges => "one row per minute and sort of call: how many, how slow, how many failed",
            Self::Hops => "one row per call from one service to another, worked out of the spans of its trace",
        }
    }

    pub(crate) fn schema(self) -> &'static SchemaRef {
        static EDGES: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(&edge_cells(None)));
        static HOPS: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(&hop_cells(None)));
        match self {
            Self::Edges => &EDGES,
            Self::Hops => &HOPS,
        }
    }

    fn time_column(self) -> &'static str {
        match self {
            Self::Edges => "minute",
            Self::Hops => column::START_TIME,
        }
    }
}

/// A column's name and its value in a row; without a row, what type it has.
type Named<'a> = (&'static str, Cell<'a>);

enum Cell<'a> {
    Time(i64),
    Text(Option<&'a str>),
    Integer(Option<i64>),
    Number(f64),
    Boolean(bool),
}

fn edge_cells(edge: Option<&Edge>) -> Vec<Named<'_>> {
    let key = edge.map(|edge| &edge.key);
    let counts = edge.map(|edge| &edge.counts);
    let (caller, callee) = (key.map(|key| &key.caller), key.map(|key| &key.callee));
    let count = |of: Option<u64>| Cell::Integer(of.map(|count| count as i64));
    let quantile = |of: Option<&Histogram>, q: f64| Cell::Integer(of.and_then(|of| of.quantile(q)).map(|nano| nano as i64));
    let sum = |of: Option<&Histogram>| Cell::Integer(of.map(|of| i64::try_from(of.sum()).unwrap_or(i64::MAX)));
    let (total, own) = (counts.map(|counts| &counts.total), counts.map(|counts| &counts.own));
    vec![
        ("minute", Cell::Time(key.map_or(0, |key| key.minute.0))),
        ("caller_service", text(caller.map(|node| &node.name))),
        ("caller_namespace", text(caller.map(|node| &node.namespace))),
        ("caller_environment", text(caller.map(|node| &node.environment))),
        ("caller_operation", text(key.map(|key| &key.caller_operation))),
        ("caller_version", text(key.map(|key| &key.caller_version))),
        ("callee_service", text(callee.map(|node| &node.name))),
        ("callee_namespace", text(callee.map(|node| &node.namespace))),
        ("callee_environment", text(callee.map(|node| &node.environment))),
        ("callee_operation", text(key.map(|key| &key.operation))),
        ("callee_version", text(key.map(|key| &key.callee_version))),
        ("kind", Cell::Text(key.map(|key| key.kind.name()))),
        ("status", Cell::Text(key.map(|key| key.status.name()))),
        ("count", count(counts.map(|counts| counts.count))),
        ("adjusted_count", Cell::Number(counts.map_or(0.0, |counts| counts.adjusted_count))),
        ("first_calls", count(counts.map(|counts| counts.first_calls))),
        ("reaches", count(counts.map(|counts| counts.reaches))),
        ("first_causes", count(counts.map(|counts| counts.first_causes))),
        ("total_nano_sum", sum(total)),
        ("total_nano_p50", quantile(total, 0.5)),
        ("total_nano_p95", quantile(total, 0.95)),
        ("total_nano_p99", quantile(total, 0.99)),
        ("self_nano_sum", sum(own)),
        ("self_nano_p50", quantile(own, 0.5)),
        ("self_nano_p95", quantile(own, 0.95)),
        ("self_nano_p99", quantile(own, 0.99)),
    ]
}

/// An empty text says nothing.
fn text(text: Option<&Arc<str>>) -> Cell<'_> {
    Cell::Text(text.map(|text| &**text).filter(|text| !text.is_empty()))
}

fn hop_cells(hop: Option<&Hop>) -> Vec<Named<'_>> {
    let text = |of: fn(&Hop) -> Option<&str>| Cell::Text(hop.and_then(of));
    let integer = |of: fn(&Hop) -> Option<i64>| Cell::Integer(hop.and_then(of));
    let mut cells = vec![
        (column::TRACE_ID, text(|hop| Some(&hop.trace_id))),
        ("hop", integer(|hop| Some(hop.hop.into()))),
        ("parent_hop", integer(|hop| hop.parent_hop.map(Into::into))),
        ("depth", integer(|hop| Some(hop.depth.into()))),
        (column::START_TIME, Cell::Time(hop.map_or(0, |hop| hop.start.0))),
        ("kind", text(|hop| Some(hop.kind.name()))),
        ("pairing", text(|hop| Some(hop.pairing.name()))),
        ("protocol", text(|hop| hop.protocol.as_deref())),
    ];
    for (names, party) in [(CALLER, hop.map(|hop| &hop.caller)), (CALLEE, hop.map(|hop| &hop.callee))] {
        let values: [fn(&Party) -> Option<&str>; 7] = [
            |party| Some(&party.service),
            |party| party.namespace.as_deref(),
            |party| party.environment.as_deref(),
            |party| party.version.as_deref(),
            |party| party.instance.as_deref(),
            |party| Some(&party.operation),
            |party| party.span_id.as_deref(),
        ];
        cells.extend(names.into_iter().zip(values).map(|(name, value)| (name, Cell::Text(party.and_then(value)))));
    }
    cells.extend([
        ("client_nano", integer(|hop| hop.client_nano)),
        ("server_nano", integer(|hop| hop.server_nano)),
        ("network_nano", integer(|hop| hop.network_nano)),
        ("queue_nano", integer(|hop| hop.queue_nano)),
        ("self_nano", integer(|hop| Some(hop.self_nano))),
        ("critical_nano", integer(|hop| Some(hop.critical_nano))),
        ("attempt", integer(|hop| Some(hop.attempt.into()))),
        ("status", text(|hop| Some(hop.status))),
        ("is_first_cause", Cell::Boolean(hop.is_some_and(|hop| hop.is_first_cause))),
        ("skew_nano", integer(|hop| Some(hop.skew_nano))),
    ]);
    cells
}

const CALLER: [&str; 7] =
    ["caller_service", "caller_namespace", "caller_environment", "caller_version", "caller_instance", "caller_operation", "caller_span_id"];
const CALLEE: [&str; 7] =
    ["callee_service", "callee_namespace", "callee_environment", "callee_version", "callee_instance", "callee_operation", "callee_span_id"];

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

fn schema_of(cells: &[Named<'_>]) -> SchemaRef {
    let field = |(name, cell): &Named<'_>| match cell {
        Cell::Time(_) => Field::new(*name, time_type(), false),
        Cell::Text(_) => Field::new(*name, DataType::Utf8, true),
        Cell::Integer(_) => Field::new(*name, DataType::Int64, true),
        Cell::Number(_) => Field::new(*name, DataType::Float64, false),
        Cell::Boolean(_) => Field::new(*name, DataType::Boolean, false),
    };
    Arc::new(Schema::new(cells.iter().map(field).collect::<Vec<_>>()))
}

enum Builder {
    Time(TimestampNanosecondBuilder),
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
}

/// Rows → a batch of the wanted columns.
fn batch<T>(schema: &SchemaRef, rows: &[T], cells: for<'a> fn(Option<&'a T>) -> Vec<Named<'a>>) -> Result<RecordBatch> {
    let mut builders: Vec<Builder> = cells(None)
        .iter()
        .map(|(_, cell)| match cell {
            Cell::Time(_) => Builder::Time(TimestampNanosecondBuilder::new().with_data_type(time_type())),
            Cell::Text(_) => Builder::Text(StringBuilder::new()),
            Cell::Integer(_) => Builder::Integer(Int64Builder::new()),
            Cell::Number(_) => Builder::Number(Float64Builder::new()),
            Cell::Boolean(_) => Builder::Boolean(BooleanBuilder::new()),
        })
        .collect();
    for row in rows {
        for (builder, (_, cell)) in builders.iter_mut().zip(cells(Some(row))) {
            match (builder, cell) {
                (Builder::Time(builder), Cell::Time(time)) => builder.append_value(time),
                (Builder::Text(builder), Cell::Text(text)) => builder.append_option(text),
                (Builder::Integer(builder), Cell::Integer(number)) => builder.append_option(number),
                (Builder::Number(builder), Cell::Number(number)) => builder.append_value(number),
                (Builder::Boolean(builder), Cell::Boolean(yes)) => builder.append_value(yes),
                _ => return Err(DataFusionError::Internal("a column of two types".into())),
            }
        }
    }
    let arrays = builders.into_iter().map(|builder| -> ArrayRef {
        match builder {
            Builder::Time(mut builder) => Arc::new(builder.finish()),
            Builder::Text(mut builder) => Arc::new(builder.finish()),
            Builder::Integer(mut builder) => Arc::new(builder.finish()),
            Builder::Number(mut builder) => Arc::new(builder.finish()),
            Builder::Boolean(mut builder) => Arc::new(builder.finish()),
        }
    });
    Ok(RecordBatch::try_new(schema.clone(), arrays.collect())?)
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
        let helps = |filter: &Expr| time_range(self.derived.time_column(), filter).is_some() || ids(column::TRACE_ID, filter).is_some();
        let of = |filter: &&Expr| if helps(filter) { TableProviderFilterPushDown::Inexact } else { TableProviderFilterPushDown::Unsupported };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(&self, _: &dyn Session, projection: Option<&Vec<usize>>, filters: &[Expr], _: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut range = TimeRange::ALL;
        let mut wanted: Option<HashSet<TraceId>> = None;
        for filter in filters {
            if let Some(more) = time_range(self.derived.time_column(), filter) {
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
