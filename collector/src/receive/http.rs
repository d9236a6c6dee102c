//! OTLP/HTTP: `POST /v1/{traces,metrics,logs}`, protobuf or JSON, over HTTP/1.1 and HTTP/2.

use super::limits;
use super::reply::{Encoding, http_refusal, http_success};
use super::{Confirming, Connection, HTTP_JSON, HTTP_PROTOBUF, Kind, Refusal, ReplyBody, Shared};
use crate::decode::compression::Compression;
use crate::write;
use bytes::Bytes;
use hopline_model::Signal;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use std::sync::Arc;

pub(super) async fn answer(shared: &Arc<Shared>, connection: &Arc<Connection>, request: Request<Incoming>) -> Response<ReplyBody> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut reply = match preflight(shared, &request) {
        Some(reply) => reply,
        None => {
            let encoding = encoding(request.headers());
            let (head, mut body) = request.into_parts();
            match export(shared, connection, &head, &mut body, encoding).await {
                Ok(reply) => reply,
                Err(refusal) => {
                    super::leave(connection, &head, &mut body, &refusal).await;
                    shared.refused(connection, head.headers.get(header::USER_AGENT), transport(encoding.unwrap_or(Encoding::Json)), &refusal);
                    http_refusal(&refusal, encoding.unwrap_or(Encoding::Json))
                }
            }
        }
    };
    allow_origin(shared, origin, reply.headers_mut());
    reply
}

async fn export(
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    head: &Parts,
    body: &mut Incoming,
    encoding: Option<Encoding>,
) -> Result<Response<ReplyBody>, Refusal> {
    let path = head.uri.path();
    let signal = signal(&shared.config.base_path, path).ok_or_else(|| {
        Refusal::new(
            Kind::NotFound,
            format!("nothing is served at {path}: OTLP is at {0}/v1/traces, {0}/v1/metrics and {0}/v1/logs", shared.config.base_path),
        )
    })?;
    if head.method != Method::POST {
        return Err(Refusal::new(Kind::Method, format!("{} is not allowed: POST an export request", head.method)));
    }
    let encoding = encoding.ok_or_else(|| Refusal::new(Kind::MediaType, "the content type must be application/x-protobuf or application/json"))?;
    let sender = shared.sender(connection, &head.headers, transport(encoding))?;
    let compression = compression(&head.headers)?;
    let (bytes, permit) = limits::read(shared, &sender, body, compression != Compression::Identity, 0).await?;
    let (outcome, confirm) = write::write(shared, &sender, signal, encoding, compression, bytes, permit).await?;
    let reply = http_success(signal, &outcome, encoding, shared.config.response_bytes_max);
    Ok(match confirm {
        Some(confirm) => Confirming::wrap(reply, confirm),
        None => reply,
    })
}

fn transport(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Protobuf => HTTP_PROTOBUF,
        Encoding::Json => HTTP_JSON,
    }
}

/// A trailing slash is forgiven.
fn signal(base_path: &str, path: &str) -> Option<Signal> {
    let path = path.strip_prefix(base_path)?;
    match path.strip_suffix('/').unwrap_or(path) {
        "/v1/traces" => Some(Signal::Spans),
        "/v1/logs" => Some(Signal::Logs),
        "/v1/metrics" => Some(Signal::Metrics),
        _ => None,
    }
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or("").trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") || media_type.eq_ignore_ascii_case("application/protobuf") {
        Some(Encoding::Protobuf)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (values.next(), values.next());
    let name = first.map_or(Some(""), |value| value.to_str().ok());
    match (name.and_then(Compression::parse), second) {
        (Some(compression), None) => Ok(compression),
        _ => Err(Refusal::new(
            Kind::Encoding,
            format!("content encoding {:?} is not known: use one of gzip, zstd, deflate or none", name.unwrap_or("?")),
        )),
    }
}

/// The question a browser asks before it sends.
fn preflight(shared: &Shared, request: &Request<Incoming>) -> Option<Response<ReplyBody>> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(header::ORIGIN) || shared.config.cors_origins.is_empty() {
        return None;
    }
    let mut reply = Response::new(ReplyBody::new(Empty::<Bytes>::new().map_err(|never| match never {})));
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let out = reply.headers_mut();
    out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("content-type, content-encoding, authorization")));
    out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    Some(reply)
}

/// Never with credentials: a token is sent by the page itself, a cookie is not looked at.
fn allow_origin(shared: &Shared, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    let Some(origin) = origin else { return };
    let known = shared.config.cors_origins.iter().any(|known| known == "*" || known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()));
    if known {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
}
