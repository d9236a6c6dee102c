//! Logs beyond the list: histogram, facets, context around a line.

use super::columns;
use super::kept::Kept;
use super::memory::Room;
use super::values::{Counts, values};
use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use hopline_model::schema::column;
use hopline_model::{Seq, Signal, TimeRange, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, ScanStats, Test, fixed_columns};
use std::collections::BTreeMap;

/// Rows of a class in a bucket.
pub(crate) type Buckets = BTreeMap<i64, BTreeMap<&'static str, u64>>;

/// Matching log records by time and severity class.
pub(crate) fn histogram(
    snapshot: &Snapshot,
    kept: &Kept,
    predicate: Predicate,
    range: TimeRange,
    bucket_nano: i64,
    cancel: &Cancel,
) -> Result<(Buckets, ScanStats)> {
    let request = ScanRequest {
        signal: Signal::Logs,
        range,
        predicate,
        columns: Vec::new(),
        order: Order::Any,
        limit: None,
        after: None,
        cancel: cancel.clone(),
    };
    let (cells, stats) = cancel.step("count by time", || kept.histogram(snapshot, &request, bucket_nano, Some(column::SEVERITY_NUMBER)))?;
    let mut buckets = Buckets::new();
    for (time, severity, rows) in cells {
        let class = crate::api::severity(severity.parse().unwrap_or(0));
        *buckets.entry(time.0).or_default().entry(class).or_default() += rows;
    }
    Ok((buckets, stats))
}

/// A bucket that divides the range into about `buckets` parts and is round to a person.
pub(crate) fn bucket_nano(start: i64, end: i64, buckets: usize) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    let round = [
        1_000_000,
        10_000_000,
        100_000_000,
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        60 * SECOND,
        2 * 60 * SECOND,
        5 * 60 * SECOND,
        10 * 60 * SECOND,
        30 * 60 * SECOND,
        3600 * SECOND,
        3 * 3600 * SECOND,
        6 * 3600 * SECOND,
        12 * 3600 * SECOND,
        86400 * SECOND,
        7 * 86400 * SECOND,
        30 * 86400 * SECOND,
        365 * 86400 * SECOND,
    ];
    let wanted = end.saturating_sub(start).max(1) / buckets.max(1) as i64;
    round.into_iter().find(|nano| *nano >= wanted).unwrap_or(365 * 86400 * SECOND)
}

/// The lines before and after one, by its id, oldest first; and where it stands among them.
pub(crate) fn context(
    snapshot: &Snapshot,
    seq: Seq,
    near: Option<UnixNanos>,
    before: usize,
    after: usize,
    same_service: bool,
    cancel: &Cancel,
) -> Result<(Vec<RecordBatch>, usize, ScanStats)> {
    let mut stats = ScanStats::default();
    // The time, where the caller knows it, spares looking through everything.
    let range = near.map_or(TimeRange::ALL, |time| TimeRange::new(time, time.saturating_add(1)));
    let mut request = ScanRequest {
        signal: Signal::Logs,
        range,
        predicate: Predicate::Compare { field: Field::Column(column::SEQ), test: Test::Equals(seq.0.to_string()) },
        columns: fixed_columns(Signal::Logs),
        order: Order::OldestFirst,
        limit: Some(1),
        after: None,
        cancel: cancel.clone(),
    };
    let (line, read) = snapshot.collect(&request)?;
    stats.add(read);
    let Some(line) = line.into_iter().find(|batch| batch.num_rows() > 0) else {
        return Err(Error::NotFound(format!("no log record has the id {}: take `id` from a list of logs, with its `time`", seq.0)));
    };
    let time = UnixNanos(columns::times(&line, column::TIME)[0]);
    let service = columns::Texts::of(&line, column::SERVICE_NAME).get(0).unwrap_or_default().to_owned();
    request.range = TimeRange::ALL;
    request.predicate = match same_service {
        true => Predicate::Compare { field: Field::Column(column::SERVICE_NAME), test: Test::Equals(service) },
        false => Predicate::All,
    };
    request.after = Some((time, seq));
    request.order = Order::NewestFirst;
    request.limit = Some(before);
    let (mut older, read) = snapshot.collect(&request)?;
    stats.add(read);
    request.order = Order::OldestFirst;
    request.limit = Some(after);
    let (newer, read) = snapshot.collect(&request)?;
    stats.add(read);
    older = older.into_iter().rev().map(|batch| reversed(&batch)).collect::<Result<_>>()?;
    let at = older.iter().map(RecordBatch::num_rows).sum();
    Ok((older.into_iter().chain([line]).chain(newer).collect(), at, stats))
}

fn reversed(batch: &RecordBatch) -> Result<RecordBatch> {
    let rows = arrow::array::UInt32Array::from_iter_values((0..batch.num_rows() as u32).rev());
    Ok(arrow::compute::take_record_batch(batch, &rows)?)
}

/// A facet: a field and its values with counts, most first; `more` when there are others.
pub(crate) struct Facet {
    pub(crate) field: String,
    pub(crate) values: Vec<(String, u64)>,
    pub(crate) more: bool,
    /// Rows whose values there was no room to count.
    pub(crate) left_out: u64,
}

/// Values of a facet that are listed.
const VALUES_MAX: usize = 20;
/// Severity numbers that are put together to classes.
const SEVERITIES_MAX: usize = 100;

/// Facets of the matching rows: fields of the query language by their names.
pub(crate) fn facets(
    snapshot: &Snapshot,
    kept: &Kept,
    room: &mut Room,
    request: &ScanRequest,
    fields: &[(String, Field)],
) -> Result<(Vec<Facet>, ScanStats)> {
    let mut stats = ScanStats::default();
    let mut facets = Vec::new();
    for (name, field) in fields {
        let mut counts = Counts::new(room);
        let read = request.cancel.step("count values", || values(snapshot, kept, request, field, &mut counts))?;
        stats.add(read);
        let left_out = counts.left_out;
        let mut values = classes(field, counts.most(VALUES_MAX.max(SEVERITIES_MAX) + 1));
        let more = values.len() > VALUES_MAX || left_out > 0;
        values.truncate(VALUES_MAX);
        if !values.is_empty() {
            facets.push(Facet { field: name.clone(), values, more, left_out });
        }
    }
    Ok((facets, stats))
}

/// Severities by class: a person does not tell 17 from 18.
pub(crate) fn classes(field: &Field, values: Vec<(String, u64)>) -> Vec<(String, u64)> {
    if *field != Field::Column(column::SEVERITY_NUMBER) {
        return values;
    }
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for (number, rows) in &values {
        *classes.entry(crate::api::severity(number.parse().unwrap_or(0))).or_default() += rows;
    }
    let mut values: Vec<(String, u64)> = classes.into_iter().map(|(class, rows)| (class.to_owned(), rows)).collect();
    values.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    values
}

/// Names of fields beside those of the language, most frequent first in each list.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) attributes: Vec<String>,
    /// Those that are no attribute of a row too.
    pub(crate) resource: Vec<String>,
    /// Paths inside bodies.
    pub(crate) body: Vec<String>,
}

/// Rows in which keys are looked for.
const KEY_ROWS: usize = 500;

/// The keys of the newest matching rows. Resources stand in dictionaries: each is read once.
pub(crate) fn frequent_keys(snapshot: &Snapshot, request: &ScanRequest, keys_max: usize) -> Result<Keys> {
    let mut columns = vec![column::ATTRIBUTES, column::RESOURCE];
    if request.signal == Signal::Logs {
        columns.push(column::BODY);
    }
    let request = ScanRequest {
        columns: columns.into_iter().map(Column::Fixed).collect(),
        order: Order::NewestFirst,
        limit: Some(KEY_ROWS),
        ..request.clone()
    };
    let (batches, _) = request.cancel.step("look for keys", || snapshot.collect(&request))?;
    let (mut own, mut resource, mut body) = (Tally::default(), Tally::default(), Tally::default());
    for batch in &batches {
        let texts = |name: &str| columns::Texts::of(batch, name);
        let (attributes, bodies) = (texts(column::ATTRIBUTES), texts(column::BODY));
        for row in 0..batch.num_rows() {
            for (key, _) in attributes.get(row).into_iter().flat_map(hopline_model::attributes::entries) {
                own.add(&key, 1);
            }
            if let Some(text) = bodies.get(row) {
                hopline_model::body::paths(text, &mut |path| body.add(path, 1));
            }
        }
        let mut resources: BTreeMap<&str, u64> = BTreeMap::new();
        let of_rows = texts(column::RESOURCE);
        (0..batch.num_rows()).filter_map(|row| of_rows.get(row)).for_each(|text| *resources.entry(text).or_default() += 1);
        for (text, rows) in resources {
            for (key, _, _) in hopline_model::attributes::members(text).filter(|(_, is_own, _)| !is_own) {
                resource.add(&key, rows);
            }
        }
    }
    resource.0.retain(|key, _| !own.0.contains_key(key));
    Ok(Keys { attributes: own.most(keys_max), resource: resource.most(keys_max), body: body.most(keys_max) })
}

#[derive(Default)]
struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn add(&mut self, key: &str, rows: u64) {
        match self.0.get_mut(key) {
            Some(count) => *count += rows,
            None => {
                self.0.insert(key.to_owned(), rows);
            }
        }
    }

    fn most(self, keys_max: usize) -> Vec<String> {
        let mut keys: Vec<(String, u64)> = self.0.into_iter().collect();
        keys.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        keys.into_iter().take(keys_max).map(|(key, _)| key).collect()
    }
}
