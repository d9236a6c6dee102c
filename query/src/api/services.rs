//! `/api/v1/services…`: the catalogue from telemetry.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{Format, List, array, json};
use crate::Query;
use crate::error::{Error, Result};
use crate::plan::services::{Red, Service, ServiceKey, grouped};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hopline_model::schema::column;
use std::sync::Arc;

fn write_red(object: &mut Object<'_>, red: &Red) {
    object.uint("span_count", red.span_count);
    object.uint("error_count", red.error_count);
    for (name, q) in [("p50_nano", 0.5), ("p95_nano", 0.95), ("p99_nano", 0.99)] {
        if let Some(nano) = red.durations.get(q) {
            object.int(name, nano);
        }
    }
    if let Some(time) = red.first_seen {
        object.time("first_seen", time);
    }
    if let Some(time) = red.last_seen {
        object.time("last_seen", time);
    }
}

fn write_service(object: &mut Object<'_>, key: &ServiceKey, service: &Service) {
    object.text("name", &key.name);
    object.optional("namespace", key.namespace.as_deref());
    object.optional("environment", key.environment.as_deref());
    let versions: Vec<String> = service.versions.iter().cloned().collect();
    object.raw("versions", &super::reply::strings(&versions));
    write_red(object, &service.red);
    object.uint("log_count", service.log_count);
}

pub(crate) async fn list(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let range = params.range(query.clock.now())?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let (services, stats) = query.runner.run(move |cancel| crate::plan::services::services(&snapshot, range, None, cancel)).await?;
    list.note(&stats);
    for (key, service) in &services {
        let mut item = String::with_capacity(256);
        let mut object = Object::new(&mut item);
        write_service(&mut object, key, service);
        object.end();
        list.items.push(item);
    }
    list.total = super::traces::exact(services.len() as u64);
    Ok(list.reply(Format::of(&headers)))
}

/// How many operations a service's page starts with.
const OPERATIONS_SHOWN: usize = 10;

pub(crate) async fn one(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let range = params.range(query.clock.now())?;
    let snapshot = query.snapshot(&caller.tenant);
    let asked = name.clone();
    let (services, operations) = query
        .runner
        .run(move |cancel| {
            let (services, _) = crate::plan::services::services(&snapshot, range, Some(&asked), cancel)?;
            let (operations, _) = grouped(&snapshot, range, &asked, [column::NAME, column::KIND], cancel)?;
            Ok((services, operations))
        })
        .await?;
    if services.is_empty() {
        return Err(Error::NotFound(format!("{name} has sent nothing in this range: widen it with from, or see /api/v1/services")));
    }
    // One name may stand in several namespaces and environments: the answer is about all of them.
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.text("name", &name);
    let parts: Vec<String> = services
        .iter()
        .map(|(key, service)| {
            let mut text = String::new();
            let mut object = Object::new(&mut text);
            write_service(&mut object, key, service);
            object.end();
            text
        })
        .collect();
    object.raw("services", &array(&parts));
    let operations: Vec<String> = operations.iter().take(OPERATIONS_SHOWN).map(|(key, red)| operation(key, red)).collect();
    object.raw("operations", &array(&operations));
    object.end();
    Ok(json(out))
}

fn operation((name, kind): &(String, String), red: &Red) -> String {
    let mut text = String::new();
    let mut object = Object::new(&mut text);
    object.text("name", name);
    object.text("kind", kind);
    write_red(&mut object, red);
    object.end();
    text
}

pub(crate) async fn operations(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    groups(&query, &caller, name, &headers, &params, [column::NAME, column::KIND], operation).await
}

pub(crate) async fn versions(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let write = |(version, _): &(String, String), red: &Red| {
        let mut text = String::new();
        let mut object = Object::new(&mut text);
        object.text("version", version);
        write_red(&mut object, red);
        object.end();
        text
    };
    groups(&query, &caller, name, &headers, &params, [column::SERVICE_VERSION, column::SERVICE_NAME], write).await
}

async fn groups(
    query: &Query,
    caller: &Caller,
    name: String,
    headers: &HeaderMap,
    params: &ListParams,
    by: [&'static str; 2],
    write: impl Fn(&(String, String), &Red) -> String,
) -> Result<Response> {
    let range = params.range(query.clock.now())?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let (groups, stats) = query.runner.run(move |cancel| grouped(&snapshot, range, &name, by, cancel)).await?;
    list.note(&stats);
    list.total = super::traces::exact(groups.len() as u64);
    list.items = groups.iter().map(|(key, red)| write(key, red)).collect();
    Ok(list.reply(Format::of(headers)))
}
