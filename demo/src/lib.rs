//! `hopline demo`: an online shop of real services with real faults, to see a request cross many hops.
//!
//! Every service is an HTTP or gRPC server on loopback with its own OpenTelemetry SDK and resource; the shop's
//! database is a real SQLite. Faults change what services *do* (wait, fail, retry, lose a message), never the
//! telemetry about it, and every request that met one is written down as ground truth.
//!
//! What this crate does not know: the rest of Hopline. It speaks OTLP to any endpoint.
//!
//! | file | what |
//! |---|---|
//! | `options` | flags, and what they mean |
//! | `plan` | which fault acts when, from the seed |
//! | `truth` | what really happened to each request |
//! | `time` | the clock of the shop: real, or virtual for history |
//! | `telemetry` | one SDK per service instance; spans, logs and metrics on the shop's clock |
//! | `wire` | calls between services, over sockets or in process |
//! | `shop` | the services |
//! | `run` | customers, live and in the past |

mod options;
mod plan;
mod run;
mod shop;
mod telemetry;
mod time;
mod truth;
mod wire;

pub use options::{Options, Protocol};
pub use plan::{Fault, Plan};
pub use run::{Report, run};
pub use truth::{Hit, RequestTruth};

#[cfg(test)]
mod tests;
