//! Every file and object: its name, how it is written so that it survives, and the seam where faults are injected.
//!
//! | file | what |
//! |---|---|
//! | `names` | every file and object name |
//! | `file_io` | the operations on files that durability rests on, behind one trait |
//! | `local` | objects in a directory: written beside, synced, renamed, directory synced |
//! | `lock` | one process at a time in a data directory |
//! | `reserve` | room kept to seal with when the disk is full |
//!
//! Not here: what the bytes mean.

pub mod file_io;
pub mod local;
pub(crate) mod lock;
pub mod names;
pub(crate) mod reserve;
#[cfg(test)]
pub(crate) mod sim;

pub use file_io::{File, FileIo, OsFiles};
pub use local::{LocalObjects, ObjectIo, ObjectWriter};
