//! Why a trace is slow or failed, against what its calls usually are like.
//!
//! Pure: the trace's analysis and what was learned from rollups ([`Usual`]) go in, a [`Verdict`] comes out. Everything said is counted
//! from these; nothing is guessed from names.

mod calm;
mod excess;
mod ledger;
mod missing;
mod reaches;
mod say;
#[cfg(test)]
mod tests;
mod usual;

use crate::analyse::Analysis;
use crate::cause::failure;
use crate::edges::Node;
use crate::hops::{Entry, HopKind};
use crate::spans::{Status, Trace};
use hopline_model::{SpanId, UnixNanos};
use serde::Serialize;
use std::sync::Arc;

pub use usual::{EdgeName, Usual, Usually};

/// With fewer requests like it there is nothing to compare with: of 30, the slowest stands near the 97th percentile, and the limit below
/// leaves half as much again.
pub const COUNT_MIN: u64 = 30;
/// From here on the 99th percentile is a value that was seen, not the slowest one.
const COUNT_SURE: u64 = 100;
/// A request is slow beyond the 99th percentile and this much more: with it alone 1 % of ordinary requests would be called slow, and the
/// histogram is 3 % off. Over a log-normal of σ = 0.5 this leaves 0.3 %, and 0.6 % of one of σ = 1.
const SLACK_SURE: f64 = 1.25;
const SLACK_UNSURE: f64 = 1.5;
/// Less than this over the usual is no news to anybody: a garbage collection or a busy core costs as much.
const EXCESS_MIN_NANO: i64 = 20_000_000;
/// A version is to blame when its calls are this many times as slow, or fail this many times as often, as those of the others.
const VERSION_TIMES: f64 = 2.0;
/// A call that fails this often is nothing new inside a request that came out well.
const INNER_ERRORS_MAX: f64 = 0.05;
/// Calls take at least this share of what the blamed one took to count as alike.
const ALIKE_SHARE: f64 = 0.5;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Slow,
    Failed,
    SlowAndFailed,
    /// It came out well and in time, but a call inside failed that usually does not.
    Degraded,
    Ordinary,
    TooFew,
}

/// The answer to "why". Field names are those of the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub verdict: Finding,
    /// One sentence.
    pub headline: String,
    pub duration_nano: i64,
    /// The median of the requests compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_nano: Option<i64>,
    pub compared_with: u64,
    /// Where the time over the usual went, most first, but for a hop that owes a quarter and is called in the work of a larger one: that
    /// stands before it. Empty unless slow.
    pub excess: Vec<Excess>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_cause: Option<FirstCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<FirstSeen>,
    /// Calls like the blamed one: same edge and version, as slow or failed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alike: Option<u64>,
    pub missing_hops: Vec<MissingHop>,
    /// What the calls of the ledger usually take; at most the 1,000 longest.
    pub usual: Vec<UsualCall>,
    pub warnings: Vec<String>,
}

/// Time over the usual, spent in calls of one kind made from one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Excess {
    /// The longest of these calls, as numbered in the ledger; 0 is the service the request came in by, itself.
    pub hop: u32,
    pub caller: String,
    pub callee: String,
    pub name: String,
    pub excess_nano: i64,
    /// Of all time over the usual, 0 to 1.
    pub share: f64,
    /// How many calls, and how many there usually are.
    pub calls: u64,
    pub usual_calls: f64,
    /// The most attempts any of them took.
    pub attempts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstCause {
    #[serde(serialize_with = "text")]
    pub span_id: SpanId,
    pub service_name: String,
    pub name: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception_type: Option<String>,
    /// The hop it lies in, as numbered in the ledger; none in the service the request came in by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstSeen {
    pub service: String,
    pub version: String,
    /// The first minute of this version.
    #[serde(serialize_with = "text")]
    pub time: UnixNanos,
}

/// A call that is nearly always made and was not made here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MissingHop {
    pub caller: String,
    pub callee: String,
    pub usual_share: f64,
}

/// What calls like this one usually take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsualCall {
    /// As numbered in the ledger.
    pub hop: u32,
    /// The span whose duration compares: the caller's that waited, or the callee's where no span waited.
    #[serde(serialize_with = "text")]
    pub span_id: SpanId,
    /// The median.
    pub nano: i64,
    /// Of how many calls.
    pub count: u64,
}

fn text<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl Verdict {
    /// Numbers hops as another ledger does, and says so: when a part of a trace was judged, whose ledger numbers the whole.
    /// `trace` and `analysis` are those that were judged.
    pub fn renumber(&mut self, trace: &Trace, analysis: &Analysis, number: impl Fn(u32) -> u32) {
        for excess in self.excess.iter_mut().filter(|excess| excess.hop > 0) {
            excess.hop = number(excess.hop);
        }
        for call in &mut self.usual {
            call.hop = number(call.hop);
        }
        if let Some(cause) = &mut self.first_cause {
            cause.hop = cause.hop.map(&number);
        }
        if let Some(root) = root_entry(analysis) {
            self.headline = say::headline(trace, root.span as usize, self);
        }
    }
}

/// What is blamed: an edge, and the version of its callee in this trace.
struct Blamed {
    edge: EdgeName,
    version: Arc<str>,
    own_nano: i64,
}

/// Judges a trace. For `usual`, see [`Usual::for_trace`].
pub fn verdict(trace: &Trace, analysis: &Analysis, usual: &Usual) -> Verdict {
    let Some(root) = root_entry(analysis) else {
        return empty();
    };
    let span = root.span as usize;
    let (node, operation) = operation_of(trace, span);
    let duration_nano = trace.duration_nano(span);
    let edge = (Node::default(), node.clone(), operation.clone());
    let like = usual.edge(&edge).or_else(|| usual.operation(&node, &operation));
    let compared_with = like.map_or(0, |like| like.count);
    let median = like.and_then(|like| like.total.quantile(0.5)).map(|nano| nano as i64);
    let slow = like.filter(|like| like.count >= COUNT_MIN).is_some_and(|like| is_slow(like, duration_nano));
    let failed = failed_span(trace, analysis, span);
    let enough = compared_with >= COUNT_MIN;
    let inner = if failed.is_none() && enough { failed_inside(trace, analysis, usual) } else { None };

    let verdict = match (slow, failed.is_some()) {
        (true, true) => Finding::SlowAndFailed,
        (true, false) => Finding::Slow,
        (false, true) => Finding::Failed,
        (false, false) if !enough => Finding::TooFew,
        (false, false) if inner.is_some() => Finding::Degraded,
        (false, false) => Finding::Ordinary,
    };
    let excess = if slow { excess::excess(trace, analysis, usual, root, duration_nano - median.unwrap_or(0)) } else { Vec::new() };
    let first_cause = match failed {
        Some(_) => analysis.causes.primary(trace, &analysis.tree),
        None => inner,
    };
    let first_cause = first_cause.map(|span| cause_of(trace, analysis, span));
    // What is slow is slow by its excess, unless it failed altogether.
    let by_failure = first_cause.is_some() && verdict != Finding::Slow;
    let blamed = match (&first_cause, excess.first()) {
        (Some(cause), _) if by_failure => Some(blame(trace, analysis, root, cause.hop.unwrap_or(0))),
        (_, Some(most)) => Some(blame(trace, analysis, root, most.hop)),
        _ => None,
    };
    let mut verdict = Verdict {
        verdict,
        headline: String::new(),
        duration_nano,
        usual_nano: median,
        compared_with,
        first_seen: blamed.as_ref().and_then(|blamed| first_seen(usual, blamed, by_failure)),
        alike: blamed.as_ref().and_then(|blamed| alike(usual, blamed, by_failure)),
        excess,
        first_cause,
        missing_hops: if compared_with < COUNT_MIN { Vec::new() } else { missing::missing_hops(trace, analysis, usual) },
        usual: ledger::usual_calls(trace, analysis, usual),
        warnings: analysis.defects.iter().map(ToString::to_string).collect(),
    };
    verdict.headline = say::headline(trace, span, &verdict);
    verdict
}

fn is_slow(like: &Usually, duration_nano: i64) -> bool {
    let (Some(median), Some(p99)) = (like.total.quantile(0.5), like.total.quantile(0.99)) else {
        return false;
    };
    let slack = if like.count < COUNT_SURE { SLACK_UNSURE } else { SLACK_SURE };
    duration_nano as f64 > p99 as f64 * slack && duration_nano - median as i64 >= EXCESS_MIN_NANO
}

/// The span whose failure is that of the request: its first span; else a message taken later, whose failure nobody was told.
fn failed_span(trace: &Trace, analysis: &Analysis, root: usize) -> Option<usize> {
    if trace.status(root) == Status::Error {
        return Some(root);
    }
    let taken = analysis.hops.calls().iter().filter(|call| call.kind == HopKind::Message && call.status == Status::Error);
    taken.filter_map(|call| call.callee.span).map(|span| span as usize).find(|span| trace.status(*span) == Status::Error)
}

/// Where the request begins: the tree's root, or what is left of it.
pub(crate) fn root_entry(analysis: &Analysis) -> Option<&Entry> {
    let root = analysis.tree.root()?;
    let entries = analysis.hops.entries();
    let of_root = analysis.hops.entry_of(root).and_then(|entry| entries.get(entry));
    of_root.or_else(|| entries.iter().find(|entry| entry.is_request)).or_else(|| entries.first())
}

pub(crate) fn operation_of(trace: &Trace, span: usize) -> (Node, Arc<str>) {
    (Node::of(trace, trace.origin(span).service), trace.texts.shared(trace.detail(span).name))
}

/// A call that failed for good, though whoever asked for it went on, and that usually does not fail.
fn failed_inside(trace: &Trace, analysis: &Analysis, usual: &Usual) -> Option<usize> {
    let span = analysis.causes.for_good(&analysis.tree)?;
    let call = &analysis.hops.calls()[analysis.hops.hop_of(span)?];
    let usually = usual.edge(&excess::edge_name(trace, call))?;
    (usually.count >= COUNT_MIN && usually.error_share() <= INNER_ERRORS_MAX).then_some(span)
}

fn cause_of(trace: &Trace, analysis: &Analysis, span: usize) -> FirstCause {
    let failure = failure(trace, span);
    FirstCause {
        span_id: trace.span_id(span),
        service_name: trace.service_name(span).to_owned(),
        name: trace.name(span).to_owned(),
        message: failure.message.to_owned(),
        exception_type: failure.exception_type.map(str::to_owned),
        hop: analysis.hops.hop_of(span).map(|hop| hop as u32 + 1),
    }
}

/// The edge of a hop of the ledger; 0 is the request itself.
fn blame(trace: &Trace, analysis: &Analysis, root: &Entry, hop: u32) -> Blamed {
    match hop.checked_sub(1).and_then(|at| analysis.hops.calls().get(at as usize)) {
        Some(call) => Blamed { edge: excess::edge_name(trace, call), version: trace.texts.shared(call.callee.version), own_nano: call.own_nano() },
        None => {
            let (node, operation) = operation_of(trace, root.span as usize);
            let version = trace.texts.shared(trace.origin(root.span as usize).version);
            Blamed { edge: (Node::default(), node, operation), version, own_nano: root.self_nano }
        }
    }
}

/// The version of the blamed callee, when its calls are worse than those of the service's other versions.
fn first_seen(usual: &Usual, blamed: &Blamed, by_failure: bool) -> Option<FirstSeen> {
    let service = &blamed.edge.1;
    let time = usual.first_seen(service, &blamed.version)?;
    let versions = usual.versions(&blamed.edge)?;
    let mut others = Usually::default();
    for (_, usually) in versions.iter().filter(|(version, _)| **version != blamed.version) {
        others.count += usually.count;
        others.errors += usually.errors;
        others.own.merge(&usually.own);
    }
    let this = versions.get(&blamed.version)?;
    let worse = if others.count == 0 {
        true
    } else if by_failure {
        this.error_share() > VERSION_TIMES * others.error_share()
    } else {
        let median = |usually: &Usually| usually.own.quantile(0.5).unwrap_or(0) as f64;
        median(this) >= VERSION_TIMES * median(&others)
    };
    worse.then(|| FirstSeen { service: service.name.to_string(), version: blamed.version.to_string(), time })
}

fn alike(usual: &Usual, blamed: &Blamed, by_failure: bool) -> Option<u64> {
    let this = usual.versions(&blamed.edge)?.get(&blamed.version)?;
    let alike = if by_failure { this.errors } else { this.own.count_from((blamed.own_nano.max(0) as f64 * ALIKE_SHARE) as u64) };
    (alike > 0).then_some(alike)
}

fn empty() -> Verdict {
    Verdict {
        verdict: Finding::TooFew,
        headline: "too few to compare: the trace has no spans".into(),
        duration_nano: 0,
        usual_nano: None,
        compared_with: 0,
        excess: Vec::new(),
        first_cause: None,
        first_seen: None,
        alike: None,
        missing_hops: Vec::new(),
        usual: Vec::new(),
        warnings: Vec::new(),
    }
}
