//! The shop's SQLite: a real database in memory, a pool in front of it, database spans around statements.

use super::Jitter;
use crate::plan::Fault;
use crate::telemetry::Active;
use crate::wire::{Failure, failure};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(crate) struct Database {
    connection: Mutex<rusqlite::Connection>,
    pool: Semaphore,
    name: &'static str,
    jitter: Jitter,
}

impl Database {
    pub(crate) fn new(name: &'static str, schema: &str, connections: usize, seed: u64) -> anyhow::Result<Arc<Self>> {
        let connection = rusqlite::Connection::open_in_memory()?;
        connection.execute_batch(schema)?;
        Ok(Arc::new(Self { connection: Mutex::new(connection), pool: Semaphore::new(connections), name, jitter: Jitter::new(seed) }))
    }

    /// Waits for a connection of the pool; says so when that took long.
    pub(crate) async fn connection<'a>(&'a self, span: &Active) -> Result<SemaphorePermit<'a>, Failure> {
        let start = span.service.now();
        let permit = self.pool.acquire().await.map_err(|_| failure(503, "pool_closed", "the connection pool is closed"))?;
        let waited = span.service.now().duration_since(start).unwrap_or_default();
        if waited >= Duration::from_millis(50) {
            // Who waits has met it as much as who keeps the others waiting.
            if span.service.world.is_active(Fault::PoolExhaustion) {
                span.service.hit(span.trace(), Fault::PoolExhaustion, self.name);
            }
            span.warn(
                format!("waited {} ms for a database connection, pool is exhausted", waited.as_millis()),
                &[("pool.wait_ms", (waited.as_millis() as i64).into())],
            );
            span.event("connection acquired", vec![KeyValue::new("pool.wait_ms", waited.as_millis() as i64)]);
        }
        Ok(permit)
    }

    /// One statement with its CLIENT span; `cost` is what this statement usually takes.
    pub(crate) async fn run(
        &self,
        from: &Active,
        sql: &'static str,
        table: &'static str,
        cost_ms: f64,
        extra: Duration,
        arguments: &[&(dyn rusqlite::ToSql + Sync)],
    ) -> Result<Option<i64>, Failure> {
        let operation = sql.split(' ').next().unwrap_or("SELECT");
        let span = from.service.span(
            &from.context,
            SpanKind::Client,
            format!("{operation} {table}"),
            vec![
                KeyValue::new("db.system.name", "sqlite"),
                KeyValue::new("db.namespace", self.name),
                KeyValue::new("db.collection.name", table),
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("db.query.text", sql),
            ],
        );
        span.sleep(self.jitter.millis(cost_ms) + extra).await;
        let result = {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let parameters: Vec<&dyn rusqlite::ToSql> = arguments.iter().map(|value| *value as &dyn rusqlite::ToSql).collect();
            connection.prepare_cached(sql).and_then(|mut statement| {
                let mut rows = statement.query(&parameters[..])?;
                Ok(match rows.next()? {
                    Some(row) => Some(row.get::<_, i64>(0)?),
                    None => None,
                })
            })
        };
        let result = result.map_err(|error| failure(500, "database", error.to_string()));
        if let Err(problem) = &result {
            span.fail("database", &problem.message);
        }
        span.measure(true, &[KeyValue::new("db.system.name", "sqlite"), KeyValue::new("db.operation.name", operation)]);
        span.end();
        result
    }
}
