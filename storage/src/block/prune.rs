//! Which rows of a block can match, as far as meta, page statistics and side files know. Never too few.

use super::candidates::Candidates;
use super::parquet::{PageBounds, RowFile};
use super::tix::hash;
use super::tok::{key_hash, pair_hash, word_hash};
use super::{Block, BlockMeta, FileKind};
use crate::scan::filter::Filter;
use crate::scan::predicate::Field;
use crate::scan::value::{Compiled, Number};
use crate::text::{TextMatcher, TextQuery};
use hopline_model::schema::{column, time_column};
use hopline_model::{Signal, TimeRange};
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

/// Rows of some traces, as the trace index has them.
pub(crate) struct Runs {
    pub(crate) rows: Vec<Range<usize>>,
    bytes_read: u64,
}

/// Those of the traces that a filter asks for before anything else. `None`: it does not, or there is no index.
pub(crate) fn first_runs(block: &Block, filter: &Filter) -> Option<Runs> {
    match filter {
        Filter::TraceIds(ids) => runs(block, ids),
        Filter::And(filters) => first_runs(block, filters.first()?),
        _ => None,
    }
}

fn runs(block: &Block, ids: &[[u8; 16]]) -> Option<Runs> {
    if block.meta.signal == Signal::Metrics {
        return None;
    }
    let tix = block.tix()?;
    let before = tix.bytes_read();
    let mut wanted: Vec<u64> = ids.iter().map(|id| hash(id)).collect();
    wanted.sort_unstable();
    let mut rows = Vec::new();
    if let Err(error) = tix.each_run(&wanted, &mut |run| rows.push(run.row as usize..(run.row + run.rows) as usize)) {
        block.unusable(FileKind::Tix, &error);
        return None;
    }
    Some(Runs { rows, bytes_read: tix.bytes_read().saturating_sub(before) })
}

/// Rows that can match.
pub(crate) struct Bound<'a> {
    block: &'a Block,
    file: &'a RowFile,
    /// Of the first traces asked for, until they are.
    runs: Option<Runs>,
    /// Rows that hold the words of a query, where the index knew: asked again by the parts.
    pub(crate) texts: Vec<(TextQuery, Candidates)>,
    /// Bytes of side files read on the way.
    pub(crate) bytes_read: u64,
}

impl<'a> Bound<'a> {
    /// `runs`: the filter's [`first_runs`].
    pub(crate) fn new(block: &'a Block, file: &'a RowFile, runs: Option<Runs>) -> Self {
        Self { block, file, runs, texts: Vec::new(), bytes_read: 0 }
    }

    /// `None`: any row.
    pub(crate) fn rows(&mut self, filter: &Filter) -> Option<Candidates> {
        match filter {
            Filter::All => None,
            Filter::Not(filter) => {
                // Its texts are looked up all the same: parts ask for them.
                self.rows(filter);
                None
            }
            Filter::Nothing => Some(Candidates::default()),
            Filter::And(filters) => {
                let mut found: Option<Candidates> = None;
                for filter in filters {
                    if found.as_ref().is_some_and(Candidates::is_empty) {
                        break;
                    }
                    if let Some(rows) = self.rows(filter) {
                        found = Some(match found {
                            Some(found) => found.and(rows),
                            None => rows,
                        });
                    }
                }
                found
            }
            Filter::Or(filters) => {
                // Every text is looked up, also once the whole is unbounded: parts ask for them.
                let bounds: Vec<Option<Candidates>> = filters.iter().map(|filter| self.rows(filter)).collect();
                let mut found = Candidates::default();
                for rows in bounds {
                    found = found.or(rows?);
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
    pub(crate) fn range(&self, range: TimeRange) -> Option<Candidates> {
        let at = self.file.column_at(time_column(self.block.meta.signal))?;
        let (start, end) = (range.start.0, if range.end == hopline_model::UnixNanos::MAX { i64::MAX } else { range.end.0.saturating_sub(1) });
        self.pages(at, |page| match page {
            PageBounds::Int(min, max) => start <= max && min <= end,
            _ => true,
        })
    }

    fn traces(&mut self, ids: &[[u8; 16]]) -> Option<Candidates> {
        // The first ids were looked up before the file was opened.
        let runs = match self.runs.take() {
            Some(runs) => runs,
            None => runs(self.block, ids)?,
        };
        self.bytes_read += runs.bytes_read;
        Some(self.of_ranges(runs.rows))
    }

    fn text(&mut self, text: &TextMatcher) -> Option<Candidates> {
        if text.is_literal() {
            return None;
        }
        match self.block.meta.signal {
            Signal::Logs => {
                let index = self.block.text_index()?;
                let before = index.bytes_read();
                let rows = index.rows(text, &self.file.groups).unwrap_or_else(|error| {
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

    fn compare(&mut self, field: &Field, test: &Compiled) -> Option<Candidates> {
        match field {
            Field::Column(name) => self.column(name, test),
            Field::Attribute(key) => match self.file.dense.iter().find(|dense| dense.key == *key) {
                Some(dense) if dense.whole => {
                    let statistics = self.column(&dense.column(), test);
                    let filters = self.filters(key, test);
                    match (statistics, filters) {
                        (Some(a), Some(b)) => Some(a.and(b)),
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
    fn filters(&mut self, key: &str, test: &Compiled) -> Option<Candidates> {
        let tok = self.block.tok()?;
        let hashes = match test {
            Compiled::Any(constants) => constants.iter().map(|constant| pair_hash(key, &constant.text)).collect(),
            _ => vec![key_hash(key)],
        };
        Some(self.of_pages(&tok.any(&hashes), tok.page_rows()))
    }

    /// By the statistics of a column's pages.
    fn column(&self, name: &str, test: &Compiled) -> Option<Candidates> {
        let at = self.file.column_at(name)?;
        // Times compare as text unless asked for as numbers.
        let timestamp = matches!(name, column::TIME | column::START_TIME | column::OBSERVED_TIME);
        self.pages(at, |page| match page {
            PageBounds::Nulls => false,
            PageBounds::Unknown => true,
            PageBounds::Int(min, max) => test.may_hold(Number::Int(min.into()), Number::Int(max.into()), timestamp),
            PageBounds::Double(min, max) => test.may_hold(Number::Double(min), Number::Double(max), timestamp),
        })
    }

    /// Rows of the pages of a column that pass; `None`: no statistics.
    fn pages(&self, column: usize, passes: impl Fn(PageBounds) -> bool) -> Option<Candidates> {
        if !self.file.has_bounds(column) {
            return None;
        }
        let mut ranges = Vec::new();
        for (at, group) in self.file.groups.iter().enumerate() {
            match self.file.page_bounds(at, column) {
                Some(pages) => {
                    let passing = pages.into_iter().filter(|(_, bounds)| passes(*bounds));
                    ranges.extend(passing.map(|(rows, _)| group.row + rows.start..group.row + rows.end));
                }
                None => ranges.push(group.row..group.row + group.rows),
            }
        }
        Some(self.of_ranges(ranges))
    }

    fn of_pages(&self, pages: &[bool], page_rows: usize) -> Candidates {
        let held = pages.iter().enumerate().filter(|(_, held)| **held);
        self.of_ranges(held.map(|(page, _)| page * page_rows..(page + 1) * page_rows).collect())
    }

    fn of_ranges(&self, ranges: Vec<Range<usize>>) -> Candidates {
        Candidates::of_ranges(&self.file.groups, ranges)
    }
}
