//! A copy of a store that can be put back: taken from a running server's directory or a stopped one's, without asking it.
//!
//! | file | what |
//! |---|---|
//! | `manifest` | what belongs to a backup: names, lengths, checksums |
//! | `copy` | a file linked or copied, with its checksum, durable |
//! | `take` | data directory → backup |
//! | `restore` | backup → data directory |
//!
//! ```text
//! DIR/
//!   MANIFEST                              what belongs to the newest backup; written last, renamed into place
//!   3/catalog.sqlite                      the catalog as the third backup found it
//!   3/wal/00000000000000000001.wal        the log, as it was when it began
//!   blocks/<tenant>/<signal>/<block>.<ext>     shared by all backups here: a later one copies what is new
//! ```
//!
//! Why the copy is whole although the server goes on: the log is copied first, then the catalog as one SQLite snapshot, then
//! the blocks it names. What was acknowledged before the start is in the log or in a block by then; what is sealed meanwhile
//! stands in both, and the catalog says which entries of the log are in blocks, so it is replayed once or not at all. A
//! block that a merge removes meanwhile is gone when its turn comes: then the catalog is taken again, which is later than
//! the log and so still right. A server that starts anew meanwhile may forget what its catalog knew of the log: the epoch
//! tells, and the backup begins again.

mod copy;
mod manifest;
mod restore;
mod take;

#[cfg(test)]
mod tests;

pub use restore::{RestoreOptions, Restored, restore};
pub use take::{BackedUp, BackupOptions, backup};

/// How far a backup or a restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, for a person.
    pub step: &'static str,
    pub files_done: u64,
    pub files: u64,
    pub bytes_done: u64,
}
