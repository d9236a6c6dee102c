//! Against all rows, sorted.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::error::Result;
use crate::scan::Column;
use crate::scan::part::Loaded;
use arrow::array::RecordBatch;
use hopline_model::{Seq, Signal, UnixNanos};
use proptest::prelude::*;

/// Rows with these times in pages of four.
#[derive(Debug)]
struct Paged(Vec<i64>);

impl Part for Paged {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn column(&self, name: &str, _mask: &BooleanBuffer) -> Result<Loaded> {
        panic!("{name} is not needed")
    }

    fn take(&self, columns: &[Column], _rows: &[u32]) -> Result<RecordBatch> {
        panic!("{columns:?} are not needed")
    }

    fn time(&self) -> (i64, i64) {
        (*self.0.iter().min().unwrap(), *self.0.iter().max().unwrap())
    }

    fn page_times(&self) -> Option<Vec<(Range<usize>, (i64, i64))>> {
        let page = |(page, times): (usize, &[i64])| (page * 4..page * 4 + times.len(), (*times.iter().min().unwrap(), *times.iter().max().unwrap()));
        Some(self.0.chunks(4).enumerate().map(page).collect())
    }
}

proptest! {
    /// None of the next rows is left out, and nothing is added; sorted rows give little more than is wanted.
    #[test]
    fn never_too_few(
        rows in proptest::collection::vec((0i64..30, any::<bool>()), 1..60),
        left in 1usize..10,
        newest in any::<bool>(),
        after in proptest::option::of((0i64..30, 0u64..60)),
        sorted in any::<bool>(),
    ) {
        let (mut times, matching): (Vec<i64>, Vec<bool>) = rows.into_iter().unzip();
        if sorted {
            times.sort_unstable();
        }
        let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
        let after = after.map(|(time, seq)| (UnixNanos(time), Seq(seq)));
        let request = ScanRequest { order, after, ..ScanRequest::all(Signal::Logs) };
        let first = first_rows(&request, &Paged(times.clone()), BooleanBuffer::from(matching.clone()), left);
        prop_assert_eq!(first.len(), times.len());
        prop_assert!(first.set_indices().all(|row| matching[row]));
        let mut expect: Vec<(i64, u64)> = (0..).zip(&times).filter(|(row, _)| matching[*row as usize]).map(|(row, time)| (*time, row)).collect();
        expect.sort_unstable();
        if newest {
            expect.reverse();
        }
        if let Some((time, seq)) = after {
            expect.retain(|key| if newest { *key < (time.0, seq.0) } else { *key > (time.0, seq.0) });
        }
        for (_, row) in expect.iter().take(left) {
            prop_assert!(first.value(*row as usize));
        }
    }
}

/// Of rows in time order only the last pages are looked at.
#[test]
fn the_last_pages() {
    let request = ScanRequest { order: Order::NewestFirst, ..ScanRequest::all(Signal::Logs) };
    let first = first_rows(&request, &Paged((0..40).collect()), BooleanBuffer::new_set(40), 6);
    assert_eq!(first.set_indices().collect::<Vec<_>>(), (32..40).collect::<Vec<_>>());
}
