//! Charges cards at a bank. Two instances; one runs the newer version.

use super::Jitter;
use crate::plan::Fault;
use crate::telemetry::Service;
use crate::wire::http::{call, route};
use crate::wire::{Peers, failure};
use axum::Router;
use axum::http::Method;
use std::sync::Arc;

pub(crate) const VERSION_OLD: &str = "1.4.2";
pub(crate) const VERSION_NEW: &str = "1.5.0";

pub(crate) fn router(service: &Arc<Service>, bank: Arc<Peers>, seed: u64) -> Router {
    let jitter = Arc::new(Jitter::new(seed));
    let version = service.id.version;
    route(Router::new(), service, Method::POST, "/charges", move |span, input| {
        let (jitter, bank) = (jitter.clone(), bank.clone());
        Box::pin(async move {
            let card = input["card"].as_str().unwrap_or("visa").to_owned();
            span.set("shop.card", card.clone());
            span.sleep(jitter.millis(5.0)).await;
            if span.meets(Fault::RetryStorm, "POST /charges") {
                span.warn("too many charges under way, ask again", &[]);
                return Err(failure(503, "overloaded", "too many charges under way"));
            }
            if version == VERSION_NEW && card == "amex" && span.meets(Fault::BadVersion, "POST /charges") {
                span.exception("CardFormatError", "cannot parse card number of 15 digits");
                span.error("cannot parse card number of 15 digits", &[("shop.card", card.clone().into())]);
                return Err(failure(500, "CardFormatError", "cannot parse card number of 15 digits"));
            }
            if bank_is_slow(&span) {
                span.info("bank answers slowly", &[]);
            }
            let charged = call(&span, &bank, Method::POST, "/v2/authorize", "/v2/authorize", input, 0).await?;
            span.info(
                "card charged",
                &[("shop.card", card.into()), ("bank.reference", charged["reference"].as_str().unwrap_or("?").to_owned().into())],
            );
            Ok(charged)
        })
    })
}

/// The bank is not ours and writes nothing down: its customer does.
fn bank_is_slow(span: &crate::telemetry::Active) -> bool {
    span.meets(Fault::SlowUpstream, "POST /v2/authorize")
}
