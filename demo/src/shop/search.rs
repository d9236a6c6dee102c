//! Finds products. One instance in each region.

use super::{Jitter, PRODUCTS};
use crate::plan::Fault;
use crate::telemetry::Service;
use crate::wire::http::route;
use axum::Router;
use axum::http::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn router(service: &Arc<Service>, seed: u64) -> Router {
    let jitter = Arc::new(Jitter::new(seed));
    let region = service.id.region;
    route(Router::new(), service, Method::GET, "/search", move |span, _| {
        let jitter = jitter.clone();
        Box::pin(async move {
            span.sleep(jitter.millis(12.0)).await;
            if region == "us-east-1" && span.meets(Fault::BadRegion, "GET /search") {
                span.warn("index replica is far away: reading from eu-west-1", &[("cloud.region", region.into())]);
                span.sleep(jitter.millis(800.0)).await;
            }
            if jitter.millis(10.0) > Duration::from_millis(14) {
                span.info("index refreshed", &[]);
            }
            Ok(json!({"items": PRODUCTS}))
        })
    })
}
