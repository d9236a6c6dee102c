//! An opened Parquet file: what a read needs of its footer and page indexes, packed.

use super::bounds::{Bounds, PageBounds};
use super::columns::Columns;
use super::fetch::Fetch;
use super::layout::{Chunk, Layout};
use super::tail::{Tail, read_tail};
use super::unpack::PackedGroup;
use super::{NOTE, Note};
use crate::block::checked::Checked;
use crate::block::dense::DenseKey;
use crate::block::{BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::{ObjectIo, names};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use hopline_model::schema::{schema, time_column};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Compression;
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy, RowGroupMetaData,
};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Consecutive rows of a block, read together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Its first row in the block.
    pub(crate) row: usize,
    pub(crate) rows: usize,
    pub(crate) time: (i64, i64),
}

#[derive(Debug)]
pub(crate) struct RowFile {
    source: Arc<Checked>,
    columns: Arc<Columns>,
    layout: Layout,
    bounds: Bounds,
    pub(crate) dense: Vec<DenseKey>,
    pub(crate) groups: Vec<Group>,
    /// Rows stand in time order.
    pub(crate) sorted: bool,
    /// Of all pages, unpacked.
    pub(crate) unpacked_bytes: u64,
}

impl RowFile {
    pub(crate) fn open(meta: &BlockMeta, objects: &Arc<dyn ObjectIo>) -> Result<Self> {
        let name = names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Parquet);
        let damaged = |detail: &str| Error::corrupt(name.clone(), detail);
        let file = meta.files.iter().find(|file| file.kind == FileKind::Parquet).ok_or_else(|| damaged("the block has no Parquet file"))?;
        let (sums, tail) = read_tail(objects.as_ref(), &name, file.bytes, file.crc32c)?;
        let metadata = parse(&Tail { at: sums.len, bytes: tail })?;
        let packed = |group: &RowGroupMetaData| group.columns().iter().all(|column| matches!(column.compression(), Compression::ZSTD(_)));
        if !metadata.row_groups().iter().all(packed) {
            return Err(damaged("a column that is not packed with zstd"));
        }
        let note = metadata.file_metadata().key_value_metadata().into_iter().flatten().find(|pair| pair.key == NOTE);
        let note: Note = serde_json::from_str(note.and_then(|pair| pair.value.as_deref()).unwrap_or(""))
            .map_err(|error| damaged(&format!("its note in the footer: {error}")))?;
        if note.format > crate::block::meta::FORMAT {
            return Err(Error::Newer { what: name, found: note.format, known: crate::block::meta::FORMAT });
        }
        let columns = Columns::of(meta.signal, &note.dense, metadata.file_metadata())?;
        let layout = Layout::pack(&metadata).ok_or_else(|| damaged("its pages do not follow each other"))?;
        let bounds = Bounds::pack(&metadata);
        let time = schema(meta.signal).index_of(time_column(meta.signal)).ok().and_then(|at| columns.leaf(at));
        let mut groups = Vec::with_capacity(metadata.num_row_groups());
        let mut row = 0;
        for (at, group) in metadata.row_groups().iter().enumerate() {
            let rows = group.num_rows() as usize;
            let time = time.and_then(|leaf| time_of(&bounds.pages(at, leaf)?)).unwrap_or((meta.time_min, meta.time_max));
            groups.push(Group { row, rows, time });
            row += rows;
        }
        if row as u64 != meta.rows {
            return Err(damaged(&format!("{row} rows instead of {}", meta.rows)));
        }
        let sorted = metadata.row_groups().iter().all(|group| group.sorting_columns().is_some_and(|columns| !columns.is_empty()));
        let unpacked_bytes = metadata.row_groups().iter().map(|group| group.total_byte_size().max(0) as u64).sum();
        let source = Arc::new(Checked::new(objects.clone(), name, sums));
        Ok(Self { source, columns, layout, bounds, dense: note.dense, groups, sorted, unpacked_bytes })
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let dense: usize = self.dense.iter().map(|key| size_of::<DenseKey>() + key.key.len()).sum();
        let groups = self.groups.len() * size_of::<Group>();
        // Shared columns count for each file: which one lets go of them last is not known.
        size_of::<Self>()
            + self.source.memory_bytes()
            + self.columns.memory_bytes()
            + self.layout.memory_bytes()
            + self.bounds.memory_bytes()
            + dense
            + groups
    }

    #[cfg(test)]
    pub(super) fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// The place of a column in the file.
    pub(crate) fn column_at(&self, name: &str) -> Option<usize> {
        self.columns.scan.index_of(name).ok()
    }

    /// The names of the columns with how many bytes each takes in the file.
    pub(crate) fn column_bytes(&self) -> impl Iterator<Item = (&str, u64)> {
        let leaves = 0..self.columns.parquet().num_columns();
        leaves.map(|leaf| {
            let column = self.columns.parquet().get_column_root_idx(leaf);
            let bytes = (0..self.groups.len()).map(|group| self.layout.chunk(group, leaf).bytes).sum();
            (self.columns.plain.field(column).name().as_str(), bytes)
        })
    }

    /// Whether pages of a column have bounds.
    pub(crate) fn has_bounds(&self, column: usize) -> bool {
        self.columns.leaf(column).is_some_and(|leaf| self.bounds.has(leaf))
    }

    /// The rows of the pages of a column in a row group, with their bounds; `None`: not known.
    pub(crate) fn page_bounds(&self, group: usize, column: usize) -> Option<Vec<(Range<usize>, PageBounds)>> {
        let leaf = self.columns.leaf(column)?;
        let bounds = self.bounds.pages(group, leaf)?;
        let pages = self.layout.chunk(group, leaf).pages;
        let firsts = pages.iter().map(|page| page.first_row_index as usize);
        let ends = firsts.clone().skip(1).chain([self.groups[group].rows]);
        (pages.len() == bounds.len()).then(|| firsts.zip(ends).map(|(first, end)| first..end).zip(bounds).collect())
    }

    /// Rows of one row group in some columns (places in the file, ascending); `None`: all rows.
    pub(crate) fn read(&self, group: usize, columns: &[usize], rows: Option<RowSelection>, bytes_read: &Arc<AtomicU64>) -> Result<RecordBatch> {
        self.read_as(&self.columns.scan, group, columns, rows, bytes_read)
    }

    /// The same in all columns and as the file was written.
    pub(crate) fn read_plain(&self, group: usize, rows: Option<RowSelection>) -> Result<RecordBatch> {
        let all: Vec<usize> = (0..self.columns.plain.fields().len()).collect();
        self.read_as(&self.columns.plain, group, &all, rows, &Arc::default())
    }

    fn read_as(
        &self,
        schema: &SchemaRef,
        group: usize,
        columns: &[usize],
        rows: Option<RowSelection>,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<RecordBatch> {
        let group_rows = self.groups[group].rows;
        let count = rows.as_ref().map_or(group_rows, RowSelection::row_count);
        let projected = Arc::new(schema.project(columns)?);
        if count == 0 {
            return Ok(RecordBatch::new_empty(projected));
        }
        let mask = ProjectionMask::roots(self.columns.parquet(), columns.iter().copied());
        let levels = parquet_to_arrow_field_levels(self.columns.parquet(), mask.clone(), Some(schema.fields()))?;
        let leaves = (0..self.columns.parquet().num_columns()).filter(|leaf| mask.leaf_included(*leaf));
        let chunks: Vec<(usize, Chunk)> = leaves.map(|leaf| (leaf, self.layout.chunk(group, leaf))).collect();
        let mut wanted = Vec::with_capacity(2 * chunks.len());
        for (_, chunk) in &chunks {
            wanted.push(chunk.at..chunk.at + chunk.dictionary_bytes);
            match &rows {
                None => wanted.extend(chunk.pages.iter().map(|page| page.offset as u64..page.offset as u64 + page.compressed_page_size as u64)),
                Some(rows) => wanted.extend(rows.scan_ranges(&chunk.pages)),
            }
        }
        let source = Arc::new(Fetch::new(self.source.clone(), wanted, bytes_read.clone()));
        let packed = PackedGroup { source, bare: &self.columns.bare, chunks, rows: group_rows };
        let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &packed, count, rows)?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        let batch = if batches.len() == 1 { batches.into_iter().next() } else { Some(arrow::compute::concat_batches(&projected, &batches)?) };
        match batch {
            Some(batch) if batch.num_rows() == count => Ok(batch),
            batch => {
                let found = batch.map_or(0, |batch| batch.num_rows());
                Err(Error::corrupt(self.source.name(), format!("{found} rows instead of {count} in row group {group}")))
            }
        }
    }
}

/// The footer and the page indexes. Statistics that nothing here asks for are passed over.
pub(super) fn parse(tail: &Tail) -> Result<ParquetMetaData> {
    let options = ParquetMetaDataOptions::new()
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).with_metadata_options(Some(options));
    reader.try_parse(tail)?;
    Ok(reader.finish()?)
}

fn time_of(pages: &[PageBounds]) -> Option<(i64, i64)> {
    let known = pages.iter().filter_map(|page| if let PageBounds::Int(min, max) = page { Some((*min, *max)) } else { None });
    known.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
