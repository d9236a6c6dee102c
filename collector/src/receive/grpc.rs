//! OTLP/gRPC: one length-prefixed message in, one out, the status in the trailers. Health and reflection are tonic's.
//!
//! ```text
//! ┌────────────┬──────────────────┬─────────┐
//! │ compressed │ length           │ message │   flag 0 or 1; big-endian u32
//! │ 1 B        │ 4 B              │         │
//! └────────────┴──────────────────┴─────────┘
//! ```
//! Broken: shorter than 5 bytes or than it says, a flag over 1, a flag of 1 without `grpc-encoding`, more than one message:
//! `INVALID_ARGUMENT`. Longer than the limit: `RESOURCE_EXHAUSTED` without a retry hint (tonic's own limit answers `OUT_OF_RANGE`,
//! which clients retry for ever).

use super::limits;
use super::reply::{Encoding, grpc_refusal, grpc_success};
use super::{BoxError, Confirming, Connection, GRPC, Kind, Refusal, ReplyBody, Shared};
use crate::decode::compression::Compression;
use crate::write;
use bytes::{Buf, Bytes};
use hopline_model::Signal;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use tower::ServiceExt;
use tower::util::BoxCloneService;

/// Flag and length.
const PREFIX_BYTES: usize = 5;

/// What opentelemetry-proto 1.x describes of itself (Apache-2.0), for reflection.
const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");

const EXPORTS: [(&str, Signal); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Spans),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
];

type Boxed = BoxCloneService<Request<tonic::body::Body>, Response<tonic::body::Body>, std::convert::Infallible>;

/// The services that are not ours to write.
pub(super) struct Services {
    /// By the start of the path.
    services: [(&'static str, parking_lot::Mutex<Boxed>); 3],
}

impl Services {
    pub(super) fn new() -> Result<Self, String> {
        let (reporter, health) = tonic_health::server::health_reporter();
        // Setting a status only takes a lock nobody else has: it is ready at once.
        let set = async {
            for (path, _) in EXPORTS {
                let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
                reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
            }
        };
        futures::FutureExt::now_or_never(set).ok_or("cannot set the health of the gRPC services")?;
        let reflection = || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
        let v1 = reflection().build_v1().map_err(|error| format!("cannot build gRPC reflection: {error}"))?;
        let v1alpha = reflection().build_v1alpha().map_err(|error| format!("cannot build gRPC reflection: {error}"))?;
        let services = [
            ("/grpc.health.v1.Health/", BoxCloneService::new(health)),
            ("/grpc.reflection.v1.", BoxCloneService::new(v1)),
            ("/grpc.reflection.v1alpha.", BoxCloneService::new(v1alpha)),
        ];
        Ok(Self { services: services.map(|(path, service)| (path, parking_lot::Mutex::new(service))) })
    }

    fn find(&self, path: &str) -> Option<Boxed> {
        self.services.iter().find(|(start, _)| path.starts_with(start)).map(|(_, service)| service.lock().clone())
    }
}

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    value.len() >= 16 && value[..16].eq_ignore_ascii_case(b"application/grpc") && matches!(value.get(16), None | Some(b'+' | b';'))
}

pub(super) async fn answer(shared: &Arc<Shared>, connection: &Arc<Connection>, request: Request<Incoming>) -> Response<ReplyBody> {
    let path = request.uri().path();
    if let Some(service) = shared.services.find(path) {
        let Ok(response) = service.oneshot(request.map(tonic::body::Body::new)).await;
        return response.map(|body| ReplyBody::new(body.map_err(|status| -> BoxError { Box::new(status) })));
    }
    let (head, mut body) = request.into_parts();
    match export(shared, connection, &head, &mut body).await {
        Ok(reply) => reply,
        Err(refusal) => {
            super::leave(connection, &head, &mut body, &refusal).await;
            shared.refused(connection, head.headers.get(header::USER_AGENT), GRPC, &refusal);
            grpc_refusal(&refusal)
        }
    }
}

async fn export(shared: &Arc<Shared>, connection: &Arc<Connection>, head: &Parts, body: &mut Incoming) -> Result<Response<ReplyBody>, Refusal> {
    let path = head.uri.path();
    let Some((_, signal)) = EXPORTS.into_iter().find(|(known, _)| *known == path) else {
        return Err(Refusal::new(Kind::NotFound, format!("{path} is not served: traces, logs and metrics are")));
    };
    if head.method != Method::POST {
        return Err(Refusal::new(Kind::Method, "gRPC calls are POST requests"));
    }
    let sender = shared.sender(connection, &head.headers, GRPC)?;
    let name = head.headers.get("grpc-encoding").map_or(Some(""), |value| value.to_str().ok());
    let compression = name
        .and_then(Compression::parse)
        .ok_or_else(|| Refusal::new(Kind::Encoding, format!("grpc-encoding {:?} is not known: use gzip, zstd or identity", name.unwrap_or("?"))))?;
    let (mut body, permit) = limits::read(shared, &sender, body, compression != Compression::Identity, PREFIX_BYTES).await?;
    let (message, compressed) = message(&mut body, shared.config.body_bytes_max)?;
    let compression = match (compressed, compression) {
        (false, _) => Compression::Identity,
        (true, Compression::Identity) => {
            return Err(Refusal::new(Kind::Invalid, "the message is marked compressed and grpc-encoding does not say how"));
        }
        (true, compression) => compression,
    };
    let (outcome, confirm) = write::write(shared, &sender, signal, Encoding::Protobuf, compression, message, permit).await?;
    let reply = grpc_success(&outcome, shared.config.response_bytes_max);
    Ok(match confirm {
        Some(confirm) => Confirming::wrap(reply, confirm),
        None => reply,
    })
}

/// The one message of a unary call, and whether it is compressed.
fn message(body: &mut Bytes, limit: usize) -> Result<(Bytes, bool), Refusal> {
    let invalid = |words: &str| Refusal::new(Kind::Invalid, words);
    if body.len() < PREFIX_BYTES {
        return Err(invalid("the call has no message"));
    }
    let flag = body.get_u8();
    let length = body.get_u32() as usize;
    if length > limit {
        return Err(limits::too_large(limit));
    }
    if flag > 1 {
        return Err(invalid("the message's compressed flag is neither 0 nor 1"));
    }
    if body.len() < length {
        return Err(invalid("the message is shorter than it says"));
    }
    if body.len() > length {
        return Err(invalid("an export call has one message, not more"));
    }
    Ok((body.split_to(length), flag == 1))
}
