//! Which blocks exist, what of the WAL they hold, who the tenants are: the only durable switch. Read whole at start;
//! queries plan from the version in memory, never from here.
//!
//! | file | what |
//! |---|---|
//! | `sqlite` | the catalog of one machine |
//! | `memory` | one for simulations: atomic and durable on commit |
//! | `conformance` | what every catalog must do, as a test |
//!
//! Every change is fenced: it names the epoch its process began, and fails once another process began a later one.

#[cfg(test)]
mod conformance;
#[cfg(test)]
pub(crate) mod memory;
mod sqlite;

pub use sqlite::SqliteCatalog;
pub(crate) use sqlite::{catalog_epoch, copy_catalog};

use crate::block::{BlockId, BlockMeta};
use crate::error::Result;
use crate::wal::Stream;
use hopline_model::{Lsn, TenantId, UnixNanos};
use std::fmt;

/// All entries of a stream up to this LSN are in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sealed {
    pub stream: Stream,
    pub lsn: Lsn,
}

/// Everything a process needs at start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    pub epoch: u32,
    pub tenants: Vec<(String, TenantId)>,
    pub blocks: Vec<BlockMeta>,
    /// Removed from view; their files may still be there.
    pub removed: Vec<BlockMeta>,
    pub sealed: Vec<Sealed>,
    pub hashes: Vec<(TenantId, u128, UnixNanos)>,
    /// No LSN below it may be given out again.
    pub lsn_next: Lsn,
    /// No block number from here on was given out.
    pub block_next: BlockId,
    /// When the catalog was last changed; `UnixNanos(0)` before the first change.
    pub changed: UnixNanos,
}

/// One atomic change.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub add: Vec<BlockMeta>,
    /// First phase of a delete: from view now, from disk when the last reader is gone ([`Catalog::forget`]).
    pub remove: Vec<BlockId>,
    /// Blocks that stay as they are and have another side file now.
    pub amend: Vec<BlockMeta>,
    pub sealed: Vec<Sealed>,
    /// Requests whose rows leave the WAL with this commit.
    pub hashes: Vec<(TenantId, u128, UnixNanos)>,
    /// Hashes received before this are forgotten.
    pub hashes_since: UnixNanos,
    pub now: UnixNanos,
}

pub trait Catalog: Send + Sync + fmt::Debug {
    /// Begins a new epoch, which fences every older one, and loads everything.
    fn begin(&self) -> Result<Loaded>;
    /// The number of a tenant, given out on first use.
    fn tenant(&self, epoch: u32, name: &str) -> Result<TenantId>;
    /// The first of `count` block numbers that nobody else gets.
    fn reserve_blocks(&self, epoch: u32, count: u64) -> Result<BlockId>;
    /// Durable when it returns, whole or not at all. Removing or amending what is not there fails (somebody else removed it).
    fn commit(&self, epoch: u32, commit: &Commit) -> Result<()>;
    /// Second phase of a delete: the files are gone.
    fn forget(&self, epoch: u32, blocks: &[BlockId]) -> Result<()>;
    /// No WAL is left of epochs before `epoch`: what was sealed of them need not be known.
    fn forget_sealed(&self, epoch: u32, lsn_next: Lsn) -> Result<()>;
}

/// What a fenced process is told.
pub(crate) fn fenced(mine: u32, current: u32) -> crate::Error {
    crate::Error::Closed(format!("another process has taken over this data directory (epoch {current}, ours was {mine}): stop one of them"))
}
