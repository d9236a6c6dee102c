//! Append · snapshot · close: the whole path of a batch, readable from top to bottom.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::objects::FileIo;
use crate::snapshot::Snapshot;
use hopline_model::{Batch, Clock, TenantId, UnixNanos};
use serde::Serialize;
use std::sync::Arc;

/// One decoded request.
#[derive(Debug)]
pub struct Append {
    pub tenant: TenantId,
    /// In the schemas of `hopline_model::schema`; empty batches are allowed.
    pub batches: Vec<Batch>,
    /// xxh3-128 of the decompressed request; `None` for an empty one: it is not compared.
    pub request_hash: Option<u128>,
    pub received: UnixNanos,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The same request was stored before: nothing was stored again.
    pub duplicate: bool,
    pub rows: u64,
}

/// What `/api/v1/status` and `/metrics` show of storage.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    pub ready: bool,
    /// WAL replay has ended: answers are complete.
    pub replayed: bool,
    pub read_only: bool,
    pub live_rows: u64,
    pub live_bytes: u64,
    pub wal_bytes: u64,
    pub wal_segments: u64,
    pub blocks: u64,
    pub block_rows: u64,
    pub block_bytes: u64,
    pub free_bytes: u64,
    pub appended_rows: u64,
    pub duplicate_requests: u64,
    pub seals: u64,
    pub merges: u64,
    pub quarantined_bytes: u64,
    /// Newest trouble in words, for a person; empty when there was none.
    pub notes: Vec<String>,
}

/// The store of one data directory.
#[derive(Debug)]
pub struct Storage {}

impl Storage {
    /// Locks the directory, loads the catalog, checks the WAL, opens a new epoch and starts replay and the tasks behind open doors.
    ///
    /// Errors: the directory is locked by another process; its format is newer; it cannot be written.
    pub fn open(_config: Config, _clock: Arc<dyn Clock>, _files: Arc<dyn FileIo>) -> Result<Arc<Self>> {
        Err(Error::Internal("storage is not written yet".into()))
    }

    /// The number of a tenant, given out durably on first use. Cheap when known.
    pub fn tenant(&self, _name: &str) -> Result<TenantId> {
        Err(Error::Internal("storage is not written yet".into()))
    }

    /// The number of a tenant that has ever sent something.
    pub fn known_tenant(&self, _name: &str) -> Option<TenantId> {
        None
    }

    /// Durable and visible to every later snapshot when it returns `Ok`.
    ///
    /// Errors by kind: `Retry` (passing), `Full` (disk), `Closed` (shutting down or read-only), `Invalid` (rows that break the schema).
    pub async fn append(&self, _append: Append) -> Result<Appended> {
        Err(Error::Internal("storage is not written yet".into()))
    }

    /// The answer to a request was sent whole: its hash is kept 60 s more instead of the full window.
    pub fn confirm(&self, _tenant: TenantId, _request_hash: u128) {}

    /// One consistent view; cheap.
    pub fn snapshot(&self, tenant: TenantId) -> Snapshot {
        Snapshot { tenant, chunks: Default::default(), blocks: Default::default(), complete: false }
    }

    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Seals every live row into blocks; returns when they are committed.
    pub async fn flush(&self) -> Result<()> {
        Err(Error::Internal("storage is not written yet".into()))
    }

    /// Flushes, then merges every window that has ended, at once (`hopline doctor --settle`).
    pub async fn settle(&self) -> Result<()> {
        Err(Error::Internal("storage is not written yet".into()))
    }

    /// Stops the tasks, seals what is live, leaves nothing to replay.
    pub async fn close(&self) -> Result<()> {
        Err(Error::Internal("storage is not written yet".into()))
    }
}
