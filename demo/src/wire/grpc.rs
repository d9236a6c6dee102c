//! Unary gRPC, with the RPC semantic conventions on both sides. Messages are declared beside their services.

use super::{Failure, Peers, Via, extract, failure, inject};
use crate::telemetry::{Active, Service};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::future::BoxFuture;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

pub(crate) trait Message: prost::Message + Default + Clone + 'static {}
impl<M: prost::Message + Default + Clone + 'static> Message for M {}

type Handler<Q, A> = Arc<dyn Fn(Arc<Active>, Q) -> BoxFuture<'static, Result<A, Failure>> + Send + Sync>;

struct Method<Q, A> {
    service: Arc<Service>,
    /// `shop.Cart/Get`
    name: &'static str,
    handler: Handler<Q, A>,
}

impl<Q, A> Clone for Method<Q, A> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), name: self.name, handler: self.handler.clone() }
    }
}

/// Adds one method to a service: a SERVER span around the handler.
pub(crate) fn method<Q: Message, A: Message, F>(router: Router, service: &Arc<Service>, name: &'static str, handler: F) -> Router
where
    F: Fn(Arc<Active>, Q) -> BoxFuture<'static, Result<A, Failure>> + Send + Sync + 'static,
{
    let method: Method<Q, A> = Method { service: service.clone(), name, handler: Arc::new(handler) };
    router.route(&format!("/{name}"), axum::routing::post(serve::<Q, A>).with_state(method))
}

async fn serve<Q: Message, A: Message>(State(method): State<Method<Q, A>>, request: Request) -> Response {
    tonic::server::Grpc::new(ProstCodec::<A, Q>::default()).unary(method, request).await.map(Body::new)
}

impl<Q: Message, A: Message> tonic::server::UnaryService<Q> for Method<Q, A> {
    type Response = A;
    type Future = BoxFuture<'static, Result<tonic::Response<A>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let method = self.clone();
        Box::pin(async move {
            let (metadata, _, question) = request.into_parts();
            let parent = extract(&metadata.into_headers());
            let span = method.service.span(&parent, SpanKind::Server, method.name, convention(method.name));
            let reply = (method.handler)(span.clone(), question).await;
            let status = match &reply {
                Ok(_) => tonic::Code::Ok,
                Err(problem) => code(problem.status),
            };
            span.set("rpc.response.status_code", format!("{status:?}"));
            if let Err(problem) = &reply
                && problem.status >= 500
            {
                span.fail(problem.kind, &problem.message);
            }
            span.measure(false, &[KeyValue::new("rpc.method", method.name)]);
            span.end();
            reply.map(tonic::Response::new).map_err(|problem| tonic::Status::new(status, problem.message))
        })
    }
}

/// A call to one of the peers, as a CLIENT span.
pub(crate) async fn call<Q: Message, A: Message>(
    from: &Active,
    peers: &Peers,
    name: &'static str,
    path: &'static str,
    question: Q,
) -> Result<A, Failure> {
    let peer = peers.pick();
    let mut attributes = convention(name);
    attributes.push(KeyValue::new("server.address", peer.host.clone()));
    attributes.push(KeyValue::new("server.port", i64::from(peer.port)));
    let span = from.service.span(&from.context, SpanKind::Client, name, attributes);
    let mut headers = axum::http::HeaderMap::new();
    inject(&span.context, &mut headers);
    let request = tonic::Request::from_parts(tonic::metadata::MetadataMap::from_headers(headers), Default::default(), question);
    let path = axum::http::uri::PathAndQuery::from_static(path);
    let codec = ProstCodec::<Q, A>::default();
    let reply = match &peer.via {
        Via::Socket => match channel(peer.port) {
            Err(error) => Err(tonic::Status::unavailable(error.to_string())),
            Ok(channel) => {
                let mut client = tonic::client::Grpc::new(channel);
                match client.ready().await {
                    Ok(()) => client.unary(request, path, codec).await,
                    Err(error) => Err(tonic::Status::unavailable(error.to_string())),
                }
            }
        },
        Via::InProcess(router) => {
            let origin = axum::http::Uri::from_static("http://shop.local");
            tonic::client::Grpc::with_origin(router.clone(), origin).unary(request, path, codec).await
        }
    };
    let status = reply.as_ref().map_or_else(tonic::Status::code, |_| tonic::Code::Ok);
    span.set("rpc.response.status_code", format!("{status:?}"));
    if let Err(status) = &reply {
        span.fail(&format!("{:?}", status.code()), status.message());
    }
    span.measure(false, &[KeyValue::new("rpc.method", name)]);
    span.end();
    reply.map(tonic::Response::into_inner).map_err(|status| match status.code() {
        tonic::Code::NotFound => failure(404, "not_found", status.message()),
        tonic::Code::FailedPrecondition => failure(409, "conflict", status.message()),
        tonic::Code::Unavailable => failure(503, "unavailable", status.message()),
        _ => failure(500, "upstream_failed", status.message()),
    })
}

fn convention(name: &'static str) -> Vec<KeyValue> {
    vec![KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", name)]
}

fn code(status: u16) -> tonic::Code {
    match status {
        404 => tonic::Code::NotFound,
        409 => tonic::Code::FailedPrecondition,
        503 => tonic::Code::Unavailable,
        _ => tonic::Code::Internal,
    }
}

/// One channel per port, shared.
fn channel(port: u16) -> Result<Channel, tonic::transport::Error> {
    static CHANNELS: Mutex<Option<HashMap<u16, Channel>>> = Mutex::new(None);
    let mut channels = CHANNELS.lock().unwrap_or_else(PoisonError::into_inner);
    let channels = channels.get_or_insert_default();
    if let Some(channel) = channels.get(&port) {
        return Ok(channel.clone());
    }
    let channel = Channel::from_shared(format!("http://127.0.0.1:{port}")).map(|endpoint| endpoint.connect_lazy());
    let channel = channel.unwrap_or_else(|_| Channel::from_static("http://127.0.0.1:1").connect_lazy());
    channels.insert(port, channel.clone());
    Ok(channel)
}
