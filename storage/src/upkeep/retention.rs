//! Removing blocks in two phases: from the catalog and from view at once, from disk when the last reader is gone and a
//! grace has passed. A crash between the two leaves blocks marked as removed, whose files the next start removes.
//!
//! A clock that cannot be believed removes nothing by age (`plan::Believed`), and a removal of more than its share of the
//! store waits an hour, in which somebody can notice: a setting may have been mistyped, or the right one lost.

use super::ids::BlockIds;
use super::plan::{Ages, Believed, Due, KEPT, calls_bytes, due, is_much};
use super::sweep::discard;
use crate::block::derived::make;
use crate::block::{Block, BlockId, BlockMeta, FileKind};
use crate::catalog::{Catalog, Commit};
use crate::config::Config;
use crate::error::Result;
use crate::failpoint;
use crate::health::Health;
use crate::objects::{ObjectIo, names};
use crate::snapshot::Snapshot;
use crate::version::Versions;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR};
use hopline_model::{Clock, Signal, TenantId, UnixNanos};
use hopline_trace::Edges;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the settings say of how long rows stay.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    config: Config,
    /// A removal smaller than this never waits.
    pub(crate) much_bytes_min: u64,
}

fn hours(hours: u64) -> i64 {
    i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(NANOS_PER_HOUR)
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone(), much_bytes_min: 64 << 20 }
    }

    fn ages(&self, tenants: &HashMap<String, TenantId>) -> Ages {
        let rules = self.config.retention.iter().filter_map(|rule| {
            let tenant = match &rule.tenant {
                None => None,
                // A tenant that never sent anything has no rows.
                Some(name) => Some(*tenants.get(name)?),
            };
            Some((tenant, rule.dataset.clone(), hours(rule.hours)))
        });
        Ages {
            default_nano: hours(self.config.retention_hours),
            rules: rules.collect(),
            keep_nano: hours(self.config.retention_keep_hours),
            edges_nano: hours(self.config.retention_edges_hours),
        }
    }

    /// Spans from this duration on are slow.
    pub(crate) fn slow_nano(&self) -> Option<u64> {
        Some(self.config.retention_keep_slow_ms.saturating_mul(1_000_000)).filter(|nano| *nano > 0)
    }

    fn blocks_bytes_max(&self, volume_bytes: u64) -> u64 {
        volume_bytes / 100 * u64::from(self.config.disk_budget_percent.min(100))
    }
}

/// A removal that waits.
#[derive(Debug, Clone, Copy)]
struct Held {
    since: u64,
    told: bool,
}

#[derive(Debug)]
pub(crate) struct Retention {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) objects: Arc<dyn ObjectIo>,
    pub(crate) ids: Arc<BlockIds>,
    pub(crate) health: Arc<Health>,
    pub(crate) tenants: Arc<RwLock<HashMap<String, TenantId>>>,
    pub(crate) epoch: u32,
    pub(crate) believed: Believed,
    pub(crate) policy: Policy,
    held: Mutex<Option<Held>>,
    /// `hopline retention --run` beside the task.
    expiring: Mutex<()>,
}

/// Blocks of one commit, so that room is made while there is more to do.
const REMOVED_AT_ONCE: usize = 32;

const HOLD_NANO: u64 = NANOS_PER_HOUR as u64;

/// What retention would do now, and when it will next do something. Nothing is changed by asking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// `false`: the clock jumped far ahead and is not believed yet; nothing goes by age.
    pub clock_believed: bool,
    /// More than its share of the store would go by age: it waits until then (RFC 3339), or is run at once.
    pub held_until: Option<String>,
    pub blocks_bytes: u64,
    /// The disk budget; the oldest blocks go above it.
    pub blocks_bytes_max: u64,
    pub datasets: Vec<DatasetOutlook>,
}

/// One dataset of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DatasetOutlook {
    pub tenant: String,
    pub dataset: String,
    pub hours: u64,
    /// What is kept of it stays so long; absent: it goes whole.
    pub keep_hours: Option<u64>,
    /// Its calls by minute stay so long; absent: as long as its rows.
    pub edges_hours: Option<u64>,
    pub stored: Amount,
    /// Goes now: past its age, or over the disk budget.
    pub going: Amount,
    /// Of it, over the disk budget.
    pub over_budget: Amount,
    /// Is reduced now to what is kept longer; how much that is shows once it is read.
    pub reducing: Amount,
    /// Goes or is reduced within the next 24 hours by age.
    pub next_day: Amount,
    /// When the next block goes or is reduced by age, RFC 3339.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    pub blocks: u64,
    pub rows: u64,
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, meta: &BlockMeta) {
        self.blocks += 1;
        self.rows += meta.rows;
        self.bytes += meta.bytes();
    }
}

impl Retention {
    #[expect(clippy::too_many_arguments, reason = "the parts of a store, put together once")]
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        versions: Arc<Versions>,
        catalog: Arc<dyn Catalog>,
        objects: Arc<dyn ObjectIo>,
        ids: Arc<BlockIds>,
        health: Arc<Health>,
        tenants: Arc<RwLock<HashMap<String, TenantId>>>,
        epoch: u32,
        believed: Believed,
        policy: Policy,
    ) -> Self {
        Self { clock, versions, catalog, objects, ids, health, tenants, epoch, believed, policy, held: Mutex::default(), expiring: Mutex::default() }
    }

    fn now(&self) -> Option<UnixNanos> {
        self.believed.now(self.clock.now(), self.clock.monotonic_nano())
    }

    fn ages(&self) -> Ages {
        self.policy.ages(&self.tenants.read())
    }

    /// Removes what is due. `volume_bytes`: size of the volume the blocks lie on. `at_once`: much at once does not wait.
    pub(crate) fn expire(&self, volume_bytes: u64, at_once: bool) -> Result<()> {
        let _alone = self.expiring.lock();
        let tenants = self.versions.blocks();
        let metas: Vec<&BlockMeta> = tenants.iter().flat_map(|(_, blocks)| blocks.iter().map(|block| &block.meta)).collect();
        let Due { old, over_budget, calls_stay, .. } = due(&metas, self.now(), &self.ages(), self.policy.blocks_bytes_max(volume_bytes));
        let mut expired = over_budget;
        if at_once || self.may_go(&metas, &old) {
            expired.extend(old);
        }
        for (tenant, blocks) in &tenants {
            let of_tenant: Vec<&Arc<Block>> = blocks.iter().filter(|block| expired.contains(&block.meta.id)).collect();
            for some in of_tenant.chunks(REMOVED_AT_ONCE) {
                if self.health.is_stopping() {
                    return Ok(());
                }
                self.remove(*tenant, some, &calls_stay)?;
            }
        }
        Ok(())
    }

    /// Whether what is past its age may go now. Much at once is told, and may an hour later.
    fn may_go(&self, metas: &[&BlockMeta], old: &[BlockId]) -> bool {
        let mut held = self.held.lock();
        if !is_much(metas, old, self.policy.config.retention_share_max_percent, self.policy.much_bytes_min) {
            *held = None;
            return true;
        }
        let now = self.clock.monotonic_nano();
        let waiting = held.get_or_insert(Held { since: now, told: false });
        if now.saturating_sub(waiting.since) >= HOLD_NANO {
            *held = None;
            return true;
        }
        if !std::mem::replace(&mut waiting.told, true) {
            let bytes: u64 = metas.iter().filter(|meta| old.contains(&meta.id)).map(|meta| meta.bytes()).sum();
            let share = self.policy.config.retention_share_max_percent;
            self.health.note(format!(
                "retention is about to remove {} blocks, {bytes} bytes, more than {share} % of the store: it waits an hour; `hopline retention` shows what goes, `hopline retention --run` does not wait, a longer storage.retention_hours keeps it",
                old.len()
            ));
        }
        false
    }

    fn remove(&self, tenant: TenantId, blocks: &[&Arc<Block>], calls_stay: &HashSet<BlockId>) -> Result<()> {
        let rows: u64 = blocks.iter().map(|block| block.meta.rows).sum();
        tracing::info!("retention removes {} blocks, {rows} rows, of tenant {}", blocks.len(), tenant.0);
        let remove: Vec<BlockId> = blocks.iter().map(|block| block.meta.id).collect();
        let stays = blocks.iter().filter(|block| calls_stay.contains(&block.meta.id));
        let add: Vec<BlockMeta> = stays.filter_map(|block| self.calls_of(block)).collect();
        failpoint::hit("retention.written");
        let now = self.believed.stamp(self.clock.now(), self.clock.monotonic_nano());
        let commit = Commit { add: add.clone(), remove: remove.clone(), now, hashes_since: UnixNanos::MIN, ..Commit::default() };
        if let Err(error) = self.catalog.commit(self.epoch, &commit) {
            discard(self.objects.as_ref(), &add);
            // One was merged or written anew meanwhile: the next look finds what took its place.
            let known: HashSet<BlockId> = self.versions.snapshot(tenant).blocks.iter().map(|block| block.meta.id).collect();
            return if remove.iter().all(|id| known.contains(id)) { Err(error) } else { Ok(()) };
        }
        failpoint::hit("retention.committed");
        self.versions.replace(tenant, add, &remove);
        self.health.expired_rows.fetch_add(rows, Ordering::Relaxed);
        Ok(())
    }

    /// A block of a block's calls by minute alone. Rows go when they are to go: where it cannot be written, the calls go too.
    fn calls_of(&self, block: &Arc<Block>) -> Option<BlockMeta> {
        let written = self.ids.next(self.catalog.as_ref(), self.epoch).and_then(|id| {
            let mut meta = block.meta.without_rows(id, KEPT, self.clock.now());
            let snapshot = self.versions.snapshot(meta.tenant);
            meta.files.extend(make::carry(self.objects.as_ref(), &meta, block, Edges::new(), &snapshot)?);
            Ok(meta)
        });
        match written {
            Ok(meta) => Some(meta).filter(|meta| !meta.files.is_empty()),
            Err(error) => {
                self.health.note(format!("calls by minute of block {} went with its spans, for they could not be written: {error}", block.meta.id.0));
                None
            }
        }
    }

    /// Blocks of a tenant that are past their age and may hold something to keep.
    pub(crate) fn to_reduce(&self, tenant: TenantId, snapshot: &Snapshot) -> Vec<BlockId> {
        if self.policy.config.retention_keep_hours == 0 {
            return Vec::new();
        }
        debug_assert_eq!(tenant, snapshot.tenant);
        let metas: Vec<&BlockMeta> = snapshot.blocks.iter().map(|block| &block.meta).collect();
        due(&metas, self.now(), &self.ages(), u64::MAX).reduce
    }

    /// What would go, and when.
    pub(crate) fn outlook(&self, volume_bytes: u64) -> Outlook {
        let tenants = self.versions.blocks();
        let metas: Vec<&BlockMeta> = tenants.iter().flat_map(|(_, blocks)| blocks.iter().map(|block| &block.meta)).collect();
        let (believed, ages) = (self.now(), self.ages());
        let blocks_bytes_max = self.policy.blocks_bytes_max(volume_bytes);
        let due = due(&metas, believed, &ages, blocks_bytes_max);
        let now = believed.unwrap_or_else(|| self.clock.now());
        let names: HashMap<TenantId, String> = self.tenants.read().iter().map(|(name, id)| (*id, name.clone())).collect();
        let mut datasets: BTreeMap<(String, &str), (DatasetOutlook, i64)> = BTreeMap::new();
        for meta in &metas {
            let tenant = names.get(&meta.tenant).cloned().unwrap_or_else(|| meta.tenant.0.to_string());
            let (found, next) = datasets.entry((tenant.clone(), meta.signal.name())).or_insert_with(|| {
                let hours = |nano: i64| nano.max(0).unsigned_abs() / NANOS_PER_HOUR as u64;
                let outlook = DatasetOutlook {
                    tenant,
                    dataset: meta.signal.name().into(),
                    hours: hours(ages.of(meta.tenant, meta.signal.name())),
                    keep_hours: ages.keeps(meta.tenant, meta.signal).map(hours),
                    edges_hours: ages.edges(meta.tenant, meta.signal).map(hours),
                    ..DatasetOutlook::default()
                };
                (outlook, i64::MAX)
            });
            found.stored.add(meta);
            let over_budget = due.over_budget.contains(&meta.id);
            if over_budget {
                found.over_budget.add(meta);
            }
            if over_budget || due.old.contains(&meta.id) {
                found.going.add(meta);
                found.going.bytes -= if due.calls_stay.contains(&meta.id) { calls_bytes(meta) } else { 0 };
            } else if due.reduce.contains(&meta.id) {
                found.reducing.add(meta);
            } else {
                let at = ages.reduce_at(meta).unwrap_or_else(|| ages.end(meta));
                *next = (*next).min(at);
                if at < now.0.saturating_add(NANOS_PER_DAY) {
                    found.next_day.add(meta);
                }
            }
        }
        let held = self.held.lock().map(|held| {
            let left = HOLD_NANO.saturating_sub(self.clock.monotonic_nano().saturating_sub(held.since));
            UnixNanos(now.0.saturating_add_unsigned(left)).to_string()
        });
        Outlook {
            clock_believed: believed.is_some(),
            held_until: held,
            blocks_bytes: metas.iter().map(|meta| meta.bytes()).sum(),
            blocks_bytes_max,
            datasets: datasets
                .into_values()
                .map(|(outlook, next)| DatasetOutlook { next: (next != i64::MAX).then(|| UnixNanos(next).to_string()), ..outlook })
                .collect(),
        }
    }

    /// Deletes the files of blocks that nobody reads any more.
    pub(crate) fn delete_unread(&self) -> Result<()> {
        let unread = self.versions.unread(self.policy.config.delete_grace_ms.saturating_mul(1_000_000));
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
            // A crash may have left a file that was written for the block and never committed.
            let uncommitted = (meta.signal == Signal::Spans).then_some(FileKind::Edg);
            for kind in meta.files.iter().map(|file| file.kind).chain(uncommitted) {
                self.objects.delete(&names::block_file(meta.tenant, meta.signal, meta.id, kind))?;
            }
        }
        failpoint::hit("retention.deleted");
        let ids: Vec<BlockId> = blocks.iter().map(|meta| meta.id).collect();
        self.catalog.forget(self.epoch, &ids)
    }
}

#[cfg(test)]
mod tests;
