//! The upkeep task: looks at free space twice a second.

use crate::health::Health;
use crate::objects::FileIo;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) health: Arc<Health>,
    pub(crate) data_dir: PathBuf,
    pub(crate) free_bytes_min: u64,
}

/// A full disk is noticed, and its end too, within this.
const TICK: Duration = Duration::from_millis(500);

impl Upkeep {
    /// Runs until the sender of `stop` is gone.
    pub(crate) fn run(self, stop: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(TICK) {
            self.look_at_space();
        }
    }

    pub(crate) fn look_at_space(&self) {
        match self.files.space(&self.data_dir) {
            Ok((free, _)) => self.health.set_free(free, self.free_bytes_min),
            Err(error) => self.health.note(format!("free space of {} is unknown: {error}", self.data_dir.display())),
        }
    }
}
