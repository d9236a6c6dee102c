//! The API as the commands ask it: one GET or POST, an error in words.

use crate::cli::{Ask, Range};
use crate::print::{note, value};
use crate::progress::Progress;
use anyhow::{Context, Result, anyhow};
use reqwest::blocking::{RequestBuilder, Response};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::time::Duration;

/// A stream ends when either side wants it to.
const STREAM_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 86_400);

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::blocking::Client,
    ask: Ask,
}

/// Parameters of a question, empty ones left out.
#[derive(Default)]
pub(crate) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    pub(crate) fn set(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.0.push((name, value.to_string()));
        }
        self
    }

    pub(crate) fn range(self, range: &Range) -> Self {
        self.set("from", range.from.as_ref()).set("to", range.to.as_ref()).set("limit", range.limit).set("cursor", range.cursor.as_ref())
    }
}

impl Client {
    pub(crate) fn new(ask: &Ask) -> Result<Self> {
        let http = reqwest::blocking::Client::builder()
            .timeout(Duration::from_secs(ask.timeout.max(1)))
            .user_agent(concat!("hopline/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("cannot set up the HTTP client")?;
        let mut ask = ask.clone();
        if !ask.endpoint.contains("://") {
            ask.endpoint = format!("http://{}", ask.endpoint);
        }
        ask.endpoint.truncate(ask.endpoint.trim_end_matches('/').len());
        Ok(Self { http, ask })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.ask.endpoint
    }

    /// The JSON answer to `path`.
    pub(crate) fn get(&self, path: &str, parameters: &Parameters) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.ask.endpoint)).query(&parameters.0).header("accept", "application/json");
        self.answered(request)
    }

    /// The answer to a question that may take long: how far it is is shown meanwhile.
    fn answered(&self, request: RequestBuilder) -> Result<Value> {
        let id = query_id();
        let shown = {
            let (client, id) = (self.clone(), id.clone());
            Progress::show(move || client.find(&format!("/api/v1/queries/{id}"), &Parameters::default()).ok().flatten())
        };
        let request = request.query(&[("query_id", &id)]);
        let request = if self.ask.explain { request.query(&[("explain", "true")]) } else { request };
        let answer = json(self.send(request)?);
        drop(shown);
        let answer = answer?;
        if self.ask.explain
            && let Some(stats) = answer.get("stats")
        {
            note(&explained(stats));
        }
        Ok(answer)
    }

    /// The JSON answer to `path`; `None` where there is nothing of that name (yet).
    pub(crate) fn find(&self, path: &str, parameters: &Parameters) -> Result<Option<Value>> {
        let request = self.http.get(format!("{}{path}", self.ask.endpoint)).query(&parameters.0).header("accept", "application/json");
        let response = self.asked(request)?;
        if response.status().as_u16() == 404 {
            return Ok(None);
        }
        Ok(Some(json(good(response)?)?))
    }

    /// Server-sent events of `path`, one after the other for as long as the server sends; `each` says whether to go on.
    pub(crate) fn events(&self, path: &str, parameters: &Parameters, mut each: impl FnMut(&str, &str) -> Result<bool>) -> Result<()> {
        let request = self.http.get(format!("{}{path}", self.ask.endpoint)).query(&parameters.0).header("accept", "text/event-stream");
        let response = self.send(request.timeout(STREAM_TIMEOUT))?;
        let (mut event, mut data) = (String::new(), String::new());
        for line in BufReader::new(response).lines() {
            let line = line.map_err(|error| anyhow!("{} closed the stream: {error}", self.ask.endpoint))?;
            if line.is_empty() {
                if !data.is_empty() && !each(&event, &data)? {
                    return Ok(());
                }
                event.clear();
                data.clear();
            } else if let Some(name) = line.strip_prefix("event:") {
                event = name.trim().to_owned();
            } else if let Some(text) = line.strip_prefix("data:") {
                data.push_str(text.strip_prefix(' ').unwrap_or(text));
            }
        }
        Err(anyhow!("{} closed the stream", self.ask.endpoint))
    }

    /// Lines of `path` as they come, to the end of the answer.
    pub(crate) fn lines(&self, path: &str, parameters: &Parameters, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let request = self.http.get(format!("{}{path}", self.ask.endpoint)).query(&parameters.0).header("accept", "application/x-ndjson");
        let response = self.send(request.timeout(STREAM_TIMEOUT))?;
        for line in BufReader::new(response).lines() {
            let line = line.map_err(|error| anyhow!("the answer of {} broke off: {error}", self.ask.endpoint))?;
            each(&line)?;
        }
        Ok(())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.post(format!("{}{path}", self.ask.endpoint)).json(body).header("accept", "application/json");
        self.answered(request)
    }

    fn send(&self, request: RequestBuilder) -> Result<Response> {
        good(self.asked(request)?)
    }

    /// Whatever the status.
    fn asked(&self, mut request: RequestBuilder) -> Result<Response> {
        if let Some(token) = &self.ask.token {
            request = request.bearer_auth(token);
        }
        if let Some(tenant) = &self.ask.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        request.send().map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let endpoint = &self.ask.endpoint;
        if error.is_timeout() {
            return anyhow!("{endpoint} did not answer within {} s: ask for less, or give it longer with --timeout", self.ask.timeout);
        }
        if error.is_connect() {
            return anyhow!("nothing answers at {endpoint}: start it with `hopline serve`, or name another with --endpoint or HOPLINE_ENDPOINT");
        }
        // The innermost cause says it; the outer ones repeat the URL.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        anyhow!("cannot ask {endpoint}: {cause}")
    }
}

/// A name for a question that nobody else gives to theirs.
fn query_id() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("cli-{}-{:x}", std::process::id(), since.as_nanos() as u64)
}

/// `stats` of an answer in a few lines.
fn explained(stats: &Value) -> String {
    let number = |of: &Value, name: &str| of.get(name).and_then(value::integer).unwrap_or(0);
    let (blocks, pruned) = (number(stats, "blocks"), number(stats, "blocks_pruned"));
    let mut lines = vec![format!(
        "{blocks} blocks, {pruned} left out unread; {} rows looked at, {} match; {} read in {}",
        number(stats, "rows_scanned"),
        number(stats, "rows_matched"),
        value::bytes(number(stats, "bytes_read").unsigned_abs()),
        value::duration(number(stats, "elapsed_nano")),
    )];
    for step in stats.get("steps").and_then(Value::as_array).into_iter().flatten() {
        let name = step.get("name").map(value::plain).unwrap_or_default();
        lines.push(format!("  {:>9}  {name}", value::duration(number(step, "nano"))));
    }
    lines.join("\n")
}

/// A refusal is an error in words.
fn good(response: Response) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = response.text().unwrap_or_default();
    Err(anyhow!("{}", problem(status.as_u16(), &body)))
}

fn json(response: Response) -> Result<Value> {
    let text = response.text().context("the answer broke off")?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).context("the answer is not JSON: is --endpoint a Hopline server?")
}

/// Problem JSON (RFC 9457) as one message; anything else as it came.
fn problem(status: u16, body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let field = |name: &str| parsed.as_ref().and_then(|value| value.get(name)).and_then(Value::as_str).unwrap_or_default().to_string();
    let (title, detail) = (field("title"), field("detail"));
    let said = match (title.is_empty(), detail.is_empty()) {
        (_, false) => detail,
        (false, true) => title,
        (true, true) => body.chars().take(300).collect::<String>().trim().to_string(),
    };
    match status {
        401 => format!("{said}\ngive the token with --token or HOPLINE_TOKEN"),
        _ if said.is_empty() => format!("the server answered {status}"),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_in_words() {
        let stats = serde_json::json!({"blocks": 12, "blocks_pruned": 9, "rows_scanned": 70_000, "rows_matched": 5, "bytes_read": 2048,
            "elapsed_nano": 1_500_000, "steps": [{"name": "read rows", "nano": 1_200_000}]});
        assert_eq!(explained(&stats), "12 blocks, 9 left out unread; 70000 rows looked at, 5 match; 2.0 KiB read in 1.50 ms\n    1.20 ms  read rows");
    }

    #[test]
    fn problems_in_words() {
        let cases = [
            (400, r#"{"title":"bad query","detail":"at 3: expected a value"}"#, "at 3: expected a value"),
            (404, r#"{"title":"no such trace"}"#, "no such trace"),
            (502, "bad gateway", "bad gateway"),
            (500, "", "the server answered 500"),
        ];
        for (status, body, expect) in cases {
            assert_eq!(problem(status, body), expect);
        }
        assert!(problem(401, "{}").contains("HOPLINE_TOKEN"));
    }
}
