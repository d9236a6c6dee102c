//! One span as a plain struct: for code that walks a trace, and for tests. Batches stay columns.
//!
//! `events` is `[{"attributes":{…},"dropped_attributes_count":n,"name":"…","time_unix_nano":"n"},…]`,
//! `links` is `[{"attributes":{…},"dropped_attributes_count":n,"flags":n,"span_id":"hex","trace_id":"hex","trace_state":"…"},…]`;
//! a field that is empty or zero is left out, except `name` and `time_unix_nano` of events and the ids of links.

use crate::ids::{Seq, SpanId, TraceId};
use crate::schema::{self, column};
use crate::time::UnixNanos;
use crate::{Batch, Signal};
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use std::sync::Arc;

/// A row of `spans`; the column's doc in [`crate::schema`] says what each field holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub seq: Seq,
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    pub start_time: UnixNanos,
    pub duration_nano: i64,
    pub name: String,
    pub kind: String,
    pub status_code: String,
    pub status_message: Option<String>,
    pub service_name: String,
    pub service_namespace: Option<String>,
    pub service_version: Option<String>,
    pub service_instance_id: Option<String>,
    pub deployment_environment_name: Option<String>,
    pub resource: Arc<str>,
    pub scope: Arc<str>,
    pub scope_name: Option<String>,
    /// Canonical JSON object.
    pub attributes: String,
    pub events: Option<String>,
    pub links: Option<String>,
    pub trace_state: Option<String>,
    pub flags: u32,
    pub dropped_attributes_count: u32,
    pub dropped_events_count: u32,
    pub dropped_links_count: u32,
    pub extra: Option<String>,
}

impl Default for Span {
    /// An empty internal span, for tests to fill.
    fn default() -> Self {
        Self {
            seq: Seq(0),
            trace_id: TraceId([1; 16]),
            span_id: SpanId([1; 8]),
            parent_span_id: None,
            start_time: UnixNanos(0),
            duration_nano: 0,
            name: String::new(),
            kind: "internal".into(),
            status_code: "unset".into(),
            status_message: None,
            service_name: schema::SERVICE_UNKNOWN.into(),
            service_namespace: None,
            service_version: None,
            service_instance_id: None,
            deployment_environment_name: None,
            resource: "{}".into(),
            scope: "{}".into(),
            scope_name: None,
            attributes: "{}".into(),
            events: None,
            links: None,
            trace_state: None,
            flags: 0,
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            extra: None,
        }
    }
}

impl Span {
    pub fn end_time(&self) -> UnixNanos {
        self.start_time.saturating_add(self.duration_nano)
    }

    /// The raw canonical text of an attribute of the span.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        crate::attributes::get(&self.attributes, key)
    }

    /// All rows of a batch of spans. Columns that were not read take their defaults.
    pub fn from_rows(rows: &RecordBatch) -> Vec<Span> {
        let columns = Columns { rows };
        (0..rows.num_rows()).map(|row| columns.span(row)).collect()
    }

    /// A batch in the schema of spans.
    pub fn to_batch(spans: &[Span]) -> Batch {
        let text = |get: &dyn Fn(&Span) -> Option<&str>| -> ArrayRef { Arc::new(spans.iter().map(get).collect::<StringArray>()) };
        let dictionary = |get: &dyn Fn(&Span) -> Option<&str>| -> ArrayRef {
            Arc::new(spans.iter().map(get).collect::<arrow::array::DictionaryArray<Int32Type>>())
        };
        let number = |get: &dyn Fn(&Span) -> u32| -> ArrayRef { Arc::new(spans.iter().map(get).map(Some).collect::<UInt32Array>()) };
        let columns = schema::schema(Signal::Spans).fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                column::SEQ => Arc::new(spans.iter().map(|span| Some(span.seq.0)).collect::<UInt64Array>()),
                column::TRACE_ID => fixed(16, spans.iter().map(|span| Some(&span.trace_id.0[..]))),
                column::SPAN_ID => fixed(8, spans.iter().map(|span| Some(&span.span_id.0[..]))),
                column::PARENT_SPAN_ID => fixed(8, spans.iter().map(|span| span.parent_span_id.as_ref().map(|id| &id.0[..]))),
                column::START_TIME => {
                    Arc::new(spans.iter().map(|span| Some(span.start_time.0)).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
                }
                column::DURATION_NANO => Arc::new(spans.iter().map(|span| Some(span.duration_nano)).collect::<Int64Array>()),
                column::NAME => dictionary(&|span| Some(&span.name)),
                column::KIND => dictionary(&|span| Some(&span.kind)),
                column::STATUS_CODE => dictionary(&|span| Some(&span.status_code)),
                column::STATUS_MESSAGE => dictionary(&|span| span.status_message.as_deref()),
                column::SERVICE_NAME => dictionary(&|span| Some(&span.service_name)),
                column::SERVICE_NAMESPACE => dictionary(&|span| span.service_namespace.as_deref()),
                column::SERVICE_VERSION => dictionary(&|span| span.service_version.as_deref()),
                column::SERVICE_INSTANCE_ID => dictionary(&|span| span.service_instance_id.as_deref()),
                column::DEPLOYMENT_ENVIRONMENT_NAME => dictionary(&|span| span.deployment_environment_name.as_deref()),
                column::RESOURCE => dictionary(&|span| Some(&span.resource)),
                column::SCOPE => dictionary(&|span| Some(&span.scope)),
                column::SCOPE_NAME => dictionary(&|span| span.scope_name.as_deref()),
                column::ATTRIBUTES => text(&|span| Some(&span.attributes)),
                column::EVENTS => text(&|span| span.events.as_deref()),
                column::LINKS => text(&|span| span.links.as_deref()),
                column::TRACE_STATE => dictionary(&|span| span.trace_state.as_deref()),
                column::FLAGS => number(&|span| span.flags),
                column::DROPPED_ATTRIBUTES_COUNT => number(&|span| span.dropped_attributes_count),
                column::DROPPED_EVENTS_COUNT => number(&|span| span.dropped_events_count),
                column::DROPPED_LINKS_COUNT => number(&|span| span.dropped_links_count),
                _ => text(&|span| span.extra.as_deref()),
            }
        });
        let rows = RecordBatch::try_new(schema::schema(Signal::Spans).clone(), columns.collect()).expect("columns follow the schema");
        Batch { signal: Signal::Spans, rows }
    }
}

/// A fixed-size binary column.
pub(crate) fn fixed<'a>(width: i32, values: impl Iterator<Item = Option<&'a [u8]>>) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::new(width);
    for value in values {
        match value {
            Some(value) => builder.append_value(value).expect("ids have the column's width"),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

/// Reads cells by column name; an absent column reads as null.
pub(crate) struct Columns<'a> {
    pub(crate) rows: &'a RecordBatch,
}

impl Columns<'_> {
    pub(crate) fn text(&self, name: &str, row: usize) -> Option<&str> {
        let array = self.rows.column_by_name(name)?;
        if array.is_null(row) {
            return None;
        }
        if let Some(array) = array.as_string_opt::<i32>() {
            return Some(array.value(row));
        }
        let array = array.as_dictionary_opt::<Int32Type>()?;
        Some(array.values().as_string::<i32>().value(array.keys().value(row) as usize))
    }

    pub(crate) fn owned(&self, name: &str, row: usize) -> Option<String> {
        self.text(name, row).map(str::to_owned)
    }

    pub(crate) fn bytes(&self, name: &str, row: usize) -> Option<&[u8]> {
        let array = self.rows.column_by_name(name)?.as_fixed_size_binary_opt()?;
        (!array.is_null(row)).then(|| array.value(row))
    }

    pub(crate) fn time(&self, name: &str, row: usize) -> Option<UnixNanos> {
        let array = self.rows.column_by_name(name)?.as_primitive_opt::<TimestampNanosecondType>()?;
        (!array.is_null(row)).then(|| UnixNanos(array.value(row)))
    }

    pub(crate) fn u32(&self, name: &str, row: usize) -> u32 {
        self.rows.column_by_name(name).and_then(|array| array.as_primitive_opt::<UInt32Type>()).map_or(0, |array| array.value(row))
    }

    pub(crate) fn seq(&self, row: usize) -> Seq {
        Seq(self.rows.column_by_name(column::SEQ).and_then(|array| array.as_primitive_opt::<UInt64Type>()).map_or(0, |array| array.value(row)))
    }

    fn span(&self, row: usize) -> Span {
        let default = Span::default();
        Span {
            seq: self.seq(row),
            trace_id: self.bytes(column::TRACE_ID, row).and_then(TraceId::from_bytes).unwrap_or(default.trace_id),
            span_id: self.bytes(column::SPAN_ID, row).and_then(SpanId::from_bytes).unwrap_or(default.span_id),
            parent_span_id: self.bytes(column::PARENT_SPAN_ID, row).and_then(SpanId::from_bytes),
            start_time: self.time(column::START_TIME, row).unwrap_or_default(),
            duration_nano: self
                .rows
                .column_by_name(column::DURATION_NANO)
                .and_then(|array| array.as_primitive_opt::<Int64Type>())
                .map_or(0, |array| array.value(row)),
            name: self.owned(column::NAME, row).unwrap_or_default(),
            kind: self.owned(column::KIND, row).unwrap_or(default.kind),
            status_code: self.owned(column::STATUS_CODE, row).unwrap_or(default.status_code),
            status_message: self.owned(column::STATUS_MESSAGE, row),
            service_name: self.owned(column::SERVICE_NAME, row).unwrap_or(default.service_name),
            service_namespace: self.owned(column::SERVICE_NAMESPACE, row),
            service_version: self.owned(column::SERVICE_VERSION, row),
            service_instance_id: self.owned(column::SERVICE_INSTANCE_ID, row),
            deployment_environment_name: self.owned(column::DEPLOYMENT_ENVIRONMENT_NAME, row),
            resource: self.text(column::RESOURCE, row).map_or(default.resource, Into::into),
            scope: self.text(column::SCOPE, row).map_or(default.scope, Into::into),
            scope_name: self.owned(column::SCOPE_NAME, row),
            attributes: self.owned(column::ATTRIBUTES, row).unwrap_or(default.attributes),
            events: self.owned(column::EVENTS, row),
            links: self.owned(column::LINKS, row),
            trace_state: self.owned(column::TRACE_STATE, row),
            flags: self.u32(column::FLAGS, row),
            dropped_attributes_count: self.u32(column::DROPPED_ATTRIBUTES_COUNT, row),
            dropped_events_count: self.u32(column::DROPPED_EVENTS_COUNT, row),
            dropped_links_count: self.u32(column::DROPPED_LINKS_COUNT, row),
            extra: self.owned(column::EXTRA, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_back() {
        let spans = vec![
            Span { name: "GET /".into(), parent_span_id: Some(SpanId([7; 8])), extra: Some("{}".into()), ..Span::default() },
            Span { seq: Seq(9), duration_nano: 5, service_version: Some("1.2".into()), ..Span::default() },
        ];
        assert_eq!(Span::from_rows(&Span::to_batch(&spans).rows), spans);
    }
}
