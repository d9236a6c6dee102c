//! A block: an immutable set of files of one (tenant, signal), written whole.

pub mod meta;
pub mod write;

mod scan;

pub use meta::{BlockFile, BlockId, BlockMeta, CountCell, FileKind, ServiceRows, WindowRows};

use crate::objects::ObjectIo;
use std::sync::Arc;

/// A block that can be read: its meta and where its files are.
#[derive(Debug)]
pub struct Block {
    pub meta: BlockMeta,
    pub objects: Arc<dyn ObjectIo>,
}
