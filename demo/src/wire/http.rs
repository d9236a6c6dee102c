//! JSON over HTTP, with the HTTP semantic conventions on both sides.

use super::{Failure, Peer, Peers, Via, extract, failure, inject};
use crate::telemetry::{Active, Service};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

const BODY_BYTES_MAX: usize = 1 << 20;

pub(crate) type Reply = Result<Value, Failure>;
type Handler = Arc<dyn Fn(Arc<Active>, Value) -> BoxFuture<'static, Reply> + Send + Sync>;

struct Route {
    service: Arc<Service>,
    method: Method,
    path: &'static str,
    handler: Handler,
}

/// Adds one route to a service: a SERVER span around the handler, its duration measured, one access line logged.
pub(crate) fn route<F>(router: Router, service: &Arc<Service>, method: Method, path: &'static str, handler: F) -> Router
where
    F: Fn(Arc<Active>, Value) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    let route = Arc::new(Route { service: service.clone(), method: method.clone(), path, handler: Arc::new(handler) });
    let filter = axum::routing::MethodFilter::try_from(method).unwrap_or(axum::routing::MethodFilter::GET);
    router.route(path, axum::routing::on(filter, serve).with_state(route))
}

async fn serve(State(route): State<Arc<Route>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut attributes = vec![
        KeyValue::new("http.request.method", route.method.to_string()),
        KeyValue::new("http.route", route.path),
        KeyValue::new("url.path", parts.uri.path().to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("client.address", "127.0.0.1"),
    ];
    if let Some(query) = parts.uri.query() {
        attributes.push(KeyValue::new("url.query", query.to_owned()));
    }
    if let Some(agent) = parts.headers.get("user-agent").and_then(|value| value.to_str().ok()) {
        attributes.push(KeyValue::new("user_agent.original", agent.to_owned()));
    }
    let span = route.service.span(&extract(&parts.headers), SpanKind::Server, format!("{} {}", route.method, route.path), attributes);
    let input = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) if bytes.is_empty() => Value::Null,
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    };
    let reply = (route.handler)(span.clone(), input).await;
    let (status, value) = match reply {
        Ok(value) => (200, value),
        Err(problem) => {
            if problem.status >= 500 {
                span.fail(problem.kind, &problem.message);
            }
            (problem.status, json!({"error": problem.kind, "message": problem.message}))
        }
    };
    span.set("http.response.status_code", i64::from(status));
    span.measure(
        false,
        &[
            KeyValue::new("http.request.method", route.method.to_string()),
            KeyValue::new("http.route", route.path),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ],
    );
    let trace = span.trace().to_string();
    span.end();
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, [("x-trace-id", trace)], axum::Json(value)).into_response()
}

/// A call to one of the peers, as a CLIENT span.
pub(crate) async fn call(from: &Active, peers: &Peers, method: Method, path: &str, template: &'static str, body: Value, resend: u32) -> Reply {
    let peer = peers.pick();
    let url = format!("http://{}:{}{path}", peer.host, peer.port);
    let mut attributes = vec![
        KeyValue::new("http.request.method", method.to_string()),
        KeyValue::new("url.full", url.clone()),
        KeyValue::new("url.template", template),
        KeyValue::new("server.address", peer.host.clone()),
        KeyValue::new("server.port", i64::from(peer.port)),
    ];
    if resend > 0 {
        attributes.push(KeyValue::new("http.request.resend_count", i64::from(resend)));
    }
    let span = from.service.span(&from.context, SpanKind::Client, format!("{method} {template}"), attributes);
    let reply = send(peer, &method, path, &span, body).await;
    let status = match &reply {
        Ok((status, _)) => *status,
        Err(problem) => problem.status,
    };
    span.set("http.response.status_code", i64::from(status));
    span.measure(false, &[KeyValue::new("server.address", peer.host.clone()), KeyValue::new("http.response.status_code", i64::from(status))]);
    let answer = match reply {
        Ok((status, value)) if status < 400 => Ok(value),
        Ok((status, value)) => {
            let message = value["message"].as_str().unwrap_or("no message").to_owned();
            Err(failure(status, if status < 500 { "refused" } else { "upstream_failed" }, message))
        }
        Err(problem) => Err(problem),
    };
    if let Err(problem) = &answer {
        // The HTTP conventions: error.type is the status code.
        span.fail(&problem.status.to_string(), &problem.message);
    }
    span.end();
    answer
}

async fn send(peer: &Peer, method: &Method, path: &str, span: &Active, body: Value) -> Result<(u16, Value), Failure> {
    let mut headers = axum::http::HeaderMap::new();
    inject(&span.context, &mut headers);
    let (status, _, value) = fetch(peer, method, path, headers, body).await?;
    Ok((status, value))
}

/// The bare request, without telemetry, as a browser makes it: status, headers and body of the answer.
pub(crate) async fn fetch(
    peer: &Peer,
    method: &Method,
    path: &str,
    headers: axum::http::HeaderMap,
    body: Value,
) -> Result<(u16, axum::http::HeaderMap, Value), Failure> {
    let unreachable = |error: &dyn std::fmt::Display| failure(502, "connection", format!("cannot reach {}: {error}", peer.host));
    match &peer.via {
        Via::Socket => {
            static CLIENT: std::sync::LazyLock<reqwest::Client> = std::sync::LazyLock::new(reqwest::Client::new);
            let mut request = CLIENT.request(method.clone(), format!("http://127.0.0.1:{}{path}", peer.port)).headers(headers);
            if !body.is_null() {
                request = request.json(&body);
            }
            let response = request.send().await.map_err(|error| unreachable(&error))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok((status, headers, response.json().await.unwrap_or(Value::Null)))
        }
        Via::InProcess(router) => {
            let mut request = Request::builder().method(method.clone()).uri(path);
            if let Some(map) = request.headers_mut() {
                *map = headers;
            }
            let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
            let request = request.body(body).map_err(|error| unreachable(&error))?;
            let response = router.clone().oneshot(request).await.map_err(|error| unreachable(&error))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let bytes = axum::body::to_bytes(response.into_body(), BODY_BYTES_MAX).await.map_err(|error| unreachable(&error))?;
            Ok((status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
        }
    }
}
