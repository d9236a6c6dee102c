//! One SQL query over one snapshot: guard, plan, run within limits.

use super::error::SqlError;
use super::guard;
use super::report::Report;
use super::session::session;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::context::SQLOptions as StatementOptions;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::DFParserBuilder;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use futures::{Stream, StreamExt};
use hopline_model::UnixNanos;
use hopline_storage::Snapshot;
use hopline_storage::scan::Cancel;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Planning recurses over the query's expressions. Untouched pages of a stack cost nothing.
const PLANNING_STACK_BYTES: usize = 64 << 20;

/// Batches of the answer that may wait for the client.
const BATCHES_WAITING_MAX: usize = 2;

#[derive(Debug, Clone)]
pub struct SqlOptions {
    pub timeout: Duration,
    /// What sorts, joins and groups of the query may hold.
    pub memory_bytes: usize,
    /// Rows of the answer.
    pub rows_max: usize,
    /// Where sorts and groups that need more memory may put it; `None`: they fail.
    pub spill_dir: Option<PathBuf>,
    /// What `now()` is; `None`: the machine's clock.
    pub now: Option<UnixNanos>,
    /// Stops the scans; what they have done so far is noted there.
    pub cancel: Cancel,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), memory_bytes: 48 << 20, rows_max: 1_000_000, spill_dir: None, now: None, cancel: Cancel::default() }
    }
}

/// The answer's rows as they come. Dropping the stream stops the query.
pub struct SqlAnswer {
    pub schema: SchemaRef,
    pub stream: SendableRecordBatchStream,
    /// What it cost and what is missing; final when the stream has ended.
    pub report: Arc<Report>,
}

impl std::fmt::Debug for SqlAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlAnswer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Answers a query. `$1`, `$2`, … in it stand for `params`.
pub async fn sql(snapshot: Arc<Snapshot>, query: &str, params: &[serde_json::Value], options: &SqlOptions) -> Result<SqlAnswer, SqlError> {
    guard::check_text(query)?;
    let params = params.iter().enumerate().map(|(i, value)| parameter(i + 1, value)).collect::<Result<Vec<_>, _>>()?;
    let report = Arc::new(Report::new(Instant::now() + options.timeout, options.cancel.clone()));
    if !snapshot.complete {
        report.warn("rows stored before the last restart are still being read back and may be missing: ask again soon".into());
    }
    let planned = {
        let (query, report, options) = (query.to_owned(), report.clone(), options.clone());
        on_large_stack(move |runtime| runtime.block_on(plan(session(snapshot, report, &options)?, &query, params, options.rows_max)))
    };
    let planned = tokio::time::timeout_at(report.deadline().into(), planned);
    let (plan, context) = planned.await.map_err(|_| out_of_time())??;
    let stream = execute_stream(plan, context).map_err(|error| SqlError::from_datafusion(&error, query))?;
    let schema = stream.schema();
    let stream = on_own_task(stream);
    let stream = Limited {
        inner: Some(stream),
        schema: schema.clone(),
        deadline: Box::pin(tokio::time::sleep_until(report.deadline().into())),
        rows_max: options.rows_max,
        rows_left: options.rows_max,
        report: report.clone(),
    };
    Ok(SqlAnswer { schema, stream: Box::pin(stream), report })
}

fn out_of_time() -> SqlError {
    SqlError::limit("the query ran into its deadline: narrow the time range or raise query.timeout_ms")
}

/// The stream worked on by a task of its own, so that whoever waits for it can keep to the deadline. It ends when the stream is dropped.
fn on_own_task(mut stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStream::builder(stream.schema(), BATCHES_WAITING_MAX);
    let sender = builder.tx();
    builder.spawn(async move {
        while let Some(batch) = stream.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    });
    builder.build()
}

/// Runs `work` on a thread of its own with a large stack.
async fn on_large_stack<T: Send + 'static>(work: impl FnOnce(tokio::runtime::Handle) -> Result<T, SqlError> + Send + 'static) -> Result<T, SqlError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("hopline-sql-plan".into())
        .stack_size(PLANNING_STACK_BYTES)
        .spawn(move || {
            // Nobody waits any more when the deadline has passed.
            let _ = sender.send(work(runtime));
        })
        .map_err(|error| SqlError::internal(format!("cannot start a thread to plan the query: {error}")))?;
    receiver.await.map_err(|_| SqlError::internal("planning the query failed; the log of the server says more"))?
}

type Planned = (Arc<dyn ExecutionPlan>, Arc<TaskContext>);

async fn plan(state: SessionState, query: &str, params: Vec<ScalarValue>, rows_max: usize) -> Result<Planned, SqlError> {
    let plan = logical_plan(&state, query, params).await?;
    let plan = match plan {
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => plan,
        // One more than allowed, to know that rows are missing.
        plan => LogicalPlanBuilder::from(plan)
            .limit(0, Some(rows_max.saturating_add(1)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| SqlError::from_datafusion(&error, query))?,
    };
    let physical = state.create_physical_plan(&plan).await.map_err(|error| SqlError::from_datafusion(&error, query))?;
    Ok((physical, state.task_ctx()))
}

pub(crate) async fn logical_plan(state: &SessionState, query: &str, params: Vec<ScalarValue>) -> Result<LogicalPlan, SqlError> {
    let failed = |error: DataFusionError| SqlError::from_datafusion(&error, query);
    let statement = single_statement(state, query)?;
    guard::check_statement(&statement)?;
    let plan = state.statement_to_plan(statement).await.map_err(failed)?;
    StatementOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan).map_err(failed)?;
    if params.is_empty() {
        let wanted = plan.get_parameter_names().map_err(failed)?;
        if let Some(name) = wanted.iter().min() {
            return Err(SqlError::invalid(format!("the query has the parameter {name}, but no params were given")));
        }
        return Ok(plan);
    }
    plan.with_param_values(ParamValues::from(params)).map_err(failed)
}

fn single_statement(state: &SessionState, query: &str) -> Result<datafusion::sql::parser::Statement, SqlError> {
    let depth = state.config_options().sql_parser.recursion_limit.get();
    let parse = || -> PlanResult<VecDeque<_>> {
        DFParserBuilder::new(query).with_dialect(&PostgreSqlDialect {}).with_recursion_limit(depth).build()?.parse_statements()
    };
    let mut statements = parse().map_err(|error| SqlError::from_datafusion(&error, query))?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(SqlError::invalid("the query is empty")),
        _ => Err(SqlError::invalid("one statement at a time: remove what stands behind the first ;")),
    }
}

/// A JSON value as what `$n` stands for.
fn parameter(number: usize, value: &serde_json::Value) -> Result<ScalarValue, SqlError> {
    use serde_json::Value;
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
        Value::String(text) => ScalarValue::Utf8(Some(text.clone())),
        Value::Number(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => ScalarValue::Int64(Some(value)),
            (_, Some(value)) => ScalarValue::UInt64(Some(value)),
            _ => ScalarValue::Float64(value.as_f64()),
        },
        Value::Array(_) | Value::Object(_) => {
            return Err(SqlError::invalid(format!("parameter ${number} must be a text, a number, true, false or null")));
        }
    })
}

/// The answer's stream within its deadline and its number of rows.
struct Limited {
    /// `None` once it has ended.
    inner: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
    deadline: Pin<Box<Sleep>>,
    rows_max: usize,
    rows_left: usize,
    report: Arc<Report>,
}

impl Stream for Limited {
    type Item = PlanResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        if this.deadline.as_mut().poll(context).is_ready() {
            this.inner = None;
            return Poll::Ready(Some(Err(DataFusionError::External(Box::new(out_of_time())))));
        }
        match futures::ready!(inner.as_mut().poll_next(context)) {
            Some(Ok(batch)) if batch.num_rows() > this.rows_left => {
                let cut = batch.slice(0, this.rows_left);
                this.inner = None;
                this.report.warn(format!("only the first {} rows are here: add conditions or a LIMIT, or raise query.sql_rows_max", this.rows_max));
                Poll::Ready(Some(Ok(cut)))
            }
            Some(Ok(batch)) => {
                this.rows_left -= batch.num_rows();
                Poll::Ready(Some(Ok(batch)))
            }
            Some(Err(error)) => {
                this.inner = None;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                this.inner = None;
                Poll::Ready(None)
            }
        }
    }
}

impl RecordBatchStream for Limited {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
