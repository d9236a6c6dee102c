//! `X.tix`: from a trace id to its rows. Sorted by hash64(trace id) (xxh3-64, seed 0).
//!
//! ```text
//! ┌──────────────────────────┬─────────────────────────────────┬───────────┬──────────┐
//! │ group × n                │ directory: n × (first hash u64, │ groups    │ traces   │
//! │ up to 128 traces each    │ end of the group u32)           │ n u32     │ u32      │
//! └──────────────────────────┴─────────────────────────────────┴───────────┴──────────┘
//! a trace in its group (varints, LEB128):
//! ┌───────────────────────────┬──────────┬──────────────────────────────────────┬──────────────────┐
//! │ hash − hash before        │ runs     │ (gap to the end of the run before    │ rows − 2         │
//! │ (the first: − first hash) │          │  << 1) | more than one row, × runs   │ only if so       │
//! └───────────────────────────┴──────────┴──────────────────────────────────────┴──────────────────┘
//! ```
//! About 0.7 B a span (a trace is one run) and 1.9 B a log (its rows lie apart). Two ids may share a hash: rows are
//! candidates, the id itself is compared on them. Numbers are little-endian.
//!
//! Inside a side file (`checked.rs`), which recognises damaged bytes; here a directory that is out of order or out of
//! bounds, a varint that is too long or cut, and rows beyond the block are recognised. A file that cannot be used costs
//! speed alone: the scan then compares the ids themselves.

use super::checked::{Checked, FileWriter, finish_side};
use super::{BlockFile, BlockMeta, FileKind, varint};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

pub(crate) const VERSION: u8 = 1;
const GROUP_TRACES: usize = 128;
const ENTRY_BYTES: usize = 12;
const END_BYTES: usize = 8;

pub(crate) fn hash(id: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(id)
}

/// Rows `[row, row + rows)` of one trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) hash: u64,
    pub(crate) row: u32,
    pub(crate) rows: u32,
}

/// Collects runs while rows are written in order.
#[derive(Debug, Default)]
pub(crate) struct TixWriter {
    runs: Vec<Run>,
}

impl TixWriter {
    pub(crate) fn add(&mut self, row: u32, id: &[u8]) {
        let hash = hash(id);
        match self.runs.last_mut() {
            Some(last) if last.hash == hash && last.row + last.rows == row => last.rows += 1,
            _ => self.runs.push(Run { hash, row, rows: 1 }),
        }
    }

    pub(crate) fn finish(mut self, objects: &dyn ObjectIo, name: &str) -> Result<BlockFile> {
        self.runs.sort_unstable();
        let mut file = FileWriter::create(objects, name)?;
        file.write_all(&encode(&self.runs)).map_err(Error::io("write", name))?;
        finish_side(file, FileKind::Tix, VERSION)
    }
}

/// Sorted runs → payload.
fn encode(runs: &[Run]) -> Vec<u8> {
    let traces: Vec<&[Run]> = runs.chunk_by(|a, b| a.hash == b.hash).collect();
    let mut out = Vec::with_capacity(runs.len() * 6 + 64);
    let mut directory = Vec::new();
    for group in traces.chunks(GROUP_TRACES) {
        let first = group[0][0].hash;
        let mut before = first;
        for trace in group {
            varint::put(&mut out, trace[0].hash - before);
            before = trace[0].hash;
            varint::put(&mut out, trace.len() as u64);
            let mut end = 0;
            for run in *trace {
                varint::put(&mut out, u64::from(run.row - end) << 1 | u64::from(run.rows > 1));
                if run.rows > 1 {
                    varint::put(&mut out, u64::from(run.rows - 2));
                }
                end = run.row + run.rows;
            }
        }
        directory.extend_from_slice(&first.to_le_bytes());
        directory.extend_from_slice(&(out.len() as u32).to_le_bytes());
    }
    let groups = directory.len() / ENTRY_BYTES;
    out.extend_from_slice(&directory);
    out.extend_from_slice(&(groups as u32).to_le_bytes());
    out.extend_from_slice(&(traces.len() as u32).to_le_bytes());
    out
}

/// An opened `.tix`: its directory.
#[derive(Debug)]
pub(crate) struct Tix {
    source: Checked,
    rows: u64,
    /// First hash and end of each group.
    groups: Vec<(u64, u32)>,
}

impl Tix {
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Option<Self>> {
        let Some(source) = Checked::side(meta, objects, FileKind::Tix, VERSION)? else { return Ok(None) };
        Self::load(source, meta.rows).map(Some)
    }

    fn load(source: Checked, rows: u64) -> Result<Self> {
        let damaged = || Error::corrupt(source.name(), "its directory");
        let end = source.len().checked_sub(END_BYTES as u64).ok_or_else(damaged)?;
        let count = le32(&source.read(end, 4)?) as usize;
        let bytes = count.checked_mul(ENTRY_BYTES).filter(|bytes| *bytes as u64 <= end).ok_or_else(damaged)?;
        let start = end - bytes as u64;
        let directory = source.read(start, bytes)?;
        let groups: Vec<(u64, u32)> = directory.chunks_exact(ENTRY_BYTES).map(|entry| (le64(&entry[..8]), le32(&entry[8..]))).collect();
        let ordered = groups.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1) && groups.last().map_or(0, |group| u64::from(group.1)) == start;
        if !ordered {
            return Err(damaged());
        }
        Ok(Self { source, rows, groups })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.groups.len() * 16 + self.source.memory_bytes()
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    /// Calls `each` with the runs that may be of some traces (their hashes, sorted), by hash; each group that could hold one is read once.
    pub(crate) fn each_run(&self, wanted: &[u64], each: &mut dyn FnMut(Run)) -> Result<()> {
        let mut rest = wanted;
        while let Some(first) = rest.first() {
            let next = self.groups.partition_point(|group| group.0 <= *first);
            let (now, after) = rest.split_at(self.groups.get(next).map_or(rest.len(), |group| rest.partition_point(|hash| *hash < group.0)));
            rest = after;
            let (Some(at), Some(last)) = (next.checked_sub(1), now.last()) else { continue };
            self.group(at, &mut |run| {
                if now.binary_search(&run.hash).is_ok() {
                    each(run);
                }
                run.hash <= *last
            })?;
        }
        Ok(())
    }

    /// Says that some traces (their hashes) will be looked up soon.
    pub(crate) fn will_need(&self, wanted: &[u64]) {
        let groups = wanted.iter().filter_map(|hash| self.groups.partition_point(|group| group.0 <= *hash).checked_sub(1));
        self.source.will_need(groups.map(|at| self.bytes_of(at)));
    }

    /// Where a group stands.
    fn bytes_of(&self, at: usize) -> Range<u64> {
        let from = if at == 0 { 0 } else { self.groups[at - 1].1 };
        u64::from(from)..u64::from(self.groups[at].1)
    }

    /// Which of some traces (their hashes, sorted) may be here, each with its rows.
    pub(crate) fn holds(&self, wanted: &[u64]) -> Result<Vec<(u64, u64)>> {
        let mut held: Vec<(u64, u64)> = Vec::new();
        self.each_run(wanted, &mut |run| match held.last_mut() {
            Some(last) if last.0 == run.hash => last.1 += u64::from(run.rows),
            _ => held.push((run.hash, run.rows.into())),
        })?;
        Ok(held)
    }

    /// Every run, by hash.
    pub(crate) fn all(&self) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for at in 0..self.groups.len() {
            self.group(at, &mut |run| {
                runs.push(run);
                true
            })?;
        }
        Ok(runs)
    }

    pub(crate) fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The hashes of a group's traces, ascending, each once.
    pub(crate) fn group_hashes(&self, at: usize) -> Result<Vec<u64>> {
        let mut hashes: Vec<u64> = Vec::with_capacity(GROUP_TRACES);
        self.group(at, &mut |run| {
            if hashes.last() != Some(&run.hash) {
                hashes.push(run.hash);
            }
            true
        })?;
        Ok(hashes)
    }

    /// Calls `each` with the runs of a group while it says so.
    fn group(&self, at: usize, each: &mut dyn FnMut(Run) -> bool) -> Result<()> {
        let (first, range) = (self.groups[at].0, self.bytes_of(at));
        let bytes = self.source.read(range.start, (range.end - range.start) as usize)?;
        let damaged = || Error::corrupt(self.source.name(), format!("group {at}"));
        let mut rest: &[u8] = &bytes;
        let mut hash = first;
        while !rest.is_empty() {
            hash = varint::take(&mut rest).and_then(|delta| hash.checked_add(delta)).ok_or_else(damaged)?;
            let runs = varint::take(&mut rest).ok_or_else(damaged)?;
            let mut end = 0u64;
            for _ in 0..runs {
                let gap = varint::take(&mut rest).ok_or_else(damaged)?;
                let rows = if gap & 1 == 1 { varint::take(&mut rest).and_then(|rows| rows.checked_add(2)).ok_or_else(damaged)? } else { 1 };
                let row = end.checked_add(gap >> 1).ok_or_else(damaged)?;
                end = row.checked_add(rows).filter(|end| *end <= self.rows).ok_or_else(damaged)?;
                if !each(Run { hash, row: row as u32, rows: rows as u32 }) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn le32(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn le64(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
