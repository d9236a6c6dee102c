//! Which error came first: of N red spans, those that failed with no failing child are the causes, the others were caused.

use crate::spans::{Kind, Service, Status, Text, Trace};
use crate::times::Times;
use crate::tree::Tree;
use std::collections::HashMap;

#[cfg(test)]
mod tests;

/// What one error span is in the story of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Failed without a failing descendant.
    First,
    /// Failed, and this span, the earliest first cause below it, failed before.
    CausedBy(u32),
}

/// What an error says of itself: the last exception event, else `exception.*`, `error.*`, else the status message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    pub exception_type: Option<&'a str>,
    pub message: &'a str,
}

/// The errors of a trace and their order.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    /// First causes, earliest by corrected time first.
    pub first: Vec<u32>,
    /// By span.
    role: Vec<Option<Role>>,
    /// By span: a later sibling did the same and succeeded.
    recovered: Vec<bool>,
}

impl Causes {
    pub fn find(trace: &Trace, tree: &Tree, times: &Times) -> Self {
        const NONE: u32 = u32::MAX;
        let earlier = |a: u32, b: u32| {
            let key = |node: u32| (times.start[node as usize], trace.order_key(node as usize));
            if a == NONE || (b != NONE && key(b) < key(a)) { b } else { a }
        };
        let mut causes = Self { first: Vec::new(), role: vec![None; trace.len()], recovered: vec![false; trace.len()] };
        // The earliest first cause of each subtree, itself not included; children stand after their parents in `order`.
        let mut below = vec![NONE; tree.len()];
        for node in tree.order().iter().rev().copied() {
            let at = node as usize;
            let mut cause = below[at];
            if !tree.is_missing(at) && trace.status(at) == Status::Error {
                if cause == NONE {
                    causes.role[at] = Some(Role::First);
                    causes.first.push(node);
                    cause = node;
                } else {
                    causes.role[at] = Some(Role::CausedBy(cause));
                }
            }
            if let Some(parent) = tree.parent(at) {
                below[parent] = earlier(below[parent], cause);
            }
        }
        causes.first.sort_unstable_by_key(|node| (times.start[*node as usize], trace.order_key(*node as usize)));
        causes.recover(trace, tree);
        causes
    }

    pub fn role(&self, span: usize) -> Option<Role> {
        self.role.get(span).copied().flatten()
    }

    pub fn is_first(&self, span: usize) -> bool {
        self.role(span) == Some(Role::First)
    }

    /// Whether a later sibling did the same and succeeded, so that this failure came to nothing.
    pub fn is_recovered(&self, span: usize) -> bool {
        self.recovered.get(span).copied().unwrap_or(false)
    }

    /// The span to blame for the failure of the trace: the earliest first cause that was not made good, below the failed root if it failed.
    ///
    /// `None` when nothing failed.
    pub fn primary(&self, trace: &Trace, tree: &Tree) -> Option<usize> {
        let spans = self.first.iter().map(|span| *span as usize);
        let failed_root = tree.root().filter(|root| !tree.is_missing(*root) && trace.status(*root) == Status::Error);
        let inside = |span: &usize| failed_root.is_none_or(|root| is_below(tree, *span, root));
        // Climbing costs the depth for each: a bounded number of causes is asked.
        spans
            .clone()
            .filter(inside)
            .take(CLIMBS_MAX)
            .find(|span| !self.came_to_good(tree, *span))
            .or_else(|| spans.clone().find(inside))
            .or_else(|| spans.clone().next())
    }

    /// The earliest first cause that was not made good, of a trace whose root did not fail.
    pub fn for_good(&self, tree: &Tree) -> Option<usize> {
        self.first.iter().map(|span| *span as usize).take(CLIMBS_MAX).find(|span| !self.came_to_good(tree, *span))
    }

    /// Made good anywhere on the way up.
    fn came_to_good(&self, tree: &Tree, span: usize) -> bool {
        let mut at = Some(span);
        while let Some(node) = at.filter(|node| !tree.is_missing(*node)) {
            if self.is_recovered(node) {
                return true;
            }
            at = tree.parent(node);
        }
        false
    }

    fn recover(&mut self, trace: &Trace, tree: &Tree) {
        let mut succeeded: HashMap<(usize, Text, Service, Kind), i64> = HashMap::new();
        if self.first.is_empty() {
            return;
        }
        for node in tree.order().iter().rev().map(|node| *node as usize).filter(|node| !tree.is_missing(*node)) {
            let Some(parent) = tree.parent(node) else {
                continue;
            };
            let detail = trace.detail(node);
            let key = (parent, detail.name, detail.origin.service, detail.kind);
            // Siblings come latest first here.
            if detail.status == Status::Error {
                self.recovered[node] = succeeded.get(&key).is_some_and(|start| *start >= trace.end(node).0);
            } else {
                succeeded.insert(key, trace.start(node).0);
            }
        }
    }
}

/// How many first causes are climbed from to see whether they were made good.
const CLIMBS_MAX: usize = 1_000;

fn is_below(tree: &Tree, node: usize, root: usize) -> bool {
    let mut at = node;
    loop {
        if at == root {
            return true;
        }
        match tree.parent(at) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
}

/// What a failed span says of itself.
pub fn failure(trace: &Trace, span: usize) -> Failure<'_> {
    let facts = trace.facts(span);
    let message = facts.exception_message.or(trace.detail(span).message);
    Failure { exception_type: (!facts.exception_type.is_none()).then(|| trace.text(facts.exception_type)), message: trace.text(message) }
}
