//! A block anew, without some of its rows: the others keep their order, their seq and their window.

use super::dense::{DenseKey, choose_merged};
use super::merge::{Input, add, each_batch};
use super::write::{BlockWriter, Target};
use super::{Block, BlockMeta, WindowRows};
use crate::error::{Error, Result};
use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt64Type;
use hopline_model::Signal;
use hopline_model::schema::column;
use std::sync::Arc;

/// `keep`: by a row's seq; at least one row is kept. `check` is asked between batches.
pub(crate) fn rewrite_block(target: Target<'_>, block: &Arc<Block>, keep: &dyn Fn(u64) -> bool, check: &dyn Fn() -> Result<()>) -> Result<BlockMeta> {
    let file = block.rows_file()?;
    let keys: Vec<(&[DenseKey], u64)> = vec![(file.dense.as_slice(), block.meta.rows)];
    let by_time = target.signal != Signal::Spans && file.sorted;
    // Bodies are tokenized again: nothing of a word that only a removed row had may stay.
    let mut writer = BlockWriter::new(target, choose_merged(&keys), by_time, target.signal == Signal::Logs)?;
    writer.not_whole(&file.dense);
    let mut windows: Vec<WindowRows> = Vec::new();
    let mut row = 0;
    for window in &block.meta.windows {
        let mut rows = 0;
        each_batch(&Input { block: block.clone(), rows: *window }, &mut |file, batch| {
            check()?;
            let seqs = batch.column_by_name(column::SEQ).ok_or_else(|| Error::Internal("rows without seq".into()))?;
            let kept: BooleanArray = seqs.as_primitive::<UInt64Type>().values().iter().map(|seq| Some(keep(*seq))).collect();
            rows += kept.true_count() as u64;
            match kept.true_count() {
                0 => Ok(()),
                _ => add(&mut writer, file, &filter_record_batch(&batch, &kept)?),
            }
        })?;
        if rows > 0 {
            windows.push(WindowRows { window: window.window, row, rows });
            row += rows;
        }
    }
    writer.finish(windows, None)
}
