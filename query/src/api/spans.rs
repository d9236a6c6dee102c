//! `/api/v1/spans`, `/api/v1/metrics/points`; and how any list of rows is answered.

use super::caller::Caller;
use super::params::{ListParams, Params};
use super::reply::{Format, List, body};
use super::{otlp, wire};
use crate::Query;
use crate::error::Result;
use crate::language::{self, Target};
use crate::plan::rows::{Asked, Page, page};
use arrow::array::RecordBatch;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hopline_model::Signal;
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_storage::scan::{Order, fixed_columns};
use std::sync::Arc;

pub(crate) async fn list(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    newest(&query, &caller, &headers, params, Signal::Spans, Target::Spans).await
}

pub(crate) async fn metric_points(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    newest(&query, &caller, &headers, params, Signal::Metrics, Target::Metrics).await
}

/// Matching rows, newest first.
pub(crate) async fn newest(
    query: &Query,
    caller: &Caller,
    headers: &HeaderMap,
    params: ListParams,
    signal: Signal,
    target: Target,
) -> Result<Response> {
    let compiled = language::compile(&params.q, target)?;
    params.total_exact()?;
    let asked = Asked {
        signal,
        range: params.range(query.clock.now())?,
        predicate: crate::plan::rows::predicate(compiled),
        columns: fixed_columns(signal),
        order: Order::NewestFirst,
        limit: params.limit(query.config.items_max)?,
        cursor: params.cursor.filter(|cursor| !cursor.is_empty()),
    };
    rows(query, caller, asked, Format::of(headers)).await
}

/// A page of rows in a format.
pub(crate) async fn rows(query: &Query, caller: &Caller, asked: Asked, format: Format) -> Result<Response> {
    let signal = asked.signal;
    let snapshot = query.snapshot(&caller.tenant);
    let complete = snapshot.complete;
    let kept = query.kept.clone();
    let found: Page = query.runner.run(move |cancel| page(&snapshot, &kept, asked, cancel)).await?;
    let mut list = List { cursor: found.cursor, total: Some(found.total), complete, ..Default::default() };
    list.note(&found.stats);
    if format == Format::Protobuf {
        return Ok(body(format, list.complete, protobuf(signal, &found.batches)));
    }
    list.items = items(signal, &found.batches);
    Ok(list.reply(format))
}

fn protobuf(signal: Signal, batches: &[RecordBatch]) -> Vec<u8> {
    match signal {
        Signal::Spans => otlp::traces(&batches.iter().flat_map(Span::from_rows).collect::<Vec<_>>()),
        Signal::Logs => otlp::logs(&batches.iter().flat_map(Log::from_rows).collect::<Vec<_>>()),
        Signal::Metrics => otlp::metrics::metrics(batches),
    }
}

/// Rows as JSON objects.
pub(crate) fn items(signal: Signal, batches: &[RecordBatch]) -> Vec<String> {
    match signal {
        Signal::Spans => batches.iter().flat_map(Span::from_rows).map(|span| wire::span(&span)).collect(),
        Signal::Logs => batches.iter().flat_map(Log::from_rows).map(|log| wire::log(&log)).collect(),
        Signal::Metrics => {
            batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| otlp::metrics::json(batch, row)).collect::<Vec<_>>()).collect()
        }
    }
}
