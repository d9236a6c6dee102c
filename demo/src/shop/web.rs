//! What customers talk to.

use super::{Jitter, product};
use crate::telemetry::Service;
use crate::wire::http::{call, route};
use crate::wire::{Peers, failure, grpc};
use axum::Router;
use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) struct Web {
    pub(crate) service: Arc<Service>,
    pub(crate) search: Arc<Peers>,
    pub(crate) recommendations: Arc<Peers>,
    pub(crate) cart: Arc<Peers>,
    pub(crate) checkout: Arc<Peers>,
    pub(crate) jitter: Jitter,
}

impl Web {
    pub(crate) fn router(self: Arc<Self>) -> Router {
        let service = self.service.clone();
        let web = self.clone();
        let router = route(Router::new(), &service, Method::GET, "/products", move |span, _| {
            let web = web.clone();
            Box::pin(async move {
                span.sleep(web.jitter.millis(3.0)).await;
                let (found, liked) = futures::join!(
                    call(&span, &web.search, Method::GET, "/search?q=sail", "/search", Value::Null, 0),
                    call(&span, &web.recommendations, Method::GET, "/recommendations", "/recommendations", Value::Null, 0),
                );
                if let Err(problem) = &liked {
                    span.warn(format!("page is shown without recommendations: {}", problem.message), &[]);
                }
                let found = found.map_err(|problem| failure(502, "search_failed", problem.message))?;
                span.info("products listed", &[("products", found["items"].as_array().map_or(0, |items| items.len() as i64).into())]);
                Ok(json!({"items": found["items"], "recommended": liked.ok()}))
            })
        });
        let web = self.clone();
        let router = route(router, &service, Method::POST, "/cart", move |span, input| {
            let web = web.clone();
            Box::pin(async move {
                span.sleep(web.jitter.millis(2.0)).await;
                let line = cart_line(&input)?;
                let total: super::cart::Cart = grpc::call(&span, &web.cart, "shop.Cart/Add", "/shop.Cart/Add", line).await?;
                Ok(json!({"lines": total.lines}))
            })
        });
        let web = self;
        route(router, &service, Method::POST, "/checkout", move |span, input| {
            let web = web.clone();
            Box::pin(async move {
                span.set("shop.customer", input["customer"].as_str().unwrap_or("anonymous").to_owned());
                span.sleep(web.jitter.millis(4.0)).await;
                let answer = call(&span, &web.checkout, Method::POST, "/orders", "/orders", input, 0).await;
                match answer {
                    Ok(order) => {
                        span.info(format!("order {} is placed", order["order"].as_str().unwrap_or("?")), &[]);
                        Ok(order)
                    }
                    Err(problem) if problem.status < 500 => Err(problem),
                    Err(problem) => {
                        span.error(format!("checkout failed: {}", problem.message), &[]);
                        Err(failure(502, "checkout_failed", problem.message))
                    }
                }
            })
        })
    }
}

fn cart_line(input: &Value) -> Result<super::cart::Line, crate::wire::Failure> {
    let name = input["product"].as_str().unwrap_or_default();
    if product(name).is_none() {
        return Err(failure(404, "no_such_product", format!("no product is named {name:?}")));
    }
    let customer = input["customer"].as_str().unwrap_or("anonymous").to_owned();
    Ok(super::cart::Line { customer, product: name.to_owned(), quantity: input["quantity"].as_i64().unwrap_or(1) })
}
