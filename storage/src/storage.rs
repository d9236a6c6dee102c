//! Append · snapshot · close: the whole path of a batch, readable from top to bottom.

use crate::block::BlockMeta;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::dedupe::Dedupe;
use crate::error::{Error, Result};
use crate::flush::run::FlushAll;
use crate::health::Health;
use crate::live::Rows;
use crate::objects::FileIo;
use crate::objects::lock::Lock;
use crate::objects::reserve::Reserve;
use crate::scan::{Cancel, ScanRequest};
use crate::snapshot::Snapshot;
use crate::upkeep::merge::Command;
use crate::upkeep::repair::Repaired;
use crate::upkeep::retention::{Outlook, Retention};
use crate::upkeep::rewrite::{Delete, Deleted};
use crate::upkeep::sizes::{Sizes, SizesCache};
use crate::upkeep::verify::Verified;
use crate::version::{Versions, meta_bytes};
use crate::wal::entry::{HashRows, Header, Unplaced};
use crate::wal::payload::{self, SCHEMA_VERSION};
use crate::wal::segment::Segments;
use crate::wal::writer::{Entry, ROOM_WAIT, Request};
use arrow::array::RecordBatch;
use crossbeam_channel::Sender;
use hopline_model::ids::ENTRY_ROWS_MAX;
use hopline_model::schema::schema;
use hopline_model::{Batch, Clock, Lsn, Signal, TenantId, UnixNanos};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

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
    /// Room held on the volume to seal with.
    pub reserved_bytes: u64,
    pub appended_rows: u64,
    pub duplicate_requests: u64,
    pub memory: Memory,
    pub seals: u64,
    pub merges: u64,
    /// Rows deleted by queries since the start.
    pub deleted_rows: u64,
    /// Rows that retention removed since the start.
    pub expired_rows: u64,
    pub quarantined_bytes: u64,
    /// Damaged WAL files that lie aside, `wal/*.damaged`.
    pub quarantined_files: u64,
    /// Newest trouble in words, for a person; empty when there was none.
    pub notes: Vec<String>,
}

/// Every buffer of storage that grows with what is sent, bytes; each has its limit. What queries hold is counted by them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Rows in memory, being sealed or not: `live_bytes_max`, twice while a seal is on its way.
    pub live_bytes: u64,
    /// The group that the WAL writer puts together.
    pub wal_group_bytes: u64,
    /// Entries that replay has read ahead.
    pub replay_bytes: u64,
    /// Rows that a merge holds: `merge_memory_bytes_max`.
    pub merge_bytes: u64,
    /// Hashes of requests: `duplicate_hashes_max`.
    pub duplicates_bytes: u64,
    /// The list of blocks.
    pub catalog_bytes: u64,
}

/// The store of one data directory.
#[derive(Debug)]
pub struct Storage {
    pub(crate) config: Config,
    pub(crate) health: Arc<Health>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) dedupe: Arc<Dedupe>,
    pub(crate) reserve: Arc<Reserve>,
    pub(crate) epoch: u32,
    pub(crate) tenants: Arc<RwLock<HashMap<String, TenantId>>>,
    pub(crate) retention: Arc<Retention>,
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) sizes: Mutex<SizesCache>,
    /// The ways to the tasks; gone once storage stops.
    pub(crate) tasks: Mutex<Option<Tasks>>,
}

/// Where the tasks are reached, and their threads in the order they are stopped.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) requests: Sender<Request>,
    pub(crate) flush: Sender<FlushAll>,
    pub(crate) merge: Sender<Command>,
    pub(crate) upkeep: Sender<()>,
    pub(crate) replay_thread: JoinHandle<()>,
    pub(crate) writer_thread: JoinHandle<()>,
    pub(crate) flush_thread: JoinHandle<()>,
    pub(crate) merge_thread: JoinHandle<()>,
    pub(crate) upkeep_thread: JoinHandle<()>,
    /// Let go last.
    pub(crate) lock: Option<Lock>,
}

/// A request of so many bytes of rows is small.
const SMALL_BYTES: u64 = 64 << 10;

impl Storage {
    /// Locks the directory, loads the catalog, checks the WAL, opens a new epoch and starts replay and the tasks behind open doors.
    ///
    /// Errors: the directory is locked by another process; its format is newer; it cannot be written.
    pub fn open(config: Config, clock: Arc<dyn Clock>, files: Arc<dyn FileIo>) -> Result<Arc<Self>> {
        crate::open::open(config, clock, files)
    }

    /// The number of a tenant, given out durably on first use. Cheap when known.
    pub fn tenant(&self, name: &str) -> Result<TenantId> {
        if let Some(id) = self.known_tenant(name) {
            return Ok(id);
        }
        let id = self.catalog.tenant(self.epoch, name)?;
        self.tenants.write().insert(name.to_owned(), id);
        Ok(id)
    }

    /// The number of a tenant that has ever sent something.
    pub fn known_tenant(&self, name: &str) -> Option<TenantId> {
        self.tenants.read().get(name).copied()
    }

    /// Durable and visible to every later snapshot when it returns `Ok`.
    ///
    /// Errors by kind: `Retry` (passing), `Full` (disk), `Closed` (shutting down or read-only), `Invalid` (rows that break the schema).
    pub async fn append(&self, append: Append) -> Result<Appended> {
        self.accepting()?;
        let rows = append.batches.iter().map(|batch| batch.rows.num_rows() as u64).sum();
        if rows == 0 {
            return Ok(Appended { duplicate: false, rows: 0 });
        }
        let claim = match append.request_hash {
            Some(hash) if self.config.duplicate_window_ms > 0 => match self.dedupe.claim(append.tenant, hash).await {
                Some(claim) => Some(claim),
                None => return Ok(Appended { duplicate: true, rows: 0 }),
            },
            _ => None,
        };
        self.room(append.batches.iter().map(|batch| batch.rows.get_array_memory_size() as u64).sum()).await?;
        let entries = entries(append)?;
        let (done, answer) = oneshot::channel();
        let stopping = || Error::Closed("storage is shutting down: try again".into());
        {
            let tasks = self.tasks.lock();
            let tasks = tasks.as_ref().ok_or_else(stopping)?;
            tasks.requests.send(Request { entries, claim, done }).map_err(|_| stopping())?;
        }
        answer.await.map_err(|_| stopping())??;
        Ok(Appended { duplicate: false, rows })
    }

    fn accepting(&self) -> Result<()> {
        if self.health.is_stopping() {
            return Err(Error::Closed("storage is shutting down: try again".into()));
        }
        if self.health.is_read_only() {
            return Err(Error::Closed("storage is read-only after disk failures: see /api/v1/status, check the disk, then restart".into()));
        }
        if self.health.is_full() {
            let (free, min) = (self.health.free_bytes(), self.config.free_bytes_min);
            return Err(Error::Full(format!(
                "the disk is full: {free} bytes are free, storage.free_bytes_min is {min}; free some space, it resumes by itself"
            )));
        }
        Ok(())
    }

    /// Waits while live rows take more than twice their budget: sealing is behind. A small request may use an eighth more: whoever sends
    /// little is not refused for those who send much.
    async fn room(&self, bytes: u64) -> Result<()> {
        let limit = 2 * self.config.live_bytes_max;
        let limit = if bytes <= SMALL_BYTES { limit + limit / 8 } else { limit };
        let full = || self.versions.live_bytes() >= limit;
        if !full() {
            return Ok(());
        }
        let wait = async {
            loop {
                let room = self.versions.room.notified();
                if !full() {
                    return;
                }
                room.await;
            }
        };
        let waited = tokio::time::timeout(ROOM_WAIT, wait).await;
        waited.map_err(|_| Error::Retry("sealing is behind, memory for live rows is used up: try again in a moment".into()))
    }

    /// The answer to a request was sent whole: its hash is kept 60 s more instead of the full window.
    pub fn confirm(&self, tenant: TenantId, request_hash: u128) {
        self.dedupe.confirm(tenant, request_hash);
    }

    /// One consistent view; cheap.
    pub fn snapshot(&self, tenant: TenantId) -> Snapshot {
        self.versions.snapshot(tenant)
    }

    pub fn stats(&self) -> Stats {
        let (live_rows, live_bytes, appended_rows) = self.versions.live();
        let (wal_segments, wal_bytes) = self.segments.size();
        let blocks = self.versions.blocks();
        let metas = || blocks.iter().flat_map(|(_, blocks)| blocks.iter().map(|block| &block.meta));
        Stats {
            ready: !self.health.is_stopping(),
            replayed: self.versions.is_replayed(),
            read_only: self.health.is_read_only(),
            live_rows,
            live_bytes,
            wal_bytes,
            wal_segments,
            blocks: metas().count() as u64,
            block_rows: metas().map(|meta| meta.rows).sum(),
            block_bytes: metas().map(BlockMeta::bytes).sum(),
            free_bytes: self.health.free_bytes(),
            reserved_bytes: self.reserve.held_bytes(),
            appended_rows,
            duplicate_requests: self.dedupe.duplicates(),
            memory: Memory {
                live_bytes,
                wal_group_bytes: self.health.group_bytes.load(Ordering::Relaxed),
                replay_bytes: self.health.replay_bytes.load(Ordering::Relaxed),
                merge_bytes: self.health.merge_bytes.load(Ordering::Relaxed),
                duplicates_bytes: self.dedupe.bytes(),
                catalog_bytes: metas().map(meta_bytes).sum(),
            },
            seals: self.health.seals.load(Ordering::Relaxed),
            merges: self.health.merges.load(Ordering::Relaxed),
            deleted_rows: self.health.deleted_rows.load(Ordering::Relaxed),
            expired_rows: self.health.expired_rows.load(Ordering::Relaxed),
            quarantined_bytes: self.health.quarantined_bytes(),
            quarantined_files: self.segments.set_aside(),
            notes: self.health.notes(),
        }
    }

    /// Seals every live row into blocks; returns when they are committed.
    pub async fn flush(&self) -> Result<()> {
        let (done, answer) = oneshot::channel();
        let stopped = || Error::Closed("storage is shutting down".into());
        self.tasks.lock().as_ref().ok_or_else(stopped)?.flush.send(done).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Flushes, then merges every window that has ended, at once (`hopline doctor --settle`).
    pub async fn settle(&self) -> Result<()> {
        self.flush().await?;
        let (done, answer) = oneshot::channel();
        let stopped = || Error::Closed("storage is shutting down".into());
        self.tasks.lock().as_ref().ok_or_else(stopped)?.merge.send(Command::Settle(done)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// What a deletion would delete, live rows too; changes nothing. Blocks the thread that asks.
    pub fn would_delete(&self, tenant: TenantId, delete: &Delete, cancel: &Cancel) -> Result<Deleted> {
        let request = ScanRequest { cancel: cancel.clone(), ..delete.request() };
        let (rows, _) = self.snapshot(tenant).count(&request)?;
        Ok(Deleted { rows, ..Deleted::default() })
    }

    /// Deletes every matching row that was acknowledged before, from the log, from memory and from every file. The rows are
    /// out of every answer when it returns; the old files go `delete_grace_ms` after their last reader. Rows that come
    /// meanwhile stay. After a crash or an error some blocks may be done and others not: ask again.
    ///
    /// Errors: a damaged block (`Corrupt`: nothing of it is deleted); no room to write blocks anew.
    pub async fn delete(&self, tenant: TenantId, delete: Delete) -> Result<Deleted> {
        let stopped = || Error::Closed("storage is shutting down".into());
        self.accepting()?;
        if !self.versions.is_replayed() {
            return Err(Error::Retry("the log is still being replayed, so not every row is there yet: try again in a moment".into()));
        }
        // The segment of the log ends here, so that all of it goes with the seal.
        let (done, ended) = oneshot::channel();
        self.tasks.lock().as_ref().ok_or_else(stopped)?.requests.send(Request { entries: Vec::new(), claim: None, done }).map_err(|_| stopped())?;
        ended.await.map_err(|_| stopped())??;
        self.flush().await?;
        let (done, answer) = oneshot::channel();
        self.tasks.lock().as_ref().ok_or_else(stopped)?.merge.send(Command::Delete { tenant, delete, done }).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// What retention would do now and when it will next do something; changes nothing.
    pub fn retention(&self) -> Result<Outlook> {
        Ok(self.retention.outlook(self.volume_bytes()?))
    }

    /// Runs retention now; much at once does not wait. What is only reduced follows with the next look of the merge task.
    pub fn run_retention(&self) -> Result<()> {
        self.retention.expire(self.volume_bytes()?, true)
    }

    fn volume_bytes(&self) -> Result<u64> {
        let (_, volume) = self.files.space(&self.config.data_dir).map_err(Error::io("stat", &self.config.data_dir))?;
        Ok(volume)
    }

    /// Bytes of a tenant by dataset, service and attribute: kept until its blocks change, and for a minute at least.
    pub fn sizes(&self, snapshot: &Snapshot) -> Arc<Sizes> {
        crate::upkeep::sizes::cached(&self.sizes, snapshot)
    }

    /// Reads every file of every block and compares it with its checksum (`hopline doctor`). Takes as long as the disk does.
    pub fn verify(&self) -> Verified {
        crate::upkeep::verify::verify(&self.versions)
    }

    /// Verifies, then writes blocks anew whose side files (`.tix`, `.idx`, `.tok`) are damaged or missing, from their rows; names
    /// the rows that are lost (`hopline doctor --repair`). Blocks the thread that asks; queries and ingest go on meanwhile.
    pub fn repair(&self) -> Result<Repaired> {
        let stopped = || Error::Closed("storage is shutting down".into());
        let merge = self.tasks.lock().as_ref().ok_or_else(stopped)?.merge.clone();
        crate::upkeep::repair::repair(&self.versions, &merge)
    }

    /// Stops the tasks, seals what is live, leaves nothing to replay.
    pub async fn close(&self) -> Result<()> {
        self.health.stop();
        let Some(tasks) = self.tasks.lock().take() else { return Ok(()) };
        drop(tasks.requests);
        join(tasks.writer_thread);
        join(tasks.replay_thread);
        let (done, answer) = oneshot::channel();
        let flushed = match tasks.flush.send(done) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(Error::Internal("the seal task has died".into()))),
            Err(_) => Err(Error::Internal("the seal task has died".into())),
        };
        drop((tasks.flush, tasks.merge, tasks.upkeep));
        join(tasks.flush_thread);
        join(tasks.merge_thread);
        join(tasks.upkeep_thread);
        drop(tasks.lock);
        flushed
    }
}

impl Drop for Storage {
    /// Without [`Storage::close`] nothing is sealed: the WAL has it.
    fn drop(&mut self) {
        self.health.stop();
        if let Some(tasks) = self.tasks.lock().take() {
            drop((tasks.requests, tasks.flush, tasks.merge, tasks.upkeep));
            join(tasks.writer_thread);
            join(tasks.replay_thread);
            join(tasks.flush_thread);
            join(tasks.merge_thread);
            join(tasks.upkeep_thread);
        }
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a storage task died");
    }
}

/// The WAL entries of a request: one per signal, more when there are too many rows for one.
fn entries(append: Append) -> Result<Vec<Entry>> {
    let Append { tenant, batches, request_hash, received } = append;
    let mut parts = Vec::new();
    for Batch { signal, rows } in batches {
        let expected = schema(signal);
        let same = Arc::ptr_eq(rows.schema_ref(), expected) || rows.schema_ref().fields() == expected.fields();
        if !same {
            return Err(Error::Invalid(format!("rows of {signal} are not in the schema of {signal}")));
        }
        for first in (0..rows.num_rows()).step_by(ENTRY_ROWS_MAX) {
            parts.push((signal, rows.slice(first, ENTRY_ROWS_MAX.min(rows.num_rows() - first))));
        }
    }
    let last = parts.len().saturating_sub(1);
    let entry = |(i, (signal, batch)): (usize, (Signal, RecordBatch))| {
        let rows = batch.num_rows() as u32;
        let header = Header {
            lsn: Lsn(0),
            epoch: 0,
            tenant,
            signal,
            schema: SCHEMA_VERSION,
            compressed: false,
            more: i < last,
            previous: i > 0,
            index: 0,
            received,
            rows,
            raw_len: 0,
            payload_len: 0,
            payload_crc: 0,
            hashes: request_hash.map(|hash| HashRows { hash, first: 0, rows }).into_iter().collect(),
        };
        let unplaced = Unplaced::encode(header, |out| payload::encode(signal, &batch, out))?;
        Ok(Entry { unplaced, tenant, signal, rows: Rows::new(signal, batch, received, request_hash) })
    };
    parts.into_iter().enumerate().map(entry).collect()
}
