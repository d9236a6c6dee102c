//! Sockets: bound with words about what to do, TLS around them, and the HTTP server of page and API.

use crate::config::Tls;
use anyhow::{Context, Result, anyhow};
use axum::Router;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client that has not finished its TLS handshake by then is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Answers in progress get this long after a stop; tails and idle connections would never end by themselves.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Binds `address`; `setting` is how the user names it (`otlp_http`, flag `--otlp-http`).
pub(crate) async fn bind(setting: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| explain(setting, address, &error))
}

fn explain(setting: &str, address: &str, error: &std::io::Error) -> anyhow::Error {
    let flag = format!("--{}", setting.replace('_', "-"));
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "{address} is taken by another program, perhaps an OpenTelemetry Collector or another hopline: \
             see which with `ss -ltnp 'sport = :{port}'` and stop it, or choose another port with `{flag} {host}:PORT` (0 takes any free one)"
        ),
        std::io::ErrorKind::PermissionDenied => anyhow!("not allowed to listen on {address}: choose a port above 1023 with `{flag} {host}:PORT`"),
        std::io::ErrorKind::AddrNotAvailable => anyhow!("{address} is not an address of this machine: choose another with `{flag} HOST:PORT`"),
        _ => anyhow!("cannot listen on {address} ({setting}): {error}"),
    }
}

/// The TLS settings of every door; `None` without certificate files.
pub(crate) fn tls(files: &Tls) -> Result<Option<Arc<rustls::ServerConfig>>> {
    use rustls::pki_types::pem::PemObject;
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else { return Ok(None) };
    let chain = rustls::pki_types::CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("certificate", cert, &error))?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no certificate: tls.cert must be a PEM file with the chain", cert.display());
    let key_der = rustls::pki_types::PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("private key", key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .with_context(|| format!("the key in {} does not fit the certificate in {}", key.display(), cert.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

fn unreadable(what: &str, path: &Path, error: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot read the TLS {what} in {}: {error}", path.display())
}

/// The running HTTP server of page and API.
pub(crate) struct HttpDoor {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl HttpDoor {
    pub(crate) fn open(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, router: Router) -> Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async {
            // A dropped sender means the same: stop.
            let _ = stopped.await;
        };
        let task = tokio::spawn(async move {
            let served = match tls {
                Some(tls) => axum::serve(TlsListener::new(listener, tls, address), router).with_graceful_shutdown(until).await,
                None => axum::serve(listener, router).with_graceful_shutdown(until).await,
            };
            if let Err(error) = served {
                tracing::error!(%error, "the page and API have stopped");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// No new connections; answers in progress are finished, within a limit.
    pub(crate) async fn close(self) {
        // The server is gone already when nobody listens.
        let _ = self.stop.send(());
        let abort = self.task.abort_handle();
        if tokio::time::timeout(DRAIN_TIMEOUT, self.task).await.is_err() {
            tracing::info!("connections to the page are cut: they were still open after {} s", DRAIN_TIMEOUT.as_secs());
            abort.abort();
        }
    }
}

/// Handshakes run beside each other, so that a slow client holds up nobody.
struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl TlsListener {
    fn new(listener: TcpListener, config: Arc<rustls::ServerConfig>, address: SocketAddr) -> Self {
        let (send, ready) = mpsc::channel(64);
        let acceptor = TlsAcceptor::from(config);
        let task = tokio::spawn(async move {
            loop {
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors and the like: passing.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                };
                let (acceptor, send) = (acceptor.clone(), send.clone());
                tokio::spawn(async move {
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => drop(send.send((stream, peer)).await),
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
                        Err(_) => tracing::debug!(%peer, "no TLS handshake in time"),
                    }
                });
            }
        });
        Self { ready, address, task }
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // The accepting task ends only with this value.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
