//! Tests of the whole store.
//!
//! | file | what |
//! |---|---|
//! | `store` | a store in a temporary directory, rows with known ids, what it holds |
//! | `life` | append, restart, seal, duplicates, close |
//! | `faults` | each operation fails, power cuts, full disk, clocks |
//! | `torn` | a damaged WAL |
#![allow(clippy::unwrap_used)]

mod faults;
mod life;
pub(crate) mod store;
mod torn;
