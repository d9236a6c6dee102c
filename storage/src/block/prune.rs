//! Which rows of a block can match, as far as meta, page statistics and side files know. Never too few.

use super::parquet::RowFile;
use super::tix::hash;
use super::tok::{key_hash, pair_hash, word_hash};
use super::{Block, BlockMeta, FileKind};
use crate::scan::filter::Filter;
use crate::scan::predicate::Field;
use crate::scan::value::{Compiled, Number};
use crate::text::{TextMatcher, TextQuery};
use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use hopline_model::schema::{column, time_column};
use hopline_model::{Signal, TimeRange};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use std::ops::Range;

/// Whether any row can match, by the meta alone.
pub(crate) fn may_match(meta: &BlockMeta, filter: &Filter) -> bool {
    match filter {
        Filter::Nothing => false,
        Filter::And(filters) => filters.iter().all(|filter| may_match(meta, filter)),
        Filter::Or(filters) => filters.iter().any(|filter| may_match(meta, filter)),
        Filter::Compare { field: Field::Column(column::SERVICE_NAME), test } => {
            meta.services.is_empty() || meta.services.iter().any(|service| test.text(&service.service_name))
        }
        _ => true,
    }
}

/// Rows that can match.
pub(crate) struct Bound<'a> {
    block: &'a Block,
    file: &'a RowFile,
    /// Rows that hold the words of a query, where the index knew: asked again by the parts.
    pub(crate) texts: Vec<(TextQuery, BooleanBuffer)>,
    /// Bytes of side files read on the way.
    pub(crate) bytes_read: u64,
}

impl<'a> Bound<'a> {
    pub(crate) fn new(block: &'a Block, file: &'a RowFile) -> Self {
        Self { block, file, texts: Vec::new(), bytes_read: 0 }
    }

    fn total(&self) -> usize {
        self.block.meta.rows as usize
    }

    /// `None`: any row.
    pub(crate) fn rows(&mut self, filter: &Filter) -> Option<BooleanBuffer> {
        match filter {
            Filter::All => None,
            Filter::Not(filter) => {
                // Its texts are looked up all the same: parts ask for them.
                self.rows(filter);
                None
            }
            Filter::Nothing => Some(BooleanBuffer::new_unset(self.total())),
            Filter::And(filters) => {
                let mut found: Option<BooleanBuffer> = None;
                for filter in filters {
                    if found.as_ref().is_some_and(|found| found.count_set_bits() == 0) {
                        break;
                    }
                    if let Some(rows) = self.rows(filter) {
                        found = Some(found.map_or(rows.clone(), |found| &found & &rows));
                    }
                }
                found
            }
            Filter::Or(filters) => {
                // Every text is looked up, also once the whole is unbounded: parts ask for them.
                let bounds: Vec<Option<BooleanBuffer>> = filters.iter().map(|filter| self.rows(filter)).collect();
                let mut found = BooleanBuffer::new_unset(self.total());
                for rows in bounds {
                    found = &found | &rows?;
                }
                Some(found)
            }
            Filter::TraceIds(ids) => self.traces(ids),
            Filter::SpanIds(_) => None,
            Filter::Text(text) => self.text(text),
            Filter::Compare { field, test } => self.compare(field, test),
        }
    }

    /// Rows within the range, by page.
    pub(crate) fn range(&self, range: TimeRange) -> Option<BooleanBuffer> {
        let at = self.file.column_at(time_column(self.block.meta.signal))?;
        let (start, end) = (range.start.0, if range.end == hopline_model::UnixNanos::MAX { i64::MAX } else { range.end.0.saturating_sub(1) });
        self.pages(at, |index, page| match index {
            ColumnIndexMetaData::INT64(index) => match (index.min_value(page), index.max_value(page)) {
                (Some(min), Some(max)) => start <= *max && *min <= end,
                _ => true,
            },
            _ => true,
        })
    }

    fn traces(&mut self, ids: &[[u8; 16]]) -> Option<BooleanBuffer> {
        if self.block.meta.signal == Signal::Metrics {
            return None;
        }
        let tix = self.block.tix()?;
        let before = tix.bytes_read();
        let mut wanted: Vec<u64> = ids.iter().map(|id| hash(id)).collect();
        wanted.sort_unstable();
        let mut ranges = Vec::new();
        if let Err(error) = tix.each_run(&wanted, &mut |run| ranges.push(run.row as usize..(run.row + run.rows) as usize)) {
            self.block.unusable(FileKind::Tix, &error);
            return None;
        }
        self.bytes_read += tix.bytes_read().saturating_sub(before);
        Some(self.of_ranges(ranges))
    }

    fn text(&mut self, text: &TextMatcher) -> Option<BooleanBuffer> {
        if text.is_literal() {
            return None;
        }
        match self.block.meta.signal {
            Signal::Logs => {
                let index = self.block.text_index()?;
                let before = index.bytes_read();
                let rows = index.rows(text).unwrap_or_else(|error| {
                    self.block.unusable(FileKind::Idx, &error);
                    None
                })?;
                self.bytes_read += index.bytes_read().saturating_sub(before);
                self.texts.push((text.query.clone(), rows.clone()));
                Some(rows)
            }
            Signal::Spans => {
                let tok = self.block.tok()?;
                let whole = if text.query.prefix { &text.words[..text.words.len() - 1] } else { &text.words[..] };
                let mut pages: Option<Vec<bool>> = None;
                for word in whole {
                    let held = tok.any(&[word_hash(word)]);
                    pages = Some(pages.map_or(held.clone(), |pages| pages.iter().zip(&held).map(|(a, b)| *a && *b).collect()));
                }
                Some(self.of_pages(&pages?, tok.page_rows()))
            }
            Signal::Metrics => None,
        }
    }

    fn compare(&mut self, field: &Field, test: &Compiled) -> Option<BooleanBuffer> {
        match field {
            Field::Column(name) => self.column(name, test),
            Field::Attribute(key) => match self.file.dense.iter().find(|dense| dense.key == *key) {
                Some(dense) if dense.whole => {
                    let statistics = self.column(&dense.column(), test);
                    let filters = self.filters(key, test);
                    match (statistics, filters) {
                        (Some(a), Some(b)) => Some(&a & &b),
                        (a, b) => a.or(b),
                    }
                }
                _ => self.filters(key, test),
            },
            Field::Any(key) | Field::Resource(key) | Field::Scope(key) => self.filters(key, test),
            Field::Event(key) if self.block.meta.signal == Signal::Spans => self.filters(key, test),
            Field::Event(_) | Field::Link(_) | Field::Body(_) => None,
        }
    }

    /// Rows of pages whose filter may hold the key, with one of the values where they are known.
    fn filters(&mut self, key: &str, test: &Compiled) -> Option<BooleanBuffer> {
        let tok = self.block.tok()?;
        let hashes = match test {
            Compiled::Any(constants) => constants.iter().map(|constant| pair_hash(key, &constant.text)).collect(),
            _ => vec![key_hash(key)],
        };
        Some(self.of_pages(&tok.any(&hashes), tok.page_rows()))
    }

    /// By the statistics of a column's pages.
    fn column(&self, name: &str, test: &Compiled) -> Option<BooleanBuffer> {
        let at = self.file.column_at(name)?;
        self.pages(at, |index, page| {
            if index.is_null_page(page) {
                return false;
            }
            let int = |value: i64| Number::Int(value.into());
            let bounds = match index {
                ColumnIndexMetaData::INT32(index) => {
                    index.min_value(page).zip(index.max_value(page)).map(|(a, b)| (int((*a).into()), int((*b).into())))
                }
                ColumnIndexMetaData::INT64(index) => index.min_value(page).zip(index.max_value(page)).map(|(a, b)| (int(*a), int(*b))),
                ColumnIndexMetaData::DOUBLE(index) => {
                    index.min_value(page).zip(index.max_value(page)).map(|(a, b)| (Number::Double(*a), Number::Double(*b)))
                }
                _ => None,
            };
            // Times compare as text unless asked for as numbers.
            let timestamp = matches!(name, column::TIME | column::START_TIME | column::OBSERVED_TIME);
            bounds.is_none_or(|(min, max)| test.may_hold(min, max, timestamp))
        })
    }

    /// Rows of the pages of a column that pass; `None`: no statistics.
    fn pages(&self, column: usize, passes: impl Fn(&ColumnIndexMetaData, usize) -> bool) -> Option<BooleanBuffer> {
        let mut ranges = Vec::new();
        for (at, group) in self.file.groups.iter().enumerate() {
            let (index, firsts) = self.file.pages(at, column)?;
            for (page, first) in firsts.iter().enumerate() {
                let end = firsts.get(page + 1).copied().unwrap_or(group.rows);
                if passes(index, page) {
                    ranges.push(group.row + first..group.row + end);
                }
            }
        }
        Some(self.of_ranges(ranges))
    }

    fn of_pages(&self, pages: &[bool], page_rows: usize) -> BooleanBuffer {
        let held = pages.iter().enumerate().filter(|(_, held)| **held);
        self.of_ranges(held.map(|(page, _)| page * page_rows..((page + 1) * page_rows).min(self.total())).collect())
    }

    fn of_ranges(&self, mut ranges: Vec<Range<usize>>) -> BooleanBuffer {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut rows = BooleanBufferBuilder::new(self.total());
        for range in ranges {
            // Two ids of one hash give the same rows.
            let start = range.start.max(rows.len());
            let end = range.end.min(self.total());
            if start < end {
                rows.append_n(start - rows.len(), false);
                rows.append_n(end - start, true);
            }
        }
        rows.append_n(self.total() - rows.len(), false);
        rows.finish()
    }
}
