//! A DataFusion session for one query: our tables, our functions, its memory, no files.

use super::catalog::{CATALOG, Catalog, Catalogs, SCHEMA, Tables};
use super::error::SqlError;
use super::functions::{known, number::CastRewrite};
use super::newest::NewestFirst;
use super::provider::SnapshotTable;
use super::report::Report;
use super::sql::SqlOptions;
use super::syntax::Syntax;
use super::yielding::Yielding;
use datafusion::common::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, GreedyMemoryPool, MemoryPool};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use hopline_model::Signal;
use hopline_storage::Snapshot;
use std::sync::{Arc, OnceLock};

/// More parts side by side would hold more memory for little on the machines this runs on.
const PARTITIONS_MAX: usize = 4;

/// How deep brackets and subqueries may nest for the parser.
const PARSER_DEPTH_MAX: &str = "60";

pub(crate) fn session(snapshot: Arc<Snapshot>, report: Arc<Report>, options: &SqlOptions) -> Result<SessionState, SqlError> {
    session_with(snapshot, report, options, true)
}

/// `push_down` is `false` only in tests.
pub(crate) fn session_with(snapshot: Arc<Snapshot>, report: Arc<Report>, options: &SqlOptions, push_down: bool) -> Result<SessionState, SqlError> {
    let runtime = runtime(options).map_err(|error| SqlError::internal(format!("cannot prepare a query: {error}")))?;
    let signals = Signal::ALL.map(|signal| Arc::new(SnapshotTable { snapshot: snapshot.clone(), signal, report: report.clone(), push_down }));
    let tables = Arc::new(Tables { signals: signals.clone(), planner: OnceLock::new() });
    // Views are planned by a session that knows the signals alone.
    let base = Arc::new(Tables { signals, planner: OnceLock::new() });
    let planner = build(base, runtime.clone()).map_err(|error| SqlError::internal(error.to_string()))?;
    tables.planner.get_or_init(|| Arc::new(planner));
    let mut state = build(tables, runtime).map_err(|error| SqlError::internal(error.to_string()))?;
    state.mark_start_execution();
    if let Some(now) = options.now.and_then(|now| arrow::temporal_conversions::timestamp_ns_to_datetime(now.0)) {
        state.execution_props_mut().query_execution_start_time = Some(now.and_utc());
    }
    Ok(state)
}

fn build(tables: Arc<Tables>, runtime: Arc<RuntimeEnv>) -> Result<SessionState, DataFusionError> {
    let mut planners = vec![Arc::new(Syntax) as _];
    planners.extend(SessionStateDefaults::default_expr_planners());
    let mut rules = PhysicalOptimizer::new().rules;
    let last = rules.iter().position(|rule| rule.name() == "PushdownSort").unwrap_or(rules.len());
    rules.insert(last, Arc::new(NewestFirst));
    let last = rules.iter().position(|rule| rule.name() == "EnsureCooperative").map_or(rules.len(), |at| at + 1);
    rules.insert(last, Arc::new(Yielding));
    let mut state = SessionStateBuilder::new()
        .with_config(config()?)
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(Catalogs(Arc::new(Catalog(tables)))))
        .with_expr_planners(planners)
        .with_scalar_functions(known::scalar())
        .with_aggregate_functions(known::aggregate())
        .with_window_functions(known::window())
        .with_physical_optimizer_rules(rules)
        .build();
    state.register_function_rewrite(Arc::new(CastRewrite))?;
    Ok(state)
}

fn config() -> Result<SessionConfig, DataFusionError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(false)
        .with_target_partitions(threads.min(PARTITIONS_MAX));
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.set("datafusion.sql_parser.recursion_limit", PARSER_DEPTH_MAX)?;
    options.execution.enable_recursive_ctes = false;
    options.optimizer.enable_leaf_expression_pushdown = true;
    // `NewestFirst` hands sorts down, where they have a limit.
    options.optimizer.enable_sort_pushdown = false;
    Ok(config)
}

fn runtime(options: &SqlOptions) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let (mode, pool): (_, Arc<dyn MemoryPool>) = match &options.spill_dir {
        Some(dir) => (DiskManagerMode::Directories(vec![dir.clone()]), Arc::new(FairSpillPool::new(options.memory_bytes))),
        None => (DiskManagerMode::Disabled, Arc::new(GreedyMemoryPool::new(options.memory_bytes))),
    };
    let stores = DefaultObjectStoreRegistry::new();
    // The registry comes with the machine's files: take them out.
    stores.deregister_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
        .with_object_store_registry(Arc::new(stores))
        .build_arc()
}
