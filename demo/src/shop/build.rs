//! Puts the shop together: who runs where, in how many instances, and who calls whom.

use super::{Jitter, bank, cart, checkout, database::Database, inventory, payment, queue::Queue, recommendations, search, web, worker};
use crate::options::Options;
use crate::telemetry::{Identity, Service, World};
use crate::wire::{Peer, Peers, Via};
use anyhow::Context as _;
use axum::Router;
use futures::future::BoxFuture;
use std::sync::Arc;

/// A running shop.
pub(crate) struct Shop {
    pub(crate) services: Vec<Arc<Service>>,
    /// What customers call.
    pub(crate) web: Peers,
}

/// Where services listen: on loopback sockets of a tokio runtime, or nowhere, called in process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Sockets,
    InProcess,
}

/// Builds all services. The futures are the jobs beside the requests; the caller runs them.
pub(crate) fn build(world: &Arc<World>, options: &Options, place: Place) -> anyhow::Result<(Shop, Vec<BoxFuture<'static, ()>>)> {
    let mut services = Vec::new();
    let mut jobs: Vec<BoxFuture<'static, ()>> = Vec::new();
    let mut seed = options.seed.wrapping_mul(1000);
    let mut start = |service: &'static str, version: &'static str, number: u32, region: &'static str| -> anyhow::Result<(Arc<Service>, u64)> {
        let started = Service::new(Identity { service, version, number, region }, world.clone(), options, place == Place::Sockets)?;
        services.push(started.clone());
        seed = seed.wrapping_add(10);
        Ok((started, seed))
    };

    let bank = Arc::new(Peers::new(vec![listen("api.bank.example", bank::router(world.clone(), options.seed), place, &mut jobs)?]));

    let mut searches = Vec::new();
    for (number, region) in [(1, "eu-west-1"), (2, "us-east-1")] {
        let (service, seed) = start("search", "3.2.0", number, region)?;
        searches.push(listen("search.shop.local", search::router(&service, seed), place, &mut jobs)?);
    }
    let peers = |searches: &[Peer]| Arc::new(Peers::new(searches.to_vec()));

    let mut recommenders = Vec::new();
    for number in 1..=3 {
        let (service, seed) = start("recommendations", "2.0.1", number, "eu-west-1")?;
        recommenders.push(listen("recommendations.shop.local", recommendations::router(&service, peers(&searches), seed), place, &mut jobs)?);
    }

    let (service, seed) = start("cart", "1.9.0", 1, "eu-west-1")?;
    let carts = vec![listen("cart.shop.local", cart::router(&service, seed)?, place, &mut jobs)?];

    let (service, seed) = start("inventory", "4.1.3", 1, "eu-west-1")?;
    let stock = inventory::Inventory::new(service, seed)?;
    jobs.push(Box::pin(stock.clone().take_stock()));
    let inventories = vec![listen("inventory.shop.local", stock.router(), place, &mut jobs)?];

    let mut payments = Vec::new();
    for (number, version) in [(1, payment::VERSION_OLD), (2, payment::VERSION_NEW)] {
        let (service, seed) = start("payment", version, number, "eu-west-1")?;
        payments.push(listen("payment.shop.local", payment::router(&service, bank.clone(), seed), place, &mut jobs)?);
    }

    let (queue, messages) = Queue::new();
    let (service, seed) = start("worker", "1.0.7", 1, "eu-west-1")?;
    let database = Database::new("orders", worker::SCHEMA, 4, seed)?;
    let worker = worker::Worker { service, inventory: peers(&inventories), database, jitter: Jitter::new(seed + 1) };
    jobs.push(Box::pin(worker.work(messages)));

    let (service, seed) = start("checkout", "5.3.0", 1, "eu-west-1")?;
    let checkout = checkout::Checkout {
        service,
        cart: peers(&carts),
        inventory: peers(&inventories),
        payment: peers(&payments),
        recommendations: peers(&recommenders),
        queue: Arc::new(queue),
        jitter: Jitter::new(seed),
    };
    let checkouts = vec![listen("checkout.shop.local", Arc::new(checkout).router(), place, &mut jobs)?];

    let mut webs = Vec::new();
    for (number, region) in [(1, "eu-west-1"), (2, "us-east-1")] {
        let (service, seed) = start("web", "7.0.2", number, region)?;
        let web = web::Web {
            service,
            search: peers(&searches),
            recommendations: peers(&recommenders),
            cart: peers(&carts),
            checkout: peers(&checkouts),
            jitter: Jitter::new(seed),
        };
        webs.push(listen("shop.example", Arc::new(web).router(), place, &mut jobs)?);
    }
    Ok((Shop { services, web: Peers::new(webs) }, jobs))
}

fn listen(host: &str, router: Router, place: Place, jobs: &mut Vec<BoxFuture<'static, ()>>) -> anyhow::Result<Peer> {
    if place == Place::InProcess {
        return Ok(Peer { host: host.into(), port: 80, via: Via::InProcess(router) });
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("cannot listen on loopback")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    jobs.push(Box::pin(async move {
        // Ends with the runtime.
        let _ = axum::serve(listener, router).await;
    }));
    Ok(Peer { host: host.into(), port, via: Via::Socket })
}
