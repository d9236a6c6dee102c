//! The endpoint at the wire: forms of answers, mistakes, limits.
#![allow(clippy::unwrap_used)]

use crate::table::tests::rows::{T0, store};
use crate::{Config, Doors, IngestReport, Query};
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use hopline_model::UnixNanos;
use hopline_model::auth::Auth;
use hopline_model::time::ManualClock;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

#[derive(Debug)]
struct Nothing;

impl IngestReport for Nothing {
    fn status(&self) -> Value {
        Value::Null
    }

    fn metrics(&self, _: &mut String) {}
}

async fn asked(config: Config, body: &str, accept: &str) -> (StatusCode, String, Bytes) {
    let store = store().await;
    let doors = Doors { otlp_grpc: String::new(), otlp_http: String::new(), http: String::new() };
    let clock = ManualClock::at(UnixNanos(T0));
    let query = Query::new(config, store.storage.clone(), Arc::new(Auth::new(Vec::new())), clock, Arc::new(Nothing), doors);
    let (method, path) = if body.is_empty() { ("GET", "/api/v1/sql/schema") } else { ("POST", "/api/v1/sql") };
    let request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept).body(Body::from(body.to_owned())).unwrap();
    let response = query.router().oneshot(request).await.unwrap();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = response.status();
    (status, kind, response.into_body().collect().await.unwrap().to_bytes())
}

async fn json_of(config: Config, query: Value) -> (StatusCode, Value) {
    let (status, _, body) = asked(config, &query.to_string(), "application/json").await;
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_rows_and_stats() {
    let query =
        json!({"query": "select name, duration_nano, attributes from spans where service_name = $1 order by start_time", "params": ["payment"]});
    let (status, answer) = json_of(Config::default(), query).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["columns"],
        json!([{"name": "name", "type": "text"}, {"name": "duration_nano", "type": "bigint"}, {"name": "attributes", "type": "json"}])
    );
    assert_eq!(
        answer["rows"],
        json!([{"name": "POST /charge", "duration_nano": 100_000_000, "attributes": {"card.retries": 3, "http.response.status_code": "402"}}])
    );
    assert_eq!((&answer["complete"], &answer["warnings"]), (&json!(true), &json!([])));
    assert_eq!(answer["stats"]["rows_matched"], 1);
    assert!(answer["stats"]["elapsed_nano"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form() {
    let query = json!({"query": "select name from spans order by name"}).to_string();
    for (accept, starts) in [
        ("application/x-ndjson", &b"{\"name\":\"GET /cart\"}\n"[..]),
        ("text/csv", b"name\nGET /cart\n"),
        ("application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff"),
        ("application/vnd.apache.parquet", b"PAR1"),
    ] {
        let (status, kind, body) = asked(Config::default(), &query, accept).await;
        assert_eq!(status, 200);
        assert!(kind.starts_with(accept), "{kind}");
        assert!(body.starts_with(starts), "{accept}: {body:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_and_limits() {
    let (status, problem) = json_of(Config::default(), json!({"query": "select (1 from spans"})).await;
    assert_eq!((status, &problem["position"]), (StatusCode::BAD_REQUEST, &json!(10)), "{problem}");
    let (status, problem) = json_of(Config::default(), json!({"query": "drop table spans"})).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().starts_with("DROP is not allowed"), "{problem}");
    let (status, problem) = json_of(Config::default(), json!({"sql": "select 1"})).await;
    assert_eq!(status, 400, "{problem}");
    let few = Config { sql_rows_max: 2, ..Config::default() };
    let (status, answer) = json_of(few, json!({"query": "select name from spans"})).await;
    assert_eq!((status, answer["rows"].as_array().unwrap().len(), &answer["complete"]), (StatusCode::OK, 2, &json!(false)));
    let small = Config { sql_memory_bytes: 10_000, ..Config::default() };
    let (status, problem) =
        json_of(small, json!({"query": "select a.name, b.body, c.name, count(*) from spans a, logs b, spans c, logs d group by 1, 2, 3 order by 4"}))
            .await;
    assert_eq!(status, 422, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema() {
    let (status, _, body) = asked(Config::default(), "", "application/json").await;
    let schema: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200);
    let names: Vec<&str> = schema["tables"].as_array().unwrap().iter().map(|table| table["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["spans", "logs", "metrics", "edges", "hops", "trace_parts", "traces", "services", "links", "exemplars"]);
    assert_eq!(schema["tables"][0]["columns"][1], json!({"name": "trace_id", "type": "text", "about": "hex text, 32 digits"}));
}
