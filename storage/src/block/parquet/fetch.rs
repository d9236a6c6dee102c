//! The pieces of a file that one read of rows needs: those that lie beside each other are fetched together, when the first of
//! them is asked for, and let go of after the last.
//!
//! Pages of small columns are a few hundred bytes, and checksums are of 8 KiB: fetched one by one, the same 8 KiB are read and
//! summed up for each of them. And where a disk answers after a tenth of a millisecond, a point read would cost as many of
//! those as it has pages: pieces are few, and the disk is told of all of them before the first is read.

use crate::block::checked::{Checked, STRIPE_BYTES};
use crate::error::Result;
use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Neighbours beyond this are fetched on their own.
const FETCH_BYTES_MAX: u64 = 1 << 20;

pub(super) struct Fetch {
    source: Arc<Checked>,
    bytes_read: Arc<AtomicU64>,
    /// Ascending, apart from each other.
    pieces: Mutex<Vec<Piece>>,
}

#[derive(Debug)]
struct Piece {
    range: Range<u64>,
    /// How many of the wanted ranges in it were not asked for yet.
    left: usize,
    bytes: Option<Bytes>,
}

impl Fetch {
    /// `wanted`: what will be asked for, as it will be, in any order; what else is asked for is read on its own.
    pub(super) fn new(source: Arc<Checked>, wanted: Vec<Range<u64>>, bytes_read: Arc<AtomicU64>) -> Self {
        let pieces = together(wanted);
        if pieces.len() > 1 {
            source.will_need(pieces.iter().map(|piece| piece.range.clone()));
        }
        Self { source, bytes_read, pieces: Mutex::new(pieces) }
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let length = range.end - range.start;
        self.bytes_read.fetch_add(length, Ordering::Relaxed);
        self.source.read(range.start, length as usize)
    }

    fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        let mut pieces = self.pieces.lock();
        let at = pieces.partition_point(|piece| piece.range.end < range.end);
        let piece = pieces.get_mut(at).filter(|piece| piece.range.start <= range.start && piece.left > 0);
        let Some(piece) = piece else { return self.read(range) };
        piece.left -= 1;
        let bytes = match piece.bytes.take() {
            Some(bytes) => bytes,
            None => match self.read(piece.range.clone()) {
                Ok(bytes) => bytes,
                // What is wrong with one of them is not wrong with the others.
                Err(_) if piece.range != range => return self.read(range),
                Err(error) => return Err(error),
            },
        };
        let from = piece.range.start;
        let asked = bytes.slice((range.start - from) as usize..(range.end - from) as usize);
        piece.bytes = (piece.left > 0).then_some(bytes);
        Ok(asked)
    }
}

/// Ranges as pieces: one where no stripe of checksums stands between them that nobody asked for.
fn together(mut wanted: Vec<Range<u64>>) -> Vec<Piece> {
    const STRIPE: u64 = STRIPE_BYTES as u64;
    wanted.retain(|range| !range.is_empty());
    wanted.sort_unstable_by_key(|range| range.start);
    let mut pieces: Vec<Piece> = Vec::with_capacity(wanted.len());
    for range in wanted {
        match pieces.last_mut() {
            // What overlaps is one piece, however long: no byte is fetched twice.
            Some(last)
                if range.start < last.range.end
                    || range.start / STRIPE <= last.range.end.div_ceil(STRIPE) && range.end - last.range.start <= FETCH_BYTES_MAX =>
            {
                last.range.end = last.range.end.max(range.end);
                last.left += 1;
            }
            _ => pieces.push(Piece { range, left: 1, bytes: None }),
        }
    }
    pieces
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
