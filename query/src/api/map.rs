//! `/api/v1/map` and `/services/{name}/dependencies`: nodes and calls of the whole minutes of a range, from the rollups of `trace/`.
//! `/impact`: from the spans of the range.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{List, array, json, strings};
use crate::Query;
use crate::error::Result;
use crate::plan::edges::{self, SPANS_MAX};
use crate::plan::impact::{Impact, Reach};
use axum::extract::{Path, State};
use axum::response::Response;
use hopline_storage::scan::Predicate;
use hopline_trace::edges::Edge;
use hopline_trace::hops::HopKind;
use hopline_trace::spans::Status;
use hopline_trace::{Histogram, analyse};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Calls of one kind between two names, or all the work of one name.
#[derive(Debug, Default)]
struct Sum {
    count: u64,
    errors: u64,
    total: Histogram,
}

impl Sum {
    fn add(&mut self, edge: &Edge) {
        self.count += edge.counts.count;
        self.errors += if edge.key.status == Status::Error { edge.counts.count } else { 0 };
        self.total.merge(&edge.counts.total);
    }

    fn write(&self, object: &mut Object<'_>, count: &str) {
        object.uint(count, self.count);
        object.uint("error_count", self.errors);
        for (name, q) in [("p50_nano", 0.5), ("p95_nano", 0.95), ("p99_nano", 0.99)] {
            if let Some(nano) = self.total.quantile(q) {
                object.uint(name, nano);
            }
        }
    }
}

type Key = (Arc<str>, Arc<str>, &'static str);

type Calls = BTreeMap<Key, Sum>;
type Nodes = BTreeMap<Arc<str>, (&'static str, Sum)>;

/// By (caller, callee, kind) without the entries.
fn add_call(calls: &mut Calls, edge: &Edge) {
    if !edge.key.caller.name.is_empty() {
        calls.entry((edge.key.caller.name.clone(), edge.key.callee.name.clone(), edge.key.kind.name())).or_default().add(edge);
    }
}

fn add_node(nodes: &mut Nodes, edge: &Edge) {
    // Who answers is what its callers call it by; a service that only calls has no work of its own here.
    let kind = match edge.key.kind {
        HopKind::Rpc => "service",
        HopKind::Message if edge.counts.own.count() > 0 => "service",
        HopKind::Message => "queue",
        HopKind::Db => "database",
        HopKind::External => "external",
    };
    let node = nodes.entry(edge.key.callee.name.clone()).or_insert((kind, Sum::default()));
    if kind == "service" {
        node.0 = kind;
    }
    node.1.add(edge);
    if !edge.key.caller.name.is_empty() {
        nodes.entry(edge.key.caller.name.clone()).or_default().0 = "service";
    }
}

fn call_json((caller, callee, kind): &Key, sum: &Sum) -> String {
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.text("caller", caller);
    object.text("callee", callee);
    object.text("kind", kind);
    sum.write(&mut object, "count");
    object.end();
    out
}

/// Calls `add` with every row of the range.
async fn rolled<T: Default + Send + 'static>(query: &Query, caller: &Caller, params: &ListParams, add: fn(&mut T, &Edge)) -> Result<(T, List)> {
    let range = params.range(query.clock.now())?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let (sums, read) = query
        .runner
        .run(move |cancel| {
            let mut sums = T::default();
            let read = snapshot.edges_in_order(range, SPANS_MAX, cancel, &mut |rows| {
                rows.iter().for_each(|edge| add(&mut sums, edge));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok((sums, read))
        })
        .await?;
    list.note(&read.stats);
    if read.cut {
        list.complete = false;
        list.warnings.push(format!("more than {SPANS_MAX} spans are not rolled up yet: calls of the newest are counted; ask again in a minute"));
    }
    Ok((sums, list))
}

pub(crate) async fn map(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let ((nodes, calls), list): ((Nodes, Calls), List) = rolled(&query, &caller, &params, |(nodes, calls), edge| {
        add_node(nodes, edge);
        add_call(calls, edge);
    })
    .await?;
    let nodes: Vec<String> = nodes
        .iter()
        .map(|(name, (kind, sum))| {
            let mut out = String::new();
            let mut object = Object::new(&mut out);
            object.text("name", name);
            object.text("kind", if kind.is_empty() { "service" } else { kind });
            sum.write(&mut object, "span_count");
            object.end();
            out
        })
        .collect();
    let edges: Vec<String> = calls.iter().map(|(key, sum)| call_json(key, sum)).collect();
    Ok(parts(&[("nodes", nodes), ("edges", edges)], &list))
}

pub(crate) async fn dependencies(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let (calls, list): (Calls, List) = rolled(&query, &caller, &params, add_call).await?;
    let side = |of: &dyn Fn(&Key) -> &str| calls.iter().filter(|(key, _)| of(key) == name).map(|(key, sum)| call_json(key, sum)).collect();
    let (upstream, downstream) = (side(&|key| &key.1), side(&|key| &key.0));
    Ok(parts(&[("upstream", upstream), ("downstream", downstream)], &list))
}

pub(crate) async fn impact(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let now = query.clock.now();
    let range = params.range(now)?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let asked = name.clone();
    let (impact, read) = query
        .runner
        .run(move |cancel| {
            let mut read = edges::read(&snapshot, range, Predicate::All, SPANS_MAX, cancel)?;
            let mut impact = Impact::default();
            for trace in std::mem::take(&mut read.traces) {
                cancel.check()?;
                impact.add(&trace, &analyse(&trace), &asked);
            }
            Ok((impact, read))
        })
        .await?;
    list.note(&read.stats);
    if read.cut {
        list.complete = false;
        list.warnings
            .push(format!("the range holds more than {SPANS_MAX} spans: these are the newest, and rates are too low; narrow it with from and to"));
    }
    let seconds = (range.end.min(now).0.saturating_sub(range.start.0) as f64 / 1e9).max(1.0);
    let mut upstream: Vec<_> = impact.services.iter().filter(|(_, reach)| reach.reaching > 0).collect();
    upstream.sort_by_key(|(name, reach)| (reach.hops, std::cmp::Reverse(reach.reaching), (*name).clone()));
    let mut entries: Vec<_> = impact.entries.iter().filter(|(_, reach)| reach.reaching > 0).collect();
    entries.sort_by_key(|(name, reach)| (std::cmp::Reverse(reach.reaching), (*name).clone()));
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.text("service", &name);
    object.uint("requests", impact.requests);
    object.uint("error_count", impact.errors);
    rate(&mut object, "rate_per_second", impact.requests, seconds);
    object.raw("items", &array(&upstream.iter().map(|(name, reach)| reach_json(name, None, reach, seconds)).collect::<Vec<_>>()));
    let operations = entries.iter().map(|((name, operation), reach)| reach_json(name, Some(operation), reach, seconds)).collect::<Vec<_>>();
    object.raw("entries", &array(&operations));
    object.bool("complete", list.complete);
    object.raw("warnings", &strings(&list.warnings));
    object.end();
    Ok(json(out))
}

fn rate(object: &mut Object<'_>, name: &str, count: u64, seconds: f64) {
    object.raw(name, &format!("{:.4}", count as f64 / seconds));
}

fn reach_json(service: &str, operation: Option<&str>, reach: &Reach, seconds: f64) -> String {
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    object.text("service_name", service);
    object.optional("name", operation);
    object.uint("hops", reach.hops.into());
    object.uint("requests", reach.requests);
    object.uint("reaching", reach.reaching);
    object.raw("share", &format!("{:.4}", reach.reaching as f64 / reach.requests.max(1) as f64));
    object.uint("error_count", reach.errors);
    rate(&mut object, "rate_per_second", reach.requests, seconds);
    object.end();
    out
}

fn parts(parts: &[(&str, Vec<String>)], list: &List) -> Response {
    let mut out = String::new();
    let mut object = Object::new(&mut out);
    for (name, items) in parts {
        object.raw(name, &array(items));
    }
    object.bool("complete", list.complete);
    object.raw("warnings", &strings(&list.warnings));
    object.end();
    json(out)
}
