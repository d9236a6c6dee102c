//! The scan as a node of a DataFusion plan.
//!
//! What the planner finds out about the query is taken into the node before it runs: filters and limit (`provider`), keys of
//! attributes in place of whole JSON ([`SnapshotScan::try_swapping_with_projection`]), newest or oldest first for a sort with a
//! limit ([`SnapshotScan::try_pushdown_sort`]).

use super::columns::{Output, Source, convert, output_schema, scan_columns};
use super::functions::attribute;
use super::functions::number::NumberKind;
use super::report::Report;
use arrow::datatypes::{Field, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::{Column as ColumnExpr, Literal};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream, SortOrderPushdownResult};
use hopline_model::schema::{column, time_column};
use hopline_model::{Signal, TimeRange};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Order, Predicate, ScanRequest};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Batches that may wait between the scan and the query.
const BATCHES_WAITING_MAX: usize = 2;

#[derive(Debug, Clone)]
pub(crate) struct SnapshotScan {
    /// The parts of the snapshot that are scanned side by side.
    parts: Vec<Arc<Snapshot>>,
    snapshot: Arc<Snapshot>,
    signal: Signal,
    range: TimeRange,
    predicate: Predicate,
    outputs: Vec<Output>,
    order: Order,
    limit: Option<usize>,
    report: Arc<Report>,
    properties: Arc<PlanProperties>,
}

/// What [`SnapshotScan::new`] is asked for.
pub(crate) struct Wanted {
    pub(crate) signal: Signal,
    pub(crate) range: TimeRange,
    pub(crate) predicate: Predicate,
    pub(crate) outputs: Vec<Output>,
    pub(crate) limit: Option<usize>,
    /// How many parts are scanned side by side at most.
    pub(crate) partitions: usize,
}

impl SnapshotScan {
    pub(crate) fn new(snapshot: Arc<Snapshot>, wanted: Wanted, report: Arc<Report>) -> Self {
        let parts = split(&snapshot, wanted.signal, wanted.partitions);
        let scan = Self {
            parts,
            snapshot,
            signal: wanted.signal,
            range: wanted.range,
            predicate: wanted.predicate,
            outputs: wanted.outputs,
            order: Order::Any,
            limit: wanted.limit,
            report,
            properties: properties(output_schema(&[]), None, 1),
        };
        scan.planned()
    }

    /// The same with properties that fit.
    fn planned(mut self) -> Self {
        let schema = output_schema(&self.outputs);
        self.properties = properties(schema, self.ordering(), self.parts.len());
        self
    }

    fn ordering(&self) -> Option<LexOrdering> {
        if self.order == Order::Any {
            return None;
        }
        let at = self.place_of_time()?;
        let column = Arc::new(ColumnExpr::new(self.outputs[at].field.name(), at)) as Arc<dyn PhysicalExpr>;
        LexOrdering::new([PhysicalSortExpr { expr: column, options: sort_options(self.order) }])
    }

    fn place_of_time(&self) -> Option<usize> {
        let wanted = Source::Fixed(time_column(self.signal));
        self.outputs.iter().position(|output| output.source == wanted)
    }

    /// An output for `attribute(column, 'key')` and its number forms over this scan's columns.
    fn key_output(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Output> {
        let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
        let number = match call.fun().name() {
            attribute::NAME => None,
            name => Some(NumberKind::of_function(name)?),
        };
        let [of, key] = call.args() else { return None };
        let of = of.downcast_ref::<ColumnExpr>()?;
        let key = key.downcast_ref::<Literal>()?.value().try_as_str().flatten()?;
        let Source::Fixed(column @ (column::ATTRIBUTES | column::RESOURCE | column::SCOPE)) = self.outputs.get(of.index())?.source else {
            return None;
        };
        Some(Output {
            field: Arc::new(Field::new(format!("{column}['{key}']"), call.return_type().clone(), true)),
            source: Source::Key { column, key: key.to_owned(), number },
        })
    }
}

fn sort_options(order: Order) -> arrow::compute::SortOptions {
    arrow::compute::SortOptions { descending: order == Order::NewestFirst, nulls_first: order == Order::NewestFirst }
}

fn properties(schema: SchemaRef, ordering: Option<LexOrdering>, partitions: usize) -> Arc<PlanProperties> {
    let equivalence = EquivalenceProperties::new_with_orderings(schema, ordering);
    Arc::new(
        PlanProperties::new(equivalence, Partitioning::UnknownPartitioning(partitions), EmissionType::Incremental, Boundedness::Bounded)
            .with_scheduling_type(SchedulingType::Cooperative),
    )
}

/// A snapshot in parts of about equal rows: each chunk and block of the signal stands in one.
fn split(snapshot: &Arc<Snapshot>, signal: Signal, parts_max: usize) -> Vec<Arc<Snapshot>> {
    let blocks: Vec<_> = snapshot.blocks(signal).cloned().collect();
    let chunks = snapshot.chunks(signal);
    let parts = parts_max.min(blocks.len() + usize::from(!chunks.is_empty()));
    if parts < 2 {
        return vec![snapshot.clone()];
    }
    let mut rows = vec![chunks.iter().map(|chunk| chunk.rows.num_rows() as u64).sum::<u64>()];
    rows.resize(parts, 0);
    let mut of_part: Vec<Vec<_>> = vec![Vec::new(); parts];
    let mut largest_first = blocks;
    largest_first.sort_by_key(|block| std::cmp::Reverse(block.meta.rows));
    for block in largest_first {
        let least = (0..parts).min_by_key(|part| rows[*part]).unwrap_or(0);
        rows[least] += block.meta.rows;
        of_part[least].push(block);
    }
    let none: [Arc<Vec<_>>; 3] = Default::default();
    of_part
        .into_iter()
        .enumerate()
        .map(|(i, blocks)| {
            let chunks = if i == 0 { snapshot.chunks.clone() } else { none.clone() };
            Arc::new(Snapshot { chunks, blocks: Arc::new(blocks), ..Snapshot::clone(snapshot) })
        })
        .collect()
}

impl DisplayAs for SnapshotScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> = self
            .outputs
            .iter()
            .map(|output| match &output.source {
                Source::Fixed(name) => (*name).to_owned(),
                Source::Key { column, key, .. } => format!("{column}['{key}']"),
            })
            .collect();
        write!(f, "SnapshotScan: {} columns=[{}]", self.signal, columns.join(", "))?;
        if self.range != TimeRange::ALL {
            write!(f, ", time=[{}, {})", self.range.start, self.range.end)?;
        }
        if !matches!(self.predicate, Predicate::All) {
            write!(f, ", predicate={:?}", self.predicate)?;
        }
        if self.order != Order::Any {
            write!(f, ", order={:?}", self.order)?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for SnapshotScan {
    fn name(&self) -> &'static str {
        "SnapshotScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>, _: ReplaceChildrenOptions) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    /// Runs the scan on a thread that may block. Dropping the stream stops it.
    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let snapshot = self.parts.get(partition).cloned().ok_or_else(|| DataFusionError::Internal(format!("the scan has no part {partition}")))?;
        let (columns, places) = scan_columns(&self.outputs);
        let request = ScanRequest {
            signal: self.signal,
            range: self.range,
            predicate: self.predicate.clone(),
            columns,
            order: self.order,
            limit: self.limit,
            after: None,
            cancel: self.report.cancel(),
        };
        let (schema, outputs, report) = (self.schema(), self.outputs.clone(), self.report.clone());
        let cancel = request.cancel.clone();
        let mut builder = RecordBatchReceiverStream::builder(schema.clone(), BATCHES_WAITING_MAX);
        let sender = builder.tx();
        builder.spawn_blocking(move || {
            let stats = snapshot.scan(&request, &mut |batch| {
                let batch = convert(&batch, &outputs, &places, &schema).map_err(|error| hopline_storage::Error::Invalid(error.to_string()))?;
                // The other end is gone when nobody waits for more.
                Ok(if sender.blocking_send(Ok(batch)).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            });
            match stats {
                Ok(stats) => report.add(stats),
                Err(hopline_storage::Error::Cancelled) => {}
                Err(error) => return Err(DataFusionError::External(Box::new(error))),
            }
            Ok(())
        });
        Ok(Box::pin(super::report::CancelOnDrop::new(builder.build(), cancel)))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self { limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    /// Takes in a projection of plain columns and of keys of attributes, which the scan reads without their row's whole JSON.
    fn try_swapping_with_projection(&self, projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut outputs: Vec<Output> = Vec::new();
        let mut place = |output: Output| {
            outputs.iter().position(|known| known.source == output.source).unwrap_or_else(|| {
                outputs.push(output);
                outputs.len() - 1
            })
        };
        let mut keys = 0;
        let mut rewritten = Vec::with_capacity(projection.expr().len());
        for ProjectionExpr { expr, alias } in projection.expr() {
            let expr = Arc::clone(expr).transform_down(|expr| {
                let output = match self.key_output(&expr) {
                    Some(output) => {
                        keys += 1;
                        output
                    }
                    None => match expr.downcast_ref::<ColumnExpr>() {
                        Some(column) => self.outputs[column.index()].clone(),
                        None => return Ok(Transformed::no(expr)),
                    },
                };
                let name = output.field.name().clone();
                let at = place(output);
                Ok(Transformed::new(Arc::new(ColumnExpr::new(&name, at)) as Arc<dyn PhysicalExpr>, true, TreeNodeRecursion::Jump))
            })?;
            rewritten.push(ProjectionExpr { expr: expr.data, alias: alias.clone() });
        }
        let plain = rewritten.iter().all(|projected| projected.expr.downcast_ref::<ColumnExpr>().is_some());
        if plain && outputs.len() == rewritten.len() {
            // Every output once: the scan gives them under the projection's names.
            let schema = projection.schema();
            let mut named = Vec::with_capacity(rewritten.len());
            for (i, projected) in rewritten.iter().enumerate() {
                let Some(column) = projected.expr.downcast_ref::<ColumnExpr>() else { return Ok(None) };
                named.push(Output { field: schema.fields()[i].clone(), source: outputs[column.index()].source.clone() });
            }
            return Ok(Some(Arc::new(Self { outputs: named, ..self.clone() }.planned())));
        }
        if keys == 0 {
            return Ok(None);
        }
        let scan = Arc::new(Self { outputs, ..self.clone() }.planned());
        Ok(Some(Arc::new(ProjectionExec::try_new(rewritten, scan)?)))
    }

    /// Asked only below a sort with a limit (`newest`): the scan stops at the first rows that no older part can beat.
    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let [first] = order else { return Ok(SortOrderPushdownResult::Unsupported) };
        let is_time = first.expr.downcast_ref::<ColumnExpr>().is_some_and(|column| Some(column.index()) == self.place_of_time());
        if !is_time || self.limit.is_some() {
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let order = if first.options.descending { Order::NewestFirst } else { Order::OldestFirst };
        let scan = Self { parts: vec![self.snapshot.clone()], order, ..self.clone() };
        Ok(SortOrderPushdownResult::Exact { inner: Arc::new(scan.planned()) })
    }
}
