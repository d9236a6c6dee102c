//! How much of an operation's work gets to each callee, while it gets there as it usually does.

use super::calm::{GROUP_COUNT_MIN, GROUPS_MIN, lasts, middle};
use crate::edges::{Edge, Node};
use hopline_model::UnixNanos;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Counts of work and of what it called, minute by minute.
///
/// Messages that a queue loses make nothing slower and nothing fail: only this count shows the minutes in which they were lost, and such
/// minutes must not make it usual to the requests after them.
#[derive(Debug, Clone, Default)]
pub(super) struct Reaches {
    works: HashMap<(Node, Arc<str>), Work>,
}

#[derive(Debug, Clone, Default)]
struct Work {
    counts: BTreeMap<UnixNanos, u64>,
    reached: BTreeMap<Node, BTreeMap<UnixNanos, u64>>,
}

/// Work of some minutes, and how much of it did not get to the callee.
#[derive(Default)]
struct Group {
    minutes: Vec<UnixNanos>,
    count: u64,
    reached: u64,
}

impl Group {
    fn missed(&self) -> u64 {
        self.count.saturating_sub(self.reached)
    }
}

impl Reaches {
    pub(super) fn add(&mut self, row: &Edge) {
        let key = &row.key;
        let of_callee = self.works.entry((key.callee.clone(), key.operation.clone())).or_default();
        *of_callee.counts.entry(key.minute).or_default() += row.counts.count;
        if !key.caller.name.is_empty() {
            let of_caller = self.works.entry((key.caller.clone(), key.caller_operation.clone())).or_default();
            *of_caller.reached.entry(key.callee.clone()).or_default().entry(key.minute).or_default() += row.counts.reaches;
        }
    }

    /// The share of an operation's work that calls each callee, in [0, 1].
    pub(super) fn of(&self, service: &Node, operation: &Arc<str>) -> Vec<(Node, f64)> {
        let work = self.works.get(&(service.clone(), operation.clone()));
        let shares = work.into_iter().flat_map(|work| work.reached.iter().map(|(callee, reached)| (callee.clone(), share(&work.counts, reached))));
        shares.filter(|(_, share)| *share > 0.0).collect()
    }
}

/// Over the minutes that do not miss far more than most, in groups as in [`super::calm`].
fn share(counts: &BTreeMap<UnixNanos, u64>, reached: &BTreeMap<UnixNanos, u64>) -> f64 {
    let mut groups: Vec<Group> = Vec::new();
    // A call may begin in the minute after its caller's work did.
    for minute in counts.keys().chain(reached.keys()).collect::<BTreeSet<_>>() {
        if groups.last().is_none_or(|group| group.count >= GROUP_COUNT_MIN) {
            groups.push(Group::default());
        }
        let Some(group) = groups.last_mut() else { continue };
        group.minutes.push(*minute);
        group.count += counts.get(minute).unwrap_or(&0);
        group.reached += reached.get(minute).unwrap_or(&0);
    }
    if groups.len() >= GROUPS_MIN {
        let missed_per_million = |group: &Group| group.missed() * 1_000_000 / group.count.max(1);
        let usual = middle(groups.iter().map(|group| (missed_per_million(group), lasts(&group.minutes)))).unwrap_or(0);
        groups.retain(|group| !misses_more(group, usual as f64 / 1e6));
    }
    // What a call is counted for may lie in the group before: over all of them that evens out.
    let (count, reached) = groups.iter().fold((0, 0), |(count, reached), group| (count + group.count, reached + group.reached));
    if count == 0 { 0.0 } else { (reached as f64 / count as f64).min(1.0) }
}

/// By more than chance has it: three deviations of a rare event's count, and two for those that are rarer still.
fn misses_more(group: &Group, usual_share: f64) -> bool {
    let expected = group.count as f64 * usual_share;
    group.missed() as f64 > expected + 3.0 * expected.sqrt() + 2.0
}
