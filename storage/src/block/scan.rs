//! A block as the scan sees it: what its meta answers alone, and its row groups as parts.

use super::part::GroupPart;
use super::prune::{self, Bound};
use super::write::CELL_SECONDS;
use super::{Block, BlockMeta, CountCell, FileKind};
use crate::error::Result;
use crate::scan::filter::Filter;
use crate::scan::part::Part;
use crate::scan::predicate::Field;
use crate::scan::request::Column;
use crate::scan::value::Compiled;
use arrow::array::Int32Array;
use arrow::buffer::BooleanBuffer;
use hopline_model::schema::column;
use hopline_model::time::NANOS_PER_SECOND;
use hopline_model::{Signal, TimeRange, UnixNanos};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const CELL_NANO: i64 = CELL_SECONDS * NANOS_PER_SECOND;

impl Block {
    /// Whether any row can match, as far as the meta tells.
    pub(crate) fn may_match(&self, filter: &Filter, range: TimeRange) -> bool {
        self.meta.overlaps(range) && prune::may_match(&self.meta, filter)
    }

    /// The row groups that may hold matching rows, with their times.
    pub(crate) fn parts(&self, filter: &Filter, range: TimeRange) -> Result<Vec<((i64, i64), Box<dyn Part + '_>)>> {
        let runs = prune::first_runs(self, filter);
        if runs.as_ref().is_some_and(|runs| runs.rows.is_empty()) {
            return Ok(Vec::new());
        }
        let file = self.rows_file()?;
        let mut bound = Bound::new(self, &file, runs);
        let mut rows = bound.rows(filter);
        if !self.within(range)
            && let Some(inside) = bound.range(range)
        {
            rows = Some(match rows {
                Some(rows) => rows.and(inside),
                None => inside,
            });
        }
        let texts = Rc::new(std::mem::take(&mut bound.texts));
        let mut side_bytes = bound.bytes_read;
        let mut parts: Vec<((i64, i64), Box<dyn Part + '_>)> = Vec::new();
        let mut add = |at: usize, candidates: Option<BooleanBuffer>| {
            let time = file.groups[at].time;
            if range.overlaps(UnixNanos(time.0), UnixNanos(time.1)) {
                let part = GroupPart::new(file.clone(), self.meta.signal, at, candidates, texts.clone());
                // What was read to find rows counts for the first of them.
                part.bytes_read.store(std::mem::take(&mut side_bytes), Ordering::Relaxed);
                parts.push((time, Box::new(part)));
            }
        };
        match rows {
            None => (0..file.groups.len()).for_each(|at| add(at, None)),
            Some(rows) => rows.groups().for_each(|(at, candidates)| add(at, candidates)),
        }
        Ok(parts)
    }

    pub(crate) fn count(&self, filter: &Filter, range: TimeRange) -> Option<u64> {
        if !self.within(range) {
            return None;
        }
        match filter {
            Filter::All => Some(self.meta.rows),
            Filter::Text(text) if self.meta.signal == Signal::Logs && text.words.len() == 1 && !text.query.prefix => {
                let counted = self.text_index()?.count(&text.words[0]);
                counted.inspect_err(|error| self.unusable(FileKind::Idx, error)).ok()
            }
            Filter::Compare { field: Field::Column(column::SERVICE_NAME), test } if self.services_known() => {
                Some(self.meta.services.iter().filter(|service| test.text(&service.service_name)).map(|service| service.rows).sum())
            }
            _ => {
                let mut rows = 0;
                self.cells(filter, &mut |cell| rows += u64::from(cell.rows)).then_some(rows)
            }
        }
    }

    pub(crate) fn histogram(
        &self,
        filter: &Filter,
        range: TimeRange,
        bucket_nano: i64,
        by: Option<&'static str>,
        add: &mut dyn FnMut(i64, &str, u64),
    ) -> bool {
        let known = matches!(by, None | Some(column::SERVICE_NAME | column::SEVERITY_NUMBER));
        if !known || bucket_nano % CELL_NANO != 0 || !(self.within(range) || self.cut_between_cells(range)) {
            return false;
        }
        let inside = |cell: &CountCell| range.contains(UnixNanos(cell.second.saturating_mul(NANOS_PER_SECOND)));
        self.cells(filter, &mut |cell| {
            if !self.within(range) && !inside(cell) {
                return;
            }
            let time = cell.second.saturating_mul(NANOS_PER_SECOND);
            match by {
                Some(column::SEVERITY_NUMBER) => add(time, &cell.severity_number.to_string(), cell.rows.into()),
                Some(_) => add(time, &self.meta.services[cell.service as usize].service_name, cell.rows.into()),
                None => add(time, "", cell.rows.into()),
            }
        })
    }

    pub(crate) fn values(&self, filter: &Filter, range: TimeRange, column: &Column, add: &mut dyn FnMut(&str, u64)) -> bool {
        if !self.within(range) {
            return false;
        }
        match column {
            Column::Fixed(column::SERVICE_NAME) if matches!(filter, Filter::All) && self.services_known() => {
                self.meta.services.iter().for_each(|service| add(&service.service_name, service.rows));
                true
            }
            Column::Fixed(column::SERVICE_NAME) => {
                self.cells(filter, &mut |cell| add(&self.meta.services[cell.service as usize].service_name, cell.rows.into()))
            }
            Column::Fixed(column::SEVERITY_NUMBER) => self.cells(filter, &mut |cell| add(&cell.severity_number.to_string(), cell.rows.into())),
            _ => false,
        }
    }

    fn services_known(&self) -> bool {
        self.meta.services.iter().map(|service| service.rows).sum::<u64>() == self.meta.rows
    }

    /// Calls `each` with every cell whose rows match; `false` when cells do not tell.
    fn cells(&self, filter: &Filter, each: &mut dyn FnMut(&CountCell)) -> bool {
        if !counts_tell(&self.meta, filter) {
            return false;
        }
        self.meta.counts.iter().filter(|cell| holds(&self.meta, filter, cell)).for_each(each);
        true
    }

    /// Every row's time lies in the range.
    fn within(&self, range: TimeRange) -> bool {
        range.contains(UnixNanos(self.meta.time_min)) && range.contains(UnixNanos(self.meta.time_max))
    }

    /// No cell with rows is cut by an end of the range.
    fn cut_between_cells(&self, range: TimeRange) -> bool {
        let whole = |time: UnixNanos| {
            time == UnixNanos::MIN || time == UnixNanos::MAX || {
                let second = time.0.div_euclid(CELL_NANO) * CELL_SECONDS;
                time.0.rem_euclid(CELL_NANO) == 0 || self.meta.counts.binary_search_by_key(&second, |cell| cell.second).is_err()
            }
        };
        whole(range.start) && whole(range.end)
    }
}

/// Whether count cells exist and the filter asks for nothing but service and severity.
fn counts_tell(meta: &BlockMeta, filter: &Filter) -> bool {
    let only = |field: &Field| matches!(field, Field::Column(column::SERVICE_NAME | column::SEVERITY_NUMBER));
    fn all(filter: &Filter, only: &dyn Fn(&Field) -> bool) -> bool {
        match filter {
            Filter::All | Filter::Nothing => true,
            Filter::And(filters) | Filter::Or(filters) => filters.iter().all(|filter| all(filter, only)),
            Filter::Not(filter) => all(filter, only),
            Filter::Compare { field, .. } => only(field),
            Filter::Text(_) | Filter::TraceIds(_) | Filter::SpanIds(_) => false,
        }
    }
    meta.signal == Signal::Logs && !meta.counts.is_empty() && all(filter, &only)
}

fn holds(meta: &BlockMeta, filter: &Filter, cell: &CountCell) -> bool {
    match filter {
        Filter::All => true,
        Filter::And(filters) => filters.iter().all(|filter| holds(meta, filter, cell)),
        Filter::Or(filters) => filters.iter().any(|filter| holds(meta, filter, cell)),
        Filter::Not(filter) => !holds(meta, filter, cell),
        Filter::Compare { field: Field::Column(column::SERVICE_NAME), test } => test.text(&meta.services[cell.service as usize].service_name),
        Filter::Compare { test, .. } => severity(test, cell.severity_number),
        _ => false,
    }
}

/// As the column itself would be compared.
fn severity(test: &Compiled, number: i32) -> bool {
    let column: arrow::array::ArrayRef = Arc::new(Int32Array::from(vec![number]));
    test.array(&column).value(0)
}
