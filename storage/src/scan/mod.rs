//! One scan over live rows and blocks.

pub mod predicate;

pub use predicate::{Bound, Field, Predicate, Test};
