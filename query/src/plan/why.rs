//! Why a trace is slow or failed: against requests of the same kind before it, by the rollups of their calls.

use super::edges::SPANS_MAX;
use super::one;
use crate::error::Result;
use hopline_model::time::{NANOS_PER_HOUR, NANOS_PER_MINUTE};
use hopline_model::{SpanId, TimeRange, TraceId, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, EdgeRows};
use hopline_trace::{Analysis, Edges, Hop, Trace, Usual, Verdict, verdict};

/// A part of the past: hours before the trace, from and to; how much of it is read at a time; and what is enough: requests of the same kind,
/// and pieces read.
struct Stretch {
    from: i64,
    to: i64,
    step_nano: i64,
    enough: u64,
    steps_min: i64,
}

/// The last two hours, and two each of the day and the week before, so that what has been wrong for hours is not all there is to learn from:
/// of each, as much as it takes for a 99th percentile that was seen. Then what lies in between, where that is too few.
///
/// The pieces of the last two hours are read in an order that spreads them, for what is wrong is wrong now: a third of the time at
/// most, while it has lasted less than 35 minutes, even where three pieces are enough.
const PAST: [Stretch; 4] = [
    Stretch { from: 0, to: 2, step_nano: 5 * NANOS_PER_MINUTE, enough: 500, steps_min: 3 },
    Stretch { from: 24, to: 26, step_nano: 10 * NANOS_PER_MINUTE, enough: 250, steps_min: 1 },
    Stretch { from: 7 * 24, to: 7 * 24 + 2, step_nano: 10 * NANOS_PER_MINUTE, enough: 250, steps_min: 1 },
    Stretch { from: 2, to: 24, step_nano: NANOS_PER_HOUR, enough: 0, steps_min: 0 },
];
/// Of the pieces of a stretch the next one read is so many further back, around the end. It shares no factor with any number of pieces.
const STRIDE: i64 = 7;
/// A stretch is read whole while there are fewer rollups than this: they cost a few milliseconds.
const ROWS_FEW: usize = 10_000;
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
    let mut steps = Steps::new(until);
    let near = TimeRange::new(until.saturating_sub(2 * NANOS_PER_HOUR), summary.end.saturating_add(AFTER_NANO));
    Ok(snapshot.edges_by_step(near, SPANS_MAX, cancel, &mut |edges| around.take().or_else(|| steps.next(like(edges), edges.len())))?)
}

/// Goes back through [`PAST`].
struct Steps {
    until: UnixNanos,
    stretch: usize,
    /// How many pieces of this stretch were read.
    read: i64,
    /// Requests seen before this stretch.
    seen: u64,
}

impl Steps {
    fn new(until: UnixNanos) -> Self {
        Self { until, stretch: 0, read: 0, seen: 0 }
    }

    /// `seen`: requests of the same kind so far; `rows`: rollups so far.
    fn next(&mut self, seen: u64, rows: usize) -> Option<TimeRange> {
        loop {
            let stretch = PAST.get(self.stretch)?;
            let steps = (stretch.to - stretch.from) * NANOS_PER_HOUR / stretch.step_nano;
            let enough = if stretch.enough > 0 { seen.saturating_sub(self.seen) >= stretch.enough } else { seen >= TOO_FEW };
            let few = self.stretch == 0 && rows < ROWS_FEW;
            if self.read >= steps || (enough && self.read >= stretch.steps_min && !few) {
                (self.stretch, self.read, self.seen) = (self.stretch + 1, 0, seen);
                continue;
            }
            let piece = if self.stretch == 0 { self.read * STRIDE % steps } else { self.read };
            let end = self.until.saturating_sub(stretch.from * NANOS_PER_HOUR + piece * stretch.step_nano);
            self.read += 1;
            return Some(TimeRange::new(end.saturating_sub(stretch.step_nano), end));
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

    /// Hours before, and minutes, of everything asked where there are so many requests and rollups.
    fn asked(per_hour: u64, rows_per_minute: usize) -> Vec<(f64, i64)> {
        let until = UnixNanos(1_000 * NANOS_PER_HOUR);
        let mut steps = Steps::new(until);
        let (mut seen, mut rows, mut asked) = (0, 0, Vec::new());
        while let Some(range) = steps.next(seen, rows) {
            let minutes = (range.end.0 - range.start.0) / NANOS_PER_MINUTE;
            seen += per_hour * minutes as u64 / 60;
            rows += rows_per_minute * minutes as usize;
            asked.push(((until.0 - range.end.0) as f64 / NANOS_PER_HOUR as f64, minutes));
            assert!(asked.len() < 100);
        }
        asked
    }

    /// Stretches end once they have enough; the time in between is asked only for want of others; nothing is asked twice.
    #[test]
    fn how_far_back() {
        // Much of everything: three pieces of the last two hours, far from each other, one of each other stretch.
        let hour = |minutes: f64| minutes / 60.0;
        assert_eq!(asked(6_000, 3_000), [(0.0, 5), (hour(35.0), 5), (hour(70.0), 5), (24.0, 10), (168.0, 10)]);
        // Many requests, few rollups: the last two hours whole.
        assert_eq!(asked(6_000, 10).len(), 24 + 1 + 1);
        assert_eq!(asked(1_500, 3_000).len(), 4 + 1 + 1);
        // Nothing at all: everything was looked at, once.
        let mut all = asked(0, 0);
        assert_eq!(all.iter().map(|(_, minutes)| minutes).sum::<i64>(), (2 + 2 + 2 + 22) * 60);
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(all.windows(2).all(|pair| pair[0].0 + pair[0].1 as f64 / 60.0 <= pair[1].0 + 1e-9), "{all:?}");
        // A few an hour: no further than it takes.
        assert_eq!(asked(60, 10).len(), 24 + 12 + 12);
    }
}
