//! Calls between services, with W3C trace context, over sockets or (for history) in process through the same routers.
//!
//! | file | what |
//! |---|---|
//! | `http` | JSON over HTTP, server and client side |
//! | `grpc` | unary gRPC, server and client side |

pub(crate) mod grpc;
pub(crate) mod http;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One instance that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) via: Via,
}

#[derive(Clone, Debug)]
pub(crate) enum Via {
    Socket,
    InProcess(axum::Router),
}

/// The instances of one service, called in turn.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) peers: Vec<Peer>,
    next: AtomicUsize,
}

impl Peers {
    pub(crate) fn new(peers: Vec<Peer>) -> Self {
        Self { peers, next: AtomicUsize::new(0) }
    }

    pub(crate) fn pick(&self) -> &Peer {
        &self.peers[self.next.fetch_add(1, Ordering::Relaxed) % self.peers.len()]
    }
}

/// A failed call or request: the status, its type and words.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

pub(crate) fn failure(status: u16, kind: &'static str, message: impl Into<String>) -> Failure {
    Failure { status, kind, message: message.into() }
}

pub(crate) fn inject(context: &Context, headers: &mut axum::http::HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut Carrier(headers));
}

pub(crate) fn extract(headers: &axum::http::HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}

struct Carrier<'a>(&'a mut axum::http::HeaderMap);

impl Injector for Carrier<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (axum::http::HeaderName::try_from(key), axum::http::HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct Headers<'a>(&'a axum::http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
