//! The upkeep task: free space twice a second, retention twice a minute, one look at the block files after start.

use super::merge::{Command, Rebuilt};
use super::repair::rebuild;
use super::retention::Retention;
use super::sweep::{Missing, Sweep};
use super::verify;
use crate::block::FileKind;
use crate::error::Error;
use crate::health::Health;
use crate::objects::reserve::Reserve;
use crate::objects::{FileIo, names};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) files: Arc<dyn FileIo>,
    pub(crate) health: Arc<Health>,
    pub(crate) data_dir: PathBuf,
    pub(crate) free_bytes_min: u64,
    pub(crate) reserve: Arc<Reserve>,
    pub(crate) retention: Arc<Retention>,
    /// Once, soon after start.
    pub(crate) sweep: Option<Sweep>,
    /// The merge task, which writes blocks anew.
    pub(crate) merge: Sender<Command>,
}

/// A full disk is noticed, and its end too, within this.
const TICK: Duration = Duration::from_millis(500);
const TICKS_PER_RETENTION: u32 = 60;
/// Files that nobody reads any more go within two seconds of their grace.
const TICKS_PER_DELETION: u32 = 4;

impl Upkeep {
    /// Runs until the sender of `stop` is gone.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        let mut tick = 0;
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(TICK) {
            if let Some(sweep) = self.sweep.take() {
                match sweep.run() {
                    Ok(missing) => missing.iter().for_each(|missing| self.mend(missing)),
                    Err(error) => self.health.note(format!("files of blocks that were never finished stay until the next start: {error}")),
                }
            }
            let volume_bytes = self.look_at_space();
            let mut removed = Ok(());
            if tick % TICKS_PER_RETENTION == 0
                && let Some(volume_bytes) = volume_bytes
            {
                removed = self.retention.expire(volume_bytes, false);
            }
            if tick % TICKS_PER_DELETION == 0 {
                removed = removed.and(self.retention.delete_unread());
            }
            if let Err(error) = removed {
                self.health.note(format!("old blocks could not be removed, tried again later: {error}"));
            }
            tick += 1;
        }
    }

    /// Has the side files of a block rebuilt; lost rows can only be told.
    fn mend(&self, missing: &Missing) {
        let Missing { meta, kinds } = missing;
        let holds = verify::holds(meta);
        if kinds.contains(&FileKind::Parquet) {
            self.health
                .note(format!("the rows of block {} are gone: {holds} are missing from answers; restore its .parquet file from a copy", meta.id.0));
            return;
        }
        let names: Vec<&str> = kinds.iter().map(|kind| names::extension(*kind)).collect();
        match rebuild(&self.merge, meta.tenant, meta.id) {
            Ok(Rebuilt::Done) => self.health.note(format!("block {} ({holds}) had lost its {}: rebuilt from its rows", meta.id.0, names.join(", "))),
            Ok(Rebuilt::Gone) | Err(Error::Closed(_)) => {}
            Err(error) => {
                self.health.note(format!("block {} ({holds}) has lost its {} and could not be rebuilt: {error}", meta.id.0, names.join(", ")))
            }
        }
    }

    /// Gives the size of the volume.
    pub(crate) fn look_at_space(&self) -> Option<u64> {
        match self.files.space(&self.data_dir) {
            Ok((free, volume)) => {
                self.health.set_free(free, self.free_bytes_min);
                self.reserve.take(free, self.free_bytes_min);
                Some(volume)
            }
            Err(error) => {
                self.health.note(format!("free space of {} is unknown: {error}", self.data_dir.display()));
                None
            }
        }
    }
}
