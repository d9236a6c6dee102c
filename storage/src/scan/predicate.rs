//! What a row must satisfy: the compiled form that the query language and SQL hand to the scan.
//!
//! Two-valued: a comparison with an absent value is false, and `Not` of it is true, so `-field:x` also matches
//! rows without the field.

use crate::text::TextQuery;
use hopline_model::{SpanId, TraceId};

/// A tree over one row.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// Every row.
    All,
    /// No row.
    Nothing,
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    /// A field of the row compared with a constant.
    Compare {
        field: Field,
        test: Test,
    },
    /// Words or phrases in the row's text (log body; span name, event and attribute text).
    Text(TextQuery),
    TraceIds(Vec<TraceId>),
    SpanIds(Vec<SpanId>),
}

/// Where a value is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// A fixed column of `model::schema`, by name (`name`, `service_name`, `duration_nano`, `severity_number`, …).
    Column(&'static str),
    /// An attribute of the span, log record or metric point.
    Attribute(String),
    /// An attribute of the resource.
    Resource(String),
    /// An attribute of the instrumentation scope (`$name` and `$version` too).
    Scope(String),
    /// An attribute of any event of a span; `name` asks for the event's name.
    Event(String),
    /// An attribute of any link of a span; `trace_id` and `span_id` ask for its target.
    Link(String),
    /// A field inside a log's body, by its path (`model::body`); of a list, any item. Numbers written with an exponent are equal only as text.
    Body(String),
    /// An attribute of that name at the row, else its resource, else its scope: what a bare key means.
    Any(String),
}

/// How a found value is tested.
#[derive(Debug, Clone)]
pub enum Test {
    /// The value is there.
    Exists,
    /// Equal as text, case-sensitive: a string by its characters, anything else by its canonical text; and when
    /// the constant reads as a number, equal as a number (`500` equals the integer and the string; `1` equals `1.0`).
    Equals(String),
    /// Glob: `*` stands for any characters; everything else for itself. Case-sensitive, whole value.
    Like(String),
    /// Linear-time regular expression, unanchored.
    Matches(regex::Regex),
    /// A number in the closed or open interval; a value that is no number is false. Strings that read as numbers count.
    Range { min: Option<Bound>, max: Option<Bound> },
    /// Any of the texts, as `Equals`.
    In(Vec<String>),
}

/// One end of a numeric interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    pub value: f64,
    pub inclusive: bool,
}
