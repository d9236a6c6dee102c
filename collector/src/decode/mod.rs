//! Protobuf or JSON bytes → Arrow rows, in one walk over the bytes; what is refused, and the words for it.
//!
//! No message types are built: values are borrowed from the request and written straight into columns. JSON is first turned into
//! protobuf bytes by tables of the messages, so both encodings mean the same by construction.
//!
//! | file | what |
//! |---|---|
//! | `wire` | fields of a protobuf message, one after the other |
//! | `columns` | growing Arrow columns: dictionaries, texts, ids |
//! | `attributes` | `AnyValue` and attributes → canonical JSON text, redacted on the way |
//! | `origin` | resource and scope → the columns they fill |
//! | `spans` `logs` `metrics` | one signal each |
//! | `reject` | what is refused, and the words for it |
//! | `json` `json_schema` | OTLP/JSON → protobuf bytes |

mod attributes;
mod columns;
mod json;
mod json_schema;
mod logs;
mod metrics;
mod origin;
mod reject;
mod spans;
mod wire;

pub use reject::{Reject, Rejected, Warning, words};
pub use wire::Malformed;

use crate::process::Redactor;
use hopline_model::{Batch, Signal, UnixNanos};

/// What a record may be at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub attributes_max: usize,
    pub events_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let config = crate::Config::default();
        Self { attributes_max: config.attributes_per_record_max, events_max: config.events_per_span_max }
    }
}

/// One request, decoded.
#[derive(Debug)]
pub struct Decoded {
    pub batch: Batch,
    pub rejected: Rejected<Reject>,
    pub warnings: Rejected<Warning>,
    pub visits: Vec<Visit>,
}

/// What one request brought from one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub service: String,
    pub sdk: String,
    pub accepted: u64,
    pub rejected: u64,
}

/// An `Export*ServiceRequest` in protobuf. `received` stands in for times that were not sent.
pub fn protobuf(signal: Signal, bytes: &[u8], received: UnixNanos, redactor: &Redactor, limits: Limits) -> Result<Decoded, Malformed> {
    let context = attributes::Context::new(redactor, limits);
    match signal {
        Signal::Spans => spans::decode(bytes, context),
        Signal::Logs => logs::decode(bytes, received, context),
        Signal::Metrics => metrics::decode(bytes, context),
    }
}

/// The same in JSON.
pub fn json(signal: Signal, bytes: &[u8], received: UnixNanos, redactor: &Redactor, limits: Limits) -> Result<Decoded, Malformed> {
    protobuf(signal, &to_protobuf(signal, bytes)?, received, redactor, limits)
}

/// OTLP/JSON as protobuf bytes.
pub fn to_protobuf(signal: Signal, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    json::to_protobuf(bytes, json_schema::request(signal))
}

#[cfg(test)]
mod tests;
