//! What others bought. Three instances; asks search for the details.

use super::{Jitter, PRODUCTS};
use crate::plan::Fault;
use crate::telemetry::Service;
use crate::wire::http::{call, route};
use crate::wire::{Peers, failure};
use axum::Router;
use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn router(service: &Arc<Service>, search: Arc<Peers>, seed: u64) -> Router {
    let jitter = Arc::new(Jitter::new(seed));
    let number = service.id.number;
    route(Router::new(), service, Method::GET, "/recommendations", move |span, _| {
        let (jitter, search) = (jitter.clone(), search.clone());
        Box::pin(async move {
            span.sleep(jitter.millis(6.0)).await;
            if number == 2 && span.meets(Fault::BadInstance, "GET /recommendations") {
                span.exception("ModelError", "cannot load model: checksum of weights.bin differs");
                span.error("model is broken on this instance", &[("model.file", "weights.bin".into())]);
                return Err(failure(500, "ModelError", "cannot load model: checksum of weights.bin differs"));
            }
            call(&span, &search, Method::GET, "/search?q=similar", "/search", Value::Null, 0).await?;
            Ok(json!({"items": &PRODUCTS[..3]}))
        })
    })
}
