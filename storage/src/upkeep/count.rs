//! Calls by minute (`.edg`) of blocks that were sealed without them, because they are large or sealing was behind; and of blocks of older versions.
//!
//! Order: edges made → the lock of counting, under which nothing else is counted → what seals counted meanwhile put right → the file → **catalog
//! commit** (the block has one more file) → version. A crash before the commit leaves a file that the next try writes again.

use super::merge::Merge;
use crate::block::derived::make;
use crate::block::{Block, BlockId, BlockMeta, FileKind};
use crate::catalog::Commit;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::objects::names;
use crate::scan::ScanStats;
use hopline_model::{Signal, TenantId, UnixNanos};
use std::sync::Arc;

impl Merge {
    /// Counts every block that is not, oldest first. `at_once`: whatever else there is to do.
    pub(super) fn count_all(&self, at_once: bool) -> Result<()> {
        for (tenant, _) in self.versions.blocks() {
            while let Some(block) = self.uncounted(tenant) {
                self.going()?;
                // Seals that others wait for need memory and processors first.
                if !at_once && self.versions.is_behind() {
                    return Ok(());
                }
                self.count(tenant, &block)?;
            }
        }
        Ok(())
    }

    fn uncounted(&self, tenant: TenantId) -> Option<Arc<Block>> {
        let left_out = self.uncountable.lock();
        let snapshot = self.versions.snapshot(tenant);
        let mut blocks = snapshot.blocks(Signal::Spans).filter(|block| !make::is_counted(&block.meta) && !left_out.contains(&block.meta.id));
        blocks.next().cloned()
    }

    fn count(&self, tenant: TenantId, block: &Arc<Block>) -> Result<()> {
        let before = self.versions.snapshot(tenant);
        let (mut edges, read) = make::again(block, &before)?;
        if self.is_damaged(block.meta.id, &read) {
            return Ok(());
        }
        let counting = self.versions.counting();
        let (more, read) = make::put_right(block, &before, &self.versions.snapshot(tenant))?;
        if self.is_damaged(block.meta.id, &read) {
            return Ok(());
        }
        edges.merge(more);
        let mut meta = block.meta.clone();
        meta.files.push(make::write(self.objects.as_ref(), &meta, edges)?);
        failpoint::hit("count.written");
        let now = self.believed.stamp(self.clock.now(), self.clock.monotonic_nano());
        let commit = Commit { amend: vec![meta.clone()], now, hashes_since: UnixNanos::MIN, ..Commit::default() };
        if let Err(error) = self.catalog.commit(self.epoch, &commit) {
            return self.not_amended(&meta, error);
        }
        failpoint::hit("count.committed");
        self.versions.amend(meta);
        drop(counting);
        Ok(())
    }

    /// A block of which rows cannot be read stays as it is: whoever asks is told what is missing.
    fn is_damaged(&self, block: BlockId, read: &ScanStats) -> bool {
        let Some(damaged) = read.damaged.first() else { return false };
        self.uncountable.lock().insert(block);
        self.health.note(format!("calls of block {} are not rolled up, questions read its spans: {damaged}", block.0));
        true
    }

    /// The commit failed: an error, unless retention removed the block meanwhile. The file stays for the next try to write again.
    fn not_amended(&self, meta: &BlockMeta, error: Error) -> Result<()> {
        if self.versions.snapshot(meta.tenant).blocks.iter().any(|known| known.meta.id == meta.id) {
            return Err(error);
        }
        self.objects.delete(&names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Edg))
    }
}
