//! The state of a store that everybody asks before acting: stopping, full, read-only; and what went wrong lately, in words.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Health {
    stopping: AtomicBool,
    read_only: AtomicBool,
    full: AtomicBool,
    free_bytes: AtomicU64,
    quarantined_bytes: AtomicU64,
    pub(crate) seals: AtomicU64,
    pub(crate) merges: AtomicU64,
    /// Rows that somebody deleted by a query.
    pub(crate) deleted_rows: AtomicU64,
    /// Rows that retention removed.
    pub(crate) expired_rows: AtomicU64,
    /// Entries that replay has read and that no table holds yet, decoded.
    pub(crate) replay_bytes: AtomicU64,
    /// The buffer in which the WAL writer puts a group together.
    pub(crate) group_bytes: AtomicU64,
    /// Rows that a merge holds.
    pub(crate) merge_bytes: AtomicU64,
    notes: Mutex<VecDeque<String>>,
}

/// Older notes are in the log.
const NOTES_MAX: usize = 20;

impl Health {
    pub(crate) fn note(&self, note: String) {
        let mut notes = self.notes.lock();
        // The same trouble again and again is one note.
        if notes.back() == Some(&note) {
            return;
        }
        tracing::warn!("{note}");
        notes.push_back(note);
        if notes.len() > NOTES_MAX {
            notes.pop_front();
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().iter().cloned().collect()
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn set_read_only(&self, why: &str) {
        if !self.read_only.swap(true, Ordering::SeqCst) {
            tracing::error!("{why}");
            self.note(why.to_owned());
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::SeqCst)
    }

    pub(crate) fn set_free(&self, free: u64, min: u64) {
        self.free_bytes.store(free, Ordering::Relaxed);
        let full = free < min;
        if self.full.swap(full, Ordering::SeqCst) != full {
            if full {
                self.note(format!("ingest is refused: {free} bytes free on the volume, below storage.free_bytes_min = {min}"));
            } else {
                tracing::info!("ingest resumes: {free} bytes free");
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn quarantined(&self, bytes: u64) {
        self.quarantined_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn quarantined_bytes(&self) -> u64 {
        self.quarantined_bytes.load(Ordering::Relaxed)
    }
}
