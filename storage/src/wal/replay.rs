//! The rows of recovered entries back into live tables, in LSN order and bounded memory, while the doors are open.

use super::payload;
use super::reader::{self, Found};
use super::recover::{Pending, stream};
use super::segment::Segments;
use super::{Stream, entry};
use crate::error::{Error, Result};
use crate::health::Health;
use crate::live::Rows;
use crate::objects::{File, FileIo};
use crate::version::Versions;
use hopline_model::Lsn;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Two seconds of trying.
const READ_TRIES: u32 = 100;

#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) health: Arc<Health>,
    pub(crate) wake_flush: crossbeam_channel::Sender<()>,
    /// Replay waits while live tables hold more than this.
    pub(crate) live_bytes_max: u64,
}

impl Replay {
    /// Returns early when storage stops: what was not replayed stays in the log.
    pub(crate) fn run(self, pending: Vec<Pending>) {
        for segment in pending {
            let path = self.segments.path(segment.first);
            let file = match self.patiently(|| self.files.open(&path).map_err(Error::io("open", &path))) {
                Ok(file) => file,
                Err(error) => {
                    // Nothing of it is replayed, so answers stay marked as incomplete and the log stays as it is.
                    self.health.note(format!("WAL segment {} cannot be opened for replay: {error}; restart when it can be read", path.display()));
                    return;
                }
            };
            let mut last: HashMap<Stream, Lsn> = HashMap::new();
            for found in &segment.entries {
                while self.versions.live_bytes() > self.live_bytes_max {
                    let _ = self.wake_flush.try_send(());
                    if self.health.is_stopping() {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                if self.health.is_stopping() {
                    return;
                }
                match self.entry_patiently(&file, &path, found) {
                    Ok(()) => {
                        last.insert(stream(found), found.header.lsn);
                    }
                    Err(Error::Closed(_)) => return,
                    Err(error) => {
                        self.health.quarantined(u64::from(found.header.payload_len));
                        self.health.note(format!("WAL entry {} of {} could not be replayed: {error}", found.header.lsn.0, path.display()));
                    }
                }
            }
            self.segments.holds(segment.first, last);
        }
        self.versions.set_replayed();
        let _ = self.wake_flush.try_send(());
    }

    /// A read that fails may succeed a moment later; bytes that are damaged stay damaged.
    fn patiently<T>(&self, mut read: impl FnMut() -> Result<T>) -> Result<T> {
        let mut tries = 0;
        loop {
            match read() {
                Err(Error::Io { .. }) if tries < READ_TRIES && !self.health.is_stopping() => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(Error::Io { .. }) if self.health.is_stopping() => return Err(Error::Closed("stopping".into())),
                result => return result,
            }
        }
    }

    fn entry_patiently(&self, file: &Arc<dyn File>, path: &Path, found: &Found) -> Result<()> {
        self.patiently(|| self.entry(file, path, found))
    }

    fn entry(&self, file: &Arc<dyn File>, path: &Path, found: &Found) -> Result<()> {
        let header = &found.header;
        let bytes = reader::entry_bytes(file, path, found)?;
        let batch = payload::decode(header.signal, header.lsn, entry::payload(header, &bytes), header.raw_len as usize, header.compressed)?;
        if batch.num_rows() != header.rows as usize {
            return Err(Error::corrupt(format!("WAL entry {}", header.lsn.0), format!("{} rows instead of {}", batch.num_rows(), header.rows)));
        }
        let hash = header.hashes.first().map(|hash| hash.hash);
        let mut rows = Rows::new(header.signal, batch, header.received, hash);
        // All columns share one buffer, which Arrow's own count would take once for each.
        rows.bytes = u64::from(header.raw_len) + Rows::OVERHEAD_BYTES;
        self.versions.insert(vec![(stream(found), header.lsn, rows)])?;
        Ok(())
    }
}
