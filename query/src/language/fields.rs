//! Which field a name means: the short names of each kind of row, the scopes, and any attribute otherwise.

use super::Target;
use super::ast::{Name, Scope};
use super::error::SyntaxError;
use super::trace::{NumberFact, TextFact};
use hopline_model::schema::{self, column};
use hopline_storage::scan::Field;

/// What a name means, and so which tests make sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// Texts, or whatever an attribute holds.
    Any(Field),
    /// A plain number.
    Number(Field),
    /// Nanoseconds, written with a unit.
    Duration(Field),
    /// One of few names; `long` is how OTLP spells them: `STATUS_CODE_ERROR`.
    Names {
        field: Field,
        names: &'static [&'static str],
        long: &'static str,
    },
    /// `severity_number` by class.
    Severity,
    /// A log's `status`: `error` from severity 17 on.
    LogStatus,
    TraceId,
    SpanId,
    /// Hexadecimal text of a trace's or span's id.
    Hex {
        field: Field,
        digits: usize,
    },
    TraceNumber(NumberFact),
    TraceText(TextFact),
}

impl Meaning {
    pub(crate) fn is_trace_level(&self) -> bool {
        matches!(self, Self::TraceNumber(_) | Self::TraceText(_))
    }
}

/// A name with a meaning of its own.
pub(crate) struct Short {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    of: &'static [Target],
    meaning: fn() -> Meaning,
    /// Other spellings: column names and the attributes that the column is made of.
    also: &'static [&'static str],
}

const ALL: &[Target] = &[Target::Traces, Target::Spans, Target::Logs, Target::Metrics];
const SPANS: &[Target] = &[Target::Traces, Target::Spans];
const ROWS: &[Target] = &[Target::Traces, Target::Spans, Target::Logs];
const TRACES: &[Target] = &[Target::Traces];
const LOGS: &[Target] = &[Target::Logs];
const METRICS: &[Target] = &[Target::Metrics];

fn text(name: &'static str) -> Meaning {
    Meaning::Any(Field::Column(name))
}

/// In the order completion offers them when nothing tells them apart.
pub(crate) static SHORT: &[Short] = &[
    Short { name: "service", about: "name of the service", of: ALL, meaning: || text(column::SERVICE_NAME), also: &["service.name"] },
    Short { name: "name", about: "name of the span", of: SPANS, meaning: || text(column::NAME), also: &["span.name"] },
    Short { name: "name", about: "name of the metric", of: METRICS, meaning: || text(column::NAME), also: &[] },
    Short {
        name: "status",
        about: "status of the span: error, ok or unset",
        of: SPANS,
        meaning: || Meaning::Names { field: Field::Column(column::STATUS_CODE), names: &schema::STATUS_CODES, long: "STATUS_CODE_" },
        also: &["span.status"],
    },
    Short { name: "status", about: "error (severity error or worse) or ok", of: LOGS, meaning: || Meaning::LogStatus, also: &[] },
    Short {
        name: "duration",
        about: "how long the span took: >500ms, 1s..2s",
        of: SPANS,
        meaning: || Meaning::Duration(Field::Column(column::DURATION_NANO)),
        also: &["span.duration"],
    },
    Short {
        name: "severity",
        about: "trace, debug, info, warn, error, fatal or OpenTelemetry's number: >=warn",
        of: LOGS,
        meaning: || Meaning::Severity,
        also: &["severity_number"],
    },
    Short {
        name: "kind",
        about: "server, client, producer, consumer, internal or unspecified",
        of: SPANS,
        meaning: || Meaning::Names { field: Field::Column(column::KIND), names: &schema::KINDS, long: "SPAN_KIND_" },
        also: &["span.kind"],
    },
    Short {
        name: "type",
        about: "gauge, sum, histogram, exponential_histogram or summary",
        of: METRICS,
        meaning: || Meaning::Names { field: Field::Column(column::TYPE), names: &schema::METRIC_TYPES, long: "" },
        also: &[],
    },
    Short { name: "value", about: "number of a gauge or sum", of: METRICS, meaning: || Meaning::Number(Field::Column(column::VALUE)), also: &[] },
    Short { name: "unit", about: "unit of the metric", of: METRICS, meaning: || text(column::UNIT), also: &[] },
    Short {
        name: "temporality",
        about: "delta, cumulative or unspecified",
        of: METRICS,
        meaning: || Meaning::Names { field: Field::Column(column::TEMPORALITY), names: &schema::TEMPORALITIES, long: "AGGREGATION_TEMPORALITY_" },
        also: &[],
    },
    Short { name: "version", about: "version of the service", of: ALL, meaning: || text(column::SERVICE_VERSION), also: &["service.version"] },
    Short {
        name: "env",
        about: "deployment environment",
        of: ALL,
        meaning: || text(column::DEPLOYMENT_ENVIRONMENT_NAME),
        also: &["deployment.environment.name", "deployment.environment"],
    },
    Short {
        name: "instance",
        about: "instance of the service",
        of: ALL,
        meaning: || text(column::SERVICE_INSTANCE_ID),
        also: &["service.instance.id"],
    },
    Short {
        name: "namespace",
        about: "namespace of the service",
        of: ALL,
        meaning: || text(column::SERVICE_NAMESPACE),
        also: &["service.namespace"],
    },
    Short { name: "body", about: "the whole body of the log record", of: LOGS, meaning: || text(column::BODY), also: &[] },
    Short { name: "event", about: "name of the log event", of: LOGS, meaning: || text(column::EVENT_NAME), also: &["event.name", "event_name"] },
    Short {
        name: "event",
        about: "name of an event of the span",
        of: SPANS,
        meaning: || Meaning::Any(Field::Event("name".into())),
        also: &["event.name"],
    },
    Short {
        name: "statusmessage",
        about: "message of the span's status",
        of: SPANS,
        meaning: || text(column::STATUS_MESSAGE),
        also: &["status_message", "status.message"],
    },
    Short { name: "severity_text", about: "severity as the application wrote it", of: LOGS, meaning: || text(column::SEVERITY_TEXT), also: &[] },
    Short { name: "trace", about: "id of the trace", of: ROWS, meaning: || Meaning::TraceId, also: &["trace_id", "trace.id"] },
    Short { name: "span", about: "id of the span", of: ROWS, meaning: || Meaning::SpanId, also: &["span_id", "span.id"] },
    Short {
        name: "parent",
        about: "id of the parent span; -parent:* asks for roots",
        of: SPANS,
        meaning: || Meaning::Hex { field: Field::Column(column::PARENT_SPAN_ID), digits: 16 },
        also: &["parent_span_id"],
    },
    Short {
        name: "link",
        about: "id of a trace that the span links to",
        of: SPANS,
        meaning: || Meaning::Hex { field: Field::Link(column::TRACE_ID.into()), digits: 32 },
        also: &["link.trace_id", "link.trace"],
    },
    Short {
        name: "link.span",
        about: "id of a span that the span links to",
        of: SPANS,
        meaning: || Meaning::Hex { field: Field::Link(column::SPAN_ID.into()), digits: 16 },
        also: &["link.span_id"],
    },
    Short {
        name: "scope",
        about: "name of the instrumentation scope",
        of: ALL,
        meaning: || text(column::SCOPE_NAME),
        also: &["scope.name", "scope_name"],
    },
    Short {
        name: "scope.version",
        about: "version of the instrumentation scope",
        of: ALL,
        meaning: || Meaning::Any(Field::Scope("$version".into())),
        also: &[],
    },
    Short {
        name: "trace.duration",
        about: "how long the whole trace took",
        of: TRACES,
        meaning: || Meaning::TraceNumber(NumberFact::Duration),
        also: &[],
    },
    Short { name: "trace.spans", about: "how many spans the trace has", of: TRACES, meaning: || Meaning::TraceNumber(NumberFact::Spans), also: &[] },
    Short {
        name: "trace.errors",
        about: "how many spans of the trace failed",
        of: TRACES,
        meaning: || Meaning::TraceNumber(NumberFact::Errors),
        also: &[],
    },
    Short {
        name: "trace.services",
        about: "how many services the trace went through",
        of: TRACES,
        meaning: || Meaning::TraceNumber(NumberFact::Services),
        also: &[],
    },
    Short {
        name: "trace.start",
        about: "when the trace started: >=2026-11-24T10:00:00Z",
        of: TRACES,
        meaning: || Meaning::TraceNumber(NumberFact::Start),
        also: &[],
    },
    Short { name: "root.service", about: "service of the root span", of: TRACES, meaning: || Meaning::TraceText(TextFact::RootService), also: &[] },
    Short { name: "root.name", about: "name of the root span", of: TRACES, meaning: || Meaning::TraceText(TextFact::RootName), also: &[] },
];

/// The names that mean something of their own for a target.
pub(crate) fn short_names(target: Target) -> impl Iterator<Item = &'static Short> {
    SHORT.iter().filter(move |short| short.of.contains(&target))
}

/// Whether a word names a field of anything, and so was hardly meant as text in `duration>5s`.
pub(crate) fn is_short_name(name: &str) -> bool {
    SHORT.iter().any(|short| short.name == name)
}

/// What a name means when asked of `target`.
pub(crate) fn resolve(name: &Name, target: Target) -> Result<Meaning, SyntaxError> {
    if name.quoted {
        if name.key.is_empty() {
            return Err(SyntaxError::expected(name.place, "a key between the quotes"));
        }
        return scoped(name.scope, &name.key, name, target);
    }
    let known = |short: &&Short| short.name == name.key || short.also.contains(&name.key.as_str());
    if let Some(short) = short_names(target).find(known) {
        return Ok((short.meaning)());
    }
    if let Some(other) = SHORT.iter().find(known).filter(|other| other.of == TRACES) {
        let message = format!("{} is a condition on whole traces, which only a search of traces knows", other.name);
        return Err(SyntaxError::wrong(name.place, "a field of one row", message));
    }
    near_trace_field(name, target)?;
    match Scope::split(&name.key) {
        Some((scope, key)) => scoped(Some(scope), key, name, target),
        None => scoped(None, &name.key, name, target),
    }
}

/// `trace.eror` was meant for the trace; every other name may be an attribute.
fn near_trace_field(name: &Name, target: Target) -> Result<(), SyntaxError> {
    if target != Target::Traces || !(name.key.starts_with("trace.") || name.key.starts_with("root.")) {
        return Ok(());
    }
    let near = SHORT.iter().filter(|short| short.of == TRACES).map(|short| (strsim::damerau_levenshtein(short.name, &name.key), short.name)).min();
    match near {
        Some((distance, known)) if distance <= 2 => {
            let message = format!("a trace has no field {}: did you mean {known}? (in quotes, it is an attribute)", name.key);
            Err(SyntaxError::wrong(name.place, known, message))
        }
        _ => Ok(()),
    }
}

fn scoped(scope: Option<Scope>, key: &str, name: &Name, target: Target) -> Result<Meaning, SyntaxError> {
    let own = key.to_owned();
    let spans = matches!(target, Target::Traces | Target::Spans);
    Ok(Meaning::Any(match scope {
        None => Field::Any(own),
        Some(Scope::Resource) => Field::Resource(own),
        Some(Scope::Attributes) => Field::Attribute(own),
        Some(Scope::Scope) => Field::Scope(own),
        Some(Scope::Span) if spans => Field::Attribute(own),
        Some(Scope::Event) if spans => Field::Event(own),
        Some(Scope::Link) if spans => Field::Link(own),
        Some(Scope::Body) if target == Target::Logs => Field::Body(own),
        // Only other rows have these; what has a dot may be an attribute's key.
        Some(_) if !name.quoted => Field::Any(name.key.clone()),
        Some(scope) => {
            let rows = if scope == Scope::Body { "logs" } else { "spans" };
            let message = format!("only {rows} have {}.…: expected attributes.\"{key}\" or \"{key}\"", scope.name());
            return Err(SyntaxError::wrong(name.place, "attributes.", message));
        }
    }))
}
