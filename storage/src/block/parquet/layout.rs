//! Where the pages of a file lie, packed: an opened file keeps this in place of its footer, which is many times as large.
//!
//! For each column of each row group, row groups first, numbers as varints:
//! ```text
//! ┌──────────────┬───────────────────────┬──────────────────────┬───────────────────────────┬───────────────────────────┐
//! │ its place in │ bytes of the          │ (pages << 2)         │ bytes of each page;       │ rows of each page but the │
//! │ the file     │ dictionary, 0: none   │ | LIKE | FULL        │ LIKE: once, for all pages │ last; FULL: left out      │
//! └──────────────┴───────────────────────┴──────────────────────┴───────────────────────────┴───────────────────────────┘
//! ```
//! LIKE: all pages have one length; FULL: all but the last have 2,048 rows. Pages follow each other without gaps; a footer
//! that says otherwise is not one of ours.

use super::PAGE_ROWS;
use crate::block::varint;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::offset_index::PageLocation;

const FULL: u64 = 1;
const LIKE: u64 = 2;

#[derive(Debug)]
pub(super) struct Layout {
    leaves: usize,
    /// Where each column of each row group begins in `packed`.
    starts: Box<[u32]>,
    packed: Box<[u8]>,
}

/// A column of a row group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chunk {
    /// Its place in the file.
    pub(super) at: u64,
    pub(super) dictionary_bytes: u64,
    /// Of the pages and the dictionary.
    pub(super) bytes: u64,
    pub(super) pages: Vec<PageLocation>,
}

impl Layout {
    /// `None`: pages are not told, or do not follow each other.
    pub(super) fn pack(metadata: &ParquetMetaData) -> Option<Self> {
        let mut starts = Vec::new();
        let mut packed = Vec::new();
        for (group_at, group) in metadata.row_groups().iter().enumerate() {
            for (leaf, column) in group.columns().iter().enumerate() {
                let pages = metadata.offset_index()?.get(group_at)?.get(leaf)?.page_locations();
                starts.push(u32::try_from(packed.len()).ok()?);
                put(&mut packed, column, pages, group.num_rows())?;
            }
        }
        let leaves = metadata.file_metadata().schema_descr().num_columns();
        Some(Self { leaves, starts: starts.into(), packed: packed.into() })
    }

    pub(super) fn chunk(&self, group: usize, leaf: usize) -> Chunk {
        let mut rest = self.packed(group, leaf);
        let rest = &mut rest;
        let (at, dictionary_bytes, shape) = (take(rest), take(rest), take(rest));
        let count = (shape >> 2) as usize;
        let like = (shape & LIKE != 0).then(|| take(rest));
        let mut offset = at + dictionary_bytes;
        let mut pages = Vec::with_capacity(count);
        for _ in 0..count {
            let bytes = like.unwrap_or_else(|| take(rest));
            pages.push(PageLocation { offset: offset as i64, compressed_page_size: bytes as i32, first_row_index: 0 });
            offset += bytes;
        }
        let mut row = 0;
        for page in pages.iter_mut().skip(1) {
            row += if shape & FULL != 0 { PAGE_ROWS as i64 } else { take(rest) as i64 };
            page.first_row_index = row;
        }
        Chunk { at, dictionary_bytes, bytes: offset - at, pages }
    }

    fn packed(&self, group: usize, leaf: usize) -> &[u8] {
        &self.packed[self.starts[group * self.leaves + leaf] as usize..]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.starts.len() * 4 + self.packed.len()
    }
}

fn put(out: &mut Vec<u8>, column: &ColumnChunkMetaData, pages: &[PageLocation], rows: i64) -> Option<()> {
    let at = u64::try_from(column.dictionary_page_offset().unwrap_or(column.data_page_offset())).ok()?;
    let first = pages.first().map_or(column.data_page_offset(), |page| page.offset);
    let dictionary_bytes = u64::try_from(first).ok()?.checked_sub(at)?;
    let bytes = pages.iter().map(|page| u64::try_from(page.compressed_page_size).ok()).collect::<Option<Vec<u64>>>()?;
    let ends = pages.iter().zip(&bytes).map(|(page, bytes)| page.offset.checked_add(*bytes as i64));
    let behind = at.checked_add(u64::try_from(column.compressed_size()).ok()?).and_then(|end| i64::try_from(end).ok())?;
    let next = pages.iter().skip(1).map(|page| page.offset).chain([behind]);
    let first_rows = pages.iter().map(|page| page.first_row_index);
    let rows_ascend = first_rows.clone().chain([rows]).is_sorted_by(|a, b| a < b) && pages.first().is_none_or(|page| page.first_row_index == 0);
    if !ends.eq(next.map(Some).take(pages.len())) || !rows_ascend {
        return None;
    }
    let page_rows: Vec<u64> = first_rows.clone().zip(first_rows.skip(1)).map(|(row, next)| (next - row) as u64).collect();
    let full = page_rows.iter().all(|rows| *rows == PAGE_ROWS as u64);
    let like = bytes.first().filter(|first| bytes.iter().all(|bytes| bytes == *first)).copied();
    varint::put(out, at);
    varint::put(out, dictionary_bytes);
    varint::put(out, (pages.len() as u64) << 2 | if full { FULL } else { 0 } | if like.is_some() { LIKE } else { 0 });
    match like {
        Some(bytes) => varint::put(out, bytes),
        None => bytes.iter().for_each(|bytes| varint::put(out, *bytes)),
    }
    if !full {
        page_rows.iter().for_each(|rows| varint::put(out, *rows));
    }
    Some(())
}

fn take(rest: &mut &[u8]) -> u64 {
    varint::take(rest).expect("packed by `put`")
}
