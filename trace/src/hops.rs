//! The hop ledger: one row for each call from one service to another or to a named peer.
//!
//! Caller and callee are paired, in this order, by
//! 1. `kind`: a CLIENT above a SERVER, a PRODUCER above a CONSUMER;
//! 2. `link`: a consumer that links to the span that sent its message;
//! 3. `service`: any parent and child of different services, whatever their kinds;
//! 4. `peer`: a CLIENT or PRODUCER without counterpart (or a CONSUMER without sender) whose attributes name the other side;
//! 5. `inferred`: an orphaned SERVER inside the one client span that names its service; and a client whose other side nobody names.
//!
//! Spans of a proxy or sidecar are stepped over: the two services behind it are paired and it is named in [`Hop::via`].
//! A proxy that answered by itself, or that nobody called, stands as a service.
//!
//! | file | what |
//! |---|---|
//! | `pair` | who called whom |
//! | `measure` | times, attempts, whose time is whose |
//! | `row` | [`Call`] → [`Hop`], with texts |

mod measure;
mod pair;
mod row;
#[cfg(test)]
mod tests;

use crate::cause::Causes;
use crate::critical_path::CriticalPath;
use crate::skew::Skew;
use crate::spans::{Service, Status, Text, Trace};
use crate::times::Times;
use crate::tree::Tree;
use hopline_model::SpanId;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use pair::UNKNOWN;
pub use row::{Hop, Party};

/// How caller and callee of a hop were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pairing {
    Kind,
    Link,
    Service,
    Peer,
    Inferred,
}

/// What sort of call a hop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HopKind {
    /// A service of the trace answers.
    Rpc,
    /// A message: sent now, taken later.
    Message,
    Db,
    /// The other side sends no spans.
    External,
}

impl HopKind {
    pub const ALL: [Self; 4] = [Self::Rpc, Self::Message, Self::Db, Self::External];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Message => "message",
            Self::Db => "db",
            Self::External => "external",
        }
    }
}

impl Pairing {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Link => "link",
            Self::Service => "service",
            Self::Peer => "peer",
            Self::Inferred => "inferred",
        }
    }
}

/// One side of a call: a span of the trace, or only a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    /// A span's index.
    pub(crate) span: Option<u32>,
    pub(crate) service: Service,
    pub(crate) version: Text,
    pub(crate) instance: Text,
    /// The span's name; for a mere name that of the span that names it.
    pub(crate) operation: Text,
    /// A span of another trace, when it is known by a link only.
    pub(crate) linked: Option<SpanId>,
}

/// A hop with interned texts: what rollups are made of. [`Hop`] is the same for people.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) parent: Option<u32>,
    pub(crate) depth: u32,
    pub(crate) kind: HopKind,
    pub(crate) pairing: Pairing,
    pub(crate) protocol: Text,
    pub(crate) caller: Side,
    pub(crate) callee: Side,
    /// The caller's span waits (or sends): it is the client's side of the call, not merely the span it was made in.
    pub(crate) has_client: bool,
    pub(crate) start: i64,
    pub(crate) client_nano: Option<i64>,
    pub(crate) server_nano: Option<i64>,
    pub(crate) network_nano: Option<i64>,
    pub(crate) queue_nano: Option<i64>,
    pub(crate) self_nano: i64,
    pub(crate) critical_nano: i64,
    pub(crate) attempt: u32,
    pub(crate) status: Status,
    pub(crate) is_first_cause: bool,
    pub(crate) log_count: u64,
    pub(crate) skew_nano: i64,
    pub(crate) via: Vec<Arc<str>>,
}

impl Call {
    /// What the caller waited; where no client span says, what the callee worked.
    pub(crate) fn total_nano(&self) -> i64 {
        self.client_nano.or(self.server_nano).unwrap_or(0)
    }

    /// What of that no further hop explains: the callee alone and the way there and back.
    pub(crate) fn own_nano(&self) -> i64 {
        self.self_nano.saturating_add(self.network_nano.unwrap_or(0))
    }
}

/// What the ledger is made from.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub trace: &'a Trace,
    pub tree: &'a Tree,
    /// Corrected times.
    pub times: &'a Times,
    pub skew: &'a Skew,
    pub critical: &'a CriticalPath,
    pub causes: &'a Causes,
    /// Log records by span id.
    pub logs: &'a HashMap<SpanId, u64>,
}

/// A span that nobody in the trace called: where work of this trace begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub span: u32,
    /// The span's time outside of its calls.
    pub self_nano: i64,
    /// Of the critical path, the part that belongs to no hop below.
    pub critical_nano: i64,
    /// One of its own spans failed without a failing child.
    pub is_first_cause: bool,
    /// It begins a request (a root, or a SERVER or CONSUMER whose caller is unknown), and is not merely a span whose parent was lost.
    pub is_request: bool,
}

/// All hops of a trace, in tree order, and whose time each span's is.
#[derive(Debug, Clone, Default)]
pub struct Hops {
    calls: Vec<Call>,
    entries: Vec<Entry>,
    /// By node: the hop whose callee (or waiting client) it works for.
    hop_of: Vec<u32>,
    /// By node without a hop: its entry.
    entry_of: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Hops {
    pub fn find(parts: &Parts<'_>) -> Self {
        let pairs = pair::pairs(parts);
        measure::measure(parts, pairs)
    }

    pub fn len(&self) -> usize {
        self.calls.len()
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The hop (index into the rows, so `hop - 1`) that a node's time belongs to; `None`: the service the request came in by.
    pub fn hop_of(&self, node: usize) -> Option<usize> {
        self.hop_of.get(node).filter(|hop| **hop != NONE).map(|hop| *hop as usize)
    }

    /// Where work of this trace begins, in tree order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry a node without a hop belongs to.
    pub fn entry_of(&self, node: usize) -> Option<usize> {
        self.entry_of.get(node).filter(|entry| **entry != NONE).map(|entry| *entry as usize)
    }

    /// The ledger.
    pub fn rows(&self, trace: &Trace) -> Vec<Hop> {
        (0..self.calls.len()).map(|at| row::row(trace, &self.calls[at], at)).collect()
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }
}
