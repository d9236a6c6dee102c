//! Which of a part's matching rows can be among the next k in the order, as far as the times of its pages tell: only of those are
//! time and seq read.

use super::part::Part;
use super::request::{Order, ScanRequest};
use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use std::ops::Range;

/// Rows that stand together.
struct Page {
    rows: Range<usize>,
    /// Smallest and largest place in the order, of which larger comes first.
    bounds: (i128, i128),
    matching: usize,
}

/// `rows` without those that at least `left` others come before; never too few.
pub(super) fn first_rows(request: &ScanRequest, part: &dyn Part, rows: BooleanBuffer, left: usize) -> BooleanBuffer {
    if rows.count_set_bits() <= left {
        return rows;
    }
    let Some(pages) = part.page_times() else { return rows };
    let newest = request.order != Order::OldestFirst;
    let page = |(at, (min, max)): (Range<usize>, (i64, i64))| Page {
        matching: rows.slice(at.start, at.len()).count_set_bits(),
        rows: at,
        bounds: if newest { (min.into(), max.into()) } else { (-i128::from(max), -i128::from(min)) },
    };
    let mut pages: Vec<Page> = pages.into_iter().map(page).filter(|page| page.matching > 0).collect();
    pages.sort_unstable_by_key(|page| std::cmp::Reverse(page.bounds.0));
    // Rows at the cursor's time may stand before it.
    let cursor = request.after.map(|(time, _)| if newest { i128::from(time.0) } else { -i128::from(time.0) });
    let mut before = 0;
    let last = pages.iter().find(|page| {
        if cursor.is_none_or(|cursor| page.bounds.1 < cursor) {
            before += page.matching;
        }
        before >= left
    });
    // So many rows are not behind this one.
    let Some(least) = last.map(|page| page.bounds.0) else { return rows };
    pages.retain(|page| page.bounds.1 >= least);
    pages.sort_unstable_by_key(|page| page.rows.start);
    let mut first = BooleanBufferBuilder::new(rows.len());
    for page in pages {
        first.append_n(page.rows.start - first.len(), false);
        first.append_buffer(&rows.slice(page.rows.start, page.rows.len()));
    }
    first.append_n(rows.len() - first.len(), false);
    first.finish()
}

#[cfg(test)]
mod tests;
