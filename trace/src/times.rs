//! When each node of a tree began and ended: as sent, or with the estimated skew added.
//!
//! Durations are always those measured. What is computed from positions (critical path, self time, which error came first) is computed
//! from corrected ones, because a child cannot have run before its parent asked; the correction is shown beside, as skew and as a defect.

use crate::skew::Skew;
use crate::spans::Trace;
use crate::tree::Tree;

/// Start and end by node, in nanoseconds since 1970.
#[derive(Debug, Clone)]
pub struct Times {
    pub start: Vec<i64>,
    pub end: Vec<i64>,
}

impl Times {
    pub fn raw(trace: &Trace, tree: &Tree) -> Self {
        Self::shifted(trace, tree, |_| 0)
    }

    pub fn adjusted(trace: &Trace, tree: &Tree, skew: &Skew) -> Self {
        Self::shifted(trace, tree, |span| skew.nano(span))
    }

    fn shifted(trace: &Trace, tree: &Tree, shift: impl Fn(usize) -> i64) -> Self {
        let spans = trace.len();
        let mut start: Vec<i64> = (0..spans).map(|span| trace.columns.start[span].saturating_add(shift(span)).max(0)).collect();
        let mut end: Vec<i64> = (0..spans).map(|span| start[span].saturating_add(trace.columns.duration[span])).collect();
        // Placeholders last as long as their children.
        for node in spans..tree.len() {
            let children = tree.children(node).iter().map(|child| *child as usize);
            start.push(children.clone().map(|child| start[child]).min().unwrap_or(0));
            end.push(children.map(|child| end[child]).max().unwrap_or(0));
        }
        Self { start, end }
    }

    pub fn duration(&self, node: usize) -> i64 {
        self.end[node].saturating_sub(self.start[node])
    }
}

/// Time of each node during which none of its children ran. Children count only inside their parent.
pub fn self_nano(tree: &Tree, times: &Times) -> Vec<i64> {
    let mut children: Vec<(i64, i64)> = Vec::new();
    (0..tree.len())
        .map(|node| {
            children.clear();
            children.extend(tree.children(node).iter().map(|child| (times.start[*child as usize], times.end[*child as usize])));
            uncovered(times.start[node], times.end[node], &mut children)
        })
        .collect()
}

/// The part of `[start, end)` that no interval covers. Sorts the intervals.
pub(crate) fn uncovered(start: i64, end: i64, intervals: &mut [(i64, i64)]) -> i64 {
    if !intervals.is_sorted() {
        intervals.sort_unstable();
    }
    let (mut free, mut at) = (0i64, start);
    for (from, to) in intervals.iter() {
        if at >= end {
            break;
        }
        let from = (*from).min(end);
        if from > at {
            free = free.saturating_add(from.saturating_sub(at));
        }
        at = at.max(*to);
    }
    if at < end { free.saturating_add(end.saturating_sub(at)) } else { free }
}
