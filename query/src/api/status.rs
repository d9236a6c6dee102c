//! `/api/v1/status`, the probes, `/metrics`.

use super::caller::Caller;
use super::reply::json;
use crate::Query;
use crate::error::Result;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hopline_model::Signal;
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;

pub(crate) async fn status(State(query): State<Arc<Query>>, caller: Caller) -> Result<Response> {
    let stats = query.storage.stats();
    let snapshot = query.snapshot(&caller.tenant);
    let complete = snapshot.complete;
    let storage = query.storage.clone();
    let (newest, sizes) = query
        .runner
        .run(move |_| {
            let newest = Signal::ALL.map(|signal| super::traces::newest(&snapshot, signal).map(|time| time.to_string()));
            Ok((newest, storage.sizes(&snapshot)))
        })
        .await?;
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": query.clock.now().to_string(),
        "started": query.started.to_string(),
        "complete": complete,
        "tenant": caller.tenant,
        "endpoints": {"otlp_grpc": query.doors.otlp_grpc, "otlp_http": query.doors.otlp_http, "http": query.doors.http},
        "newest": {"spans": newest[0], "logs": newest[1], "metrics": newest[2]},
        "storage": stats,
        "sizes": *sizes,
        "ingest": query.ingest.status(),
        "auth": {"token_needed": !query.auth.is_open()},
    });
    Ok(json(value.to_string()))
}

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

pub(crate) async fn readyz(State(query): State<Arc<Query>>) -> Response {
    let stats = query.storage.stats();
    if !stats.ready {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if stats.replayed { "ready\n" } else { "ready; still replaying, answers are not complete\n" }.into_response()
}

pub(crate) async fn metrics(State(query): State<Arc<Query>>, _caller: Caller) -> Response {
    let mut out = String::with_capacity(8192);
    storage_metrics(&query, &mut out);
    query.ingest.metrics(&mut out);
    query.counters.metrics(&mut out);
    query.kept.metrics(&mut out);
    query.memory.metrics(&mut out);
    let mut response = out.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}

fn storage_metrics(query: &Query, out: &mut String) {
    let stats = query.storage.stats();
    let mut family = |name: &str, kind: &str, help: &str, value: u64| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP hopline_storage_{name} {help}\n# TYPE hopline_storage_{name} {kind}\nhopline_storage_{name} {value}");
    };
    family("live_rows", "gauge", "Rows in memory.", stats.live_rows);
    family("live_bytes", "gauge", "Bytes of rows in memory.", stats.live_bytes);
    family("wal_bytes", "gauge", "Bytes of the write-ahead log.", stats.wal_bytes);
    family("wal_segments", "gauge", "Files of the write-ahead log.", stats.wal_segments);
    family("blocks", "gauge", "Blocks.", stats.blocks);
    family("block_rows", "gauge", "Rows in blocks.", stats.block_rows);
    family("block_bytes", "gauge", "Bytes of blocks.", stats.block_bytes);
    family("free_bytes", "gauge", "Free bytes of the volume.", stats.free_bytes);
    family("appended_rows_total", "counter", "Rows made durable since the start.", stats.appended_rows);
    family("duplicate_requests_total", "counter", "Retries that were not stored again.", stats.duplicate_requests);
    family("seals_total", "counter", "Blocks written from live rows.", stats.seals);
    family("merges_total", "counter", "Merges.", stats.merges);
    family("deleted_rows_total", "counter", "Rows deleted by queries since the start.", stats.deleted_rows);
    family("expired_rows_total", "counter", "Rows that retention removed since the start.", stats.expired_rows);
    family("quarantined_bytes", "gauge", "Bytes set aside as unreadable.", stats.quarantined_bytes);
    family("replayed", "gauge", "1 when answers are complete.", u64::from(stats.replayed));
    family("read_only", "gauge", "1 when syncing failed twice and ingest is refused.", u64::from(stats.read_only));
}
