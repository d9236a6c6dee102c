//! Rows of derived tables as cells, and cells as batches.

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder, TimestampNanosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::error::{DataFusionError, Result};
use hopline_model::schema::column;
use hopline_trace::edges::Edge;
use hopline_trace::hops::{Hop, Party};
use hopline_trace::{Histogram, Summary};
use std::sync::Arc;

/// A column's name and its value in a row; without a row, what type it has.
pub(super) type Named<'a> = (&'static str, Cell<'a>);

pub(super) enum Cell<'a> {
    Time(i64),
    Text(Option<&'a str>),
    Integer(Option<i64>),
    Number(f64),
    Boolean(bool),
    Texts(Vec<&'a str>),
}

pub(super) fn edge_cells(edge: Option<&Edge>) -> Vec<Named<'_>> {
    let key = edge.map(|edge| &edge.key);
    let counts = edge.map(|edge| &edge.counts);
    let (caller, callee) = (key.map(|key| &key.caller), key.map(|key| &key.callee));
    let count = |of: Option<u64>| Cell::Integer(of.map(|count| count as i64));
    let quantile = |of: Option<&Histogram>, q: f64| Cell::Integer(of.and_then(|of| of.quantile(q)).map(|nano| nano as i64));
    let sum = |of: Option<&Histogram>| Cell::Integer(of.map(|of| i64::try_from(of.sum()).unwrap_or(i64::MAX)));
    let (total, own) = (counts.map(|counts| &counts.total), counts.map(|counts| &counts.own));
    vec![
        ("minute", Cell::Time(key.map_or(0, |key| key.minute.0))),
        ("caller_service", text(caller.map(|node| &node.name))),
        ("caller_namespace", text(caller.map(|node| &node.namespace))),
        ("caller_environment", text(caller.map(|node| &node.environment))),
        ("caller_operation", text(key.map(|key| &key.caller_operation))),
        ("caller_version", text(key.map(|key| &key.caller_version))),
        ("callee_service", text(callee.map(|node| &node.name))),
        ("callee_namespace", text(callee.map(|node| &node.namespace))),
        ("callee_environment", text(callee.map(|node| &node.environment))),
        ("callee_operation", text(key.map(|key| &key.operation))),
        ("callee_version", text(key.map(|key| &key.callee_version))),
        ("kind", Cell::Text(key.map(|key| key.kind.name()))),
        ("status", Cell::Text(key.map(|key| key.status.name()))),
        ("count", count(counts.map(|counts| counts.count))),
        ("adjusted_count", Cell::Number(counts.map_or(0.0, |counts| counts.adjusted_count))),
        ("first_calls", count(counts.map(|counts| counts.first_calls))),
        ("reaches", count(counts.map(|counts| counts.reaches))),
        ("first_causes", count(counts.map(|counts| counts.first_causes))),
        ("total_nano_sum", sum(total)),
        ("total_nano_p50", quantile(total, 0.5)),
        ("total_nano_p95", quantile(total, 0.95)),
        ("total_nano_p99", quantile(total, 0.99)),
        ("self_nano_sum", sum(own)),
        ("self_nano_p50", quantile(own, 0.5)),
        ("self_nano_p95", quantile(own, 0.95)),
        ("self_nano_p99", quantile(own, 0.99)),
    ]
}

/// An empty text says nothing.
fn text(text: Option<&Arc<str>>) -> Cell<'_> {
    Cell::Text(text.map(|text| &**text).filter(|text| !text.is_empty()))
}

pub(super) fn hop_cells(hop: Option<&Hop>) -> Vec<Named<'_>> {
    let text = |of: fn(&Hop) -> Option<&str>| Cell::Text(hop.and_then(of));
    let integer = |of: fn(&Hop) -> Option<i64>| Cell::Integer(hop.and_then(of));
    let mut cells = vec![
        (column::TRACE_ID, text(|hop| Some(&hop.trace_id))),
        ("hop", integer(|hop| Some(hop.hop.into()))),
        ("parent_hop", integer(|hop| hop.parent_hop.map(Into::into))),
        ("depth", integer(|hop| Some(hop.depth.into()))),
        (column::START_TIME, Cell::Time(hop.map_or(0, |hop| hop.start.0))),
        ("kind", text(|hop| Some(hop.kind.name()))),
        ("pairing", text(|hop| Some(hop.pairing.name()))),
        ("protocol", text(|hop| hop.protocol.as_deref())),
    ];
    for (names, party) in [(CALLER, hop.map(|hop| &hop.caller)), (CALLEE, hop.map(|hop| &hop.callee))] {
        let values: [fn(&Party) -> Option<&str>; 7] = [
            |party| Some(&party.service),
            |party| party.namespace.as_deref(),
            |party| party.environment.as_deref(),
            |party| party.version.as_deref(),
            |party| party.instance.as_deref(),
            |party| Some(&party.operation),
            |party| party.span_id.as_deref(),
        ];
        cells.extend(names.into_iter().zip(values).map(|(name, value)| (name, Cell::Text(party.and_then(value)))));
    }
    cells.extend([
        ("client_nano", integer(|hop| hop.client_nano)),
        ("server_nano", integer(|hop| hop.server_nano)),
        ("network_nano", integer(|hop| hop.network_nano)),
        ("queue_nano", integer(|hop| hop.queue_nano)),
        ("self_nano", integer(|hop| Some(hop.self_nano))),
        ("critical_nano", integer(|hop| Some(hop.critical_nano))),
        ("attempt", integer(|hop| Some(hop.attempt.into()))),
        ("status", text(|hop| Some(hop.status))),
        ("is_first_cause", Cell::Boolean(hop.is_some_and(|hop| hop.is_first_cause))),
        ("skew_nano", integer(|hop| Some(hop.skew_nano))),
    ]);
    cells
}

pub(super) fn part_cells(part: Option<&Ided>) -> Vec<Named<'_>> {
    let summary = part.map(|part| &part.summary);
    let root = summary.and_then(|summary| summary.root.as_ref());
    let integer = |of: fn(&Summary) -> i64| Cell::Integer(summary.map(of));
    vec![
        (column::TRACE_ID, Cell::Text(part.map(|part| part.trace_id.as_str()))),
        ("root_service", Cell::Text(root.map(|root| root.service.as_str()))),
        ("root_name", Cell::Text(root.map(|root| root.name.as_str()))),
        ("root_span_id", Cell::Text(part.and_then(|part| part.root_span_id.as_deref()))),
        ("root_status", Cell::Text(root.map(|root| root.status.name()))),
        ("root_start_nano", Cell::Integer(root.map(|root| root.start.0))),
        ("root_seq", Cell::Integer(root.map(|root| root.seq as i64))),
        (column::START_TIME, Cell::Time(summary.map_or(0, |summary| summary.start.0))),
        ("end_nano", integer(|summary| summary.end.0)),
        ("span_count", integer(|summary| summary.span_count as i64)),
        ("error_count", integer(|summary| summary.error_count as i64)),
        ("services", Cell::Texts(summary.map(|summary| summary.services.keys().map(String::as_str).collect()).unwrap_or_default())),
    ]
}

/// A part with its ids as they are answered.
pub(super) struct Ided {
    trace_id: String,
    root_span_id: Option<String>,
    summary: Summary,
}

impl From<Summary> for Ided {
    fn from(summary: Summary) -> Self {
        Self { trace_id: summary.trace_id.to_string(), root_span_id: summary.root.as_ref().map(|root| root.span_id.to_string()), summary }
    }
}

const CALLER: [&str; 7] =
    ["caller_service", "caller_namespace", "caller_environment", "caller_version", "caller_instance", "caller_operation", "caller_span_id"];
const CALLEE: [&str; 7] =
    ["callee_service", "callee_namespace", "callee_environment", "callee_version", "callee_instance", "callee_operation", "callee_span_id"];

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

pub(super) fn schema_of(cells: &[Named<'_>]) -> SchemaRef {
    let field = |(name, cell): &Named<'_>| match cell {
        Cell::Time(_) => Field::new(*name, time_type(), false),
        Cell::Text(_) => Field::new(*name, DataType::Utf8, true),
        Cell::Integer(_) => Field::new(*name, DataType::Int64, true),
        Cell::Number(_) => Field::new(*name, DataType::Float64, false),
        Cell::Boolean(_) => Field::new(*name, DataType::Boolean, false),
        Cell::Texts(_) => Field::new(*name, DataType::new_list(DataType::Utf8, true), false),
    };
    Arc::new(Schema::new(cells.iter().map(field).collect::<Vec<_>>()))
}

enum Builder {
    Time(TimestampNanosecondBuilder),
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Texts(ListBuilder<StringBuilder>),
}

/// Rows → a batch of the wanted columns.
pub(super) fn batch<T>(schema: &SchemaRef, rows: &[T], cells: for<'a> fn(Option<&'a T>) -> Vec<Named<'a>>) -> Result<RecordBatch> {
    let mut builders: Vec<Builder> = cells(None)
        .iter()
        .map(|(_, cell)| match cell {
            Cell::Time(_) => Builder::Time(TimestampNanosecondBuilder::new().with_data_type(time_type())),
            Cell::Text(_) => Builder::Text(StringBuilder::new()),
            Cell::Integer(_) => Builder::Integer(Int64Builder::new()),
            Cell::Number(_) => Builder::Number(Float64Builder::new()),
            Cell::Boolean(_) => Builder::Boolean(BooleanBuilder::new()),
            Cell::Texts(_) => Builder::Texts(ListBuilder::new(StringBuilder::new())),
        })
        .collect();
    for row in rows {
        for (builder, (_, cell)) in builders.iter_mut().zip(cells(Some(row))) {
            match (builder, cell) {
                (Builder::Time(builder), Cell::Time(time)) => builder.append_value(time),
                (Builder::Text(builder), Cell::Text(text)) => builder.append_option(text),
                (Builder::Integer(builder), Cell::Integer(number)) => builder.append_option(number),
                (Builder::Number(builder), Cell::Number(number)) => builder.append_value(number),
                (Builder::Boolean(builder), Cell::Boolean(yes)) => builder.append_value(yes),
                (Builder::Texts(builder), Cell::Texts(texts)) => builder.append_value(texts.into_iter().map(Some)),
                _ => return Err(DataFusionError::Internal("a column of two types".into())),
            }
        }
    }
    let arrays = builders.into_iter().map(|builder| -> ArrayRef {
        match builder {
            Builder::Time(mut builder) => Arc::new(builder.finish()),
            Builder::Text(mut builder) => Arc::new(builder.finish()),
            Builder::Integer(mut builder) => Arc::new(builder.finish()),
            Builder::Number(mut builder) => Arc::new(builder.finish()),
            Builder::Boolean(mut builder) => Arc::new(builder.finish()),
            Builder::Texts(mut builder) => Arc::new(builder.finish()),
        }
    });
    Ok(RecordBatch::try_new(schema.clone(), arrays.collect())?)
}
