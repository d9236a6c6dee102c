//! The questions a snapshot answers. Each is one [`Scan`] read in another way.

use super::predicate::Predicate;
use super::request::{Cancel, Column, Order, ScanRequest, ScanStats};
use super::run::{Scan, count_texts, times_by};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use arrow::array::RecordBatch;
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

impl Snapshot {
    /// Calls `each` with batches of matching rows until it breaks. Batches have at most 8,192 rows.
    pub fn scan(&self, request: &ScanRequest, each: &mut dyn FnMut(RecordBatch) -> Result<ControlFlow<()>>) -> Result<ScanStats> {
        Scan::new(self, request)?.run(each)
    }

    /// Like [`Self::scan`], all at once, in order, at most `request.limit` rows.
    pub fn collect(&self, request: &ScanRequest) -> Result<(Vec<RecordBatch>, ScanStats)> {
        let mut batches = Vec::new();
        let stats = self.scan(request, &mut |batch| {
            batches.push(batch);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((batches, stats))
    }

    /// How many rows match; from block meta alone where that is exact. Order, limit and cursor do not count.
    pub fn count(&self, request: &ScanRequest) -> Result<(u64, ScanStats)> {
        let request = whole(request);
        let mut scan = Scan::new(self, &request)?;
        let mut count = 0;
        scan.take_blocks(|block, filter, range| match block.count(filter, range) {
            Some(rows) => {
                count += rows;
                true
            }
            None => false,
        });
        while let Some((_, rows)) = scan.next_part()? {
            count += rows.count_set_bits() as u64;
        }
        scan.stats.rows_matched = count;
        Ok((count, scan.stats))
    }

    /// Matching rows by time bucket and `by` (a fixed text or integer column, as text; `None`: one group): `(bucket start, group, rows)`, sorted.
    pub fn histogram(&self, request: &ScanRequest, bucket_nano: i64, by: Option<&'static str>) -> Result<(Vec<(UnixNanos, String, u64)>, ScanStats)> {
        if bucket_nano <= 0 {
            return Err(Error::Invalid(format!("a histogram's bucket must be longer than nothing, not {bucket_nano} ns")));
        }
        if let Some(name) = by {
            super::part::output_schema(request.signal, &[Column::Fixed(name)])?;
        }
        let request = whole(request);
        let mut scan = Scan::new(self, &request)?;
        let mut cells = Cells { bucket_nano, rows: HashMap::new() };
        scan.take_blocks(|block, filter, range| {
            block.histogram(filter, range, bucket_nano, by, &mut |time, group, rows| cells.add(time, group, rows))
        });
        while let Some((part, rows)) = scan.next_part()? {
            scan.stats.rows_matched += rows.count_set_bits() as u64;
            let before = part.bytes_read();
            if let Err(error) = times_by(part.as_ref(), request.signal, &rows, by, &mut |time, group| cells.add(time, group, 1)) {
                scan.damaged(error, part.time())?;
            }
            scan.stats.bytes_read += part.bytes_read() - before;
        }
        let sorted: BTreeMap<(i64, String), u64> =
            cells.rows.into_iter().flat_map(|(group, buckets)| buckets.into_iter().map(move |(time, rows)| ((time, group.clone()), rows))).collect();
        Ok((sorted.into_iter().map(|((time, group), rows)| (UnixNanos(time), group, rows)).collect(), scan.stats))
    }

    /// Every row of `signal` with this trace id (spans, logs), in the columns asked, in time order; through `.tix`, O(1) data files.
    pub fn trace_rows(&self, signal: Signal, trace: TraceId, columns: &[Column], cancel: &Cancel) -> Result<(Vec<RecordBatch>, ScanStats)> {
        self.collect(&ScanRequest {
            signal,
            range: TimeRange::ALL,
            predicate: Predicate::TraceIds(vec![trace]),
            columns: columns.to_vec(),
            order: Order::OldestFirst,
            limit: None,
            after: None,
            cancel: cancel.clone(),
        })
    }

    /// Values of a column (a fixed one, or an attribute's texts) with row counts, within the request's range and predicate; a value may come several times.
    pub fn values_each(&self, request: &ScanRequest, column: &Column, add: &mut dyn FnMut(&str, u64)) -> Result<ScanStats> {
        super::part::output_schema(request.signal, std::slice::from_ref(column))?;
        let request = whole(request);
        let mut scan = Scan::new(self, &request)?;
        scan.take_blocks(|block, filter, range| block.values(filter, range, column, add));
        while let Some((part, rows)) = scan.next_part()? {
            scan.stats.rows_matched += rows.count_set_bits() as u64;
            if rows.count_set_bits() == 0 {
                continue;
            }
            let before = part.bytes_read();
            if let Err(error) = count_texts(part.as_ref(), column, &rows, add) {
                scan.damaged(error, part.time())?;
            }
            scan.stats.bytes_read += part.bytes_read() - before;
        }
        Ok(scan.stats)
    }

    /// Distinct values of a column (a fixed one, or an attribute's texts) with their row counts, most first, at most `limit`, within the request's range and predicate.
    pub fn values(&self, request: &ScanRequest, column: &Column, limit: usize) -> Result<(Vec<(String, u64)>, ScanStats)> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let stats = self.values_each(request, column, &mut |text, rows| match counts.get_mut(text) {
            Some(count) => *count += rows,
            None => {
                counts.insert(text.to_owned(), rows);
            }
        })?;
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(limit);
        Ok((values, stats))
    }
}

/// The same rows without order, limit, cursor and columns.
fn whole(request: &ScanRequest) -> ScanRequest {
    ScanRequest { columns: Vec::new(), order: Order::Any, limit: None, after: None, ..request.clone() }
}

struct Cells {
    bucket_nano: i64,
    rows: HashMap<String, HashMap<i64, u64>>,
}

impl Cells {
    fn add(&mut self, time: i64, group: &str, rows: u64) {
        let bucket = time.div_euclid(self.bucket_nano).saturating_mul(self.bucket_nano);
        if !self.rows.contains_key(group) {
            self.rows.insert(group.to_owned(), HashMap::new());
        }
        if let Some(buckets) = self.rows.get_mut(group) {
            *buckets.entry(bucket).or_default() += rows;
        }
    }
}
