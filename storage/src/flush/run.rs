//! The seal task: the one place where the order of steps matters.
//!
//! begin (rows still seen) → block files synced and named → **catalog commit** (block, sealed LSNs, hashes) → version
//! swap → WAL trim. Whatever dies before the commit leaves files nobody refers to and rows in the WAL; whatever dies
//! after it leaves at most a segment that the next start removes.

use super::due::{Limits, due};
use crate::block::derived;
use crate::block::write::write_block;
use crate::catalog::{Catalog, Commit, Sealed};
use crate::error::{Error, Kind, Result};
use crate::failpoint;
use crate::health::Health;
use crate::objects::ObjectIo;
use crate::objects::reserve::Reserve;
use crate::upkeep::ids::BlockIds;
use crate::upkeep::plan::Believed;
use crate::version::{TableKey, Versions};
use crate::wal::Stream;
use crate::wal::segment::Segments;
use crossbeam_channel::{Receiver, select};
use hopline_model::{Clock, Signal, UnixNanos};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) believed: Believed,
    pub(crate) versions: Arc<Versions>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) objects: Arc<dyn ObjectIo>,
    pub(crate) health: Arc<Health>,
    pub(crate) reserve: Arc<Reserve>,
    pub(crate) ids: Arc<BlockIds>,
    pub(crate) epoch: u32,
    pub(crate) limits: Limits,
    pub(crate) wal_bytes_max: u64,
    pub(crate) duplicate_window_nano: u64,
}

/// "Seal everything and tell me."
pub(crate) type FlushAll = oneshot::Sender<Result<()>>;

/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(500);
/// A seal that failed is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Sealing is not held up longer for the sake of edges.
const EDGES_PATIENCE: Duration = Duration::from_millis(300);

impl Flush {
    /// Runs until every sender of `commands` is gone; does not seal by itself then.
    pub(crate) fn run(self, wake: &Receiver<()>, commands: &Receiver<FlushAll>) {
        let mut retry_at: Option<Instant> = None;
        loop {
            // A failing seal must not spin however often it is woken.
            let pause = retry_at.map(|at| at.saturating_duration_since(Instant::now()));
            let never = crossbeam_channel::never();
            let wake = if pause.is_some() { &never } else { wake };
            select! {
                recv(commands) -> command => match command {
                    Ok(done) => { let _ = done.send(self.seal_all()); }
                    Err(_) => return,
                },
                recv(wake) -> _ => {}
                default(pause.unwrap_or(TICK).min(TICK)) => {}
            }
            if self.health.is_stopping() || retry_at.is_some_and(|at| Instant::now() < at) {
                continue;
            }
            retry_at = match self.seal_due() {
                Ok(()) => None,
                Err(error) => {
                    self.health.note(format!("rows could not be sealed into a block and stay in the WAL: {error}"));
                    Some(Instant::now() + RETRY_AFTER)
                }
            };
        }
    }

    fn seal_due(&self) -> Result<()> {
        for key in due(&self.versions.tables(), self.clock.monotonic_nano(), &self.limits) {
            self.seal(key)?;
        }
        // A quiet table must not keep the whole log of a busy one.
        if self.segments.size().1 > self.wal_bytes_max {
            let sealed = self.versions.sealed_all();
            for stream in self.segments.oldest_holds(|stream| sealed.get(stream).copied()) {
                self.seal(TableKey { tenant: stream.tenant, signal: stream.signal, replayed: stream.epoch != self.epoch })?;
            }
            self.trim();
        }
        Ok(())
    }

    fn seal_all(&self) -> Result<()> {
        // Twice: a table may hold a seal that failed before besides its active rows.
        for _ in 0..2 {
            for table in self.versions.tables() {
                self.seal(table.key)?;
            }
        }
        self.trim();
        Ok(())
    }

    /// On a full disk once more, with the room that was reserved for it.
    fn seal(&self, key: TableKey) -> Result<()> {
        match self.seal_once(key) {
            Err(error) if error.kind() == Kind::Full && self.reserve.give() => {
                self.health.note(format!("the disk is full; the reserved room was given back to seal with: {error}"));
                self.seal_once(key)
            }
            // Fenced: whatever this process would still acknowledge, nobody would ever seal.
            Err(error) if error.kind() == Kind::Closed => {
                self.health.set_read_only(&error.to_string());
                Err(error)
            }
            result => result,
        }
    }

    fn seal_once(&self, key: TableKey) -> Result<()> {
        let Some(sealing) = self.versions.begin_seal(key) else { return Ok(()) };
        let now = self.clock.now();
        let id = self.ids.next(self.catalog.as_ref(), self.epoch)?;
        let mut block = write_block(&self.objects, id, key.tenant, key.signal, 0, &sealing.chunks, now)?;
        if block.rows != sealing.rows {
            return Err(Error::Internal(format!("block {} holds {} rows of {}: not committed", id.0, block.rows, sealing.rows)));
        }
        let mut counting = None;
        if key.signal == Signal::Spans {
            // Nothing else is counted meanwhile, and no block of spans changes its rows: this is the one task that seals, and merges move rows
            // only. Who waits for room comes first: a block without edges is right too, upkeep counts it soon, and until then its spans are read
            // when somebody asks.
            if !self.versions.is_behind() && sealing.rows <= self.limits.edges_rows_max {
                counting = Some(self.versions.counting());
                block.files.extend(derived::make::seal(&self.objects, &block, &sealing.chunks, &self.versions.snapshot(key.tenant), EDGES_PATIENCE)?);
            }
        }
        failpoint::hit("seal.written");
        let sealed: Vec<Sealed> = sealing
            .last
            .iter()
            .map(|(epoch, lsn)| Sealed { stream: Stream { tenant: key.tenant, signal: key.signal, epoch: *epoch }, lsn: *lsn })
            .collect();
        let hashes_since = UnixNanos(now.0.saturating_sub_unsigned(self.duplicate_window_nano));
        let commit = Commit {
            add: vec![block.clone()],
            sealed: sealed.clone(),
            hashes: sealing.hashes.iter().filter(|(_, _, received)| *received >= hashes_since).copied().collect(),
            hashes_since,
            now: self.believed.stamp(now, self.clock.monotonic_nano()),
            ..Commit::default()
        };
        self.catalog.commit(self.epoch, &commit)?;
        failpoint::hit("seal.committed");
        self.versions.finish_seal(key, &sealed, block);
        drop(counting);
        failpoint::hit("seal.swapped");
        self.health.seals.fetch_add(1, Ordering::Relaxed);
        self.trim();
        failpoint::hit("seal.trimmed");
        Ok(())
    }

    fn trim(&self) {
        let sealed = self.versions.sealed_all();
        if let Err(error) = self.segments.trim(|stream| sealed.get(stream).copied()) {
            self.health.note(format!("a WAL segment that is no longer needed stays for now: {error}"));
        }
    }
}
