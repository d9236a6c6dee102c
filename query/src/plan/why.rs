//! Why a trace is slow or failed: against requests of the same kind before it.

use super::one;
use super::{edges, traces};
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_MINUTE};
use hopline_model::{SpanId, TimeRange, TraceId};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Field, Predicate, Test};
use hopline_trace::{Edges, Hop, Usual, Verdict, analyse, verdict};

/// Requests of the same kind that are compared with: enough for a 99th percentile that was seen, few enough for 100 ms.
const COMPARED_MAX: usize = 500;
/// How far back they are looked for.
const BACK_NANO: i64 = NANOS_PER_DAY;
/// And how far after it: what went wrong at the same time is counted as alike.
const AFTER_NANO: i64 = 10 * NANOS_PER_MINUTE;

/// `span`: judges the work of this span and below as a request of its own, with the hop numbers of the whole trace.
pub(crate) fn why(snapshot: &Snapshot, id: TraceId, span: Option<SpanId>, cancel: &Cancel) -> Result<Verdict> {
    let mut one = one::read(snapshot, id, cancel)?;
    let whole = span.map(|span| one::narrow(&mut one, snapshot, span, cancel)).transpose()?;
    let mut rolled = Edges::new();
    if let Some(summary) = &one.analysis.summary
        && let Some(root) = &summary.root
    {
        let equals = |name: &'static str, text: &str| Predicate::Compare { field: Field::Column(name), test: Test::Equals(text.to_owned()) };
        let same = Predicate::And(vec![equals(column::SERVICE_NAME, &root.service), equals(column::NAME, &root.name)]);
        let range = TimeRange::new(summary.start.saturating_sub(BACK_NANO), summary.end.saturating_add(AFTER_NANO));
        let (others, stats) = edges::alike(snapshot, range, same, COMPARED_MAX, cancel)?;
        traces::merge_stats(&mut one.stats, stats);
        for other in others.iter().filter(|other| other.trace_id() != id) {
            cancel.check()?;
            rolled.add(other, &analyse(other));
        }
    }
    let usual = Usual::for_trace(&rolled.into_rows(), &one.trace, &one.analysis);
    let mut verdict = verdict(&one.trace, &one.analysis, &usual);
    if let Some(whole) = whole {
        let part = one.analysis.ledger(&one.trace);
        verdict.renumber(&one.trace, &one.analysis, |hop| number_in(&whole, &part, hop));
    }
    if !snapshot.complete {
        verdict.warnings.push("the server is still reading what it kept before its last stop: ask again in a moment".into());
    }
    verdict.warnings.extend(one.stats.damaged);
    Ok(verdict)
}

/// The number that a hop of a part of the trace has in the ledger of the whole: that with the same ends.
fn number_in(whole: &[Hop], part: &[Hop], hop: u32) -> u32 {
    let Some(wanted) = (hop as usize).checked_sub(1).and_then(|at| part.get(at)) else { return hop };
    let ends = |hop: &Hop| (hop.caller.span_id.clone(), hop.callee.span_id.clone(), hop.callee.service.clone());
    whole.iter().find(|other| ends(other) == ends(wanted)).map_or(hop, |other| other.hop)
}
