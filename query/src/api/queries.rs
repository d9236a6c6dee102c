//! `/api/v1/queries…`: the caller's questions at work, how far they are, and how to stop them.

use super::caller::Caller;
use super::json::Object;
use super::reply::{Format, List, json};
use crate::Query;
use crate::error::{Error, Result};
use crate::run::Question;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn list(State(query): State<Arc<Query>>, caller: Caller) -> Result<Response> {
    let items: Vec<String> = query.runner.running.of(&caller.tenant).iter().map(|question| item(question)).collect();
    let total = super::traces::exact(items.len() as u64);
    Ok(List { items, total, complete: true, ..Default::default() }.reply(Format::Json))
}

/// One question as JSON; with `Accept: text/event-stream` its progress until it ends.
pub(crate) async fn one(State(query): State<Arc<Query>>, caller: Caller, Path(id): Path<String>, headers: HeaderMap) -> Result<Response> {
    let streams = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/event-stream"));
    let found = named(&query, &caller, &id).into_iter().next();
    if !streams {
        return found.map(|question| json(item(&question))).ok_or_else(|| unknown(&id));
    }
    // Who watches does not keep the question alive, and may come before it.
    let state = (query, caller, id, 0u32);
    let events = futures::stream::unfold(state, |(query, caller, id, seen)| async move {
        let mut looked = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(question) = named(&query, &caller, &id).into_iter().next() {
                let event = Event::default().event("progress").data(item(&question));
                drop(question);
                return Some((Ok::<_, Infallible>(event), (query, caller, id, seen + 1)));
            }
            looked += 1;
            if seen > 0 || looked > 20 {
                return None;
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

pub(crate) async fn stop(State(query): State<Arc<Query>>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let found = named(&query, &caller, &id);
    if found.is_empty() {
        return Err(unknown(&id));
    }
    found.iter().for_each(|question| question.stop());
    Ok(json(format!("{{\"stopped\":{}}}", found.len())))
}

fn named(query: &Query, caller: &Caller, id: &str) -> Vec<Arc<Question>> {
    query.runner.running.of(&caller.tenant).into_iter().filter(|question| question.id == id).collect()
}

fn unknown(id: &str) -> Error {
    Error::NotFound(format!("no question {id} is at work: it has ended, or GET /api/v1/queries lists others"))
}

fn item(question: &Question) -> String {
    let progress = question.cancel.progress();
    let (parts, done) = progress.parts();
    let mut out = String::with_capacity(256);
    let mut object = Object::new(&mut out);
    object.text("id", &question.id);
    object.text("path", &question.path);
    object.text("asked", &question.asked);
    object.time("started", question.started);
    object.uint("elapsed_nano", question.began.elapsed().as_nanos() as u64);
    object.text("state", if question.is_working() { "working" } else { "waiting" });
    object.uint("parts", parts);
    object.uint("parts_done", done);
    object.uint("rows_scanned", progress.rows());
    object.end();
    out
}
