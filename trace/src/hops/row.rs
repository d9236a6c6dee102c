//! A row of the ledger as people and scripts read it. Field names are those of the API.

use super::{Call, HopKind, Pairing, Side};
use crate::spans::{Text, Trace};
use hopline_model::UnixNanos;
use serde::{Serialize, Serializer};

/// One hop. `hop` counts from 1; `parent_hop` is the hop in whose callee this call was made, none for calls of the first service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hop {
    pub trace_id: String,
    pub hop: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_hop: Option<u32>,
    /// Hops from the service the request came in by: 1 for its own calls.
    pub depth: u32,
    pub kind: HopKind,
    pub pairing: Pairing,
    /// `http`, `grpc`, `kafka`, `postgresql`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    pub caller: Party,
    pub callee: Party,
    /// When the call began, by the caller's clock (the callee's where no client span says).
    #[serde(serialize_with = "rfc3339")]
    pub start: UnixNanos,
    /// What the caller waited, or took to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_nano: Option<i64>,
    /// What the callee worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_nano: Option<i64>,
    /// Client less server: the way there and back, and waiting in between. None where the server outlived its client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_nano: Option<i64>,
    /// From the end of sending to the start of taking, by corrected clocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_nano: Option<i64>,
    /// What the callee worked outside of its own calls; for a peer all that the caller waited.
    pub self_nano: i64,
    /// Of the trace's critical path, the part spent in this hop and not in further ones.
    pub critical_nano: i64,
    /// 1, or more when the same call failed right before.
    pub attempt: u32,
    /// `unset`, `ok` or `error`: the worse of both sides.
    pub status: &'static str,
    pub is_first_cause: bool,
    pub log_count: u64,
    /// To be added to the callee's times.
    pub skew_nano: i64,
    /// Proxies and sidecars between the two, from the caller on.
    pub via: Vec<String>,
}

/// One side of a hop.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Party {
    pub service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A service's instance id; of a peer the address it was reached at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    pub operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
}

fn rfc3339<S: Serializer>(time: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

pub(super) fn row(trace: &Trace, call: &Call, at: usize) -> Hop {
    Hop {
        trace_id: trace.trace_id().to_string(),
        hop: at as u32 + 1,
        parent_hop: call.parent.map(|parent| parent + 1),
        depth: call.depth,
        kind: call.kind,
        pairing: call.pairing,
        protocol: optional(trace, call.protocol),
        caller: party(trace, &call.caller),
        callee: party(trace, &call.callee),
        start: UnixNanos(call.start),
        client_nano: call.client_nano,
        server_nano: call.server_nano,
        network_nano: call.network_nano,
        queue_nano: call.queue_nano,
        self_nano: call.self_nano,
        critical_nano: call.critical_nano,
        attempt: call.attempt,
        status: call.status.name(),
        is_first_cause: call.is_first_cause,
        log_count: call.log_count,
        skew_nano: call.skew_nano,
        via: call.via.iter().map(|name| name.to_string()).collect(),
    }
}

fn optional(trace: &Trace, text: Text) -> Option<String> {
    (!text.is_none()).then(|| trace.text(text).to_owned())
}

fn party(trace: &Trace, side: &Side) -> Party {
    let span_id = side.span.map(|span| trace.span_id(span as usize)).or(side.linked);
    Party {
        service: service_name(trace, side).to_owned(),
        namespace: optional(trace, side.service.namespace),
        environment: optional(trace, side.service.environment),
        version: optional(trace, side.version),
        instance: optional(trace, side.instance),
        operation: trace.text(side.operation).to_owned(),
        span_id: span_id.map(|id| id.to_string()),
    }
}

/// The name a side is shown by; `unknown` for a peer that nobody names.
pub(crate) fn service_name<'a>(trace: &'a Trace, side: &Side) -> &'a str {
    if side.service.name.is_none() { super::pair::UNKNOWN } else { trace.text(side.service.name) }
}
