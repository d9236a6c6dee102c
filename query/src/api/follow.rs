//! What one request went through: `/traces/{id}/hops`, `/critical-path`, `/why`.

use super::caller::Caller;
use super::json::Object;
use super::params::Params;
use super::reply::{Format, List, array, json, strings};
use super::traces::trace_id;
use crate::Query;
use crate::error::{Error, Result};
use crate::plan::one;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hopline_model::SpanId;
use std::sync::Arc;

pub(crate) async fn hops(State(query): State<Arc<Query>>, caller: Caller, Path(id): Path<String>, headers: HeaderMap) -> Result<Response> {
    let id = trace_id(&id)?;
    let snapshot = query.snapshot(&caller.tenant);
    let complete = snapshot.complete;
    let (hops, defects, stats) = query
        .runner
        .run(move |cancel| {
            let one = one::read(&snapshot, id, cancel)?;
            let defects: Vec<String> = one.analysis.defects.iter().map(ToString::to_string).collect();
            Ok((one.analysis.ledger(&one.trace), defects, one.stats))
        })
        .await?;
    let mut list = List { complete, ..Default::default() };
    list.note(&stats);
    list.total = super::traces::exact(hops.len() as u64);
    list.items = hops.iter().map(serialized).collect::<Result<_>>()?;
    list.more.push(("defects", strings(&defects)));
    Ok(list.reply(Format::of(&headers)))
}

fn serialized(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}

pub(crate) async fn critical_path(State(query): State<Arc<Query>>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let id = trace_id(&id)?;
    let snapshot = query.snapshot(&caller.tenant);
    let complete = snapshot.complete;
    let one = query.runner.run(move |cancel| one::read(&snapshot, id, cancel)).await?;
    let (trace, tree, path) = (&one.trace, &one.analysis.tree, &one.analysis.critical);
    let origin = one.analysis.summary.as_ref().map_or(0, |summary| summary.start.0);
    let items: Vec<String> = path
        .segments
        .iter()
        .map(|segment| {
            let node = segment.node as usize;
            let mut out = String::with_capacity(160);
            let mut object = Object::new(&mut out);
            object.text("span_id", &tree.span_id(trace, node).to_string());
            if node < trace.len() {
                object.text("service_name", trace.service_name(node));
                object.text("name", trace.name(node));
            }
            object.int("start_nano", segment.start.saturating_sub(origin));
            object.int("nano", segment.nano);
            object.end();
            out
        })
        .collect();
    let mut list = List { complete, ..Default::default() };
    list.note(&one.stats);
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.raw("items", &array(&items));
    object.int("total_nano", path.total_nano());
    object.bool("complete", list.complete);
    object.raw("warnings", &strings(&list.warnings));
    object.end();
    Ok(json(out))
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct WhyParams {
    span: Option<String>,
}

pub(crate) async fn why(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<WhyParams>,
) -> Result<Response> {
    let id = trace_id(&id)?;
    let span = params.span.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let span: Option<SpanId> = span.map(|text| text.parse::<SpanId>().map_err(|error| Error::Invalid(format!("span: {error}")))).transpose()?;
    let snapshot = query.snapshot(&caller.tenant);
    let verdict = query.runner.run(move |cancel| crate::plan::why::why(&snapshot, id, span, cancel)).await?;
    Ok(json(serialized(&verdict)?))
}
