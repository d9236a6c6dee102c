//! The catalogue from telemetry: services, operations, versions, with rate, errors and durations.

use super::columns::{self, Texts};
use super::quantiles::Quantiles;
use crate::error::Result;
use hopline_model::schema::{column, time_column};
use hopline_model::{Signal, TimeRange, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, ScanStats, Test};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Rate, errors and durations of some spans.
#[derive(Debug, Default, Clone)]
pub(crate) struct Red {
    pub(crate) span_count: u64,
    pub(crate) error_count: u64,
    pub(crate) durations: Quantiles,
    pub(crate) first_seen: Option<UnixNanos>,
    pub(crate) last_seen: Option<UnixNanos>,
}

impl Red {
    fn add(&mut self, start: i64, duration_nano: i64, error: bool) {
        self.span_count += 1;
        self.error_count += u64::from(error);
        self.durations.add(duration_nano);
        self.seen(UnixNanos(start));
    }

    fn seen(&mut self, time: UnixNanos) {
        self.first_seen = Some(self.first_seen.map_or(time, |seen| seen.min(time)));
        self.last_seen = Some(self.last_seen.map_or(time, |seen| seen.max(time)));
    }
}

/// A service is (namespace, name, environment).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceKey {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) environment: Option<String>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Service {
    pub(crate) red: Red,
    pub(crate) versions: BTreeSet<String>,
    pub(crate) log_count: u64,
}

const KEY_COLUMNS: [&str; 4] = [column::SERVICE_NAME, column::SERVICE_NAMESPACE, column::DEPLOYMENT_ENVIRONMENT_NAME, column::SERVICE_VERSION];

/// Every service that sent spans or logs in the range; `only` by name.
pub(crate) fn services(
    snapshot: &Snapshot,
    range: TimeRange,
    only: Option<&str>,
    cancel: &Cancel,
) -> Result<(BTreeMap<ServiceKey, Service>, ScanStats)> {
    let mut services: BTreeMap<ServiceKey, Service> = BTreeMap::new();
    let mut stats = ScanStats::default();
    let spans = request(Signal::Spans, range, only, &[column::START_TIME, column::DURATION_NANO, column::STATUS_CODE], cancel);
    let read = snapshot.scan(&spans, &mut |batch| {
        let (starts, durations) = (columns::times(&batch, column::START_TIME), columns::ints(&batch, column::DURATION_NANO));
        let statuses = Texts::of(&batch, column::STATUS_CODE);
        each_service(&batch, |row, key, version| {
            let service = services.entry(key.clone()).or_default();
            service.red.add(starts[row], durations[row], statuses.get(row) == Some("error"));
            note_version(service, version);
        });
        Ok(ControlFlow::Continue(()))
    })?;
    stats.add(read);
    let logs = request(Signal::Logs, range, only, &[column::TIME], cancel);
    let read = snapshot.scan(&logs, &mut |batch| {
        let times = columns::times(&batch, column::TIME);
        each_service(&batch, |row, key, version| {
            let service = services.entry(key.clone()).or_default();
            service.log_count += 1;
            service.red.seen(UnixNanos(times[row]));
            note_version(service, version);
        });
        Ok(ControlFlow::Continue(()))
    })?;
    stats.add(read);
    Ok((services, stats))
}

fn note_version(service: &mut Service, version: Option<&str>) {
    if let Some(version) = version
        && !service.versions.contains(version)
    {
        service.versions.insert(version.to_owned());
    }
}

fn request(signal: Signal, range: TimeRange, only: Option<&str>, more: &[&'static str], cancel: &Cancel) -> ScanRequest {
    let predicate = match only {
        Some(name) => Predicate::Compare { field: Field::Column(column::SERVICE_NAME), test: Test::Equals(name.to_owned()) },
        None => Predicate::All,
    };
    let columns = KEY_COLUMNS.iter().chain(more).map(|name| Column::Fixed(name)).collect();
    ScanRequest { signal, range, predicate, columns, order: Order::Any, limit: None, after: None, cancel: cancel.clone() }
}

/// Calls `each` with every row's service; neighbours mostly share one, so keys are made when they change.
fn each_service(batch: &arrow::array::RecordBatch, mut each: impl FnMut(usize, &ServiceKey, Option<&str>)) {
    let [names, namespaces, environments, versions] = KEY_COLUMNS.map(|name| Texts::of(batch, name));
    let mut key: Option<ServiceKey> = None;
    for row in 0..batch.num_rows() {
        let (name, namespace, environment) = (names.get(row).unwrap_or_default(), namespaces.get(row), environments.get(row));
        let same =
            key.as_ref().is_some_and(|key| key.name == name && key.namespace.as_deref() == namespace && key.environment.as_deref() == environment);
        if !same {
            key = Some(ServiceKey { name: name.into(), namespace: namespace.map(Into::into), environment: environment.map(Into::into) });
        }
        if let Some(key) = &key {
            each(row, key, versions.get(row));
        }
    }
}

/// Spans of one service by two texts: (operation, kind) or (version, "").
pub(crate) fn grouped(
    snapshot: &Snapshot,
    range: TimeRange,
    service: &str,
    by: [&'static str; 2],
    cancel: &Cancel,
) -> Result<(Vec<((String, String), Red)>, ScanStats)> {
    let mut groups: BTreeMap<(String, String), Red> = BTreeMap::new();
    let spans =
        request(Signal::Spans, range, Some(service), &[by[0], by[1], time_column(Signal::Spans), column::DURATION_NANO, column::STATUS_CODE], cancel);
    let spans = ScanRequest { columns: dedup(spans.columns.clone()), ..spans };
    let stats = snapshot.scan(&spans, &mut |batch| {
        let (starts, durations) = (columns::times(&batch, column::START_TIME), columns::ints(&batch, column::DURATION_NANO));
        let (first, second, statuses) = (Texts::of(&batch, by[0]), Texts::of(&batch, by[1]), Texts::of(&batch, column::STATUS_CODE));
        for row in 0..batch.num_rows() {
            let key = (first.get(row).unwrap_or_default().to_owned(), second.get(row).unwrap_or_default().to_owned());
            groups.entry(key).or_default().add(starts[row], durations[row], statuses.get(row) == Some("error"));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.span_count.cmp(&a.1.span_count).then_with(|| a.0.cmp(&b.0)));
    Ok((groups, stats))
}

fn dedup(columns: Vec<Column>) -> Vec<Column> {
    let mut out: Vec<Column> = Vec::new();
    for column in columns {
        if !out.contains(&column) {
            out.push(column);
        }
    }
    out
}
