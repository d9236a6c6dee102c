//! Customers, live and in the past.
//!
//! Live, the services listen on loopback and requests come at the asked rate. For history the same services run in process on a
//! virtual clock, on one thread, and everything is sent as it is made.

use crate::options::Options;
use crate::plan::Plan;
use crate::shop::PRODUCTS;
use crate::shop::build::{Place, Shop, build};
use crate::telemetry::World;
use crate::time::{Time, drive};
use crate::truth::{RequestTruth, Truth};
use crate::wire::http::fetch;
use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderValue, Method};
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use opentelemetry::trace::TraceId;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What a run did, in total.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Report {
    pub requests: u64,
    pub affected: u64,
    pub failed: u64,
    pub spans: u64,
    pub logs: u64,
    /// Telemetry that could not be sent, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The answer may be there before the worker is done with the message.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(20);

/// Runs the shop until its length has passed or `stop` is set. Blocks; call it outside of any async runtime.
///
/// Each request's truth is written to `out` as one line of JSON when all of its work is done.
pub fn run(options: &Options, out: Box<dyn Write + Send>, stop: Arc<AtomicBool>) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start the shop's runtime")?;
    match options.backfill {
        None => live(options, out, &stop, &runtime),
        // gRPC exporters need a runtime in reach; the shop itself runs on this thread.
        Some(span) => {
            let _guard = runtime.enter();
            history(options, span, out, &stop)
        }
    }
}

/// One customer's request.
#[derive(Debug, Clone)]
struct Ask {
    name: &'static str,
    method: Method,
    path: &'static str,
    body: Value,
    agent: &'static str,
}

/// The mix of requests: a pure function of the seeded source.
fn ask(random: &mut SmallRng) -> Ask {
    let customer = format!("c-{:04}", random.random_range(0..500));
    let product = PRODUCTS[random.random_range(0..PRODUCTS.len())];
    let quantity = random.random_range(1..4);
    let card = ["visa", "mastercard", "amex"][random.random_range(0..3)];
    let agent = ["Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone)", "shop-app/8.1"][random.random_range(0..3)];
    match random.random_range(0..10) {
        0..4 => Ask { name: "browse", method: Method::GET, path: "/products", body: Value::Null, agent },
        4..6 => Ask {
            name: "add to cart",
            method: Method::POST,
            path: "/cart",
            body: json!({"customer": customer, "product": product, "quantity": quantity}),
            agent,
        },
        _ => Ask {
            name: "checkout",
            method: Method::POST,
            path: "/checkout",
            body: json!({"customer": customer, "product": product, "quantity": quantity, "card": card}),
            agent,
        },
    }
}

/// How long until the next customer: exponential, so that requests come in bunches as they do in life.
fn pause(random: &mut SmallRng, rate: f64) -> Duration {
    let uniform: f64 = random.random_range(f64::EPSILON..1.0);
    Duration::from_secs_f64((-uniform.ln() / rate).min(60.0))
}

struct Ledger {
    out: Mutex<Box<dyn Write + Send>>,
    report: Mutex<Report>,
    open: AtomicU64,
}

impl Ledger {
    fn new(out: Box<dyn Write + Send>) -> Arc<Self> {
        Arc::new(Self { out: Mutex::new(out), report: Mutex::default(), open: AtomicU64::new(0) })
    }

    fn write(&self, truth: &RequestTruth) {
        {
            let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
            report.requests += 1;
            report.affected += u64::from(truth.affected);
            report.failed += u64::from(truth.status >= 500);
            report.spans += truth.spans;
            report.logs += truth.logs;
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(line) = serde_json::to_string(truth)
            && let Err(error) = writeln!(out, "{line}")
        {
            tracing::warn!(%error, "cannot write the ground truth");
        }
    }

    fn report(&self) -> Report {
        let _ = self.out.lock().unwrap_or_else(PoisonError::into_inner).flush();
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends one request and writes its truth when the worker is done with it too.
async fn serve_customer(world: Arc<World>, shop: Arc<Shop>, ledger: Arc<Ledger>, ask: Ask) {
    let start = world.time.now();
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static(ask.agent));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    // The trace begins at the shop: its id comes back in a header.
    let reply = fetch(shop.web.pick(), &ask.method, ask.path, headers, ask.body).await;
    let duration = world.time.now().duration_since(start).unwrap_or_default();
    let (status, trace) = match &reply {
        Ok((status, headers, _)) => (*status, headers.get("x-trace-id").and_then(|id| TraceId::from_hex(id.to_str().ok()?).ok())),
        Err(problem) => (problem.status, None),
    };
    let Some(trace) = trace else {
        tracing::warn!(status, "the shop's own front did not answer");
        ledger.open.fetch_sub(1, Ordering::SeqCst);
        return;
    };
    let patience = world.time.now() + QUIET_WAIT_MAX;
    while !world.truth.is_quiet(trace) && world.time.now() < patience {
        world.time.sleep(Duration::from_millis(20)).await;
    }
    let (hits, services, spans, logs) = world.truth.take(trace);
    let truth = RequestTruth {
        trace_id: trace.to_string(),
        request: ask.name,
        start_time: rfc3339(start),
        duration_nano: duration.as_nanos() as u64,
        status,
        services,
        spans,
        logs,
        affected: !hits.is_empty(),
        hits,
    };
    ledger.write(&truth);
    ledger.open.fetch_sub(1, Ordering::SeqCst);
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| format!("{time:.9}")).unwrap_or_default()
}

fn live(options: &Options, out: Box<dyn Write + Send>, stop: &AtomicBool, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Report> {
    let world = Arc::new(World {
        time: Time::Real,
        start: SystemTime::now(),
        plan: Plan::new(&options.faults, options.seed, options.length),
        truth: Truth::default(),
    });
    let (shop, jobs) = {
        let _guard = runtime.enter();
        build(&world, options, Place::Sockets)?
    };
    let shop = Arc::new(shop);
    for job in jobs {
        runtime.spawn(job);
    }
    let ledger = Ledger::new(out);
    let mut random = SmallRng::seed_from_u64(options.seed);
    let mut next = Instant::now();
    let end = (!options.length.is_zero()).then(|| Instant::now() + options.length);
    while !stop.load(Ordering::Relaxed) && end.is_none_or(|end| Instant::now() < end) {
        let now = Instant::now();
        if now < next {
            std::thread::sleep((next - now).min(Duration::from_millis(100)));
            continue;
        }
        ledger.open.fetch_add(1, Ordering::SeqCst);
        runtime.spawn(serve_customer(world.clone(), shop.clone(), ledger.clone(), ask(&mut random)));
        next += pause(&mut random, options.rate);
    }
    let patience = Instant::now() + QUIET_WAIT_MAX;
    while ledger.open.load(Ordering::SeqCst) > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(finish(&shop, &ledger))
}

fn history(options: &Options, span: Duration, out: Box<dyn Write + Send>, stop: &AtomicBool) -> anyhow::Result<Report> {
    let start = SystemTime::now() - span;
    let world =
        Arc::new(World { time: Time::virtual_from(start), start, plan: Plan::new(&options.faults, options.seed, span), truth: Truth::default() });
    let (shop, jobs) = build(&world, options, Place::InProcess)?;
    let shop = Arc::new(shop);
    let ledger = Ledger::new(out);
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    for job in jobs {
        spawner.spawn_local(job).context("cannot start a service")?;
    }
    let mut random = SmallRng::seed_from_u64(options.seed);
    let mut next = start;
    let mut since_flush = 0;
    while next < start + span && !stop.load(Ordering::Relaxed) {
        let woke = Arc::new(AtomicBool::new(false));
        let (time, flag, when) = (world.time.clone(), woke.clone(), next);
        let alarm = async move {
            time.sleep_until(when).await;
            flag.store(true, Ordering::SeqCst);
        };
        spawner.spawn_local(alarm).context("cannot start a task")?;
        drive(&mut pool, &world.time, || woke.load(Ordering::SeqCst));
        ledger.open.fetch_add(1, Ordering::SeqCst);
        let customer = serve_customer(world.clone(), shop.clone(), ledger.clone(), ask(&mut random));
        spawner.spawn_local(customer).context("cannot start a task")?;
        next += pause(&mut random, options.rate);
        // The SDK's queues are bounded: send before they fill.
        since_flush += 1;
        if since_flush == FLUSH_REQUESTS {
            since_flush = 0;
            for service in &shop.services {
                service.flush()?;
            }
        }
    }
    drive(&mut pool, &world.time, || ledger.open.load(Ordering::SeqCst) == 0);
    Ok(finish(&shop, &ledger))
}

/// A request makes at most some 40 spans in one service; the queues hold 65,536.
const FLUSH_REQUESTS: u32 = 500;

fn finish(shop: &Shop, ledger: &Ledger) -> Report {
    let mut report = ledger.report();
    for service in &shop.services {
        if let Err(error) = service.flush() {
            report.trouble = Some(format!("{}: {error:#}", service.id.instance()));
        }
        service.shutdown();
    }
    report
}
