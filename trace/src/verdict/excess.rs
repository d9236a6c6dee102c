//! Where the time over the usual went: critical time of each edge against the usual own time of as many calls as usual.

use super::{EdgeName, Excess, Usual};
use crate::analyse::Analysis;
use crate::edges::{Node, node};
use crate::hops::{Call, Entry};
use crate::spans::{Service, Text, Trace};
use std::collections::HashMap;

/// More rows say nothing more: these are the largest.
const ROWS_MAX: usize = 10;
/// A hop that owes this share of the excess is named.
pub(super) const NAMED_SHARE_MIN: f64 = 0.25;

/// Calls of one edge made from one place.
struct Group {
    /// The call with the most critical time.
    longest: usize,
    calls: u64,
    critical_nano: i64,
    attempts: u32,
}

pub(super) fn edge_name(trace: &Trace, call: &Call) -> EdgeName {
    (node(trace, call.caller.service), node(trace, call.callee.service), trace.texts.shared(call.callee.operation))
}

pub(super) fn excess(trace: &Trace, analysis: &Analysis, usual: &Usual, root: &Entry, over_nano: i64) -> Vec<Excess> {
    let calls = analysis.hops.calls();
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<(Option<u32>, Service, Service, Text), usize> = HashMap::new();
    for (at, call) in calls.iter().enumerate() {
        let key = (call.parent, call.caller.service, call.callee.service, call.callee.operation);
        let group = *known.entry(key).or_insert_with(|| {
            groups.push(Group { longest: at, calls: 0, critical_nano: 0, attempts: 1 });
            groups.len() - 1
        });
        let group = &mut groups[group];
        group.calls += 1;
        group.critical_nano += call.critical_nano;
        group.attempts = group.attempts.max(call.attempt);
        if call.critical_nano > calls[group.longest].critical_nano {
            group.longest = at;
        }
    }
    let mut rows: Vec<Excess> = groups.iter().filter(|group| group.critical_nano > 0).map(|group| row(trace, calls, usual, group)).collect();
    rows.push(of_root(trace, usual, root));
    rows.retain(|row| row.excess_nano > 0);
    let sum = rows.iter().fold(0i64, |sum, row| sum.saturating_add(row.excess_nano));
    let whole = over_nano.max(sum).max(1) as f64;
    rows.iter_mut().for_each(|row| row.share = row.excess_nano as f64 / whole);
    rows.sort_by_key(|row| (std::cmp::Reverse(row.excess_nano), row.hop));
    rows.truncate(ROWS_MAX);
    deepest_first(&mut rows, calls);
    rows
}

/// Work that waits its turn at something slow owes the wait itself, often more than what it waits for: so a hop that is called in the work of
/// the largest one and owes a share worth naming comes before it, as the likelier cause.
fn deepest_first(rows: &mut [Excess], calls: &[Call]) {
    let is_below = |hop: u32, of: u32| {
        let parents = std::iter::successors(hop.checked_sub(1), |at| calls.get(*at as usize).and_then(|call| call.parent));
        hop != of && (of == 0 || parents.skip(1).any(|at| at + 1 == of))
    };
    while let Some(first) = rows.first().map(|row| row.hop)
        && let Some(at) = rows.iter().position(|row| row.share >= NAMED_SHARE_MIN && is_below(row.hop, first))
    {
        rows[..=at].rotate_right(1);
    }
}

fn row(trace: &Trace, calls: &[Call], usual: &Usual, group: &Group) -> Excess {
    let call = &calls[group.longest];
    let edge = edge_name(trace, call);
    let usually = usual.edge(&edge);
    // A call never seen before is all excess.
    let usual_calls = usually.map_or(0.0, |usually| usually.calls_each());
    let usual_own = usually.and_then(|usually| usually.own.quantile(0.5)).unwrap_or(0) as f64;
    Excess {
        hop: group.longest as u32 + 1,
        caller: edge.0.name.to_string(),
        callee: edge.1.name.to_string(),
        name: edge.2.to_string(),
        excess_nano: group.critical_nano.saturating_sub((usual_own * usual_calls) as i64),
        share: 0.0,
        calls: group.calls,
        usual_calls,
        attempts: group.attempts,
    }
}

fn of_root(trace: &Trace, usual: &Usual, root: &Entry) -> Excess {
    let (service, operation) = super::operation_of(trace, root.span as usize);
    let edge = (Node::default(), service, operation);
    let usually = usual.edge(&edge);
    let usual_own = usually.and_then(|usually| usually.own.quantile(0.5)).unwrap_or(0);
    Excess {
        hop: 0,
        caller: String::new(),
        callee: edge.1.name.to_string(),
        name: edge.2.to_string(),
        excess_nano: root.critical_nano.saturating_sub(usual_own as i64),
        share: 0.0,
        calls: 1,
        usual_calls: 1.0,
        attempts: 1,
    }
}
