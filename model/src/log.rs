//! One log record as a plain struct: for code that shows a few, and for tests. Batches stay columns.

use crate::ids::{Seq, SpanId, TraceId};
use crate::schema::{self, column};
use crate::span::{Columns, fixed};
use crate::time::UnixNanos;
use crate::{Batch, Signal};
use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array};
use arrow::datatypes::Int32Type;
use std::sync::Arc;

/// A row of `logs`; [`crate::schema`] says what each field holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    pub seq: Seq,
    pub time: UnixNanos,
    pub observed_time: Option<UnixNanos>,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub severity_number: i32,
    pub severity_text: Option<String>,
    pub body: Option<String>,
    pub event_name: Option<String>,
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
    pub flags: u32,
    pub dropped_attributes_count: u32,
    pub extra: Option<String>,
}

impl Default for Log {
    /// An empty record, for tests to fill.
    fn default() -> Self {
        Self {
            seq: Seq(0),
            time: UnixNanos(0),
            observed_time: None,
            trace_id: None,
            span_id: None,
            severity_number: 0,
            severity_text: None,
            body: None,
            event_name: None,
            service_name: schema::SERVICE_UNKNOWN.into(),
            service_namespace: None,
            service_version: None,
            service_instance_id: None,
            deployment_environment_name: None,
            resource: "{}".into(),
            scope: "{}".into(),
            scope_name: None,
            attributes: "{}".into(),
            flags: 0,
            dropped_attributes_count: 0,
            extra: None,
        }
    }
}

impl Log {
    /// All rows of a batch of logs. Columns that were not read take their defaults.
    pub fn from_rows(rows: &RecordBatch) -> Vec<Log> {
        let columns = Columns { rows };
        (0..rows.num_rows()).map(|row| log(&columns, row)).collect()
    }

    /// A batch in the schema of logs.
    pub fn to_batch(logs: &[Log]) -> Batch {
        let text = |get: &dyn Fn(&Log) -> Option<&str>| -> ArrayRef { Arc::new(logs.iter().map(get).collect::<StringArray>()) };
        let dictionary =
            |get: &dyn Fn(&Log) -> Option<&str>| -> ArrayRef { Arc::new(logs.iter().map(get).collect::<arrow::array::DictionaryArray<Int32Type>>()) };
        let time = |get: &dyn Fn(&Log) -> Option<i64>| -> ArrayRef {
            Arc::new(logs.iter().map(get).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
        };
        let columns = schema::schema(Signal::Logs).fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                column::SEQ => Arc::new(logs.iter().map(|log| Some(log.seq.0)).collect::<UInt64Array>()),
                column::TIME => time(&|log| Some(log.time.0)),
                column::OBSERVED_TIME => time(&|log| log.observed_time.map(|time| time.0)),
                column::TRACE_ID => fixed(16, logs.iter().map(|log| log.trace_id.as_ref().map(|id| &id.0[..]))),
                column::SPAN_ID => fixed(8, logs.iter().map(|log| log.span_id.as_ref().map(|id| &id.0[..]))),
                column::SEVERITY_NUMBER => Arc::new(logs.iter().map(|log| Some(log.severity_number)).collect::<Int32Array>()),
                column::SEVERITY_TEXT => dictionary(&|log| log.severity_text.as_deref()),
                column::BODY => text(&|log| log.body.as_deref()),
                column::EVENT_NAME => dictionary(&|log| log.event_name.as_deref()),
                column::SERVICE_NAME => dictionary(&|log| Some(&log.service_name)),
                column::SERVICE_NAMESPACE => dictionary(&|log| log.service_namespace.as_deref()),
                column::SERVICE_VERSION => dictionary(&|log| log.service_version.as_deref()),
                column::SERVICE_INSTANCE_ID => dictionary(&|log| log.service_instance_id.as_deref()),
                column::DEPLOYMENT_ENVIRONMENT_NAME => dictionary(&|log| log.deployment_environment_name.as_deref()),
                column::RESOURCE => dictionary(&|log| Some(&log.resource)),
                column::SCOPE => dictionary(&|log| Some(&log.scope)),
                column::SCOPE_NAME => dictionary(&|log| log.scope_name.as_deref()),
                column::ATTRIBUTES => text(&|log| Some(&log.attributes)),
                column::FLAGS => Arc::new(logs.iter().map(|log| Some(log.flags)).collect::<UInt32Array>()),
                column::DROPPED_ATTRIBUTES_COUNT => Arc::new(logs.iter().map(|log| Some(log.dropped_attributes_count)).collect::<UInt32Array>()),
                _ => text(&|log| log.extra.as_deref()),
            }
        });
        let rows = RecordBatch::try_new(schema::schema(Signal::Logs).clone(), columns.collect()).expect("columns follow the schema");
        Batch { signal: Signal::Logs, rows }
    }
}

fn log(columns: &Columns<'_>, row: usize) -> Log {
    let default = Log::default();
    Log {
        seq: columns.seq(row),
        time: columns.time(column::TIME, row).unwrap_or_default(),
        observed_time: columns.time(column::OBSERVED_TIME, row),
        trace_id: columns.bytes(column::TRACE_ID, row).and_then(TraceId::from_bytes),
        span_id: columns.bytes(column::SPAN_ID, row).and_then(SpanId::from_bytes),
        severity_number: columns
            .rows
            .column_by_name(column::SEVERITY_NUMBER)
            .and_then(|array| array.as_primitive_opt::<Int32Type>())
            .map_or(0, |array| array.value(row)),
        severity_text: columns.owned(column::SEVERITY_TEXT, row),
        body: columns.owned(column::BODY, row),
        event_name: columns.owned(column::EVENT_NAME, row),
        service_name: columns.owned(column::SERVICE_NAME, row).unwrap_or(default.service_name),
        service_namespace: columns.owned(column::SERVICE_NAMESPACE, row),
        service_version: columns.owned(column::SERVICE_VERSION, row),
        service_instance_id: columns.owned(column::SERVICE_INSTANCE_ID, row),
        deployment_environment_name: columns.owned(column::DEPLOYMENT_ENVIRONMENT_NAME, row),
        resource: columns.text(column::RESOURCE, row).map_or(default.resource, Into::into),
        scope: columns.text(column::SCOPE, row).map_or(default.scope, Into::into),
        scope_name: columns.owned(column::SCOPE_NAME, row),
        attributes: columns.owned(column::ATTRIBUTES, row).unwrap_or(default.attributes),
        flags: columns.u32(column::FLAGS, row),
        dropped_attributes_count: columns.u32(column::DROPPED_ATTRIBUTES_COUNT, row),
        extra: columns.owned(column::EXTRA, row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_back() {
        let logs = vec![
            Log { body: Some("hello".into()), trace_id: Some(TraceId([3; 16])), severity_number: 9, ..Log::default() },
            Log { seq: Seq(4), observed_time: Some(UnixNanos(6)), ..Log::default() },
        ];
        assert_eq!(Log::from_rows(&Log::to_batch(&logs).rows), logs);
    }
}
