//! The HTTP API: routes, parameters, JSON shapes, status codes. Nothing here knows how an answer is found (`plan`, `table`).
//!
//! | file | what |
//! |---|---|
//! | `routes` | one table: path, handler, parameters; the router and the OpenAPI document are made from it |
//! | `params` | time ranges, limits, cursors as they are typed |
//! | `caller` | who asks: token, tenant, scope |
//! | `reply` | lists, formats, errors as problem JSON (RFC 9457) |
//! | `json` `wire` | how rows look to a client |
//! | `format` | record batches as JSON, NDJSON, CSV, Arrow, Parquet |
//! | `otlp` | rows back to OTLP protobuf |
//! | `traces` `tree` `follow` `related` `errors` `spans` `logs` `services` `map` `status` `operate` `tail` `complete` `sql` `queries` `export` | the endpoints |
//! | `openapi` | the document and its page |
//! | `counters` | what `/metrics` says of questions |

mod routes;

pub(crate) mod params;

mod caller;

pub(crate) mod reply;

pub(crate) mod json;

mod wire;

pub(crate) mod format;

mod otlp;

mod complete;
mod errors;
mod export;
mod follow;
mod logs;
mod map;
mod operate;
mod queries;
mod related;
mod services;
mod spans;
mod sql;
mod status;
mod tail;
mod traces;
mod tree;

mod openapi;

pub(crate) mod counters;

pub(crate) use routes::router;
pub(crate) use traces::unknown as unknown_trace;
pub(crate) use wire::severity;
