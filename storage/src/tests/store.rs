//! A store for tests, rows that carry a number, and what numbers a store holds.

use crate::Config;
use crate::block::Block;
use crate::block::merge::read_block;
use crate::catalog::SqliteCatalog;
use crate::error::Result;
use crate::objects::{FileIo, OsFiles, names};
use crate::open::open_with;
use crate::snapshot::Snapshot;
use crate::storage::{Append, Storage};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use hopline_model::log::Log;
use hopline_model::schema::column;
use hopline_model::span::Span;
use hopline_model::{Batch, Signal, SystemClock, TenantId, UnixNanos};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

pub(crate) const NOW: UnixNanos = UnixNanos(1_750_000_000_000_000_000);

pub(crate) fn config(dir: &Path) -> Config {
    Config {
        data_dir: dir.to_owned(),
        free_bytes_min: 0,
        reserve_bytes: 0,
        wal_segment_bytes: 1 << 20,
        retention_hours: 1 << 40,
        ..Config::default()
    }
}

pub(crate) fn open_os(config: Config) -> Result<Arc<Storage>> {
    std::fs::create_dir_all(&config.data_dir).unwrap();
    let lock = crate::objects::lock::Lock::take(&config.data_dir)?;
    let catalog = SqliteCatalog::open(&config.data_dir.join(names::CATALOG))?;
    let files: Arc<dyn FileIo> = Arc::new(OsFiles);
    open_with(config, SystemClock::new(), files, Arc::new(catalog), Some(lock))
}

/// All rows of a block.
fn batches(block: &Arc<Block>) -> Vec<RecordBatch> {
    let read = || {
        let mut rows = Vec::new();
        read_block(block, &mut |batch| {
            rows.push(batch);
            Ok(())
        })
        .map(|()| rows)
    };
    // The one failing operation of a simulation may be this read.
    read().or_else(|_| read()).unwrap()
}

/// Logs whose bodies are the numbers `first..first + count`.
pub(crate) fn logs(first: u64, count: u64) -> Batch {
    logs_at(NOW.0, first, count)
}

pub(crate) fn logs_at(time: i64, first: u64, count: u64) -> Batch {
    let log = |number: u64| Log { time: UnixNanos(time + number as i64), body: Some(number.to_string()), ..Log::default() };
    Log::to_batch(&(first..first + count).map(log).collect::<Vec<_>>())
}

/// Spans whose names are the numbers `first..first + count`.
pub(crate) fn spans(first: u64, count: u64) -> Batch {
    let span = |number: u64| Span { start_time: UnixNanos(NOW.0 + number as i64), name: number.to_string(), ..Span::default() };
    Span::to_batch(&(first..first + count).map(span).collect::<Vec<_>>())
}

pub(crate) fn request(batches: Vec<Batch>, request_hash: Option<u128>) -> Append {
    Append { tenant: TenantId(0), batches, request_hash, received: NOW }
}

/// The numbers of all rows of a signal, sorted; every seq must stand once.
pub(crate) fn numbers(snapshot: &Snapshot, signal: Signal) -> Vec<u64> {
    let live = snapshot.chunks(signal).iter().map(|chunk| chunk.rows.clone());
    let blocks = snapshot.blocks(signal).flat_map(batches);
    let mut numbers = Vec::new();
    let mut seqs = HashSet::new();
    for rows in live.chain(blocks) {
        for seq in rows.column_by_name(column::SEQ).unwrap().as_primitive::<UInt64Type>().values() {
            assert!(seqs.insert(*seq), "seq {seq} stands twice");
        }
        match signal {
            Signal::Logs => numbers.extend(Log::from_rows(&rows).iter().map(|log| log.body.clone().unwrap().parse::<u64>().unwrap())),
            _ => numbers.extend(Span::from_rows(&rows).iter().map(|span| span.name.parse::<u64>().unwrap())),
        }
    }
    numbers.sort_unstable();
    numbers
}

pub(crate) async fn wait_replayed(storage: &Storage) {
    for _ in 0..24_000 {
        if storage.stats().replayed {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("replay does not end: {:?}", storage.stats());
}
