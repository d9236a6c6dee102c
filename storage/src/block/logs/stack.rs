//! Indexes of runs of rows → the index of all runs, one behind the other. Words are not tokenized again: postings are
//! renumbered and joined.

use super::container;
use super::search::TextIndex;
use super::write::settings;
use crate::block::BlockFile;
use crate::error::Result;
use crate::objects::ObjectIo;
use std::sync::Arc;
use tantivy::directory::{OwnedBytes, RamDirectory};
use tantivy::fastfield::AliveBitSet;
use tantivy::indexer::merge_filtered_segments;

/// Rows `[row, row + rows)` of an index, in the order of the new block.
pub(crate) struct IndexRun {
    pub(crate) index: Arc<TextIndex>,
    pub(crate) row: u32,
    pub(crate) rows: u32,
}

pub(crate) fn stack(runs: &[IndexRun], objects: &dyn ObjectIo, name: &str) -> Result<BlockFile> {
    let segments = runs.iter().map(|run| run.index.segment_in_order()).collect::<Result<Vec<_>>>()?;
    let kept = runs.iter().map(kept).collect();
    let directory = RamDirectory::create();
    let index = merge_filtered_segments(&segments, settings(), kept, directory.clone())?;
    container::save(&index, &directory, objects, name)
}

/// The documents of a run among those of its index.
fn kept(run: &IndexRun) -> Option<AliveBitSet> {
    let all = run.index.segment().meta().max_doc();
    if (run.row, run.rows) == (0, all) {
        return None;
    }
    // tantivy's own form of a bit set: how many documents, then words of 64.
    let mut bytes = all.to_le_bytes().to_vec();
    let end = run.row + run.rows;
    for word in 0..all.div_ceil(64) {
        let (from, to) = (word * 64, (word + 1) * 64);
        let ones = |bits: u32| if bits >= 64 { u64::MAX } else { (1u64 << bits) - 1 };
        let below = |row: u32| ones(row.clamp(from, to) - from);
        bytes.extend_from_slice(&(below(end) & !below(run.row)).to_le_bytes());
    }
    Some(AliveBitSet::open(OwnedBytes::new(bytes)))
}
