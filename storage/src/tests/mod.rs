//! Tests of the whole store.
//!
//! | file | what |
//! |---|---|
//! | `store` | a store in a temporary directory, rows with known ids, what it holds |
//! | `life` | append, restart, seal, duplicates, close |
#![allow(clippy::unwrap_used)]

mod life;
pub(crate) mod store;
