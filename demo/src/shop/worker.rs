//! Takes orders from the queue, writes them down and ships.

use super::database::Database;
use super::queue::{DESTINATION, Message, convention};
use super::{Jitter, inventory};
use crate::telemetry::Service;
use crate::wire::{Peers, grpc};
use opentelemetry::trace::{SpanKind, TraceContextExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) inventory: Arc<Peers>,
    pub(crate) database: Arc<Database>,
    pub(crate) jitter: Jitter,
}

pub(crate) const SCHEMA: &str = "CREATE TABLE orders (id TEXT PRIMARY KEY, product TEXT, quantity INTEGER)";

impl Worker {
    /// Ends when the queue does.
    pub(crate) async fn work(self, mut messages: UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            self.process(&message).await;
            self.service.world.truth.no_more(message.context.span().span_context().trace_id());
        }
    }

    async fn process(&self, message: &Message) {
        self.service.world.time.sleep(self.jitter.millis(15.0)).await;
        let mut attributes = convention("process", message.id);
        attributes.push(opentelemetry::KeyValue::new("messaging.consumer.group.name", "fulfilment"));
        let span = self.service.span(&message.context, SpanKind::Consumer, format!("process {DESTINATION}"), attributes);
        span.link(&message.context);
        span.sleep(self.jitter.millis(8.0)).await;
        let text = |key: &str| message.body[key].as_str().unwrap_or_default().to_owned();
        let (order, product, quantity) = (text("order"), text("product"), message.body["quantity"].as_i64().unwrap_or(1));
        let stored = self
            .database
            .run(&span, "INSERT OR REPLACE INTO orders VALUES (?1, ?2, ?3)", "orders", 4.0, Duration::ZERO, &[&order, &product, &quantity])
            .await;
        let item = inventory::Item { product, quantity };
        let shipped: Result<inventory::Stock, _> = grpc::call(&span, &self.inventory, "shop.Inventory/Ship", "/shop.Inventory/Ship", item).await;
        match stored.and(shipped) {
            Ok(_) => span.info(format!("order {order} shipped"), &[("shop.order.id", order.into())]),
            Err(problem) => {
                span.error(format!("order {order} is not shipped: {}", problem.message), &[("shop.order.id", order.into())]);
                span.fail(problem.kind, &problem.message);
            }
        }
        span.end();
    }
}
