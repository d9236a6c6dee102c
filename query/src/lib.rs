//! From a question to an answer: the HTTP API, the query language, plans over snapshots, SQL.
//!
//! What this crate does not know: how data arrives (collector), file names and formats (storage). DataFusion is known in `table` alone.
//! In reading order:
//!
//! | module | what |
//! |---|---|
//! | `api` | routes, parameters, JSON shapes, status codes |
//! | `language` | the query text → predicates |
//! | `plan` | the questions on traces, logs and services, over one snapshot |
//! | `table` | a snapshot as DataFusion tables |
//! | `run` | deadline, concurrency, cancel |
//! | `config` `error` | limits; what can go wrong |

pub mod api;
pub mod config;
pub mod error;
pub mod language;
mod plan;
mod run;
pub mod table;

pub use config::Config;
pub use error::{Error, Result};

use hopline_model::auth::Auth;
use hopline_model::{Clock, UnixNanos};
use hopline_storage::{Snapshot, Storage};
use std::sync::Arc;

/// What the doors of ingest tell, for `/api/v1/status` and `/metrics`. The collector implements it; the two crates do not know each other.
pub trait IngestReport: Send + Sync + std::fmt::Debug {
    fn status(&self) -> serde_json::Value;
    /// Appends Prometheus text.
    fn metrics(&self, out: &mut String);
}

/// Where the doors are, as bound.
#[derive(Debug, Clone)]
pub struct Doors {
    pub otlp_grpc: String,
    pub otlp_http: String,
    pub http: String,
}

/// Everything a handler needs.
#[derive(Debug)]
pub struct Query {
    pub(crate) storage: Arc<Storage>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    pub(crate) ingest: Arc<dyn IngestReport>,
    pub(crate) doors: Doors,
    pub(crate) started: UnixNanos,
    pub(crate) runner: run::Runner,
    pub(crate) counters: api::counters::Counters,
    pub(crate) kept: Arc<plan::kept::Kept>,
    pub(crate) memory: Arc<plan::memory::Memory>,
}

impl Query {
    pub fn new(
        config: Config,
        storage: Arc<Storage>,
        auth: Arc<Auth>,
        clock: Arc<dyn Clock>,
        ingest: Arc<dyn IngestReport>,
        doors: Doors,
    ) -> Arc<Self> {
        let started = clock.now();
        let runner = run::Runner::new(&config);
        let memory = plan::memory::Memory::new(config.memory_bytes);
        let kept = Arc::new(plan::kept::Kept::new(config.result_cache_bytes));
        Arc::new(Self { storage, auth, clock, config, ingest, doors, started, runner, counters: Default::default(), kept, memory })
    }

    /// The API below `/api`, the probes, `/metrics`, `/openapi.json` and `/docs`.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        api::router(self.clone())
    }

    /// What a tenant sees now; a name that never sent anything sees nothing.
    pub(crate) fn snapshot(&self, tenant: &str) -> Snapshot {
        match self.storage.known_tenant(tenant) {
            Some(id) => self.storage.snapshot(id),
            None => Snapshot {
                tenant: hopline_model::TenantId(u32::MAX),
                chunks: Default::default(),
                blocks: Default::default(),
                complete: self.storage.stats().replayed,
                live_edges: Default::default(),
            },
        }
    }
}
