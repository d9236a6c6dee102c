//! Room kept on the volume: when the disk is full, giving it back lets what is in memory be sealed and the catalog be
//! written, so that a full disk stops nothing but ingest.

use super::{FileIo, names};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Reserve {
    files: Arc<dyn FileIo>,
    path: PathBuf,
    /// 0: nothing is reserved.
    bytes: u64,
    held: Mutex<bool>,
}

impl Reserve {
    pub(crate) fn new(files: Arc<dyn FileIo>, data_dir: &Path, bytes: u64) -> Self {
        Self { files, path: data_dir.join(names::RESERVE), bytes, held: Mutex::new(false) }
    }

    /// Reserves while more than `keep_free` stays free besides. What cannot be reserved now is tried again at the next look.
    pub(crate) fn take(&self, free: u64, keep_free: u64) {
        let mut held = self.held.lock();
        if *held || self.bytes == 0 || free < keep_free.saturating_add(self.bytes) {
            return;
        }
        // One of an earlier run may be there: its room is ours already.
        let file = match self.files.create(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => self.files.open(&self.path),
            result => result,
        };
        match file.and_then(|file| file.preallocate(self.bytes)) {
            Ok(()) => *held = true,
            Err(error) => {
                tracing::debug!("no room is reserved on the disk: {error}");
                let _ = self.files.remove(&self.path);
            }
        }
    }

    /// Gives the room back; `false` when there was none to give.
    pub(crate) fn give(&self) -> bool {
        let mut held = self.held.lock();
        let given = *held && self.files.remove(&self.path).is_ok();
        if given {
            *held = false;
        }
        given
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        if *self.held.lock() { self.bytes } else { 0 }
    }
}
