//! From an accepted batch to a durable block that can be found.
//!
//! What this crate does not know: OTLP, protobuf, HTTP, DataFusion. File names, fsync and tantivy are known here alone.
//! In the order of the data:
//!
//! | module | what |
//! |---|---|
//! | `storage` | append · snapshot · close: the whole path, readable from top to bottom |
//! | `open` | load the catalog, replay the WAL behind it, start the tasks |
//! | `version` | one immutable `Version { live, sealed, blocks }`, always swapped whole |
//! | `snapshot` | what one query sees of it |
//! | `wal` | entries, segments, group commit, replay |
//! | `live` | rows in memory, by tenant and signal |
//! | `flush` | when and what is sealed; sealed rows → block |
//! | `block` | the files of a block: Parquet, `.tix`, `.idx`, `.tok`, `.edg`, `.lnk`, `.trc` |
//! | `text` | the one tokenizer |
//! | `scan` | snapshot + predicate + columns → rows, live and blocks alike |
//! | `catalog` | which blocks exist |
//! | `upkeep` | merges, retention, deletion, sweep, sizes |
//! | `backup` | a copy of a store, and a store of a copy |
//! | `objects` | every file name; write, fsync, rename; the I/O seam |

pub mod backup;
pub mod block;
pub mod catalog;
pub mod config;
mod dedupe;
pub mod error;
mod failpoint;
mod flush;
mod health;
mod live;
pub mod objects;
mod open;
pub mod scan;
pub mod snapshot;
pub mod storage;
pub mod text;
mod upkeep;
mod version;
pub mod wal;

pub use config::Config;
pub use config::RetentionRule;
pub use error::{Error, Kind, Result};
pub use snapshot::{Chunk, Snapshot};
pub use storage::{Append, Appended, Memory, Stats, Storage};
pub use upkeep::repair::Repaired;
pub use upkeep::retention::{Amount, DatasetOutlook, Outlook};
pub use upkeep::rewrite::{Delete, Deleted};
pub use upkeep::sizes::{AttributeBytes, DatasetBytes, ServiceBytes, Sizes};
pub use upkeep::verify::{Damaged, Verified};

#[cfg(test)]
mod tests;
