//! `/api/v1/map` and `/services/{name}/dependencies`: nodes and calls, as `trace/` rolls them up from the spans of the range.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{List, array, json, strings};
use crate::Query;
use crate::error::Result;
use crate::plan::edges::{Rolled, SPANS_MAX, roll};
use axum::extract::{Path, State};
use axum::response::Response;
use hopline_storage::scan::Predicate;
use hopline_trace::Histogram;
use hopline_trace::edges::Edge;
use hopline_trace::hops::HopKind;
use hopline_trace::spans::Status;
use std::collections::BTreeMap;
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

/// Calls by (caller, callee, kind) without the entries.
fn calls(rows: &[Edge]) -> BTreeMap<Key, Sum> {
    let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
    for edge in rows.iter().filter(|edge| !edge.key.caller.name.is_empty()) {
        sums.entry((edge.key.caller.name.clone(), edge.key.callee.name.clone(), edge.key.kind.name())).or_default().add(edge);
    }
    sums
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

async fn rolled(query: &Query, caller: &Caller, params: &ListParams) -> Result<(Rolled, List)> {
    let range = params.range(query.clock.now())?;
    let snapshot = query.snapshot(&caller.tenant);
    let mut list = List { complete: snapshot.complete, ..Default::default() };
    let rolled = query.runner.run(move |cancel| roll(&snapshot, range, Predicate::All, None, SPANS_MAX, cancel)).await?;
    list.note(&rolled.stats);
    if rolled.cut {
        list.complete = false;
        list.warnings.push(format!("the range holds more than {SPANS_MAX} spans: these are the newest; narrow it with from and to"));
    }
    Ok((rolled, list))
}

pub(crate) async fn map(State(query): State<Arc<Query>>, caller: Caller, Params(params): Params<ListParams>) -> Result<Response> {
    let (rolled, list) = rolled(&query, &caller, &params).await?;
    let mut nodes: BTreeMap<Arc<str>, (&'static str, Sum)> = BTreeMap::new();
    for edge in &rolled.rows {
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
    let edges: Vec<String> = calls(&rolled.rows).iter().map(|(key, sum)| call_json(key, sum)).collect();
    Ok(parts(&[("nodes", nodes), ("edges", edges)], &list))
}

pub(crate) async fn dependencies(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    let (rolled, list) = rolled(&query, &caller, &params).await?;
    let calls = calls(&rolled.rows);
    let side = |of: &dyn Fn(&Key) -> &str| calls.iter().filter(|(key, _)| of(key) == name).map(|(key, sum)| call_json(key, sum)).collect();
    let (upstream, downstream) = (side(&|key| &key.1), side(&|key| &key.0));
    Ok(parts(&[("upstream", upstream), ("downstream", downstream)], &list))
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
