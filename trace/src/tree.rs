//! Who called whom: the tree of a trace, whatever shape its spans came in.
//!
//! Nodes are the spans by index, then one placeholder for each parent that never came. Every node stands exactly once in [`Tree::order`].
//! Nothing here recurses, and everything is linear but for one sort.

use crate::defect::{Defect, Tally};
use crate::spans::{End, Kind, Trace, ZERO};
use hopline_model::{SpanId, UnixNanos};

mod parents;
#[cfg(test)]
mod tests;

const NONE: u32 = u32::MAX;

/// Roots further apart than this are different requests: no request rests for an hour between two of its own roots, and clocks are
/// seldom an hour wrong.
const REQUESTS_APART_NANO: i64 = hopline_model::time::NANOS_PER_HOUR;

/// What is to be said about a node, as bits. The numbers are those of the tree view of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks(pub u32);

impl Marks {
    /// A placeholder for a parent that never came.
    pub const MISSING: Self = Self(1);
    /// Its parent never came.
    pub const ORPHAN: Self = Self(2);
    /// Has not ended, as far as is known.
    pub const IN_PROGRESS: Self = Self(4);
    pub const FIRST_CAUSE: Self = Self(8);
    /// Failed because of a first cause.
    pub const CAUSED: Self = Self(16);
    /// A cycle of parents was cut here.
    pub const CYCLE_CUT: Self = Self(32);
    /// Another span came earlier with this id.
    pub const DUPLICATE: Self = Self(64);
    /// The sibling before it has the same service, name, kind and status.
    pub const REPEATED: Self = Self(128);

    pub fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    pub fn set(&mut self, mark: Self) {
        self.0 |= mark.0;
    }
}

/// A parent that never came, as its children describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub span_id: SpanId,
    /// The first start and the last end of its children.
    pub start: UnixNanos,
    pub end: UnixNanos,
}

/// The tree of a trace. A node below [`Trace::len`] is the span of that index; the others are [`Tree::missing`].
#[derive(Debug, Clone)]
pub struct Tree {
    spans: usize,
    missing: Vec<Missing>,
    parent: Vec<u32>,
    /// `children[child_from[node]..child_from[node + 1]]`.
    child_from: Vec<u32>,
    children: Vec<u32>,
    roots: Vec<u32>,
    main_root: Option<u32>,
    order: Vec<u32>,
    depth: Vec<u32>,
    size: Vec<u32>,
    marks: Vec<Marks>,
    defects: Vec<Defect>,
}

impl Tree {
    pub fn new(trace: &Trace) -> Self {
        let parents = parents::assign(trace);
        let nodes = parents.parent.len();
        let mut tree = Self {
            spans: trace.len(),
            missing: parents.missing,
            parent: parents.parent,
            child_from: Vec::new(),
            children: Vec::new(),
            roots: Vec::new(),
            main_root: None,
            order: Vec::with_capacity(nodes),
            depth: vec![0; nodes],
            size: vec![1; nodes],
            marks: parents.marks,
            defects: parents.defects,
        };
        tree.hang(trace);
        tree.walk();
        tree.choose_root(trace);
        tree.look(trace);
        tree
    }

    /// Spans and placeholders.
    pub fn len(&self) -> usize {
        self.parent.len()
    }

    pub fn is_empty(&self) -> bool {
        self.parent.is_empty()
    }

    pub fn parent(&self, node: usize) -> Option<usize> {
        (self.parent[node] != NONE).then_some(self.parent[node] as usize)
    }

    /// By start, then in the order stored.
    pub fn children(&self, node: usize) -> &[u32] {
        &self.children[self.child_from[node] as usize..self.child_from[node + 1] as usize]
    }

    /// Nodes without a parent, by start.
    pub fn roots(&self) -> &[u32] {
        &self.roots
    }

    /// What the trace is about: the earliest span that names no parent; where none came, the earliest root.
    pub fn root(&self) -> Option<usize> {
        self.main_root.map(|node| node as usize)
    }

    /// All nodes, depth first, children by start.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// 0 for roots.
    pub fn depth(&self, node: usize) -> u32 {
        self.depth[node]
    }

    /// Nodes of the subtree, itself included.
    pub fn size(&self, node: usize) -> u32 {
        self.size[node]
    }

    pub fn marks(&self, node: usize) -> Marks {
        self.marks[node]
    }

    /// The placeholder, if the node is one.
    pub fn missing(&self, node: usize) -> Option<&Missing> {
        node.checked_sub(self.spans).and_then(|at| self.missing.get(at))
    }

    pub fn is_missing(&self, node: usize) -> bool {
        node >= self.spans
    }

    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// The id of a span or of the parent a placeholder stands for.
    pub fn span_id(&self, trace: &Trace, node: usize) -> SpanId {
        self.missing(node).map_or_else(|| trace.span_id(node), |missing| missing.span_id)
    }

    /// Marks placeholders as in progress whose children were still at work within the last `quiet_nano` before `now`:
    /// their spans have most likely not ended yet, rather than been lost.
    pub fn infer_in_progress(&mut self, now: UnixNanos, quiet_nano: i64) {
        for (at, missing) in self.missing.iter().enumerate() {
            if missing.end >= now.saturating_sub(quiet_nano) {
                self.marks[self.spans + at].set(Marks::IN_PROGRESS);
            }
        }
    }

    pub(crate) fn mark(&mut self, node: usize, mark: Marks) {
        self.marks[node].set(mark);
    }

    /// Placeholders stand before what starts with them, by id: not by the order in which their children were read.
    fn order_key(&self, trace: &Trace, node: usize) -> (i64, u64, SpanId, usize) {
        match self.missing(node) {
            Some(missing) => (missing.start.0, 0, missing.span_id, node),
            None => {
                let (start, seq, span) = trace.order_key(node);
                (start, seq, ZERO, span)
            }
        }
    }

    /// Children under their parents, each list by start: one sort of all nodes, then a counting sort by parent.
    fn hang(&mut self, trace: &Trace) {
        let nodes = self.len();
        let mut by_start: Vec<u32> = (0..nodes as u32).collect();
        by_start.sort_unstable_by_key(|node| self.order_key(trace, *node as usize));
        self.child_from = vec![0; nodes + 1];
        for parent in self.parent.iter().filter(|parent| **parent != NONE) {
            self.child_from[*parent as usize + 1] += 1;
        }
        for node in 0..nodes {
            self.child_from[node + 1] += self.child_from[node];
        }
        let mut next = self.child_from.clone();
        self.children = vec![0; *self.child_from.last().unwrap_or(&0) as usize];
        for node in by_start {
            match self.parent[node as usize] {
                NONE => self.roots.push(node),
                parent => {
                    let at = &mut next[parent as usize];
                    self.children[*at as usize] = node;
                    *at += 1;
                }
            }
        }
    }

    fn walk(&mut self) {
        let mut waiting: Vec<u32> = self.roots.iter().rev().copied().collect();
        while let Some(node) = waiting.pop() {
            self.order.push(node);
            let (from, to) = (self.child_from[node as usize] as usize, self.child_from[node as usize + 1] as usize);
            for child in self.children[from..to].iter().rev() {
                self.depth[*child as usize] = self.depth[node as usize] + 1;
                waiting.push(*child);
            }
        }
        for node in self.order.iter().rev() {
            let parent = self.parent[*node as usize];
            if parent != NONE {
                self.size[parent as usize] += self.size[*node as usize];
            }
        }
    }

    fn choose_root(&mut self, trace: &Trace) {
        let named_no_parent = |node: &usize| !self.is_missing(*node) && trace.parent_id(*node).is_none();
        let real: Vec<usize> = self.roots.iter().map(|node| *node as usize).filter(named_no_parent).collect();
        self.main_root = real.first().map(|node| *node as u32).or_else(|| self.roots.first().copied());
        if real.len() > 1 {
            self.defects.push(Defect::SeveralRoots { roots: real.len() });
        }
        let (mut requests, mut gap_nano, mut seen_until) = (1, 0, None::<i64>);
        for root in real {
            let start = trace.columns.start[root];
            if let Some(until) = seen_until.filter(|until| start.saturating_sub(*until) > REQUESTS_APART_NANO) {
                requests += 1;
                gap_nano = gap_nano.max(start - until);
            }
            seen_until = Some(seen_until.unwrap_or(i64::MIN).max(trace.end(root).0));
        }
        if requests > 1 {
            self.defects.push(Defect::ReusedTraceId { requests, gap_nano });
        }
    }

    /// Marks that need neighbours, and flaws of times.
    fn look(&mut self, trace: &Trace) {
        let (mut outlives, mut early) = (Tally::default(), Tally::default());
        let (mut backwards, mut open) = (Tally::default(), Tally::default());
        for node in 0..self.spans {
            match trace.detail(node).end {
                End::Sound => {}
                End::BeforeStart => backwards.add(trace.span_id(node), 0),
                End::Open => {
                    open.add(trace.span_id(node), 0);
                    self.marks[node].set(Marks::IN_PROGRESS);
                }
            }
            let Some(parent) = self.parent(node).filter(|parent| *parent < self.spans) else {
                continue;
            };
            let ahead = trace.columns.start[parent].saturating_sub(trace.columns.start[node]);
            if ahead > 0 {
                early.add(trace.span_id(node), ahead);
            }
            // A message is taken when its sender is long done.
            let expected_later = trace.kind(node) == Kind::Consumer || trace.kind(parent) == Kind::Producer;
            let over = trace.end(node).0.saturating_sub(trace.end(parent).0);
            if over > 0 && !expected_later && trace.detail(parent).end == End::Sound {
                outlives.add(trace.span_id(node), over);
            }
        }
        for node in 0..self.len() {
            let (from, to) = (self.child_from[node] as usize, self.child_from[node + 1] as usize);
            for pair in self.children[from..to].windows(2) {
                let (before, after) = (pair[0] as usize, pair[1] as usize);
                if before < self.spans && after < self.spans && alike(trace, before, after) {
                    self.marks[after].set(Marks::REPEATED);
                }
            }
        }
        if backwards.spans > 0 {
            self.defects.push(Defect::EndBeforeStart { spans: backwards.spans, example: backwards.example() });
        }
        if open.spans > 0 {
            self.defects.push(Defect::Unfinished { spans: open.spans, example: open.example() });
        }
        if outlives.spans > 0 {
            self.defects.push(Defect::OutlivesParent { spans: outlives.spans, example: outlives.example(), most_nano: outlives.most });
        }
        if early.spans > 0 {
            self.defects.push(Defect::StartsBeforeParent { spans: early.spans, example: early.example(), most_nano: early.most });
        }
    }
}

fn alike(trace: &Trace, a: usize, b: usize) -> bool {
    let (a, b) = (trace.detail(a), trace.detail(b));
    a.name == b.name && a.kind == b.kind && a.status == b.status && a.origin.service == b.origin.service
}
