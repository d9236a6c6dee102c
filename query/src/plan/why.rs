//! Why a trace is slow or failed: against requests of the same kind before it, by the rollups of their calls.

use super::edges::SPANS_MAX;
use super::one;
use crate::error::Result;
use hopline_model::time::{NANOS_PER_HOUR, NANOS_PER_MINUTE};
use hopline_model::{SpanId, TimeRange, TraceId, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, EdgeRows};
use hopline_trace::{Analysis, Edges, Hop, Trace, Usual, Verdict, verdict};

/// A part of the past: hours before the trace, from and to; rollups read at a time; and how many requests of the same kind are enough.
struct Stretch {
    from: i64,
    to: i64,
    step_nano: i64,
    enough: u64,
}

/// The last two hours, and two each of the day and the week before, so that what has been wrong for hours is not all there is to learn from:
/// of each, as much as it takes for a 99th percentile that was seen. Then what lies in between, where that is too few.
const PAST: [Stretch; 4] = [
    Stretch { from: 0, to: 2, step_nano: 10 * NANOS_PER_MINUTE, enough: 500 },
    Stretch { from: 24, to: 26, step_nano: 10 * NANOS_PER_MINUTE, enough: 250 },
    Stretch { from: 7 * 24, to: 7 * 24 + 2, step_nano: 10 * NANOS_PER_MINUTE, enough: 250 },
    Stretch { from: 2, to: 24, step_nano: NANOS_PER_HOUR, enough: 0 },
];
/// With fewer in all, the last stretch is looked at too.
const TOO_FEW: u64 = 200;
/// How far after the trace: what went wrong at the same time is counted as alike.
const AFTER_NANO: i64 = 10 * NANOS_PER_MINUTE;

/// `span`: judges the work of this span and below as a request of its own, with the hop numbers of the whole trace.
pub(crate) fn why(snapshot: &Snapshot, id: TraceId, span: Option<SpanId>, cancel: &Cancel) -> Result<Verdict> {
    let mut one = one::read(snapshot, id, cancel)?;
    let mut own = Edges::new();
    own.add(&one.trace, &one.analysis);
    let whole = span.map(|span| one::narrow(&mut one, snapshot, span, cancel)).transpose()?;
    let past = past(snapshot, &one.trace, &one.analysis, cancel)?;
    // The trace itself is no part of what it is compared with.
    let mut others = Edges::new();
    past.rows.into_iter().for_each(|row| others.put(row.key, row.counts));
    others.subtract(own);
    let mut rows = others.into_rows();
    rows.retain(|row| row.counts.is_whole());
    let usual = Usual::for_trace(&rows, &one.trace, &one.analysis);
    let mut verdict = verdict(&one.trace, &one.analysis, &usual);
    if let Some(whole) = whole {
        let part = one.analysis.ledger(&one.trace);
        verdict.renumber(&one.trace, &one.analysis, |hop| number_in(&whole, &part, hop));
    }
    if !snapshot.complete {
        verdict.warnings.push("the server is still reading what it kept before its last stop: ask again in a moment".into());
    }
    if past.cut {
        verdict.warnings.push(format!("more than {SPANS_MAX} spans are not rolled up yet: of those, only the newest were compared with"));
    }
    one.stats.add(past.stats);
    verdict.warnings.extend(one.stats.damaged);
    Ok(verdict)
}

/// The rollups of the minutes around the trace, and of as much of the past as it takes to know what is usual.
fn past(snapshot: &Snapshot, trace: &Trace, analysis: &Analysis, cancel: &Cancel) -> Result<EdgeRows> {
    let Some(summary) = &analysis.summary else { return Ok(EdgeRows::default()) };
    let root = analysis.tree.root().filter(|root| *root < trace.len()).map(|root| (trace.service_name(root), trace.name(root)));
    let like = |edges: &Edges| -> u64 {
        let of_root = edges.iter().filter(|(key, _)| root.is_some_and(|(service, name)| &*key.callee.name == service && &*key.operation == name));
        of_root.map(|(_, counts)| counts.count).fold(0, u64::wrapping_add)
    };
    let minute = |time: UnixNanos| UnixNanos(time.0.div_euclid(NANOS_PER_MINUTE).saturating_mul(NANOS_PER_MINUTE));
    let until = minute(summary.start);
    let mut around = Some(TimeRange::new(until, minute(summary.end.saturating_add(AFTER_NANO))));
    let mut steps = Steps { until, stretch: 0, at: UnixNanos(0), seen: 0 };
    steps.begin(0, 0);
    let near = TimeRange::new(until.saturating_sub(2 * NANOS_PER_HOUR), summary.end.saturating_add(AFTER_NANO));
    Ok(snapshot.edges_by_step(near, SPANS_MAX, cancel, &mut |edges| around.take().or_else(|| steps.next(like(edges))))?)
}

/// Goes back through [`PAST`].
struct Steps {
    until: UnixNanos,
    stretch: usize,
    /// How far back it has come.
    at: UnixNanos,
    /// Requests seen before this stretch.
    seen: u64,
}

impl Steps {
    fn begin(&mut self, stretch: usize, seen: u64) {
        (self.stretch, self.seen) = (stretch, seen);
        if let Some(stretch) = PAST.get(stretch) {
            self.at = self.until.saturating_sub(stretch.from * NANOS_PER_HOUR);
        }
    }

    fn next(&mut self, seen: u64) -> Option<TimeRange> {
        loop {
            let stretch = PAST.get(self.stretch)?;
            let stop = self.until.saturating_sub(stretch.to * NANOS_PER_HOUR);
            let enough = if stretch.enough > 0 { seen.saturating_sub(self.seen) >= stretch.enough } else { seen >= TOO_FEW };
            if self.at <= stop || enough {
                self.begin(self.stretch + 1, seen);
                continue;
            }
            let start = self.at.saturating_sub(stretch.step_nano).max(stop);
            return Some(TimeRange::new(start, std::mem::replace(&mut self.at, start)));
        }
    }
}

/// The number that a hop of a part of the trace has in the ledger of the whole: that with the same ends.
fn number_in(whole: &[Hop], part: &[Hop], hop: u32) -> u32 {
    let Some(wanted) = (hop as usize).checked_sub(1).and_then(|at| part.get(at)) else { return hop };
    let ends = |hop: &Hop| (hop.caller.span_id.clone(), hop.callee.span_id.clone(), hop.callee.service.clone());
    whole.iter().find(|other| ends(other) == ends(wanted)).map_or(hop, |other| other.hop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches end once they have enough; the time in between is asked only for want of others; nothing is asked twice.
    #[test]
    fn how_far_back() {
        let hours = |per_hour: u64| {
            let mut steps = Steps { until: UnixNanos(1_000 * NANOS_PER_HOUR), stretch: 0, at: UnixNanos(0), seen: 0 };
            steps.begin(0, 0);
            let (mut seen, mut asked) = (0, Vec::new());
            while let Some(range) = steps.next(seen) {
                let nano = range.end.0 - range.start.0;
                seen += per_hour * nano as u64 / NANOS_PER_HOUR as u64;
                asked.push((1_000 - range.end.0.div_euclid(NANOS_PER_HOUR), nano / NANOS_PER_MINUTE));
                assert!(asked.len() < 100);
            }
            asked
        };
        // (hours before, minutes): ten minutes of each of three stretches.
        assert_eq!(hours(6_000), [(0, 10), (24, 10), (168, 10)]);
        assert_eq!(hours(1_500).len(), 2 + 1 + 1);
        // Nothing at all: everything was looked at.
        assert_eq!(hours(0).iter().map(|(_, minutes)| minutes).sum::<i64>(), (2 + 2 + 2 + 22) * 60);
        // A few an hour: no further than it takes.
        assert_eq!(hours(60).len(), 36);
    }
}
