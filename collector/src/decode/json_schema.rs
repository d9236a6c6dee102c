//! OTLP's messages as tables: JSON name, field number, type. Keys are lowerCamelCase alone, as OTLP says.

use hopline_model::Signal;

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) number: u32,
    pub(crate) repeated: bool,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// Base64, standard or URL-safe, padded or not.
    Bytes,
    /// Hexadecimal digits: OTLP's own rule for ids.
    Id,
    Bool,
    Int32,
    Uint32,
    Sint32,
    Int64,
    Uint64,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    /// A number, never a name.
    Enum,
    Message(&'static Message),
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, repeated: false, kind }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, repeated: true, kind }
}

pub(crate) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Spans => &TRACES,
        Signal::Logs => &LOGS,
        Signal::Metrics => &METRICS,
    }
}

use Kind::*;

static ANY_VALUE: Message = Message {
    fields: &[
        one("stringValue", 1, Text),
        one("boolValue", 2, Bool),
        one("intValue", 3, Int64),
        one("doubleValue", 4, Double),
        one("arrayValue", 5, Message(&ARRAY)),
        one("kvlistValue", 6, Message(&MAP)),
        one("bytesValue", 7, Bytes),
        one("stringValueStrindex", 8, Int32),
    ],
};
static ARRAY: Message = Message { fields: &[many("values", 1, Message(&ANY_VALUE))] };
static MAP: Message = Message { fields: &[many("values", 1, Message(&KEY_VALUE))] };
static KEY_VALUE: Message = Message { fields: &[one("key", 1, Text), one("value", 2, Message(&ANY_VALUE)), one("keyStrindex", 3, Int32)] };
static ENTITY: Message =
    Message { fields: &[one("schemaUrl", 1, Text), one("type", 2, Text), many("idKeys", 3, Text), many("descriptionKeys", 4, Text)] };
static RESOURCE: Message = Message {
    fields: &[many("attributes", 1, Message(&KEY_VALUE)), one("droppedAttributesCount", 2, Uint32), many("entityRefs", 3, Message(&ENTITY))],
};
static SCOPE: Message = Message {
    fields: &[one("name", 1, Text), one("version", 2, Text), many("attributes", 3, Message(&KEY_VALUE)), one("droppedAttributesCount", 4, Uint32)],
};

static TRACES: Message = Message { fields: &[many("resourceSpans", 1, Message(&RESOURCE_SPANS))] };
static RESOURCE_SPANS: Message =
    Message { fields: &[one("resource", 1, Message(&RESOURCE)), many("scopeSpans", 2, Message(&SCOPE_SPANS)), one("schemaUrl", 3, Text)] };
static SCOPE_SPANS: Message = Message { fields: &[one("scope", 1, Message(&SCOPE)), many("spans", 2, Message(&SPAN)), one("schemaUrl", 3, Text)] };
static SPAN: Message = Message {
    fields: &[
        one("traceId", 1, Id),
        one("spanId", 2, Id),
        one("traceState", 3, Text),
        one("parentSpanId", 4, Id),
        one("name", 5, Text),
        one("kind", 6, Enum),
        one("startTimeUnixNano", 7, Fixed64),
        one("endTimeUnixNano", 8, Fixed64),
        many("attributes", 9, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 10, Uint32),
        many("events", 11, Message(&EVENT)),
        one("droppedEventsCount", 12, Uint32),
        many("links", 13, Message(&LINK)),
        one("droppedLinksCount", 14, Uint32),
        one("status", 15, Message(&STATUS)),
        one("flags", 16, Fixed32),
    ],
};
static EVENT: Message = Message {
    fields: &[
        one("timeUnixNano", 1, Fixed64),
        one("name", 2, Text),
        many("attributes", 3, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 4, Uint32),
    ],
};
static LINK: Message = Message {
    fields: &[
        one("traceId", 1, Id),
        one("spanId", 2, Id),
        one("traceState", 3, Text),
        many("attributes", 4, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 5, Uint32),
        one("flags", 6, Fixed32),
    ],
};
static STATUS: Message = Message { fields: &[one("message", 2, Text), one("code", 3, Enum)] };

static LOGS: Message = Message { fields: &[many("resourceLogs", 1, Message(&RESOURCE_LOGS))] };
static RESOURCE_LOGS: Message =
    Message { fields: &[one("resource", 1, Message(&RESOURCE)), many("scopeLogs", 2, Message(&SCOPE_LOGS)), one("schemaUrl", 3, Text)] };
static SCOPE_LOGS: Message =
    Message { fields: &[one("scope", 1, Message(&SCOPE)), many("logRecords", 2, Message(&LOG_RECORD)), one("schemaUrl", 3, Text)] };
static LOG_RECORD: Message = Message {
    fields: &[
        one("timeUnixNano", 1, Fixed64),
        one("severityNumber", 2, Enum),
        one("severityText", 3, Text),
        one("body", 5, Message(&ANY_VALUE)),
        many("attributes", 6, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 7, Uint32),
        one("flags", 8, Fixed32),
        one("traceId", 9, Id),
        one("spanId", 10, Id),
        one("observedTimeUnixNano", 11, Fixed64),
        one("eventName", 12, Text),
    ],
};

static METRICS: Message = Message { fields: &[many("resourceMetrics", 1, Message(&RESOURCE_METRICS))] };
static RESOURCE_METRICS: Message =
    Message { fields: &[one("resource", 1, Message(&RESOURCE)), many("scopeMetrics", 2, Message(&SCOPE_METRICS)), one("schemaUrl", 3, Text)] };
static SCOPE_METRICS: Message =
    Message { fields: &[one("scope", 1, Message(&SCOPE)), many("metrics", 2, Message(&METRIC)), one("schemaUrl", 3, Text)] };
static METRIC: Message = Message {
    fields: &[
        one("name", 1, Text),
        one("description", 2, Text),
        one("unit", 3, Text),
        one("gauge", 5, Message(&GAUGE)),
        one("sum", 7, Message(&SUM)),
        one("histogram", 9, Message(&HISTOGRAM)),
        one("exponentialHistogram", 10, Message(&EXPONENTIAL)),
        one("summary", 11, Message(&SUMMARY)),
        many("metadata", 12, Message(&KEY_VALUE)),
    ],
};
static GAUGE: Message = Message { fields: &[many("dataPoints", 1, Message(&NUMBER_POINT))] };
static SUM: Message =
    Message { fields: &[many("dataPoints", 1, Message(&NUMBER_POINT)), one("aggregationTemporality", 2, Enum), one("isMonotonic", 3, Bool)] };
static HISTOGRAM: Message = Message { fields: &[many("dataPoints", 1, Message(&HISTOGRAM_POINT)), one("aggregationTemporality", 2, Enum)] };
static EXPONENTIAL: Message = Message { fields: &[many("dataPoints", 1, Message(&EXPONENTIAL_POINT)), one("aggregationTemporality", 2, Enum)] };
static SUMMARY: Message = Message { fields: &[many("dataPoints", 1, Message(&SUMMARY_POINT))] };
static NUMBER_POINT: Message = Message {
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("asDouble", 4, Double),
        many("exemplars", 5, Message(&EXEMPLAR)),
        one("asInt", 6, Sfixed64),
        many("attributes", 7, Message(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};
static HISTOGRAM_POINT: Message = Message {
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("bucketCounts", 6, Fixed64),
        many("explicitBounds", 7, Double),
        many("exemplars", 8, Message(&EXEMPLAR)),
        many("attributes", 9, Message(&KEY_VALUE)),
        one("flags", 10, Uint32),
        one("min", 11, Double),
        one("max", 12, Double),
    ],
};
static EXPONENTIAL_POINT: Message = Message {
    fields: &[
        many("attributes", 1, Message(&KEY_VALUE)),
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        one("scale", 6, Sint32),
        one("zeroCount", 7, Fixed64),
        one("positive", 8, Message(&BUCKETS)),
        one("negative", 9, Message(&BUCKETS)),
        one("flags", 10, Uint32),
        many("exemplars", 11, Message(&EXEMPLAR)),
        one("min", 12, Double),
        one("max", 13, Double),
        one("zeroThreshold", 14, Double),
    ],
};
static BUCKETS: Message = Message { fields: &[one("offset", 1, Sint32), many("bucketCounts", 2, Uint64)] };
static SUMMARY_POINT: Message = Message {
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("quantileValues", 6, Message(&QUANTILE)),
        many("attributes", 7, Message(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};
static QUANTILE: Message = Message { fields: &[one("quantile", 1, Double), one("value", 2, Double)] };
static EXEMPLAR: Message = Message {
    fields: &[
        one("timeUnixNano", 2, Fixed64),
        one("asDouble", 3, Double),
        one("spanId", 4, Id),
        one("traceId", 5, Id),
        one("asInt", 6, Sfixed64),
        many("filteredAttributes", 7, Message(&KEY_VALUE)),
    ],
};
