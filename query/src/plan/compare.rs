//! Two traces aligned: spans with the same path of (service, name, kind) from the root are one step, with its counts and times on both sides.

use super::columns::Texts;
use super::one::One;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Signal, attributes};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column};
use hopline_trace::spans::Status;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Differences below both of these are none: 1 ms, and a fifth of what it took before.
const SAME_NANO: i64 = 1_000_000;
const SAME_SHARE: f64 = 0.2;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) count: u64,
    pub(crate) nano: i64,
    pub(crate) self_nano: i64,
    pub(crate) errors: u64,
}

/// One step of both traces.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Place of the step above in the list.
    pub(crate) parent: Option<usize>,
    pub(crate) depth: u32,
    pub(crate) service: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) kind: &'static str,
    pub(crate) a: Option<Side>,
    pub(crate) b: Option<Side>,
}

impl Step {
    pub(crate) fn delta_nano(&self) -> i64 {
        self.b.map_or(0, |side| side.nano).saturating_sub(self.a.map_or(0, |side| side.nano))
    }

    /// From a to b.
    pub(crate) fn change(&self) -> &'static str {
        match (&self.a, &self.b) {
            (None, _) => "added",
            (_, None) => "missing",
            (Some(a), Some(_)) => {
                let delta = self.delta_nano();
                if delta.abs() < SAME_NANO || (delta.abs() as f64) < a.nano as f64 * SAME_SHARE {
                    "same"
                } else if delta > 0 {
                    "slower"
                } else {
                    "faster"
                }
            }
        }
    }
}

type Key = (Option<usize>, Arc<str>, Arc<str>, &'static str);

#[derive(Default)]
struct Aligned {
    index: HashMap<Key, usize>,
    steps: Vec<Step>,
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

/// The steps of both, depth first: those of `a` in its order, what only `b` has after its siblings.
pub(crate) fn align(a: &One, b: &One) -> Vec<Step> {
    let mut aligned = Aligned::default();
    aligned.add(a, |step| &mut step.a);
    aligned.add(b, |step| &mut step.b);
    let mut order = Vec::with_capacity(aligned.steps.len());
    let mut place = vec![0; aligned.steps.len()];
    let mut stack: Vec<usize> = aligned.roots.iter().rev().copied().collect();
    while let Some(at) = stack.pop() {
        place[at] = order.len();
        let step = &aligned.steps[at];
        order.push(Step { parent: step.parent.map(|parent| place[parent]), ..step.clone() });
        stack.extend(aligned.children[at].iter().rev());
    }
    order
}

impl Aligned {
    fn add(&mut self, one: &One, side: impl Fn(&mut Step) -> &mut Option<Side>) {
        let (trace, tree) = (&one.trace, &one.analysis.tree);
        let own = one.analysis.self_nano();
        // By node; a placeholder is no step, its children hang on the step above it.
        let mut step_of: Vec<Option<usize>> = vec![None; tree.len()];
        for node in tree.order().iter().map(|node| *node as usize) {
            let above = tree.parent(node).and_then(|parent| step_of[parent]);
            if node >= trace.len() {
                step_of[node] = above;
                continue;
            }
            let at = self.step((above, trace.service_name(node).into(), trace.name(node).into(), trace.kind(node).name()));
            step_of[node] = Some(at);
            let sums = side(&mut self.steps[at]).get_or_insert_with(Side::default);
            sums.count += 1;
            sums.nano = sums.nano.saturating_add(trace.duration_nano(node));
            sums.self_nano = sums.self_nano.saturating_add(own.get(node).copied().unwrap_or(0));
            sums.errors += u64::from(trace.status(node) == Status::Error);
        }
    }

    fn step(&mut self, key: Key) -> usize {
        if let Some(at) = self.index.get(&key) {
            return *at;
        }
        let at = self.steps.len();
        let (parent, service, name, kind) = key.clone();
        let depth = parent.map_or(0, |parent| self.steps[parent].depth + 1);
        self.steps.push(Step { parent, depth, service, name, kind, a: None, b: None });
        self.children.push(Vec::new());
        match parent {
            Some(parent) => self.children[parent].push(at),
            None => self.roots.push(at),
        }
        self.index.insert(key, at);
        at
    }
}

/// Attributes of the root span and its resource, by key, as canonical JSON.
pub(crate) fn root_attributes(snapshot: &Snapshot, one: &One, cancel: &Cancel) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let Some(root) = one.analysis.summary.as_ref().and_then(|summary| summary.root.as_ref()) else { return Ok(found) };
    let wanted = [column::SPAN_ID, column::ATTRIBUTES, column::RESOURCE].map(Column::Fixed);
    let (batches, _) = snapshot.trace_rows(Signal::Spans, one.trace.trace_id(), &wanted, cancel)?;
    for batch in &batches {
        let (own, resource) = (Texts::of(batch, column::ATTRIBUTES), Texts::of(batch, column::RESOURCE));
        for row in (0..batch.num_rows()).filter(|row| super::columns::span_id(batch, column::SPAN_ID, *row) == Some(root.span_id)) {
            for (prefix, text) in [("", own.get(row)), ("resource.", resource.get(row))] {
                found.extend(attributes::entries(text.unwrap_or("{}")).map(|(key, raw)| (format!("{prefix}{key}"), raw.to_owned())));
            }
        }
    }
    Ok(found)
}
