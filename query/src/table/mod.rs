//! A snapshot as SQL tables.
//!
//! One query gets one session over one snapshot ([`sql`]). Reading order:
//!
//! | file | what |
//! |---|---|
//! | `sql` | guard, plan, run within limits: the one way in |
//! | `guard` | what a query may be, before it is planned |
//! | `session` | DataFusion with our tables and functions and without files |
//! | `catalog` | the names behind FROM |
//! | `views` | tables derived from the signals |
//! | `provider` | a signal as a table |
//! | `derived` | tables that `trace/` makes of spans: edges, hops |
//! | `columns` | the SQL shape of columns |
//! | `about` | tables and columns in words |
//! | `filter` | conditions → what the scan understands |
//! | `scan` | the scan as a node of a plan |
//! | `newest` | newest first, as long as the limit says |
//! | `yielding` | joins give way to others |
//! | `report` | what scans cost, and how they stop |
//! | `syntax` | `attributes['k']` |
//! | `functions` | `match`, `time_bucket`, … |
//! | `error` | errors in words |
//!
//! It does not know HTTP: `api::sql` and `api::format` make answers of it.

mod sql;

mod guard;

mod session;

mod catalog;

mod views;

mod provider;

mod derived;

pub mod columns;

mod about;

mod filter;

mod scan;

mod newest;

mod yielding;

mod report;

mod syntax;

mod functions;

mod error;

#[cfg(test)]
pub(crate) mod tests;

pub use about::{Table, tables};
pub use error::{SqlError, SqlErrorKind};
pub use report::Report;
pub use sql::{SqlAnswer, SqlOptions, sql};
