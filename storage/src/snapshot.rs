//! What one query sees: rows in memory and blocks, as they were at one instant.

use crate::block::Block;
use crate::scan::LiveEdges;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use hopline_model::schema::column;
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

impl Chunk {
    /// Rows come in the order of their entries, so the last one's seq is the largest.
    pub fn seq_max(&self) -> Option<u64> {
        let seqs = self.rows.column_by_name(column::SEQ)?.as_primitive_opt::<UInt64Type>()?;
        seqs.values().last().copied()
    }
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
    /// What was worked out of live spans, for the next who asks.
    pub live_edges: Arc<LiveEdges>,
}

impl Snapshot {
    pub fn chunks(&self, signal: Signal) -> &[Chunk] {
        &self.chunks[usize::from(signal.code()) - 1]
    }

    /// The newest row's seq; `None` without rows.
    pub fn seq_max(&self, signal: Signal) -> Option<u64> {
        let live = self.chunks(signal).iter().filter_map(Chunk::seq_max);
        live.chain(self.blocks(signal).map(|block| block.meta.seq_max)).max()
    }

    /// The same view without what holds no row newer than `seq`: for tails.
    pub fn newer_than(&self, seq: u64) -> Self {
        let chunks = self.chunks.clone().map(|chunks| Arc::new(chunks.iter().filter(|chunk| chunk.seq_max() > Some(seq)).cloned().collect()));
        let blocks = Arc::new(self.blocks.iter().filter(|block| block.meta.seq_max > seq).cloned().collect());
        Self { chunks, blocks, ..self.clone() }
    }

    /// Those that hold rows: what is derived from spans may outlive them (`block/derived`).
    pub fn blocks(&self, signal: Signal) -> impl Iterator<Item = &Arc<Block>> {
        self.blocks.iter().filter(move |block| block.meta.signal == signal && block.meta.rows > 0)
    }
}
