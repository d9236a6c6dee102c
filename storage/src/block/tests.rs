//! Blocks against the rows they were made of: written, merged, scanned, damaged.

#![allow(clippy::unwrap_used)]

use super::merge::{Input, merge_blocks, read_block};
use super::write::{Target, write_block};
use super::{Block, BlockId, BlockMeta, FileKind};
use crate::objects::{LocalObjects, ObjectIo, OsFiles, names};
use crate::scan::tests::{check, log, log_chunks, naive, predicate, range, span, span_chunks, text_query};
use crate::scan::{Predicate, ScanRequest};
use crate::snapshot::{Chunk, Snapshot};
use arrow::array::{Array, RecordBatch};
use hopline_model::log::Log;
use hopline_model::schema::schema;
use hopline_model::span::Span;
use hopline_model::{Signal, TenantId, TimeRange, TraceId, UnixNanos};
use proptest::prelude::*;
use std::sync::Arc;

mod damage;
mod rows;

pub(crate) fn meta(signal: Signal, rows: u64) -> BlockMeta {
    BlockMeta {
        id: BlockId(1),
        tenant: TenantId(0),
        signal,
        level: 0,
        format: super::meta::FORMAT,
        rows,
        time_min: 0,
        time_max: 0,
        seq_min: 0,
        seq_max: 0,
        files: Vec::new(),
        windows: Vec::new(),
        services: Vec::new(),
        dense: Vec::new(),
        counts: Vec::new(),
        created: 0,
    }
}

/// Blocks in a temporary directory.
pub(crate) struct Shelf {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) objects: Arc<dyn ObjectIo>,
    next: u64,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let objects: Arc<dyn ObjectIo> = Arc::new(LocalObjects::open(dir.path(), Arc::new(OsFiles)).unwrap());
        Self { dir, objects, next: 1 }
    }

    fn id(&mut self) -> BlockId {
        self.next += 1;
        BlockId(self.next - 1)
    }

    pub(crate) fn write(&mut self, signal: Signal, level: u8, chunks: &[Chunk]) -> Arc<Block> {
        let id = self.id();
        let meta = write_block(&self.objects, id, TenantId(0), signal, level, chunks, UnixNanos(0)).unwrap();
        Arc::new(Block::new(meta, self.objects.clone()))
    }

    /// All rows of some blocks as one of each window, or as one of all.
    pub(crate) fn merge(&mut self, blocks: &[Arc<Block>], level: u8, memory_bytes: u64) -> Vec<Arc<Block>> {
        let mut inputs: Vec<Input> =
            blocks.iter().flat_map(|block| block.meta.windows.iter().map(|rows| Input { block: block.clone(), rows: *rows })).collect();
        inputs.sort_by_key(|input| input.rows.window);
        let signal = blocks[0].meta.signal;
        let mut merged = Vec::new();
        for inputs in inputs.chunk_by(|a, b| level > 1 || a.rows.window == b.rows.window) {
            let id = self.id();
            let target = Target { objects: &self.objects, id, tenant: TenantId(0), signal, level, created: UnixNanos(0) };
            let meta = merge_blocks(target, inputs, memory_bytes, &|| Ok(())).unwrap();
            merged.push(Arc::new(Block::new(meta, self.objects.clone())));
        }
        merged
    }

    pub(crate) fn path(&self, block: &Block, kind: FileKind) -> std::path::PathBuf {
        self.dir.path().join(names::block_file(block.meta.tenant, block.meta.signal, block.meta.id, kind))
    }
}

pub(crate) fn snapshot(blocks: &[Arc<Block>]) -> Snapshot {
    Snapshot { tenant: TenantId(0), chunks: Default::default(), blocks: Arc::new(blocks.to_vec()), complete: true, live_edges: Default::default() }
}

/// The rows of blocks, by seq.
pub(crate) fn stored(blocks: &[Arc<Block>]) -> Vec<RecordBatch> {
    let mut rows = Vec::new();
    for block in blocks {
        super::parquet::tests::check(block);
        let mut count = 0;
        read_block(block, &mut |batch| {
            count += batch.num_rows() as u64;
            rows.push(batch);
            Ok(())
        })
        .unwrap();
        assert_eq!(count, block.meta.rows);
        assert_eq!(block.meta.windows.iter().map(|window| window.rows).sum::<u64>(), count);
        assert_eq!(block.meta.services.iter().map(|service| service.rows).sum::<u64>(), count);
    }
    rows
}

/// Chunks of whatever lies in L0 blocks, L1 blocks and one L2 block, as three sets of blocks.
fn levels(shelf: &mut Shelf, signal: Signal, chunks: &[Chunk], split: usize) -> [Vec<Arc<Block>>; 3] {
    let first: Vec<Arc<Block>> = chunks.chunks(split.max(1)).map(|chunks| shelf.write(signal, 0, chunks)).collect();
    let second = shelf.merge(&first, 1, 1 << 20);
    let third = shelf.merge(&second, 2, 0);
    [first, second, third]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// A scan over blocks of every level answers as the naive truth does.
    #[test]
    fn spans_of_every_level(mut spans in proptest::collection::vec(span(), 1..40), predicate in predicate(), range in range(), size in 1usize..20, split in 1usize..4) {
        let chunks = span_chunks(&mut spans, size);
        let mut shelf = Shelf::new();
        let truth = naive::Rows::Spans(spans);
        for blocks in levels(&mut shelf, Signal::Spans, &chunks, split) {
            check(&snapshot(&blocks), &truth, &predicate, range)?;
        }
    }

    #[test]
    fn logs_of_every_level(mut logs in proptest::collection::vec(log(), 1..40), predicate in predicate(), range in range(), size in 1usize..20, split in 1usize..4) {
        let chunks = log_chunks(&mut logs, size);
        let mut shelf = Shelf::new();
        let truth = naive::Rows::Logs(logs);
        for blocks in levels(&mut shelf, Signal::Logs, &chunks, split) {
            check(&snapshot(&blocks), &truth, &predicate, range)?;
        }
    }

    /// The index finds exactly what reading every body finds.
    #[test]
    fn index_equals_scan(mut logs in proptest::collection::vec(log(), 1..60), query in text_query(), size in 1usize..30) {
        let chunks = log_chunks(&mut logs, size);
        let mut shelf = Shelf::new();
        let truth = naive::Rows::Logs(logs);
        let predicate = Predicate::Text(query);
        let [first, second, third] = levels(&mut shelf, Signal::Logs, &chunks, 2);
        for block in first.iter().chain(&second).chain(&third) {
            prop_assert!(block.text_index().is_some());
        }
        for blocks in [first, second, third] {
            check(&snapshot(&blocks), &truth, &predicate, TimeRange::ALL)?;
        }
    }
}
