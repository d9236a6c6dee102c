//! `DAY-BLOCK.day`: the trace ids of a day's blocks → which of the blocks hold them, so that a trace is looked up with one small
//! read a day, however many blocks the day has. Derived from the blocks' `.tix`; it can be lost.
//!
//! ```text
//! ┌──────────────────────────────────────────┬──────────────────┬──────────┐
//! │ entry × n: hash64 u64, place of block u32 │ block × m: id u64│ blocks   │
//! │ by hash, then place                      │ ascending        │ m u32    │
//! └──────────────────────────────────────────┴──────────────────┴──────────┘
//! ```
//! Numbers are little-endian; inside a side file (`checked.rs`), which recognises damaged bytes. Hashes are uniform, so an
//! entry's place is guessed by its hash: it lies within about 2.7·√n entries of there.
//!
//! A block never changes, so what an index says of it stays right. Blocks that are not in it (written since, or late) are
//! looked up in their own `.tix`; blocks of it that are gone are passed over.

use super::checked::{Checked, FileWriter, finish_side};
use super::tix::{Tix, hash};
use super::{Block, BlockFile, BlockId, FileKind};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use crate::scan::filter::Filter;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const VERSION: u8 = 1;
const ENTRY_BYTES: usize = 12;
const ID_BYTES: usize = 8;
/// With more ids than this asking every block is no dearer.
const IDS_MAX: usize = 64;
/// Entries read at a time at least: 12 KiB.
const WINDOW_MIN: u64 = 1024;

/// An opened index.
#[derive(Debug)]
pub(crate) struct DayIndex {
    source: Checked,
    entries: u64,
    /// Ascending.
    blocks: Vec<BlockId>,
    broken: AtomicBool,
}

impl DayIndex {
    pub(crate) fn open(objects: &Arc<dyn ObjectIo>, name: &str) -> Result<Self> {
        let file = BlockFile { kind: FileKind::Day, bytes: objects.size(name)?, crc32c: 0 };
        let source = Checked::open(objects, name.to_owned(), &file, VERSION)?;
        let damaged = || Error::corrupt(name, "its list of blocks");
        let end = source.len().checked_sub(4).ok_or_else(damaged)?;
        let count = source.read(end, 4)?.iter().rev().fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        let ids_at = count.checked_mul(ID_BYTES).and_then(|bytes| end.checked_sub(bytes as u64)).ok_or_else(damaged)?;
        let ids = source.read(ids_at, count * ID_BYTES)?;
        let blocks: Vec<BlockId> = ids.chunks_exact(ID_BYTES).map(|bytes| BlockId(le64(bytes))).collect();
        if !ids_at.is_multiple_of(ENTRY_BYTES as u64) || !blocks.is_sorted_by(|a, b| a < b) {
            return Err(damaged());
        }
        Ok(Self { source, entries: ids_at / ENTRY_BYTES as u64, blocks, broken: AtomicBool::new(false) })
    }

    pub(crate) fn name(&self) -> &str {
        self.source.name()
    }

    pub(crate) fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }

    /// A read of it failed: it is passed over from then on, and made anew.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Places of the blocks that may hold the trace.
    fn find(&self, wanted: u64) -> Result<Vec<u32>> {
        let n = self.entries;
        if n == 0 {
            return Ok(Vec::new());
        }
        let guess = ((u128::from(wanted) * u128::from(n)) >> 64) as u64;
        let mut reach = ((2.7 * (n as f64).sqrt()) as u64).max(WINDOW_MIN / 2);
        let (mut from, mut to) = (guess.saturating_sub(reach), guess.saturating_add(reach).min(n));
        loop {
            let bytes = self.source.read(from * ENTRY_BYTES as u64, (to - from) as usize * ENTRY_BYTES)?;
            let first = le64(&bytes);
            let last = le64(&bytes[bytes.len() - ENTRY_BYTES..]);
            // Equal entries may go on beyond an edge.
            let (more_before, more_behind) = (from > 0 && first >= wanted, to < n && last <= wanted);
            if more_before || more_behind {
                reach = reach.saturating_mul(4);
                from = if more_before { from.saturating_sub(reach) } else { from };
                to = if more_behind { to.saturating_add(reach).min(n) } else { to };
                continue;
            }
            let entries: Vec<&[u8]> = bytes.chunks_exact(ENTRY_BYTES).collect();
            let start = entries.partition_point(|entry| le64(entry) < wanted);
            let found = entries[start..].iter().take_while(|entry| le64(entry) == wanted);
            let places: Vec<u32> = found.map(|entry| le64(&entry[8..]) as u32).collect();
            if places.iter().any(|place| *place as usize >= self.blocks.len()) {
                return Err(Error::corrupt(self.source.name(), "a block that is not in its list"));
            }
            return Ok(places);
        }
    }
}

/// Up to eight bytes as a number.
fn le64(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The hashes of one block, ascending, a group at a time.
struct Stream {
    tix: Arc<Tix>,
    next_group: usize,
    hashes: Vec<u64>,
    at: usize,
}

impl Stream {
    fn next(&mut self) -> Result<Option<u64>> {
        while self.at == self.hashes.len() {
            if self.next_group == self.tix.group_count() {
                return Ok(None);
            }
            self.hashes = self.tix.group_hashes(self.next_group)?;
            (self.next_group, self.at) = (self.next_group + 1, 0);
        }
        self.at += 1;
        Ok(Some(self.hashes[self.at - 1]))
    }
}

/// Writes the index of some blocks (ascending by id), in memory that grows with their number alone. `check` is asked now and then.
pub(crate) fn write_day(objects: &dyn ObjectIo, name: &str, blocks: &[(BlockId, Arc<Tix>)], check: &dyn Fn() -> Result<()>) -> Result<()> {
    let mut streams: Vec<Stream> = blocks.iter().map(|(_, tix)| Stream { tix: tix.clone(), next_group: 0, hashes: Vec::new(), at: 0 }).collect();
    let mut heads = BinaryHeap::new();
    for (place, stream) in streams.iter_mut().enumerate() {
        heads.extend(stream.next()?.map(|hash| Reverse((hash, place as u32))));
    }
    let mut file = FileWriter::create(objects, name)?;
    let mut entries = Vec::with_capacity(64 << 10);
    let mut failed = |bytes: &[u8]| file.write_all(bytes).map_err(Error::io("write", name));
    while let Some(Reverse((hash, place))) = heads.pop() {
        entries.extend_from_slice(&hash.to_le_bytes());
        entries.extend_from_slice(&place.to_le_bytes());
        if entries.len() >= 60_000 {
            check()?;
            failed(&entries)?;
            entries.clear();
        }
        heads.extend(streams[place as usize].next()?.map(|hash| Reverse((hash, place))));
    }
    failed(&entries)?;
    for (id, _) in blocks {
        failed(&id.0.to_le_bytes())?;
    }
    failed(&(blocks.len() as u32).to_le_bytes())?;
    finish_side(file, FileKind::Day, VERSION)?;
    Ok(())
}

/// Which blocks a question by trace id need not look at.
pub(crate) struct TraceBlocks {
    hashes: Vec<u64>,
    /// Indexes asked so far, with the blocks that may hold an id; `None`: unusable.
    asked: Vec<(Arc<DayIndex>, Option<BTreeSet<u32>>)>,
}

impl TraceBlocks {
    /// `None`: the question is not one for few traces.
    pub(crate) fn of(filter: &Filter) -> Option<Self> {
        let ids = match filter {
            Filter::TraceIds(ids) => ids,
            // Cheapest first: ids come before anything else.
            Filter::And(filters) => match filters.first() {
                Some(Filter::TraceIds(ids)) => ids,
                _ => return None,
            },
            _ => return None,
        };
        (ids.len() <= IDS_MAX).then(|| Self { hashes: ids.iter().map(|id| hash(id)).collect(), asked: Vec::new() })
    }

    pub(crate) fn may_hold(&mut self, block: &Block) -> bool {
        let Some((index, place)) = block.day() else { return true };
        let known = self.asked.iter().position(|(asked, _)| Arc::ptr_eq(asked, &index));
        let at = known.unwrap_or_else(|| {
            let found = if index.is_broken() { None } else { self.ask(&index) };
            self.asked.push((index, found));
            self.asked.len() - 1
        });
        self.asked[at].1.as_ref().is_none_or(|places| places.contains(&place))
    }

    fn ask(&self, index: &DayIndex) -> Option<BTreeSet<u32>> {
        let mut places = BTreeSet::new();
        for hash in &self.hashes {
            match index.find(*hash) {
                Ok(found) => places.extend(found),
                Err(error) => {
                    tracing::warn!("{} is passed over and made anew, looking up traces is slower meanwhile: {error}", index.name());
                    index.broken.store(true, Ordering::Relaxed);
                    return None;
                }
            }
        }
        Some(places)
    }
}

impl Block {
    /// The index of its day that names it, and its place there.
    pub(crate) fn day(&self) -> Option<(Arc<DayIndex>, u32)> {
        self.day.read().clone()
    }

    pub(crate) fn set_day(&self, day: Option<(Arc<DayIndex>, u32)>) {
        *self.day.write() = day;
    }
}

#[cfg(test)]
mod tests;
