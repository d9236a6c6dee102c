//! The doors: accept, TLS, HTTP/1.1 and HTTP/2, drain.
//!
//! Both doors answer gRPC and HTTP alike; a client that was pointed at the wrong one still works.

use crate::config::Config;
use crate::passing::{Passing, READ_AHEAD_BYTES};
use crate::receive::{self, Connection, Shared};
use hopline_model::Clock;
use hopline_model::auth::Auth;
use hopline_storage::Storage;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The running doors.
#[derive(Debug)]
pub struct Collector {
    shared: Arc<Shared>,
    grpc_address: SocketAddr,
    http_address: SocketAddr,
    stop: watch::Sender<bool>,
    doors: Vec<JoinHandle<()>>,
}

impl Collector {
    /// Opens both doors. The settings were checked by [`Config::check`]; a redaction rule that cannot be used is an error here too.
    pub fn start(
        config: Config,
        storage: Arc<Storage>,
        auth: Arc<Auth>,
        clock: Arc<dyn Clock>,
        grpc: TcpListener,
        http: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> std::io::Result<Self> {
        let (grpc_address, http_address) = (grpc.local_addr()?, http.local_addr()?);
        let shared = Shared::new(config, storage, auth, clock).map_err(std::io::Error::other)?;
        let (stop, stopped) = watch::channel(false);
        let doors = [grpc, http]
            .into_iter()
            .map(|listener| {
                let door = Door { shared: shared.clone(), tls: tls.clone().map(TlsAcceptor::from), per_address: Default::default() };
                tokio::spawn(door.run(listener, stopped.clone()))
            })
            .collect();
        Ok(Self { shared, grpc_address, http_address, stop, doors })
    }

    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// No new connections; requests in progress are answered, within `drain_timeout_ms`.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for door in self.doors {
            if let Err(error) = door.await {
                tracing::error!(%error, "an OTLP door broke off");
            }
        }
    }

    /// What arrived from whom, what was refused, the newest errors: for `/api/v1/status`.
    pub fn status(&self) -> serde_json::Value {
        self.shared.status()
    }

    /// Appends the collector's part of `/metrics`, in Prometheus text.
    pub fn metrics(&self, out: &mut String) {
        self.shared.metrics(out);
    }

    /// A handle for `status` and `metrics` that outlives moves of the collector.
    pub fn reporter(&self) -> Reporter {
        Reporter { shared: self.shared.clone() }
    }
}

/// Tells what the collector tells, from anywhere.
#[derive(Debug, Clone)]
pub struct Reporter {
    shared: Arc<Shared>,
}

impl Reporter {
    pub fn status(&self) -> serde_json::Value {
        self.shared.status()
    }

    pub fn metrics(&self, out: &mut String) {
        self.shared.metrics(out);
    }
}

#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    per_address: Arc<parking_lot::Mutex<HashMap<IpAddr, usize>>>,
}

impl Door {
    async fn run(self, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.changed() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors and the like: passing.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(place) = self.place(peer.ip()) else {
                self.shared.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            // Answers are small and must leave at once.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
            }
            let door = self.clone();
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                door.connection(stream, peer, watcher).await;
                drop(place);
            });
        }
        drop(listener);
        let limit = Duration::from_millis(self.shared.config.drain_timeout_ms);
        if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
            tracing::info!("OTLP connections are cut: they were still busy {} ms after the stop", limit.as_millis());
        }
    }

    async fn connection(&self, stream: TcpStream, peer: SocketAddr, watcher: hyper_util::server::graceful::Watcher) {
        let limit = Duration::from_millis(self.shared.config.first_byte_timeout_ms);
        match &self.tls {
            None => {
                // Nothing else watches a connection that never says a word.
                match tokio::time::timeout(limit, stream.peek(&mut [0])).await {
                    Ok(Ok(bytes)) if bytes > 0 => {
                        let connection = Connection::new(peer);
                        self.serve(Passing::new(stream, connection.unwanted.clone()), connection, watcher).await;
                    }
                    _ => self.shared.counter_slow_connection(),
                }
            }
            Some(tls) => match tokio::time::timeout(limit, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, Connection::new(peer), watcher).await,
                Ok(Err(error)) => {
                    self.shared.note_error(peer, "tls", &format!("no TLS handshake: {error}: is the client set to http:// instead of https://?"))
                }
                Err(_) => self.shared.counter_slow_connection(),
            },
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        remembered: Arc<Connection>,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let config = &self.shared.config;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(config.idle_timeout_ms))
            // Each connection may hold this much unread: it is what a flood of them costs.
            .max_buf_size(READ_AHEAD_BYTES)
            .pipeline_flush(true);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(config.streams_per_connection_max)
            .max_header_list_size(64 << 10)
            .max_pending_accept_reset_streams(32)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        let shared = self.shared.clone();
        let peer = remembered.peer;
        let service = service_fn(move |request| receive::answer(shared.clone(), remembered.clone(), request));
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    }

    fn place(&self, address: IpAddr) -> Option<Place> {
        let config = &self.shared.config;
        let mut per_address = self.per_address.lock();
        let total = self.shared.counters.connections.load(Ordering::Relaxed) as usize;
        let mine = per_address.entry(address).or_default();
        if total >= config.connections_max || *mine >= config.connections_per_address_max {
            if *mine == 0 {
                per_address.remove(&address);
            }
            return None;
        }
        *mine += 1;
        self.shared.counters.connections.fetch_add(1, Ordering::Relaxed);
        Some(Place { door: self.clone(), address })
    }
}

/// A connection's place, given back when it ends.
struct Place {
    door: Door,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.shared.counters.connections.fetch_sub(1, Ordering::Relaxed);
        let mut per_address = self.door.per_address.lock();
        if let Some(mine) = per_address.get_mut(&self.address) {
            *mine -= 1;
            if *mine == 0 {
                per_address.remove(&self.address);
            }
        }
    }
}
