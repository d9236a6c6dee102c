//! One table: path, handler, parameters. The router and the OpenAPI document are made from it.

use super::{complete, errors, export, follow, logs, map, openapi, operate, queries, related, services, spans, sql, status, tail, traces};
use crate::Query;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use std::sync::Arc;

/// A parameter as the document shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: &'static str,
}

const fn param(name: &'static str, kind: &'static str, about: &'static str) -> Param {
    Param { name, about, kind }
}

const Q: Param = param("q", "string", "query text, such as service:checkout status:error duration:>500ms");
const FROM: Param = param("from", "string", "RFC 3339, unix s/ms/us/ns, or now-15m; default an hour ago");
const TO: Param = param("to", "string", "as from; default no upper bound");
const LIMIT: Param = param("limit", "integer", "items at most; default 20, at most 1000");
const CURSOR: Param = param("cursor", "string", "where the answer before ended");
const TOTAL: Param = param("total", "string", "exact: count beyond the limit of exact totals");
const EXPLAIN: Param = param("explain", "boolean", "add stats: what was pruned, read and how long it took");
const QUERY_ID: Param = param("query_id", "string", "a name for this question, by which /api/v1/queries shows and stops it");
const LIST: &[Param] = &[Q, FROM, TO, LIMIT, CURSOR, TOTAL, EXPLAIN, QUERY_ID];
const EXPORT: &[Param] = &[Q, FROM, TO, param("limit", "integer", "rows at most; default all"), QUERY_ID];
const RANGE: &[Param] = &[FROM, TO];
const FACETS: &[Param] = &[Q, FROM, TO, param("fields", "string", "comma-separated names; default the most telling ones")];
const ONE: &[Param] =
    &[param("span", "string", "only these spans, comma-separated"), param("view", "string", "tree: columns in depth-first order, for drawing")];
const WHY: &[Param] = &[param("span", "string", "judge this span and what is below it as a request of its own")];
const LINKS: &[Param] = &[
    param("from", "string", "where linking spans are looked for; default an hour before the trace"),
    param("to", "string", "default a day after it"),
];
const STORY: &[Param] =
    &[param("keys", "string", "attribute keys, comma-separated: traces that share a value belong to it; default query.story_keys")];
const PAGE: &[Param] = &[LIMIT, CURSOR];
const HISTOGRAM: &[Param] = &[Q, FROM, TO, param("buckets", "integer", "about how many; default 60")];
const COMPLETE: &[Param] = &[
    Q,
    param("pos", "integer", "place in q, bytes; default its end"),
    param("signal", "string", "traces (default), spans, logs or metrics"),
    FROM,
    TO,
];
const HEAT: &[Param] = &[Q, FROM, TO, param("buckets", "integer", "about how many; default 60"), param("rows", "integer", "at most; default 24")];
const CONTEXT: &[Param] = &[
    param("id", "string", "id of a log record"),
    param("time", "string", "its time: quicker"),
    param("before", "integer", "lines; default 20"),
    param("after", "integer", "lines; default 20"),
    param("same", "string", "service (default) or all"),
];

pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) about: &'static str,
    pub(crate) params: &'static [Param],
    /// Formats besides JSON.
    pub(crate) formats: &'static [&'static str],
    handler: MethodRouter<Arc<Query>>,
}

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";
const PROTOBUF: &str = "application/x-protobuf";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

fn endpoint(
    tag: &'static str,
    path: &'static str,
    about: &'static str,
    params: &'static [Param],
    formats: &'static [&'static str],
    handler: MethodRouter<Arc<Query>>,
) -> Endpoint {
    Endpoint { path, method: "get", tag, about, params, formats, handler }
}

/// Every endpoint.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let lists: &[&str] = &[NDJSON, CSV];
    let rows: &[&str] = &[NDJSON, CSV, PROTOBUF];
    vec![
        endpoint("traces", "/api/v1/traces", "Traces that match, newest first", LIST, lists, get(traces::search)),
        endpoint(
            "traces",
            "/api/v1/traces/histogram",
            "Latency heat map: matching spans (without a query: roots) by time and duration",
            HEAT,
            &[],
            get(traces::histogram),
        ),
        endpoint("traces", "/api/v1/traces/facets", "Values of fields with counts, over matching spans", FACETS, &[], get(traces::facets)),
        endpoint("traces", "/api/v1/traces/{trace_id}", "One trace with every span", ONE, &[NDJSON, CSV, PROTOBUF, ARROW], get(traces::one)),
        endpoint("traces", "/api/v1/traces/{trace_id}/logs", "Log records of a trace, oldest first", PAGE, rows, get(traces::logs)),
        endpoint(
            "traces",
            "/api/v1/traces/{trace_id}/hops",
            "The hop ledger: every call between services, with its time split up",
            &[],
            lists,
            get(follow::hops),
        ),
        endpoint(
            "traces",
            "/api/v1/traces/{trace_id}/critical-path",
            "What the end of the trace waited for, in time order",
            &[],
            &[],
            get(follow::critical_path),
        ),
        endpoint("traces", "/api/v1/traces/{trace_id}/why", "Why it is slow or failed, against its usual self", WHY, &[], get(follow::why)),
        endpoint(
            "traces",
            "/api/v1/traces/{trace_id}/links",
            "Span links both ways: what it links to, and what links to it",
            LINKS,
            &[],
            get(related::links),
        ),
        endpoint(
            "traces",
            "/api/v1/traces/{trace_id}/story",
            "The traces around it by links, message ids and keys, on one clock",
            STORY,
            lists,
            get(related::story_of),
        ),
        endpoint(
            "traces",
            "/api/v1/traces/{trace_id}/compare/{other_id}",
            "Two traces aligned: what took longer, what is new, what is missing",
            &[],
            &[],
            get(related::compare),
        ),
        endpoint(
            "traces",
            "/api/v1/errors",
            "Failed spans in groups by service, operation and message",
            &[Q, FROM, TO, LIMIT],
            lists,
            get(errors::list),
        ),
        endpoint("spans", "/api/v1/spans", "Spans that match, newest first", LIST, rows, get(spans::list)),
        endpoint(
            "spans",
            "/api/v1/spans/export",
            "Every span that matches, newest first, as a stream of lines without a limit",
            EXPORT,
            &[NDJSON],
            get(export::spans),
        ),
        endpoint(
            "logs",
            "/api/v1/logs/export",
            "Every log record that matches, newest first, as a stream of lines without a limit",
            EXPORT,
            &[NDJSON],
            get(export::logs),
        ),
        endpoint("logs", "/api/v1/logs", "Log records that match, newest first", LIST, rows, get(logs::list)),
        endpoint("logs", "/api/v1/logs/histogram", "Counts by time and severity", HISTOGRAM, &[], get(logs::histogram)),
        endpoint("logs", "/api/v1/logs/facets", "Values of fields with counts", FACETS, &[], get(logs::facets)),
        endpoint("logs", "/api/v1/logs/context", "The lines around one", CONTEXT, &[], get(logs::context)),
        endpoint(
            "logs",
            "/api/v1/logs/patterns",
            "Bodies that differ only in numbers and ids, counted",
            &[Q, FROM, TO, LIMIT],
            &[],
            get(logs::patterns),
        ),
        endpoint("logs", "/api/v1/logs/tail", "Matching records as they arrive: server-sent events", &[Q], &["text/event-stream"], get(tail::tail)),
        endpoint("services", "/api/v1/services", "Every service with rate, errors, durations and versions", RANGE, lists, get(services::list)),
        endpoint("services", "/api/v1/services/{name}", "One service", RANGE, &[], get(services::one)),
        endpoint("services", "/api/v1/services/{name}/operations", "Its operations", RANGE, lists, get(services::operations)),
        endpoint("services", "/api/v1/services/{name}/versions", "Its versions", RANGE, lists, get(services::versions)),
        endpoint("services", "/api/v1/services/{name}/dependencies", "Who calls it and whom it calls", RANGE, &[], get(map::dependencies)),
        endpoint(
            "services",
            "/api/v1/services/{name}/impact",
            "Whose requests reach it, directly or through others, and which share of them",
            RANGE,
            &[],
            get(map::impact),
        ),
        endpoint(
            "services",
            "/api/v1/map",
            "Services, databases, queues and their calls, with rate, errors and durations",
            RANGE,
            &[],
            get(map::map),
        ),
        endpoint(
            "metrics",
            "/api/v1/metrics/points",
            "Metric data points that match, newest first",
            LIST,
            &[NDJSON, CSV, PROTOBUF],
            get(spans::metric_points),
        ),
        Endpoint {
            method: "post",
            ..endpoint(
                "query",
                "/api/v1/sql",
                "SQL over spans, logs and metrics: {\"query\":\"select …\",\"params\":[…]}",
                &[QUERY_ID],
                &[NDJSON, CSV, ARROW, PARQUET],
                post(sql::sql),
            )
        },
        endpoint("query", "/api/v1/sql/schema", "Tables and columns of SQL", &[], &[], get(sql::schema)),
        endpoint("query", "/api/v1/complete", "What may be typed next in a query", COMPLETE, &[], get(complete::complete)),
        endpoint("query", "/api/v1/queries", "Questions at work, oldest first, with how far they are", &[], &[], get(queries::list)),
        endpoint(
            "query",
            "/api/v1/queries/{id}",
            "One question at work, by the id of its answer's X-Hopline-Query-Id or of its parameter query_id; as a stream, its progress until it ends",
            &[],
            &["text/event-stream"],
            get(queries::one),
        ),
        Endpoint {
            method: "delete",
            ..endpoint("query", "/api/v1/queries/{id}", "Stop it: its answer ends with status 499", &[], &[], delete(queries::stop))
        },
        endpoint("server", "/api/v1/status", "State of the server, ingest by exporter, newest receiver errors", &[], &[], get(status::status)),
        Endpoint {
            method: "post",
            ..endpoint(
                "server",
                "/api/v1/settle",
                "Seal what is live and merge every window that has ended (scope admin)",
                &[],
                &[],
                post(operate::settle),
            )
        },
        Endpoint {
            method: "post",
            ..endpoint(
                "server",
                "/api/v1/verify",
                "Read every block and compare checksums; with {\"repair\": true} rebuild damaged index files (scope admin)",
                &[],
                &[],
                post(operate::verify),
            )
        },
        endpoint("server", "/api/v1/retention", "What retention removes, how much and when (scope admin)", &[], &[], get(operate::retention)),
        Endpoint {
            method: "post",
            ..endpoint(
                "server",
                "/api/v1/retention",
                "With {\"run\": true}: remove what is past its age at once, however much it is (scope admin)",
                &[],
                &[],
                post(operate::run_retention),
            )
        },
        Endpoint {
            method: "post",
            ..endpoint(
                "server",
                "/api/v1/delete",
                "Delete what a query matches from every file: {\"signal\":\"logs\",\"q\":\"…\",\"from\":…,\"to\":…,\"dry_run\":true} (scope admin)",
                &[],
                &[],
                post(operate::delete),
            )
        },
        endpoint("server", "/healthz", "The process lives", &[], &[], get(status::healthz)),
        endpoint("server", "/readyz", "The doors are open", &[], &[], get(status::readyz)),
        endpoint("server", "/metrics", "The server's own metrics, Prometheus text", &[], &[], get(status::metrics)),
    ]
}

pub(crate) fn router(query: Arc<Query>) -> Router {
    let mut router = Router::new();
    for endpoint in endpoints() {
        router = router.route(endpoint.path, endpoint.handler);
    }
    router
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page))
        .layer(axum::middleware::from_fn_with_state(query.clone(), count))
        .with_state(query)
}

/// Counts and times every question by its route; slow ones are logged.
async fn count(State(query): State<Arc<Query>>, request: Request, next: Next) -> Response {
    let began = std::time::Instant::now();
    let path = request.extensions().get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let asked = request.uri().query().unwrap_or_default().to_owned();
    // Probes, and what only looks at the others, are no questions.
    let is_question =
        path.starts_with("/api/v1/") && !["/api/v1/queries", "/api/v1/status", "/api/v1/logs/tail"].iter().any(|no| path.starts_with(no));
    let response = if is_question {
        let (id, mut response) = query.runner.running.ask(&path, &asked, query.clock.now(), next.run(request)).await;
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-hopline-query-id", id);
        }
        response
    } else {
        next.run(request).await
    };
    let elapsed = began.elapsed();
    query.counters.add(&path, response.status().as_u16(), elapsed);
    if elapsed.as_millis() as u64 >= query.config.slow_ms && path.starts_with("/api") {
        tracing::warn!(%path, query = %asked, elapsed_ms = elapsed.as_millis() as u64, status = response.status().as_u16(), "slow question");
    }
    response
}
