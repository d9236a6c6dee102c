//! `/api/v1/traces/{id}?view=tree`: one row per span in depth-first order, as columns: what a waterfall is drawn from.
//!
//! | column | type | |
//! |---|---|---|
//! | `span_id` | Utf8 | a placeholder has the id that its children name |
//! | `parent` `depth` `size` | Int32 | row of the parent or −1; rows of the subtree, itself included |
//! | `start_nano` `duration_nano` | Int64 | since the trace's first start, as sent; `skew_nano` added gives the corrected start |
//! | `name` `service_name` `kind` `status_code` `status_message` `service_version` | dictionary | |
//! | `critical_nano` | Int64 | time on the critical path |
//! | `log_count` `error_log_count` `event_count` `link_count` | Int32 | |
//! | `skew_nano` | Int64 | estimated correction of the span's clock |
//! | `marks` | Int32 | bits: 1 missing, 2 orphan, 4 in progress, 8 first cause, 16 caused, 32 cycle cut, 64 duplicate id, 128 repeated sibling |
//!
//! The schema's metadata hold `trace` (the summary, with `start_unix_nano`), `warnings` and `complete`.

use super::json::Object;
use super::reply::{self, Format, body, json};
use crate::error::Result;
use crate::plan::columns::Texts;
use crate::plan::one::{self, Attached, One};
use crate::plan::summary;
use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringBuilder};
use arrow::datatypes::{Int32Type, Int64Type, Schema};
use arrow::ipc::writer::StreamWriter;
use axum::response::Response;
use hopline_model::{TraceId, UnixNanos, attributes};
use hopline_storage::Snapshot;
use hopline_storage::scan::Cancel;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// A trace whose newest span ended this recently may still be running.
const QUIET_NANO: i64 = 30_000_000_000;

pub(crate) fn reply(snapshot: &Snapshot, id: TraceId, now: UnixNanos, format: Format, cancel: &Cancel) -> Result<Response> {
    let (mut one, attached) = one::read_counting(snapshot, id, cancel)?;
    one.analysis.tree.infer_in_progress(now, QUIET_NANO);
    let mut list = reply::List { complete: snapshot.complete, ..Default::default() };
    list.note(&one.stats);
    list.warnings.extend(one.analysis.defects.iter().map(ToString::to_string));
    let rows = columns(&one, &attached)?;
    let trace = trace_json(&one);
    match format {
        Format::ArrowStream => {
            let metadata = HashMap::from([
                ("trace".to_owned(), trace),
                ("warnings".to_owned(), reply::strings(&list.warnings)),
                ("complete".to_owned(), list.complete.to_string()),
            ]);
            let schema = Arc::new(Schema::new_with_metadata(rows.schema().fields().clone(), metadata));
            let rows = rows.with_schema(schema.clone())?;
            let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
            writer.write(&rows)?;
            Ok(body(format, list.complete, writer.into_inner()?))
        }
        Format::Json => {
            let mut out = String::with_capacity(rows.num_rows() * 160 + 512);
            let mut object = Object::new(&mut out);
            object.raw("trace", &trace);
            let mut inner = Object::new(object.value("columns"));
            for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
                write_column(inner.value(field.name()), array);
            }
            inner.end();
            object.bool("complete", list.complete);
            object.raw("warnings", &reply::strings(&list.warnings));
            object.end();
            Ok(json(out))
        }
        other => Ok(reply::not_acceptable(other)),
    }
}

/// The summary with the number that `start_nano` counts from.
fn trace_json(one: &One) -> String {
    let mut out = String::with_capacity(512);
    let mut object = Object::new(&mut out);
    if let Some(sum) = &one.analysis.summary {
        summary::write(sum, None, &mut object);
        object.text("start_unix_nano", &sum.start.0.to_string());
    }
    object.end();
    out
}

fn columns(one: &One, attached: &Attached) -> Result<RecordBatch> {
    let (trace, tree) = (&one.trace, &one.analysis.tree);
    let order = tree.order();
    let mut row_of = vec![-1; tree.len()];
    order.iter().enumerate().for_each(|(row, node)| row_of[*node as usize] = row as i32);
    let origin = one.analysis.summary.as_ref().map_or(0, |summary| summary.start.0);
    let span = |node: usize| (node < trace.len()).then_some(node);
    let nodes = || order.iter().map(|node| *node as usize);
    let ints = |of: &dyn Fn(usize) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(nodes().map(of))) };
    let longs = |of: &dyn Fn(usize) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(nodes().map(of))) };
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let mut ids = StringBuilder::with_capacity(tree.len(), tree.len() * 16);
    for node in nodes() {
        // What cannot be written into a text in memory does not exist.
        let _ = write!(ids, "{}", tree.span_id(trace, node));
        ids.append_value("");
    }
    let logs = |node: usize| span(node).and_then(|span| one.logs.get(&trace.span_id(span))).copied().unwrap_or_default();
    let extra = |node: usize| span(node).and_then(|span| attached.get(&trace.seq(span))).copied().unwrap_or_default();
    let placed = |node: usize| match (span(node), tree.missing(node)) {
        (Some(span), _) => (trace.start(span).0, trace.duration_nano(span).max(0)),
        (None, Some(missing)) => (missing.start.0, missing.end.0.saturating_sub(missing.start.0)),
        (None, None) => (origin, 0),
    };
    let fields: Vec<(&str, ArrayRef)> = vec![
        ("span_id", Arc::new(ids.finish())),
        ("parent", ints(&|node| tree.parent(node).map_or(-1, |parent| row_of[parent]))),
        ("depth", ints(&|node| tree.depth(node) as i32)),
        ("size", ints(&|node| tree.size(node) as i32)),
        ("start_nano", longs(&|node| placed(node).0.saturating_sub(origin))),
        ("duration_nano", longs(&|node| placed(node).1)),
        ("name", texts(nodes().map(|node| Some(span(node).map_or("missing span", |span| trace.name(span)))))),
        ("service_name", texts(nodes().map(|node| Some(span(node).map_or("", |span| trace.service_name(span)))))),
        ("kind", texts(nodes().map(|node| Some(span(node).map_or("unspecified", |span| trace.kind(span).name()))))),
        ("status_code", texts(nodes().map(|node| Some(span(node).map_or("unset", |span| trace.status(span).name()))))),
        ("status_message", texts(nodes().map(|node| span(node).and_then(|span| some(trace.status_message(span)))))),
        ("service_version", texts(nodes().map(|node| span(node).and_then(|span| some(trace.text(trace.origin(span).version)))))),
        ("critical_nano", longs(&|node| one.analysis.critical.nano.get(node).copied().unwrap_or(0))),
        ("log_count", ints(&|node| logs(node).0 as i32)),
        ("error_log_count", ints(&|node| logs(node).1 as i32)),
        ("event_count", ints(&|node| extra(node).0)),
        ("link_count", ints(&|node| extra(node).1)),
        ("skew_nano", longs(&|node| span(node).map_or(0, |span| one.analysis.skew.nano(span)))),
        ("marks", ints(&|node| tree.marks(node).0 as i32)),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(fields.into_iter().map(|(name, array)| {
        let nullable = matches!(name, "status_message" | "service_version");
        (name, array, nullable)
    }))?)
}

fn texts<'t>(cells: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(cells.collect::<DictionaryArray<Int32Type>>())
}

fn write_column(out: &mut String, array: &ArrayRef) {
    out.push('[');
    let texts = Texts::array(array);
    for row in 0..array.len() {
        if row > 0 {
            out.push(',');
        }
        if let Some(ints) = array.as_primitive_opt::<Int32Type>() {
            attributes::write_int(out, ints.value(row).into());
        } else if let Some(longs) = array.as_primitive_opt::<Int64Type>() {
            super::json::int(out, longs.value(row));
        } else {
            match texts.get(row) {
                Some(text) => attributes::write_string(out, text),
                None => out.push_str("null"),
            }
        }
    }
    out.push(']');
}
