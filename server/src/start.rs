//! Storage → query → collector; and back: doors first, storage last.
//!
//! The doors are bound before anything is opened, so that a taken port is said at once and nothing has to be undone. They answer
//! when storage is open, which reads its catalog and checks the log but does not wait for replay.

use crate::config::Config;
use crate::doors::{self, HttpDoor};
use crate::{assets, login, print, test_trace};
use anyhow::{Context, Result};
use axum::Router;
use hopline_collector::{Collector, Reporter};
use hopline_model::{Clock, SystemClock};
use hopline_query::{IngestReport, Query};
use hopline_storage::Storage;
use hopline_storage::objects::OsFiles;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) async fn serve(config: Config) -> Result<()> {
    let began = Instant::now();
    let tls = doors::tls(&config.tls)?;
    let grpc_listener = doors::bind("otlp_grpc", &config.otlp_grpc).await?;
    let otlp_listener = doors::bind("otlp_http", &config.otlp_http).await?;
    let http_listener = doors::bind("http", &config.http).await?;
    let mut stop = Stop::listen()?;
    let auth = Arc::new(config.auth());
    let clock = SystemClock::new();
    let storage = open_storage(&config, clock.clone()).await?;

    let collector =
        Collector::start(config.collector.clone(), storage.clone(), auth.clone(), clock.clone(), grpc_listener, otlp_listener, tls.clone())
            .context("cannot start the OTLP doors")?;
    let (otlp_grpc, otlp_http) = (collector.grpc_address(), collector.http_address());
    let doors =
        hopline_query::Doors { otlp_grpc: otlp_grpc.to_string(), otlp_http: otlp_http.to_string(), http: http_listener.local_addr()?.to_string() };
    let ingest = Arc::new(Ingest(collector.reporter()));
    let query = Query::new(config.query.clone(), storage.clone(), auth.clone(), clock, ingest, doors);
    let api = query.router().merge(test_trace::router(otlp_http, tls.is_some()));
    let http = HttpDoor::open(http_listener, tls.clone(), with_page(api, &auth, tls.is_some()))?;
    say_ready(otlp_grpc, otlp_http, http.address);
    tracing::info!(%otlp_grpc, %otlp_http, http = %http.address, data_dir = %config.data_dir.display(), ready_ms = began.elapsed().as_millis() as u64, "ready");

    stop.wait().await;
    tracing::info!("stopping: what is live is written to blocks; a second signal ends at once");
    tokio::select! {
        closed = close(storage, http, collector) => closed,
        () = stop.wait() => {
            tracing::warn!("ended at once: the next start reads the log again, nothing is lost");
            std::process::exit(130);
        }
    }
}

/// The collector's report, as the API shows it.
#[derive(Debug)]
struct Ingest(Reporter);

impl IngestReport for Ingest {
    fn status(&self) -> serde_json::Value {
        self.0.status()
    }

    fn metrics(&self, out: &mut String) {
        self.0.metrics(out);
    }
}

async fn open_storage(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Storage>> {
    let settings = config.storage.clone();
    // Opening reads files; the runtime's threads are for waiting.
    let opened = tokio::task::spawn_blocking(move || Storage::open(settings, clock, Arc::new(OsFiles)));
    opened.await.context("opening storage broke off")?.with_context(|| format!("cannot open the data in {}", config.data_dir.display()))
}

/// The page's addresses stand below the API's; its cookie becomes the API's token.
fn with_page(api: Router, auth: &Arc<hopline_model::auth::Auth>, secure: bool) -> Router {
    api.merge(login::router(auth.clone(), secure)).fallback(assets::page).layer(axum::middleware::from_fn(login::cookie_to_bearer))
}

/// The one line on standard output that a program that started us waits for.
fn say_ready(otlp_grpc: SocketAddr, otlp_http: SocketAddr, http: SocketAddr) {
    let line = json!({"ready": true, "otlp_grpc": otlp_grpc.to_string(), "otlp_http": otlp_http.to_string(), "http": http.to_string()});
    if let Err(error) = print::out(&format!("{line}\n")) {
        tracing::debug!(%error, "nobody reads the ready line");
    }
}

async fn close(storage: Arc<Storage>, http: HttpDoor, collector: Collector) -> Result<()> {
    tokio::join!(http.close(), collector.stop());
    storage.close().await.context("storage did not close cleanly: the next start reads the log again")
}

/// SIGTERM or SIGINT.
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
