//! Rows in memory: acknowledged, not yet in a block.
//!
//! | file | what |
//! |---|---|
//! | `rows` | the rows of one entry on their way into a table |
//! | `table` | one table of a (tenant, signal): chunks in LSN order, what is being sealed |
//!
//! Who sees which table when is decided in `version`.

mod rows;
mod table;

pub(crate) use rows::Rows;
pub(crate) use table::{Sealing, Table};
