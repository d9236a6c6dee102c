//! Turns a cart into an order: cart, stock, money, message.

use super::queue::Queue;
use super::{Jitter, cart, inventory};
use crate::telemetry::{Active, Service};
use crate::wire::http::{Reply, call, route};
use crate::wire::{Peers, failure, grpc};
use axum::Router;
use axum::http::Method;
use opentelemetry::KeyValue;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Checkout {
    pub(crate) service: Arc<Service>,
    pub(crate) cart: Arc<Peers>,
    pub(crate) inventory: Arc<Peers>,
    pub(crate) payment: Arc<Peers>,
    pub(crate) recommendations: Arc<Peers>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) jitter: Jitter,
}

const PAYMENT_ATTEMPTS: u32 = 5;

impl Checkout {
    pub(crate) fn router(self: Arc<Self>) -> Router {
        let service = self.service.clone();
        route(Router::new(), &service, Method::POST, "/orders", move |span, input| {
            let checkout = self.clone();
            Box::pin(async move { checkout.place(&span, &input).await })
        })
    }

    async fn place(&self, span: &Arc<Active>, input: &Value) -> Reply {
        let customer = input["customer"].as_str().unwrap_or("anonymous").to_owned();
        let product = input["product"].as_str().unwrap_or_default().to_owned();
        let quantity = input["quantity"].as_i64().unwrap_or(1);
        let order = format!("o-{}", &span.trace().to_string()[..12]);
        span.set("shop.order.id", order.clone());
        span.sleep(self.jitter.millis(3.0)).await;
        let line = cart::Line { customer: customer.clone(), product: product.clone(), quantity };
        let _: cart::Cart = grpc::call(span, &self.cart, "shop.Cart/Get", "/shop.Cart/Get", line).await?;
        let item = inventory::Item { product: product.clone(), quantity };
        let stock: inventory::Stock = grpc::call(span, &self.inventory, "shop.Inventory/Reserve", "/shop.Inventory/Reserve", item).await?;
        let card = input["card"].as_str().unwrap_or("visa");
        let paid = self.pay(span, &order, card, 1999 * quantity).await;
        if let Err(problem) = paid {
            span.error(format!("order {order} is not paid: {}", problem.message), &[("shop.order.id", order.clone().into())]);
            return Err(problem);
        }
        self.queue.send(span, json!({"order": order, "product": product, "quantity": quantity}));
        // A good page shows what else there is; an order does not fail for it.
        let liked = call(span, &self.recommendations, Method::GET, "/recommendations", "/recommendations", Value::Null, 0).await;
        if let Err(problem) = &liked {
            span.warn(format!("no recommendations: {}", problem.message), &[]);
        }
        if let Some(orders) = &self.service.orders {
            orders.add(1, &[KeyValue::new("shop.card", card.to_owned())]);
        }
        span.info(format!("order {order} placed"), &[("shop.order.id", order.clone().into()), ("stock.left", stock.left.into())]);
        Ok(json!({"order": order, "left": stock.left}))
    }

    /// Tries again with growing waits while the answer is 503, as the payment service asks for.
    async fn pay(&self, span: &Active, order: &str, card: &str, cents: i64) -> Reply {
        let mut wait = Duration::from_millis(60);
        for attempt in 0..PAYMENT_ATTEMPTS {
            let body = json!({"order": order, "card": card, "cents": cents});
            match call(span, &self.payment, Method::POST, "/charges", "/charges", body, attempt).await {
                Err(problem) if problem.status == 503 && attempt + 1 < PAYMENT_ATTEMPTS => {
                    span.warn(
                        format!("payment is unavailable, attempt {} of {PAYMENT_ATTEMPTS}", attempt + 1),
                        &[("attempt", i64::from(attempt + 1).into())],
                    );
                    span.sleep(wait).await;
                    wait *= 2;
                }
                Err(problem) if problem.status == 503 => return Err(failure(503, "payment_unavailable", problem.message)),
                answer => return answer,
            }
        }
        Err(failure(503, "payment_unavailable", "payment stays unavailable"))
    }
}
