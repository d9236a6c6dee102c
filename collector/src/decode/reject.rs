//! What is refused of a request that was decoded, and the words for it.

use hopline_model::Signal;
use std::fmt::Display;

/// Why one record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    #[error("trace_id must be 16 bytes and not all zero")]
    TraceId,
    #[error("span_id must be 8 bytes and not all zero")]
    SpanId,
    #[error("a value is nested more than 48 levels deep")]
    Depth,
    #[error("more attributes, or members of one map, than collector.attributes_per_record_max allows")]
    Attributes,
    #[error("more events, links or exemplars than collector.events_per_span_max allows")]
    Events,
    #[error("more records in one request than collector.records_per_request_max allows: send smaller batches")]
    Records,
    #[error("a new service_name, and the tenant has as many as collector.services_per_tenant_max allows")]
    Services,
    #[error("a new metric series, and the tenant has as many as collector.series_per_tenant_max allows")]
    Series,
    #[error("time_unix_nano is 0: a data point needs its time")]
    Time,
    #[error("a number data point without a value (and without the flag that says so)")]
    NoValue,
    #[error("bucket_counts must be one more than explicit_bounds, or both empty")]
    BucketLength,
    #[error("explicit_bounds must increase strictly")]
    Bounds,
    #[error("the sum of bucket_counts is not count")]
    BucketSum,
    #[error("the bucket indexes of an exponential histogram overflow")]
    BucketIndex,
    #[error("more than 65536 buckets or quantiles")]
    Buckets,
}

/// What was taken, and not quite as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    #[error("values with a string index were stored as empty: indexes belong to profiles alone")]
    StringIndex,
    #[error("log records with an invalid trace_id or span_id were stored without their trace")]
    LogId,
    #[error("exemplars without a value were left out")]
    Exemplar,
    #[error("data points whose aggregation_temporality is unspecified were stored as such: rates cannot be made of them")]
    Temporality,
    #[error("metrics without a kind and data points were left out")]
    NoData,
}

/// Counts by reason, in the order first met.
#[derive(Debug, Clone)]
pub struct Rejected<R> {
    counts: Vec<(R, u64)>,
}

impl<R> Default for Rejected<R> {
    fn default() -> Self {
        Self { counts: Vec::new() }
    }
}

impl<R: Copy + PartialEq + Display> Rejected<R> {
    pub fn add(&mut self, reason: R, records: u64) {
        if records == 0 {
            return;
        }
        match self.counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += records,
            None => self.counts.push((reason, records)),
        }
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    pub fn counts(&self) -> &[(R, u64)] {
        &self.counts
    }

    fn list(&self) -> String {
        self.counts.iter().map(|(reason, count)| format!("{count} × {reason}")).collect::<Vec<_>>().join("; ")
    }
}

/// The `error_message` of an answer; empty when all was taken as sent.
pub fn words(signal: Signal, accepted: u64, rejected: &Rejected<Reject>, warnings: &Rejected<Warning>) -> String {
    let records = match signal {
        Signal::Spans => "spans",
        Signal::Logs => "log records",
        Signal::Metrics => "data points",
    };
    let mut parts = Vec::new();
    if rejected.total() > 0 {
        parts.push(format!("{} of {} {records} rejected: {}", rejected.total(), rejected.total() + accepted, rejected.list()));
    }
    if warnings.total() > 0 {
        parts.push(format!("note: {}", warnings.list()));
    }
    parts.join("; ")
}
