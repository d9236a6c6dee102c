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
//! entry's place is guessed by its hash between two that are known, and from what stands there once more: mostly one read of
//! 8 or 16 KiB finds it among millions.
//!
//! A block never changes, so what an index says of it stays right. Blocks that are not in it (written since, or late) are
//! looked up in their own `.tix`; blocks of it that are gone are passed over.

use super::checked::{Checked, FileWriter, STRIPE_BYTES, finish_side};
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
/// So many blocks are told at once that they will be asked.
const BLOCKS_TOLD_MAX: usize = 16;
/// Of so many entries one is known from the start: between two of them a guess is off by 128.
const KNOWN_EVERY: u64 = 64 << 10;
/// Entries looked at on either side of a guess, at least: one or two stripes.
const REACH: u64 = 340;
/// After so many misses hashes are not uniform, and the place is found by halves.
const GUESSES_MAX: u32 = 8;

/// An opened index.
#[derive(Debug)]
pub(crate) struct DayIndex {
    source: Checked,
    entries: u64,
    /// Ascending.
    blocks: Vec<BlockId>,
    /// Some places with the hashes that stand there, ascending.
    known: Vec<(u64, u64)>,
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
        let entries = ids_at / ENTRY_BYTES as u64;
        let places = (1..).map(|number| number * KNOWN_EVERY).take_while(|place| *place < entries);
        let known = places.map(|place| Ok((place, le64(&source.read(place * ENTRY_BYTES as u64, 8)?)))).collect::<Result<Vec<_>>>()?;
        if !known.is_sorted_by_key(|known| known.1) {
            return Err(Error::corrupt(name, "its order"));
        }
        Ok(Self { source, entries, blocks, known, broken: AtomicBool::new(false) })
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
        // Entries before the one have smaller hashes, those from the other on larger ones.
        let (smaller, larger) = (self.known.partition_point(|known| known.1 < wanted), self.known.partition_point(|known| known.1 <= wanted));
        let mut from = smaller.checked_sub(1).map_or((0, 0), |at| self.known[at]);
        let mut to = self.known.get(larger).copied().unwrap_or((self.entries, u64::MAX));
        let (mut guesses, mut reach) = (0, REACH);
        while from.0 < to.0 {
            let guess = if guesses < GUESSES_MAX { between(from, to, wanted) } else { from.0 + (to.0 - from.0) / 2 };
            let (first, end) = whole_stripes(guess.saturating_sub(reach), guess.saturating_add(reach));
            let (first, end) = (first.max(from.0), end.min(to.0));
            let bytes = self.source.read(first * ENTRY_BYTES as u64, (end - first) as usize * ENTRY_BYTES)?;
            let (lowest, highest) = (le64(&bytes), le64(&bytes[bytes.len() - ENTRY_BYTES..]));
            if lowest > wanted {
                to = (first, lowest);
                guesses += 1;
            } else if highest < wanted {
                from = (end, highest);
                guesses += 1;
            } else if lowest == wanted && first > from.0 || highest == wanted && end < to.0 {
                // Equal entries may go on beyond an edge.
                reach = reach.saturating_mul(4);
            } else {
                return self.places(&bytes, wanted);
            }
        }
        Ok(Vec::new())
    }

    fn places(&self, entries: &[u8], wanted: u64) -> Result<Vec<u32>> {
        let entries: Vec<&[u8]> = entries.chunks_exact(ENTRY_BYTES).collect();
        let start = entries.partition_point(|entry| le64(entry) < wanted);
        let found = entries[start..].iter().take_while(|entry| le64(entry) == wanted);
        let places: Vec<u32> = found.map(|entry| le64(&entry[8..]) as u32).collect();
        if places.iter().any(|place| *place as usize >= self.blocks.len()) {
            return Err(Error::corrupt(self.source.name(), "a block that is not in its list"));
        }
        Ok(places)
    }
}

/// Where a hash stands between two entries whose hashes are known, if hashes are uniform: before `to`.
fn between(from: (u64, u64), to: (u64, u64), wanted: u64) -> u64 {
    let (part, whole) = (u128::from(wanted.saturating_sub(from.1)), u128::from(to.1 - from.1).max(1));
    let step = u128::from(to.0 - from.0) * part / whole;
    (from.0 + step as u64).min(to.0 - 1)
}

/// Entries of the stripes that some stand in: those are read in any case.
fn whole_stripes(first: u64, end: u64) -> (u64, u64) {
    let (entry, stripe) = (ENTRY_BYTES as u64, STRIPE_BYTES as u64);
    let from = (first * entry / stripe * stripe).div_ceil(entry);
    (from, end.saturating_mul(entry).div_ceil(stripe).saturating_mul(stripe) / entry)
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

    /// The blocks that are left will be asked one after the other: what they read is under way meanwhile.
    pub(crate) fn will_ask(&self, blocks: &[&Block]) {
        // Of many not all may be asked, where the first rows are enough.
        if (2..=BLOCKS_TOLD_MAX).contains(&blocks.len()) {
            blocks.iter().filter_map(|block| block.tix()).for_each(|tix| tix.will_need(&self.hashes));
        }
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
