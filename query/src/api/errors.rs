//! `/api/v1/errors`: failed spans in groups.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{Format, List};
use crate::Query;
use crate::error::Result;
use crate::language::{self, Target};
use crate::plan::errors::{Group, SPANS_MAX, errors};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;

pub(crate) async fn list(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let predicate = crate::plan::rows::predicate(language::compile(&params.q, Target::Spans)?);
    let range = params.range(query.clock.now())?;
    let limit = params.limit(query.config.items_max)?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let found = query.runner.run(move |cancel| errors(&snapshot, predicate, range, cancel)).await?;
    list.note(&found.stats);
    if found.cut {
        list.complete = false;
        list.warnings.push(format!("more than {SPANS_MAX} spans failed: these groups are of the newest; narrow the range with from and to"));
    }
    list.total = super::traces::exact(found.groups.len() as u64);
    list.items = found.groups.iter().take(limit).map(group_json).collect();
    Ok(list.reply(Format::of(&headers)))
}

fn group_json(group: &Group) -> String {
    let mut out = String::with_capacity(320);
    let mut object = Object::new(&mut out);
    object.text("service_name", &group.key.service);
    object.text("name", &group.key.name);
    object.optional("exception_type", group.key.exception_type.as_deref());
    object.text("message", &group.key.message);
    object.uint("count", group.count);
    object.uint("first_causes", group.first_causes);
    object.time("first", group.first);
    object.time("last", group.last);
    object.text("sample_trace_id", &group.sample.to_string());
    object.end();
    out
}
