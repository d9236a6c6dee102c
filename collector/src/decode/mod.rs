//! Protobuf or JSON bytes → Arrow rows, in one walk over the bytes; what is refused, and the words for it.
//!
//! No message types are built: values are borrowed from the request and written straight into columns. JSON is first turned into
//! protobuf bytes by tables of the messages, so both encodings mean the same by construction.
//!
//! | file | what |
//! |---|---|
//! | [`compression`] | gzip, zstd and deflate → bytes, within a limit |
//! | `wire` | fields of a protobuf message, one after the other |
//! | `columns` | growing Arrow columns: dictionaries, texts, ids |
//! | `attributes` | `AnyValue` → canonical JSON text, redacted on the way |
//! | `pairs` | attributes of one list → one object |
//! | `known` | what of attributes was seen before, and need not be read again |
//! | `origin` | resource and scope → the columns they fill |
//! | `spans` `logs` `metrics` | one signal each |
//! | `reject` | what is refused, and the words for it |
//! | `json` `json_schema` | OTLP/JSON → protobuf bytes |

pub mod compression;

mod attributes;
mod columns;
mod json;
mod json_schema;
mod known;
mod logs;
mod metrics;
mod origin;
mod pairs;
mod reject;
mod spans;
mod wire;

pub use reject::{Reject, Rejected, Warning, words};
pub use wire::Malformed;

use crate::cardinality::Names;
use crate::process::Redactor;
use hopline_model::{Batch, Signal, UnixNanos};

/// What a record, and a request, may be at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub records_max: usize,
    pub attributes_max: usize,
    pub events_max: usize,
    /// `collector.derive`
    pub derive: bool,
}

impl From<&crate::Config> for Limits {
    fn from(config: &crate::Config) -> Self {
        Self {
            records_max: config.records_per_request_max,
            attributes_max: config.attributes_per_record_max,
            events_max: config.events_per_span_max,
            derive: config.derive,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&crate::Config::default())
    }
}

/// What decoding goes by, beside the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    pub redactor: &'r Redactor,
    pub limits: Limits,
    /// What the tenant sent before; without it, names are not counted.
    pub names: Option<&'r Names>,
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
pub fn protobuf(signal: Signal, bytes: &[u8], received: UnixNanos, rules: Rules<'_>) -> Result<Decoded, Malformed> {
    let context = attributes::Context::new(rules, received);
    match signal {
        Signal::Spans => spans::decode(bytes, context),
        Signal::Logs => logs::decode(bytes, context),
        Signal::Metrics => metrics::decode(bytes, context),
    }
}

/// The same in JSON.
pub fn json(signal: Signal, bytes: &[u8], received: UnixNanos, rules: Rules<'_>) -> Result<Decoded, Malformed> {
    protobuf(signal, &to_protobuf(signal, bytes)?, received, rules)
}

/// OTLP/JSON as protobuf bytes.
pub fn to_protobuf(signal: Signal, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    json::to_protobuf(bytes, json_schema::request(signal))
}

#[cfg(test)]
mod tests;
