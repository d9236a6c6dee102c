//! The rows of a block as Parquet: columns, encodings, footer.
//!
//! zstd-1 everywhere, page index, pages of 2,048 rows, row groups of 32 Ki. A dictionary only where values repeat: a large
//! one is decoded whole by every point read. Statistics only where the scan prunes by them.
//!
//! The footer's key-value metadata holds two texts: `hopline` (format and dense keys, JSON) and `hopline.checksums`:
//! `HOPSUMS1`, length u64, checksum of all of it u32, then one u32 for each 8 KiB, in hex, of everything before the page
//! indexes and the footer. Those themselves are covered by the catalog's checksum of the whole file, which must be that of
//! the two together. Whatever is damaged is recognised before it is parsed or decoded.

use super::checked::{Checked, Checksums, FileWriter};
use super::dense::{DenseKey, Kind};
use super::unpack::{PackedGroup, as_unpacked};
use super::{BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::{ObjectIo, names};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::{Buf, Bytes};
use hopline_model::Signal;
use hopline_model::ids::{decode_hex, encode_hex};
use hopline_model::schema::{column, schema, time_column};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, SortingColumn};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows of a row group; part of what `.tok` and page pruning count on.
pub(crate) const GROUP_ROWS: usize = 32 << 10;
pub(crate) const PAGE_ROWS: usize = 2048;
/// Larger dictionaries are given up for the rest of a row group.
const DICTIONARY_BYTES_MAX: usize = 64 << 10;
const RESOURCES_BYTES_MAX: usize = 1 << 20;

const NOTE: &str = "hopline";
const CHECKSUMS: &str = "hopline.checksums";
const MARK: &str = "HOPSUMS1";

/// `observed_time` is kept as what it is behind `time`: nanoseconds, wrapping.
pub(crate) const OBSERVED_DELAY: &str = "observed_delay_nano";

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: u32,
    dense: Vec<DenseKey>,
}

/// How a fixed column is written.
struct Encoded {
    dictionary: bool,
    encoding: Option<Encoding>,
    statistics: bool,
}

fn encoded(signal: Signal, field: &Field) -> Encoded {
    use column::*;
    let of = |dictionary, encoding, statistics| Encoded { dictionary, encoding, statistics };
    match field.name().as_str() {
        START_TIME | DURATION_NANO if signal == Signal::Spans => of(false, Some(Encoding::BYTE_STREAM_SPLIT), true),
        TIME | SEQ => of(false, Some(Encoding::DELTA_BINARY_PACKED), field.name() == TIME),
        // Metrics: the start of a counter repeats.
        START_TIME => of(true, None, false),
        TRACE_ID | SPAN_ID | PARENT_SPAN_ID | BODY | EXTRA | EXEMPLARS => of(false, None, false),
        SEVERITY_NUMBER => of(true, None, true),
        ATTRIBUTES | EVENTS | LINKS => of(false, None, false),
        VALUE | SUM | MIN | MAX => of(false, Some(Encoding::BYTE_STREAM_SPLIT), false),
        _ => match field.data_type() {
            DataType::Boolean => of(false, None, false),
            _ => of(true, None, false),
        },
    }
}

/// The columns of a file: those of the signal, then the dense ones.
pub(crate) fn file_schema(signal: Signal, dense: &[DenseKey]) -> SchemaRef {
    with_dense(signal, dense.iter().map(DenseKey::field), true)
}

/// The same with `observed_time` as it is: batches between files.
pub(crate) fn split_schema(signal: Signal, dense: &[DenseKey]) -> SchemaRef {
    with_dense(signal, dense.iter().map(DenseKey::field), false)
}

fn with_dense(signal: Signal, dense: impl Iterator<Item = Field>, delay: bool) -> SchemaRef {
    let fixed = schema(signal).fields().iter().map(|field| match field.name().as_str() {
        column::OBSERVED_TIME if delay => Field::new(OBSERVED_DELAY, DataType::Int64, true),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fixed.chain(dense).collect::<Vec<_>>()))
}

pub(crate) fn properties(signal: Signal, dense: &[DenseKey], by_time: bool) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("hopline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX);
    let time_at = schema(signal).index_of(time_column(signal))?;
    if by_time {
        properties = properties.set_sorting_columns(Some(vec![SortingColumn { column_idx: time_at as i32, descending: false, nulls_first: false }]));
    }
    let fixed = file_schema(signal, &[]);
    for field in fixed.fields() {
        let path = || match field.data_type() {
            DataType::List(_) => ColumnPath::new(vec![field.name().clone(), "list".into(), "item".into()]),
            _ => ColumnPath::from(field.name().as_str()),
        };
        let how = encoded(signal, field);
        properties = properties.set_column_dictionary_enabled(path(), how.dictionary);
        if let Some(encoding) = how.encoding {
            properties = properties.set_column_encoding(path(), encoding);
        }
        if how.statistics {
            properties = properties.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
        if matches!(field.name().as_str(), column::RESOURCE | column::SCOPE) {
            properties = properties.set_column_dictionary_page_size_limit(path(), RESOURCES_BYTES_MAX);
        }
    }
    for key in dense {
        let path = || ColumnPath::new(vec![key.column()]);
        properties = properties.set_column_dictionary_enabled(path(), key.repeats && key.kind != Kind::Bool);
        if matches!(key.kind, Kind::Int | Kind::Double) {
            properties = properties.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
    }
    Ok(properties.build())
}

/// What is added to the footer once all row groups stand; the writer must have been flushed into `file`.
pub(crate) fn footer(file: &FileWriter, dense: &[DenseKey]) -> Result<[KeyValue; 2]> {
    let note = Note { format: super::meta::FORMAT, dense: dense.to_vec() };
    let note = serde_json::to_string(&note).map_err(|error| Error::Internal(format!("footer: {error}")))?;
    let (sums, crc) = file.checksums();
    let mut bytes = Vec::with_capacity(12 + sums.stripes.len() * 4);
    bytes.extend_from_slice(&sums.len.to_be_bytes());
    bytes.extend_from_slice(&crc.to_be_bytes());
    sums.stripes.iter().for_each(|crc| bytes.extend_from_slice(&crc.to_be_bytes()));
    let text = format!("{MARK}{}", encode_hex(&bytes));
    Ok([KeyValue::new(NOTE.into(), note), KeyValue::new(CHECKSUMS.into(), text)])
}

/// Consecutive rows of a block, read together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Its first row in the block.
    pub(crate) row: usize,
    pub(crate) rows: usize,
    pub(crate) time: (i64, i64),
}

/// An opened Parquet file: footer and page indexes.
#[derive(Debug)]
pub(crate) struct RowFile {
    pub(crate) source: Arc<Checked>,
    /// Repeating dense texts as dictionaries.
    scan: ArrowReaderMetadata,
    /// As the file was written.
    plain: ArrowReaderMetadata,
    pub(crate) dense: Vec<DenseKey>,
    pub(crate) groups: Vec<Group>,
    memory_bytes: usize,
}

impl RowFile {
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Self> {
        let name = names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Parquet);
        let damaged = |detail: &str| Error::corrupt(name.clone(), detail);
        let file = meta.files.iter().find(|file| file.kind == FileKind::Parquet).ok_or_else(|| damaged("the block has no Parquet file"))?;
        let (sums, tail) = read_tail(objects.as_ref(), &name, file.bytes, file.crc32c)?;
        let tail = Tail { at: sums.len, bytes: tail };
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        reader.try_parse(&tail)?;
        let unpacked = as_unpacked(reader.finish()?)?.ok_or_else(|| damaged("a column that is not packed with zstd"))?;
        let metadata = Arc::new(unpacked);
        let note = metadata.file_metadata().key_value_metadata().into_iter().flatten().find(|pair| pair.key == NOTE);
        let note: Note = serde_json::from_str(note.and_then(|pair| pair.value.as_deref()).unwrap_or(""))
            .map_err(|error| damaged(&format!("its note in the footer: {error}")))?;
        if note.format > super::meta::FORMAT {
            return Err(Error::Newer { what: name, found: note.format, known: super::meta::FORMAT });
        }
        let plain = file_schema(meta.signal, &note.dense);
        let scanned = with_dense(meta.signal, note.dense.iter().map(DenseKey::scan_field), true);
        let as_schema = |schema: SchemaRef| ArrowReaderMetadata::try_new(metadata.clone(), ArrowReaderOptions::new().with_schema(schema));
        let (scan, plain) = (as_schema(scanned)?, as_schema(plain)?);
        let time_at = schema(meta.signal).index_of(time_column(meta.signal))?;
        let mut groups = Vec::new();
        let mut row = 0;
        for (i, group) in metadata.row_groups().iter().enumerate() {
            let rows = group.num_rows() as usize;
            groups.push(Group { row, rows, time: time_of(&metadata, i, time_at).unwrap_or((meta.time_min, meta.time_max)) });
            row += rows;
        }
        if row as u64 != meta.rows {
            return Err(damaged(&format!("{row} rows instead of {}", meta.rows)));
        }
        let source = Arc::new(Checked::new(objects.clone(), name, sums));
        let memory_bytes = metadata.memory_size() + source.memory_bytes();
        Ok(Self { source, scan, plain, dense: note.dense, groups, memory_bytes })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        self.scan.metadata()
    }

    /// The place of a column in the file.
    pub(crate) fn column_at(&self, name: &str) -> Option<usize> {
        self.scan.schema().index_of(name).ok()
    }

    /// Statistics of the pages of a column in a row group.
    pub(crate) fn pages(&self, group: usize, column: usize) -> Option<(&ColumnIndexMetaData, Vec<usize>)> {
        let leaf = self.leaf(column)?;
        let index = self.metadata().column_index()?.get(group)?.get(leaf)?;
        let pages = self.metadata().offset_index()?.get(group)?.get(leaf)?;
        if matches!(index, ColumnIndexMetaData::NONE) || index.num_pages() as usize != pages.page_locations().len() {
            return None;
        }
        Some((index, pages.page_locations().iter().map(|page| page.first_row_index as usize).collect()))
    }

    /// The only leaf of a column.
    fn leaf(&self, column: usize) -> Option<usize> {
        let parquet = self.scan.parquet_schema();
        (0..parquet.num_columns()).find(|leaf| parquet.get_column_root_idx(*leaf) == column)
    }

    /// Rows of one row group in some columns (places in the file, ascending); `None`: all rows.
    pub(crate) fn read(&self, group: usize, columns: &[usize], rows: Option<RowSelection>, bytes_read: &Arc<AtomicU64>) -> Result<RecordBatch> {
        self.read_as(&self.scan, group, columns, rows, bytes_read)
    }

    /// The same in all columns and as the file was written.
    pub(crate) fn read_plain(&self, group: usize, rows: Option<RowSelection>) -> Result<RecordBatch> {
        let all: Vec<usize> = (0..self.plain.schema().fields().len()).collect();
        self.read_as(&self.plain, group, &all, rows, &Arc::default())
    }

    fn read_as(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        columns: &[usize],
        rows: Option<RowSelection>,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<RecordBatch> {
        let count = rows.as_ref().map_or(self.groups[group].rows, RowSelection::row_count);
        let schema = Arc::new(metadata.schema().project(columns)?);
        if count == 0 {
            return Ok(RecordBatch::new_empty(schema));
        }
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
        let levels = parquet_to_arrow_field_levels(metadata.parquet_schema(), mask, Some(metadata.schema().fields()))?;
        let packed = PackedGroup { source: Arc::new(Source(self.source.clone(), bytes_read.clone())), metadata: metadata.metadata(), group };
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &packed, count, rows)?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        let batch = if batches.len() == 1 { batches.into_iter().next() } else { Some(arrow::compute::concat_batches(&schema, &batches)?) };
        match batch {
            Some(batch) if batch.num_rows() == count => Ok(batch),
            batch => {
                let found = batch.map_or(0, |batch| batch.num_rows());
                Err(Error::corrupt(self.source.name(), format!("{found} rows instead of {count} in row group {group}")))
            }
        }
    }
}

fn time_of(metadata: &ParquetMetaData, group: usize, column: usize) -> Option<(i64, i64)> {
    let index = metadata.column_index()?.get(group)?.get(column)?;
    let ColumnIndexMetaData::INT64(index) = index else { return None };
    Some((*index.min_values_iter().flatten().min()?, *index.max_values_iter().flatten().max()?))
}

/// Everything behind the row groups, checked.
fn read_tail(objects: &dyn ObjectIo, name: &str, bytes: u64, crc: u32) -> Result<(Checksums, Bytes)> {
    const GUESS_BYTES: u64 = 64 << 10;
    let damaged = |detail: &str| Error::corrupt(name, detail);
    let mut most = GUESS_BYTES.min(bytes);
    loop {
        let end = objects.read(name, bytes - most, most as usize)?;
        let parsed = memchr::memmem::rfind(&end, MARK.as_bytes()).and_then(|at| parse_sums(&end[at + MARK.len()..]));
        if let Some((sums, data_crc)) = parsed
            && sums.len < bytes
        {
            let tail_bytes = bytes - sums.len;
            let tail =
                if tail_bytes <= most { end.slice((most - tail_bytes) as usize..) } else { objects.read(name, sums.len, tail_bytes as usize)? };
            // What the text says of the rows and what the tail is must together be the file that was committed.
            if crc32c::crc32c_combine(data_crc, crc32c::crc32c(&tail), tail.len()) != crc {
                return Err(damaged("checksum of its footer"));
            }
            return Ok((sums, tail));
        }
        if most == bytes {
            return Err(damaged("its checksums are not there"));
        }
        most = (most * 8).min(bytes);
    }
}

/// `None` when the text is cut or is not ours.
fn parse_sums(text: &[u8]) -> Option<(Checksums, u32)> {
    let hex = |range: std::ops::Range<usize>, out: &mut [u8]| decode_hex(std::str::from_utf8(text.get(range)?).ok()?, out);
    let (mut len, mut crc) = ([0; 8], [0; 4]);
    hex(0..16, &mut len)?;
    hex(16..24, &mut crc)?;
    let len = u64::from_be_bytes(len);
    let count = len.div_ceil(super::checked::STRIPE_BYTES as u64);
    if count > text.len() as u64 {
        return None;
    }
    let mut stripes = vec![0; count as usize * 4];
    hex(24..24 + stripes.len() * 2, &mut stripes)?;
    let stripes = stripes.chunks_exact(4).map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))).collect();
    Some((Checksums { len, stripes }, u32::from_be_bytes(crc)))
}

/// The verified end of a file, at its place.
struct Tail {
    at: u64,
    bytes: Bytes,
}

impl Length for Tail {
    fn len(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

impl ChunkReader for Tail {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        let from = start.checked_sub(self.at).filter(|from| *from <= self.bytes.len() as u64);
        let from = from.ok_or_else(|| ParquetError::EOF(format!("byte {start} is no part of the footer")))?;
        Ok(self.bytes.slice(from as usize..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.at).and_then(|from| usize::try_from(from).ok());
        let range = from.and_then(|from| Some(from..from.checked_add(length)?)).filter(|range| range.end <= self.bytes.len());
        range.map(|range| self.bytes.slice(range)).ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start} are no part of the footer")))
    }
}

/// Pages, checked as they are read.
struct Source(Arc<Checked>, Arc<AtomicU64>);

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Source {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        let len = self.0.len().saturating_sub(start) as usize;
        Ok(self.get_bytes(start, len)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        self.1.fetch_add(length as u64, Ordering::Relaxed);
        self.0.read(start, length).map_err(|error| ParquetError::External(Box::new(error)))
    }
}
