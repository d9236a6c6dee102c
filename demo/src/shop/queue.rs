//! The orders queue between checkout and the worker: messages carry the trace context.

use crate::plan::Fault;
use crate::telemetry::Active;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Debug)]
pub(crate) struct Queue {
    sender: UnboundedSender<Message>,
    next_id: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) context: Context,
    pub(crate) body: Value,
}

pub(crate) const DESTINATION: &str = "orders";

impl Queue {
    pub(crate) fn new() -> (Self, UnboundedReceiver<Message>) {
        let (sender, receiver) = unbounded_channel();
        (Self { sender, next_id: AtomicU64::new(1) }, receiver)
    }

    pub(crate) fn send(&self, from: &Active, body: Value) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut attributes = convention("send", id);
        attributes.push(KeyValue::new("server.address", "queue.shop.local"));
        let span = from.service.span(&from.context, SpanKind::Producer, format!("send {DESTINATION}"), attributes);
        span.info(format!("order message {id} sent"), &[("messaging.message.id", id.to_string().into())]);
        // The queue takes the message and loses it: nobody sees an error.
        if span.meets(Fault::LostMessage, "send orders") {
            return;
        }
        from.service.world.truth.expect_more(span.trace());
        if self.sender.send(Message { id, context: span.context.clone(), body }).is_err() {
            from.service.world.truth.no_more(span.trace());
            span.fail("queue_closed", "the queue is closed");
        }
    }
}

/// Attributes of a messaging span.
pub(crate) fn convention(operation: &'static str, id: u64) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "shop-queue"),
        KeyValue::new("messaging.destination.name", DESTINATION),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.message.id", id.to_string()),
    ]
}
