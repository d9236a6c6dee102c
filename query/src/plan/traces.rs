//! Trace search: which traces match, newest first.
//!
//! A trace matches when a matching span starts in the range (for `{…} {…}`: one for each); the order is by (trace start, id). One
//! pass over the matching spans gives every matching trace with its latest possible start, so the total is exact; summaries are
//! read only for as many traces as the page needs, newest candidates first: no trace further down can start later than
//! the first of its own matching spans.

use super::columns;
use super::memory::{Memory, Room};
use crate::api::params::{bad_cursor, decode_cursor, encode_cursor};
use crate::api::reply::Total;
use crate::error::{Error, Result};
use crate::language::{Compiled, TraceFacts};
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Order, Predicate, ScanRequest, ScanStats};
use hopline_trace::Summary;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Traces whose summaries are read at once.
const RESOLVE_MAX: usize = 256;
const RESOLVE_MIN: usize = 16;
/// Where a condition on whole traces lets few of them through.
const RESOLVE_MOST: usize = 8192;
/// Traces seen but not yet listed that a cursor carries; with more, the next page finds them anew.
const CARRIED_MAX: usize = 64;

pub(crate) struct Search {
    pub(crate) compiled: Compiled,
    pub(crate) range: TimeRange,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
    /// `query.traces_max`
    pub(crate) traces_max: usize,
    pub(crate) memory: Arc<Memory>,
}

#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Each with how many of its spans match.
    pub(crate) traces: Vec<(Summary, u64)>,
    pub(crate) cursor: Option<String>,
    pub(crate) total: Option<Total>,
    pub(crate) stats: ScanStats,
    pub(crate) warnings: Vec<String>,
}

/// Of a candidate in its map, half of which may be empty, and in the order.
const CANDIDATE_BYTES: u64 = 2 * 40 + 24;

/// A trace with a matching span.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// Start of its first matching span: the trace starts then or before.
    first: UnixNanos,
    matched: u64,
}

pub(crate) fn search(snapshot: &Snapshot, asked: &Search, cancel: &Cancel) -> Result<Found> {
    let mut found = Found::default();
    let after = asked.cursor.as_deref().map(Cursor::decode).transpose()?;
    // Held until the page is made: the order is made of the candidates.
    let mut rooms: Vec<Room> = Vec::new();
    let mut all: Option<HashMap<TraceId, Candidate>> = None;
    for predicate in &asked.compiled.rows {
        let mut room = asked.memory.room();
        let matching = cancel.step("find matching spans", || candidates(snapshot, predicate, asked, cancel, &mut found, &mut room))?;
        rooms.push(room);
        all = Some(match all {
            None => matching,
            Some(before) => both(before, &matching),
        });
    }
    let all = all.unwrap_or_default();
    let whole = all.len() as u64;
    let mut order: Vec<(UnixNanos, TraceId)> = all.iter().map(|(id, candidate)| (candidate.first, *id)).collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    if let Some(after) = &after {
        order.retain(|(first, id)| after.may_hold(*first, *id));
    }
    let mut listed: Vec<(Summary, u64)> = Vec::new();
    let mut at = 0;
    let mut kept = 0u64;
    let mut steps = Steps::default();
    let enough = |listed: &[(Summary, u64)], at: usize| {
        // The page is settled when its last trace starts after everything that is still unread could.
        listed.len() > asked.limit
            && order.get(at).is_none_or(|(first, id)| {
                let mut starts: Vec<_> = listed.iter().map(|(summary, _)| (summary.start, summary.trace_id)).collect();
                starts.sort_unstable_by(|a, b| b.cmp(a));
                starts[asked.limit] >= (*first, *id)
            })
    };
    while at < order.len() && !enough(&listed, at) {
        let step = steps.next(asked.limit + 1 - listed.len().min(asked.limit), asked.compiled.trace.is_some());
        let ids: Vec<TraceId> = order[at..order.len().min(at + step)].iter().map(|(_, id)| *id).collect();
        at += ids.len();
        let (summaries, read) = cancel.step("sum up traces", || snapshot.summaries(&ids, cancel))?;
        found.stats.add(read);
        for (id, summary) in summaries {
            let holds = asked.compiled.trace.as_ref().is_none_or(|condition| condition.holds(&facts(&summary)));
            if holds {
                kept += 1;
                if after.as_ref().is_none_or(|after| (summary.start, id) < (after.start, after.id)) {
                    let matched = all.get(&id).map_or(0, |candidate| candidate.matched);
                    listed.push((summary, matched));
                }
            }
        }
    }
    listed.sort_unstable_by_key(|(summary, _)| std::cmp::Reverse((summary.start, summary.trace_id)));
    found.total = Some(match &asked.compiled.trace {
        None => Total { value: whole, exact: found.warnings.is_empty() },
        // Conditions on whole traces are known only of those that were read.
        Some(_) => Total { value: kept, exact: at == order.len() && after.is_none() },
    });
    if listed.len() > asked.limit || at < order.len() {
        let rest = listed.split_off(asked.limit.min(listed.len()));
        if let Some((last, _)) = listed.last() {
            let mut carried: Vec<TraceId> = rest.iter().map(|(summary, _)| summary.trace_id).collect();
            // What lies below the place reached is found again by its time.
            let mut reached = order.get(at).map_or(UnixNanos::MIN, |(first, _)| *first);
            if carried.len() > CARRIED_MAX {
                // So is what was read and not listed; the order itself leaves out what was listed.
                reached = carried.iter().filter_map(|id| Some(all.get(id)?.first)).fold(reached, UnixNanos::max);
                carried.clear();
            }
            found.cursor = Some(Cursor { start: last.start, id: last.trace_id, reached, carried }.encode());
        }
    }
    found.traces = listed;
    Ok(found)
}

/// How many traces to sum up next: what the page still needs, a handful at least; and twice as many each time while a condition on whole traces
/// leaves it empty.
#[derive(Debug, Default)]
struct Steps {
    last: usize,
}

impl Steps {
    fn next(&mut self, missing: usize, condition: bool) -> usize {
        let page = missing.clamp(RESOLVE_MIN, RESOLVE_MAX);
        self.last = if condition { page.max(self.last * 2).min(RESOLVE_MOST) } else { page };
        self.last
    }
}

fn facts(summary: &Summary) -> TraceFacts<'_> {
    TraceFacts {
        start: summary.start,
        duration_nano: summary.duration_nano(),
        span_count: summary.span_count,
        error_count: summary.error_count,
        service_count: summary.services.len() as u64,
        root_service: summary.root.as_ref().map(|root| root.service.as_str()),
        root_name: summary.root.as_ref().map(|root| root.name.as_str()),
    }
}

/// Every trace with a span that matches.
fn candidates(
    snapshot: &Snapshot,
    predicate: &Predicate,
    asked: &Search,
    cancel: &Cancel,
    found: &mut Found,
    room: &mut Room,
) -> Result<HashMap<TraceId, Candidate>> {
    let request = ScanRequest {
        signal: Signal::Spans,
        range: asked.range,
        predicate: predicate.clone(),
        columns: vec![Column::Fixed(column::TRACE_ID), Column::Fixed(column::START_TIME)],
        order: Order::Any,
        limit: None,
        after: None,
        cancel: cancel.clone(),
    };
    let mut traces: HashMap<TraceId, Candidate> = HashMap::new();
    let mut over = false;
    let stats = snapshot.scan(&request, &mut |batch| {
        for (id, first, matched) in columns::runs_of_traces(&batch) {
            if let Some(candidate) = traces.get_mut(&id) {
                candidate.first = candidate.first.min(first);
                candidate.matched += matched;
            } else if traces.len() < asked.traces_max && room.holds((traces.len() as u64 + 1) * CANDIDATE_BYTES) {
                traces.insert(id, Candidate { first, matched });
            } else {
                over = true;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if over {
        let setting = if traces.len() < asked.traces_max { "query.memory_bytes" } else { "query.traces_max" };
        found.warnings.push(format!("more than {} traces match: narrow the range or the query, or raise {setting}", traces.len()));
    }
    found.stats.add(stats);
    Ok(traces)
}

/// Traces in both; counts add up.
fn both(mut a: HashMap<TraceId, Candidate>, b: &HashMap<TraceId, Candidate>) -> HashMap<TraceId, Candidate> {
    a.retain(|id, candidate| match b.get(id) {
        Some(other) => {
            candidate.first = candidate.first.min(other.first);
            candidate.matched += other.matched;
            true
        }
        None => false,
    });
    a
}

/// Where a page ended: the last trace listed, how far the candidates were read, and those read but not listed.
///
/// ```text
/// ┌──────────┬──────────┬────────────┬──────────────────┐
/// │ start i64│ id 16 B  │ reached i64│ carried n × 16 B │  big-endian
/// └──────────┴──────────┴────────────┴──────────────────┘
/// ```
#[derive(Debug, PartialEq, Eq)]
struct Cursor {
    start: UnixNanos,
    id: TraceId,
    reached: UnixNanos,
    carried: Vec<TraceId>,
}

impl Cursor {
    /// Whether a candidate can stand behind this place.
    fn may_hold(&self, first: UnixNanos, id: TraceId) -> bool {
        first <= self.reached || self.carried.contains(&id)
    }

    fn encode(self) -> String {
        let mut bytes = self.start.0.to_be_bytes().to_vec();
        bytes.extend(self.id.0);
        bytes.extend(self.reached.0.to_be_bytes());
        self.carried.iter().for_each(|id| bytes.extend(id.0));
        encode_cursor(&bytes)
    }

    fn decode(text: &str) -> Result<Self> {
        let bytes = decode_cursor(text)?;
        if bytes.len() < 32 || bytes.len() > 32 + CARRIED_MAX * 16 || !bytes.len().is_multiple_of(16) {
            return Err(bad_cursor());
        }
        let number = |from: usize| -> Result<i64, Error> { Ok(i64::from_be_bytes(bytes[from..from + 8].try_into().map_err(|_| bad_cursor())?)) };
        let id = |part: &[u8]| -> Result<TraceId, Error> { Ok(TraceId(part.try_into().map_err(|_| bad_cursor())?)) };
        Ok(Self {
            start: UnixNanos(number(0)?),
            id: id(&bytes[8..24])?,
            reached: UnixNanos(number(24)?),
            carried: bytes[32..].chunks_exact(16).map(id).collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopline_model::span::Span;
    use hopline_model::{Seq, SpanId, TenantId};
    use hopline_storage::Chunk;

    /// A page at a time, and ever more where a condition lets few through, up to a bound.
    #[test]
    fn steps_grow() {
        let run = |condition| {
            let mut steps = Steps::default();
            let all: Vec<usize> = (0..14).map(|_| steps.next(21, condition)).collect();
            (all[0], all[1], all[13])
        };
        assert_eq!(run(false), (21, 21, 21));
        assert_eq!(run(true), (21, 42, RESOLVE_MOST));
    }

    /// Page by page through traces of which the newest do not meet the condition and the older ones all do: each once, newest first.
    #[test]
    fn pages_behind_many_that_do_not_match() {
        let span = |number: u64| Span {
            seq: Seq(number),
            trace_id: TraceId(u128::from(number + 1).to_be_bytes()),
            span_id: SpanId((number + 1).to_be_bytes()),
            start_time: UnixNanos(1_000_000 * number as i64),
            duration_nano: if number < 900 { 3_000_000_000 } else { 5 },
            ..Span::default()
        };
        let spans: Vec<Span> = (0..1_800).map(span).collect();
        let chunk =
            Chunk { rows: Span::to_batch(&spans).rows, time_min: spans[0].start_time, time_max: spans[1_799].start_time, received: UnixNanos(0) };
        let mut snapshot =
            Snapshot { tenant: TenantId(0), chunks: Default::default(), blocks: Arc::default(), complete: true, live_edges: Default::default() };
        snapshot.chunks[usize::from(Signal::Spans.code()) - 1] = Arc::new(vec![chunk]);
        let (mut cursor, mut seen, mut pages) = (None, Vec::new(), 0);
        loop {
            let compiled = crate::language::compile("trace.duration:>2s", crate::language::Target::Traces).unwrap();
            let asked =
                Search { compiled, range: TimeRange::ALL, limit: 20, cursor: cursor.take(), traces_max: 10_000, memory: Memory::new(1 << 30) };
            let found = search(&snapshot, &asked, &Cancel::default()).unwrap();
            seen.extend(found.traces.iter().map(|(summary, _)| summary.start.0 / 1_000_000));
            pages += 1;
            cursor = found.cursor;
            if cursor.is_none() || pages > 100 {
                break;
            }
        }
        assert_eq!(seen, (0..900).rev().collect::<Vec<i64>>());
        assert!((45..=46).contains(&pages), "{pages}");
    }

    #[test]
    fn cursors_round_trip() {
        let cursor = || Cursor { start: UnixNanos(-5), id: TraceId([7; 16]), reached: UnixNanos(9), carried: vec![TraceId([1; 16])] };
        assert_eq!(Cursor::decode(&cursor().encode()).unwrap(), cursor());
        assert!(Cursor::decode("AAAA").is_err());
    }
}
