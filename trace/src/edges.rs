//! Calls by minute: what the service map, versions and "usual" are answered from when the spans are long gone.
//!
//! One [`Edge`] for each minute, caller, callee, operation, versions, kind and status. Requests that nobody in the trace called count under
//! a caller without name, so that the rows of a callee are all its work. Merging is exact and may happen in any order.

use crate::analyse::Analysis;
use crate::histogram::Histogram;
use crate::hops::{Call, Entry, HopKind};
use crate::spans::{Kind, Service, Status, Text, Trace};
use hopline_model::UnixNanos;
use hopline_model::time::NANOS_PER_MINUTE;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// A service or a named peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Node {
    /// Empty: no caller in the trace.
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    pub environment: Arc<str>,
}

impl Node {
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(crate) fn of(trace: &Trace, service: Service) -> Self {
        let text = |text| trace.texts.shared(text);
        Self { name: text(service.name), namespace: text(service.namespace), environment: text(service.environment) }
    }
}

/// What a row counts by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeKey {
    /// The start of the minute in which the call began.
    pub minute: UnixNanos,
    pub caller: Node,
    /// What the caller was doing: the operation it was called with itself.
    pub caller_operation: Arc<str>,
    pub caller_version: Arc<str>,
    pub callee: Node,
    pub operation: Arc<str>,
    pub callee_version: Arc<str>,
    pub kind: HopKind,
    pub status: Status,
}

/// What is counted. Sums and differences are exact; counts wrap, so that a row may also say what is to be taken away from others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EdgeCounts {
    pub count: u64,
    /// `count`, each call weighted by how many it stands for when sampled (`ot=th:`).
    pub adjusted_count: f64,
    /// Calls that were the first of this callee and operation in their caller's work: `count / first_calls` is how often one caller calls.
    pub first_calls: u64,
    /// Calls that were the first of this callee in their caller's work: against the caller's count, the share of its work that gets here.
    pub reaches: u64,
    /// Calls in which the first cause of a failure lies.
    pub first_causes: u64,
    /// What the caller waited, else what the callee worked.
    pub total: Histogram,
    /// `total` without the callee's own calls.
    pub own: Histogram,
}

impl EdgeCounts {
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.wrapping_add(other.count);
        self.adjusted_count += other.adjusted_count;
        self.first_calls = self.first_calls.wrapping_add(other.first_calls);
        self.reaches = self.reaches.wrapping_add(other.reaches);
        self.first_causes = self.first_causes.wrapping_add(other.first_causes);
        self.total.merge(&other.total);
        self.own.merge(&other.own);
    }

    pub fn subtract(&mut self, other: &Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.adjusted_count -= other.adjusted_count;
        self.first_calls = self.first_calls.wrapping_sub(other.first_calls);
        self.reaches = self.reaches.wrapping_sub(other.reaches);
        self.first_causes = self.first_causes.wrapping_sub(other.first_causes);
        self.total.subtract(&other.total);
        self.own.subtract(&other.own);
    }

    /// No more was taken away than was counted: true of every sum of a whole store; damage can break it.
    pub fn is_whole(&self) -> bool {
        (self.count as i64) > 0 && self.total.count() == self.count && self.own.count() == self.count
    }

    /// Nothing was counted, or all of it was taken away again.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One row of the `edges` dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    pub key: EdgeKey,
    pub counts: EdgeCounts,
}

/// Rows being added up.
#[derive(Debug, Clone, Default)]
pub struct Edges {
    rows: HashMap<EdgeKey, EdgeCounts>,
}

impl Edges {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts all calls and requests of a trace.
    pub fn add(&mut self, trace: &Trace, analysis: &Analysis) {
        let calls = analysis.hops.calls();
        let mut called: HashSet<(u64, Service, Text)> = HashSet::new();
        let mut reached: HashSet<(u64, Service)> = HashSet::new();
        for call in calls {
            let caller = caller(analysis, call);
            let callee = call.callee.service;
            let key = EdgeKey {
                minute: minute(call.start),
                caller: node(trace, call.caller.service),
                caller_operation: trace.texts.shared(caller.map_or(call.caller.operation, |span| trace.detail(span).name)),
                caller_version: trace.texts.shared(call.caller.version),
                callee: node(trace, callee),
                operation: trace.texts.shared(call.callee.operation),
                callee_version: trace.texts.shared(call.callee.version),
                kind: call.kind,
                status: call.status,
            };
            let weight = call.callee.span.or(call.caller.span).map_or(1.0, |span| trace.weight(span as usize));
            let work = caller.map_or(u64::MAX, |span| span as u64);
            let first_call = called.insert((work, callee, call.callee.operation));
            let counts = EdgeCounts {
                first_calls: u64::from(first_call),
                reaches: u64::from(reached.insert((work, callee))),
                first_causes: u64::from(call.is_first_cause),
                ..one(weight, call.total_nano(), call.own_nano())
            };
            self.put(key, counts);
        }
        for entry in analysis.hops.entries().iter().filter(|entry| entry.is_request) {
            self.request(trace, entry);
        }
    }

    fn request(&mut self, trace: &Trace, entry: &Entry) {
        let span = entry.span as usize;
        let origin = trace.origin(span);
        let key = EdgeKey {
            minute: minute(trace.start(span).0),
            caller: Node::default(),
            caller_operation: "".into(),
            caller_version: "".into(),
            callee: Node::of(trace, origin.service),
            operation: trace.texts.shared(trace.detail(span).name),
            callee_version: trace.texts.shared(origin.version),
            kind: if trace.kind(span) == Kind::Consumer { HopKind::Message } else { HopKind::Rpc },
            status: trace.status(span),
        };
        let counts = EdgeCounts {
            first_calls: 1,
            reaches: 1,
            first_causes: u64::from(entry.is_first_cause),
            ..one(trace.weight(span), trace.duration_nano(span), entry.self_nano)
        };
        self.put(key, counts);
    }

    /// Adds a row, as read back from storage.
    pub fn put(&mut self, key: EdgeKey, counts: EdgeCounts) {
        self.rows.entry(key).or_default().merge(&counts);
    }

    pub fn merge(&mut self, other: Self) {
        other.rows.into_iter().for_each(|(key, counts)| self.put(key, counts));
    }

    /// Takes away what was counted in the other: a trace's rows as they were before more of its spans came.
    pub fn subtract(&mut self, other: Self) {
        other.rows.into_iter().for_each(|(key, counts)| self.rows.entry(key).or_default().subtract(&counts));
    }

    /// In no order.
    pub fn iter(&self) -> impl Iterator<Item = (&EdgeKey, &EdgeCounts)> {
        self.rows.iter()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in the order of their keys: by minute first. What was taken away whole is no row.
    pub fn into_rows(self) -> Vec<Edge> {
        let mut rows: Vec<Edge> = self.rows.into_iter().filter(|(_, counts)| !counts.is_empty()).map(|(key, counts)| Edge { key, counts }).collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    }
}

/// The span whose work a call was made in: the callee of the hop above, or the entry.
pub(crate) fn caller(analysis: &Analysis, call: &Call) -> Option<usize> {
    let above = match call.parent {
        Some(parent) => analysis.hops.calls()[parent as usize].callee.span,
        None => {
            let entry = analysis.hops.entry_of(call.caller.span? as usize)?;
            Some(analysis.hops.entries()[entry].span)
        }
    };
    above.or(call.caller.span).map(|span| span as usize)
}

/// A side of an edge; a peer that nobody names is `unknown`.
pub(crate) fn node(trace: &Trace, service: Service) -> Node {
    if service.name.is_none() { Node::named(crate::hops::UNKNOWN) } else { Node::of(trace, service) }
}

fn minute(nano: i64) -> UnixNanos {
    UnixNanos(nano - nano.rem_euclid(NANOS_PER_MINUTE))
}

fn one(weight: f64, total: i64, own: i64) -> EdgeCounts {
    let mut counts = EdgeCounts { count: 1, adjusted_count: weight, ..EdgeCounts::default() };
    counts.total.record(total);
    counts.own.record(own);
    counts
}
