//! What one query sees: rows in memory and blocks, as they were at one instant.

use crate::block::Block;
use arrow::array::RecordBatch;
use hopline_model::{Signal, TenantId, UnixNanos};
use std::sync::Arc;

/// Rows in memory, live or being sealed, in the schema of their signal with `seq` numbered.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub rows: RecordBatch,
    /// Smallest and largest event time inside.
    pub time_min: UnixNanos,
    pub time_max: UnixNanos,
    /// When the newest of its requests was received; partition times of its rows go by it.
    pub received: UnixNanos,
}

/// A consistent view of one tenant: every acknowledged row stands in exactly one chunk or block.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub tenant: TenantId,
    /// By `Signal::code() - 1`.
    pub chunks: [Arc<Vec<Chunk>>; 3],
    /// Every block of the tenant, of all signals.
    pub blocks: Arc<Vec<Arc<Block>>>,
    /// `false` while the WAL is being replayed: older rows may be missing.
    pub complete: bool,
}

impl Snapshot {
    pub fn chunks(&self, signal: Signal) -> &[Chunk] {
        &self.chunks[usize::from(signal.code()) - 1]
    }

    pub fn blocks(&self, signal: Signal) -> impl Iterator<Item = &Arc<Block>> {
        self.blocks.iter().filter(move |block| block.meta.signal == signal)
    }
}
