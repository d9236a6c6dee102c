//! One scan over live rows and blocks.
//!
//! | file | what |
//! |---|---|
//! | `request` | what is asked: signal, time, predicate, columns, order, limit, cancel |
//! | `predicate` | the compiled condition on a row |
//! | `answer` | the questions a snapshot answers: scan, collect, count, histogram, trace_rows, values |
//! | `derived` | edges and links, stored and live alike |
//! | `traces` | traces in a few numbers, stored and live alike |
//! | `run` | units in time order, filter, keys, rows |
//! | `top` | which rows can be among the next k |
//! | `part` | rows that are evaluated together: a chunk, a row group |
//! | `filter` | a predicate made ready to run |
//! | `evaluate` | a filter over a part → which rows hold |
//! | `value` | one value against one test |
//!
//! Everything here blocks (preads and CPU): async callers run it on a blocking thread.

pub mod request;

pub mod predicate;

mod answer;
mod derived;
mod run;
mod top;
mod traces;

pub(crate) mod part;

pub(crate) mod filter;

pub(crate) mod evaluate;

pub(crate) mod value;

#[cfg(test)]
pub(crate) mod tests;

pub use derived::{EdgeRows, LinkRows, LiveEdges};
pub use predicate::{Bound, Field, Predicate, Test};
pub use request::{Cancel, Column, Order, Progress, ScanRequest, ScanStats, fixed_columns, trace_columns};
