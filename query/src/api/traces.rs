//! `/api/v1/traces…`: search, facets, one trace, its logs.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{self, Format, List, Total, body, json};
use super::{logs, otlp, wire};
use crate::Query;
use crate::error::{Error, Result};
use crate::language::{self, Target};
use crate::plan::summary;
use crate::plan::traces::{Found, Search};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hopline_model::span::Span;
use hopline_model::{Signal, SpanId, TimeRange, TraceId};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Cancel, Order, Predicate, ScanRequest, ScanStats, fixed_columns};
use hopline_trace::{Summary, Trace};
use std::sync::Arc;

pub(crate) async fn search(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let compiled = language::compile(&params.q, Target::Traces)?;
    let asked = Search {
        compiled,
        range: params.range(query.clock.now())?,
        limit: params.limit(query.config.items_max)?,
        cursor: params.cursor.clone().filter(|cursor| !cursor.is_empty()),
        traces_max: query.config.traces_max,
        memory: query.memory.clone(),
    };
    params.total_exact()?;
    let snapshot = query.snapshot(&caller.tenant);
    let complete = snapshot.complete;
    let found: Found = query.runner.run(move |cancel| crate::plan::traces::search(&snapshot, &asked, cancel)).await?;
    let mut list = List {
        items: found.traces.iter().map(|(trace, matched)| summary::json(trace, Some(*matched))).collect(),
        cursor: found.cursor,
        total: found.total,
        complete: complete && found.warnings.is_empty(),
        warnings: found.warnings,
        ..Default::default()
    };
    list.note(&found.stats);
    Ok(list.reply(Format::of(&headers)))
}

/// Rows a heat map may have.
const HEAT_ROWS_MAX: usize = 200;

pub(crate) async fn histogram(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let predicate = crate::plan::rows::predicate(language::compile(&params.q, Target::Spans)?);
    let now = query.clock.now();
    let range = params.range(now)?;
    let bucket_nano = params.bucket_nano(range, now)?;
    let rows = params.rows.unwrap_or(24);
    if !(1..=HEAT_ROWS_MAX).contains(&rows) {
        return Err(Error::Invalid(format!("rows is a number from 1 to {HEAT_ROWS_MAX}, not {rows}")));
    }
    let of = if matches!(predicate, Predicate::All) { "roots" } else { "spans" };
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let heat = query.runner.run(move |cancel| crate::plan::heat::heat(&snapshot, predicate, range, bucket_nano, rows, cancel)).await?;
    list.note(&heat.stats);
    for ((time, row), cell) in &heat.cells {
        let mut item = String::with_capacity(160);
        let mut object = Object::new(&mut item);
        object.time("time", hopline_model::UnixNanos(*time));
        object.int("duration_min_nano", heat.edge(*row));
        object.int("duration_max_nano", heat.edge(row + 1));
        object.uint("count", cell.count);
        object.uint("errors", cell.errors);
        object.end();
        list.items.push(item);
    }
    list.total = exact(heat.cells.values().map(|cell| cell.count).sum());
    list.more.push(("bucket_nano", bucket_nano.to_string()));
    list.more.push(("of", format!("\"{of}\"")));
    Ok(list.reply(Format::Json))
}

/// Fields of the facets when none are named.
const FACETS: [&str; 8] = ["service", "name", "status", "kind", "version", "env", "http.route", "http.response.status_code"];

pub(crate) async fn facets(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let compiled = language::compile(&params.q, Target::Spans)?;
    let fields = params.fields(logs::FACETS_MAX).unwrap_or_else(|| FACETS.map(str::to_owned).to_vec());
    logs::facets_of(&query, &caller, &params, Target::Spans, crate::plan::rows::predicate(compiled), fields).await
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct OneParams {
    span: Option<String>,
    view: Option<String>,
}

/// An id as people paste it: dashes and capitals are fine, 16 digits are padded.
pub(crate) fn trace_id(text: &str) -> Result<TraceId> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    digits.parse().map_err(|error| Error::Invalid(format!("{error}, such as 4bf92f3577b34da6a3ce929d0e0e4736")))
}

pub(crate) async fn one(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Params(params): Params<OneParams>,
) -> Result<Response> {
    let id = trace_id(&id)?;
    let wanted = params
        .span
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.split(',').map(|id| id.trim().parse::<SpanId>().map_err(|error| Error::Invalid(error.to_string()))).collect::<Result<Vec<_>>>()
        })
        .transpose()?;
    let format = Format::of(&headers);
    let snapshot = query.snapshot(&caller.tenant);
    let complete = snapshot.complete;
    match params.view.as_deref() {
        None | Some("") => {}
        Some("tree") => {
            let now = query.clock.now();
            return query.runner.run(move |cancel| super::tree::reply(&snapshot, id, now, format, cancel)).await;
        }
        Some(other) => return Err(Error::Invalid(format!("view is `tree` or left out, not `{other}`"))),
    }
    let (spans, summary, stats) = query.runner.run(move |cancel| cancel.step("read spans", || spans_of(&snapshot, id, cancel))).await?;
    Ok(whole(spans, &summary, &stats, complete, wanted.as_deref(), format))
}

/// The spans of a trace in order of their start, whole.
pub(crate) fn spans_of(snapshot: &Snapshot, id: TraceId, cancel: &Cancel) -> Result<(Vec<Span>, Summary, ScanStats)> {
    let (batches, stats) = snapshot.trace_rows(Signal::Spans, id, &fixed_columns(Signal::Spans), cancel)?;
    let spans = batches.iter().flat_map(Span::from_rows).collect();
    match Summary::of(&Trace::from_rows(&batches)) {
        Some(summary) => Ok((spans, summary, stats)),
        None => Err(unknown(id, snapshot, &stats)),
    }
}

pub(crate) fn unknown(id: TraceId, snapshot: &Snapshot, stats: &ScanStats) -> Error {
    let why = match (snapshot.complete, stats.damaged.first()) {
        (false, _) => "; the server is still reading what it kept before its last stop: try again in a moment".to_owned(),
        (true, Some(damaged)) => format!("; {damaged}"),
        (true, None) => String::new(),
    };
    Error::NotFound(format!("no span of trace {id} is here{why}"))
}

fn whole(mut spans: Vec<Span>, summary: &Summary, stats: &ScanStats, complete: bool, wanted: Option<&[SpanId]>, format: Format) -> Response {
    if let Some(wanted) = wanted {
        spans.retain(|span| wanted.contains(&span.span_id));
    }
    let mut list = List { complete, ..Default::default() };
    list.note(stats);
    match format {
        Format::Protobuf => body(format, list.complete, otlp::traces(&spans)),
        Format::Ndjson | Format::Csv => {
            list.items = spans.iter().map(wire::span).collect();
            list.reply(format)
        }
        Format::Json => {
            let items: Vec<String> = spans.iter().map(wire::span).collect();
            let mut out = String::with_capacity(items.iter().map(String::len).sum::<usize>() + 512);
            let mut object = Object::new(&mut out);
            object.raw("trace", &summary::json(summary, None));
            object.raw("spans", &reply::array(&items));
            object.bool("complete", list.complete);
            object.raw("warnings", &reply::strings(&list.warnings));
            reply::explain(&mut object, &list.stats);
            object.end();
            json(out)
        }
        Format::ArrowStream | Format::Parquet => reply::not_acceptable(format),
    }
}

/// Records of one page of a trace's logs.
const TRACE_LOGS_DEFAULT: usize = 1000;

pub(crate) async fn logs(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let id = trace_id(&id)?;
    let limit = super::params::limit(params.limit, TRACE_LOGS_DEFAULT, query.config.items_max)?;
    let asked = crate::plan::rows::Asked {
        signal: Signal::Logs,
        range: TimeRange::ALL,
        predicate: Predicate::TraceIds(vec![id]),
        columns: fixed_columns(Signal::Logs),
        order: Order::OldestFirst,
        limit,
        cursor: params.cursor.filter(|cursor| !cursor.is_empty()),
    };
    super::spans::rows(&query, &caller, asked, Format::of(&headers)).await
}

/// Whether the store has any row of a signal, and the newest one's time: for the first-run checklist.
pub(crate) fn newest(snapshot: &Snapshot, signal: Signal) -> Option<hopline_model::UnixNanos> {
    let time = hopline_model::schema::time_column(signal);
    let request = ScanRequest {
        columns: vec![hopline_storage::scan::Column::Fixed(time)],
        order: Order::NewestFirst,
        limit: Some(1),
        ..ScanRequest::all(signal)
    };
    let (batches, _) = snapshot.collect(&request).ok()?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0)?;
    crate::plan::columns::times(batch, time).first().map(|time| hopline_model::UnixNanos(*time))
}

/// A total that was counted.
pub(crate) fn exact(value: u64) -> Option<Total> {
    Some(Total { value, exact: true })
}
