//! The bank: somebody else's service, without telemetry.

use super::Jitter;
use crate::plan::Fault;
use crate::telemetry::World;
use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn router(world: Arc<World>, seed: u64) -> Router {
    let jitter = Arc::new(Jitter::new(seed));
    Router::new().route(
        "/v2/authorize",
        post(move || {
            let (world, jitter) = (world.clone(), jitter.clone());
            async move {
                let slow = if world.is_active(Fault::SlowUpstream) { jitter.millis(2000.0) } else { Duration::ZERO };
                world.time.sleep(jitter.millis(25.0) + slow).await;
                axum::Json::<Value>(json!({"reference": "bank-ok"}))
            }
        }),
    )
}
