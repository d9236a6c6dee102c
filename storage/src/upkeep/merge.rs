//! Merges: small blocks that span windows → blocks that stay within one (L1), blocks of an ended day → fewer (L2).
//!
//! Order: read the inputs → write the outputs → **catalog commit** (outputs in, inputs out) → version swap → input files
//! go once their last reader is gone. A crash before the commit leaves files nobody refers to (`sweep`).
//!
//! Memory: rows are held until an output is full, never a whole window.

use super::ids::BlockIds;
use super::plan::{MergePlan, WINDOW_NANO, merge};
use crate::block::{Block, BlockId, BlockMeta, WindowRows};
use crate::catalog::{Catalog, Commit};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::health::Health;
use crate::objects::{ObjectIo, names};
use crate::scan::ScanRequest;
use crate::snapshot::{Chunk, Snapshot};
use crate::storage::{BlockReader, BlockWriter};
use crate::version::Versions;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use hopline_model::schema::time_column;
use hopline_model::{Clock, TenantId, UnixNanos};
use std::ops::ControlFlow;
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
    pub(crate) versions: Arc<Versions>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) objects: Arc<dyn ObjectIo>,
    pub(crate) health: Arc<Health>,
    pub(crate) ids: Arc<BlockIds>,
    pub(crate) epoch: u32,
    pub(crate) write_block: BlockWriter,
    pub(crate) read_block: BlockReader,
    pub(crate) delay_nano: i64,
    pub(crate) input_bytes_max: u64,
    pub(crate) output_bytes_max: u64,
}

const TICK: Duration = Duration::from_secs(5);
/// A merge that failed is not tried again before this.
const RETRY_AFTER: Duration = Duration::from_secs(60);

impl Merge {
    /// Runs until the sender of `commands` is gone.
    pub(crate) fn run(self, commands: &Receiver<Command>) {
        let mut not_before = Instant::now();
        loop {
            match commands.recv_timeout(TICK) {
                Ok(Command::Settle(done)) => {
                    let _ = done.send(self.merge_all(0));
                    continue;
                }
                Ok(Command::Rebuild { tenant, block, done }) => {
                    let _ = done.send(self.rebuild(tenant, block));
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
                // What room is left on a full disk is for sealing.
                Err(RecvTimeoutError::Timeout) if Instant::now() < not_before || self.health.is_full() => continue,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = self.merge_all(self.delay_nano) {
                self.health.note(format!("blocks could not be merged and stay as they are: {error}"));
                not_before = Instant::now() + RETRY_AFTER;
            }
        }
    }

    /// The same rows as new files; the old ones go as after a merge.
    fn rebuild(&self, tenant: TenantId, block: BlockId) -> Result<Rebuilt> {
        let snapshot = self.versions.snapshot(tenant);
        let Some(found) = snapshot.blocks.iter().find(|known| known.meta.id == block) else { return Ok(Rebuilt::Gone) };
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
                let metas: Vec<&BlockMeta> = snapshot.blocks.iter().map(|block| &block.meta).collect();
                let Some(plan) = merge(&metas, self.clock.now(), delay_nano, self.input_bytes_max) else { break };
                self.merge(&snapshot, &plan)?;
            }
        }
        Ok(())
    }

    fn merge(&self, snapshot: &Snapshot, plan: &MergePlan) -> Result<()> {
        let inputs: Vec<&Arc<Block>> = snapshot.blocks.iter().filter(|block| plan.inputs.contains(&block.meta.id)).collect();
        let mut outputs = Outputs { merge: self, snapshot, plan, chunks: Vec::new(), bytes: 0, written: Vec::new() };
        let result = self.write_outputs(&inputs, &mut outputs);
        let written = outputs.written;
        let result = result.and_then(|()| {
            let rows_in: u64 = inputs.iter().map(|block| block.meta.rows).sum();
            let rows_out: u64 = written.iter().map(|meta| meta.rows).sum();
            if rows_in != rows_out {
                return Err(Error::Internal(format!("a merge of {rows_in} rows made {rows_out}: not committed")));
            }
            failpoint::hit("merge.written");
            let commit = Commit {
                add: written.clone(),
                remove: plan.inputs.clone(),
                now: self.clock.now(),
                hashes_since: UnixNanos::MIN,
                ..Commit::default()
            };
            self.catalog.commit(self.epoch, &commit)
        });
        if let Err(error) = result {
            for meta in &written {
                for file in &meta.files {
                    let _ = self.objects.delete(&names::block_file(meta.tenant, meta.signal, meta.id, file.kind));
                }
            }
            return Err(error);
        }
        failpoint::hit("merge.committed");
        self.versions.replace(snapshot.tenant, written, &plan.inputs);
        self.health.merges.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write_outputs(&self, inputs: &[&Arc<Block>], outputs: &mut Outputs<'_>) -> Result<()> {
        let mut windows: Vec<i64> = inputs.iter().flat_map(|block| ranges(&block.meta)).map(|rows| rows.window).collect();
        windows.sort_unstable();
        windows.dedup();
        for window in windows {
            for block in inputs {
                let ranges: Vec<WindowRows> = ranges(&block.meta).into_iter().filter(|rows| rows.window == window).collect();
                if ranges.is_empty() {
                    continue;
                }
                let mut row = 0;
                (self.read_block)(block, &mut |batch| {
                    let end = row + batch.num_rows() as u64;
                    for range in &ranges {
                        let (from, to) = (range.row.max(row), (range.row + range.rows).min(end));
                        if from < to {
                            outputs.take(window, batch.slice((from - row) as usize, (to - from) as usize))?;
                        }
                    }
                    row = end;
                    Ok(())
                })?;
            }
            // An L1 block never crosses its window; an L2 block holds many.
            if outputs.plan.level == 1 {
                outputs.write()?;
            }
        }
        outputs.write()
    }
}

/// The row ranges of a block by window; a block that names none is one window at its newest time.
fn ranges(meta: &BlockMeta) -> Vec<WindowRows> {
    if meta.windows.is_empty() {
        return vec![WindowRows { window: meta.time_max.div_euclid(WINDOW_NANO) * WINDOW_NANO, row: 0, rows: meta.rows }];
    }
    meta.windows.clone()
}

/// Rows on their way into the next output.
struct Outputs<'a> {
    merge: &'a Merge,
    snapshot: &'a Snapshot,
    plan: &'a MergePlan,
    chunks: Vec<Chunk>,
    bytes: u64,
    written: Vec<BlockMeta>,
}

impl Outputs<'_> {
    fn take(&mut self, window: i64, rows: RecordBatch) -> Result<()> {
        let times = rows.column_by_name(time_column(self.plan.signal)).and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
        let times = times.ok_or_else(|| Error::Internal("a merge needs the time column".into()))?;
        let bound = |time: Option<i64>| UnixNanos(time.unwrap_or(window));
        let (time_min, time_max) = (bound(times.values().iter().copied().min()), bound(times.values().iter().copied().max()));
        // A slice counts for its share of the batch it is cut from.
        self.bytes += rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0) as u64).sum::<u64>();
        // Received at the window's start: a row too early or too late for any other window is given this one again.
        self.chunks.push(Chunk { rows, time_min, time_max, received: UnixNanos(window) });
        self.merge.health.merge_bytes.store(self.bytes, Ordering::Relaxed);
        if self.bytes >= self.merge.output_bytes_max { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let chunks = std::mem::take(&mut self.chunks);
        self.bytes = 0;
        let _freed = Freed(&self.merge.health.merge_bytes);
        if chunks.is_empty() {
            return Ok(());
        }
        if self.merge.health.is_stopping() {
            return Err(Error::Closed("storage is shutting down".into()));
        }
        let merge = self.merge;
        let id: BlockId = merge.ids.next(merge.catalog.as_ref(), merge.epoch)?;
        let meta = (merge.write_block)(&merge.objects, id, self.snapshot.tenant, self.plan.signal, self.plan.level, &chunks, merge.clock.now())?;
        self.written.push(meta);
        Ok(())
    }
}

/// Says that nothing is held any more, whichever way it goes.
struct Freed<'a>(&'a AtomicU64);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// All rows of a block in row order, through the one scan.
pub(crate) fn read_block(block: &Arc<Block>, each: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
    let snapshot = Snapshot { tenant: block.meta.tenant, chunks: Default::default(), blocks: Arc::new(vec![block.clone()]), complete: true };
    let stats = snapshot.scan(&ScanRequest::all(block.meta.signal), &mut |batch| {
        each(batch)?;
        Ok(ControlFlow::Continue(()))
    })?;
    match stats.damaged.first() {
        Some(damaged) => Err(Error::corrupt(format!("block {}", block.meta.id.0), damaged.clone())),
        None => Ok(()),
    }
}
