//! `/api/v1/logs…`: list, histogram, facets, context.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{List, array};
use super::spans;
use crate::Query;
use crate::error::{Error, Result};
use crate::language::{self, Target, complete};
use crate::plan::{logs as plan, patterns};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hopline_model::{Seq, Signal, UnixNanos};
use hopline_storage::scan::{Predicate, ScanRequest};
use std::sync::Arc;

pub(crate) async fn list(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    spans::newest(&query, &caller, &headers, params, Signal::Logs, Target::Logs).await
}

pub(crate) async fn histogram(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let compiled = language::compile(&params.q, Target::Logs)?;
    let now = query.clock.now();
    let range = params.range(now)?;
    let bucket_nano = params.bucket_nano(range, now)?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let predicate = crate::plan::rows::predicate(compiled);
    let kept = query.kept.clone();
    let (found, stats) = query.runner.run(move |cancel| plan::histogram(&snapshot, &kept, predicate, range, bucket_nano, cancel)).await?;
    list.note(&stats);
    let mut total = 0;
    for (time, classes) in &found {
        let mut item = String::with_capacity(96);
        let mut object = Object::new(&mut item);
        object.time("time", UnixNanos(*time));
        let mut counts = Object::new(object.value("counts"));
        for (class, rows) in classes {
            total += rows;
            counts.uint(class, *rows);
        }
        counts.end();
        object.end();
        list.items.push(item);
    }
    list.total = super::traces::exact(total);
    list.more.push(("bucket_nano", bucket_nano.to_string()));
    Ok(list.reply(super::reply::Format::Json))
}

/// Facets one question may name.
pub(crate) const FACETS_MAX: usize = 32;
/// Attribute keys that are facets by themselves.
const KEYS_MAX: usize = 6;

pub(crate) async fn facets(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let predicate = crate::plan::rows::predicate(language::compile(&params.q, Target::Logs)?);
    let fields = match params.fields(FACETS_MAX) {
        Some(fields) => fields,
        None => {
            let (snapshot, range, asked) = (query.snapshot(&caller.tenant), params.range(query.clock.now())?, predicate.clone());
            let keys = query
                .runner
                .run(move |cancel| {
                    let request = ScanRequest { range, predicate: asked, cancel: cancel.clone(), ..ScanRequest::all(Signal::Logs) };
                    plan::frequent_keys(&snapshot, &request, KEYS_MAX)
                })
                .await?;
            let own = keys.attributes.iter().map(|key| complete::field_text(key, Target::Logs));
            ["service", "severity", "env", "version"].into_iter().map(str::to_owned).chain(own).collect()
        }
    };
    facets_of(&query, &caller, &params, Target::Logs, predicate, fields).await
}

pub(crate) async fn facets_of(
    query: &Query,
    caller: &Caller,
    params: &ListParams,
    target: Target,
    predicate: Predicate,
    names: Vec<String>,
) -> Result<Response> {
    let fields = names
        .into_iter()
        .map(|name| match complete::values_field(&name, target) {
            Some(field) => Ok((name, field)),
            None => Err(Error::Invalid(format!("fields: `{name}` has no values to count: name fields such as service, or an attribute's key"))),
        })
        .collect::<Result<Vec<_>>>()?;
    let signal = if target == Target::Logs { Signal::Logs } else { Signal::Spans };
    let range = params.range(query.clock.now())?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let (kept, mut room) = (query.kept.clone(), query.memory.room());
    let (facets, stats) = query
        .runner
        .run(move |cancel| {
            let request = ScanRequest { range, predicate, cancel: cancel.clone(), ..ScanRequest::all(signal) };
            plan::facets(&snapshot, &kept, &mut room, &request, &fields)
        })
        .await?;
    list.note(&stats);
    for facet in facets.iter().filter(|facet| facet.left_out > 0) {
        list.complete = false;
        list.warnings.push(format!(
            "{} has more different values than there is memory for: those of {} rows are not counted; narrow the range or the query, or raise query.memory_bytes",
            facet.field, facet.left_out
        ));
    }
    for facet in facets {
        let mut item = String::with_capacity(256);
        let mut object = Object::new(&mut item);
        object.text("field", &facet.field);
        let values: Vec<String> = facet
            .values
            .iter()
            .map(|(value, count)| {
                let mut out = String::new();
                let mut object = Object::new(&mut out);
                object.text("value", value);
                object.uint("count", *count);
                object.end();
                out
            })
            .collect();
        object.raw("values", &array(&values));
        object.bool("more", facet.more);
        object.end();
        list.items.push(item);
    }
    Ok(list.reply(super::reply::Format::Json))
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ContextParams {
    id: String,
    time: Option<String>,
    before: Option<usize>,
    after: Option<usize>,
    same: Option<String>,
}

pub(crate) async fn context(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ContextParams>) -> Result<Response> {
    let seq = params
        .id
        .parse()
        .map(Seq)
        .map_err(|_| Error::Invalid(format!("id: `{}` is no id of a log record: take `id` from a list of logs", params.id)))?;
    let near = params.time.as_deref().filter(|text| !text.is_empty()).map(|text| super::params::time("time", text, query.clock.now())).transpose()?;
    let max = query.config.items_max;
    let (before, after) = (super::params::limit(params.before, 20, max)?, super::params::limit(params.after, 20, max)?);
    let same_service = match params.same.as_deref() {
        None | Some("" | "service") => true,
        Some("all") => false,
        Some(other) => return Err(Error::Invalid(format!("same is `service` or `all`, not `{other}`"))),
    };
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let (batches, at, stats) = query.runner.run(move |cancel| plan::context(&snapshot, seq, near, before, after, same_service, cancel)).await?;
    list.note(&stats);
    list.items = spans::items(Signal::Logs, &batches);
    list.more.push(("index", at.to_string()));
    Ok(list.reply(super::reply::Format::Json))
}

/// Patterns of one answer.
const PATTERNS_DEFAULT: usize = 50;

pub(crate) async fn patterns(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let predicate = crate::plan::rows::predicate(language::compile(&params.q, Target::Logs)?);
    let range = params.range(query.clock.now())?;
    let limit = super::params::limit(params.limit, PATTERNS_DEFAULT, query.config.items_max)?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let mut room = query.memory.room();
    let (found, samples) = query
        .runner
        .run(move |cancel| {
            let found = patterns::patterns(&snapshot, predicate, range, limit, &mut room, cancel)?;
            let seqs: Vec<u64> = found.items.iter().map(|pattern| pattern.sample_seq).collect();
            let samples = patterns::samples(&snapshot, range, &seqs, cancel)?;
            Ok((found, samples))
        })
        .await?;
    list.note(&found.stats);
    if found.rows >= patterns::ROWS_MAX {
        list.complete = false;
        list.warnings.push(format!("patterns of the newest {} records: narrow the range or the query for older ones", patterns::ROWS_MAX));
    }
    for pattern in &found.items {
        let mut item = String::with_capacity(512);
        let mut object = Object::new(&mut item);
        object.text("pattern", &pattern.template);
        object.uint("count", pattern.count);
        object.time("first", pattern.first);
        object.time("last", pattern.last);
        object.text("severity", super::severity(pattern.severity_number));
        if let Some(sample) = samples.iter().find(|log| log.seq.0 == pattern.sample_seq) {
            object.raw("sample", &super::wire::log(sample));
        }
        object.end();
        list.items.push(item);
    }
    list.more.push(("rows", found.rows.to_string()));
    Ok(list.reply(super::reply::Format::Json))
}
