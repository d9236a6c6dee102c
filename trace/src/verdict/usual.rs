//! What is usual, learned from the rollups of [`crate::edges`].

use super::calm::{bad_minutes, calm};
use super::reaches::Reaches;
use crate::analyse::Analysis;
use crate::edges::{Edge, EdgeKey, Node};
use crate::histogram::Histogram;
use crate::spans::{Status, Trace};
use hopline_model::UnixNanos;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Counts and durations of many calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usually {
    pub count: u64,
    pub errors: u64,
    /// See [`crate::edges::EdgeCounts::first_calls`].
    pub first_calls: u64,
    pub total: Histogram,
    pub own: Histogram,
}

impl Usually {
    pub(super) fn add(&mut self, edge: &Edge) {
        self.count += edge.counts.count;
        self.errors += if edge.key.status == Status::Error { edge.counts.count } else { 0 };
        self.first_calls += edge.counts.first_calls;
        self.total.merge(&edge.counts.total);
        self.own.merge(&edge.counts.own);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.errors += other.errors;
        self.first_calls += other.first_calls;
        self.total.merge(&other.total);
        self.own.merge(&other.own);
    }

    pub fn error_share(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.errors as f64 / self.count as f64 }
    }

    /// How often one piece of the caller's work makes this call, when it makes it at all.
    pub fn calls_each(&self) -> f64 {
        if self.first_calls == 0 { 1.0 } else { (self.count as f64 / self.first_calls as f64).max(1.0) }
    }
}

/// A call by name: caller (without name: nobody in the trace), callee, operation.
pub type EdgeName = (Node, Node, Arc<str>);

/// What an operation's calls usually are like. Learned by [`Usual::for_trace`].
#[derive(Debug, Clone, Default)]
pub struct Usual {
    operations: HashMap<(Node, Arc<str>), Usually>,
    edges: HashMap<EdgeName, Usually>,
    reaches: Reaches,
    /// Everything known, of whatever time, by callee version.
    versions: HashMap<EdgeName, BTreeMap<Arc<str>, Usually>>,
    /// First minute of each version of a service.
    first_seen: HashMap<Node, BTreeMap<Arc<str>, UnixNanos>>,
}

impl Usual {
    /// `rows`: of many traces, without the one that is judged.
    ///
    /// Learns from what was before: before the trace, and before the first version change among the services it touches, as far as that
    /// leaves [`super::COUNT_MIN`] requests like it to compare with. Otherwise a fault that is in every row would be usual. Of that, only from
    /// calm times, the request's and each call's own ([`calm`]): a fault of an hour must not be usual to the next request.
    pub fn for_trace(rows: &[Edge], trace: &Trace, analysis: &Analysis) -> Self {
        let mut usual = Self::default();
        rows.iter().for_each(|row| usual.add_versions(row));
        let Some(root) = super::root_entry(analysis) else {
            usual.learn_baseline(rows.iter());
            return usual;
        };
        let (node, operation) = super::operation_of(trace, root.span as usize);
        let of_operation = |key: &EdgeKey| key.callee == node && key.operation == operation;
        // A request from outside; a part of a trace that is judged alone is called by others.
        let from_outside = rows.iter().any(|row| of_operation(&row.key) && row.key.caller.name.is_empty());
        let is_like = &|key: &EdgeKey| of_operation(key) && (key.caller.name.is_empty() || !from_outside);
        let until = UnixNanos(trace.start(root.span as usize).0);
        let mut cuts = usual.changes(trace);
        cuts.retain(|cut| *cut < until);
        cuts.push(until);
        cuts.sort_unstable();
        // A row counts a whole minute: only minutes that were over.
        let before = |row: &Edge, cut: UnixNanos| row.key.minute.saturating_add(MINUTE) <= cut;
        let like = |cut: UnixNanos| rows.iter().filter(move |row| before(row, cut) && is_like(&row.key));
        let enough = |cut: &UnixNanos| like(*cut).map(|row| row.counts.count).sum::<u64>() >= super::COUNT_MIN;
        match cuts.into_iter().find(enough) {
            Some(cut) => {
                let bad = bad_minutes(like(cut).collect());
                usual.learn_baseline(rows.iter().filter(|row| before(row, cut) && !bad.contains(&row.key.minute)));
            }
            None => usual.learn_baseline(rows.iter()),
        }
        usual
    }

    /// Work of an operation, whoever called.
    pub fn operation(&self, service: &Node, operation: &Arc<str>) -> Option<&Usually> {
        self.operations.get(&(service.clone(), operation.clone()))
    }

    pub fn edge(&self, edge: &EdgeName) -> Option<&Usually> {
        self.edges.get(edge)
    }

    /// The share of an operation's work that calls each callee, in [0, 1]; adds it up each time it is asked.
    pub fn reaches(&self, service: &Node, operation: &Arc<str>) -> Vec<(Node, f64)> {
        self.reaches.of(service, operation)
    }

    /// The calls of an edge by the callee's version, over all time learned from.
    pub fn versions(&self, edge: &EdgeName) -> Option<&BTreeMap<Arc<str>, Usually>> {
        self.versions.get(edge)
    }

    /// When a version of a service was first seen, if the service had another before.
    pub fn first_seen(&self, service: &Node, version: &str) -> Option<UnixNanos> {
        let versions = self.first_seen.get(service)?;
        let seen = *versions.get(version)?;
        (versions.len() > 1 && (versions.values().min() < Some(&seen))).then_some(seen)
    }

    fn learn_baseline<'a>(&mut self, rows: impl Iterator<Item = &'a Edge>) {
        let mut operations: HashMap<(&Node, &Arc<str>), Vec<&Edge>> = HashMap::new();
        let mut edges: HashMap<(&Node, &Node, &Arc<str>), Vec<&Edge>> = HashMap::new();
        for row in rows {
            let key = &row.key;
            operations.entry((&key.callee, &key.operation)).or_default().push(row);
            edges.entry((&key.caller, &key.callee, &key.operation)).or_default().push(row);
            self.reaches.add(row);
        }
        self.operations = operations.into_iter().map(|((callee, name), rows)| ((callee.clone(), name.clone()), calm(rows))).collect();
        self.edges = edges.into_iter().map(|((from, to, name), rows)| ((from.clone(), to.clone(), name.clone()), calm(rows))).collect();
    }

    fn add_versions(&mut self, row: &Edge) {
        let key = &row.key;
        let name = (key.caller.clone(), key.callee.clone(), key.operation.clone());
        self.versions.entry(name).or_default().entry(key.callee_version.clone()).or_default().add(row);
        if !key.callee_version.is_empty() {
            let first = self.first_seen.entry(key.callee.clone()).or_default().entry(key.callee_version.clone()).or_insert(key.minute);
            *first = (*first).min(key.minute);
        }
    }

    /// When versions that this trace met replaced others.
    fn changes(&self, trace: &Trace) -> Vec<UnixNanos> {
        let mut origins: Vec<_> = (0..trace.len()).map(|span| trace.origin(span)).map(|origin| (origin.service, origin.version)).collect();
        origins.sort_unstable();
        origins.dedup();
        origins.iter().filter_map(|(service, version)| self.first_seen(&Node::of(trace, *service), trace.text(*version))).collect()
    }
}

pub(super) const MINUTE: i64 = hopline_model::time::NANOS_PER_MINUTE;
