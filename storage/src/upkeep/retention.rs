//! Removing blocks in two phases: from the catalog and from view at once, from disk when the last reader is gone and a
//! grace has passed. A crash between the two leaves blocks marked as removed, whose files the next start removes.

use super::plan::{Believed, RetentionLimits, expired};
use crate::block::{BlockId, BlockMeta};
use crate::catalog::{Catalog, Commit};
use crate::error::Result;
use crate::failpoint;
use crate::objects::{ObjectIo, names};
use crate::version::Versions;
use hopline_model::{Clock, TenantId};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Retention {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) objects: Arc<dyn ObjectIo>,
    pub(crate) epoch: u32,
    pub(crate) believed: Believed,
    pub(crate) age_nano: i64,
    pub(crate) disk_budget_percent: u8,
}

/// Readers that hold a block's name but not yet the block.
const GRACE_NANO: u64 = 30_000_000_000;

impl Retention {
    /// `volume_bytes`: size of the volume the blocks lie on.
    pub(crate) fn expire(&self, volume_bytes: u64) -> Result<()> {
        let now = self.believed.now(self.clock.now(), self.clock.monotonic_nano());
        let limits = RetentionLimits { age_nano: self.age_nano, blocks_bytes_max: volume_bytes / 100 * u64::from(self.disk_budget_percent.min(100)) };
        let tenants = self.versions.blocks();
        let metas: Vec<&BlockMeta> = tenants.iter().flat_map(|(_, blocks)| blocks.iter().map(|block| &block.meta)).collect();
        let expired = expired(&metas, now, limits);
        for (tenant, blocks) in &tenants {
            let ids: Vec<BlockId> = blocks.iter().map(|block| block.meta.id).filter(|id| expired.contains(id)).collect();
            if !ids.is_empty() {
                self.remove(*tenant, ids)?;
            }
        }
        Ok(())
    }

    fn remove(&self, tenant: TenantId, remove: Vec<BlockId>) -> Result<()> {
        tracing::info!("retention removes {} blocks of tenant {}", remove.len(), tenant.0);
        let now = self.believed.stamp(self.clock.now(), self.clock.monotonic_nano());
        let commit = Commit { remove: remove.clone(), now, ..Commit::default() };
        self.catalog.commit(self.epoch, &commit)?;
        failpoint::hit("retention.committed");
        self.versions.replace(tenant, Vec::new(), &remove);
        Ok(())
    }

    /// Deletes the files of blocks that nobody reads any more.
    pub(crate) fn delete_unread(&self) -> Result<()> {
        let unread = self.versions.unread(GRACE_NANO);
        if unread.is_empty() {
            return Ok(());
        }
        let result = self.delete(&unread);
        if result.is_err() {
            self.versions.keep_removed(unread);
        }
        result
    }

    fn delete(&self, blocks: &[BlockMeta]) -> Result<()> {
        for meta in blocks {
            for file in &meta.files {
                self.objects.delete(&names::block_file(meta.tenant, meta.signal, meta.id, file.kind))?;
            }
        }
        failpoint::hit("retention.deleted");
        let ids: Vec<BlockId> = blocks.iter().map(|meta| meta.id).collect();
        self.catalog.forget(self.epoch, &ids)
    }
}
