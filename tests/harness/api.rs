//! The API as tests ask it, and how an answer is compared with what was expected.

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;
use std::time::Duration;

#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    tenant: Option<String>,
    client: Client,
}

impl Api {
    pub(crate) fn new(base: &str) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        Self { base: base.to_string(), tenant: None, client }
    }

    pub(crate) fn tenant(mut self, name: &str) -> Self {
        self.tenant = Some(name.to_string());
        self
    }

    fn send(&self, mut request: RequestBuilder) -> (u16, Value) {
        if let Some(tenant) = &self.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        let response = request.send().expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Status and body; a body that is not JSON comes as text.
    pub(crate) fn ask(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(format!("{}{path}", self.base)))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path);
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body))
    }

    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        self.send(self.client.delete(format!("{}{path}", self.base)))
    }

    /// Spans of every trace, added up page by page.
    pub(crate) fn spans_stored(&self) -> u64 {
        self.pages("/api/v1/traces?from=0&limit=1000").iter().map(|trace| trace["span_count"].as_u64().expect("a count")).sum()
    }

    pub(crate) fn logs_stored(&self) -> u64 {
        let answer = self.get("/api/v1/logs?from=0&limit=1");
        assert_eq!(answer["total"]["relation"], "eq", "{answer}");
        answer["total"]["value"].as_u64().expect("a count")
    }

    /// The items of every page of a list.
    pub(crate) fn pages(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}"));
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Waits for the end of replay.
    pub(crate) fn wait_replayed(&self) {
        super::eventually(Duration::from_secs(60), || {
            let status = self.get("/api/v1/status");
            if status["storage"]["replayed"] == true { Ok(()) } else { Err(status.to_string()) }
        });
    }
}

/// Whether `seen` holds all of `wanted`: objects key by key, lists element by element, `"*"` anything that is not null.
/// Says where they differ first.
pub(crate) fn expect(wanted: &Value, seen: &Value, at: &str) -> Result<(), String> {
    match (wanted, seen) {
        (Value::String(any), seen) if any == "*" && !seen.is_null() => Ok(()),
        (Value::Object(wanted), Value::Object(seen)) => {
            wanted.iter().try_for_each(|(key, value)| expect(value, seen.get(key).unwrap_or(&Value::Null), &format!("{at}.{key}")))
        }
        (Value::Array(wanted), Value::Array(list)) => {
            if wanted.len() != list.len() {
                return Err(format!("{at}: expected {} elements, got {}: {seen}", wanted.len(), list.len()));
            }
            wanted.iter().zip(list).enumerate().try_for_each(|(place, (wanted, seen))| expect(wanted, seen, &format!("{at}[{place}]")))
        }
        (wanted, seen) if same(wanted, seen) => Ok(()),
        (wanted, seen) => Err(format!("{at}: expected {wanted}, got {seen}")),
    }
}

/// Equal, where an integer beyond 2^53 may stand as text and 1.0 is 1.
fn same(wanted: &Value, seen: &Value) -> bool {
    match (wanted, seen) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Number(a), Value::String(b)) => a.as_i64().is_some_and(|a| a.unsigned_abs() >= 1 << 53) && &a.to_string() == b,
        (a, b) => a == b,
    }
}
