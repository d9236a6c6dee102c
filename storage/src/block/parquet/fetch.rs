//! The pieces of a file that one read of rows needs: those that lie near each other are fetched together, when the first of
//! them is asked for.
//!
//! Pages of small columns are a few hundred bytes, and checksums are of 8 KiB: fetched one by one, the same 8 KiB are read and
//! summed up for each of them. And where a disk answers after a tenth of a millisecond, a point read would cost as many of
//! those as it has pages: pieces are few, and the disk is told of all of them before the first is read.

use crate::block::checked::{Checked, STRIPE_BYTES};
use crate::error::Result;
use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// So many bytes that nobody asked for cost less than another read.
const GAP_BYTES: u64 = STRIPE_BYTES as u64;
/// Neighbours beyond this are fetched on their own.
const FETCH_BYTES_MAX: u64 = 1 << 20;

pub(super) struct Fetch {
    source: Arc<Checked>,
    bytes_read: Arc<AtomicU64>,
    /// Ascending, apart from each other.
    pieces: Vec<Piece>,
}

struct Piece {
    range: Range<u64>,
    bytes: OnceLock<Bytes>,
}

impl Fetch {
    /// `wanted`: all that will be asked for, in any order; what else is asked for is read on its own.
    pub(super) fn new(source: Arc<Checked>, wanted: Vec<Range<u64>>, bytes_read: Arc<AtomicU64>) -> Self {
        let pieces: Vec<Piece> = together(wanted).into_iter().map(|range| Piece { range, bytes: OnceLock::new() }).collect();
        if pieces.len() > 1 {
            source.will_need(pieces.iter().map(|piece| piece.range.clone()));
        }
        Self { source, bytes_read, pieces }
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let length = range.end - range.start;
        self.bytes_read.fetch_add(length, Ordering::Relaxed);
        self.source.read(range.start, length as usize)
    }

    fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        let at = self.pieces.partition_point(|piece| piece.range.end < range.end);
        let Some(piece) = self.pieces.get(at).filter(|piece| piece.range.start <= range.start) else { return self.read(range) };
        let bytes = match piece.bytes.get() {
            Some(bytes) => bytes,
            None => {
                let bytes = self.read(piece.range.clone())?;
                piece.bytes.get_or_init(|| bytes)
            }
        };
        let from = piece.range.start;
        Ok(bytes.slice((range.start - from) as usize..(range.end - from) as usize))
    }
}

/// Ranges that lie near each other as one.
fn together(mut wanted: Vec<Range<u64>>) -> Vec<Range<u64>> {
    wanted.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(wanted.len());
    for range in wanted {
        match joined.last_mut() {
            // What overlaps is one piece, however long: no byte is fetched twice.
            Some(last)
                if range.start < last.end || range.start - last.end <= GAP_BYTES && range.end.max(last.end) - last.start <= FETCH_BYTES_MAX =>
            {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

impl Length for Fetch {
    fn len(&self) -> u64 {
        self.source.len()
    }
}

impl ChunkReader for Fetch {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        let len = self.source.len().saturating_sub(start) as usize;
        Ok(self.get_bytes(start, len)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        self.bytes(start..start.saturating_add(length as u64)).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

#[cfg(test)]
mod tests;
