//! Every column name and the Arrow schema of each signal, once.
//!
//! Texts that repeat are `Dictionary(Int32, Utf8)`; ids are fixed-size binary; times are `Timestamp(ns, UTC)`,
//! saturated at 2262 with the number that was sent kept in `extra`. `attributes`, `events`, `links`, `resource`,
//! `scope` and the metric details are canonical JSON ([`crate::attributes`]).
//!
//! `extra` is null unless something of the record fits no column: a canonical JSON object with any of
//! `start_time_unix_nano`, `end_time_unix_nano`, `time_unix_nano`, `observed_time_unix_nano` (the u64 as decimal text, where the column is not
//! the number sent), `trace_id`, `span_id`, `parent_span_id` (`{"$bytes":…}` of an invalid id), `body` (`"json"`: the body was not a string and its
//! column holds canonical JSON; `"empty"`: an empty string is distinguished from no body by the null column),
//! `derived` (`["severity_number","trace_id","span_id"]`: those of the columns that were found in the text of the record because none was sent),
//! `severity_number`, `kind`, … Writers add what they need; readers ignore what they do not know.

use crate::batch::Signal;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::{Arc, LazyLock};

/// Names of columns that stand in more than one signal, or that code outside decode asks for.
pub mod column {
    pub const SEQ: &str = "seq";
    pub const TRACE_ID: &str = "trace_id";
    pub const SPAN_ID: &str = "span_id";
    pub const PARENT_SPAN_ID: &str = "parent_span_id";
    pub const TRACE_STATE: &str = "trace_state";
    pub const FLAGS: &str = "flags";
    pub const SERVICE_NAME: &str = "service_name";
    pub const SERVICE_NAMESPACE: &str = "service_namespace";
    pub const SERVICE_VERSION: &str = "service_version";
    pub const SERVICE_INSTANCE_ID: &str = "service_instance_id";
    pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment_environment_name";
    pub const NAME: &str = "name";
    pub const KIND: &str = "kind";
    pub const START_TIME: &str = "start_time";
    pub const DURATION_NANO: &str = "duration_nano";
    pub const STATUS_CODE: &str = "status_code";
    pub const STATUS_MESSAGE: &str = "status_message";
    pub const ATTRIBUTES: &str = "attributes";
    pub const DROPPED_ATTRIBUTES_COUNT: &str = "dropped_attributes_count";
    pub const DROPPED_EVENTS_COUNT: &str = "dropped_events_count";
    pub const DROPPED_LINKS_COUNT: &str = "dropped_links_count";
    pub const EVENTS: &str = "events";
    pub const LINKS: &str = "links";
    pub const RESOURCE: &str = "resource";
    pub const SCOPE: &str = "scope";
    pub const SCOPE_NAME: &str = "scope_name";
    pub const EXTRA: &str = "extra";
    pub const TIME: &str = "time";
    pub const OBSERVED_TIME: &str = "observed_time";
    pub const SEVERITY_NUMBER: &str = "severity_number";
    pub const SEVERITY_TEXT: &str = "severity_text";
    pub const BODY: &str = "body";
    pub const EVENT_NAME: &str = "event_name";
    pub const TYPE: &str = "type";
    pub const UNIT: &str = "unit";
    pub const DESCRIPTION: &str = "description";
    pub const TEMPORALITY: &str = "temporality";
    pub const IS_MONOTONIC: &str = "is_monotonic";
    pub const VALUE: &str = "value";
    pub const VALUE_INT: &str = "value_int";
    pub const COUNT: &str = "count";
    pub const SUM: &str = "sum";
    pub const MIN: &str = "min";
    pub const MAX: &str = "max";
    pub const BUCKET_COUNTS: &str = "bucket_counts";
    pub const EXPLICIT_BOUNDS: &str = "explicit_bounds";
    pub const EXPONENTIAL: &str = "exponential";
    pub const QUANTILES: &str = "quantiles";
    pub const EXEMPLARS: &str = "exemplars";
    pub const METADATA: &str = "metadata";
}

/// The name a service has when its resource does not say (OpenTelemetry resource semantic conventions).
pub const SERVICE_UNKNOWN: &str = "unknown_service";

/// `kind` of a span by OTLP's number; an unknown number is shown as it is.
pub const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
/// `status_code` of a span by OTLP's number.
pub const STATUS_CODES: [&str; 3] = ["unset", "ok", "error"];
/// `temporality` of sums and histograms by OTLP's number.
pub const TEMPORALITIES: [&str; 3] = ["unspecified", "delta", "cumulative"];
/// `type` of a metric.
pub const METRIC_TYPES: [&str; 5] = ["gauge", "sum", "histogram", "exponential_histogram", "summary"];

/// The number a name of [`KINDS`], [`STATUS_CODES`] or [`TEMPORALITIES`] stands for; a number in text is itself.
pub fn enum_number(names: &[&str], text: &str) -> i32 {
    match names.iter().position(|name| *name == text) {
        Some(number) => number as i32,
        None => text.parse().unwrap_or(0),
    }
}

pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

pub fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

/// The rows of a signal as decoded, logged, kept live and scanned.
pub fn schema(signal: Signal) -> &'static SchemaRef {
    match signal {
        Signal::Spans => &SPANS,
        Signal::Logs => &LOGS,
        Signal::Metrics => &METRICS,
    }
}

/// The column a signal's time ranges and order go by.
pub fn time_column(signal: Signal) -> &'static str {
    match signal {
        Signal::Spans => column::START_TIME,
        Signal::Logs | Signal::Metrics => column::TIME,
    }
}

fn required(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, false)
}

fn optional(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, true)
}

/// The columns taken from the resource and scope, the same in each signal.
fn origin() -> Vec<Field> {
    use column::*;
    vec![
        required(SERVICE_NAME, dictionary()),
        optional(SERVICE_NAMESPACE, dictionary()),
        optional(SERVICE_VERSION, dictionary()),
        optional(SERVICE_INSTANCE_ID, dictionary()),
        optional(DEPLOYMENT_ENVIRONMENT_NAME, dictionary()),
        required(RESOURCE, dictionary()),
        required(SCOPE, dictionary()),
        optional(SCOPE_NAME, dictionary()),
    ]
}

static SPANS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use column::*;
    let mut fields = vec![
        required(SEQ, DataType::UInt64),
        required(TRACE_ID, DataType::FixedSizeBinary(16)),
        required(SPAN_ID, DataType::FixedSizeBinary(8)),
        optional(PARENT_SPAN_ID, DataType::FixedSizeBinary(8)),
        required(START_TIME, timestamp()),
        required(DURATION_NANO, DataType::Int64),
        required(NAME, dictionary()),
        required(KIND, dictionary()),
        required(STATUS_CODE, dictionary()),
        optional(STATUS_MESSAGE, dictionary()),
    ];
    fields.extend(origin());
    fields.extend([
        required(ATTRIBUTES, DataType::Utf8),
        optional(EVENTS, DataType::Utf8),
        optional(LINKS, DataType::Utf8),
        optional(TRACE_STATE, dictionary()),
        required(FLAGS, DataType::UInt32),
        required(DROPPED_ATTRIBUTES_COUNT, DataType::UInt32),
        required(DROPPED_EVENTS_COUNT, DataType::UInt32),
        required(DROPPED_LINKS_COUNT, DataType::UInt32),
        optional(EXTRA, DataType::Utf8),
    ]);
    Arc::new(Schema::new(fields))
});

static LOGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use column::*;
    let mut fields = vec![
        required(SEQ, DataType::UInt64),
        // When 0 was sent: the observed time, else the time of receipt; the 0 stands in `extra`.
        required(TIME, timestamp()),
        optional(OBSERVED_TIME, timestamp()),
        optional(TRACE_ID, DataType::FixedSizeBinary(16)),
        optional(SPAN_ID, DataType::FixedSizeBinary(8)),
        required(SEVERITY_NUMBER, DataType::Int32),
        optional(SEVERITY_TEXT, dictionary()),
        optional(BODY, DataType::Utf8),
        optional(EVENT_NAME, dictionary()),
    ];
    fields.extend(origin());
    fields.extend([
        required(ATTRIBUTES, DataType::Utf8),
        required(FLAGS, DataType::UInt32),
        required(DROPPED_ATTRIBUTES_COUNT, DataType::UInt32),
        optional(EXTRA, DataType::Utf8),
    ]);
    Arc::new(Schema::new(fields))
});

static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
    use column::*;
    let mut fields = vec![
        required(SEQ, DataType::UInt64),
        required(TIME, timestamp()),
        optional(START_TIME, timestamp()),
        required(NAME, dictionary()),
        required(TYPE, dictionary()),
        optional(UNIT, dictionary()),
        optional(DESCRIPTION, dictionary()),
        optional(TEMPORALITY, dictionary()),
        optional(IS_MONOTONIC, DataType::Boolean),
        // A gauge's or sum's number; for histograms null.
        optional(VALUE, DataType::Float64),
        // Set beside `value` when an integer was sent.
        optional(VALUE_INT, DataType::Int64),
        optional(COUNT, DataType::UInt64),
        optional(SUM, DataType::Float64),
        optional(MIN, DataType::Float64),
        optional(MAX, DataType::Float64),
        optional(BUCKET_COUNTS, list(DataType::UInt64)),
        optional(EXPLICIT_BOUNDS, list(DataType::Float64)),
        // {"negative":{"counts":[…],"offset":n},"positive":{…},"scale":n,"zero_count":n,"zero_threshold":d}
        optional(EXPONENTIAL, DataType::Utf8),
        // [[quantile,value],…]
        optional(QUANTILES, DataType::Utf8),
        // [{"attributes":{…},"span_id":"hex","time_unix_nano":"n","trace_id":"hex","value":n|d},…]
        optional(EXEMPLARS, DataType::Utf8),
    ];
    fields.extend(origin());
    fields.extend([
        required(ATTRIBUTES, DataType::Utf8),
        required(FLAGS, DataType::UInt32),
        optional(METADATA, DataType::Utf8),
        optional(EXTRA, DataType::Utf8),
    ]);
    Arc::new(Schema::new(fields))
});
