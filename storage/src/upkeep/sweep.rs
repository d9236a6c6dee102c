//! One look at the block files after start. Those of blocks that no catalog ever named go: what a crash between writing
//! and committing left (numbers given out since this start are not touched, so a block being written is safe). Those that
//! the catalog names and that are not there are told.

use crate::block::{BlockFile, BlockId, BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::{FileIo, ObjectIo, names};
use crate::version::Versions;
use hopline_model::Signal;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) data_dir: PathBuf,
    /// Blocks the catalog knew at start, removed ones too.
    pub(crate) known: HashSet<BlockId>,
    /// Those of them in view.
    pub(crate) versions: Arc<Versions>,
    /// Numbers from here on belong to this run.
    pub(crate) before: BlockId,
}

/// Removes the files of blocks that were written and not committed; what stays goes at the next start.
pub(crate) fn discard(objects: &dyn ObjectIo, written: &[BlockMeta]) {
    for meta in written {
        for file in &meta.files {
            let _ = objects.delete(&names::block_file(meta.tenant, meta.signal, meta.id, file.kind));
        }
    }
}

/// A block of which files are missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) meta: BlockMeta,
    pub(crate) kinds: Vec<FileKind>,
}

impl Sweep {
    pub(crate) fn run(self) -> Result<Vec<Missing>> {
        // Taken before the look: a block that a merge removes meanwhile may be told as missing, and is then gone when asked for.
        let in_view = self.versions.blocks();
        let mut there: HashSet<String> = HashSet::new();
        let blocks = self.data_dir.join(names::BLOCKS_DIR);
        for tenant in self.files.list(&blocks).map_err(Error::io("list", &blocks))? {
            for signal in Signal::ALL {
                let directory = blocks.join(&tenant).join(signal.name());
                for name in self.files.list(&directory).map_err(Error::io("list", &directory))? {
                    there.insert(format!("{tenant}/{}/{name}", signal.name()));
                    let orphan = names::parse_block_file(&name).is_some_and(|id| id < self.before && !self.known.contains(&id));
                    if orphan {
                        let path = directory.join(&name);
                        tracing::info!("removes {}: its block was never committed", path.display());
                        self.files.remove(&path).map_err(Error::io("remove", &path))?;
                    }
                }
            }
        }
        let mut missing = Vec::new();
        for block in in_view.iter().flat_map(|(_, blocks)| blocks.iter()).filter(|block| block.meta.id < self.before) {
            let meta = &block.meta;
            let gone = |file: &&BlockFile| {
                let name = names::block_file(meta.tenant, meta.signal, meta.id, file.kind);
                !there.contains(name.trim_start_matches(names::BLOCKS_DIR).trim_start_matches('/'))
            };
            let kinds: Vec<FileKind> = meta.files.iter().filter(gone).map(|file| file.kind).collect();
            if !kinds.is_empty() {
                missing.push(Missing { meta: meta.clone(), kinds });
            }
        }
        Ok(missing)
    }
}
