//! The story of a trace: the traces around it, found by links both ways, by message ids and by keys that the asker names.
//!
//! Breadth first from the trace asked for, so what is near comes before what is far; a limit of traces and of steps ends it, and is said.

use super::columns::{self, Texts};
use super::links::{INCOMING_MAX, around, linked_around, rows};
use crate::api::unknown_trace;
use crate::error::Result;
use arrow::array::RecordBatch;
use hopline_model::schema::column;
use hopline_model::{Signal, SpanId, TimeRange, TraceId, UnixNanos, attributes};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, ScanStats, Test};
use hopline_trace::spans::COLUMNS_READ;
use hopline_trace::{Summary, Trace, links};
use std::collections::{BTreeMap, HashMap};

/// Traces of one story.
pub(crate) const TRACES_MAX: usize = 100;
/// Steps away from the trace asked for.
const STEPS_MAX: usize = 8;
/// Spans looked at for one key in one step.
const MATCHES_MAX: usize = 5_000;
/// Different values of a key in one step; a trace with more is a batch job, and said to be cut.
const VALUES_MAX: usize = 500;

/// What a message is known by; its number counts within its destination.
const MESSAGE_ID: &str = "messaging.message.id";
const DESTINATION: &str = "messaging.destination.name";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Link,
    Message,
    Key,
}

impl By {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Message => "message",
            Self::Key => "key",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

/// How a trace came into the story: the earlier end and the later one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reason {
    pub(crate) by: By,
    pub(crate) from: Place,
    pub(crate) to: Place,
}

#[derive(Default)]
pub(crate) struct Story {
    /// By start; the trace asked for has no reason.
    pub(crate) items: Vec<(Summary, Option<Reason>)>,
    pub(crate) warnings: Vec<String>,
    pub(crate) stats: ScanStats,
}

pub(crate) fn story(snapshot: &Snapshot, id: TraceId, keys: &[String], cancel: &Cancel) -> Result<Story> {
    let mut story = Story::default();
    let mut known: HashMap<TraceId, Option<Reason>> = HashMap::from([(id, None)]);
    let mut frontier = vec![id];
    let mut steps = 0;
    while !frontier.is_empty() {
        cancel.check()?;
        let batches = whole(snapshot, frontier, cancel, &mut story.stats)?;
        let traces = Trace::split(&batches);
        let summaries: Vec<Summary> = traces.iter().filter_map(Summary::of).collect();
        let ids: Vec<TraceId> = summaries.iter().map(|summary| summary.trace_id).collect();
        let (range, linked) = match (summaries.iter().map(|summary| summary.start).min(), summaries.iter().map(|summary| summary.end).max()) {
            (Some(start), Some(end)) => (around(start, end), linked_around(start, end)),
            _ => (TimeRange::ALL, TimeRange::ALL),
        };
        story.items.extend(
            summaries.into_iter().map(|summary| (known.get(&summary.trace_id).copied().flatten(), summary)).map(|(reason, sum)| (sum, reason)),
        );
        if story.items.is_empty() {
            return Err(unknown_trace(id, snapshot, &story.stats));
        }
        if steps == STEPS_MAX {
            break;
        }
        steps += 1;
        let mut found: Vec<(TraceId, Reason)> = Vec::new();
        for link in traces.iter().flat_map(links::links) {
            let reason = Reason {
                by: By::Link,
                from: Place { trace_id: link.target_trace_id, span_id: link.target_span_id },
                to: Place { trace_id: link.trace_id, span_id: link.span_id },
            };
            found.push((link.target_trace_id, reason));
        }
        let linking = snapshot.links_to(&ids, linked, INCOMING_MAX, cancel)?;
        story.stats.add(linking.stats);
        for link in linking.rows {
            let reason = Reason {
                by: By::Link,
                from: Place { trace_id: link.target_trace_id, span_id: link.target_span_id },
                to: Place { trace_id: link.trace_id, span_id: link.span_id },
            };
            found.push((link.trace_id, reason));
        }
        found.extend(same_key(snapshot, &batches, MESSAGE_ID, By::Message, range, cancel, &mut story)?);
        for key in keys {
            found.extend(same_key(snapshot, &batches, key, By::Key, range, cancel, &mut story)?);
        }
        frontier = Vec::new();
        let mut left_out = 0;
        for (other, reason) in found {
            if known.contains_key(&other) {
                continue;
            }
            if known.len() >= TRACES_MAX {
                left_out += 1;
                continue;
            }
            known.insert(other, Some(reason));
            frontier.push(other);
        }
        if left_out > 0 {
            story
                .warnings
                .push(format!("the story is longer: {left_out} more links lead on from its {TRACES_MAX} traces; ask for the story of one of them"));
        }
    }
    let arrived = story.items.len();
    if known.len() > arrived {
        story.warnings.push(format!("{} linked traces have not arrived, or are no longer kept", known.len() - arrived));
    }
    story.items.sort_by_key(|(summary, _)| (summary.start, summary.trace_id));
    Ok(story)
}

fn whole(snapshot: &Snapshot, ids: Vec<TraceId>, cancel: &Cancel, stats: &mut ScanStats) -> Result<Vec<RecordBatch>> {
    let request = ScanRequest {
        predicate: Predicate::TraceIds(ids),
        columns: COLUMNS_READ.iter().map(|name| Column::Fixed(name)).collect(),
        order: Order::Any,
        cancel: cancel.clone(),
        ..ScanRequest::all(Signal::Spans)
    };
    let (batches, read) = snapshot.collect(&request)?;
    stats.add(read);
    Ok(batches)
}

struct Holder {
    place: Place,
    start: UnixNanos,
    /// It sends the message; the others take it. False for keys.
    sends: bool,
    /// The value, with the destination where the key counts within one.
    value: (String, String),
}

/// The spans that have a key.
fn holders(batches: &[RecordBatch], key: &str, by: By) -> Vec<Holder> {
    let mut holders = Vec::new();
    for batch in batches {
        let (texts, starts) = (Texts::of(batch, column::ATTRIBUTES), columns::times(batch, column::START_TIME));
        let kinds = Texts::of(batch, column::KIND);
        for (row, start) in starts.iter().enumerate() {
            let Some(text) = texts.get(row) else { continue };
            let Some(raw) = attributes::get(text, key) else { continue };
            let (Some(trace_id), Some(span_id)) = (columns::trace_id(batch, column::TRACE_ID, row), columns::span_id(batch, column::SPAN_ID, row))
            else {
                continue;
            };
            let (within, sends) = match by {
                By::Message => (
                    attributes::get(text, DESTINATION).map(attributes::plain_text).unwrap_or_default().into_owned(),
                    kinds.get(row) == Some("producer"),
                ),
                _ => (String::new(), false),
            };
            let value = (attributes::plain_text(raw).into_owned(), within);
            holders.push(Holder { place: Place { trace_id, span_id }, start: UnixNanos(*start), sends, value });
        }
    }
    if by == By::Message {
        open(&mut holders);
    }
    holders
}

/// Keeps the messages whose other end is not in the same trace: numbers begin anew, and a message that was taken is told to its end.
fn open(holders: &mut Vec<Holder>) {
    let mut ends: HashMap<(TraceId, (String, String)), (bool, bool)> = HashMap::new();
    for holder in holders.iter() {
        let (sent, taken) = ends.entry((holder.place.trace_id, holder.value.clone())).or_default();
        *(if holder.sends { sent } else { taken }) = true;
    }
    holders.retain(|holder| ends.get(&(holder.place.trace_id, holder.value.clone())) != Some(&(true, true)));
}

/// Other traces with a span of the same value of a key.
fn same_key(
    snapshot: &Snapshot,
    batches: &[RecordBatch],
    key: &str,
    by: By,
    range: TimeRange,
    cancel: &Cancel,
    story: &mut Story,
) -> Result<Vec<(TraceId, Reason)>> {
    // The first span of each value stands for it; of a message, the first at either end.
    let mut values: BTreeMap<((String, String), bool), Holder> = BTreeMap::new();
    for holder in holders(batches, key, by) {
        let end = (holder.value.clone(), holder.sends);
        match values.get(&end) {
            Some(known) if known.start <= holder.start => {}
            _ => drop(values.insert(end, holder)),
        }
    }
    if values.is_empty() {
        return Ok(Vec::new());
    }
    if values.len() > VALUES_MAX {
        story.warnings.push(format!("only {VALUES_MAX} of {} values of {key} were followed", values.len()));
    }
    let texts = values.keys().take(VALUES_MAX).map(|((value, _), _)| value.clone()).collect();
    let request = ScanRequest {
        signal: Signal::Spans,
        range,
        predicate: Predicate::Compare { field: Field::Attribute(key.to_owned()), test: Test::In(texts) },
        columns: [column::TRACE_ID, column::SPAN_ID, column::START_TIME, column::KIND, column::ATTRIBUTES].map(Column::Fixed).to_vec(),
        order: Order::OldestFirst,
        limit: Some(MATCHES_MAX),
        after: None,
        cancel: cancel.clone(),
    };
    let (found, read) = snapshot.collect(&request)?;
    story.stats.add(read);
    if rows(&found) >= MATCHES_MAX {
        story.warnings.push(format!("more than {MATCHES_MAX} spans share a value of {key}: the oldest were followed"));
    }
    let reasons = holders(&found, key, by).into_iter().filter_map(|other| {
        // A message goes from one who sends to one who takes.
        let end = (other.value.clone(), by == By::Message && !other.sends);
        let here = values.get(&end).filter(|here| here.place.trace_id != other.place.trace_id)?;
        let (from, to) = if here.start <= other.start { (here.place, other.place) } else { (other.place, here.place) };
        Some((other.place.trace_id, Reason { by, from, to }))
    });
    Ok(reasons.collect())
}
