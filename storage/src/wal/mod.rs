//! The write-ahead log: what was acknowledged, until a block holds it.
//!
//! | file | what |
//! |---|---|
//! | `payload` | rows ⇄ bytes: Arrow IPC without the schema, zstd |
//! | `entry` | the bytes of one entry, and every way they can be broken |
//! | `segment` | the bytes of a segment's head; which segments exist and when they go |
//! | `writer` | group commit: one thread, one sync for everybody who waits |
//! | `reader` | what a segment holds, after whatever happened to it |
//! | `recover` | all segments at start: what is there, what is void, what is set aside |
//! | `replay` | their rows back into live tables, behind open doors |
//!
//! It does not know blocks or the catalog; it is told which LSNs are sealed.

pub(crate) mod entry;
pub(crate) mod payload;
pub(crate) mod reader;
pub(crate) mod recover;
pub(crate) mod replay;
pub(crate) mod segment;
pub(crate) mod writer;

use hopline_model::{Signal, TenantId};

/// Rows of one signal of a tenant, as they were numbered by one run of the process: the unit whose sealed prefix is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    pub tenant: TenantId,
    pub signal: Signal,
    pub epoch: u32,
}
