//! The critical path: the chain of work that the end of the trace waited for.
//!
//! From the end of a span backwards: the child that finished last ran until there, before it the child that had finished when that one
//! started, and so on; between them the span itself. Children are clipped to their parent, so what outlives it does not count.
//! (The method of CRISP, Zhang and others, USENIX ATC 2022.)

use crate::times::Times;
use crate::tree::Tree;

#[cfg(test)]
mod tests;

/// Two children that overlap by less than this, or by 1 % of the shorter, count as one after the other: what starts the next call is the
/// end of the one before, and clocks of two threads differ by that much.
const OVERLAP_NANO: i64 = 1_000_000;

/// A stretch of time that one node was responsible for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// A span's index, or a placeholder of the tree.
    pub node: u32,
    /// Since 1970, by corrected clocks.
    pub start: i64,
    pub nano: i64,
}

/// Segments in time order: disjoint, without gaps, from the start of the root to its end.
#[derive(Debug, Clone, Default)]
pub struct CriticalPath {
    pub segments: Vec<Segment>,
    /// By node of the tree.
    pub nano: Vec<i64>,
}

impl CriticalPath {
    /// Of the tree's main root.
    pub fn new(tree: &Tree, times: &Times) -> Self {
        let mut path = Self { segments: Vec::new(), nano: vec![0; tree.len()] };
        let Some(root) = tree.root() else {
            return path;
        };
        // Work that waits, earliest on top: either a stretch of a node alone, or a node with its children still to be told apart.
        enum Work {
            Alone(u32, i64, i64),
            Whole(u32, i64, i64),
        }
        let mut waiting = vec![Work::Whole(root as u32, times.start[root], times.end[root])];
        let mut parts: Vec<Work> = Vec::new();
        let mut by_end: Vec<u32> = Vec::new();
        while let Some(work) = waiting.pop() {
            match work {
                Work::Alone(node, from, to) => path.push(node, from, to),
                Work::Whole(node, from, to) => {
                    let end = |child: u32| times.end[child as usize].min(to);
                    let start = |child: u32| times.start[child as usize].max(from);
                    by_end.clear();
                    by_end.extend(tree.children(node as usize).iter().filter(|child| start(**child) < end(**child)));
                    // Of children that end together the longest: the others only waited beside it.
                    by_end.sort_by_key(|child| (std::cmp::Reverse(end(*child)), start(*child)));
                    let mut until = to;
                    for child in by_end.iter().copied() {
                        let overlap = end(child).saturating_sub(until);
                        let length = end(child) - start(child);
                        if overlap > 0 && overlap > OVERLAP_NANO.min(length / 2).max(length / 100) {
                            continue;
                        }
                        let child_end = end(child).min(until);
                        if start(child) >= child_end {
                            continue;
                        }
                        parts.push(Work::Alone(node, child_end, until));
                        parts.push(Work::Whole(child, start(child), child_end));
                        until = start(child);
                    }
                    parts.push(Work::Alone(node, from, until));
                    // `parts` runs backwards in time: the earliest comes to lie on top and is taken first.
                    waiting.append(&mut parts);
                }
            }
        }
        path
    }

    pub fn total_nano(&self) -> i64 {
        self.segments.iter().map(|segment| segment.nano).sum()
    }

    fn push(&mut self, node: u32, from: i64, to: i64) {
        if from >= to {
            return;
        }
        self.nano[node as usize] += to - from;
        match self.segments.last_mut() {
            Some(last) if last.node == node && last.start + last.nano == from => last.nano += to - from,
            _ => self.segments.push(Segment { node, start: from, nano: to - from }),
        }
    }
}
