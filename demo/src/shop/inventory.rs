//! What is in stock, in SQLite; one lock guards the stock.

use super::database::Database;
use super::{Jitter, PRODUCTS, product};
use crate::plan::Fault;
use crate::telemetry::Service;
use crate::wire::{failure, grpc};
use axum::Router;
use opentelemetry::KeyValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) product: String,
    #[prost(int64, tag = "2")]
    pub(crate) quantity: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Stock {
    #[prost(int64, tag = "1")]
    pub(crate) left: i64,
}

pub(crate) struct Inventory {
    pub(crate) service: Arc<Service>,
    database: Arc<Database>,
    lock: Mutex<()>,
    jitter: Jitter,
}

/// A wait for the lock that a request feels; among themselves requests wait a few milliseconds.
const WAIT_FELT: Duration = Duration::from_millis(40);
/// How long a stock-take holds the lock, and how much later the next begins.
const STOCK_TAKE: Duration = Duration::from_millis(900);
const STOCK_TAKE_PAUSE: Duration = Duration::from_millis(300);

impl Inventory {
    pub(crate) fn new(service: Arc<Service>, seed: u64) -> anyhow::Result<Arc<Self>> {
        let mut schema = String::from("CREATE TABLE stock (product INTEGER PRIMARY KEY, pieces INTEGER);");
        for number in 0..PRODUCTS.len() {
            schema.push_str(&format!("INSERT INTO stock VALUES ({number}, 1000000000);"));
        }
        let database = Database::new("inventory", &schema, 8, seed)?;
        Ok(Arc::new(Self { service, database, lock: Mutex::new(()), jitter: Jitter::new(seed + 1) }))
    }

    /// The stock-take of the lock fault: a job beside the requests. Never ends.
    pub(crate) async fn take_stock(self: Arc<Self>) {
        loop {
            if self.service.world.is_active(Fault::Lock) {
                let guard = self.lock.lock().await;
                self.service.world.time.sleep(STOCK_TAKE).await;
                drop(guard);
                self.service.world.time.sleep(STOCK_TAKE_PAUSE).await;
            } else {
                self.service.world.time.sleep(Duration::from_secs(1)).await;
            }
        }
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        let service = self.service.clone();
        let inventory = self.clone();
        let router = grpc::method(Router::new(), &service, "shop.Inventory/Reserve", move |span, item: Item| {
            let inventory = inventory.clone();
            Box::pin(async move {
                span.sleep(inventory.jitter.millis(2.0)).await;
                let number = product(&item.product).ok_or_else(|| failure(404, "not_found", "no such product"))? as i64;
                let asked = inventory.service.now();
                let _guard = inventory.lock.lock().await;
                let waited = inventory.service.now().duration_since(asked).unwrap_or_default();
                if waited >= WAIT_FELT {
                    let by_fault = inventory.service.world.is_active(Fault::Lock);
                    if by_fault {
                        inventory.service.hit(span.trace(), Fault::Lock, "shop.Inventory/Reserve");
                    }
                    let holder = if by_fault { "stock-take" } else { "another reservation" };
                    span.warn(
                        format!("waited {} ms for the stock lock, held by {holder}", waited.as_millis()),
                        &[("lock.wait_ms", (waited.as_millis() as i64).into())],
                    );
                    span.event("lock acquired", vec![KeyValue::new("lock.wait_ms", waited.as_millis() as i64)]);
                }
                let extra = if span.meets(Fault::SlowDatabase, "UPDATE stock") { inventory.jitter.millis(700.0) } else { Duration::ZERO };
                let database = &inventory.database;
                let _connection = database.connection(&span).await?;
                let sql = "UPDATE stock SET pieces = pieces - ?2 WHERE product = ?1 AND pieces >= ?2 RETURNING pieces";
                let left = database.run(&span, sql, "stock", 5.0, extra, &[&number, &item.quantity]).await?;
                left.map(|left| Stock { left }).ok_or_else(|| failure(409, "out_of_stock", format!("{} is out of stock", item.product)))
            })
        });
        grpc::method(router, &service, "shop.Inventory/Ship", move |span, item: Item| {
            let inventory = self.clone();
            Box::pin(async move {
                span.sleep(inventory.jitter.millis(3.0)).await;
                let number = product(&item.product).unwrap_or(0) as i64;
                let left =
                    inventory.database.run(&span, "SELECT pieces FROM stock WHERE product = ?1", "stock", 2.0, Duration::ZERO, &[&number]).await?;
                Ok(Stock { left: left.unwrap_or(0) })
            })
        })
    }
}
