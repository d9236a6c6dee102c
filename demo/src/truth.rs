//! What really happened to each request, written down by the services that misbehaved, not read from telemetry.

use crate::plan::Fault;
use opentelemetry::trace::TraceId;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// One meeting with a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    pub fault: Fault,
    pub service: &'static str,
    pub operation: String,
    pub instance: String,
    pub version: &'static str,
    pub times: u32,
}

/// One request of a customer.
#[derive(Debug, Clone, Serialize)]
pub struct RequestTruth {
    pub trace_id: String,
    pub request: &'static str,
    pub start_time: String,
    pub duration_nano: u64,
    pub status: u16,
    pub services: Vec<&'static str>,
    /// Server, consumer and database operations, client calls too.
    pub spans: u64,
    pub logs: u64,
    pub affected: bool,
    pub hits: Vec<Hit>,
}

#[derive(Debug, Default)]
struct Open {
    hits: Vec<Hit>,
    services: BTreeSet<&'static str>,
    spans: u64,
    logs: u64,
    /// Spans begun and not ended: the worker may go on after the answer.
    running: u64,
}

/// Requests under way, by trace.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    open: Mutex<HashMap<TraceId, Open>>,
}

impl Truth {
    fn with<R>(&self, trace: TraceId, act: impl FnOnce(&mut Open) -> R) -> R {
        act(self.open.lock().unwrap_or_else(PoisonError::into_inner).entry(trace).or_default())
    }

    pub(crate) fn hit(&self, trace: TraceId, hit: Hit) {
        self.with(trace, |open| match open.hits.iter_mut().find(|known| Hit { times: hit.times, ..(*known).clone() } == hit) {
            Some(known) => known.times += 1,
            None => open.hits.push(hit),
        });
    }

    pub(crate) fn span_started(&self, trace: TraceId, service: &'static str) {
        self.with(trace, |open| {
            open.services.insert(service);
            open.spans += 1;
            open.running += 1;
        });
    }

    pub(crate) fn span_ended(&self, trace: TraceId) {
        self.with(trace, |open| open.running -= 1);
    }

    pub(crate) fn logged(&self, trace: TraceId) {
        self.with(trace, |open| open.logs += 1);
    }

    /// Work that goes on after the answer: a message in the queue.
    pub(crate) fn expect_more(&self, trace: TraceId) {
        self.with(trace, |open| open.running += 1);
    }

    pub(crate) fn no_more(&self, trace: TraceId) {
        self.with(trace, |open| open.running -= 1);
    }

    pub(crate) fn is_quiet(&self, trace: TraceId) -> bool {
        self.with(trace, |open| open.running == 0)
    }

    /// Ends the bookkeeping of a request.
    pub(crate) fn take(&self, trace: TraceId) -> (Vec<Hit>, Vec<&'static str>, u64, u64) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&trace).unwrap_or_default();
        (open.hits, open.services.into_iter().collect(), open.spans, open.logs)
    }
}
