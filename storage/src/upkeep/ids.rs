//! Block numbers: reserved in the catalog in runs, so that a crash never makes two blocks share one.

use crate::block::BlockId;
use crate::catalog::Catalog;
use crate::error::Result;
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct BlockIds {
    /// (next, end) of the reserved run.
    run: Mutex<(u64, u64)>,
}

/// One catalog write for so many blocks.
const RUN: u64 = 256;

impl BlockIds {
    pub(crate) fn next(&self, catalog: &dyn Catalog, epoch: u32) -> Result<BlockId> {
        let mut run = self.run.lock();
        if run.0 == run.1 {
            let first = catalog.reserve_blocks(epoch, RUN)?.0;
            *run = (first, first + RUN);
        }
        run.0 += 1;
        Ok(BlockId(run.0 - 1))
    }
}
