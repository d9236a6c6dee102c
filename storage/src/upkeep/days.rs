//! The trace index of each day with many blocks, and one of each month for the days with few (`block/day.rs`): read at start,
//! made when enough blocks are not in one, made anew when it is damaged, removed when none of its blocks is left. All of it is
//! derived: whatever fails costs speed alone.

use super::merge::Merge;
use super::plan::day_of;
use crate::block::day::{DayIndex, write_day};
use crate::block::{Block, BlockId, FileKind};
use crate::error::{Error, Result};
use crate::objects::names;
use hopline_model::time::NANOS_PER_DAY;
use hopline_model::{Signal, TenantId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// So many blocks of a day are asked one by one before an index is worth a file.
const BLOCKS_MIN: usize = 8;
/// Beside an index that is made anew in a second, so many are: each of them costs a lookup as much as the index does.
const BLOCKS_BESIDE: usize = 3;
/// Bytes of the blocks' `.tix` of which an index is made in about a second.
const BYTES_QUICK: u64 = 64 << 20;
/// Signals whose rows have trace ids.
const SIGNALS: [Signal; 2] = [Signal::Spans, Signal::Logs];

/// Days whose blocks share an index when each of them has few.
const MONTH_DAYS: i64 = 32;

/// The indexes there are.
#[derive(Debug, Default)]
pub(crate) struct Days {
    indexes: HashMap<(TenantId, Signal, Span), Arc<DayIndex>>,
}

/// What an index covers; stands in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Span {
    /// Days since 1970.
    Day(i64),
    /// 32 days, counted since 1970.
    Month(i64),
}

impl Span {
    fn parse(file: &str) -> Option<Self> {
        let (span, _) = file.strip_suffix(".day")?.rsplit_once('-')?;
        match span.strip_prefix('m') {
            Some(month) => month.parse().ok().map(Self::Month),
            None => span.parse().ok().map(Self::Day),
        }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Month(month) => write!(f, "m{month}"),
        }
    }
}

impl Merge {
    /// Takes up what an earlier run made. What cannot be used is removed.
    pub(super) fn load_days(&self) {
        for (tenant, blocks) in self.versions.blocks() {
            for signal in SIGNALS {
                let folder = self.data_dir.join(names::DAYS_DIR).join(tenant.0.to_string()).join(signal.name());
                let mut listed = self.files.list(&folder).unwrap_or_default();
                // A later index of a day takes the place of an earlier one.
                listed.sort();
                let by_id: HashMap<BlockId, &Arc<Block>> =
                    blocks.iter().filter(|block| block.meta.signal == signal).map(|block| (block.meta.id, block)).collect();
                for file in listed {
                    let name = format!("{}/{}/{}/{file}", names::DAYS_DIR, tenant.0, signal.name());
                    let index = Span::parse(&file).and_then(|span| match DayIndex::open(&self.objects, &name) {
                        Ok(index) => Some((span, Arc::new(index))),
                        Err(error) => {
                            tracing::warn!("{name} is made anew: {error}");
                            None
                        }
                    });
                    match index {
                        Some((span, index)) => {
                            attach(&index, |id| by_id.get(&id).copied());
                            let older = self.days.lock().indexes.insert((tenant, signal, span), index);
                            if let Some(older) = older {
                                self.remove_day(&older);
                            }
                        }
                        None => self.remove_file(&name),
                    }
                }
            }
        }
        self.remove_unused();
    }

    /// Makes what is missing; a failure is noted and tried again at the next look.
    pub(super) fn tend_days(&self) {
        self.remove_unused();
        for (tenant, blocks) in self.versions.blocks() {
            for signal in SIGNALS {
                let mut by_day: BTreeMap<i64, Vec<&Arc<Block>>> = BTreeMap::new();
                for block in blocks.iter().filter(|block| block.meta.signal == signal && block.meta.level > 0 && block.meta.rows > 0) {
                    by_day.entry(day_of(&block.meta)).or_default().push(block);
                }
                // A day that goes on gets other blocks soon.
                let newest = by_day.keys().next_back().copied();
                let over = |day: i64| Some(day) < newest || day.saturating_add(2).saturating_mul(NANOS_PER_DAY) <= self.clock.now().0;
                let mut by_month: BTreeMap<i64, Vec<&Arc<Block>>> = BTreeMap::new();
                for (day, blocks) in by_day {
                    let of_its_own = self.days.lock().indexes.contains_key(&(tenant, signal, Span::Day(day)));
                    if blocks.len() >= BLOCKS_MIN || of_its_own {
                        self.tend(tenant, signal, Span::Day(day), &blocks);
                    } else if over(day) {
                        by_month.entry(day.div_euclid(MONTH_DAYS)).or_default().extend(blocks);
                    }
                }
                for (month, blocks) in by_month {
                    self.tend(tenant, signal, Span::Month(month), &blocks);
                }
            }
        }
    }

    fn tend(&self, tenant: TenantId, signal: Signal, span: Span, blocks: &[&Arc<Block>]) {
        let alone = blocks.iter().filter(|block| block.day().is_none_or(|(index, _)| index.is_broken())).count();
        let tix = blocks.iter().flat_map(|block| &block.meta.files).filter(|file| file.kind == FileKind::Tix);
        let quick = blocks.len() - alone >= BLOCKS_MIN && tix.map(|file| file.bytes).sum::<u64>() <= BYTES_QUICK;
        if alone < if quick { BLOCKS_BESIDE } else { BLOCKS_MIN } || self.health.is_stopping() {
            return;
        }
        if let Err(error) = self.make_day(tenant, signal, span, blocks) {
            tracing::warn!("traces of a day are looked up block by block for now: {error}");
        }
    }

    fn make_day(&self, tenant: TenantId, signal: Signal, span: Span, blocks: &[&Arc<Block>]) -> Result<()> {
        let has_tix = |block: &&&Arc<Block>| block.meta.files.iter().any(|file| file.kind == FileKind::Tix);
        let mut found: Vec<_> = blocks.iter().filter(has_tix).filter_map(|block| Some((block.meta.id, block.tix()?))).collect();
        found.sort_by_key(|(id, _)| *id);
        let Some((newest, _)) = found.last().filter(|_| found.len() >= BLOCKS_MIN) else { return Ok(()) };
        let name = names::day_index(tenant, signal, &span.to_string(), *newest);
        // One of that name is damaged, or lacks a block whose `.tix` could not be read then.
        let before = self.days.lock().indexes.remove(&(tenant, signal, span));
        if let Some(before) = &before {
            self.remove_day(before);
        }
        write_day(self.objects.as_ref(), &name, &found, &|| self.going())?;
        let index = Arc::new(DayIndex::open(&self.objects, &name)?);
        let by_id: HashMap<BlockId, &Arc<Block>> = blocks.iter().map(|block| (block.meta.id, *block)).collect();
        attach(&index, |id| by_id.get(&id).copied());
        self.days.lock().indexes.insert((tenant, signal, span), index);
        Ok(())
    }

    /// Takes the index away that names a block whose rows must leave no trace, hashes of their ids neither.
    pub(super) fn forget_day(&self, block: &Block) {
        if let Some((index, _)) = block.day() {
            self.days.lock().indexes.retain(|_, known| !Arc::ptr_eq(known, &index));
            self.remove_day(&index);
        }
    }

    fn remove_unused(&self) {
        let mut unused = Vec::new();
        self.days.lock().indexes.retain(|_, index| {
            // Held by the blocks that it names, as long as a version or a reader has them.
            let used = Arc::strong_count(index) > 1;
            if !used {
                unused.push(index.clone());
            }
            used
        });
        unused.iter().for_each(|index| self.remove_day(index));
    }

    fn remove_day(&self, index: &Arc<DayIndex>) {
        for (_, blocks) in self.versions.blocks() {
            for block in blocks.iter().filter(|block| block.day().is_some_and(|(known, _)| Arc::ptr_eq(&known, index))) {
                block.set_day(None);
            }
        }
        self.remove_file(index.name());
    }

    fn remove_file(&self, name: &str) {
        if let Err(error) = self.objects.delete(name) {
            tracing::warn!("{name} is not needed and stays for now: {error}");
        }
    }

    /// Errors once storage is shutting down.
    pub(super) fn going(&self) -> Result<()> {
        if self.health.is_stopping() { Err(Error::Closed("storage is shutting down".into())) } else { Ok(()) }
    }
}

fn attach<'a>(index: &Arc<DayIndex>, block: impl Fn(BlockId) -> Option<&'a Arc<Block>>) {
    for (place, id) in (0..).zip(index.blocks()) {
        if let Some(block) = block(*id) {
            block.set_day(Some((index.clone(), place)));
        }
    }
}
