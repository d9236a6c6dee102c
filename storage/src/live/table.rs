//! One table of a (tenant, signal): chunks in LSN order. Small chunks are put together as they pile up, so that a
//! scan meets few of them whatever the size of the requests.

use crate::error::Result;
use crate::snapshot::Chunk;
use arrow::compute::concat_batches;
use hopline_model::{Lsn, TenantId, UnixNanos};
use std::sync::Arc;

/// A chunk with what it takes in memory.
#[derive(Debug)]
struct Sized {
    chunk: Chunk,
    bytes: u64,
}

/// An LSN prefix of a table on its way into a block.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Newest LSN of each epoch inside.
    pub(crate) last: Vec<(u32, Lsn)>,
    pub(crate) hashes: Vec<(TenantId, u128, UnixNanos)>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    active: Vec<Sized>,
    pub(crate) active_bytes: u64,
    pub(crate) active_rows: u64,
    /// When the oldest active row came, on the monotonic clock.
    pub(crate) oldest: Option<u64>,
    last: Vec<(u32, Lsn)>,
    hashes: Vec<(TenantId, u128, UnixNanos)>,
    pub(crate) sealing: Option<Arc<Sealing>>,
}

/// Chunks below this are put together: 32 of the smallest kind, then 16 of the next.
const TINY_ROWS: usize = 32;
const SMALL_ROWS: usize = 512;

impl Table {
    pub(crate) fn insert(&mut self, epoch: u32, lsn: Lsn, chunk: Chunk, bytes: u64, hash: Option<(TenantId, u128)>, now: u64) -> Result<()> {
        self.active_rows += chunk.rows.num_rows() as u64;
        self.active_bytes += bytes;
        self.oldest.get_or_insert(now);
        match self.last.iter_mut().find(|(known, _)| *known == epoch) {
            Some((_, last)) => *last = lsn,
            None => self.last.push((epoch, lsn)),
        }
        self.hashes.extend(hash.map(|(tenant, hash)| (tenant, hash, chunk.received)));
        self.active.push(Sized { chunk, bytes });
        self.put_together(TINY_ROWS, 32)?;
        self.put_together(SMALL_ROWS, 16)
    }

    /// Concatenates the last `count` chunks when all of them are below `rows`.
    fn put_together(&mut self, rows: usize, count: usize) -> Result<()> {
        if self.active.len() < count || self.active.iter().rev().take(count).any(|sized| sized.chunk.rows.num_rows() >= rows) {
            return Ok(());
        }
        let small = &self.active[self.active.len() - count..];
        let rows = concat_batches(small[0].chunk.rows.schema_ref(), small.iter().map(|sized| &sized.chunk.rows))?;
        let chunk = Chunk {
            time_min: small.iter().map(|sized| sized.chunk.time_min).min().unwrap_or_default(),
            time_max: small.iter().map(|sized| sized.chunk.time_max).max().unwrap_or_default(),
            received: small.iter().map(|sized| sized.chunk.received).max().unwrap_or_default(),
            rows,
        };
        let bytes = chunk.rows.get_array_memory_size() as u64 + super::Rows::OVERHEAD_BYTES;
        self.active_bytes -= small.iter().map(|sized| sized.bytes).sum::<u64>();
        self.active_bytes += bytes;
        self.active.truncate(self.active.len() - count);
        self.active.push(Sized { chunk, bytes });
        Ok(())
    }

    /// Every chunk, sealing ones first.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.sealing.iter().flat_map(|sealing| &sealing.chunks).chain(self.active.iter().map(|sized| &sized.chunk))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.active_bytes + self.sealing.as_ref().map_or(0, |sealing| sealing.bytes)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.active_rows + self.sealing.as_ref().map_or(0, |sealing| sealing.rows)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.sealing.is_none()
    }

    /// What is to be sealed: what already is (a seal that failed before), else all active rows.
    pub(crate) fn begin_seal(&mut self) -> Option<Arc<Sealing>> {
        if self.sealing.is_none() && !self.active.is_empty() {
            let table = std::mem::take(self);
            self.sealing = Some(Arc::new(Sealing {
                chunks: table.active.into_iter().map(|sized| sized.chunk).collect(),
                bytes: table.active_bytes,
                rows: table.active_rows,
                last: table.last,
                hashes: table.hashes,
            }));
        }
        self.sealing.clone()
    }
}
