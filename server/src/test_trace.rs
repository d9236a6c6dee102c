//! `POST /api/v1/test-trace`: the server sends itself a small trace with a log record through its own OTLP/HTTP door, as any exporter
//! would. Ids are fresh, and every resource is marked `hopline.test=true`, so that it can be told from real telemetry.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Door {
    url: String,
    client: reqwest::Client,
}

pub(crate) fn router(otlp_http: SocketAddr, secure: bool) -> Router {
    let scheme = if secure { "https" } else { "http" };
    // An address to listen on everywhere is none to connect to.
    let host = if otlp_http.ip().is_unspecified() { format!("127.0.0.1:{}", otlp_http.port()) } else { otlp_http.to_string() };
    // The certificate names the outside; this connection stays on the machine.
    let client = reqwest::Client::builder().timeout(TIMEOUT).danger_accept_invalid_certs(true).no_proxy().build().unwrap_or_default();
    Router::new().route("/api/v1/test-trace", post(send)).with_state(Door { url: format!("{scheme}://{host}"), client })
}

async fn send(State(door): State<Door>, headers: HeaderMap) -> Response {
    let now_nano = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let mut ids = [0; 40];
    if let Err(error) = getrandom::fill(&mut ids) {
        return failed(&format!("no random ids: {error}"));
    }
    let made = make(&ids, now_nano);
    for (path, body) in [("/v1/traces", &made.traces), ("/v1/logs", &made.logs)] {
        let mut request = door.client.post(format!("{}{path}", door.url)).header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        // The caller's own token and tenant: the trace lands where the caller reads.
        for name in [header::AUTHORIZATION.as_str(), "x-scope-orgid"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        match request.send().await {
            Ok(reply) if reply.status().is_success() => {}
            Ok(reply) => {
                let (status, said) = (reply.status(), reply.text().await.unwrap_or_default());
                return failed(&format!("the OTLP door answered {status}: {said}"));
            }
            Err(error) => return failed(&format!("the OTLP door does not answer: {error}")),
        }
    }
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], json!({"trace_id": made.trace_id}).to_string()).into_response()
}

fn failed(detail: &str) -> Response {
    let problem = json!({"type": "about:blank", "title": "the test trace was not taken", "status": 502, "detail": detail});
    (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

struct Made {
    trace_id: String,
    traces: Value,
    logs: Value,
}

/// web → checkout → payment, 120 ms, ended just now.
fn make(ids: &[u8; 40], now_nano: u64) -> Made {
    let hex = |from: usize, to: usize| hopline_model::ids::encode_hex(&ids[from..to]);
    let trace_id = hex(0, 16);
    // Three random ids; the other two differ from them in the first byte.
    let span = |n: usize| match n {
        0..3 => hex(16 + n * 8, 24 + n * 8),
        _ => format!("{:02x}{}", ids[16 + (n - 2) * 8] ^ 0x80, hex(17 + (n - 2) * 8, 24 + (n - 2) * 8)),
    };
    let begin = now_nano.saturating_sub(120_000_000);
    let at = |ms: u64| (begin + ms * 1_000_000).to_string();
    let resource = |service: &str| {
        json!({"attributes": [
            {"key": "service.name", "value": {"stringValue": service}},
            {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
            {"key": "hopline.test", "value": {"boolValue": true}}]})
    };
    let spans = |service: &str, spans: Vec<Value>| json!({"resource": resource(service), "scopeSpans": [{"scope": {"name": "hopline.test"}, "spans": spans}]});
    let one = |n: usize, parent: Option<usize>, name: &str, kind: u8, from: u64, to: u64| {
        json!({"traceId": trace_id, "spanId": span(n), "parentSpanId": parent.map(span).unwrap_or_default(), "name": name, "kind": kind,
            "startTimeUnixNano": at(from), "endTimeUnixNano": at(to),
            "attributes": [{"key": "http.request.method", "value": {"stringValue": "POST"}}]})
    };
    let traces = json!({"resourceSpans": [
        spans("test-web", vec![one(0, None, "POST /checkout", 2, 0, 120), one(3, Some(0), "POST", 3, 8, 112)]),
        spans("test-checkout", vec![one(1, Some(3), "POST /orders", 2, 14, 108), one(4, Some(1), "POST", 3, 30, 100)]),
        spans("test-payment", vec![one(2, Some(4), "POST /charge", 2, 36, 96)])]});
    let logs = json!({"resourceLogs": [{"resource": resource("test-payment"), "scopeLogs": [{"scope": {"name": "hopline.test"}, "logRecords": [
        {"timeUnixNano": at(70), "observedTimeUnixNano": at(70), "severityNumber": 9, "severityText": "INFO",
         "body": {"stringValue": "test charge accepted: this record belongs to the span around it"}, "traceId": trace_id, "spanId": span(2)}]}]}]});
    Made { trace_id, traces, logs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn five_spans_with_ids_of_their_own() {
        let mut ids = [0; 40];
        ids.iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8 + 1);
        let made = make(&ids, 1_700_000_000_000_000_000);
        let spans: Vec<&Value> = made.traces["resourceSpans"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["scopeSpans"][0]["spans"].as_array().into_iter().flatten())
            .collect();
        let known: HashSet<&str> = spans.iter().filter_map(|span| span["spanId"].as_str()).collect();
        assert_eq!((spans.len(), known.len()), (5, 5));
        assert!(known.iter().all(|id| id.len() == 16));
        assert!(spans.iter().all(|span| span["parentSpanId"] == "" || known.contains(span["parentSpanId"].as_str().unwrap_or_default())));
    }
}
