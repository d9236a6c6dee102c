//! Calls that are nearly always made and were not made here, without an error that explains it.

use super::{MissingHop, Usual};
use crate::analyse::Analysis;
use crate::edges::{Node, node};
use crate::hops::HopKind;
use crate::spans::{Service, Status, Trace};
use crate::tree::Marks;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Made in this share of the work or more: a call that is left out once in a hundred is no surprise.
const SHARE_MIN: f64 = 0.99;
/// Below, 99 % is a single case.
const COUNT_MIN: u64 = 100;
/// More are one thing: the rest of the trace is missing.
const ROWS_MAX: usize = 20;

/// One piece of work of this trace: which services it called, and whether that can be relied on.
struct Work {
    span: usize,
    called: HashSet<Service>,
    explained: bool,
}

pub(super) fn missing_hops(trace: &Trace, analysis: &Analysis, usual: &Usual) -> Vec<MissingHop> {
    let calls = analysis.hops.calls();
    let unsound = |span: usize| trace.status(span) == Status::Error || analysis.tree.marks(span).has(Marks::IN_PROGRESS);
    let mut work: Vec<Work> = Vec::new();
    let mut by_hop: HashMap<usize, usize> = HashMap::new();
    let mut begin = |span: usize| {
        work.push(Work { span, called: HashSet::new(), explained: unsound(span) });
        work.len() - 1
    };
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| matches!(call.kind, HopKind::Rpc | HopKind::Message)) {
        if let Some(span) = call.callee.span {
            by_hop.insert(at, begin(span as usize));
        }
    }
    let of_entry: Vec<Option<usize>> = analysis.hops.entries().iter().map(|entry| entry.is_request.then(|| begin(entry.span as usize))).collect();
    for call in calls {
        let made_in = match call.parent {
            Some(parent) => by_hop.get(&(parent as usize)).copied(),
            None => call.caller.span.and_then(|span| analysis.hops.entry_of(span as usize)).and_then(|entry| of_entry[entry]),
        };
        if let Some(at) = made_in {
            work[at].called.insert(call.callee.service);
            work[at].explained |= call.status == Status::Error;
        }
    }
    let mut missing: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut known: HashMap<Service, Node> = HashMap::new();
    let mut nearly_always: HashMap<(Node, Arc<str>), Vec<(Node, f64)>> = HashMap::new();
    for work in work.iter().filter(|work| !work.explained) {
        let (service, operation) = super::operation_of(trace, work.span);
        if usual.operation(&service, &operation).is_none_or(|usually| usually.count < COUNT_MIN) {
            continue;
        }
        let caller = service.name.to_string();
        let expected = nearly_always.entry((service, operation)).or_insert_with_key(|(service, operation)| {
            let mut reaches = usual.reaches(service, operation);
            reaches.retain(|(_, share)| *share >= SHARE_MIN);
            reaches
        });
        for (callee, share) in expected {
            let called = work.called.iter().any(|called| known.entry(*called).or_insert_with(|| node(trace, *called)) == callee);
            if !called && missing.len() < ROWS_MAX {
                missing.insert((caller.clone(), callee.name.to_string()), *share);
            }
        }
    }
    missing.into_iter().map(|((caller, callee), usual_share)| MissingHop { caller, callee, usual_share }).collect()
}
