//! Merges: small blocks that span windows → blocks that stay within one (L1), blocks of an ended day → fewer (L2).
//!
//! Order: read the inputs → write the outputs → **catalog commit** (outputs in, inputs out) → version swap → input files
//! go once their last reader is gone. A crash before the commit leaves files nobody refers to (`sweep`).
//!
//! Memory: rows go from the inputs' row groups to the output's, never a whole window (`block/merge.rs`).

use super::days::Days;
use super::ids::BlockIds;
use super::plan::{Believed, KEPT, MergePlan, merge};
use super::retention::Retention;
use super::rewrite::{Delete, Deleted};
use super::sweep::discard;
use crate::block::derived;
use crate::block::merge::{Input, merge_blocks};
use crate::block::write::Target;
use crate::block::{Block, BlockId, BlockMeta};
use crate::catalog::{Catalog, Commit};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::health::Health;
use crate::objects::{FileIo, ObjectIo};
use crate::snapshot::Snapshot;
use crate::version::Versions;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use hopline_model::{Clock, TenantId, TimeRange, UnixNanos};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What the merge task is asked for, besides what it does by itself.
#[derive(Debug)]
pub(crate) enum Command {
    /// "Merge every window that has ended, now, and tell me."
    Settle(oneshot::Sender<Result<()>>),
    /// "Write this block anew from its rows: its side files are damaged." `done`: bounded(1).
    Rebuild { tenant: TenantId, block: BlockId, done: Sender<Result<Rebuilt>> },
    /// "Delete these rows from every block."
    Delete { tenant: TenantId, delete: Delete, done: oneshot::Sender<Result<Deleted>> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rebuilt {
    Done,
    /// No such block any more.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Merge {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) believed: Believed,
    pub(crate) versions: Arc<Versions>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) objects: Arc<dyn ObjectIo>,
    pub(crate) health: Arc<Health>,
    pub(crate) ids: Arc<BlockIds>,
    pub(crate) epoch: u32,
    pub(crate) delay_nano: i64,
    pub(crate) input_bytes_max: u64,
    pub(crate) memory_bytes_max: u64,
    /// What is kept of old days.
    pub(crate) retention: Arc<Retention>,
    /// For the indexes of days.
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) data_dir: PathBuf,
    pub(crate) days: Mutex<Days>,
    /// Blocks whose rows cannot all be read, until the next start.
    pub(crate) uncountable: Mutex<HashSet<BlockId>>,
}

const TICK: Duration = Duration::from_secs(5);
/// A merge that failed is not tried again before this.
const RETRY_AFTER: Duration = Duration::from_secs(60);

impl Merge {
    /// Runs until the sender of `commands` is gone.
    pub(crate) fn run(self, commands: &Receiver<Command>) {
        let mut not_before = Instant::now();
        self.load_days();
        loop {
            match commands.recv_timeout(TICK) {
                Ok(Command::Settle(done)) => {
                    let merged = self.count_all(true).and_then(|()| self.merge_all(0));
                    self.tend_days();
                    let _ = done.send(merged);
                    continue;
                }
                Ok(Command::Rebuild { tenant, block, done }) => {
                    let _ = done.send(self.rebuild(tenant, block));
                    continue;
                }
                Ok(Command::Delete { tenant, delete, done }) => {
                    let _ = done.send(self.delete(tenant, &delete));
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
                // What room is left on a full disk is for sealing; while the log is replayed, memory and processors are for that.
                Err(RecvTimeoutError::Timeout) if Instant::now() < not_before || self.health.is_full() || !self.versions.is_replayed() => continue,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = self.count_all(false) {
                self.health.note(format!("calls of some blocks could not be rolled up, questions read their spans for now: {error}"));
                not_before = Instant::now() + RETRY_AFTER;
            }
            if let Err(error) = self.merge_all(self.delay_nano) {
                self.health.note(format!("blocks could not be merged and stay as they are: {error}"));
                not_before = Instant::now() + RETRY_AFTER;
            }
            if let Err(error) = self.reduce() {
                self.health.note(format!("what is to be kept of old days could not be written, they stay whole for now: {error}"));
                not_before = Instant::now() + RETRY_AFTER;
            }
            self.tend_days();
        }
    }

    /// The same rows as new files; the old ones go as after a merge.
    fn rebuild(&self, tenant: TenantId, block: BlockId) -> Result<Rebuilt> {
        let snapshot = self.versions.snapshot(tenant);
        let Some(found) = snapshot.blocks.iter().find(|known| known.meta.id == block) else { return Ok(Rebuilt::Gone) };
        if found.meta.rows == 0 {
            return Err(Error::corrupt(
                format!("block {}", block.0),
                "the calls of spans that have gone, of which no rows are left to make it anew".to_owned(),
            ));
        }
        let plan = MergePlan { signal: found.meta.signal, inputs: vec![block], level: found.meta.level };
        self.merge(&snapshot, &plan)?;
        Ok(Rebuilt::Done)
    }

    fn merge_all(&self, delay_nano: i64) -> Result<()> {
        for (tenant, _) in self.versions.blocks() {
            loop {
                if self.health.is_stopping() {
                    return Ok(());
                }
                let snapshot = self.versions.snapshot(tenant);
                let broken = self.uncountable.lock().clone();
                let whole = |block: &&Arc<Block>| block.meta.rows > 0 || !broken.contains(&block.meta.id);
                let metas: Vec<&BlockMeta> = snapshot.blocks.iter().filter(whole).map(|block| &block.meta).collect();
                let Some(plan) = merge(&metas, self.clock.now(), delay_nano, self.input_bytes_max) else { break };
                self.merge(&snapshot, &plan)?;
            }
        }
        Ok(())
    }

    fn merge(&self, snapshot: &Snapshot, plan: &MergePlan) -> Result<()> {
        let mut inputs: Vec<&Arc<Block>> = snapshot.blocks.iter().filter(|block| plan.inputs.contains(&block.meta.id)).collect();
        // Blocks whose edges are counted keep to themselves, as do those of older versions.
        if let Some(first) = inputs.first().map(|block| derived::make::is_counted(&block.meta)) {
            inputs.retain(|block| derived::make::is_counted(&block.meta) == first);
        }
        if plan.level == KEPT {
            // What is damaged stays as it is and is told when it is asked for; the rest is planned anew without it.
            let broken: Vec<BlockId> = inputs.iter().filter(|block| !derived::make::is_sound(block)).map(|block| block.meta.id).collect();
            if !broken.is_empty() {
                self.uncountable.lock().extend(broken);
                return Ok(());
            }
        }
        let removed: Vec<BlockId> = inputs.iter().map(|block| block.meta.id).collect();
        let mut written = Vec::new();
        self.health.merge_bytes.store(self.memory_bytes_max, Ordering::Relaxed);
        let _freed = Freed(&self.health.merge_bytes);
        let result = self.write_outputs(snapshot, plan, &inputs, &mut written);
        let result = result.and_then(|()| {
            let rows_in: u64 = inputs.iter().map(|block| block.meta.rows).sum();
            let rows_out: u64 = written.iter().map(|meta| meta.rows).sum();
            if rows_in != rows_out {
                return Err(Error::Internal(format!("a merge of {rows_in} rows made {rows_out}: not committed")));
            }
            failpoint::hit("merge.written");
            let commit = Commit {
                add: written.clone(),
                remove: removed.clone(),
                now: self.believed.stamp(self.clock.now(), self.clock.monotonic_nano()),
                hashes_since: UnixNanos::MIN,
                ..Commit::default()
            };
            self.catalog.commit(self.epoch, &commit)
        });
        if let Err(error) = result {
            discard(self.objects.as_ref(), &written);
            return Err(error);
        }
        failpoint::hit("merge.committed");
        self.versions.replace(snapshot.tenant, written, &removed);
        self.health.merges.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write_outputs(&self, snapshot: &Snapshot, plan: &MergePlan, blocks: &[&Arc<Block>], written: &mut Vec<BlockMeta>) -> Result<()> {
        if plan.level == KEPT {
            return self.write_calls(snapshot, blocks, written);
        }
        let mut inputs: Vec<Input> =
            blocks.iter().flat_map(|block| block.meta.windows.iter().map(|rows| Input { block: (*block).clone(), rows: *rows })).collect();
        inputs.sort_by_key(|input| input.rows.window);
        // An L1 block never crosses its window; an L2 block holds many.
        let one_window = |a: &Input, b: &Input| plan.level > 1 || a.rows.window == b.rows.window;
        let parts: Vec<&[Input]> = inputs.chunk_by(one_window).collect();
        for (at, inputs) in parts.iter().enumerate() {
            let id: BlockId = self.ids.next(self.catalog.as_ref(), self.epoch)?;
            let target =
                Target { objects: &self.objects, id, tenant: snapshot.tenant, signal: plan.signal, level: plan.level, created: self.clock.now() };
            let mut meta = merge_blocks(target, inputs, self.memory_bytes_max, &|| self.going())?;
            let edges = if blocks.iter().all(|block| derived::make::is_counted(&block.meta)) {
                // Each minute's edges go to the block of its window, wherever their spans lie; what is left of all, to the first and last.
                let start = if at == 0 { UnixNanos::MIN } else { UnixNanos(inputs[0].rows.window) };
                let end = parts.get(at + 1).map_or(UnixNanos::MAX, |next| UnixNanos(next[0].rows.window));
                let minutes = TimeRange::new(start, end);
                Some(derived::make::merge(&self.objects, &meta, blocks, minutes, snapshot, &|| self.going()))
            } else {
                None
            };
            let edges = edges.transpose();
            if let Ok(Some(file)) = &edges {
                meta.files.push(file.clone());
            }
            written.push(meta);
            edges?;
        }
        Ok(())
    }

    /// One block for several that have no rows, only calls by minute.
    fn write_calls(&self, snapshot: &Snapshot, blocks: &[&Arc<Block>], written: &mut Vec<BlockMeta>) -> Result<()> {
        let Some(newest) = blocks.iter().max_by_key(|block| block.meta.time_max) else { return Ok(()) };
        let mut meta = newest.meta.without_rows(self.ids.next(self.catalog.as_ref(), self.epoch)?, KEPT, self.clock.now());
        for block in blocks {
            meta.time_min = meta.time_min.min(block.meta.time_min);
            meta.seq_min = meta.seq_min.min(block.meta.seq_min);
            meta.seq_max = meta.seq_max.max(block.meta.seq_max);
        }
        let file = derived::make::merge(&self.objects, &meta, blocks, TimeRange::ALL, snapshot, &|| self.going())?;
        meta.files.push(file);
        written.push(meta);
        Ok(())
    }
}

/// Says that a merge holds nothing any more, whichever way it ends.
struct Freed<'a>(&'a AtomicU64);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
