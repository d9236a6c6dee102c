//! What belongs to a trace: `/traces/{id}/links`, `/story`, `/traces/{a}/compare/{b}`.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{Format, List, array, json, strings};
use super::traces::{exact, trace_id};
use crate::Query;
use crate::error::{Error, Result};
use crate::plan::compare::{self, Side, Step};
use crate::plan::links::{INCOMING_MAX, linked};
use crate::plan::story::{Place, story};
use crate::plan::{one, summary};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hopline_trace::LinkRow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Steps of one comparison.
const STEPS_MAX: usize = 10_000;
/// Names of a step's path that are spelled out, the last ones.
const PATH_NAMES_MAX: usize = 6;
/// Keys of one story.
const KEYS_MAX: usize = 8;

pub(crate) async fn links(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let id = trace_id(&id)?;
    let range = match params.from.is_some() || params.to.is_some() {
        true => Some(params.range(query.clock.now())?),
        false => None,
    };
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let linked = query.runner.run(move |cancel| linked(&snapshot, id, range, cancel)).await?;
    list.note(&linked.stats);
    if linked.cut {
        list.complete = false;
        list.warnings.push(format!("more than {INCOMING_MAX} spans link to this trace: these are the oldest; look later with from"));
    }
    let side = |rows: &[LinkRow]| array(&rows.iter().map(link_json).collect::<Vec<_>>());
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.raw("outgoing", &side(&linked.outgoing));
    object.raw("incoming", &side(&linked.incoming));
    object.time("from", linked.range.start);
    object.time("to", linked.range.end);
    object.bool("complete", list.complete);
    object.raw("warnings", &strings(&list.warnings));
    object.end();
    Ok(json(out))
}

/// The linking span, and what it links to.
fn link_json(link: &LinkRow) -> String {
    let mut out = String::with_capacity(320);
    let mut object = Object::new(&mut out);
    object.text("trace_id", &link.trace_id.to_string());
    object.text("span_id", &link.span_id.to_string());
    object.text("service_name", &link.service_name);
    object.text("name", &link.name);
    object.text("kind", link.kind.name());
    object.time("start_time", link.start_time);
    object.text("target_trace_id", &link.target_trace_id.to_string());
    object.text("target_span_id", &link.target_span_id.to_string());
    object.end();
    out
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct StoryParams {
    /// Comma-separated.
    keys: Option<String>,
}

pub(crate) async fn story_of(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Params(params): Params<StoryParams>,
) -> Result<Response> {
    let id = trace_id(&id)?;
    let keys: Vec<String> = match &params.keys {
        Some(text) => text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        None => query.config.story_keys.clone(),
    };
    if keys.len() > KEYS_MAX {
        return Err(Error::Invalid(format!("keys are at most {KEYS_MAX}, not {}", keys.len())));
    }
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let story = query.runner.run(move |cancel| story(&snapshot, id, &keys, cancel)).await?;
    list.note(&story.stats);
    list.complete &= story.warnings.is_empty();
    list.warnings.extend(story.warnings);
    list.total = exact(story.items.len() as u64);
    list.items = story
        .items
        .iter()
        .map(|(sum, reason)| {
            let mut out = String::with_capacity(512);
            let mut object = Object::new(&mut out);
            summary::write(sum, None, &mut object);
            if let Some(reason) = reason {
                object.text("linked_by", reason.by.name());
                object.raw("from", &place_json(&reason.from));
                object.raw("to", &place_json(&reason.to));
            }
            object.end();
            out
        })
        .collect();
    Ok(list.reply(Format::of(&headers)))
}

fn place_json(place: &Place) -> String {
    format!("{{\"trace_id\":\"{}\",\"span_id\":\"{}\"}}", place.trace_id, place.span_id)
}

pub(crate) async fn compare(State(query): State<Arc<Query>>, caller: Caller, Path((a, b)): Path<(String, String)>) -> Result<Response> {
    let (a, b) = (trace_id(&a)?, trace_id(&b)?);
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let (one, other, steps, attributes) = query
        .runner
        .run(move |cancel| {
            let (one, other) = (one::read(&snapshot, a, cancel)?, one::read(&snapshot, b, cancel)?);
            let steps = compare::align(&one, &other);
            let attributes = (compare::root_attributes(&snapshot, &one, cancel)?, compare::root_attributes(&snapshot, &other, cancel)?);
            Ok((one, other, steps, attributes))
        })
        .await?;
    list.note(&one.stats);
    list.note(&other.stats);
    if steps.len() > STEPS_MAX {
        list.complete = false;
        list.warnings.push(format!("{STEPS_MAX} of {} steps are listed: compare the subtrees by /spans", steps.len()));
    }
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    for (name, side) in [("a", &one), ("b", &other)] {
        if let Some(sum) = &side.analysis.summary {
            object.raw(name, &summary::json(sum, None));
        }
    }
    let items: Vec<String> = (0..steps.len().min(STEPS_MAX)).map(|at| step_json(&steps, at)).collect();
    object.raw("items", &array(&items));
    object.raw("attributes", &array(&differences(&attributes.0, &attributes.1)));
    object.bool("complete", list.complete);
    object.raw("warnings", &strings(&list.warnings));
    object.end();
    Ok(json(out))
}

fn step_json(steps: &[Step], at: usize) -> String {
    let step = &steps[at];
    let mut out = String::with_capacity(320);
    let mut object = Object::new(&mut out);
    object.text("path", &path(steps, at));
    object.uint("depth", step.depth.into());
    if let Some(parent) = step.parent {
        object.uint("parent", parent as u64);
    }
    object.text("service_name", &step.service);
    object.text("name", &step.name);
    object.text("kind", step.kind);
    for (name, side) in [("a", &step.a), ("b", &step.b)] {
        if let Some(side) = side {
            write_side(object.value(name), side);
        }
    }
    object.int("delta_nano", step.delta_nano());
    object.text("change", step.change());
    object.end();
    out
}

fn write_side(out: &mut String, side: &Side) {
    let mut object = Object::new(out);
    object.uint("count", side.count);
    object.int("nano", side.nano);
    object.int("self_nano", side.self_nano);
    object.uint("errors", side.errors);
    object.end();
}

/// `web GET / › checkout POST /orders`; a deep one begins with `…`. The whole path is told by `parent`.
fn path(steps: &[Step], at: usize) -> String {
    let (mut names, mut next) = (Vec::new(), Some(at));
    while let Some(at) = next.filter(|_| names.len() < PATH_NAMES_MAX) {
        names.push(format!("{} {}", steps[at].service, steps[at].name));
        next = steps[at].parent;
    }
    if next.is_some() {
        names.push("…".into());
    }
    names.reverse();
    names.join(" › ")
}

/// Attributes of the roots that differ: `[{"key","a","b"}]`, without the side that has none.
fn differences(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differ = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
    differ
        .map(|key| {
            let mut out = String::new();
            let mut object = Object::new(&mut out);
            object.text("key", key);
            for (name, side) in [("a", a), ("b", b)] {
                if let Some(raw) = side.get(key) {
                    object.plain(name, raw);
                }
            }
            object.end();
            out
        })
        .collect()
}
