//! Files of blocks that no catalog ever named: what a crash between writing and committing left. Numbers given out since
//! this start are not touched, so a block being written is safe.

use crate::block::BlockId;
use crate::error::{Error, Result};
use crate::objects::{FileIo, names};
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
    /// Numbers from here on belong to this run.
    pub(crate) before: BlockId,
}

impl Sweep {
    pub(crate) fn run(self) -> Result<()> {
        let blocks = self.data_dir.join(names::BLOCKS_DIR);
        for tenant in self.files.list(&blocks).map_err(Error::io("list", &blocks))? {
            for signal in Signal::ALL {
                let directory = blocks.join(&tenant).join(signal.name());
                for name in self.files.list(&directory).map_err(Error::io("list", &directory))? {
                    let orphan = names::parse_block_file(&name).is_some_and(|id| id < self.before && !self.known.contains(&id));
                    if orphan {
                        let path = directory.join(&name);
                        tracing::info!("removes {}: its block was never committed", path.display());
                        self.files.remove(&path).map_err(Error::io("remove", &path))?;
                    }
                }
            }
        }
        Ok(())
    }
}
