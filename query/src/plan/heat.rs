//! The latency heat map: matching spans by time and logarithm of their duration. Without a query: the roots, one for each trace.

use super::columns::{self, Texts};
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, ScanStats, Test};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// Durations are counted in steps of this factor first, then put together into as many rows as were asked for.
const STEP: f64 = 1.1;

/// Spans, and those with an error, of one cell.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) count: u64,
    pub(crate) errors: u64,
}

/// By (start of the bucket, row).
#[derive(Debug, Default)]
pub(crate) struct Heat {
    pub(crate) cells: BTreeMap<(i64, i32), Cell>,
    /// Duration at the lower edge of row 0, and the factor from row to row.
    pub(crate) base: f64,
    pub(crate) factor: f64,
    pub(crate) stats: ScanStats,
}

impl Heat {
    /// Lower edge of a row, ns.
    pub(crate) fn edge(&self, row: i32) -> i64 {
        (self.base * self.factor.powi(row)).round() as i64
    }
}

pub(crate) fn heat(snapshot: &Snapshot, predicate: Predicate, range: TimeRange, bucket_nano: i64, rows: usize, cancel: &Cancel) -> Result<Heat> {
    let predicate = match predicate {
        // A span without a parent is a root.
        Predicate::All => Predicate::Not(Box::new(Predicate::Compare { field: Field::Column(column::PARENT_SPAN_ID), test: Test::Exists })),
        other => other,
    };
    let request = ScanRequest {
        signal: Signal::Spans,
        range,
        predicate,
        columns: [column::START_TIME, column::DURATION_NANO, column::STATUS_CODE].map(Column::Fixed).to_vec(),
        order: Order::Any,
        limit: None,
        after: None,
        cancel: cancel.clone(),
    };
    let mut fine: HashMap<(i64, i32), Cell> = HashMap::new();
    let mut add = |batch: arrow::array::RecordBatch| {
        let (starts, durations) = (columns::times(&batch, column::START_TIME), columns::ints(&batch, column::DURATION_NANO));
        let statuses = Texts::of(&batch, column::STATUS_CODE);
        for (row, start) in starts.iter().enumerate() {
            let bucket = start.div_euclid(bucket_nano).saturating_mul(bucket_nano);
            let cell = fine.entry((bucket, step(durations[row]))).or_default();
            cell.count += 1;
            cell.errors += u64::from(statuses.get(row) == Some("error"));
        }
        Ok(ControlFlow::Continue(()))
    };
    let stats = cancel.step("read durations", || snapshot.scan(&request, &mut add))?;
    Ok(coarse(&fine, rows, stats))
}

/// Steps of [`STEP`] above 1 ns.
fn step(duration_nano: i64) -> i32 {
    ((duration_nano.max(1) as f64).ln() / STEP.ln()).floor() as i32
}

/// Puts steps together so that all durations lie in at most `rows` rows.
fn coarse(fine: &HashMap<(i64, i32), Cell>, rows: usize, stats: ScanStats) -> Heat {
    let steps = || fine.keys().map(|(_, step)| *step);
    let (Some(min), Some(max)) = (steps().min(), steps().max()) else { return Heat { stats, factor: STEP, base: 1.0, ..Heat::default() } };
    let per_row = (max - min + 1).div_euclid(rows.max(1) as i32) + i32::from((max - min + 1).rem_euclid(rows.max(1) as i32) > 0);
    let mut cells: BTreeMap<(i64, i32), Cell> = BTreeMap::new();
    for ((bucket, step), cell) in fine {
        let whole = cells.entry((*bucket, (step - min) / per_row)).or_default();
        whole.count += cell.count;
        whole.errors += cell.errors;
    }
    Heat { cells, base: STEP.powi(min), factor: STEP.powi(per_row), stats }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_every_duration() {
        let mut fine = HashMap::new();
        let durations = [0, 1, 900, 5_000_000, 5_100_000, 9_000_000_000];
        for duration in durations {
            fine.entry((0, step(duration))).or_insert(Cell::default()).count += 1;
        }
        let heat = coarse(&fine, 10, ScanStats::default());
        assert_eq!(heat.cells.values().map(|cell| cell.count).sum::<u64>(), durations.len() as u64);
        assert!(heat.cells.keys().all(|(_, row)| (0..10).contains(row)));
        let row = heat.cells.keys().map(|(_, row)| *row).max().unwrap();
        assert!(heat.edge(row) <= 9_000_000_000 && 9_000_000_000 <= heat.edge(row + 1) + 1, "{} {}", heat.edge(row), heat.edge(row + 1));
        assert!(coarse(&HashMap::new(), 10, ScanStats::default()).cells.is_empty());
    }
}
