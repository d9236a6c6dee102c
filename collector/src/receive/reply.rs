//! Kind of trouble → status code, one table; and answers in the request's encoding.
//!
//! A passing fault is always retryable for the client: 429 or 503 with `Retry-After`, `UNAVAILABLE` with `RetryInfo`.
//! A lasting one never is.

use super::{BoxError, ReplyBody};
use base64::Engine;
use bytes::{BufMut, Bytes, BytesMut};
use hopline_model::Signal;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use prost::Message;
use std::time::Duration;

/// What was wrong, as far as the client is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invalid,
    TooLarge,
    Unauthenticated,
    Forbidden,
    NotFound,
    Method,
    MediaType,
    Encoding,
    /// Too much at once.
    Overloaded,
    /// Storage cannot take it now.
    Unavailable,
    /// The body did not arrive in time.
    Slow,
    Internal,
}

impl Kind {
    pub(crate) const ALL: [Self; 12] = [
        Self::Invalid,
        Self::TooLarge,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::MediaType,
        Self::Encoding,
        Self::Overloaded,
        Self::Unavailable,
        Self::Slow,
        Self::Internal,
    ];

    /// The table: name, HTTP status, gRPC code.
    fn row(self) -> (&'static str, StatusCode, i32) {
        match self {
            Self::Invalid => ("invalid", StatusCode::BAD_REQUEST, 3),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, 8),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, 16),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, 7),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, 12),
            Self::Method => ("method", StatusCode::METHOD_NOT_ALLOWED, 12),
            Self::MediaType => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, 3),
            Self::Encoding => ("content_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE, 12),
            Self::Overloaded => ("overloaded", StatusCode::TOO_MANY_REQUESTS, 14),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, 14),
            Self::Slow => ("slow", StatusCode::SERVICE_UNAVAILABLE, 14),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, 13),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }

    pub(crate) fn http(self) -> StatusCode {
        self.row().1
    }

    pub(crate) fn grpc(self) -> i32 {
        self.row().2
    }
}

/// A request that was not taken, with the words for the client.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// Set for passing trouble alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let retry_after = matches!(kind, Kind::Overloaded | Kind::Unavailable | Kind::Slow).then(|| crate::admit::hint(0));
        Self { kind, message: message.into(), retry_after }
    }

    /// Trouble in storage is never the client's fault, except rows that break the schema.
    pub(crate) fn storage(error: &hopline_storage::Error) -> Self {
        use hopline_storage::Kind as Storage;
        match error.kind() {
            Storage::Invalid => Self::new(Kind::Invalid, error.to_string()),
            Storage::Retry | Storage::Full | Storage::Closed | Storage::Limit => Self::new(Kind::Unavailable, error.to_string()),
            // The words of a fault stay in the log; the data is fine and may be sent again.
            Storage::Corrupt | Storage::Internal => {
                tracing::error!(%error, "storage failed");
                Self::new(Kind::Unavailable, "storage failed: see the server's log")
            }
        }
    }
}

impl From<crate::admit::Overloaded> for Refusal {
    fn from(overloaded: crate::admit::Overloaded) -> Self {
        Self { kind: Kind::Overloaded, message: "too much at once: send this again later".into(), retry_after: Some(overloaded.retry_after) }
    }
}

/// How an OTLP/HTTP body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// `partial_success` of an answer; unset when all went well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) rejected: u64,
    pub(crate) message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<prost_types::Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(crate) retry_delay: Option<prost_types::Duration>,
}

/// `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) field_violations: Vec<FieldViolation>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FieldViolation {
    #[prost(string, tag = "1")]
    pub(crate) field: String,
    #[prost(string, tag = "2")]
    pub(crate) description: String,
}

/// The three `Export*PartialSuccess` and their responses have the same numbers.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected: i64,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

fn status(refusal: &Refusal) -> Status {
    let mut details = Vec::new();
    if let Some(delay) = refusal.retry_after {
        let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: delay.as_secs() as i64, nanos: delay.subsec_nanos() as i32 }) };
        details.push(prost_types::Any { type_url: RETRY_INFO.into(), value: info.encode_to_vec() });
    }
    if refusal.kind == Kind::Invalid {
        let violation = FieldViolation { field: "body".into(), description: refusal.message.clone() };
        details.push(prost_types::Any { type_url: BAD_REQUEST.into(), value: BadRequest { field_violations: vec![violation] }.encode_to_vec() });
    }
    Status { code: refusal.kind.grpc(), message: refusal.message.clone(), details }
}

fn export_response(outcome: &Outcome, bytes_max: usize) -> ExportResponse {
    let partial_success = (*outcome != Outcome::default()).then(|| {
        let mut message = outcome.message.as_str();
        // Room for the count and the frames around it.
        let room = bytes_max.saturating_sub(64);
        if message.len() > room {
            let cut = (0..=room).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message = &message[..cut];
        }
        PartialSuccess { rejected: outcome.rejected as i64, error_message: message.to_owned() }
    });
    ExportResponse { partial_success }
}

fn full(bytes: impl Into<Bytes>) -> ReplyBody {
    ReplyBody::new(Full::new(bytes.into()).map_err(|never| match never {}))
}

pub(crate) fn http_success(signal: Signal, outcome: &Outcome, encoding: Encoding, bytes_max: usize) -> Response<ReplyBody> {
    let response = export_response(outcome, bytes_max);
    let body = match encoding {
        Encoding::Protobuf => response.encode_to_vec(),
        Encoding::Json => match response.partial_success {
            None => b"{}".to_vec(),
            Some(partial) => {
                let counted = match signal {
                    Signal::Spans => "rejectedSpans",
                    Signal::Logs => "rejectedLogRecords",
                    Signal::Metrics => "rejectedDataPoints",
                };
                let mut fields = serde_json::Map::new();
                if partial.rejected != 0 {
                    fields.insert(counted.into(), partial.rejected.to_string().into());
                }
                fields.insert("errorMessage".into(), partial.error_message.into());
                serde_json::json!({"partialSuccess": fields}).to_string().into_bytes()
            }
        },
    };
    let mut reply = Response::new(full(body));
    reply.headers_mut().insert(header::CONTENT_TYPE, encoding.content_type());
    reply
}

pub(crate) fn http_refusal(refusal: &Refusal, encoding: Encoding) -> Response<ReplyBody> {
    let body = match encoding {
        Encoding::Protobuf => status(refusal).encode_to_vec(),
        Encoding::Json => {
            let mut details = Vec::new();
            if let Some(delay) = refusal.retry_after {
                details.push(serde_json::json!({"@type": RETRY_INFO, "retryDelay": format!("{}.{:03}s", delay.as_secs(), delay.subsec_millis())}));
            }
            if refusal.kind == Kind::Invalid {
                details.push(serde_json::json!({"@type": BAD_REQUEST, "fieldViolations": [{"field": "body", "description": refusal.message}]}));
            }
            serde_json::json!({"code": refusal.kind.grpc(), "message": refusal.message, "details": details}).to_string().into_bytes()
        }
    };
    let mut reply = Response::new(full(body));
    *reply.status_mut() = refusal.kind.http();
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, encoding.content_type());
    if let Some(delay) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_millis().div_ceil(1000).max(1) as u64));
    }
    match refusal.kind {
        Kind::Unauthenticated => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        Kind::Method => drop(headers.insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"))),
        Kind::Encoding => drop(headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, deflate, identity"))),
        // The rest of the body is not read: the connection cannot be used again.
        Kind::TooLarge | Kind::Slow => drop(headers.insert(header::CONNECTION, HeaderValue::from_static("close"))),
        _ => {}
    }
    reply
}

pub(crate) fn grpc_success(outcome: &Outcome, bytes_max: usize) -> Response<ReplyBody> {
    let response = export_response(outcome, bytes_max);
    let length = response.encoded_len();
    let mut frame = BytesMut::with_capacity(5 + length);
    frame.put_u8(0);
    frame.put_u32(length as u32);
    // A BytesMut grows: there is always room.
    let _ = response.encode(&mut frame);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(frame.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut reply = Response::new(ReplyBody::new(body.map_err(|never| -> BoxError { match never {} })));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    reply
}

pub(crate) fn grpc_refusal(refusal: &Refusal) -> Response<ReplyBody> {
    let mut reply = Response::new(full(Bytes::new()));
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(refusal.kind.grpc()));
    // Headers have little room; the message is whole in the details unless that is long too.
    let short: String = refusal.message.chars().take(500).collect();
    if let Ok(value) = HeaderValue::from_str(&percent(&short)) {
        headers.insert("grpc-message", value);
    }
    let details = status(&Refusal { message: short, ..refusal.clone() }).encode_to_vec();
    if let Ok(value) = HeaderValue::from_str(&base64::engine::general_purpose::STANDARD_NO_PAD.encode(details)) {
        headers.insert("grpc-status-details-bin", value);
    }
    if refusal.kind == Kind::Encoding {
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip,zstd"));
    }
    reply
}

/// gRPC's percent-encoding of `grpc-message`.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// O14: no lasting fault is retryable, no passing one is not, on both transports.
    #[test]
    fn o14_kinds_and_codes() {
        for kind in Kind::ALL {
            let refusal = Refusal::new(kind, "words");
            let passing = matches!(kind, Kind::Overloaded | Kind::Unavailable | Kind::Slow);
            assert_eq!(refusal.retry_after.is_some(), passing);
            assert_eq!([429, 502, 503, 504].contains(&kind.http().as_u16()), passing, "{kind:?}");
            assert_eq!([1, 4, 10, 11, 14, 15].contains(&kind.grpc()), passing, "{kind:?}");
        }
    }

    /// O4: a long message is cut, the count stays.
    #[test]
    fn o04_answers_are_short() {
        let outcome = Outcome { rejected: 7, message: "é".repeat(10_000) };
        let response = export_response(&outcome, 1_000);
        assert!(response.encoded_len() <= 1_000);
        assert_eq!(response.partial_success.map(|partial| partial.rejected), Some(7));
    }
}
