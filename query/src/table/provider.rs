//! A signal of a snapshot as a DataFusion table.

use super::columns::{Output, table_schema};
use super::filter;
use super::report::Report;
use super::scan::{SnapshotScan, Wanted};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use hopline_model::Signal;
use hopline_storage::Snapshot;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct SnapshotTable {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) signal: Signal,
    pub(crate) report: Arc<Report>,
    /// `false`: every filter is left to DataFusion, so that tests can hold both ways against each other.
    pub(crate) push_down: bool,
}

// The attribute stands in DataFusion's own traits; tonic hands it on.
#[tonic::async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        table_schema(self.signal).clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match filter::translate(self.signal, filter).filter(|_| self.push_down) {
                Some(condition) if condition.exact => TableProviderFilterPushDown::Exact,
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..table_schema(self.signal).fields().len()).collect(),
        };
        let (range, predicate) = filter::translate_all(self.signal, filters);
        let wanted = Wanted {
            signal: self.signal,
            range,
            predicate,
            outputs: columns.into_iter().map(|index| Output::fixed(self.signal, index)).collect(),
            // A limit comes down only when every filter is exact.
            limit,
            partitions: if limit.is_some() { 1 } else { state.config().target_partitions() },
        };
        Ok(Arc::new(SnapshotScan::new(self.snapshot.clone(), wanted, self.report.clone())))
    }
}
