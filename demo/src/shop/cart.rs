//! Carts of customers, in SQLite behind a pool of two connections.

use super::database::Database;
use super::{Jitter, product};
use crate::plan::Fault;
use crate::telemetry::Service;
use crate::wire::{failure, grpc};
use axum::Router;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Line {
    #[prost(string, tag = "1")]
    pub(crate) customer: String,
    #[prost(string, tag = "2")]
    pub(crate) product: String,
    #[prost(int64, tag = "3")]
    pub(crate) quantity: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Cart {
    #[prost(int64, tag = "1")]
    pub(crate) lines: i64,
}

const SCHEMA: &str = "CREATE TABLE lines (customer TEXT, product INTEGER, quantity INTEGER)";

pub(crate) fn router(service: &Arc<Service>, seed: u64) -> anyhow::Result<Router> {
    let database = Database::new("cart", SCHEMA, 2, seed)?;
    let jitter = Arc::new(Jitter::new(seed + 1));
    let (db, wait) = (database.clone(), jitter.clone());
    let router = grpc::method(Router::new(), service, "shop.Cart/Add", move |span, line: Line| {
        let (database, jitter) = (db.clone(), wait.clone());
        Box::pin(async move {
            span.sleep(jitter.millis(2.0)).await;
            let number = product(&line.product).ok_or_else(|| failure(404, "not_found", "no such product"))? as i64;
            let _connection = database.connection(&span).await?;
            database
                .run(&span, "INSERT INTO lines VALUES (?1, ?2, ?3)", "lines", 3.0, Duration::ZERO, &[&line.customer, &number, &line.quantity])
                .await?;
            let lines =
                database.run(&span, "SELECT count(*) FROM lines WHERE customer = ?1", "lines", 2.0, Duration::ZERO, &[&line.customer]).await?;
            Ok(Cart { lines: lines.unwrap_or(0) })
        })
    });
    Ok(grpc::method(router, service, "shop.Cart/Get", move |span, line: Line| {
        let (database, jitter) = (database.clone(), jitter.clone());
        Box::pin(async move {
            span.sleep(jitter.millis(2.0)).await;
            let _connection = database.connection(&span).await?;
            let lines =
                database.run(&span, "SELECT count(*) FROM lines WHERE customer = ?1", "lines", 2.0, Duration::ZERO, &[&line.customer]).await?;
            database.run(&span, "DELETE FROM lines WHERE customer = ?1", "lines", 2.0, Duration::ZERO, &[&line.customer]).await?;
            if span.meets(Fault::PoolExhaustion, "shop.Cart/Get") {
                // The connection is held while the prices are worked out: others wait for it.
                span.info("prices are worked out inside the transaction", &[]);
                span.sleep(jitter.millis(650.0)).await;
            }
            Ok(Cart { lines: lines.unwrap_or(0) })
        })
    }))
}
