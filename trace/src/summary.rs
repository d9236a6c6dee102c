//! A trace in a few numbers. Summaries of parts of a trace add up to that of the whole, in any order.

use crate::spans::{Status, Trace};
use hopline_model::{SpanId, TraceId, UnixNanos};
use serde::Serialize;
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// The summary of some (or all) spans of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub trace_id: TraceId,
    /// The earliest span that names no parent, if it is among these spans.
    pub root: Option<Root>,
    /// The first start and the last end.
    pub start: UnixNanos,
    pub end: UnixNanos,
    pub span_count: u64,
    pub error_count: u64,
    /// Spans and errors by service name.
    pub services: BTreeMap<String, Counts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub service: String,
    pub name: String,
    pub span_id: SpanId,
    pub status: Status,
    pub start: UnixNanos,
    /// Decides between roots that start together.
    pub seq: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub spans: u64,
    pub errors: u64,
}

/// A service as the API lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceCount {
    pub name: String,
    pub spans: u64,
    pub errors: u64,
}

impl Summary {
    /// `None` without spans.
    pub fn of(trace: &Trace) -> Option<Self> {
        let start = (0..trace.len()).map(|span| trace.start(span)).min()?;
        let end = (0..trace.len()).map(|span| trace.end(span)).max()?;
        let root = (0..trace.len()).filter(|span| trace.parent_id(*span).is_none()).min_by_key(|span| trace.order_key(*span));
        let mut counts = std::collections::HashMap::<_, Counts>::new();
        for span in 0..trace.len() {
            let counts = counts.entry(trace.origin(span).service.name).or_default();
            counts.spans += 1;
            counts.errors += u64::from(trace.status(span) == Status::Error);
        }
        Some(Self {
            trace_id: trace.trace_id(),
            root: root.map(|span| Root {
                service: trace.service_name(span).to_owned(),
                name: trace.name(span).to_owned(),
                span_id: trace.span_id(span),
                status: trace.status(span),
                start: trace.start(span),
                seq: trace.seq(span),
            }),
            start,
            end,
            span_count: trace.len() as u64,
            error_count: counts.values().map(|counts| counts.errors).sum(),
            services: counts.into_iter().map(|(name, counts)| (trace.text(name).to_owned(), counts)).collect(),
        })
    }

    pub fn duration_nano(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Most spans first.
    pub fn services_by_spans(&self) -> Vec<ServiceCount> {
        let row = |(name, counts): (&String, &Counts)| ServiceCount { name: name.clone(), spans: counts.spans, errors: counts.errors };
        let mut rows: Vec<ServiceCount> = self.services.iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.spans));
        rows
    }

    /// Adds other spans of the same trace. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.span_count += other.span_count;
        self.error_count += other.error_count;
        for (name, counts) in &other.services {
            let sum = self.services.entry(name.clone()).or_default();
            sum.spans += counts.spans;
            sum.errors += counts.errors;
        }
        let key = |root: &Root| (root.start, root.seq, root.span_id);
        if let Some(root) = &other.root
            && self.root.as_ref().is_none_or(|known| key(root) < key(known))
        {
            self.root = Some(root.clone());
        }
    }
}
