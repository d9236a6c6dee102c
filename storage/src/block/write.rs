//! Rows → the files of a block.

use super::{BlockId, BlockMeta};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use crate::snapshot::Chunk;
use hopline_model::{Signal, TenantId, UnixNanos};
use std::sync::Arc;

/// Writes all files of a block, durable when it returns; nothing refers to them until the catalog does.
pub fn write_block(
    _objects: &Arc<dyn ObjectIo>,
    _id: BlockId,
    _tenant: TenantId,
    _signal: Signal,
    _level: u8,
    _chunks: &[Chunk],
    _created: UnixNanos,
) -> Result<BlockMeta> {
    Err(Error::Internal("blocks are not written yet".into()))
}
