//! Pages of a row group on their way to `parquet`, unpacked here.
//!
//! `parquet` makes a compression and a decompression context of zstd for every column of every read; where a few rows are wanted, those cost
//! more than the rows. So it is told that pages are not packed, hands them over as they stand in the file, and they are unpacked with one
//! context per thread.

use super::layout::Chunk;
use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use std::cell::RefCell;
use std::sync::Arc;

/// One row group of a file whose pages are packed with zstd.
pub(super) struct PackedGroup<'a, S> {
    pub(super) source: Arc<S>,
    /// The file's footer without row groups.
    pub(super) bare: &'a ParquetMetaData,
    /// The columns that are read, by leaf.
    pub(super) chunks: Vec<(usize, Chunk)>,
    pub(super) rows: usize,
}

impl<S: ChunkReader + 'static> RowGroups for PackedGroup<'_, S> {
    fn num_rows(&self) -> usize {
        self.rows
    }

    fn column_chunks(&self, leaf: usize) -> parquet::errors::Result<Box<dyn PageIterator>> {
        let found = self.chunks.binary_search_by_key(&leaf, |chunk| chunk.0);
        let chunk = found.map_err(|_| ParquetError::General(format!("column {leaf} was not asked for")))?;
        let Chunk { at, dictionary_bytes, bytes, pages } = self.chunks[chunk].1.clone();
        let column = ColumnChunkMetaData::builder(self.bare.file_metadata().schema_descr().column(leaf))
            .set_dictionary_page_offset((dictionary_bytes > 0).then_some(at as i64))
            .set_data_page_offset((at + dictionary_bytes) as i64)
            .set_total_compressed_size(bytes as i64)
            .set_compression(Compression::UNCOMPRESSED)
            .build()?;
        let reader = SerializedPageReader::new(self.source.clone(), &column, self.rows, Some(pages))?;
        Ok(Box::new(OneChunk(Some(Box::new(Unpacking(reader))))))
    }

    /// Asked for the numbers of rows and row groups alone, which nothing here reads.
    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::empty())
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.bare
    }
}

/// The one chunk of a column.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = parquet::errors::Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

struct Unpacking<S: ChunkReader>(SerializedPageReader<S>);

impl<S: ChunkReader> Iterator for Unpacking<S> {
    type Item = parquet::errors::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<S: ChunkReader> PageReader for Unpacking<S> {
    fn get_next_page(&mut self) -> parquet::errors::Result<Option<Page>> {
        self.0.get_next_page()?.map(unpacked).transpose()
    }

    fn peek_next_page(&mut self) -> parquet::errors::Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> parquet::errors::Result<()> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> parquet::errors::Result<bool> {
        self.0.at_record_boundary()
    }
}

fn unpacked(page: Page) -> parquet::errors::Result<Page> {
    Ok(match page {
        Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
            Page::DataPage { buf: unpack(&buf)?, num_values, encoding, def_level_encoding, rep_level_encoding, statistics }
        }
        Page::DictionaryPage { buf, num_values, encoding, is_sorted } => Page::DictionaryPage { buf: unpack(&buf)?, num_values, encoding, is_sorted },
        Page::DataPageV2 { .. } => return Err(ParquetError::NYI("a data page of version 2: blocks are written with version 1".into())),
    })
}

fn unpack(packed: &[u8]) -> parquet::errors::Result<Bytes> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let broken = |detail: String| ParquetError::General(format!("a page does not unpack: {detail}"));
    if packed.is_empty() {
        return Ok(Bytes::new());
    }
    let size = zstd::zstd_safe::get_frame_content_size(packed).map_err(|error| broken(error.to_string()))?;
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| broken("its length is not told".into()))?;
    CONTEXT.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(zstd::bulk::Decompressor::new()?),
        };
        let bytes = context.decompress(packed, size).map_err(|error| broken(error.to_string()))?;
        if bytes.len() == size { Ok(bytes.into()) } else { Err(broken(format!("{} bytes instead of {size}", bytes.len()))) }
    })
}
