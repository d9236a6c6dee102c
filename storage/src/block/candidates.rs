//! Rows of a block that can match, by row group: a row group without any costs nothing, however many the block has.

use super::parquet::Group;
use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use std::cmp::Ordering;
use std::ops::Range;

/// Ascending places of row groups, each with the rows in question; `None`: all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Candidates(Vec<(usize, Option<BooleanBuffer>)>);

impl Candidates {
    /// Rows of the block; what is beyond its end is left out.
    pub(crate) fn of_ranges(groups: &[Group], mut ranges: Vec<Range<usize>>) -> Self {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut found: Vec<(usize, BooleanBufferBuilder)> = Vec::new();
        let mut done = 0;
        for range in ranges {
            // Two ids of one hash have the same rows.
            let range = range.start.max(done)..range.end;
            if range.is_empty() {
                continue;
            }
            let first = groups.partition_point(|group| group.row + group.rows <= range.start);
            for (at, group) in groups.iter().enumerate().skip(first).take_while(|(_, group)| group.row < range.end) {
                if found.last().is_none_or(|last| last.0 != at) {
                    found.push((at, BooleanBufferBuilder::new(group.rows)));
                }
                if let Some((_, rows)) = found.last_mut() {
                    let (from, to) = (range.start.max(group.row) - group.row, range.end.min(group.row + group.rows) - group.row);
                    rows.append_n(from - rows.len(), false);
                    rows.append_n(to - from, true);
                }
            }
            done = done.max(range.end);
        }
        Self(found.into_iter().map(|(at, rows)| (at, finished(rows, groups[at].rows))).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn groups(self) -> impl Iterator<Item = (usize, Option<BooleanBuffer>)> {
        self.0.into_iter()
    }

    /// The rows of a row group.
    pub(crate) fn of_group(&self, group: usize, rows: usize) -> BooleanBuffer {
        match self.0.binary_search_by_key(&group, |(at, _)| *at) {
            Ok(at) => self.0[at].1.clone().unwrap_or_else(|| BooleanBuffer::new_set(rows)),
            Err(_) => BooleanBuffer::new_unset(rows),
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let mut both = Vec::new();
        let mut others = other.0.into_iter().peekable();
        for (at, rows) in self.0 {
            while others.next_if(|other| other.0 < at).is_some() {}
            let Some((_, other)) = others.next_if(|other| other.0 == at) else { continue };
            match (rows, other) {
                (Some(a), Some(b)) => {
                    let rows = &a & &b;
                    if rows.has_true() {
                        both.push((at, Some(rows)));
                    }
                }
                (a, b) => both.push((at, a.or(b))),
            }
        }
        Self(both)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        let mut either = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut a, mut b) = (self.0.into_iter().peekable(), other.0.into_iter().peekable());
        while let (Some((in_a, _)), Some((in_b, _))) = (a.peek(), b.peek()) {
            let order = in_a.cmp(in_b);
            let (left, right) = (if order.is_le() { a.next() } else { None }, if order.is_ge() { b.next() } else { None });
            either.extend(match (order, left, right) {
                (Ordering::Equal, Some((at, left)), Some((_, right))) => Some((at, left.zip(right).map(|(left, right)| &left | &right))),
                (_, left, right) => left.or(right),
            });
        }
        either.extend(a.chain(b));
        Self(either)
    }
}

/// Rows marked one by one.
pub(crate) struct Marks<'a> {
    groups: &'a [Group],
    marked: Vec<Option<BooleanBufferBuilder>>,
    /// The row group of the row before.
    at: usize,
}

impl<'a> Marks<'a> {
    pub(crate) fn new(groups: &'a [Group]) -> Self {
        Self { groups, marked: groups.iter().map(|_| None).collect(), at: 0 }
    }

    /// `false`: the block has no such row.
    pub(crate) fn mark(&mut self, row: usize) -> bool {
        let inside = |group: &Group| (group.row..group.row + group.rows).contains(&row);
        if !self.groups.get(self.at).is_some_and(inside) {
            self.at = self.groups.partition_point(|group| group.row + group.rows <= row);
        }
        let Some(group) = self.groups.get(self.at) else { return false };
        let rows = self.marked[self.at].get_or_insert_with(|| {
            let mut rows = BooleanBufferBuilder::new(group.rows);
            rows.append_n(group.rows, false);
            rows
        });
        rows.set_bit(row - group.row, true);
        true
    }

    pub(crate) fn finish(self) -> Candidates {
        let marked = self.marked.into_iter().zip(self.groups).enumerate();
        Candidates(marked.filter_map(|(at, (rows, group))| Some((at, finished(rows?, group.rows)))).collect())
    }
}

/// `None`: all rows.
fn finished(mut rows: BooleanBufferBuilder, count: usize) -> Option<BooleanBuffer> {
    rows.append_n(count - rows.len(), false);
    let rows = rows.finish();
    rows.has_false().then_some(rows)
}

#[cfg(test)]
mod tests;
