//! A store for tests, rows that carry a number, and what numbers a store holds. Blocks are written as plain Arrow
//! files here: these tests are about where rows are, not how blocks look.

use crate::Config;
use crate::block::meta::{BlockMeta, FORMAT};
use crate::block::{Block, BlockFile, BlockId, FileKind};
use crate::catalog::SqliteCatalog;
use crate::error::Result;
use crate::objects::{FileIo, ObjectIo, OsFiles, names};
use crate::open::open_with;
use crate::snapshot::{Chunk, Snapshot};
use crate::storage::{Append, Storage};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use hopline_model::log::Log;
use hopline_model::schema::{column, schema};
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
    open_with(config, SystemClock::new(), files, Arc::new(catalog), write_plain, read_plain, Some(lock))
}

/// A block as one Arrow stream.
pub(crate) fn write_plain(
    objects: &Arc<dyn ObjectIo>,
    id: BlockId,
    tenant: TenantId,
    signal: Signal,
    level: u8,
    chunks: &[Chunk],
    created: UnixNanos,
) -> Result<BlockMeta> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, schema(signal))?;
    for chunk in chunks {
        writer.write(&chunk.rows)?;
    }
    writer.finish()?;
    drop(writer);
    let mut object = objects.create(&names::block_file(tenant, signal, id, FileKind::Parquet))?;
    std::io::Write::write_all(&mut object, &bytes).map_err(crate::Error::io("write", "block"))?;
    let (len, crc32c) = object.finish()?;
    let seqs = || chunks.iter().flat_map(|chunk| chunk.rows.column(0).as_primitive::<UInt64Type>().values().iter().copied());
    Ok(BlockMeta {
        id,
        tenant,
        signal,
        level,
        format: FORMAT,
        rows: chunks.iter().map(|chunk| chunk.rows.num_rows() as u64).sum(),
        time_min: chunks.iter().map(|chunk| chunk.time_min.0).min().unwrap_or(0),
        time_max: chunks.iter().map(|chunk| chunk.time_max.0).max().unwrap_or(0),
        seq_min: seqs().min().unwrap_or(0),
        seq_max: seqs().max().unwrap_or(0),
        files: vec![BlockFile { kind: FileKind::Parquet, bytes: len, crc32c }],
        windows: Vec::new(),
        services: Vec::new(),
        dense: Vec::new(),
        counts: Vec::new(),
        created: created.0,
    })
}

fn batches(block: &Block) -> Vec<RecordBatch> {
    let meta = &block.meta;
    let name = names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Parquet);
    // The one failing operation of a simulation may be this read.
    let bytes = (0..2).find_map(|_| block.objects.read(&name, 0, meta.bytes() as usize).ok()).unwrap();
    StreamReader::try_new(&bytes[..], None).unwrap().map(Result::unwrap).collect()
}

pub(crate) fn read_plain(block: &Arc<Block>, each: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
    batches(block).into_iter().try_for_each(each)
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
    let blocks = snapshot.blocks(signal).flat_map(|block| batches(block));
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
    for _ in 0..2000 {
        if storage.stats().replayed {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("replay does not end: {:?}", storage.stats());
}
