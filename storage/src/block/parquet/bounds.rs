//! Smallest and largest value of each page of the columns that are written with such statistics, packed.
//!
//! For each row group that has them, a page at a time:
//! ```text
//! ┌──────────────────────────────┬────────────────────────────────┬──────────────────────┐
//! │ NULLS, UNKNOWN or KNOWN u8   │ KNOWN integers: min − the min  │ max − min, varint    │
//! │                              │ known before, zigzag varint    │                      │
//! │                              ├────────────────────────────────┼──────────────────────┤
//! │                              │ KNOWN doubles: min, 8 bytes    │ max, 8 bytes         │
//! └──────────────────────────────┴────────────────────────────────┴──────────────────────┘
//! ```

use crate::block::varint;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

const NULLS: u8 = 0;
const UNKNOWN: u8 = 1;
const KNOWN: u8 = 2;
/// In place of where a row group begins: it has no statistics.
const NONE: u32 = u32::MAX;

/// What is known of the values of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PageBounds {
    /// There are none.
    Nulls,
    Unknown,
    Int(i64, i64),
    Double(f64, f64),
}

#[derive(Debug, Default)]
pub(super) struct Bounds {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    leaf: usize,
    doubles: bool,
    /// Where each row group begins in `packed`, and how many pages it has.
    groups: Box<[(u32, u32)]>,
    packed: Box<[u8]>,
}

impl Bounds {
    pub(super) fn pack(metadata: &ParquetMetaData) -> Self {
        let groups = metadata.num_row_groups();
        let index = |group: usize, leaf: usize| metadata.column_index()?.get(group)?.get(leaf);
        let mut columns = Vec::new();
        for leaf in 0..metadata.file_metadata().schema_descr().num_columns() {
            let mut column = (false, Vec::with_capacity(groups), Vec::new());
            for group in 0..groups {
                // Of a page without bounds the whole row group has none; `parquet` leaves them away.
                let pages = index(group, leaf).and_then(page_bounds);
                let count = pages.as_ref().map_or(0, Vec::len) as u32;
                column.1.push((pages.as_ref().map_or(NONE, |_| column.2.len() as u32), count));
                column.0 |= pages.iter().flatten().any(|page| matches!(page, PageBounds::Double(..)));
                put(&mut column.2, &pages.unwrap_or_default());
            }
            if column.1.iter().any(|(at, _)| *at != NONE) {
                columns.push(Column { leaf, doubles: column.0, groups: column.1.into(), packed: column.2.into() });
            }
        }
        Self { columns }
    }

    /// Whether any row group has bounds of the column.
    pub(super) fn has(&self, leaf: usize) -> bool {
        self.columns.iter().any(|column| column.leaf == leaf)
    }

    /// Of the pages of a column in a row group; `None`: no statistics.
    pub(super) fn pages(&self, group: usize, leaf: usize) -> Option<Vec<PageBounds>> {
        let column = self.columns.iter().find(|column| column.leaf == leaf)?;
        let (at, count) = column.groups.get(group).copied().filter(|(at, _)| *at != NONE)?;
        let mut rest = &column.packed[at as usize..];
        let mut before = 0i64;
        let take = |rest: &mut &[u8]| varint::take(rest).expect("packed by `put`");
        let double = |rest: &mut &[u8]| {
            let (bytes, behind) = rest.split_first_chunk::<8>().expect("packed by `put`");
            *rest = behind;
            f64::from_le_bytes(*bytes)
        };
        let pages = (0..count).map(|_| {
            let (kind, behind) = rest.split_first().expect("packed by `put`");
            rest = behind;
            match *kind {
                NULLS => PageBounds::Nulls,
                KNOWN if column.doubles => PageBounds::Double(double(&mut rest), double(&mut rest)),
                KNOWN => {
                    let step = take(&mut rest);
                    let min = before.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
                    before = min;
                    PageBounds::Int(min, min.wrapping_add(take(&mut rest) as i64))
                }
                _ => PageBounds::Unknown,
            }
        });
        Some(pages.collect())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.columns.iter().map(|column| size_of::<Column>() + column.groups.len() * 8 + column.packed.len()).sum()
    }
}

/// `None`: none, or of a type that is not pruned by.
fn page_bounds(index: &ColumnIndexMetaData) -> Option<Vec<PageBounds>> {
    let bounds = |page: usize| {
        let known = match index {
            ColumnIndexMetaData::INT32(index) => {
                index.min_value(page).zip(index.max_value(page)).map(|(a, b)| PageBounds::Int((*a).into(), (*b).into()))
            }
            ColumnIndexMetaData::INT64(index) => index.min_value(page).zip(index.max_value(page)).map(|(a, b)| PageBounds::Int(*a, *b)),
            ColumnIndexMetaData::DOUBLE(index) => index.min_value(page).zip(index.max_value(page)).map(|(a, b)| PageBounds::Double(*a, *b)),
            _ => None,
        };
        if index.is_null_page(page) { PageBounds::Nulls } else { known.unwrap_or(PageBounds::Unknown) }
    };
    match index {
        ColumnIndexMetaData::INT32(_) | ColumnIndexMetaData::INT64(_) | ColumnIndexMetaData::DOUBLE(_) => {
            Some((0..index.num_pages() as usize).map(bounds).collect())
        }
        _ => None,
    }
}

fn put(out: &mut Vec<u8>, pages: &[PageBounds]) {
    let mut before = 0i64;
    for page in pages {
        match page {
            PageBounds::Nulls => out.push(NULLS),
            PageBounds::Unknown => out.push(UNKNOWN),
            PageBounds::Int(min, max) => {
                out.push(KNOWN);
                let step = min.wrapping_sub(before);
                varint::put(out, (step << 1 ^ step >> 63) as u64);
                varint::put(out, max.wrapping_sub(*min) as u64);
                before = *min;
            }
            PageBounds::Double(min, max) => {
                out.push(KNOWN);
                out.extend_from_slice(&min.to_le_bytes());
                out.extend_from_slice(&max.to_le_bytes());
            }
        }
    }
}
