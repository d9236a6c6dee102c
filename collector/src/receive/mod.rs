//! One request: who sends, how large, which encoding; and the answer, exact to the letter.
//!
//! Not here: what the bytes mean (`decode`), when they are durable (`write`).
//!
//! | file | what |
//! |---|---|
//! | `reply` | kind of trouble → status code, one table; bodies in the request's encoding |
//! | `limits` | a body is read and decompressed within its limits |
//! | `http` | OTLP/HTTP: paths, methods, content types, CORS |
//! | `grpc` | OTLP/gRPC: frames and trailers; health and reflection |

mod grpc;
mod http;
pub(crate) mod limits;
pub(crate) mod reply;

pub(crate) use reply::{Kind, Refusal};

use crate::admit::Admission;
use crate::cardinality::Cardinality;
use crate::config::Config;
use crate::passing::Unwanted;
use crate::process::Redactor;
use crate::status::{Counters, Exporter, Register, TRANSPORTS};
use crate::turns::Turns;
use ::http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use bytes::Bytes;
use futures::FutureExt;
use hopline_model::auth::{Auth, Denied, Scope};
use hopline_model::{Clock, Signal, TenantId};
use hopline_storage::Storage;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) storage: Arc<Storage>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) redactor: Redactor,
    pub(crate) admission: Arc<Admission>,
    pub(crate) cardinality: Cardinality,
    pub(crate) turns: Arc<Turns>,
    pub(crate) counters: Counters,
    pub(crate) register: Register,
    services: grpc::Services,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// One connection: where it comes from, and whose records came over it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// What of the bytes to come need not be read.
    pub(crate) unwanted: Arc<Unwanted>,
    /// The exporter seen last: a request that cannot be read is put down to it.
    pub(crate) exporter: parking_lot::Mutex<Option<Exporter>>,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr) -> Arc<Self> {
        Arc::new(Self { peer, unwanted: Arc::default(), exporter: Default::default() })
    }
}

/// Who sends one request.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) connection: Arc<Connection>,
    /// The `User-Agent` header: names the exporter when the records do not.
    pub(crate) agent: Option<HeaderValue>,
    pub(crate) tenant: TenantId,
    /// What fairness goes by: the token, or without tokens the address.
    pub(crate) key: u64,
    pub(crate) transport: usize,
}

pub(crate) const GRPC: usize = 0;
pub(crate) const HTTP_PROTOBUF: usize = 1;
pub(crate) const HTTP_JSON: usize = 2;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type ReplyBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// Answers whatever came in; a panic below answers too and ends nothing but the request.
pub(crate) async fn answer(shared: Arc<Shared>, connection: Arc<Connection>, request: Request<Incoming>) -> Result<Response<ReplyBody>, Infallible> {
    let is_grpc = grpc::is_grpc(request.headers());
    let work = async { if is_grpc { grpc::answer(&shared, &connection, request).await } else { http::answer(&shared, &connection, request).await } };
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(response) => Ok(response),
        Err(_) => {
            tracing::error!(peer = %connection.peer, "a request ended in a panic: this is a bug");
            let refusal = Refusal::new(Kind::Internal, "an internal error: this is a bug of the server, see its log");
            shared.refused(&connection, None, if is_grpc { GRPC } else { HTTP_PROTOBUF }, &refusal);
            Ok(if is_grpc { reply::grpc_refusal(&refusal) } else { reply::http_refusal(&refusal, reply::Encoding::Protobuf) })
        }
    }
}

/// Before a refusal is answered: what of the body is still on its way is taken off the wire, unless the client waits to be told to
/// send it, or was too slow already.
async fn leave(connection: &Connection, head: &::http::request::Parts, body: &mut Incoming, refusal: &Refusal) {
    if !body.is_end_stream() && !head.headers.contains_key(header::EXPECT) && refusal.kind != Kind::Slow {
        // Of many requests on one connection at once, no one's bytes stand apart.
        let unwanted = (head.version <= Version::HTTP_11).then_some(&*connection.unwanted);
        limits::discard(body, unwanted).await;
    }
}

impl Shared {
    pub(crate) fn new(config: Config, storage: Arc<Storage>, auth: Arc<Auth>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, String> {
        config.check()?;
        Ok(Arc::new(Self {
            redactor: Redactor::new(&config.redaction)?,
            admission: Admission::new(config.in_flight_bytes_max, Duration::from_millis(config.admission_wait_ms)),
            cardinality: Cardinality::new(&config),
            turns: Turns::new(std::thread::available_parallelism().map_or(2, usize::from)),
            counters: Counters::default(),
            register: Register::default(),
            services: grpc::Services::new()?,
            config,
            storage,
            auth,
            clock,
        }))
    }

    /// Who it is and whether they may send.
    pub(crate) fn sender(&self, connection: &Arc<Connection>, headers: &HeaderMap, transport: usize) -> Result<Sender, Refusal> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let org = match headers.get("x-scope-orgid") {
            None => None,
            // What is no text is no tenant's name either.
            Some(value) => Some(value.to_str().unwrap_or("\u{0}")),
        };
        let name = self.auth.tenant(token, org, Scope::Ingest).map_err(|denied| {
            let kind = match denied {
                Denied::Missing | Denied::Unknown => Kind::Unauthenticated,
                Denied::Scope(_) | Denied::Tenant => Kind::Forbidden,
                Denied::TenantName => Kind::Invalid,
            };
            Refusal::new(kind, denied.to_string())
        })?;
        let tenant = self.storage.tenant(name).map_err(|error| Refusal::storage(&error))?;
        let key = match token {
            Some(token) if !self.auth.is_open() => xxhash_rust::xxh3::xxh3_64(token.as_bytes()),
            _ => xxhash_rust::xxh3::xxh3_64(connection.peer.ip().to_string().as_bytes()),
        };
        Ok(Sender { connection: connection.clone(), agent: headers.get(header::USER_AGENT).cloned(), tenant, key, transport })
    }

    pub(crate) fn refused(&self, connection: &Connection, agent: Option<&HeaderValue>, transport: usize, refusal: &Refusal) {
        self.counters.refused[refusal.kind as usize].fetch_add(1, Ordering::Relaxed);
        // Who may not send does not choose a name in the register either.
        let agent = agent.filter(|_| !matches!(refusal.kind, Kind::Unauthenticated | Kind::Forbidden));
        self.register.refused(self.clock.now(), connection, agent, TRANSPORTS[transport], &refusal.message, self.config.exporters_max);
        let peer = connection.peer;
        tracing::debug!(%peer, transport = TRANSPORTS[transport], kind = refusal.kind.name(), message = %refusal.message, "refused");
    }

    pub(crate) fn note_error(&self, peer: SocketAddr, transport: &'static str, message: &str) {
        self.register.error(self.clock.now(), &peer.to_string(), transport, message);
        tracing::debug!(%peer, transport, message, "connection failed");
    }

    pub(crate) fn counter_slow_connection(&self) {
        self.counters.connections_silent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        let total = |counters: &[std::sync::atomic::AtomicU64; 3]| {
            let pairs = Signal::ALL
                .iter()
                .map(|signal| (signal.name().to_owned(), serde_json::json!(counters[crate::status::slot(*signal)].load(Ordering::Relaxed))));
            pairs.collect::<serde_json::Map<_, _>>()
        };
        let rules: Vec<_> = self
            .redactor
            .report()
            .zip(&self.config.redaction.rules)
            .map(|((name, action, count), rule)| {
                serde_json::json!({"name": name, "action": action, "keys": rule.keys, "prefixes": rule.prefixes, "patterns": rule.patterns, "redacted": count})
            })
            .collect();
        serde_json::json!({
            "accepted": total(&self.counters.accepted),
            "rejected": total(&self.counters.rejected),
            "duplicate_requests": self.counters.duplicates.load(Ordering::Relaxed),
            "connections": self.counters.connections.load(Ordering::Relaxed),
            "in_flight_bytes": self.admission.used(),
            "in_flight_bytes_max": self.admission.budget(),
            "services_known": self.cardinality.known().0,
            "series_known": self.cardinality.known().1,
            "series_per_tenant_max": self.config.series_per_tenant_max,
            "exporters": self.register.exporters(),
            "errors": self.register.errors(),
            "redaction": rules,
        })
    }

    pub(crate) fn metrics(&self, out: &mut String) {
        use std::fmt::Write;
        self.counters.metrics(out);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "# HELP hopline_collector_in_flight_bytes Bytes of requests being worked on.\n# TYPE hopline_collector_in_flight_bytes gauge\nhopline_collector_in_flight_bytes {}\n\
             # HELP hopline_collector_series Metric series seen in the last hour or two, of all tenants.\n# TYPE hopline_collector_series gauge\nhopline_collector_series {}\n\
             # HELP hopline_collector_redacted_total Values replaced, hashed or dropped by a redaction rule.\n# TYPE hopline_collector_redacted_total counter\n",
            self.admission.used(),
            self.cardinality.known().1
        );
        for (name, _, count) in self.redactor.report() {
            let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_. ".contains(*c)).collect();
            let _ = writeln!(out, "hopline_collector_redacted_total{{rule=\"{name}\"}} {count}");
        }
    }
}

/// A body that tells when it was handed on whole: then the client's answer is on its way, and a retry would be another request.
pub(crate) struct Confirming {
    inner: ReplyBody,
    whole: bool,
    confirm: Option<Box<dyn FnOnce() + Send>>,
}

impl Confirming {
    pub(crate) fn wrap(response: Response<ReplyBody>, confirm: impl FnOnce() + Send + 'static) -> Response<ReplyBody> {
        response.map(|inner| {
            let whole = inner.is_end_stream();
            ReplyBody::new(Self { inner, whole, confirm: Some(Box::new(confirm)) })
        })
    }
}

impl Body for Confirming {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || (matches!(polled, Poll::Ready(Some(Ok(_)))) && self.inner.is_end_stream()) {
            self.whole = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Confirming {
    fn drop(&mut self) {
        if self.whole
            && let Some(confirm) = self.confirm.take()
        {
            confirm();
        }
    }
}
