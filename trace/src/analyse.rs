//! Everything about one trace, computed once.

use crate::cause::Causes;
use crate::critical_path::CriticalPath;
use crate::defect::Defect;
use crate::hops::{Hop, Hops, Parts};
use crate::skew::Skew;
use crate::spans::{Status, Trace};
use crate::summary::Summary;
use crate::times::{Times, self_nano};
use crate::tree::{Marks, Tree};
use hopline_model::SpanId;
use std::collections::HashMap;

/// What is to be known of a trace. Nodes are those of [`Tree`].
#[derive(Debug, Clone)]
pub struct Analysis {
    pub tree: Tree,
    pub skew: Skew,
    /// Corrected times by node; everything below is computed from them.
    pub times: Times,
    pub critical: CriticalPath,
    pub causes: Causes,
    pub hops: Hops,
    /// `None` for a trace without spans.
    pub summary: Option<Summary>,
    pub defects: Vec<Defect>,
}

impl Analysis {
    /// The hop ledger.
    pub fn ledger(&self, trace: &Trace) -> Vec<Hop> {
        self.hops.rows(trace)
    }

    /// By node: time during which none of its children ran.
    pub fn self_nano(&self) -> Vec<i64> {
        self_nano(&self.tree, &self.times)
    }
}

/// Says everything about a trace whose logs are not known.
pub fn analyse(trace: &Trace) -> Analysis {
    analyse_with_logs(trace, &HashMap::new())
}

/// Says everything about a trace; `logs` counts its log records by span id.
pub fn analyse_with_logs(trace: &Trace, logs: &HashMap<SpanId, u64>) -> Analysis {
    let mut tree = Tree::new(trace);
    let skew = Skew::estimate(trace, &tree);
    let times = Times::adjusted(trace, &tree, &skew);
    let critical = CriticalPath::new(&tree, &times);
    let causes = Causes::find(trace, &tree, &times);
    for span in (0..trace.len()).filter(|span| trace.status(*span) == Status::Error) {
        tree.mark(span, if causes.is_first(span) { Marks::FIRST_CAUSE } else { Marks::CAUSED });
    }
    let hops = Hops::find(&Parts { trace, tree: &tree, times: &times, skew: &skew, critical: &critical, causes: &causes, logs });
    let mut defects = tree.defects().to_vec();
    defects.extend(skew.defects(trace));
    Analysis { summary: Summary::of(trace), tree, skew, times, critical, causes, hops, defects }
}
