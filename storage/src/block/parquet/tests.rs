//! What an opened file keeps, against the footer it was made of.

#![allow(clippy::unwrap_used)]

use super::bounds::{Bounds, PageBounds};
use super::file::{RowFile, parse};
use super::layout::{Chunk, Layout};
use super::tail::{Tail, read_tail};
use super::{GROUP_ROWS, PAGE_ROWS};
use crate::block::tests::Shelf;
use crate::block::{Block, FileKind};
use crate::objects::names;
use crate::scan::tests::{log_chunks, span_chunks};
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::{Signal, TraceId, UnixNanos};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use std::sync::Arc;

fn footer(block: &Block) -> ParquetMetaData {
    let name = names::block_file(block.meta.tenant, block.meta.signal, block.meta.id, FileKind::Parquet);
    let file = block.meta.files.iter().find(|file| file.kind == FileKind::Parquet).unwrap();
    let (sums, bytes) = read_tail(block.objects.as_ref(), &name, file.bytes, file.crc32c).unwrap();
    parse(&Tail { at: sums.len, bytes }).unwrap()
}

/// Packed and unpacked is what the footer says, of every page of every column.
pub(crate) fn check(block: &Block) {
    let metadata = footer(block);
    let (layout, bounds) = (Layout::pack(&metadata).unwrap(), Bounds::pack(&metadata));
    for (at, group) in metadata.row_groups().iter().enumerate() {
        for (leaf, column) in group.columns().iter().enumerate() {
            let pages = metadata.offset_index().unwrap()[at][leaf].page_locations();
            let (start, bytes) = column.byte_range();
            let dictionary_bytes = column.data_page_offset() as u64 - start;
            assert_eq!(layout.chunk(at, leaf), Chunk { at: start, dictionary_bytes, bytes, pages: pages.clone() });
            assert_eq!(dictionary_bytes > 0, column.dictionary_page_offset().is_some());
            let index = &metadata.column_index().unwrap()[at][leaf];
            let known = bounds.pages(at, leaf);
            assert_eq!(known.is_some(), !matches!(index, ColumnIndexMetaData::NONE), "{}", column.column_path());
            assert!(known.is_none() || bounds.has(leaf));
            for (page, known) in known.iter().flatten().enumerate() {
                let expect = match index {
                    _ if index.is_null_page(page) => PageBounds::Nulls,
                    ColumnIndexMetaData::INT32(index) => PageBounds::Int(index.min_values()[page].into(), index.max_values()[page].into()),
                    ColumnIndexMetaData::INT64(index) => PageBounds::Int(index.min_values()[page], index.max_values()[page]),
                    ColumnIndexMetaData::DOUBLE(index) => PageBounds::Double(index.min_values()[page], index.max_values()[page]),
                    other => panic!("{other:?}"),
                };
                assert_eq!(*known, expect);
            }
        }
    }
}

/// Several row groups with dictionaries, dense columns of every type, pages of nulls alone, integers that wrap, large texts.
#[test]
fn packed_is_what_the_footer_says() {
    let rows = 2 * GROUP_ROWS as u64 + 5000;
    let number = |i: u64| match i % 3 {
        0 => i64::MIN + i as i64,
        1 => i64::MAX - i as i64,
        _ => i as i64,
    };
    let attributes = |i: u64| {
        let rare = if i < 40_000 { format!("\"rare\":{i},") } else { String::new() };
        format!("{{\"double\":{}.5,\"flag\":{},\"number\":{},{rare}\"text\":\"t-{}\"}}", i % 90, i.is_multiple_of(2), number(i), i % 11)
    };
    let mut spans: Vec<Span> = (0..rows)
        .map(|i| Span {
            trace_id: TraceId((u128::from(i / 7) + 1).to_be_bytes()),
            start_time: UnixNanos(i as i64 * 1_000_000),
            duration_nano: number(i),
            name: format!("step {}", i % 17),
            attributes: attributes(i),
            ..Span::default()
        })
        .collect();
    let mut logs: Vec<Log> = (0..rows)
        .map(|i| Log {
            time: UnixNanos(i as i64 * 1_000_000),
            trace_id: i.is_multiple_of(5).then_some(TraceId([1; 16])),
            severity_number: (i % 20) as i32,
            // Pages that are cut for their bytes have fewer rows than others.
            body: (i < 60_000).then(|| format!("{i} {}", "long ".repeat(if i < 3000 { 400 } else { 2 }))),
            attributes: attributes(i),
            ..Log::default()
        })
        .collect();
    let mut shelf = Shelf::new();
    let chunks = [(Signal::Spans, span_chunks(&mut spans, 9000)), (Signal::Logs, log_chunks(&mut logs, 9000))];
    for (signal, chunks) in chunks {
        let written = shelf.write(signal, 0, &chunks);
        let merged = shelf.merge(std::slice::from_ref(&written), 1, 1 << 20).remove(0);
        for block in [&written, &merged] {
            check(block);
            let metadata = footer(block);
            let file = RowFile::open(&block.meta, &block.objects).unwrap();
            assert!(file.groups.len() == 3 && metadata.num_row_groups() == 3);
            assert!(file.memory_bytes() * 4 < metadata.memory_size(), "{} of {}", file.memory_bytes(), metadata.memory_size());
            let (column, numbers) = (file.column_at("attributes.number").unwrap(), Vec::from_iter(file.dense.iter().map(|dense| &dense.key)));
            assert!(file.has_bounds(column), "{numbers:?}");
            let pages: Vec<_> = (0..3).flat_map(|group| file.page_bounds(group, column).unwrap()).collect();
            assert!(pages.iter().all(|(rows, bounds)| rows.len() <= PAGE_ROWS && matches!(bounds, PageBounds::Int(..))));
            assert_eq!(pages.iter().map(|(rows, _)| rows.len() as u64).sum::<u64>(), rows);
        }
    }
}

/// Files with the same columns share what is known of them, for as long as one of them is open.
#[test]
fn columns_are_shared() {
    let mut shelf = Shelf::new();
    let mut open = |key: &str, kind: &str| {
        let log = |i: i64| Log { time: UnixNanos(i), attributes: format!("{{\"{key}\":{kind}}}"), ..Log::default() };
        let block = shelf.write(Signal::Logs, 0, &log_chunks(&mut (0..100).map(log).collect::<Vec<_>>(), 100));
        RowFile::open(&block.meta, &block.objects).unwrap()
    };
    let (first, same, other, typed) = (open("shared", "1"), open("shared", "2"), open("others", "1"), open("shared", "true"));
    assert!(Arc::ptr_eq(first.columns(), same.columns()));
    assert!(!Arc::ptr_eq(first.columns(), other.columns()) && !Arc::ptr_eq(first.columns(), typed.columns()));
}
