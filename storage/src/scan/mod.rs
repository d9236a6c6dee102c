//! One scan over live rows and blocks.
//!
//! | file | what |
//! |---|---|
//! | `request` | what is asked: signal, time, predicate, columns, order, limit, cancel |
//! | `predicate` | the compiled condition on a row |
//!
//! Everything here blocks (preads and CPU): async callers run it on a blocking thread.

pub mod predicate;
pub mod request;

pub use predicate::{Bound, Field, Predicate, Test};
pub use request::{Cancel, Column, Order, ScanRequest, ScanStats};
