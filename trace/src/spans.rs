//! The spans of one trace as columns: what every function of this crate reads.
//!
//! Texts are interned once for all traces read together ([`Texts`]), so a span is a few dozen numbers and services compare as integers.
//! Attributes and events are walked once, when a span is read, and only where they can matter; what they say is kept as [`Facts`].
//!
//! | file | what |
//! |---|---|
//! | `read` | from record batches and from [`hopline_model::span::Span`] |
//! | `facts` | from attributes to peer, protocol, exception, proxy |

pub(crate) mod facts;
mod read;
#[cfg(test)]
mod tests;

use hopline_model::{SpanId, TraceId, UnixNanos};
use std::collections::HashMap;
use std::sync::Arc;

pub use facts::ATTRIBUTES_READ;
use facts::Facts;
pub use read::COLUMNS_READ;
pub(crate) use read::{TextColumn, sound};

/// An interned text. [`Text::NONE`] is the empty one, and stands for "not said".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(u32);

impl Text {
    pub const NONE: Self = Self(0);

    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }

    /// This text, or the other where it says nothing.
    pub(crate) fn or(self, other: Text) -> Text {
        if self.is_none() { other } else { self }
    }
}

/// Every distinct text of the traces read together, once.
#[derive(Debug)]
pub struct Texts {
    texts: Vec<Arc<str>>,
    index: HashMap<Arc<str>, Text>,
}

impl Default for Texts {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Self { texts: vec![empty.clone()], index: HashMap::from([(empty, Text::NONE)]) }
    }
}

impl Texts {
    pub fn get(&self, text: Text) -> &str {
        &self.texts[text.0 as usize]
    }

    /// The text as a cheaply shared string.
    pub fn shared(&self, text: Text) -> Arc<str> {
        self.texts[text.0 as usize].clone()
    }

    pub(crate) fn intern(&mut self, text: &str) -> Text {
        if text.is_empty() {
            return Text::NONE;
        }
        if let Some(known) = self.index.get(text) {
            return *known;
        }
        let new = Text(u32::try_from(self.texts.len()).expect("fewer than 2^32 distinct texts fit in memory"));
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.index.insert(text, new);
        new
    }
}

/// What a service is: the three together. It is shown by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Service {
    pub name: Text,
    pub namespace: Text,
    pub environment: Text,
}

/// Which running copy of a service sent a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Origin {
    pub service: Service,
    pub version: Text,
    pub instance: Text,
}

/// OTLP's span kind; an unknown number reads as unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Kind {
    #[default]
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    fn from_name(name: &str) -> Self {
        match name {
            "internal" => Self::Internal,
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    pub fn name(self) -> &'static str {
        hopline_model::schema::KINDS[self as usize]
    }
}

/// OTLP's status, in the order of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Status {
    #[default]
    Unset,
    Ok,
    Error,
}

impl Status {
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "ok" => Self::Ok,
            "error" => Self::Error,
            _ => Self::Unset,
        }
    }

    pub fn name(self) -> &'static str {
        hopline_model::schema::STATUS_CODES[self as usize]
    }
}

/// What is wrong with a span's end time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    #[default]
    Sound,
    /// Sent with end 0: the span had not ended.
    Open,
    BeforeStart,
}

/// The colder half of a span.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Detail {
    pub(crate) name: Text,
    pub(crate) message: Text,
    pub(crate) origin: Origin,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) end: End,
    pub(crate) weight: f64,
    pub(crate) facts: Facts,
}

/// One link of a span to another, maybe of another trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanLink {
    /// The linking span's index.
    pub(crate) span: u32,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    pub(crate) seq: Vec<u64>,
    /// All zero where none (or an invalid one) was sent.
    pub(crate) span_id: Vec<SpanId>,
    pub(crate) parent_id: Vec<Option<SpanId>>,
    pub(crate) start: Vec<i64>,
    /// Never negative, and `start + duration` never overflows.
    pub(crate) duration: Vec<i64>,
    pub(crate) detail: Vec<Detail>,
    /// In the order of the linking span.
    pub(crate) links: Vec<SpanLink>,
}

/// The spans of one trace, by index in the order they were read.
///
/// Made by [`Trace::from_spans`], [`Trace::from_rows`] (one trace) or [`Trace::split`] (all traces of some batches).
#[derive(Debug, Clone)]
pub struct Trace {
    pub(crate) texts: Arc<Texts>,
    pub(crate) trace_id: TraceId,
    pub(crate) columns: Columns,
}

/// An id of zeros: no id.
pub(crate) const ZERO: SpanId = SpanId([0; 8]);

impl Trace {
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    pub fn len(&self) -> usize {
        self.columns.start.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn seq(&self, span: usize) -> u64 {
        self.columns.seq[span]
    }

    /// All zero where the span came without a valid id.
    pub fn span_id(&self, span: usize) -> SpanId {
        self.columns.span_id[span]
    }

    pub fn parent_id(&self, span: usize) -> Option<SpanId> {
        self.columns.parent_id[span]
    }

    /// As sent; [`crate::Skew`] says what to add to compare it with other machines.
    pub fn start(&self, span: usize) -> UnixNanos {
        UnixNanos(self.columns.start[span])
    }

    /// Never negative: a span that ended before it started (or has not ended) has none.
    pub fn duration_nano(&self, span: usize) -> i64 {
        self.columns.duration[span]
    }

    pub fn end(&self, span: usize) -> UnixNanos {
        UnixNanos(self.columns.start[span] + self.columns.duration[span])
    }

    pub fn name(&self, span: usize) -> &str {
        self.text(self.columns.detail[span].name)
    }

    pub fn kind(&self, span: usize) -> Kind {
        self.columns.detail[span].kind
    }

    pub fn status(&self, span: usize) -> Status {
        self.columns.detail[span].status
    }

    pub fn status_message(&self, span: usize) -> &str {
        self.text(self.columns.detail[span].message)
    }

    pub fn origin(&self, span: usize) -> Origin {
        self.columns.detail[span].origin
    }

    /// The service's name, as it is shown.
    pub fn service_name(&self, span: usize) -> &str {
        self.text(self.columns.detail[span].origin.service.name)
    }

    /// How many spans this one stands for, from the sampling threshold in its trace state (`ot=th:`); 1 without.
    pub fn weight(&self, span: usize) -> f64 {
        self.columns.detail[span].weight
    }

    pub fn text(&self, text: Text) -> &str {
        self.texts.get(text)
    }

    pub(crate) fn detail(&self, span: usize) -> &Detail {
        &self.columns.detail[span]
    }

    pub(crate) fn facts(&self, span: usize) -> &Facts {
        &self.columns.detail[span].facts
    }

    /// Earlier start first; equal starts in the order stored, so that every order is total and repeatable.
    pub(crate) fn order_key(&self, span: usize) -> (i64, u64, usize) {
        (self.columns.start[span], self.columns.seq[span], span)
    }

    /// The links of one span.
    pub(crate) fn links(&self, span: usize) -> &[SpanLink] {
        let links = &self.columns.links;
        let from = links.partition_point(|link| (link.span as usize) < span);
        let to = links.partition_point(|link| (link.span as usize) <= span);
        &links[from..to]
    }
}
