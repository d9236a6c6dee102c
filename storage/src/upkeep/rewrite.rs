//! Blocks written anew without some of their rows: what somebody deletes by a query, and what retention does not keep of a day.
//!
//! Order, block by block: new files → **catalog commit** (new in, old out) → version swap → old files go once their last
//! reader is gone. A crash leaves each block as it was or as it is to be; asking again finishes the rest.

use super::merge::Merge;
use super::plan::{KEPT, day_of};
use super::sweep::discard;
use crate::block::derived::make::{self, is_counted};
use crate::block::rewrite::rewrite_block;
use crate::block::write::Target;
use crate::block::{Block, BlockId, BlockMeta};
use crate::catalog::Commit;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::scan::{Bound, Cancel, Column, Field, Order, Predicate, ScanRequest, Test};
use crate::snapshot::Snapshot;
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use hopline_model::schema::column;
use hopline_model::{Signal, TenantId, TimeRange, TraceId, UnixNanos};
use hopline_trace::Edges;
use parking_lot::MutexGuard;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Which rows are to be deleted.
#[derive(Debug, Clone)]
pub struct Delete {
    pub signal: Signal,
    pub predicate: Predicate,
    /// On the signal's time column.
    pub range: TimeRange,
}

/// What a deletion did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Deleted {
    pub rows: u64,
    /// Blocks of which rows stay.
    pub blocks_rewritten: u64,
    /// Blocks of which none does.
    pub blocks_removed: u64,
}

/// Logs from this severity on are errors.
const SEVERITY_ERROR: f64 = 17.0;

impl Delete {
    pub(crate) fn request(&self) -> ScanRequest {
        ScanRequest {
            signal: self.signal,
            range: self.range,
            predicate: self.predicate.clone(),
            columns: vec![Column::Fixed(column::SEQ)],
            order: Order::Any,
            limit: None,
            after: None,
            cancel: Cancel::default(),
        }
    }
}

impl Merge {
    /// Deletes from every block there is; live rows are the caller's to seal before.
    pub(super) fn delete(&self, tenant: TenantId, delete: &Delete) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        let snapshot = self.versions.snapshot(tenant);
        for block in snapshot.blocks(delete.signal).filter(|block| block.meta.overlaps(delete.range)) {
            self.going()?;
            let gone = matching(&snapshot, block, &delete.request())?;
            if gone.is_empty() {
                continue;
            }
            let kept = block.meta.rows - gone.len() as u64;
            if !self.replace(tenant, block, kept, block.meta.level, &|seq| gone.binary_search(&seq).is_err(), &gone)? {
                continue;
            }
            self.forget_day(block);
            deleted.rows += gone.len() as u64;
            if kept > 0 {
                deleted.blocks_rewritten += 1
            } else {
                deleted.blocks_removed += 1
            }
            self.health.deleted_rows.fetch_add(gone.len() as u64, Ordering::Relaxed);
        }
        Ok(deleted)
    }

    /// Of days that are old: only traces with an error or a slow span, and logs of errors, stay.
    pub(super) fn reduce(&self) -> Result<()> {
        for (tenant, _) in self.versions.blocks() {
            let snapshot = self.versions.snapshot(tenant);
            let due: BTreeSet<BlockId> = self.retention.to_reduce(tenant, &snapshot).into_iter().collect();
            let blocks: Vec<&Arc<Block>> = snapshot.blocks.iter().filter(|block| due.contains(&block.meta.id)).collect();
            let days: BTreeSet<(&str, i64)> = blocks.iter().map(|block| (block.meta.signal.name(), day_of(&block.meta))).collect();
            for (name, day) in days {
                let of_day = |block: &Arc<Block>| block.meta.signal.name() == name && day_of(&block.meta) == day;
                let day_blocks: Vec<&Arc<Block>> = blocks.iter().copied().filter(|block| of_day(block)).collect();
                let Some(signal) = day_blocks.first().map(|block| block.meta.signal) else { continue };
                // A crash in the middle leaves some blocks of the day reduced: what they kept still says which traces stay.
                let all: Vec<Arc<Block>> = snapshot.blocks.iter().filter(|block| block.meta.rows > 0 && of_day(block)).cloned().collect();
                let wanted = self.worth_keeping(&snapshot, signal, all)?;
                for block in day_blocks {
                    self.going()?;
                    let kept = matching(&snapshot, block, &ScanRequest { predicate: wanted.clone(), ..everything(signal) })?;
                    let removed = block.meta.rows - kept.len() as u64;
                    if self.replace(tenant, block, kept.len() as u64, KEPT, &|seq| kept.binary_search(&seq).is_ok(), &[])? {
                        self.health.expired_rows.fetch_add(removed, Ordering::Relaxed);
                    }
                }
            }
        }
        Ok(())
    }

    fn worth_keeping(&self, snapshot: &Snapshot, signal: Signal, blocks: Vec<Arc<Block>>) -> Result<Predicate> {
        let at_least = |field, value| Predicate::Compare {
            field: Field::Column(field),
            test: Test::Range { min: Some(Bound { value, inclusive: true }), max: None },
        };
        if signal == Signal::Logs {
            return Ok(at_least(column::SEVERITY_NUMBER, SEVERITY_ERROR));
        }
        let mut signs = vec![Predicate::Compare { field: Field::Column(column::STATUS_CODE), test: Test::Equals("error".into()) }];
        if let Some(slow_nano) = self.retention.policy.slow_nano() {
            signs.push(at_least(column::DURATION_NANO, slow_nano as f64));
        }
        let request = ScanRequest { predicate: Predicate::Or(signs), columns: vec![Column::Fixed(column::TRACE_ID)], ..everything(signal) };
        let mut traces: BTreeSet<[u8; 16]> = BTreeSet::new();
        scan(&Snapshot { blocks: Arc::new(blocks), chunks: Default::default(), ..snapshot.clone() }, &request, &mut |batch| {
            let ids = batch.column(0).as_fixed_size_binary();
            traces.extend(ids.iter().flatten().filter_map(|id| <[u8; 16]>::try_from(id).ok()));
        })?;
        Ok(Predicate::TraceIds(traces.into_iter().map(TraceId).collect()))
    }

    /// A block with the rows that `keep` names, `rows` of them, in the place of the old one. `uncounted`: of those that go, the seqs of the ones
    /// whose calls go too, ascending. `false`: the block was removed meanwhile.
    fn replace(&self, tenant: TenantId, block: &Arc<Block>, rows: u64, level: u8, keep: &dyn Fn(u64) -> bool, uncounted: &[u64]) -> Result<bool> {
        let mut written: Vec<BlockMeta> = Vec::new();
        let old = block.meta.id;
        // Held until the new block is seen.
        let mut counting = None;
        let result = self.write_kept(block, rows, level, keep, &mut written);
        let result = result.and_then(|()| match is_counted(&block.meta) {
            true => self.carry(block, uncounted, &mut written, &mut counting),
            false => Ok(()),
        });
        let result = result.and_then(|()| {
            failpoint::hit("rewrite.written");
            let now = self.believed.stamp(self.clock.now(), self.clock.monotonic_nano());
            let commit = Commit { add: written.clone(), remove: vec![old], now, hashes_since: UnixNanos::MIN, ..Commit::default() };
            self.catalog.commit(self.epoch, &commit)
        });
        if let Err(error) = result {
            discard(self.objects.as_ref(), &written);
            let there = self.versions.snapshot(tenant).blocks.iter().any(|known| known.meta.id == old);
            return if there { Err(error) } else { Ok(false) };
        }
        failpoint::hit("rewrite.committed");
        self.versions.replace(tenant, written, &[old]);
        Ok(true)
    }

    /// Calls by minute of the block go over to the one that was written, or to one of their own where no row stays.
    fn carry<'a>(
        &'a self,
        block: &Arc<Block>,
        uncounted: &[u64],
        written: &mut Vec<BlockMeta>,
        counting: &mut Option<MutexGuard<'a, ()>>,
    ) -> Result<()> {
        let before = self.versions.snapshot(block.meta.tenant);
        let mut now = || {
            *counting = Some(self.versions.counting());
            self.versions.snapshot(block.meta.tenant)
        };
        let change = match uncounted {
            [] => Edges::new(),
            gone => make::change(block, gone, &before, &mut now)?,
        };
        let mut meta = match written.pop() {
            Some(meta) => meta,
            None => block.meta.without_rows(self.ids.next(self.catalog.as_ref(), self.epoch)?, KEPT, self.clock.now()),
        };
        let file = make::carry(self.objects.as_ref(), &meta, block, change, &before);
        if let Ok(Some(file)) = &file {
            meta.files.push(file.clone());
        }
        if !meta.files.is_empty() {
            written.push(meta);
        }
        file.map(|_| ())
    }

    fn write_kept(&self, block: &Arc<Block>, rows: u64, level: u8, keep: &dyn Fn(u64) -> bool, written: &mut Vec<BlockMeta>) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let BlockMeta { tenant, signal, .. } = block.meta;
        let id = self.ids.next(self.catalog.as_ref(), self.epoch)?;
        let target = Target { objects: &self.objects, id, tenant, signal, level, created: self.clock.now() };
        written.push(rewrite_block(target, block, keep, &|| self.going())?);
        let found = written[0].rows;
        if found != rows {
            return Err(Error::Internal(format!("{found} rows instead of {rows} were kept of block {}: not committed", block.meta.id.0)));
        }
        Ok(())
    }
}

fn everything(signal: Signal) -> ScanRequest {
    ScanRequest { columns: vec![Column::Fixed(column::SEQ)], ..ScanRequest::all(signal) }
}

/// The seqs of a block's rows that match, ascending.
fn matching(snapshot: &Snapshot, block: &Arc<Block>, request: &ScanRequest) -> Result<Vec<u64>> {
    let alone = Snapshot { chunks: Default::default(), blocks: Arc::new(vec![block.clone()]), ..snapshot.clone() };
    let mut seqs = Vec::new();
    scan(&alone, request, &mut |batch| seqs.extend_from_slice(batch.column(0).as_primitive::<UInt64Type>().values()))?;
    seqs.sort_unstable();
    Ok(seqs)
}

/// Damage is an error here: what cannot be read is neither deleted nor kept.
fn scan(snapshot: &Snapshot, request: &ScanRequest, each: &mut dyn FnMut(&arrow::array::RecordBatch)) -> Result<()> {
    let stats = snapshot.scan(request, &mut |batch| {
        each(&batch);
        Ok(ControlFlow::Continue(()))
    })?;
    stats.whole()
}
