//! `X.edg`: calls by minute, sorted by their whole key, minute first. A block of spans has one from its seal, or, when it is
//! large or sealing was behind, soon after (`upkeep/count.rs`).
//!
//! ```text
//! a row (`pages.rs`; t: number of a text; z: zigzag, as rows may take away what others counted):
//! ┌─────────┬────────────────────────┬─────────────────────┬──────────────────────────┬──────────────────────┬──────┬────────┐
//! │ minute  │ caller: name,          │ caller's operation, │ callee: name,            │ operation, callee's  │ kind │ status │
//! │ number z│ namespace, environment │ version t t         │ namespace, environment   │ version t t          │ 1 B  │ 1 B    │
//! ├─────────┴───┬────────────────────┴─────────────────────┼──────────────────────────┴───┬──────────────────┴──────┴────────┤
//! │ counts      │ adjusted count: 0 when it is `count`,    │ total: length, histogram     │ own: length, histogram           │
//! │ z × 4       │ else 1 and f64 8 B                       │                              │                                  │
//! └─────────────┴──────────────────────────────────────────┴──────────────────────────────┴──────────────────────────────────┘
//! ```
//!
//! **The rule.** What a call is depends on the whole trace, and its spans may lie in several blocks. So a block does not hold the edges of its
//! own spans, but what they *added* when it was counted, at its seal or soon after: for each trace, the edges of all its spans in blocks with the new ones, less those of
//! its spans in blocks before. The sum over all blocks is then the edges of all traces, each counted whole and once: the steps cancel out.
//! A span that comes late puts right what it changes by what its block takes away. A merge only adds up. When rows
//! are deleted, what takes their block's place holds what it held and the change (`without`); when old spans go by age, their calls stay as they
//! were: rows here may outlive their spans.
//!
//! What is live, or lies in a block of an older version (without `.edg`), adds to the sum in the same way when it is asked for
//! (`Snapshot::edges`): [`added`] is the one function for all of it.
//!
//! Where the rule ends: a trace is looked for in blocks that hold spans of times within a day of the new ones, and one of more than
//! [`TRACE_SPANS_MAX`] spans is not read again, nor are all of them when that would be many times what is new ([`AGAIN_TIMES`]); what comes then
//! counts as a trace of its own.

use super::pages::{Key, PageIn, PageOut, Row};
use crate::block::{Block, FileKind};
use crate::error::Result;
use crate::scan::{Cancel, Order, Predicate, ScanRequest, ScanStats, trace_columns};
use crate::snapshot::Snapshot;
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use hopline_model::schema::column;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_MINUTE};
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use hopline_trace::edges::{Edge, EdgeCounts, EdgeKey, Node};
use hopline_trace::hops::HopKind;
use hopline_trace::spans::Status;
use hopline_trace::{Edges, Histogram, Trace, analyse};
use std::collections::{HashMap, HashSet};

/// Spans that are analysed at a time.
const PART_ROWS: u64 = 64 << 10;
/// Spans of one trace that are read again when more of it comes.
pub(crate) const TRACE_SPANS_MAX: u64 = 100_000;
/// Counted spans that are read again at most for each new one, the smallest traces first: traces that come again and again must not cost the square
/// of what they hold.
const AGAIN_TIMES: u64 = 4;
/// So many are in any case.
const AGAIN_MIN: u64 = 128 << 10;
/// Counted spans that are held at a time.
pub(super) const AGAIN_AT_ONCE: u64 = 64 << 10;

impl Row for Edge {
    const KIND: FileKind = FileKind::Edg;

    fn key(&self) -> Key {
        key(self.key.minute)
    }

    fn encode(&self, out: &mut PageOut) {
        let EdgeKey { minute, caller, caller_operation, caller_version, callee, operation, callee_version, kind, status } = &self.key;
        out.signed(minute.0.div_euclid(NANOS_PER_MINUTE));
        let texts = [&caller.name, &caller.namespace, &caller.environment, caller_operation, caller_version];
        texts.into_iter().chain([&callee.name, &callee.namespace, &callee.environment, operation, callee_version]).for_each(|text| out.text(text));
        out.byte(*kind as u8);
        out.byte(*status as u8);
        let EdgeCounts { count, adjusted_count, first_calls, reaches, first_causes, total, own } = &self.counts;
        [count, first_calls, reaches, first_causes].into_iter().for_each(|count| out.signed(*count as i64));
        if *adjusted_count == *count as i64 as f64 {
            out.byte(0);
        } else {
            out.byte(1);
            out.bytes(&adjusted_count.to_le_bytes());
        }
        for histogram in [total, own] {
            let bytes = histogram.encode();
            out.number(bytes.len() as u64);
            out.bytes(&bytes);
        }
    }

    fn decode(from: &mut PageIn<'_>) -> Option<Self> {
        let minute = UnixNanos(from.signed()?.checked_mul(NANOS_PER_MINUTE)?);
        let node = |from: &mut PageIn<'_>| Some(Node { name: from.text()?, namespace: from.text()?, environment: from.text()? });
        let caller = node(from)?;
        let (caller_operation, caller_version) = (from.text()?, from.text()?);
        let callee = node(from)?;
        let (operation, callee_version) = (from.text()?, from.text()?);
        let kind = *HopKind::ALL.get(usize::from(from.byte()?))?;
        let status = *Status::ALL.get(usize::from(from.byte()?))?;
        let mut count = || from.signed().map(|count| count as u64);
        let (count, first_calls, reaches, first_causes) = (count()?, count()?, count()?, count()?);
        let adjusted_count = match from.byte()? {
            0 => count as i64 as f64,
            1 => f64::from_le_bytes(from.array()?),
            _ => return None,
        };
        let histogram = |from: &mut PageIn<'_>| {
            let length = usize::try_from(from.number()?).ok()?;
            Histogram::decode(from.bytes(length)?).ok()
        };
        let (total, own) = (histogram(from)?, histogram(from)?);
        Some(Self {
            key: EdgeKey { minute, caller, caller_operation, caller_version, callee, operation, callee_version, kind, status },
            counts: EdgeCounts { count, adjusted_count, first_calls, reaches, first_causes, total, own },
        })
    }
}

/// Minutes compare as their keys do.
pub(crate) fn key(minute: UnixNanos) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&((minute.0 as u64) ^ (1 << 63)).to_be_bytes());
    key
}

/// The minute of a key.
pub(crate) fn minute_of(key: Key) -> UnixNanos {
    let number = key[..8].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    UnixNanos((number ^ (1 << 63)) as i64)
}

/// Spans whose edges are asked for.
pub(crate) struct New<'a> {
    /// Its spans, live and in blocks, are those that come new.
    pub(crate) spans: &'a Snapshot,
    pub(crate) range: TimeRange,
    /// Only these traces.
    pub(crate) traces: Option<Vec<TraceId>>,
    /// More are not read: the newest are.
    pub(crate) rows_max: Option<usize>,
}

/// What reading them came to.
#[derive(Debug, Default)]
pub(crate) struct Added {
    pub(crate) stats: ScanStats,
    /// There were more than `rows_max`.
    pub(crate) cut: bool,
}

/// What new spans add to the edges of those that are counted already; a part of the traces at a time.
pub(crate) fn added(new: &New<'_>, counted: &Snapshot, cancel: &Cancel, each: &mut dyn FnMut(Edges) -> Result<()>) -> Result<Added> {
    let live: u64 = new.spans.chunks(Signal::Spans).iter().map(|chunk| chunk.rows.num_rows() as u64).sum();
    let stored = new.spans.blocks(Signal::Spans).filter(|block| block.meta.overlaps(new.range));
    let rows = live + stored.map(|block| block.meta.rows).sum::<u64>();
    let too_many = new.rows_max.filter(|most| rows > *most as u64);
    let parts = if too_many.is_some() { 1 } else { rows.div_ceil(PART_ROWS) };
    let mut again = rows.saturating_mul(AGAIN_TIMES).max(AGAIN_MIN);
    let mut added = Added::default();
    for part in 0..parts {
        cancel.check()?;
        let mut request = request(new.range, new.traces.clone().map_or(Predicate::All, Predicate::TraceIds), cancel);
        if let Some(most) = too_many {
            (request.order, request.limit) = (Order::NewestFirst, Some(most));
        }
        let mut batches = Vec::new();
        let mut read = 0;
        let stats = new.spans.scan(&request, &mut |batch| {
            read += batch.num_rows();
            batches.push(if parts == 1 { batch } else { of_part(&batch, part, parts)? });
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        added.stats.add(stats);
        added.cut |= too_many.is_some_and(|most| read >= most);
        let shared = affordable(shared(&batches, counted, cancel)?, &mut again);
        let mut groups = at_once(shared);
        while let Some(ids) = groups.pop() {
            let (mut rows, stats) = counted.collect(&self::request(TimeRange::ALL, Predicate::TraceIds(ids.clone()), cancel))?;
            added.stats.add(stats);
            let (mut edges, mut old) = (Edges::new(), Edges::new());
            count(&rows, &mut old, cancel)?;
            edges.subtract(old);
            // The rest goes with the last group, which most often is the only one.
            let (of_these, others) = if groups.is_empty() {
                (std::mem::take(&mut batches), Vec::new())
            } else {
                let ids: HashSet<[u8; 16]> = ids.into_iter().map(|id| id.0).collect();
                split(&batches, &|id| ids.contains(id))?
            };
            rows.splice(0..0, of_these);
            count(&rows, &mut edges, cancel)?;
            each(edges)?;
            batches = others;
        }
        if !batches.is_empty() {
            let mut edges = Edges::new();
            count(&batches, &mut edges, cancel)?;
            each(edges)?;
        }
    }
    Ok(added)
}

/// The smallest of some traces, with their spans, whose spans together are not more than `left`, which they use up.
fn affordable(mut shared: Vec<(TraceId, u64)>, left: &mut u64) -> Vec<(TraceId, u64)> {
    shared.sort_unstable_by_key(|(id, spans)| (*spans, id.0));
    let fits = shared.iter().take_while(|(_, spans)| {
        let fits = *spans <= *left;
        *left -= if fits { *spans } else { 0 };
        fits
    });
    let count = fits.count();
    shared.truncate(count);
    shared
}

/// Traces in groups of not many more than [`AGAIN_AT_ONCE`] spans.
pub(super) fn at_once(traces: Vec<(TraceId, u64)>) -> Vec<Vec<TraceId>> {
    let mut groups: Vec<Vec<TraceId>> = Vec::new();
    let mut spans = u64::MAX;
    for (id, more) in traces {
        spans = spans.saturating_add(more);
        match groups.last_mut().filter(|_| spans <= AGAIN_AT_ONCE) {
            Some(group) => group.push(id),
            None => {
                groups.push(vec![id]);
                spans = more;
            }
        }
    }
    groups
}

/// The rows of the traces that are wanted, and the others.
fn split(batches: &[RecordBatch], wanted: &dyn Fn(&[u8; 16]) -> bool) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>)> {
    let (mut of_these, mut others) = (Vec::new(), Vec::new());
    for batch in batches {
        let ids = batch.column_by_name(column::TRACE_ID).and_then(|ids| ids.as_fixed_size_binary_opt());
        let is_wanted = |row: usize| ids.and_then(|ids| ids.value(row).try_into().ok()).is_some_and(|id| wanted(&id));
        let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(is_wanted(row))).collect();
        of_these.push(filter_record_batch(batch, &mask)?);
        others.push(filter_record_batch(batch, &arrow::compute::not(&mask)?)?);
    }
    Ok((of_these, others))
}

pub(super) fn count(rows: &[RecordBatch], edges: &mut Edges, cancel: &Cancel) -> Result<()> {
    for trace in Trace::split(rows) {
        cancel.check()?;
        edges.add(&trace, &analyse(&trace));
    }
    Ok(())
}

pub(super) fn request(range: TimeRange, predicate: Predicate, cancel: &Cancel) -> ScanRequest {
    ScanRequest {
        signal: Signal::Spans,
        range,
        predicate,
        columns: trace_columns(),
        order: Order::Any,
        limit: None,
        after: None,
        cancel: cancel.clone(),
    }
}

/// The rows of the traces that fall into one of `parts`.
fn of_part(batch: &RecordBatch, part: u64, parts: u64) -> Result<RecordBatch> {
    let ids = batch.column_by_name(column::TRACE_ID).and_then(|ids| ids.as_fixed_size_binary_opt());
    let Some(ids) = ids else { return Ok(batch.clone()) };
    let own: BooleanArray = (0..ids.len()).map(|row| Some(crate::block::tix::hash(ids.value(row)) % parts == part)).collect();
    Ok(filter_record_batch(batch, &own)?)
}

/// The traces of new rows that have counted rows too, with how many; of the rows, `trace_id` and `start_time` are needed.
pub(super) fn shared(batches: &[RecordBatch], counted: &Snapshot, cancel: &Cancel) -> Result<Vec<(TraceId, u64)>> {
    if counted.chunks(Signal::Spans).is_empty() && counted.blocks(Signal::Spans).next().is_none() {
        return Ok(Vec::new());
    }
    let mut ids: HashMap<u64, TraceId> = HashMap::new();
    let mut time = (i64::MAX, i64::MIN);
    for batch in batches {
        each_id(batch, &mut |id| {
            ids.insert(crate::block::tix::hash(&id.0), id);
        });
        let starts = batch.column_by_name(column::START_TIME).and_then(|starts| starts.as_primitive_opt::<TimestampNanosecondType>());
        for start in starts.map(|starts| starts.values().as_ref()).unwrap_or_default() {
            time = (time.0.min(*start), time.1.max(*start));
        }
    }
    let mut wanted: Vec<u64> = ids.keys().copied().collect();
    wanted.sort_unstable();
    let mut spans: HashMap<u64, u64> = HashMap::new();
    for chunk in counted.chunks(Signal::Spans) {
        each_id(&chunk.rows, &mut |id| {
            let hash = crate::block::tix::hash(&id.0);
            if ids.contains_key(&hash) {
                *spans.entry(hash).or_default() += 1;
            }
        });
    }
    let near = |block: &&std::sync::Arc<Block>| {
        block.meta.time_max >= time.0.saturating_sub(NANOS_PER_DAY) && block.meta.time_min <= time.1.saturating_add(NANOS_PER_DAY)
    };
    for block in counted.blocks(Signal::Spans).filter(near) {
        cancel.check()?;
        let held = block.tix().map(|tix| tix.holds(&wanted));
        match held {
            Some(Ok(held)) => held.into_iter().for_each(|(hash, rows)| *spans.entry(hash).or_default() += rows),
            // Without its index it may hold any of them: the rows are asked.
            None | Some(Err(_)) => wanted.iter().for_each(|hash| *spans.entry(*hash).or_default() += 1),
        }
    }
    spans.retain(|_, spans| *spans <= TRACE_SPANS_MAX);
    Ok(spans.into_iter().filter_map(|(hash, spans)| Some((*ids.get(&hash)?, spans))).collect())
}

pub(super) fn each_id(batch: &RecordBatch, each: &mut dyn FnMut(TraceId)) {
    let Some(ids) = batch.column_by_name(column::TRACE_ID).and_then(|ids| ids.as_fixed_size_binary_opt()) else { return };
    (0..ids.len()).filter_map(|row| TraceId::from_bytes(ids.value(row))).for_each(each);
}
