//! How answers look: lists, formats by `Accept`, errors as problem JSON (RFC 9457).

use super::json::Object;
use crate::error::Error;
use crate::run::Question;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hopline_storage::scan::ScanStats;

/// What a client asked for in `Accept`; JSON when it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Ndjson,
    Csv,
    ArrowStream,
    Parquet,
    Protobuf,
}

impl Format {
    /// The first format of `Accept` that is known; weights are not looked at, as clients list the wanted one first.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = |part: &str| match part.split(';').next().unwrap_or_default().trim() {
            "application/json" | "*/*" | "application/*" | "text/html" => Some(Self::Json),
            "application/x-ndjson" | "application/jsonl" => Some(Self::Ndjson),
            "text/csv" => Some(Self::Csv),
            "application/vnd.apache.arrow.stream" => Some(Self::ArrowStream),
            "application/vnd.apache.parquet" => Some(Self::Parquet),
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            _ => None,
        };
        accept.split(',').find_map(known).unwrap_or(Self::Json)
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Protobuf => "application/x-protobuf",
        }
    }
}

/// Bytes in a format, with whether they are all there.
pub(crate) fn body(format: Format, complete: bool, bytes: impl Into<Body>) -> Response {
    let mut response = Response::new(bytes.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response.headers_mut().insert("x-hopline-complete", HeaderValue::from_static(if complete { "true" } else { "false" }));
    response
}

pub(crate) fn json(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// How many there are in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) value: u64,
    pub(crate) exact: bool,
}

/// A page of items, each one JSON object as text.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) items: Vec<String>,
    pub(crate) cursor: Option<String>,
    pub(crate) total: Option<Total>,
    pub(crate) complete: bool,
    pub(crate) warnings: Vec<String>,
    /// What its scans cost, of those that were noted; shown with `explain=true`.
    pub(crate) stats: ScanStats,
    /// More fields of the answer: name and JSON.
    pub(crate) more: Vec<(&'static str, String)>,
}

impl List {
    /// Takes what a scan says of itself: damage makes the answer incomplete.
    pub(crate) fn note(&mut self, stats: &ScanStats) {
        self.stats.add(stats.clone());
        if !stats.damaged.is_empty() {
            self.complete = false;
            for words in &stats.damaged {
                if !self.warnings.contains(words) {
                    self.warnings.push(words.clone());
                }
            }
        }
    }

    pub(crate) fn reply(self, format: Format) -> Response {
        match format {
            Format::Ndjson => {
                let mut text = String::with_capacity(self.items.iter().map(|item| item.len() + 1).sum());
                for item in &self.items {
                    text.push_str(item);
                    text.push('\n');
                }
                with_cursor(body(format, self.complete, text), self.cursor.as_deref())
            }
            Format::Csv => with_cursor(body(format, self.complete, super::json::csv(&self.items)), self.cursor.as_deref()),
            Format::Json => json(self.text()),
            _ => not_acceptable(format),
        }
    }

    fn text(&self) -> String {
        let mut out = String::with_capacity(self.items.iter().map(|item| item.len() + 1).sum::<usize>() + 256);
        let mut object = Object::new(&mut out);
        object.raw("items", &array(&self.items));
        if let Some(cursor) = &self.cursor {
            object.text("cursor", cursor);
        } else {
            object.raw("cursor", "null");
        }
        if let Some(total) = self.total {
            object.raw("total", &total_json(total));
        }
        for (name, json) in &self.more {
            object.raw(name, json);
        }
        object.bool("complete", self.complete);
        object.raw("warnings", &strings(&self.warnings));
        explain(&mut object, &self.stats);
        object.end();
        out
    }
}

pub(crate) fn total_json(total: Total) -> String {
    format!("{{\"value\":{},\"relation\":\"{}\"}}", total.value, if total.exact { "eq" } else { "gte" })
}

/// Adds `stats` where the question asks for them: what was pruned and read, and how long each step took.
pub(crate) fn explain(object: &mut Object<'_>, stats: &ScanStats) {
    if let Some(question) = crate::run::question().filter(|question| question.explain) {
        object.raw("stats", &stats_json(stats, &question));
    }
}

pub(crate) fn stats_json(stats: &ScanStats, question: &Question) -> String {
    let mut out = String::with_capacity(320);
    let mut object = Object::new(&mut out);
    object.uint("blocks", stats.blocks);
    object.uint("blocks_pruned", stats.blocks_pruned);
    object.uint("rows_scanned", stats.rows_scanned);
    object.uint("rows_matched", stats.rows_matched);
    object.uint("bytes_read", stats.bytes_read);
    object.uint("elapsed_nano", question.began.elapsed().as_nanos() as u64);
    let steps: Vec<String> = question
        .cancel
        .progress()
        .steps()
        .iter()
        .map(|(name, took)| {
            let mut out = String::new();
            let mut object = Object::new(&mut out);
            object.text("name", name);
            object.uint("nano", took.as_nanos() as u64);
            object.end();
            out
        })
        .collect();
    object.raw("steps", &array(&steps));
    object.end();
    out
}

pub(crate) fn array(items: &[String]) -> String {
    let mut out = String::with_capacity(items.iter().map(|item| item.len() + 1).sum::<usize>() + 2);
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(item);
    }
    out.push(']');
    out
}

pub(crate) fn strings(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_else(|_| "[]".into())
}

fn with_cursor(mut response: Response, cursor: Option<&str>) -> Response {
    if let Some(value) = cursor.and_then(|cursor| HeaderValue::from_str(cursor).ok()) {
        response.headers_mut().insert("x-hopline-cursor", value);
    }
    response
}

pub(crate) fn not_acceptable(format: Format) -> Response {
    let detail = format!("this endpoint does not answer in {}: ask for application/json, application/x-ndjson or text/csv", format.content_type());
    (StatusCode::NOT_ACCEPTABLE, problem(406, "no such format here", &detail, None)).into_response()
}

/// The body of an error and its content type.
pub(crate) fn problem(status: u16, title: &str, detail: &str, place: Option<(usize, usize, &str)>) -> impl IntoResponse + use<> {
    let mut value = serde_json::json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
    if let Some((position, length, expected)) = place {
        value["position"] = position.into();
        value["length"] = length.into();
        value["expected"] = expected.into();
    }
    ([(header::CONTENT_TYPE, "application/problem+json")], value.to_string())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(error = %self, "a question failed");
        }
        let place = match &self {
            Self::Syntax { position, length, expected, .. } => Some((*position, *length, expected.as_str())),
            _ => None,
        };
        let mut response = (status, problem(status.as_u16(), self.title(), &self.to_string(), place)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
