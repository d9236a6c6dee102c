//! Logs beyond the list: histogram, facets, context around a line.

use super::columns;
use super::traces::merge_stats;
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
    let (cells, stats) = snapshot.histogram(&request, bucket_nano, Some(column::SEVERITY_NUMBER))?;
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
    merge_stats(&mut stats, read);
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
    merge_stats(&mut stats, read);
    request.order = Order::OldestFirst;
    request.limit = Some(after);
    let (newer, read) = snapshot.collect(&request)?;
    merge_stats(&mut stats, read);
    older = older.into_iter().rev().map(|batch| reversed(&batch)).collect::<Result<_>>()?;
    let at = older.iter().map(RecordBatch::num_rows).sum();
    Ok((older.into_iter().chain([line]).chain(newer).collect(), at, stats))
}

fn reversed(batch: &RecordBatch) -> Result<RecordBatch> {
    let rows = arrow::array::UInt32Array::from_iter_values((0..batch.num_rows() as u32).rev());
    Ok(arrow::compute::take_record_batch(batch, &rows)?)
}

/// A facet: a column or attribute and its values with counts, most first; `more` when there are others.
pub(crate) struct Facet {
    pub(crate) field: String,
    pub(crate) values: Vec<(String, u64)>,
    pub(crate) more: bool,
}

/// Values of a facet that are listed.
const VALUES_MAX: usize = 20;

/// Facets of the matching rows. `fields` are names of the query language.
pub(crate) fn facets(
    snapshot: &Snapshot,
    signal: Signal,
    predicate: &Predicate,
    range: TimeRange,
    fields: &[String],
    cancel: &Cancel,
) -> Result<(Vec<Facet>, ScanStats)> {
    let request = ScanRequest {
        signal,
        range,
        predicate: predicate.clone(),
        columns: Vec::new(),
        order: Order::Any,
        limit: None,
        after: None,
        cancel: cancel.clone(),
    };
    let mut stats = ScanStats::default();
    let mut facets = Vec::new();
    for field in fields {
        let (mut values, read) = snapshot.values(&request, &facet_column(signal, field), VALUES_MAX + 1)?;
        merge_stats(&mut stats, read);
        let more = values.len() > VALUES_MAX;
        values.truncate(VALUES_MAX);
        if signal == Signal::Logs && field == "severity" {
            let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
            for (number, rows) in &values {
                *classes.entry(crate::api::severity(number.parse().unwrap_or(0))).or_default() += rows;
            }
            values = classes.into_iter().map(|(class, rows)| (class.to_owned(), rows)).collect();
            values.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        }
        if !values.is_empty() {
            facets.push(Facet { field: field.clone(), values, more });
        }
    }
    Ok((facets, stats))
}

/// The column a name of the query language stands for.
pub(crate) fn facet_column(signal: Signal, field: &str) -> Column {
    let logs = signal == Signal::Logs;
    match field {
        "service" => Column::Fixed(column::SERVICE_NAME),
        "namespace" => Column::Fixed(column::SERVICE_NAMESPACE),
        "version" => Column::Fixed(column::SERVICE_VERSION),
        "instance" => Column::Fixed(column::SERVICE_INSTANCE_ID),
        "env" => Column::Fixed(column::DEPLOYMENT_ENVIRONMENT_NAME),
        "scope" => Column::Fixed(column::SCOPE_NAME),
        "severity" if logs => Column::Fixed(column::SEVERITY_NUMBER),
        "event" if logs => Column::Fixed(column::EVENT_NAME),
        "name" if !logs => Column::Fixed(column::NAME),
        "kind" if signal == Signal::Spans => Column::Fixed(column::KIND),
        "status" if signal == Signal::Spans => Column::Fixed(column::STATUS_CODE),
        other => Column::Attribute(other.to_owned()),
    }
}

/// Attribute keys of the newest matching rows, most frequent first.
pub(crate) fn frequent_keys(
    snapshot: &Snapshot,
    signal: Signal,
    predicate: &Predicate,
    range: TimeRange,
    keys_max: usize,
    cancel: &Cancel,
) -> Result<Vec<String>> {
    const ROWS: usize = 500;
    let request = ScanRequest {
        signal,
        range,
        predicate: predicate.clone(),
        columns: vec![Column::Fixed(column::ATTRIBUTES)],
        order: Order::NewestFirst,
        limit: Some(ROWS),
        after: None,
        cancel: cancel.clone(),
    };
    let (batches, _) = snapshot.collect(&request)?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for batch in &batches {
        let texts = columns::Texts::of(batch, column::ATTRIBUTES);
        for text in (0..batch.num_rows()).filter_map(|row| texts.get(row)) {
            for (key, _) in hopline_model::attributes::entries(text) {
                match counts.get_mut(&*key) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(key.into_owned(), 1);
                    }
                }
            }
        }
    }
    let mut keys: Vec<(String, u64)> = counts.into_iter().collect();
    keys.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(keys.into_iter().take(keys_max).map(|(key, _)| key).collect())
}
