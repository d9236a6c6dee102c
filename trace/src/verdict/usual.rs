//! What is usual, learned from the rollups of [`crate::edges`].

use crate::analyse::Analysis;
use crate::edges::{Edge, EdgeKey, Node};
use crate::histogram::Histogram;
use crate::spans::{Status, Trace};
use hopline_model::UnixNanos;
use std::collections::{BTreeMap, HashMap, HashSet};
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
    fn add(&mut self, edge: &Edge) {
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

/// What an operation's calls usually are like. Learned for one trace by [`Usual::for_trace`], or from any rows by [`Usual::learn`].
#[derive(Debug, Clone, Default)]
pub struct Usual {
    operations: HashMap<(Node, Arc<str>), Usually>,
    edges: HashMap<EdgeName, Usually>,
    /// How many pieces of work of (service, operation) called each callee.
    reaches: HashMap<(Node, Arc<str>), BTreeMap<Node, u64>>,
    /// Everything known, of whatever time, by callee version.
    versions: HashMap<EdgeName, BTreeMap<Arc<str>, Usually>>,
    /// First minute of each version of a service.
    first_seen: HashMap<Node, BTreeMap<Arc<str>, UnixNanos>>,
}

impl Usual {
    pub fn learn<'a>(rows: impl IntoIterator<Item = &'a Edge>) -> Self {
        let mut usual = Self::default();
        for row in rows {
            usual.add_baseline(row);
            usual.add_versions(row);
        }
        usual
    }

    /// `rows`: of many traces, without the one that is judged.
    ///
    /// Learns from what was before: before the trace, and before the first version change among the services it touches, as far as that
    /// leaves [`super::COUNT_MIN`] requests like it to compare with. Otherwise a fault that is in every row would be usual. Of that, only
    /// from calm times ([`Calm`]): a fault of an hour must not be usual to the next one.
    pub fn for_trace(rows: &[Edge], trace: &Trace, analysis: &Analysis) -> Self {
        let mut usual = Self::default();
        rows.iter().for_each(|row| usual.add_versions(row));
        let Some(root) = super::root_entry(analysis) else {
            return Self::learn(rows);
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
                let calm = Calm::of(like(cut));
                rows.iter().filter(|row| before(row, cut) && calm.holds(row.key.minute)).for_each(|row| usual.add_baseline(row));
            }
            None => rows.iter().for_each(|row| usual.add_baseline(row)),
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

    /// The share of an operation's work that calls each callee.
    pub fn reaches(&self, service: &Node, operation: &Arc<str>) -> impl Iterator<Item = (&Node, f64)> {
        let count = self.operation(service, operation).map_or(0, |usually| usually.count);
        let reaches = self.reaches.get(&(service.clone(), operation.clone()));
        reaches.into_iter().flatten().filter(move |_| count > 0).map(move |(callee, reached)| (callee, *reached as f64 / count as f64))
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

    fn add_baseline(&mut self, row: &Edge) {
        let key = &row.key;
        self.operations.entry((key.callee.clone(), key.operation.clone())).or_default().add(row);
        self.edges.entry((key.caller.clone(), key.callee.clone(), key.operation.clone())).or_default().add(row);
        if !key.caller.name.is_empty() {
            let reached = self.reaches.entry((key.caller.clone(), key.caller_operation.clone())).or_default();
            *reached.entry(key.callee.clone()).or_default() += row.counts.reaches;
        }
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

const MINUTE: i64 = hopline_model::time::NANOS_PER_MINUTE;

/// The minutes that are not far worse than most.
///
/// Minutes are taken together until they hold enough requests to tell; a group is left out when its 90th percentile is over twice that of
/// the group in the middle, or when it fails that much more often. So up to half of the time may be bad without becoming usual.
#[derive(Debug, Default)]
struct Calm {
    bad: HashSet<UnixNanos>,
}

/// Requests that tell a 90th percentile.
const GROUP_COUNT_MIN: u64 = 30;
/// With fewer groups there is no middle.
const GROUPS_MIN: usize = 3;
const WORSE_TIMES: u64 = 2;
const WORSE_NANO: u64 = super::EXCESS_MIN_NANO as u64;
/// Failures of a hundred requests more than in the middle group.
const WORSE_ERRORS_PERCENT: u64 = 5;

impl Calm {
    fn of<'a>(like: impl Iterator<Item = &'a Edge>) -> Self {
        let mut minutes: BTreeMap<UnixNanos, Usually> = BTreeMap::new();
        like.for_each(|row| minutes.entry(row.key.minute).or_default().add(row));
        let mut groups: Vec<(Vec<UnixNanos>, Usually)> = Vec::new();
        for (minute, usually) in minutes {
            match groups.last_mut().filter(|(_, group)| group.count < GROUP_COUNT_MIN) {
                Some((minutes, group)) => {
                    minutes.push(minute);
                    group.merge(&usually);
                }
                None => groups.push((vec![minute], usually)),
            }
        }
        if groups.len() < GROUPS_MIN {
            return Self::default();
        }
        let slow = |group: &Usually| group.total.quantile(0.9).unwrap_or(0);
        let errors_percent = |group: &Usually| group.errors * 100 / group.count.max(1);
        let middle = |of: &dyn Fn(&Usually) -> u64| {
            let mut all: Vec<u64> = groups.iter().map(|(_, group)| of(group)).collect();
            all.sort_unstable();
            all[(all.len() - 1) / 2]
        };
        let (usual_slow, usual_errors) = (middle(&slow), middle(&errors_percent));
        let is_bad = |group: &Usually| {
            slow(group) > usual_slow.saturating_mul(WORSE_TIMES).max(usual_slow.saturating_add(WORSE_NANO))
                || errors_percent(group) > (usual_errors * WORSE_TIMES).max(usual_errors + WORSE_ERRORS_PERCENT)
        };
        Self { bad: groups.iter().filter(|(_, group)| is_bad(group)).flat_map(|(minutes, _)| minutes).copied().collect() }
    }

    fn holds(&self, minute: UnixNanos) -> bool {
        !self.bad.contains(&minute)
    }
}
