//! Tests of the whole store.
//!
//! | file | what |
//! |---|---|
//! | `store` | a store in a temporary directory, rows with known ids, what it holds |
//! | `life` | append, restart, seal, duplicates, close |
//! | `faults` | each operation fails, power cuts, full disk, clocks |
//! | `failpoints` | the process dies between two steps |
//! | `soak` | long runs: truth, memory, a large WAL |
//! | `torn` | a damaged WAL |
#![allow(clippy::unwrap_used)]

mod failpoints;
mod faults;
mod life;
mod soak;
pub(crate) mod store;
mod torn;
