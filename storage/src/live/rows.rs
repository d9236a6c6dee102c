//! The rows of one entry on their way into a table.

use crate::error::Result;
use crate::snapshot::Chunk;
use crate::wal::payload::with_seq;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use hopline_model::{Lsn, Signal, UnixNanos, schema};

#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) batch: RecordBatch,
    pub(crate) time_min: UnixNanos,
    pub(crate) time_max: UnixNanos,
    pub(crate) received: UnixNanos,
    /// The request they came with.
    pub(crate) hash: Option<u128>,
    /// What they take in memory.
    pub(crate) bytes: u64,
}

impl Rows {
    /// What a batch takes besides its values: arrays, their buffers' heads, the schema's fields.
    pub(crate) const OVERHEAD_BYTES: u64 = 4 << 10;

    pub(crate) fn new(signal: Signal, batch: RecordBatch, received: UnixNanos, hash: Option<u128>) -> Self {
        let times = batch.column_by_name(schema::time_column(signal)).and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
        let values = times.map(|times| times.values().as_ref()).unwrap_or_default();
        let time_min = UnixNanos(values.iter().copied().min().unwrap_or(received.0));
        let time_max = UnixNanos(values.iter().copied().max().unwrap_or(received.0));
        let bytes = batch.get_array_memory_size() as u64 + Self::OVERHEAD_BYTES;
        Self { batch, time_min, time_max, received, hash, bytes }
    }

    /// As a chunk, numbered by its entry.
    pub(crate) fn into_chunk(self, signal: Signal, lsn: Lsn) -> Result<Chunk> {
        let rows = with_seq(signal, lsn, &self.batch)?;
        Ok(Chunk { rows, time_min: self.time_min, time_max: self.time_max, received: self.received })
    }
}
