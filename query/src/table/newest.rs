//! `order by time desc limit n` read from the newest part on, so that it ends with the first parts.
//!
//! DataFusion's own rule would do it for every sort; without a limit the scan would hold the place of every row, so only sorts with one are handed down.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, SortOrderPushdownResult};
use std::sync::Arc;

/// A larger limit is sorted by DataFusion, within its memory.
const LIMIT_MAX: usize = 100_000;

#[derive(Debug)]
pub(crate) struct NewestFirst;

impl PhysicalOptimizerRule for NewestFirst {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let Some(sort) = plan.downcast_ref::<SortExec>() else { return Ok(Transformed::no(plan)) };
            let Some(fetch) = sort.fetch().filter(|fetch| *fetch <= LIMIT_MAX) else { return Ok(Transformed::no(plan)) };
            let SortOrderPushdownResult::Exact { inner } = sort.input().try_pushdown_sort(sort.expr())? else {
                return Ok(Transformed::no(plan));
            };
            if inner.output_partitioning().partition_count() != 1 {
                return Ok(Transformed::no(plan));
            }
            Ok(Transformed::yes(inner.with_fetch(Some(fetch)).unwrap_or_else(|| Arc::new(GlobalLimitExec::new(inner, 0, Some(fetch))))))
        })
        .data()
    }

    fn name(&self) -> &str {
        "newest_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
