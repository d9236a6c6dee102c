//! Error groups: failed spans of one service and operation whose message is the same but for numbers, ids and quoted values.

use super::patterns::template;
use crate::error::Result;
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange, TraceId, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Field, Order, Predicate, ScanRequest, ScanStats, Test, trace_columns};
use hopline_trace::{Trace, analyse, cause};
use std::collections::HashMap;

/// Failed spans looked at, newest first.
pub(crate) const SPANS_MAX: usize = 50_000;
/// Different groups held; further ones are counted under the message `…`.
const GROUPS_MAX: usize = 5_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) exception_type: Option<String>,
    pub(crate) message: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) key: Key,
    pub(crate) count: u64,
    /// Of these, the ones with no failed span below them.
    pub(crate) first_causes: u64,
    pub(crate) first: UnixNanos,
    pub(crate) last: UnixNanos,
    /// The newest.
    pub(crate) sample: TraceId,
}

pub(crate) struct Errors {
    /// Most first causes first, then most spans.
    pub(crate) groups: Vec<Group>,
    pub(crate) cut: bool,
    pub(crate) stats: ScanStats,
}

pub(crate) fn errors(snapshot: &Snapshot, predicate: Predicate, range: TimeRange, cancel: &Cancel) -> Result<Errors> {
    let failed = Predicate::Compare { field: Field::Column(column::STATUS_CODE), test: Test::Equals("error".into()) };
    let request = ScanRequest {
        signal: Signal::Spans,
        range,
        predicate: Predicate::And(vec![failed, predicate]),
        columns: trace_columns(),
        order: Order::NewestFirst,
        limit: Some(SPANS_MAX),
        after: None,
        cancel: cancel.clone(),
    };
    let (batches, stats) = snapshot.collect(&request)?;
    let cut = super::links::rows(&batches) >= SPANS_MAX;
    let traces = Trace::split(&batches);
    drop(batches);
    let mut groups: HashMap<Key, Group> = HashMap::new();
    for trace in &traces {
        cancel.check()?;
        // Failed spans alone are enough to know which of them has no failed child.
        let causes = analyse(trace).causes;
        for span in 0..trace.len() {
            let failure = cause::failure(trace, span);
            let mut key = Key {
                service: trace.service_name(span).to_owned(),
                name: trace.name(span).to_owned(),
                exception_type: failure.exception_type.map(str::to_owned),
                message: template(failure.message),
            };
            if groups.len() >= GROUPS_MAX && !groups.contains_key(&key) {
                key.message = "…".into();
            }
            let start = trace.start(span);
            let group = groups.entry(key.clone()).or_insert_with(|| Group {
                key,
                count: 0,
                first_causes: 0,
                first: start,
                last: start,
                sample: trace.trace_id(),
            });
            group.count += 1;
            group.first_causes += u64::from(causes.is_first(span));
            group.first = group.first.min(start);
            if start >= group.last {
                group.last = start;
                group.sample = trace.trace_id();
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|a, b| {
        let order = |group: &Group| (std::cmp::Reverse((group.first_causes, group.count)), group.key.service.clone(), group.key.name.clone());
        order(a).cmp(&order(b)).then_with(|| a.key.message.cmp(&b.key.message))
    });
    Ok(Errors { groups, cut, stats })
}
