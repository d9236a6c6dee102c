//! The root span of a followed request: made here, exported over OTLP/HTTP when the command has ended.

use crate::cli::Follow;
use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The service that the root span names.
pub(crate) const SERVICE: &str = "hopline";
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// OTLP's span kinds.
pub(crate) const INTERNAL: u8 = 1;
pub(crate) const CLIENT: u8 = 3;

pub(crate) struct Root {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) name: String,
    pub(crate) kind: u8,
    start_nano: u128,
    end_nano: u128,
    /// What went wrong, in words.
    failure: Option<String>,
    attributes: Vec<(&'static str, Value)>,
}

impl Root {
    pub(crate) fn begin(name: String, kind: u8) -> Result<Self> {
        let mut ids = [0; 24];
        getrandom::fill(&mut ids).map_err(|error| anyhow!("no random ids: {error}"))?;
        // An id of zeros is none.
        ids[0] |= 1;
        ids[16] |= 1;
        let hex = hopline_model::ids::encode_hex;
        let start_nano = now_nano();
        let (trace_id, span_id) = (hex(&ids[..16]), hex(&ids[16..]));
        Ok(Self { trace_id, span_id, name, kind, start_nano, end_nano: start_nano, failure: None, attributes: Vec::new() })
    }

    /// W3C Trace Context, sampled.
    pub(crate) fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }

    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.attributes.push((key, value.into()));
    }

    pub(crate) fn end(&mut self, failure: Option<String>) {
        self.end_nano = now_nano().max(self.start_nano);
        self.failure = failure;
    }

    pub(crate) fn export(&self, arguments: &Follow) -> Result<()> {
        let endpoint = arguments.otlp_endpoint.trim_end_matches('/');
        let endpoint = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
        let client = reqwest::blocking::Client::builder().timeout(EXPORT_TIMEOUT).build().context("cannot set up the HTTP client")?;
        let mut request = client.post(format!("{endpoint}/v1/traces")).json(&self.body());
        if let Some(token) = &arguments.ask.token {
            request = request.bearer_auth(token);
        }
        if let Some(tenant) = &arguments.ask.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        let said = "its own root span could not be sent: name the OTLP/HTTP door with --otlp-endpoint";
        let response = request.send().with_context(|| format!("{said} (now {endpoint})"))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(anyhow!("{said} ({endpoint} answered {status}: {})", response.text().unwrap_or_default())),
        }
    }

    fn body(&self) -> Value {
        let attribute = |(key, value): &(&str, Value)| {
            let value = match value {
                Value::Number(number) => json!({"intValue": number.to_string()}),
                Value::Array(items) => json!({"arrayValue": {"values": items.iter().map(|item| json!({"stringValue": item})).collect::<Vec<_>>()}}),
                other => json!({"stringValue": other}),
            };
            json!({"key": key, "value": value})
        };
        let status = self.failure.as_ref().map_or_else(|| json!({}), |words| json!({"code": 2, "message": words}));
        json!({"resourceSpans": [{
            "resource": {"attributes": [attribute(&("service.name", SERVICE.into())), attribute(&("service.version", env!("CARGO_PKG_VERSION").into()))]},
            "scopeSpans": [{"scope": {"name": "hopline.follow"}, "spans": [{
                "traceId": self.trace_id, "spanId": self.span_id, "name": self.name, "kind": self.kind, "flags": 1,
                "startTimeUnixNano": self.start_nano.to_string(), "endTimeUnixNano": self.end_nano.to_string(),
                "attributes": self.attributes.iter().map(attribute).collect::<Vec<_>>(), "status": status}]}]}]})
    }
}

fn now_nano() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_of_its_own() {
        let mut root = Root::begin("run make".into(), INTERNAL).expect("random ids");
        root.set("process.exit.code", 2);
        root.end(Some("ended with 2".into()));
        let parent = root.traceparent();
        assert_eq!((parent.len(), &parent[..3], &parent[52..]), (55, "00-", "-01"));
        let body = root.body();
        let span = &body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!((&span["status"]["code"], &span["attributes"][0]["value"]["intValue"]), (&json!(2), &json!("2")));
        assert!(Root::begin(String::new(), CLIENT).expect("random ids").trace_id != root.trace_id);
    }
}
